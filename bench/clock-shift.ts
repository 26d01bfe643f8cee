/**
 * Loaded into a host with --require: its machine's time of day is off by the milliseconds that a file says, from one
 * moment to the next, as when somebody sets the clock. Time passes as it does.
 */
import { readFileSync } from 'node:fs';

export const SHIFT_FILE = 'FORMICARY_CRASH_CLOCK';

const LOOK_EVERY_MS = 20;

function install(file: string): void {
  const real = Date;
  let shift = 0;
  const look = (): void => {
    try {
      shift = Number(readFileSync(file, 'utf8'));
    } catch {
      // Nobody has set it yet.
    }
  };
  look();
  setInterval(look, LOOK_EVERY_MS).unref();
  const now = (): number => real.now() + shift;
  globalThis.Date = new Proxy(real, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
    apply: (target) => new target(now()).toString(),
    get: (target, property) => (property === 'now' ? now : (Reflect.get(target, property) as unknown)),
  });
}

const file = process.env[SHIFT_FILE];
if (file !== undefined) install(file);
