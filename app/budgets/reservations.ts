/**
 * What is reserved in budgets for awards: before they are made, until they are over. Of a tenant without a budget
 * nothing is read or written: that it has none is known in memory.
 */
import {
  allowanceOf,
  type Budget,
  type Budgeted,
  type BudgetEvent,
  budgetKey,
  BUDGETS_ID,
  type BudgetState,
  confirmReservation,
  isOver,
  isUnbudgeted,
  letSpend,
  reportSpend,
  type Reservation,
  reservationKey,
  type ReservationRequest,
  reserveBudget,
  type ReservedAward,
  settleReservation,
} from '../../domain/budgets/budget';
import { type Decision, refuse, Rejection } from '../../domain/kernel/decider';
import { own } from '../../domain/kernel/own';
import type { Principal } from '../../domain/kernel/principal';
import { plusSeconds, toTime } from '../../domain/kernel/time';
import { OVERSPENDING } from '../../domain/stops/stop';
import type { Aggregate } from '../engine/aggregate';
import type { Cause, Outcome, RequestContext } from '../engine/command';
import type { Clock } from '../engine/ports';
import type { TenantStates } from '../engine/tenant-states';
import type { Prices } from '../repository/module';
import type { Stops } from '../stops/module';
import type { TenantBook } from '../tenants/module';

export type BudgetOutcome = Outcome<BudgetState, BudgetEvent>;

/** How long a reservation may wait for its award to show. */
const RESERVATION_SECONDS = 60;
const SECONDS_PER_HOUR = 3_600;

export interface ReservationsDeps {
  readonly budgets: Aggregate<BudgetState, BudgetEvent>;
  readonly states: TenantStates<BudgetState, BudgetEvent>;
  readonly prices: Prices;
  readonly stops: Stops;
  readonly tenants: Pick<TenantBook, 'limited'>;
  readonly clock: Clock;
  readonly safety: number;
}

/** Who would do a task, as far as its budgets and its price go. */
export interface Worker {
  readonly agent: string;
  readonly pool: string;
  readonly agent_type: string;
}

/** What is to be done, as far as its cost goes. */
export interface Work {
  readonly task: string;
  readonly effort?: number;
  readonly estimated_cost_micro_usd?: number;
  readonly parent?: string;
}

/** Where the command comes from. */
export interface Origin {
  readonly cause: Cause | undefined;
  readonly correlationId: string | undefined;
}

/** Its receipt, where anything was reserved. */
export type Reserved = { readonly receipt?: string } | { readonly rejection: Rejection };

export class Reservations {
  private refusals = 0;
  private pauses = 0;

  constructor(private readonly deps: ReservationsDeps) {}

  /**
   * Why the work can't be given to this worker, as far as is known here; undefined when it can, or when nothing of the
   * tenant has a budget. What it costs is looked up when somebody is about to get it.
   */
  shortage(tenant: string, worker: Worker, work: Work): Rejection | undefined {
    const state = known(this.deps.states.of(tenant));
    if (state === undefined || isUnbudgeted(state) || this.isOutdated(tenant, state)) return undefined;
    const price = this.deps.prices.of(tenant, worker.agent_type);
    if (price instanceof Promise) return known(price.then(() => undefined));
    const request = this.requestOf(tenant, { worker, work, award: 0 }, price);
    const decided = reserveBudget(request, this.now())(state);
    return decided instanceof Rejection ? decided : undefined;
  }

  /** Whether it is known here that nothing of the tenant has a budget. */
  hasNone(tenant: string): boolean {
    const state = known(this.deps.states.of(tenant));
    return state !== undefined && isUnbudgeted(state);
  }

  /** Has what the tenant has set read, so that `shortage` knows it. */
  async read(tenant: string): Promise<void> {
    const state = this.deps.states.of(tenant);
    if (state instanceof Promise) await state;
  }

