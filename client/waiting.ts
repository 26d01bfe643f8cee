/** Waiting for something that others do: looks again and again, and over a host that is away for a while. */
import { FormicaryError, type Session, waited } from './session';

const UNREACHED = ['unreachable', 'no-formicary-host'];
const FOR_NOW = [408, 429, 502, 503, 504];
const UNTIL_OTHERS = ['award-challenged', 'over-budget', 'stopped'];

/** Whether nothing came, whoever answers has no time, or something in between answers for a host that is not there. */
export function isAway({ status, code }: FormicaryError): boolean {
  if (UNREACHED.includes(code) || FOR_NOW.includes(status)) return true;
  return code === 'about:blank' && (status === 404 || status >= 500);
}

/**
 * Whether it can be done once others have settled something: a challenge is decided, people let the work cost more, or
 * lift a stop.
 */
export function waitsForOthers({ code }: FormicaryError): boolean {
  return UNTIL_OTHERS.includes(code);
}

export class Waiting {
  /**
   * Looks come `lookMs` apart at first, then after twice as much each time, up to `mostMs`. Whatever waits is rejected
   * with the signal's reason when that aborts.
   */
  constructor(
    private readonly session: Session,
    private readonly signal: AbortSignal | undefined,
    private lookMs: number,
    private readonly mostMs: number,
  ) {}

  /** What a look shows after a pause. */
  async again<T>(look: () => Promise<T>): Promise<T> {
    await waited(this.lookMs, this.signal);
    this.lookMs = Math.min(2 * this.lookMs, this.mostMs);
    return await this.patiently(look);
  }

  /** Does it, again and again for as long as the host is away or what is wanted is stopped. */
  async patiently<T>(work: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof FormicaryError) || (!isAway(error) && !waitsForOthers(error))) throw error;
        await this.session.pauseAfter(error, tries, this.signal);
      }
    }
  }
}
