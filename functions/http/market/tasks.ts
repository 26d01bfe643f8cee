/** `/v1/tasks`: posting, bidding, holding, completing. */
import { z } from 'zod';
import { type RequestContext, settled } from '../../../app/engine/command';
import { MAX_EFFORT, type TaskOutcome, taskView } from '../../../app/market/tasks';
import { Rejection } from '../../../domain/kernel/decider';
import { toMillis } from '../../../domain/kernel/time';
import type { Claim, TaskSpec } from '../../../domain/market/task';
import { contextOf } from '../../edge/context';
import { Problem, rejected } from '../../edge/problem';
import { type Answer, type Call, route } from '../../edge/route';
import {
  actingAgent,
  batchAnswer,
  commandAnswer,
  Continuation,
  createdId,
  existing,
  Features,
  given,
  Id,
  Impact,
  List,
  Location,
  OpenObject,
  page,
  queried,
  Receipt,
  receiptOf,
  SENT_AGAIN,
  Text,
  Timestamp,
  Unit,
  Whole,
  whole,
} from '../../edge/schemas';
import { accepted, runtime } from '../../runtime';

const TAGS = ['Tasks'];

const Requirement = z.strictObject({ capability: Id, level: Unit.default(0) }).meta({ id: 'Requirement' });

const TaskOversight = z
  .strictObject({
    kind: Id.optional().meta({ description: 'Kind of action, whose rules hold; by default task_type' }),
    why: Text(2_000),
    confidence: Unit,
    impact: Impact,
    risk: Unit.default(0),
    features: Features.default({}),
  })
  .meta({ id: 'TaskOversight', description: 'The task is held until the rules, agents or people have cleared it' });

const TaskInput = z
  .strictObject({
    id: Id.optional().meta({
      description: 'Your own id; without one a new id is made (from the Idempotency-Key, when there is one)',
    }),
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
    deadline: Timestamp.optional(),
    payload: z.unknown().optional().meta({ description: 'The work itself; above 32 KB it is kept beside the receipt' }),
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
    oversight: TaskOversight.optional(),
  })
  .meta({ id: 'TaskInput' });

const TaskOut = OpenObject.meta({
  id: 'Task',
  description: 'A task: what was posted, its status, who holds it under which award, how it ended',
});
const Why = z
  .object({
    code: z.string().meta({ description: 'Stable', example: 'level-too-low' }),
    text: z.string().meta({ example: 'not awarded: 1 agent of legal.level; lev-1 has contract 0.3, needs 0.8' }),
    until: z.string().optional().meta({ description: 'When time alone changes something' }),
  })
  .meta({ id: 'Why', description: 'Why no agent is at work on it' });
const TaskRow = OpenObject.and(z.object({ why: Why.optional(), waited_seconds: z.number().optional() }));
const Candidate = z
  .object({
    agent: Id,
    fits: z.boolean(),
    code: z.string().optional().meta({ description: 'What is in its way' }),
    text: z.string().optional(),
    bid: z.boolean(),
    standing_offer: z.boolean(),
    status: z.string(),
    levels: z.array(z.object({ capability: Id, level: z.number().nullable(), needs: z.number() })),
    slots: z.number().meta({ description: 'In use' }),
    capacity: z.number(),
  })
  .meta({ id: 'Candidate', description: 'An agent that has the capability which the task asks for first' });
const Command = z.object({ receipt: Receipt, task: TaskOut });
const TaskParams = z.object({ id: Id });

const ClaimInput = {
  agent: Id.optional().meta({ description: 'By default the caller' }),
  award: z.int().min(1).max(1_000_000).meta({ description: 'Number of the award that you hold' }),
};

function answer(id: string, outcome: TaskOutcome, now: number, status = 200): Answer {
  const done = accepted(outcome);
  return commandAnswer(
    done,
    { task: taskView(id, done, now) },
    status,
    status === 201 ? { location: `/v1/tasks/${id}` } : undefined,
  );
}

