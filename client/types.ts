/** What goes over the wire, as the client sees it. Field names are the wire's; where the rules have a type, it is theirs. */
import type { AgentProfile, AgentState, Deployment, StandingOffer } from '../domain/agent';
import type { AgentTypeEntry, CostTier, CustomEntry, SearchField } from '../domain/catalogue';
import type { Commit } from '../domain/kernel/commit';
import type { Objective, PoolCondition, PoolSample } from '../domain/pool';
import type { Deprecation, ToolDefinition, ToolState } from '../domain/tool';
import type { Signal } from '../domain/trail';
import type { Claim, Requirement, TaskSpec, TaskState, TaskStatus } from '../domain/task';

export type { AgentTypeEntry, Claim, Commit, CustomEntry, Objective };
export type { CausalChain, CausalNode } from '../domain/causality';
export type { AwardFault, Recomputation } from '../domain/task';

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
  /** What makes a retry safe: a new one for each command by default; `false` sends none, and then nothing is retried. */
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
  readonly limits?: { readonly presence_seconds?: number } & Partial<Pick<StandingOffer, 'max_effort' | 'min_strength'>>;
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

export interface Inbox {
  readonly items: readonly (Assignment | Offer)[];
  /** Give it back as `offersAfter`, so that an offer is not shown twice. */
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

// ----------------------------------------------------------------------------------------------------------- tasks

export interface TaskInput extends Partial<Pick<TaskSpec, 'priority' | 'urgency' | 'location' | 'effort' | 'deadline' | 'payload' | 'bid_seconds' | 'accept_seconds' | 'lease_seconds' | 'max_attempts' | 'retry_seconds'>> {
  readonly id?: string;
  readonly task_type: string;
  readonly requires?: readonly (Pick<Requirement, 'capability'> & Partial<Requirement>)[];
  /** The receipt (`stream@index`) that led to this task. */
  readonly cause?: string;
}

export interface Task extends TaskSpec, Pick<TaskState, 'attempts' | 'awards' | 'history' | 'correlation_id'>, Partial<Pick<TaskState, 'holder' | 'progress' | 'completion' | 'finished_at'>> {
  readonly id: string;
  readonly version: number;
  readonly status: Exclude<TaskStatus, 'unknown'>;
  /** Of its signal, 0 to 1, while it is open. */
  readonly strength?: number;
  /** How many have bid in this attempt. */
  readonly bids: number;
  readonly posted_at: string;
}

/** A task as lists show it. */
export interface TaskSummary extends Pick<TaskSpec, 'task_type' | 'priority' | 'requester'> {
  readonly id: string;
  readonly status: Exclude<TaskStatus, 'unknown'>;
  readonly location: string | null;
  readonly attempts: number;
  readonly award: number;
  /** Who holds it, or who completed it. */
  readonly agent: string | null;
  readonly posted_at: string | null;
  readonly deadline: string | null;
  readonly finished_at: string | null;
  readonly correlation_id: string;
}

export interface TaskFilter {
  readonly status?: Exclude<TaskStatus, 'unknown'>;
  readonly agent?: string;
  readonly task_type?: string;
  /** Size of a page, 1 to 1,000. */
  readonly limit?: number;
}

export interface TaskAnswer {
  readonly receipt: Receipt;
  readonly task: Task;
}

/** One answer of a batch: a receipt, or the problem that kept this task out. */
export type Posted = { readonly id: string } & ({ readonly receipt: Receipt; readonly problem?: undefined } | { readonly receipt?: undefined; readonly problem: ProblemDocument });

/** Who holds the task under which award; the agent is the caller when left out. */
export type ClaimInput = Pick<Claim, 'award'> & Partial<Claim>;

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

export type ToolInput = Pick<ToolDefinition, 'tool_name' | 'description' | 'schema' | 'version'> & Partial<ToolDefinition>;

export type Tool = ToolState;

/** One version of a tool. */
export type ToolVersion = Omit<ToolState, 'latest'> & { readonly definition: ToolDefinition };

/** A tool as searches show it. */
export interface ToolSummary extends Pick<ToolDefinition, 'tool_name' | 'description' | 'sandbox_level' | 'operations' | 'owner' | 'version' | 'tags'> {
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

// -------------------------------------------------------------------------------------------------------- receipts

export interface ReceiptFilter {
  readonly category?: string;
  readonly correlation?: string;
}

export interface ReceiptPage extends Page<Commit> {
  /** Where to go on. */
  readonly after: string;
}

/** A commit as it comes, and the place to follow on from: whoever does misses nothing, and may see a few commits again. */
export interface Followed {
  readonly commit: Commit;
  readonly after: string | undefined;
}

// ------------------------------------------------------------------------------------------------------- operation

export type Consumer = 'views' | 'reactions';

export interface FeedStatus {
  readonly consumer: string;
  /** Commits between what it has handled and the end of the log. */
  readonly lag: number;
  readonly parked: number;
}

/** A commit that a consumer has given up on. */
export interface Parked {
  readonly id: string;
  readonly body: { readonly stream: string; readonly index: number; readonly error: string };
  readonly deliveries: number;
  readonly reason: string;
}

export interface ViewStatus {
  readonly view: string;
  /** The name that queries read. */
  readonly serving: string;
  /** What is being built beside it, and how many commits are left to read. */
  readonly building: { readonly name: string; readonly left: number } | null;
  readonly lag: number;
}

export interface Status {
  readonly feed: readonly FeedStatus[];
  readonly views: readonly ViewStatus[];
  readonly open_tasks: number;
}

export interface Health {
  readonly status: string;
  readonly feed?: readonly FeedStatus[];
}
