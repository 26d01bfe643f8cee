/**
 * `npm run test:azure`: the profile azure on our test servers. The contracts of the ports, a colony in one process, and
 * then the end-to-end tests of the spine and of the decisions, whose hosts store there as well.
 */
process.env.FORMICARY_TEST_PROFILE = 'azure';

module.exports = {
  ...require('./jest.config.cjs'),
  testMatch: ['contracts/{cosmos,amqp,blobs,vault}', 'azure/*', 'http/*', 'client/{follow,retries}'].map(
    (tests) => `<rootDir>/test/${tests}.test.ts`,
  ),
  // What goes over HTTP and AMQP takes its time.
  testTimeout: 60_000,
};
