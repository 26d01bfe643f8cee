/** The structured log: one JSON object a line on standard output. */
import pino, { type Logger } from 'pino';

export type { Logger };

/** @param level pino's: trace, debug, info, warn, error, fatal, silent */
export function openLog(level: string): Logger {
  return pino({ level, base: { service: 'formicary' }, timestamp: pino.stdTimeFunctions.isoTime });
}
