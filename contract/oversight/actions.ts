/** `/v1/actions`: what may be done only when it is cleared. */
import { z } from 'zod';
import {
  CLEARED_BY,
  COMPENSATIONS,
  HELD_FOR,
  INSTEAD,
  MAX_ACTION_DEPTH,
  MAX_COMPENSATION_REF,
} from '../../domain/oversight/action';
import { ACTION_STATUSES } from '../../domain/oversight/statuses';
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
  OwnId,
  Paged,
  Reason,
  Text,
  Unit,
} from '../common';
import { contract } from '../route';
import { Features, Impact, OversightAnswer, Path, PolicyAtGate } from './common';
import { OVERSIGHT_REFUSALS } from './problems';

const tag = {
  name: 'Actions',
  description:
    'Something risky that an agent wants to do. It is proposed first, and taken only when the rules, the agents or people have cleared exactly this action, once.',
  refusals: OVERSIGHT_REFUSALS,
};

// ------------------------------------------------------------------------------------------------- what is sent

const ByAction = z.object({ action_id: Id });

const ActionInput = z
  .strictObject({
    id: OwnId,
    kind: Id.meta({ description: 'Its rules hold', example: 'erp.purchase_order' }),
    action: Anything.meta({
      description: `What is to be done: JSON of at most 32 KB, nested at most ${MAX_ACTION_DEPTH} deep`,
    }),
    why: Reason,
    confidence: Unit,
    impact: Impact,
    risk: Unit.default(0),
    features: Features.default({}),
  })
  .meta({ id: 'ActionInput' });

const Instead = z.enum(INSTEAD);
const ActionOverride = z.strictObject({ instead: Instead, reason: Reason });

// --------------------------------------------------------------------------------------------- what is answered

const ActionStatus = z.enum(ACTION_STATUSES);
const Compensation = z.enum(COMPENSATIONS);

const Overridden = z
  .object({
    by: z.string(),
    instead: Instead,
    reason: z.string(),
    ref: z.string().optional().meta({ description: 'The override of its round that was carried out here' }),
    with: z.array(z.string()).optional().meta({ description: 'Who wanted it as well' }),
    said_at: At.optional().meta({ description: 'When its round was overridden' }),
  })
  .meta({ id: 'ActionOverridden', description: 'What a person decided in place of what came of it' });

const Challenge = z.object({
  by: z.string(),
  via: z.string().optional().meta({ description: 'Who speaks in that name' }),
  round: z.string().meta({ description: 'The round that decides on it' }),
  reason: z.string(),
  target: z.string().optional().meta({ description: 'The receipt that is doubted: stream@index' }),
});

export const Action = z
  .object({
    id: Id,
    version: Count,
    status: ActionStatus,
    kind: Id,
    action: Anything.meta({ description: 'What is to be done, as it is now' }),
    proposed_by: z.string(),
    why: z.string(),
    confidence: Unit,
    impact: Impact,
    risk: Unit,
    features: Features,
    oversight: OversightAnswer,
    policy: PolicyAtGate,
    target: z.string().optional().meta({ description: 'The stream that waits for the action' }),
    command: z
      .string()
      .optional()
      .meta({ description: 'The operation that policy wants approved first; the gate gives it by itself' }),
    given: z
      .object({
        status: Count.meta({ description: 'Of the answer to it' }),
        receipt: z.string().optional().meta({ description: 'stream@index' }),
        refused: z.string().optional().meta({ description: 'Why it was refused after all' }),
      })
      .optional()
      .meta({ description: 'What came of that command' }),
    proposed_hash: Hash.meta({ description: 'SHA-256 of kind and action, as it was proposed' }),
    hash: Hash.meta({ description: 'The same as it is now, after edits: what a clearance is for' }),
    held: z
      .object({ for: z.enum(HELD_FOR), ref: z.string() })
      .optional()
      .meta({ description: 'What it waits for, and the receipt (stream@index) of the asking' }),
    refs: z.array(z.string()).meta({ description: 'Every `ref` that it was held for' }),
    veto_until: At.optional(),
    veto_from: At.optional().meta({ description: 'When that was set' }),
    cleared: z.object({ by: z.enum(CLEARED_BY), ref: z.string().optional(), hash: Hash }).optional(),
    stopped: z
      .object({ by: z.string(), ref: z.string().optional(), reason: z.string() })
      .extend(Overridden.pick({ instead: true, with: true, said_at: true }).partial().shape)
      .optional()
      .meta({ description: 'Who stopped it; by an override, all that it says' }),
    challenge: Challenge.extend({
      until: At.meta({ description: 'Without a verdict by then the safe default holds' }),
      since: At.meta({ description: 'When its time was set' }),
    })
      .optional()
      .meta({ description: 'The open one: nothing is taken until its round is over' }),
    challenges: z.array(
      Challenge.extend({
        lapsed: z.literal(true).optional().meta({ description: 'Nobody had decided on it by its time' }),
      }),
    ),
    executed: z.object({ by: z.string(), hash: Hash, result: Anything.optional(), at: At }).optional(),
    override: Overridden.optional().meta({ description: 'The one that stands' }),
    overrides: z.array(
      z.object({ by: z.string(), instead: Instead, reason: z.string(), at: At, ref: z.string().optional() }),
    ),
    asked_people: z.boolean().meta({ description: 'It was held for an approval' }),
    proposed_at: At,
    decided_at: At.optional().meta({ description: 'When it was cleared or stopped last' }),
    compensation: z
      .object({ due: z.boolean(), reason: z.string(), by: z.string().optional(), ref: z.string().optional() })
      .optional()
      .meta({ description: 'It was wrong, and is to be undone or was' }),
  })
  .meta({
    id: 'Action',
    description: 'What was proposed, its hash and status; what it is held for; who cleared or stopped it, and why',
  });

