/** What the books find, against a look at everything. */
import fc from 'fast-check';
import { AgentBook, type AgentEntry } from '../../app/market/agent-book';
import { PauseBook } from '../../app/market/pause-book';
import { Places } from '../../app/market/places';
import { TaskBook } from '../../app/market/task-book';
import { type Time, toMillis, toTime } from '../../domain/kernel/time';
import { agentDecider, type AgentProfile, type AgentState, slotsInUse } from '../../domain/market/agent';
import { bidOf } from '../../domain/market/fit';
import { pullAt } from '../../domain/market/market';
import { pauseDecider } from '../../domain/market/pause';
import { pullTerms, strengthOf, taskDecider, type TaskSpec, type TaskState } from '../../domain/market/task';

const SKILLS = ['dig', 'saw', 'fly'] as const;
const START = toMillis('2026-11-29T00:00:00.000Z');

function books() {
  let now = START;
  const places = new Places('test');
  const agents = new AgentBook(places, new PauseBook(async () => ({ state: pauseDecider.initial, version: -1 })));
  const tasks = new TaskBook(places, { now: () => now }, agents);
  return { agents, tasks, at: () => toTime(now), pass: (seconds: number) => void (now += seconds * 1000) };
}

function agentState(profile: Partial<AgentProfile>, slots = 0): AgentState {
  return {
    ...agentDecider.initial,
    status: 'active',
    profile: {
      agent_type: 'ant',
      pool: 'ant',
      capabilities: {},
      capacity: 1,
      presence_seconds: 60,
      offer: { helps: [], min_strength: 0 },
      ...profile,
    },
    slots: Object.fromEntries(
      Array.from({ length: slots }, (_, n) => [
        `held-${n}`,
        { award: 1, receipt: '', since: toTime(START), task_type: 'dig' },
      ]),
    ),
  };
}

function taskState(spec: Partial<TaskSpec>, posted_at: Time, rest: Partial<TaskState> = {}): TaskState {
  return {
    ...taskDecider.initial,
    status: 'open',
    spec: {
      task_type: 'dig',
      priority: 0.5,
      urgency: 0.5,
      requires: [{ capability: 'dig', level: 0 }],
      requester: 'ann',
      bid_seconds: 0,
      accept_seconds: 60,
      lease_seconds: 60,
      max_attempts: 3,
      retry_seconds: 1,
      payload: {},
      ...spec,
    },
    posted_at,
    offered_at: posted_at,
    open_since: posted_at,
    ready_at: posted_at,
    ...rest,
  };
}

/** What `strongest` is to find: the best of all that fit. */
function byLooking(open: ReadonlyMap<string, TaskState>, agent: AgentEntry, now: Time): number | undefined {
  const pulls = [...open.values()]
    .filter((state) => state.ready_at <= now)
    .filter((state) => {
      const source = state.bids[agent.id] === undefined ? 'offer' : 'bid';
      return bidOf(agent, state.spec as TaskSpec, strengthOf(state, now), source) !== undefined;
    })
    .map((state) => pullAt(pullTerms(state), toMillis(now)).value);
  return pulls.length === 0 ? undefined : Math.max(...pulls);
}

const TASK = fc.record({
  requires: fc.array(fc.record({ capability: fc.constantFrom(...SKILLS), level: fc.constantFrom(0, 0.5, 1) }), {
    minLength: 1,
    maxLength: 2,
  }),
  priority: fc.double({ min: 0, max: 1, noNaN: true }),
  urgency: fc.double({ min: 0, max: 1, noNaN: true }),
  effort: fc.constantFrom(undefined, 1, 3, 100),
  deadline: fc.option(fc.integer({ min: 1, max: 100_000 }), { nil: undefined }),
  wait: fc.constantFrom(0, 0, 5),
  bidder: fc.constantFrom(undefined, undefined, 'agent-0', 'agent-1'),
});

const AGENT = fc.record({
  capabilities: fc.dictionary(fc.constantFrom(...SKILLS), fc.constantFrom(0.2, 0.7, 1)),
  offer: fc.option(
    fc.record({
      helps: fc.constant([]),
      max_effort: fc.constantFrom(undefined, 2, 50),
      min_strength: fc.constantFrom(0, 0.3),
    }),
    { nil: null },
  ),
});

