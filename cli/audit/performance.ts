/**
 * `formicary report daily` and `weekly`: how a colony worked, beside the period before. Read from the lists of a host:
 * of tasks, those that ended on each day; of actions, approvals and rounds, all.
 */
import { resolve } from 'node:path';
import type { Formicary } from '../../client/client';
import { DAY, labelsOf } from '../../domain/kernel/columns';
import { loadOf, measure } from '../../domain/operation/metrics';
import { PeriodCounter } from '../../domain/operation/period';
import { interruptible } from '../interrupt';
import { putFile } from '../put-file';
import { bar, bold, type Context, count, dim, note, print, printJson, printTable } from '../terminal';
import { aimText, metText, valueText } from './measurements';
import { performanceTable } from './performance-csv';
import { type Performance, performancePage } from './performance-page';
import { type PerformanceKind, type Period, periodOf } from './performance-period';

export interface PerformanceInput {
  readonly from?: string;
  readonly to?: string;
  /** Whose days are meant, where no period is given. */
  readonly zone?: string;
  /** Files that are written. */
  readonly html?: string;
  readonly csv?: string;
}

/** Rows that are read at most; what is beyond them is in no figure, and the report says so. */
const MOST_ROWS = 1_000_000;

/** Writes what is asked for: a page, a table, JSON; or prints the metrics. */
export async function performance(context: Context, kind: PerformanceKind, input: PerformanceInput): Promise<void> {
  const period = periodOf(kind, input);
  const report = await interruptible('interrupted: no report was written', async (signal): Promise<Performance> => {
    const read = await readPerformance(context.client, period, signal);
    return { kind, tenant: context.globals.tenant ?? 'default', ...read };
  });
  if (input.html !== undefined) putFile(resolve(input.html), performancePage(report));
  if (input.csv !== undefined) putFile(resolve(input.csv), performanceTable(report));
  tell(context, report, input);
}

/** What a period came to, and the one before it. Rejects with the reason of the signal when that aborts. */
export async function readPerformance(
  client: Formicary,
  { from, to }: Period,
  signal: AbortSignal,
): Promise<Omit<Performance, 'kind' | 'tenant'>> {
  const first = new Date(2 * Date.parse(from) - Date.parse(to)).toISOString();
  const [counter, earlier] = [new PeriodCounter(from, to), new PeriodCounter(first, from)];
  const both = [counter, earlier];
  const now = await readNow(client, signal);
  const days = labelsOf(first, to, DAY);
  const progress = bar('Reading', days.length + 3);
  let [read, done, waiting, complete] = [0, 0, 0, true];
  const each = async <T>(rows: AsyncIterable<T>, add: (row: T) => void): Promise<void> => {
    for await (const row of rows) {
      complete = read < MOST_ROWS;
      if (!complete) break;
      add(row);
      read += 1;
    }
    progress.update((done += 1));
  };
  try {
    for (const day of days)
      await each(client.tasks.all({ ended_on: day }, { signal }), (row) => both.forEach((of) => of.task(row)));
    await each(client.actions.all({}, { signal }), (row) => both.forEach((of) => of.action(row)));
    await each(client.approvals.all({}, { signal }), (row) => {
      if (row.status === 'waiting') waiting += 1;
      both.forEach((of) => of.approval(row));
    });
    await each(client.rounds.all({}, { signal }), (row) => both.forEach((of) => of.round(row)));
  } finally {
    progress.stop();
  }
  const [figures, before] = [counter.figures, earlier.figures];
  const load = loadOf(now.pools.map(({ sample }) => sample));
  return {
    figures,
    before,
    now: { ...now, approvals: waiting },
    measurements: measure({ period: figures, load }, { period: before }),
    complete,
  };
}

/** What no list of the past tells. */
async function readNow(client: Formicary, signal: AbortSignal) {
  const at = new Date().toISOString();
  const { feed, open_tasks: open, waiting } = await client.status({ signal });
  const [stops, pools] = [await client.stops.list({ signal }), await client.pools.list({ signal })];
  const behind = feed.find(({ consumer }) => consumer === 'views')?.lag ?? 0;
  return { at, open, waiting: waiting.groups, stops, pools, behind };
}

// --------------------------------------------------------------------------------------------------------- telling

function tell(context: Context, report: Performance, { html, csv }: PerformanceInput): void {
  const { kind, tenant, figures, before, measurements, now, complete } = report;
  const { from, to, ended } = figures;
  if (to > now.at) note(dim(`The period is not over: until ${to} more may come.`));
  if (!complete) note(dim(`Only the first ${MOST_ROWS.toLocaleString('en')} rows were read: give a shorter period.`));
  if (now.behind > 0) note(dim(`The lists are ${count(now.behind, 'receipt')} behind.`));
  const metrics = measurements.map(({ metric: { id, unit, of, goal }, ...values }) => ({
    id,
    unit,
    of,
    goal,
    ...values,
  }));
  if (context.json) return printJson({ kind, tenant, from, to, complete, metrics, figures, before, now });
  for (const file of [html, csv]) if (file !== undefined) print(`${bold(file)} was written`);
  print(
    `${tenant}, from ${from} until before ${to}: ${count(ended.completed, 'task')} completed, ${(ended.expired + ended.dead).toLocaleString('en')} failed, ${ended.cancelled.toLocaleString('en')} cancelled`,
  );
  printTable(
    ['METRIC', 'VALUE', 'BEFORE', 'GOAL', 'MET'],
    measurements.map((of) => [
      `${of.metric.title}${of.metric.of === 'load' ? ', now' : ''}`,
      valueText(of.metric, of.value),
      of.metric.of === 'load' ? '' : valueText(of.metric, of.before),
      aimText(of.metric),
      metText(of),
    ]),
  );
}