function specOf(input: z.infer<typeof TaskInput>, requester: string): TaskSpec {
  const { id: _, cause: __, requires = [{ capability: input.task_type, level: 0 }], oversight, ...rest } = input;
  return {
    ...rest,
    requires,
    requester,
    ...(oversight === undefined ? {} : { oversight: { ...oversight, kind: oversight.kind ?? input.task_type } }),
  };
}

route({
  name: 'postTask',
  method: 'POST',
  path: '/v1/tasks',
  summary: 'Post a task',
  description:
    'The market awards it to the best agent at once, or after `bid_seconds`. With an `Idempotency-Key` a retry gets the first answer.',
  tags: TAGS,
  needs: 'read_write',
  body: TaskInput,
  responses: { 201: { description: 'Posted', schema: Command } },
  async handler(call) {
    const { colony } = await runtime();
    const { principal, body, now } = call;
    const id = createdId('/v1/tasks/{id}', call, body.id);
    return answer(id, await colony.tasks.post(contextOf(call), id, specOf(body, principal.id), body.cause), now, 201);
  },
});

route({
  name: 'postTasks',
  method: 'POST',
  path: '/v1/tasks/batch',
  summary: 'Post up to 500 tasks',
  description: `Each task is posted or refused on its own; the answers stand in the order of the tasks. ${SENT_AGAIN}`,
  conditional: false,
  tags: TAGS,
  needs: 'read_write',
  bodyLimit: 4_000_000,
  body: z.strictObject({ tasks: z.array(TaskInput).min(1).max(500) }),
  responses: {
    200: {
      description: 'One answer for each task',
      schema: z.object({
        value: z.array(z.object({ id: Id, receipt: Receipt.optional(), problem: OpenObject.optional() })),
      }),
    },
  },
  async handler(call) {
    const { colony } = await runtime();
    const { principal, body } = call;
    const value = await Promise.all(
      body.tasks.map(async (task, i) => {
        const id = createdId('/v1/tasks/{id}', call, task.id, i + 1);
        const outcome = await settled(
          colony.tasks.post(contextOf(call, task), id, specOf(task, principal.id), task.cause),
        );
        return outcome.ok ? { id, receipt: receiptOf(outcome) } : { id, problem: rejected(outcome.rejection).document };
      }),
    );
    return batchAnswer(value);
  },
});

route({
  name: 'listTasks',
  method: 'GET',
  path: '/v1/tasks',
  summary: 'List tasks',
  description: 'Of a page, the first hundred that are open, or held, tell in `why` why they do not move.',
  tags: TAGS,
  needs: 'read_only',
  query: z.object({
    status: z.enum(['held', 'open', 'awarded', 'running', 'completed', 'cancelled', 'expired', 'dead']).optional(),
    agent: Id.optional(),
    task_type: Id.optional(),
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
    limit: whole(1, 1_000, 100),
    continuation: Continuation,
  }),
  responses: {
    200: {
      description:
        'A page, in order of id, eventually consistent; with `sort` or `stuck` by what waits now (a page that a `task_type` leaves little of may have a nextLink all the same)',
      schema: List(TaskRow),
    },
  },
  async handler(call) {
    const { colony } = await runtime();
    const { limit, continuation, sort, stuck, ...filters } = call.query;
    if (sort !== undefined || stuck !== undefined) {
      const wrong = (parameter: string, message: string) =>
        Problem.invalid('Only open and held tasks wait, and no agent has them.', [{ parameter, message }]);
      if (filters.status !== undefined && filters.status !== 'open' && filters.status !== 'held')
        throw wrong('status', 'must be open or held, or left out, with sort or stuck');
      if (filters.agent !== undefined) throw wrong('agent', 'must be left out with sort or stuck');
      const { task_type, status } = filters;
      const waiting = await queried(() =>
        colony.whyNots.waiting(call.principal.tenant, { seconds: stuck, task_type, status }, limit, continuation),
      );
      return page(call, '/v1/tasks', waiting.tasks, waiting.continuation);
    }
    const found = await queried(() => colony.tasks.list(call.principal.tenant, given(filters), limit, continuation));
    return page(call, '/v1/tasks', found.tasks, found.continuation);
  },
});

