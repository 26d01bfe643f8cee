/** The window from end to end: in a real browser, against a real host, by its owner's key. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { compiledApp, startTestHost, type TestHost } from '../support/host';
import { complaints, DESK, isLive, isLoaded, openPage, overflow, PHONE, signedIn, violations } from './browser';
import { done, held, populate, windowHost, writeHostile } from './world';

/** Packed, without what only some panes need. */
const MAX_BYTES = 250_000;
const PANES = [
  '/',
  '/window/tasks',
  '/window/decisions',
  '/window/agents',
  '/window/mesh',
  '/window/receipts',
  '/window/governance',
];

let host: TestHost;
let page: Page;

beforeAll(async () => {
  host = await windowHost();
  await populate(host);
  await writeHostile(host);
  await held(host, 'order-1');
});
afterEach(() => {
  expect(complaints.splice(0)).toEqual([]);
});
afterAll(() => host.stop());

const shows = (text: string | RegExp, on: Page = page) =>
  on.getByText(text).filter({ visible: true }).first().waitFor();

describe('what is served', () => {
  test('is a page under a strict policy, and files that may be kept for ever', async () => {
    for (const path of PANES) {
      const { status, headers } = await fetch(host.url + path);
      expect([status, headers.get('x-content-type-options'), headers.get('cache-control')]).toEqual([
        200,
        'nosniff',
        'no-cache',
      ]);
      expect(headers.get('content-security-policy')).toMatch(
        /^default-src 'none'; script-src 'self'; style-src 'self';/,
      );
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    }
    const text = await (await fetch(host.url)).text();
    expect(text).not.toMatch(/<style|<script(?![^>]* src=)|\son\w+=|https?:/);
    for (const [, file = ''] of text.matchAll(/"(\/assets\/[^"]+)"/g)) {
      const { status, headers } = await fetch(host.url + file);
      expect([status, headers.get('cache-control')]).toEqual([200, 'public, max-age=31536000, immutable']);
    }
    expect((await fetch(`${host.url}/assets/index.html`)).status).toBe(404);
    expect((await fetch(`${host.url}/assets/..%2Fpackage.json`)).status).not.toBe(200);
  });

  test('is small', () => {
    const folder = join(compiledApp(), 'dist/web');
    const files = readdirSync(folder).filter((file) => /\.(js|css)$/.test(file));
    const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0);
    expect(bytes).toBeLessThan(MAX_BYTES);
    expect(
      readFileSync(
        join(
          folder,
          readdirSync(folder).find((file) => file.startsWith('licences'))!,
        ),
        'utf8',
      ),
    ).toMatch(/^preact \d/m);
  });
});

