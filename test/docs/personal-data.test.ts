/** The commands of docs/personal-data.md, run in their order against a fresh host, print what the page shows. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holdsMark } from '../../domain/personal/mark';
import { startTestHost } from '../support/host';
import { blocksOf, pageOf, patternOf, shell, stepsOf } from './walk';

test('every command prints what the page shows', async () => {
  const steps = stepsOf(pageOf('docs/personal-data.md'));
  expect(steps.map(({ command }) => command.split(' ').slice(0, 3).join(' '))).toEqual(
    expect.arrayContaining(['npx formicary post', 'npx formicary personal', 'npx formicary erase']),
  );
  const folder = mkdtempSync(join(tmpdir(), 'formicary-personal-page-'));
  const host = await startTestHost();
  try {
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

test('the example of a mark is JSON, and one', () => {
  const blocks = blocksOf(pageOf('docs/personal-data.md'), 'json');
  expect(blocks.length).toBeGreaterThan(0);
  for (const block of blocks) expect(holdsMark(JSON.stringify(JSON.parse(block)))).toBe(true);
});