route({
  name: 'getTask',
  method: 'GET',
  path: '/v1/tasks/{id}',
  summary: 'Read a task, now or as it was',
  description: 'Where no agent is at work on it yet, `why` says the reason, as it is now.',
  tags: TAGS,
  needs: 'read_only',
  params: TaskParams,
  query: z.object({ asOf: Timestamp.optional() }),
  responses: { 200: { description: 'The task; a live fold of its stream', schema: TaskOut } },
  async handler(call) {
    const { colony } = await runtime();
    const loaded = existing(
      'task',
      call.params.id,
      await colony.tasks.load(call.principal.tenant, call.params.id, call.query.asOf),
      call.query.asOf,
    );
    const { asOf } = call.query;
    if (asOf !== undefined)
      return { status: 200, body: taskView(call.params.id, loaded, toMillis(asOf)), etag: loaded.version };
    const why = await colony.whyNots.of(loaded.stream, loaded.state);
    return { status: 200, body: { ...taskView(call.params.id, loaded, call.now), why }, etag: loaded.version };
  },
});

route({
  name: 'listCandidates',
  method: 'GET',
  path: '/v1/tasks/{id}/candidates',
  summary: 'Who could do a task, and what is in the way of each',
  tags: TAGS,
  needs: 'read_only',
  params: TaskParams,
  query: z.object({ limit: whole(1, 500, 100), continuation: Id.optional() }),
  responses: {
    200: {
      description:
        'A page of the agents that have the capability which it asks for first, in order of id: how many there are in all, and the reason why no agent is at work on it',
      schema: List(Candidate).extend({ able: z.number(), why: Why.optional() }),
    },
  },
  async handler(call) {
    const { colony } = await runtime();
    const { id } = call.params;
    const { tenant } = call.principal;
    const { limit, continuation } = call.query;
    const { stream, state } = existing('task', id, await colony.tasks.load(tenant, id));
    const found = colony.whyNots.candidates(tenant, state, limit, continuation);
    return page(call, `/v1/tasks/${id}/candidates`, found.candidates, found.continuation, {
      able: found.able,
      why: await colony.whyNots.of(stream, state),
    });
  },
});

route({
  name: 'getTaskBlob',
  method: 'GET',
  path: '/v1/tasks/{id}/blobs/{reference}',
  summary: 'Read a large payload or result of a task',
  tags: TAGS,
  needs: 'read_only',
  params: z.object({
    id: Id,
    reference: z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hexadecimal digits'),
  }),
  responses: { 200: { description: 'The JSON that was sent', schema: z.unknown() } },
  async handler(call) {
    const { colony } = await runtime();
    const { id, reference } = call.params;
    const bytes = await colony.tasks.blob(call.principal.tenant, id, reference);
    if (bytes === undefined) throw Problem.of('not-found', `The task ${id} has no blob ${reference}.`);
    return { status: 200, body: bytes, contentType: 'application/json; charset=utf-8' };
  },
});

route({
  name: 'recomputeAward',
  method: 'GET',
  path: '/v1/tasks/{id}/recompute',
  summary: 'Compute an award again from its receipt alone',
  tags: TAGS,
  needs: 'read_only',
  params: TaskParams,
  query: z.object({ award: Whole(1, 1_000_000).optional().meta({ type: 'integer', minimum: 1, maximum: 1_000_000 }) }),
  responses: { 200: { description: 'Ranking, winner, and whether they agree with the receipt', schema: OpenObject } },
  async handler(call) {
    const { colony } = await runtime();
    const result = await colony.tasks.recompute(call.principal.tenant, call.params.id, call.query.award);
    if (result instanceof Rejection) throw rejected(result);
    return { status: 200, body: result };
  },
});

