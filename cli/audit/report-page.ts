/** An auditor's report for people. */
import type { AuditStatus } from '../../domain/audit/audit-entry';
import { type Decision, type Listed, MOST_LISTED, type ReportFigures } from '../../domain/audit/report-figures';
import type { ProofHead } from '../../domain/audit/report-verifier';
import { grouped, shorten } from '../../domain/kernel/text';
import { measure } from '../../domain/operation/metrics';
import { count, usd } from '../terminal';
import { type Markup, markup } from './markup';
import { measurements } from './measurements';
import { page, table, tiles as tileList } from './page';
import { barChart, columnChart } from './report-charts';

/** From the bottom up, and what each is called. */
const DECISION_NAMES: readonly (readonly [Decision, string])[] = [
  ['allow', 'allowed'],
  ['needs_approval', 'left to people'],
  ['deny', 'denied'],
];
/** Rows of a chart, and of a list of names. */
const MOST_BARS = 15;
const MOST_NAMES = 20;
const MOST_REASON = 300;

/** Whether what the report is made from holds. */
export interface Verified {
  readonly faults: number;
  /** The first of them, in words. */
  readonly named: readonly { readonly kind: string; readonly message: string }[];
  /** The verifier key that the log was held against; undefined where none was given. */
  readonly key: string | undefined;
  /** How many checkpoints that were kept elsewhere it was held against. */
  readonly kept: number;
}

export interface Report {
  readonly tenant: string;
  readonly from: string;
  readonly to: string;
  readonly figures: ReportFigures;
  /** Receipts that have a proof. */
  readonly proven: number;
  /** Receipts whose bytes say nothing; they are in no figure. */
  readonly unreadable: number;
  readonly verified: Verified;
  readonly checkpoint: ProofHead | undefined;
}

export function reportPage(report: Report): string {
  const { tenant, from, to, figures } = report;
  return page(
    `Audit report of ${tenant}, ${from} to ${to}`,
    markup`<h1>Audit report</h1>
<p>Tenant <b>${tenant}</b>, from <b>${from}</b> until before <b>${to}</b></p>
${tiles(figures)}
${verification(report)}
${measurements(measure({ receipts: figures }))}
${decisions(figures)}
${approvals(figures)}
${denials(figures)}
${listed('Stops', figures.stops, 'Nothing was stopped, and no stop was lifted.')}
${spend(figures)}
${agents(figures)}
${appendix(report)}`,
  );
}

function tiles({ receipts, decisions: { allow, deny, needs_approval }, settled, stops }: ReportFigures): Markup {
  return tileList([
    [grouped(receipts), 'receipts'],
    [grouped(allow), 'allowed by policy'],
    [grouped(needs_approval), 'left to people'],
    [grouped(deny), 'denied'],
    [grouped(stops.rows.length + stops.more), 'stops and lifts'],
    [usd(settled), 'settled in budgets'],
  ]);
}

function verification({ verified, checkpoint, proven, unreadable, figures }: Report): Markup {
  const { faults, named, key, kept } = verified;
  const holds =
    faults > 0
      ? markup`<div class="fails"><p><b>It does not hold.</b> ${count(faults, 'fault')} in the log that this report was made from:</p><ul>${named.map(({ kind, message }) => markup`<li><code>${kind}</code> ${message}</li>`)}</ul></div>`
      : markup`<div class="holds"><p><b>Every chain holds:</b> each receipt hashes to what it says and names the one before it.</p>${
          key === undefined
            ? markup`<p>The signed log was not held against a key. Who needs that gives it with <code>--key</code>, or verifies an export.</p>`
            : markup`<p>The log is signed by the key <code>${key}</code>, which was given by whoever made this report, and holds these receipts${kept > 0 ? `; it was held against ${count(kept, 'checkpoint')} kept elsewhere` : ''}.</p>`
        }</div>`;
  const unlogged = figures.receipts - proven;
  return markup`<h2>Verification</h2>${holds}
<p>${grouped(proven)} of ${count(figures.receipts, 'receipt')} of the period are in the signed log${checkpoint === undefined ? '' : ', each with its proof in audit.jsonl'}.${unlogged > 0 ? ` Of ${grouped(unlogged)} nothing is proven yet: they are newer than its newest checkpoint, or not as they were logged.` : ''}${unreadable > 0 ? ` ${count(unreadable, 'receipt')} could not be read, and are in no figure.` : ''}</p>
${checkpoint === undefined ? '' : markup`<p>The proofs lead to this checkpoint of ${checkpoint.origin}, of ${count(checkpoint.size, 'leaf', 'leaves')}:</p><pre>${checkpoint.note}</pre>`}`;
}

