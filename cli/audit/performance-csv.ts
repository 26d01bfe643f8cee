/** The figures of a period as one table: a line for each, with what it was in the period before. */
import { TASK_ENDS } from '../../domain/operation/period';
import { type Cell, tableHead, tableRow } from './csv';
import { aimText, metText } from './measurements';
import type { Performance } from './performance-page';

type Named = readonly (readonly [name: string, amount: number])[];

export function performanceTable({ figures, before, measurements, now }: Performance): string {
  const lines: Cell[][] = [];
  const add = (section: string, unit: string, rows: Named, earlier: Named = []) => {
    const known = new Map(earlier);
    lines.push(...rows.map(([name, value]) => [section, name, value, known.get(name) ?? null, unit]));
  };
  for (const of of measurements)
    lines.push(['metric', of.metric.id, of.value, of.before, of.metric.unit, aimText(of.metric), metText(of)]);
  const ended = (of: typeof figures): Named => TASK_ENDS.map((end) => [end, of.ended[end]]);
  add('tasks that ended', 'tasks', ended(figures), ended(before));
  for (const end of TASK_ENDS)
    add(
      `${end} at`,
      'tasks',
      figures.columns.map((column) => [column.label, column.ended[end]]),
    );
  add('completed by type', 'tasks', figures.completedByType, before.completedByType);
  add('failed by type', 'tasks', figures.failedByType, before.failedByType);
  add('cost by type', 'micro_usd', figures.costByType, before.costByType);
  add('completed by agent', 'tasks', figures.completedByAgent, before.completedByAgent);
  add('approvals by outcome', 'approvals', figures.approvals, before.approvals);
  add('rounds by outcome', 'rounds', figures.rounds, before.rounds);
  add(
    'wait now',
    'tasks',
    now.waiting.map(({ code, count }) => [code, count]),
  );
  return [
    tableHead(['section', 'name', 'value', 'before', 'unit', 'goal', 'met']),
    ...lines.map((line) => tableRow([...line, ...new Array<Cell>(7 - line.length).fill(null)])),
  ].join('');
}
