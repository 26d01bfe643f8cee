/** Entry point of `npm start`: the whole of Formicary on this machine. */
import path from 'node:path';
import { readSecret } from '../adapters/embedded/secret';
import { ownersKeyTextOf } from '../domain/kernel/identity-secret';
import { type NumberRange, readNumber } from '../domain/kernel/number';
import { startHost } from './host';
import { whenNpmEnds } from './npm-parent';

/** Where package.json stands: this file is compiled to dist/local/main.js. */
const ROOT = path.resolve(__dirname, '../..');
/**
 * A terminal signals the whole group, and npm hands on what it gets: what comes again so soon is the same wish.
 * Milliseconds.
 */
const SAME_WISH_MS = 500;

/** Exit codes, those of the command line (`formicary --help`). */
const CUT_SHORT = 1;
const NOT_DONE = 2;

async function main(): Promise<void> {
  const port = setting('FORMICARY_PORT', process.env['FORMICARY_PORT'], 'a port', 7071, {
    min: 1,
    max: 65_535,
    whole: true,
  });
  process.env['AZURE_FUNCTIONS_ENVIRONMENT'] ??= 'Development';
  const data = (process.env['FORMICARY_DATA'] ||= path.resolve('.formicary'));

  // Links in notices lead to this host, unless people find it elsewhere.
  process.env['FORMICARY_PUBLIC_URL'] ||= `http://127.0.0.1:${port}`;

  const retentionDays = setting(
    'FORMICARY_DURABLE_DAYS',
    process.env['FORMICARY_DURABLE_DAYS'],
    'a number of days above 0',
    30,
    { min: 0.001, max: 36_500 },
  );

  const isFirst = makesSecret(data);
  const host = await startHost({ appDirectory: ROOT, port, hostname: '127.0.0.1', data, retentionDays });
  let stopping: number | undefined;
  const stop = (): void => {
    if (stopping !== undefined && performance.now() - stopping > SAME_WISH_MS) process.exit(CUT_SHORT);
    if (stopping !== undefined) return;
    stopping = performance.now();
    console.log('Stopping; once more to stop at once.');
    host.close().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  // One that is stopped already needs no second word.
  whenNpmEnds(() => {
    if (stopping === undefined) stop();
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);

  const secret = isFirst ? readSecret(data) : undefined;
  const idle = host.functions.filter(({ runs }) => !runs).map(({ name }) => name);
  console.log(
    [
      '',
      `  Formicary is running at  ${host.url}`,
      `  API reference            ${host.url}/docs`,
      `  Data                     ${data}`,
      ...(secret === undefined ? [] : [`  Owner's key, shown once  ${ownersKeyTextOf(secret)}`]),
      ...(process.env['FORMICARY_DEV_HEADERS'] === 'on'
        ? ['  WITHOUT PROOF            callers are who they say they are']
        : []),
      ...(idle.length > 0 ? [`  Not run on this host     ${idle.join(', ')}`] : []),
      `  To stop                  Ctrl+C`,
      '',
    ].join('\n'),
  );
}

/** Whether the start makes the secret of a data folder: it has none yet, and the settings give none. */
function makesSecret(data: string): boolean {
  if (process.env['FORMICARY_PROFILE'] === 'azure' || process.env['FORMICARY_IDENTITY_SECRET']) return false;
  return readSecret(data) === undefined;
}

/** A setting that is a number; one that is empty counts as not given. */
function setting(name: string, given: string | undefined, what: string, fallback: number, range: NumberRange): number {
  if (given === undefined || given === '') return fallback;
  const read = readNumber(given, range);
  if ('fault' in read) throw new Error(`${name} must be ${what}, not "${given}"`);
  return read.number;
}

function fail(error: unknown): never {
  const { code, port } = error as { code?: string; port?: number };
  if (code === 'EADDRINUSE')
    console.error(
      `Port ${port} is in use: stop what runs there, or choose another port (start --port, or FORMICARY_PORT).`,
    );
  else console.error(error instanceof Error ? error.message : error);
  process.exit(NOT_DONE);
}

main().catch(fail);
