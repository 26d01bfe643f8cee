/** What is in the row of an agent, and what lists say of it that is not. */
import type { Time } from '../../domain/kernel/time';
import { agentDecider, type AgentEvent, type AgentState } from '../../domain/market/agent';
import { agents as agentsView } from '../../projections/market/agents';
import { agentOf, as, profile, TENANT } from '../support/stage';
import { accept, beat, begin, claimOf, enter, newStage, post, stage } from './holders';

const AT = '2026-11-30T00:00:00.000Z' as Time;
const stream = agentOf('ann');

/** One of each kind, in an order in which they may come. */
const LIFE: readonly AgentEvent[] = [
  { type: 'AgentRegistered', v: 1, data: { profile: profile() } },
  { type: 'SlotReserved', v: 1, data: { task: 't', task_type: 'job', award: 1, expires: AT } },
  { type: 'SlotConfirmed', v: 1, data: { task: 't', award: 1 } },
  { type: 'ChallengeReserved', v: 1, data: { round: 'r', until: AT } },
  { type: 'ChallengeReleased', v: 1, data: { round: 'r' } },
  { type: 'SlotReleased', v: 1, data: { task: 't', task_type: 'job', award: 1, outcome: 'completed' } },
  { type: 'AgentRevised', v: 1, data: { profile: profile({ capacity: 2 }) } },
  { type: 'RoleAssigned', v: 1, data: { pool: 'others', reason: 'there is more to do' } },
  { type: 'AgentLost', v: 1, data: { last_seen: AT } },
  { type: 'AgentReturned', v: 1, data: {} },
  { type: 'AgentDeregistered', v: 1, data: { reason: 'gone' } },
];

test('what leaves it as it was is said, and nothing else', () => {
  const unchanging: string[] = [];
  let state: AgentState = agentDecider.initial;
  const rowOf = (version: number) => {
    const row = agentsView.row({ tenant: TENANT, id: 'ann', stream, version, at: AT }, state);
    return JSON.stringify(row?.doc);
  };
  LIFE.forEach((event, index) => {
    const before = rowOf(index - 1);
    const at = `2026-11-30T00:00:${String(index).padStart(2, '0')}.000Z`;
    state = agentDecider.evolve(state, event, { stream, index, at, correlationId: 'c' });
    if (rowOf(index) === before) unchanging.push(event.type);
  });
  expect(unchanging.sort()).toEqual([...(agentsView.unchangedBy ?? [])].sort());
});

test.each([false, true])('tasks write no row of their agent, whose slots are listed; shared: %s', async (shared) => {
  await stage.end();
  newStage({ shared });
  await begin();
  await enter('ann', { capacity: 2 });
  const written: unknown[] = [];
  stage.mishaps = (port, method, [view, rows]) => {
    if (port === 'views' && method === 'put' && view === 'agents.v1') written.push(rows);
    return undefined;
  };
  const listed = async () => (await stage.colony.agents.list(TENANT, {}, 10)).docs;
  await post('t');
  const claim = await accept('t');
  await stage.settled();
  expect(await listed()).toMatchObject([{ id: 'ann', status: 'active', slots: 1, load: 0.5 }]);
  expect((await stage.colony.tasks.complete(as('ann'), 't', claim, {})).ok).toBe(true);
  await stage.settled();
  expect(await listed()).toMatchObject([{ id: 'ann', slots: 0, load: 0 }]);
  expect(written).toEqual([]);
  await post('u');
  expect(claimOf('u').agent).toBe('ann');
  expect(await beat('ann', 'u')).toEqual([true]);
  expect((await stage.colony.agents.deregister(as('ann'), 'ann', 'gone')).ok).toBe(true);
  await stage.settled();
  expect(await listed()).toMatchObject([{ id: 'ann', status: 'gone', slots: 0, load: 0 }]);
});
