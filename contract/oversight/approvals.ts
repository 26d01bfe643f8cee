/** `/v1/approvals`: what waits for people, and what they decide. */
import { z } from 'zod';
import { INSTEAD } from '../../domain/oversight/action';
import {
  APPROVAL_OUTCOMES,
  APPROVAL_STATUSES,
  BULK_DECISIONS,
  MAX_BULK,
  MAX_CLAIM_SECONDS,
  MAX_QUESTIONS,
} from '../../domain/oversight/approval';
import { SAFE_DEFAULTS } from '../../domain/oversight/oversight';
import {
  Anything,
  AsOf,
  At,
  CommandOf,
  Count,
  Day,
  Hash,
  Id,
  List,
  OPENING,
  Paged,
  Problem,
  Reason,
  Receipt,
  SENT_AGAIN,
  Unit,
} from '../common';
import { contract } from '../route';
import { ApproverGroup, Impact, Party, PolicyAtGate } from './common';
import { OVERSIGHT_REFUSALS } from './problems';

const tag = {
  name: 'Approvals',
  description:
    'What waits for people: one action, bound by its hash, that they approve, correct or reject. Groups are asked one after the other; when nobody decides in time, the safe default holds, never the action.',
  refusals: OVERSIGHT_REFUSALS,
};

// ------------------------------------------------------------------------------------------------- what is sent

const ByApproval = z.object({ approval_id: Id });

export const ApprovalDecision = z.strictObject({ hash: Hash, reason: Reason });

const BulkDecision = z
  .strictObject({
    decision: z.enum(BULK_DECISIONS),
    items: z
      .array(z.strictObject({ id: Id, hash: Hash }))
      .min(1)
      .max(MAX_BULK),
    reason: Reason,
  })
  .meta({ id: 'BulkDecision' });

// --------------------------------------------------------------------------------------------- what is answered

const ApprovalStatus = z.enum(APPROVAL_STATUSES);
const ApprovalOutcome = z.enum(APPROVAL_OUTCOMES);
const SafeDefault = z.enum(SAFE_DEFAULTS).meta({ description: 'What holds when nobody decided' });
const Choices = z.array(z.string()).meta({ description: 'What approving may decide, where it is one of several' });
const Leader = z.string().meta({ description: 'What it decides when nobody says which; none on a tie' });

export const Approval = z
  .object({
    id: Id,
    version: Count,
    status: ApprovalStatus,
    action: z.string().meta({ description: 'The stream that waits for it' }),
    kind: Id,
    hash: Hash.meta({ description: 'Of what is decided about, after edits: a decision repeats it' }),
    summary: z.string(),
    requester: z.string(),
    parties: z.array(Party).optional().meta({ description: 'Who does not decide either' }),
    why: z.string(),
    impact: Impact,
    risk: Unit,
    policy: PolicyAtGate,
    inputs: z
      .array(z.object({ by: z.string(), says: z.string(), confidence: Unit.optional() }))
      .meta({ description: 'What agents say of it' }),
    safe_default: SafeDefault,
    choices: Choices.optional(),
    leader: Leader.optional(),
    ladder: z.array(ApproverGroup).meta({ description: 'Who is asked, in this order' }),
    deadline: At.optional().meta({ description: 'Not later than this; the ladder may end before' }),
    severity: Impact,
    score: z.number().meta({ description: '20 to 100: the queue is sorted by it' }),
    approvals_needed: z.literal([1, 2]),
    ends: z.array(At).meta({ description: 'When each group’s time ends; the last is the deadline' }),
    opened_ref: z.string().meta({ description: 'The receipt (stream@index) that opened it, or opened it again' }),
    opened_at: At,
    extended_at: At.optional().meta({ description: 'When `ends` was moved last' }),
    level: Count.meta({ description: 'Place in the ladder of the last group that was asked' }),
    claim: z.object({ by: z.string(), until: At }).optional(),
    questions: z.array(z.object({ by: z.string(), question: z.string(), answer: z.string().optional() })),
    given: z
      .array(z.object({ by: z.string(), reason: z.string(), hash: Hash, at: At, choice: z.string().optional() }))
      .meta({ description: 'Approvals of `hash`' }),
    edit: z
      .object({
        action: Anything,
        hash: Hash,
        changes: z.array(
          z.object({
            path: z.string().meta({ description: 'JSON Pointer; empty for the whole' }),
            before: Anything.optional(),
            after: Anything.optional(),
          }),
        ),
        by: z.string(),
        reason: z.string(),
      })
      .optional()
      .meta({ description: 'The latest correction; it holds as long as `hash` is its hash' }),
    edits: Count,
    editors: z.array(z.string()),
    rejected: z.object({ by: z.string(), reason: z.string() }).optional(),
    outcome: ApprovalOutcome.optional(),
    requested_at: At,
    closed_at: At.optional(),
    reopenings: z.array(z.string()).meta({ description: 'The receipt that made each necessary' }),
    override: z
      .object({ by: z.string(), instead: z.enum(INSTEAD), reason: z.string() })
      .optional()
      .meta({ description: 'What a person decided about the action in another way' }),
  })
  .meta({
    id: 'Approval',
    description:
      'What is asked about which action, of whom, until when; claim, questions, what was given, edited and decided',
  });

