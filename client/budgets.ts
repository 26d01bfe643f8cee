/** Budgets: `formicary.budgets`. */
import type { Budget as BudgetSchema, budgets, Reservation as ReservationSchema } from '../contract/budgets/budgets';
import type { AnswerOf, BodyOf, QueryOf, Shown } from '../contract/route';
import type { CommandOptions, Page, ReadOptions, Session } from './session';

export type Budget = Shown<typeof BudgetSchema>;
/** Whose budgets a tenant sets: what the platform lets it spend is not among them. */
export type Budgeted = Exclude<Budget['kind'], 'platform'>;
export type Reservation = Shown<typeof ReservationSchema>;

/** `/v1/budgets`: what work may cost, what is reserved for it and what was spent, in micro-USD. */
export class BudgetsApi {
  constructor(private readonly session: Session) {}

  async list(options?: ReadOptions): Promise<readonly Budget[]> {
    return (await this.session.call<typeof budgets.list>('GET /v1/budgets', {}, options)).value;
  }

  /** A page of what is reserved for awards that are not over. */
  async reservations(
    query: QueryOf<typeof budgets.reservations> = {},
    options?: ReadOptions,
  ): Promise<Page<Reservation>> {
    return await this.session.call<typeof budgets.reservations>('GET /v1/budgets/reservations', { query }, options);
  }

  /** Says what something may cost. */
  set(
    kind: Budgeted,
    name: string,
    body: BodyOf<typeof budgets.set>,
    options?: CommandOptions,
  ): Promise<AnswerOf<typeof budgets.set>> {
    const request = { params: { kind, name }, body };
    return this.session.call<typeof budgets.set>('PUT /v1/budgets/{kind}/{name}', request, options);
  }

  /** Takes a budget away. */
  remove(
    kind: Budgeted,
    name: string,
    reason: string,
    options?: CommandOptions,
  ): Promise<AnswerOf<typeof budgets.remove>> {
    const request = { params: { kind, name }, body: { reason } };
    return this.session.call<typeof budgets.remove>('POST /v1/budgets/{kind}/{name}/remove', request, options);
  }

  /** Lets a task cost more than was reserved for it; one that was stopped for that goes on. */
  raise(
    task: string,
    body: BodyOf<typeof budgets.raise>,
    options?: CommandOptions,
  ): Promise<AnswerOf<typeof budgets.raise>> {
    const request = { params: { task }, body };
    return this.session.call<typeof budgets.raise>('POST /v1/budgets/reservations/{task}/raise', request, options);
  }
}
