/**
 * What a process knows of the streams: their states, folded from the store, from a snapshot or from the cache, and the
 * receipts that they are folded from. It writes nothing.
 */
import { AlteredReceipt, checkChained, type Commit } from '../../domain/kernel/commit';
import type { Decider, Event } from '../../domain/kernel/decider';
import { foldCommit } from '../../domain/kernel/fold';
import { parseStream, placeIn } from '../../domain/kernel/ids';
import { Recent } from '../../domain/kernel/recent';
import { roughSize } from '../../domain/kernel/size';
import { type Time, toTime } from '../../domain/kernel/time';
import { type EventStore, type Head, type Snapshot, StoreBusy } from './ports';
import { messageOf, StoreUnavailable } from './reachable';
import { Slices, soon } from './turns';

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

/** What the cache holds of a stream. Plain data: it is also what a snapshot keeps. */
export interface Folded {
  readonly state: unknown;
  readonly version: number;
  readonly hash: string | null;
  readonly at: Time;
  readonly correlationId: string | undefined;
  /** Index of the last commit that is in the newest snapshot; −1 when there is none. */
  readonly snapshotAt: number;
}

type KeptFold = Omit<Folded, 'snapshotAt'>;

/** A decider whose types nobody needs to know: those of the state and of the events that a stream gives. */
export type AnyDecider = Decider<unknown, Event>;

/** How many altered receipts are named. */
const MAX_ALTERED = 100;
/**
 * A snapshot is tried each time that this many commits have come, and written unless it is larger than 16 KB for every
 * so many commits since the last one: a large state has one the less often, so that snapshots never cost a commit more.
 */
const SNAPSHOT_EVERY = 50;
const SNAPSHOT_BYTES = 16 * 1024;
/** What every store keeps as one document. */
const MAX_SNAPSHOT_BYTES = 1_500_000;
/** What is kept in memory: streams, and bytes of their states; twice as much at most. */
const CACHED_STREAMS = 20_000;
const CACHED_BYTES = 32 * 1024 * 1024;
/** Receipts that are read in one go. */
const PAGE = 100;
const EPOCH = toTime(0);

/** How many streams' states are kept in memory at least, as long as they take no more bytes. */
export interface CacheBounds {
  readonly cachedStreams?: number;
  readonly cachedBytes?: number;
}

/** What may write them says what is under way. */
export abstract class Streams {
  private readonly cache: Recent<string, Folded>;
  /** The last commit of this process by stream. */
  private readonly made: Recent<string, number>;
  /** By stream that was not cached as far: the last commit that the feed has shown. */
  private readonly shown: Recent<string, number>;
  /** Loads under way by stream, with the last commit that was known to be there when each began. */
  private readonly loading = new Map<string, { readonly known: number; readonly folded: Promise<Folded> }>();
  private readonly listeners = new Set<(committed: Committed) => void>();
  private readonly alteredStreams = new Map<string, AlteredReceipt>();

  constructor(
    protected readonly store: EventStore,
    { cachedStreams = CACHED_STREAMS, cachedBytes = CACHED_BYTES }: CacheBounds = {},
  ) {
    this.cache = new Recent(cachedStreams, { most: cachedBytes, of: ({ state }) => roughSize(state) });
    this.made = new Recent(cachedStreams);
    this.shown = new Recent(cachedStreams);
  }

  // ------------------------------------------------------------------------------------------------------- states

  /**
   * The state of a stream now: from the cache, else folded from the store. A stream without commits has the initial
   * state.
   */
  async load<S, E extends Event>(decider: Decider<S, E>, stream: string): Promise<Loaded<S>> {
    return loadedOf<S>(stream, this.cache.get(stream) ?? (await this.joined(decider as unknown as AnyDecider, stream)));
  }

  /**
   * The state of a stream as the store has it now. What `load` answers from the cache can lag behind another process:
   * good enough to show or to try with, not to tell a caller no, to drop a deadline or to free a slot by.
   */
  async current<S, E extends Event>(decider: Decider<S, E>, stream: string): Promise<Loaded<S>> {
    const cached = this.cache.get(stream);
    const head = await this.newest(stream);
    if (head === undefined && cached === undefined) return loadedOf<S>(stream, empty(decider as unknown as AnyDecider));
    const folded =
      cached?.version === (head?.index ?? -1) && cached.hash === (head?.hash ?? null)
        ? cached
        : await this.fetch(decider as unknown as AnyDecider, stream);
    return loadedOf<S>(stream, folded);
  }

  /** The cached state, if there is one: for hot paths that can do without. */
  peek<S>(stream: string): Loaded<S> | undefined {
    const cached = this.cache.get(stream);
    return cached === undefined ? undefined : loadedOf<S>(stream, cached);
  }

