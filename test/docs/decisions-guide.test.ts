/** The commands of docs/decisions-guide.md, run in their order against a fresh host, print what the page shows. */
import { Formicary } from '../../client/client';
import { startTestHost } from '../support/host';
import { LEAST_SECONDS, pageOf, patternOf, readOn, secondsIn, shell, stepsOf } from './walk';

test('every command prints what the page shows, also to somebody who reads slowly', async () => {
  const page = pageOf('docs/decisions-guide.md');
  const steps = stepsOf(page);
  expect(steps.length).toBeGreaterThan(10);
  // Each round that is opened says how long it lasts.
  const polls = steps.filter(({ command }) => command.includes('formicary poll'));
  expect(polls.map(({ command }) => secondsIn(command).length)).toEqual(polls.map(() => 1));
  expect(Math.min(...steps.flatMap(({ command }) => secondsIn(command)))).toBeGreaterThanOrEqual(LEAST_SECONDS);
  const host = await startTestHost();
  const client = new Formicary({ url: host.url });
  let approval = '';
  for (const { command, expected } of steps) {
    await readOn(200);
    while ((await client.status()).feed.some(({ lag }) => (lag ?? 0) > 0)) await readOn(20);
    // What the reader puts into the variable.
    approval = (await client.approvals.list({ status: 'waiting', kind: 'erp.order' })).value[0]?.id ?? approval;
    const { output } = await shell(command, { FORMICARY_URL: host.url, FORMICARY_DATA: host.data, APPROVAL: approval });
    const printed = output.replaceAll(/[^\S\n]+$/gm, '');
    expect(`$ ${command}\n${printed}`).toMatch(
      patternOf([`$ ${command}`, ...expected.map((line) => line.replaceAll('$APPROVAL', approval))]),
    );
  }
  // People are asked with as much time.
  const asked = (await client.approvals.list({ status: 'closed' })).value;
  expect(asked.length).toBeGreaterThan(0);
  for (const { requested_at, deadline } of asked)
    expect(Date.parse(deadline) - Date.parse(requested_at)).toBeGreaterThanOrEqual(LEAST_SECONDS * 1_000);
  client.close();
  await host.stop();
}, 120_000);
