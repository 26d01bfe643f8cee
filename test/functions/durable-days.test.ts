import { keptMs } from '../../functions/timers/orchestrations';

test('orchestrations that ended are kept for the days that are set, more than 30 too', () => {
  expect([keptMs(undefined), keptMs('1'), keptMs('90')].map((ms) => ms / 86_400_000)).toEqual([30, 1, 90]);
  for (const days of ['0', '-1', 'x', ''])
    expect(() => keptMs(days)).toThrow('FORMICARY_DURABLE_DAYS must be a number of days above 0');
});
