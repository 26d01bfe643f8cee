/**
 * `formicary report daily` and `weekly`: how a colony worked, beside the period before. Read from the lists of a host,
 * day by day: tasks, approvals and rounds that ended, actions that were proposed.
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

/**
 * Rows of the period and of the one before that are counted at most; what is beyond them is in no figure, and the
 * report says so. Rows of their days that lie outside of both are passed over, so that a shorter period always helps.
 */
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

/**
 * What a period came to, and the one before it. Rejects with the reason of the signal when that aborts.
 *
 * @param most rows that are counted
 */
export async function readPerformance(
  client: Formicary,
  { from, to }: Period,
  signal: AbortSignal,
  most = MOST_ROWS,
): Promise<Omit<Performance, 'kind' | 'tenant'>> {
  const first = new Date(2 * Date.parse(from) - Date.parse(to)).toISOString();
  const [counter, earlier] = [new PeriodCounter(from, to), new PeriodCounter(first, from)];
  const both = [counter, earlier];
  const now = await readNow(client, signal);
  const days = labelsOf(first, to, DAY);
  const progress = bar('Reading', days.length);
  let [counted, complete] = [0, true];
  const each = async <T>(rows: AsyncIterable<T>, count: (counter: PeriodCounter, row: T) => boolean): Promise<void> => {
    for await (const row of rows) {
      if (!both.some((of) => count(of, row))) continue;
      counted += 1;
      if (counted <= most) continue;
      complete = false;
      return;
    }
  };
  try {
    for (const [i, day] of days.entries()) {
      await each(client.tasks.all({ ended_on: day }, { signal }), (of, row) => of.task(row));
      await each(client.actions.all({ proposed_on: day }, { signal }), (of, row) => of.action(row));
      await each(client.approvals.all({ ended_on: day }, { signal }), (of, row) => of.approval(row));
      await each(client.rounds.all({ ended_on: day }, { signal }), (of, row) => of.round(row));
      if (!complete) break;
      progress.update(i + 1);
    }
  } finally {
    progress.stop();
  }
  const [figures, before] = [counter.figures, earlier.figures];
  const load = loadOf(now.pools.map(({ sample }) => sample));
  return {
    figures,
    before,
    now,
    measurements: measure({ period: figures, load }, { period: before }),
    complete,
  };
}

/** What no list of the past tells. */
async function readNow(client: Formicary, signal: AbortSignal) {
  const at = new Date().toISOString();
  const { feed, open_tasks: open, waiting } = await client.status({ signal });
  const [stops, pools] = [await client.stops.list({ signal }), await client.pools.list({ signal })];
  let approvals = 0;
  for await (const _ of client.approvals.all({ status: 'waiting' }, { signal })) approvals += 1;
  const behind = feed.find(({ consumer }) => consumer === 'views')?.lag ?? 0;
  return { at, open, waiting: waiting.groups, stops, pools, approvals, behind };
}

// --------------------------------------------------------------------------------------------------------- telling

function tell(context: Context, report: Performance, { html, csv }: PerformanceInput): void {
  const { kind, tenant, figures, before, measurements, now, complete } = report;
  const { from, to, ended } = figures;
  if (to > now.at) note(dim(`The period is not over: until ${to} more may come.`));
  if (!complete)
    note(dim(`Only the first ${MOST_ROWS.toLocaleString('en')} rows were counted: give a shorter period.`));
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
