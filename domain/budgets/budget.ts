/**
 * What a tenant lets its work cost: budgets of the tenant, of pools, of types of agents and of agents, and what is
 * reserved in them. All amounts are whole micro-USD (a millionth of a dollar). One stream a tenant, so that one
 * decision looks at all budgets that an award concerns, and parallel awards never reserve more than there is.
 *
 * An award reserves before it is made. What was reserved is settled with what the work has cost, or given back, when
 * the award is over; the receipt of the reservation is its name, so that nothing is settled twice. What a sub-task
 * costs is charged to the reservation of the task that it is a part of, as long as that is open.
 */
import { type Decider, type Decision, type Event, refuse, Rejection } from '../kernel/decider';
import { isId, isTenant, streamName } from '../kernel/ids';
import { own } from '../kernel/own';
import { isText, textRule } from '../kernel/text';
import { earliest, type Time } from '../kernel/time';
import * as ledger from './ledger';

/** Whose budgets a tenant sets itself. */
export const OWN_BUDGETED = ['tenant', 'pool', 'agent_type', 'agent'] as const;
/** `platform`: what the platform lets the tenant spend. */
export const BUDGETED = ['platform', ...OWN_BUDGETED] as const;
export type Budgeted = (typeof BUDGETED)[number];
/** For how long a limit holds: for ever, or for each day or month of the calendar in UTC, in which it is spent anew. */
export const BUDGET_PERIODS = ['total', 'day', 'month'] as const;
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number];

/** How many budgets a tenant has at most. */
export const MAX_BUDGETS = 1_000;
/** How many reservations of a tenant are open at most. */
export const MAX_RESERVATIONS = 5_000;
/** The largest limit: a thousand million dollars. */
export const MAX_BUDGET = 1_000_000_000_000_000;
/** The most that one task is estimated at, or costs: a million dollars. */
export const MAX_COST = 1_000_000_000_000;
/** Longest reason, in characters. */
export const MAX_BUDGET_REASON = 2_000;
/** What is spent during work is written each time that so much of the reservation has gone. */
const REPORTED_PART = 0.1;

// --------------------------------------------------------------------------------------------------------- events

/** `platform` and `tenant` are called by the tenant's name, the others by their names or ids. */
export interface BudgetedThing {
  readonly kind: Budgeted;
  readonly name: string;
}

/** One for which a tenant sets a budget itself. */
export interface OwnThing extends BudgetedThing {
  readonly kind: (typeof OWN_BUDGETED)[number];
}

/** One award. */
export interface ReservedAward {
  readonly task: string;
  readonly award: number;
  readonly agent: string;
}

export type BudgetEvent =
  | Event<'BudgetSet', BudgetedThing & { limit: number; period: BudgetPeriod; by: string; reason: string }>
  | Event<'BudgetRemoved', BudgetedThing & { by: string; reason: string }>
  /** `charges`: the budgets (`kind name`) that it is reserved in, besides those of the reservation `part_of`. */
  | Event<
      'BudgetReserved',
      ReservedAward & {
        estimate: number;
        amount: number;
        charges: readonly string[];
        part_of?: string;
        expires: Time;
        reserved_at: Time;
      }
    >
  | Event<'ReservationConfirmed', ReservedAward>
  /** `spent`: in all, so far. `over`: it is more than was reserved, and the task is to wait for a person. */
  | Event<'SpendReported', ReservedAward & { spent: number; over: boolean }>
  | Event<'ReservationRaised', ReservedAward & { more: number; by: string; reason: string }>
  /** `cost`: of the award alone, without its sub-tasks. `outcome`: how it ended, `void` where it was never made. */
  | Event<'BudgetSettled', ReservedAward & { reservation: string; cost: number; outcome: string; settled_at: Time }>;

// ---------------------------------------------------------------------------------------------------------- state

