/**
 * Keeps the read models: one consumer of the feed for all of them. A commit only says that its stream has changed; the
 * contribution is a function of the stream's state, so a gap or a redelivery heals itself.
 *
 * A view is rebuilt under a new name while the old one serves: because its reducer has a new version, or because
 * somebody asked for it.
 */
import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import { AlteredReceipt, type Commit } from '../../domain/kernel/commit';
import type { Decider, Event } from '../../domain/kernel/decider';
import { isPartName, parseStream, PART_NAME_RULE } from '../../domain/kernel/ids';
import { Recent } from '../../domain/kernel/recent';
import { correlations } from '../../projections/audit/correlations';
import { type Projection, viewName } from '../../projections/projection';
import type { Consumer } from './feed';
import { newId } from './new-id';
import type { Checkpoint, Checkpoints, EventStore, Report, ViewRow, ViewStore } from './ports';
import type { Streams } from './streams';
import { Slices, soon } from './turns';

/** A projection with the decider whose state it reads. */
export interface ViewOf {
  readonly projection: Projection;
  readonly decider: Decider<unknown, Event>;
}

/** Pairs a projection with its decider; the types of the state have to agree. */
export function viewOf<S, E extends Event, D>(projection: Projection<S, D>, decider: Decider<S, E>): ViewOf {
  return { projection: projection, decider: decider as unknown as Decider<unknown, Event> };
}

export interface ViewStatus {
  readonly view: string;
  /** The name that queries read. */
  readonly serving: string;
  /** The name that is being built, when one is, and how many commits are left to read. */
  readonly building: { readonly name: string; readonly left: number } | null;
}

/**
 * For how many seconds what has happened may wait until views show it, where processes share a store: so that a row
 * that changes several times meanwhile is written once, which is most of what it costs.
 */
export const VIEW_SECONDS = 5;
/** Correlations seen lately with the index of their row, so that each row is written about once. */
const MAX_SEEN = 50_000;
const PAGE = 1_000;
/** Streams of a view of which it is remembered how far they are shown. */
const MAX_SHOWN = 20_000;

/** How soon a process sees that another one has built a view anew, and how long all of them have for that. */
export interface Sharing {
  readonly refreshMs: number;
  readonly handoverMs: number;
}

interface Target {
  readonly name: string;
  readonly version: number;
  readonly fields: readonly string[];
  readonly written: 'once' | undefined;
  /** undefined for the correlations, which are rows of commits. */
  readonly of: ViewOf | undefined;
  serving: string;
  building: { readonly name: string; left: number; declared: boolean } | undefined;
  /** By stream: the version that the view shows, as this process has written it. */
  shown: Recent<string, number>;
}

/** What the views are kept with. */
export interface ViewsDeps {
  readonly store: EventStore;
  readonly views: ViewStore;
  readonly checkpoints: Checkpoints;
  readonly streams: Pick<Streams, 'catchUp' | 'peek' | 'load'>;
  readonly report: Report;
  /** Where other processes read and fill the same views. */
  readonly sharing?: Sharing;
  /** How many rows of correlations are remembered at least. */
  readonly remembered?: number;
}

/**
 * Begins the note of a change that is under way: until another note comes, all names are read at each look. So a
 * process that dies between a name and its note leaves nobody with the old one.
 */
const UNDER_WAY = 'under-way ';

export class Views implements Consumer {
  readonly name = 'views';
  readonly shows = true;
  /** Those of streams, in the order in which they were added, and the correlations at the end. */
  private readonly targets: Target[] = [targetOf(correlations)];
  private readonly seen: Recent<string, number>;
  private readonly works = new Set<Promise<void>>();
  private readonly wake = new AbortController();
  private refreshing: NodeJS.Timeout | undefined;
  /** The note of the last change of a name that was seen, and that with which all names were read for good. */
  private seenChange: Checkpoint | undefined;
  private readChange: Checkpoint | undefined;
  private stopped = false;

  constructor(private readonly deps: ViewsDeps) {
    this.seen = new Recent(deps.remembered ?? MAX_SEEN);
  }

