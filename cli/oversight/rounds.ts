import type { RoundFilter, RoundInput, RoundSummary } from '../../client/client';
import { firstOf, printField } from '../lists';
import {
  ago,
  bad,
  bold,
  call,
  type Context,
  count,
  dim,
  good,
  lineOf,
  namedNumber,
  percent,
  print,
  printJson,
  printTable,
  said,
  shortHash,
  styled,
  UsageError,
} from '../terminal';

export interface RoundsInput extends RoundFilter {
  readonly id?: string;
  readonly all?: boolean;
}

const COLOURS: Readonly<Record<RoundSummary['status'], (text: string) => string>> = {
  open: (text) => styled('yellow', text),
  closed: good,
  cancelled: dim,
};

/** Lists rounds, or shows one. */
export async function rounds(context: Context, { id, all, limit, ...filter }: RoundsInput): Promise<void> {
  if (id !== undefined) return await show(context, id);
  const found = await firstOf(context.client.rounds.all(filter), all === true ? Infinity : limit);
  if (context.json) return printJson(found.rows);
  printTable(
    ['ROUND', 'STATUS', 'KIND', 'VOTES', 'OUTCOME', 'SCORE', 'DEADLINE', 'QUESTION'],
    found.rows.map((round) => [
      bold(round.id),
      COLOURS[round.status](round.status),
      round.kind,
      `${round.votes}/${round.voter.length}`,
      outcomeOf(round),
      round.score === null ? '–' : percent(round.score),
      round.status === 'open' ? ago(round.deadline) : '–',
      lineOf(round.question),
    ]),
    ['VOTES', 'SCORE'],
  );
  found.sayMore();
}

/** What a voter needs to know: what is asked, of whom, who has said what. */
async function show({ client, json }: Context, id: string): Promise<void> {
  const round = await client.rounds.get(id);
  if (json) return printJson(round);
  const {
    status,
    question,
    action,
    kind,
    impact,
    choices,
    pass,
    deadline,
    electorate,
    ballots,
    tally,
    outcome,
    escalation,
    cancellation,
    overrides,
    override_asked,
  } = round;
  print(`${bold(`Round ${id}`)} is ${status}: ${kind}, impact ${impact}`);
  print('');
  printField('question', said(question ?? action?.summary ?? ''));
  printField('choices', choices.join(', '));
  if (status === 'open') printField('deadline', `${deadline} (${ago(deadline)}), pass ${pass}`);
  printField('voters', `${electorate.voters.map((voter) => voter.id).join(', ')} ${dim(`(${electorate.algorithm})`)}`);
  for (const { voter, choice, confidence, reasoning } of ballots)
    printField('vote', `${voter}: ${bold(choice)}, confidence ${confidence}: ${said(reasoning)}`);
  if (status === 'open' && tally !== undefined)
    for (const { voter, choice, reasoning } of tally.dissent)
      printField('dissent', `${voter} in the pass before: ${choice}: ${said(reasoning)}`);
  if (outcome !== undefined)
    printField('outcome', `${outcome.outcome}${outcome.choice === undefined ? '' : `: ${bold(outcome.choice)}`}`);
  if (escalation !== undefined) printField('escalated', escalation.reason);
  if (cancellation !== undefined) printField('cancelled', `by ${cancellation.by}: ${said(cancellation.reason)}`);
  for (const one of overrides)
    printField('override', `${bold(one.choice)}, by ${[...one.with, one.by].join(' and ')}: ${said(one.reason)}`);
  for (const { by, choice, reason } of override_asked)
    printField('asked', `${bold(choice)} instead, by ${by}, which a second person has to confirm: ${said(reason)}`);
  print('');
  print(
    dim(
      status === 'open'
        ? `Vote:        ${call('another')} vote ${id} ${choices[0]} --reason … --principal VOTER`
        : `Count again: ${call()} tally ${id}`,
    ),
  );
}

function outcomeOf({ choice, outcome, escalated, overridden, tie }: RoundSummary): string {
  if (choice !== null) return `${choice}${overridden ? ' (overridden)' : ''}`;
  return outcome === null ? '–' : bad(`${tie ? 'tie' : outcome}${escalated ? ', with people' : ''}`);
}

export interface PollInput extends Partial<Pick<RoundInput, 'kind' | 'impact'>> {
  readonly question: string;
  readonly id?: string;
  readonly voter?: readonly string[];
  readonly capability?: string;
  readonly choice?: readonly string[];
  readonly algorithm?: RoundInput['electorate']['algorithm'];
  readonly seconds?: number;
  readonly passes?: number;
}

/** Puts a question to agents. */
export async function poll({ client, json }: Context, input: PollInput): Promise<void> {
  const { id, question, kind = 'question', impact = 'medium', voter, capability, choice, seconds, passes } = input;
  if ((voter === undefined) === (capability === undefined))
    throw new UsageError(
      'say who votes: either --voter, several times, or --capability',
      `For example: ${call()} poll "Ship today?" --voter ada-1 --voter bo-2 --voter cy-3`,
    );
  const voters = capability === undefined ? (voter ?? []).map(voterOf) : { capability };
  const answer = await client.rounds.open({
    id,
    question,
    kind,
    impact,
    choices: choice,
    round_seconds: seconds,
    improvement_rounds: passes === undefined ? undefined : passes - 1,
    electorate: {
      algorithm: input.algorithm ?? (capability === undefined ? 'simple_majority' : 'expertise_based'),
      voters,
    },
  });
  if (json) return printJson(answer);
  const { receipt, round } = answer;
  print(
    `${bold(round.id)} is ${round.status}: ${count(round.electorate.voters.length, 'voter')}, until ${round.deadline}  ${dim(`${receipt.stream}@${receipt.version}  ${shortHash(receipt.hash ?? '')}`)}`,
  );
}

/** `id` or `id=weight` */
function voterOf(text: string): { id: string; why: string; weight?: number } {
  const { name, number } = namedNumber('--voter', 'weight', text, { min: 0, max: 1_000_000 });
  return { id: name, why: 'asked by name', ...(number === undefined ? {} : { weight: number }) };
}

export interface VoteInput {
  readonly round: string;
  readonly choice: string;
  readonly reason: string;
  readonly confidence: number;
  readonly final?: boolean;
}

/** Votes for the caller, on the round as it stands. */
export async function vote(
  { client, json }: Context,
  { round, choice, reason, confidence, final }: VoteInput,
): Promise<void> {
  const { snapshot, pass } = await client.rounds.get(round);
  const answer = await client.rounds.vote(round, { choice, confidence, reasoning: reason, final, snapshot, pass });
  if (json) return printJson(answer);
  const { status, outcome } = answer.round;
  const came = outcome === undefined ? '' : `: ${outcome.choice ?? outcome.outcome}`;
  const { receipt } = answer;
  print(
    `${receipt.repeated || receipt.events.length === 0 ? 'Voted before' : 'Voted'} for ${bold(choice)}; the round is ${status}${came}  ${dim(`${receipt.stream}@${receipt.version}  ${shortHash(receipt.hash ?? '')}`)}`,
  );
}
