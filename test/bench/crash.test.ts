/** What the crash test finds, on logs made by hand, and a short run of it. */
import { type Acknowledged, examineCrash } from '../../bench/crash-report';
import type { Commit } from '../../domain/kernel/commit';
import type { Event } from '../../domain/kernel/decider';
import { run } from './compiled';

const event = (type: string, data: unknown = {}): Event => ({ type, v: 1, data });

function commit(stream: string, index: number, hash: string, events: readonly Event[], commandId?: string): Commit {
  return {
    stream,
    index,
    hash,
    events,
    at: `2026-11-21T10:00:00.00${index}Z`,
    previousHash: null,
    meta: {
      actor: { id: 'ada', kind: 'human' },
      action: 'test',
      commandId,
      correlationId: 'c',
      depth: 0,
      id: 'decision',
      policy: { bundle: '', input: '', decision: 'allow' },
    },
  };
}

const TASK = 'default/task/t';
const life = (): Commit[] => [
  commit(TASK, 0, 'a', [event('TaskPosted', { spec: {} })], 'post'),
  commit(TASK, 1, 'b', [event('TaskAwarded', { award: 1, agent: 'x' })]),
  commit(TASK, 2, 'c', [event('TaskAccepted', { award: 1 })], 'accept'),
  commit(TASK, 3, 'd', [event('TaskCompleted', { award: 1 })], 'complete'),
];
const acknowledged: Acknowledged[] = [0, 2, 3].map((version) => ({
  stream: TASK,
  version,
  hash: 'abcd'[version] as string,
}));

describe('what was acknowledged against the log', () => {
  test('all is well', () => {
    expect(examineCrash(life(), acknowledged)).toEqual({
      acknowledged: 3,
      lost: [],
      doneTwice: [],
      doubleAwards: [],
      unfinished: [],
      tasks: 1,
    });
  });

  test('a missing receipt is found', () => {
    expect(examineCrash(life().slice(0, 3), acknowledged)).toMatchObject({
      lost: [`${TASK}@3: acknowledged, and not in the log`],
      unfinished: ['t'],
    });
  });

  test('a receipt with another hash is found', () => {
    const log = life().map((entry) => (entry.index === 2 ? { ...entry, hash: 'z' } : entry));
    expect(examineCrash(log, acknowledged).lost).toEqual([
      `${TASK}@2: in the log with another hash than was acknowledged`,
    ]);
  });

  test('a task that was acknowledged and is nowhere is lost and not finished', () => {
    const other = { stream: 'default/task/other', version: 0, hash: 'a' };
    expect(examineCrash(life(), [...acknowledged, other])).toMatchObject({
      lost: ['default/task/other@0: acknowledged, and not in the log'],
      unfinished: ['other'],
    });
  });

  test('a command that was done twice is found; the same key in another stream is another command', () => {
    const log = [
      ...life(),
      commit(TASK, 4, 'e', [event('TaskProgressed')], 'complete'),
      commit('default/agent/x', 0, 'f', [event('AgentRegistered', { profile: {} })], 'complete'),
    ];
    expect(examineCrash(log, acknowledged).doneTwice).toEqual([`${TASK}: ada complete`]);
  });

  test('a task with two holders at once is found', () => {
    const log = life();
    log.splice(2, 0, commit(TASK, 2, 'x', [event('TaskAwarded', { award: 2, agent: 'y' })]));
    expect(examineCrash(log, []).doubleAwards).toEqual(['t']);
  });
});

test('three kills lose nothing', async () => {
  const { code, json, errors } = await run('bench/crash.js', ['--kills', '3', '--seed', '1', '--json']);
  expect({ code, errors: code === 0 ? '' : errors }).toEqual({ code: 0, errors: '' });
  expect(json).toMatchObject({ kills: 3, lost: 0, doneTwice: 0, doubleAwards: 0, unfinished: 0, verified: true });
  expect(json.acknowledged).toBeGreaterThan(100);
  expect(json.tasks).toBeGreaterThan(10);
}, 120_000);

test('options that make no sense are refused', async () => {
  const { code, errors } = await run('bench/crash.js', ['--kills', 'many']);
  expect(code).toBe(1);
  expect(errors).toContain('give a whole number from 1 to 10000');
}, 60_000);