  /**
   * Keeps one more view. Only before `start`. Throws when there is one of its name, which would be taken for the other,
   * or its name is no name of a view, or it is of other streams than its decider's.
   */
  add(view: ViewOf): void {
    const { name, category } = view.projection;
    if (!isPartName(name)) throw new Error(`'${name}' can't be the name of a view: ${PART_NAME_RULE}`);
    if (this.targets.some((other) => other.name === name))
      throw new Error(`there is a view called '${name}' already: rename this one`);
    if (category !== view.decider.category)
      throw new Error(`the view '${name}' is of '${category}', and was given to '${view.decider.category}'`);
    this.targets.splice(-1, 0, targetOf(view.projection, view));
  }

  /** Declares the views; starts to rebuild those whose reducer has a new version. */
  async start(): Promise<void> {
    const existing = await this.deps.views.list();
    for (const target of this.targets) {
      const kept = await this.deps.checkpoints.load(servingKey(target));
      const current = kept ?? viewName(target);
      const others = existing.filter((name) => name.startsWith(`${target.name}.v`) && name !== current);
      if (this.deps.sharing === undefined) for (const name of others) await this.deps.views.drop(name);
      else
        this.background(
          'a view that is over could not be dropped',
          this.dropLater(
            others.filter((name) => isOver(name, current, target.version)),
            this.deps.sharing,
          ),
        );
      target.serving = current;
      await this.deps.views.declare(current, target.fields, target.written);
      // New beside a log that others have read already: it has to read what they have, and serves for good only then.
      const late = kept === undefined && (await this.isRead());
      if (late || versionOf(current) !== target.version) this.rebuilding(this.rebuildTarget(target));
      else if (kept === undefined) await this.deps.checkpoints.save(servingKey(target), current);
    }
    if (this.deps.sharing !== undefined) {
      this.refreshing = setInterval(
        () =>
          void this.refresh().catch((error: unknown) =>
            this.deps.report('the names of the views could not be read', { error: String(error) }),
          ),
        this.deps.sharing.refreshMs,
      ).unref();
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.refreshing);
    this.wake.abort();
    await Promise.all(this.works);
  }

  /** The name under which a projection is read now. */
  serving(name: string): string {
    return this.find(name).serving;
  }

  /**
   * Whether a commit that begins a stream has been handled, by any process: it has a row of its own among the
   * correlations.
   */
  async has(commit: Commit): Promise<boolean> {
    const target = this.find(correlations.name);
    // Into a view of another version nobody writes: there is nothing to see.
    if (versionOf(target.serving) !== target.version) return true;
    const { tenant, key, source } = correlations.row(commit);
    return (await this.deps.views.get(target.serving, tenant, key, source)) !== undefined;
  }

  status(): ViewStatus[] {
    return this.targets.map(({ name, serving, building }) => ({
      view: name,
      serving,
      building: building === undefined ? null : { name: building.name, left: building.left },
    }));
  }

  /** Builds the view anew beside the one that serves, then serves the new one. Resolves when that is done. */
  async rebuild(name: string): Promise<void> {
    await this.rebuildTarget(this.find(name));
  }

  /** Begins a rebuild and returns; `status` shows how far it is. */
  rebuildInBackground(name: string): void {
    this.rebuilding(this.rebuild(name));
  }

  async handle(commits: readonly Commit[]): Promise<void> {
    const latest = latestOf(commits);
    await Promise.all(
      this.targets.map((target) =>
        this.apply(
          target,
          target.building?.declared === true ? [target.serving, target.building.name] : [target.serving],
          commits,
          latest,
          true,
        ),
      ),
    );
  }

  private async apply(
    target: Target,
    names: readonly string[],
    commits: readonly Commit[],
    latest: Latest,
    live: boolean,
  ): Promise<void> {
    const { shown } = target;
    const skips = live && target.building === undefined;
    const rows =
      target.of === undefined
        ? this.correlationRows(commits, skips)
        : await this.stateRows(target.of, latest, skips ? shown : undefined);
    if (rows.length === 0) return;
    // A view of another version keeps what it has: its reducer is gone.
    await Promise.all(
      names.filter((name) => versionOf(name) === target.version).map((name) => this.deps.views.put(name, rows)),
    );
    if (!live) return;
    if (target.of === undefined) for (const { key, source, index } of rows) this.seen.set(`${key} ${source}`, index);
    else for (const { source, index } of rows) if ((shown.peek(source) ?? -1) < index) shown.set(source, index);
  }