describe('the books', () => {
  test('find for an agent the task that pulls most of all that it can take, whatever comes, goes and passes', () => {
    const step = fc.record({
      task: TASK,
      agent: AGENT,
      gone: fc.nat(20),
      seconds: fc.integer({ min: 0, max: 20_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
        const { agents, tasks, at, pass } = books();
        const open = new Map<string, TaskState>();
        for (const [n, { task, agent, gone, seconds }] of steps.entries()) {
          const { wait, bidder, deadline, ...spec } = task;
          const bids = bidder === undefined ? {} : { [bidder]: { at: at() } };
          const ready_at = toTime(toMillis(at()) + wait * 1000);
          const due = deadline === undefined ? undefined : toTime(toMillis(at()) + deadline * 1000);
          const state = taskState({ ...spec, deadline: due }, at(), { ready_at, bids });
          open.set(`task-${n}`, state);
          tasks.update('acme', `task-${n}`, `acme/task/task-${n}`, state, 0);
          // Agents come one by one, so that what nobody could do becomes possible; or another one instead.
          agents.update('acme', `agent-${n % 4}`, agentState(agent), n);
          if (open.has(`task-${gone}`)) {
            const ended = { ...(open.get(`task-${gone}`) as TaskState), status: 'cancelled' as const };
            tasks.update('acme', `task-${gone}`, `acme/task/task-${gone}`, ended, 1);
            open.delete(`task-${gone}`);
          }
          pass(seconds);
          for (const entry of agents.all()) {
            const found = tasks.strongest(entry, 'own', at(), ({ state: other }) => {
              const source = other.bids[entry.id] === undefined ? 'offer' : 'bid';
              return bidOf(entry, other.spec as TaskSpec, strengthOf(other, at()), source) !== undefined;
            });
            const pull = found && pullAt(pullTerms(found.state), toMillis(at())).value;
            expect(pull).toBe(byLooking(open, entry, at()));
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test('look at no task that nobody can do, until somebody comes who can', () => {
    const { agents, tasks, at } = books();
    for (let n = 0; n < 1_000; n += 1) {
      const requires = [...SKILLS.slice(0, 1), `rare-${n % 50}`].map((capability) => ({ capability, level: 0 }));
      tasks.update('acme', `hopeless-${n}`, `acme/task/hopeless-${n}`, taskState({ requires }, at()), 0);
    }
    tasks.update('acme', 'easy', 'acme/task/easy', taskState({ priority: 0 }, at()), 0);
    const one = agents.update('acme', 'one', agentState({ capabilities: { dig: 1 } }), 0);
    const looked: string[] = [];
    const look = (agent: AgentEntry) =>
      tasks.strongest(agent, 'own', at(), ({ id, state }) => {
        looked.push(id);
        return bidOf(agent, state.spec as TaskSpec, strengthOf(state, at()), 'offer') !== undefined;
      })?.id;
    expect(look(one)).toBe('easy');
    expect(looked).toEqual(['easy']);
    const two = agents.update('acme', 'two', agentState({ capabilities: { dig: 1, 'rare-7': 1 } }), 0);
    expect(look(two)).toBe('hopeless-7');
  });

  test('have those apart who are free: only they are candidates, each at some time', () => {
    const { agents } = books();
    for (let n = 0; n < 300; n += 1)
      agents.update(
        'acme',
        `agent-${n}`,
        agentState({ capabilities: { dig: 1 }, capacity: 1 }, n % 3 === 0 ? 0 : 1),
        0,
      );
    const spec = taskState({}, toTime(START)).spec as TaskSpec;
    const seen = new Set<string>();
    for (let round = 0; round < 100; round += 1) {
      const found = agents.offers('acme', spec, 0.5, []);
      expect(found).toHaveLength(64);
      for (const { agent } of found) seen.add(agent);
    }
    const free = [...agents.all()].filter(({ state }) => slotsInUse(state) === 0).map(({ id }) => id);
    expect([...seen].sort()).toEqual(free.sort());
    expect(agents.hasFree('acme', spec, 0.5)).toBe(true);
    for (const id of free) agents.reserving(agents.get('acme', id) as AgentEntry, 1);
    expect(agents.offers('acme', spec, 0.5, [])).toEqual([]);
    expect(agents.hasFree('acme', spec, 0.5)).toBe(false);
  });

  test('ask for nobody who has no room, nor for whom the terms rule out', () => {
    const { agents } = books();
    const weak = { helps: [], min_strength: 0.8 };
    const picky = agents.update('acme', 'picky', agentState({ capabilities: { dig: 1 }, offer: weak }), 0);
    const spec = taskState({}, toTime(START)).spec as TaskSpec;
    expect(agents.hasRoom(picky)).toBe(true);
    expect(agents.hasFree('acme', spec, 0.5)).toBe(false);
    expect(agents.hasFree('acme', spec, 0.9)).toBe(true);
    agents.reserving(picky, 1);
    expect(agents.hasRoom(picky)).toBe(false);
    expect(agents.hasFree('acme', spec, 0.9)).toBe(false);
  });
});
