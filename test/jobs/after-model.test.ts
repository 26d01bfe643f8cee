/**
 * Tasks that come after others, against their promises: random graphs that are posted bit by bit while those before
 * end, failures, crashes, failing stores, redeliveries, one process or two on one store. Each runs once, after what it
 * needs, or ends with the reason; none stays held.
 *
 * FORMICARY_RUNS multiplies the number of runs; FORMICARY_SEED and FORMICARY_PATH repeat one.
 */
import fc from 'fast-check';
import { parseStream } from '../../domain/kernel/ids';
import { taskDecider, type TaskEvent, type TaskState, WHENS } from '../../domain/market/task';
import { ModelRun } from '../support/model-run';
import { as, type Mishap, profile, spec, taskOf } from '../support/stage';

const MOST_TASKS = 6;
const LONG = 86_400;
const TIMES = { accept_seconds: LONG, lease_seconds: LONG, max_attempts: 100 };

interface Node {
  readonly after: readonly number[];
  readonly when: 'all' | 'any';
  readonly fate: 'completes' | 'gives up' | 'is cancelled';
}
type Disturbance =
  | { readonly do: 'crash' | 'redeliver' }
  | { readonly do: 'mishap'; readonly call: string; readonly what: Mishap; readonly times: number };

interface Scene {
  readonly processes: number;
  readonly shared: boolean;
  readonly nodes: readonly Node[];
  /** Whether whoever holds something ends it while the next ones are posted. */
  readonly atOnce: boolean;
  /** What happens before each round; nothing in those behind the last. */
  readonly before: readonly (Disturbance | undefined)[];
}

const node = (place: number): fc.Arbitrary<Node> =>
  fc.record({
    after: fc.subarray(
      Array.from({ length: place }, (_, i) => i),
      { maxLength: Math.min(3, place) },
    ),
    when: fc.constantFrom(...WHENS),
    fate: fc.constantFrom('completes', 'completes', 'completes', 'gives up', 'is cancelled'),
  });
const disturbance: fc.Arbitrary<Disturbance> = fc.oneof(
  fc.record({ do: fc.constantFrom('crash', 'redeliver', 'redeliver') }),
  fc.record({
    do: fc.constant('mishap' as const),
    call: fc.constantFrom('store.append', 'store.append', 'store.read', 'queue.add', 'checkpoints.save'),
    what: fc.constantFrom<Mishap>('fails', 'loses', 'slow'),
    times: fc.integer({ min: 1, max: 3 }),
  }),
);
const scene: fc.Arbitrary<Scene> = fc
  .integer({ min: 1, max: MOST_TASKS })
  .chain((count) =>
    fc.record({
      processes: fc.constantFrom(1, 1, 2),
      shared: fc.boolean(),
      nodes: fc.tuple(...Array.from({ length: count }, (_, place) => node(place))),
      atOnce: fc.boolean(),
      before: fc.array(fc.option(disturbance, { nil: undefined, freq: 2 }), { maxLength: 8 }),
    }),
  )
  .map((made) => ({ ...made, shared: made.processes > 1 }));

class AfterRun extends ModelRun {
  constructor(private readonly scene: Scene) {
    super(scene.processes, scene.shared);
    this.stage.mishaps = (port, method) => this.befalls(`${port}.${method}`);
  }

  async play(): Promise<string[]> {
    try {
      await this.revive();
      await this.trying(() => this.on(0).colony.agents.register(as('ann'), 'ann', AGENT));
      await this.stage.settled();
      for (let round = 0; round < this.scene.before.length + MOST_TASKS; round += 1) {
        await this.disturb(this.scene.before[round]);
        const posting = this.post(round);
        if (!this.scene.atOnce) await posting;
        if (!this.scene.atOnce) await this.stage.settled();
        await Promise.all([posting, this.work()]);
        await this.stage.settled();
      }
      await this.quiet();
      this.verify();
      return this.wrong;
    } finally {
      await this.stage.end();
    }
  }

  /** The first so many tasks, of which some may have been posted before: one a round. */
  private async post(round: number): Promise<void> {
    for (const [place, { after, when }] of this.scene.nodes.slice(0, round + 1).entries()) {
      const needs = after.map((other) => `t${other}`);
      const payload = needs.map((other) => ({ $result: other, pointer: '/of' }));
      const posting = spec({ ...TIMES, ...(needs.length > 0 && { after: needs, when, payload }) });
      await this.trying(() => this.on(round).colony.tasks.post(as('crm', `k${place}`), `t${place}`, posting));
    }
  }

  private async trying(command: () => Promise<unknown>): Promise<void> {
    await command().catch((error: unknown) => this.thrown({ do: 'work' }, error));
  }

  private async disturb(what: Disturbance | undefined): Promise<void> {
    if (what === undefined) return;
    this.disturbed = true;
    if (what.do === 'mishap') this.mishaps.set(what.call, { what: what.what, left: what.times });
    if (what.do === 'crash') {
      // In the middle of what follows.
      void this.on(0)
        .colony.feed.settled()
        .catch(() => undefined);
      this.on(0).kill();
      await this.revive();
    }
    if (what.do === 'redeliver') {
      const { colony } = this.on(1);
      await colony.peers.look().catch(() => undefined);
      await this.trying(() => colony.jobReactions.handle(this.stage.log()));
    }
  }