describe('signing in', () => {
  test('says what is wrong with a key', async () => {
    const stranger = await openPage(host);
    await stranger.goto('/window/tasks');
    await stranger.getByLabel('Owner’s key').fill('fmo_nonsense');
    await stranger.getByRole('button', { name: 'Sign in' }).click();
    await shows('That is no owner’s key', stranger);
    expect(await violations(stranger)).toEqual([]);
    await stranger.context().close();
  });

  test('leads to what the link names, is kept by a key that cannot be read, and ends', async () => {
    page = await signedIn(host, '/window/tasks');
    await page.getByRole('heading', { name: 'Tasks', level: 1 }).waitFor();
    const kept = await page.evaluate<string>('JSON.stringify([location.href, { ...localStorage }, document.cookie])');
    expect(kept).not.toMatch(/fmo_|eyJ|[?&](token|key)=/);
    await page.reload();
    await page.getByRole('heading', { name: 'Tasks', level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.context().close();
  });
});

describe('each pane', () => {
  beforeAll(async () => {
    page = await signedIn(host);
  });
  afterAll(() => page.context().close());

  test.each(['light', 'dark'] as const)('is without a fault that axe finds, in %s', async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    for (const path of [
      ...PANES,
      '/window/tasks/nobody-can',
      '/window/agents/recon-1',
      '/window/receipts/task/done-1',
    ]) {
      await page.goto(path);
      await isLoaded(page);
      expect([path, await violations(page)]).toEqual([path, []]);
    }
  });

  test('is as wide as the screen, from 360 pixels to 4K', async () => {
    for (const width of [PHONE.width, 800, 3_840]) {
      await page.setViewportSize({ width, height: 900 });
      for (const path of [...PANES, '/window/tasks/nobody-can']) {
        await page.goto(path);
        await isLoaded(page);
        expect([path, width, await overflow(page)]).toEqual([path, width, 0]);
      }
    }
    await page.setViewportSize(DESK);
  });

  test('has a link past the navigation, which leads there', async () => {
    await page.goto('/window/tasks');
    await isLoaded(page);
    await page.locator('a.skip').focus();
    await page.keyboard.press('Enter');
    await page.waitForFunction('document.activeElement.id === "content"');
  });

  test('Now says how the colony is, and what needs a person', async () => {
    await page.goto('/');
    await shows(/^The colony works; \d+ things? to look at\.$/);
    await page
      .getByRole('link', { name: /erp\.order/ })
      .first()
      .waitFor();
    await shows('no-agent');
    await done(host, '/v1/tasks', { id: 'seen-live', task_type: 'legal.review' });
    await page.getByRole('link', { name: 'task/seen-live' }).first().waitFor();
  });

  test('Tasks says why one does not move; a task tells what happened, and is cancelled', async () => {
    await page.goto('/window/tasks');
    await page
      .getByRole('row', { name: /nobody-can.*no-agent/s })
      .getByRole('link')
      .first()
      .click();
    await page.getByRole('heading', { name: 'nobody-can' }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/window/tasks/nobody-can');
    await shows('TaskPosted');
    await page.getByText('Cancel the task').first().click();
    await page.getByLabel('Why', { exact: true }).fill('nobody will');
    await page.getByRole('button', { name: 'Cancel the task' }).click();
    await shows('TaskCancelled');
    expect((await done(host, '/v1/tasks/nobody-can')).ended).toMatchObject({
      by: 'human:owner',
      reason: 'nobody will',
    });
  });

  test('Agents are a grid that the keyboard walks', async () => {
    await page.goto('/window/agents');
    await shows('40 agents');
    await page.getByRole('application', { name: /All agents/ }).focus();
    for (const key of ['ArrowRight', 'ArrowRight', 'Enter']) await page.keyboard.press(key);
    await page.waitForURL(/\/window\/agents\/recon-/);
    await shows('finance.reconciliation');
  });

  test('Receipts come by themselves, are filtered, and verified here; an altered one is found', async () => {
    await page.goto('/window/receipts?category=task');
    await page.getByRole('heading', { name: 'Receipts' }).waitFor();
    await isLive(page);
    await done(host, '/v1/tasks', { id: 'tail-1', task_type: 'legal.review' });
    await page.getByRole('link', { name: 'task/tail-1' }).waitFor();
    await page.goto('/window/receipts/task/done-1');
    await page.getByRole('button', { name: 'Verify the chain here' }).click();
    await shows(/^The chain holds: \d+ receipts/);

    await page.route('**/v1/streams/task/done-1?*', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replaceAll('"award":1', '"award":2') });
    });
    await page.getByRole('button', { name: 'Verify the chain here' }).click();
    await shows(/^The chain does not hold/);
    await page.unroute('**/v1/streams/task/done-1?*');

    // What was found of one stream is not said of the next.
    await page.goto('/window/receipts/task/done-1?at=1');
    await page.getByRole('button', { name: 'Verify the chain here' }).click();
    await shows(/^The chain holds: \d+ receipts/);
    await page.locator('main dl a[href^="/window/receipts/"]:not([href*="done-1"])').first().click();
    await page.waitForURL((url) => !url.pathname.includes('done-1'));
    await page.getByRole('button', { name: 'Verify the chain here' }).waitFor();
    expect(await page.getByText(/^The chain/).count()).toBe(0);
  });

  test('Governance stops an agent, says so, and lifts it', async () => {
    await page.goto('/window/governance');
    await page.getByText('Stop something').first().click();
    await page.getByLabel('Its name or id').fill('recon-7');
    await page.getByLabel('Why', { exact: true }).last().fill('it pays twice');
    await page.getByRole('button', { name: 'Stop something' }).click();
    await shows('human:owner: it pays twice');
    expect((await done(host, '/v1/stops')).value).toMatchObject([{ kind: 'agent', name: 'recon-7', effect: 'freeze' }]);
    await page.getByText('Lift', { exact: true }).first().click();
    await page.getByLabel('Why', { exact: true }).first().fill('mended');
    await page.getByRole('button', { name: 'Lift', exact: true }).click();
    await shows('Nothing is stopped.');
  });

  test('what others wrote is text and nothing else', async () => {
    await page.goto('/window/decisions');
    await page
      .getByRole('link', { name: /onerror/ })
      .first()
      .click();
    await shows(/<img src=x onerror=alert\(1\)>/);
    expect(await page.locator('main img, main script').count()).toBe(0);
    await page.setViewportSize(PHONE);
    for (const path of [new URL(page.url()).pathname, '/window/tasks/hostile', '/window/receipts/task/hostile?at=1']) {
      await page.goto(path);
      await isLoaded(page);
      await shows(/onerror/);
      expect([path, await overflow(page)]).toEqual([path, 0]);
    }
    // A mark that turns text around shows as its escape.
    expect(await page.evaluate<boolean>('/[\\u202a-\\u202e\\u2066-\\u2069]/.test(document.body.innerText)')).toBe(
      false,
    );
    await page.setViewportSize(DESK);
  });
});

