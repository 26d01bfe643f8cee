/** The folders of the code, for both checks of what may import what: `eslint.config.mjs` and `.dependency-cruiser.cjs`. */
module.exports = {
  LAYERS: [
    'domain',
    'contract',
    'projections',
    'app',
    'adapters',
    'host',
    'functions',
    'local',
    'client',
    'cli',
    'bench',
    'attack',
    'samples',
    'test',
  ],
  /** In the order in which modules are made: each calls only those before it, and only through their `module.ts`. */
  CAPABILITIES: [
    'stops',
    'tenants',
    'policy',
    'identity',
    'signals',
    'repository',
    'notices',
    'budgets',
    'market',
    'oversight',
    'audit',
    'operation',
  ],
};
