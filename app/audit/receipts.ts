/** Reading the log itself: the receipts of a tenant in the order of the feed, and those of one stream. */
import type { Commit } from '../../domain/kernel/commit';
import { parseStream } from '../../domain/kernel/ids';
import type { Checkpoint, EventStore, FeedPage } from '../engine/ports';
import { nextTurn, Slices } from '../engine/turns';
import { SharedFeed } from './shared-feed';

export interface ReceiptFilter {
  readonly category?: string;
  readonly correlation?: string;
}

export interface ReceiptPage {
  readonly commits: readonly Commit[];
  /** Where to go on. */
  readonly after: Checkpoint;
  readonly end: boolean;
}

/**
 * Receipts that are handed on together. Whoever stops within them goes on from `before`, and gets them again: the store
 * knows no place between them.
 */
export interface FollowedPage {
  readonly commits: readonly Commit[];
  readonly before: Checkpoint;
  readonly after: Checkpoint;
  readonly end: boolean;
}

/** The place before the first receipt, in whatever store. */
const BEGINNING = '0';
/** Commits read at most for one page, so that a tenant with few receipts does not read the whole log at once. */
const MAX_SCANNED = 20_000;
/** Commits that are read, and looked at, in one turn; others have theirs in between. */
const SCAN = 500;
/** About how many bytes of JSON a page holds at most, and receipts of one stream that are read at once for it. */
const PAGE_BYTES = 4_000_000;
const STREAM_STEP = 50;
/** Of those that follow, each has two pages in memory at most, for as long as it takes its client to read them. */
const FOLLOWED_BYTES = 500_000;

export class Receipts {
  private readonly shared: SharedFeed;
  /** What is handed on of a page of the feed, by whose it is and its category. */
  private readonly matching = new WeakMap<FeedPage, Map<string, Promise<FollowedPage>>>();

  constructor(private readonly store: EventStore) {
    this.shared = new SharedFeed(store);
  }

  /**
   * The tenant's receipts after a checkpoint, or from the beginning: as many as `limit` and some megabytes allow, one
   * however large it is. May be empty before the end is reached: go on from `after`. Throws RangeError when `after` is
   * no place in this log, and the reason of `signal` when that has aborted.
   */
  async page(
    tenant: string,
    after: Checkpoint | undefined,
    limit: number,
    filter: ReceiptFilter,
    { bytes = PAGE_BYTES, signal }: { readonly bytes?: number; readonly signal?: AbortSignal } = {},
  ): Promise<ReceiptPage> {
    const commits: Commit[] = [];
    let from = after === BEGINNING ? undefined : after;
    let left = bytes;
    for (let scanned = 0; ;) {
      const { page, matching } = await this.upTo(from, { commits: limit - commits.length, bytes: left }, (commit) =>
        matches(commit, tenant, filter),
      );
      commits.push(...matching);
      from = page.checkpoint;
      left -= bytesOf(matching);
      scanned += page.commits.length;
      if (page.end || commits.length >= limit || left <= 0 || scanned >= MAX_SCANNED)
        return { commits, after: page.checkpoint, end: page.end };
      await nextTurn(tenant, signal);
    }
  }

  /**
   * A page of the feed with what matches in it, for which there is room; one does, however large it is. The store says
   * where a page ends, and nothing of places within it: one that holds too much is read again as far as it may go.
   */
  private async upTo(
    from: Checkpoint | undefined,
    room: Room,
    isWanted: (commit: Commit) => boolean,
  ): Promise<{ page: FeedPage; matching: readonly Commit[] }> {
    for (let size = Math.max(SCAN, room.commits); ;) {
      const page = await this.store.feed(from, size);
      const matching = page.commits.filter(isWanted);
      const fitting = fittingIn(room, matching);
      if (fitting === matching.length || size === 1) return { page, matching };
      const last = page.commits.indexOf(matching[fitting - 1] as Commit);
      size = Math.max(1, Math.min(size - 1, last + 1));
    }
  }

  /**
   * The tenant's receipts as they come, until `signal` aborts; at least once when one goes on from an `after`. All who
   * follow from the same place by the same category are given the same object, as far as they keep up; what belongs to
   * a correlation is looked for by each.
   */
  async *follow(
    tenant: string,
    after: Checkpoint | undefined,
    filter: ReceiptFilter,
    signal: AbortSignal,
  ): AsyncGenerator<FollowedPage> {
    let from: Checkpoint = after ?? (await this.store.end());
    const leave = this.shared.join();
    const slices = new Slices(tenant);
    try {
      while (!signal.aborted) {
        const place = from;
        const page = await this.shared.until({
          signal,
          look: () => this.followed(place, tenant, filter),
          enough: ({ commits, end }) => commits.length > 0 || !end,
        });
        if (page.commits.length > 0) yield page;
        from = page.after;
        await slices.pause();
      }
    } finally {
      leave();
    }
  }

