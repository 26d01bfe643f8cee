/**
 * The feed as many follow it: those that have come to the same place are given the same page, which is read once. What
 * is appended rings for all of them together, a moment later.
 */
import { roughSize } from '../../domain/kernel/size';
import { Doorbells, type Wait } from '../engine/doorbells';
import type { Checkpoint, EventStore, FeedPage } from '../engine/ports';

interface SharedPage {
  readonly page: Promise<FeedPage>;
  readonly at: number;
  /** It ended before the end of the feed, and so it will, whatever comes; and it is not too large to be kept. */
  isWhole: boolean;
}

const APPENDED = 'appended';
/** What comes within it is read together. */
const GATHER_MS = 5;
/** Appends of other processes don't ring here. */
const LOOK_EVERY_MS = 1_000;
/** A page at whose end nothing rang may have grown by what another process has appended. */
const FRESH_MS = LOOK_EVERY_MS / 2;
/** So that a page of receipts of a usual size may be handed on as it is. */
const SIZE = 250;
/** Pages that are kept for those who are behind. */
const KEPT = 16;
/** Roughly, of what is kept when more comes. */
const KEPT_BYTES = 1_000_000;

export class SharedFeed {
  private readonly bells = new Doorbells();
  private readonly pages = new Map<Checkpoint | undefined, SharedPage>();
  private following = 0;
  private stop: (() => void) | undefined;
  private ringing: NodeJS.Timeout | undefined;

  constructor(private readonly store: EventStore) {}

  /** Counts one who follows until what is returned is called. */
  join(): () => void {
    if (++this.following === 1) this.stop = this.store.onAppend(() => this.appended());
    return () => {
      if (--this.following > 0) return;
      this.stop?.();
      clearTimeout(this.ringing);
      this.ringing = undefined;
      this.pages.clear();
    };
  }

  /** Looks when something was appended, until it is enough or `signal` aborts; answers what the last look has found. */
  until<T>(wait: Pick<Wait<T>, 'look' | 'enough' | 'signal'>): Promise<T> {
    return this.bells.until(APPENDED, { milliseconds: LOOK_EVERY_MS, ...wait });
  }

  /** The page after a place: one that others have asked for, unless more may have come since. */
  read(from: Checkpoint | undefined): Promise<FeedPage> {
    const known = this.pages.get(from);
    if (known !== undefined && (known.isWhole || performance.now() - known.at < FRESH_MS)) return known.page;
    const page = this.store.feed(from, SIZE);
    const shared: SharedPage = { page, at: performance.now(), isWhole: false };
    this.pages.delete(from);
    this.pages.set(from, shared);
    for (const place of this.pages.keys()) {
      if (this.pages.size <= KEPT) break;
      this.pages.delete(place);
    }
    page.then(
      // What was altered may be repaired.
      ({ commits, end, altered }) => {
        shared.isWhole = !end && altered === undefined && roughSize(commits) <= KEPT_BYTES;
      },
      () => this.pages.delete(from),
    );
    return page;
  }

  private appended(): void {
    // Whoever looks now may be given what was read before.
    this.ringing ??= setTimeout(() => {
      this.ringing = undefined;
      for (const [place, { isWhole }] of this.pages) if (!isWhole) this.pages.delete(place);
      this.bells.ring(APPENDED);
    }, GATHER_MS);
  }
}
