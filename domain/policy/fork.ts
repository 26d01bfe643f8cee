/**
 * What would have been otherwise, had one thing been: another policy, another vote, another weight of a voter, another
 * answer of an approver. It is read off the log, in memory: nothing is done, written or sent.
 *
 * What it claims: which decisions would have been others, since each is made again by the rules that made it, on what
 * was known then. What it does not: what would have happened instead. The log holds what came of commands, not all that
 * somebody would have tried; so what followed is marked as gone or as not known, and nothing is made up in its place.
 */
import { denialDecider } from '../audit/denial';
import { budgetDecider, type BudgetEvent } from '../budgets/budget';
import type { Commit, PolicyReceipt } from '../kernel/commit';
import { upcast } from '../kernel/decider';
import { commitRef, parseStream } from '../kernel/ids';
import type { Time } from '../kernel/time';
import { agentDecider } from '../market/agent';
import { taskDecider, type TaskEvent } from '../market/task';
import { actionDecider } from '../oversight/action';
import { approvalDecider, type ApprovalEvent } from '../oversight/approval';
import { type Electorate, type Tally, tally } from '../oversight/consensus';
import { roundDecider, type RoundEvent, type RoundState } from '../oversight/round';
import { decide, type PolicyBundle, requestBehind } from './asking';

/** The one thing that is otherwise. */
export type Change =
  | { readonly kind: 'policy'; readonly bundle: PolicyBundle }
  /** `receipt` is of a vote, which chooses `choice`. */
  | { readonly kind: 'vote'; readonly receipt: string; readonly choice: string }
  /** The voter of a round has this weight. */
  | { readonly kind: 'weight'; readonly round: string; readonly voter: string; readonly weight: number }
  /** `receipt` is of an approver's answer, which is the other one. */
  | { readonly kind: 'approval'; readonly receipt: string; readonly answer: 'approve' | 'reject' };

/** A decision that would have been another one. */
export interface Otherwise {
  readonly receipt: string;
  readonly at: Time;
  readonly action: string;
  readonly was: string;
  readonly would_be: string;
  readonly reasons: readonly string[];
}

/** What is counted, and by which events. */
const COUNTED = {
  tasks: ['TaskPosted'],
  awards: ['TaskAwarded'],
  completions: ['TaskCompleted'],
  rounds: ['RoundClosed'],
  approvals: ['ApprovalClosed'],
  actions: ['ActionExecuted'],
  refusals: ['CommandDenied'],
  signals: ['SignalEmitted'],
} as const satisfies Readonly<Record<string, readonly string[]>>;
type Kind = keyof typeof COUNTED;
const KINDS = Object.keys(COUNTED) as Kind[];

export interface ForkCount {
  readonly kind: Kind;
  /** In the log, in the time that is looked at. */
  readonly log: number;
  /** Would not have happened: refused, or set in motion by something that would not have happened. */
  readonly gone: number;
  /** Was decided on a state that would have been another one: it may have come out the same. */
  readonly unknown: number;
  /** Would have come in addition. */
  readonly added: number;
}

/** What the awards that were over in that time have cost, in micro-USD. */
export interface ForkCosts {
  readonly log: number;
  /** Of awards that would not have been, or would not have come to that end. */
  readonly gone: number;
  readonly unknown: number;
}

export interface ForkResult {
  readonly from: Time;
  readonly receipts: number;
  /** Of a policy: how many receipts keep nothing of what was asked, and could not be asked again. */
  readonly not_asked: number;
  readonly otherwise: number;
  /** The first of them. */
  readonly examples: readonly Otherwise[];
  readonly gone: number;
  readonly unknown: number;
  readonly counts: readonly ForkCount[];
  readonly costs: ForkCosts;
}

/** What is to be changed is not in the log. */
export interface Fault {
  readonly fault: string;
}

export const MAX_FORK_EXAMPLES = 50;