  /** What matches in the page that all who follow from a place are given: found once for all who want the same. */
  private async followed(before: Checkpoint, tenant: string, filter: ReceiptFilter): Promise<FollowedPage> {
    const feed = await this.shared.read(before === BEGINNING ? undefined : before);
    const isWanted = (commit: Commit) => matches(commit, tenant, filter);
    // Of correlations there are as many as callers like.
    if (filter.correlation !== undefined) return await this.fitting(feed, before, isWanted);
    const known = this.matching.get(feed) ?? new Map<string, Promise<FollowedPage>>();
    this.matching.set(feed, known);
    const key = JSON.stringify([tenant, filter.category]);
    let followed = known.get(key);
    if (followed === undefined) {
      known.set(key, (followed = this.fitting(feed, before, isWanted)));
      followed.catch(() => known.delete(key));
    }
    return await followed;
  }

  /** What is wanted of a page of the feed; of its beginning alone, where all of it is too much to hand on at once. */
  private async fitting(
    feed: FeedPage,
    before: Checkpoint,
    isWanted: (commit: Commit) => boolean,
  ): Promise<FollowedPage> {
    const commits = feed.commits.filter(isWanted);
    if (fittingIn({ commits: Infinity, bytes: FOLLOWED_BYTES }, commits) === commits.length)
      return { commits, before, after: feed.checkpoint, end: feed.end };
    const room = { commits: SCAN, bytes: FOLLOWED_BYTES };
    const { page, matching } = await this.upTo(before === BEGINNING ? undefined : before, room, isWanted);
    return { commits: matching, before, after: page.checkpoint, end: page.end };
  }

  /** Throws RangeError when it is no place in this log. */
  async check(place: Checkpoint): Promise<void> {
    if (place !== BEGINNING) await this.store.feed(place, 1);
  }

  end(): Promise<Checkpoint> {
    return this.store.end();
  }

  /**
   * Receipts of one stream from an index on, as many as `limit` and some megabytes allow; `next` is where to go on,
   * undefined at the end.
   */
  async stream(
    stream: string,
    from: number,
    limit: number,
    signal?: AbortSignal,
  ): Promise<{ readonly commits: readonly Commit[]; readonly next: number | undefined }> {
    const slices = new Slices(parseStream(stream).tenant, signal);
    const commits: Commit[] = [];
    for (let left = PAGE_BYTES; ;) {
      const step = Math.min(STREAM_STEP, limit - commits.length);
      const found = await this.store.read(stream, from + commits.length, step);
      const fitting = fittingIn({ commits: step, bytes: left }, found);
      commits.push(...found.slice(0, fitting));
      left -= bytesOf(found.slice(0, fitting));
      if (found.length < step && fitting === found.length) return { commits, next: undefined };
      if (commits.length >= limit || left <= 0 || fitting < found.length)
        return { commits, next: from + commits.length };
      await slices.pause();
    }
  }
}

/** What a page has room for. */
interface Room {
  readonly commits: number;
  /** Of JSON. */
  readonly bytes: number;
}

/** How many of the first commits there is room for: one at least, where there is any. */
function fittingIn({ commits, bytes }: Room, of: readonly Commit[]): number {
  let sum = 0;
  const over = of.findIndex((commit, i) => i >= commits || ((sum += sizeOf(commit)) > bytes && i > 0));
  return over < 0 ? of.length : over;
}

function bytesOf(commits: readonly Commit[]): number {
  return commits.reduce((sum, commit) => sum + sizeOf(commit), 0);
}

/** Receipts don't change: whoever reads one again need not measure it again. */
const sizes = new WeakMap<Commit, number>();

function sizeOf(commit: Commit): number {
  let size = sizes.get(commit);
  if (size === undefined) sizes.set(commit, (size = JSON.stringify(commit).length));
  return size;
}

function matches(commit: Commit, tenant: string, { category, correlation }: ReceiptFilter): boolean {
  const parts = parseStream(commit.stream);
  return (
    parts.tenant === tenant &&
    (category === undefined || parts.category === category) &&
    (correlation === undefined || commit.meta.correlationId === correlation)
  );
}
