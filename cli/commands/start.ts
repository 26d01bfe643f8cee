import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { UsageError, type Context } from '../terminal';

/** Runs the local host until it is stopped; ends as it ends. */
export async function start(_: Context, { port, data }: { port?: number; data?: string }): Promise<void> {
  const env = { ...process.env, ...(port === undefined ? {} : { FORMICARY_PORT: String(port) }), ...(data === undefined ? {} : { FORMICARY_DATA: data }) };
  const host = spawn(process.execPath, [join(__dirname, '../../local/main.js')], { stdio: 'inherit', env });
  // A terminal sends Ctrl+C to both; a second one would mean "at once".
  process.on('SIGINT', () => process.stdin.isTTY || host.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => host.kill(signal));
  process.exitCode = await new Promise<number>((resolve, reject) => {
    host.once('error', (error) => reject(new UsageError(error.message)));
    host.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal as NodeJS.Signals]));
  });
}
