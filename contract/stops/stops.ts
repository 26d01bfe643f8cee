/** `/v1/stops`: what halts at once, until somebody lifts it. */
import { z } from 'zod';
import { MAX_STOP_REASON, STOP_EFFECTS, STOPPABLE } from '../../domain/stops/stop';
import { At, CommandOf, Count, Id, Text } from '../common';
import { contract } from '../route';
import { STOPS_REFUSALS } from './problems';

const tag = {
  name: 'Stops',
  description:
    'What is stopped by somebody, above every policy: a tenant, a type of agent, an agent, a tool, a task or a model that does nothing until it is lifted; or everything. It holds in all processes within a second, for what is running, scheduled or queued as well. Reading goes on.',
  refusals: STOPS_REFUSALS,
};

const Thing = z.object({
  kind: z
    .enum(STOPPABLE)
    .meta({ description: 'Whether `name` is a tenant, a type of agent, an agent or a service, and so on' }),
  name: Id.meta({ description: 'Its name or id, in full: `service:crm` is not the agent `crm`; `all` for `global`' }),
});
const reason = Text(MAX_STOP_REASON).meta({
  description: 'It stands on the receipt, and is told to all who are refused',
});

export const Stop = Thing.extend({
  effect: z.enum(STOP_EFFECTS),
  by: z.string().meta({ description: 'Who said so last' }),
  via: z.string().optional().meta({ description: 'Who spoke for them' }),
  reason: z.string(),
  since: At,
  agreed: z
    .object({ by: z.string(), at: At, reason: z.string() })
    .optional()
    .meta({ description: 'The first of the two people who have to lift it' }),
  of: z.enum(['tenant', 'platform']).meta({ description: 'Whose people stopped it, and can lift it' }),
}).meta({ id: 'Stop' });

export const WorkInFlight = z
  .object({
    tenant: z.string(),
    task: Id,
    agent: Id,
    award: Count,
    returned: z.boolean().meta({
      description:
        'Whether the task is taken back and goes to others; its late result is void. Else it stays where it is and waits',
    }),
  })
  .meta({ id: 'WorkInFlight' });

const params = { kind: 'agent', name: 'recon-7' } as const;

export const stops = contract({
  list: {
    name: 'listStops',
    method: 'GET',
    path: '/v1/stops',
    tag,
    needs: 'read_only',
    summary: 'What is stopped, by whom and why',
    answer: z.object({ value: z.array(Stop) }),
    answers: 'Those of the tenant and those of the platform that concern it; what lasts longest first',
    example: {},
  },
  stop: {
    name: 'stop',
    method: 'PUT',
    path: '/v1/stops/{kind}/{name}',
    tag,
    needs: 'critical',
    summary: 'Stop something at once',
    description:
      'A freeze halts it. A quarantine is for what is suspected: only a person lifts it, and nobody their own. What an agent or a type of agent that is stopped works on goes to others, and its attempts do not count. A service is stopped as an `agent` called `service:NAME`; people are not stopped, their tokens are revoked. Deadlines of what is stopped wait, and get the time back. Other tenants, and everything (`global`, `all`), are stopped by people of the tenant `platform`.',
    params: Thing,
    body: z.strictObject({ effect: z.enum(STOP_EFFECTS).default('freeze'), reason }),
    answer: CommandOf({
      stop: Stop,
      in_flight: z.array(WorkInFlight).meta({ description: 'What it was working on; the first thousand' }),
    }),
    answers: 'It holds here, and within a second everywhere',
    example: { params, body: { effect: 'quarantine', reason: 'it pays invoices twice' } },
  },
  lift: {
    name: 'liftStop',
    method: 'POST',
    path: '/v1/stops/{kind}/{name}/lift',
    tag,
    needs: 'critical',
    summary: 'Lift a stop',
    description:
      'What waited goes on. A quarantine is lifted by a person, and the global stop by two within an hour: the first agrees, the second lifts.',
    params: Thing,
    body: z.strictObject({ reason }),
    answer: CommandOf({
      lifted: z.boolean().meta({ description: 'False when a second person has to lift it too' }),
      stop: Stop.optional().meta({ description: 'What still stands' }),
    }),
    answers: 'It is lifted, or agreed to be',
    example: { params, body: { reason: 'the prompt was corrected' } },
  },
});
