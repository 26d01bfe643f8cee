/**
 * One error for "the store can't be reached", whatever an adapter throws: who asks for a view, a receipt or a payload
 * is told the same as who writes.
 */
import { AlteredPayload, AlteredReceipt } from '../../domain/kernel/commit';
import { StoreBusy } from './ports';

/** The store can't be reached, or stays contended. Retry later; nothing is half-written. */
export class StoreUnavailable extends Error {}

/** Whether the store is busy or away: what it could not do now it may do later. */
export function isStoreTrouble(error: unknown): error is StoreBusy | StoreUnavailable {
  return error instanceof StoreBusy || error instanceof StoreUnavailable;
}

/**
 * The port, of which each call that fails rejects with `StoreUnavailable`; `StoreBusy`, a RangeError (the caller has
 * asked for what can't be) and what was altered, a receipt or a payload, stay as they are. `what` names it in the
 * message.
 */
export function reachable<T extends object>(what: string, port: T): T {
  return new Proxy(port, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...parameters: readonly unknown[]): unknown => {
        const answer: unknown = Reflect.apply(member, target, parameters);
        return answer instanceof Promise
          ? answer.catch((error: unknown) => Promise.reject(unreached(what, error)))
          : answer;
      };
    },
  });
}

function unreached(what: string, error: unknown): Error {
  if (isStoreTrouble(error) || error instanceof RangeError) return error;
  if (error instanceof AlteredReceipt || error instanceof AlteredPayload) return error;
  return new StoreUnavailable(`${what} can't be reached: ${messageOf(error)}`, { cause: error });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
