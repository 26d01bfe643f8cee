/**
 * What goes over the wire, as the client sees it. Field names are the wire's; where the rules have a type, it is
 * theirs.
 */
import type { RetentionDays } from '../domain/audit/retention';
import type { Commit } from '../domain/kernel/commit';
import type { AgentProfile, AgentState, Deployment, StandingOffer } from '../domain/market/agent';
import type { Objective, PoolCondition, PoolSample } from '../domain/market/pool';
import type { TaskSpec, TaskState } from '../domain/market/task';
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
import type { AgentTypeEntry, CostTier, CustomEntry, SearchField } from '../domain/repository/catalogue';
import type { Deprecation, ToolDefinition, ToolState } from '../domain/repository/tool';
import type { Signal } from '../domain/signals/trail';

export type { WhyCode };
export type { AgentTypeEntry, Channel, Commit, CustomEntry, Objective, OversightRules, RetentionDays };
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

// ---------------------------------------------------------------------------------------------------------- agents

export interface AgentInput {
  readonly agent_type: string;
  readonly pool?: string;
  /** Names, or names with levels from 0 to 1. */
  readonly capabilities?: readonly string[] | Readonly<Record<string, number>>;
  readonly capacity?: number;
  readonly location?: string;
  readonly limits?: { readonly presence_seconds?: number } & Partial<
    Pick<StandingOffer, 'max_effort' | 'min_strength'>
  >;
  readonly standing_offer?: boolean;
  readonly helps?: readonly string[];
}

export interface Agent extends AgentProfile, Pick<AgentState, 'slots' | 'record'> {
  readonly id: string;
  readonly version: number;
  readonly status: AgentState['status'];
  readonly since: string;
  /** Slots in use over capacity. */
  readonly load: number;
}

/** An agent as lists show it. */
export interface AgentSummary extends Pick<AgentProfile, 'agent_type' | 'pool' | 'capabilities' | 'capacity'> {
  readonly id: string;
  readonly status: AgentState['status'];
  /** Slots in use. */
  readonly slots: number;
  readonly load: number;
  readonly location: string | null;
  readonly standing_offer: boolean;
  readonly since: string | null;
}

export interface AgentFilter {
  readonly capability?: string;
  readonly agent_type?: string;
  readonly pool?: string;
  readonly status?: 'active' | 'lost' | 'gone';
  /** Size of a page, 1 to 1,000. */
  readonly limit?: number;
}

export interface AgentAnswer {
  readonly receipt: Receipt;
  readonly agent: Agent;
}

/** An award that waits for acceptance. */
export interface Assignment {
  readonly kind: 'assignment';
  readonly task: string;
  readonly award: number;
  readonly accept_by: string;
  readonly attempt: number;
  readonly lease_seconds: number;
  readonly spec: TaskSpec;
}

/** A task that collects bids. */
export interface Offer {
  readonly kind: 'offer';
  readonly task: string;
  readonly bids_close_at: string;
  readonly strength: number;
  readonly spec: TaskSpec;
}

/** An open round that misses the agent's vote. */
export interface VoteAsked {
  readonly kind: 'vote';
  readonly round: string;
  readonly pass: number;
  /** Given back with the vote: whom the agent believes to be asked. */
  readonly snapshot: string;
  readonly question: string;
  readonly choices: readonly string[];
  readonly impact: Impact;
  readonly deadline: string;
}

/** A task that the agent has accepted and not ended; shown where it is asked for. */
export interface HeldTask {
  readonly kind: 'holding';
  readonly task: string;
  readonly task_type: string;
  readonly award: number;
  readonly attempt: number;
  readonly lease_seconds: number;
  /** When the lease ends without a further sign of life, as far as the receipts say. */
  readonly lease_until: string;
  readonly progress?: TaskState['progress'];
}

export interface Inbox {
  readonly items: readonly (Assignment | HeldTask | Offer | VoteAsked)[];
  /** Give it back as `offersAfter`: then no offer and no vote is shown twice, and none is passed over. */
  readonly offers_after: string;
}

/** A task that an agent says it holds. */
export interface Holding {
  readonly task: string;
  readonly award: number;
}

export interface DeployInput extends Partial<Pick<Deployment, 'schedule' | 'resources'>> {
  readonly agent_type: string;
  readonly tenant_id?: string;
  readonly id?: string;
  readonly lifecycle?: CostTier;
  readonly capacity?: number;
  readonly location?: string;
}

export interface DeployAnswer {
  readonly receipt: Receipt;
  readonly agent: Agent & { readonly lifecycle?: CostTier };
  readonly agent_type: AgentTypeEntry;
}

// ------------------------------------------------------------------------------------------------------ repository

export interface AgentTypeFilter {
  readonly department?: string;
  readonly industry?: string;
  readonly capability?: string;
}

export type AgentTypeHit = AgentTypeEntry & { readonly score: number; readonly matched: readonly SearchField[] };

export interface AgentTypeAnswer {
  readonly receipt: Receipt;
  readonly agent_type: CustomEntry;
}

// --------------------------------------------------------------------------------------------------------- signals

export type SignalInput = Pick<Signal, 'type' | 'location' | 'strength'> & Partial<Signal>;

