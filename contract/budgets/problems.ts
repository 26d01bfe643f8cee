/** What the rules of this capability refuse: under which status and type, and what that says. */
import { refusals } from '../problems';

export const BUDGETS_REFUSALS = refusals('Budgets', [
  [403, 'person-raises', 'people alone let a task cost more than was reserved for it: sign in as one'],
  [404, 'reservation-not-found', 'nothing is reserved for the task …'],
  [
    409,
    'budget-exceeded',
    '… has … of … micro-USD left, and this takes …: raise the budget, or wait until something is settled',
  ],
  [409, 'budgets-full', '… budgets are set already: remove one of them'],
  [422, 'amount-invalid', '… must be a whole number of micro-USD, at most …'],
  [422, 'name-invalid', 'name must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -'],
]);
