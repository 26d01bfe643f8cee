/** Orchestrations through the unmodified SDK: its client over HTTP, its orchestrators and activities in the host. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DurableClient } from 'durable-functions';
import { type Host, startHost } from '../../local/host';
import { eventually } from '../support/eventually';
import { send } from './support';

jest.mock('@azure/functions-core', () => jest.requireActual<object>('../../local/core'), { virtual: true });
interface Seen {
  client: DurableClient;
  attempts: { at: number; instance: string }[];
  mostAtOnce: number;
  activity: string;
  release?: (value: unknown) => void;
}
const { seen } = jest.requireActual<{ seen: Seen }>('../fixtures/durable-app/seen');

const data = mkdtempSync(path.join(tmpdir(), 'formicary-durable-'));
let host: Host;
let client: DurableClient;
const errors = jest.spyOn(console, 'error').mockImplementation(() => {});

beforeAll(async () => {
  host = await startHost({
    appDirectory: `${__dirname}/../fixtures/durable-app`,
    port: 0,
    hostname: '127.0.0.1',
    data,
  });
  await send(host.url, '/client');
  client = seen.client;
});
afterAll(async () => {
  await host.close(1);
  rmSync(data, { recursive: true });
});

/** Waits until the instance has a status out of `statuses`. */
async function reaches(id: string, ...statuses: readonly string[]) {
  return await eventually(
    async () => {
      const status = await client.getStatus(id);
      return statuses.includes(String(status.runtimeStatus)) && status;
    },
    { what: `${id} to be ${statuses.join(' or ')}` },
  );
}
const ended = (id: string) => reaches(id, 'Completed', 'Failed', 'Terminated');

/** What a whole run of the orchestrator returns. */
async function run(name: string, input?: unknown): Promise<unknown> {
  const status = await ended(await client.startNew(name, { input }));
  if (String(status.runtimeStatus) !== 'Completed') throw new Error(String(status.output));
  return status.output;
}

test('lists orchestrators and activities as run', () => {
  expect(host.functions).toContainEqual({ name: 'fan-out', trigger: 'orchestrationTrigger', runs: true });
  expect(host.functions).toContainEqual({ name: 'square', trigger: 'activityTrigger', runs: true });
});

describe('activities', () => {
  test('fan out, run at once up to a limit, and fan in', async () => {
    expect(await run('fan-out', 100)).toBe(328_350);
    expect(seen.mostAtOnce).toBeGreaterThan(1);
    expect(seen.mostAtOnce).toBeLessThanOrEqual(50);
  });

  test('get and return every kind of value', async () => {
    const values = ['5', 5, 'text', '', false, 0, { a: ['ü'] }, null];
    expect(await run('echoes', values)).toEqual(values);
  });

  test('fail with their reason, which can be caught', async () => {
    expect(await run('catches', { activity: 'failing', input: 'no luck' })).toMatch(
      /^caught Activity function 'failing' failed: {2}no luck/,
    );
    expect(await run('catches', { activity: 'nowhere' })).toContain('this app has no such function');
    expect(await run('catches', { activity: 'large' })).toContain('more than 1000000 characters');
  });

  test('that are awaited twice run once', async () => expect(await run('twice-awaited')).toBe('third49'));

  test('are retried with growing pauses, and no more often than said', async () => {
    const id = await client.startNew('retries', { input: { fails: 2, attempts: 3 } });
    expect((await ended(id)).output).toEqual(['after 3 attempts', 1, 2, 'then']);
    const at = seen.attempts.filter(({ instance }) => instance === id).map((attempt) => attempt.at);
    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(20);
    expect(at[2]! - at[1]!).toBeGreaterThanOrEqual(40);

    const failing = await client.startNew('retries', { input: { fails: 9, attempts: 2 } });
    expect((await ended(failing)).output).toContain('failure 2');
    expect(seen.attempts.filter(({ instance }) => instance === failing)).toHaveLength(2);
  });
});

test('many orchestrations at once do not disturb each other, nor do retries the tasks beside them', async () => {
  const outputs = await Promise.all(Array.from({ length: 20 }, () => run('race')));
  expect(outputs).toEqual(Array.from({ length: 20 }, () => [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 'after 4 attempts']));
});

describe('events and timers', () => {
  test('an approval wins against its timer, which is cancelled', async () => {
    const id = await client.startNew('approval', { input: { timeout: 60_000 } });
    await client.raiseEvent(id, 'Approval', { by: 'ada' });
    expect((await ended(id)).output).toBe('approved by ada');
  });

  test('a timer wins when no approval comes', async () =>
    expect(await run('approval', { timeout: 30 })).toBe('expired'));

  test('an orchestration is not complete before a timer that it forgot to cancel', async () => {
    const id = await client.startNew('approval', { input: { timeout: 400, cancel: false } });
    await client.raiseEvent(id, 'Approval', { by: 'ada' });
    const { createdTime, lastUpdatedTime } = await ended(id);
    expect(lastUpdatedTime.getTime() - createdTime.getTime()).toBeGreaterThanOrEqual(400);
  });

  test.each([[['A', 'B', 'A']], [['B', 'A', 'A']], [['A', 'A', 'B']]])(
    'events that come as %j are kept, and used in their order',
    async (order) => {
      const id = await client.startNew('letters');
      for (const [index, name] of order.entries()) await client.raiseEvent(id, name, index);
      const places = (name: string) => order.flatMap((other, index) => (other === name ? [index] : []));
      expect((await ended(id)).output).toEqual([places('A')[0], places('B')[0], places('A')[1]]);
    },
  );

  test('an orchestration continues as new with what it says', async () => {
    expect(await run('countdown', { left: 5, log: [] })).toEqual([5, 4, 3, 2, 1]);
  });
});

