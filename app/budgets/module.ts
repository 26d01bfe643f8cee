/**
 * Budgets: what a tenant lets its work cost.
 * Owns the budgets of a tenant and what is reserved in them; in memory the same, for all that is awarded.
 * Calls repository (what an hour of an agent costs), stops, and tenants (what the platform lets one spend).
 */
import { budgetDecider, BUDGETS_ID } from '../../domain/budgets/budget';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { TenantStates } from '../engine/tenant-states';
import type { Prices } from '../repository/module';
import type { Stops } from '../stops/module';
import type { TenantBook } from '../tenants/module';
import { Budgets } from './budgets';
import { Reservations, type Work, type Worker } from './reservations';

export type { Reservations, Work, Worker };

export interface BudgetsOptions {
  /** What is reserved of what is estimated: 1.2 reserves a fifth more. */
  readonly safety?: number;
}

export interface BudgetsNeeds {
  readonly prices: Prices;
  readonly stops: Stops;
  readonly tenantBook: TenantBook;
  readonly options?: BudgetsOptions;
}

/** What is reserved of what is estimated, where nobody says otherwise. */
export const BUDGET_SAFETY = 1.2;

export function budgetsModule(engine: Engine, { prices, stops, tenantBook, options = {} }: BudgetsNeeds) {
  const { transactor, clock } = engine;
  const budgetsOf = engine.aggregate(budgetDecider, { followed: true });
  const states = new TenantStates(budgetsOf, BUDGETS_ID, transactor);
  const { safety = BUDGET_SAFETY } = options;
  const reservations = new Reservations({
    budgets: budgetsOf,
    states,
    prices,
    stops,
    tenants: tenantBook,
    clock,
    safety,
  });
  return { services: { budgets: new Budgets(budgetsOf, stops, clock), reservations } } satisfies Module;
}
