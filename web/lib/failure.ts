/** What went wrong, and what to do. */
import type { Problem } from '../../contract/common';
import type { Shown } from '../../contract/route';
import { texts } from '../texts';

/** The host refused, failed, or could not be reached; says what to do. */
export class Failure extends Error {
  constructor(
    /** Of the answer; 0 when there was none. */
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    /** The last part of the problem's type, for example `award-superseded`. */
    readonly code: string,
    /** Seconds after which to try again; undefined where that is of no use. */
    readonly retryAfter?: number,
  ) {
    super(detail);
  }
}

/** What an answer that is none says. */
export async function failureOf(response: Response): Promise<Failure> {
  // Whatever stands between may answer JSON of its own.
  const problem = (await response.json().catch(() => undefined)) as Partial<Shown<typeof Problem>> | undefined;
  const after = Number(response.headers.get('retry-after') ?? Number.NaN);
  const errors = (problem?.errors ?? []).map(
    ({ pointer, parameter, message }) => `${pointer ?? parameter ?? ''}: ${message}`,
  );
  return new Failure(
    response.status,
    problem?.title ?? `${response.status} ${response.statusText}`,
    [problem?.detail ?? texts.failures.noProblem, ...errors].join('\n'),
    problem?.type?.split('/').at(-1) ?? 'unknown',
    Number.isFinite(after) ? after : undefined,
  );
}

/** What was thrown, which says what to do where it is a failure, and is a fault of the window otherwise. */
export function failureIn(error: unknown): Failure {
  return error instanceof Failure ? error : new Failure(0, texts.failures.defect, String(error), 'defect');
}
