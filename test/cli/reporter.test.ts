/** An agent that writes reports: what a task asks for lies in the folder; what can't be asked for fails for good. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/eventually';
import { compiledApp } from '../support/host';
import { client, folder, host, run } from './worked-host';

const out = () => join(folder, 'reports');
let reporter: ChildProcess;

beforeAll(async () => {
  const args = ['reporter', '--url', host.url, '--principal', 'reporter', '--out', out()];
  reporter = spawn(process.execPath, [join(compiledApp(), 'dist/cli/main.js'), ...args], { stdio: 'ignore' });
  await eventually(async () => (await client.agents.list({ agent_type: 'formicary.report' })).value.length === 1);
}, 60_000);
afterAll(async () => {
  if (reporter.exitCode !== null) return;
  const ended = once(reporter, 'exit');
  reporter.kill('SIGKILL');
  await ended;
});

/** What came of a task that asks for a report. */
async function asked(payload: unknown) {
  const { task } = await client.tasks.post({ task_type: 'formicary.report', payload });
  return await client.tasks.wait(task.id, { signal: AbortSignal.timeout(60_000) });
}

test('what a task asks for lies in the folder, whole and private, and its result says what it comes to', async () => {
  const { status, completion } = await asked({ report: 'daily', zone: 'Europe/Berlin' });
  expect(status).toBe('completed');
  const { files, metrics } = completion!.result as { files: string[]; metrics: Record<string, object> };
  expect(files).toEqual([
    expect.stringMatching(/^daily-\d{4}-\d\d-\d\d-Europe-Berlin\.html$/),
    expect.stringMatching(/^daily-.*\.csv$/),
  ]);
  expect(readdirSync(out()).sort()).toEqual([...files].sort());
  for (const file of files) expect(statSync(join(out(), file)).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(out(), files[0]!), 'utf8')).toContain('<h1>Daily operation report</h1>');
  expect(metrics).toHaveProperty('completed_within_sla');
  // A zone has one name, however it is spelt.
  const again = await asked({ report: 'daily', zone: 'eUROPE/berlin' });
  expect(again.completion!.result).toMatchObject({ files });
  expect(readdirSync(out()).sort()).toEqual([...files].sort());
}, 90_000);

test.each([
  [undefined],
  [{ report: 'audit' }],
  [{ report: 'daily', out: '../../etc' }],
  [{ report: 'daily', zone: 5 }],
  [{ report: 'daily', zone: '../x' }],
  ['daily'],
])(
  '%j is refused for good',
  async (payload) => {
    const { status, history } = await asked(payload);
    expect([status, history]).toEqual([
      'dead',
      [expect.objectContaining({ reason: expect.stringMatching(/the payload must be|is not a zone/) as string })],
    ]);
  },
  90_000,
);

test('told to stop it goes in good order', async () => {
  const ended = once(reporter, 'exit');
  reporter.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  expect((await client.agents.list({ agent_type: 'formicary.report', status: 'active' })).value).toEqual([]);
}, 60_000);

test('who is no agent does no tasks', async () => {
  expect(await run(['reporter', '--principal', 'human:ada', '--out', out()])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('human:ada is no agent') as string,
  });
});
