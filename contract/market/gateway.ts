/** `/v1/gateway`: one connection for many agents. */
import { z } from 'zod';
import { Alone, Flag, Id, Problem, Receipt, SENT_AGAIN, whole } from '../common';
import { rounds } from '../oversight/rounds';
import { contract } from '../route';
import { AgentInput, agents, Assignment, Cursor, Held, HeldTask, Offer, VoteAsked } from './agents';
import { MARKET_REFUSALS } from './problems';
import { tasks } from './tasks';

const tag = {
  name: 'Gateway',
  description:
    'For a service that speaks for many agents: it registers them, waits for all of them in one request, and does what they do in batches. Nobody but the service that registered an agent speaks for it here; receipts name the agent as the actor, and beside it the service.',
  refusals: MARKET_REFUSALS,
};

/** Agents, or commands, in one request. */
export const MOST = 500;

// ------------------------------------------------------------------------------------------------- what is sent

const of = { agent: Id };
const OfTask = { ...of, task: Id };

export const AgentCommandInput = z
  .discriminatedUnion('do', [
    tasks.bid.body.extend({ do: z.literal('bid'), ...OfTask }),
    tasks.withdrawBid.body.extend({ do: z.literal('withdraw_bid'), ...OfTask }),
    tasks.accept.body.extend({ do: z.literal('accept'), ...OfTask }),
    tasks.decline.body.extend({ do: z.literal('decline'), ...OfTask }),
    tasks.progress.body.extend({ do: z.literal('progress'), ...OfTask }),
    tasks.complete.body.extend({ do: z.literal('complete'), ...OfTask }),
    tasks.fail.body.extend({ do: z.literal('fail'), ...OfTask }),
    tasks.release.body.extend({ do: z.literal('release'), ...OfTask }),
    tasks.handOff.body.extend({ do: z.literal('handoff'), ...OfTask }),
    agents.heartbeat.body.extend({ do: z.literal('heartbeat'), ...of }),
    agents.deregister.query.extend({ do: z.literal('deregister'), ...of }).strict(),
    rounds.vote.body.omit({ voter: true }).extend({ do: z.literal('vote'), ...of, round: Id }),
  ])
  .meta({
    id: 'AgentCommandInput',
    description: 'What an agent does: `do` names it, the other fields are those of its own route',
  });

// --------------------------------------------------------------------------------------------- what is answered

const Registered = z
  .object({
    id: Id.optional().meta({ description: 'Left out where what was sent has none' }),
    receipt: Receipt.optional(),
    problem: Problem.optional(),
  })
  .meta({ id: 'RegisteredAgent', description: 'A receipt, or the problem that kept this agent out' });

const Done = z
  .object({
    status: z.int().meta({ description: 'Of the answer that this command would have got by itself' }),
    receipt: Receipt.optional(),
    held: z.array(Held).optional().meta({ description: 'To a heartbeat: drop the work of those that do not stand' }),
    problem: Problem.optional(),
  })
  .meta({ id: 'AgentCommandAnswer', description: 'What came of one command: its receipt, or a problem' });

export const InboxItem = z.discriminatedUnion('kind', [
  Assignment.extend(of),
  HeldTask.extend(of),
  Offer.extend(of),
  VoteAsked.extend(of),
]);

export const GatewayInbox = z
  .object({
    items: z.array(InboxItem),
    after: Cursor.meta({ description: 'Give it back as `after`: it says that this answer has arrived' }),
    more: z.boolean().meta({ description: 'Whether more waits that had no room: ask again at once' }),
  })
  .meta({ id: 'GatewayInbox', description: 'What waits for the agents, each item with its agent' });

// ----------------------------------------------------------------------------------------------------- the routes

const profile = { agent_type: 'finance.reconciliation', capabilities: { invoice_matching: 0.9 }, capacity: 3 };

export const gateway = contract({
  register: {
    name: 'registerGatewayAgents',
    method: 'POST',
    path: '/v1/gateway/agents',
    tag,
    needs: 'read_write',
    summary: `Register up to ${MOST} agents, or revise what they say of themselves`,
    description: `The caller, a service, speaks for them from then on, until they are deregistered. An id that another has registered is refused. Each agent is read, and registered or refused, on its own (what its problem points at is within the agent); the answers stand in the order of the agents. ${SENT_AGAIN}`,
    conditional: false,
    bodyLimit: 4_000_000,
    body: z.strictObject({
      agents: z
        .array(Alone(AgentInput.extend({ id: Id })))
        .min(1)
        .max(MOST),
    }),
    cost: ({ agents }: { readonly agents: readonly unknown[] }) => agents.length,
    answer: z.object({ value: z.array(Registered) }),
    answers: 'One answer for each agent',
    example: { as: 'service:desk', body: { agents: [{ id: 'recon-7', ...profile }] } },
  },
  inbox: {
    name: 'readGatewayInbox',
    method: 'GET',
    path: '/v1/gateway/inbox',
    tag,
    needs: 'read_write',
    work: 'underway',
    summary: "Wait for what waits for any of the caller's agents",
    description:
      'A long poll: answers as soon as there is something, or with nothing after `waitSeconds`. While it waits it is a sign of life of all agents that the caller speaks for. The items are those of an agent’s own inbox, each with its `agent`. Offers and votes that an answer showed are not shown again to whoever gives its `after` back; awards may be, until they are accepted; without `after`, or with one that is not known here, everything is shown from the beginning, so something may come twice, and nothing is passed over. `limit` is reached by whole agents: the last one’s items may go beyond it. `holding=true` also shows what they have accepted and not ended.',
    query: z.object({
      waitSeconds: whole(0, 30, 0),
      after: Cursor.optional(),
      limit: whole(1, 1_000, 500),
      holding: Flag.default(false),
    }),
    answer: GatewayInbox,
    answers: 'What waits',
    example: { as: 'service:desk', query: { waitSeconds: 0, holding: true } },
  },
  command: {
    name: 'commandGatewayAgents',
    method: 'POST',
    path: '/v1/gateway/commands',
    tag,
    needs: 'execute',
    summary: `Do up to ${MOST} things that agents do`,
    description: `Each is read, and done or refused, on its own, as by the route of its own (what its problem points at is within the command); the answers stand in the order of the commands, with the receipt and without the task. Those of one agent are done one after the other, in their order. The \`Idempotency-Key\` is that of all of them: sent again, what was done is answered once more. ${SENT_AGAIN} For the caller's rate each command counts as a request.`,
    conditional: false,
    bodyLimit: 4_000_000,
    body: z.strictObject({ commands: z.array(Alone(AgentCommandInput)).min(1).max(MOST) }),
    cost: ({ commands }: { readonly commands: readonly { readonly holding?: readonly unknown[] }[] }) =>
      commands.reduce((sum, { holding = [] }) => sum + 1 + holding.length / 20, 0),
    answer: z.object({ value: z.array(Done) }),
    answers: 'One answer for each command',
    example: {
      as: 'service:desk',
      body: {
        commands: [
          { agent: 'recon-7', do: 'accept', task: 'invoice-4711', award: 1 },
          { agent: 'recon-7', do: 'heartbeat', holding: [{ task: 'invoice-4711', award: 1 }] },
        ],
      },
    },
  },
});
