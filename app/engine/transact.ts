/**
 * The one way to write: load the state, ask the policy, decide, append at the expected version.
 *
 * Within a process the commands for one stream queue up in its lane and go out together (each its own commit, one
 * append), so that a thousand bidders on one stream don't fight over its version. Between processes the store's
 * expected version decides; whoever loses loads again and decides again.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  AlteredReceipt,
  canonicalize,
  checkChained,
  commandName,
  type Commit,
  type CommitMeta,
  MAX_COMMIT_BYTES,
  MAX_COMMITS_PER_APPEND,
  type PolicyReceipt,
  seal,
  type SealedCommit,
  sha256,
  type UnsealedCommit,
} from '../../domain/kernel/commit';
import { type Decider, type Decision, type Event, Rejection, upcast } from '../../domain/kernel/decider';
import { commitRef, parseStream } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { Recent } from '../../domain/kernel/recent';
import { type Time, toMillis, toTime } from '../../domain/kernel/time';
import { Denials } from './denials';
import {
  type Clock,
  type EventStore,
  KEY_WINDOW_MS,
  type Policy,
  type PolicyAnswer,
  type Snapshot,
  StoreBusy,
} from './ports';
import { traced } from './telemetry';

/** The commit that led to a command. */
export interface Cause {
  /** `stream@index` */
  readonly ref: string;
  readonly at: Time;
  readonly correlationId: string;
  readonly depth: number;
  readonly traceparent?: string;
}

/** An Idempotency-Key with the SHA-256 of what is asked under it. */
export interface Keyed {
  readonly key: string;
  readonly hash: string;
}

export interface CommandContext {
  readonly principal: Principal;
  /** What is asked for, for example `task.complete`; the policy sees it and the receipt keeps it. */
  readonly action: string;
  /**
   * The caller's Idempotency-Key with the hash of what came with it. What a principal asked of a stream with a key is
   * remembered with the commit that answers it: the same again gets that answer, something else is refused for
   * `KEY_WINDOW_MS`. A refusal is not remembered.
   */
  readonly command?: Keyed;
  /** From If-Match: the version (index of the last commit) that the caller has seen. */
  readonly expectedVersion?: number;
  /** Defaults to the cause's, else to the stream's own first, else to a new one. */
  readonly correlationId?: string;
  readonly cause?: Cause;
  /**
   * True when the stream is most likely new: it is decided upon as empty, without a load. The expected version of the
   * append proves it, or has the command decided again on what is there.
   */
  readonly creates?: boolean;
  /** True when a reaction or a deadline gives the command, not a caller: the depth of causation grows. */
  readonly reaction?: boolean;
  readonly traceparent?: string;
  /** True where a refusal by the rules leaves a receipt as well, as one by the policy always does. */
  readonly receiptOfRefusal?: boolean;
  /** Facts for the policy. */
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** What every use case gets from its edge: who asks, and how the request is to be remembered and traced. */
export type RequestContext = Omit<CommandContext, 'action' | 'attributes'>;

/** A state with its place in the stream. */
export interface Loaded<S> {
  readonly stream: string;
  readonly state: S;
  /** Index of the last commit; −1 when there is none. */
  readonly version: number;
  readonly hash: string | null;
  readonly at: Time;
  readonly correlationId: string | undefined;
}

export interface Accepted<S, E extends Event> extends Loaded<S> {
  readonly ok: true;
  /** Empty when the command changed nothing. */
  readonly events: readonly E[];
  /** The receipt; undefined when the command changed nothing. */
  readonly commit: Commit | undefined;
  /** True when this answers a command that was already done. */
  readonly repeated: boolean;
}

export interface Refused {
  readonly ok: false;
  readonly rejection: Rejection;
}

export type Outcome<S, E extends Event> = Accepted<S, E> | Refused;

/** What `onCommitted` listeners hear, after the commits are durable. */
export interface Committed {
  /** False for what another process has committed, and this one has heard of by `follow`. */
  readonly here: boolean;
  readonly stream: string;
  readonly category: string;
  readonly commits: readonly Commit[];
  readonly state: unknown;
  readonly version: number;
}

/** A reaction to a reaction to … of this depth is a storm and is refused. */
export const MAX_CAUSATION_DEPTH = 32;
/** How many altered receipts are named. */
const MAX_ALTERED = 100;
/** A snapshot is written when this many commits lie after the last one, unless it is larger than 16 KB. */
const SNAPSHOT_EVERY = 200;
const MAX_SNAPSHOT_BYTES = 16 * 1024;
const MAX_ATTEMPTS = 12;
/**
 * How long a write waits for its store, all attempts together, before its caller hears that it isn't known whether it
 * was done.
 */
const WRITE_PATIENCE_MS = 5_000;
const CACHED_STREAMS = 20_000;
const PAGE = 500;
const EPOCH = toTime(0);
const DONE = Promise.resolve();

/** What the cache holds of a stream. Plain data: it is also what a snapshot keeps. */
interface Folded {
  readonly state: unknown;
  readonly version: number;
  readonly hash: string | null;
  readonly at: Time;
  readonly correlationId: string | undefined;
  readonly snapshotAt: number;
}

type KeptFold = Omit<Folded, 'snapshotAt'>;

interface Pending {
  readonly decide: Decision<unknown, Event>;
  readonly context: CommandContext;
  readonly policy: PolicyReceipt;
  readonly resolve: (outcome: Outcome<unknown, Event>) => void;
  readonly reject: (error: unknown) => void;
}

/** An error is a decision that threw: a defect, answered to its own caller alone. */
type Decided = Outcome<unknown, Event> | Error;

/** The refusal of a key that came before with another request. */
export const KEY_REUSED = new Rejection(
  'invalid',
  'idempotency-key-reused',
  'this Idempotency-Key came before with another request: use a new key for a new request',
);

const NO_ANSWERS: ReadonlyMap<Pending, Commit> = new Map();

interface Lane {
  readonly decider: Decider<unknown, Event>;
  readonly waiting: Pending[];
  /** The batch that is under way. */
  running: Promise<void>;
}

/** The store can't be reached, or stays contended. Retry later; nothing is half-written. */
export class StoreUnavailable extends Error {}

export interface TransactorOptions {
  /** How many streams' states are kept in memory at least. */
  readonly cachedStreams?: number;
  /** A number in [0, 1) for the jitter of retries. */
  readonly random?: () => number;
}

export class Transactor {
  private readonly cache: Recent<string, Folded>;
  /** The last commit of this process by stream. */
  private readonly made: Recent<string, number>;
  private readonly lanes = new Map<string, Lane>();
  private readonly listeners = new Set<(committed: Committed) => void>();
  private commanded: ((context: CommandContext) => void) | undefined;
  private readonly denials: Denials;
  private readonly alteredStreams = new Map<string, AlteredReceipt>();
  private readonly random: () => number;

