/**
 * What the application needs from the outside. Ports are small and hold no logic; each has one contract suite in
 * `test/contracts/` that every adapter passes unchanged.
 */
import type { AlteredReceipt, Commit, SealedCommit } from '../../domain/kernel/commit';
import type { Leases } from './ports-leases';
import type { KeyWrap, SubjectKeys } from './ports-personal';
import type { Bundles, Policy } from './ports-policy';
import type { Push } from './ports-push';
import type { ToolServers } from './ports-tools';
import type { VolumeService } from './ports-volumes';

// ----------------------------------------------------------------------------------------------------------- busy

/**
 * What every method of a store, a queue or an archive rejects with when its service asks to be left alone, and went on
 * doing so for as long as the adapter had patience. It was not done: it is to be asked for again, but not at once. An
 * `append` that rejects with it has written nothing, for certain; of a call that takes several steps some may be done,
 * and do no harm when they are done again.
 */
export class StoreBusy extends Error {
  constructor(
    what: string,
    /** Milliseconds for which the service wants to be left alone. */
    readonly retryAfterMs: number,
    options?: ErrorOptions,
  ) {
    super(what, options);
  }

  /** The same in whole seconds, as `Retry-After` says it: at least 1. */
  get retryAfterSeconds(): number {
    return Math.max(1, Math.ceil(this.retryAfterMs / 1_000));
  }
}

// ---------------------------------------------------------------------------------------------------- event store

/** A state kept beside the head of a stream, so that a load need not fold from the start. */
export interface Snapshot {
  /** Version of the decider's `evolve` that made it. */
  readonly version: number;
  /** Index of the last commit that is in it. */
  readonly index: number;
  readonly state: unknown;
}

/** The end of a stream. */
export interface Head {
  readonly index: number;
  readonly hash: string;
}

export interface Append {
  readonly stream: string;
  /** Index of the last commit that the writer has seen; −1 for a new stream. */
  readonly expected: number;
  /** 1 to 99 commits, indexes from `expected + 1` without gaps, all written or none. */
  readonly commits: readonly SealedCommit[];
  readonly snapshot?: Snapshot;
}

export type AppendResult =
  | { readonly kind: 'written' }
  /** The stream does not end at `expected`; `head` is where it ends (−1: it does not exist). */
  | { readonly kind: 'conflict'; readonly head: number };

/** Opaque place in a feed. Only the store that made it can read it. */
export type Checkpoint = string;

export interface FeedPage {
  readonly commits: readonly Commit[];
  /** Where to go on after this page. */
  readonly checkpoint: Checkpoint;
  /** True when the page reached the end of what was there. */
  readonly end: boolean;
  /** Receipts on the page that are no longer what was written: they are not among the commits. */
  readonly altered?: readonly AlteredReceipt[];
}

export interface EventStore {
  /**
   * Appends durably: the promise resolves after the commits would survive a loss of power. When it rejects, with
   * another error than `StoreBusy`, they may have been written all the same.
   */
  append(append: Append): Promise<AppendResult>;
  head(stream: string): Promise<Head | undefined>;
  /**
   * The snapshot that came with an append last, if one did; with `upTo`, the last one that the store still has of those
   * up to that index. Which of the earlier ones it keeps is its own affair.
   */
  snapshot(stream: string, upTo?: number): Promise<Snapshot | undefined>;
  /**
   * Commits of one stream with `from ≤ index`, ascending, at most `limit`. Rejects with `AlteredReceipt` when one of
   * them is not what was written.
   */
  read(stream: string, from: number, limit: number): Promise<readonly Commit[]>;
  /**
   * Index of the last commit of the stream that answers the command of this name (`commandOf`); undefined when there is
   * none. It is remembered with the commit, in one step, for as long as there is the commit. Whoever asks says how far
   * they know the stream: of a commit after `version` the answer may know or not, whoever wrote it.
   */
  answered(stream: string, command: string, version: number): Promise<number | undefined>;
  /**
   * The commits after `from` (from the beginning when undefined), at most `limit`: in order per stream, at least once.
   * Rejects with RangeError when `from` is no place in this log; beyond its end none is, as far as the store can tell.
   * With `mayLag`, what was written a moment ago may be left out, and comes after this page: that costs less.
   */
  feed(from: Checkpoint | undefined, limit: number, mayLag?: boolean): Promise<FeedPage>;
  /** How many commits lie between a checkpoint and the end. */
  lag(from: Checkpoint | undefined): Promise<number>;
  /** The end of the feed now. */
  end(): Promise<Checkpoint>;
  /**
   * The newest `count` receipts at least, or all there are, in pages, the newest last; without those that are no longer
   * what was written. Costs as much as `count`, however much there is. What was written a moment ago may be missing.
   * @param now milliseconds since the epoch; a store that knows nothing but times begins from it
   */
  latest(count: number, now: number): AsyncIterable<readonly Commit[]>;
  /** Rings after an append by this process; returns the way to stop it. */
  onAppend(listener: () => void): () => void;
}

