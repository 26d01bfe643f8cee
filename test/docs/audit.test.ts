/** The commands of docs/audit.md, run in their order against a fresh host, print what the page shows. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Formicary } from '../../client/client';
import { startTestHost } from '../support/host';
import { pageOf, patternOf, shell, stepsOf } from './walk';

test('every command prints what the page shows', async () => {
  const steps = stepsOf(pageOf('docs/audit.md'));
  expect(steps.map(({ command }) => command.split(' ').slice(0, 3).join(' '))).toEqual(
    expect.arrayContaining(['npx formicary report', 'npx formicary verify']),
  );
  const folder = mkdtempSync(join(tmpdir(), 'formicary-audit-'));
  const host = await startTestHost();
  try {
    const client = new Formicary({ url: host.url });
    await client.tasks.post({ id: 'audited', task_type: 'report' });
    client.close();
    for (const { command, expected } of steps) {
      const { output } = await shell(command, { FORMICARY_URL: host.url }, folder);
      const printed = output.replaceAll(/[^\S\n]+$/gm, '');
      expect(`$ ${command}\n${printed}`).toMatch(patternOf([`$ ${command}`, ...expected]));
    }
  } finally {
    await host.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