  constructor(
    private readonly store: EventStore,
    private readonly policy: Policy,
    private readonly clock: Clock,
    private readonly newId: () => string,
    options: TransactorOptions = {},
  ) {
    this.cache = new Recent(options.cachedStreams ?? CACHED_STREAMS);
    this.made = new Recent(options.cachedStreams ?? CACHED_STREAMS);
    this.random = options.random ?? Math.random;
    this.denials = new Denials(this, clock);
  }

  /**
   * Hears every commit of this process right after it is durable, and those that it follows. A listener must not throw.
   */
  onCommitted(listener: (committed: Committed) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Hears who gives a command by itself, before it is decided. A listener must not throw. */
  onCommand(listener: (context: CommandContext) => void): void {
    this.commanded = listener;
  }

  /**
   * Decides on `stream` and appends what was decided.
   *
   * Resolves with the accepted outcome (events, new state, receipt), or with the refusal. Rejects only with
   * `StoreUnavailable`, after which the command may or may not have happened: give it again with the same key; or with
   * `StoreBusy`, after which it has not happened: give it again, but not at once.
   */
  async transact<S, E extends Event>(
    decider: Decider<S, E>,
    stream: string,
    decide: Decision<S, E>,
    context: CommandContext,
  ): Promise<Outcome<S, E>> {
    const { tenant, category } = parseStream(stream);
    if (category !== decider.category) throw new Error(`${stream} is not a ${decider.category}`);
    if (tenant !== context.principal.tenant)
      throw new Error(`${context.principal.id} of ${context.principal.tenant} can't write ${stream}`);
    if (context.reaction !== true) this.commanded?.(context);
    if (depthOf(context) > MAX_CAUSATION_DEPTH) {
      return {
        ok: false,
        rejection: new Rejection(
          'conflict',
          'causation-too-deep',
          `more than ${MAX_CAUSATION_DEPTH} reactions led here: the chain was stopped`,
        ),
      };
    }
    const evaluated = this.policy.evaluate({
      principal: context.principal,
      action: context.action,
      resource: stream,
      attributes: context.attributes,
    });
    const answer = evaluated instanceof Promise ? await evaluated : evaluated;
    const { bundle, decision, input, reasons } = answer;
    const receipt: PolicyReceipt = { bundle, decision, input };
    if (receipt.decision !== 'allow') {
      await this.denials.record(context, stream, receipt, reasons);
      return {
        ok: false,
        rejection: new Rejection(
          'forbidden',
          receipt.decision === 'deny' ? 'policy-denied' : 'approval-needed',
          `the policy answered ${receipt.decision}: ${reasons.join('; ')}`,
          { reasons },
        ),
      };
    }
    const parent = context.traceparent ?? context.cause?.traceparent;
    const outcome = await traced(
      `transact ${context.action}`,
      'internal',
      parent,
      { 'formicary.stream': stream },
      (traceparent) =>
        this.enqueue(decider, stream, decide, traceparent === parent ? context : { ...context, traceparent }, receipt),
    );
    if (!outcome.ok && context.receiptOfRefusal === true)
      await this.denials.record(context, stream, receipt, [`${outcome.rejection.code}: ${outcome.rejection.message}`]);
    return outcome;
  }

  /**
   * The altered receipts that were come across, one a stream, up to a hundred: their streams are neither read nor
   * written.
   */
  get altered(): readonly AlteredReceipt[] {
    return [...this.alteredStreams.values()];
  }

  /** Remembers that a receipt is not what was written. */
  noteAltered(receipt: AlteredReceipt): void {
    if (this.alteredStreams.size < MAX_ALTERED || this.alteredStreams.has(receipt.stream))
      this.alteredStreams.set(receipt.stream, receipt);
  }

  /** What the policy says of an action that is yet to come. */
  async ask(
    principal: Principal,
    action: string,
    resource: string,
    attributes: Readonly<Record<string, unknown>>,
  ): Promise<PolicyAnswer> {
    return await this.policy.evaluate({ principal, action, resource, attributes });
  }

  /** The policy-free inner half of `transact`, for the denial receipts themselves. */
  enqueue<S, E extends Event>(
    decider: Decider<S, E>,
    stream: string,
    decide: Decision<S, E>,
    context: CommandContext,
    policy: PolicyReceipt,
  ): Promise<Outcome<S, E>> {
    return new Promise<Outcome<S, E>>((resolve, reject) => {
      const pending = { decide, context, policy, resolve, reject } as unknown as Pending;
      const lane = this.lanes.get(stream);
      if (lane !== undefined) {
        lane.waiting.push(pending);
        return;
      }
      const opened: Lane = {
        decider: decider as unknown as Decider<unknown, Event>,
        waiting: [pending],
        running: DONE,
      };
      this.lanes.set(stream, opened);
      void this.drain(stream, opened);
    });
  }

  /**
   * The state of a stream now: from the cache, else folded from the store. A stream without commits has the initial
   * state.
   */
  async load<S, E extends Event>(decider: Decider<S, E>, stream: string): Promise<Loaded<S>> {
    const cached = this.cache.get(stream);
    return view<S>(stream, cached ?? (await this.fetch(decider as unknown as Decider<unknown, Event>, stream)));
  }

  /**
   * The state of a stream as the store has it now. What `load` answers from the cache can lag behind another process:
   * good enough to show or to try with, not to tell a caller no, to drop a deadline or to free a slot by.
   */
  async current<S, E extends Event>(decider: Decider<S, E>, stream: string): Promise<Loaded<S>> {
    const cached = this.cache.get(stream);
    const head = await this.reached(stream, this.store.head(stream));
    const folded =
      cached?.version === (head?.index ?? -1) && cached.hash === (head?.hash ?? null)
        ? cached
        : await this.fetch(decider as unknown as Decider<unknown, Event>, stream);
    return view<S>(stream, folded);
  }

  /** The cached state, if there is one: for hot paths that can do without. */
  peek<S>(stream: string): Loaded<S> | undefined {
    const cached = this.cache.get(stream);
    return cached === undefined ? undefined : view<S>(stream, cached);
  }

  /**
   * Sees to it that the next `load` holds commit `index`, which the feed has shown: nothing has to be done when the
   * cache holds it, which is the usual case. A commit of this process can be in the feed before its own answer has
   * come; that is waited for, which is much cheaper than reading the stream.
   */
  catchUp(stream: string, index: number): Promise<void> | undefined {
    const cached = this.cache.get(stream);
    if (cached !== undefined && cached.version >= index) return undefined;
    const lane = this.lanes.get(stream);
    if (lane === undefined) {
      if (cached !== undefined) this.cache.delete(stream);
      return undefined;
    }
    return lane.running.then(
      () => this.forgetBelow(stream, index),
      () => this.forgetBelow(stream, index),
    );
  }

  private forgetBelow(stream: string, index: number): void {
    const cached = this.cache.get(stream);
    if (cached !== undefined && cached.version < index) this.cache.delete(stream);
  }

  /**
   * Takes in what the feed shows of one stream, in order: what another process has made is folded on to the cached
   * state, and listeners hear of it.
   */
  async follow<S, E extends Event>(decider: Decider<S, E>, stream: string, commits: readonly Commit[]): Promise<void> {
    const known = decider as unknown as Decider<unknown, Event>;
    const index = (commits.at(-1) as Commit).index;
    const lane = this.lanes.get(stream);
    // A commit of this process can be in the feed before its own answer has come.
    if (lane !== undefined) await lane.running.catch(() => undefined);
    if ((this.made.get(stream) ?? -1) >= index) return;
    let folded = this.cache.peek(stream) ?? empty(known);
    if (folded.version < index) {
      for (const commit of commits)
        if (commit.index === folded.version + 1 && commit.previousHash === folded.hash)
          folded = fold(known, folded, commit);
      if (folded.version < index) folded = await this.fetch(known, stream);
      else this.keep(stream, folded);
    }
    const committed: Committed = {
      here: false,
      stream,
      category: decider.category,
      commits,
      state: folded.state,
      version: folded.version,
    };
    for (const listener of this.listeners) listener(committed);
  }

  /** The state as it was: after the last commit whose time is not after `asOf`, or after commit `upTo`. */
  async loadAt<S, E extends Event>(
    decider: Decider<S, E>,
    stream: string,
    bound: { readonly asOf: Time } | { readonly upTo: number },
  ): Promise<Loaded<S>> {
    const known = decider as unknown as Decider<unknown, Event>;
    const upTo = 'asOf' in bound ? undefined : bound.upTo;
    let folded = upTo === undefined ? empty(known) : await this.fromSnapshot(known, stream, upTo);
    for await (const commit of this.after(stream, folded)) {
      if ('asOf' in bound ? commit.at > bound.asOf : commit.index > bound.upTo) break;
      folded = fold(known, folded, commit);
    }
    return view<S>(stream, folded);
  }

  /** A receipt as a cause, or undefined when there is no such commit. */
  async cause(stream: string, index: number): Promise<Cause | undefined> {
    const commit = await this.commit(stream, index);
    return commit === undefined ? undefined : causeOf(commit);
  }

  /** One receipt, or undefined when there is no such commit. */
  async commit(stream: string, index: number): Promise<Commit | undefined> {
    const [commit] = await this.reached(stream, this.store.read(stream, index, 1));
    return commit?.index === index ? commit : undefined;
  }

  /** Every commit of a stream, in order. */
  async *commits(stream: string, from = 0): AsyncGenerator<Commit> {
    for (let next = from; ;) {
      const page = await this.reached(stream, this.store.read(stream, next, PAGE));
      yield* page;
      if (page.length < PAGE) return;
      next = (page.at(-1)?.index ?? next) + 1;
      // A store that answers at once gives nobody else a turn, and a long stream has many pages.
      await nextTurn();
    }
  }

  /** The commits that come after a place, each checked to follow from the one before it. Throws `AlteredReceipt`. */
  private async *after(stream: string, { version, hash }: Pick<Folded, 'version' | 'hash'>): AsyncGenerator<Commit> {
    let before = { index: version, hash };
    for await (const commit of this.commits(stream, version + 1)) {
      this.noticing(() => checkChained(stream, before, commit));
      yield commit;
      before = commit;
    }
  }

  /** The last snapshot up to `upTo`, when it is of this decider and of this very stream; else the beginning. */
  private async fromSnapshot(decider: Decider<unknown, Event>, stream: string, upTo?: number): Promise<Folded> {
    const snapshot = await this.reached(stream, this.store.snapshot(stream, upTo));
    if (snapshot?.version !== decider.version) return empty(decider);
    const kept = snapshot.state as KeptFold;
    // What it was made from has to be what is there: a snapshot is trusted no more than the receipt that it names.
    const commit = await this.commit(stream, snapshot.index);
    if (commit === undefined || kept.version !== snapshot.index || commit.hash !== kept.hash) return empty(decider);
    const { state, version, hash, at, correlationId } = kept;
    return { state, version, hash, at, correlationId, snapshotAt: snapshot.index };
  }

  private async drain(stream: string, lane: Lane): Promise<void> {
    while (lane.waiting.length > 0) {
      const batch = lane.waiting.splice(0, MAX_COMMITS_PER_APPEND);
      try {
        await (lane.running = this.run(stream, lane.decider, batch));
      } catch (error) {
        // A busy store isn't asked again for those behind, who would only wait in turn to hear the same.
        const behind = error instanceof StoreBusy ? lane.waiting.splice(0) : [];
        for (const pending of [...batch, ...behind]) pending.reject(error);
      }
    }
    this.lanes.delete(stream);
  }

  /** Decides a batch of commands, appends what they decided, and answers them. Answering twice is harmless. */
  private async run(stream: string, decider: Decider<unknown, Event>, batch: readonly Pending[]): Promise<void> {
    let cached = this.cache.get(stream) ?? (batch[0]?.context.creates === true ? empty(decider) : undefined);
    for (let attempt = 1; ; attempt += 1) {
      const fresh = cached === undefined;
      const loaded = cached ?? (await this.fetch(decider, stream));
      const decided = await this.decideAll(stream, decider, loaded, batch, fresh);
      if (decided === 'stale') {
        if (attempt >= MAX_ATTEMPTS) throw contended(stream);
        cached = undefined;
        continue;
      }
      const { outcomes, sealed, folded } = decided;
      const snapshot = snapshotOf(decider, loaded, folded);
      if (sealed.length > 0) {
        const written = await this.append(stream, loaded.version, sealed, snapshot);
        if (!written) {
          this.cache.delete(stream);
          cached = undefined;
          if (attempt >= MAX_ATTEMPTS) throw contended(stream);
          await pause(Math.min(200, 2 ** attempt) * this.random());
          continue;
        }
      }
      this.keep(stream, snapshot === undefined ? folded : { ...folded, snapshotAt: folded.version });
      if (sealed.length > 0) {
        this.made.set(stream, folded.version);
        const committed: Committed = {
          here: true,
          stream,
          category: decider.category,
          commits: sealed.map(({ commit }) => commit),
          state: folded.state,
          version: folded.version,
        };
        for (const listener of this.listeners) listener(committed);
      }
      batch.forEach((pending, i) => {
        const outcome = outcomes[i] as Decided;
        if (outcome instanceof Error) pending.reject(outcome);
        else pending.resolve(outcome);
      });
      return;
    }
  }

  /**
   * Runs the decisions one after the other, each on the state that the one before it left. A refusal, and an answer
   * without events, is never taken from a stale cache: `'stale'` asks for a load.
   */
  private async decideAll(
    stream: string,
    decider: Decider<unknown, Event>,
    loaded: Folded,
    batch: readonly Pending[],
    loadedNow: boolean,
  ): Promise<'stale' | { outcomes: Decided[]; sealed: SealedCommit[]; folded: Folded }> {
    let fresh = loadedNow;
    let folded = loaded;
    const outcomes: Decided[] = [];
    const sealed: SealedCommit[] = [];
    const answers = await this.answersTo(stream, batch, loaded.version);
    if (answers === 'stale') return 'stale';
    for (const pending of batch) {
      let outcome: Decided | { sealed: SealedCommit; folded: Folded };
      try {
        const earlier = inBatch(sealed, pending.context) ?? answers.get(pending);
        if (earlier === undefined) outcome = this.decideOne(stream, decider, folded, pending);
        else if (earlier.meta.commandHash !== pending.context.command?.hash)
          outcome = { ok: false, rejection: KEY_REUSED };
        else {
          const first = outcomes.find((other) => !(other instanceof Error) && other.ok && other.commit === earlier) as
            Accepted<unknown, Event> | undefined;
          outcome = first === undefined ? await this.repeat(stream, decider, earlier) : { ...first, repeated: true };
        }
      } catch (error) {
        outcome = error instanceof Error ? error : new Error(String(error));
      }
      if (outcome instanceof Error) {
        outcomes.push(outcome);
        continue;
      }
      if ('sealed' in outcome) {
        sealed.push(outcome.sealed);
        folded = outcome.folded;
        const { commit } = outcome.sealed;
        const { state, version, hash, at, correlationId } = folded;
        outcomes.push({
          ok: true,
          stream,
          state,
          version,
          hash,
          at,
          correlationId,
          events: commit.events,
          commit,
          repeated: false,
        });
        continue;
      }
      if (!fresh) {
        if (
          (await this.reached(stream, this.store.head(stream)))?.index !==
          (loaded.version < 0 ? undefined : loaded.version)
        )
          return 'stale';
        fresh = true;
      }
      outcomes.push(outcome);
    }
    return { outcomes, sealed, folded };
  }

  private decideOne(
    stream: string,
    decider: Decider<unknown, Event>,
    folded: Folded,
    { decide, context, policy }: Pending,
  ): Outcome<unknown, Event> | { sealed: SealedCommit; folded: Folded } {
    const stale = staleness(context.expectedVersion, folded.version);
    if (stale !== undefined) return { ok: false, rejection: stale };
    const decision = decide(folded.state);
    if (decision instanceof Rejection) return { ok: false, rejection: decision };
    if (decision.length === 0)
      return { ok: true, ...view(stream, folded), events: [], commit: undefined, repeated: true };
    const unsealed = this.unsealed(stream, folded, decision, context, policy);
    const sealed = seal(unsealed);
    if (sealed.body.length > MAX_COMMIT_BYTES || Buffer.byteLength(sealed.body) > MAX_COMMIT_BYTES) {
      return {
        ok: false,
        rejection: new Rejection(
          'invalid',
          'too-large',
          `the receipt would be larger than ${MAX_COMMIT_BYTES} bytes: send less, or a reference`,
        ),
      };
    }
    return { sealed, folded: fold(decider, folded, sealed.commit) };
  }

  private unsealed(
    stream: string,
    folded: Folded,
    events: readonly Event[],
    context: CommandContext,
    policy: PolicyReceipt,
  ): UnsealedCommit {
    const { principal, action, command, cause } = context;
    // A hybrid logical clock: a machine's clock may lag, the order of causes may not.
    const now = toTime(this.clock.now());
    let at = now;
    if (folded.at > at) at = folded.at;
    if (cause !== undefined && cause.at > at) at = cause.at;
    // Properties in the order of the canonical form, which then need not sort them.
    const meta: CommitMeta = {
      action,
      actor: { id: principal.id, kind: principal.kind },
      causationId: cause?.ref,
      commandHash: command?.hash,
      commandId: command?.key,
      correlationId: context.correlationId ?? cause?.correlationId ?? folded.correlationId ?? this.newId(),
      depth: depthOf(context),
      id: this.newId(),
      policy,
      traceparent: context.traceparent ?? cause?.traceparent,
    };
    return { at, events, index: folded.version + 1, meta, previousHash: folded.hash, stream };
  }

  /**
   * The commits of the stream that answer commands of the batch that came before; `'stale'` when one lies beyond
   * `version`.
   */
  private async answersTo(
    stream: string,
    batch: readonly Pending[],
    version: number,
  ): Promise<ReadonlyMap<Pending, Commit> | 'stale'> {
    const keyed = version < 0 ? [] : batch.filter(({ context }) => context.command !== undefined);
    if (keyed.length === 0) return NO_ANSWERS;
    const answers = new Map<Pending, Commit>();
    const found = keyed.map(async (pending) => {
      const { principal, command } = pending.context as CommandContext & { command: Keyed };
      const index = await this.reached(stream, this.store.answered(stream, commandName(principal.id, command.key)));
      if (index === undefined || index > version) return index !== undefined;
      const commit = await this.commit(stream, index);
      if (commit === undefined)
        throw new StoreUnavailable(`${commitRef(stream, index)} can't be read: try again later`);
      // What came with another request is forgotten after the window.
      if (commit.meta.commandHash === command.hash || toMillis(commit.at) + KEY_WINDOW_MS > this.clock.now())
        answers.set(pending, commit);
      return false;
    });
    return (await Promise.all(found)).includes(true) ? 'stale' : answers;
  }

  /** The first answer of a command that comes again: its receipt, and the state as it was then. */
  private async repeat(
    stream: string,
    decider: Decider<unknown, Event>,
    commit: Commit,
  ): Promise<Outcome<unknown, Event>> {
    return {
      ok: true,
      ...(await this.loadAt(decider, stream, { upTo: commit.index })),
      events: commit.events,
      commit,
      repeated: true,
    };
  }

  /**
   * Appends; true when the commits are in the store. When the answer is lost, the store is asked whether they are
   * there: a commit is recognised by its place and its hash, and is not written again. A store that is busy is not
   * asked again: at the first attempt nothing is written, later it isn't known what an earlier one has done.
   */
  private async append(
    stream: string,
    expected: number,
    sealed: readonly SealedCommit[],
    snapshot: Snapshot | undefined,
  ): Promise<boolean> {
    const end = performance.now() + WRITE_PATIENCE_MS;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const result = await by(end, this.store.append({ stream, expected, commits: sealed, snapshot }));
        if (result.kind === 'written') return true;
        // After a lost answer the conflict may be with these very commits. Not knowing is no answer: it counts as a
        // failure.
        return attempt > 1 && (await this.holds(stream, sealed));
      } catch (error) {
        if (error instanceof RangeError || (error instanceof StoreBusy && attempt === 1)) throw error;
        if (error instanceof StoreBusy || attempt >= 4 || performance.now() >= end) throw unwritten(stream, error);
        await pause(2 ** attempt * 5 * this.random());
        try {
          if (await by(end, this.holds(stream, sealed))) return true;
        } catch (unasked) {
          if (unasked instanceof StoreBusy) throw unwritten(stream, unasked);
        }
      }
    }
  }

