/** Retention, from the policy over the archiving to the host that goes on: nothing that was archived is missed. */
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { archiveFolder } from '../../cli/audit/archive';
import { type Commit, Formicary, FormicaryError, type Task } from '../../client/client';
import { plusSeconds, toTime } from '../../domain/kernel/time';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';
import { formicary } from './support';

const OVER = ['worked', 'cancelled', 'dead'];
const LATER = plusSeconds(toTime(Date.now()), 400 * 86_400);

let root: string;
let data: string;
let archived: string;
let tasks: Task[];
let receipts: Commit[];
let chain: unknown;

/** Does the work on a host over the folder, ends it in order, and gives what it said. */
async function onHost<T>(folder: string, run: (client: Formicary, host: TestHost) => Promise<T>): Promise<T> {
  const host = await startTestHost({ data: folder });
  const client = new Formicary({ url: host.url });
  try {
    const result = await run(client, host);
    client.close();
    expect(await host.kill('SIGTERM')).toBe(0);
    return result;
  } finally {
    client.close();
    await host.stop();
  }
}

const isHandled = async (client: Formicary) =>
  (await client.status()).feed.every(({ lag, parked }) => lag === 0 && parked === 0);

async function everything(client: Formicary): Promise<Commit[]> {
  const all: Commit[] = [];
  for await (const commit of client.receipts.all({ limit: 7 })) all.push(commit);
  return all;
}

const hashes = (commits: readonly Commit[]) => commits.map(({ hash }) => hash).sort();

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'formicary-retention-'));
  data = join(root, 'data');
  await onHost(data, async (client, host) => {
    await client.as('ann').agents.register({ agent_type: 'cli.work', pool: 'cli', capabilities: {}, capacity: 4 });
    await client.tasks.post({ id: 'worked', task_type: 'cli.work' });
    await eventually(async () => (await client.tasks.get('worked')).holder !== undefined);
    const { award } = (await client.tasks.get('worked')).holder!;
    const ann = client.as('ann').tasks;
    await ann.accept('worked', { award });
    await ann.complete('worked', { award, result: { ok: true } });
    await client.tasks.post({ id: 'cancelled', task_type: 'cli.other' });
    await client.tasks.cancel('cancelled', 'not needed');
    await client.tasks.post({ id: 'dead', task_type: 'cli.other', deadline: plusSeconds(toTime(Date.now()), 1) });
    await client.tasks.post({ id: 'open', task_type: 'cli.other' });
    const signal = { type: 'resource_needed', location: 'dock', strength: 0.5, decay_rate: 0.5, emitter_agent: 'ann' };
    for (let i = 0; i < 3; i += 1) await client.as('ann').signals.emit(signal);
    const set = await formicary(['retention', '--set', '{"task":365,"trail":30}', '--url', host.url]);
    expect([set.code, set.stderr]).toEqual([0, '']);
    expect((await formicary(['retention', '--url', host.url])).stdout).toMatch(/task +365 days after/);
    await eventually(
      async () =>
        (await client.tasks.get('dead')).status === 'expired' &&
        (await isHandled(client)) &&
        (await everything(client)).some(({ events }) => events.some(({ type }) => type === 'SlotReleased')),
    );
    expect(await formicary(['archive', '--data', data])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('another process uses') as string,
    });
    tasks = await Promise.all(OVER.map((id) => client.tasks.get(id)));
    receipts = await everything(client);
    chain = await client.why('worked');
  });
  archived = join(root, 'archived');
  cpSync(data, archived, { recursive: true });
  // By the time of this machine nothing is that old.
  expect((await formicary(['archive', '--data', archived])).stdout).toContain('nothing has ended for so long');
  expect(await archiveFolder(archived, LATER, false)).toMatchObject({ streams: 4, altered: [], unknown: [] });
}, 120_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

function copyOf(name: string): string {
  const copy = join(root, name);
  cpSync(archived, copy, { recursive: true });
  return copy;
}

test('a dry run says what would be moved and moves nothing', async () => {
  const folder = join(root, 'dry');
  cpSync(data, folder, { recursive: true });
  const dry = await archiveFolder(folder, LATER, true);
  expect(dry).toMatchObject({ files: [], streams: 4 });
  expect(readdirSync(folder)).not.toContain('archive');
  const real = await archiveFolder(folder, LATER, false);
  expect([real.receipts, real.removed]).toEqual([dry.receipts, dry.removed]);
}, 60_000);

