import '../support/library';
import { setImmediate as tick } from 'node:timers/promises';
import { SteadyClock } from '../../app/engine/clock';
import type { Binding } from '../../local/core';
import { type RunningTimer, startTimer } from '../../local/timers';

const DAY = 86_400_000;

/** Runs a timer from the given instant on and collects when it ran. */
function timer(
  schedule: string,
  work: () => Promise<void> = async () => {},
): { runs: string[]; running: RunningTimer } {
  const runs: string[] = [];
  const binding = { type: 'timerTrigger', name: 't', direction: 'in', schedule } as Binding;
  const callback = (): Promise<void> => {
    runs.push(new Date().toISOString().slice(0, 19));
    return work();
  };
  return {
    runs,
    running: startTimer({ name: 'sample', bindings: { t: binding }, callback }, binding, new SteadyClock()),
  };
}

beforeEach(() =>
  jest.useFakeTimers({ now: Date.parse('2026-01-30T23:59:50.500Z'), doNotFake: ['setImmediate', 'nextTick'] }),
);
afterEach(() => jest.useRealTimers());

test('runs at each second that the schedule names', async () => {
  const { runs, running } = timer('*/5 * * * * *');
  await jest.advanceTimersByTimeAsync(15_000);
  await running.stop();
  expect(runs).toEqual(['2026-01-30T23:59:55', '2026-01-31T00:00:00', '2026-01-31T00:00:05']);
});

test('reaches dates far away, in UTC', async () => {
  const { runs, running } = timer('0 30 9 1 */3 *');
  await jest.advanceTimersByTimeAsync(70 * DAY);
  await running.stop();
  expect(runs).toEqual(['2026-04-01T09:30:00']);
});

test('needs day of month and day of week both, as NCRONTAB does', async () => {
  const { runs, running } = timer('0 0 0 13 * FRI');
  await jest.advanceTimersByTimeAsync(31 * DAY);
  await running.stop();
  expect(runs).toEqual(['2026-02-13T00:00:00']);
});

test('leaves out what is due during a run, and waits for the run when it is stopped', async () => {
  let finish = (): void => {};
  const { runs, running } = timer('* * * * * *', () => new Promise((resolve) => (finish = resolve)));
  await jest.advanceTimersByTimeAsync(5_000);
  expect(runs).toHaveLength(1);
  finish();
  await jest.advanceTimersByTimeAsync(1_000);
  expect(runs).toHaveLength(2);

  let stopped = false;
  const stopping = running.stop().then(() => (stopped = true));
  await tick();
  expect(stopped).toBe(false);
  finish();
  await stopping;
  await jest.advanceTimersByTimeAsync(5_000);
  expect(runs).toHaveLength(2);
});

test('goes on after a failure', async () => {
  const errors = jest.spyOn(console, 'error').mockImplementation(() => {});
  const { runs, running } = timer('* * * * * *', () => Promise.reject(new Error('no luck')));
  await jest.advanceTimersByTimeAsync(3_000);
  await running.stop();
  expect(runs).toHaveLength(3);
  expect(JSON.parse(errors.mock.calls[0]![0] as string)).toMatchObject({
    level: 'error',
    timer: 'sample',
    stack: expect.stringContaining('no luck') as string,
  });
});

test('takes a schedule from the settings', async () => {
  process.env['SAMPLE_SCHEDULE'] = '0 0 0 * * *';
  const { runs, running } = timer('%SAMPLE_SCHEDULE%');
  await jest.advanceTimersByTimeAsync(DAY);
  await running.stop();
  expect(runs).toEqual(['2026-01-31T00:00:00']);
  expect(() => timer('%NOT_SET%')).toThrow('NOT_SET');
});

test.each([
  '* * * * *',
  '* * * * * * *',
  '0 0 8 L * *',
  '0 0 8 15W * *',
  '0 0 8 * * MON#2',
  '0 0 8 ? * *',
  '@daily',
  '00:05:00',
  '61 * * * * *',
  '',
])('%j is no schedule', (schedule) => expect(() => timer(schedule)).toThrow());
