/** Calls that people approve first, as doors tell of them that have tasks of their own for what takes its time. */
import type { Action } from '../../contract/oversight/actions';
import type { Shown } from '../../contract/route';

/** The action of a call that was held; undefined where people don't decide on it, or it could not be held. */
export function heldIn(problem: unknown): string | undefined {
  const { type = '', action } = (problem ?? {}) as {
    readonly type?: string;
    readonly action?: { readonly id: string };
  };
  return type.endsWith('/approval-needed') ? action?.id : undefined;
}

/** The approval that an action waits for, which whoever asked may withdraw. */
export function approvalOf({ held }: Shown<typeof Action>): string | undefined {
  return held?.for === 'approval' ? /^[^/]+\/[^/]+\/(.*)@\d+$/.exec(held.ref)?.[1] : undefined;
}
