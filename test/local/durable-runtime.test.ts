/** The runtime without a host: what it reads after a start, what it leaves behind when it is closed. */
import '../support/library';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Registration } from '../../local/core';
import { DurableRuntime } from '../../local/durable/runtime';
import { eventually } from '../support/eventually';

jest.spyOn(console, 'error').mockImplementation(() => {});

let folder: string;
const open: DurableRuntime[] = [];
beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'formicary-durable-'))));
afterEach(async () => {
  await Promise.all(open.splice(0).map((runtime) => runtime.close(1)));
  rmSync(folder, { recursive: true });
});

/** How often each instance was replayed. */
let replays: Record<string, number>;
beforeEach(() => (replays = {}));

const registration = (name: string, type: string, callback: Registration['callback']): Registration => ({
  name,
  bindings: { t: { type, name: 't', direction: 'in' } },
  callback,
});

/** Waits for one event, or calls one activity, as the SDK would answer. */
const waits = registration('waits', 'orchestrationTrigger', async (trigger) => {
  const { instanceId, history } = trigger as { instanceId: string; history: { EventType: number }[] };
  replays[instanceId] = (replays[instanceId] ?? 0) + 1;
  return { isDone: history.some(({ EventType }) => EventType === 15), actions: [[{ actionType: 6 }]], output: 'done' };
});
const calls = registration('calls', 'orchestrationTrigger', async (trigger) => {
  const ends = (trigger as { history: { EventType: number; Result?: string }[] }).history.filter(
    ({ EventType }) => EventType === 5 || EventType === 6,
  );
  return { isDone: ends.length > 0, actions: [[{ actionType: 0, functionName: 'work' }]], output: ends[0]?.Result };
});

function runtime(work: () => unknown = () => 'worked', retentionDays = 1): DurableRuntime {
  const made = new DurableRuntime(path.join(folder, 'durable.db'), {
    orchestrators: [waits, calls],
    activities: [registration('work', 'activityTrigger', async () => work())],
  });
  made.begin(retentionDays);
  open.push(made);
  return made;
}
const status = (of: DurableRuntime, id: string) => of.store.get(id)?.status;

test('after a restart, waiting instances are not replayed until something comes for them', async () => {
  const before = runtime();
  await Promise.all(Array.from({ length: 1_000 }, (_, i) => before.start(`i${i}`, 'waits', null)));
  await eventually(() => Object.keys(replays).length === 1_000);
  await before.close(1);
  open.length = 0;

  replays = {};
  const after = runtime();
  await after.raise('i7', 'Approval', null);
  await eventually(() => status(after, 'i7') === 'Completed');
  expect(replays).toEqual({ i7: 1 });
  expect(status(after, 'i8')).toBe('Running');
}, 20_000);

test('the file belongs to one process', () => {
  runtime();
  expect(() => runtime()).toThrow('another process uses');
});

test('closing waits for an activity and keeps its result', async () => {
  let runs = 0;
  const before = runtime(() => new Promise((resolve) => setTimeout(resolve, 100, (runs += 1))));
  await before.start('one', 'calls', null);
  await eventually(() => runs === 1);
  await before.close(5);
  open.length = 0;
  const after = runtime(() => (runs += 1));
  await eventually(() => status(after, 'one') === 'Completed');
  expect(runs).toBe(1);
});

test.each([
  ['outlasts the grace', () => new Promise(() => {})],
  ['fails while the host stops', () => new Promise((_, reject) => setTimeout(reject, 50, new Error('closed')))],
])('an activity that %s runs again', async (_, work) => {
  let runs = 0;
  const before = runtime(() => ((runs += 1), work()));
  await before.start('one', 'calls', null);
  await eventually(() => runs === 1);
  await before.close(0.2);
  open.length = 0;
  const after = runtime(() => (runs += 1));
  await eventually(() => status(after, 'one') === 'Completed');
  expect(runs).toBe(2);
});

test('what has ended is kept for a while, and then removed', async () => {
  const before = runtime();
  await before.start('ended', 'calls', null);
  await before.start('waiting', 'waits', null);
  await eventually(() => status(before, 'ended') === 'Completed' && status(before, 'waiting') === 'Running');
  await before.close(1);
  open.length = 0;
  await new Promise((resolve) => setTimeout(resolve, 20));
  const after = runtime(undefined, 1 / 86_400_000);
  await eventually(() => status(after, 'ended') === undefined);
  expect(status(after, 'waiting')).toBe('Running');
});