// ---------------------------------------------------------------------------------------------------------- keys

/** For how long an Idempotency-Key belongs to its first request, in milliseconds. */
export const KEY_WINDOW_MS = 24 * 60 * 60 * 1_000;

export interface KeyClaim {
  readonly tenant: string;
  /** Whose key it is; keys of two principals have nothing to do with each other. */
  readonly principal: string;
  readonly key: string;
  /** SHA-256 of the request that it comes with. */
  readonly request: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What a claim has found. */
export interface Claimed {
  /** The request that the key belongs to: that of the claim, or an earlier one of the last `KEY_WINDOW_MS`. */
  readonly request: string;
  /** Resolves when that is durable; a commit that is appended after the claim is never durable without it. */
  readonly kept: Promise<void>;
  /** How many of the oldest keys of the principal had to make room, when it has more than are kept. */
  readonly forgotten?: number;
}

/** To which request each Idempotency-Key belongs, for `KEY_WINDOW_MS`. */
export interface Keys {
  /**
   * Claims the key for a request, unless another one has it. Of two claims at once one is first, on whatever process.
   */
  claim(claim: KeyClaim): Promise<Claimed>;
}

// --------------------------------------------------------------------------------------------------------- views

/**
 * One contribution to a read model: the document that `source` (a stream) contributes under `key`. It is replaced
 * only by a contribution of a higher `index`; nothing is ever incremented.
 */
export interface ViewRow<D = unknown> {
  readonly tenant: string;
  /** Groups rows that are read together. */
  readonly key: string;
  readonly source: string;
  /** Index of the commit of `source` that the document reflects. */
  readonly index: number;
  /** null removes the contribution from every answer, yet keeps its index. */
  readonly doc: D | null;
}

export interface ViewQuery {
  readonly tenant: string;
  readonly key?: string;
  /** Rows whose key starts with this. */
  readonly keyPrefix?: string;
  /** Equality on fields of the document; one that holds an array matches when the array contains the value. */
  readonly where?: Readonly<Record<string, string | number | boolean>>;
  /** Field ≥ value. */
  readonly atLeast?: Readonly<Record<string, string | number>>;
  /** 1 to 1,000. */
  readonly limit: number;
  /** From an earlier page of the same query. */
  readonly continuation?: string;
}

export interface ViewPage<D = unknown> {
  readonly rows: readonly (ViewRow<D> & { readonly doc: D })[];
  readonly continuation?: string;
}

export interface ViewStore {
  /**
   * Declares a view (name with reducer version, for example `tasks.v1`) and the fields that queries filter on. `once`:
   * hardly any of its rows is written again, and each is asked for by its key, so that a store may keep many together.
   */
  declare(view: string, fields: readonly string[], written?: 'once'): Promise<void>;
  /** Writes contributions; an older index than the one stored is ignored. */
  put(view: string, rows: readonly ViewRow[]): Promise<void>;
  get<D>(
    view: string,
    tenant: string,
    key: string,
    source: string,
  ): Promise<(ViewRow<D> & { readonly doc: D }) | undefined>;
  /** In order of (key, source). */
  query<D>(view: string, query: ViewQuery): Promise<ViewPage<D>>;
  /** Tenants that have rows in the view. */
  tenants(view: string): Promise<readonly string[]>;
  drop(view: string): Promise<void>;
  /** Names of the views that hold rows or were declared. */
  list(): Promise<readonly string[]>;
}

// ---------------------------------------------------------------------------------------------------- checkpoints

export interface Checkpoints {
  load(name: string): Promise<Checkpoint | undefined>;
  save(name: string, checkpoint: Checkpoint): Promise<void>;
}

// ------------------------------------------------------------------------------------------------------ deadlines

/** The one timer: at `due`, `stream` is to be looked at for `reason`. At least once, late rather than never. */
export interface Deadline {
  readonly stream: string;
  readonly reason: string;
  readonly due: string;
}

export interface Deadlines {
  /** One deadline per (stream, reason): of two, the earlier stands. Looking too early is harmless, too late is not. */
  schedule(deadlines: readonly Deadline[]): Promise<void>;
  /** Those due by `now`, earliest first. They are handed out again until they are settled. */
  due(now: string, limit: number): Promise<readonly Deadline[]>;
  /**
   * In one step: removes those that were looked at, and schedules what is next. One that was scheduled for the same
   * stream and reason in the meantime stays.
   */
  settle(fired: readonly Deadline[], next: readonly Deadline[]): Promise<void>;
  /** The reasons of all that stand, each once. Left out by a store that can't list what it holds. */
  reasons?(): Promise<readonly string[]>;
}

// ----------------------------------------------------------------------------------------------------- work queue

export interface WorkItem {
  readonly id: string;
  readonly body: unknown;
  /** 1 at the first delivery. */
  readonly deliveries: number;
  /** Proves that the receiver still holds the lock. */
  readonly lock: string;
}

export interface DeadItem {
  readonly id: string;
  readonly body: unknown;
  readonly deliveries: number;
  readonly reason: string;
}

/** A queue with peek-lock and dead letters. */
export interface WorkQueue {
  /** An id that is already queued or dead is not queued again. */
  send(
    queue: string,
    items: readonly { readonly id: string; readonly body: unknown; readonly notBefore?: string }[],
  ): Promise<void>;
  /** Locks up to `limit` items for `lockSeconds`; after that they are delivered again. */
  receive(queue: string, limit: number, lockSeconds: number, now: string): Promise<readonly WorkItem[]>;
  /** False when the lock was lost. */
  complete(queue: string, item: WorkItem): Promise<boolean>;
  /** Gives the item back, not before `notBefore`; false when the lock was lost. */
  abandon(queue: string, item: WorkItem, notBefore?: string): Promise<boolean>;
  deadLetter(queue: string, item: WorkItem, reason: string): Promise<boolean>;
  dead(queue: string, limit: number, after?: string): Promise<readonly DeadItem[]>;
  /** Puts a dead item back into the queue with its deliveries counted anew; false when it is not there. */
  redrive(queue: string, id: string): Promise<boolean>;
}

// ---------------------------------------------------------------------------------------------------------- blobs

/** Large payloads, by content: the reference is `sha256:<hex>`. */
export interface BlobArchive {
  put(tenant: string, bytes: Uint8Array): Promise<string>;
  get(tenant: string, reference: string): Promise<Uint8Array | undefined>;
}

// --------------------------------------------------------------------------------------------------- checkpoints

/** Signs what a transparency log says of itself, as lines of a signed note (c2sp.org/signed-note). */
export interface LogSigner {
  /** The keys that verify what it signs in the name of a log, as verifier keys. */
  verifierKeys(name: string): readonly string[] | Promise<readonly string[]>;
  /** A line for each key. */
  sign(name: string, text: string): readonly string[] | Promise<readonly string[]>;
}

/** Keeps checkpoints where whoever changes the log can't change them. */
export interface Anchor {
  /** For reports. */
  readonly name: string;
  /**
   * Keeps the signed checkpoint of a tenant's log of so many leaves. Again is harmless. Rejects with `OtherCheckpoint`
   * where another one of that size is kept, and otherwise where the anchor can't be asked.
   */
  keep(tenant: string, size: number, note: string): Promise<void>;
}

/** An anchor holds another checkpoint of that size: it is left as it is. */
export class OtherCheckpoint extends Error {
  constructor(place: string, size: number, options?: ErrorOptions) {
    super(`${place} holds another checkpoint of ${size} leaves: it is left as it is`, options);
  }
}

// ------------------------------------------------------------------------------------------------------- presence

/** Who is there: heartbeats with a time limit. Not events; only transitions are. */
export interface Presence {
  /** Says that each key was alive at `at` (milliseconds since the epoch). */
  beat(keys: readonly string[], at: number): void;
  /** When the key was last alive, as far as is known. */
  last(key: string): Promise<number | undefined>;
  /** The keys mean nothing any more: that they were alive up to `at`, whoever has heard it, need not be kept. */
  forget(keys: readonly string[], at: number): void;
  /** Writes what other processes can't know yet; left out where there is never any. Never rejects. */
  flush?(): Promise<void>;
  /**
   * Seconds by which a beat that another process has heard may be known later here: nobody's silence is judged before
   * they have passed too. Left out where all is heard here.
   */
  readonly lateSeconds?: number;
}

// ---------------------------------------------------------------------------------------------------------- clock

/** The only clock of the application. */
export interface Clock {
  /** Milliseconds since the epoch, a whole number. In a process of ours it never goes back. */
  now(): number;
  /** Milliseconds by which the machine's own clock is ahead of this one; negative: behind. */
  drift?(): number;
}

// ------------------------------------------------------------------------------------------------------- outbound

export interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** For everything together, from the name's resolution to the end of the answer. */
  readonly timeoutMs: number;
}