  /** Whoever holds something does with it what its fate is, each at another process, and all at once. */
  private async work(): Promise<void> {
    await Promise.all(
      this.tasks().map(async ([place, { status, holder }]) => {
        if (holder === undefined) return;
        const { tasks } = this.on(place).colony;
        const id = `t${place}`;
        const claim = { agent: holder.agent, award: holder.award };
        const fate = this.scene.nodes[place]?.fate;
        if (fate === 'is cancelled') return await this.trying(() => tasks.cancel(as('crm'), id, 'no need'));
        if (status === 'awarded') await this.trying(() => tasks.accept(as('ann'), id, claim));
        await this.trying(() =>
          fate === 'completes'
            ? tasks.complete(as('ann'), id, claim, { of: id })
            : tasks.fail(as('ann'), id, claim, 'hopeless', false),
        );
      }),
    );
  }

  private async quiet(): Promise<void> {
    for (let round = 0; round < 2 * MOST_TASKS + 2; round += 1) {
      this.mishaps.clear();
      await this.revive();
      await this.stage.pass(10, undefined, 10);
      await this.stage.redeliver();
      for (const { colony } of this.stage.living) {
        for (const consumer of ['views', 'reactions', 'jobs'])
          for (const { id } of await colony.feed.parked(consumer, 100)) await colony.feed.redrive(consumer, id);
        if (this.shared) await colony.fillBooks();
        await colony.market.sweep();
      }
      await this.stage.settled();
      await this.post(MOST_TASKS);
      await this.stage.settled();
      await this.work();
      await this.stage.settled();
    }
  }

  private tasks(): [place: number, state: TaskState][] {
    return [...this.scene.nodes.keys()].map((place) => [
      place,
      this.stage.fold(taskDecider, taskOf(`t${place}`)).state,
    ]);
  }

  private verify(): void {
    const { nodes } = this.scene;
    const rule = (holds: boolean, words: string) => {
      if (!holds) this.wrong.push(words);
    };
    const completed = new Set<string>();
    const seen = new Set<string>();
    for (const { stream, events } of this.stage.log()) {
      const { category, id } = parseStream(stream);
      const node = category === 'task' ? nodes[Number(id.slice(1))] : undefined;
      if (node === undefined) continue;
      for (const { type } of events as readonly TaskEvent[]) {
        if (type === 'TaskPosted' || type === 'TaskUnblocked' || type === 'TaskCompleted')
          rule(!seen.has(`${type} ${id}`), `${type} of ${id} twice`);
        seen.add(`${type} ${id}`);
        if (type === 'TaskUnblocked') {
          const done = node.after.map((other) => completed.has(`t${other}`));
          rule(node.when === 'any' ? done.includes(true) : !done.includes(false), `${id} went before what it needs`);
        }
        if (type === 'TaskAwarded') rule(node.after.length === 0 || seen.has(`TaskUnblocked ${id}`), `${id} was held`);
        if (type === 'TaskCompleted') completed.add(id);
      }
    }
    for (const [place, { status, ended, spec: posted }] of this.tasks()) {
      const expected = expectedEnds(nodes)[place];
      rule(status === expected, `t${place} is ${status}, not ${expected}`);
      if (status !== 'completed') rule((ended?.reason ?? '') !== '', `t${place} has no reason`);
      if (!seen.has(`TaskUnblocked t${place}`)) continue;
      const values = posted?.payload as readonly unknown[];
      for (const [i, other] of (nodes[place]?.after ?? []).entries())
        rule(
          values[i] === `t${other}` || (values[i] === null && nodes[place]?.when === 'any'),
          `t${place} has ${String(values[i])} for t${other}`,
        );
    }
  }
}

const AGENT = profile({ capacity: 20, presence_seconds: 10 * LONG });

const ENDS = { completes: 'completed', 'gives up': 'dead', 'is cancelled': 'cancelled' } as const;

/** How each ends, by a reckoning of its own. */
function expectedEnds(nodes: readonly Node[]): readonly string[] {
  const ends: string[] = [];
  for (const { after, when, fate } of nodes) {
    const done = after.map((other) => ends[other] === 'completed');
    const may = when === 'any' && after.length > 0 ? done.includes(true) : !done.includes(false);
    ends.push(may ? ENDS[fate] : 'cancelled');
  }
  return ends;
}

test('each runs once, after what it needs, or ends with the reason', async () => {
  const runs = Number(process.env.FORMICARY_RUNS ?? 1);
  await fc.assert(
    fc.asyncProperty(scene, async (made) => {
      expect(await new AfterRun(made).play()).toEqual([]);
    }),
    {
      numRuns: 40 * runs,
      seed: process.env.FORMICARY_SEED === undefined ? undefined : Number(process.env.FORMICARY_SEED),
      path: process.env.FORMICARY_PATH,
    },
  );
}, 120_000);
