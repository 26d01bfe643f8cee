import { abortSignalOf } from '../../functions/edge/abort';
import { type Host, startHost } from '../../local/host';
import { eventually } from '../support/eventually';
import { APP, send } from './support';

jest.mock('@azure/functions-core', () => jest.requireActual<object>('../../local/core'), { virtual: true });
const { seen } = jest.requireActual<{ seen: Record<string, unknown> }>('../fixtures/host-app/seen');

let host: Host;
const errors = jest.spyOn(console, 'error').mockImplementation(() => {});

beforeAll(async () => {
  seen['abortSignalOf'] = abortSignalOf;
  host = await startHost({ appDirectory: APP, port: 0, hostname: 'localhost' });
});

test('a timer runs by its schedule, never twice at once, and gets its info', async () => {
  await eventually(() => (seen['timerRuns'] as number) >= 2);
  expect(seen['timersAtOnce']).toBe(1);
  expect(seen['timerFunction']).toBe('every-second');
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string;
  expect(seen['timerInfo']).toEqual({
    isPastDue: false,
    schedule: { adjustForDST: true },
    scheduleStatus: { last: time, next: time, lastUpdated: time },
  });
});

test('a timer may run at startup; its failure is logged', () => {
  expect(seen['startupRuns']).toBe(1);
  expect(errors.mock.calls.flat().join()).toContain('a failing timer');
});

test('closing lets requests finish, ends long polls, waits for timers and runs the terminate hook', async () => {
  await eventually(() => seen['timersRunning'] === 1);
  const poll = send(host.url, '/poll');
  const slow = send(host.url, '/slow');
  const ticks = send(host.url, '/ticks');
  const begun = seen['begun'] as string[];
  await eventually(() => begun.includes('poll') && begun.includes('slow') && (seen['ticks'] as number) > 0);
  const closed = host.close(2);

  expect((await poll).json()).toEqual({ value: [] });
  expect(seen['polls']).toEqual(['the host is stopping']);
  expect(await slow).toMatchObject({ status: 200, text: 'slow but whole' });
  // A stream that does not watch its signal is cut off when the time is over.
  await expect(ticks).rejects.toThrow(/aborted|hang up/);
  await closed;

  expect(seen['hooks']).toEqual(['start', 'terminate']);
  expect(seen['timersRunning']).toBe(0);
  await expect(send(host.url, '/slow')).rejects.toThrow('ECONNREFUSED');
});
