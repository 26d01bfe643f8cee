/** `/v1/agents/repository`, `/v1/agents/deploy`: the types of agents, and one call to deploy one. */
import { z } from 'zod';
import { MAX_WITHDRAWAL_REASON } from '../../domain/repository/agent-template';
import {
  CATEGORIES,
  CHANGEABLE_FIELDS,
  COST_TIERS,
  DEFAULT_LIFECYCLES,
  SEARCH_FIELDS,
} from '../../domain/repository/catalogue';
import { CommandOf, Id, Location, Text, whole } from '../common';
import { Agent, Capacity } from '../market/agents';
import { contract } from '../route';
import { REPOSITORY_REFUSALS } from './problems';

const tag = {
  name: 'Agent repository',
  description:
    "Types of agents that can be deployed: the built-in ones and the tenant's own, to be searched, to be made from each other, and to be deployed by one call.",
  refusals: REPOSITORY_REFUSALS,
};
const ByType = z.object({ agent_type: Id });

// ------------------------------------------------------------------------------------------------- what is sent

const Overrides = z
  .record(z.string().max(64), z.unknown())
  .default({})
  .meta({ description: `Fields of the entry that shall be different: ${CHANGEABLE_FIELDS.join(', ')}` });

/** Says of a cron expression what has to hold: its form here; that its time ever comes is the host's to find out. */
export const CRON_RULE = 'must be a cron expression of five or six fields, of a time that comes';

const Schedule = z
  .strictObject({
    cron: Text(100)
      .regex(/^\S+( \S+){4,5}$/, CRON_RULE)
      .meta({ example: '0 9-17 * * 1-5' }),
    timezone: Text(64).refine(isTimeZone, 'must be a time zone such as Europe/Zurich').optional(),
  })
  .meta({ id: 'Schedule' });

const Resources = z
  .strictObject({
    cpu: z
      .string()
      .regex(/^\d{1,6}(\.\d{1,3}|m)?$/, 'must be cores, or thousandths of one such as 500m')
      .meta({ example: '2' }),
    memory: z
      .string()
      .regex(/^\d{1,6}(\.\d{1,3})?([KMGT]i?B?)?$/, 'must be bytes, or a number such as 512Mi')
      .meta({ example: '4Gi' }),
  })
  .meta({ id: 'Resources' });

export const DeployInput = z
  .strictObject({
    agent_type: Id,
    tenant_id: z.string().max(63).optional().meta({ description: "By default the caller's; another's is refused" }),
    id: Id.optional(),
    lifecycle: z.enum(COST_TIERS).optional().meta({ description: "When it is to run; by default the type's tier" }),
    schedule: Schedule.optional(),
    resources: Resources.optional(),
    capacity: Capacity.default(1),
    location: Location.optional(),
  })
  .meta({ id: 'DeployInput' });

function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}

// --------------------------------------------------------------------------------------------- what is answered

export const AgentType = z
  .object({
    agent_type: z.string().meta({ description: 'group.name, unique', example: 'finance.reconciliation' }),
    name: z.string(),
    description: z.string(),
    category: z.enum(CATEGORIES).meta({
      description: '`meta`: it serves other agents, and belongs to no department or industry',
    }),
    department: z.string().optional().meta({ description: 'Where the category is `departmental`' }),
    industry_vertical: z.string().optional().meta({ description: 'Where the category is `industry`' }),
    version: z.string().meta({ description: 'MAJOR.MINOR.PATCH', example: '1.0.0' }),
    capabilities: z.array(z.string()).meta({ description: 'What a task may ask for' }),
    required_tools: z
      .array(z.string())
      .meta({ description: 'Ids of tools that must be registered before the type can work' }),
    cost_tier: z.enum(COST_TIERS),
    default_lifecycle: z.enum(DEFAULT_LIFECYCLES).meta({ description: 'How a new instance starts' }),
    estimated_cost_per_hour: z.number().meta({ description: 'USD per active hour' }),
    tags: z.array(z.string()),
    based_on: z
      .string()
      .optional()
      .meta({ description: "Of a type of the tenant's own: the entry that it was made from, agent_type@version" }),
  })
  .meta({ id: 'AgentType' });

const CustomAgentType = AgentType.required({ based_on: true }).meta({ id: 'CustomAgentType' });

const AgentTypeHit = AgentType.extend({
  score: z.number().meta({ description: 'Above 0; comparable within one answer' }),
  matched: z
    .array(z.enum(SEARCH_FIELDS))
    .meta({ description: 'The fields in which a word was found, the heaviest first' }),
}).meta({ id: 'AgentTypeHit' });

