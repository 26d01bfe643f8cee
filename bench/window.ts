/**
 * The window in a real browser, against a host in a process of its own with 12,000 agents at work: how long a receipt
 * takes to be on the screen, how many frames the panes draw while receipts come, and what others take from the host who
 * follow its receipts. The browser shares the cores with the host and the agents.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { Formicary, FormicaryError, type TaskInput } from '../client/client';
import { specOf } from './colony';
import { HttpColony, type HttpLifecycleResult } from './lifecycle-http';
import { median, pause, type Quantiles, quantiles } from './measure';
import type { Skipped } from './peer';
import { type Frames, markOf, WindowPage } from './window-page';
import { Viewers } from './window-viewers';

export interface WindowSettings {
  readonly agents: number;
  /** Receipts a second, while it is not quiet. */
  readonly perSecond: number;
  /** Receipts that are waited for on the screen, quiet and not. */
  readonly marks: number;
  /** For which each pane is watched. */
  readonly seconds: number;
  /** That follow the receipts at once. */
  readonly viewers: number;
  /** Pieces of work without and with them, in turn, and the tasks of each. */
  readonly pairs: number;
  readonly tasks: number;
}

/** Milliseconds until a receipt is on the screen. */
export interface SeenMs {
  /** Of the posts, those that were not refused. */
  readonly taken: number;
  /** Whether at least half of those that were asked for were taken. */
  readonly isMeasured: boolean;
  /** From the answer to the command: it was durable a moment before that. */
  readonly answered: Quantiles;
  /** From the sending of the command, which is before it is durable. */
  readonly sent: Quantiles;
}

export interface ViewersCost {
  readonly viewers: number;
  /** Medians. */
  readonly tasksPerSecond: { readonly without: number; readonly with: number };
  /** Medians over the pairs: by which share tasks a second are fewer with them, and cost the host more of a core. */
  readonly slower: number;
  readonly moreCpu: number;
  /** Until the last one of them had the newest receipt after the work, in milliseconds; the longest of all pairs. */
  readonly behindMs: number;
  /** That all of them were sent, in a second of that work. */
  readonly mbPerSecond: number;
}

export interface WindowReport {
  readonly agents: number;
  readonly quiet: SeenMs;
  readonly busy: SeenMs;
  readonly panes: Readonly<Record<string, Frames>>;
  readonly viewers: ViewersCost;
}

const PANES = ['now', 'receipts', 'agents', 'mesh'] as const;
const PER_GATEWAY = 250;
/** Of the life of a task with an agent that accepts and completes it. */
const RECEIPTS_PER_TASK = 6;
const POST_EVERY_MS = 50;
const MARK_EVERY_MS = 60;
/** Until the load is as it stays, and what registering has set in motion is over. */
const SETTLE_MS = 3_000;
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

export async function benchWindow(folder: string, settings: WindowSettings): Promise<WindowReport | Skipped> {
  if (!existsSync(CHROMIUM)) return { skipped: `no browser at ${CHROMIUM}: install Chromium, or name one by CHROMIUM` };
  const { agents, marks, seconds } = settings;
  const colony = await HttpColony.open(path.join(folder, 'window'), agents, { perGateway: PER_GATEWAY });
  try {
    const caller = { url: colony.host.url, principal: 'service:bench' };
    const client = new Formicary(caller);
    // A host that is late refuses new work: what it refuses is left out, and not waited for.
    const once = new Formicary({ ...caller, retry: { attempts: 1 } });
    const seen = await withPage(colony, async (page) => {
      await pause(SETTLE_MS);
      const quiet = await timesSeen(page, once, 0, marks);
      const load = new Load(once, settings.perSecond);
      try {
        await pause(SETTLE_MS);
        const busy = await timesSeen(page, once, marks, marks);
        const panes: Record<string, Frames> = {};
        for (const pane of PANES) {
          await page.goto(pane);
          await pause(SETTLE_MS);
          panes[pane] = await page.frames(seconds);
        }
        return { quiet, busy, panes };
      } finally {
        await load.stop();
      }
    });
    const viewers = await viewersCost(colony, client, settings);
    client.close();
    once.close();
    return { agents, ...seen, viewers };
  } finally {
    await colony.close();
  }
}

