/** A host of its own for each file, on which one task was done; and what the command line says of it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Formicary, type Task } from '../../client/client';
import type { Commit } from '../../domain/kernel/commit';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';
import { formicary, type Run, type RunOptions } from './support';

export let host: TestHost;
export let client: Formicary;
export let folder: string;
export let done: Task;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'formicary-cli-'));
  host = await startTestHost();
  client = new Formicary({ url: host.url });
  for (const id of ['cli-1', 'cli-2'])
    await client
      .as(id)
      .agents.register({ agent_type: 'cli.work', pool: 'cli', capabilities: { welding: 0.5 }, capacity: 4 });
  await client.tasks.post({
    id: 'worked',
    task_type: 'cli.work',
    priority: 0.9,
    requires: [{ capability: 'welding', level: 0.2 }],
  });
  const { agent, award } = await awarded('worked');
  await client.as(agent).tasks.accept('worked', { award });
  await client.as(agent).tasks.progress('worked', { award, fraction: 0.5, note: 'half way' });
  await client.as(agent).tasks.complete('worked', { award, result: { ok: true } });
  done = await client.tasks.get('worked');
  await eventually(async () => {
    const { feed } = await client.status();
    const { value } = await client.receipts.page({ limit: 500 });
    return (
      feed.every(({ lag }) => lag === 0) &&
      value.some(({ events }) => events.some(({ type }) => type === 'SlotReleased'))
    );
  });
}, 60_000);
afterAll(async () => {
  client.close();
  await host.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function awarded(task: string): Promise<{ agent: string; award: number }> {
  await eventually(async () => (await client.tasks.get(task)).holder !== undefined);
  return (await client.tasks.get(task)).holder!;
}

/** Runs a command against the host. */
export function run(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  return formicary([...args, '--url', host.url], options);
}

/** What differs from run to run, replaced by what it is. */
export function masked(text: string): string {
  return (
    text
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replaceAll(/\d\d:\d\d:\d\d\.\d{3}/g, 'CLOCK')
      .replaceAll(/\b[0-9a-f]{12}\b/g, 'HASH')
      .replaceAll(/ *\+\d[\d.]* (ms|s)/g, ' +SPAN')
      .replaceAll(/\(\d[\d.]* (ms|s)\)/g, '(SPAN)')
      // It rises while the task waits.
      .replaceAll(/strength 0\.45\d*/g, 'strength 0.45')
      .replaceAll(/cli-[12]/g, 'AGENT')
      .replaceAll(/ +$/gm, '')
  );
}

export async function commitsOf(category: string, id: string): Promise<Commit[]> {
  const commits: Commit[] = [];
  for await (const commit of client.receipts.stream(category, id)) commits.push(commit);
  return commits;
}