export const ApprovalSummary = Approval.pick({
  id: true,
  status: true,
  action: true,
  kind: true,
  hash: true,
  summary: true,
  requester: true,
  why: true,
  impact: true,
  risk: true,
  severity: true,
  approvals_needed: true,
  safe_default: true,
  level: true,
  requested_at: true,
})
  .extend({
    group: z.array(z.string()).meta({ description: 'The groups that were asked so far' }),
    choices: Choices.nullable(),
    leader: Leader.nullable(),
    approved_by: z.array(z.string()),
    claimed_by: z.string().nullable(),
    claimed_until: At.nullable(),
    questions_open: Count,
    deadline: At,
    outcome: ApprovalOutcome.nullable(),
    decided_by: z.string().nullable().meta({ description: 'Who decided last' }),
    edited: z.boolean(),
    closed_at: At.nullable(),
    ended_on: Day.nullable().meta({ description: 'The day of `closed_at`, in UTC' }),
  })
  .meta({ id: 'ApprovalSummary', description: 'An approval as the queue shows it' });

export const BulkAnswer = z
  .object({ id: Id, ok: z.boolean(), receipt: Receipt.optional(), problem: Problem.optional() })
  .meta({ id: 'BulkAnswer', description: 'A receipt, or the problem that kept this one undecided' });

const ApprovalFilter = z.object({
  status: z
    .enum([...APPROVAL_STATUSES, 'all'])
    .optional()
    .meta({ description: 'waiting by default; with an outcome or a day: closed' }),
  kind: Id.optional(),
  severity: Impact.optional(),
  requester: Id.optional(),
  outcome: ApprovalOutcome.optional(),
  group: Id.optional().meta({ description: 'One that was asked' }),
  ended_on: Day.optional().meta({ description: 'Those that were closed on this day, in UTC' }),
  ...Paged,
});

// ----------------------------------------------------------------------------------------------------- the routes

/** The approval of the action `refund-4711`, in the tenant `default`. */
const params = { approval_id: '3a5c58f3-6e80-81fe-9a8b-e7acd4dab530' };
/** SHA-256 of that action. */
const hash = 'f326949faeda574677072297bb727871a957db837fa7c788cbcd633f8a40564c';
const person = { as: 'human:ada', params };
const requester = { as: 'recon-7', params };

/** What the commands on one approval share. */
const command = {
  method: 'POST',
  tag,
  params: ByApproval,
  answer: CommandOf({ approval: Approval }),
  answers: 'Done, or done before',
} as const;