  private async holds(stream: string, sealed: readonly SealedCommit[]): Promise<boolean> {
    const first = sealed[0] as SealedCommit;
    const found = await this.store.read(stream, first.commit.index, sealed.length);
    return found.length === sealed.length && found.every((commit, i) => commit.hash === sealed[i]?.commit.hash);
  }

  private async fetch(decider: Decider<unknown, Event>, stream: string): Promise<Folded> {
    let folded = await this.fromSnapshot(decider, stream);
    for await (const commit of this.after(stream, folded)) folded = fold(decider, folded, commit);
    const current = this.cache.get(stream);
    if (current !== undefined && current.version >= folded.version) return current;
    this.keep(stream, folded);
    return folded;
  }

  /**
   * What the store answers. When it can't, that is `StoreBusy`, `AlteredReceipt` or `StoreUnavailable`, whatever the
   * adapter threw.
   */
  private async reached<T>(stream: string, answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof AlteredReceipt) this.noteAltered(error);
      if (error instanceof StoreBusy || error instanceof AlteredReceipt) throw error;
      throw new StoreUnavailable(`${stream} could not be read: ${messageOf(error)}`, { cause: error });
    }
  }

  private noticing(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (error instanceof AlteredReceipt) this.noteAltered(error);
      throw error;
    }
  }

  private keep(stream: string, folded: Folded): void {
    if (folded.version < 0) return;
    this.cache.set(stream, folded);
  }
}

