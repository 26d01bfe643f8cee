/**
 * A small colony in the profile azure while its services fail as they do at their worst: answers that are lost,
 * requests that are refused or throttled, connections that drop, and a store that wants nothing of anyone for some
 * seconds.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Colony } from '../../app/colony';
import type { RequestContext } from '../../app/engine/command';
import { StoreBusy } from '../../app/engine/ports';
import { StoreUnavailable } from '../../app/engine/reachable';
import type { Commit } from '../../domain/kernel/commit';
import type { TaskEvent, TaskSpec } from '../../domain/market/task';
import { openColony, readSettings } from '../../host/composition';
import { type Servers, startServers } from '../servers/servers';
import { faultsOf } from '../support/commits';
import { eventually } from '../support/eventually';
import { brokenRules } from '../support/log-rules';
import { randomOf } from '../support/shuffle';
import { weather } from '../support/weather';

jest.setTimeout(240_000); // other work shares the machine

const SEED = Date.now() % 1_000_000;
/** Processes that share a store are given what they sign tokens with. */
const SECRET = { FORMICARY_IDENTITY_SECRET: 'a secret of thirty-two characters, or more' };
const TENANT = 'acme';
const TASKS = 150;
const AGENTS = ['ant-1', 'ant-2', 'ant-3', 'ant-4', 'ant-5'];
/** The first award of each of these is left to its deadline. */
const isIgnored = (task: string, attempt: number) => attempt === 1 && Number(task.slice('task-'.length)) % 10 === 0;
const LINKS_DROP_EVERY_MS = 2_500;
/** The shortest that Service Bus knows: what was handed out on a link that dropped comes again after it. */
const LOCK_MS = 5_000;
/** Longer than the store's adapter has patience. */
const BUSY_MS = 7_000;

const spec: TaskSpec = {
  task_type: 'erp.order',
  priority: 0.5,
  urgency: 0.5,
  requires: [{ capability: 'erp.order', level: 0 }],
  payload: { amount: 1 },
  requester: 'poster',
  bid_seconds: 0,
  accept_seconds: 3,
  lease_seconds: 120,
  max_attempts: 10,
  retry_seconds: 0,
};

/** Milliseconds by which the colony and Service Bus are ahead of the machine. */
let ahead = 0;
const now = () => Date.now() + ahead;

let servers: Servers;
let colony: Colony;

beforeAll(async () => {
  servers = await startServers({ now, lockMs: LOCK_MS });
  colony = await openColony(readSettings({ ...servers.settings, FORMICARY_LOG: 'fatal', ...SECRET }), {
    clock: { now },
  });
});

afterAll(async () => {
  await colony.stop();
  await servers.stop();
});

/** How often callers were told that the store is busy, and that it can't be reached. */
const told = { busy: 0, unavailable: 0 };

/** As a client does: asks until there is an answer, and doesn't come back sooner than it was told to. */
async function answered<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof StoreBusy) told.busy += 1;
      else if (error instanceof StoreUnavailable) told.unavailable += 1;
      else throw error;
      await sleep((error instanceof StoreBusy ? error.retryAfterMs : 100) * (1 + Math.random()));
    }
  }
}

const as = (id: string, key?: string): RequestContext => ({
  principal: { tenant: TENANT, id, kind: 'agent', level: 'execute' },
  ...(key !== undefined && { command: { key, hash: key } }),
});

/** Takes what it is given, and does it, until told to stop. */
async function work(id: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const inbox = await answered(() => colony.agents.inbox(as(id), id, { waitSeconds: 1, signal }));
    if (!('items' in inbox)) throw new Error(`${id}: ${inbox.message}`);
    for (const item of inbox.items) {
      if (item.kind !== 'assignment' || isIgnored(item.task, item.attempt)) continue;
      const { task, award } = item;
      const claim = { agent: id, award };
      const accepted = await answered(() => colony.tasks.accept(as(id, `accept-${task}-${award}`), task, claim));
      // On a slow day the deadline was faster; the task comes again.
      if (accepted.ok)
        await answered(() => colony.tasks.complete(as(id, `complete-${task}-${award}`), task, claim, { by: id }));
    }
    await sleep(10); // what it has ignored is still there
  }
}

