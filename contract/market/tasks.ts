/** `/v1/tasks`: posting, bidding, holding, completing. */
import { z } from 'zod';
import { CHALLENGE_STATUSES } from '../../domain/market/award-challenge';
import { BID_SOURCES } from '../../domain/market/market';
import { TASK_STATUSES } from '../../domain/market/statuses';
import { ATTEMPT_ENDS, MAX_AFTER, MAX_DELAY, MAX_EFFORT, WHENS } from '../../domain/market/task';
import { OBSTACLES, WHY_CODES } from '../../domain/market/why-not';
import {
  Anything,
  AsOf,
  At,
  ById,
  CommandOf,
  Count,
  Day,
  Hash,
  Id,
  List,
  Location,
  MicroUsd,
  OPENING,
  OwnId,
  Paged,
  Problem,
  Reason,
  Receipt,
  SENT_AGAIN,
  Timestamp,
  Unit,
  WAITING,
  Whole,
  whole,
} from '../common';
import { Features, Impact } from '../oversight/common';
import { contract } from '../route';
import { MARKET_REFUSALS } from './problems';

const tag = {
  name: 'Tasks',
  description:
    'Work that is posted, bid for, awarded to one agent at a time, held under a lease and completed. An award has a number: whoever holds an old one can do nothing with it.',
  refusals: MARKET_REFUSALS,
};

// ------------------------------------------------------------------------------------------------- what is sent

const Requirement = z.strictObject({ capability: Id, level: Unit.default(0) }).meta({ id: 'Requirement' });

const OversightInput = z
  .strictObject({
    kind: Id.optional().meta({ description: 'Kind of action, whose rules hold; by default task_type' }),
    why: Reason,
    confidence: Unit,
    impact: Impact,
    risk: Unit.default(0),
    features: Features.default({}),
  })
  .meta({
    id: 'TaskOversightInput',
    description: 'The task is held until the rules, agents or people have cleared it',
  });

export const TaskInput = z
  .strictObject({
    id: OwnId,
    task_type: Id.meta({ example: 'finance.reconciliation' }),
    priority: Unit.default(0.5),
    urgency: Unit.default(0.5).meta({ description: 'Rises to 1 at the deadline' }),
    requires: z
      .array(Requirement)
      .min(1)
      .max(16)
      .optional()
      .meta({ description: 'Capabilities an agent needs; by default to be of the type task_type' }),
    location: Location.optional(),
    effort: z.number().positive().max(MAX_EFFORT).optional().meta({ description: 'Estimated seconds of work' }),
    estimated_cost_micro_usd: MicroUsd.optional().meta({
      description:
        'What it is estimated to cost, in millionths of a US dollar; without it: `effort` at the price of the type of agent that does it. With a margin it is reserved in the budgets that it concerns',
    }),
    parent: Id.optional().meta({
      description:
        'The task that it is a part of, which the caller holds: what it costs is charged to what is reserved for that',
    }),
    after: z.array(Id).max(MAX_AFTER).optional().meta({
      description:
        'Ids of tasks that it comes after, which were posted before: it is held until they are completed, and cancelled when they can not be any more. In its payload `{"$result": "<id>", "pointer": "/a/b"}` stands for that place in the result of one of them',
    }),
    when: z
      .enum(WHENS)
      .optional()
      .meta({ description: 'Whether all of them have to be completed, which is the default, or one' }),
    not_before: Timestamp.optional().meta({
      description: `It is offered to nobody before this, which is at most ${MAX_DELAY} seconds ahead, a year; one that has passed changes nothing`,
    }),
    deadline: Timestamp.optional(),
    payload: Anything.optional().meta({ description: 'The work itself; above 32 KB it is kept beside the receipt' }),
    bid_seconds: z
      .number()
      .min(0)
      .max(3_600)
      .default(0)
      .meta({ description: 'How long explicit bids are collected; 0 awards at once by standing offers' }),
    accept_seconds: z.number().min(1).max(3_600).default(30),
    lease_seconds: z.number().min(1).max(86_400).default(60),
    max_attempts: z.int().min(1).max(100).default(5),
    retry_seconds: z
      .number()
      .min(0)
      .max(300)
      .default(1)
      .meta({ description: 'Delay of the second attempt; doubles with each further one' }),
    cause: z
      .string()
      .max(300)
      .optional()
      .meta({ description: 'The receipt (stream@index) that led to this task, for example of a signal' }),
    correlation_id: Id.optional().meta({
      description:
        'What it belongs to: everything that it sets in motion shares it. By default that of its cause, or a new one',
    }),
    oversight: OversightInput.optional(),
  })
  .meta({ id: 'TaskInput' });

