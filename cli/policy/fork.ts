/** `formicary fork`: what would have been otherwise, had one thing been. It reads the log, and does nothing. */
import { type Change, Fork, type ForkResult } from '../../domain/policy/fork';
import { dataFolder, openFolder } from '../log-file';
import {
  bad,
  bold,
  type Context,
  count,
  dim,
  fullRef,
  good,
  note,
  print,
  printJson,
  printTable,
  RefusedError,
  said,
  shortRef,
  timeOf,
  UsageError,
  usd,
} from '../terminal';
import { bundleIn } from './bundles';

export interface ForkInput {
  readonly from: string;
  readonly policy?: string;
  readonly vote?: string;
  readonly weight?: string;
  readonly approval?: string;
  readonly data?: string | boolean;
}

/** Shows what would have been otherwise from a time on. */
export async function fork({ globals, json, client }: Context, input: ForkInput): Promise<void> {
  const from = timeOf(input.from, -1);
  const folder = input.data === undefined ? undefined : dataFolder(input.data);
  const tenant = globals.tenant ?? 'default';
  const change = await changeOf(input, folder);
  const forked = new Fork('receipt' in change ? { ...change, receipt: fullRef(tenant, change.receipt) } : change, from);
  if (folder === undefined) {
    for await (const commit of client.receipts.all()) forked.next(commit);
  } else {
    const log = openFolder(folder);
    try {
      let place: string | undefined;
      for (let end = false; !end;) {
        const page = await log.feed(place, 500);
        for (const commit of page.commits) if (commit.stream.startsWith(`${tenant}/`)) forked.next(commit);
        place = page.checkpoint;
        end = page.end;
      }
    } finally {
      log.close();
    }
  }
  const result = forked.result();
  if ('fault' in result)
    throw new RefusedError(result.fault, 'Give a receipt as stream@index, and its tenant with --tenant.');
  if (json) return printJson(result);
  show(result);
}

async function changeOf({ policy, vote, weight, approval }: ForkInput, folder: string | undefined): Promise<Change> {
  if ([policy, vote, weight, approval].filter((one) => one !== undefined).length !== 1)
    throw new UsageError('one thing is otherwise in a fork', 'Give one of --policy, --vote, --weight and --approval.');
  if (policy !== undefined) return { kind: 'policy', bundle: await bundleIn(policy, folder) };
  if (vote !== undefined) {
    const [receipt, choice] = parted('--vote', vote);
    return { kind: 'vote', receipt, choice };
  }
  if (weight !== undefined) {
    const [whose, value] = parted('--weight', weight);
    const at = whose.lastIndexOf('/round/');
    const slash = whose.indexOf('/', at + '/round/'.length);
    const number = Number(value);
    if (at < 1 || slash < 0 || !(number >= 0) || !Number.isFinite(number))
      throw new UsageError(
        `--weight ${weight}: it names a voter of a round`,
        'For example default/round/prices/ann=0.5.',
      );
    return { kind: 'weight', round: whose.slice(0, slash), voter: whose.slice(slash + 1), weight: number };
  }
  const [receipt, answer] = parted('--approval', approval as string);
  if (answer !== 'approve' && answer !== 'reject')
    throw new UsageError(`--approval ${approval}: the answer is approve or reject`);
  return { kind: 'approval', receipt, answer };
}

function parted(option: string, text: string): [string, string] {
  const at = text.lastIndexOf('=');
  if (at < 1 || at === text.length - 1)
    throw new UsageError(
      `${option} ${text}: it is WHAT=OTHERWISE`,
      `For example ${option} default/round/prices@3=reject.`,
    );
  return [text.slice(0, at), text.slice(at + 1)];
}

function show({ from, receipts, otherwise, examples, counts, costs, gone, unknown, not_asked }: ForkResult): void {
  print(`${count(receipts, 'receipt')} since ${from}.`);
  if (otherwise === 0) print(good('No decision would have been another one.'));
  else {
    print(bad(`${count(otherwise, 'decision')} would have been ${otherwise === 1 ? 'another one' : 'others'}:`));
    printTable(
      ['RECEIPT', 'ACTION', 'WAS', 'WOULD BE', 'WHY'],
      examples.map(({ receipt, action, was, would_be, reasons }) => [
        bold(said(shortRef(receipt))),
        said(action),
        said(was),
        said(would_be),
        dim(said(reasons.join('; '))),
      ]),
    );
    print('');
    printTable(
      ['', 'IN THE LOG', 'GONE', 'NOT KNOWN', 'ADDED'],
      [
        ...counts.map((row) => [row.kind, row.log, row.gone, row.unknown, row.added]),
        ['cost', usd(costs.log), usd(costs.gone), usd(costs.unknown), ''],
      ],
      ['IN THE LOG', 'GONE', 'NOT KNOWN', 'ADDED'],
    );
    note(
      dim(
        `Of all receipts ${gone} would not be there, and ${unknown} were decided on a state that would have been another one. What would have happened instead is not in the log.`,
      ),
    );
  }
  if (not_asked > 0)
    note(dim(`Of ${count(not_asked, 'receipt')} nothing is kept of what was asked, so that could not be asked again.`));
}
