/**
 * Entry point of `formicary test-host`: a whole host for somebody's tests, which keeps nothing and whose clock they
 * move. It speaks with whoever has started it, in lines of JSON: on standard output first where it serves,
 * `{ "url": … }`, then an answer for each line that comes on standard input, in their order.
 *
 *     { "advance": SECONDS }   →   { "now": TIME }, or { "error": TEXT }
 *
 * It ends with its standard input. Nobody else can move the clock: no route and no setting does.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { moveAhead, systemClock } from '../app/engine/clock';
import { toTime } from '../domain/kernel/time';
import type * as Runtime from '../functions/runtime';
import { type Host, startHost } from './host';

/** Where package.json stands: this file is compiled to dist/local/test-host.js. */
const ROOT = path.resolve(__dirname, '../..');
/** Time is moved in steps in which a process that works would have noticed that it was away. Milliseconds. */
const STEP_MS = 250;
/** Seconds. */
const MOST = 31 * 86_400;

async function main(): Promise<void> {
  // What somebody has set for another host is not for this one.
  for (const name of Object.keys(process.env)) if (/^FORMICARY_/.test(name)) delete process.env[name];
  const data = mkdtempSync(path.join(tmpdir(), 'formicary-test-'));
  process.on('exit', () => rmSync(data, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));
  process.env['AZURE_FUNCTIONS_ENVIRONMENT'] = 'Development';
  process.env['FORMICARY_DATA'] = data;
  process.env['FORMICARY_LOG'] = 'error';
  // Tests say who they are, and what they ask for is answered however busy the machine is.
  process.env['FORMICARY_DEV_HEADERS'] = 'on';
  process.env['FORMICARY_ADMISSION'] = 'off';

  const host = await startHost({ appDirectory: ROOT, port: 0, hostname: '127.0.0.1', data });
  // As it is loaded with the functions.
  const { runtime } = require('../functions/runtime') as typeof Runtime;
  say({ url: host.url });
  for await (const line of createInterface(process.stdin)) {
    try {
      await advance(secondsIn(line), host, await runtime());
      say({ now: toTime(systemClock.now()) });
    } catch (error) {
      say({ error: error instanceof Error ? error.message : String(error) });
    }
  }
  await host.close(0);
  process.exit(0);
}

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

/** Throws when a line says something else. */
function secondsIn(line: string): number {
  const { advance } = JSON.parse(line) as { readonly advance?: unknown };
  if (typeof advance === 'number' && advance >= 0 && advance <= MOST) return advance;
  throw new Error(`advance must be a number of seconds from 0 to ${MOST}, which are 31 days`);
}

/** Lets so much time pass, and does what falls due by then. */
async function advance(seconds: number, host: Host, { colony }: Runtime.Runtime): Promise<void> {
  colony.watchdog.look();
  for (let left = 1_000 * seconds; left > 0; left -= STEP_MS) {
    moveAhead(Math.min(STEP_MS, left));
    // It has listened all the time: whoever was silent has been silent.
    colony.watchdog.look();
  }
  await colony.deadlines.fire();
  await host.catchUp();
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(2);
});
