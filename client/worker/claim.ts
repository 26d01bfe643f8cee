/** A task under an award: whether it still is this worker's, and what is said of it. */
import { type CommandOptions, FormicaryError, type Session } from '../session';
import { isAway, waitsForOthers } from '../waiting';
import { Cancelled } from './errors';

/** The problems that say that a claim does not stand: the work is dropped. */
const OVER = [
  'award-superseded',
  'not-the-holder',
  'task-already-completed',
  'task-cancelled',
  'task-completed',
  'task-dead',
  'task-expired',
  'task-not-found',
];

/** Hears of what the worker gets over by itself. */
export type Log = (message: string, error?: unknown) => void;

export class Claim {
  /** Its lease runs, since its award was accepted. */
  isAccepted = false;
  /** When its lease is extended next, on the monotonic clock in milliseconds. */
  nextBeat = Infinity;
  private readonly over = new AbortController();

  constructor(
    readonly agent: string,
    readonly task: string,
    readonly award: number,
    readonly leaseMs: number,
  ) {}

  /** Aborts, with `Cancelled`, when what comes of the work is not wanted any more. */
  get signal(): AbortSignal {
    return this.over.signal;
  }

  /** What is said of it begins with this. */
  get body(): { readonly agent: string; readonly award: number } {
    return { agent: this.agent, award: this.award };
  }

  cancel(): void {
    this.over.abort(new Cancelled(`the task ${this.task} is not this worker's any more`));
  }
}

/**
 * Says something about a claim, again and again under one key, until the host has taken it; not `patiently`, it is left
 * out while the host is away. Rejects with `Cancelled` when the claim is over, and with what the host says when it
 * refuses for good.
 */
export async function say(
  { session, log }: { readonly session: Session; readonly log: Log },
  claim: Claim,
  said: (options: CommandOptions) => Promise<unknown>,
  { patiently = true }: { readonly patiently?: boolean } = {},
): Promise<void> {
  const { signal } = claim;
  const idempotencyKey = crypto.randomUUID();
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted();
    try {
      await said({ idempotencyKey, signal });
      return;
    } catch (error) {
      if (!(error instanceof FormicaryError)) throw error;
      if (OVER.includes(error.code)) {
        claim.cancel();
        throw new Cancelled(error.message, { cause: error });
      }
      // Where the claim does not stand until then, a heartbeat says so.
      if (!isAway(error) && !waitsForOthers(error)) throw error;
      log(`${claim.task}: ${error.message}`);
      if (isAway(error) && !patiently) return;
      await session.pauseAfter(error, tries, signal);
    }
  }
}
