/** `/v1/agents/repository`, `/v1/agents/deploy`: the types of agents, and one call to deploy one (row 4.1). */
import { Cron } from 'croner';
import { z } from 'zod';
import { derivedId, newId } from '../../../app/engine/new-id';
import { agentView } from '../../../app/market/agents';
import { COST_TIERS } from '../../../app/repository/registry';
import { Rejection } from '../../../domain/kernel/decider';
import { cut } from '../../../domain/kernel/text';
import type { AgentTypeEntry } from '../../../domain/repository/catalogue';
import { contextOf } from '../../edge/context';
import { Problem, rejected } from '../../edge/problem';
import { reachableId, route } from '../../edge/route';
import { commandAnswer, Id, Location, OpenObject, Receipt, Text, whole } from '../../edge/schemas';
import { accepted, runtime } from '../../runtime';
import { newAgent } from '../market/agents';

const TAGS = ['Agent repository'];
const Entry = OpenObject.meta({
  id: 'AgentType',
  description:
    'agent_type, name, description, category, department or industry_vertical, version, capabilities, required_tools, cost_tier, default_lifecycle, estimated_cost_per_hour, tags',
});

route({
  // Before getAgent and getAgentType, which would take their paths: the host looks at routes in order of names.
  name: 'findAgentTypes',
  operationId: 'listAgentTypes',
  method: 'GET',
  path: '/v1/agents/repository',
  summary: 'Filter the types of agents',
  tags: TAGS,
  needs: 'read_only',
  query: z.object({ department: Text(64).optional(), industry: Text(64).optional(), capability: Text(128).optional() }),
  responses: { 200: { description: 'All that match', schema: z.object({ value: z.array(Entry) }) } },
  async handler(call) {
    const { colony } = await runtime();
    return { status: 200, body: { value: await colony.repository.list(call.principal.tenant, call.query) } };
  },
});

route({
  name: 'findAgentTypesByWords',
  operationId: 'searchAgentTypes',
  method: 'GET',
  path: '/v1/agents/repository/search',
  summary: 'Search the types of agents by words',
  tags: TAGS,
  needs: 'read_only',
  query: z.object({ q: Text(200).meta({ example: 'inventory optimization' }), limit: whole(1, 200, 20) }),
  responses: {
    200: { description: 'Best first, with score and matched fields', schema: z.object({ value: z.array(Entry) }) },
  },
  async handler(call) {
    const { colony } = await runtime();
    const hits = await colony.repository.search(call.principal.tenant, call.query.q);
    return {
      status: 200,
      body: {
        value: hits.slice(0, call.query.limit).map(({ entry, score, matched }) => ({ ...entry, score, matched })),
      },
    };
  },
});

route({
  name: 'getAgentType',
  method: 'GET',
  path: '/v1/agents/repository/{agent_type}',
  summary: 'Read a type of agents, with others like it',
  tags: TAGS,
  needs: 'read_only',
  params: z.object({ agent_type: Id }),
  responses: { 200: { description: 'The entry', schema: Entry } },
  async handler(call) {
    const { colony } = await runtime();
    const { tenant } = call.principal;
    const entry = await colony.repository.find(tenant, call.params.agent_type);
    if (entry instanceof Rejection) throw rejected(entry);
    const similar = await colony.repository.recommend(tenant, call.params.agent_type);
    return {
      status: 200,
      body: {
        ...entry,
        similar: similar instanceof Rejection ? [] : similar.slice(0, 5).map((hit) => hit.entry.agent_type),
      },
    };
  },
});

const Overrides = z
  .record(z.string().max(64), z.unknown())
  .default({})
  .meta({ description: 'Fields of the entry that shall be different' });

route({
  name: 'defineAgentType',
  method: 'PUT',
  path: '/v1/agents/repository/{agent_type}',
  summary: "Define a type of the tenant's own from a template",
  tags: TAGS,
  needs: 'read_write',
  params: z.object({ agent_type: Id }),
  body: z.strictObject({ based_on: Id, overrides: Overrides }),
  responses: { 200: { description: 'Defined', schema: z.object({ receipt: Receipt, agent_type: Entry }) } },
  async handler(call) {
    const { colony } = await runtime();
    const agent_type = reachableId('/v1/agents/repository/{agent_type}', call.params.agent_type);
    const done = accepted(
      await colony.repository.define(contextOf(call), agent_type, call.body.based_on, call.body.overrides),
    );
    return commandAnswer(done, { agent_type: done.state.entry });
  },
});

route({
  name: 'reviseAgentType',
  method: 'PATCH',
  path: '/v1/agents/repository/{agent_type}',
  summary: "Revise a type of the tenant's own",
  tags: TAGS,
  needs: 'read_write',
  params: z.object({ agent_type: Id }),
  body: z.strictObject({ overrides: Overrides }),
  responses: {
    200: { description: 'Revised; its version has grown', schema: z.object({ receipt: Receipt, agent_type: Entry }) },
  },
  async handler(call) {
    const { colony } = await runtime();
    const done = accepted(await colony.repository.revise(contextOf(call), call.params.agent_type, call.body.overrides));
    return commandAnswer(done, { agent_type: done.state.entry });
  },
});