export interface Budget extends BudgetedThing {
  readonly limit: number;
  readonly period: BudgetPeriod;
  readonly by: string;
  readonly reason: string;
  readonly since: Time;
  /** What is held for awards that are not over. */
  readonly reserved: number;
  /** What was settled in `window`. */
  readonly spent: number;
  /** The day or month that `spent` is of; empty where the limit holds for ever, or nothing was spent. */
  readonly window: string;
  /** What was spent in the one before, and is settled late of still earlier ones: clocks of processes differ. */
  readonly earlier?: { readonly window: string; readonly spent: number };
}

export interface Reservation extends ReservedAward {
  readonly estimate: number;
  readonly amount: number;
  readonly charges: readonly string[];
  /** The key of the reservation that it is charged to as well. */
  readonly part_of?: string;
  /** What the award has cost so far, as far as it was reported. */
  readonly spent: number;
  /** What is held for its sub-tasks that are not over. */
  readonly drawn: number;
  /** What its sub-tasks have cost that are over. */
  readonly settled: number;
  readonly since: Time;
  /** Until then the award must show in the task's stream; undefined once that was seen. */
  readonly expires?: Time;
  /** `stream@index` of the commit that reserved it: its name. */
  readonly receipt: string;
}

export interface BudgetState {
  /** By `kind name`. */
  readonly budgets: Readonly<Record<string, Budget>>;
  /** By `task award agent`. */
  readonly reservations: Readonly<Record<string, Reservation>>;
}

export const budgetDecider: Decider<BudgetState, BudgetEvent> = {
  category: 'budget',
  version: 2,
  initial: { budgets: {}, reservations: {} },
  evolve(state, event, place) {
    switch (event.type) {
      case 'BudgetSet': {
        const { kind, name, limit, period, by, reason } = event.data;
        const before = own(state.budgets, budgetKey(event.data));
        const kept: Pick<Budget, 'spent' | 'window' | 'earlier'> =
          before?.period === period ? before : { spent: 0, window: '' };
        const budget = { kind, name, limit, period, by, reason, since: before?.since ?? place.at };
        const { spent, window, earlier } = kept;
        const after = {
          ...budget,
          reserved: before?.reserved ?? 0,
          spent,
          window,
          ...(earlier !== undefined && { earlier }),
        };
        return { ...state, budgets: { ...state.budgets, [budgetKey(event.data)]: after } };
      }
      case 'BudgetRemoved': {
        const { [budgetKey(event.data)]: _, ...budgets } = state.budgets;
        return ledger.without(budgetKey(event.data), { ...state, budgets });
      }
      case 'BudgetReserved': {
        const { task, award, agent, estimate, amount, charges, part_of, expires, reserved_at } = event.data;
        const before = own(state.reservations, reservationKey(event.data));
        if (before !== undefined) return ledger.changed(state, reservationKey(event.data), { ...before, expires });
        const award_ = { task, award, agent };
        const opened = { estimate, amount, charges, part_of, spent: 0, drawn: 0, settled: 0, since: reserved_at };
        const receipt = `${place.stream}@${place.index}`;
        return ledger.changed(state, reservationKey(event.data), { ...award_, ...opened, expires, receipt });
      }
      case 'ReservationConfirmed':
        return ledger.revised(state, reservationKey(event.data), ({ expires: _, ...confirmed }) => confirmed);
      case 'SpendReported':
        return ledger.revised(state, reservationKey(event.data), (open) => ({ ...open, spent: event.data.spent }));
      case 'ReservationRaised':
        return ledger.revised(state, reservationKey(event.data), (open) => ({
          ...open,
          amount: open.amount + event.data.more,
        }));
      case 'BudgetSettled':
        return ledger.settled(state, reservationKey(event.data), event.data.cost, event.data.settled_at);
    }
  },
};

/** The one stream of a tenant. */
export const BUDGETS_ID = 'all';

export function budgetStream(tenant: string): string {
  return streamName(tenant, budgetDecider.category, BUDGETS_ID);
}

