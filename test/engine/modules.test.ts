/** Each aggregate of domain/ stands in one module, that of its own capability, and what is said of it once holds. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { AGGREGATES } from '../../domain/aggregates';
import { type Causal, causalCategories } from '../../domain/audit/causality';
import type { Decider, Event } from '../../domain/kernel/decider';
import { taskDecider } from '../../domain/market/task';
import { Stage } from '../support/stage';

const ROOT = path.resolve(__dirname, '../..');

/** Every decider that a file of domain/ exports, by its capability and its name. */
async function exported(): Promise<{ capability: string; name: string; decider: Decider<unknown, Event> }[]> {
  const files = readdirSync(path.join(ROOT, 'domain'), { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('aggregates.ts'),
  );
  const found = [];
  for (const file of files) {
    const exports = (await import(path.join(ROOT, 'domain', file))) as Record<string, unknown>;
    for (const [name, value] of Object.entries(exports))
      if (isDecider(value)) found.push({ capability: path.dirname(file), name, decider: value });
  }
  return found;
}

function isDecider(value: unknown): value is Decider<unknown, Event> {
  return typeof value === 'object' && value !== null && 'category' in value && 'evolve' in value && 'initial' in value;
}

const moduleOf = (capability: string) => readFileSync(path.join(ROOT, 'app', capability, 'module.ts'), 'utf8');
const capabilities = readdirSync(path.join(ROOT, 'app'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'engine')
  .map(({ name }) => name);

test('every decider is an aggregate of its capability, and no category has two', async () => {
  const deciders = (await exported()).map(({ decider }) => decider);
  expect(deciders.length).toBeGreaterThan(10);
  expect(new Set(AGGREGATES)).toEqual(new Set(deciders));
  expect(new Set(AGGREGATES.map(({ category }) => category)).size).toBe(deciders.length);
});

test('every decider is opened by the module of its capability, once, and by no other', async () => {
  for (const { capability, name } of await exported()) {
    const opens = capabilities.flatMap((other) =>
      [...moduleOf(other).matchAll(new RegExp(`engine\\.aggregate\\(\\s*${name}\\b`, 'g'))].map(() => other),
    );
    expect([name, opens]).toEqual([name, [capability]]);
  }
});

test('a colony has opened every aggregate, and opens none twice', async () => {
  const stage = new Stage();
  try {
    const { engine } = (await stage.prepare()).colony;
    const opened = engine.deciders().map(({ category }) => category);
    expect(opened.toSorted()).toEqual(AGGREGATES.map(({ category }) => category).toSorted());
    expect(() => engine.aggregate(taskDecider)).toThrow(/two modules/);
  } finally {
    await stage.end();
  }
});

test('an id is looked for where callers name things, the likeliest first', () => {
  const found = { category: 'reminder', causal: 12 };
  const order = [
    'task',
    'agent',
    'action',
    'round',
    'approval',
    'trail',
    'tool',
    'pool',
    'job',
    'schedule',
    'tool-call',
    'reminder',
  ];
  expect(causalCategories([found, ...AGGREGATES])).toEqual(order);
  const turns = AGGREGATES.flatMap(({ causal }: Causal) => (causal === undefined ? [] : [causal]));
  expect(turns.toSorted()).toEqual([1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test.each(capabilities)(
  'the module of %s says in three lines what it is for, what it owns and whom it calls',
  (name) => {
    const header = /^\/\*\*\n((?: \* .+\n)+) \*\/\n/.exec(moduleOf(name))?.[1] ?? '';
    expect(header.trimEnd().split('\n')).toHaveLength(3);
    expect(header).toMatch(/^ \* Owns /m);
    expect(header).toMatch(/^ \* Calls /m);
  },
);
