/**
 * Jobs as a whole, against their promises: random graphs, failures, crashes, failing stores, redeliveries, one process
 * or two on one store. Each task runs once, after what it needs, or ends with the reason.
 *
 * FORMICARY_RUNS multiplies the number of runs; FORMICARY_SEED and FORMICARY_PATH repeat one.
 */
import fc from 'fast-check';
import { taskIdOf } from '../../app/jobs/jobs';
import { isEnded, jobDecider, jobStream } from '../../domain/jobs/job';
import { type AskedJob, ON_FAILURE } from '../../domain/jobs/plan';
import { knownOf } from '../../domain/jobs/progress';
import { parseStream } from '../../domain/kernel/ids';
import { taskDecider, type TaskEvent, type TaskState, WHENS } from '../../domain/market/task';
import { ModelRun } from '../support/model-run';
import { as, type Mishap, profile, taskOf, TENANT } from '../support/stage';
import { job, step } from './plans';

const MOST_TASKS = 6;
const LONG = 86_400;

interface Node {
  readonly after: readonly number[];
  readonly when: 'all' | 'any';
  readonly fate: 'completes' | 'gives up';
}
type Disturbance =
  | { readonly do: 'crash' | 'redeliver' | 'cancel' }
  | { readonly do: 'mishap'; readonly call: string; readonly what: Mishap; readonly times: number };

interface Scene {
  readonly processes: number;
  readonly shared: boolean;
  readonly nodes: readonly Node[];
  readonly on_failure: AskedJob['on_failure'];
  /** What happens before each round; nothing in those behind the last. */
  readonly before: readonly (Disturbance | undefined)[];
}

const node = (place: number): fc.Arbitrary<Node> =>
  fc.record({
    after:
      place === 0
        ? fc.constant([])
        : fc.subarray(
            Array.from({ length: place }, (_, i) => i),
            { maxLength: Math.min(3, place) },
          ),
    when: fc.constantFrom(...WHENS),
    fate: fc.constantFrom('completes', 'completes', 'completes', 'gives up'),
  });
const disturbance: fc.Arbitrary<Disturbance> = fc.oneof(
  fc.record({ do: fc.constantFrom('crash', 'redeliver', 'redeliver', 'cancel') }),
  fc.record({
    do: fc.constant('mishap' as const),
    call: fc.constantFrom('store.append', 'store.append', 'store.read', 'blobs.get', 'queue.add', 'checkpoints.save'),
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
      on_failure: fc.constantFrom(...ON_FAILURE),
      before: fc.array(fc.option(disturbance, { nil: undefined, freq: 2 }), { maxLength: 8 }),
    }),
  )
  .map((made) => ({ ...made, shared: made.processes > 1 }));

class JobRun extends ModelRun {
  private cancelled = false;

  constructor(private readonly scene: Scene) {
    super(scene.processes, scene.shared);
    this.stage.mishaps = (port, method) => this.befalls(`${port}.${method}`);
  }

  async play(): Promise<string[]> {
    try {
      await this.revive();
      await this.trying(() => this.on(0).colony.agents.register(as('ann'), 'ann', AGENT));
      await this.stage.settled();
      for (let round = 0; round < this.scene.before.length + 2 * MOST_TASKS; round += 1) {
        await this.disturb(this.scene.before[round]);
        await this.trying(() => this.on(round).colony.jobs.post(as('crm', 'k'), 'j', this.asked()));
        await this.stage.settled();
        await this.work();
      }
      await this.quiet();
      this.verify();
      return this.wrong;
    } finally {
      await this.stage.end();
    }
  }

  private asked(): AskedJob {
    const { nodes, on_failure } = this.scene;
    const times = { accept_seconds: LONG, lease_seconds: LONG, max_attempts: 100 };
    const tasks = nodes.map(({ after, when }, place) =>
      step(
        `t${place}`,
        after.map((other) => `t${other}`),
        { ...times, when, payload: after.map((other) => ({ $result: `t${other}`, pointer: '/of' })) },
      ),
    );
    const undo = on_failure === 'compensate';
    return job(undo ? [...tasks, step('undo', [], times)] : tasks, {
      on_failure,
      ...(undo && { compensation: 'undo' }),
    });
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
    if (what.do === 'cancel') {
      await this.trying(() => this.on(0).colony.jobs.cancel(as('crm'), 'j', 'enough'));
      this.cancelled ||= this.job().cancelled !== undefined;
    }
  }

