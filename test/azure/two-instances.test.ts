/**
 * Two instances of the app side by side on the same services, and the death of one: triggers share the work out, agents
 * talk to either, and nothing is awarded or done twice.
 */
import { Formicary, type FormicaryError } from '../../client/client';
import type { Commit } from '../../domain/kernel/commit';
import type { TaskEvent } from '../../domain/market/task';
import { type Servers, startServers } from '../servers/servers';
import { faultsOf } from '../support/commits';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';
import { brokenRules } from '../support/log-rules';
import { weather } from '../support/weather';

jest.setTimeout(300_000); // other work shares the machine

const TASKS = 160;
const AGENTS = Array.from({ length: 12 }, (_, n) => `ant-${n}`);
/** The first award of each of these is left to its deadline. */
const isIgnored = (task: string, attempt: number) => attempt === 1 && Number(task.slice('task-'.length)) % 20 === 0;

let servers: Servers;
let hosts: TestHost[];
const clients = new Map<TestHost, Formicary>();

const LINKS_DROP_EVERY_MS = 3_000;

beforeEach(async () => {
  servers = await startServers();
  hosts = await Promise.all([1, 2].map(() => startTestHost({ env: servers.settings })));
  for (const host of hosts) clients.set(host, new Formicary({ url: host.url, tenant: 'acme', retry: { attempts: 1 } }));
});

afterEach(async () => {
  for (const client of clients.values()) client.close();
  clients.clear();
  await Promise.all(hosts.map((host) => host.stop()));
  await servers.stop();
});

let turn = 0;
/** One that lives, each in its turn. */
const client = () => clients.get(hosts[(turn += 1) % hosts.length] as TestHost) as Formicary;

/** As agents do when an instance dies under them: ask the other one, with the same key. */
async function answered<T>(
  key: string,
  ask: (client: Formicary, options: { idempotencyKey: string }) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask(client(), { idempotencyKey: key });
    } catch (error) {
      const { status } = error as FormicaryError; // 0: nobody was there
      if (attempt === 20 || (status >= 400 && status < 500)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** Takes what it is given, and does it, until told to stop. */
async function work(id: string, stopped: () => boolean): Promise<void> {
  while (!stopped()) {
    const { items } = await answered(`inbox-${id}`, (asked) => asked.as(id).agents.inbox(id, { waitSeconds: 1 }));
    for (const item of items) {
      if (item.kind !== 'assignment' || isIgnored(item.task, item.attempt)) continue;
      const { task, award } = item;
      // On a slow day the deadline was faster; the task comes again.
      const accepted = await answered(`accept-${task}-${award}`, (asked, options) =>
        asked.as(id).tasks.accept(task, { award }, options),
      ).catch(() => undefined);
      if (accepted !== undefined)
        await answered(`complete-${task}-${award}`, (asked, options) =>
          asked.as(id).tasks.complete(task, { award, result: id }, options),
        );
    }
    await new Promise((resolve) => setTimeout(resolve, 20)); // what it has ignored is still there
  }
}

/** How many commits of tasks an instance has made. */
async function commitsOf(host: TestHost): Promise<number> {
  const metrics = await (clients.get(host) as Formicary).operation.metrics();
  return Number(/^formicary_commits_total\{category="task"\} (\d+)/m.exec(metrics)?.[1] ?? 0);
}

test.each(['all is well', 'answers are lost, requests throttled and links dropped'])(
  `${TASKS} tasks over two instances, of which one is killed, while %s`,
  async (condition) => {
    if (condition !== 'all is well') {
      servers.cosmos.faults = weather(Math.random);
      servers.bus.dropEvery(LINKS_DROP_EVERY_MS);
      servers.hubs.dropEvery(LINKS_DROP_EVERY_MS);
    }
    for (const id of AGENTS) {
      await answered(`register-${id}`, (asked, options) =>
        asked.agents.put(
          id,
          {
            agent_type: 'erp.order',
            pool: 'erp',
            capabilities: { 'erp.order': 1 },
            capacity: 4,
            limits: { presence_seconds: 60 },
          },
          options,
        ),
      );
    }
    const ids = Array.from({ length: TASKS }, (_, n) => `task-${n}`);
    let over = false;
    const agents = Promise.all(AGENTS.map((id) => work(id, () => over)));
    const post = (from: number, to: number) =>
      Promise.all(
        ids.slice(from, to).map((id) =>
          answered(`post-${id}`, (asked, options) =>
            asked.tasks.post(
              {
                id,
                task_type: 'erp.order',
                priority: 0.5,
                urgency: 0.5,
                requires: [{ capability: 'erp.order' }],
                accept_seconds: 5,
                max_attempts: 10,
              },
              options,
            ),
          ),
        ),
      );
    // Nobody asks again after what has ended: the hosts have better things to do.
    const unfinished = new Set<string>();
    const reached = async () => {
      await Promise.all(
        [...unfinished].map(async (id) => {
          const task = await answered(`get-${id}`, (asked) => asked.tasks.get(id)).catch(() => undefined);
          if (task?.status === 'completed') unfinished.delete(id);
        }),
      );
      return unfinished.size === 0;
    };
    const reaches = (count: number) => {
      for (const id of ids.slice(0, count)) unfinished.add(id);
      return eventually(reached, { what: `${count} completed tasks`, seconds: 150, pauseMs: 500 });
    };

    await post(0, TASKS / 2);
    await reaches(TASKS / 2);
    for (const host of hosts) expect(await commitsOf(host)).toBeGreaterThan(TASKS / 10);

    const posted = post(TASKS / 2, TASKS);
    const [dying, left] = hosts as [TestHost, TestHost];
    await new Promise((resolve) => setTimeout(resolve, 200));
    hosts = [left];
    await dying.kill('SIGKILL');
    await posted;
    await reaches(TASKS);
    over = true;
    await agents;
    servers.cosmos.faults = () => undefined;
    for (const broker of [servers.bus, servers.hubs]) broker.dropEvery(0);

    // A page of one commit can't be in another order than that of writing, and the server has one partition.
    const log: Commit[] = [];
    for await (const commit of client().receipts.all({ limit: 1 })) log.push(commit);
    expect(brokenRules(log)).toEqual([]);
    for (const [stream, commits] of Map.groupBy(log, (commit) => commit.stream))
      expect(faultsOf(stream, commits)).toEqual([]);
    const events = log.flatMap((commit) =>
      commit.stream.includes('/task/')
        ? (commit.events as readonly TaskEvent[]).map(({ type }) => `${commit.stream} ${type}`)
        : [],
    );
    const counted = (id: string, type: TaskEvent['type']) =>
      events.filter((event) => event === `acme/task/${id} ${type}`).length;
    expect(ids.filter((id) => counted(id, 'TaskPosted') !== 1 || counted(id, 'TaskCompleted') !== 1)).toEqual([]);
    expect(ids.filter((id) => isIgnored(id, 1) && counted(id, 'AttemptEnded') < 1)).toEqual([]);
    // Each talks to both instances, all the while: one knows late of what the other has heard.
    const lost = log.filter(({ events }) => events.some(({ type }) => type === 'AgentLost'));
    if (condition === 'all is well') expect(lost.map(({ stream, at }) => `${stream} ${at}`)).toEqual([]);
    const { feed } = await client().status();
    expect(feed.map(({ parked }) => parked)).toEqual(feed.map(() => 0));
  },
);
