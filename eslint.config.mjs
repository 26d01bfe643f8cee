/**
 * What the linter holds: which layer may import which (the table in the design), a domain and orchestrators without
 * clock, chance or I/O, and the usual mistakes with promises, types and unions. `test/lint/` proves it.
 */
import boundaries from 'eslint-plugin-boundaries';
import importOrder from 'eslint-plugin-simple-import-sort';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import layers from './.layers.cjs';

const { CAPABILITIES, LAYERS } = layers;

const TYPESCRIPT = '**/*.{ts,tsx}';

// ------------------------------------------------------------------------------------------------ layers and imports

const layer = (...types) => ({ element: { types: { anyOf: types } } });
const part = (category) => ({ file: { categories: { anyOf: [category] } } });
const packages = (source) => ({ module: { origin: 'external', source } });
const builtins = (source) => ({ module: { origin: 'core', source } });
const TYPE = { kind: 'type' };

const APP = ['app', 'engine', ...CAPABILITIES];

/**
 * The first pattern that fits decides. Each folder of adapters/ is an element of its own: they can't import each other.
 */
const elements = [
  { type: 'demand', pattern: 'samples/demand' },
  { type: 'adapters', pattern: 'adapters/*' },
  ...['engine', ...CAPABILITIES].map((name) => ({ type: name, pattern: `app/${name}` })),
  ...LAYERS.filter((name) => name !== 'adapters').map((name) => ({ type: name, pattern: name })),
].map((element) => ({ ...element, partialMatch: false }));

/** Parts of a layer that have a rule of their own. */
const files = [
  { category: 'kernel', pattern: 'domain/kernel/**' },
  { category: 'ports', pattern: 'app/engine/ports*.ts' },
  ...CAPABILITIES.map((name) => ({ category: `${name}-module`, pattern: `app/${name}/module.ts` })),
  { category: 'runtime', pattern: 'functions/runtime.ts' },
  { category: 'embedded', pattern: 'adapters/embedded/**' },
  { category: 'opa', pattern: 'adapters/opa/**' },
  { category: 'words', pattern: 'cli/{facts,words}.ts' },
  { category: 'grammar', pattern: 'domain/asks/**' },
  { category: 'orchestrations', pattern: 'functions/orchestrations/**' },
];

/** Of the policies that fit an import the last one decides; an import that none fits is an error. */
const policies = [
  { allow: { to: { module: { origin: ['external', 'core'] } } } },
  { disallow: { to: packages('express') }, message: 'Express is not used here: HTTP comes in through functions/http.' },
  {
    from: layer('domain'),
    disallow: { to: { module: { origin: 'core' } } },
    message: 'domain/ is pure: no Node module, except node:crypto in domain/kernel/.',
  },
  { from: part('kernel'), allow: { to: builtins(['crypto', 'node:crypto']) } },

  { from: layer('contract'), allow: { to: layer('domain') } },
  {
    from: layer('contract'),
    disallow: { to: { module: { origin: ['external', 'core'] } } },
    message: 'contract/ is data: zod, and constants and types of domain/.',
  },
  { from: layer('contract'), allow: { to: packages(['zod']) } },
  { from: layer('projections'), allow: { to: layer('domain') } },
  { from: layer('projections', 'app', ...CAPABILITIES, 'client'), allow: { to: layer('contract'), dependency: TYPE } },
  { from: layer('engine'), allow: { to: layer('domain', 'projections') } },
  { from: layer('app', ...CAPABILITIES), allow: { to: layer('engine', 'domain', 'projections') } },
  ...CAPABILITIES.map((name) => ({ from: layer('app'), allow: { to: part(`${name}-module`) } })),
  ...CAPABILITIES.flatMap((name, i) =>
    CAPABILITIES.slice(0, i).map((before) => ({ from: layer(name), allow: { to: part(`${before}-module`) } })),
  ),
  { from: layer('host'), allow: { to: layer(...APP, 'adapters') } },
  { from: layer('host'), allow: { to: part('kernel') } },
  { from: layer('adapters'), allow: { to: layer('domain') } },
  { from: layer('adapters'), allow: { to: part('ports') } },
  { from: layer('functions'), allow: { to: layer(...APP, 'contract') } },
  { from: part('runtime'), allow: { to: layer('host') } },
  { from: layer('functions'), allow: { to: part('kernel') } },
  { from: layer('functions'), allow: { to: layer('domain', 'projections'), dependency: TYPE } },
  {
    from: part('orchestrations'),
    disallow: { to: { module: { origin: ['external', 'core'] } } },
    message: 'Orchestrations only time and call: what needs a module is an activity, and belongs to app/.',
  },
  { from: part('orchestrations'), allow: { to: packages(['durable-functions', '@azure/functions']) } },
  { from: layer('local'), allow: { to: layer('functions', ...APP) } },
  { from: layer('local'), allow: { to: part('embedded') } },
  { from: layer('local'), allow: { to: part('kernel') } },
  { from: layer('client'), allow: { to: layer('domain'), dependency: TYPE } },
  { from: layer('cli'), allow: { to: layer('client', 'domain') } },
  { from: layer('cli'), allow: { to: part('embedded') } },
  { from: layer('cli'), allow: { to: part('opa') } },
  { from: layer('web'), allow: { to: layer('contract'), dependency: TYPE } },
  { from: layer('web'), allow: { to: part('words') } },
  { from: layer('web'), allow: { to: part('grammar') } },
  { from: layer('demand'), allow: { to: layer('domain') } },
  { from: layer('bench', 'attack', 'samples', 'test'), allow: { to: { module: { origin: 'local' } } } },
];

