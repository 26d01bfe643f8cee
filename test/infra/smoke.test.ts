/** The hook that azd runs after a deployment, against servers that answer as an app does on its way up. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const HOOK = join(__dirname, '../../bicep/hooks/smoke.mjs');

const CLOSED = '/v1/me';

/**
 * Runs the hook for `seconds` against a server that answers with these statuses, the last one over and over; who shows
 * no token gets others, in the same way.
 */
async function smoke(seconds: number, statuses: readonly number[], strangers: readonly number[] = [401]) {
  const asked: string[] = [];
  const server = createServer(({ url }, response) => {
    asked.push(url as string);
    const answers = url === CLOSED ? strangers : statuses;
    const turn = asked.filter((one) => one === url).length;
    response.statusCode = answers[Math.min(turn, answers.length) - 1] as number;
    response.end('{"status":"as told"}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const hook = spawn(process.execPath, [HOOK, String(seconds)], { env: { ...process.env, SERVICE_API_URI: uri } });
  const [stdout, stderr, [code]] = await Promise.all([text(hook.stdout), text(hook.stderr), once(hook, 'close')]);
  server.close();
  return { code, said: stdout + stderr, asked };
}

test('an app that is ready is asked once', async () => {
  expect(await smoke(60, [200])).toEqual({
    code: 0,
    said: expect.stringContaining('is ready'),
    asked: ['/health/ready', CLOSED],
  });
});

test('an app that starts is waited for', async () => {
  expect(await smoke(60, [503, 200])).toMatchObject({ code: 0, asked: ['/health/ready', '/health/ready', CLOSED] });
}, 20_000);

test('an app that does not get ready fails the deployment, with its last answer', async () => {
  expect(await smoke(1, [503])).toMatchObject({
    code: 1,
    said: expect.stringMatching(/did not get ready.*503.*as told/s),
  });
});

test('an app that answers strangers fails the deployment', async () => {
  expect(await smoke(60, [200], [200])).toMatchObject({
    code: 1,
    said: expect.stringMatching(/v1\/me has to answer 401 .* answered 200 .*as told/),
  });
});

test('one that is busy once, asked by a stranger, is asked again', async () => {
  expect(await smoke(60, [200], [503, 401])).toMatchObject({ code: 0, asked: ['/health/ready', CLOSED, CLOSED] });
}, 20_000);

test('being kept out is said, and fails nothing', async () => {
  expect(await smoke(60, [403])).toMatchObject({
    code: 0,
    said: expect.stringContaining('FORMICARY_ALLOWED_ADDRESSES'),
  });
});

test('without a deployment there is nothing to ask', async () => {
  const hook = spawn(process.execPath, [HOOK], { env: { ...process.env, SERVICE_API_URI: '' } });
  const [said, [code]] = await Promise.all([text(hook.stderr), once(hook, 'close')]);
  expect([code, said]).toEqual([1, expect.stringContaining('azd provision')]);
});
