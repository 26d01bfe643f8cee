/** Entry point of `npm start`: the whole of Formicary on this machine. */
import path from 'node:path';
import { startHost } from './host';

/** Where package.json stands: this file is compiled to dist/local/main.js. */
const ROOT = path.resolve(__dirname, '../..');

async function main(): Promise<void> {
  const port = Number(process.env['FORMICARY_PORT'] ?? 7071);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`FORMICARY_PORT must be a port, not "${process.env['FORMICARY_PORT']}"`);
  process.env['AZURE_FUNCTIONS_ENVIRONMENT'] ??= 'Development';
  const data = (process.env['FORMICARY_DATA'] ??= path.resolve('.formicary'));

  const retentionDays = Number(process.env['FORMICARY_DURABLE_DAYS'] ?? 30);
  if (!(retentionDays > 0)) throw new Error(`FORMICARY_DURABLE_DAYS must be a number of days above 0, not "${process.env['FORMICARY_DURABLE_DAYS']}"`);

  const host = await startHost({ appDirectory: ROOT, port, hostname: '127.0.0.1', data, retentionDays });
  const idle = host.functions.filter(({ runs }) => !runs).map(({ name }) => name);
  console.log(
    [
      '',
      `  Formicary is running at  ${host.url}`,
      `  API reference            ${host.url}/docs`,
      `  Data                     ${data}`,
      ...(idle.length > 0 ? [`  Not run on this host     ${idle.join(', ')}`] : []),
      `  To stop                  Ctrl+C`,
      '',
    ].join('\n'),
  );

  let stopping = false;
  const stop = (): void => {
    if (stopping) process.exit(1);
    stopping = true;
    console.log('Stopping; once more to stop at once.');
    host.close().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

function fail(error: unknown): never {
  const { code, port } = error as { code?: string; port?: number };
  if (code === 'EADDRINUSE') console.error(`Port ${port} is in use: stop what runs there, or set FORMICARY_PORT to another one.`);
  else console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

main().catch(fail);
