/** Proves that the linter holds the layers: what a layer may not import or write is an error, what it may is none. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(__dirname, '../..');

/** One file in each layer, for the others to import. */
const TREE = [
  'domain/market/task.ts',
  'domain/kernel/ids.ts',
  'projections/market/tasks.ts',
  'app/engine/ports.ts',
  'app/engine/ports-time.ts',
  'app/market/tasks.ts',
  'app/market/module.ts',
  'app/oversight/module.ts',
  'adapters/embedded/database.ts',
  'adapters/azure/cosmos.ts',
  'functions/http/market/tasks.ts',
  'host/composition.ts',
  'local/main.ts',
  'client/client.ts',
  'cli/main.ts',
  'cli/facts.ts',
  'domain/asks/grammar.ts',
  'contract/market/tasks.ts',
  'bench/main.ts',
  'samples/demo/main.ts',
  'samples/demand/trace.ts',
  'test/dsl.ts',
];

type Entry = readonly [file: string, code: string];

/**
 * ESLint's own interface, in a process of its own because Jest cannot load its configuration (an ES module). The rules
 * that need types are off: they say nothing about imports and take most of the time.
 */
const LINT = `
import { ESLint } from 'eslint';
import { readFileSync } from 'node:fs';
import tseslint from 'typescript-eslint';
const { root, tree, cases } = JSON.parse(readFileSync(0, 'utf8'));
const eslint = new ESLint({
  cwd: tree,
  overrideConfigFile: root + '/eslint.config.mjs',
  overrideConfig: [
    { files: ['**/*.ts'], ...tseslint.configs.disableTypeChecked, settings: { 'boundaries/root-path': tree } },
    { files: ['**/*.ts'], rules: { '@typescript-eslint/switch-exhaustiveness-check': 'off', '@typescript-eslint/no-unused-vars': 'off' } },
  ],
});
const answers = [];
for (const [file, code] of cases) {
  const [result] = await eslint.lintText(code, { filePath: tree + '/' + file });
  answers.push(result.messages.map(({ severity, ruleId, message }) => (severity === 2 ? (ruleId ?? message) : 'only a warning: ' + ruleId)));
}
console.log(JSON.stringify(answers));
`;