/**
 * The outcome of one command of several that come together, also where the store could not do it: others may be
 * written, and whoever gave them has to know of each. What can't be answered with that rejects still.
 */
export async function settled<T extends { readonly ok: boolean }>(outcome: Promise<T>): Promise<T | Refused> {
  try {
    return await outcome;
  } catch (error) {
    const rejection = rejectionOf(error);
    if (rejection === undefined) throw error;
    return { ok: false, rejection };
  }
}

function rejectionOf(error: unknown): Rejection | undefined {
  if (error instanceof StoreBusy)
    return new Rejection('unavailable', 'store-busy', `${error.message}: give it again later, with the same key`, {
      retryAfterSeconds: error.retryAfterSeconds,
    });
  if (error instanceof StoreUnavailable)
    return new Rejection(
      'unavailable',
      'store-unavailable',
      `it is not known whether this was done: give it again, with the same key (${error.message})`,
      { retryAfterSeconds: 1 },
    );
  if (error instanceof AlteredReceipt)
    return new Rejection('broken', 'receipt-altered', error.message, { receipt: error.ref });
  return undefined;
}

/** The refusal of a change that was meant for another version, if it was. */
export function staleness(expected: number | undefined, version: number): Rejection | undefined {
  if (expected === undefined || expected === version) return undefined;
  return new Rejection(
    'precondition',
    'version-mismatch',
    `If-Match names version ${expected}, the version is ${version}: read it again`,
    { version },
  );
}

