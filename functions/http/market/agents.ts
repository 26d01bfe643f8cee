/** `/v1/agents`: registration, presence, the inbox, discovery. */
import { z } from 'zod';
import { derivedId, newId } from '../../../app/engine/new-id';
import { agentView } from '../../../app/market/agents';
import { Rejection } from '../../../domain/kernel/decider';
import type { AgentProfile } from '../../../domain/market/agent';
import { contextOf } from '../../edge/context';
import { rejected } from '../../edge/problem';
import { reachableId, route } from '../../edge/route';
import {
  actingAgent,
  commandAnswer,
  Continuation,
  existing,
  given,
  Id,
  List,
  Location,
  OpenObject,
  page,
  queried,
  Receipt,
  Text,
  Timestamp,
  Unit,
  whole,
} from '../../edge/schemas';
import { accepted, runtime } from '../../runtime';

const TAGS = ['Agents'];
const Params = z.object({ id: Id });

const Capabilities = z
  .union([z.array(Id).max(64), z.record(Id, Unit)])
  .refine((value) => Object.keys(value).length <= 64, 'must be at most 64')
  .transform((value) => (Array.isArray(value) ? Object.fromEntries(value.map((name) => [name, 1])) : value))
  .meta({ description: 'Names, or names with levels from 0 to 1', example: { invoice_matching: 0.9 } });

export const AgentInput = z
  .strictObject({
    agent_type: Id.meta({ example: 'finance.reconciliation' }),
    pool: Id.optional().meta({ description: 'Agents that share their load; by default the first part of the type' }),
    capabilities: Capabilities.default({}),
    capacity: z.int().min(1).max(1_000).default(1).meta({ description: 'Tasks at once' }),
    location: Location.optional(),
    limits: z
      .strictObject({
        presence_seconds: z.number().min(1).max(3_600).default(60),
        max_effort: z.number().positive().max(31_536_000).optional(),
        min_strength: Unit.default(0),
      })
      .prefault({}),
    standing_offer: z
      .boolean()
      .default(true)
      .meta({ description: 'Let the market bid for it; without, it only takes what it bids for' }),
    helps: z
      .array(Id)
      .max(64)
      .default([])
      .meta({ description: 'Capabilities it lends to overloaded pools while it is idle' }),
  })
  .meta({ id: 'AgentInput' });

/** `true` or `false` in a query. */
const Flag = z.enum(['true', 'false']).transform((value) => value === 'true');

/** A place in what waits; one that is not known, of whatever form, means the beginning. */
const Cursor = z
  .string()
  .regex(/^[\w.:+-]{0,1000}$/, 'must be offers_after of an earlier answer, as it is')
  .meta({
    description: 'A place in what waits, as an earlier answer gave it; one that is not known here means the beginning',
  });

const AgentOut = OpenObject.meta({ id: 'Agent' });
const Command = z.object({ receipt: Receipt, agent: AgentOut });

export function profileOf(input: z.output<typeof AgentInput>): AgentProfile {
  const { agent_type, pool, capabilities, capacity, location, limits, standing_offer, helps } = input;
  return {
    agent_type,
    pool: pool ?? (agent_type.split('.')[0] as string),
    capabilities,
    capacity,
    location,
    presence_seconds: limits.presence_seconds,
    offer: standing_offer ? { helps, max_effort: limits.max_effort, min_strength: limits.min_strength } : null,
  };
}

/** The id of an agent that may be registered: one that no other route hides. */
export function newAgent(id: string): string {
  return reachableId('/v1/agents/{id}', id);
}

route({
  name: 'registerAgent',
  method: 'POST',
  path: '/v1/agents',
  summary: 'Register an agent under a new id',
  tags: TAGS,
  needs: 'read_write',
  body: AgentInput.extend({ id: Id.optional() }),
  responses: { 201: { description: 'Registered', schema: Command } },
  async handler(call) {
    const { colony } = await runtime();
    const { principal, idempotencyKey, now } = call;
    const { id: wanted, ...input } = call.body;
    const made = `agent-${idempotencyKey === undefined ? newId(now) : derivedId(principal.tenant, principal.id, idempotencyKey)}`;
    const id = newAgent(actingAgent(call, wanted ?? (principal.kind === 'agent' ? principal.id : made)));
    const done = accepted(await colony.agents.register(contextOf(call), id, profileOf(input)));
    return commandAnswer(done, { agent: agentView(id, done) }, 201, { location: `/v1/agents/${id}` });
  },
});

route({
  name: 'putAgent',
  method: 'PUT',
  path: '/v1/agents/{id}',
  summary: 'Register an agent, or revise what it says of itself',
  tags: TAGS,
  needs: 'read_write',
  params: Params,
  body: AgentInput,
  responses: { 200: { description: 'Registered', schema: Command } },
  async handler(call) {
    const { colony } = await runtime();
    const id = newAgent(actingAgent(call, call.params.id));
    const done = accepted(await colony.agents.register(contextOf(call), id, profileOf(call.body)));
    return commandAnswer(done, { agent: agentView(id, done) });
  },
});

