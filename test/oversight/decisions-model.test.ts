/**
 * Decisions as a whole, against their promises: random proposals, votes, approvals, edits, vetoes, overrides and
 * challenges, crashes, failing stores, a clock that jumps, processes that stand still, two processes on one store. A
 * run is data (a list of steps), so that a failing one shrinks to the few steps that matter.
 *
 * FORMICARY_RUNS multiplies the number of runs; FORMICARY_SEED and FORMICARY_PATH repeat one (both stand in the
 * failure).
 */
import fc from 'fast-check';
import type { Impact } from '../../domain/oversight/oversight';
import type { Mishap } from '../support/stage';
import { Run } from './decisions-run';
import {
  type Command,
  type How,
  KINDS,
  type Pace,
  PEOPLE,
  type PersonId,
  type Seen,
  type Step,
  VOTERS,
} from './decisions-steps';

const impact = fc.constantFrom<Impact>('low', 'low', 'low', 'medium', 'high', 'critical', 'critical');

/** Ways through the gate in which one step follows from another, stream by stream. */
const SETTLE = { on: 0, pace: 'settle', twice: false } as const;

const edit: Step = { do: 'edit', approval: 0, by: 'human:bea', amount: 1, ...SETTLE };

const voter = fc.constantFrom(...VOTERS);

const seen = fc.constantFrom<Seen>('now', 'now', 'now', 'now', 'now', 'first', 'other');

const PROPOSERS = ['p0', 'p1', 'human:ann'] as const;

const ACTIONS = ['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7'] as const;

const kind = fc.constantFrom(...Object.keys(KINDS));
const which = fc.nat(7);
const person = fc.constantFrom(...(Object.keys(PEOPLE) as PersonId[]));

const is = <T extends string>(...names: T[]) => fc.constantFrom(...names);

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: is('configure'),
      kind,
      mode: fc.constantFrom(
        ...([
          'full_automation',
          'full_automation',
          'human_on_the_loop',
          'human_approval',
          'human_in_the_loop',
        ] as const),
      ),
      round: is('none', 'always', 'escalated'),
      postpone: fc.constantFrom(true, true, false),
      passes: fc.nat(1),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: is('propose'),
      id: fc.constantFrom(...ACTIONS),
      kind,
      by: fc.constantFrom(...PROPOSERS),
      impact,
      confidence: fc.constantFrom(0.9, 0.9, 0.2),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: is('post'), id: fc.constantFrom('t0', 't1', 't2'), kind, impact }) },
  {
    weight: 16,
    arbitrary: voter.chain((by) =>
      fc.record({
        do: is('vote'),
        round: which,
        by: fc.constant<string>(by),
        as: fc.oneof({ weight: 9, arbitrary: fc.constant<string>(by) }, { weight: 1, arbitrary: voter }),
        choice: fc.constantFrom(0, 0, 1),
        late: fc.constantFrom(false, false, false, true),
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: is('cancel-round', 'override-round', 'override-round'),
      round: which,
      by: person,
      choice: fc.nat(1),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      do: is('approve', 'approve', 'approve', 'reject'),
      approval: which,
      by: fc.oneof({ weight: 8, arbitrary: person }, { weight: 1, arbitrary: fc.constantFrom('p0', 'v0') }),
      seen,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: is('edit'), approval: which, by: person, amount: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: is('claim', 'release', 'ask'), approval: which, by: person }) },
  { weight: 1, arbitrary: fc.record({ do: is('withdraw', 'answer'), approval: which }) },
  {
    weight: 9,
    arbitrary: fc.record({
      do: is('execute'),
      action: which,
      by: is('proposer', 'proposer', 'proposer', 'thief'),
      seen,
      result: fc.nat(1),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: is('veto', 'veto', 'allow', 'refuse'), action: which, by: person }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: is('challenge'), action: which, by: fc.constantFrom('v0', 'p0', 'rival', 'human:cal') }),
  },
  { weight: 1, arbitrary: fc.record({ do: is('compensated'), action: which }) },
);

const how: fc.Arbitrary<How> = fc.record({
  on: fc.nat(1),
  pace: is<Pace>('go', 'go', 'wait', 'settle', 'settle'),
  twice: fc.constantFrom(false, false, true),
});

const peaceful: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: fc.tuple(command, how).map(([what, asked]): Step => ({ ...what, ...asked })) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: is('burst'),
      round: which,
      choice: fc.nat(1),
      overrides: fc.array(fc.record({ by: person, choice: fc.nat(1) }), { maxLength: 3 }),
      take: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: is('pass'), seconds: fc.constantFrom(1, 5, 5, 16, 45) }) },
  { weight: 1, arbitrary: fc.record({ do: is('jump'), seconds: fc.constantFrom(-30, -5, 8, 25, 60) }) },
  { weight: 2, arbitrary: fc.record({ do: is('pause'), seconds: fc.constantFrom(3, 6, 12, 40, 400) }) },
  { weight: 2, arbitrary: fc.record({ do: is('policy'), strict: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: is('settle') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: is('again'),
      from: fc.nat(60),
      count: fc.integer({ min: 1, max: 60 }),
      seed: fc.nat(),
      on: fc.nat(1),
    }),
  },
);

