/** Proves that the linter keeps orchestrators deterministic: they are replayed, and must do the same each time. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(__dirname, '../..');
const FILE = 'functions/orchestrations/rounds.ts';

/**
 * In a process of its own because Jest cannot load ESLint's configuration (an ES module); without the rules that need
 * types.
 */
const LINT = `
import { ESLint } from 'eslint';
import { readFileSync } from 'node:fs';
import tseslint from 'typescript-eslint';
const { root, tree, file, cases } = JSON.parse(readFileSync(0, 'utf8'));
const eslint = new ESLint({
  cwd: tree,
  overrideConfigFile: root + '/eslint.config.mjs',
  overrideConfig: [
    { files: ['**/*.ts'], ...tseslint.configs.disableTypeChecked, settings: { 'boundaries/root-path': tree } },
    { files: ['**/*.ts'], rules: { '@typescript-eslint/switch-exhaustiveness-check': 'off', '@typescript-eslint/no-unused-vars': 'off' } },
  ],
});
const answers = [];
for (const code of cases) {
  const [result] = await eslint.lintText(code, { filePath: tree + '/' + file });
  answers.push(result.messages.map(({ severity, ruleId, message }) => (severity === 2 ? (ruleId ?? message) : 'only a warning: ' + ruleId)));
}
console.log(JSON.stringify(answers));
`;

/** The rules that each piece of code breaks. */
function lint(cases: readonly string[]): string[][] {
  const tree = mkdtempSync(path.join(tmpdir(), 'formicary-lint-'));
  try {
    for (const file of [FILE, 'app/oversight/rounds.ts', 'adapters/embedded/database.ts']) {
      mkdirSync(path.dirname(path.join(tree, file)), { recursive: true });
      writeFileSync(path.join(tree, file), 'export const x = 1;\n');
    }
    const input = JSON.stringify({ root: ROOT, tree, file: FILE, cases });
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', LINT], {
      cwd: ROOT,
      input,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`ESLint did not run: ${stderr}`);
    return JSON.parse(stdout) as string[][];
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

const orchestrator = (body: string): string => `df.app.orchestration('round', function* (context) {\n  ${body}\n});\n`;
const FORBIDDEN = [
  ['no-restricted-syntax', orchestrator('const now = Date.now();')],
  ['no-restricted-syntax', orchestrator('const now = new Date();')],
  ['no-restricted-syntax', orchestrator('const now = Date();')],
  ['no-restricted-syntax', orchestrator('const draw = Math.random();')],
  ['no-restricted-syntax', orchestrator('const later = async () => 1;')],
  ['no-restricted-syntax', orchestrator('const later = async () => await context.df.x;')],
  ['no-restricted-syntax', `df.app.orchestration('round', async function* (context) {});\n`],
  ['no-restricted-syntax', `export const x = 'x-formicary-tenant';\n`],
  ['no-restricted-globals', orchestrator('const id = crypto.randomUUID();')],
  ['no-restricted-globals', orchestrator('setTimeout(() => {}, 1);')],
  ['no-restricted-globals', orchestrator('setInterval(() => {}, 1);')],
  ['no-restricted-globals', orchestrator(`yield fetch('http://localhost');`)],
  ['no-restricted-globals', orchestrator(`const x = process.env['X'];`)],
  ['no-restricted-globals', orchestrator('const x = performance.now();')],
  ['no-restricted-globals', orchestrator('const x = globalThis.Date;')],
  ['boundaries/dependencies', `import { readFileSync } from 'node:fs';\nexport const x = readFileSync;\n`],
  ['boundaries/dependencies', `import { randomUUID } from 'node:crypto';\nexport const x = randomUUID;\n`],
  ['boundaries/dependencies', `import axios from 'axios';\nexport const x = axios;\n`],
  ['boundaries/dependencies', `import { x } from '../../adapters/embedded/database';\nexport const y = x;\n`],
] as const;

const ALLOWED = [
  `import * as df from 'durable-functions';\nimport { x } from '../../app/oversight/rounds';\nexport const y = [df, x];\n`,
  orchestrator(
    'const later = new Date(context.df.currentUtcDateTime.getTime() + 1_000);\n  yield context.df.createTimer(later);',
  ),
  orchestrator(
    `yield context.df.Task.any([context.df.waitForExternalEvent('Approval'), context.df.callActivity('close', 1)]);`,
  ),
  `df.app.activity('close', { handler: async (id) => await rounds.close(id) });\n`,
];

describe('the rules for orchestrations', () => {
  let found: string[][] = [];
  beforeAll(() => {
    found = lint([...FORBIDDEN.map(([, code]) => code), ...ALLOWED]);
  }, 60_000);

  test.each(FORBIDDEN.map(([rule, code], index) => [rule, code, index] as const))('%s refuses %s', (rule, _, index) => {
    expect(found[index]).toContain(rule);
  });

  test.each(ALLOWED.map((code, index) => [code, FORBIDDEN.length + index] as const))('none refuses %s', (_, index) => {
    expect(found[index]).toEqual([]);
  });
});
