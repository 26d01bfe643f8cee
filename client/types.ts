/**
 * What goes over the wire, as the client sees it. Field names are the wire's; where the rules have a type, it is
 * theirs.
 */
import type { RetentionDays } from '../domain/audit/retention';
import type { Commit } from '../domain/kernel/commit';
import type { WhyCode } from '../domain/market/why-not';
import type { Channel } from '../domain/notices/channel';
import type { DeliveryState } from '../domain/notices/delivery';
import type { ActionState, ActionStatus, Instead, Proposal } from '../domain/oversight/action';
import type { ApprovalRequest, ApprovalState, Opened, Outcome } from '../domain/oversight/approval';
import type { Electorate, Group, Tally, Voter } from '../domain/oversight/consensus';
import type { Correction } from '../domain/oversight/correction';
import type {
  ApproverGroup,
  Features,
  Impact,
  OversightAnswer,
  OversightRules,
  SafeDefault,
} from '../domain/oversight/oversight';
import type {
  CastBallot,
  RoundOutcome,
  RoundRecomputation,
  RoundSpec,
  RoundState,
  Vote,
} from '../domain/oversight/round';

export type { WhyCode };
export type { Channel, Commit, OversightRules, RetentionDays };
export type { CausalChain, CausalNode } from '../domain/audit/causality';

// --------------------------------------------------------------------------------------------------------- general

/** The body of an error (RFC 9457). */
export interface ProblemDocument {
  /** Stable; a URL that ends with the problem's code. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What was wrong and what to do. */
  readonly detail: string;
  readonly errors?: readonly { readonly pointer?: string; readonly parameter?: string; readonly message: string }[];
  readonly [extension: string]: unknown;
}

/** What a command has left in the log. */
export interface Receipt {
  /** `tenant/category/id` */
  readonly stream: string;
  /** Index of the commit. */
  readonly version: number;
  readonly hash: string | null;
  readonly at: string;
  readonly correlation_id: string | null;
  /** Types of the events; empty when nothing changed. */
  readonly events: readonly string[];
  /** True when this answers a command that was done before. */
  readonly repeated: boolean;
}

export interface Page<T> {
  readonly value: readonly T[];
  /** Where the next page is; absent on the last one. */
  readonly nextLink?: string;
}

/** A list that was cut off when it is not `complete`. */
export interface Found<T> {
  readonly value: readonly T[];
  readonly complete: boolean;
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
  /** W3C trace context. */
  readonly traceparent?: string;
}

export interface CommandOptions extends ReadOptions {
  /**
   * What makes a retry safe: a new one for each command by default; `false` sends none, and then nothing is retried.
   */
  readonly idempotencyKey?: string | false;
  /** The version that the stream must have. */
  readonly ifMatch?: number;
}

/** A read of the past. */
export interface AsOf extends ReadOptions {
  /** UTC with milliseconds: `2026-11-21T10:00:00.000Z`. */
  readonly asOf?: string;
}

// -------------------------------------------------------------------------------------------------------- receipts

export interface ReceiptFilter {
  readonly category?: string;
  readonly correlation?: string;
}

export interface ReceiptPage extends Page<Commit> {
  /** Where to go on. */
  readonly after: string;
}

/**
 * A commit as it comes, and the place to follow on from: whoever does misses nothing, and may see a few commits again.
 */
export interface Followed {
  readonly commit: Commit;
  readonly after: string | undefined;
}

// ---------------------------------------------------------------------------------------------------------- rounds

/** Agents by what they can do; the weightiest first, at most `limit` (50). */
export interface VoterSearch {
  readonly capability: string;
  readonly limit?: number;
  readonly except?: readonly string[];
}

export interface RoundInput
  extends
    Pick<RoundSpec, 'question' | 'action' | 'kind' | 'impact'>,
    Partial<Pick<RoundSpec, 'choices' | 'round_seconds' | 'improvement_rounds' | 'allow_change'>> {
  readonly id?: string;
  readonly electorate: Partial<Pick<Electorate, 'algorithm' | 'delegates' | 'min_agreement' | 'quorum'>> & {
    readonly voters: readonly Voter[] | VoterSearch;
    readonly groups?: readonly (Pick<Group, 'id' | 'share'> & Partial<Group>)[];
  };
}

