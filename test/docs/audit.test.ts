/** The commands of docs/audit.md, run in their order against a fresh host, print what the page shows. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Formicary } from '../../client/client';
import { eventually } from '../support/eventually';
import { startTestHost } from '../support/host';
import { pageOf, patternOf, shell, stepsOf } from './walk';

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

test('every command prints what the page shows', async () => {
  const steps = stepsOf(pageOf('docs/audit.md'));
  expect(steps.map(({ command }) => command.split(' ').slice(0, 3).join(' '))).toEqual(
    expect.arrayContaining(['npx formicary audit', 'npx formicary report', 'npx formicary verify']),
  );
  const folder = mkdtempSync(join(tmpdir(), 'formicary-audit-'));
  const host = await startTestHost();
  const env = { FORMICARY_URL: host.url };
  try {
    const client = new Formicary({ url: host.url });
    await work(client);
    for (const [voter, why] of [
      ['ada-1', 'the nights are quiet'],
      ['bo-2', 'the test can move'],
    ])
      await shell(`npx formicary vote night approve --confidence 1 --reason "${why}" --principal ${voter}`, env);
    await eventually(async () => (await client.rounds.get('night')).status === 'closed');
    await eventually(async () => (await client.status()).feed.every(({ lag }) => lag === 0));
    client.close();
    for (const { command, expected } of steps) {
      const { output } = await shell(command, env, folder);
      const printed = output.replaceAll(/[^\S\n]+$/gm, '');
      expect(`$ ${command}\n${printed}`).toMatch(patternOf([`$ ${command}`, ...expected]));
    }
  } finally {
    await host.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
