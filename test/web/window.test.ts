/** The window from end to end: in a real browser, against a real host, by its owner's key. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { eventually } from '../support/eventually';
import { compiledApp, startTestHost, type TestHost } from '../support/host';
import { complaints, DESK, isLive, isLoaded, openPage, overflow, PHONE, signedIn, violations } from './browser';
import { done, held, HOSTILE, populate, voted, windowHost, writeHostile } from './world';

/** Packed, without what only some panes need. */
const MAX_BYTES = 250_000;
const PANES = [
  '/',
  '/window/tasks',
  '/window/decisions',
  '/window/decisions/actions',
  '/window/decisions/rounds',
  '/window/decisions/rounds/agreed',
  '/window/agents',
  '/window/activity',
  '/window/mesh',
  '/window/field',
  '/window/receipts',
  '/window/governance',
];

/** A kind of action that people watch: it is let go unless one of them vetoes it. */
const WATCHED = 'stock.order';
const ON_THE_LOOP = {
  ...{ mode: 'human_on_the_loop', veto_seconds: 599, safe_default: 'refuse' },
  thresholds: { confidence: 0.7, consensus: 0.75, novelty: 1, impact: 'high' },
  approvers: [{ group: 'approvers', seconds: 3_600 }],
};

const LEDGER = { type: 'resource_needed', location: 'finance/ledger', strength: 0.9, decay_rate: 0.02 };

let host: TestHost;
let page: Page;

