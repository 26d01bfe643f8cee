/**
 * A store with a long past, made fast: whole task life cycles with the commands that the application gives, through
 * `transact` and the store's own append (so chains, snapshots and causes are what they always are), thousands at once,
 * without the market's search and the feed. The read models are filled by their own reducer, and the checkpoints say
 * that the feed has seen it all.
 */
import { openEmbedded } from '../adapters/embedded/open';
import { McpServers } from '../adapters/outbound/mcp';
import { Colony } from '../app/colony';
import { type Accepted, causeOf, type Outcome } from '../app/engine/command';
import type { Commit } from '../domain/kernel/commit';
import type { Event } from '../domain/kernel/decider';
import { commitRef } from '../domain/kernel/ids';
import { plusSeconds, toTime } from '../domain/kernel/time';
import { agentDecider, agentStream, releaseSlot, reserveSlot } from '../domain/market/agent';
import { type BidInputs, DEFAULT_WEIGHTS, rank } from '../domain/market/market';
import { accept, award, complete, post, taskDecider, type TaskSpec, taskStream } from '../domain/market/task';
import { systemClock } from '../host/composition';
import { progress } from '../samples/demo/progress';
import { agentId, agentOf, POSTER, registerAgents, specOf, TENANT, typeOf } from './colony';
import { forEachOf } from './measure';
import { UNJUDGED } from './policy';

const MARKET = { principal: { tenant: TENANT, id: 'market', kind: 'system', level: 'execute' } } as const;
/** TaskPosted, SlotReserved, BidsClosed and TaskAwarded, TaskAccepted, TaskCompleted, SlotReleased. */
export const EVENTS_PER_TASK = 7;
/** Commits that are handed to the read models at once. */
const VIEW_PAGE = 5_000;

/** Makes a store of at least `events` events in `data`, with `agents` registered agents. */
export async function preload(data: string, agents: number, events: number, show: boolean): Promise<void> {
  const byType = new Map<string, string[]>();
  for (let n = 0; n < agents; n += 1) {
    const peers = byType.get(typeOf(n));
    if (peers === undefined) byType.set(typeOf(n), [agentId(n)]);
    else peers.push(agentId(n));
  }
  const tasks = Math.ceil(events / EVENTS_PER_TASK);
  await fill(data, agents, { count: tasks, name: `store of ${events} events`, show }, async (colony, n) => {
    const peers = byType.get(typeOf(n)) ?? [agentId(n % agents)];
    await lifeOf(colony, `past-${n}`, n, peers);
  });
}

/** Makes a store in which so many tasks wait, as `specOf` says. */
export async function preloadWaiting(
  data: string,
  agents: number,
  { tasks, specOf: specOfWaiting }: { readonly tasks: number; readonly specOf: (n: number) => TaskSpec },
  show: boolean,
): Promise<void> {
  await fill(data, agents, { count: tasks, name: `store of ${tasks} tasks`, show }, async ({ transactor }, n) => {
    ok(await transactor.transact(taskDecider, taskStream(TENANT, `waits-${n}`), posting(specOfWaiting(n)), POSTED));
  });
}

/** Opens the stores of `data`, has `work` write to each of them `count` times, and closes them. */
async function fill(
  data: string,
  agents: number,
  { count, name, show }: { readonly count: number; readonly name: string; readonly show: boolean },
  work: (colony: Colony, n: number) => Promise<void>,
): Promise<void> {
  const ports = await openEmbedded(data);
  const colony = new Colony({
    ...ports,
    policy: UNJUDGED,
    outbound: {
      webhooks: { post: async () => ({ error: 'nothing leaves' }) },
      mail: undefined,
      secrets: { get: async () => undefined },
      tools: new McpServers({ privateHosts: [], httpToLoopback: false }, new Map(), { get: async () => undefined }),
    },
    clock: systemClock,
    report: (message, facts) => console.error(message, facts),
  });
  await colony.views.start();
  let waiting: Commit[] = [];
  let showing: Promise<void> = Promise.resolve();
  const toViews = (): Promise<void> => {
    const page = waiting;
    waiting = [];
    return (showing = showing.then(() => colony.views.handle(page)));
  };
  const stopListening = colony.transactor.onCommitted(({ commits }) => void waiting.push(...commits));

  await registerAgents(colony, agents);
  const bar = progress(name, count, show);
  let done = 0;
  await forEachOf(count, 256, async (n) => {
    await work(colony, n);
    done += 1;
    if (waiting.length >= VIEW_PAGE) await toViews();
    if (done % 500 === 0) bar.update(done);
  });
  await toViews();
  bar.stop();
  stopListening();
  const end = await ports.store.end();
  for (const consumer of ['views', 'reactions']) await ports.checkpoints.save(consumer, end);
  await colony.views.stop();
  await ports.close();
}

