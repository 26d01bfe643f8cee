/**
 * A report for people: one page without script and without anything from elsewhere, that prints as it is seen. All that
 * is told in it may be somebody's attempt at markup.
 */
import { createHash } from 'node:crypto';
import type { AuditStatus } from '../../domain/audit/audit-entry';
import { type Listed, MOST_LISTED, type ReportFigures } from '../../domain/audit/report-figures';
import type { ProofHead } from '../../domain/audit/report-verifier';
import { grouped, shorten } from '../../domain/kernel/text';
import { count, usd } from '../terminal';
import { Markup, markup } from './markup';
import { barChart, columnChart, DECISION_NAMES } from './report-charts';

const STYLE = [
  ':root{--ink:#1d2433;--soft:#5b6474;--line:#d5dae3;--allow:#3b7dd8;--ask:#d99a1c;--deny:#c23a3a;color-scheme:light}',
  '*{box-sizing:border-box}body{margin:2rem auto;max-width:56rem;padding:0 1rem;color:var(--ink);background:#fff;font:15px/1.5 system-ui,"Segoe UI",Roboto,sans-serif}',
  'h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .6rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}h3{font-size:.95rem;margin:1.2rem 0 .4rem}',
  'p{margin:.4rem 0}.soft{color:var(--soft)}table{border-collapse:collapse;width:100%;font-size:.87rem}th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}',
  'th{color:var(--soft);font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.t{white-space:nowrap}',
  'code,pre{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.85em}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f5f7fa;padding:.7rem;border-radius:4px}',
  '.tiles{display:flex;flex-wrap:wrap;gap:.6rem;margin:1rem 0;padding:0;list-style:none}.tiles li{border:1px solid var(--line);border-radius:6px;padding:.5rem .9rem;min-width:8rem}.tiles b{display:block;font-size:1.35rem}',
  '.holds,.fails{border-left:4px solid #2c8a4b;padding:.4rem .9rem;background:#f3faf5}.fails{border-color:var(--deny);background:#fdf4f4}',
  'svg{width:100%;height:auto;font:11px system-ui,sans-serif}svg text{fill:var(--soft)}svg line{stroke:var(--line)}.allow,.bar{fill:var(--allow)}.needs_approval{fill:var(--ask)}.deny{fill:var(--deny)}',
  '.key span{margin-right:1rem}.key svg{width:.8em;height:.8em;margin-right:.3em}',
  '@page{margin:15mm}@media print{body{margin:0;max-width:none;font-size:11px}h2{break-after:avoid}tr,svg,.tiles{break-inside:avoid}pre{background:none;border:1px solid var(--line)}}',
].join('\n');
/** Nothing runs, nothing is loaded; the one style is known by its hash. */
const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'`;

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
  const page = markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${new Markup(POLICY)}"><meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer"><title>Audit report of ${tenant}, ${from} to ${to}</title><style>${new Markup(STYLE)}</style></head><body>
<h1>Audit report</h1>
<p>Tenant <b>${tenant}</b>, from <b>${from}</b> until before <b>${to}</b></p>
${tiles(figures)}
${verification(report)}
${decisions(figures)}
${approvals(figures)}
${denials(figures)}
${listed('Stops', figures.stops, 'Nothing was stopped, and no stop was lifted.')}
${spend(figures)}
${agents(figures)}
${appendix(report)}
</body></html>
`;
  return page.text;
}

function tiles({ receipts, decisions: { allow, deny, needs_approval }, settled, stops }: ReportFigures): Markup {
  const tile = (value: string, name: string) => markup`<li><b>${value}</b>${name}</li>`;
  return markup`<ul class="tiles">${tile(grouped(receipts), 'receipts')}${tile(grouped(allow), 'allowed by policy')}${tile(grouped(needs_approval), 'left to people')}${tile(grouped(deny), 'denied')}${tile(grouped(stops.rows.length + stops.more), 'stops and lifts')}${tile(usd(settled), 'settled in budgets')}</ul>`;
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
  const key = DECISION_NAMES.map(
    ([decision, name]) =>
      markup`<span><svg viewBox="0 0 10 10"><rect class="${decision}" width="10" height="10"/></svg>${name}</span>`,
  );
  const rows = (of: ReportFigures['actions']) =>
    of.map(([name, by]) => [name, ...DECISION_NAMES.map(([decision]) => by[decision])]);
  const heads = (what: string) => [what, ...DECISION_NAMES.map(([, name]) => name)];
  const names: readonly (readonly [AuditStatus, string])[] = [
    ['success', 'succeeded'],
    ['started', 'started something'],
    ['failed', 'ended in failure'],
    ['denied', 'were denied'],
  ];
  return markup`<h2>Decisions by policy</h2><p class="key soft">${key}</p>${columnChart(columns)}
<p>Of the receipts, ${names.map(([status, name]) => `${grouped(statuses[status])} ${name}`).join(', ')}.</p>
<h3>By action</h3>${table(heads('Action'), rows(actions.slice(0, MOST_NAMES)), actions.length - MOST_NAMES)}
<h3>By rule</h3>${table(heads('Rule'), rows(rules.slice(0, MOST_NAMES)), rules.length - MOST_NAMES)}`;
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
    deniedFor.length - MOST_NAMES,
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
${rows.length === 0 ? markup`<p>No budget was set at its end.</p>` : table(['Budget', 'Limit', 'Settled in the period', 'Reserved at its end'], rows, budgets.length - rows.length)}
${spentByAgent.length === 0 ? '' : markup`<h3>By agent</h3>${barChart('Spend by agent', spentByAgent.slice(0, MOST_BARS), usd)}${rest(spentByAgent.length - MOST_BARS)}`}
${budgetsSet.rows.length === 0 ? '' : listed('Budgets that were set', budgetsSet, '', 'h3')}`;
}

function agents({ agents: list, agentEvents }: ReportFigures): Markup {
  return markup`${listed('Agents', list, 'No agent was registered, lost or deregistered.')}${agentEvents.length === 0 ? '' : markup`<p>${agentEvents.map(([event, times]) => `${grouped(times)} ${event}`).join(', ')}.</p>`}`;
}

function appendix({ figures: { bundles }, tenant }: Report): Markup {
  const rows = bundles.slice(0, MOST_NAMES).map(([bundle, receipts]) => [bundle, receipts]);
  return markup`<h2>What this was made from</h2><p>Bundles of rules that were in force, by how many receipts name them:</p>${table(['Bundle', 'Receipts'], rows, bundles.length - MOST_NAMES)}
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
  return markup`${head}${table(['Time', 'What', 'By', 'Why', 'Receipt'], cells, more)}`;
}

/** Numbers stand to the right. */
function table(heads: readonly string[], rows: readonly (readonly (string | number)[])[], more: number): Markup {
  const isNumber = (at: number) => typeof rows[0]?.[at] === 'number';
  const cell = (value: string | number, at: number) =>
    isNumber(at) ? markup`<td class="n">${grouped(Number(value))}</td>` : markup`<td>${value}</td>`;
  return markup`<table><thead><tr>${heads.map((head, i) => (isNumber(i) ? markup`<th class="n">${head}</th>` : markup`<th>${head}</th>`))}</tr></thead><tbody>${rows.map((row) => markup`<tr>${row.map(cell)}</tr>`)}</tbody></table>${rest(more)}`;
}

function rest(more: number): Markup | string {
  return more > 0 ? markup`<p class="soft">and ${grouped(more)} more, in audit.csv and audit.jsonl</p>` : '';
}
