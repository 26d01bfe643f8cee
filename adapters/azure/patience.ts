/** An end for what is asked of a service that takes the question and says nothing: the SDKs over HTTP have none. */
import { unlessAborted } from '../../domain/kernel/abort';

/** For one call with all its attempts: somebody waits. */
export const PATIENCE_MS = 10_000;

/** Nobody answered within the patience. */
export class NoAnswer extends Error {}

/**
 * The answer; rejects with `NoAnswer` after so many milliseconds.
 *
 * @param ask ends what it can by the signal; what does not hear of it, such as a credential, is not waited for any more
 */
export async function answeredWithin<T>(patienceMs: number, ask: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
  const abortSignal = AbortSignal.timeout(patienceMs);
  return await unlessAborted(ask(abortSignal), abortSignal).catch((error: unknown) => {
    throw abortSignal.aborted ? new NoAnswer(`no answer within ${patienceMs} ms`, { cause: error }) : error;
  });
}
