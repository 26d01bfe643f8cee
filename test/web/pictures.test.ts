/**
 * Pictures of each pane, to be looked at: in `.cache/window`, or where PICTURES says. `PICTURES=docs/window npm run
 * test:web -- pictures` makes those of docs/window.md.
 */
import { mkdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import type { TestHost } from '../support/host';
import { complaints, isLive, isLoaded, PHONE, signedIn } from './browser';
import { emit, held, liven, windowHost } from './world';

const FOLDER = resolve(__dirname, '../..', process.env['PICTURES'] ?? '.cache/window');
const SIZE = { width: 1_200, height: 780 };

let host: TestHost;
let page: Page;

beforeAll(async () => {
  mkdirSync(FOLDER, { recursive: true });
  host = await windowHost();
  await liven(host);
});
afterAll(() => host.stop());

async function take(name: string, path: string, on: Page): Promise<void> {
  await on.goto(path);
  await isLive(on);
  await isLoaded(on);
  const file = join(FOLDER, `${name}.png`);
  await on.screenshot({ path: file });
  // An empty page is a few kilobytes.
  expect([name, statSync(file).size > 12_000]).toEqual([name, true]);
}

/** What comes of words, until it says so. */
async function takeAsked(name: string, words: string, says: string, on: Page): Promise<void> {
  const line = on.getByLabel('Say what you want to see or to have done');
  await line.fill(words);
  await line.press('Enter');
  await on.getByText(says).waitFor();
  await on.screenshot({ path: join(FOLDER, `${name}.png`) });
}

test('each pane has something to show, light and dark, wide and narrow', async () => {
  const urgent = await held(host, 'refund-4711', {
    ...{ kind: 'finance.refund', impact: 'critical', why: 'the payment came in twice, on 1 and on 3 March' },
    action: { customer: 'ACME', amount: 1_250, currency: 'EUR' },
  });
  page = await signedIn(host, '/', { viewport: SIZE });
  await take('now', '/', page);
  await take('tasks', '/window/tasks', page);
  await take('task', '/window/tasks/contract-12', page);
  await take('task-then', `/window/tasks/contract-12?asOf=${new Date().toISOString()}`, page);
  await takeAsked('ask', 'why is contract-12 not done', 'Done, as these commands:', page);
  await take('decisions', `/window/decisions/${urgent}`, page);
  await take('round', '/window/decisions/rounds/duplicate', page);
  await take('agents', '/window/agents', page);
  await take('agent', '/window/agents/recon-3', page);
  await emit(host);
  await take('field', '/window/field/load_high/warehouse%2Feu', page);
  await take('stream', '/window/receipts/task/done-1?at=1', page);
  await page.emulateMedia({ colorScheme: 'dark' });
  await take('now-dark', '/', page);
  await take('agents-dark', '/window/agents', page);
  for (const pane of ['receipts', 'mesh']) {
    await page.goto(`/window/${pane}`);
    await isLive(page);
    await isLoaded(page);
    const livened = liven(host, `${pane}-`);
    await page
      .locator(pane === 'mesh' ? '.rows .row' : '.receipt')
      .nth(2)
      .waitFor();
    await page.screenshot({ path: join(FOLDER, `${pane}-dark.png`) });
    await livened;
  }
  await page.context().close();

  page = await signedIn(host, '/', { viewport: PHONE, isMobile: true, hasTouch: true });
  await take('now-phone', '/', page);
  await take('tasks-phone', '/window/tasks', page);
  await takeAsked('ask-phone', 'cancel task translation-1 because the customer withdrew it', 'Is it to run?', page);
  await take('decision-phone', `/window/decisions/${urgent}`, page);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.screenshot({ path: join(FOLDER, 'sign-in-phone.png') });
  await page.context().close();
  expect(complaints).toEqual([]);
});
