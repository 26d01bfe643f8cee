import { writeFile } from 'node:fs/promises';
import { PRIVATE_FILE } from '../../adapters/embedded/folder';
import type { Commit } from '../../domain/kernel/commit';
import { Rejection } from '../../domain/kernel/decider';
import { type Recomputation, recomputeReceipt, type TaskEvent, taskStream } from '../../domain/market/task';
import { fileOf } from '../json';
import { dataFolder, openFolder, receiptOf } from '../log-file';
import {
  bad,
  bold,
  call,
  type Context,
  dim,
  good,
  note,
  print,
  printJson,
  printTable,
  RefusedError,
  shown,
  UsageError,
} from '../terminal';

export interface RecomputeInput {
  readonly task?: string;
  readonly award?: number;
  readonly data?: string | boolean;
  readonly file?: string;
  readonly save?: string;
}

/** Computes an award again on this machine, from its receipt alone. */
export async function recompute(context: Context, input: RecomputeInput): Promise<void> {
  const { task, file, save } = input;
  if ((task === undefined) === (file === undefined))
    throw new UsageError('give a TASK, or a receipt with --file', `For example: ${call()} recompute invoice-4711`);
  const commit =
    file === undefined ? await awardOf(context, input) : receiptOf(Buffer.from(await fileOf(file)).toString(), file);
  if (save !== undefined) {
    await writeFile(save, `${JSON.stringify(commit, null, 2)}\n`, { mode: PRIVATE_FILE });
    note(dim(`The receipt is in ${save}.`));
  }
  const result = recomputeReceipt(commit);
  if (result instanceof Rejection)
    throw new UsageError(
      result.message,
      `Give the receipt that closed the bids; \`${call()} recompute TASK\` finds it.`,
    );
  if (!result.agrees) context.foundWrong();
  if (context.json) printJson(result);
  else show(commit, result);
}

function offline(folder: string, tenant = 'default', task: string): Commit[] {
  const log = openFolder(folder);
  try {
    return log.receipts(taskStream(tenant, task));
  } finally {
    log.close();
  }
}

/** The receipt of the task's last award by the market, or of the award with that number. */
async function awardOf({ client, globals }: Context, { task = '', award, data }: RecomputeInput): Promise<Commit> {
  let found: Commit | undefined;
  for await (const commit of data === undefined
    ? client.receipts.stream('task', task)
    : offline(dataFolder(data), globals.tenant, task)) {
    if (
      commit.events.some(
        ({ type, data }) =>
          type === 'TaskAwarded' && (award === undefined || (data as { award: number }).award === award),
      )
    )
      found = commit;
  }
  if (found !== undefined) return found;
  throw new RefusedError(
    award === undefined ? `the market has not awarded ${task} yet` : `the market has made no award ${award} of ${task}`,
    `See \`${call()} tasks ${task}\`.`,
  );
}

function show(commit: Commit, result: Recomputation): void {
  const { data } = commit.events.find(({ type }) => type === 'BidsClosed') as Extract<
    TaskEvent,
    { type: 'BidsClosed' }
  >;
  const { weights, strength, refused, candidates } = data;
  print(`${bold(`Award ${result.award} of ${result.task}`)}  ${dim(result.receipt)}`);
  print(
    `score = ${weights.match} × match + ${weights.load} × (1 − load) + ${weights.success} × (wins + 1)/(tries + 2) + ${weights.strength} × ${strength} (strength)`,
  );
  print('');
  printTable(
    ['RANK', 'AGENT', 'BY', 'MATCH', 'LOAD', 'WINS/TRIES', 'RECORDED', 'COMPUTED', ''],
    result.ranking.map((bid, i) => {
      const recorded = candidates.find(({ agent }) => agent === bid.agent)?.score;
      const refusal = refused.find(({ agent }) => agent === bid.agent);
      const remark =
        refusal !== undefined
          ? `refused: ${refusal.reason}`
          : bid.agent === result.computedWinner
            ? good('winner')
            : '';
      return [
        i + 1,
        bid.agent,
        bid.source,
        bid.match,
        Number(bid.load.toFixed(6)),
        `${bid.wins}/${bid.tries}`,
        shown(recorded),
        recorded === bid.score ? bid.score : bad(String(bid.score)),
        remark,
      ];
    }),
    ['RANK', 'MATCH', 'LOAD', 'WINS/TRIES', 'RECORDED', 'COMPUTED'],
  );
  print('');
  print(`winner   recorded ${result.recordedWinner}, computed ${result.computedWinner ?? 'nobody'}`);
  print(
    `hash     ${result.hashHolds ? 'the receipt hashes to what it says' : bad('the receipt does not hash to what it says: it was changed')}`,
  );
  for (const { field, recorded, computed } of result.faults)
    print(bad(`${field}: recorded ${shown(recorded)}, computed ${shown(computed)}`));
  print(result.agrees ? good('The award agrees with its receipt.') : bad('The award does NOT agree with its receipt.'));
}