  /** The state as it was: after the last commit whose time is not after `asOf`, or after commit `upTo`. */
  async loadAt<S, E extends Event>(
    decider: Decider<S, E>,
    stream: string,
    bound: { readonly asOf: Time } | { readonly upTo: number },
  ): Promise<Loaded<S>> {
    const known = decider as unknown as AnyDecider;
    const upTo = 'asOf' in bound ? await this.lastUntil(stream, bound.asOf) : bound.upTo;
    // What was asked a moment ago and is asked again is answered by the state that it left.
    const cached = this.cache.peek(stream);
    if (cached?.version === upTo) return loadedOf<S>(stream, cached);
    let folded = await this.fromSnapshot(known, stream, upTo);
    for await (const commit of this.after(stream, folded)) {
      if (commit.index > upTo) break;
      folded = fold(known, folded, commit);
    }
    return loadedOf<S>(stream, folded);
  }

  /**
   * Index of the last commit of a stream that is not after a time, −1 when all are: within a stream time never goes
   * back.
   */
  private async lastUntil(stream: string, asOf: Time): Promise<number> {
    let last = -1;
    let end = (await this.newest(stream))?.index ?? -1;
    while (last < end) {
      const middle = Math.ceil((last + end) / 2);
      const commit = await this.commit(stream, middle);
      if (commit !== undefined && commit.at <= asOf) last = middle;
      else end = middle - 1;
    }
    return last;
  }

  // ----------------------------------------------------------------------------------------------------- receipts

  /** One receipt, or undefined when there is no such commit. */
  async commit(stream: string, index: number): Promise<Commit | undefined> {
    const [commit] = await this.reached(stream, this.store.read(stream, index, 1));
    return commit?.index === index ? commit : undefined;
  }

  /** The receipt of the tenant that a caller refers to as `stream@index`; undefined when there is none. */
  async receipt(tenant: string, ref: string): Promise<Commit | undefined> {
    const place = placeIn(tenant, ref);
    return place === undefined ? undefined : await this.commit(place.stream, place.index);
  }

  /** Place and hash of the last receipt of a stream, as the store has it now; undefined when there is none. */
  async newest(stream: string): Promise<Head | undefined> {
    return await this.reached(stream, this.store.head(stream));
  }

  /** Every commit of a stream, in order; in slices, and until `signal` aborts, with whose reason it then rejects. */
  async *commits(stream: string, from = 0, signal?: AbortSignal): AsyncGenerator<Commit> {
    yield* this.pages(stream, from, new Slices(parseStream(stream).tenant, signal));
  }

  private async *pages(stream: string, from: number, slices: Slices): AsyncGenerator<Commit> {
    for (let next = from; ;) {
      const page = await this.reached(stream, this.store.read(stream, next, PAGE));
      yield* page;
      if (page.length < PAGE) return;
      next = (page.at(-1)?.index ?? next) + 1;
      // A store that answers at once gives nobody else a turn, and a long stream has many pages.
      await slices.pause();
    }
  }