/** The hash under which a command's body is remembered. */
export function commandHash(body: unknown): string {
  return sha256(canonicalize(body ?? null));
}

/** A commit as the cause of what follows from it. */
export function causeOf(commit: Pick<Commit, 'stream' | 'index' | 'at' | 'meta'>): Cause {
  return {
    ref: commitRef(commit.stream, commit.index),
    at: commit.at,
    correlationId: commit.meta.correlationId,
    depth: commit.meta.depth,
    traceparent: commit.meta.traceparent,
  };
}

function depthOf(context: CommandContext): number {
  return context.reaction === true && context.cause !== undefined ? context.cause.depth + 1 : 0;
}

function empty(decider: Decider<unknown, Event>): Folded {
  return { state: decider.initial, version: -1, hash: null, at: EPOCH, correlationId: undefined, snapshotAt: -1 };
}

function fold(decider: Decider<unknown, Event>, folded: Folded, commit: Commit): Folded {
  const { correlationId } = commit.meta;
  const place = { stream: commit.stream, index: commit.index, at: commit.at, correlationId };
  let state = folded.state;
  for (const event of commit.events) state = decider.evolve(state, upcast(decider, event), place);
  return {
    state,
    version: commit.index,
    hash: commit.hash,
    at: commit.at,
    correlationId: folded.correlationId ?? correlationId,
    snapshotAt: folded.snapshotAt,
  };
}