export interface Emitted {
  readonly type: string;
  readonly location: string;
  /** Of the trail right after the signal, 0 to 1. */
  readonly strength: number;
  readonly stream: string;
  readonly version: number;
  readonly hash: string;
  readonly problem?: undefined;
}

/** One answer of a batch: what came of the signal, or the problem that kept it out. */
export type EmittedOrNot = Emitted | { readonly problem: ProblemDocument };

/** A trail as it is perceived. */
export interface Trail extends Pick<Signal, 'type' | 'location' | 'strength' | 'decay_rate' | 'emitter_agent'> {
  readonly emissions: number;
  readonly reinforced_at: string;
  /** When it will be, or was, gone; null: never. */
  readonly gone_at: string | null;
}

export type TrailReading = Trail & { readonly stream: string; readonly version: number; readonly hash: string };

export interface FieldFilter {
  /** This place and everything below it. */
  readonly location?: string;
  readonly type?: string;
  /** Weakest strength, 0 to 1. */
  readonly minimum?: number;
  readonly limit?: number;
}

// ----------------------------------------------------------------------------------------------------------- tools

export type ToolInput = Pick<ToolDefinition, 'tool_name' | 'description' | 'schema' | 'version'> &
  Partial<ToolDefinition>;

export type Tool = ToolState;

/** One version of a tool. */
export type ToolVersion = Omit<ToolState, 'latest'> & { readonly definition: ToolDefinition };

/** A tool as searches show it. */
export interface ToolSummary extends Pick<
  ToolDefinition,
  'tool_name' | 'description' | 'sandbox_level' | 'operations' | 'owner' | 'version' | 'tags'
> {
  readonly tool_id: string;
  readonly api_name: string | null;
  readonly deprecated: boolean;
  readonly deprecation: Deprecation | null;
}

export interface ToolFilter {
  readonly q?: string;
  readonly api_name?: string;
  readonly operation?: string;
  /** Also those that should not be used any more. */
  readonly deprecated?: boolean;
  readonly limit?: number;
}

export interface ToolAnswer {
  readonly receipt: Receipt;
  readonly tool: Tool;
}

// ----------------------------------------------------------------------------------------------------------- pools

export interface Pool {
  readonly pool: string;
  /** After a change has lasted. */
  readonly status: PoolCondition;
  readonly since: string | null;
  readonly sample: PoolSample;
  /** Over time since the host began to look. */
  readonly mean: Pick<PoolSample, 'gini' | 'utilisation' | 'idle'>;
  /** Which targets the means meet. */
  readonly meets: Readonly<Record<'gini' | 'utilisation' | 'idle', boolean>>;
  readonly objective: Objective | null;
  /** Not reorganised before this time. */
  readonly cooldown_until: string | null;
}

/** Means over ten seconds from `at` on. */
export interface PoolHistory extends PoolSample {
  readonly bucket: number;
}

export interface ObjectiveAnswer {
  readonly receipt: Receipt;
  /** The reorganisation that it led to at once, if it did. */
  readonly reorganised: Receipt | null;
}

// ---------------------------------------------------------------------------------------------------------- pauses

export type { Pausable, Pause } from '../domain/market/pause';

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

// ------------------------------------------------------------------------------------------------------- operation

export type Consumer = 'views' | 'reactions' | 'balance' | 'decisions' | 'publisher' | 'signals';

export interface FeedStatus {
  readonly consumer: string;
  /** Commits between what it has handled and the end of the log; null where triggers read the feed. */
  readonly lag: number | null;
  /**
   * Seconds from the oldest commit of the page that was handled last, by the process that answers, to the end of its
   * handling.
   */
  readonly delay_seconds: number | null;
  readonly parked: number;
}

/** What a consumer has given up on: a commit, or with `signals` a message that could not be taken in. */
export interface Parked {
  readonly id: string;
  readonly body:
    | { readonly stream: string; readonly index: number; readonly error: string }
    | {
        readonly hub: string;
        readonly partition: string;
        readonly sequence: number;
        readonly reason: string;
        readonly content: string;
        readonly tenant?: string;
      };
  readonly deliveries: number;
  readonly reason: string;
}

export interface ViewStatus {
  readonly view: string;
  /** The name that queries read. */
  readonly serving: string;
  /** What is being built beside it, and how many commits are left to read. */
  readonly building: { readonly name: string; readonly left: number } | null;
  readonly lag: number | null;
}

export interface Status {
  readonly feed: readonly FeedStatus[];
  readonly views: readonly ViewStatus[];
  readonly open_tasks: number;
  /** What the tenant's open tasks wait for. */
  readonly waiting: WaitingSummary;
}

/** By reason, the most frequent first. Looks at those that have waited longest: `looked_at` of `open` tasks. */
export interface WaitingSummary {
  readonly open: number;
  readonly looked_at: number;
  readonly groups: readonly {
    readonly code: WhyCode;
    readonly count: number;
    readonly example: string;
    readonly text: string;
    readonly waited_seconds: number;
  }[];
}

export interface Health {
  readonly status: string;
  readonly feed?: readonly FeedStatus[];
}