  /** Reserves for an award that is about to be made; answers at once where nothing has a budget. */
  async reserve(
    tenant: string,
    award: { readonly worker: Worker; readonly work: Work; readonly award: number },
    { cause, correlationId }: Origin,
  ): Promise<Reserved> {
    const rejection = await this.ofPlatform(tenant);
    if (rejection !== undefined) return { rejection };
    const known = this.deps.states.of(tenant);
    if (isUnbudgeted(known instanceof Promise ? await known : known)) return {};
    const price = await this.deps.prices.of(tenant, award.worker.agent_type);
    const request = this.requestOf(tenant, award, price);
    const outcome = await this.decide(tenant, 'budget.reserve', reserveBudget(request, this.now()), {
      cause,
      correlationId,
    });
    if (!outcome.ok) {
      this.refusals += 1;
      // Others have taken more than was heard here: without that, whoever is free would try at once again.
      const { state, version } = await this.deps.budgets.load(tenant, BUDGETS_ID);
      this.deps.states.update(tenant, state, version);
      return { rejection: outcome.rejection };
    }
    // Perhaps by a try before that did not get as far as the award.
    return { receipt: this.of(outcome, request)?.receipt };
  }

  /** Whether the ledger does not say yet what the platform lets the tenant spend, as far as that is known here. */
  private isOutdated(tenant: string, { budgets }: BudgetState): boolean {
    const limited = known(this.deps.tenants.limited(tenant));
    return (
      limited !== undefined && own(budgets, budgetKey(allowanceOf(tenant)))?.limit !== limited.limits.spend_micro_usd
    );
  }

  /**
   * Has the ledger say what the platform lets the tenant spend, where that is another limit than before. It is looked
   * at where money is given: so nothing is given before, whatever was stopped or away when the limit was set.
   */
  private async ofPlatform(tenant: string): Promise<Rejection | undefined> {
    const [said, kept] = [this.deps.tenants.limited(tenant), this.deps.states.of(tenant)];
    const limited = said instanceof Promise ? await said : said;
    const state = kept instanceof Promise ? await kept : kept;
    if (limited === undefined || !this.isOutdated(tenant, state)) return undefined;
    const limit = limited.limits.spend_micro_usd;
    const context = { principal: { ...principalOf(tenant), level: 'critical' as const } };
    const action = limit === undefined ? 'budget.remove' : 'budget.set';
    const outcome = await this.deps.budgets.decide(context, BUDGETS_ID, action, letSpend(tenant, limit, limited));
    return outcome.ok ? undefined : outcome.rejection;
  }

  /** What is open for an award, as far as is known here. */
  known(tenant: string, award: ReservedAward): Reservation | undefined {
    const state = known(this.deps.states.of(tenant));
    return state && own(state.reservations, reservationKey(award));
  }

  /** What waits to be confirmed, or given back, since before now. */
  async overdue(tenant: string): Promise<readonly Reservation[]> {
    await this.read(tenant);
    const now = this.now();
    const { reservations } = (await this.deps.budgets.current(tenant, BUDGETS_ID)).state;
    return Object.values(reservations).filter(({ expires }) => expires !== undefined && expires <= now);
  }

  /** The award shows in the task's stream. */
  async confirm(tenant: string, award: ReservedAward, reservation: string, origin: Origin): Promise<void> {
    await this.done(tenant, 'budget.confirm', confirmReservation(award, reservation), origin);
  }

  /**
   * The award is over, or was never made (`void`): see `settleReservation`. Safe to give again: the receipt of what was
   * reserved is its name.
   */
  async settle(
    tenant: string,
    award: ReservedAward & { readonly reservation: string; readonly outcome: string; readonly cost?: number },
    origin: Origin,
  ): Promise<void> {
    const { reservation, outcome, cost } = award;
    const decision = settleReservation(award, reservation, cost, outcome, this.now());
    await this.done(tenant, 'budget.settle', decision, origin);
  }

  /**
   * What the award has cost in all so far. Where that is more than was reserved, the task is stopped until a person
   * lets it cost more: answers why.
   */
  async report(context: RequestContext, award: ReservedAward, spent: number): Promise<Rejection | undefined> {
    const { principal } = context;
    const { tenant } = principal;
    const state = this.deps.states.of(tenant);
    if (isUnbudgeted(state instanceof Promise ? await state : state)) return undefined;
    const open = this.known(tenant, award);
    const decision = reportSpend(award, spent);
    // Most reports say nothing that has to be written.
    const told =
      open === undefined ? undefined : decision({ budgets: {}, reservations: { [reservationKey(award)]: open } });
    if (told !== undefined && !(told instanceof Rejection) && told.length === 0 && !isOver(open as Reservation))
      return undefined;
    const outcome = await this.deps.budgets.decide({ principal }, BUDGETS_ID, 'budget.report', decision);
    if (!outcome.ok) return outcome.rejection;
    const reported = this.of(outcome, award);
    if (reported === undefined || !isOver(reported)) return undefined;
    await this.pause(tenant, reported);
    return overBudget(reported);
  }

