/** The commands of docs/jobs.md, run in their order against a fresh host, print what the page shows. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { blocksOf, LEAST_SECONDS, pageOf, secondsIn, walkPage } from './walk';

const [CLOSE, DAILY] = blocksOf(pageOf('docs/jobs.md'), 'json') as [string, string];

test('nothing that they leave waiting lapses while one reads', () => {
  const seconds = secondsIn(CLOSE.replaceAll(': ', ':'));
  expect(seconds).toHaveLength(4);
  expect(Math.min(...seconds)).toBeGreaterThanOrEqual(LEAST_SECONDS);
});

test('every command prints what the page shows', () =>
  walkPage('docs/jobs.md', ['npx formicary job', 'npx formicary complete', 'npx formicary schedule'], (_, folder) => {
    writeFileSync(join(folder, 'close.json'), CLOSE);
    writeFileSync(join(folder, 'daily-close.json'), DAILY);
  }));