// ------------------------------------------------------------------------------------------------- forbidden syntax

const SPOOFABLE = '/x-formicary-(tenant|principal)/i';
const callers = [`Literal[value=${SPOOFABLE}]`, `TemplateElement[value.raw=${SPOOFABLE}]`].map((selector) => ({
  selector,
  message: 'Only app/operation/callers*.ts decides who calls: nothing else may read or name these headers.',
}));

const clock = [
  'MemberExpression[object.name="Date"][property.name="now"]',
  'NewExpression[callee.name="Date"][arguments.length=0]',
  'CallExpression[callee.name="Date"]',
];
const oneClock = clock.map((selector) => ({
  selector,
  message:
    "Ask the port Clock, or systemClock of app/engine/clock.ts: the machine's clock may be set to anything at any time.",
}));
const chance = [
  'MemberExpression[object.name="Math"][property.name="random"]',
  'MemberExpression[property.name="randomUUID"]',
];
const purity = [
  ...clock.map((selector) => ({ selector, message: 'domain/ has no clock: the time is an argument.' })),
  ...chance.map((selector) => ({ selector, message: 'domain/ has no chance: ids and draws are arguments.' })),
];
/**
 * An orchestrator is replayed from its start at each step: it must do the same each time. Its activities stand beside
 * it.
 */
const determinism = [
  ...clock.map((selector) => ({ selector, message: 'A replay has another clock: use context.df.currentUtcDateTime.' })),
  ...chance.map((selector) => ({
    selector,
    message: 'A replay draws otherwise: use context.df.newGuid, or draw in app/.',
  })),
  ...[':function[generator=true][async=true]', ':function[generator=true] :function[async=true]'].map((selector) => ({
    selector,
    message: 'Orchestrators wait by yield for tasks of context.df, never for promises.',
  })),
];
const RANDOM_EXPORTS = [
  'default',
  'randomUUID',
  'randomBytes',
  'randomInt',
  'randomFill',
  'randomFillSync',
  'getRandomValues',
  'webcrypto',
  'generateKeySync',
];
const IMPURE_GLOBALS = [
  'process',
  'globalThis',
  'crypto',
  'performance',
  'fetch',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'console',
];

/** A hint has to work as it is typed, also where only `npx formicary` does. */
const HINT = '/(^|[^\\w.])formicary [a-z]/';
const hints = [`Literal[value=${HINT}]`, `TemplateElement[value.raw=${HINT}]`].map((selector) => ({
  selector,
  message: 'Say `${CALL} …`: it names this program as it was called.',
}));

/** A timer that lost keeps the process: a program that was done stayed for a minute. */
const pausesThatLose = [
  {
    selector:
      'CallExpression[callee.object.name="Promise"][callee.property.name="race"] CallExpression[callee.name="pause"]',
    message: 'Say `within(seconds, work)` of local/within.ts: a pause that lost keeps the process alive.',
  },
];

/** A category is spelled by its decider alone; everybody else asks it. */
const categories = [
  'Property[key.name="category"][value.type="Literal"][value.value=/./]',
  'BinaryExpression[left.name="category"][right.type="Literal"]',
  'CallExpression[callee.name="streamName"][arguments.1.type="Literal"]',
].map((selector) => ({ selector, message: 'Ask the decider: `taskDecider.category`, `taskStream(tenant, id)`.' }));

/** Files of app/ from before the limits on what is long and on positions: the lists only get shorter. */
const LONGER = ['market/tasks', 'oversight/actions'].map((name) => `app/${name}.ts`);
const MORE_PARAMETERS = [
  'audit/receipts',
  ...['deadlines', 'feed', 'peers', 'telemetry', 'transact', 'views'].map((name) => `engine/${name}`),
  ...['agent-book', 'task-book', 'round-book', 'market', 'reactions', 'tasks', 'why-not'].map(
    (name) => `market/${name}`,
  ),
  ...['balance', 'balance-moves', 'balance-observer'].map((name) => `market/${name}`),
  'notices/deliveries',
  'oversight/approvals',
  'oversight/challenges',
  'signals/signals-in',
].map((name) => `app/${name}.ts`);