test('what is archived is private, verifies without a trace, and is read through by why and export', async () => {
  expect(
    readdirSync(join(archived, 'archive'), { withFileTypes: true }).map(
      ({ name }) => statSync(join(archived, 'archive', name)).mode & 0o077,
    ),
  ).toEqual([0]);
  const names = readdirSync(archived).sort();
  const verified = await formicary(['verify', '--data', archived, '--json']);
  expect([verified.code, verified.json]).toMatchObject([0, { commits: receipts.length, faults: 0 }]);
  expect(readdirSync(archived).sort()).toEqual(names);
  const why = await formicary(['why', 'worked', '--data', archived, '--json']);
  expect(why.json).toEqual((await formicary(['why', 'worked', '--data', data, '--json'])).json);
  const file = join(root, 'all.ndjson.gz');
  expect((await formicary(['export', file, '--data', archived])).code).toBe(0);
  expect((await formicary(['verify', '--export', file, '--json'])).json).toMatchObject({
    commits: receipts.length,
    faults: 0,
  });
  const saved = join(root, 'saved.ndjson.gz');
  expect(await formicary(['export', saved, '--salvage', '--data', archived])).toMatchObject({
    code: 0,
    stderr: expect.not.stringContaining('not read') as string,
  });
  expect((await formicary(['verify', '--export', saved, '--json'])).json).toMatchObject({
    commits: receipts.length,
    faults: 0,
  });
}, 120_000);

test('the host goes on: every answer is what it was, ids stay taken, streams come alive again, views can be rebuilt', async () => {
  const folder = copyOf('goes-on');
  await onHost(folder, async (client, host) => {
    expect(await (await fetch(`${host.url}/health/ready`)).json()).toMatchObject({ status: 'ready' });
    await eventually(() => isHandled(client));
    expect(await Promise.all(OVER.map((id) => client.tasks.get(id)))).toEqual(tasks);
    expect(hashes(await everything(client))).toEqual(hashes(receipts));
    expect(await client.why('worked')).toEqual(chain);
    const again = client.tasks.post({ id: 'cancelled', task_type: 'cli.another' });
    await expect(again).rejects.toMatchObject({ status: 409 });
    await expect(again).rejects.toBeInstanceOf(FormicaryError);

    const rows = await client.tasks.list({ limit: 100 });
    const { serving } = await client.operation.rebuildView('tasks');
    await eventually(async () =>
      (await client.status()).views.some((view) => view.view === 'tasks' && view.serving !== serving),
    );
    expect(await client.tasks.list({ limit: 100 })).toEqual(rows);

    await client.as('ann').signals.emit({
      type: 'resource_needed',
      location: 'dock',
      strength: 0.5,
      decay_rate: 0.5,
      emitter_agent: 'ann',
    });
    await client.tasks.redrive('dead', { deadline: plusSeconds(toTime(Date.now()), 3_600) });
    expect(await client.tasks.get('dead')).toMatchObject({ status: 'open' });
    await eventually(() => isHandled(client));
  });
  expect((await formicary(['verify', '--data', folder, '--json'])).json).toMatchObject({
    commits: receipts.length + 2,
    faults: 0,
  });
}, 120_000);

test('a backup takes the archive along, and a restore brings it back', async () => {
  const backup = join(root, 'backup');
  const restored = join(root, 'restored');
  expect((await formicary(['backup', backup, '--data', archived])).code).toBe(0);
  expect((await formicary(['restore', backup, '--data', restored])).code).toBe(0);
  expect(readdirSync(join(restored, 'archive'))).toEqual(readdirSync(join(archived, 'archive')));
  expect((await formicary(['verify', '--data', restored, '--json'])).json).toMatchObject({
    commits: receipts.length,
    faults: 0,
  });
}, 60_000);

test('without the folder archive/ verify and why say so, and the task is answered with a problem that names the file', async () => {
  const folder = copyOf('lost');
  const [file = ''] = readdirSync(join(folder, 'archive'));
  rmSync(join(folder, 'archive'), { recursive: true });
  const verified = await formicary(['verify', '--data', folder]);
  expect([verified.code, verified.stdout]).toEqual([1, expect.stringContaining(`archive/${file} is not there`)]);
  expect(await formicary(['why', 'worked', '--data', folder])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`archive/${file}, which is missing`) as string,
  });
  await onHost(folder, async (client) => {
    await expect(client.tasks.get('worked')).rejects.toMatchObject({
      problem: { detail: expect.stringContaining(`archive/${file}, which is missing`) as string },
    });
    expect(await client.tasks.get('open')).toMatchObject({ status: 'open' });
  });
}, 120_000);
