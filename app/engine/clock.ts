/**
 * The one clock of a process. It tells the time of day and never goes back: it is set by the machine's clock once, goes
 * on by the monotonic one, and follows the machine's clock so that no duration that is measured with it is ever wrong
 * by more than a tenth. See docs/decisions/time.md.
 */
import type { Clock } from './ports';

/** What a machine has: a time of day that may be set to anything, and a time that only passes. Both in milliseconds. */
export interface MachineTime {
  /** Since the epoch. */
  wall(): number;
  /** Since some fixed moment; never goes back. */
  monotonic(): number;
}

/** How far `moveAhead` has moved this process's time. Milliseconds. */
let moved = 0;

/**
 * Moves the time of this process ahead, of all its clocks alike, as if so many milliseconds had passed. Only the host
 * for tests calls it (`local/test-host.ts`): no setting and no request leads here.
 */
export function moveAhead(milliseconds: number): void {
  moved += milliseconds;
}

const MACHINE: MachineTime = {
  // eslint-disable-next-line no-restricted-syntax -- the only place that reads the machine's clock
  wall: () => Date.now() + moved,
  monotonic: () => performance.now() + moved,
};

/** What differs by less is followed at once, a little slower or faster than time passes. Milliseconds. */
const TOLERANCE_MS = 1_000;
/** A machine's clock that was set is believed when it has stood by that for so long. Milliseconds. */
const HELD_MS = 60_000;
/** How much faster or slower than time passes it may go while it follows. */
const RATE = 0.1;

export class SteadyClock implements Clock {
  /** Our time minus the monotonic one. */
  private offset: number;
  /** The monotonic time of the last look. */
  private looked: number;
  /** What the machine's clock says of the offset, and since when (monotonic) it has said about the same. */
  private said: number;
  private since: number;

  constructor(private readonly machine: MachineTime = MACHINE) {
    this.looked = machine.monotonic();
    this.since = this.looked;
    this.offset = machine.wall() - this.looked;
    this.said = this.offset;
  }

  now(): number {
    const before = this.looked;
    this.looked = this.machine.monotonic();
    this.follow(this.machine.wall() - this.looked, this.looked - before);
    return Math.floor(this.looked + this.offset);
  }

  drift(): number {
    this.now();
    return Math.round(this.machine.wall() - this.looked - this.offset);
  }

  /**
   * Small differences are evened out. A larger one has to last first: whoever sets the clock by mistake sets it right
   * again. Then what lies ahead is jumped to, and what lies behind is waited for.
   */
  private follow(says: number, passed: number): void {
    if (Math.abs(says - this.said) > TOLERANCE_MS) {
      this.said = says;
      this.since = this.looked;
    }
    const gap = says - this.offset;
    const held = this.looked - this.since >= HELD_MS;
    if (gap > TOLERANCE_MS) {
      if (held) this.offset = says;
    } else if (gap >= -TOLERANCE_MS || held) {
      const most = passed * RATE;
      this.offset += Math.max(-most, Math.min(most, gap));
    }
  }
}

/** The clock of this process. */
export const systemClock: Clock = new SteadyClock();