/** The commit of the batch that answers the command, when an earlier one of the batch was the same. */
function inBatch(sealed: readonly SealedCommit[], { principal, command }: CommandContext): Commit | undefined {
  if (command === undefined) return undefined;
  return sealed.find(({ commit: { meta } }) => meta.commandId === command.key && meta.actor.id === principal.id)
    ?.commit;
}

/**
 * The snapshot that goes with an append from `before` to `after`: one is tried each time that many commits have come.
 */
function snapshotOf(decider: Decider<unknown, Event>, before: Folded, after: Folded): Snapshot | undefined {
  const since = (folded: Folded) => Math.floor((folded.version - after.snapshotAt) / SNAPSHOT_EVERY);
  if (since(after) <= since(before)) return undefined;
  const { snapshotAt: _, ...kept } = after;
  if (JSON.stringify(kept).length > MAX_SNAPSHOT_BYTES) return undefined;
  return { version: decider.version, index: after.version, state: kept };
}

function view<S>(stream: string, folded: Folded): Loaded<S> {
  return {
    stream,
    state: folded.state as S,
    version: folded.version,
    hash: folded.hash,
    at: folded.at,
    correlationId: folded.correlationId,
  };
}

function contended(stream: string): StoreUnavailable {
  return new StoreUnavailable(`${stream} stays contended after ${MAX_ATTEMPTS} attempts: try again later`);
}

function unwritten(stream: string, error: unknown): StoreUnavailable {
  return new StoreUnavailable(`${stream} could not be written: ${messageOf(error)}`, { cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The answer, if it has come by `end`, in milliseconds as `performance.now` counts them; else an error. */
async function by<T>(end: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    // A process that was away for a while reads first what has come meanwhile.
    timer = setTimeout(
      () => setImmediate(reject, new Error(`the store gave no answer within ${WRITE_PATIENCE_MS} ms`)),
      Math.max(0, end - performance.now()),
    );
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
    late.catch(() => undefined);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
