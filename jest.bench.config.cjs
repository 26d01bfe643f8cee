/** `npm run test:bench`: a quick look at every part of the bench, alone, as it measures. */
module.exports = {
  ...require('./jest.config.cjs'),
  testMatch: ['<rootDir>/test/bench/smoke.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  testTimeout: 900_000,
};