route({
  name: 'withdrawAgentType',
  method: 'DELETE',
  path: '/v1/agents/repository/{agent_type}',
  summary: "Withdraw a type of the tenant's own",
  tags: TAGS,
  needs: 'read_write',
  params: z.object({ agent_type: Id }),
  query: z.object({ reason: Text(1_000).default('withdrawn') }),
  responses: { 200: { description: 'Withdrawn; running instances go on', schema: z.object({ receipt: Receipt }) } },
  async handler(call) {
    const { colony } = await runtime();
    return commandAnswer(
      accepted(await colony.repository.withdraw(contextOf(call), call.params.agent_type, call.query.reason)),
      {},
    );
  },
});

const Schedule = z.strictObject({
  cron: Text(100)
    .refine(isCron, 'must be a cron expression of five or six fields, of a time that comes')
    .meta({ example: '0 9-17 * * 1-5' }),
  timezone: Text(64).refine(isTimeZone, 'must be a time zone such as Europe/Zurich').optional(),
});

const Resources = z.strictObject({
  cpu: z
    .string()
    .regex(/^\d{1,6}(\.\d{1,3}|m)?$/, 'must be cores, or thousandths of one such as 500m')
    .meta({ example: '2' }),
  memory: z
    .string()
    .regex(/^\d{1,6}(\.\d{1,3})?([KMGT]i?B?)?$/, 'must be bytes, or a number such as 512Mi')
    .meta({ example: '4Gi' }),
});

/** One that means something: 30 February never comes. */
function isCron(text: string): boolean {
  if (!/^\S+( \S+){4,5}$/.test(text)) return false;
  try {
    return new Cron(text, { paused: true }).nextRun() !== null;
  } catch {
    return false;
  }
}

function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}

route({
  name: 'deployAgent',
  method: 'POST',
  path: '/v1/agents/deploy',
  summary: 'Deploy an instance of a type',
  description:
    'Registers an agent with the capabilities of its type. Schedule and resources are kept with it; what wakes it by them comes with the lifecycle.',
  tags: TAGS,
  needs: 'read_write',
  body: z.strictObject({
    agent_type: Id,
    tenant_id: z.string().max(63).optional().meta({ description: "By default the caller's; another's is refused" }),
    id: Id.optional(),
    lifecycle: z.enum(COST_TIERS).optional(),
    schedule: Schedule.optional(),
    resources: Resources.optional(),
    capacity: z.int().min(1).max(1_000).default(1),
    location: Location.optional(),
  }),
  responses: {
    201: { description: 'Deployed', schema: z.object({ receipt: Receipt, agent: OpenObject, agent_type: Entry }) },
  },
  async handler(call) {
    const { colony } = await runtime();
    const { principal, body, idempotencyKey, now } = call;
    if (body.tenant_id !== undefined && body.tenant_id !== principal.tenant)
      throw Problem.of(
        'forbidden',
        `The caller belongs to ${principal.tenant} and can't deploy for ${body.tenant_id}.`,
      );
    const entry = await colony.repository.find(principal.tenant, body.agent_type);
    if (entry instanceof Rejection) throw rejected(entry);
    // A type's name may be as long as an id.
    const made = `${cut(entry.agent_type, 80)}-${idempotencyKey === undefined ? newId(now) : derivedId(principal.tenant, principal.id, idempotencyKey)}`;
    const id = newAgent(body.id ?? made);
    const done = accepted(await colony.agents.register(contextOf(call), id, profileOf(entry, body)));
    return commandAnswer(
      done,
      { agent: { ...agentView(id, done), lifecycle: done.state.profile?.deployment?.tier }, agent_type: entry },
      201,
      { location: `/v1/agents/${id}` },
    );
  },
});

function profileOf(
  entry: AgentTypeEntry,
  body: {
    lifecycle?: AgentTypeEntry['cost_tier'];
    schedule?: { cron: string; timezone?: string };
    resources?: { cpu: string; memory: string };
    capacity: number;
    location?: string;
  },
) {
  return {
    agent_type: entry.agent_type,
    pool: entry.agent_type.split('.')[0] as string,
    capabilities: Object.fromEntries(entry.capabilities.map((capability) => [capability, 1])),
    capacity: body.capacity,
    location: body.location,
    presence_seconds: 60,
    offer: { helps: [], min_strength: 0 },
    deployment: {
      version: entry.version,
      tier: body.lifecycle ?? entry.cost_tier,
      state: entry.default_lifecycle,
      schedule: body.schedule,
      resources: body.resources,
    },
  };
}
