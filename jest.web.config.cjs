/**
 * `npm run test:web`: the window in a real browser, against a host of the tests' own. Needs Chromium (Debian's; another
 * one by CHROMIUM). Part of `.ci/web`.
 */
module.exports = {
  ...require('./jest.config.cjs'),
  roots: ['<rootDir>/test/web'],
  testPathIgnorePatterns: [],
  maxWorkers: 1,
  testTimeout: 120_000,
};