  /** The rows of streams, but for those that are `shown` as far as they have come. */
  private async stateRows(
    { projection, decider }: ViewOf,
    latest: Latest,
    shown: Recent<string, number> | undefined,
  ): Promise<ViewRow[]> {
    const rows: ViewRow[] = [];
    const slices = new Slices(soon);
    for (const [stream, { tenant, id, index }] of latest(projection)) {
      if (slices.over) await slices.pause();
      // A page shows where a stream is by now: most later pages have nothing to add.
      if ((shown?.peek(stream) ?? -1) >= index) continue;
      const behind = this.deps.streams.catchUp(stream, index);
      if (behind !== undefined) await behind;
      const loaded =
        this.deps.streams.peek(stream) ??
        (await this.deps.streams.load(decider, stream).catch((error: unknown) => this.left(error)));
      if (loaded === undefined) continue;
      const { state, version, at } = loaded;
      const row = projection.row({ tenant, id, stream, version, at }, state);
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  /** A stream that was altered keeps the row that it had; a rebuild goes on without it. */
  private left(error: unknown): undefined {
    if (!(error instanceof AlteredReceipt)) throw error;
    this.deps.report('a stream is neither read nor written', { error: error.message });
    return undefined;
  }

  private correlationRows(commits: readonly Commit[], skipSeen: boolean): ViewRow[] {
    const rows = new Map<string, ViewRow>();
    for (const commit of commits) {
      const key = `${commit.meta.correlationId} ${commit.stream}`;
      // Commits may come out of order (a rebuild beside the feed, a parked one that comes later): the earliest stands.
      const index = 0 - commit.index;
      const known = Math.max(
        rows.get(key)?.index ?? -Infinity,
        skipSeen ? (this.seen.get(key) ?? -Infinity) : -Infinity,
      );
      if (index > known) rows.set(key, { ...correlations.row(commit), index });
    }
    return [...rows.values()];
  }

  private async rebuildTarget(target: Target): Promise<void> {
    const left = await this.deps.store.lag(undefined);
    if (target.building !== undefined) throw new RangeError(`${target.name} is being rebuilt already`);
    const name = nextName(target);
    const building: Target['building'] = { name, left, declared: false };
    target.building = building;
    try {
      // What an attempt that was broken off has left is as good as what is written now.
      await this.deps.views.declare(name, target.fields, target.written);
      // From here on the feed fills it too: what came before is in the log, and read below.
      building.declared = true;
      const read = await this.fill(target, building, undefined);
      if (this.stopped) return;
      const old = target.serving;
      if (this.deps.sharing !== undefined) await this.deps.checkpoints.save(SERVING_NOTE, UNDER_WAY + newId());
      await this.deps.checkpoints.save(servingKey(target), name);
      target.serving = name;
      target.shown = new Recent(MAX_SHOWN);
      // Other processes go on filling and reading the old one until they have seen that.
      if (this.deps.sharing !== undefined) {
        await this.handOver(this.deps.sharing);
        await this.fill(target, building, read);
      }
      if (old !== name && !this.stopped) await this.deps.views.drop(old);
    } finally {
      target.building = undefined;
    }
  }

  /** Reads the log into the view that is built, from `from` to its end; answers where that is. */
  private async fill(
    target: Target,
    building: NonNullable<Target['building']>,
    from: Checkpoint | undefined,
  ): Promise<Checkpoint | undefined> {
    let read = from;
    for (let end = false; !end && !this.stopped;) {
      const page = await this.deps.store.feed(read, PAGE);
      await this.apply(target, [building.name], page.commits, latestOf(page.commits), false);
      read = page.checkpoint;
      end = page.end;
      building.left = end ? 0 : await this.deps.store.lag(read);
    }
    return read;
  }

  /** True when the log has been read into views already, or may have been. */
  private async isRead(): Promise<boolean> {
    return this.deps.sharing !== undefined
      ? (await this.deps.store.feed(undefined, 1)).commits.length > 0
      : (await this.deps.checkpoints.load(this.name)) !== undefined;
  }

  /** Takes over the names under which other processes have built the views anew, where any has changed. */
  private async refresh(): Promise<void> {
    const change = await this.deps.checkpoints.load(SERVING_NOTE);
    if (change === this.readChange && change?.startsWith(UNDER_WAY) !== true) return;
    // What was read with the note the first time may be older than it.
    let isSettled = change === this.seenChange;
    for (const target of this.targets) {
      const serving = await this.deps.checkpoints.load(servingKey(target));
      if (serving === undefined || serving === target.serving) continue;
      if (target.building !== undefined) {
        isSettled = false;
        continue;
      }
      await this.deps.views.declare(serving, target.fields, target.written);
      target.serving = serving;
      target.shown = new Recent(MAX_SHOWN);
    }
    this.seenChange = change;
    if (isSettled) this.readChange = change;
  }

  /**
   * Gives other processes the time to see the names that serve now. Nothing is dropped before that, so a process that
   * dies between a name and its note leaves behind the view that the others read.
   */
  private async handOver({ handoverMs }: Sharing): Promise<void> {
    await this.deps.checkpoints.save(SERVING_NOTE, newId());
    await this.sleep(handoverMs);
  }

  private async dropLater(names: readonly string[], sharing: Sharing): Promise<void> {
    if (names.length === 0) return;
    await this.handOver(sharing);
    for (const name of names) if (!this.stopped) await this.deps.views.drop(name);
  }

  /** Returns early when the views are stopped. */
  private async sleep(milliseconds: number): Promise<void> {
    await setTimeoutPromise(milliseconds, undefined, { signal: this.wake.signal }).catch(() => undefined);
  }

  private rebuilding(work: Promise<void>): void {
    this.background('a view could not be rebuilt', work);
  }

  private background(failed: string, work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.deps.report(failed, { error: String(error) }))
      .finally(() => this.works.delete(tracked));
    this.works.add(tracked);
  }

  private find(name: string): Target {
    const target = this.targets.find((other) => other.name === name);
    if (target === undefined)
      throw new RangeError(`there is no view ${name}: ${this.targets.map((other) => other.name).join(', ')}`);
    return target;
  }
}

/** The streams of a page that a projection reads, with the last index of each that may have changed what it shows. */
type Latest = (projection: Projection) => Iterable<readonly [string, Changed]>;

interface Changed {
  readonly tenant: string;
  readonly id: string;
  readonly index: number;
}

function latestOf(commits: readonly Commit[]): Latest {
  // By category: most views look at one of many.
  const byCategory = new Map<string, { readonly place: Changed; readonly commit: Commit }[]>();
  for (const commit of commits) {
    const { tenant, category, id } = parseStream(commit.stream);
    const found = byCategory.get(category) ?? [];
    found.push({ place: { tenant, id, index: commit.index }, commit });
    byCategory.set(category, found);
  }
  return ({ category, unchangedBy = [] }) => {
    const latest = new Map<string, Changed>();
    for (const { place, commit } of byCategory.get(category) ?? [])
      if (commit.events.some(({ type }) => !unchangedBy.includes(type))) latest.set(commit.stream, place);
    return latest;
  };
}

/**
 * Where the name under which a view is read is kept: this, and the name of the projection. Under this alone stands a
 * note that is another one after each change of such a name: who has seen it need not read all names again.
 */
export const SERVING_NOTE = 'serving-';

function servingKey({ name }: Target): string {
  return SERVING_NOTE + name;
}

/** Of an older reducer than those that serve and are built, or of an earlier generation than the one that serves. */
function isOver(name: string, serving: string, version: number): boolean {
  if (versionOf(name) === versionOf(serving)) return generationOf(name) < generationOf(serving);
  return versionOf(name) < Math.min(versionOf(serving), version);
}

function generationOf(view: string): number {
  return Number(/\.v\d+\.(\d+)$/.exec(view)?.[1] ?? 0);
}

function versionOf(view: string): number {
  return Number(/\.v(\d+)/.exec(view)?.[1]);
}

/** `agents.v2` after `agents.v1`; `agents.v2.1` after `agents.v2`. */
function nextName(target: Target): string {
  const base = viewName(target);
  if (versionOf(target.serving) !== target.version) return base;
  return `${base}.${generationOf(target.serving) + 1}`;
}

function targetOf(
  { name, version, fields, written }: Pick<Projection, 'name' | 'version' | 'fields' | 'written'>,
  of?: ViewOf,
): Target {
  const serving = viewName({ name, version });
  return { name, version, fields, written, of, serving, building: undefined, shown: new Recent(MAX_SHOWN) };
}
