/** A report of a period for people: how the colony worked, and what it is like now. */
import type { Pool, WaitingSummary } from '../../client/client';
import type { Stop } from '../../client/stops';
import { grouped } from '../../domain/kernel/text';
import type { Measurement } from '../../domain/operation/metrics';
import type { Ends, PeriodFigures } from '../../domain/operation/period';
import { duration, percent, usd } from '../terminal';
import { type Markup, markup } from './markup';
import { measurements } from './measurements';
import { page, table, tiles } from './page';
import type { PerformanceKind } from './performance-period';
import { barChart, columnChart } from './report-charts';

/** What is seen of the colony when the report is made. */
interface Now {
  readonly at: string;
  /** Tasks that are open or held, and what those wait for that have waited longest. */
  readonly open: number;
  readonly waiting: WaitingSummary['groups'];
  readonly stops: readonly Stop[];
  readonly pools: readonly Pool[];
  /** Approvals that wait for a person. */
  readonly approvals: number;
  /** Receipts that the lists have yet to show. */
  readonly behind: number;
}

export interface Performance {
  readonly kind: PerformanceKind;
  readonly tenant: string;
  readonly figures: PeriodFigures;
  /** Of the period before, which is as long. */
  readonly before: PeriodFigures;
  readonly now: Now;
  readonly measurements: readonly Measurement[];
  /** False where the two periods have more rows than were counted. */
  readonly complete: boolean;
}

const TITLES: Readonly<Record<PerformanceKind, string>> = {
  daily: 'Daily operation report',
  weekly: 'Weekly performance report',
};
/** From the bottom up, and what each is called. */
const END_NAMES = [
  ['completed', 'completed'],
  ['cancelled', 'cancelled'],
  ['failed', 'expired or dead'],
] as const;
const MOST_BARS = 15;
const MOST_POOLS = 50;

export function performancePage(report: Performance): string {
  const { kind, tenant, figures, before, measurements: measured, now, complete } = report;
  const { from, to } = figures;
  return page(
    `${TITLES[kind]} of ${tenant}, ${from} to ${to}`,
    markup`<h1>${TITLES[kind]}</h1>
<p>Tenant <b>${tenant}</b>, from <b>${from}</b> until before <b>${to}</b>${to > now.at ? ', which is not over' : ''}</p>
${complete ? '' : markup`<div class="fails"><p><b>Not everything was counted.</b> The period and the one before have more rows than a report is made of: give a shorter one.</p></div>`}
${tiles([
  [grouped(figures.ended.completed), 'tasks completed'],
  [grouped(figures.ended.expired + figures.ended.dead), 'expired or dead'],
  [grouped(figures.actions.all), 'actions proposed'],
  [usd(figures.cost.micro_usd), 'cost, as agents said'],
  [grouped(now.approvals), 'approvals wait now'],
  [grouped(now.open), 'tasks open now'],
])}
${measurements(measured, true)}
${work(figures, before)}
${failures(figures)}
${costs(figures)}
${decisions(figures)}
${present(now)}
<h2>What this was made from</h2>
<p class="soft">Rows of the lists of tasks, actions, approvals and rounds, each of which follows from receipts. Tasks, approvals and rounds count when they ended, actions when they were proposed. The period before is the one of the same length that ended when this one began. Times are in UTC. What is told of now was seen at ${now.at}${now.behind > 0 ? `, when the lists were ${grouped(now.behind)} receipts behind` : ''}. What each metric means stands in docs/metrics.md.</p>`,
  );
}

const failed = ({ expired, dead }: Ends) => expired + dead;