/** Declares a command on a task. */
function command<B extends z.ZodObject>(
  name: string,
  action: string,
  summary: string,
  body: B,
  run: (
    call: Call<{ id: string }, unknown, z.output<B>>,
    context: RequestContext,
    tasks: Awaited<ReturnType<typeof runtime>>['colony']['tasks'],
  ) => Promise<TaskOutcome>,
  needs: 'read_write' | 'execute' = 'read_write',
): void {
  route({
    name,
    method: 'POST',
    path: `/v1/tasks/{id}/${action}`,
    summary,
    tags: TAGS,
    needs,
    params: TaskParams,
    body,
    responses: { 200: { description: 'Done, or done before', schema: Command } },
    async handler(call) {
      const { colony } = await runtime();
      const typed = call as Call<{ id: string }, unknown, z.output<B>>;
      return answer(typed.params.id, await run(typed, contextOf(call), colony.tasks), call.now);
    },
  });
}

const claimOf = (call: Call<unknown, unknown, { agent?: string; award: number }>): Claim => ({
  agent: actingAgent(call, call.body.agent),
  award: call.body.award,
});
const Note = Text(2_000).optional();

command(
  'placeBid',
  'bids',
  'Bid for a task',
  z.strictObject({ agent: ClaimInput.agent, note: Note }),
  (call, context, tasks) =>
    tasks.bid(context, call.params.id, { agent: actingAgent(call, call.body.agent), note: call.body.note }),
);
command(
  'withdrawBid',
  'withdraw-bid',
  'Take a bid back',
  z.strictObject({ agent: ClaimInput.agent }),
  (call, context, tasks) => tasks.withdrawBid(context, call.params.id, actingAgent(call, call.body.agent)),
);
command(
  'acceptTask',
  'accept',
  'Accept an award; the lease starts',
  z.strictObject(ClaimInput),
  (call, context, tasks) => tasks.accept(context, call.params.id, claimOf(call)),
  'execute',
);
command(
  'declineTask',
  'decline',
  'Decline an award; the task goes to the next best',
  z.strictObject({ ...ClaimInput, reason: Text(2_000).default('declined') }),
  (call, context, tasks) => tasks.decline(context, call.params.id, claimOf(call), call.body.reason),
);
command(
  'heartbeatTask',
  'heartbeat',
  'Extend the lease',
  z.strictObject(ClaimInput),
  (call, context, tasks) => tasks.heartbeat(context, call.params.id, claimOf(call)),
  'execute',
);
command(
  'progressTask',
  'progress',
  'Say how far the work is',
  z.strictObject({ ...ClaimInput, fraction: Unit, note: Note }),
  (call, context, tasks) => tasks.progress(context, call.params.id, claimOf(call), call.body.fraction, call.body.note),
  'execute',
);
command(
  'completeTask',
  'complete',
  'Complete a task',
  z.strictObject({ ...ClaimInput, result: z.unknown().optional() }),
  (call, context, tasks) => tasks.complete(context, call.params.id, claimOf(call), call.body.result),
  'execute',
);
command(
  'failTask',
  'fail',
  'Say that the attempt failed',
  z.strictObject({ ...ClaimInput, reason: Text(2_000), retryable: z.boolean().default(true) }),
  (call, context, tasks) => tasks.fail(context, call.params.id, claimOf(call), call.body.reason, call.body.retryable),
  'execute',
);
command(
  'releaseTask',
  'release',
  'Give a task back for another attempt',
  z.strictObject({ ...ClaimInput, reason: Text(2_000).default('given back') }),
  (call, context, tasks) => tasks.release(context, call.params.id, claimOf(call), call.body.reason),
  'execute',
);
command(
  'handOffTask',
  'handoff',
  'Hand a running task to another agent',
  z.strictObject({ ...ClaimInput, to: Id, note: Note }),
  (call, context, tasks) => tasks.handOff(context, call.params.id, claimOf(call), call.body.to, call.body.note),
  'execute',
);
command(
  'cancelTask',
  'cancel',
  'Cancel a task',
  z.strictObject({ reason: Text(2_000).default('cancelled') }),
  (call, context, tasks) => tasks.cancel(context, call.params.id, call.body.reason),
);
command(
  'redriveTask',
  'redrive',
  'Bring a dead or expired task back',
  z.strictObject({ deadline: Timestamp.optional() }),
  (call, context, tasks) => tasks.redrive(context, call.params.id, call.body.deadline),
);