beforeAll(async () => {
  host = await windowHost();
  await populate(host);
  await writeHostile(host);
  await held(host, 'order-1');
  await done(host, '/v1/signals', LEDGER, 'recon-1');
  await voted(host, 'agreed', [
    ['recon-1', 'approve', 0.9, 'both carry the same order number'],
    ['recon-2', 'approve', 0.8, 'the amounts are the same'],
    ['recon-3', 'reject', 0.6, 'the dates are a month apart'],
  ]);
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

  test('a task, an agent, a decision and a round are shown as they were; what can’t be says so', async () => {
    await done(host, '/v1/tasks', { id: 'back-then', task_type: 'legal.review' });
    const { posted_at: posted } = await done(host, '/v1/tasks/back-then');
    await done(host, '/v1/tasks/back-then/cancel', { reason: 'not needed any more' });
    await page.goto('/window/tasks/back-then');
    await shows('TaskCancelled');
    await page.goto(`/window/tasks/back-then?asOf=${posted}`);
    await shows(/^As it was at/);
    await shows('TaskPosted');
    expect(await page.getByText('TaskCancelled').count()).toBe(0);
    // Nothing is done to what was.
    expect(await page.getByText('Cancel the task').count()).toBe(0);
    expect(await violations(page)).toEqual([]);
    await page.setViewportSize(PHONE);
    expect(await overflow(page)).toBe(0);
    await page.setViewportSize(DESK);

    const slider = page.getByRole('slider', { name: /^How far back/ });
    await slider.focus();
    await page.keyboard.press('Home');
    await shows(/There was no task back-then/);
    // Where one goes, the time goes along.
    await page.getByRole('link', { name: 'Agents', exact: true }).click();
    await shows(/can’t be shown as it was then/);
    expect(new URL(page.url()).searchParams.get('asOf')).not.toBeNull();
    await page.getByRole('button', { name: 'Back to now' }).click();
    await page.getByText(/can’t be shown as it was then/).waitFor({ state: 'detached' });
    expect(new URL(page.url()).search).toBe('');
    await page.goto('/window/agents/recon-1');
    await page.getByRole('button', { name: 'As it was earlier' }).click();
    await shows(/^As it was at/);
  });

  test('Agents are a grid that the keyboard walks', async () => {
    await page.goto('/window/agents');
    await shows('40 agents');
    await page.getByRole('application', { name: /All agents/ }).focus();
    for (const key of ['ArrowRight', 'ArrowRight', 'Enter']) await page.keyboard.press(key);
    await page.waitForURL(/\/window\/agents\/recon-/);
    await shows('finance.reconciliation');
  });

  test('Activity says how busy each pool was, five minutes by five minutes', async () => {
    await page.goto('/window/activity');
    const [{ pool }] = (await done(host, '/v1/pools')).value;
    const row = page.getByRole('img', { name: new RegExp(`^${pool}: .* in use now`) });
    await row.waitFor();
    expect(await row.locator('rect').count()).toBe(24);
    // The host has means after ten seconds.
    await row.locator('rect:not([data-shade=unknown])').waitFor({ state: 'attached', timeout: 60_000 });
    await page.getByRole('link', { name: '6 hours' }).click();
    await row.locator('rect').nth(71).waitFor({ state: 'attached' });
    expect(new URL(page.url()).search).toBe('?hours=6');
  });

  test('Field says where signals are, how strong they were, and when they will be gone', async () => {
    await page.goto('/window/field');
    await page.getByRole('link', { name: /finance\/ledger/ }).click();
    await page.getByRole('heading', { name: 'resource_needed at finance/ledger' }).waitFor();
    await shows('2 % a minute');
    await shows('34 min 18 s');
    const { gone_at: goneAt } = await done(host, '/v1/signals/resource_needed/finance/ledger');
    // An hour after it was emitted a part of it is still there, and an hour before there was nothing.
    expect(Date.parse(goneAt as string)).toBeGreaterThan(Date.now() + 3_600_000);
    const row = page.getByRole('img', { name: /^resource_needed at finance\/ledger/ }).first();
    const cells = await row.locator('rect').all();
    const shades = await Promise.all(cells.map((cell) => cell.getAttribute('data-shade')));
    expect([shades.length, shades[0], shades[11], shades.at(-1)]).toEqual([24, '0', '5', '2']);
    expect(await violations(page)).toEqual([]);
    await done(host, '/v1/signals', { ...LEDGER, strength: 0.1 }, 'recon-2');
    await shows('recon-2');
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

describe('rounds', () => {
  beforeAll(async () => {
    page = await signedIn(host, '/window/decisions');
  });
  afterAll(() => page.context().close());

  test('say who voted what, with what weight, who dissents and why; a person puts another choice in its place', async () => {
    await page.getByRole('link', { name: 'Rounds of agents' }).click();
    await page.getByRole('link', { name: /The agents agree: approve.*3 of 3 votes/s }).click();
    expect(new URL(page.url()).pathname).toBe('/window/decisions/rounds/agreed');
    await page.getByRole('img', { name: 'approve: 83.3 % of the weight cast' }).waitFor();
    await page.getByRole('img', { name: /^Agreement of 3 voters.*approve 2, reject 1/ }).waitFor();
    await page.getByRole('row', { name: /recon-3.*reject.*60 %.*16.6 %.*a month apart/s }).waitFor();
    const dissent = page.locator('section', { has: page.getByRole('heading', { name: /Who dissents/ }) });
    expect(await dissent.getByRole('listitem').allInnerTexts()).toEqual([expect.stringContaining('recon-3')]);
    expect(await violations(page)).toEqual([]);

    await page.getByText('Put another choice in its place').first().click();
    expect(await page.getByRole('radio').count()).toBe(1);
    await page.getByRole('radio', { name: 'reject' }).check();
    await page.getByLabel('Why', { exact: true }).fill('the supplier has confirmed both');
    await page.getByRole('button', { name: 'Put another choice in its place' }).click();
    await shows('People decided: reject');
    expect((await done(host, '/v1/rounds/agreed')).override).toMatchObject({
      ...{ by: 'human:owner', choice: 'reject', reason: 'the supplier has confirmed both' },
    });
  });

  test('on a tie a person says which; nothing is chosen beforehand, and the round follows', async () => {
    await voted(
      host,
      'tied',
      [
        ['recon-1', 'north', 0.9, 'it is near'],
        ['recon-2', 'south', 0.7, HOSTILE.slice(0, 900)],
      ],
      {
        ...{ question: 'Which supplier?', choices: ['north', 'south'] },
        electorate: {
          algorithm: 'simple_majority',
          voters: ['recon-1', 'recon-2'].map((voter) => ({ id: voter, why: 'asked' })),
        },
      },
    );
    await page.goto('/window/decisions/rounds/tied');
    await shows('Tie: none of the choices leads');
    await page.getByRole('link', { name: 'Decide it' }).click();
    await page.getByRole('row', { name: /recon-1.*north/s }).waitFor();
    await page.getByRole('button', { name: 'Approve' }).click();
    await shows('None leads: say which.');
    expect(await page.getByRole('radio', { checked: true }).count()).toBe(0);
    await page.getByLabel('Your reason').fill('it is cheaper');
    await page.getByRole('button', { name: 'Approve', exact: true }).click();
    expect((await done(host, '/v1/rounds/tied')).override).toBeUndefined();
    await page.getByRole('radio', { name: 'south' }).check();
    await page.getByRole('button', { name: 'Approve', exact: true }).click();
    await shows('People decided: south');
  });
});

test('a notice leads to this one decision, which is there after sign-in', async () => {
  const channel = { kind: 'mail', address: 'ada@example.org', groups: ['*'], events: ['approval-requested'] };
  await done(host, '/v1/channels/ada', channel, 'human:ada', 'PUT');
  await eventually(async () => (await done(host, '/v1/channels')).value.length > 0);
  const approval = await held(host, 'told', { why: 'the mail says so' });
  // No mail server is here: what could not be sent says where it would have led.
  const [dead] = await eventually(async () => {
    const { value } = await done(host, '/v1/deliveries?status=dead');
    return value.length > 0 && value;
  });
  const [requested] = (await done(host, `/v1/streams/delivery/${dead.delivery_id}`)).value;
  const { link } = requested.events[0].data.notice;
  expect(link).toBe(`${host.url}/window/decisions/${approval}`);
  page = await signedIn(host, link as string);
  await page.getByRole('heading', { name: 'the mail says so' }).waitFor();
  await page.context().close();
});

test('a notice of what happens unless it is vetoed leads there: what, by whom, until when; a person vetoes it', async () => {
  await done(host, `/v1/oversight/${WATCHED}`, { rules: ON_THE_LOOP }, 'human:ada', 'PUT');
  const channel = { kind: 'mail', address: 'ada@example.org', groups: ['*'], events: ['veto-window-opened'] };
  await done(host, '/v1/channels/ada-vetoes', channel, 'human:ada', 'PUT');
  await eventually(async () => JSON.stringify(await done(host, '/v1/channels')).includes('ada-vetoes'));
  // What is like nothing that was done before needs a person: one was done.
  const first = await held(host, 'watched-first', { kind: WATCHED, impact: 'low' });
  const { hash } = await done(host, `/v1/approvals/${first}`);
  await done(host, `/v1/approvals/${first}/approve`, { hash, reason: 'fine' });
  await eventually(async () => (await done(host, '/v1/actions/watched-first')).status === 'cleared');
  await done(host, '/v1/actions/watched-first/execute', { hash }, 'buyer');
  const action = { kind: WATCHED, action: { item: HOSTILE, amount: 4_711 }, why: `the shelf is empty ${HOSTILE}` };
  await done(host, '/v1/actions', { id: 'watched', confidence: 0.9, impact: 'low', ...action }, 'buyer');
  const link = await eventually(async () => {
    const { value } = await done(host, '/v1/deliveries?status=dead');
    for (const { delivery_id: id } of value) {
      const [requested] = (await done(host, `/v1/streams/delivery/${id}`)).value;
      const { event, link: to } = requested.events[0].data.notice;
      if (event === 'veto-window-opened') return to as string;
    }
    return undefined;
  });
  expect(link).toBe(`${host.url}/window/decisions/actions/watched`);

  page = await signedIn(host, link, { viewport: PHONE, hasTouch: true, isMobile: true });
  await page.getByRole('heading', { name: /^the shelf is empty <img/ }).waitFor();
  await shows('buyer');
  await shows(/^in 9 min/);
  await shows('it is let go, and the agent takes it');
  await shows(/"amount": 4711/);
  expect([await overflow(page), await violations(page)]).toEqual([0, []]);
  await page.getByText('Veto this action').first().tap();
  await page.getByLabel('Why', { exact: true }).fill('the supplier is on strike');
  await page.getByRole('button', { name: 'Veto this action' }).tap();
  await shows(/^Vetoed: receipt /);
  await shows('human:owner: the supplier is on strike');
  expect(await page.getByText('Veto this action').count()).toBe(0);
  expect(await done(host, '/v1/actions/watched')).toMatchObject({
    ...{ status: 'vetoed', stopped: { by: 'human:owner', reason: 'the supplier is on strike' } },
  });

  // The list has those that can be vetoed still; nothing can be done to what was.
  await done(host, '/v1/actions', { id: 'watched-2', confidence: 0.9, impact: 'low', ...action }, 'buyer');
  await page.goto('/window/decisions/actions');
  await page.getByRole('link', { name: /stock\.order.*watched-2.*in 9 min/s }).tap();
  await shows('Veto this action');
  await page.goto(`/window/decisions/actions/watched-2?asOf=${new Date().toISOString()}`);
  await shows(/^As it was at/);
  await shows('it is let go, and the agent takes it');
  expect(await page.getByText('Veto this action').count()).toBe(0);
  await page.context().close();
});

test('several of low impact are decided together, by key and by thumb; those of more impact each by itself', async () => {
  const low = [await held(host, 'low-1', { impact: 'low' }), await held(host, 'low-2', { impact: 'low' })];
  page = await signedIn(host, '/window/decisions', { viewport: PHONE, hasTouch: true, isMobile: true });
  const chosen = page.getByRole('checkbox', { name: /^Decide together/ });
  await chosen.nth(1).waitFor();
  expect(await chosen.count()).toBe(2);
  await page.locator(`a[data-together="${low[0]}"]`).focus();
  await page.keyboard.press('b');
  await shows('1 decision of low impact chosen');
  await page.getByRole('button', { name: 'All 2 of low impact that are shown' }).tap();
  await shows('2 decisions of low impact chosen');
  expect([await overflow(page), await violations(page)]).toEqual([0, []]);
  // Somebody else is faster at one of them.
  const { hash } = await done(host, `/v1/approvals/${low[1]}`);
  await page.route('**/v1/approvals?*', (route) => route.abort());
  await done(host, `/v1/approvals/${low[1]}/reject`, { hash, reason: 'no' });
  // What Enter would send is an approval: it sends nothing.
  await page.getByLabel('Your reason').fill('none of them');
  await page.keyboard.press('Enter');
  await page.getByLabel('Your reason').fill('all of them are small');
  await page.getByRole('button', { name: 'Approve' }).tap();
  await shows('1 approved');
  await shows('1 left as they are:');
  expect((await done(host, `/v1/approvals/${low[0]}`)).given).toMatchObject([{ reason: 'all of them are small' }]);
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
