/** The real Azurite, in memory, on a port of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';

/** Azurite's own account: its key is published. */
const ACCOUNT =
  'DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
export const connectionString = (port: number) => `${ACCOUNT};BlobEndpoint=http://127.0.0.1:${port}/devstoreaccount1`;

/** Ends the process when its parent is gone, however that went. */
const TETHER = `data:text/javascript,${encodeURIComponent("process.once('disconnect', () => process.exit(1))")}`;

/** The real Azurite in memory, with the container `payloads`. */
export async function startAzurite(): Promise<{ connection: string; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'formicary-azurite-'));
  const program = require.resolve('azurite/dist/src/blob/main.js');
  const child = fork(
    program,
    ['--inMemoryPersistence', '--disableTelemetry', '--skipApiVersionCheck', '--blobPort', '0'],
    {
      cwd: folder,
      execArgv: ['--import', TETHER],
      stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
    },
  );
  let output = '';
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const [, found] = /successfully listens on http:\/\/[^:]+:(\d+)/.exec(output) ?? [];
      if (found !== undefined) resolve(Number(found));
    });
    child.once('exit', (code) => reject(new Error(`Azurite ended with ${code}: ${output}`)));
  });
  const connection = connectionString(port);
  await BlobServiceClient.fromConnectionString(connection).createContainer('payloads');
  return {
    connection,
    async stop() {
      child.kill('SIGKILL');
      await once(child, 'exit');
      rmSync(folder, { recursive: true });
    },
  };
}
