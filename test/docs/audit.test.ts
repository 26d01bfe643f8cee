/** The commands of docs/audit.md, run in their order against a fresh host, print what the page shows. */
import { Formicary } from '../../client/client';
import { eventually } from '../support/eventually';
import { shell, walkPage } from './walk';

/** What the page asks about. */
async function work(client: Formicary): Promise<void> {
  const recon = client.as('recon-7');
  await recon.agents.register({ agent_type: 'finance.reconciliation', capabilities: { reconciling: 0.9 } });
  await client.tasks.post({
    ...{ id: 'inv-4711', task_type: 'finance.reconciliation', priority: 0.9 },
    requires: [{ capability: 'reconciling', level: 0.5 }],
  });
  await eventually(async () => (await client.tasks.get('inv-4711')).holder !== undefined);
  const { award } = (await client.tasks.get('inv-4711')).holder!;
  await recon.tasks.accept('inv-4711', { award });
  await recon.tasks.complete('inv-4711', { award, result: 'balanced' });

  await client.rounds.open({
    ...{ id: 'night', question: 'Move the backup to the night?', kind: 'question', impact: 'low' },
    electorate: { algorithm: 'simple_majority', voters: ['ada-1', 'bo-2'].map((id) => ({ id, why: 'asked by name' })) },
  });
  const scout = client.as('scout-1');
  await scout.agents.register({ agent_type: 'scout.look', capabilities: { looking: 0.5 } });
  const signal = { type: 'resource_needed', location: 'warehouse/eu', strength: 0.5, emitter_agent: 'scout-1' };
  await scout.signals.emit(signal);
  await scout.signals.emit(signal);
  await scout.agents.deregister('scout-1', 'the watch is over');
}

test('every command prints what the page shows', () =>
  walkPage('docs/audit.md', ['npx formicary audit', 'npx formicary report', 'npx formicary verify'], async (url) => {
    const client = new Formicary({ url });
    await work(client);
    for (const [voter, why] of [
      ['ada-1', 'the nights are quiet'],
      ['bo-2', 'the test can move'],
    ])
      await shell(`npx formicary vote night approve --confidence 1 --reason "${why}" --principal ${voter}`, {
        FORMICARY_URL: url,
      });
    await eventually(async () => (await client.rounds.get('night')).status === 'closed');
    await eventually(async () => (await client.status()).feed.every(({ lag }) => lag === 0));
    client.close();
  }));