export const ClaimInput = z
  .strictObject({
    agent: Id.optional().meta({ description: 'By default the caller' }),
    award: z.int().min(1).max(1_000_000).meta({ description: 'Number of the award that you hold' }),
  })
  .meta({ id: 'ClaimInput' });
/** What whoever is at work says that it has cost: in all under this award, sub-tasks not among it. */
const cost_micro_usd = MicroUsd.optional().meta({
  description: 'What the award has cost in all so far, in millionths of a US dollar, without its sub-tasks',
});
/** The claim of whoever is at work. */
const SpendingInput = ClaimInput.extend({ cost_micro_usd }).meta({ id: 'SpendingInput' });
const BidInput = z.strictObject({ agent: ClaimInput.shape.agent });
const Note = Reason.optional();

// --------------------------------------------------------------------------------------------- what is answered

const TaskStatus = z.enum(TASK_STATUSES);

const TaskOversight = z
  .object({ kind: Id, why: z.string(), confidence: Unit, impact: Impact, risk: Unit, features: Features })
  .meta({ id: 'TaskOversight', description: 'What the task is held for until it is cleared' });

export const TaskSpec = z
  .object({
    task_type: Id,
    priority: Unit,
    urgency: Unit.meta({ description: 'When posted; rises to 1 at the deadline' }),
    requires: z.array(z.object({ capability: Id, level: Unit })),
    location: z.string().optional(),
    effort: z.number().optional().meta({ description: 'Estimated seconds of work' }),
    estimated_cost_micro_usd: Count.optional().meta({ description: 'In millionths of a US dollar' }),
    parent: z.string().optional().meta({ description: 'The task that it is a part of' }),
    job: z.object({ id: Id, key: Id }).meta({ id: 'JobOfTask' }).optional().meta({
      description: 'The job that posted it, and its key there',
    }),
    schedule: z.object({ id: Id, due: At }).meta({ id: 'ScheduleOfTask' }).optional().meta({
      description: 'The schedule that posted it, and the time of the run',
    }),
    after: z.array(Id).optional().meta({ description: 'Ids of the tasks that it comes after' }),
    when: z
      .enum(WHENS)
      .optional()
      .meta({ description: 'Whether all of them have to be completed, which is the default, or one' }),
    not_before: At.optional().meta({ description: 'It is offered to nobody before this' }),
    deadline: At.optional(),
    payload: Anything.optional(),
    payload_ref: z.string().optional().meta({ description: 'Where a large payload is kept: read it under blobs' }),
    requester: z.string(),
    bid_seconds: z.number(),
    accept_seconds: z.number(),
    lease_seconds: z.number(),
    max_attempts: Count,
    retry_seconds: z.number(),
    oversight: TaskOversight.optional(),
  })
  .meta({ id: 'TaskSpec', description: 'What is to be done, with every default filled in' });

export const Why = z
  .object({
    code: z.enum(WHY_CODES).meta({ description: 'Stable', example: 'level-too-low' }),
    text: z.string().meta({ example: 'not awarded: 1 agent of legal.level; lev-1 has contract 0.3, needs 0.8' }),
    until: At.optional().meta({ description: 'When time alone changes something' }),
  })
  .meta({ id: 'Why', description: 'Why no agent is at work on it' });

const AwardChallenge = z
  .object({
    award: Count,
    by: z.string(),
    via: z.string().optional().meta({ description: 'Who speaks in that name' }),
    round: z.string().meta({ description: 'The round that decides on it' }),
    reason: z.string(),
    target: z.string().optional().meta({ description: 'The receipt that is doubted, stream@index' }),
    until: At.meta({ description: 'Without a verdict by then the award goes on' }),
    holds: z.boolean().meta({ description: 'Whether the award is not accepted before it is decided' }),
    agent: z.string().meta({ description: 'Whose award is doubted' }),
    holders: z.array(z.string()).meta({ description: 'Whoever has held it since, that agent first' }),
    since: At,
    heir: Count.meta({ description: 'The award itself, or the last that came of it by hand-offs' }),
    status: z.enum(CHALLENGE_STATUSES),
  })
  .meta({ id: 'AwardChallenge' });