/** In the order of writing: the store has one partition, and a page of one commit can't be in another order. */
async function wholeLog(): Promise<readonly Commit[]> {
  const log: Commit[] = [];
  for (let from: string | undefined; ;) {
    const { commits, checkpoint, end } = await colony.ports.store.feed(from, 1);
    log.push(...commits);
    if (end) return log;
    from = checkpoint;
  }
}

const ok = (outcome: { readonly ok: boolean }) => expect(outcome).toMatchObject({ ok: true });

test(`${TASKS} tasks through faults of every kind, seed ${SEED}: nothing lost, nothing twice`, async () => {
  const profile = {
    agent_type: 'erp.order',
    pool: 'erp',
    capabilities: { 'erp.order': 1 },
    capacity: 8,
    presence_seconds: 3_600,
    offer: { helps: [], min_strength: 0 },
  };
  const { cosmos, bus } = servers;
  const usual = weather(randomOf(SEED));
  cosmos.faults = usual;
  bus.dropEvery(LINKS_DROP_EVERY_MS);
  const stop = new AbortController();
  for (const id of AGENTS) ok(await answered(() => colony.agents.register(as(id, `register-${id}`), id, profile)));
  const agents = Promise.all(AGENTS.map((id) => work(id, stop.signal)));

  const ids = Array.from({ length: TASKS }, (_, n) => `task-${n}`);
  const posted = Promise.all(
    ids.map(async (id, n) => {
      await sleep(n * 40);
      ok(await answered(() => colony.tasks.post(as('poster', `post-${id}`), id, spec)));
    }),
  );
  await sleep(2_000);
  cosmos.faults = (kind) => (kind === 'metadata' ? undefined : 429);
  await sleep(BUSY_MS);
  cosmos.faults = usual;
  await posted;

  const open = async () => {
    const tasks = await Promise.all(ids.map((id) => answered(() => colony.tasks.load(TENANT, id))));
    return tasks.filter(({ state }) => state.status !== 'completed');
  };
  await eventually(async () => (await open()).length === 0, {
    what: 'all tasks to be completed',
    seconds: 180,
    pauseMs: 500,
  });
  stop.abort();
  await agents;
  cosmos.faults = () => undefined;
  bus.dropEvery(0);
  await colony.feed.settled();
  // Where trouble came between a reservation and its award, the slot is free when the reservation expires.
  ahead = 61_000;
  bus.tick();
  const slots = async () =>
    (await Promise.all(AGENTS.map((id) => colony.agents.load(TENANT, id)))).flatMap(({ state }) =>
      Object.keys(state.slots),
    );
  await eventually(async () => (await slots()).length === 0);

  const log = await wholeLog();
  expect(brokenRules(log)).toEqual([]);
  for (const [stream, commits] of Map.groupBy(log, (commit) => commit.stream))
    expect(faultsOf(stream, commits)).toEqual([]);
  const events = log.flatMap((commit) =>
    commit.stream.includes('/task/')
      ? (commit.events as readonly TaskEvent[]).map(({ type }) => `${commit.stream} ${type}`)
      : [],
  );
  const counted = (id: string, type: TaskEvent['type']) =>
    events.filter((event) => event === `${TENANT}/task/${id} ${type}`).length;
  expect(ids.filter((id) => counted(id, 'TaskPosted') !== 1 || counted(id, 'TaskCompleted') !== 1)).toEqual([]);
  expect(ids.filter((id) => isIgnored(id, 1) && counted(id, 'AttemptEnded') < 1)).toEqual([]);
  for (const { consumer, parked } of await colony.feed.status()) expect([consumer, parked]).toEqual([consumer, 0]);
  expect(told.busy).toBeGreaterThan(0);
});
