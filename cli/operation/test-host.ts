import { join } from 'node:path';

/** Runs the host for tests in this very process. */
export async function testHost(): Promise<void> {
  require(join(__dirname, '../../local/test-host.js'));
}