test('a person decides on a phone: what is asked on one screen, approved by a thumb, and corrected', async () => {
  const approval = await held(host, 'by-phone', { action: { item: 'nuts', amount: 7 }, impact: 'critical' });
  page = await signedIn(host, `/window/decisions/${approval}`, { viewport: PHONE, hasTouch: true, isMobile: true });
  await shows('stock is low');
  expect(await violations(page)).toEqual([]);
  await page.getByRole('button', { name: 'Ask back' }).tap();
  await page.getByLabel('Your question').fill('Which supplier?');
  await page.getByRole('button', { name: 'Ask', exact: true }).tap();
  await shows('Which supplier?');

  await page.getByRole('button', { name: 'Correct' }).tap();
  await page.getByLabel('Change the action').fill('{"item":"nuts","amount":5}');
  await page.getByLabel('Your reason').fill('five will do');
  await page.getByRole('button', { name: 'Approve as corrected' }).tap();
  // What is critical takes two.
  await shows(/^Noted: 1 of 2 approvals given/);
  const after = await done(host, `/v1/approvals/${approval}`);
  expect(after.edit).toMatchObject({ action: { item: 'nuts', amount: 5 }, by: 'human:owner', reason: 'five will do' });
  expect(await overflow(page)).toBe(0);
  await page.context().close();
});

test('a person decides with the keyboard', async () => {
  const approval = await held(host, 'by-key');
  page = await signedIn(host, `/window/decisions/${approval}`);
  await shows('stock is low');
  await page.keyboard.press('x');
  await page.locator('textarea:focus').waitFor();
  await page.keyboard.type('not this year');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await shows(/^Outcome/);
  expect((await done(host, `/v1/approvals/${approval}`)).rejected).toEqual({
    by: 'human:owner',
    reason: 'not this year',
  });
  await page.context().close();
});

test('a host that is killed is seen to be gone; what happened meanwhile is there when it is back', async () => {
  page = await signedIn(host, '/window/receipts');
  await host.kill('SIGKILL');
  await page.getByText('Not connected').waitFor();
  const { port, data } = host;
  const again = await startTestHost({ port, data });
  await done(again, '/v1/tasks', { id: 'after-the-kill', task_type: 'legal.review' });
  await isLive(page);
  await page.getByRole('link', { name: 'task/after-the-kill' }).waitFor();
  await page.context().close();
  await again.stop();
});