export function budgetKey({ kind, name }: BudgetedThing): string {
  return `${kind} ${name}`;
}

export function reservationKey({ task, award, agent }: ReservedAward): string {
  return `${task} ${award} ${agent}`;
}

/** Whether nothing of the tenant has a budget, and nothing is reserved. */
export function isUnbudgeted({ budgets, reservations }: BudgetState): boolean {
  for (const _ in budgets) return false;
  for (const _ in reservations) return false;
  return true;
}

/** When the earliest unconfirmed reservation is to be looked at. */
export function budgetsDue({ reservations }: BudgetState): Time | undefined {
  return earliest(...Object.values(reservations).map(({ expires }) => expires));
}

/** What is reserved for a task: for its last award. */
export function reservationOf({ reservations }: BudgetState, task: string): Reservation | undefined {
  let last: Reservation | undefined;
  for (const key in reservations) {
    const one = reservations[key] as Reservation;
    if (one.task === task && (last === undefined || one.award > last.award)) last = one;
  }
  return last;
}

// ------------------------------------------------------------------------------------------------------ decisions

/**
 * Sets the budget of one thing, whether it is known yet or not. What is reserved and spent in it stays, but for another
 * period, which begins with nothing spent. A limit below what is reserved takes nothing back: nothing new is awarded.
 */
export function setBudget(
  thing: OwnThing,
  { limit, period }: { readonly limit: number; readonly period: BudgetPeriod },
  { tenant, id: by }: { readonly tenant: string; readonly id: string },
  reason: string,
): Decision<BudgetState, BudgetEvent> {
  return (state) => {
    const wrong = nameProblem(thing, tenant) ?? reasonProblem(reason);
    if (wrong !== undefined) return wrong;
    if (!isAmount(limit, MAX_BUDGET))
      return new Rejection('invalid', 'amount-invalid', amountRule('the limit', MAX_BUDGET));
    const before = own(state.budgets, budgetKey(thing));
    if (before?.limit === limit && before.period === period && before.by === by && before.reason === reason) return [];
    if (before === undefined && Object.keys(state.budgets).length >= MAX_BUDGETS)
      return refuse('budgets-full', `${MAX_BUDGETS} budgets are set already: remove one of them`);
    return [{ type: 'BudgetSet', v: 1, data: { ...thing, limit, period, by, reason } }];
  };
}

/** Removes a budget; nothing happens where there is none. What is reserved in others stays. */
export function removeBudget(thing: OwnThing, by: string, reason: string): Decision<BudgetState, BudgetEvent> {
  return (state) => {
    const wrong = reasonProblem(reason);
    if (wrong !== undefined) return wrong;
    return own(state.budgets, budgetKey(thing)) === undefined
      ? []
      : [{ type: 'BudgetRemoved', v: 1, data: { ...thing, by, reason } }];
  };
}

/** The budget of a tenant that the platform sets. */
export function allowanceOf(tenant: string): BudgetedThing {
  return { kind: 'platform', name: tenant };
}

/** What the platform lets a tenant spend in a month; undefined: anything. The same again changes nothing. */
export function letSpend(
  tenant: string,
  limit: number | undefined,
  { by, reason }: { readonly by: string; readonly reason: string },
): Decision<BudgetState, BudgetEvent> {
  return ({ budgets }) => {
    const thing = allowanceOf(tenant);
    if (own(budgets, budgetKey(thing))?.limit === limit) return [];
    return limit === undefined
      ? [{ type: 'BudgetRemoved', v: 1, data: { ...thing, by, reason } }]
      : [{ type: 'BudgetSet', v: 1, data: { ...thing, limit, period: 'month', by, reason } }];
  };
}

