const { tmpdir } = require('node:os');
const { join } = require('node:path');

// Tests say who calls in headers; those of identity start hosts of their own, which believe nobody.
process.env.FORMICARY_DEV_HEADERS ??= 'on';
// What a command keeps of a host is kept for these tests alone.
process.env.XDG_CONFIG_HOME ??= join(tmpdir(), `formicary-config-${process.pid}`);

/** SWC compiles, tsc type-checks (`npm run typecheck`): tests start fast and types still hold. */
const swc = [
  '@swc/jest',
  { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
];

/** Packages of ES modules alone that the Azure SDKs bring along: Jest doesn't load those as they are. */
const MODULES_ALONE = '(agent-base|jose|[a-z-]*proxy-agent[a-z-]*)';

module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  // What has to be packed first, what wants the machine for itself, and what needs a browser: `npm run test:package`,
  // `npm run test:bench`, `npm run test:web`.
  testPathIgnorePatterns: [
    '/node_modules/',
    '<rootDir>/test/package/',
    '<rootDir>/test/bench/smoke\\.test\\.ts',
    '<rootDir>/test/web/',
  ],
  transform: { '^.+\\.ts$': swc, [`/${MODULES_ALONE}/.+\\.js$`]: swc },
  transformIgnorePatterns: [`/node_modules/(?!.*${MODULES_ALONE}/)`],
  // What is loaded only when it is needed is named as it is compiled.
  moduleNameMapper: {
    '^\\.\\./adapters/(azure/open|azure/vault|azure/blob-anchor|embedded/open|oidc/issuers)\\.js$':
      '<rootDir>/adapters/$1.ts',
  },
  moduleFileExtensions: ['ts', 'js', 'json'],
  maxWorkers: 2,
  // Against tests that hang: how long one takes on a busy machine says nothing.
  testTimeout: 60_000,
};