const forbid = (...selectors) => ({ 'no-restricted-syntax': ['error', ...selectors] });

export default defineConfig(
  { ignores: ['dist/', 'coverage/', '.formicary/', '.cache/', '.ci/api-tools/', 'starters/', '**/*.d.ts'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: [TYPESCRIPT],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { boundaries, 'import-order': importOrder },
    settings: {
      'boundaries/root-path': import.meta.dirname,
      'boundaries/elements': elements,
      'boundaries/files': files,
      'boundaries/dependency-nodes': ['import', 'export', 'require', 'dynamic-import'],
      'boundaries/legacy-templates': false,
      'import/resolver': { node: { extensions: ['.ts', '.tsx', '.js', '.json'] } },
    },
    rules: {
      'boundaries/dependencies': [
        'error',
        { default: 'disallow', checkAllOrigins: true, checkUnknownLocals: true, policies },
      ],
      'boundaries/no-unknown-files': 'error',
      // Node, packages, ours: far before near.
      'import-order/imports': ['error', { groups: [['^\\u0000', '^node:', '^@?\\w', '^\\.\\./', '^\\./']] }],

      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      // Where a port is asynchronous and its adapter is not, `async` turns a throw into a rejection.
      '@typescript-eslint/require-await': 'off',
      // `{}` is the shape of an empty zod object.
      '@typescript-eslint/no-empty-object-type': ['error', { allowObjectTypes: 'always' }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      // Prettier breaks code; this holds what it leaves alone: comments.
      'max-len': [
        'error',
        {
          code: 120,
          ignorePattern: 'eslint-disable',
          ignoreStrings: true,
          ignoreTemplateLiterals: true,
          ignoreRegExpLiterals: true,
          ignoreUrls: true,
        },
      ],
    },
  },
  {
    files: [
      'projections/**/*.ts',
      'app/**/*.ts',
      'host/**/*.ts',
      'adapters/**/*.ts',
      'functions/**/*.ts',
      'local/**/*.ts',
    ],
    ignores: ['app/operation/callers*.ts', 'functions/edge/openapi.ts'],
    rules: forbid(...callers, ...oneClock),
  },
  {
    files: ['projections/**/*.ts', 'app/**/*.ts'],
    ignores: ['app/operation/callers*.ts'],
    rules: forbid(...callers, ...oneClock, ...categories),
  },
  {
    // What has grown longer has two jobs. Named objects, not positions.
    files: ['app/**/*.ts'],
    rules: {
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 4],
    },
  },
  {
    // Written before that was held: none is to be added.
    files: LONGER,
    rules: { 'max-lines': ['error', { max: 470, skipBlankLines: true, skipComments: true }] },
  },
  { files: MORE_PARAMETERS, rules: { 'max-params': ['error', 6] } },
  {
    files: ['domain/**/*.ts'],
    rules: {
      ...forbid(...callers, ...purity),
      'no-restricted-globals': [
        'error',
        ...IMPURE_GLOBALS.map((name) => ({ name, message: 'domain/ is pure: what it needs is an argument.' })),
      ],
      'no-restricted-imports': [
        'error',
        {
          paths: ['crypto', 'node:crypto'].map((name) => ({
            name,
            importNames: RANDOM_EXPORTS,
            message: 'domain/ has no chance: ids and draws are arguments.',
          })),
        },
      ],
    },
  },
  {
    files: ['functions/orchestrations/**/*.ts'],
    rules: {
      ...forbid(...callers, ...determinism),
      'no-restricted-globals': [
        'error',
        ...IMPURE_GLOBALS.map((name) => ({
          name,
          message: 'A replay finds it changed: make it an input, or ask app/ for it in an activity.',
        })),
      ],
    },
  },
  {
    // local/ loads the compiled functions by their names, the command line only what the command that is called needs.
    files: ['local/**/*.ts', 'cli/**/*.ts'],
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    // Beside them, examples are declared with `command`, which does the same for them.
    files: ['cli/**/*.ts'],
    ignores: ['cli/main.ts', 'cli/*/commands.ts', 'cli/define.ts'],
    rules: forbid(...hints),
  },
  { files: ['bench/**/*.ts', 'samples/**/*.ts'], rules: forbid(...pausesThatLose) },
  {
    // What a test reads back (JSON, bodies of answers) is checked by its expectations.
    files: ['test/**/*.ts', 'attack/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.{js,cjs,mjs}'],
    extends: [tseslint.configs.base],
    rules: { '@typescript-eslint/no-unused-vars': 'error', eqeqeq: ['error', 'always', { null: 'ignore' }] },
  },
);