/** The rules that each entry breaks. */
function lint(cases: readonly Entry[]): string[][] {
  const tree = mkdtempSync(path.join(tmpdir(), 'formicary-lint-'));
  try {
    for (const file of TREE) {
      mkdirSync(path.dirname(path.join(tree, file)), { recursive: true });
      writeFileSync(path.join(tree, file), 'export const x = 1;\nexport type X = number;\n');
    }
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', LINT], {
      cwd: ROOT,
      input: JSON.stringify({ root: ROOT, tree, cases }),
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`ESLint did not run: ${stderr}`);
    return JSON.parse(stdout) as string[][];
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

const value = (target: string): string => `import { x } from '${target}';\nexport const y = x;\n`;
const type = (target: string): string => `import type { X } from '${target}';\nexport type Y = X;\n`;

/** By the rule that refuses them. */
const FORBIDDEN: Readonly<Record<string, readonly Entry[]>> = {
  // The table of the design, row by row; then the ways to write an import; then modules that are not ours.
  'boundaries/dependencies': [
    ['domain/a.ts', value('../app/market/tasks')],
    ['domain/a.ts', type('../projections/market/tasks')],
    ['domain/a.ts', value('./nowhere')],
    ['domain/kernel/a.ts', type('../../client/client')],
    ['projections/a.ts', value('../app/market/tasks')],
    ['projections/a.ts', type('../app/engine/ports')],
    ['app/a.ts', value('../adapters/embedded/database')],
    ['app/a.ts', type('../functions/http/market/tasks')],
    ['app/a.ts', type('../host/composition')],
    ['app/engine/a.ts', type('../market/tasks')],
    ['app/engine/a.ts', type('../market/module')],
    ['app/oversight/a.ts', type('../market/tasks')],
    ['app/market/a.ts', type('../oversight/module')],
    ['app/colony.ts', value('./market/tasks')],
    ['host/a.ts', value('../local/main')],
    ['app/a.ts', value('../samples/demand/trace')],
    ['adapters/embedded/a.ts', value('../../app/market/tasks')],
    ['adapters/embedded/a.ts', value('../azure/cosmos')],
    ['adapters/azure/a.ts', type('../../projections/market/tasks')],
    ['functions/http/a.ts', value('../../adapters/embedded/database')],
    ['functions/http/a.ts', value('../../domain/market/task')],
    ['functions/http/a.ts', value('../../projections/market/tasks')],
    ['functions/http/a.ts', value('../../local/main')],
    ['functions/http/a.ts', value('../../host/composition')],
    ['local/a.ts', value('../adapters/azure/cosmos')],
    ['local/a.ts', value('../client/client')],
    ['local/a.ts', value('../host/composition')],
    ['client/a.ts', value('../domain/market/task')],
    ['client/a.ts', type('../app/market/tasks')],
    ['client/a.ts', value('../cli/main')],
    ['cli/a.ts', value('../app/market/tasks')],
    ['cli/a.ts', type('../functions/http/market/tasks')],
    ['cli/a.ts', value('../adapters/azure/cosmos')],
    ['cli/a.ts', value('../local/main')],
    ['web/a.ts', value('../contract/market/tasks')],
    ['web/a.ts', type('../domain/market/task')],
    ['web/a.ts', value('../client/client')],
    ['web/a.ts', value('../cli/main')],
    ['web/a.ts', value('../domain/kernel/commit')],
    ['samples/demand/a.ts', value('../../client/client')],
    ['samples/demand/a.ts', type('../demo/main')],
    ['domain/a.ts', `export { x } from '../app/market/tasks';\n`],
    ['domain/a.ts', `export * from '../app/market/tasks';\n`],
    ['domain/a.ts', `export const y = () => import('../app/market/tasks');\n`],
    ['domain/a.ts', `export const y: unknown = require('../app/market/tasks');\n`],
    ['domain/a.ts', value('node:fs')],
    ['domain/a.ts', value('node:crypto')],
    ['domain/kernel/a.ts', value('node:process')],
    ['functions/http/a.ts', value('express')],
    ['test/a.test.ts', `export const y: unknown = require('express');\n`],
  ],
  // A folder that is no layer.
  'boundaries/no-unknown-files': [['elsewhere/a.ts', 'export const y = 1;\n']],
  // The one way to write an import that the rule for layers does not see.
  '@typescript-eslint/consistent-type-imports': [['domain/a.ts', `export type Y = import('../app/market/tasks').X;\n`]],
  // Chance.
  'no-restricted-imports': [
    ['domain/kernel/a.ts', `import { randomUUID } from 'node:crypto';\nexport const y = randomUUID();\n`],
    ['domain/kernel/a.ts', `import crypto from 'node:crypto';\nexport const y = crypto.hash;\n`],
    ['domain/kernel/a.ts', `import * as crypto from 'node:crypto';\nexport const y = crypto.hash;\n`],
  ],
  // The clock; chance; the headers that name a caller.
  'no-restricted-syntax': [
    ['domain/a.ts', 'export const y = Date.now();\n'],
    ['domain/a.ts', 'export const y = new Date();\n'],
    ['domain/a.ts', 'export const y = Date();\n'],
    ['domain/a.ts', 'export const y = Math.random();\n'],
    ['app/a.ts', 'export const y = Date.now();\n'],
    ['functions/http/a.ts', 'export const y = new Date();\n'],
    ['local/durable/a.ts', 'export const y = Date.now();\n'],
    ['adapters/azure/a.ts', 'export const y = Date.now();\n'],
    ['bench/a.ts', 'export const y = (w, pause) => Promise.race([w, pause(9)]);\n'],
    ['app/market/tasks.ts', `export const y = 'x-formicary-tenant';\n`],
    ['functions/http/a.ts', `export const y = { 'X-Formicary-Principal': 'me' };\n`],
    ['functions/http/a.ts', 'export const y = `X-FORMICARY-TENANT: ${1}`;\n'],
    ['local/a.ts', `export const y = (headers: Headers) => headers.get('x-formicary-principal');\n`],
    ['domain/a.ts', `export const y = 'x-formicary-tenant';\n`],
    // A category that is spelled a second time.
    ['app/market/a.ts', "export const y = (category: string) => category === 'task';\n"],
    ['projections/market/a.ts', "export const y = { category: 'task' };\n"],
    [
      'app/a.ts',
      "export const y = (f: { streamName(...of: string[]): string }) => f;\nstreamName('t', 'task', 'x');\n",
    ],
    // A hint that may not work as it is typed.
    ['cli/market/a.ts', `export const y = 'Look with formicary verify.';\n`],
    ['cli/a.ts', 'export const y = (id: string) => `\\`formicary why ${id}\\` tells.`;\n'],
  ],
  // What is long, and what is given by position.
  'max-lines': [['app/market/a.ts', 'export {};\n'.repeat(401)]],
  'max-params': [['app/market/a.ts', 'export const y = (a: 1, b: 1, c: 1, d: 1, e: 1) => [a, b, c, d, e];\n']],
  // Surroundings.
  'no-restricted-globals': [
    ['domain/kernel/a.ts', 'export const y = crypto.randomUUID();\n'],
    ['domain/a.ts', `export const y = process.env['Y'];\n`],
    ['domain/a.ts', `export const y = globalThis.process.pid;\n`],
  ],
};

const ALLOWED: readonly Entry[] = [
  ['domain/a.ts', value('./kernel/ids')],
  [
    'domain/kernel/a.ts',
    `import { hash } from 'node:crypto';\nexport const y = hash('sha256', new Date(0).toISOString());\n`,
  ],
  ['domain/kernel/a.ts', value('canonicalize')],
  ['projections/a.ts', value('../domain/market/task')],
  ['app/a.ts', value('../domain/kernel/ids')],
  ['app/a.ts', 'export const y = new Date(0).toISOString();\n'],
  ['app/a.ts', value('../projections/market/tasks')],
  ['app/market/a.ts', value('../engine/ports')],
  ['app/market/a.ts', value('./tasks')],
  ['app/oversight/a.ts', value('../market/module')],
  ['app/colony.ts', value('./market/module')],
  ['web/a.ts', type('../contract/market/tasks')],
  ['web/a.ts', value('../cli/facts')],
  ['web/a.ts', value('../domain/asks/grammar')],
  ['host/a.ts', value('../adapters/embedded/database')],
  ['host/a.ts', value('../app/engine/ports')],
  ['functions/runtime.ts', value('../host/composition')],
  ['adapters/embedded/a.ts', value('../../app/engine/ports')],
  ['adapters/azure/a.ts', value('../../app/engine/ports-time')],
  ['adapters/azure/a.ts', value('../../domain/kernel/ids')],
  ['adapters/azure/a.ts', value('./cosmos')],
  ['adapters/embedded/a.ts', value('node:sqlite')],
  ['functions/http/a.ts', value('../../app/market/tasks')],
  ['functions/http/a.ts', value('../../domain/kernel/ids')],
  ['functions/http/a.ts', type('../../domain/market/task')],
  ['functions/http/a.ts', type('../../projections/market/tasks')],
  ['functions/http/a.ts', value('@azure/functions')],
  ['local/a.ts', value('../functions/http/market/tasks')],
  ['local/a.ts', value('../adapters/embedded/database')],
  ['local/a.ts', value('../app/market/tasks')],
  ['local/a.ts', value('../domain/kernel/ids')],
  ['client/a.ts', type('../domain/market/task')],
  ['client/a.ts', `export const y = { 'x-formicary-tenant': 'acme' };\n`],
  ['cli/a.ts', value('../client/client')],
  ['cli/a.ts', value('../domain/market/task')],
  ['cli/a.ts', value('../adapters/embedded/database')],
  ['samples/demand/a.ts', value('../../domain/market/task')],
  ['samples/demand/a.ts', value('./trace')],
  ['samples/demo/a.ts', value('../../client/client')],
  ['samples/demo/a.ts', value('../demand/trace')],
  ['bench/a.ts', value('../adapters/embedded/database')],
  ['test/a.test.ts', value('../local/main')],
  ['app/operation/callers.ts', `export const y = 'x-formicary-tenant';\n`],
  ['app/operation/callers-agents.ts', `export const y = 'x-formicary-principal';\n`],
  ['functions/edge/openapi.ts', `export const y = 'x-formicary-principal';\n`],
  ['app/a.ts', 'export const y = Math.random();\n'],
];

const title = ([file, code]: Entry): string => `${file}: ${code.split('\n', 1)[0]!}`;

describe('the import rules', () => {
  const forbidden = Object.entries(FORBIDDEN).flatMap(([rule, entries]) => entries.map((entry) => ({ rule, entry })));
  let found: string[][] = [];
  beforeAll(() => {
    found = lint([...forbidden.map(({ entry }) => entry), ...ALLOWED]);
  }, 60_000);

  test.each(forbidden.map(({ rule, entry }, index) => [rule, title(entry), index] as const))(
    '%s refuses %s',
    (rule, _, index) => {
      expect(found[index]).toContain(rule);
    },
  );

  test.each(ALLOWED.map((entry, index) => [title(entry), forbidden.length + index] as const))(
    'none refuses %s',
    (_, index) => {
      expect(found[index]).toEqual([]);
    },
  );
});
