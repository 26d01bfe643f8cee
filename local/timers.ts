/** Runs timer-triggered functions by their NCRONTAB schedules. */
import { Cron } from 'croner';
import { systemClock } from '../app/engine/clock';
import type { Clock } from '../app/engine/ports';
import type { Binding, Registration } from './core';
import { handOver } from './invoke';
import { resolveSettings } from './settings';
import { jsonData } from './typed-data';

export interface RunningTimer {
  /** No further run starts; resolves when the one that is under way has ended. */
  stop(): Promise<void>;
}

/** Node's timers overflow beyond 24.8 days; a later date is reached in steps. Milliseconds. */
const LONGEST_WAIT = 86_400_000;
/** What .NET writes for a time that there is none of. */
const NEVER = '0001-01-01T00:00:00';

/**
 * Starts one timer. Schedules are in UTC, as on Azure; a run that is due while the last one is under way is left out.
 * A run that throws is logged. Throws when the schedule is not one that Azure understands.
 */
export function startTimer(timer: Registration, binding: Binding, clock: Clock = systemClock): RunningTimer {
  const cron = parseSchedule(timer.name, resolveSettings(String(binding['schedule'])));
  let stopped = false;
  let waiting: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let last = NEVER;

  const run = async (): Promise<void> => {
    const now = new Date(clock.now()).toISOString();
    const info = {
      Schedule: { AdjustForDST: true },
      ScheduleStatus: {
        Last: last,
        Next: cron.nextRun(new Date(clock.now()))?.toISOString() ?? NEVER,
        LastUpdated: now,
      },
      IsPastDue: false,
    };
    last = now;
    try {
      await handOver(timer, { data: jsonData(info) });
    } catch (error) {
      logTimerFailure(timer.name, error);
    }
    plan();
  };
  const plan = (): void => {
    const due = cron.nextRun(new Date(clock.now()))?.getTime();
    if (!stopped && due !== undefined) wait(due);
  };
  const wait = (due: number): void => {
    const left = due - clock.now();
    if (left <= 0) running = run();
    else waiting = setTimeout(wait, Math.min(left, LONGEST_WAIT), due);
  };

  if (binding['runOnStartup'] === true) running = run();
  else plan();
  return {
    stop() {
      stopped = true;
      clearTimeout(waiting);
      return running;
    },
  };
}

const ITEM = String.raw`(\*|\d+|[A-Za-z]{3})(-(\d+|[A-Za-z]{3}))?(\/\d+)?`;
const NCRONTAB = new RegExp(`^${ITEM}(,${ITEM})*( ${ITEM}(,${ITEM})*){5}$`);

/** Second, minute, hour, day, month, day of week; croner understands more, but what runs here must run on Azure. */
function parseSchedule(name: string, schedule: string): Cron {
  if (!NCRONTAB.test(schedule))
    throw new Error(`timer ${name}: "${schedule}" is not an NCRONTAB schedule of six fields`);
  return new Cron(schedule, { mode: '6-part', domAndDow: true, timezone: 'UTC' });
}

function logTimerFailure(name: string, error: unknown): void {
  const stack = error instanceof Error ? error.stack : String(error);
  console.error(JSON.stringify({ level: 'error', at: new Date(systemClock.now()).toISOString(), timer: name, stack }));
}
