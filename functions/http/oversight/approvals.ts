/** `/v1/approvals`: what waits for people, and what they decide. */
import { z } from 'zod';
import type { RequestContext } from '../../../app/engine/command';
import { type ApprovalOutcome, type Approvals, approvalView, MAX_BULK } from '../../../app/oversight/approvals';
import type { Level } from '../../../domain/kernel/principal';
import { contextOf } from '../../edge/context';
import { rejected } from '../../edge/problem';
import { route } from '../../edge/route';
import {
  batchAnswer,
  commandAnswer,
  Continuation,
  existing,
  given,
  Hash,
  Id,
  Impact,
  List,
  OpenObject,
  page,
  queried,
  Receipt,
  receiptOf,
  SENT_AGAIN,
  Text,
  Timestamp,
  whole,
} from '../../edge/schemas';
import { accepted, runtime } from '../../runtime';

const TAGS = ['Approvals'];
const Params = z.object({ approval_id: Id });
const Reason = Text(2_000);

const ApprovalOut = OpenObject.meta({
  id: 'Approval',
  description:
    'What is asked about which action, of whom, until when; claim, questions, what was given, edited and decided',
});
const Command = z.object({ receipt: Receipt, approval: ApprovalOut });

route({
  name: 'listApprovals',
  method: 'GET',
  path: '/v1/approvals',
  summary: 'The queue: the most severe first, of equals the one whose time is up first',
  tags: TAGS,
  needs: 'read_only',
  query: z.object({
    status: z
      .enum(['waiting', 'closed', 'all'])
      .optional()
      .meta({ description: 'waiting by default; with an outcome: closed' }),
    kind: Id.optional(),
    severity: Impact.optional(),
    requester: Id.optional(),
    outcome: z.enum(['approved', 'rejected', 'defaulted', 'withdrawn', 'superseded']).optional(),
    group: Id.optional().meta({ description: 'One that was asked' }),
    limit: whole(1, 1_000, 100),
    continuation: Continuation,
  }),
  responses: { 200: { description: 'A page; eventually consistent', schema: List(OpenObject) } },
  async handler(call) {
    const { colony } = await runtime();
    const {
      limit,
      continuation,
      status = call.query.outcome === undefined ? 'waiting' : 'closed',
      ...filters
    } = call.query;
    const where = given({ ...filters, status: status === 'all' ? undefined : status });
    const found = await queried(() => colony.approvals.list(call.principal.tenant, where, limit, continuation));
    return page(call, '/v1/approvals', found.approvals, found.continuation);
  },
});

route({
  name: 'getApproval',
  method: 'GET',
  path: '/v1/approvals/{approval_id}',
  summary: 'Read an approval, now or as it was',
  page: ({ id, status, kind, hash }) => ({
    title: `Approval: ${String(kind)} (${String(status)})`,
    commands:
      status === 'waiting'
        ? [
            `npx formicary approval ${String(id)}`,
            `npx formicary approve ${String(id)} --hash ${String(hash)} --reason …`,
            `npx formicary reject ${String(id)} --hash ${String(hash)} --reason …`,
          ]
        : [`npx formicary approval ${String(id)}`],
  }),
  tags: TAGS,
  needs: 'read_only',
  params: Params,
  query: z.object({ asOf: Timestamp.optional() }),
  responses: { 200: { description: 'The approval; a live fold of its stream', schema: ApprovalOut } },
  async handler(call) {
    const { colony } = await runtime();
    const { approval_id } = call.params;
    const loaded = existing(
      'approval',
      approval_id,
      await colony.approvals.load(call.principal.tenant, approval_id, call.query.asOf),
      call.query.asOf,
    );
    return { status: 200, body: approvalView(approval_id, loaded), etag: loaded.version };
  },
});