route({
  name: 'listAgents',
  method: 'GET',
  path: '/v1/agents',
  summary: 'List and find agents',
  tags: TAGS,
  needs: 'read_only',
  query: z.object({
    capability: Id.optional(),
    agent_type: Id.optional(),
    pool: Id.optional(),
    status: z.enum(['active', 'lost', 'gone']).optional(),
    limit: whole(1, 1_000, 100),
    continuation: Continuation,
  }),
  responses: { 200: { description: 'A page, in order of id; eventually consistent', schema: List(AgentOut) } },
  async handler(call) {
    const { colony } = await runtime();
    const { limit, continuation, ...filters } = call.query;
    const found = await queried(() => colony.agents.list(call.principal.tenant, given(filters), limit, continuation));
    return page(
      call,
      '/v1/agents',
      found.agents.map(({ capability: _, ...doc }) => doc),
      found.continuation,
    );
  },
});

route({
  name: 'getAgent',
  method: 'GET',
  path: '/v1/agents/{id}',
  summary: 'Read an agent, now or as it was',
  tags: TAGS,
  needs: 'read_only',
  params: Params,
  query: z.object({ asOf: Timestamp.optional() }),
  responses: { 200: { description: 'The agent; a live fold of its stream', schema: AgentOut } },
  async handler(call) {
    const { colony } = await runtime();
    const loaded = existing(
      'agent',
      call.params.id,
      await colony.agents.load(call.principal.tenant, call.params.id, call.query.asOf),
      call.query.asOf,
    );
    return { status: 200, body: agentView(call.params.id, loaded), etag: loaded.version };
  },
});

route({
  name: 'deregisterAgent',
  method: 'DELETE',
  path: '/v1/agents/{id}',
  summary: 'Deregister an agent; it gives its tasks back',
  tags: TAGS,
  needs: 'read_write',
  params: Params,
  query: z.object({ reason: Text(2_000).default('deregistered') }),
  responses: { 200: { description: 'Deregistered', schema: Command } },
  async handler(call) {
    const { colony } = await runtime();
    const id = actingAgent(call, call.params.id);
    const done = accepted(await colony.agents.deregister(contextOf(call), id, call.query.reason));
    return commandAnswer(done, { agent: agentView(id, done) });
  },
});

route({
  name: 'heartbeatAgent',
  method: 'POST',
  path: '/v1/agents/{id}/heartbeat',
  summary: 'Give a sign of life, and extend the leases of the tasks held',
  tags: TAGS,
  needs: 'read_write',
  params: Params,
  body: z.strictObject({
    holding: z
      .array(z.strictObject({ task: Id, award: z.int().min(1) }))
      .max(1_000)
      .default([]),
  }),
  responses: {
    200: {
      description: 'Which claims still stand; drop the work of those that do not',
      schema: z.object({
        held: z.array(
          z.object({
            task: Id,
            award: z.number(),
            stands: z.boolean(),
            status: z.literal('awarded').optional().meta({ description: 'Not accepted yet' }),
          }),
        ),
      }),
    },
  },
  async handler(call) {
    const { colony } = await runtime();
    const result = await colony.agents.heartbeat(contextOf(call), actingAgent(call, call.params.id), call.body.holding);
    if (result instanceof Rejection) throw rejected(result);
    return { status: 200, body: result };
  },
});

route({
  name: 'readInbox',
  method: 'GET',
  path: '/v1/agents/{id}/inbox',
  summary: 'Wait for awards to accept, offers to bid for and votes to cast',
  description:
    'A long poll: answers as soon as there is something, or with nothing after `waitSeconds`. Asking is a sign of life. An item has the kind `assignment`, `vote` or `offer`; a vote is cast with the `pass` and the `snapshot` that stand there. Awards are shown until they are accepted; offers and votes are not shown again to whoever gives `offers_after` back as `offersAfter`. Each kind has room for 100 items in a page: what has none comes with the next. `holding=true` also shows, as `holding`, what the agent has accepted and not ended: for a worker that was started again.',
  tags: TAGS,
  needs: 'read_write',
  params: Params,
  query: z.object({ waitSeconds: whole(0, 30, 0), offersAfter: Cursor.optional(), holding: Flag.default(false) }),
  responses: {
    200: { description: 'What waits', schema: z.object({ items: z.array(OpenObject), offers_after: Cursor }) },
  },
  async handler(call) {
    const { colony } = await runtime();
    const id = actingAgent(call, call.params.id);
    const result = await colony.agents.inbox(contextOf(call), id, {
      ...call.query,
      signal: call.query.waitSeconds > 0 ? call.signal : undefined,
    });
    if (result instanceof Rejection) throw rejected(result);
    return { status: 200, body: result };
  },
});