describe('failures', () => {
  test('of an orchestrator are its output', async () => {
    const status = await ended(await client.startNew('throws'));
    expect(status).toMatchObject({ runtimeStatus: 'Failed', customStatus: { phase: 'before' } });
    expect(status.output).toMatch(
      /^Orchestrator function 'throws' failed: Activity function 'failing' failed: {2}no luck/,
    );
    expect(errors.mock.calls.flat().join()).toContain('no luck');
  });

  test('an orchestrator that was changed under way fails, and says where', async () => {
    const id = await client.startNew('wavering');
    await reaches(id, 'Running');
    await new Promise((resolve) => setTimeout(resolve, 50));
    seen.activity = 'square';
    await client.raiseEvent(id, 'On', 1);
    const { runtimeStatus, output } = await ended(id);
    expect([runtimeStatus, output]).toEqual([
      'Failed',
      expect.stringContaining("its step 0 was activity 'echo', and is activity 'square' in this replay"),
    ]);
  });

  test('an orchestrator that looks at the clock fails, and says where', async () => {
    await expect(run('looks-at-the-clock')).rejects.toThrow(
      /Non-deterministic orchestrator: its step 0 was a timer for .* and is a timer for/,
    );
  });

  test('what this host does not have is refused by its name', async () => {
    await expect(run('parent')).rejects.toThrow('this host has no sub-orchestrations');
  });
});

describe('management', () => {
  test('an unknown orchestrator, a bad id and an id under way are refused', async () => {
    await expect(client.startNew('nowhere')).rejects.toThrow('400');
    await expect(client.startNew('letters', { instanceId: '@x' })).rejects.toThrow('400');
    await client.startNew('letters', { instanceId: 'one' });
    await expect(client.startNew('letters', { instanceId: 'one' })).rejects.toThrow('409');
    await client.terminate('one', 'enough');
    expect(await client.getStatus('one')).toMatchObject({ runtimeStatus: 'Terminated', output: 'enough' });
    await client.raiseEvent('one', 'A', 1);
    expect(await client.startNew('letters', { instanceId: 'one' })).toBe('one');
    expect(await reaches('one', 'Running')).toMatchObject({ output: null });
    await expect(client.raiseEvent('nobody', 'A', 1)).rejects.toThrow('No instance');
  });

  test('a suspended instance keeps what comes until it is resumed', async () => {
    const id = await client.startNew('letters');
    await client.suspend(id, 'wait');
    for (const name of ['A', 'B', 'A']) await client.raiseEvent(id, name, name);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await client.getStatus(id)).runtimeStatus).toBe('Suspended');
    await client.resume(id, 'go on');
    expect((await ended(id)).output).toEqual(['A', 'B', 'A']);
  });

  test('an activity that ends after its instance changes nothing', async () => {
    const id = await client.startNew('catches', { input: { activity: 'held' } });
    const release = await eventually(() => seen.release);
    await client.terminate(id, 'enough');
    release('late');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await client.getStatus(id)).toMatchObject({ runtimeStatus: 'Terminated', output: 'enough' });
  });

  test('instances are listed by pages, filtered and purged when they have ended', async () => {
    const from = new Date();
    const ids = await Promise.all(Array.from({ length: 130 }, () => client.startNew('echoes', { input: [] })));
    await Promise.all(ids.map(ended));
    const waiting = await client.startNew('letters');
    const all = await client.getStatusBy({ createdTimeFrom: from });
    expect(all.map(({ instanceId }) => instanceId).toSorted()).toEqual([...ids, waiting].toSorted());
    expect(
      await client.getStatusBy({ createdTimeFrom: from, runtimeStatus: ['Running', 'Pending'] as never }),
    ).toHaveLength(1);

    expect((await client.purgeInstanceHistory(ids[0]!)).instancesDeleted).toBe(1);
    expect((await client.purgeInstanceHistory(ids[0]!)).instancesDeleted).toBe(0);
    expect((await client.purgeInstanceHistory(waiting)).instancesDeleted).toBe(0);
    expect((await client.purgeInstanceHistoryBy({ createdTimeFrom: from })).instancesDeleted).toBe(129);
    await expect(client.getStatus(ids[1]!)).rejects.toThrow('404');
    expect((await client.getStatus(waiting)).runtimeStatus).toBe('Running');
  });

  test('the routes are closed to those who do not know the key, and open to the links of a status', async () => {
    const id = await client.startNew('letters');
    expect((await send(host.url, `/runtime/webhooks/durabletask/instances/${id}`)).status).toBe(403);
    expect(
      (await send(host.url, `/runtime/webhooks/durabletask/instances/${id}/terminate?code=guess`, { method: 'POST' }))
        .status,
    ).toBe(403);
    const { pathname, search } = new URL(client.createHttpManagementPayload(id).statusQueryGetUri);
    expect((await send(host.url, pathname + search)).json()).toMatchObject({ instanceId: id, name: 'letters' });
    expect((await send(host.url, pathname + search, { headers: { origin: 'https://evil.example' } })).status).toBe(403);
    const raise = (body: string) => send(host.url, `${pathname}/raiseEvent/A${search}`, { method: 'POST', body });
    expect((await raise('{')).status).toBe(400);
    expect((await raise(JSON.stringify('x'.repeat(1_000_000)))).status).toBe(413);
  });

  test('events that nobody takes are refused at last', async () => {
    const id = await client.startNew('letters');
    await client.suspend(id, 'wait');
    for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 100 }, () => client.raiseEvent(id, 'C', 1)));
    await expect(client.raiseEvent(id, 'C', 1)).rejects.toThrow('429');
  }, 20_000);
});
