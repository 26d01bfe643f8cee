/**
 * Figures of decisions: how often people are needed, how long they and the agents take, and how often people decide as
 * the agents would have. Computed from the read models, so they are as late as those are.
 *
 * What asking costs: what waits and what is open is read every five seconds, in rows that wait or are open. What is
 * over is read, up to 10,000 rows of each list, as seldom as it takes for the reading of a tenant to take at most a
 * hundredth of the time: the more there is to read, the older the figures become, and `at` says how old they are.
 */
import type { DecisionFigures as FiguresSchema, HumanShare, Quantiles } from '../../contract/oversight/decisions';
import type { Shown } from '../../contract/route';
import { quantilesOf, ratio } from '../../domain/kernel/number';
import { Recent } from '../../domain/kernel/recent';
import { secondsBetween, type Time, toTime } from '../../domain/kernel/time';
import type { ActionEvent, ActionState } from '../../domain/oversight/action';
import type { ApprovalEvent, ApprovalOutcome, ApprovalState } from '../../domain/oversight/approval';
import type { OversightPath } from '../../domain/oversight/oversight';
import type { RoundEvent, RoundOutcome, RoundState } from '../../domain/oversight/round';
import type { ActionDoc } from '../../projections/oversight/actions';
import type { ApprovalDoc } from '../../projections/oversight/approvals';
import type { RoundDoc } from '../../projections/oversight/rounds';
import type { Aggregate } from '../engine/aggregate';
import type { Clock } from '../engine/ports';

/** How long figures are good for at least, in milliseconds, so that repeated requests cost nothing. */
const GOOD_FOR = 5_000;
/** Those that cost much are good for this many times what it took to read them. */
const REST = 100;
/** Tenants whose figures are kept. */
const MAX_TENANTS = 100;
/** Kinds that are shown by themselves, those with the most actions first. */
const MAX_KINDS_SHOWN = 100;

/** When what is over was read, `at` says; what waits or is open is at most five seconds old. */
export type DecisionFigures = Shown<typeof FiguresSchema>;
type Share = Shown<typeof HumanShare>;

/** The figures but for what waits or is open. */
interface Past extends Pick<DecisionFigures, 'at' | 'complete' | 'actions'> {
  readonly approvals: Omit<DecisionFigures['approvals'], 'waiting'>;
  readonly rounds: Omit<DecisionFigures['rounds'], 'open'>;
}

/** Where decisions are listed. */
interface Listed {
  readonly actions: Aggregate<ActionState, ActionEvent, ActionDoc>;
  readonly approvals: Aggregate<ApprovalState, ApprovalEvent, ApprovalDoc>;
  readonly rounds: Aggregate<RoundState, RoundEvent, RoundDoc>;
}

export class DecisionMetrics {
  private readonly figures: Kept<DecisionFigures>;
  private readonly past: Kept<Past>;

  constructor(
    private readonly listed: Listed,
    private readonly clock: Clock,
  ) {
    this.past = new Kept(clock, (tenant) => this.readPast(tenant), REST);
    this.figures = new Kept(clock, (tenant) => this.read(tenant), 0);
  }

  /** The figures of a tenant; `at` says how old they are. */
  of(tenant: string): Promise<DecisionFigures> {
    return this.figures.get(tenant);
  }

  /** Every tenant that has decisions, at most `limit`, in order of name. */
  async tenants(limit: number): Promise<readonly string[]> {
    const found = await Promise.all(
      Object.values(this.listed).map((of: { tenants(): Promise<readonly string[]> }) => of.tenants()),
    );
    return [...new Set(found.flat())].sort().slice(0, limit);
  }

  private async read(tenant: string): Promise<DecisionFigures> {
    const { approvals, rounds, ...past } = await this.past.get(tenant);
    const under = async (of: 'approvals' | 'rounds', status: string) =>
      (await this.listed[of].all(tenant, { where: { status } })).docs.length;
    return {
      ...past,
      approvals: { waiting: await under('approvals', 'waiting'), ...approvals },
      rounds: { open: await under('rounds', 'open'), ...rounds },
    };
  }

