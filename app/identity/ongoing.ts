/**
 * What goes on for callers after they were let in: long polls, streams. It ends once what its caller has shown holds no
 * more, as a new request would be refused then.
 */
import type { Clock } from '../engine/ports';

/** How often it is looked whose time is over: a clock that was set tells nobody. Milliseconds. */
const LOOK_EVERY_MS = 1_000;

/** What a caller has shown. */
export interface Holding {
  readonly tenant: string;
  /** When it expires, in milliseconds since the epoch. */
  readonly until: number;
}

interface One<H extends Holding> {
  readonly holding: H;
  readonly end: (fault: Error) => void;
}

export class Ongoing<H extends Holding> {
  private readonly ofTenants = new Map<string, Set<One<H>>>();
  private timer: NodeJS.Timeout | undefined;

  /** @param fault what is wrong with what was shown; undefined while it holds */
  constructor(
    private readonly clock: Clock,
    private readonly fault: (holding: H) => Error | undefined,
  ) {}

  /**
   * `end` is called when it holds no more, once, unless what is returned was called before; at once where it was over
   * between the beginning of the request and now.
   */
  add(holding: H, end: (fault: Error) => void): () => void {
    const one = { holding, end };
    const { tenant } = holding;
    const own = this.ofTenants.get(tenant) ?? new Set();
    this.ofTenants.set(tenant, own.add(one));
    this.timer ??= setInterval(() => this.look(), LOOK_EVERY_MS).unref();
    this.endIfOver(one);
    return () => this.remove(one);
  }

  /** Ends what is over in the tenant, of which something was taken back. */
  heard(tenant: string): void {
    for (const one of this.ofTenants.get(tenant) ?? []) this.endIfOver(one);
  }

  /** Ends what has expired. */
  private look(): void {
    const now = this.clock.now();
    for (const own of this.ofTenants.values()) for (const one of own) if (one.holding.until <= now) this.endIfOver(one);
  }

  private endIfOver(one: One<H>): void {
    const fault = this.fault(one.holding);
    if (fault === undefined) return;
    this.remove(one);
    one.end(fault);
  }

  private remove(one: One<H>): void {
    const { tenant } = one.holding;
    const own = this.ofTenants.get(tenant);
    own?.delete(one);
    if (own?.size === 0) this.ofTenants.delete(tenant);
    if (this.ofTenants.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