  /** Stops a task that costs more than was reserved for it. Safe to give again. */
  async pause(tenant: string, open: Reservation): Promise<void> {
    const { task } = open;
    const principal: Principal = { ...principalOf(tenant), level: 'critical' };
    const outcome = await this.deps.stops.stop(
      { principal },
      { kind: 'task', name: task },
      'quarantine',
      overText(open),
    );
    if (outcome.ok && outcome.events.length > 0) this.pauses += 1;
  }

  /** Since the start: awards that no budget had enough for, and tasks that were stopped because they cost more. */
  counts(): { readonly refusals: number; readonly pauses: number } {
    return { refusals: this.refusals, pauses: this.pauses };
  }

  /** The sums of budgets by kind, as far as this process has been asked for their tenants. */
  sums(): ReadonlyMap<Budgeted, Pick<Budget, 'limit' | 'reserved' | 'spent'>> {
    const sums = new Map<Budgeted, { limit: number; reserved: number; spent: number }>();
    for (const { budgets } of this.deps.states.known()) {
      for (const { kind, limit, reserved, spent } of Object.values(budgets)) {
        const sum = sums.get(kind) ?? { limit: 0, reserved: 0, spent: 0 };
        sums.set(kind, { limit: sum.limit + limit, reserved: sum.reserved + reserved, spent: sum.spent + spent });
      }
    }
    return sums;
  }

  private requestOf(
    tenant: string,
    { worker, work, award }: { readonly worker: Worker; readonly work: Work; readonly award: number },
    price: number | undefined,
  ): ReservationRequest {
    const { task, effort, estimated_cost_micro_usd, parent } = work;
    const timed =
      price === undefined || effort === undefined ? undefined : Math.ceil((price * effort) / SECONDS_PER_HOUR);
    const estimate = estimated_cost_micro_usd ?? timed;
    const amount = estimate === undefined ? undefined : Math.ceil(estimate * this.deps.safety);
    const expires = plusSeconds(this.now(), RESERVATION_SECONDS);
    return { ...worker, tenant, task, award, parent, estimate, amount, expires };
  }

  private of({ state }: { readonly state: BudgetState }, award: ReservedAward): Reservation | undefined {
    return own(state.reservations, reservationKey(award));
  }

  private async done(
    tenant: string,
    action: string,
    decision: Decision<BudgetState, BudgetEvent>,
    origin: Origin,
  ): Promise<void> {
    const outcome = await this.decide(tenant, action, decision, origin);
    if (!outcome.ok) throw new Error(`${action} was refused: ${outcome.rejection.message}`);
  }

  private decide(
    tenant: string,
    action: string,
    decision: Decision<BudgetState, BudgetEvent>,
    { cause, correlationId }: Origin,
  ): Promise<BudgetOutcome> {
    const context = { principal: principalOf(tenant), cause, reaction: cause !== undefined, correlationId };
    return this.deps.budgets.decide(context, BUDGETS_ID, action, decision);
  }

  private now() {
    return toTime(this.deps.clock.now());
  }
}

/** What is in memory; what is being read is undefined here: whoever needs to know has it read first. */
function known<T>(value: T | Promise<T>): T | undefined {
  if (!(value instanceof Promise)) return value;
  value.catch(() => undefined);
  return undefined;
}

function principalOf(tenant: string): Principal {
  return { tenant, id: OVERSPENDING, kind: 'system', level: 'execute' };
}

function overText({ spent, drawn, settled, amount }: Reservation): string {
  const parts = drawn + settled === 0 ? '' : `, ${drawn + settled} of it for its sub-tasks`;
  return `it has taken ${spent + drawn + settled} micro-USD${parts}, and ${amount} were reserved: a person has to let it cost more`;
}

function overBudget(open: Reservation): Rejection {
  return refuse('over-budget', `${overText(open)}; keep the work and wait, the lease does not run out`, {
    spent: open.spent,
    reserved: open.amount,
  });
}