/** What an award would cost, and whose budgets it concerns. */
export interface ReservationRequest extends ReservedAward {
  readonly tenant: string;
  readonly pool: string;
  readonly agent_type: string;
  /** The task that this one is a part of. */
  readonly parent?: string;
  /** What it is estimated to cost; undefined when nobody knows. */
  readonly estimate: number | undefined;
  /** The estimate with its margin: what is reserved. */
  readonly amount: number | undefined;
  readonly expires: Time;
}

/**
 * Reserves for an award that is about to be made, in all budgets that it concerns, or in none. Nothing is reserved
 * where there is no budget. What has no price is refused under one: nobody could keep it.
 */
export function reserveBudget(request: ReservationRequest, now: Time): Decision<BudgetState, BudgetEvent> {
  return (state) => {
    const { agent, tenant, pool, agent_type, parent, estimate, amount, expires } = request;
    const key = reservationKey(request);
    const held = own(state.reservations, key);
    const asked = { ...named(request), expires, reserved_at: now };
    if (held !== undefined) {
      // Asked for again by a later try: it must not run out under that one's award.
      if (held.expires === undefined || held.expires >= expires) return [];
      const { charges, part_of } = held;
      const again = { ...asked, estimate: held.estimate, amount: held.amount, charges, part_of };
      return [{ type: 'BudgetReserved', v: 1, data: again }];
    }
    const names = { platform: tenant, tenant, pool, agent_type, agent };
    const concerned = BUDGETED.map((kind) => budgetKey({ kind, name: names[kind] })).filter(
      (budget) => own(state.budgets, budget) !== undefined,
    );
    const whole = parent === undefined ? undefined : reservationOf(state, parent);
    if (concerned.length === 0 && whole === undefined) return [];
    if (estimate === undefined || amount === undefined)
      return refuse(
        'cost-unknown',
        `nobody knows what the task costs, and ${whole === undefined ? said(concerned[0] as string) : `task ${whole.task}`} has a budget: give estimated_cost_micro_usd with the task, or its effort and a type of agent that has a price`,
      );
    if (!isAmount(amount, MAX_COST))
      return new Rejection('invalid', 'amount-invalid', amountRule('what is reserved', MAX_COST));
    if (Object.keys(state.reservations).length >= MAX_RESERVATIONS)
      return refuse('reservations-full', `${MAX_RESERVATIONS} reservations are open already: wait for one of them`);
    const part_of = whole === undefined ? undefined : reservationKey(whole);
    const covered = ledger.coveredBy(state, part_of);
    const charges = concerned.filter((budget) => !covered.has(budget));
    const short = ledger.shortage(state, { charges, part_of }, amount, now);
    if (short !== undefined) return exceeded(short, amount);
    return [{ type: 'BudgetReserved', v: 1, data: { ...asked, estimate, amount, charges, part_of } }];
  };
}

/** The task's stream shows the award: the reservation stands until it is settled. */
export function confirmReservation(award: ReservedAward, reservation: string): Decision<BudgetState, BudgetEvent> {
  return (state) => {
    const open = own(state.reservations, reservationKey(award));
    return open?.receipt === reservation && open.expires !== undefined
      ? [{ type: 'ReservationConfirmed', v: 1, data: named(award) }]
      : [];
  };
}

/**
 * What the award has cost in all so far, as its agent says. It is written now and then, and at once when it is more
 * than was reserved.
 */
export function reportSpend(award: ReservedAward, spent: number): Decision<BudgetState, BudgetEvent> {
  return (state) => {
    const open = own(state.reservations, reservationKey(award));
    if (open === undefined || spent <= open.spent) return [];
    if (!isAmount(spent, MAX_COST))
      return new Rejection('invalid', 'amount-invalid', amountRule('what was spent', MAX_COST));
    const over = isOver({ ...open, spent });
    if (!over && spent - open.spent < open.amount * REPORTED_PART) return [];
    return [{ type: 'SpendReported', v: 1, data: { ...named(award), spent, over } }];
  };
}

