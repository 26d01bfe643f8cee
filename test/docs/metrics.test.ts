/** The commands of docs/metrics.md, run in their order against a fresh host, print what the page shows. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Formicary } from '../../client/client';
import { eventually } from '../support/eventually';
import { blocksOf, pageOf, walkPage } from './walk';

/** A task that is completed, with what it has cost, and one that is dead. */
async function work(client: Formicary): Promise<void> {
  const recon = client.as('recon-7');
  await recon.agents.register({ agent_type: 'finance.reconciliation', capabilities: {} });
  for (const id of ['inv-4711', 'inv-4712']) {
    await client.tasks.post({ id, task_type: 'finance.reconciliation', max_attempts: 1 });
    await eventually(async () => (await client.tasks.get(id)).holder !== undefined);
    const { award } = (await client.tasks.get(id)).holder!;
    await recon.tasks.accept(id, { award });
    if (id === 'inv-4711') await recon.tasks.complete(id, { award, cost_micro_usd: 250_000 });
    else await recon.tasks.fail(id, { award, reason: 'the bank does not answer', retryable: false });
  }
  await eventually(async () => (await client.status()).feed.every(({ lag }) => lag === 0));
}

test('every command prints what the page shows', () =>
  walkPage('docs/metrics.md', ['npx formicary report', 'npx formicary schedule'], async (url, folder) => {
    writeFileSync(join(folder, 'morning.json'), blocksOf(pageOf('docs/metrics.md'), 'json')[0]!);
    const client = new Formicary({ url });
    await work(client);
    client.close();
  }));