export const approvals = contract({
  list: {
    name: 'listApprovals',
    method: 'GET',
    path: '/v1/approvals',
    tag,
    needs: 'read_only',
    work: 'underway',
    summary: 'The queue: the most severe first, of equals the one whose time is up first',
    query: ApprovalFilter,
    answer: List(ApprovalSummary),
    answers: 'A page; eventually consistent',
    example: { query: { kind: 'finance.refund', group: 'approvers' } },
  },
  get: {
    name: 'getApproval',
    method: 'GET',
    path: '/v1/approvals/{approval_id}',
    tag,
    needs: 'read_only',
    work: 'underway',
    summary: 'Read an approval, now or as it was',
    params: ByApproval,
    query: AsOf.extend(OPENING),
    personal: { of: 'approval', named: 'approval_id' },
    answer: Approval,
    answers: 'The approval; a live fold of its stream',
    example: { params },
  },
  bulk: {
    name: 'decideApprovals',
    method: 'POST',
    path: '/v1/approvals/bulk',
    tag,
    needs: 'read_write',
    summary: `Decide up to ${MAX_BULK} approvals of low impact`,
    description: `Each is decided or refused on its own; the answers stand in the order of the items. ${SENT_AGAIN}`,
    conditional: false,
    body: BulkDecision,
    cost: ({ items }: { readonly items: readonly unknown[] }) => items.length,
    answer: z.object({ value: z.array(BulkAnswer) }),
    answers: 'One answer for each',
    example: {
      as: 'human:ada',
      body: { decision: 'approve', items: [{ id: params.approval_id, hash }], reason: 'all of them are below 200 EUR' },
    },
  },
  claim: {
    ...command,
    name: 'claimApproval',
    path: '/v1/approvals/{approval_id}/claim',
    needs: 'read_write',
    summary:
      'Take it up, so that nobody else works on it meanwhile; at most for half of the time of the group whose turn it is',
    body: z.strictObject({ seconds: z.number().min(1).max(MAX_CLAIM_SECONDS).default(600) }),
    example: { ...person, body: { seconds: 300 } },
  },
  release: {
    ...command,
    name: 'releaseApproval',
    path: '/v1/approvals/{approval_id}/release',
    needs: 'read_write',
    summary: 'Let go of it before the claim ends',
    body: z.strictObject({}),
    example: person,
  },
  approve: {
    ...command,
    name: 'approve',
    path: '/v1/approvals/{approval_id}/approve',
    needs: 'read_write',
    summary: 'Approve exactly the action that you saw, or as you correct it',
    body: ApprovalDecision.extend({
      edit: Anything.optional().meta({
        description: 'The whole action as it should be; without it, as it was shown',
      }),
      choice: Id.optional().meta({
        description:
          'Where several things may be approved (`choices`): which. Without it `leader` is approved; on a tie there is none, and this is needed',
      }),
    }),
    example: { ...person, body: { hash, reason: 'the payment came in twice' } },
  },
  reject: {
    ...command,
    name: 'reject',
    path: '/v1/approvals/{approval_id}/reject',
    needs: 'read_write',
    summary: 'Reject it: the action is not taken',
    body: ApprovalDecision,
    example: { ...person, body: { hash, reason: 'the second payment was for another invoice' } },
  },
  ask: {
    ...command,
    name: 'askRequester',
    path: '/v1/approvals/{approval_id}/ask',
    needs: 'read_write',
    summary: 'Ask the requester back; the time goes on',
    body: z.strictObject({ question: Reason }),
    example: { ...person, body: { question: 'On which day did the second payment come in?' } },
  },
  answer: {
    ...command,
    name: 'answerQuestion',
    path: '/v1/approvals/{approval_id}/answer',
    needs: 'read_write',
    summary: 'Answer a question, as the requester',
    body: z.strictObject({ number: z.int().min(1).max(MAX_QUESTIONS), text: Reason }),
    example: { ...requester, body: { number: 1, text: 'On 3 March, two days after the first' } },
  },
  withdraw: {
    ...command,
    name: 'withdrawApproval',
    path: '/v1/approvals/{approval_id}/withdraw',
    needs: 'read_write',
    summary: 'Withdraw the request, as the requester',
    body: z.strictObject({ reason: Reason }),
    example: { ...requester, body: { reason: 'the customer has asked for a credit instead' } },
  },
});