/** Whether an award, with its sub-tasks, has taken more than was reserved for it. */
export function isOver({ amount, spent, drawn, settled }: Reservation): boolean {
  return spent + drawn + settled > amount;
}

/** A person lets a task cost more than was reserved for it: if its budgets have that. */
export function raiseReservation(
  task: string,
  more: number,
  { id: by, kind }: { readonly id: string; readonly kind: string },
  reason: string,
  now: Time,
): Decision<BudgetState, BudgetEvent> {
  return (state) => {
    const wrong = reasonProblem(reason);
    if (wrong !== undefined) return wrong;
    if (kind !== 'human')
      return new Rejection(
        'forbidden',
        'person-raises',
        'people alone let a task cost more than was reserved for it: sign in as one',
      );
    if (!isAmount(more, MAX_COST) || more === 0)
      return new Rejection('invalid', 'amount-invalid', amountRule('what it may cost more', MAX_COST));
    const open = reservationOf(state, task);
    if (open === undefined)
      return new Rejection('missing', 'reservation-not-found', `nothing is reserved for the task ${task}`);
    const raised = { ...open, amount: open.amount + more };
    const growth = ledger.heldBy(raised) - ledger.heldBy(open);
    const short = ledger.shortage(state, open, growth, now);
    if (short !== undefined) return exceeded(short, growth);
    return [{ type: 'ReservationRaised', v: 1, data: { ...named(open), more, by, reason } }];
  };
}

/**
 * The award is over, or was never made: what was reserved is given back, and what it has cost is spent. Nothing happens
 * where the reservation is settled already, or another one is open under the same award.
 * @param cost what was reported with the result; the highest that was reported before counts where that is more
 * @param outcome how it ended; what was completed without a report has cost what was estimated
 */
export function settleReservation(
  award: ReservedAward,
  reservation: string,
  cost: number | undefined,
  outcome: string,
  now: Time,
): Decision<BudgetState, BudgetEvent> {
  return (state) => {
    const open = own(state.reservations, reservationKey(award));
    if (open?.receipt !== reservation) return [];
    const unreported = outcome === 'completed' ? open.estimate : 0;
    const total = Math.min(Math.max(cost ?? unreported, open.spent), MAX_COST);
    return [
      {
        type: 'BudgetSettled',
        v: 1,
        data: { ...named(award), reservation, cost: total, outcome, settled_at: now },
      },
    ];
  };
}

function named({ task, award, agent }: ReservedAward): ReservedAward {
  return { task, award, agent };
}

function said(budget: string): string {
  const [kind = '', name = ''] = budget.split(' ');
  return kind === 'platform' ? `what the platform lets ${name} spend` : `${kind.replaceAll('_', ' ')} ${name}`;
}

function exceeded({ of, limit, left }: ledger.Shortage, amount: number): Rejection {
  return refuse(
    'budget-exceeded',
    `${said(of)} has ${left} of ${limit} micro-USD left, and this takes ${amount}: raise the budget, or wait until something is settled`,
    { budget: of, limit, left, amount },
  );
}

/** Whether it is a whole number of micro-USD from 0 to `most`. */
export function isAmount(value: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= most;
}

function amountRule(name: string, most: number): string {
  return `${name} must be a whole number of micro-USD, at most ${most}`;
}

function nameProblem({ kind, name }: BudgetedThing, tenant: string): Rejection | undefined {
  if (kind === 'tenant' && name !== tenant)
    return new Rejection('invalid', 'name-invalid', `the budget of the tenant has the tenant's name: ${tenant}`);
  if (kind === 'tenant' ? isTenant(name) : isId(name)) return undefined;
  return new Rejection('invalid', 'name-invalid', 'name must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -');
}

function reasonProblem(reason: string): Rejection | undefined {
  return isText(reason, MAX_BUDGET_REASON)
    ? undefined
    : new Rejection('invalid', 'reason-invalid', textRule('reason', MAX_BUDGET_REASON));
}
