/** The aggregates of budgets. */
import { budgetDecider } from './budget';

export const budgetsAggregates = [budgetDecider] as const;