export interface Round
  extends
    RoundSpec,
    Pick<
      RoundState,
      | 'opened_by'
      | 'pass'
      | 'tally'
      | 'outcome'
      | 'escalation'
      | 'cancellation'
      | 'override'
      | 'overrides'
      | 'override_asked'
      | 'parties'
      | 'finished_at'
    > {
  readonly id: string;
  readonly version: number;
  readonly status: Exclude<RoundState['status'], 'unknown'>;
  readonly electorate: Electorate;
  /** What a vote gives back: whom the voter believes to be asked. */
  readonly snapshot: string;
  /** Of this pass. */
  readonly ballots: readonly CastBallot[];
  readonly opened_at: string;
}

/** A round as lists show it. */
export interface RoundSummary {
  readonly id: string;
  readonly status: Round['status'];
  readonly kind: string;
  /** The question, or the action in words. */
  readonly question: string;
  readonly impact: Impact;
  readonly algorithm: Electorate['algorithm'];
  /** Ids of those who may vote. */
  readonly voter: readonly string[];
  readonly votes: number;
  readonly pass: number;
  readonly deadline: string;
  readonly outcome: RoundOutcome | null;
  readonly choice: string | null;
  readonly score: number | null;
  readonly escalated: boolean;
  readonly overridden: boolean;
  /** Its choices have the same weight: people say which. */
  readonly tie: boolean;
  /** The stream that waits for the outcome. */
  readonly waits: string | null;
  /** The receipt that is challenged. */
  readonly challenges: string | null;
  readonly opened_by: string;
  readonly opened_at: string | null;
  readonly finished_at: string | null;
}

export interface RoundFilter {
  readonly status?: Round['status'];
  readonly kind?: string;
  readonly voter?: string;
  readonly escalated?: boolean;
  /** Size of a page, 1 to 1,000. */
  readonly limit?: number;
}

/** The voter is the caller. */
export type VoteInput = Omit<Vote, 'voter'>;

export interface VoteAnswer {
  readonly receipt: Receipt;
  readonly round: Pick<Round, 'id' | 'status' | 'pass' | 'outcome'>;
}

export interface RoundAnswer {
  readonly receipt: Receipt;
  readonly round: Round;
}

/** A closed round, counted again; `matrix` says of each two voters of the last pass whether they chose the same. */
export interface Recount extends RoundRecomputation {
  readonly recomputed: Tally;
  readonly matrix: { readonly voters: readonly string[]; readonly agreement: readonly (readonly (0 | 1)[])[] };
}

// --------------------------------------------------------------------------------------------------------- actions

export interface ActionInput
  extends
    Pick<Proposal, 'kind' | 'action' | 'why' | 'confidence' | 'impact'>,
    Partial<Pick<Proposal, 'risk' | 'features'>> {
  readonly id?: string;
}

export interface Action extends Proposal, Omit<ActionState, 'status' | 'proposal' | 'policy'> {
  readonly id: string;
  readonly version: number;
  readonly status: Exclude<ActionStatus, 'unknown'>;
}

/** An action as lists show it. */
export interface ActionSummary extends Pick<Proposal, 'kind' | 'proposed_by' | 'impact' | 'confidence' | 'risk'> {
  readonly id: string;
  readonly status: Action['status'];
  /** How the rules sent it on its way. */
  readonly path: OversightAnswer['path'];
  /** Codes of the reasons for which a person is asked. */
  readonly reasons: readonly string[];
  /** True when a person was needed. */
  readonly human: boolean;
  readonly cleared_by: string | null;
  readonly stopped_by: string | null;
  readonly overridden: boolean;
  readonly challenged: boolean;
  readonly compensation: 'due' | 'done' | null;
  readonly target: string | null;
  readonly features: Features;
  readonly proposed_at: string;
  readonly decided_at: string | null;
  readonly executed_at: string | null;
}

export interface ActionFilter {
  readonly status?: Action['status'];
  readonly kind?: string;
  readonly compensation?: 'due' | 'done';
  /** Size of a page, 1 to 1,000. */
  readonly limit?: number;
}

export interface ActionAnswer {
  readonly receipt: Receipt;
  readonly action: Action;
}

export interface ActionOverride {
  readonly instead: Instead;
  readonly reason: string;
}

// ------------------------------------------------------------------------------------------------------- approvals

export interface Approval extends ApprovalRequest, Opened, Omit<ApprovalState, 'status' | 'request' | 'policy'> {
  readonly id: string;
  readonly version: number;
  readonly status: Exclude<ApprovalState['status'], 'unknown'>;
}

/** An approval as the queue shows it. */
export interface ApprovalSummary extends Pick<
  ApprovalRequest,
  'action' | 'kind' | 'summary' | 'requester' | 'why' | 'impact' | 'risk' | 'hash'
