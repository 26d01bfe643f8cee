/**
 * The market as a whole, against its promises: random commands, losses, crashes, failing stores, two processes on one
 * store. A run is data (a list of steps), so that a failing one shrinks to the few steps that matter.
 *
 * FORMICARY_RUNS multiplies the number of runs; FORMICARY_SEED and FORMICARY_PATH repeat one (both stand in the
 * failure).
 */
import fc from 'fast-check';
import { type Mishap, TENANT } from '../support/stage';
import { Run } from './market-run';
import { AGENTS, type Command, type How, type Pace, type Step, TASKS, type Which, type Who } from './market-steps';

const agent = fc.constantFrom(...AGENTS);
const task = fc.constantFrom(...TASKS);

const who: fc.Arbitrary<Who> = fc.oneof(
  { arbitrary: fc.constant<Who>('holder'), weight: 6 },
  { arbitrary: fc.constant<Who>('former'), weight: 2 },
  { arbitrary: fc.record({ agent, award: fc.integer({ min: 1, max: 3 }) }), weight: 1 },
);
const which: fc.Arbitrary<Which> = fc.oneof({ weight: 8, arbitrary: fc.nat(7) }, { weight: 1, arbitrary: task });
const caps = fc.subarray(['x', 'y'], { minLength: 1 });

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('register' as const),
      agent,
      caps,
      helps: fc.subarray(['x', 'y']),
      capacity: fc.integer({ min: 1, max: 3 }),
      offer: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('deregister' as const), agent }) },
  {
    weight: 8,
    arbitrary: fc.record(
      {
        do: fc.constant('post' as const),
        task,
        requires: caps,
        changes: fc.record({
          bid_seconds: fc.constantFrom(0, 0, 8),
          max_attempts: fc.integer({ min: 1, max: 3 }),
          retry_seconds: fc.constantFrom(0, 1, 10),
          lease_seconds: fc.constantFrom(30, 200),
          effort: fc.constantFrom(1, 100),
          estimated_cost_micro_usd: fc.constantFrom(5, 5, 20, undefined),
        }),
        deadline: fc.integer({ min: 10, max: 200 }),
      },
      { requiredKeys: ['do', 'task', 'requires', 'changes'] },
    ),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('bid' as const, 'bid' as const, 'withdraw' as const),
      task: which,
      agent,
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'accept' as const,
        'accept' as const,
        'accept' as const,
        'accept' as const,
        'accept' as const,
        'complete' as const,
        'complete' as const,
        'complete-at-once' as const,
        'complete-at-once' as const,
        'decline' as const,
        'progress' as const,
        'fail' as const,
        'give-up' as const,
        'release' as const,
      ),
      task: which,
      who,
      cost: fc.constantFrom(undefined, 1, 6),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('hand-off' as const), task: which, who, agent }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('cancel' as const, 'redrive' as const), task: which }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('budget' as const),
      whose: fc.constantFrom(
        { kind: 'tenant' as const, name: TENANT },
        { kind: 'pool' as const, name: 'workers' },
        { kind: 'agent_type' as const, name: 'type.ann' },
        { kind: 'agent' as const, name: 'bob' },
      ),
      limit: fc.constantFrom(0, 10, 30, 60, 1_000),
    }),
  },
);

const how: fc.Arbitrary<How> = fc.record({
  on: fc.nat(1),
  pace: fc.oneof(
    { weight: 5, arbitrary: fc.constant<Pace>('go') },
    { weight: 2, arbitrary: fc.constant<Pace>('wait') },
    { weight: 2, arbitrary: fc.constant<Pace>('settle') },
  ),
  twice: fc.boolean(),
});

const commanded: fc.Arbitrary<Step> = fc.tuple(command, how).map(([what, asked]) => ({ ...what, ...asked }));

const peaceful: fc.Arbitrary<Step> = fc.oneof(
  { weight: 24, arbitrary: commanded },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      seconds: fc.oneof(
        { weight: 5, arbitrary: fc.integer({ min: 1, max: 9 }) },
        { weight: 1, arbitrary: fc.integer({ min: 10, max: 75 }) },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('mute' as const, 'mute' as const, 'unmute' as const), agent }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('work' as const, 'settle' as const, 'settle' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('again' as const),
      from: fc.nat(60),
      count: fc.integer({ min: 1, max: 60 }),
      seed: fc.nat(),
      on: fc.nat(1),
    }),
  },
);

const CALLS: readonly (readonly [string, readonly Exclude<Mishap, undefined>[]])[] = [
  ['store.append', ['fails', 'loses', 'slow']],
  // Later than a reservation waits: the sweep comes first.
  ['task.append', ['fails', 'loses', 'late']],
  ['budget.append', ['fails', 'loses', 'late']],
  ['store.read', ['fails']],
  ['store.head', ['fails']],
  ['views.put', ['fails', 'loses', 'slow']],
  ['deadlines.schedule', ['fails', 'loses', 'slow']],
  ['deadlines.settle', ['fails', 'loses', 'slow']],
  ['checkpoints.save', ['fails', 'loses']],
  ['presence.last', ['fails']],
];

const stormy: fc.Arbitrary<Step> = fc.oneof(
  { weight: 36, arbitrary: peaceful },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('crash' as const), on: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('restart' as const, 'redeliver' as const) }) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(...CALLS).chain(([call, mishaps]) =>
      fc.record({
        do: fc.constant('mishap' as const),
        call: fc.constant(call),
        what: fc.constantFrom(...mishaps),
        times: fc.integer({ min: 1, max: 6 }),
      }),
    ),
  },
);

const RUNS = Number(process.env.FORMICARY_RUNS ?? 1);
const REPEAT =
  process.env.FORMICARY_SEED === undefined
    ? {}
    : { seed: Number(process.env.FORMICARY_SEED), path: process.env.FORMICARY_PATH };

function model(name: string, step: fc.Arbitrary<Step>, processes: number, runs: number, shared = false): void {
  test(
    name,
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.noBias(fc.array(step, { maxLength: 100, size: 'max' })), async (steps) => {
          expect(await new Run(processes, shared).play(steps)).toEqual([]);
        }),
        {
          numRuns: Math.ceil(runs * RUNS),
          interruptAfterTimeLimit: 300_000 * RUNS,
          markInterruptAsFailure: true,
          timeout: 30_000,
          ...REPEAT,
        },
      );
    },
    600_000 * Math.max(1, RUNS),
  );
}

model('one process, nothing fails', peaceful, 1, 60);

model('one process, with crashes and failing stores', stormy, 1, 60);

model('two processes on one store, nothing fails', peaceful, 2, 40);

model('two processes on one store, with crashes and failing stores', stormy, 2, 40);

model('two processes that triggers hand the feed to, nothing fails', peaceful, 2, 30, true);

model('two processes that triggers hand the feed to, with crashes and failing stores', stormy, 2, 30, true);