/** What is remembered of a receipt. */
interface Entry {
  readonly ref: string;
  readonly stream: string;
  readonly index: number;
  readonly at: Time;
  readonly cause: string | undefined;
  readonly kinds: readonly Kind[];
  /** The awards that are over with it, and what their agents said that they have cost. */
  readonly ended: readonly EndedAward[];
  readonly otherwise?: Otherwise & { readonly effect: Effect };
}

interface EndedAward {
  /** `tenant task award`. */
  readonly award: string;
  readonly cost: number | undefined;
}

/**
 * `refused`: it would not have been done. `done`: it would, and was not. `other`: it would, with another outcome.
 * `neither`: it was not done, and would not have been.
 */
type Effect = 'refused' | 'done' | 'other' | 'neither';

/** Streams in which all is about what their first receipt has begun: without it there would be nothing of it. */
const BEGUN: ReadonlySet<string> = new Set(
  [taskDecider, agentDecider, roundDecider, approvalDecider, actionDecider].map(({ category }) => category),
);
/** What was refused before has no bearing on what is refused next. */
const INDEPENDENT = denialDecider.category;

/** Reads a log once, in whatever order it comes per stream, and says what would have been otherwise. */
export class Fork {
  private readonly entries: Entry[] = [];
  private readonly touched: Commit[] = [];
  /** What was settled in budgets, by `tenant task award`: also of what nobody has said the cost of. */
  private readonly settled = new Map<string, number>();
  private notAsked = 0;

  constructor(
    private readonly change: Change,
    private readonly from: Time,
  ) {}

  next(commit: Commit): void {
    if (this.change.kind !== 'policy' && commit.stream === streamOf(this.change)) this.touched.push(commit);
    if (commit.at < this.from) return;
    const { stream, index, at, meta, events } = commit;
    this.settle(commit);
    this.entries.push({
      ref: commitRef(stream, index),
      stream,
      index,
      at,
      cause: meta.causationId,
      kinds: KINDS.filter((kind) => events.some(({ type }) => COUNTED[kind].some((counted) => counted === type))),
      ended: endedBy(commit),
      otherwise: this.change.kind === 'policy' ? this.judged(this.change.bundle, commit) : undefined,
    });
  }

  /** What would have been otherwise; or that what is to be changed is not in the log. */
  result(): ForkResult | Fault {
    const changed = this.change.kind === 'policy' ? undefined : changedIn(this.touched, this.change);
    if (changed !== undefined && 'fault' in changed) return changed;
    const found =
      changed === undefined
        ? this.entries
        : this.entries.map((entry) => (entry.ref === changed.receipt ? { ...entry, otherwise: changed } : entry));
    return this.followed(found);
  }

  private settle({ stream, events }: Commit): void {
    const { tenant, category } = parseStream(stream);
    if (category !== budgetDecider.category) return;
    for (const { type, data } of events as readonly BudgetEvent[])
      if (type === 'BudgetSettled') this.settled.set(awardKey(tenant, data.task, data.award), data.cost);
  }

  private judged(bundle: PolicyBundle, commit: Commit): Entry['otherwise'] {
    const request = requestBehind(commit);
    if (request === undefined) {
      this.notAsked += 1;
      return undefined;
    }
    const stood = commit.meta.policy.decision;
    const { decision, reasons } = decide(bundle, request);
    if (decision === stood) return undefined;
    const receipt = commitRef(commit.stream, commit.index);
    const about = { receipt, at: commit.at, action: commit.meta.action, was: stood, would_be: decision, reasons };
    return { ...about, effect: effectOf(stood, decision) };
  }

