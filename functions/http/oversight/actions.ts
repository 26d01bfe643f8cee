/** `/v1/actions`: what may be done only when it is cleared. */
import { z } from 'zod';
import type { RequestContext } from '../../../app/engine/command';
import { type ActionOutcome, type Actions, actionView } from '../../../app/oversight/actions';
import { contextOf } from '../../edge/context';
import { type Answer, route } from '../../edge/route';
import {
  commandAnswer,
  Continuation,
  createdId,
  existing,
  Features,
  given,
  Hash,
  Id,
  Impact,
  List,
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

const TAGS = ['Actions'];
const Params = z.object({ action_id: Id });
const Reason = Text(2_000);

const ActionInput = z
  .strictObject({
    id: Id.optional().meta({
      description: 'Your own id; without one a new id is made (from the Idempotency-Key, when there is one)',
    }),
    kind: Id.meta({ description: 'Its rules hold', example: 'erp.purchase_order' }),
    action: z.unknown().meta({ description: 'What is to be done: JSON of at most 32 KB, nested at most 32 deep' }),
    why: Reason,
    confidence: Unit,
    impact: Impact,
    risk: Unit.default(0),
    features: Features.default({}),
  })
  .meta({ id: 'ActionInput' });

const ActionOut = OpenObject.meta({
  id: 'Action',
  description: 'What was proposed, its hash and status; what it is held for; who cleared or stopped it, and why',
});
const Command = z.object({ receipt: Receipt, action: ActionOut });

function answer(id: string, outcome: ActionOutcome, status = 200): Answer {
  const done = accepted(outcome);
  return commandAnswer(
    done,
    { action: actionView(id, done) },
    status,
    status === 201 ? { location: `/v1/actions/${id}` } : undefined,
  );
}

route({
  name: 'proposeAction',
  method: 'POST',
  path: '/v1/actions',
  summary: 'Ask whether an action may be taken',
  description:
    'The status says what follows: `cleared` (take it, after `execute`), `held` (agents or people are asked), `veto_window` (it is cleared when nobody stops it in time), `refused`.',
  tags: TAGS,
  needs: 'read_write',
  body: ActionInput,
  responses: { 201: { description: 'Proposed', schema: Command } },
  async handler(call) {
    const { colony } = await runtime();
    const { id: wanted, ...input } = call.body;
    const id = createdId('/v1/actions/{action_id}', call, wanted);
    return answer(id, await colony.actions.propose(contextOf(call), id, input), 201);
  },
});

route({
  name: 'listActions',
  method: 'GET',
  path: '/v1/actions',
  summary: 'List actions',
  tags: TAGS,
  needs: 'read_only',
  query: z.object({
    status: z
      .enum(['proposed', 'held', 'returned', 'veto_window', 'cleared', 'executed', 'refused', 'vetoed'])
      .optional(),
    kind: Id.optional(),
    compensation: z.enum(['due', 'done']).optional(),
    limit: whole(1, 1_000, 100),
    continuation: Continuation,
  }),
  responses: { 200: { description: 'A page, in order of id; eventually consistent', schema: List(OpenObject) } },
  async handler(call) {
    const { colony } = await runtime();
    const { limit, continuation, ...filters } = call.query;
    const found = await queried(() => colony.actions.list(call.principal.tenant, given(filters), limit, continuation));
    return page(call, '/v1/actions', found.actions, found.continuation);
  },
});

route({
  name: 'getAction',
  method: 'GET',
  path: '/v1/actions/{action_id}',
  summary: 'Read an action, now or as it was',
  page: ({ id, status, kind }) => ({
    title: `Action: ${String(kind)} (${String(status)})`,
    commands: [
      `npx formicary actions ${String(id)}`,
      ...(status === 'veto_window' ? [`npx formicary veto ${String(id)} --reason …`] : []),
    ],
  }),
  tags: TAGS,
  needs: 'read_only',
  params: Params,
  query: z.object({ asOf: Timestamp.optional() }),
  responses: { 200: { description: 'The action; a live fold of its stream', schema: ActionOut } },
  async handler(call) {
    const { colony } = await runtime();
    const { action_id } = call.params;
    const loaded = existing(
      'action',
      action_id,
      await colony.actions.load(call.principal.tenant, action_id, call.query.asOf),
      call.query.asOf,
    );
    return { status: 200, body: actionView(action_id, loaded), etag: loaded.version };
  },
});

/** Declares a command on an action. */
function command<B extends z.ZodObject>(
  name: string,
  step: string,
  summary: string,
  body: B,
  run: (actions: Actions, context: RequestContext, id: string, body: z.output<B>) => Promise<ActionOutcome>,
): void {
  route({
    name,
    method: 'POST',
    path: `/v1/actions/{action_id}/${step}`,
    summary,
    tags: TAGS,
    needs: 'execute',
    params: Params,
    body,
    responses: { 200: { description: 'Done, or done before', schema: Command } },
    async handler(call) {
      const { colony } = await runtime();
      const { action_id } = call.params;
      return answer(action_id, await run(colony.actions, contextOf(call), action_id, call.body));
    },
  });
}

command(
  'executeAction',
  'execute',
  'Take a cleared action, once: do it when this succeeds, and only then; asked again without the Idempotency-Key of the first request it answers 409',
  z.strictObject({ hash: Hash, result: z.unknown().optional() }),
  (actions, context, id, taken) => actions.execute(context, id, taken),
);
command(
  'vetoAction',
  'veto',
  'Stop an action while its veto window is open, or before it is taken',
  z.strictObject({ reason: Reason }),
  (actions, context, id, { reason }) => actions.veto(context, id, reason),
);
command(
  'overrideAction',
  'override',
  'Decide otherwise, as a person',
  z.strictObject({ instead: z.enum(['refuse', 'allow']), reason: Reason }),
  (actions, context, id, { instead, reason }) => actions.override(context, id, instead, reason),
);
command(
  'compensateAction',
  'compensated',
  'Say by what a wrong action was undone',
  z.strictObject({ ref: Text(256) }),
  (actions, context, id, { ref }) => actions.compensated(context, id, ref),
);
