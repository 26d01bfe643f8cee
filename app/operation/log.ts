/** The structured log: one JSON object a line on standard output. */
import pino, { type Logger } from 'pino';
import { systemClock } from '../engine/clock';

export type { Logger };

const SERVICE = 'formicary';

/** @param level pino's: trace, debug, info, warn, error, fatal, silent */
export function openLog(level: string): Logger {
  return pino({ level, base: { service: SERVICE }, timestamp: pino.stdTimeFunctions.isoTime });
}

/**
 * Says that a request failed for a reason of our own, in the form of all other lines; on standard error, where hosts
 * look for errors, also before the settings that say how much is logged could be read.
 * @param facts among them `errorId`, which the caller was told; never anything of the request's data
 */
export function logFailure(
  facts: { readonly errorId: string } & Readonly<Record<string, unknown>>,
  error: unknown,
): void {
  const reason = error instanceof Error ? error.stack : String(error);
  console.error(
    JSON.stringify({
      level: pino.levels.values['error'],
      time: new Date(systemClock.now()).toISOString(),
      service: SERVICE,
      ...facts,
      error: reason,
      msg: 'a request failed',
    }),
  );
}
