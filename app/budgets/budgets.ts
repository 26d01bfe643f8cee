/** Use cases of budgets: what people set, and what they let a task cost more. */
import type { Budget as BudgetSchema, Reservation as ReservationSchema } from '../../contract/budgets/budgets';
import type { Shown } from '../../contract/route';
import {
  type Budget,
  type BudgetedThing,
  type BudgetEvent,
  budgetKey,
  type BudgetPeriod,
  BUDGETS_ID,
  type BudgetState,
  isOver,
  type OwnThing,
  raiseReservation,
  removeBudget,
  type Reservation,
  reservationOf,
  setBudget,
} from '../../domain/budgets/budget';
import { leftOf, spentAt } from '../../domain/budgets/ledger';
import { parseCommitRef } from '../../domain/kernel/ids';
import { own } from '../../domain/kernel/own';
import { type Time, toTime } from '../../domain/kernel/time';
import { OVERSPENDING, stopOf } from '../../domain/stops/stop';
import type { Aggregate, Page } from '../engine/aggregate';
import type { RequestContext } from '../engine/command';
import type { Clock } from '../engine/ports';
import type { Loaded } from '../engine/streams';
import type { Stops } from '../stops/module';
import type { BudgetOutcome } from './reservations';

/** A budget as the API shows it, as it stands at `now`. */
export function budgetAnswer(budget: Budget, now: Time): Shown<typeof BudgetSchema> {
  const { kind, name, limit, period, reserved, by, reason, since } = budget;
  return {
    kind,
    name,
    limit_micro_usd: limit,
    period,
    reserved_micro_usd: reserved,
    spent_micro_usd: spentAt(budget, now),
    left_micro_usd: leftOf(budget, now),
    by,
    reason,
    since,
  };
}

/** The budget of one thing as the API shows it; undefined when it has none. */
export function budgetIn({ budgets }: BudgetState, thing: BudgetedThing, now: Time) {
  const budget = own(budgets, budgetKey(thing));
  return budget && budgetAnswer(budget, now);
}

/** What is reserved for a task, as the API shows it. */
export function reservationAnswer(open: Reservation): Shown<typeof ReservationSchema> {
  const { task, award, agent, estimate, amount, spent, drawn, settled, charges, part_of, since, receipt } = open;
  return {
    task,
    award,
    agent,
    estimated_micro_usd: estimate,
    reserved_micro_usd: amount,
    spent_micro_usd: spent,
    sub_tasks_micro_usd: drawn + settled,
    charged_to: charges.map((charge) => {
      const [kind, name] = charge.split(' ') as [Budget['kind'], string];
      return { kind, name };
    }),
    part_of: part_of?.split(' ')[0],
    since,
    receipt,
  };
}

/** What is reserved for the task's last award, as the API shows it; undefined when nothing is. */
export function reservationIn(state: BudgetState, task: string) {
  const open = reservationOf(state, task);
  return open && reservationAnswer(open);
}

export class Budgets {
  constructor(
    private readonly budgets: Aggregate<BudgetState, BudgetEvent>,
    private readonly stops: Stops,
    private readonly clock: Clock,
  ) {}

  /** Sets the budget of one thing. What is refused leaves a receipt. */
  set(
    context: RequestContext,
    thing: OwnThing,
    limit: { readonly limit: number; readonly period: BudgetPeriod },
    reason: string,
  ): Promise<BudgetOutcome> {
    const decision = setBudget(thing, limit, context.principal, reason);
    return this.budgets.decide(asked(context, { ...thing, ...limit }), BUDGETS_ID, 'budget.set', decision);
  }

  remove(context: RequestContext, thing: OwnThing, reason: string): Promise<BudgetOutcome> {
    const decision = removeBudget(thing, context.principal.id, reason);
    return this.budgets.decide(asked(context, { ...thing }), BUDGETS_ID, 'budget.remove', decision);
  }

  /** A person lets a task cost more; if it waits for that, it goes on. */
  async raise(context: RequestContext, task: string, more: number, reason: string): Promise<BudgetOutcome> {
    const decision = raiseReservation(task, more, context.principal, reason, this.now());
    const raised = await this.budgets.decide(asked(context, { more }), BUDGETS_ID, 'budget.raise', decision);
    if (!raised.ok) return raised;
    const open = reservationOf(raised.state, task);
    const thing = { kind: 'task', name: task } as const;
    const { tenant } = context.principal;
    // What somebody stopped for another reason stays stopped.
    const waits = stopOf((await this.stops.load(tenant)).state, thing.kind, task)?.by === OVERSPENDING;
    if (!waits || (open !== undefined && isOver(open))) return raised;
    const { command: _, expectedVersion: __, ...by } = context;
    const lifted = await this.stops.lift(by, thing, reason);
    return lifted.ok ? raised : lifted;
  }

  load(tenant: string): Promise<Loaded<BudgetState>> {
    return this.budgets.load(tenant, BUDGETS_ID);
  }

  /**
   * A page of what is reserved, in the order in which it was, of one task or of all. Throws a RangeError on a
   * continuation that is none.
   */
  async reservations(
    tenant: string,
    task: string | undefined,
    limit: number,
    continuation?: string,
  ): Promise<Page<Reservation>> {
    if (continuation !== undefined && !/^\d{1,15}$/.test(continuation))
      throw new RangeError('the continuation is not one of this list');
    const after = continuation === undefined ? -1 : Number(continuation);
    const { reservations } = (await this.load(tenant)).state;
    const found = Object.values(reservations)
      .filter((open) => (task ?? open.task) === open.task && placeOf(open) > after)
      .sort((a, b) => placeOf(a) - placeOf(b));
    const docs = found.slice(0, limit);
    return { docs, continuation: found.length > limit ? String(placeOf(docs.at(-1) as Reservation)) : undefined };
  }

  private now(): Time {
    return toTime(this.clock.now());
  }
}

function placeOf({ receipt }: Reservation): number {
  return parseCommitRef(receipt)?.index ?? 0;
}

/** Not `task` and the like: what a stopped task may cost is for people to say while it is stopped. */
function asked(context: RequestContext, attributes: Readonly<Record<string, unknown>>) {
  const { kind: budget, ...others } = attributes;
  return { ...context, receiptOfRefusal: true, attributes: { budget, ...others } };
}