function decisions({ columns, actions, rules, statuses }: ReportFigures): Markup {
  const rows = (of: ReportFigures['actions']) =>
    of.map(([name, by]) => [name, ...DECISION_NAMES.map(([decision]) => by[decision])]);
  const heads = (what: string) => [what, ...DECISION_NAMES.map(([, name]) => name)];
  const names: readonly (readonly [AuditStatus, string])[] = [
    ['success', 'succeeded'],
    ['started', 'started something'],
    ['failed', 'ended in failure'],
    ['denied', 'were denied'],
  ];
  return markup`<h2>Decisions by policy</h2>${columnChart(
    'Decisions over time',
    DECISION_NAMES,
    columns.map(({ label, decisions }) => ({ label, counts: decisions })),
  )}
<p>Of the receipts, ${names.map(([status, name]) => `${grouped(statuses[status])} ${name}`).join(', ')}.</p>
<h3>By action</h3>${table(heads('Action'), rows(actions.slice(0, MOST_NAMES)), rest(actions.length - MOST_NAMES))}
<h3>By rule</h3>${table(heads('Rule'), rows(rules.slice(0, MOST_NAMES)), rest(rules.length - MOST_NAMES))}`;
}

function approvals({ approvals: found }: ReportFigures): Markup {
  return markup`<h2>Approvals by people</h2>${found.length === 0 ? markup`<p>No approval was asked for, and none ended.</p>` : barChart('Approvals by outcome', found)}`;
}

function denials({ deniedTo, deniedFor }: ReportFigures): Markup {
  if (deniedTo.length === 0) return markup`<h2>Denials</h2><p>No command was denied.</p>`;
  return markup`<h2>Denials</h2><h3>To whom</h3>${barChart('Denials by principal', deniedTo.slice(0, MOST_BARS))}${rest(deniedTo.length - MOST_BARS)}
<h3>Why</h3>${table(
    ['Reason', 'Denials'],
    deniedFor.slice(0, MOST_NAMES).map(([reason, times]) => [shorten(reason, MOST_REASON), times]),
    rest(deniedFor.length - MOST_NAMES),
  )}`;
}

function spend({ settled, budgets, budgetsSet, spentByBudget, spentByAgent }: ReportFigures): Markup {
  const spent = new Map(spentByBudget);
  const rows = budgets
    .slice(0, MOST_LISTED)
    .map(({ kind, name, limit, period, reserved }) => [
      `${kind} ${name}`,
      `${usd(limit)}${period === 'total' ? '' : ` a ${period}`}`,
      usd(spent.get(`${kind} ${name}`) ?? 0),
      usd(reserved),
    ]);
  return markup`<h2>Spend against budgets</h2><p>${usd(settled)} were settled in the period.</p>
${rows.length === 0 ? markup`<p>No budget was set at its end.</p>` : table(['Budget', 'Limit', 'Settled in the period', 'Reserved at its end'], rows, rest(budgets.length - rows.length))}
${spentByAgent.length === 0 ? '' : markup`<h3>By agent</h3>${barChart('Spend by agent', spentByAgent.slice(0, MOST_BARS), usd)}${rest(spentByAgent.length - MOST_BARS)}`}
${budgetsSet.rows.length === 0 ? '' : listed('Budgets that were set', budgetsSet, '', 'h3')}`;
}

function agents({ agents: list, agentEvents }: ReportFigures): Markup {
  return markup`${listed('Agents', list, 'No agent was registered, lost or deregistered.')}${agentEvents.length === 0 ? '' : markup`<p>${agentEvents.map(([event, times]) => `${grouped(times)} ${event}`).join(', ')}.</p>`}`;
}

function appendix({ figures: { bundles }, tenant }: Report): Markup {
  const rows = bundles.slice(0, MOST_NAMES).map(([bundle, receipts]) => [bundle, receipts]);
  return markup`<h2>What this was made from</h2><p>Bundles of rules that were in force, by how many receipts name them:</p>${table(['Bundle', 'Receipts'], rows, rest(bundles.length - MOST_NAMES))}
<p class="soft">Figures count the receipts of ${tenant} by their own times. What stops the tenant as a whole, and which bundle is in force, is decided in the tenant platform and stands in its report. audit.jsonl has every entry with its proof, audit.csv the same as a table: of what was given and what came of it they have hashes and sizes.</p>`;
}

function listed(
  title: string,
  { rows, more }: { readonly rows: readonly Listed[]; readonly more: number },
  none: string,
  level: 'h2' | 'h3' = 'h2',
): Markup {
  const head = level === 'h2' ? markup`<h2>${title}</h2>` : markup`<h3>${title}</h3>`;
  if (rows.length === 0) return markup`${head}<p>${none}</p>`;
  const cells = rows.map(({ at, what, who, reason, receipt }) => [
    at,
    what,
    who,
    shorten(reason, MOST_REASON),
    receipt,
  ]);
  return markup`${head}${table(['Time', 'What', 'By', 'Why', 'Receipt'], cells, rest(more))}`;
}

function rest(more: number): Markup | string {
  return more > 0 ? markup`<p class="soft">and ${grouped(more)} more, in audit.csv and audit.jsonl</p>` : '';
}
