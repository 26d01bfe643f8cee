/**
 * The public test kit of A2A 1.0 (a2aproject/a2a-tck, branch 1.0-dev, commit 357c4a87) against a host, where an agent
 * plays the scenarios that it names. It is on no registry: `A2A_TCK` is a folder with a checkout of it, `A2A_PYTHON` a
 * Python in which it was installed (`pip install -e .`). By `npm run test:a2a-tck`; the normal run leaves it out.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Formicary } from '../../client/client';
import { Fail, Worker, type WorkerTask } from '../../client/index';
import { startTestHost } from '../support/host';
import { EXPECTED } from './tck-expected';

const { A2A_TCK: kit = '.cache/a2a-tck', A2A_PYTHON: python = 'python3' } = process.env;
/** As the scenarios have it: twice as long as the kit waits for a stream. */
const LONG_MS = 10_000;

const artifact = (...parts: object[]) => ({ artifacts: [{ artifactId: 'a', name: 'a', parts }] });

/** What the agent does with a message, by how its id begins. */
const SCENARIOS: readonly (readonly [prefix: string, play: (task: WorkerTask) => unknown])[] = [
  ['tck-artifact-text', () => artifact({ text: 'Generated text content' })],
  [
    'tck-artifact-file-url',
    () => artifact({ url: 'https://example.com/output.txt', filename: 'output.txt', mediaType: 'text/plain' }),
  ],
  [
    'tck-artifact-file',
    () => artifact({ raw: Buffer.from('output').toString('base64'), filename: 'output.txt', mediaType: 'text/plain' }),
  ],
  ['tck-artifact-data', () => artifact({ data: { key: 'value', count: 42 } })],
  ['tck-input-required', (task) => sleep(LONG_MS, undefined, { signal: task.signal })],
  ['tck-reject-task', () => Promise.reject(new Fail('rejected', { retryable: false }))],
  [
    'tck-stream-artifact-file',
    () => artifact({ raw: Buffer.from('output').toString('base64'), filename: 'output.txt', mediaType: 'text/plain' }),
  ],
  ['tck-stream', () => artifact({ text: 'Stream hello from TCK' })],
  ['test-resubscribe', (task) => sleep(LONG_MS, undefined, { signal: task.signal })],
  ['tck-', () => artifact({ text: 'Hello from TCK' })],
];

test('nothing that must be fails but what is named, with reasons', async () => {
  const host = await startTestHost();
  const formicary = new Formicary({ url: host.url }).as('tck');
  const worker = new Worker({ formicary, agent: 'tck', agent_type: 'a2a.message', capacity: 50, log: () => undefined });
  await worker.start(async (task) => {
    const { message } = (await task.payload()) as { readonly message: { readonly messageId: string } };
    const [, play] = SCENARIOS.find(([prefix]) => message.messageId.startsWith(prefix)) ?? [];
    return await play?.(task);
  });
  try {
    const args = ['run_tck.py', '--sut-host', host.url, '--transport', 'jsonrpc,http_json', '--level', 'must'];
    await promisify(execFile)(python, args, { cwd: kit }).catch((error: { stdout?: string }) => {
      // It ends with 1 where something fails: what, its report says.
      if (error.stdout === undefined) throw error;
    });
    const report = JSON.parse(readFileSync(join(kit, 'reports/compatibility.json'), 'utf8')) as {
      readonly per_requirement: Readonly<
        Record<string, { readonly status: string; readonly errors: readonly string[] }>
      >;
    };
    const all = Object.entries(report.per_requirement);
    const failed = all.filter(([, { status }]) => status === 'FAIL').map(([id, { errors }]) => [id, errors]);
    expect(failed.filter(([id]) => !((id as string) in EXPECTED))).toEqual([]);
    expect(all.filter(([, { status }]) => status === 'PASS').length).toBeGreaterThanOrEqual(40);
  } finally {
    await worker.stop();
    await host.stop();
  }
}, 300_000);
