/**
 * Audit entries: what each receipt says of who did what, with which rights, on what and to which end. Of what was
 * given and what came of it an entry has hashes and sizes, and nothing else.
 *
 * Nothing is rewritten when something ends: what lasts has an entry when it starts and another one when it ends, which
 * says how long it took.
 */
import { canonicalize, type Commit, type PolicyReceipt, sha256 } from '../kernel/commit';
import { commitRef, parseStream } from '../kernel/ids';
import type { Level, PrincipalKind } from '../kernel/principal';
import { cut, visible } from '../kernel/text';
import type { TaskEvent, TaskSpec } from '../market/task';
import type { DeliveryEvent } from '../notices/delivery';
import type { ActionEvent } from '../oversight/action';
import type { ApprovalEvent } from '../oversight/approval';
import type { RoundEvent } from '../oversight/round';
import type { DenialEvent } from './denial';

export const AUDIT_STATUSES = ['started', 'success', 'failed', 'denied'] as const;
export type AuditStatus = (typeof AUDIT_STATUSES)[number];

/** Longest error, in characters: what agents write is theirs. */
const MAX_ERROR = 500;

/** What something is called by that is not shown. */
export interface Digested {
  /** In hexadecimal: of the RFC 8785 form, or of the bytes of a payload that is kept outside. */
  readonly sha256: string;
  /** Of that form; unknown where only the hash is on record. */
  readonly bytes?: number;
}

export interface AuditEntry {
  /** `stream@index` */
  readonly receipt: string;
  /** Of the receipt. */
  readonly hash: string;
  readonly timestamp: string;
  /** The agent that acted, or that it is about; null where it is about none. */
  readonly agent_id: string | null;
  /** The person or service that acted, or that spoke for the agent. */
  readonly user: string | null;
  readonly actor_kind: PrincipalKind;
  readonly action: string;
  /** `category/id`: what it was done to. */
  readonly resource: string;
  /** What the caller might do; null where the receipt does not say it, as of what the product does itself. */
  readonly permissions: { readonly level: Level; readonly groups: readonly string[] } | null;
  readonly policy: {
    readonly decision: PolicyReceipt['decision'];
    readonly rule: string | null;
    readonly bundle: string;
    readonly approval: string | null;
  };
  readonly events: readonly string[];
  /** Of what ends an attempt: what the task gave. Else the command, where it came with an Idempotency-Key. */
  readonly input: Digested | null;
  /** Of what ends an attempt: its result. Else what was written. */
  readonly output: Digested | null;
  /** From the start to the end of what has ended; null where nothing has: a command takes effect at one time. */
  readonly duration_ms: number | null;
  readonly status: AuditStatus;
  readonly error: string | null;
  readonly correlation_id: string;
  readonly causation_id: string | null;
}

type Lasting = TaskEvent | ActionEvent | ApprovalEvent | RoundEvent | DeliveryEvent;

/** What lasts from here on. */
const STARTS: ReadonlySet<string> = new Set<Lasting['type']>([
  'TaskAccepted',
  'ActionProposed',
  'ApprovalRequested',
  'ApprovalReopened',
  'RoundOpened',
  'DeliveryRequested',
  'DeliveryRedriven',
]);
/** What has ended, and whether as it was meant to. */
const ENDS: Partial<Readonly<Record<string, AuditStatus>>> = {
  TaskCompleted: 'success',
  AttemptEnded: 'failed',
  AwardRevoked: 'failed',
  TaskCancelled: 'failed',
  TaskDeadLettered: 'failed',
  DeadlinePassed: 'failed',
  ActionExecuted: 'success',
  ActionRefused: 'failed',
  ActionVetoed: 'failed',
  ApprovalClosed: 'success',
  RoundClosed: 'success',
  RoundCancelled: 'failed',
  Delivered: 'success',
  DeliveryDead: 'failed',
} satisfies Partial<Record<Lasting['type'], AuditStatus>>;
/** Whose stream holds nothing after it that belongs to what it was given. */
const OVER: ReadonlySet<string> = new Set<Lasting['type']>(['TaskCompleted', 'TaskCancelled', 'DeadlinePassed']);

/** What is remembered of a stream in which something lasts. */
interface Started {
  readonly at?: string;
  /** What the task gives to whoever does it. */
  readonly input: Digested | null;
}

/** Takes receipts, those of a stream in their order, and says what each is in an audit. */
export class AuditTrail {
  /** By stream: no more than lasts, or waits, at a time. */
  private readonly started = new Map<string, Started>();

