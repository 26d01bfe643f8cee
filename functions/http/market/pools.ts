/** `/v1/pools`: how load is balanced (row 1.3), and what a pool is to work on. */
import { z } from 'zod';
import { contextOf } from '../../edge/context';
import { route } from '../../edge/route';
import { Id, OpenObject, Receipt, receiptOf, Text, Timestamp, whole } from '../../edge/schemas';
import { accepted, runtime } from '../../runtime';

const TAGS = ['Pools'];
const Params = z.object({ pool: Id });
const PoolOut = OpenObject.meta({
  id: 'Pool',
  description:
    'status, sample (agents, capacity, slots, waiting, gini, utilisation, idle), their means, objective, cooldown',
});

route({
  name: 'listPools',
  method: 'GET',
  path: '/v1/pools',
  summary: 'Load, Gini, utilisation and idleness of every pool, now',
  tags: TAGS,
  needs: 'read_only',
  responses: { 200: { description: 'Pools that have agents, by name', schema: z.object({ value: z.array(PoolOut) }) } },
  async handler(call) {
    const { colony } = await runtime();
    return { status: 200, body: { value: colony.balance.live(call.principal.tenant) } };
  },
});

route({
  name: 'readPoolHistory',
  method: 'GET',
  path: '/v1/pools/{pool}/history',
  summary: 'The last six hours of a pool, in means over ten seconds',
  tags: TAGS,
  needs: 'read_only',
  params: Params,
  query: z.object({ from: Timestamp.default('1970-01-01T00:00:00.000Z'), limit: whole(1, 2_160, 360) }),
  responses: { 200: { description: 'Oldest first', schema: z.object({ value: z.array(OpenObject) }) } },
  async handler(call) {
    const { colony } = await runtime();
    const { from, limit } = call.query;
    return {
      status: 200,
      body: { value: await colony.balance.history(call.principal.tenant, call.params.pool, from, limit) },
    };
  },
});

route({
  name: 'changeObjective',
  method: 'PUT',
  path: '/v1/pools/{pool}/objective',
  summary: 'Say what a pool is to work on',
  description:
    'Agents that fit are moved there, now or as soon as the pool may be reorganised (every 15 minutes at most).',
  tags: TAGS,
  needs: 'read_write',
  params: Params,
  body: z.strictObject({ description: Text(2_000), capabilities: z.array(Id).min(1).max(64) }),
  responses: {
    200: { description: 'Changed', schema: z.object({ receipt: Receipt, reorganised: Receipt.nullable() }) },
  },
  async handler(call) {
    const { colony } = await runtime();
    const { changed, reorganised } = await colony.balance.changeObjective(contextOf(call), call.params.pool, call.body);
    return {
      status: 200,
      body: {
        receipt: receiptOf(accepted(changed)),
        reorganised: reorganised?.ok === true ? receiptOf(reorganised) : null,
      },
    };
  },
});

route({
  name: 'reorganisePool',
  method: 'POST',
  path: '/v1/pools/{pool}/reorganisations',
  summary: 'Move agents into or out of a pool',
  tags: TAGS,
  needs: 'execute',
  params: Params,
  body: z.strictObject({
    moves: z
      .array(z.strictObject({ agent: Id, to: Id }))
      .min(1)
      .max(500),
    reason: Text(2_000),
  }),
  responses: {
    200: { description: 'Moved; the pool then rests for 15 minutes', schema: z.object({ receipt: Receipt }) },
  },
  async handler(call) {
    const { colony } = await runtime();
    const done = accepted(
      await colony.balance.reorganise(contextOf(call), call.params.pool, call.body.moves, call.body.reason),
    );
    return { status: 200, body: { receipt: receiptOf(done) } };
  },
});
