/** The hook that azd runs before it provisions, against a server that answers as Azure Resource Manager does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';

const HOOK = join(__dirname, '../../bicep/hooks/providers.mjs');

/** Runs the hook with these settings; the server answers each request with the next of the states, then a refusal. */
async function run(settings: Readonly<Record<string, string>>, ...states: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'formicary-azd-'));
  const azd = join(folder, 'azd');
  writeFileSync(azd, '#!/bin/sh\necho \'{"token":"signed-in"}\'\n');
  chmodSync(azd, 0o755);
  const asked: string[] = [];
  const server = createServer(({ method, url, headers }, response) => {
    const state = states[asked.push(`${method} ${url} ${headers.authorization}`) - 1];
    response.statusCode = state === undefined ? 403 : 200;
    response.end(JSON.stringify({ registrationState: state }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const PATH = [folder, process.env.PATH].join(delimiter);
  const env = { ...process.env, PATH, AZURE_SUBSCRIPTION_ID: 'sub', ...settings };
  const hook = spawn(process.execPath, [HOOK, `http://127.0.0.1:${port}`], { env });
  const [said, error, [code]] = await Promise.all([text(hook.stdout), text(hook.stderr), once(hook, 'close')]);
  server.close();
  rmSync(folder, { recursive: true });
  return { code, said: said + error, asked };
}

const PRIVATE = { FORMICARY_PRIVATE_NETWORK: 'true' };

test('a plain deployment needs none', async () => {
  expect(await run({ FORMICARY_PRIVATE_NETWORK: 'false' })).toEqual({ code: 0, said: '', asked: [] });
});

test('a network of our own needs the provider that its subnet is delegated to, and waits for it', async () => {
  const at = '/subscriptions/sub/providers/Microsoft.App';
  expect(await run(PRIVATE, 'Registering', 'Registered')).toEqual({
    code: 0,
    said: 'Microsoft.App is registered\n',
    asked: [
      `POST ${at}/register?api-version=2021-04-01 Bearer signed-in`,
      `GET ${at}?api-version=2021-04-01 Bearer signed-in`,
    ],
  });
});

test('NetApp Files need theirs too', async () => {
  const { code, said } = await run({ FORMICARY_NETAPP_FILES: 'true' }, 'Registered', 'Registered');
  expect([code, said]).toEqual([0, 'Microsoft.App is registered\nMicrosoft.NetApp is registered\n']);
});

test('who may not register it is told before anything is deployed', async () => {
  expect(await run(PRIVATE)).toMatchObject({ code: 1, said: expect.stringMatching(/Microsoft\.App: 403/) });
});
