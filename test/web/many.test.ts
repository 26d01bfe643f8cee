/** Lists of a hundred thousand, and agents that are each a group of their own: what is shown stays small. */
import type { Page } from 'playwright-core';
import { agentId, specOf } from '../../bench/colony';
import { preloadWaiting } from '../../bench/preload';
import { startTestHost, type TestHost } from '../support/host';
import { complaints, DESK, isLive, isLoaded, overflow, PHONE, signedIn } from './browser';
import { done, HOSTILE, windowHost } from './world';

const TASKS = 100_000;
const AGENTS = 1_500;
/** More elements than any part of the window has that shows as many rows as it may. */
const MOST_ELEMENTS = 5_000;
const PATIENCE_MS = 600_000;

let host: TestHost;
let page: Page;

const elements = (): Promise<number> => page.evaluate<number>('document.getElementsByTagName("*").length');

beforeAll(async () => {
  host = await windowHost();
  page = await signedIn(host, '/window/receipts');
});
afterEach(() => {
  expect(complaints.splice(0)).toEqual([]);
});
afterAll(() => host.stop());

test(
  'a hundred thousand receipts that came while the host was away are taken in, and the newest shown',
  async () => {
    await host.kill('SIGKILL');
    const requires = [{ capability: 'nobody.can', level: 1 }];
    const spec = { ...specOf(0), task_type: 'audit.review', requires, payload: { note: HOSTILE } };
    await preloadWaiting(host.data, AGENTS, { tasks: TASKS, specOf: () => spec }, false);
    const { port, data } = host;
    host = await startTestHost({ port, data });
    await isLive(page);
    await done(host, '/v1/tasks', { id: 'after-all', task_type: 'audit.review' });
    await page.getByRole('link', { name: 'task/after-all' }).waitFor({ timeout: PATIENCE_MS });
    expect(await page.locator('.receipt').count()).toBe(150);
    expect(await elements()).toBeLessThan(MOST_ELEMENTS);
    expect(await overflow(page)).toBe(0);
    // It answers a person still.
    await page.getByRole('button', { name: 'Hold' }).click();
    await page.getByRole('button', { name: 'Go on' }).waitFor();
  },
  PATIENCE_MS,
);

test(
  'lists are read page by page, however long they are',
  async () => {
    for (const size of [PHONE, DESK]) {
      await page.setViewportSize(size);
      for (const status of ['waiting', 'all']) {
        await page.goto(`/window/tasks?status=${status}`);
        await isLoaded(page);
        const row = page.locator('tbody tr');
        await row.first().waitFor();
        const first = await row.first().innerText();
        expect([status, await row.count(), await overflow(page)]).toEqual([status, 50, 0]);
        await page.getByRole('button', { name: 'Further ones' }).click();
        await page.waitForURL(/page=/);
        await page.getByRole('button', { name: 'Back to the first' }).waitFor();
        await isLoaded(page);
        expect(await row.first().innerText()).not.toBe(first);
        expect(await elements()).toBeLessThan(MOST_ELEMENTS);
      }
    }
    await page.goto('/');
    await page.getByText(/^of [\d,]+ tasks that have waited longest, of 100,\d{3}$/).waitFor();
  },
  PATIENCE_MS,
);

test(
  'agents that each have a place of their own are drawn in one picture, and listed in few rows',
  async () => {
    const moved = { agent_type: 'audit.review', capabilities: { none: 1 }, limits: { presence_seconds: 3_600 } };
    for (let n = 0; n < AGENTS; n += 1)
      await done(host, `/v1/agents/${agentId(n)}`, { ...moved, location: `place/${n}` }, agentId(n), 'PUT');
    await page.goto('/window/agents?by=location');
    await page.getByText('1,440 smaller ones').first().waitFor({ state: 'attached', timeout: PATIENCE_MS });
    // A canvas that is higher is blank.
    expect(await page.evaluate<number>('document.querySelector("canvas").height')).toBeLessThan(32_767);
    expect([await page.locator('.same-table li').count(), await overflow(page)]).toEqual([61, 0]);
    await page.goto('/window/mesh');
    await isLoaded(page);
    expect(await elements()).toBeLessThan(MOST_ELEMENTS);
  },
  PATIENCE_MS,
);
