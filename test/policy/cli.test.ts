/** Policy on the command line: against a host, and from its data folder, without one. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Formicary } from '../../client/client';
import { formicary, type Run } from '../cli/support';
import { PROFILE, startTestHost, type TestHost } from '../support/host';
import { bundleWith, nameOf } from './bundles';

let host: TestHost;
let client: Formicary;
/** A folder with a bundle under which nobody below `critical` posts. */
let strict: string;
let name: string;

beforeAll(async () => {
  host = await startTestHost();
  client = new Formicary({ url: host.url, principal: 'poster' });
  const files = await bundleWith({ 'task.post': 'critical' }, 'strict');
  name = nameOf(files);
  strict = mkdtempSync(join(tmpdir(), 'formicary-bundle-'));
  mkdirSync(strict, { recursive: true });
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(strict, file), bytes);
}, 60_000);
afterAll(async () => {
  client.close();
  await host.stop();
  rmSync(strict, { recursive: true, force: true });
});

const run = (principal: string, ...args: string[]): Promise<Run> =>
  formicary([...args, '--url', host.url, '--tenant', 'platform', '--principal', principal]);
const offline = (...args: string[]): Promise<Run> => formicary([...args, '--data', host.data]);
const done = async (running: Promise<Run>): Promise<Run> => {
  const ended = await running;
  if (ended.code !== 0) throw new Error(`${ended.code}: ${ended.stderr}${ended.stdout}`);
  return ended;
};

test('each command tells what it does, with examples', async () => {
  const steps = ['list', 'stage', 'withdraw', 'shadow', 'activate', 'rollback', 'diff', 'explain'];
  for (const command of [['policy'], ['fork'], ...steps.map((step) => ['policy', step])]) {
    const help = await formicary([...command, '--help']);
    expect([command, help.code, help.stdout.includes('Examples:')]).toEqual([command, 0, true]);
  }
});

test('a bundle comes into force by two people, says before what it changes, and goes again', async () => {
  await client.tasks.post({ id: 't1', task_type: 'x' });
  expect((await done(run('human:ada', 'policy'))).stdout).toContain('it ships with the program');
  expect((await done(run('human:ada', 'policy', 'stage', strict, '--reason', 'lower'))).stdout).toContain(name);
  const short = name.slice(0, 8);
  expect((await done(run('human:ada', 'policy', 'list', '--json'))).json).toMatchObject([
    { status: 'in_force' },
    { bundle: name, status: 'staged', by: 'human:ada' },
  ]);
  const table = (await done(run('human:ada', 'policy', 'diff', short))).stdout;
  expect(table).toMatch(/task\.post +1 +1 +1 × allow → deny/);
  expect(table).toContain('task/t1@0');
  expect((await done(run('human:ada', 'policy', 'diff', short, '--json'))).json).toMatchObject({
    bundle: name,
    differing: 1,
  });
  expect((await done(run('human:ada', 'policy', 'shadow'))).stdout).toContain('No bundle is in the shadow');
  expect((await run('human:ada', 'policy', 'shadow', short)).code).toBe(2);
  await done(run('human:ada', 'policy', 'shadow', short, '--reason', 'look'));
  await client.tasks.post({ id: 't2', task_type: 'x' });
  expect((await done(run('human:ada', 'policy', 'shadow'))).stdout).toContain('task.post');
  const own = await run('human:ada', 'policy', 'activate', short, '--reason', 'good');
  expect([own.code, own.stderr]).toEqual([1, expect.stringContaining('somebody else')]);
  await done(run('human:bob', 'policy', 'activate', short, '--reason', 'good'));
  await expect(client.tasks.post({ id: 't3', task_type: 'x' })).rejects.toMatchObject({ code: 'policy-denied' });
  await done(run('human:bob', 'policy', 'rollback', short, '--reason', 'bad'));
  await client.tasks.post({ id: 't3', task_type: 'x' });
  expect((await run('human:ada', 'policy', 'withdraw', 'ffff', '--reason', 'x')).code).toBe(2);
});

test('a decision is explained, and what does not agree ends with 1', async () => {
  const explain = (...args: string[]) =>
    formicary(['policy', 'explain', ...args, '--url', host.url, '--principal', 'poster']);
  const told = (await done(explain('default/task/t1@0'))).stdout;
  expect(told).toContain('AGREES');
  expect(told).toContain('formicary/assignment/decision');
  expect((await explain('default/task/none@0')).code).toBe(1);
  const above = await run('human:ada', 'policy', 'explain', 'platform/policy/rollout@0', '--json');
  expect([above.code, above.json.outcome]).toEqual([1, 'no-bundle']);
});

test('a fork says what would have been otherwise, as a table and for programs', async () => {
  const fork = (...args: string[]) =>
    formicary(['fork', ...args, '--from', '1d', '--url', host.url, '--principal', 'poster']);
  const table = (await done(fork('--policy', strict))).stdout;
  expect(table).toMatch(/task\/t1@0 +task\.post +allow +deny/);
  expect(table).toMatch(/tasks +3 +3 +0 +0/);
  expect((await done(fork('--policy', strict, '--json'))).json).toMatchObject({ otherwise: 3, not_asked: 0 });
  expect((await fork()).stderr).toContain('one of --policy, --vote, --weight and --approval');
  const vote = await fork('--vote', 'default/task/t1@0=approve');
  expect([vote.code, vote.stderr]).toEqual([1, expect.stringContaining('is no round')]);
});

if (PROFILE === 'embedded')
  test('all of it works from the data folder too', async () => {
    expect((await done(offline('policy', 'diff', strict, '--json'))).json).toMatchObject({ bundle: name });
    expect((await done(offline('policy', 'diff', name, '--json'))).json).toMatchObject({
      bundle: name,
      actions: expect.arrayContaining([expect.objectContaining({ action: 'task.post' })]),
    });
    // As the tables show it.
    const short = (await done(offline('policy', 'explain', 'task/t1@0', '--json'))).json;
    expect(short).toMatchObject({ outcome: 'agrees', receipt: 'default/task/t1@0' });
    expect((await done(offline('policy', 'explain', 'default/task/t1@0', '--json'))).json).toMatchObject({
      outcome: 'agrees',
    });
    expect((await done(offline('fork', '--policy', name, '--from', '1d', '--json'))).json).toMatchObject({
      otherwise: 3,
    });
    expect((await offline('policy', 'diff', '0'.repeat(64))).code).toBe(2);
  });
