/**
 * Whether this process can do its work now, and if not, why. Whoever asks, and however often, a look is made at most
 * every few seconds.
 */
import type { Clock } from '../engine/ports';
import { messageOf } from '../engine/reachable';

/** Undefined when all is well, else why not, in words that a person on call can act on. Must not reject. */
export type Check = () => Promise<string | undefined>;

export interface CheckResult {
  readonly check: string;
  readonly ok: boolean;
  readonly reason?: string;
  /** What fails here only comes later: requests are served all the same. */
  readonly delays?: true;
}

const LOOK_EVERY_MS = 2_000;

export class Readiness {
  private looked = -Infinity;
  private looking: Promise<readonly CheckResult[]> | undefined;

  constructor(
    /** By name, as the answer lists them. */
    private readonly checks: Readonly<Record<string, Check>>,
    private readonly clock: Clock,
    /** By name, those that say what is delayed while they fail. */
    private readonly delaying: Readonly<Record<string, Check>> = {},
  ) {}

  /** What each check says; ready is who has none that failed but of those that delay. */
  look(): Promise<readonly CheckResult[]> {
    const now = this.clock.now();
    if (this.looking === undefined || now - this.looked >= LOOK_EVERY_MS) {
      this.looked = now;
      const needed = Object.entries(this.checks).map(([check, run]) => resultOf(check, run));
      const delaying = Object.entries(this.delaying).map(async ([check, run]): Promise<CheckResult> => ({
        ...(await resultOf(check, run)),
        delays: true,
      }));
      this.looking = Promise.all([...needed, ...delaying]);
    }
    return this.looking;
  }
}

async function resultOf(check: string, run: Check): Promise<CheckResult> {
  const reason = await run().catch((error: unknown) => messageOf(error));
  return reason === undefined ? { check, ok: true } : { check, ok: false, reason };
}