> {
  readonly id: string;
  readonly status: Approval['status'];
  readonly severity: Impact;
  /** The groups that were asked so far. */
  readonly group: readonly ApproverGroup['group'][];
  readonly approvals_needed: number;
  /** What approving may decide, where it is one of several things. */
  readonly choices: readonly string[] | null;
  /** What it decides when nobody says which; null on a tie: then whoever approves says it. */
  readonly leader: string | null;
  readonly approved_by: readonly string[];
  readonly claimed_by: string | null;
  readonly claimed_until: string | null;
  readonly questions_open: number;
  readonly safe_default: SafeDefault;
  readonly deadline: string;
  readonly outcome: Outcome | null;
  /** Who decided last. */
  readonly decided_by: string | null;
  readonly edited: boolean;
  /** Place in the ladder of the last group that was asked. */
  readonly level: number;
  readonly requested_at: string;
  readonly closed_at: string | null;
}

export interface ApprovalFilter {
  /** `list` shows what is waiting when neither it nor an outcome is given. */
  readonly status?: Approval['status'] | 'all';
  readonly kind?: string;
  readonly severity?: Impact;
  readonly requester?: string;
  readonly outcome?: Outcome;
  /** One that was asked. */
  readonly group?: string;
  /** Size of a page, 1 to 1,000. */
  readonly limit?: number;
}

export interface ApprovalAnswer {
  readonly receipt: Receipt;
  readonly approval: Approval;
}

/** What a person says to an approval: to the action with this hash. */
export interface ApprovalDecision {
  readonly hash: string;
  readonly reason: string;
}

/** Up to 100 approvals of low impact. */
export interface BulkDecision {
  readonly decision: 'approve' | 'reject';
  readonly items: readonly { readonly id: string; readonly hash: string }[];
  readonly reason: string;
}

/** What came of one of them. */
export type BulkAnswer = { readonly id: string } & (
  { readonly ok: true; readonly receipt: Receipt } | { readonly ok: false; readonly problem: ProblemDocument }
);

// ------------------------------------------------------------------------- oversight, corrections, channels, figures

/** The rules of a kind of action. */
export interface KindRules {
  readonly kind: string;
  readonly rules: OversightRules;
  readonly rules_hash: string;
}

/** Which streams that have ended may be archived, and when. */
export interface RetentionPolicy {
  readonly days: RetentionDays;
}

export interface CorrectionInput extends Omit<Correction, 'by'> {
  readonly id?: string;
}

export interface CorrectionSummary extends Correction {
  readonly id: string;
  /** Of the receipt that was corrected. */
  readonly stream: string;
  readonly at: string;
}

export interface CorrectionFilter {
  readonly stream?: string;
  readonly by?: string;
  /** Size of a page, 1 to 1,000. */
  readonly limit?: number;
}

export type NamedChannel = Channel & { readonly channel_id: string };

/** A notice that was given up. */
export interface DeadDelivery extends Pick<DeliveryState, 'attempts'> {
  readonly delivery_id: string;
  readonly notice_id: string;
  readonly title: string;
  readonly channel_id: string;
  readonly status: 'dead';
  readonly since: string;
  readonly failure: { readonly status?: number; readonly reason: string } | null;
}

export interface RedriveAnswer {
  readonly receipt: Receipt;
  readonly delivery: {
    readonly delivery_id: string;
    readonly status: DeliveryState['status'];
    readonly attempts: number;
  };
}

/** Of some actions: how many there were, and how many of them needed a person. */
export interface HumanShare {
  readonly actions: number;
  readonly human: number;
  /** human / actions; null without any. */
  readonly share: number | null;
}

/** Seconds; null when there is nothing to measure. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

export interface DecisionFigures {
  readonly at: string;
  /** False when there is more than was read. */
  readonly complete: boolean;
  readonly actions: HumanShare & {
    readonly by_path: Readonly<Record<OversightAnswer['path'], HumanShare>>;
    readonly by_kind: readonly (HumanShare & { readonly kind: string })[];
    readonly overridden: number;
    readonly challenged: number;
  };
  readonly approvals: Readonly<
    Record<
      'waiting' | 'approved' | 'rejected' | 'defaulted' | 'withdrawn' | 'superseded' | 'escalated' | 'edited',
      number
    >
  > & {
    readonly seconds: Quantiles;
    /** Approved without a correction / (approved + rejected). */
    readonly agreement: number | null;
  };
  readonly rounds: Readonly<
    Record<
      'open' | 'agreed' | 'no_agreement' | 'no_quorum' | 'cancelled' | 'escalated' | 'overridden' | 'challenges',
      number
    >
  > & { readonly seconds: Quantiles };
}
