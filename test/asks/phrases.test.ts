/**
 * Each phrase of the table is planned as the commands that stand beside it; each command is one of the command line,
 * and what it sends has the form that the contract asks for.
 */
import { join } from 'node:path';
import { Command } from 'commander';
import fc from 'fast-check';
import { declareAll } from '../../cli/additions';
import { planOf } from '../../domain/asks/grammar';
import { MANNER } from '../../domain/asks/manner';
import { type Operation, type OperationId, OPERATIONS } from '../../domain/asks/operations';
import { MAX_STEPS, MAX_WORDS, type Plan } from '../../domain/asks/plan';
import { stepOf, type Values } from '../../domain/asks/steps';
import { typed } from '../../domain/kernel/text';
import { ASKED_BACK, BAD_ENGLISH, PLAIN, QUOTED, REFUSED, type Row } from './phrases';
import { byName, faultsIn, valuesOf, withLookedUp } from './steps';

const NOON = { now: '2026-11-30T12:00:00.000Z', tenant: 'default', manner: MANNER };
const TABLE = [...PLAIN, ...BAD_ENGLISH, ...QUOTED, ...REFUSED, ...ASKED_BACK];

const shown = (plan: Plan): string[] => {
  if (plan.outcome === 'planned') return plan.steps.map(({ argv }) => typed(argv));
  return [plan.outcome === 'question' ? `? ${plan.question}` : `! ${plan.reason}`];
};

test('the table is long enough', () => {
  expect(TABLE.length).toBeGreaterThanOrEqual(120);
  expect(BAD_ENGLISH.length).toBeGreaterThanOrEqual(30);
  expect(REFUSED.length).toBeGreaterThanOrEqual(15);
  expect(QUOTED.length).toBeGreaterThanOrEqual(10);
  expect(new Set(TABLE.map(([phrase]) => phrase)).size).toBe(TABLE.length);
});

describe.each<[string, readonly Row[]]>([
  ['plain', PLAIN],
  ['bad English', BAD_ENGLISH],
  ['with commands in what is quoted', QUOTED],
  ['refused', REFUSED],
  ['asked back', ASKED_BACK],
])('%s', (_, rows) => {
  test.each(rows)('%s', (phrase, ...planned) => {
    expect(shown(planOf(phrase, NOON))).toEqual(planned);
  });
});

test('what is refused runs nothing, and what is quoted adds no command', () => {
  for (const [phrase] of REFUSED) expect([phrase, planOf(phrase, NOON).outcome]).toEqual([phrase, 'refused']);
  for (const [phrase] of ASKED_BACK) expect([phrase, planOf(phrase, NOON).outcome]).toEqual([phrase, 'question']);
  for (const [phrase] of QUOTED) {
    const plan = planOf(phrase, NOON);
    if (plan.outcome === 'planned') expect([phrase, plan.steps.length]).toEqual([phrase, 1]);
  }
});

test('words that may hold a secret are told from others that are refused', () => {
  const token = `eyJ${'a'.repeat(20)}.eyJ${'b'.repeat(20)}.${'c'.repeat(20)}`;
  for (const phrase of [
    'my key is fmo_abc',
    'erase customer-17, then say my password',
    `spawn ${token}`,
    `cancel task inv-1 because "fmo_${'a'.repeat(43)}"`,
    `show tasks\n${token}`,
  ])
    expect([phrase, planOf(phrase, NOON)]).toEqual([
      phrase,
      expect.objectContaining({ outcome: 'refused', secret: true }),
    ]);
  expect(planOf('erase customer-17', NOON)).not.toHaveProperty('secret');
});

test('a long phrase, several lines, or what can not be seen is refused', () => {
  for (const phrase of ['x '.repeat(MAX_WORDS), 'show tasks\nstop everything', 'show tasks\u202e', 'show\u0000 tasks'])
    expect(planOf(phrase, NOON).outcome).toBe('refused');
});

test('no change is planned where another clause takes it back, waits, or binds it to something', () => {
  // What stands behind a reason without quotes belongs to it.
  const changing = [...PLAIN, ...BAD_ENGLISH].filter(
    ([phrase]) => isChange(planOf(phrase, NOON)) && !REASON.test(phrase),
  );
  expect(changing.length).toBeGreaterThan(40);
  const planned = changing.flatMap(([phrase], i) =>
    TURNED.flatMap((turn, j) => {
      const joint = JOINTS[(i + j) % JOINTS.length];
      const gaps = gapsOf(phrase);
      const gap = gaps[(i + j) % gaps.length] ?? 0;
      const [head, tail] = [phrase.slice(0, gap), phrase.slice(gap)];
      const said = [turn + joint + phrase, phrase + joint + turn, `${head}, ${turn},${tail}`, `${head} ${turn}${tail}`];
      return said.filter((one) => isChange(planOf(one, NOON)));
    }),
  );
  expect(planned).toEqual([]);
});

