/** What the function of a worker throws to say what becomes of its task, and what it is told in the same way. */

/** The attempt failed. Not `retryable`, the task is dead: another attempt would fail too. */
export class Fail extends Error {
  override readonly name = 'Fail';
  readonly retryable: boolean;

  constructor(reason: string, { retryable = true, ...options }: { readonly retryable?: boolean } & ErrorOptions = {}) {
    super(reason, options);
    this.retryable = retryable;
  }
}

/** Gives the task back for another attempt, of whomever. */
export class Release extends Error {
  override readonly name = 'Release';
}

/** The work is not wanted any more: somebody else has the task, it was cancelled, or the worker stops. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
}
