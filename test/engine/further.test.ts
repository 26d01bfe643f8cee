/** Modules that are found: what is wrong with one is an error before anything has begun, and names its file. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Engine } from '../../app/engine/engine';
import { furtherServices, ModuleError, openFurther } from '../../app/engine/further';
import { Stage } from '../support/stage';

const folder = mkdtempSync(join(tmpdir(), 'formicary-modules-'));
const file = (name: string) => join(folder, name, 'module.ts');
let stage: Stage;
let engine: Engine;
let added = 0;

beforeAll(async () => {
  stage = new Stage();
  // An engine of its own, on which no module of the product has opened anything.
  engine = new Engine((await stage.prepare()).colony.ports, false);
});
afterAll(async () => {
  await stage.end();
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  jest.resetModules();
  for (const name of ['bad', 'other']) rmSync(join(folder, name), { recursive: true, force: true });
});

/** Puts a module into a folder of this name. One at the same place that is as old would be taken for the one before. */
function add(name: string, source: string): void {
  mkdirSync(join(folder, name));
  writeFileSync(file(name), source);
  added += 1;
  utimesSync(file(name), added, added);
}

const open = () => openFurther(folder, ['named'], engine, { known: 'service' });

function refused(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    // Of a class that is the same whether the module registry was reset or not.
    expect((error as Error).name).toBe(ModuleError.name);
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

const CONSUMER = "{ name: 'eager', handle: async () => {} }";
const bad = (answer: string, before = '') => `exports.badModule = (engine) => { ${before} return ${answer}; };`;
const aggregate = (category: string, view = '') =>
  bad(
    '{ services: {} }',
    `const decider = { category: ${JSON.stringify(category)}, version: 1, initial: {}, evolve: (state) => state };
     engine.aggregate(decider${view === '' ? '' : `, { view: { version: 1, fields: [], row: () => undefined, ${view} } }`});`,
  );

test('what is named is left to who names it; the rest is opened, with the services that are there', () => {
  add('named', 'throw new Error("not this one")');
  add('bad', bad('{ services: { offered: engine }, consumers: { reactions: [' + CONSUMER + '] } }'));
  add('other', 'exports.otherModule = (engine, { known }) => ({ services: { heard: known } });');
  const found = open();
  expect(found.map((one) => one.file)).toEqual([file('bad'), file('other')]);
  expect(furtherServices(found, {})).toEqual({ offered: engine, heard: 'service' });
  expect(found[0]?.module.consumers?.reactions?.map(({ name }) => name)).toEqual(['eager']);
  rmSync(join(folder, 'named'), { recursive: true });
});

test.each<[what: string, source: string, says: string]>([
  ['that throws when it is loaded', "throw new Error('at load')", 'it could not be loaded: at load'],
  ['that exports nothing', '', 'it exports no function badModule'],
  ['that exports something else', 'exports.badModule = 5;', 'it exports no function badModule'],
  ['that throws', bad('{}', "throw new Error('no luck');"), 'badModule failed: no luck'],
  ['that answers nothing', bad('undefined'), 'its function must answer an object'],
  ['that answers a list', bad('[]'), 'its function must answer an object'],
  ['that is asynchronous', bad('Promise.resolve({ services: {} })'), 'not a promise of it'],
  ['without services', bad('{}'), 'services must be an object'],
  ['whose services are null', bad('{ services: null }'), 'services must be an object'],
  ['with a part that is not known', bad('{ services: {}, consumer: {} }'), "it has a part 'consumer'"],
  ['whose open is no function', bad('{ services: {}, open: 5 }'), 'open must be a function'],
  ['whose consumers are a list', bad(`{ services: {}, consumers: [${CONSUMER}] }`), 'consumers must be an object'],
  [
    'with a group of consumers that is not known',
    bad(`{ services: {}, consumers: { reaction: [${CONSUMER}] } }`),
    "there is no group 'reaction' of consumers: projections, reactions, publications",
  ],
  ['with a consumer that hears nothing', bad("{ services: {}, consumers: { reactions: [{ name: 'x' }] } }"), 'handle'],
  [
    'with a consumer whose name can be none',
    bad("{ services: {}, consumers: { reactions: [{ name: 'X/y', handle() {} }] } }"),
    'must have a name (small letters and hyphens',
  ],
  ...['decisions', 'views', 'signals', 'alive', 'newest-receipt', 'serving-tasks'].map(
    (name): [string, string, string] => [
      `with a consumer called ${name}`,
      bad(`{ services: {}, consumers: { publications: [{ name: '${name}', handle() {} }] } }`),
      `a consumer called '${name}', a name that is taken`,
    ],
  ),
  [
    'with two consumers of one name',
    bad(`{ services: {}, consumers: { reactions: [${CONSUMER}], publications: [${CONSUMER}] } }`),
    "a consumer called 'eager', a name that is taken",
  ],
  ...['a/b', '', 'A', '__proto__', 'x'.repeat(33)].map((category): [string, string, string] => [
    `with an aggregate of the category '${category}'`,
    aggregate(category),
    `'${category}' can't be the category of an aggregate: small letters`,
  ]),
  [
    'with a view whose name is taken',
    aggregate('one', "name: 'correlations', category: 'one'"),
    "there is a view called 'correlations' already",
  ],
  ['with a view whose name can be none', aggregate('two', "name: 'a.v1', category: 'two'"), "'a.v1' can't be the name"],
  [
    'with a view of other streams',
    aggregate('three', "name: 'threes', category: 'four'"),
    "the view 'threes' is of 'four'",
  ],
  [
    'whose look is no function',
    bad('{ services: {} }', "engine.deadlines.on('bad', 5);"),
    "a deadline 'bad' is due must be a function",
  ],
  [
    'with a reason of deadlines that is taken',
    bad(
      '{ services: {} }',
      "engine.deadlines.on('again', async () => {}); engine.deadlines.on('again', async () => {});",
    ),
    "'again' of deadlines is registered twice",
  ],
])('a module %s is refused, with its file', (_, source, says) => {
  add('bad', source);
  const message = refused(open);
  expect(message.startsWith(`${file('bad')}: `)).toBe(true);
  expect(message).toContain(says);
});

test('a service whose name is taken, by the colony or by another module, is refused with the file', () => {
  add('bad', bad('{ services: { one: 1 } }'));
  add('other', 'exports.otherModule = () => ({ services: { one: 2 } });');
  const found = open();
  expect(refused(() => furtherServices(found, {}))).toMatch(`${file('other')}: it offers a service called 'one'`);
  expect(refused(() => furtherServices(found, { one: 3 }))).toMatch(`${file('bad')}: it offers a service called 'one'`);
});

test.each(['open', 'fill', 'start', 'stop', 'finish'] as const)('what fails in %s names the file', async (hook) => {
  add('bad', bad(`{ services: {}, ${hook}: async () => { throw new Error('no luck'); } }`));
  await expect(open()[0]?.module[hook]?.()).rejects.toThrow(`${file('bad')}: its ${hook} failed: no luck`);
});
