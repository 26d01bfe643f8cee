/** In whose name oversight acts, and under which ids it asks. */
import type { Principal } from '../../domain/kernel/principal';
import type { Cause, RequestContext } from '../engine/command';
import { derivedId } from '../engine/new-id';

/** The principal in whose name the gate acts. */
export function gatekeeper(tenant: string): Principal {
  return { tenant, id: 'oversight', kind: 'system', level: 'execute' };
}

/** The gate acts of its own accord, or reacts to `cause`. */
export function asGate(tenant: string, cause?: Cause): RequestContext {
  return { principal: gatekeeper(tenant), cause, reaction: cause !== undefined };
}

/** What a person has decided elsewhere is carried out in the person's name. */
export function asPerson(tenant: string, id: string, cause: Cause): RequestContext {
  return { principal: { tenant, id, kind: 'human', level: 'critical' }, cause, reaction: true };
}

/** The approval by which people decide what the agents of a round could not. */
export function outcomeApproval(tenant: string, round: string): string {
  return derivedId(tenant, 'outcome', round);
}
