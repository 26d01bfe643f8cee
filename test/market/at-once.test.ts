/** Work that is done at once: its award is accepted with the result, by one receipt, and no rule is passed over. */
import { denialStream } from '../../domain/audit/denial';
import { agentDecider } from '../../domain/market/agent';
import { taskDecider } from '../../domain/market/task';
import { brokenRules } from '../support/log-rules';
import { agentOf, as, profile, spec, Stage, taskOf, TENANT, types } from '../support/stage';
import { ALLOW } from '../support/transacting';

let stage: Stage;

beforeEach(async () => {
  stage = new Stage();
  await stage.start();
  await stage.colony.agents.register(as('ann'), 'ann', profile());
  await stage.colony.tasks.post(as('poster'), 't', spec());
  await stage.settled();
});
afterEach(() => stage.end());

const CLAIM = { agent: 'ann', award: 1 };
const RESULT = { by: 'ann' };
const task = () => stage.fold(taskDecider, taskOf('t')).state;
const atOnce = (key?: string) => stage.colony.tasks.completeAtOnce(as('ann', key), 't', CLAIM, RESULT);

test('one receipt of its own actor, caused by the award; the slot is free again and counts as a success', async () => {
  const award = stage.stream(taskOf('t')).at(-1);
  expect(await atOnce()).toMatchObject({ ok: true });
  await stage.settled();
  const receipt = stage.stream(taskOf('t')).at(-1);
  expect(receipt?.events.map(({ type }) => type)).toEqual(['TaskAccepted', 'TaskCompleted']);
  expect(receipt?.meta).toMatchObject({
    action: 'task.complete',
    actor: { id: 'ann' },
    causationId: `${award?.stream}@${award?.index}`,
    correlationId: award?.meta.correlationId,
  });
  const { slots, record } = stage.fold(agentDecider, agentOf('ann')).state;
  expect(slots).toEqual({});
  expect(Object.values(record)).toEqual([{ wins: 1, tries: 1 }]);
  expect(brokenRules(stage.log())).toEqual([]);
});

test('again under its key, and without one, it is what was done', async () => {
  await atOnce('k');
  expect(await atOnce('k')).toMatchObject({ ok: true, repeated: true });
  expect(await atOnce()).toMatchObject({ ok: true, repeated: true });
  expect(types(stage.stream(taskOf('t'))).filter((type) => type === 'TaskCompleted')).toHaveLength(1);
});

test('whoever policy does not let accept does not complete either, and the refusal is that of the acceptance', async () => {
  stage.policy = {
    evaluate: (input) => ({
      ...ALLOW,
      ...(input.action === 'task.accept' ? { decision: 'deny' as const, reasons: ['not ann'] } : {}),
    }),
  };
  expect(await atOnce()).toMatchObject({
    ok: false,
    rejection: { code: 'policy-denied', message: expect.stringContaining('not ann') as string },
  });
  expect(task().status).toBe('awarded');
  expect(stage.stream(denialStream(TENANT, 'ann')).at(-1)?.events).toMatchObject([
    { type: 'CommandDenied', data: { action: 'task.accept' } },
  ]);
});

test('what was accepted is completed, and again what was done, though policy lets nobody accept any more', async () => {
  await stage.colony.tasks.accept(as('ann'), 't', CLAIM);
  const asked: string[] = [];
  stage.policy = {
    evaluate: ({ action }) => {
      asked.push(action);
      return action === 'task.accept' ? { ...ALLOW, decision: 'deny', reasons: ['no more'] } : ALLOW;
    },
  };
  expect(await atOnce()).toMatchObject({ ok: true });
  expect(await atOnce()).toMatchObject({ ok: true, repeated: true });
  expect(asked).not.toContain('task.accept');
  expect(stage.stream(denialStream(TENANT, 'ann'))).toEqual([]);
});

test('an award whose time to accept is over is nobody’s to complete', async () => {
  const { accept_by } = task().holder ?? { accept_by: '' };
  stage.clock.time = Date.parse(accept_by);
  expect(await atOnce()).toMatchObject({ ok: false, rejection: { code: 'award-superseded' } });
  expect(types(stage.stream(taskOf('t')))).not.toContain('TaskCompleted');
});
