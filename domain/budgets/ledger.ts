/**
 * The arithmetic of budgets: what a reservation holds, and what follows from a change of one for the budgets and the
 * reservations that it is charged to.
 */
import { own } from '../kernel/own';
import type { Time } from '../kernel/time';
import type { Budget, BudgetPeriod, BudgetState, Reservation } from './budget';

/** What it takes from the budgets: what was reserved, or more where more is spent. */
export function heldBy({ amount, spent, drawn, settled }: Reservation): number {
  return Math.max(amount, spent + drawn + settled);
}

type Windows = Pick<Budget, 'spent' | 'window' | 'earlier' | 'period'>;

/**
 * What was spent of a budget in the day or month of `now`, and in later ones: a process whose clock is ahead has begun
 * one sooner.
 */
export function spentAt({ spent, window, earlier, period }: Windows, now: Time): number {
  const at = windowOf(period, now);
  return (window >= at ? spent : 0) + (earlier !== undefined && earlier.window >= at ? earlier.spent : 0);
}

/** With what was spent at `now` in its own day or month, of which the last two are known: clocks differ. */
function withSpent(budget: Budget, amount: number, now: Time): Budget {
  const at = windowOf(budget.period, now);
  const { window, spent, earlier } = budget;
  if (at === window) return { ...budget, spent: spent + amount };
  if (at > window)
    return { ...budget, window: at, spent: amount, ...(window !== '' && { earlier: { window, spent } }) };
  // What has no window of its own counts in the earliest.
  if (earlier !== undefined && at < earlier.window)
    return { ...budget, earlier: { ...earlier, spent: earlier.spent + amount } };
  const before = earlier?.window === at ? earlier.spent : 0;
  return { ...budget, earlier: { window: at, spent: before + amount } };
}

/** What is left of a budget; below 0 where more was spent than its limit is. */
export function leftOf(budget: Budget, now: Time): number {
  return budget.limit - budget.reserved - spentAt(budget, now);
}

function windowOf(period: BudgetPeriod, now: Time): string {
  return period === 'total' ? '' : now.slice(0, period === 'day' ? 10 : 7);
}

/** The budgets that a reservation is charged to by the reservations that it is a part of. */
export function coveredBy(state: BudgetState, key: string | undefined): ReadonlySet<string> {
  const covered = new Set<string>();
  for (const one of chain(state, key)) for (const budget of one.charges) covered.add(budget);
  return covered;
}

/** A reservation, the one that it is a part of, and so on. */
function* chain({ reservations }: BudgetState, key: string | undefined): Generator<Reservation> {
  for (let next = key; next !== undefined;) {
    const one: Reservation | undefined = own(reservations, next);
    if (one === undefined) return;
    yield one;
    next = one.part_of;
  }
}

/** What has too little: a budget (`kind name`), or the reservation of a task (`task id`). */
export interface Shortage {
  readonly of: string;
  readonly limit: number;
  readonly left: number;
}

/** What has less left than `amount`, of all that it would be charged to; undefined when nothing has. */
export function shortage(
  state: BudgetState,
  { charges, part_of }: Pick<Reservation, 'charges' | 'part_of'>,
  amount: number,
  now: Time,
): Shortage | undefined {
  const whole = part_of === undefined ? undefined : own(state.reservations, part_of);
  if (whole !== undefined) {
    const left = whole.amount - whole.spent - whole.drawn - whole.settled;
    if (amount > left) return { of: `task ${whole.task}`, limit: whole.amount, left };
  }
  for (const key of charges) {
    const budget = own(state.budgets, key);
    if (budget === undefined) continue;
    const left = leftOf(budget, now);
    if (amount > left) return { of: key, limit: budget.limit, left };
  }
  return undefined;
}

/** Puts a reservation in the place of what stands under its key, and charges the difference. */
export function changed(state: BudgetState, key: string, after: Reservation): BudgetState {
  const before = own(state.reservations, key);
  const next = { ...state, reservations: { ...state.reservations, [key]: after } };
  return charged(next, after, heldBy(after) - (before === undefined ? 0 : heldBy(before)));
}

/** The same for one that is open; nothing where it is not. */
export function revised(state: BudgetState, key: string, revise: (open: Reservation) => Reservation): BudgetState {
  const open = own(state.reservations, key);
  return open === undefined ? state : changed(state, key, revise(open));
}

/** Takes `amount` more from the budgets of a reservation, and from the reservation that it is a part of. */
function charged(state: BudgetState, of: Pick<Reservation, 'charges' | 'part_of'>, amount: number): BudgetState {
  if (amount === 0) return state;
  let { budgets } = state;
  for (const key of of.charges) {
    const budget = own(budgets, key);
    if (budget !== undefined) budgets = { ...budgets, [key]: { ...budget, reserved: budget.reserved + amount } };
  }
  const after = { ...state, budgets };
  return of.part_of === undefined
    ? after
    : revised(after, of.part_of, (whole) => ({ ...whole, drawn: whole.drawn + amount }));
}

/**
 * Closes a reservation: what it held is given back, what it has cost with its sub-tasks is spent. Sub-tasks that are
 * not over are charged from then on to what it was charged to.
 */
export function settled(state: BudgetState, key: string, cost: number, now: Time): BudgetState {
  const open = own(state.reservations, key);
  if (open === undefined) return state;
  let next = orphaned(state, key, open);
  const closed = own(next.reservations, key) as Reservation;
  const total = cost + closed.settled;
  next = charged(next, closed, -heldBy(closed));
  let { budgets } = next;
  for (const charge of closed.charges) {
    const budget = own(budgets, charge);
    if (budget !== undefined) budgets = { ...budgets, [charge]: withSpent(budget, total, now) };
  }
  const { [key]: _, ...reservations } = next.reservations;
  next = { budgets, reservations };
  return closed.part_of === undefined
    ? next
    : revised(next, closed.part_of, (whole) => ({ ...whole, settled: whole.settled + total }));
}

/**
 * Gives what is a part of a reservation to those that it was charged to itself: all parts at once, since there may be
 * thousands.
 */
function orphaned(state: BudgetState, key: string, whole: Reservation): BudgetState {
  let moved = 0;
  const inherited = new Map<string, number>();
  const reservations = Object.entries(state.reservations).map(([child, part]): [string, Reservation] => {
    if (part.part_of !== key) return [child, part];
    const held = heldBy(part);
    const budgets = whole.charges.filter((budget) => !part.charges.includes(budget));
    for (const budget of budgets) inherited.set(budget, (inherited.get(budget) ?? 0) + held);
    moved += held;
    return [child, { ...part, charges: [...part.charges, ...budgets], part_of: whole.part_of }];
  });
  let next: BudgetState = { ...state, reservations: Object.fromEntries(reservations) };
  // Taken from the whole first, so that nothing is counted twice on the way.
  next = charged(next, { charges: [], part_of: key }, -moved);
  next = charged(next, { charges: [], part_of: whole.part_of }, moved);
  for (const [budget, amount] of inherited) next = charged(next, { charges: [budget] }, amount);
  return next;
}

/** Without what was charged to a budget that is no more: should it be set again, it begins with nothing. */
export function without(budget: string, state: BudgetState): BudgetState {
  const reservations = Object.fromEntries(
    Object.entries(state.reservations).map(([key, one]) => [
      key,
      one.charges.includes(budget) ? { ...one, charges: one.charges.filter((other) => other !== budget) } : one,
    ]),
  );
  return { ...state, reservations };
}
