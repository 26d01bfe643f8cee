/** Gives batches to functions, again and again where their retry policy says so, and writes down what fails. */
import type { RetryContext } from '@azure/functions';
import { systemClock } from '../app/engine/clock';
import type { Registration } from './core';
import { type Handed, handOver } from './invoke';
import { pause } from './pause';

/** What registrations know of durations: whole seconds. */
interface Duration {
  readonly seconds: number;
}

type RetryPolicy =
  | { readonly retryStrategy: 'fixedDelay'; readonly maxRetryCount: number; readonly delayInterval: Duration }
  | {
      readonly retryStrategy: 'exponentialBackoff';
      readonly maxRetryCount: number;
      readonly minimumInterval: Duration;
      readonly maximumInterval: Duration;
    };

/** Delays of an exponential backoff differ by so much from each other, up or down. */
const JITTER = 0.2;

/**
 * Calls the function with the batch until it succeeds or its retry policy gives up: then the batch is skipped, as on
 * Azure; without a policy at its first failure. False: the signal has ended it before that, and whoever takes the
 * batch next has to give it again. A call that is under way is waited for.
 */
export async function giveBatch(
  registration: Registration,
  batch: Omit<Handed, 'retryContext'>,
  signal: AbortSignal,
): Promise<boolean> {
  const policy = registration.retryOptions as RetryPolicy | undefined;
  const maxRetryCount = policy?.maxRetryCount ?? 0;
  let retryContext: RetryContext | undefined;
  for (let retryCount = 0; ; retryCount += 1) {
    try {
      await handOver(registration, { ...batch, retryContext });
      return true;
    } catch (error) {
      const skipped = policy === undefined || (maxRetryCount >= 0 && retryCount >= maxRetryCount);
      logFailure(
        registration.name,
        skipped ? 'a batch failed and is skipped' : 'a batch failed and is given again',
        error,
      );
      if (skipped) return true;
      await pause(delayOf(policy, retryCount), signal);
      if (signal.aborted) return false;
      retryContext = { retryCount: retryCount + 1, maxRetryCount, exception: { message: String(error) } };
    }
  }
}

/** Milliseconds before retry number `retry`, from 0. */
function delayOf(policy: RetryPolicy, retry: number): number {
  if (policy.retryStrategy === 'fixedDelay') return policy.delayInterval.seconds * 1_000;
  const seconds = Math.min(policy.maximumInterval.seconds, policy.minimumInterval.seconds * 2 ** retry);
  return seconds * 1_000 * (1 - JITTER + 2 * JITTER * Math.random());
}

export function logFailure(name: string, message: string, error: unknown): void {
  const stack = error instanceof Error ? error.stack : String(error);
  console.error(
    JSON.stringify({ level: 'error', at: new Date(systemClock.now()).toISOString(), function: name, message, stack }),
  );
}