  private async readPast(tenant: string): Promise<Past> {
    const at = toTime(this.clock.now());
    const actions = await this.listed.actions.all(tenant, {});
    const approvals = await this.listed.approvals.all(tenant, {});
    const rounds = await this.listed.rounds.all(tenant, {});
    const complete = actions.complete && approvals.complete && rounds.complete;
    return {
      at,
      complete,
      actions: ofActions(actions.docs),
      approvals: ofApprovals(approvals.docs),
      rounds: ofRounds(rounds.docs),
    };
  }
}

/** What was read of each tenant, as long as it is good: five seconds, or `rest` times what it took to read. */
class Kept<T> {
  private readonly entries = new Recent<string, { readonly from: number; until: number; readonly value: Promise<T> }>(
    MAX_TENANTS,
  );

  constructor(
    private readonly clock: Clock,
    private readonly read: (tenant: string) => Promise<T>,
    private readonly rest: number,
  ) {}

  get(tenant: string): Promise<T> {
    const from = this.clock.now();
    const kept = this.entries.get(tenant);
    if (kept !== undefined && from >= kept.from && from < kept.until) return kept.value;
    const entry = { from, until: Infinity, value: this.read(tenant) };
    this.entries.set(tenant, entry);
    entry.value.then(
      () => (entry.until = from + Math.max(GOOD_FOR, this.rest * (this.clock.now() - from))),
      // What failed is asked for again.
      () => this.entries.delete(tenant),
    );
    return entry.value;
  }
}

function ofActions(docs: readonly ActionDoc[]): DecisionFigures['actions'] {
  const onPath = (path: OversightPath) => shareOf(docs.filter((doc) => doc.path === path));
  const kinds = [...Map.groupBy(docs, ({ kind }) => kind)].map(([kind, own]) => ({ kind, ...shareOf(own) }));
  return {
    ...shareOf(docs),
    by_path: {
      act: onPath('act'),
      veto_window: onPath('veto_window'),
      round: onPath('round'),
      approval: onPath('approval'),
    },
    by_kind: kinds.sort((a, b) => b.actions - a.actions || (a.kind < b.kind ? -1 : 1)).slice(0, MAX_KINDS_SHOWN),
    overridden: count(docs, ({ overridden }) => overridden),
    challenged: count(docs, ({ challenged }) => challenged),
  };
}

function ofApprovals(docs: readonly ApprovalDoc[]): Omit<DecisionFigures['approvals'], 'waiting'> {
  const closed = (outcome: ApprovalOutcome) => count(docs, (doc) => doc.outcome === outcome);
  const approved = closed('approved');
  const rejected = closed('rejected');
  const edited = count(docs, (doc) => doc.outcome === 'approved' && doc.edited);
  return {
    approved,
    rejected,
    defaulted: closed('defaulted'),
    withdrawn: closed('withdrawn'),
    superseded: closed('superseded'),
    escalated: count(docs, ({ level }) => level > 0),
    edited,
    seconds: secondsOf(docs.map(({ requested_at, closed_at }) => [requested_at, closed_at])),
    agreement: ratio(approved - edited, approved + rejected),
  };
}

function ofRounds(docs: readonly RoundDoc[]): Omit<DecisionFigures['rounds'], 'open'> {
  const closed = (outcome: RoundOutcome) => count(docs, (doc) => doc.outcome === outcome);
  return {
    agreed: closed('agreed'),
    no_agreement: closed('no_agreement'),
    no_quorum: closed('no_quorum'),
    cancelled: count(docs, ({ status }) => status === 'cancelled'),
    escalated: count(docs, ({ escalated }) => escalated),
    overridden: count(docs, ({ overridden }) => overridden),
    challenges: count(docs, ({ challenges }) => challenges !== null),
    seconds: secondsOf(docs.map(({ opened_at, finished_at }) => [opened_at, finished_at])),
  };
}

function shareOf(docs: readonly ActionDoc[]): Share {
  const human = count(docs, (doc) => doc.human);
  return { actions: docs.length, human, share: ratio(human, docs.length) };
}

/** Of those that have ended. */
function secondsOf(spans: readonly (readonly [from: Time | null, to: Time | null])[]): Shown<typeof Quantiles> {
  return quantilesOf(spans.flatMap(([from, to]) => (from === null || to === null ? [] : [secondsBetween(from, to)])));
}

function count<T>(all: readonly T[], which: (one: T) => boolean): number {
  return all.reduce((sum, one) => sum + Number(which(one)), 0);
}
