/**
 * What only the whole graph shows: circles, code that nothing uses, and the layers once more, dynamic imports and
 * `require` included. `eslint.config.mjs` holds the same layers while one types.
 */
const { CAPABILITIES, LAYERS } = require('./.layers.cjs');

/** Whatever in our own folders is not allowed by `allowed` (a pattern) is forbidden to `from`. */
const only = (from, allowed, more = {}) => ({
  name: more.name ?? `layer-${from.replaceAll(/\W+/g, '-')}`,
  comment: `${from} imports something of ours that it must not`,
  severity: 'error',
  from: { path: `^${from}/`, ...more.from },
  to: { path: `^(${LAYERS.join('|')})/`, pathNot: `^(${from}/|${allowed})`, ...more.to },
});
const NOTHING = '$.';
const VALUES = { dependencyTypesNot: ['type-only'] };

/** What runs of itself; everything else is there because one of these needs it. */
const ENTRIES = [
  '^functions/(?!edge/)(http/)?[^/]+/[^/]+\\.ts$',
  '^local/(main|openapi|test-host)\\.ts$',
  '^client/(client|index|testing)\\.ts$',
  '^cli/(main|[^/]+/commands)\\.ts$',
  '^bench/',
  '^attack/',
  '^samples/',
  '^test/',
  '^functions/bundle\\.mjs$',
  '^web/(main\\.tsx|build\\.mjs)$',
  '^client/pack\\.mjs$',
];

module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      comment: 'modules that load each other; types may refer to each other, they are gone at run time',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: VALUES },
    },
    {
      name: 'no-unused-modules',
      comment: 'no entry point, test or measurement reaches it',
      severity: 'error',
      from: { path: ENTRIES },
      to: { path: `^(${LAYERS.join('|')})/`, pathNot: ENTRIES, reachable: false },
    },
    {
      name: 'no-unresolved',
      severity: 'error',
      from: { path: `^(${LAYERS.join('|')})/` },
      to: { couldNotResolve: true },
    },
    { name: 'no-express', severity: 'error', from: {}, to: { path: '(^|/)express(/|$)' } },

    only('domain', NOTHING),
    only('contract', 'domain/'),
    only('projections', 'domain/|contract/'),
    only('projections', 'domain/', { name: 'layer-projections-values', to: VALUES }),
    only('app', 'domain/|projections/|contract/'),
    only('app', 'domain/|projections/', { name: 'layer-app-values', to: VALUES }),
    only('app/engine', 'domain/|projections/'),
    ...CAPABILITIES.map((name, i) => {
      const before = CAPABILITIES.slice(0, i).map((other) => `${other}/module\\.ts$|`);
      return only(`app/${name}`, `domain/|projections/|contract/|app/(engine/|${before.join('')}$.)`);
    }),
    {
      name: 'colony-folds-modules',
      comment: 'the application is made of modules, not of what is in them',
      severity: 'error',
      from: { path: '^app/[^/]+\\.ts$' },
      to: { path: '^app/[^/]+/', pathNot: '^app/(engine/|[^/]+/module\\.ts$)' },
    },
    only('host', 'app/|adapters/|domain/kernel/'),
    only('adapters', 'domain/|app/engine/ports[^/]*\\.ts$'),
    only('functions', 'app/|domain/|contract/|projections/|host/'),
    only('functions', 'app/|contract/|domain/kernel/|host/', { name: 'layer-functions-values', to: VALUES }),
    only('local', 'functions/|app/|adapters/embedded/|domain/kernel/'),
    only('client', 'domain/|contract/'),
    only('client', NOTHING, { name: 'layer-client-values', to: VALUES }),
    only('cli', 'client/|domain/|adapters/(embedded|opa)/'),
    only('web', 'contract/|cli/(facts|words)\\.ts$|domain/asks/'),
    only('web', 'cli/(facts|words)\\.ts$|domain/asks/', { name: 'layer-web-values', to: VALUES }),
    only('samples/demand', 'domain/'),
    {
      name: 'host-is-the-outermost',
      comment: 'only an entry point composes: the rest is given its ports',
      severity: 'error',
      from: {
        path: '^(domain|contract|projections|app|adapters|functions|local|client|cli)/',
        pathNot: '^functions/runtime\\.ts$',
      },
      to: { path: '^host/' },
    },
    {
      name: 'adapters-apart',
      comment: 'the adapters of one profile know nothing of the other',
      severity: 'error',
      from: { path: '^adapters/([^/]+)/' },
      to: { path: '^adapters/', pathNot: '^adapters/$1/' },
    },
    {
      name: 'domain-is-pure',
      comment: 'no Node module, except node:crypto in domain/kernel/',
      severity: 'error',
      from: { path: '^domain/', pathNot: '^domain/kernel/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'kernel-is-pure',
      severity: 'error',
      from: { path: '^domain/kernel/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|coverage|\\.cache|\\.formicary)/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['require', 'node', 'default', 'types'] },
  },
};
