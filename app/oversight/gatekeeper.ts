/** In whose name oversight acts, and under which ids it asks. */
import type { Principal } from '../../domain/kernel/principal';
import { derivedId } from '../engine/new-id';

/** The principal in whose name the gate acts. */
export function gatekeeper(tenant: string): Principal {
  return { tenant, id: 'oversight', kind: 'system', level: 'execute' };
}

/** The approval by which people decide what the agents of a round could not. */
export function outcomeApproval(tenant: string, round: string): string {
  return derivedId(tenant, 'outcome', round);
}
