/**
 * `npm run test:package`: what is installed, as whoever installs it does: from what is packed (`npm run build`, `npm run
 * build:client`), and from a registry of this machine for what it needs. Part of `.ci/package`.
 */
module.exports = {
  ...require('./jest.config.cjs'),
  roots: ['<rootDir>/test/package'],
  testPathIgnorePatterns: [],
  // npm installs, programs start.
  testTimeout: 240_000,
};