function work(figures: PeriodFigures, before: PeriodFigures): Markup {
  const { columns, ended, seconds, completedByType, completedByAgent } = figures;
  const counts = ({ completed, cancelled, ...others }: Ends) => ({
    completed,
    cancelled,
    failed: failed(others as Ends),
  });
  const rows = END_NAMES.map(([of, name]) => [name, counts(ended)[of], counts(before.ended)[of]]);
  return markup`<h2>Work</h2>${columnChart(
    'Tasks that ended, over time',
    END_NAMES,
    columns.map((column) => ({ label: column.label, counts: counts(column.ended) })),
  )}
${table(['Tasks', 'In the period', 'In the period before'], rows)}
${seconds.count === 0 ? '' : markup`<p>From posted to completed: ${took(seconds.p50)} for half of them, ${took(seconds.p95)} for 95 of 100, ${took(seconds.p99)} for 99.</p>`}
${bars('Completed by type', completedByType)}${bars('Completed by agent', completedByAgent)}`;
}

const took = (seconds: number | null) => (seconds === null ? '–' : duration(seconds * 1_000));

function failures({ failed: { rows, more }, failedByType }: PeriodFigures): Markup {
  if (rows.length === 0) return markup`<h2>What failed</h2><p>No task expired or used up its attempts.</p>`;
  return markup`<h2>What failed</h2>${bars('By type', failedByType)}
${table(
  ['Time', 'Task', 'Type', 'How', 'By'],
  rows.map(({ at, id, task_type, status, ended_by }) => [at, id, task_type, status, ended_by ?? '']),
  more > 0 ? markup`<p class="soft">and ${grouped(more)} more</p>` : '',
)}`;
}

function costs({ cost, costByType, ended }: PeriodFigures): Markup {
  if (cost.tasks === 0) return markup`<h2>Cost</h2><p>No agent said what a task has cost.</p>`;
  const all = ended.completed + ended.cancelled + failed(ended);
  return markup`<h2>Cost</h2><p>${usd(cost.micro_usd)} for ${grouped(cost.tasks)} of ${grouped(all)} tasks that ended: of the others no agent said what they have cost.</p>
${bars('By type', costByType, usd)}`;
}

function decisions({ approvals, rounds, actions }: PeriodFigures): Markup {
  return markup`<h2>Decisions</h2><p>${grouped(actions.all)} actions were proposed, ${grouped(actions.human)} of them needed a person.</p>
${approvals.length === 0 ? markup`<p>No approval ended.</p>` : bars('Approvals by outcome', approvals)}
${rounds.length === 0 ? markup`<p>No round ended.</p>` : bars('Rounds by outcome', rounds)}`;
}

function present({ waiting, stops, pools }: Now): Markup {
  return markup`<h2>Now</h2>
${
  waiting.length === 0
    ? markup`<p>No task waits.</p>`
    : table(
        ['Tasks', 'Wait, since', 'For example', 'Why'],
        waiting.map((group) => [group.count, took(group.waited_seconds), group.example, group.text]),
      )
}
${
  stops.length === 0
    ? markup`<p>Nothing is stopped.</p>`
    : table(
        ['Stopped', 'How', 'By', 'Why'],
        stops.slice(0, MOST_POOLS).map(({ kind, name, effect, by, reason }) => [`${kind} ${name}`, effect, by, reason]),
        beyond(stops.length - MOST_POOLS),
      )
}
${
  pools.length === 0
    ? ''
    : markup`<h3>Pools</h3>${table(
        ['Pool', 'Status', 'Agents', 'Waiting', 'Gini', 'Utilisation', 'Idle'],
        pools
          .slice(0, MOST_POOLS)
          .map(({ pool, status, sample }) => [
            pool,
            status,
            sample.agents,
            sample.waiting,
            String(Math.round(sample.gini * 100) / 100),
            percent(sample.utilisation),
            percent(sample.idle),
          ]),
        beyond(pools.length - MOST_POOLS),
      )}`
}`;
}

function bars(
  title: string,
  rows: readonly (readonly [name: string, amount: number])[],
  said?: (amount: number) => string,
): Markup | string {
  if (rows.length === 0) return '';
  return markup`<h3>${title}</h3>${barChart(title, rows.slice(0, MOST_BARS), said)}${beyond(rows.length - MOST_BARS)}`;
}

function beyond(more: number): Markup | string {
  return more > 0 ? markup`<p class="soft">and ${grouped(more)} more</p>` : '';
}
