/** Pools of agents, and what is paused. */
import type { Pause as PauseSchema, pauses } from '../contract/market/pauses';
import type { Pool as PoolSchema, PoolHistory as PoolHistorySchema, pools } from '../contract/market/pools';
import type { AnswerOf, BodyOf, Shown } from '../contract/route';
import type { CommandOptions, ReadOptions, Session } from './session';

export type Pool = Shown<typeof PoolSchema>;
export type PoolHistory = Shown<typeof PoolHistorySchema>;
export type Objective = BodyOf<typeof pools.setObjective>;
export type ObjectiveAnswer = AnswerOf<typeof pools.setObjective>;
export type Pause = Shown<typeof PauseSchema>;
export type Pausable = Pause['kind'];

/** `/v1/pools`: agents whose load is balanced together. */
export class PoolsApi {
  constructor(private readonly session: Session) {}

  /** Every pool that has agents, as it is now. */
  async list(options?: ReadOptions): Promise<readonly Pool[]> {
    return (await this.session.call<typeof pools.list>('GET /v1/pools', {}, options)).value;
  }

  /** Up to six hours in means over ten seconds, oldest first. */
  async history(
    pool: string,
    { from, limit, ...options }: { readonly from?: string; readonly limit?: number } & ReadOptions = {},
  ): Promise<readonly PoolHistory[]> {
    const request = { params: { pool }, query: { from, limit } };
    return (await this.session.call<typeof pools.history>('GET /v1/pools/{pool}/history', request, options)).value;
  }

  /** Says what the pool is to work on; agents that fit are moved there, now or as soon as that may be. */
  setObjective(pool: string, body: Objective, options?: CommandOptions): Promise<ObjectiveAnswer> {
    const request = { params: { pool }, body };
    return this.session.call<typeof pools.setObjective>('PUT /v1/pools/{pool}/objective', request, options);
  }

  /** Moves agents into or out of the pool, which then rests for 15 minutes. */
  reorganise(
    pool: string,
    moves: BodyOf<typeof pools.reorganise>['moves'],
    reason: string,
    options?: CommandOptions,
  ): Promise<AnswerOf<typeof pools.reorganise>> {
    const request = { params: { pool }, body: { moves, reason } };
    return this.session.call<typeof pools.reorganise>('POST /v1/pools/{pool}/reorganisations', request, options);
  }
}

/** `/v1/pauses`: what gets no new work, until somebody says so. */
export class PausesApi {
  constructor(private readonly session: Session) {}

  async list(options?: ReadOptions): Promise<readonly Pause[]> {
    return (await this.session.call<typeof pauses.list>('GET /v1/pauses', {}, options)).value;
  }

  /** A type of task that is paused is given to nobody; a pool or an agent gets nothing new and drains. */
  pause(
    kind: Pausable,
    name: string,
    reason: string,
    options?: CommandOptions,
  ): Promise<AnswerOf<typeof pauses.pause>> {
    const request = { params: { kind, name }, body: { reason } };
    return this.session.call<typeof pauses.pause>('PUT /v1/pauses/{kind}/{name}', request, options);
  }

  resume(kind: Pausable, name: string, options?: CommandOptions): Promise<AnswerOf<typeof pauses.resume>> {
    const request = { params: { kind, name } };
    return this.session.call<typeof pauses.resume>('DELETE /v1/pauses/{kind}/{name}', request, options);
  }
}