/** What an award has cost. */
const Cost = Count.optional().meta({ description: 'In millionths of a US dollar, where its agent has said so' });

export const TaskProgress = z.object({ fraction: Unit, note: z.string().optional(), at: At });

export const Task = TaskSpec.extend({
  id: Id,
  version: Count,
  status: TaskStatus,
  strength: Unit.optional().meta({ description: 'Of its signal, while it is open' }),
  attempts: Count.meta({ description: 'From 1' }),
  awards: Count.meta({ description: 'Number of the last award; 0 before the first' }),
  bids: Count.meta({ description: 'How many have bid in this attempt' }),
  holder: z
    .object({
      agent: z.string(),
      award: Count,
      accept_by: At,
      lease_from: At.optional().meta({ description: 'Start of the lease, moved by progress' }),
      receipt: z.string().meta({ description: 'Of the award: stream@index' }),
      awarded_at: At,
    })
    .optional(),
  challenge: AwardChallenge.optional().meta({ description: 'The one that is open' }),
  challenges: z.array(AwardChallenge),
  progress: TaskProgress.optional(),
  completion: z
    .object({
      agent: z.string(),
      award: Count,
      result: Anything.optional(),
      result_ref: z.string().optional().meta({ description: 'Where a large result is kept: read it under blobs' }),
      cost_micro_usd: Cost,
    })
    .optional(),
  history: z
    .array(
      z.object({
        agent: z.string(),
        award: Count,
        end: z.enum(ATTEMPT_ENDS),
        reason: z.string(),
        at: At,
        cost_micro_usd: Cost,
      }),
    )
    .meta({ description: 'How earlier attempts ended, the latest last' }),
  posted_at: At,
  open_since: At.optional().meta({ description: 'Since when it has been open without a holder' }),
  finished_at: At.optional(),
  changed_at: At.meta({ description: 'Since when it has been as it is: its status, its holder, its progress' }),
  ended: z
    .object({ reason: z.string(), by: z.string() })
    .optional()
    .meta({ description: 'Why it was over without being completed' }),
  correlation_id: z.string(),
  why: Why.optional(),
}).meta({
  id: 'Task',
  description: 'A task: what was posted, its status, who holds it under which award, how it ended',
});

export const TaskSummary = Task.pick({
  id: true,
  task_type: true,
  status: true,
  priority: true,
  requester: true,
  attempts: true,
  correlation_id: true,
})
  .extend({
    location: z.string().nullable(),
    award: Count,
    agent: z.string().nullable().meta({ description: 'Who holds it, or who completed it' }),
    posted_at: At.nullable(),
    deadline: At.nullable(),
    finished_at: At.nullable(),
    ended_on: Day.nullable().meta({ description: 'The day of `finished_at`, in UTC' }),
    cost_micro_usd: Count.nullable().meta({
      description: 'What its awards have cost in all, in millionths of a US dollar, as far as agents have said so',
    }),
    changed_at: At,
    ended_by: z.string().nullable().meta({ description: 'Why it was over without being completed: who ended it' }),
    blocked: z.boolean().optional().meta({ description: 'True while it waits for the tasks that it comes after' }),
    why: Why.optional().meta({ description: 'Of the first hundred of a page that are open or held' }),
    waited_seconds: z.number().optional().meta({ description: 'With `sort` or `stuck`' }),
  })
  .meta({ id: 'TaskSummary', description: 'A task as lists show it' });

export const Candidate = z
  .object({
    agent: Id,
    fits: z.boolean(),
    code: z.enum(OBSTACLES).optional().meta({ description: 'What is in its way' }),
    text: z.string().optional(),
    bid: z.boolean(),
    standing_offer: z.boolean(),
    status: z.string(),
    levels: z.array(z.object({ capability: Id, level: z.number().nullable(), needs: z.number() })),
    slots: Count.meta({ description: 'In use' }),
    capacity: Count,
  })
  .meta({ id: 'Candidate', description: 'An agent that has the capability which the task asks for first' });