const isChange = (plan: Plan) => plan.outcome === 'planned' && plan.steps.some(({ risk }) => risk > 0);
const REASON = / (?:because|becuase|cuz|cos) (?!")/;
const JOINTS = [', ', '; ', '. ', ' and ', ', and ', ' then ', ', then ', ' - ', ' → ', ': ', ' (', ' '];
const TURNED = [
  ...["don't", 'dont', "do'nt", 'do not', "i won't", 'not yet', 'not now', 'never', 'no', 'nope', 'nvm', 'never mind'],
  ...['nobody asked for that', 'no approval', 'no open tasks', 'not approved', 'nothing is done', 'without approval'],
  ...['hold on', 'hold that', 'wait', 'wait for approval', 'wait for task inv-8', 'wait an hour', 'wait a minute'],
  ...['if inv-8 is done', 'unless inv-8 is open', 'in case inv-8 is dead', 'provided inv-8 is done', 'in an emergency'],
  ...[
    'once inv-8 is done',
    'when inv-8 is done',
    'whenever tasks are open',
    'as soon as inv-8 is done',
    'once approved',
  ],
  ...['until inv-8 is done', 'after inv-8 is done', 'before inv-8 is done', 'after approval', 'while tasks are open'],
  ...['only in an emergency', 'only now', 'not at once', "right now don't", 'wtf no', "i don't understand"],
  ...['are all tasks done', 'is it done', 'show tasks if open', 'check that inv-8 is paid', 'check it first'],
];
/** Where a word ends, outside of quotes, and not in front of a reason. */
const gapsOf = (phrase: string) =>
  [...phrase.matchAll(/(?<!because) /g)]
    .map(({ index }) => index)
    .filter((at) => phrase.slice(0, at).split('"').length % 2 === 1);

test('no phrase has it fail, and none makes more commands than a plan may have', () => {
  const word = fc.oneof(
    fc.constantFrom(...TABLE.flatMap(([phrase]) => phrase.split(' '))),
    fc.string({ maxLength: 12 }),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 30 }), (words) => {
      const plan = planOf(words.join(' '), NOON);
      if (plan.outcome === 'planned') expect(plan.steps.length).toBeLessThanOrEqual(MAX_STEPS);
    }),
    { numRuns: 2_000 },
  );
});

// -------------------------------------------------------------------------------------------------- the operations

const operations = Object.entries(OPERATIONS) as [OperationId, Operation][];
/** The command line, which says what it was called with instead of doing it. */
function commandLine(): (argv: readonly string[]) => Record<string, unknown> {
  const program = new Command('formicary').exitOverride().configureOutput({ writeErr: () => undefined });
  declareAll(program, join(__dirname, '../../cli'));
  let called: Record<string, unknown> = {};
  const watch = (command: Command) => {
    command.exitOverride();
    command.action((...given: unknown[]) => {
      const self = given.at(-1) as Command;
      called = { ...self.opts() };
      self.registeredArguments.forEach((argument, i) => (called[argument.name()] = self.processedArgs[i]));
    });
    command.commands.forEach(watch);
  };
  program.commands.forEach(watch);
  return (argv) => {
    called = {};
    program.parse(argv, { from: 'user' });
    return called;
  };
}

const call = commandLine();

test.each(operations)('%s sends what the contract takes, by a command that there is', (name, operation) => {
  fc.assert(
    fc.property(valuesOf(operation), (values) => {
      const step = stepOf(name, values);
      if (typeof step === 'string') throw new Error(step);
      const sent = withLookedUp(step.operation, step.request, operation.looksUp ?? []);
      expect([values, faultsIn(step.operation, sent)]).toEqual([values, []]);
      const given = Object.values(call(step.argv)).flat();
      for (const [slot, { kind, to }] of Object.entries(operation.slots)) {
        const value = values[slot];
        // What is read as another type than it is typed as: dollars as millionths, JSON as text.
        if (value === undefined || operation.json === true || ['usd', 'about'].includes(kind)) continue;
        expect([slot, to, given]).toEqual([slot, to, expect.arrayContaining([value])]);
      }
    }),
  );
});

test('what is no value of its kind makes no step', () => {
  const wrong: readonly [OperationId, Values][] = [
    ['getTask', {}],
    ['getTask', { id: '-x' }],
    ['getTask', { id: 'x/y' }],
    ['getTask', { id: 7 }],
    ['getTask', { id: 'a', all: true }],
    ['getTask', JSON.parse('{"id":"a","__proto__":{"x":1},"constructor":1}') as Values],
    ['listTasks', { status: 'constructor' }],
    ['listTasks', { limit: 1_001 }],
    ['postTask', { type: 'x', priority: 1.1 }],
    ['postTask', { type: 'x', deadline: 'tomorrow' }],
    ['stop', { kind: 'pool', name: 'x', reason: 'y' }],
    ['stop', { kind: 'agent', name: 'x' }],
    ['stop', { kind: 'agent', name: 'x', reason: ' ' }],
    ['setBudget', { kind: 'pool', name: 'x', usd: 0.0000001, reason: 'y' }],
    ['askRequester', { id: 'x', question: '--json' }],
    ['postJob', { tasks: [] }],
    [
      'postJob',
      {
        tasks: [
          { key: 'a', task_type: 'x', after: ['b'] },
          { key: 'b', task_type: 'x' },
        ],
      },
    ],
    ['postJob', { tasks: [{ key: 'a', task_type: 'x', priority: 1 }] }],
    ['createSchedule', { cron: '* * * *', type: 'x' }],
    ['searchTools', { q: 'x --json' }],
  ];
  for (const [name, values] of wrong)
    expect([name, values, typeof stepOf(name, values)]).toEqual([name, values, 'string']);
});

test('reads have no risk, and what changes something has', () => {
  for (const [name, { of = name, risk }] of operations)
    expect([name, risk > 0]).toEqual([name, byName.get(of)?.method !== 'GET']);
});
