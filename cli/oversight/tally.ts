import type { Commit } from '../../domain/kernel/commit';
import { Rejection } from '../../domain/kernel/decider';
import { stateOf } from '../../domain/kernel/fold';
import { agreementMatrix } from '../../domain/oversight/consensus';
import {
  recomputeRound,
  roundDecider,
  type RoundRecomputation,
  type RoundState,
  roundStream,
} from '../../domain/oversight/round';
import { dataFolder, loadExport, openFolder } from '../log-file';
import {
  bad,
  bold,
  call,
  type Context,
  dim,
  good,
  lineOf,
  percent,
  print,
  printJson,
  printTable,
  said,
  styled,
  UsageError,
} from '../terminal';

export interface TallyInput {
  readonly round: string;
  readonly data?: string | boolean;
  readonly file?: string;
}

/** Counts a round again on this machine, from its receipts alone. */
export async function tally(context: Context, input: TallyInput): Promise<void> {
  if (input.data !== undefined && input.file !== undefined) throw new UsageError('give --data or --file, not both');
  const commits = await receiptsOf(context, input);
  if (commits.length === 0)
    throw new UsageError(
      `there is no round ${input.round}`,
      `See \`${call()} rounds\`; give --tenant unless it is default.`,
    );
  const result = recomputeRound(commits);
  if (result instanceof Rejection)
    throw new UsageError(
      `${input.round}: ${result.message}`,
      `Only a closed round can be counted again: see \`${call()} rounds ${input.round}\`.`,
    );
  if (!result.agrees) context.foundWrong();
  const state = stateOf(roundDecider, commits);
  if (context.json) printJson({ ...result, matrix: agreementMatrix(Object.values(state.ballots)) });
  else show(input.round, state, result);
}

async function receiptsOf(
  { client, globals: { tenant = 'default' } }: Context,
  { round, data, file }: TallyInput,
): Promise<Commit[]> {
  if (data === undefined && file === undefined) {
    const commits: Commit[] = [];
    for await (const commit of client.receipts.stream('round', round)) commits.push(commit);
    return commits;
  }
  const log = file === undefined ? openFolder(dataFolder(data)) : await loadExport(file);
  try {
    return log.receipts(roundStream(tenant, round));
  } finally {
    log.close();
  }
}

function show(
  id: string,
  { spec, electorate, pass, ballots, outcome, overrides }: RoundState,
  { recomputed, receipt, agrees, faults }: RoundRecomputation,
): void {
  if (spec === undefined || electorate === undefined) return;
  const { algorithm, quorum, min_agreement, voters } = electorate;
  print(`${bold(`Round ${id}`)}, ${spec.kind}: ${lineOf(spec.question ?? spec.action?.summary ?? '')}`);
  print(
    dim(
      `${algorithm}, pass ${pass} of at most ${1 + spec.improvement_rounds}; quorum ${percent(quorum)}${algorithm === 'simple_majority' ? ', more than half' : `, agreement ${percent(min_agreement)}`}`,
    ),
  );
  print('');
  const dissents = new Set(recomputed.dissent.map(({ voter }) => voter));
  printTable(
    ['VOTER', 'WEIGHT', 'CHOICE', 'CONFIDENCE', 'REASONING'],
    voters.map((voter) => {
      const ballot = ballots[voter.id];
      const weight = recomputed.weights[voter.id];
      if (ballot === undefined)
        return [
          voter.id,
          weight === undefined ? '–' : percent(weight),
          dim('no vote'),
          '–',
          voter.delegate_to === undefined ? '' : dim(`handed on to ${voter.delegate_to}`),
        ];
      const { choice, confidence, reasoning } = ballot;
      return [
        voter.id,
        percent(weight ?? 0),
        dissents.has(voter.id) ? styled('yellow', choice) : choice,
        confidence,
        lineOf(reasoning),
      ];
    }),
    ['WEIGHT', 'CONFIDENCE'],
  );
  print('');
  print(
    `counts   ${recomputed.choices.map(({ choice, share }) => `${choice} ${percent(share)}`).join(', ') || 'nobody voted'}`,
  );
  print(`quorum   ${percent(recomputed.turnout)} of the weight voted: ${recomputed.quorum_met ? 'met' : 'not met'}`);
  print(`score    recorded ${percent(receipt.score)}, computed ${percent(recomputed.score)}`);
  print(`dissent  ${recomputed.dissent.map(({ voter, choice }) => `${voter} (${choice})`).join(', ') || 'none'}`);
  print(
    `outcome  ${outcome?.outcome}${outcome?.choice === undefined ? '' : `: ${outcome.choice}`}${outcome?.early === true ? ', before the deadline' : ''}`,
  );
  for (const one of overrides)
    print(`override ${one.choice}, by ${[...one.with, one.by].join(' and ')}: ${said(one.reason)}`);
  for (const fault of faults) print(bad(fault));
  print(agrees ? good('The outcome agrees with its receipts.') : bad('The outcome does NOT agree with its receipts.'));
}
