/**
 * Who calls. A principal is produced by exactly one port (`app/engine/ports.ts`, `Callers`); nothing else reads
 * credentials or headers. Levels are ordered: each includes the ones before it.
 */

import type { Time } from './time';

/** Permission levels, weakest first. */
export const LEVELS = ['read_only', 'read_write', 'execute', 'critical'] as const;
export type Level = (typeof LEVELS)[number];

export const PRINCIPAL_KINDS = ['human', 'agent', 'service', 'system'] as const;
export type PrincipalKind = (typeof PRINCIPAL_KINDS)[number];

export interface Principal {
  /** The tenant whose data the call may touch; part of every key. */
  readonly tenant: string;
  readonly id: string;
  readonly kind: PrincipalKind;
  readonly level: Level;
  /** Of a person: the groups that its credentials name, for example `approvers`. */
  readonly groups?: readonly string[];
  /** Who acts in its name, where that is somebody else: the service that speaks for an agent, the colony's owner. */
  readonly via?: string;
  /** Of an agent that a gateway speaks for: the person by whose token the gateway does so, if it is one's. */
  readonly behind?: string;
  /** What it has shown. */
  readonly token?: ShownToken;
}

export interface ShownToken {
  /** Ends when the token is revoked. */
  readonly session: string;
  /** Until when it holds. */
  readonly expires: Time;
  /** Until when it can be renewed; absent where whoever vouches for its holder says that. */
  readonly until?: Time;
  /** The thumbprint of the key to which it is bound, which its holder has proven to have. */
  readonly jkt?: string;
  /** The level that it would give if it were bound to a key, where the tenant demands that. */
  readonly levelIfBound?: Level;
}

/** Who the owner's key stands for, unless it is asked for somebody else. */
export const OWNER = 'human:owner';

/** What an agent may do at most. */
export const AGENT_LEVEL: Level = 'execute';

/** The agent, for which its gateway speaks: with the agent's rights, and never with more than the gateway has. */
export function spokenFor(gateway: Principal, agent: string): Principal {
  const level = includesLevel(gateway.level, AGENT_LEVEL) ? AGENT_LEVEL : gateway.level;
  const { tenant, id: via, kind, via: behind } = gateway;
  return {
    tenant,
    id: agent,
    kind: 'agent',
    level,
    via,
    ...(kind === 'service' && behind !== undefined && { behind }),
  };
}

/** Whose will a token carries that this one gives: a service has none of its own, whoever else acts has. */
export function personBehind({ id, kind, via = id }: Pick<Principal, 'id' | 'kind' | 'via'>): string {
  return kind === 'service' ? via : id;
}

/**
 * Who acts under this name: `human:ada`, `service:ada`, `Ada` and `ada` count as one. A name says more about its caller
 * than about a person, so nobody becomes two by another spelling of it: not as a party, and not where it takes two
 * people.
 */
export function actorOf(id: string): string {
  return id.toLowerCase().replace(/^(?:(?:human|service):)+/, '');
}

/** Whether an id is a person's; those of agents and services begin otherwise. */
export function isPersonId(id: string): boolean {
  return id.startsWith('human:');
}

export function isSameActor(one: string, other: string): boolean {
  return actorOf(one) === actorOf(other);
}

/**
 * Whether one person may stand behind both, in whose name whoever acts: where it takes two people, a key that speaks
 * for two counts as one.
 */
export function isSamePerson(one: Pick<Principal, 'id' | 'via'>, other: Pick<Principal, 'id' | 'via'>): boolean {
  const names = [other.id, other.via].filter((name) => name !== undefined);
  return [one.id, one.via].some((name) => name !== undefined && names.some((known) => isSameActor(name, known)));
}

/** Said of the other one where two are one person under different names, so that it is understood; else nothing. */
export function oneKeyFor(one: Pick<Principal, 'id'>, other: Pick<Principal, 'id'>): string {
  return isSameActor(one.id, other.id) ? '' : ` by the same key as ${one.id}, so you are one person`;
}

/** True when `held` includes `needed`. */
export function includesLevel(held: Level, needed: Level): boolean {
  return LEVELS.indexOf(held) >= LEVELS.indexOf(needed);
}
