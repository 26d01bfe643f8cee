/**
 * The window in a real browser, as it is measured: when a text is on the screen, how many frames it draws, what it
 * holds in memory.
 */
import { type Browser, type CDPSession, chromium, type Page } from 'playwright-core';
import { pause, percentile } from './measure';

const SIZE = { width: 1_280, height: 900 };
const SIGNED_IN_WITHIN_MS = 60_000;
const SEEN_WITHIN_MS = 60_000;
const MARK = 'seen';

/** How many frames there were, and how they came. */
export interface Frames {
  readonly perSecond: number;
  /** In the second with the fewest. */
  readonly least: number;
  /** From one to the next, in milliseconds. */
  readonly gapMs: { readonly p50: number; readonly p99: number; readonly most: number };
  /** What the page holds in objects: the most that was seen, and what is left after a collection. MB. */
  readonly heapMb: number;
  readonly keptMb: number;
  /** By the window's own count. */
  readonly receiptsPerSecond: number;
}

/** A text that is looked for in the page. */
export const markOf = (n: number): string => `${MARK}-${n}`;

/**
 * Notes when a mark is on the screen: when the frame is done in which it was drawn for the first time. What the
 * compositor and a screen take then is not in it.
 */
const WATCH = `(() => {
  const seen = (window.marksSeen = {});
  let drawn = [];
  const frame = new MessageChannel();
  frame.port1.onmessage = () => {
    const at = Date.now();
    for (const mark of drawn.splice(0)) seen[mark] ??= at;
  };
  new MutationObserver((changes) => {
    const found = changes
      .flatMap(({ addedNodes }) => [...addedNodes])
      .flatMap((node) => node.textContent.match(/${MARK}-\\d+/g) ?? []);
    if (found.length === 0) return;
    drawn.push(...found);
    requestAnimationFrame(() => frame.port2.postMessage(undefined));
  }).observe(document.body, { childList: true, subtree: true });
})()`;

/** Resolves with the times of all frames of so many milliseconds. */
const framesOf = (milliseconds: number): string => `new Promise((resolve) => {
  const times = [];
  const step = (time) => {
    times.push(time);
    if (time - times[0] < ${milliseconds}) requestAnimationFrame(step);
    else resolve(times);
  };
  requestAnimationFrame(step);
})`;

export class WindowPage {
  private constructor(
    private readonly browser: Browser,
    private readonly page: Page,
    private readonly session: CDPSession,
  ) {}

  /** Signs in by the owner's key. */
  static async open(executablePath: string, { url, key }: { readonly url: string; readonly key: string }) {
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    try {
      const context = await browser.newContext({ viewport: SIZE, baseURL: url });
      const page = await context.newPage();
      page.setDefaultTimeout(SIGNED_IN_WITHIN_MS);
      await page.goto('/');
      await page.getByLabel('Owner’s key').fill(key);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.locator('.live[data-state=live]').waitFor();
      const session = await context.newCDPSession(page);
      await session.send('Performance.enable');
      return new WindowPage(browser, page, session);
    } catch (error) {
      await browser.close();
      throw error;
    }
  }

  /** Goes to a pane, and waits until it has what it shows. */
  async goto(pane: string): Promise<void> {
    await this.page.goto(`/window/${pane}`);
    await this.page.locator('.live[data-state=live]').waitFor();
    await this.page.getByRole('heading', { level: 1 }).waitFor();
    await this.page.locator('.loading').first().waitFor({ state: 'detached' });
  }

  async watch(): Promise<void> {
    await this.page.evaluate(WATCH);
  }

  /** When each mark was on the screen, by the clock of this machine. Throws when one does not come. */
  async seen(marks: readonly string[]): Promise<number[]> {
    for (const until = performance.now() + SEEN_WITHIN_MS; ; await pause(100)) {
      const seen = await this.page.evaluate<Record<string, number>>('window.marksSeen');
      if (marks.every((mark) => mark in seen)) return marks.map((mark) => seen[mark] as number);
      if (performance.now() > until) throw new Error(`the window shows no ${marks.find((mark) => !(mark in seen))}`);
    }
  }

  async frames(seconds: number): Promise<Frames> {
    const drawing = this.page.evaluate<number[]>(framesOf(1_000 * seconds));
    let over = false;
    void drawing.finally(() => (over = true)).catch(() => undefined);
    const heaps: number[] = [];
    const rates: number[] = [];
    while (!over) {
      await pause(1_000);
      heaps.push(await this.heapMb());
      rates.push(await this.rate());
    }
    const times = await drawing;
    await this.session.send('HeapProfiler.collectGarbage');
    const keptMb = await this.heapMb();
    const first = times[0] as number;
    const gaps = times
      .slice(1)
      .map((time, i) => time - (times[i] as number))
      .sort((a, b) => a - b);
    const bySecond = Map.groupBy(times, (time) => Math.floor((time - first) / 1_000));
    const whole = Array.from({ length: Math.floor(seconds) }, (_, second) => bySecond.get(second)?.length ?? 0);
    return {
      perSecond: (1_000 * gaps.length) / ((times.at(-1) as number) - first),
      least: Math.min(...whole, 60),
      gapMs: { p50: percentile(gaps, 0.5), p99: percentile(gaps, 0.99), most: gaps.at(-1) ?? 0 },
      heapMb: Math.max(...heaps),
      keptMb,
      receiptsPerSecond: rates.reduce((sum, rate) => sum + rate, 0) / rates.length,
    };
  }

  async close(): Promise<void> {
    await this.browser.close();
  }

  private async heapMb(): Promise<number> {
    const { metrics } = await this.session.send('Performance.getMetrics');
    return (metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value ?? 0) / 1e6;
  }

  /** Receipts of the last whole second, as the window says. */
  private async rate(): Promise<number> {
    const text = await this.page.locator('.live-lag').innerText();
    return Number(/([\d,]+)\/s/.exec(text)?.[1]?.replaceAll(',', '') ?? 0);
  }
}