  private followed(entries: readonly Entry[]): ForkResult {
    // No receipt has a time before its cause's; those of one time stay in the order of the log.
    const ordered = [...entries].sort((a, b) => (a.at === b.at ? 0 : a.at < b.at ? -1 : 1));
    const gone = new Set<string>();
    const unknown = new Set<string>();
    /** What nothing would have followed from as it did. */
    const barren = new Set<string>();
    /** Streams that would not be there, and those in which something would have been otherwise. */
    const never = new Set<string>();
    const unlike = new Set<string>();
    const counts = new Map(KINDS.map((kind) => [kind, { log: 0, gone: 0, unknown: 0, added: 0 }]));
    const examples: Otherwise[] = [];
    const costs = { log: 0, gone: 0, unknown: 0 };
    let otherwise = 0;
    for (const { ref, stream, index, cause, kinds, ended, otherwise: other } of ordered) {
      const isGone = other?.effect === 'refused' || never.has(stream) || (cause !== undefined && barren.has(cause));
      const isUnknown = !isGone && (unlike.has(stream) || (cause !== undefined && unknown.has(cause)));
      if (other !== undefined) {
        otherwise += 1;
        const { effect: _, ...about } = other;
        if (examples.length < MAX_FORK_EXAMPLES) examples.push(about);
      }
      if (isGone) gone.add(ref);
      if (isGone || other?.effect === 'other') barren.add(ref);
      if (isUnknown) unknown.add(ref);
      const { category } = parseStream(stream);
      if (isGone && index === 0 && BEGUN.has(category)) never.add(stream);
      if ((isGone || isUnknown || other?.effect === 'other') && category !== INDEPENDENT) unlike.add(stream);
      for (const kind of kinds) {
        const count = counts.get(kind) as { log: number; gone: number; unknown: number; added: number };
        count.log += 1;
        if (other?.effect === 'done' && kind === 'refusals') count.gone += 1;
        else if (isGone) count.gone += 1;
        else if (isUnknown) count.unknown += 1;
      }
      for (const { award, cost: said } of ended) {
        const cost = this.settled.get(award) ?? said ?? 0;
        costs.log += cost;
        if (isGone) costs.gone += cost;
        else if (isUnknown) costs.unknown += cost;
      }
      if (other?.effect === 'refused') (counts.get('refusals') as { added: number }).added += 1;
    }
    return {
      from: this.from,
      receipts: ordered.length,
      not_asked: this.notAsked,
      otherwise,
      examples,
      gone: gone.size,
      unknown: unknown.size,
      counts: [...counts].map(([kind, count]) => ({ kind, ...count })),
      costs,
    };
  }
}

function endedBy({ stream, events }: Commit): EndedAward[] {
  const { tenant, category, id } = parseStream(stream);
  if (category !== taskDecider.category) return [];
  return (events as readonly TaskEvent[]).flatMap(({ type, data }) =>
    type === 'TaskCompleted' || type === 'AttemptEnded'
      ? [{ award: awardKey(tenant, id, data.award), cost: data.cost }]
      : [],
  );
}

function awardKey(tenant: string, task: string, award: number): string {
  return `${tenant} ${task} ${award}`;
}

/** What needs approval is not done before it has it. */
function effectOf(stood: PolicyReceipt['decision'], decision: PolicyReceipt['decision']): Effect {
  if (stood === 'allow') return 'refused';
  return decision === 'allow' ? 'done' : 'neither';
}

// ------------------------------------------------------------------------------------- votes, weights, approvals

type Single = Exclude<Change, { kind: 'policy' }>;

function streamOf(change: Single): string {
  return change.kind === 'weight' ? change.round : change.receipt.slice(0, change.receipt.lastIndexOf('@'));
}

/** The decision in the stream that would have been another one; undefined when none would. */
function changedIn(commits: readonly Commit[], change: Single): Entry['otherwise'] | Fault {
  const ordered = [...commits].sort((a, b) => a.index - b.index);
  if (ordered.length === 0) return { fault: `there is no ${streamOf(change)} in the log` };
  return change.kind === 'approval' ? answered(ordered, change) : counted(ordered, change);
}