  next(commit: Commit): AuditEntry {
    const { stream, index, hash, at, meta, events } = commit;
    const { category, id } = parseStream(stream);
    const ending = events.find(({ type }) => ENDS[type] !== undefined);
    const before = this.started.get(stream);
    const began = before?.at;
    const ofAttempt = ending !== undefined && category === 'task';
    const status = statusOf(commit);
    const entry: AuditEntry = {
      receipt: commitRef(stream, index),
      hash,
      timestamp: at,
      agent_id: agentOf(commit, category, id),
      user:
        meta.actor.kind === 'agent' ? (meta.actor.via ?? null) : meta.actor.kind === 'system' ? null : meta.actor.id,
      actor_kind: meta.actor.kind,
      action: meta.action,
      resource: `${category}/${id}`,
      permissions:
        meta.policy.facts === undefined
          ? null
          : { level: meta.policy.facts.level, groups: meta.policy.facts.groups ?? [] },
      policy: {
        decision: meta.policy.decision,
        rule: meta.policy.entrypoint ?? null,
        bundle: meta.policy.bundle,
        approval: meta.policy.approval ?? null,
      },
      events: events.map(({ type }) => type),
      input: ofAttempt ? (before?.input ?? null) : meta.commandHash === undefined ? null : { sha256: meta.commandHash },
      output: ofAttempt ? resultOf(events as readonly TaskEvent[]) : digestOf(events),
      duration_ms: ending === undefined || began === undefined ? null : Date.parse(at) - Date.parse(began),
      status,
      error: status === 'failed' || status === 'denied' ? errorOf(commit) : null,
      correlation_id: meta.correlationId,
      causation_id: meta.causationId ?? null,
    };
    this.remember(commit, before);
    return entry;
  }

  private remember({ stream, at, events }: Commit, before: Started | undefined): void {
    let known = before;
    for (const event of events as readonly TaskEvent[]) {
      const { type } = event;
      if (type === 'TaskPosted') known = { ...known, input: givenIn(event.data.spec) };
      if (type === 'TaskCleared' && event.data.correction !== undefined)
        known = { ...known, input: givenIn(event.data.correction) ?? known?.input ?? null };
      if (type === 'TaskUnblocked' && event.data.filled !== undefined)
        known = { ...known, input: givenIn(event.data.filled) ?? known?.input ?? null };
      if (STARTS.has(type)) known = { input: known?.input ?? null, at };
      else if (OVER.has(type)) known = undefined;
      else if (ENDS[type] !== undefined) known = known?.input == null ? undefined : { input: known.input };
    }
    if (known === undefined) this.started.delete(stream);
    else if (known !== before) this.started.set(stream, known);
  }
}

function statusOf({ events, meta }: Commit): AuditStatus {
  if (meta.policy.decision === 'deny' || events.some(({ type }) => type === 'CommandDenied')) return 'denied';
  const ends = events.map(({ type }) => ENDS[type]).filter((status) => status !== undefined);
  if (ends.includes('failed') || events.some(({ type }) => type === 'DeliveryFailed')) return 'failed';
  if (ends.length > 0) return 'success';
  return events.some(({ type }) => STARTS.has(type)) ? 'started' : 'success';
}

function errorOf({ events }: Commit): string | null {
  const reasons = (events as readonly DenialEvent[]).flatMap(({ data }) => {
    const { reasons: several, reason } = (data ?? {}) as { reasons?: unknown; reason?: unknown };
    const all: readonly unknown[] = Array.isArray(several) ? several : [reason];
    return all.filter((text) => typeof text === 'string');
  });
  return reasons.length === 0 ? null : cut(visible([...new Set(reasons)].join('; ')), MAX_ERROR);
}

/** The agent that acted; else the one that is told of, or whose stream it is. */
function agentOf({ meta, events }: Commit, category: string, id: string): string | null {
  if (meta.actor.kind === 'agent') return meta.actor.id;
  if (category === 'agent') return id;
  for (const { data } of events) {
    const { agent, emitter_agent } = (data ?? {}) as { agent?: unknown; emitter_agent?: unknown };
    const named = agent ?? emitter_agent;
    if (typeof named === 'string') return named;
  }
  return null;
}

function resultOf(events: readonly TaskEvent[]): Digested | null {
  const done = events.find((event) => event.type === 'TaskCompleted')?.data;
  return done === undefined ? null : digestedOf(done.result, done.result_ref);
}

function givenIn({ payload, payload_ref }: Pick<TaskSpec, 'payload' | 'payload_ref'>): Digested | null {
  return digestedOf(payload, payload_ref);
}

function digestedOf(value: unknown, reference: string | undefined): Digested | null {
  const [, hash] = /^sha256:([0-9a-f]{64})$/.exec(reference ?? '') ?? [];
  if (hash !== undefined) return { sha256: hash };
  return value === undefined ? null : digestOf(value);
}

function digestOf(value: unknown): Digested {
  const text = canonicalize(value);
  return { sha256: sha256(text), bytes: Buffer.byteLength(text) };
}
