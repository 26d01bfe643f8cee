/** Runs timer-triggered functions by their NCRONTAB schedules. */
import { randomUUID } from 'node:crypto';
import { InvocationContext, type Timer } from '@azure/functions';
import { Cron } from 'croner';
import type { Binding, Registration } from './core';
import { invoke } from './invoke';

export interface RunningTimer {
  /** No further run starts; resolves when the one that is under way has ended. */
  stop(): Promise<void>;
}

/**
 * Starts one timer. Schedules are in UTC, as on Azure; a run that would start while the last one is under way is
 * left out. A run that throws is logged. Throws when the schedule is not one that Azure understands.
 */
export function startTimer(timer: Registration, binding: Binding): RunningTimer {
  const schedule = resolveSettings(String(binding['schedule']));
  const cron = parseSchedule(timer.name, schedule);
  let running: Promise<void> = Promise.resolve();
  let last = '';

  const run = (): Promise<void> => {
    const now = new Date().toISOString();
    const info: Timer = {
      isPastDue: false,
      schedule: { adjustForDST: true },
      scheduleStatus: { last, next: cron.nextRun()?.toISOString() ?? '', lastUpdated: now },
    };
    last = now;
    running = invoke(timer, [info], new InvocationContext({ invocationId: randomUUID(), functionName: timer.name })).then(
      () => {},
      (error: unknown) => logTimerFailure(timer.name, error),
    );
    return running;
  };

  cron.schedule(run);
  if (binding['runOnStartup'] === true) void cron.trigger();
  return {
    stop() {
      cron.stop();
      return running;
    },
  };
}

const ITEM = String.raw`(\*|\d+|[A-Za-z]{3})(-(\d+|[A-Za-z]{3}))?(\/\d+)?`;
const NCRONTAB = new RegExp(`^${ITEM}(,${ITEM})*( ${ITEM}(,${ITEM})*){5}$`);

/** Second, minute, hour, day, month, day of week; croner understands more, but what runs here must run on Azure. */
function parseSchedule(name: string, schedule: string): Cron {
  if (!NCRONTAB.test(schedule)) throw new Error(`timer ${name}: "${schedule}" is not an NCRONTAB schedule of six fields`);
  return new Cron(schedule, { mode: '6-part', domAndDow: true, timezone: 'UTC', protect: true });
}

/** `%NAME%` stands for the setting NAME. */
function resolveSettings(text: string): string {
  return text.replace(/%([^%]+)%/g, (_, name: string) => {
    const value = process.env[name];
    if (value === undefined) throw new Error(`the setting ${name}, which a schedule names, is not set`);
    return value;
  });
}

function logTimerFailure(name: string, error: unknown): void {
  const stack = error instanceof Error ? error.stack : String(error);
  console.error(JSON.stringify({ level: 'error', at: new Date().toISOString(), timer: name, stack }));
}
