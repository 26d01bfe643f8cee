/** docs/first-day.md: its commands work on one machine, where they can, and what it names is what there is. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startTestHost } from '../support/host';
import { blocksOf, pageOf, stepsOf, walk } from './walk';

const ROOT = join(__dirname, '../..');
const PAGE = pageOf('docs/first-day.md');
const named = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name]) => name as string);

/** A reader asks for many, a test for a few: both in the command and in what it shows. */
const fewer = (text: string) =>
  text.replaceAll('2000', '20').replace('$(seq 10)', '$(seq 2)').replace('…10 read', '…2 read');

test('every command that is shown with its answer gives it, to whoever shows a token', async () => {
  const steps = stepsOf(PAGE);
  expect(steps.length).toBeGreaterThan(6);
  const host = await startTestHost({ env: { FORMICARY_DEV_HEADERS: 'off' } });
  const env = { FORMICARY_URL: host.url, FORMICARY_KEY: host.key };
  for (const { command, expected } of steps)
    await walk({ command: fewer(command), expected: expected.map(fewer) }, env);
  await host.stop();
}, 120_000);

test('the steps are in the order in which their answers matter', () => {
  const steps = named(PAGE, /^## (\d)\. /gm);
  expect(steps).toEqual(['1', '2', '3', '4', '5', '6', '7', '8']);
  const parts = PAGE.split(/^## \d\. .*$/m).slice(1);
  // Each says what to expect, or shows it, and what to do when it differs.
  for (const part of parts.slice(0, -1))
    expect(part).toMatch(/(\*\*Expect\*\*|^\$ )[\s\S]*([Ww]hen it differs|\| when it differs)/m);
});

test('what the hook is said to say, it says', () => {
  const hook = pageOf('bicep/hooks/smoke.mjs');
  const said = [
    'is ready',
    'did not get ready. Its last answer: ',
    'lets nobody in from this address',
    'has to answer 401',
  ];
  for (const words of said) {
    expect(PAGE).toContain(words);
    expect(hook).toContain(words);
  }
});

test.each([
  ['test/servers/cosmos/charges.ts', ['REFUSED', 'NO_CHANGES', 'CONDITION']],
  ['functions/edge/stream.ts', ['LIFETIME_MS']],
  ['functions/edge/abort.ts', ['UNHEARD_MS']],
  ['bicep/modules/cosmos.bicep', ['keepsReceipts']],
  ['bicep/modules/app.bicep', ['basicPublishingCredentialsPolicies']],
])('of %s it names what is there', (file, names) => {
  expect(existsSync(join(ROOT, file))).toBe(true);
  for (const name of names) {
    expect(PAGE).toContain(`\`${name}\``);
    expect(pageOf(file)).toMatch(new RegExp(`\\b${name}\\b`));
  }
});

test('what it tells to ask in Application Insights is exported', () => {
  const metrics = blocksOf(PAGE, 'kusto').flatMap((block) => named(block, /\b(formicary_\w+)\b/g));
  expect(metrics.length).toBeGreaterThan(1);
  for (const metric of metrics) expect(pageOf('docs/observability.md')).toContain(`\`${metric}\``);
});
