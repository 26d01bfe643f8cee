/** The commands of docs/personal-data.md, run in their order against a fresh host, print what the page shows. */
import { holdsMark } from '../../domain/personal/mark';
import { blocksOf, pageOf, walkPage } from './walk';

test('every command prints what the page shows', () =>
  walkPage('docs/personal-data.md', ['npx formicary post', 'npx formicary personal', 'npx formicary erase']));

test('the example of a mark is JSON, and one', () => {
  const blocks = blocksOf(pageOf('docs/personal-data.md'), 'json');
  expect(blocks.length).toBeGreaterThan(0);
  for (const block of blocks) expect(holdsMark(JSON.stringify(JSON.parse(block)))).toBe(true);
});
