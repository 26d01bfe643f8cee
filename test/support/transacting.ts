/** A small aggregate and what else `transact` needs, for the tests of the kernel. */
import type { Accepted, CommandContext, Outcome } from '../../app/engine/command';
import type { Clock, EventStore } from '../../app/engine/ports';
import type { Policy } from '../../app/engine/ports-policy';
import { Transactor, type TransactorOptions } from '../../app/engine/transact';
import { ChainVerifier, type Commit } from '../../domain/kernel/commit';
import { type Decider, type Decision, type Event, refuse, type Rejection } from '../../domain/kernel/decider';
import type { Principal } from '../../domain/kernel/principal';
import { toMillis } from '../../domain/kernel/time';
import type { PolicyAnswer, PolicyRequest } from '../../domain/policy/asking';
import { EPOCH } from './commits';
import type { MemoryEventStore } from './memory-store';

export type TallyEvent = Event<'Added' | 'Taken', { readonly op: string; readonly n: number }>;

export interface Tally {
  readonly sum: number;
  readonly ops: readonly string[];
}

/** A sum that must not go below 0, and the operations that made it. */
export const tally: Decider<Tally, TallyEvent> = {
  category: 'tally',
  version: 1,
  initial: { sum: 0, ops: [] },
  evolve: ({ sum, ops }, { type, data }) => ({
    sum: type === 'Added' ? sum + data.n : sum - data.n,
    ops: [...ops, data.op],
  }),
};

/** Always does it, also twice: whoever repeats it unknowingly is found out. */
export const add =
  (op: string, n: number): Decision<Tally, TallyEvent> =>
  () => [{ type: 'Added', v: 1, data: { op, n } }];

export const take =
  (op: string, n: number): Decision<Tally, TallyEvent> =>
  ({ sum }) =>
    sum < n ? refuse('too-little', `there are ${sum}, not ${n}`, { sum }) : [{ type: 'Taken', v: 1, data: { op, n } }];

/** No events when there is enough. */
export const fill =
  (op: string, n: number): Decision<Tally, TallyEvent> =>
  ({ sum }) =>
    sum >= n ? [] : [{ type: 'Added', v: 1, data: { op, n: n - sum } }];

export const AGENT: Principal = { tenant: 'acme', id: 'agent-1', kind: 'agent', level: 'execute' };

export function asking(more: Partial<CommandContext> = {}): CommandContext {
  return { principal: AGENT, action: 'tally.change', ...more };
}

export class ManualClock implements Clock {
  constructor(public time = toMillis(EPOCH)) {}

  now(): number {
    return this.time;
  }
}

export const ALLOW: PolicyAnswer = { bundle: 'b'.repeat(64), input: 'i'.repeat(64), decision: 'allow', reasons: [] };

/** Answers what it is told to, and keeps what it was asked. */
export class ScriptedPolicy implements Policy {
  readonly asked: PolicyRequest[] = [];
  answer: PolicyAnswer = ALLOW;

  evaluate(input: PolicyRequest): PolicyAnswer | Promise<PolicyAnswer> {
    this.asked.push(input);
    return this.asked.length % 2 === 0 ? this.answer : Promise.resolve(this.answer);
  }
}

let ids = 0;
export const nextId = (): string => `id-${(ids += 1)}`;

export function transactorOn(
  store: EventStore,
  options: TransactorOptions & { readonly policy?: Policy; readonly clock?: Clock } = {},
): Transactor {
  return new Transactor(
    store,
    options.policy ?? { evaluate: () => ALLOW },
    options.clock ?? new ManualClock(),
    nextId,
    { random: () => 0, ...options },
  );
}

/** Gives a command a key, as an edge does. */
export function keyed(key: string, body: unknown = key): Pick<CommandContext, 'command'> {
  return { command: { key, hash: JSON.stringify(body) } };
}

export const STREAM = 'acme/tally/1';

/** A command on a tally that was done, and wrote. */
export type Written = Accepted<Tally, TallyEvent> & { readonly commit: Commit };

/** What came of a command that must have been done. */
export function accepted(outcome: Outcome<Tally, TallyEvent>): Written {
  if (!outcome.ok) throw new Error(`refused: ${outcome.rejection.code}`);
  return outcome as Written;
}

/** Why a command was refused that must have been. */
export function refused(outcome: Outcome<Tally, TallyEvent>): Rejection {
  if (outcome.ok) throw new Error('was accepted');
  return outcome.rejection;
}

/** The chain as stored must verify, always. */
export function verified(store: MemoryEventStore, stream = STREAM): readonly Commit[] {
  const verifier = new ChainVerifier(stream);
  expect(store.entries(stream).flatMap((entry) => verifier.next(entry))).toEqual([]);
  return store.entries(stream).map(({ body, hash }) => ({ ...(JSON.parse(body) as Omit<Commit, 'hash'>), hash }));
}
