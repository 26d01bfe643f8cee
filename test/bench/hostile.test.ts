/** Callers that mean no good take little from others: the bench that measures how much, in a short form. */
import { ATTACK_NAMES } from '../../bench/hostile-attacks';
import type { BenchReport } from '../../bench/main';
import { run } from './compiled';

/**
 * What an attack may cost others here, times the work without it. The exact figures are those of a whole run on a quiet
 * machine; here the attacks are small, work takes parts of a second, other suites run beside, and what is found is what
 * brings a host to a stop.
 */
const MOST = 20;

test('whatever they do, others get their work done and lose no agent', async () => {
  const { code, json, errors } = await run('bench/main.js', ['hostile', '--smoke', '--json']);
  expect({ code, errors: code === 0 ? '' : errors }).toEqual({ code: 0, errors: '' });
  const { hostile } = json as BenchReport;
  expect(Object.keys(hostile?.attacks ?? {})).toEqual(ATTACK_NAMES);
  expect(hostile).toMatchObject({ agentsLost: 0, completed: hostile?.tasks });
  const slow = Object.entries(hostile?.attacks ?? {}).filter(([, { slower }]) => slower > MOST - 1);
  expect(slow).toEqual([]);
}, 240_000);