  /** Index of the commit of the stream, up to `version`, that answers a command (`commandName`), or undefined. */
  async answered(stream: string, command: string, version: number): Promise<number | undefined> {
    return await this.reached(stream, this.store.answered(stream, command, version));
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

  // --------------------------------------------------------------------------------------------------------- news

  /**
   * Hears every commit of this process right after it is durable, and those that it follows. A listener must not throw.
   */
  onCommitted(listener: (committed: Committed) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Sees to it that the next `load` holds commit `index`, which the feed has shown: nothing has to be done when the
   * cache holds it, which is the usual case. A commit of this process can be in the feed before its own answer has
   * come; that is waited for, which is much cheaper than reading the stream.
   */
  catchUp(stream: string, index: number): Promise<void> | undefined {
    const cached = this.cache.get(stream);
    if (cached !== undefined && cached.version >= index) return undefined;
    if (index > (this.shown.peek(stream) ?? -1)) this.shown.set(stream, index);
    const underway = this.underway(stream);
    if (underway === undefined) {
      if (cached !== undefined) this.cache.delete(stream);
      return undefined;
    }
    return underway.then(
      () => this.forgetBelow(stream, index),
      () => this.forgetBelow(stream, index),
    );
  }

  /**
   * Takes in what the feed shows of one stream, in order: what another process has made is folded on to the cached
   * state, and listeners hear of it.
   */
  async follow<S, E extends Event>(decider: Decider<S, E>, stream: string, commits: readonly Commit[]): Promise<void> {
    const known = decider as unknown as AnyDecider;
    const index = (commits.at(-1) as Commit).index;
    // A commit of this process can be in the feed before its own answer has come.
    await this.underway(stream)?.catch(() => undefined);
    if ((this.made.get(stream) ?? -1) >= index) return;
    let folded = this.cache.peek(stream) ?? empty(known);
    if (folded.version < index) {
      for (const commit of commits)
        if (commit.index === folded.version + 1 && commit.previousHash === folded.hash)
          folded = fold(known, folded, commit);
      if (folded.version < index) folded = await this.fetch(known, stream);
      else this.keep(stream, folded);
    }
    const { state, version } = folded;
    this.tell({ here: false, stream, category: decider.category, commits, state, version });
  }

  // ------------------------------------------------------------------------------------------- for whoever writes

  /** What is being written to the stream by this process now; undefined when nothing is. */
  protected abstract underway(stream: string): Promise<void> | undefined;

  protected cached(stream: string): Folded | undefined {
    return this.cache.get(stream);
  }

  /** Folds the stream from the store, and keeps what comes of it. */
  protected async fetch(decider: AnyDecider, stream: string): Promise<Folded> {
    let folded = await this.fromSnapshot(decider, stream);
    // Commands wait for it, which those that only read may not hold up.
    for await (const commit of this.after(stream, folded, new Slices(soon))) folded = fold(decider, folded, commit);
    const current = this.cache.get(stream);
    if (current !== undefined && current.version >= folded.version) return current;
    this.keep(stream, folded);
    return folded;
  }

  /**
   * As `fetch`. All who are handed a commit load its stream at once, and it is read once for them; a load that began
   * before what is known by now is nobody else's.
   */
  private async joined(decider: AnyDecider, stream: string): Promise<Folded> {
    const known = Math.max(this.shown.peek(stream) ?? -1, this.made.peek(stream) ?? -1);
    const underway = this.loading.get(stream);
    if (underway !== undefined && underway.known >= known) return await underway.folded;
    const load = { known, folded: this.fetch(decider, stream) };
    this.loading.set(stream, load);
    try {
      return await load.folded;
    } finally {
      if (this.loading.get(stream) === load) this.loading.delete(stream);
    }
  }

  protected keep(stream: string, folded: Folded): void {
    if (folded.version >= 0) this.cache.set(stream, folded);
  }

  protected forget(stream: string): void {
    this.cache.delete(stream);
  }

  /** This process has written commits, of which `folded` is the state: listeners hear of it. */
  protected wrote({ category }: AnyDecider, stream: string, commits: readonly Commit[], folded: Folded): void {
    const { state, version } = folded;
    this.made.set(stream, version);
    this.tell({ here: true, stream, category, commits, state, version });
  }

  // ------------------------------------------------------------------------------------------------------- inside

  private tell(committed: Committed): void {
    for (const listener of this.listeners) listener(committed);
  }

  private forgetBelow(stream: string, index: number): void {
    const cached = this.cache.get(stream);
    if (cached !== undefined && cached.version < index) this.cache.delete(stream);
  }

  /** The commits that come after a place, each checked to follow from the one before it. Throws `AlteredReceipt`. */
  private async *after(
    stream: string,
    { version, hash }: Pick<Folded, 'version' | 'hash'>,
    slices = new Slices(parseStream(stream).tenant),
  ): AsyncGenerator<Commit> {
    let before = { index: version, hash };
    for await (const commit of this.pages(stream, version + 1, slices)) {
      this.noticing(() => checkChained(stream, before, commit));
      yield commit;
      before = commit;
    }
  }

  /** The last snapshot up to `upTo`, when it is of this decider and of this very stream; else the beginning. */
  private async fromSnapshot(decider: AnyDecider, stream: string, upTo?: number): Promise<Folded> {
    const snapshot = await this.reached(stream, this.store.snapshot(stream, upTo));
    if (snapshot?.version !== decider.version) return empty(decider);
    const kept = snapshot.state as KeptFold;
    // What it was made from has to be what is there: a snapshot is trusted no more than the receipt that it names.
    const commit = await this.commit(stream, snapshot.index);
    if (commit === undefined || kept.version !== snapshot.index || commit.hash !== kept.hash) return empty(decider);
    const { state, version, hash, at, correlationId } = kept;
    return { state, version, hash, at, correlationId, snapshotAt: snapshot.index };
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
}

/** The state of a stream without commits. */
export function empty(decider: AnyDecider): Folded {
  return { state: decider.initial, version: -1, hash: null, at: EPOCH, correlationId: undefined, snapshotAt: -1 };
}

/** The state after one commit more. */
export function fold(decider: AnyDecider, folded: Folded, commit: Commit): Folded {
  return {
    state: foldCommit(decider, folded.state, commit),
    version: commit.index,
    hash: commit.hash,
    at: commit.at,
    correlationId: folded.correlationId ?? commit.meta.correlationId,
    snapshotAt: folded.snapshotAt,
  };
}

/**
 * The snapshot that goes with an append from `before` to `after`: one is tried each time that many commits have come.
 */
export function snapshotOf(decider: AnyDecider, before: Folded, after: Folded): Snapshot | undefined {
  const since = (folded: Folded) => Math.floor((folded.version - after.snapshotAt) / SNAPSHOT_EVERY);
  if (since(after) <= since(before)) return undefined;
  const { snapshotAt: _, ...kept } = after;
  if (JSON.stringify(kept).length > Math.min(SNAPSHOT_BYTES * since(after), MAX_SNAPSHOT_BYTES)) return undefined;
  return { version: decider.version, index: after.version, state: kept };
}

/** A state as those who load a stream are given it. */
export function loadedOf<S>(stream: string, folded: Folded): Loaded<S> {
  return {
    stream,
    state: folded.state as S,
    version: folded.version,
    hash: folded.hash,
    at: folded.at,
    correlationId: folded.correlationId,
  };
}
