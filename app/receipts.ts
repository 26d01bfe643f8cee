/** Reading the log itself: the receipts of a tenant in the order of the feed, and those of one stream. */
import type { Commit } from '../domain/kernel/commit';
import { parseStream } from '../domain/kernel/ids';
import { Doorbells } from './doorbells';
import type { Checkpoint, EventStore, FeedPage } from './ports';

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

/** The place before the first receipt, in whatever store. */
const BEGINNING = '0';
/** Commits read at most for one page, so that a tenant with few receipts does not read the whole log at once. */
const MAX_SCANNED = 20_000;
/** Commits that are read, and looked at, in one turn; others have theirs in between. */
const SCAN = 500;
const APPENDED = 'appended';
const LOOK_EVERY_MS = 1_000;

export class Receipts {
  constructor(private readonly store: EventStore) {}

  /**
   * The tenant's receipts after a checkpoint, or from the beginning. May be empty before the end is reached: go on from
   * `after`. Throws RangeError when `after` is no place in this log.
   */
  async page(tenant: string, after: Checkpoint | undefined, limit: number, filter: ReceiptFilter): Promise<ReceiptPage> {
    const commits: Commit[] = [];
    let from = after === BEGINNING ? undefined : after;
    for (let scanned = 0; ; ) {
      const { commits: found, checkpoint, end } = await this.upTo(from, limit - commits.length, tenant, filter);
      commits.push(...found.filter((commit) => matches(commit, tenant, filter)));
      from = checkpoint;
      scanned += found.length;
      if (end || commits.length >= limit || scanned >= MAX_SCANNED) return { commits, after: checkpoint, end };
      await nextTurn();
    }
  }

  /**
   * A page of the feed in which at most `room` commits match. The store says where a page ends, and nothing of places
   * within it: one that holds too many is read again as far as it may go.
   */
  private async upTo(from: Checkpoint | undefined, room: number, tenant: string, filter: ReceiptFilter): Promise<FeedPage> {
    for (let size = Math.max(SCAN, room); ; ) {
      const page = await this.store.feed(from, size);
      const places = page.commits.flatMap((commit, i) => (matches(commit, tenant, filter) ? [i] : []));
      if (places.length <= room || size <= room) return page;
      size = Math.max(room, Math.min(size - 1, (places[room - 1] as number) + 1));
    }
  }

  /** The tenant's receipts as they come, until `signal` aborts; at least once when one goes on from an `after`. */
  async *follow(tenant: string, after: Checkpoint | undefined, filter: ReceiptFilter, signal: AbortSignal): AsyncGenerator<{ commit: Commit; after: Checkpoint }> {
    let from: Checkpoint = after ?? (await this.store.end());
    const bells = new Doorbells();
    const unsubscribe = this.store.onAppend(() => bells.ring(APPENDED));
    try {
      while (!signal.aborted) {
        const place = from;
        const { commits, after: next } = await bells.until(APPENDED, {
          // Appends of other processes don't ring here.
          milliseconds: LOOK_EVERY_MS,
          signal,
          look: () => this.page(tenant, place, 200, filter),
          enough: (page) => page.commits.length > 0 || !page.end,
        });
        // Only the last of a page may move the place to go on from: whoever stops before it gets the others again.
        for (const [i, commit] of commits.entries()) yield { commit, after: i === commits.length - 1 ? next : from };
        from = next;
      }
    } finally {
      unsubscribe();
    }
  }

  /** Throws RangeError when it is no place in this log. */
  async check(place: Checkpoint): Promise<void> {
    if (place !== BEGINNING) await this.store.feed(place, 1);
  }

  end(): Promise<Checkpoint> {
    return this.store.end();
  }

  stream(stream: string, from: number, limit: number): Promise<readonly Commit[]> {
    return this.store.read(stream, from, limit);
  }
}

function matches(commit: Commit, tenant: string, { category, correlation }: ReceiptFilter): boolean {
  const parts = parseStream(commit.stream);
  return parts.tenant === tenant && (category === undefined || parts.category === category) && (correlation === undefined || commit.meta.correlationId === correlation);
}

/** Lets the rest of the process have its turn. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