const DeployedAgent = Agent.extend({
  lifecycle: z.enum(COST_TIERS).optional().meta({ description: 'When it is to run' }),
}).meta({ id: 'DeployedAgent' });

const TypeCommand = CommandOf({ agent_type: CustomAgentType });

// ----------------------------------------------------------------------------------------------------- the routes

const params = { agent_type: 'finance.card_reconciliation' };

export const repository = contract({
  list: {
    // Before getAgent and getAgentType, which would take their paths: the host looks at routes in order of names.
    name: 'findAgentTypes',
    operationId: 'listAgentTypes',
    method: 'GET',
    path: '/v1/agents/repository',
    tag,
    needs: 'read_only',
    summary: 'Filter the types of agents',
    query: z.object({
      department: Text(64).optional(),
      industry: Text(64).optional(),
      capability: Text(128).optional(),
    }),
    answer: z.object({ value: z.array(AgentType) }),
    answers: 'All that match',
    example: { query: { department: 'finance' } },
  },
  search: {
    name: 'findAgentTypesByWords',
    operationId: 'searchAgentTypes',
    method: 'GET',
    path: '/v1/agents/repository/search',
    tag,
    needs: 'read_only',
    summary: 'Search the types of agents by words',
    query: z.object({ q: Text(200).meta({ example: 'inventory optimization' }), limit: whole(1, 200, 20) }),
    answer: z.object({ value: z.array(AgentTypeHit) }),
    answers: 'Best first, with score and matched fields',
    example: { query: { q: 'match bank records', limit: 5 } },
  },
  get: {
    name: 'getAgentType',
    method: 'GET',
    path: '/v1/agents/repository/{agent_type}',
    tag,
    needs: 'read_only',
    summary: 'Read a type of agents, with others like it',
    params: ByType,
    answer: AgentType.extend({ similar: z.array(z.string()).meta({ description: 'Ids of others like it' }) }),
    answers: 'The entry',
    example: { params: { agent_type: 'finance.reconciliation' } },
  },
  define: {
    name: 'defineAgentType',
    method: 'PUT',
    path: '/v1/agents/repository/{agent_type}',
    tag,
    needs: 'read_write',
    summary: "Define a type of the tenant's own from a template",
    params: ByType,
    body: z.strictObject({ based_on: Id, overrides: Overrides }),
    answer: TypeCommand,
    answers: 'Defined',
    example: {
      params: { agent_type: 'finance.lease_reconciliation' },
      body: { based_on: 'finance.reconciliation', overrides: { name: 'Lease reconciler' } },
    },
  },
  revise: {
    name: 'reviseAgentType',
    method: 'PATCH',
    path: '/v1/agents/repository/{agent_type}',
    tag,
    needs: 'read_write',
    summary: "Revise a type of the tenant's own",
    params: ByType,
    body: z.strictObject({ overrides: Overrides }),
    answer: TypeCommand,
    answers: 'Revised; its version has grown',
    example: { params, body: { overrides: { description: 'Matches card payments with the books.' } } },
  },
  withdraw: {
    name: 'withdrawAgentType',
    method: 'DELETE',
    path: '/v1/agents/repository/{agent_type}',
    tag,
    needs: 'read_write',
    summary: "Withdraw a type of the tenant's own",
    params: ByType,
    query: z.object({ reason: Text(MAX_WITHDRAWAL_REASON).default('withdrawn') }),
    answer: CommandOf({}),
    answers: 'Withdrawn; running instances go on',
    example: { params, query: { reason: 'cards are reconciled with the rest' } },
  },
  deploy: {
    name: 'deployAgent',
    method: 'POST',
    path: '/v1/agents/deploy',
    tag,
    needs: 'read_write',
    work: 'new',
    summary: 'Deploy an instance of a type',
    description:
      'Registers an agent with the capabilities of its type. Schedule and resources are kept with it; what wakes it by them comes with the lifecycle.',
    body: DeployInput,
    status: 201,
    answer: CommandOf({ agent: DeployedAgent, agent_type: AgentType }),
    answers: 'Deployed',
    example: {
      body: {
        agent_type: 'finance.reconciliation',
        id: 'recon-night',
        lifecycle: 'business_hours',
        schedule: { cron: '0 9-17 * * 1-5', timezone: 'Europe/Zurich' },
        resources: { cpu: '500m', memory: '1Gi' },
      },
    },
  },
});