  /** Whoever holds something does with it what its fate is. */
  private async work(): Promise<void> {
    const { tasks } = this.on(0).colony;
    for (const [key, { status, holder }] of this.tasks()) {
      if (holder === undefined) continue;
      const id = taskIdOf(TENANT, 'j', key);
      const claim = { agent: holder.agent, award: holder.award };
      const fate = key === 'undo' ? 'completes' : this.scene.nodes[Number(key.slice(1))]?.fate;
      if (status === 'awarded') await this.trying(() => tasks.accept(as('ann'), id, claim));
      await this.trying(() =>
        fate === 'completes'
          ? tasks.complete(as('ann'), id, claim, { of: key })
          : tasks.fail(as('ann'), id, claim, 'hopeless', false),
      );
    }
    await this.stage.settled();
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
      await this.trying(() => this.on(0).colony.jobs.post(as('crm', 'k'), 'j', this.asked()));
      await this.stage.settled();
      await this.work();
    }
  }

  private job() {
    return this.stage.fold(jobDecider, jobStream(TENANT, 'j')).state;
  }

  private tasks(): [key: string, state: TaskState][] {
    const keys = [...this.scene.nodes.keys()].map((place) => `t${place}`);
    return [...keys, 'undo'].map((key) => [
      key,
      this.stage.fold(taskDecider, taskOf(taskIdOf(TENANT, 'j', key))).state,
    ]);
  }

  private verify(): void {
    const { nodes, on_failure } = this.scene;
    const state = this.job();
    const rule = (holds: boolean, words: string) => {
      if (!holds) this.wrong.push(words);
    };
    rule(isEnded(state), `the job is ${state.status}`);
    const known = (place: number) => knownOf(state.progress, place);
    const completed = new Set<string>();
    const keyOf = new Map(this.tasks().map(([key]) => [taskIdOf(TENANT, 'j', key), key]));
    for (const { stream, index, events } of this.stage.log()) {
      const { category, id } = parseStream(stream);
      const key = keyOf.get(id);
      if (category !== 'task' || key === undefined) continue;
      const types = (events as readonly TaskEvent[]).map(({ type }) => type);
      if (types.includes('TaskPosted')) rule(index === 0, `${key} was posted twice`);
      const isPosted = types.includes('TaskPosted') && !types.includes('TaskCancelled');
      const { after, when } = nodes[Number(key.slice(1))] ?? { after: [], when: 'all' };
      const done = after.map((other) => completed.has(`t${other}`));
      const isReady = when === 'any' && after.length > 0 ? done.includes(true) : !done.includes(false);
      if (isPosted) rule(isReady, `${key} was posted before what it needs`);
      if (!types.includes('TaskCompleted')) continue;
      rule(!completed.has(key), `${key} was completed twice`);
      completed.add(key);
    }
    for (const [key, { status, spec: posted, ended }] of this.tasks()) {
      const place = key === 'undo' ? nodes.length : Number(key.slice(1));
      if (key === 'undo' && on_failure !== 'compensate') continue;
      const what = known(place);
      if (status === 'unknown') rule(['skipped', 'reserved'].includes(what), `${key} is ${what} and was never posted`);
      else rule(what === status, `${key} is ${status}, and ${what} for its job`);
      if (status !== 'unknown' && status !== 'completed') rule((ended?.reason ?? '') !== '', `${key} has no reason`);
      const values = posted?.payload as readonly (string | null)[] | undefined;
      for (const [i, other] of (nodes[place]?.after ?? []).entries())
        rule(
          values?.[i] === undefined ||
            values[i] === `t${other}` ||
            (values[i] === null && nodes[place]?.when === 'any'),
          `${key} has ${String(values?.[i])} for t${other}`,
        );
    }
    const all = nodes.every((_, place) => known(place) === 'completed');
    const made = on_failure === 'compensate' ? 'compensated' : 'failed';
    const expected = state.cancelled !== undefined ? 'cancelled' : all ? 'completed' : made;
    rule(state.status === expected, `the job is ${state.status}, not ${expected}`);
    if (on_failure !== 'continue' || state.cancelled !== undefined) return;
    for (const [place, what] of expectedEnds(nodes).entries())
      rule(known(place) === what, `t${place} is ${known(place)}, not ${what}`);
  }
}

const AGENT = profile({ capacity: 20, presence_seconds: 10 * LONG });

/** How each ends where nothing is cancelled, by a reckoning of its own. */
function expectedEnds(nodes: readonly Node[]): readonly string[] {
  const ends: string[] = [];
  for (const { after, when, fate } of nodes) {
    const done = after.map((other) => ends[other] === 'completed');
    const may = when === 'any' && after.length > 0 ? done.includes(true) : !done.includes(false);
    ends.push(may ? (fate === 'completes' ? 'completed' : 'dead') : 'skipped');
  }
  return ends;
}

test('each task runs once, after what it needs, or ends with the reason', async () => {
  const runs = Number(process.env.FORMICARY_RUNS ?? 1);
  await fc.assert(
    fc.asyncProperty(scene, async (made) => {
      expect(await new JobRun(made).play()).toEqual([]);
    }),
    {
      numRuns: 40 * runs,
      seed: process.env.FORMICARY_SEED === undefined ? undefined : Number(process.env.FORMICARY_SEED),
      path: process.env.FORMICARY_PATH,
    },
  );
}, 120_000);