const Score = z
  .object({
    agent: z.string(),
    source: z.enum(BID_SOURCES).meta({
      description:
        '`bid`: placed for this task; `offer`: a standing offer; `help`: an idle agent lends itself to an overloaded pool',
    }),
    match: Unit.meta({ description: 'Mean level of the capabilities that the task requires' }),
    load: z.number().meta({ description: 'Slots in use over capacity when the bids were closed' }),
    wins: Count,
    tries: Count,
    score: z.number(),
  })
  .meta({ id: 'ScoredBid' });

export const AwardRecomputation = z
  .object({
    task: z.string(),
    receipt: z.string().meta({ description: 'The receipt that was computed again: stream@index' }),
    hash: Hash,
    hashHolds: z.boolean().meta({ description: "False when the receipt's bytes do not hash to its hash" }),
    award: Count,
    recordedWinner: z.string(),
    computedWinner: z.string().optional(),
    agrees: z.boolean(),
    faults: z.array(z.object({ field: z.string(), recorded: Anything.optional(), computed: Anything.optional() })),
    ranking: z.array(Score),
  })
  .meta({ id: 'AwardRecomputation' });

const TaskCommand = CommandOf({ task: Task });

const Posted = z
  .object({ id: Id, receipt: Receipt.optional(), problem: Problem.optional() })
  .meta({ id: 'Posted', description: 'A receipt, or the problem that kept this task out' });

const TaskFilter = z.object({
  status: TaskStatus.optional(),
  agent: Id.optional(),
  task_type: Id.optional(),
  correlation_id: Id.optional(),
  ended_on: Day.optional().meta({ description: 'Those that ended on this day, in UTC' }),
  sort: z
    .enum(['waiting'])
    .optional()
    .meta({ description: 'Open and held tasks, those first that have waited longest' }),
  stuck: Whole(0, 999_999_999).optional().meta({
    type: 'integer',
    minimum: 0,
    maximum: 999_999_999,
    description: 'Open and held tasks that have waited so many seconds at least, the longest first',
  }),
  ...Paged,
});

// ----------------------------------------------------------------------------------------------------- the routes

const params = { id: 'invoice-4711' };
const agent = { as: 'recon-7', params };

const KNOWN = ['task-not-found'] as const;
/** To whoever holds a task, or has held it. */
const HELD = [
  ...KNOWN,
  'award-superseded',
  'not-the-holder',
  'task-cancelled',
  'task-completed',
  'task-dead',
  'task-expired',
] as const;
/** To whoever is at work on it. */
const RUNNING = [...HELD, 'not-accepted'] as const;

/** What the commands on one task share. */
const command = {
  method: 'POST',
  tag,
  params: ById,
  answer: TaskCommand,
  answers: 'Done, or done before',
} as const;

/** That it waits is written down with each task that it comes after. */
const costOf = ({ after = [] }: { readonly after?: readonly string[] }): number => 1 + after.length;