route({
  name: 'decideApprovals',
  method: 'POST',
  path: '/v1/approvals/bulk',
  summary: `Decide up to ${MAX_BULK} approvals of low impact`,
  description: `Each is decided or refused on its own; the answers stand in the order of the items. ${SENT_AGAIN}`,
  conditional: false,
  tags: TAGS,
  needs: 'execute',
  body: z.strictObject({
    decision: z.enum(['approve', 'reject']),
    items: z
      .array(z.strictObject({ id: Id, hash: Hash }))
      .min(1)
      .max(MAX_BULK),
    reason: Reason,
  }),
  responses: {
    200: {
      description: 'One answer for each',
      schema: z.object({
        value: z.array(
          z.object({ id: Id, ok: z.boolean(), receipt: Receipt.optional(), problem: OpenObject.optional() }),
        ),
      }),
    },
  },
  async handler(call) {
    const { colony } = await runtime();
    const { decision, items, reason } = call.body;
    const decided = await colony.approvals.bulk(contextOf(call), decision, items, reason);
    const value = decided.map((one) =>
      one.ok
        ? { id: one.id, ok: true, receipt: receiptOf(one) }
        : { id: one.id, ok: false, problem: rejected(one.rejection).document },
    );
    return batchAnswer(value);
  },
});

/** Declares a command on an approval. */
function command<B extends z.ZodObject>(
  name: string,
  step: string,
  summary: string,
  needs: Level,
  body: B,
  run: (approvals: Approvals, context: RequestContext, id: string, body: z.output<B>) => Promise<ApprovalOutcome>,
): void {
  route({
    name,
    method: 'POST',
    path: `/v1/approvals/{approval_id}/${step}`,
    summary,
    tags: TAGS,
    needs,
    params: Params,
    body,
    responses: { 200: { description: 'Done, or done before', schema: Command } },
    async handler(call) {
      const { colony } = await runtime();
      const { approval_id } = call.params;
      const done = accepted(await run(colony.approvals, contextOf(call), approval_id, call.body));
      return commandAnswer(done, { approval: approvalView(approval_id, done) });
    },
  });
}

const Seconds = z.number().min(1).max(3_600).default(600);
const Choice = Id.optional().meta({
  description:
    'Where several things may be approved (`choices`): which. Without it `leader` is approved; on a tie there is none, and this is needed',
});
const Edit = z
  .unknown()
  .optional()
  .meta({ description: 'The whole action as it should be; without it, as it was shown' });

command(
  'claimApproval',
  'claim',
  'Take it up, so that nobody else works on it meanwhile; at most for half of the time of the group whose turn it is',
  'execute',
  z.strictObject({ seconds: Seconds }),
  (approvals, context, id, { seconds }) => approvals.claim(context, id, seconds),
);
command(
  'releaseApproval',
  'release',
  'Let go of it before the claim ends',
  'execute',
  z.strictObject({}),
  (approvals, context, id) => approvals.unclaim(context, id),
);
command(
  'approve',
  'approve',
  'Approve exactly the action that you saw, or as you correct it',
  'execute',
  z.strictObject({ hash: Hash, reason: Reason, edit: Edit, choice: Choice }),
  (approvals, context, id, consent) => approvals.approve(context, id, consent),
);
command(
  'reject',
  'reject',
  'Reject it: the action is not taken',
  'execute',
  z.strictObject({ hash: Hash, reason: Reason }),
  (approvals, context, id, rejection) => approvals.reject(context, id, rejection),
);
command(
  'askRequester',
  'ask',
  'Ask the requester back; the time goes on',
  'execute',
  z.strictObject({ question: Reason }),
  (approvals, context, id, { question }) => approvals.ask(context, id, question),
);
command(
  'answerQuestion',
  'answer',
  'Answer a question, as the requester',
  'read_write',
  z.strictObject({ number: z.int().min(1).max(50), text: Reason }),
  (approvals, context, id, { number, text }) => approvals.answer(context, id, number, text),
);
command(
  'withdrawApproval',
  'withdraw',
  'Withdraw the request, as the requester',
  'read_write',
  z.strictObject({ reason: Reason }),
  (approvals, context, id, { reason }) => approvals.withdraw(context, id, reason),
);
