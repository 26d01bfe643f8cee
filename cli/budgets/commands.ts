/** `formicary budgets`, `budget`, `unbudget`, `raise`: what work may cost. */
import { Argument, Option } from 'commander';
import { BUDGET_PERIODS, OWN_BUDGETED } from '../../domain/budgets/budget';
import { command, type CommandModule, microUsd, runs } from '../define';
import type * as BudgetCommands from './budgets';

const load = () => require('./budgets') as typeof BudgetCommands;

const kind = () => new Argument('<kind>', 'whose it is').choices(OWN_BUDGETED);
const because = ['-r, --reason <text>', 'why; it stands on the receipt'] as const;

export const commands: CommandModule = [
  {
    order: 76,
    declare(program) {
      command(program, 'budgets', 'Show what work may cost, what is reserved for it and what was spent', [
        'formicary budgets',
        'formicary budgets --reservations  # task by task',
      ])
        .option('--reservations', 'what is reserved for each award that is not over')
        .action(runs<BudgetCommands.BudgetsInput>(() => load().budgets));

      command(program, 'budget', 'Say what the tenant, a pool, a type of agent or an agent may cost', [
        'formicary budget pool finance 25 --per day --reason "the pilot"',
        'formicary budget tenant default 5000 --per month --reason "as agreed"',
      ])
        .addArgument(kind())
        .argument('<name>', 'its name or id')
        .argument('<usd>', 'US dollars', microUsd)
        .addOption(new Option('--per <period>', 'for each day or month in UTC; in all without').choices(BUDGET_PERIODS))
        .requiredOption(...because)
        .action(runs<BudgetCommands.BudgetInput>(() => load().budget));

      command(program, 'unbudget', 'Take a budget away: it may cost anything again', [
        'formicary unbudget pool finance --reason "the pilot is over"',
      ])
        .addArgument(kind())
        .argument('<name>', 'its name or id')
        .requiredOption(...because)
        .action(runs<BudgetCommands.UnbudgetInput>(() => load().unbudget));

      command(program, 'raise', 'Let a task cost more than was reserved for it; one that waits for that goes on', [
        'formicary raise inv-4711 2.50 --reason "the ledger is larger than usual"',
      ])
        .argument('<task>', 'its id')
        .argument('<usd>', 'how much more, in US dollars', microUsd)
        .requiredOption(...because)
        .action(runs<BudgetCommands.RaiseInput>(() => load().raise));
    },
  },
];
