/** A colony whose pools are balanced, with a clock that only the test moves. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Colony } from '../../app/colony';
import { Transactor } from '../../app/engine/transact';
import { Balance } from '../../app/market/balance';
import type { PoolLive } from '../../app/market/balance-pools';
import { Signals } from '../../app/signals/signals';
import type { Commit } from '../../domain/kernel/commit';
import { toMillis } from '../../domain/kernel/time';
import type { AgentProfile } from '../../domain/market/agent';
import type { TaskSpec } from '../../domain/market/task';
import { openColony, readSettings } from '../../host/composition';
import { ALLOWING } from '../support/policy';
import { trailsIn } from '../support/trails';

export const START = toMillis('2026-11-21T10:00:00.000Z');

const AGES = 10_000_000;

let folder: string;
export let colony: Colony;
export let clock: { time: number; now(): number };
export let balance: Balance;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'formicary-'));
  clock = { time: START, now: () => clock.time };
  colony = await openColony({ ...readSettings({}), data: folder, logLevel: 'fatal' }, { clock });
  // It ticks when a test says so, by the test's clock.
  balance = colony.balance;
  await balance.stop();
});

afterEach(async () => {
  await colony.stop();
  rmSync(folder, { recursive: true });
});

export const reports: string[] = [];

export function balanceOn(transactor: Transactor): Balance {
  const { views } = colony.ports;
  return new Balance(
    transactor,
    colony.market,
    new Signals(
      trailsIn(transactor, views, () => colony.views.serving('trails')),
      clock,
    ),
    views,
    clock,
    (message, facts) => reports.push(`${message}: ${JSON.stringify(facts)}`),
  );
}

/** A balance as another process has it: over the same store, with a cache of its own. */
export function another(): Balance {
  return balanceOn(new Transactor(colony.ports.store, ALLOWING, clock, randomUUID));
}

export const as = (id: string, kind: 'agent' | 'human' = 'agent') =>
  ({ principal: { tenant: 'acme', id, kind, level: 'execute' } }) as const;

export async function enter(id: string, pool: string, changes: Partial<AgentProfile> = {}): Promise<void> {
  const offer = { helps: [], min_strength: 0 };
  const outcome = await colony.agents.register(as(id), id, {
    agent_type: `${pool}.worker`,
    pool,
    capabilities: { [pool]: 1 },
    capacity: 1,
    presence_seconds: AGES,
    offer,
    ...changes,
  });
  expect(outcome.ok).toBe(true);
}

export async function many(
  count: number,
  pool: string,
  changes: Partial<AgentProfile> = {},
  prefix = pool,
): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => enter(`${prefix}-${i}`, pool, changes)));
}

let tasks = 0;

async function post(capability: string, changes: Partial<TaskSpec> = {}): Promise<string> {
  const id = `task-${(tasks += 1)}`;
  const spec = {
    task_type: `${capability}.job`,
    priority: 1,
    urgency: 0.5,
    requires: [{ capability, level: 0 }],
    requester: 'poster',
    bid_seconds: 0,
    accept_seconds: AGES,
    lease_seconds: AGES,
    max_attempts: 2,
    retry_seconds: 1,
  };
  expect((await colony.tasks.post(as('poster'), id, { ...spec, ...changes })).ok).toBe(true);
  return id;
}

export async function posts(count: number, capability: string, changes: Partial<TaskSpec> = {}): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i += 1) ids.push(await post(capability, changes));
  await colony.feed.settled();
  return ids;
}

/** A look a second, for so many seconds. */
export async function seconds(count: number, ...balances: Balance[]): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    for (const one of balances.length > 0 ? balances : [balance]) await one.tick();
    await colony.feed.settled();
    clock.time += 1_000;
  }
}

export function pool(name: string): PoolLive {
  return balance.live('acme').find((one) => one.pool === name) as PoolLive;
}

export async function commits(category: string, id: string): Promise<readonly Commit[]> {
  return await colony.ports.store.read(`acme/${category}/${id}`, 0, 1_000);
}

export async function events(name: string): Promise<string[]> {
  return (await commits('pool', name)).flatMap((commit) => commit.events.map(({ type }) => type));
}
