/** What the commands on budgets do. */
import type { Budget, Budgeted } from '../../client/budgets';
import { ago, bold, call, type Context, dim, print, printJson, printTable, said, usd } from '../terminal';

export interface BudgetsInput {
  readonly reservations?: boolean;
}

/** Shows the budgets, or what is reserved in them. */
export async function budgets(context: Context, { reservations }: BudgetsInput): Promise<void> {
  if (reservations === true) return await reserved(context);
  const { client, json } = context;
  const found = await client.budgets.list();
  if (json) return printJson(found);
  printTable(
    ['WHOSE', 'NAME', 'LIMIT', 'RESERVED', 'SPENT', 'LEFT', 'BY', 'REASON'],
    found.map((budget) => [
      budget.kind,
      bold(said(budget.name)),
      limitOf(budget),
      usd(budget.reserved_micro_usd),
      usd(budget.spent_micro_usd),
      usd(budget.left_micro_usd),
      said(budget.by),
      said(budget.reason),
    ]),
    ['LIMIT', 'RESERVED', 'SPENT', 'LEFT'],
    'Nothing has a budget.',
  );
}

async function reserved({ client, json }: Context): Promise<void> {
  const page = await client.budgets.reservations({ limit: 1_000 });
  if (json) return printJson(page);
  printTable(
    ['TASK', 'AWARD', 'AGENT', 'RESERVED', 'SPENT', 'SUB-TASKS', 'CHARGED TO', 'SINCE'],
    page.value.map((open) => [
      bold(said(open.task)),
      open.award,
      said(open.agent),
      usd(open.reserved_micro_usd),
      usd(open.spent_micro_usd),
      usd(open.sub_tasks_micro_usd),
      [
        ...open.charged_to.map(({ kind, name }) => `${kind} ${said(name)}`),
        ...(open.part_of === undefined ? [] : [`task ${said(open.part_of)}`]),
      ].join(', '),
      ago(open.since),
    ]),
    ['AWARD', 'RESERVED', 'SPENT', 'SUB-TASKS'],
    'Nothing is reserved.',
  );
  if (page.nextLink !== undefined) print(dim(`There are more: \`${call()} budgets --reservations --json\` shows how.`));
}

function limitOf({ limit_micro_usd, period }: Pick<Budget, 'limit_micro_usd' | 'period'>): string {
  return `${usd(limit_micro_usd)}${period === 'total' ? '' : ` a ${period}`}`;
}

export interface BudgetInput {
  readonly kind: Budgeted;
  readonly name: string;
  readonly usd: number;
  readonly per?: Budget['period'];
  readonly reason: string;
}

/** Sets a budget. */
export async function budget(
  { client, json }: Context,
  { kind, name, usd: limit, per, reason }: BudgetInput,
): Promise<void> {
  const answer = await client.budgets.set(kind, name, { limit_micro_usd: limit, period: per, reason });
  if (json) return printJson(answer);
  const { budget: set } = answer;
  print(`${bold(`${kind} ${said(name)}`)} may cost ${limitOf(set)}; ${usd(set.left_micro_usd)} of it are left.`);
}

export interface UnbudgetInput {
  readonly kind: Budgeted;
  readonly name: string;
  readonly reason: string;
}

/** Removes a budget. */
export async function unbudget({ client, json }: Context, { kind, name, reason }: UnbudgetInput): Promise<void> {
  const answer = await client.budgets.remove(kind, name, reason);
  if (json) return printJson(answer);
  const had = answer.receipt.events.length > 0;
  print(`${bold(`${kind} ${said(name)}`)} ${had ? 'may cost anything again' : 'had no budget'}.`);
}

export interface RaiseInput {
  readonly task: string;
  readonly usd: number;
  readonly reason: string;
}

/** Lets a task cost more. */
export async function raise({ client, json }: Context, { task, usd: more, reason }: RaiseInput): Promise<void> {
  const answer = await client.budgets.raise(task, { more_micro_usd: more, reason });
  if (json) return printJson(answer);
  const { reservation } = answer;
  if (reservation === undefined) return print(`Nothing is reserved for ${bold(said(task))} any more.`);
  print(`${bold(said(task))} may cost ${usd(reservation.reserved_micro_usd)}, and goes on.`);
}
