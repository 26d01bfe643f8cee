/** A browser for tests of the window: one for a file, a new context (nothing kept) for whoever asks. */
import { readFileSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { TestHost } from '../support/host';

export const PHONE = { width: 360, height: 740 };
export const DESK = { width: 1280, height: 900 };
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
/** WCAG 2.2 AA, and what is good practice besides. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What a browser logs of answers that are refused; the window shows them. */
const OF_THE_NETWORK = /Failed to load resource|ERR_CONNECTION|ERR_INCOMPLETE/;

let browser: Browser | undefined;
/** What the pages have said on their consoles, and what they have thrown. */
export const complaints: string[] = [];

afterAll(async () => {
  await browser?.close();
});

/** A page that nobody has signed in on. */
export async function openPage(host: TestHost, options: BrowserContextOptions = {}): Promise<Page> {
  browser ??= await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  const context = await browser.newContext({ viewport: DESK, baseURL: host.url, ...options });
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(`thrown: ${error.message}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !OF_THE_NETWORK.test(message.text()))
      complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return page;
}

/** A page on which the owner has signed in by the key, at an address of the window. */
export async function signedIn(host: TestHost, path = '/', options: BrowserContextOptions = {}): Promise<Page> {
  const page = await openPage(host, options);
  await page.goto(path);
  await page.getByLabel('Owner’s key').fill(host.key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await isLive(page);
  return page;
}

/** Until the stream of receipts stands. */
export async function isLive(page: Page): Promise<void> {
  await page.locator('.live[data-state=live]').waitFor();
}

/** Until all that was asked for is there. */
export async function isLoaded(page: Page): Promise<void> {
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.locator('.loading').first().waitFor({ state: 'detached' });
}

/** What axe finds wrong with the page as it is: rule and place. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate<{
    violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[];
  }>(`axe.run(document, { runOnly: ${JSON.stringify(RULES)}, resultTypes: ['violations'] })`);
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} at ${target.join(' ')}: ${failureSummary}`),
  );
}

/** By how many pixels the page is wider than its window: none, where nothing breaks the layout. */
export async function overflow(page: Page): Promise<number> {
  return await page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}
