/** Signing in on the page at an issuer that the host trusts: `oidc-provider`, unchanged. */
import type { Page } from 'playwright-core';
import { eventually } from '../support/eventually';
import type { TestHost } from '../support/host';
import { type Provider, startProvider } from '../support/provider';
import { complaints, isLive, isLoaded, openPage, overflow, PHONE, violations } from './browser';
import { windowHost } from './world';

const RESOURCE = 'https://colony.example.com';

let provider: Provider;
let host: TestHost;
let page: Page;

beforeAll(async () => {
  provider = await startProvider();
  const trusted = {
    ...{ type: 'oidc', name: 'staff', issuer: provider.issuer, audience: RESOURCE, tenant: 'acme', kind: 'human' },
    ...{ roles_claim: 'scope', roles: { 'formicary.run': 'operator' } },
    window: { client_id: 'window', scope: 'openid formicary.run', resource: RESOURCE },
  };
  const stranger = { ...trusted, name: 'others', issuer: 'http://127.0.0.1:9', window: { client_id: '"><b>x</b>' } };
  host = await windowHost({
    env: { FORMICARY_DEV_HEADERS: 'off', FORMICARY_ISSUERS: JSON.stringify([trusted, stranger]) },
  });
});
afterEach(async () => {
  await page.context().close();
  // Where an issuer does not answer, the browser says so.
  expect(complaints.splice(0)).toEqual([]);
});
afterAll(async () => {
  provider.stop();
  await host.stop();
});

const atStaff = () => page.getByRole('button', { name: 'Sign in with staff' });

test('the page speaks with the host and with its issuers alone, and says where one can sign in', async () => {
  const answer = await fetch(host.url);
  expect(answer.headers.get('content-security-policy')).toContain(
    `connect-src 'self' ${provider.issuer} http://127.0.0.1:9;`,
  );
  expect(await answer.text()).not.toContain('<b>');
  page = await openPage(host, { viewport: PHONE });
  await page.goto('/');
  await atStaff().waitFor();
  expect([await violations(page), await overflow(page)]).toEqual([[], 0]);
  await page.getByText('With the owner’s key').click();
  await page.getByLabel('Owner’s key').waitFor();
});

test('leads there and back to what the link names; nothing of it stays in the address or the store', async () => {
  page = await openPage(host);
  await page.goto('/window/tasks?status=open');
  const left = page.waitForRequest((request) => request.url().startsWith(`${provider.issuer}/auth?`));
  await atStaff().click();
  const asked = new URL((await left).url()).searchParams;
  expect(Object.fromEntries(asked)).toMatchObject({
    ...{ response_type: 'code', code_challenge_method: 'S256', client_id: 'window', resource: RESOURCE },
    redirect_uri: `${host.url}/window/signed-in`,
  });
  await isLive(page);
  await page.getByText('Signed in as human:staff:ada, tenant acme').waitFor();
  expect(page.url()).toBe(`${host.url}/window/tasks?status=open`);
  const kept = await page.evaluate<string>(
    'JSON.stringify([history.state, { ...localStorage }, { ...sessionStorage }, document.cookie])',
  );
  expect(kept).not.toMatch(/eyJ|code|verifier|state/);

  // Its token holds for seconds: the page asks for the next one by itself.
  const renewed = page.waitForRequest(
    (request) =>
      request.url() === `${provider.issuer}/token` && request.postData()?.includes('grant_type=refresh_token') === true,
  );
  await renewed;
  await page.goto('/');
  await atStaff().waitFor();
});

test('what was not begun in this tab, or not by this page, lets nobody in', async () => {
  page = await openPage(host);
  await page.goto('/window/signed-in?code=somebody-elses&state=theirs');
  await page.getByText('This sign-in was not begun here').waitFor();
  expect(page.url()).toBe(`${host.url}/`);

  await page.route(`${provider.issuer}/auth?*`, (route) =>
    route.fulfill({ status: 303, headers: { location: `${host.url}/window/signed-in?code=x&state=another` } }),
  );
  await atStaff().click();
  await page.getByText('staff lets nobody in').waitFor();
  expect(page.url()).toBe(`${host.url}/`);
  await page.unroute(`${provider.issuer}/auth?*`);

  await page.route(`${provider.issuer}/auth?*`, (route) => {
    const state = new URL(route.request().url()).searchParams.get('state');
    const to = `${host.url}/window/signed-in?error=access_denied&error_description=not+today&state=${state}`;
    return route.fulfill({ status: 303, headers: { location: `${to}&iss=${provider.issuer}` } });
  });
  await atStaff().click();
  await page.getByText('not today').waitFor();
  await page.getByRole('button', { name: 'Sign in with others' }).click();
  await page.getByText('others does not answer').waitFor();
  await isLoaded(page);
});

test('a token is used until it is over, where its issuer gives no other', async () => {
  page = await openPage(host);
  let until = 0;
  let opened = 0;
  await page.route(`${provider.issuer}/token`, async (route) => {
    const response = await route.fetch();
    const { refresh_token: _none, ...given } = (await response.json()) as Record<string, unknown>;
    const [, claims] = String(given['access_token']).split('.') as [string, string];
    until = (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { exp: number }).exp * 1_000;
    await route.fulfill({ response, body: JSON.stringify(given) });
  });
  await page.goto('/');
  await atStaff().click();
  await isLive(page);
  while ((await atStaff().count()) === 0) {
    await page.keyboard.press('g');
    await page.keyboard.press((opened += 1) % 2 === 0 ? 't' : 'a');
    await page.waitForTimeout(100);
  }
  // It is asked for a little before it is given.
  expect(Date.now()).toBeGreaterThan(until - 500);
});

test('an issuer that is busy while a token is renewed signs nobody out', async () => {
  page = await openPage(host);
  let renewals = 0;
  await page.route(`${provider.issuer}/token`, async (route) => {
    const renewing = route.request().postData()?.includes('grant_type=refresh_token') === true;
    if (renewing) renewals += 1;
    if (renewing && renewals === 1)
      await route.fulfill({ status: 503, headers: { 'access-control-allow-origin': '*' }, body: 'busy' });
    else await route.continue();
  });
  await page.goto('/');
  await atStaff().click();
  await isLive(page);
  await eventually(() => renewals > 2);
  expect(await atStaff().count()).toBe(0);
  await isLive(page);
});