const POSTED = { ...POSTER, action: 'task.post', creates: true } as const;

function posting(spec: TaskSpec): ReturnType<typeof post> {
  return post(spec, toTime(systemClock.now()));
}

/** One task from its post to its completion, with the same commits as the application makes. */
async function lifeOf({ transactor }: Colony, task: string, n: number, peers: readonly string[]): Promise<void> {
  const spec = specOf(n);
  const stream = taskStream(TENANT, task);
  const posted = ok(
    await transactor.transact(taskDecider, stream, posting(spec), {
      ...POSTED,
      attributes: { task_type: spec.task_type, priority: spec.priority },
    }),
  );
  const now = toTime(systemClock.now());
  const { correlationId } = posted.commit.meta;
  const bids: BidInputs[] = peers.map((agent, i) => ({
    agent,
    source: 'offer',
    match: 1,
    load: ((n + i) % 3) / 4,
    wins: (n * i) % 9,
    tries: (n * i) % 9,
  }));
  const candidates = rank(task, bids, 0.25, DEFAULT_WEIGHTS);
  const { agent } = candidates[0] as BidInputs;
  const winner = agentStream(TENANT, agent);

  // The ranking is invented, so the winner may be full: the slot is reserved without asking, as evolve allows it.
  const reserve = reserveSlot({ task, task_type: spec.task_type, award: 1, expires: plusSeconds(now, 60) });
  const reserved = ok(
    await transactor.transact(agentDecider, winner, (state) => reserve({ ...state, slots: {} }), {
      ...MARKET,
      action: 'agent.reserve',
      cause: causeOf(posted.commit),
      reaction: true,
      correlationId,
    }),
  );
  const receipt = commitRef(winner, reserved.commit.index);
  const awarded = ok(
    await transactor.transact(
      taskDecider,
      stream,
      award({
        candidates,
        weights: DEFAULT_WEIGHTS,
        refused: [],
        reserved: { agent, award: 1, receipt },
        strength: 0.25,
        now: toTime(systemClock.now()),
      }),
      {
        ...MARKET,
        action: 'task.award',
        cause: causeOf(reserved.commit),
        reaction: true,
        correlationId,
      },
    ),
  );
  const cause = causeOf(awarded.commit);
  ok(
    await transactor.transact(taskDecider, stream, accept({ agent, award: 1 }, toTime(systemClock.now())), {
      ...agentOf(agent),
      action: 'task.accept',
      cause,
    }),
  );
  const completed = ok(
    await transactor.transact(
      taskDecider,
      stream,
      complete({ agent, award: 1 }, { result: { ok: true } }, toTime(systemClock.now())),
      { ...agentOf(agent), action: 'task.complete', cause },
    ),
  );
  ok(
    await transactor.transact(agentDecider, winner, releaseSlot(task, 1, 'completed'), {
      ...MARKET,
      action: 'agent.release',
      cause: causeOf(completed.commit),
      reaction: true,
      correlationId,
    }),
  );
}

function ok<S, E extends Event>(outcome: Outcome<S, E>): Accepted<S, E> & { readonly commit: Commit } {
  if (!outcome.ok) throw new Error(outcome.rejection.message);
  if (outcome.commit === undefined) throw new Error('nothing was committed');
  return outcome as Accepted<S, E> & { readonly commit: Commit };
}