export const tasks = contract({
  post: {
    name: 'postTask',
    method: 'POST',
    path: '/v1/tasks',
    tag,
    needs: 'read_write',
    work: 'new',
    refuses: [
      'task-exists',
      'after-itself',
      'after-unknown',
      'cause-not-found',
      'deadline-before-start',
      'deadline-passed',
      'not-before-too-far',
      'not-the-holder',
      'parent-not-found',
      'reference-invalid',
      'too-many-after',
    ],
    summary: 'Post a task',
    description:
      'The market awards it to the best agent at once, or after `bid_seconds`. With an `Idempotency-Key` a retry gets the first answer.',
    body: TaskInput,
    cost: costOf,
    status: 201,
    answer: TaskCommand,
    answers: 'Posted',
    example: {
      as: 'service:crm',
      body: { id: 'invoice-4711', task_type: 'finance.reconciliation', priority: 0.8, payload: { invoice: '4711' } },
    },
  },
  postMany: {
    name: 'postTasks',
    method: 'POST',
    path: '/v1/tasks/batch',
    tag,
    needs: 'read_write',
    work: 'new',
    refuses: [],
    summary: 'Post up to 500 tasks',
    description: `Each task is posted or refused on its own; the answers stand in the order of the tasks. ${SENT_AGAIN}`,
    conditional: false,
    bodyLimit: 4_000_000,
    body: z.strictObject({ tasks: z.array(TaskInput).min(1).max(500) }),
    cost: ({ tasks }: { readonly tasks: readonly { readonly after?: readonly string[] }[] }) =>
      tasks.reduce((sum, task) => sum + costOf(task), 0),
    answer: z.object({ value: z.array(Posted) }),
    answers: 'One answer for each task',
    example: {
      as: 'service:crm',
      body: { tasks: [{ id: 'invoice-4712', task_type: 'finance.reconciliation' }, { task_type: 'finance.audit' }] },
    },
  },
  list: {
    name: 'listTasks',
    method: 'GET',
    path: '/v1/tasks',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'List tasks',
    description: 'Of a page, the first hundred that are open, or held, tell in `why` why they do not move.',
    query: TaskFilter,
    answer: List(TaskSummary),
    answers:
      'A page, in order of id, eventually consistent; with `sort` or `stuck` by what waits now (a page that a `task_type` leaves little of may have a nextLink all the same)',
    example: { query: { status: 'open', limit: 50 } },
  },
  get: {
    name: 'getTask',
    method: 'GET',
    path: '/v1/tasks/{id}',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'Read a task, now, as it was, or once it has ended',
    description: 'Where no agent is at work on it yet, `why` says the reason, as it is now.',
    params: ById,
    query: AsOf.extend(WAITING).extend(OPENING),
    personal: { of: 'task', named: 'id' },
    answer: Task,
    answers: 'The task; a live fold of its stream',
    example: { params },
  },
  candidates: {
    name: 'listCandidates',
    method: 'GET',
    path: '/v1/tasks/{id}/candidates',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'Who could do a task, and what is in the way of each',
    params: ById,
    query: z.object({ limit: whole(1, 500, 100), continuation: Id.optional() }),
    answer: List(Candidate).extend({ able: Count, why: Why.optional() }),
    answers:
      'A page of the agents that have the capability which it asks for first, in order of id: how many there are in all, and the reason why no agent is at work on it',
    example: { params },
  },
  blob: {
    name: 'getTaskBlob',
    method: 'GET',
    path: '/v1/tasks/{id}/blobs/{reference}',
    tag,
    needs: 'read_only',
    refuses: [],
    // An award with a large payload can't be begun without it.
    work: 'underway',
    summary: 'Read a large payload or result of a task',
    params: z.object({
      id: Id,
      reference: z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hexadecimal digits'),
    }),
    query: z.object(OPENING),
    personal: { of: 'task', named: 'id' },
    answer: Anything,
    answers: 'The JSON that was sent',
    example: {
      params: { ...params, reference: 'sha256:ddd7997d0fb66f76408d2e5902b72280cb47c01221474bafdf8f4d53fe51f588' },
    },
  },
  recompute: {
    name: 'recomputeAward',
    method: 'GET',
    path: '/v1/tasks/{id}/recompute',
    tag,
    needs: 'read_only',
    refuses: ['award-not-found', 'not-an-award'],
    summary: 'Compute an award again from its receipt alone',
    params: ById,
    query: z.object({ award: Whole(1, 1_000_000).optional() }),
    answer: AwardRecomputation,
    answers: 'Ranking, winner, and whether they agree with the receipt',
    example: { params, query: { award: 1 } },
  },
  bid: {
    ...command,
    name: 'placeBid',
    path: '/v1/tasks/{id}/bids',
    needs: 'read_write',
    refuses: [
      ...KNOWN,
      'agent-kept-out',
      'agent-not-active',
      'award-declined',
      'bids-closed',
      'bids-full',
      'task-delayed',
      'task-expired',
    ],
    summary: 'Bid for a task',
    body: BidInput.extend({ note: Note }),
    example: { ...agent, body: { note: 'I have the ledger at hand' } },
  },
  withdrawBid: {
    ...command,
    name: 'withdrawBid',
    path: '/v1/tasks/{id}/withdraw-bid',
    needs: 'read_write',
    refuses: [...KNOWN, 'task-expired'],
    summary: 'Take a bid back',
    body: BidInput,
    example: agent,
  },
  accept: {
    ...command,
    name: 'acceptTask',
    path: '/v1/tasks/{id}/accept',
    needs: 'execute',
    refuses: [...HELD, 'award-challenged'],
    summary: 'Accept an award; the lease starts',
    body: ClaimInput,
    example: { ...agent, body: { award: 1 } },
  },
  decline: {
    ...command,
    name: 'declineTask',
    path: '/v1/tasks/{id}/decline',
    needs: 'read_write',
    refuses: [...HELD, 'already-accepted'],
    summary: 'Decline an award; the task goes to the next best',
    body: ClaimInput.extend({ reason: Reason.default('declined') }),
    example: { ...agent, body: { award: 1, reason: 'the ledger is closed' } },
  },
  heartbeat: {
    ...command,
    name: 'heartbeatTask',
    path: '/v1/tasks/{id}/heartbeat',
    needs: 'execute',
    refuses: [...RUNNING, 'over-budget'],
    summary: 'Extend the lease',
    body: SpendingInput,
    example: { ...agent, body: { award: 1 } },
  },
  progress: {
    ...command,
    name: 'progressTask',
    path: '/v1/tasks/{id}/progress',
    needs: 'execute',
    refuses: [...RUNNING, 'over-budget'],
    summary: 'Say how far the work is',
    body: SpendingInput.extend({ fraction: Unit, note: Note }),
    example: { ...agent, body: { award: 1, fraction: 0.5, note: 'half of the lines agree' } },
  },
  complete: {
    ...command,
    name: 'completeTask',
    path: '/v1/tasks/{id}/complete',
    needs: 'execute',
    refuses: [...RUNNING, 'award-challenged', 'task-already-completed'],
    summary: 'Complete a task',
    body: SpendingInput.extend({
      result: Anything.optional(),
      accept: z.boolean().optional().meta({
        description:
          'Accept the award with the result, where it was not accepted before: for work that is done at once. Until then no lease runs, so what takes longer than the time to accept may have been done for nothing',
      }),
    }),
    example: { ...agent, body: { award: 1, result: { matched: 12, open: 0 } } },
  },
  fail: {
    ...command,
    name: 'failTask',
    path: '/v1/tasks/{id}/fail',
    needs: 'execute',
    refuses: RUNNING,
    summary: 'Say that the attempt failed',
    body: SpendingInput.extend({ reason: Reason, retryable: z.boolean().default(true) }),
    example: { ...agent, body: { award: 1, reason: 'the bank does not answer' } },
  },
  release: {
    ...command,
    name: 'releaseTask',
    path: '/v1/tasks/{id}/release',
    needs: 'execute',
    refuses: HELD,
    summary: 'Give a task back for another attempt',
    body: SpendingInput.extend({ reason: Reason.default('given back') }),
    example: { ...agent, body: { award: 1, reason: 'shutting down' } },
  },
  handOff: {
    ...command,
    name: 'handOffTask',
    path: '/v1/tasks/{id}/handoff',
    needs: 'execute',
    refuses: [
      ...RUNNING,
      'agent-kept-out',
      'agent-not-active',
      'agent-paused',
      'award-declined',
      'capacity-full',
      'budget-exceeded',
      'cost-unknown',
      'hand-off-to-itself',
      'requirement-not-met',
      'reservations-full',
      'too-many-hand-offs',
    ],
    summary: 'Hand a running task to another agent',
    body: ClaimInput.extend({ to: Id, note: Note }),
    example: { ...agent, body: { award: 1, to: 'recon-8', note: 'needs the other ledger' } },
  },
  cancel: {
    ...command,
    name: 'cancelTask',
    path: '/v1/tasks/{id}/cancel',
    needs: 'read_write',
    refuses: [...KNOWN, 'task-completed', 'task-dead', 'task-expired'],
    summary: 'Cancel a task',
    body: z.strictObject({ reason: Reason.default('cancelled') }),
    example: { as: 'service:crm', params, body: { reason: 'paid twice' } },
  },
  redrive: {
    ...command,
    name: 'redriveTask',
    path: '/v1/tasks/{id}/redrive',
    needs: 'read_write',
    work: 'new',
    refuses: [...KNOWN, 'task-expired', 'task-not-cleared', 'task-not-dead', 'task-over', 'deadline-passed'],
    summary: 'Bring a dead or expired task back',
    body: z.strictObject({ deadline: Timestamp.optional() }),
    example: { params },
  },
});