const CALLS: readonly (readonly [string, readonly Exclude<Mishap, undefined>[]])[] = [
  ['store.append', ['fails', 'loses', 'slow']],
  // To the streams of one category: so a step between two streams is cut in the middle.
  ['action.append', ['fails', 'loses']],
  ['approval.append', ['fails', 'loses']],
  ['round.append', ['fails', 'loses']],
  ['store.read', ['fails']],
  ['store.head', ['fails']],
  ['views.put', ['fails', 'loses', 'slow']],
  ['deadlines.schedule', ['fails', 'loses', 'slow']],
  ['deadlines.settle', ['fails', 'loses', 'slow']],
  ['checkpoints.save', ['fails', 'loses']],
];

const stormy: fc.Arbitrary<Step> = fc.oneof(
  { weight: 36, arbitrary: peaceful },
  { weight: 2, arbitrary: fc.record({ do: is('crash'), on: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: is('restart', 'redeliver') }) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(...CALLS).chain(([call, mishaps]) =>
      fc.record({
        do: is('mishap'),
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
    : { seed: Number(process.env.FORMICARY_SEED), path: process.env.FORMICARY_PATH, endOnFailure: true };

function model(name: string, step: fc.Arbitrary<Step>, processes: number, runs: number, shared = false): void {
  test(
    name,
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.noBias(fc.array(step, { maxLength: 80, size: 'max' })), async (steps) => {
          expect(await new Run(processes, undefined, shared).play(steps)).toEqual([]);
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

const propose = (of: keyof typeof KINDS, asked: Impact): Step => ({
  do: 'propose',
  id: 'a0',
  kind: of,
  by: 'p0',
  impact: asked,
  confidence: 0.9,
  ...SETTLE,
});
const votes = (choice: number): Step[] =>
  (['v0', 'v1'] as const).map((by): Step => ({ do: 'vote', round: 0, by, as: by, choice, late: false, ...SETTLE }));
const approve: Step = { do: 'approve', approval: 0, by: 'human:bea', seen: 'now', ...SETTLE };

const take: Step = { do: 'execute', action: 0, by: 'proposer', seen: 'now', result: 0, ...SETTLE };
const takeOther: Step = { do: 'execute', action: 0, by: 'proposer', seen: 'other', result: 0, ...SETTLE };
const doubt: Step = { do: 'challenge', action: 0, by: 'v2', ...SETTLE };
const refuse: Step = { do: 'refuse', action: 0, by: 'human:bea', ...SETTLE };
const WAYS: readonly (readonly [string, readonly Step[]])[] = [
  ['postponed, approved, taken', [propose('k0', 'high'), { do: 'pass', seconds: 20 }, approve, take]],
  [
    'agents, then people, corrected, sent back, approved, taken',
    [propose('k2', 'high'), ...votes(0), edit, takeOther, approve, take],
  ],
  [
    'cleared by agents, sent back by a stricter policy, approved',
    [propose('k2', 'low'), ...votes(0), { do: 'policy', strict: true }, take, approve, take],
  ],
  ['challenged, upheld', [propose('k0', 'low'), doubt, ...votes(0)]],
  [
    'challenged, nobody votes, people decide, taken',
    [propose('k0', 'low'), doubt, { do: 'pass', seconds: 310 }, approve, take],
  ],
  [
    'a veto window, taken, overridden',
    [propose('k1', 'low'), { do: 'pass', seconds: 15 }, take, refuse, { do: 'compensated', action: 0, ...SETTLE }],
  ],
  ['a task, cleared by agents', [{ do: 'post', id: 't0', kind: 'k2', impact: 'low', ...SETTLE }, ...votes(0)]],
  [
    'a task, approved by a person, then called back',
    [{ do: 'post', id: 't0', kind: 'k0', impact: 'high', ...SETTLE }, approve, refuse],
  ],
  ['a task, refused by agents', [{ do: 'post', id: 't0', kind: 'k2', impact: 'low', ...SETTLE }, ...votes(1)]],
  [
    'agents refuse, a person overrides the round',
    [
      propose('k2', 'low'),
      ...votes(1),
      { do: 'override-round', round: 0, by: 'human:bea', choice: 0, ...SETTLE },
      take,
    ],
  ],
];

test.each(WAYS)(
  'cut at every append: %s',
  async (_, steps) => {
    const whole = new Run(1);
    expect(await whole.play(steps)).toEqual([]);
    const { appends } = whole;
    for (const what of ['fails', 'loses'] as const) {
      for (let at = 1; at <= appends; at += 1)
        expect({ what, at, wrong: await new Run(1, { at, what }).play(steps) }).toEqual({ what, at, wrong: [] });
    }
  },
  120_000,
);

model('one process, nothing fails', peaceful, 1, 40);

model('one process, with crashes and failing stores', stormy, 1, 40);

model('two processes on one store, nothing fails', peaceful, 2, 30);

model('two processes on one store, with crashes and failing stores', stormy, 2, 30);

model('two processes that triggers hand the feed to, nothing fails', peaceful, 2, 30, true);

model('two processes that triggers hand the feed to, with crashes and failing stores', stormy, 2, 30, true);