function counted(
  commits: readonly Commit[],
  change: Exclude<Single, { kind: 'approval' }>,
): Entry['otherwise'] | Fault {
  const stream = streamOf(change);
  if (parseStream(stream).category !== roundDecider.category) return { fault: `${stream} is no round` };
  let state = roundDecider.initial;
  let isFound = false;
  for (const commit of commits)
    for (const stored of commit.events) {
      const given = upcast<RoundEvent>(roundDecider, stored);
      const event = otherwiseCast(given, commit, change);
      isFound ||= event !== given;
      if (isFound && (event.type === 'RoundClosed' || event.type === 'ImprovementOpened')) {
        const was = saidOf(event.data.tally);
        const would_be = saidOf(tally(state.electorate as Electorate, Object.values(state.ballots)));
        if (was !== would_be) {
          const { stream: of, index, at, meta } = commit;
          const reasons = [
            `counted again with ${change.kind === 'vote' ? `a vote for ${change.choice}` : `a weight of ${change.weight}`}`,
          ];
          return { receipt: commitRef(of, index), at, action: meta.action, was, would_be, reasons, effect: 'other' };
        }
      }
      state = folded(state, event, commit);
    }
  return isFound
    ? undefined
    : { fault: change.kind === 'vote' ? `${change.receipt} is no vote` : `${change.voter} is no voter of ${stream}` };
}

/** The event as it would have been. */
function otherwiseCast(
  event: RoundEvent,
  { stream, index }: Commit,
  change: Exclude<Single, { kind: 'approval' }>,
): RoundEvent {
  if (change.kind === 'vote') {
    const isIt = commitRef(stream, index) === change.receipt;
    if (!isIt || (event.type !== 'VoteCast' && event.type !== 'VoteChanged')) return event;
    return { ...event, data: { ...event.data, choice: change.choice } };
  }
  if (event.type !== 'RoundOpened') return event;
  const { electorate } = event.data;
  if (!electorate.voters.some(({ id }) => id === change.voter)) return event;
  const voters = electorate.voters.map((voter) =>
    voter.id === change.voter ? { ...voter, weight: change.weight } : voter,
  );
  return { ...event, data: { ...event.data, electorate: { ...electorate, voters } } };
}

function folded(state: RoundState, event: RoundEvent, { stream, index, at, meta }: Commit): RoundState {
  return roundDecider.evolve(state, event, { stream, index, at, correlationId: meta.correlationId });
}

function saidOf({ agreed, leader, quorum_met }: Tally): string {
  if (agreed) return `agreed: ${leader}`;
  return quorum_met ? 'no agreement' : 'no quorum';
}

function answered(
  commits: readonly Commit[],
  { receipt, answer }: Extract<Single, { kind: 'approval' }>,
): Entry['otherwise'] | Fault {
  let state = approvalDecider.initial;
  for (const commit of commits) {
    const { stream, index, at, meta, events } = commit;
    if (commitRef(stream, index) === receipt) {
      const types = events.map(({ type }) => type);
      const stood = types.includes('ApprovalGiven')
        ? 'approve'
        : types.includes('ApprovalRejected')
          ? 'reject'
          : undefined;
      if (stood === undefined) break;
      if (stood === answer) return undefined;
      const { given, request } = state;
      const isEnough = given.length + 1 >= (request?.approvals_needed ?? 1);
      const would_be = answer === 'reject' ? 'rejected' : isEnough ? 'approved' : 'waiting for another approver';
      const was = types.includes('ApprovalClosed')
        ? stood === 'approve'
          ? 'approved'
          : 'rejected'
        : 'waiting for another approver';
      const reasons = [`the answer was ${stood}`];
      return { receipt, at, action: meta.action, was, would_be, reasons, effect: 'other' };
    }
    for (const event of events)
      state = approvalDecider.evolve(state, upcast<ApprovalEvent>(approvalDecider, event), {
        stream,
        index,
        at,
        correlationId: meta.correlationId,
      });
  }
  return { fault: `${receipt} is no answer of an approver` };
}
