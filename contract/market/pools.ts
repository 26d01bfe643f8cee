/** `/v1/pools`: how load is balanced, and what a pool is to work on. */
import { z } from 'zod';
import { COOLDOWN_SECONDS, POOL_CONDITIONS, TARGETS } from '../../domain/market/pool';
import { At, CommandOf, Count, Id, Reason, Receipt, Timestamp, Unit, whole } from '../common';
import { contract } from '../route';
import { MARKET_REFUSALS } from './problems';

const tag = {
  name: 'Pools',
  description:
    'Agents whose load is balanced together: how loaded and how idle they are, what they are to work on, and who moves between them.',
  refusals: MARKET_REFUSALS,
};
const ByPool = z.object({ pool: Id });
const COOLDOWN = `${COOLDOWN_SECONDS / 60} minutes`;

// ------------------------------------------------------------------------------------------------- what is sent

const ObjectiveInput = z.strictObject({ description: Reason, capabilities: z.array(Id).min(1).max(64) });
const MoveInput = z.strictObject({ agent: Id, to: Id.meta({ description: 'The pool that it moves to' }) });

// --------------------------------------------------------------------------------------------- what is answered

const Objective = z
  .object({
    description: z.string(),
    capabilities: z.array(Id).meta({ description: 'An agent with any of them is of use' }),
  })
  .meta({ id: 'Objective', description: 'What a pool is to work on' });

const inequality = z.number().meta({ description: 'Gini coefficient of slots over capacity, 0 to 1' });
const utilisation = z
  .number()
  .meta({ description: 'Slots over capacity; above 1 when a capacity was lowered below what is in use' });
const idle = Unit.meta({ description: 'Share of the agents without a task' });

const PoolSample = z
  .object({
    at: At,
    agents: Count,
    capacity: Count.meta({ description: 'Tasks that they can hold at once' }),
    slots: Count.meta({ description: 'Tasks that they hold' }),
    waiting: Count.meta({ description: 'Tasks that are ready and have no agent' }),
    gini: inequality,
    utilisation,
    idle,
  })
  .meta({ id: 'PoolSample', description: 'A pool at one moment; counts are of active agents' });

export const Pool = z
  .object({
    pool: Id,
    status: z.enum(POOL_CONDITIONS).meta({ description: 'After a change has lasted' }),
    since: At.nullable(),
    sample: PoolSample,
    mean: z
      .object({ gini: inequality, utilisation, idle })
      .meta({ description: 'Over time since the host began to look' }),
    meets: z.object({ gini: z.boolean(), utilisation: z.boolean(), idle: z.boolean() }).meta({
      description: `Which targets the means meet: Gini below ${TARGETS.gini}, utilisation from ${TARGETS.utilisation_from} to ${TARGETS.utilisation_to}, idle below ${TARGETS.idle}`,
    }),
    objective: Objective.nullable(),
    cooldown_until: At.nullable().meta({ description: 'Not reorganised before this time' }),
  })
  .meta({ id: 'Pool' });

/** Means, of counts too. */
const Mean = z.number();

export const PoolHistory = z
  .object({
    at: At.meta({ description: 'When the ten seconds began' }),
    bucket: Count.meta({ description: 'Their number since the epoch' }),
    agents: Mean,
    capacity: Mean,
    slots: Mean,
    waiting: Mean,
    gini: Mean,
    utilisation: Mean,
    idle: Mean,
  })
  .meta({ id: 'PoolHistory', description: 'Means over ten seconds' });

// ----------------------------------------------------------------------------------------------------- the routes

const params = { pool: 'finance' };

export const pools = contract({
  list: {
    name: 'listPools',
    method: 'GET',
    path: '/v1/pools',
    tag,
    needs: 'read_only',
    summary: 'Load, Gini, utilisation and idleness of every pool, now',
    answer: z.object({ value: z.array(Pool) }),
    answers: 'Pools that have agents, by name',
    example: {},
  },
  history: {
    name: 'readPoolHistory',
    method: 'GET',
    path: '/v1/pools/{pool}/history',
    tag,
    needs: 'read_only',
    summary: 'The last six hours of a pool, in means over ten seconds',
    params: ByPool,
    query: z.object({ from: Timestamp.default('1970-01-01T00:00:00.000Z'), limit: whole(1, 2_160, 360) }),
    answer: z.object({ value: z.array(PoolHistory) }),
    answers: 'Oldest first',
    example: { params, query: { limit: 60 } },
  },
  setObjective: {
    name: 'changeObjective',
    method: 'PUT',
    path: '/v1/pools/{pool}/objective',
    tag,
    needs: 'read_write',
    summary: 'Say what a pool is to work on',
    description: `Agents that fit are moved there, now or as soon as the pool may be reorganised (every ${COOLDOWN} at most).`,
    params: ByPool,
    body: ObjectiveInput,
    answer: CommandOf({
      reorganised: Receipt.nullable().meta({ description: 'The reorganisation that it led to at once, if it did' }),
    }),
    answers: 'Changed',
    example: {
      params,
      body: { description: 'Close the month', capabilities: ['month_closing', 'finance.reconciliation'] },
    },
  },
  reorganise: {
    name: 'reorganisePool',
    method: 'POST',
    path: '/v1/pools/{pool}/reorganisations',
    tag,
    needs: 'execute',
    summary: 'Move agents into or out of a pool',
    params: ByPool,
    body: z.strictObject({ moves: z.array(MoveInput).min(1).max(500), reason: Reason }),
    answer: CommandOf({}),
    answers: `Moved; the pool then rests for ${COOLDOWN}`,
    example: { params, body: { moves: [{ agent: 'recon-8', to: 'treasury' }], reason: 'payments are late' } },
  },
});