/** The answer's status, and the seconds that it asks to wait; or why there was none, in words that hold no secret. */
export type WebhookAnswer = { readonly status: number; readonly retryAfter?: number } | { readonly error: string };

export interface Webhooks {
  /** Never rejects. Follows no redirect. */
  post(request: WebhookRequest): Promise<WebhookAnswer>;
}

export interface MailMessage {
  /** One mailbox. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** `<…@…>`, the same each time the message is sent. */
  readonly messageId: string;
}

/** `permanent`: the server has refused the message or its recipient for good. */
export type MailAnswer =
  { readonly ok: true } | { readonly ok: false; readonly error: string; readonly permanent: boolean };

export interface Mail {
  /** Never rejects. */
  send(message: MailMessage): Promise<MailAnswer>;
}

export interface Secrets {
  /** The tenant's own secret that a reference such as `env:OPS` names; undefined when there is none. */
  get(tenant: string, reference: string): Promise<string | undefined>;
}

export interface Outbound {
  readonly webhooks: Webhooks;
  /** undefined when no mail server is configured. */
  readonly mail: Mail | undefined;
  readonly secrets: Secrets;
  readonly tools: ToolServers;
}

// ------------------------------------------------------------------------------------------------------ publisher

export interface Publisher {
  readonly name: 'publisher';
  /** Resolves when all events of the commits are durable elsewhere; again is harmless, under the same ids. */
  handle(commits: readonly Commit[]): Promise<void>;
}

