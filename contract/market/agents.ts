/** `/v1/agents`: registration, presence, the inbox, discovery. */
import { z } from 'zod';
import { PRESENCE_SECONDS } from '../../domain/market/agent';
import { AGENT_STATUSES } from '../../domain/market/statuses';
import { MAX_EFFORT } from '../../domain/market/task';
import { COST_TIERS, DEFAULT_LIFECYCLES } from '../../domain/repository/catalogue';
import { AsOf, At, ById, CommandOf, Count, Flag, Id, List, Location, Paged, Reason, Unit, whole } from '../common';
import { Impact } from '../oversight/common';
import { contract } from '../route';
import { MARKET_REFUSALS } from './problems';
import { TaskProgress, TaskSpec } from './tasks';

const tag = {
  name: 'Agents',
  description:
    'Who does the work: what each says of itself, whether it gives signs of life, which tasks hold its slots, and what waits for it in its inbox.',
  refusals: MARKET_REFUSALS,
};

// ------------------------------------------------------------------------------------------------- what is sent

/** Tasks at once. */
export const Capacity = z.int().min(1).max(1_000);

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
    capacity: Capacity.default(1).meta({ description: 'Tasks at once' }),
    location: Location.optional(),
    limits: z
      .strictObject({
        presence_seconds: z.number().min(1).max(3_600).default(PRESENCE_SECONDS),
        max_effort: z.number().positive().max(MAX_EFFORT).optional(),
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

/** A place in what waits; one that is not known, of whatever form, means the beginning. */
export const Cursor = z
  .string()
  .regex(/^[\w.:+-]{0,1000}$/, 'must be the cursor of an earlier answer, as it is')
  .meta({
    description: 'A place in what waits, as an earlier answer gave it; one that is not known here means the beginning',
  });

const Holding = z
  .strictObject({ task: Id, award: z.int().min(1) })
  .meta({ id: 'Holding', description: 'A task that an agent says it holds' });

// --------------------------------------------------------------------------------------------- what is answered

const AgentStatus = z.enum(AGENT_STATUSES);
const Levels = z.record(z.string(), Unit).meta({ description: 'Capability → level' });
const Load = z.number().meta({ description: 'Slots in use over capacity' });
const StandingOffer = z
  .object({
    helps: z.array(Id).meta({ description: 'Capabilities that it lends to overloaded pools while it is idle itself' }),
    max_effort: z.number().optional().meta({ description: 'Largest estimated effort in seconds that it takes' }),
    min_strength: Unit.meta({ description: 'Weakest task signal that it takes' }),
  })
  .meta({ id: 'StandingOffer' });

const DeploymentSchedule = z.object({ cron: z.string(), timezone: z.string().optional() });
const DeploymentResources = z.object({ cpu: z.string(), memory: z.string() });

const Deployment = z
  .object({
    version: z.string().meta({ description: "Of the repository's entry" }),
    tier: z.enum(COST_TIERS),
    state: z.enum(DEFAULT_LIFECYCLES).meta({ description: 'How an instance starts' }),
    schedule: DeploymentSchedule.optional(),
    resources: DeploymentResources.optional(),
  })
  .meta({ id: 'Deployment' });

const Slot = z
  .object({
    task_type: z.string(),
    award: Count,
    since: At,
    expires: At.optional().meta({ description: "Until then the award must show in the task's stream" }),
    receipt: z.string().meta({ description: 'Of the reservation: stream@index' }),
  })
  .meta({ id: 'Slot' });

export const Agent = z
  .object({
    id: Id,
    version: Count,
    status: AgentStatus,
    since: At.meta({ description: 'Since when it has had this status' }),
    agent_type: Id,
    pool: Id,
    capabilities: Levels,
    capacity: Count.meta({ description: 'Tasks at once' }),
    location: z.string().optional(),
    presence_seconds: z.number().meta({ description: 'Seconds without a sign of life after which it counts as lost' }),
    offer: StandingOffer.nullable().meta({ description: 'null: it only takes what it bids for' }),
    deployment: Deployment.optional().meta({ description: 'How it was deployed from the repository, when it was' }),
    gateway: z
      .string()
      .optional()
      .meta({ description: 'The service that registered it and speaks for it; absent: it speaks for itself' }),
    load: Load,
    slots: z.record(z.string(), Slot).meta({ description: 'The tasks that hold its capacity, by id' }),
    record: z
      .record(z.string(), z.object({ wins: Count, tries: Count }))
      .meta({ description: 'What has come of its tasks, by type' }),
  })
  .meta({ id: 'Agent', description: 'An agent: what it says of itself, its status, the tasks that hold its slots' });

export const AgentSummary = Agent.pick({
  id: true,
  agent_type: true,
  pool: true,
  status: true,
  capabilities: true,
  capacity: true,
  load: true,
})
  .extend({
    slots: Count.meta({ description: 'In use' }),
    location: z.string().nullable(),
    standing_offer: z.boolean(),
    since: At.nullable(),
  })
  .meta({ id: 'AgentSummary', description: 'An agent as lists show it' });

export const Held = z
  .object({
    task: Id,
    award: Count,
    stands: z.boolean(),
    status: z.literal('awarded').optional().meta({ description: 'Not accepted yet' }),
  })
  .meta({ id: 'Held', description: 'Whether a claim still stands; drop the work of one that does not' });

export const Assignment = z
  .object({
    kind: z.literal('assignment'),
    task: Id,
    award: Count,
    accept_by: At,
    attempt: Count,
    lease_seconds: z.number(),
    spec: TaskSpec,
  })
  .meta({ id: 'Assignment', description: 'An award that waits for acceptance' });

export const HeldTask = z
  .object({
    kind: z.literal('holding'),
    task: Id,
    task_type: Id,
    award: Count,
    attempt: Count,
    lease_seconds: z.number(),
    lease_until: At.meta({
      description: 'When the lease ends without a further sign of life, as far as the receipts say',
    }),
    progress: TaskProgress.optional(),
  })
  .meta({ id: 'HeldTask', description: 'A task that the agent has accepted and not ended' });

export const Offer = z
  .object({
    kind: z.literal('offer'),
    task: Id,
    bids_close_at: At.meta({
      description:
        'When the market chooses among the bids; when that is over, the first bid that fits gets the task at once',
    }),
    strength: Unit,
    spec: TaskSpec,
  })
  .meta({ id: 'Offer', description: 'A task that the agent may bid for' });

export const VoteAsked = z
  .object({
    kind: z.literal('vote'),
    round: Id,
    pass: Count,
    snapshot: z.string().meta({ description: 'Given back with the vote: whom the agent believes to be asked' }),
    question: z.string(),
    choices: z.array(z.string()),
    impact: Impact,
    deadline: At,
  })
  .meta({ id: 'VoteAsked', description: "An open round that misses the agent's vote" });

export const InboxItem = z.discriminatedUnion('kind', [Assignment, HeldTask, Offer, VoteAsked]);

export const Inbox = z
  .object({
    items: z.array(InboxItem),
    offers_after: Cursor.meta({
      description: 'Give it back as `offersAfter`: then no offer and no vote is shown twice, and none is passed over',
    }),
  })
  .meta({ id: 'Inbox' });

export const AgentConnection = z
  .object({
    push: z
      .object({
        url: z.string().meta({ description: 'To connect with, by WebSocket, within some minutes; a secret' }),
        protocol: z.string().meta({ description: 'The subprotocol to ask for' }),
      })
      .nullable()
      .meta({ description: 'null: there is none now; wait in long polls, and ask again in ten minutes' }),
    look_seconds: z.number().meta({ description: 'How often to read the inbox although nothing was heard' }),
  })
  .meta({ id: 'AgentConnection', description: 'Where an agent hears that it is time to read its inbox' });

const AgentCommand = CommandOf({ agent: Agent });

// ----------------------------------------------------------------------------------------------------- the routes

const params = { id: 'recon-7' };
const profile = {
  agent_type: 'finance.reconciliation',
  capabilities: { invoice_matching: 0.9 },
  capacity: 3,
};

export const agents = contract({
  register: {
    name: 'registerAgent',
    method: 'POST',
    path: '/v1/agents',
    tag,
    needs: 'read_write',
    refuses: [],
    summary: 'Register an agent under a new id',
    description:
      'The id is the one in the body; without one it is the caller, when that is an agent, else a new one (made from the `Idempotency-Key`, when there is one).',
    body: AgentInput.extend({ id: Id.optional() }),
    status: 201,
    answer: AgentCommand,
    answers: 'Registered',
    example: { as: 'service:crm', body: { id: 'recon-9', ...profile } },
  },
  put: {
    name: 'putAgent',
    method: 'PUT',
    path: '/v1/agents/{id}',
    tag,
    needs: 'read_write',
    refuses: [],
    summary: 'Register an agent, or revise what it says of itself',
    params: ById,
    body: AgentInput,
    answer: AgentCommand,
    answers: 'Registered',
    example: { as: 'recon-7', params, body: profile },
  },
  list: {
    name: 'listAgents',
    method: 'GET',
    path: '/v1/agents',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'List and find agents',
    query: z.object({
      capability: Id.optional(),
      agent_type: Id.optional(),
      pool: Id.optional(),
      status: AgentStatus.optional(),
      ...Paged,
    }),
    answer: List(AgentSummary),
    answers: 'A page, in order of id; eventually consistent',
    example: { query: { agent_type: 'finance.reconciliation', status: 'active' } },
  },
  get: {
    name: 'getAgent',
    method: 'GET',
    path: '/v1/agents/{id}',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'Read an agent, now or as it was',
    params: ById,
    query: AsOf,
    answer: Agent,
    answers: 'The agent; a live fold of its stream',
    example: { params },
  },
  deregister: {
    name: 'deregisterAgent',
    method: 'DELETE',
    path: '/v1/agents/{id}',
    tag,
    needs: 'read_write',
    refuses: ['agent-not-found'],
    summary: 'Deregister an agent; it gives its tasks back',
    params: ById,
    query: z.object({ reason: Reason.default('deregistered') }),
    answer: AgentCommand,
    answers: 'Deregistered',
    example: { as: 'recon-8', params: { id: 'recon-8' }, query: { reason: 'the ledger is closed' } },
  },
  heartbeat: {
    name: 'heartbeatAgent',
    method: 'POST',
    path: '/v1/agents/{id}/heartbeat',
    tag,
    needs: 'read_write',
    refuses: ['agent-not-found'],
    summary: 'Give a sign of life, and extend the leases of the tasks held',
    params: ById,
    body: z.strictObject({ holding: z.array(Holding).max(1_000).default([]) }),
    cost: ({ holding }: { readonly holding: readonly unknown[] }) => 1 + holding.length / 20,
    answer: z.object({ held: z.array(Held) }),
    answers: 'Which claims still stand; drop the work of those that do not',
    example: { as: 'recon-7', params, body: { holding: [{ task: 'invoice-4711', award: 1 }] } },
  },
  inbox: {
    name: 'readInbox',
    method: 'GET',
    path: '/v1/agents/{id}/inbox',
    tag,
    needs: 'read_write',
    work: 'underway',
    refuses: ['agent-not-found'],
    summary: 'Wait for awards to accept, offers to bid for and votes to cast',
    description:
      'A long poll: answers as soon as there is something, or with nothing after `waitSeconds`. Asking is a sign of life. An item has the kind `assignment`, `vote` or `offer`; a vote is cast with the `pass` and the `snapshot` that stand there. Awards are shown until they are accepted; offers and votes are not shown again to whoever gives `offers_after` back as `offersAfter`. Each kind has room for 100 items in a page: what has none comes with the next. `holding=true` also shows, as `holding`, what the agent has accepted and not ended: for a worker that was started again.',
    params: ById,
    query: z.object({ waitSeconds: whole(0, 30, 0), offersAfter: Cursor.optional(), holding: Flag.default(false) }),
    answer: Inbox,
    answers: 'What waits',
    example: { as: 'recon-7', params, query: { waitSeconds: 0, holding: true } },
  },
  connect: {
    name: 'connectAgent',
    method: 'POST',
    path: '/v1/agents/{id}/connection',
    tag,
    needs: 'read_write',
    refuses: ['agent-not-found'],
    summary: 'Hear that it is time to read the inbox, without a long poll',
    description:
      'Where the host has a service that holds connections (Azure Web PubSub), gives a URL that the agent, and it alone, connects with; nothing can be sent there. Each message means: read the inbox, and wait two seconds for something (`waitSeconds=2`), since the process that answers may hear of it a moment later. What a message holds means nothing. Messages may be lost, and may come for nothing: read the inbox once after each connection, and then every `look_seconds`, which also is the sign of life that is due. A connection that ends is made again with a new URL. Asking is a sign of life.',
    params: ById,
    answer: AgentConnection,
    answers: 'Where to connect',
    example: { as: 'recon-7', params },
  },
});
