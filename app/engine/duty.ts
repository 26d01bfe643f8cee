/**
 * What one process does for all that share the stores: whoever has the lease. That saves work, and guards nothing: what
 * two do at once does no harm, so nobody looks again in the middle of something.
 */
import type { Clock, Report } from './ports';
import type { Leases } from './ports-leases';

const NAME = 'duty';
const HOLD_SECONDS = 15;
const RENEW_EVERY_MS = 5_000;
/** Given up by oneself so long before anybody else may take it: answers and clocks are late. Milliseconds. */
const MARGIN_MS = 3_000;

export class Duty {
  private until = -Infinity;
  private timer: NodeJS.Timeout | undefined;
  private renewing: Promise<void> | undefined;

  constructor(
    /** Undefined: this process is alone on its stores. */
    private readonly leases: Leases | undefined,
    /** Names this process among all. */
    private readonly holder: string,
    private readonly clock: Clock,
    private readonly report: Report,
  ) {}

  /** Whether it is this process's. */
  get mine(): boolean {
    return this.leases === undefined || performance.now() < this.until;
  }

  /** Asks for the lease, and again and again from now on. */
  async start(): Promise<void> {
    const { leases } = this;
    if (leases === undefined) return;
    const renew = () =>
      (this.renewing ??= this.renew(leases)
        .catch((error: unknown) => this.report('the lease could not be asked for', { error: String(error) }))
        .finally(() => (this.renewing = undefined)));
    this.timer = setInterval(() => void renew(), RENEW_EVERY_MS).unref();
    await renew();
  }

  /** Leaves it to the others. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.renewing;
    const { mine } = this;
    this.until = -Infinity;
    if (mine) await this.leases?.release({ name: NAME, holder: this.holder });
  }

  private async renew(leases: Leases): Promise<void> {
    const asked = performance.now();
    const claim = { name: NAME, holder: this.holder, at: this.clock.now(), seconds: HOLD_SECONDS };
    this.until = (await leases.hold(claim)) ? asked + HOLD_SECONDS * 1_000 - MARGIN_MS : -Infinity;
  }
}