// ------------------------------------------------------------------------------------------------- orchestrations

/** The processes that wait on behalf of a round, an approval or an action: Durable Functions. They hold no truth. */
export interface Orchestrations {
  /** Starts the process that waits for the stream; does nothing when it runs already. */
  start(stream: string): Promise<void>;
  /** Tells it that the stream has changed. */
  wake(stream: string): Promise<void>;
}

// ---------------------------------------------------------------------------------------------------------- costs

/** What a store has asked of its service for one kind of operation, since the start of the process. */
export interface StoreCost {
  /** What the store asked for. */
  readonly calls: number;
  /** What went over the wire for it. */
  readonly requests: number;
  readonly requestUnits: number;
  /** Bodies, without headers. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Answers that said that there was too much of it. */
  readonly throttled: number;
}

// ------------------------------------------------------------------------------------------------------ together

/** Writes one line of the structured log. */
export type Report = (message: string, facts: Record<string, unknown>) => void;

/** Everything that a colony stands on. */
export interface Ports {
  readonly store: EventStore;
  readonly keys: Keys;
  readonly views: ViewStore;
  readonly checkpoints: Checkpoints;
  readonly deadlines: Deadlines;
  readonly queue: WorkQueue;
  readonly blobs: BlobArchive;
  readonly presence: Presence;
  /** Left out where a process is alone on its stores. */
  readonly leases?: Leases;
  /** Signs checkpoints; undefined: none are made. */
  readonly logSigner?: LogSigner;
  readonly anchors?: readonly Anchor[];
  /** The keys of people that data is about, and what wraps them; undefined: marked data is refused. */
  readonly subjectKeys?: SubjectKeys;
  readonly keyWrap?: KeyWrap;
  /** Publishes what happens, for others; undefined when nobody wants it. */
  readonly publisher?: Publisher;
  /** Tells agents at once that there may be something for them; undefined: they wait in long polls. */
  readonly push?: Push;
  /** Files that a service keeps; undefined: there are none. */
  readonly volumes?: VolumeService;
  /**
   * The receipt with the latest time among the newest; undefined where there is none. Left out where processes share
   * the log: they note it for each other.
   */
  readonly newest?: () => Promise<{ readonly ref: string; readonly at: string } | undefined>;
  /**
   * Reads what a trigger on the store's feed has handed over: commits, in order per stream; undefined for a store
   * without triggers.
   */
  readonly handed?: (documents: readonly unknown[]) => Promise<readonly Commit[]>;
  /**
   * Whether a write would be durable now: undefined when so, else why not, in words. Never rejects. It costs a write,
   * so it is not for every request; undefined for a store that has no way to ask.
   */
  readonly probe?: () => Promise<string | undefined>;
  /** By operation, of which there are few; undefined where asking costs nothing. */
  readonly costs?: () => ReadonlyMap<string, StoreCost>;
  /** What is asked before every command: bundles that are rolled out, or something that stays as it is. */
  readonly policy: Policy | Bundles;
  readonly outbound: Outbound;
  readonly clock: Clock;
  readonly report: Report;
  /** Ends what the adapters hold; called last. */
  readonly close: () => Promise<void>;
}

/** What an engine supplies; the rest is the same in both profiles. */
export type StorePorts = Omit<Ports, 'policy' | 'outbound' | 'clock' | 'report'>;