async function withPage<T>({ host }: HttpColony, measure: (page: WindowPage) => Promise<T>): Promise<T> {
  const page = await WindowPage.open(CHROMIUM, host);
  try {
    return await measure(page);
  } finally {
    await page.close();
  }
}

/** Posts tasks that nobody can do, and watches for each in the list of receipts. */
async function timesSeen(page: WindowPage, client: Formicary, first: number, count: number): Promise<SeenMs> {
  await page.goto('receipts');
  await page.watch();
  const marks: { readonly id: string; readonly sent: number; readonly answered: number }[] = [];
  for (let i = 0; i < count; i += 1) {
    // Anywhere between two frames.
    await pause(MARK_EVERY_MS * (0.5 + Math.random()));
    const id = markOf(first + i);
    const sent = Date.now();
    try {
      await client.tasks.post({ id, task_type: 'bench.nobody' });
      marks.push({ id, sent, answered: Date.now() });
    } catch (error) {
      if (!(error instanceof FormicaryError)) throw error;
    }
  }
  const seen = await page.seen(marks.map(({ id }) => id));
  const since = (from: 'answered' | 'sent') => quantiles(seen.map((at, i) => at - (marks[i]?.[from] ?? at)));
  return {
    taken: marks.length,
    isMeasured: marks.length >= count / 2,
    answered: since('answered'),
    sent: since('sent'),
  };
}

/** Tasks that come as many as make so many receipts a second, until it is stopped. */
class Load {
  private readonly timer: NodeJS.Timeout;
  private readonly began = performance.now();
  private readonly posts = new Set<Promise<unknown>>();
  private posted = 0;
  private failure: Error | undefined;

  constructor(
    private readonly client: Formicary,
    private readonly perSecond: number,
  ) {
    this.timer = setInterval(() => this.post(), POST_EVERY_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.posts);
    if (this.failure !== undefined) throw this.failure;
  }

  private post(): void {
    const due = Math.floor(((performance.now() - this.began) / 1_000) * (this.perSecond / RECEIPTS_PER_TASK));
    const tasks = Array.from({ length: due - this.posted }, (_, i) => taskOf(this.posted + i));
    if (tasks.length === 0) return;
    this.posted = due;
    const post = this.client.tasks.postMany(tasks).catch((error: Error) => {
      if (!(error instanceof FormicaryError)) this.failure ??= error;
    });
    this.posts.add(post);
    void post.finally(() => this.posts.delete(post));
  }
}

function taskOf(n: number): TaskInput {
  const { requester: _, ...input } = specOf(n);
  return { id: `load-${n}`, ...input };
}

async function viewersCost(
  colony: HttpColony,
  client: Formicary,
  { viewers: count, pairs, tasks }: WindowSettings,
): Promise<ViewersCost> {
  const alone: HttpLifecycleResult[] = [];
  const viewed: HttpLifecycleResult[] = [];
  const rates: number[] = [];
  let behindMs = 0;
  await colony.run('viewers-warm', tasks);
  for (let pair = 0; pair < pairs; pair += 1) {
    alone.push(await colony.run(`alone-${pair}`, tasks));
    const viewers = await Viewers.open(colony.host.url, count);
    try {
      const run = await colony.run(`viewed-${pair}`, tasks);
      rates.push(viewers.bytes / 1e6 / run.seconds);
      viewed.push(run);
      const last = `viewers-${pair}-last`;
      const posted = performance.now();
      const all = viewers.seen(last);
      await client.tasks.post({ id: last, task_type: 'bench.nobody' });
      await all;
      behindMs = Math.max(behindMs, performance.now() - posted);
    } finally {
      viewers.close();
    }
  }
  const ratio = (of: (run: HttpLifecycleResult) => number) =>
    median(viewed.map((run, i) => of(run) / of(alone[i] as HttpLifecycleResult)));
  const perSecond = (runs: readonly HttpLifecycleResult[]) => median(runs.map(({ tasksPerSecond }) => tasksPerSecond));
  return {
    viewers: count,
    tasksPerSecond: { without: perSecond(alone), with: perSecond(viewed) },
    slower: 1 - ratio(({ tasksPerSecond }) => tasksPerSecond),
    moreCpu: ratio(({ hostCpuMsPerTask }) => hostCpuMsPerTask) - 1,
    behindMs,
    mbPerSecond: median(rates),
  };
}
