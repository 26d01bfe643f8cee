/**
 * What was shown once and must not be shown again while it holds. Bounded in bytes: where more comes than is
 * remembered, what is as old as what was forgotten is refused unseen, so that nothing is ever believed twice. Each
 * process remembers what it has seen itself.
 */
import { hash } from 'node:crypto';
import type { Clock } from '../engine/ports';

/** What one name takes in a set, about: 22 characters of its hash, and its place. */
const BYTES_EACH = 100;

/** Names that came in a span of time. */
interface Span {
  readonly names: Set<string>;
  readonly began: number;
  /** The latest time that any of them says, in seconds since the epoch. */
  latest: number;
}

export class Replays {
  private young: Span;
  private old: Span;
  /** What says to be no later than this may have been forgotten. Seconds since the epoch. */
  private forgotten = -Infinity;
  private readonly most: number;

  /**
   * @param seconds for which anything holds that says to be of now, at most
   * @param bytes about as many are taken at most
   */
  constructor(
    private readonly clock: Clock,
    private readonly seconds: number,
    bytes: number,
  ) {
    this.most = Math.max(1, Math.floor(bytes / BYTES_EACH / 2));
    this.young = this.begun();
    this.old = this.begun();
  }

  /**
   * Whether the name is new, which it is no more from then on.
   * @param time that it says to be of, in seconds since the epoch
   */
  isFirst(name: string, time: number): boolean {
    if (this.clock.now() - this.young.began >= 1_000 * this.seconds || this.young.names.size >= this.most)
      this.forget();
    const key = hash('sha256', name, 'base64url').slice(0, 22);
    if (time <= this.forgotten || this.young.names.has(key) || this.old.names.has(key)) return false;
    this.young.names.add(key);
    this.young.latest = Math.max(this.young.latest, time);
    return true;
  }

  private forget(): void {
    this.forgotten = Math.max(this.forgotten, this.old.latest);
    this.old = this.young;
    this.young = this.begun();
  }

  private begun(): Span {
    return { names: new Set(), began: this.clock.now(), latest: -Infinity };
  }
}
