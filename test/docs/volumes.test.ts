/** The commands of docs/volumes.md, run in their order against a host that keeps volumes, print what the page shows. */
import { startServers } from '../servers/servers';
import { startTestHost } from '../support/host';
import { pageOf, stepsOf, walk } from './walk';

test('every command prints what the page shows', async () => {
  const steps = stepsOf(pageOf('docs/volumes.md'));
  expect(steps.length).toBeGreaterThan(5);
  const servers = await startServers();
  const host = await startTestHost({ env: servers.settings });
  try {
    for (const step of steps) await walk(step, { FORMICARY_URL: host.url });
  } finally {
    await host.stop();
    await servers.stop();
  }
}, 120_000);