export const ActionSummary = Action.pick({
  id: true,
  status: true,
  kind: true,
  proposed_by: true,
  impact: true,
  confidence: true,
  risk: true,
  features: true,
  proposed_at: true,
})
  .extend({
    path: Path,
    reasons: z.array(z.string()).meta({ description: 'Codes of the reasons for which a person is asked' }),
    human: z.boolean().meta({ description: 'A person was needed: an approval was asked for, or a person stepped in' }),
    cleared_by: z.enum(CLEARED_BY).nullable(),
    stopped_by: z.string().nullable(),
    overridden: z.boolean(),
    challenged: z.boolean(),
    compensation: Compensation.nullable(),
    target: z.string().nullable().meta({ description: 'The stream that waits for the action' }),
    proposed_on: Day.meta({ description: 'The day of `proposed_at`, in UTC' }),
    veto_until: At.nullable().meta({ description: 'Until when it can be vetoed, while it waits for that' }),
    decided_at: At.nullable().meta({ description: 'When it was cleared or stopped last' }),
    executed_at: At.nullable(),
  })
  .meta({ id: 'ActionSummary', description: 'An action as lists show it' });

const ActionCommand = CommandOf({ action: Action });

const ActionFilter = z.object({
  status: ActionStatus.optional(),
  kind: Id.optional(),
  compensation: Compensation.optional(),
  proposed_on: Day.optional().meta({ description: 'Those that were proposed on this day, in UTC' }),
  ...Paged,
});

// ----------------------------------------------------------------------------------------------------- the routes

const params = { action_id: 'refund-4711' };

/** What the commands on one action share. */
const command = {
  method: 'POST',
  tag,
  needs: 'execute',
  params: ByAction,
  answer: ActionCommand,
  answers: 'Done, or done before',
} as const;

export const actions = contract({
  propose: {
    name: 'proposeAction',
    method: 'POST',
    path: '/v1/actions',
    tag,
    needs: 'read_write',
    work: 'new',
    summary: 'Ask whether an action may be taken',
    description:
      'The status says what follows: `cleared` (take it, after `execute`), `held` (agents or people are asked), `veto_window` (it is cleared when nobody stops it in time), `refused`.',
    body: ActionInput,
    status: 201,
    answer: ActionCommand,
    answers: 'Proposed',
    example: {
      as: 'recon-7',
      body: {
        id: 'refund-4711',
        kind: 'finance.refund',
        action: { invoice: '4711', amount: 120, currency: 'EUR' },
        why: 'it was paid twice',
        confidence: 0.9,
        impact: 'low',
        risk: 0.1,
        features: { amount: 120, currency: 'EUR' },
      },
    },
  },
  list: {
    name: 'listActions',
    method: 'GET',
    path: '/v1/actions',
    tag,
    needs: 'read_only',
    summary: 'List actions',
    query: ActionFilter,
    answer: List(ActionSummary),
    answers: 'A page, in order of id; eventually consistent',
    example: { query: { status: 'held', kind: 'finance.refund' } },
  },
  get: {
    name: 'getAction',
    method: 'GET',
    path: '/v1/actions/{action_id}',
    tag,
    needs: 'read_only',
    summary: 'Read an action, now or as it was',
    params: ByAction,
    query: AsOf.extend(OPENING),
    personal: { of: 'action', named: 'action_id' },
    answer: Action,
    answers: 'The action; a live fold of its stream',
    example: { params },
  },
  execute: {
    ...command,
    name: 'executeAction',
    path: '/v1/actions/{action_id}/execute',
    summary:
      'Take a cleared action, once: do it when this succeeds, and only then; asked again without the Idempotency-Key of the first request it answers 409',
    body: z.strictObject({ hash: Hash, result: Anything.optional() }),
    example: {
      as: 'recon-7',
      params,
      body: {
        // Of the action that is proposed above.
        hash: 'f326949faeda574677072297bb727871a957db837fa7c788cbcd633f8a40564c',
        result: { booking: 'B-881' },
      },
    },
  },
  veto: {
    ...command,
    name: 'vetoAction',
    path: '/v1/actions/{action_id}/veto',
    summary: 'Stop an action while its veto window is open, or before it is taken',
    body: z.strictObject({ reason: Reason }),
    example: { as: 'human:ada', params, body: { reason: 'the customer has a credit already' } },
  },
  override: {
    ...command,
    name: 'overrideAction',
    path: '/v1/actions/{action_id}/override',
    needs: 'critical',
    summary: 'Decide otherwise, as a person',
    description:
      'Nobody has to have been asked for it, so it takes the level of an administrator. Whoever was asked approves or rejects.',
    body: ActionOverride,
    example: { as: 'human:ada', params, body: { instead: 'refuse', reason: 'the customer has a credit already' } },
  },
  compensated: {
    ...command,
    name: 'compensateAction',
    path: '/v1/actions/{action_id}/compensated',
    summary: 'Say by what a wrong action was undone',
    body: z.strictObject({ ref: Text(MAX_COMPENSATION_REF) }),
    example: { as: 'human:ada', params, body: { ref: 'B-882' } },
  },
});
