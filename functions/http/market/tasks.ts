/** `/v1/tasks`: posting, bidding, holding, completing. */
import { type RequestContext, settled } from '../../../app/engine/command';
import { specOf, taskAnswer } from '../../../app/market/task-answer';
import type { Spending, TaskOutcome, Tasks } from '../../../app/market/tasks';
import { tasks } from '../../../contract/market/tasks';
import { Rejection } from '../../../domain/kernel/decider';
import { toMillis } from '../../../domain/kernel/time';
import { bind } from '../../bind';
import {
  actingAgent,
  batchAnswer,
  commanded,
  createdId,
  existing,
  listed,
  pageOf,
  patience,
  receiptOf,
} from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { Problem, rejected } from '../../edge/problem';
import type { Call } from '../../edge/route';
import { accepted } from '../../runtime';

type ById = { readonly id: string };

function answered({ params: { id }, now }: Call<ById>, outcome: TaskOutcome) {
  const done = accepted(outcome);
  return commanded(done, { task: taskAnswer(id, done, now) });
}

/** The context of posting one task, which may say what it belongs to. */
function contextOfPost(call: Call, task: { readonly correlation_id?: string }): RequestContext {
  const context = contextOf(call, task);
  return task.correlation_id === undefined ? context : { ...context, correlationId: task.correlation_id };
}

bind(tasks.post, async (colony, call) => {
  const { principal, body, now } = call;
  const id = createdId(tasks.get.path, call, body.id);
  const done = accepted(await colony.tasks.post(contextOfPost(call, body), id, specOf(body, principal.id), body.cause));
  return commanded(done, { task: taskAnswer(id, done, now) }, { location: `/v1/tasks/${id}` });
});

bind(tasks.postMany, async (colony, call) => {
  const { principal, body } = call;
  const value = await Promise.all(
    body.tasks.map(async (task, i) => {
      const id = createdId(tasks.get.path, call, task.id, i + 1);
      const outcome = await settled(
        colony.tasks.post(contextOfPost(call, task), id, specOf(task, principal.id), task.cause),
      );
      return outcome.ok ? { id, receipt: receiptOf(outcome) } : { id, problem: rejected(outcome.rejection).document };
    }),
  );
  return batchAnswer(value);
});

bind(tasks.list, (colony, call) =>
  listed(call, (tenant, { sort, stuck, ...filters }, ...page) => {
    if (sort === undefined && stuck === undefined) return colony.tasks.list(tenant, filters, ...page);
    const { agent, task_type, status, correlation_id, ended_on } = filters;
    const wrong = (parameter: string, message: string) =>
      Problem.invalid('Only open and held tasks wait, and no agent has them.', [{ parameter, message }]);
    if (status !== undefined && status !== 'open' && status !== 'held')
      throw wrong('status', 'must be open or held, or left out, with sort or stuck');
    if (agent !== undefined) throw wrong('agent', 'must be left out with sort or stuck');
    if (correlation_id !== undefined) throw wrong('correlation_id', 'must be left out with sort or stuck');
    if (ended_on !== undefined) throw wrong('ended_on', 'must be left out with sort or stuck');
    return colony.whyNots.waiting(tenant, { seconds: stuck, task_type, status }, ...page);
  }),
);

bind(tasks.get, async (colony, call) => {
  const { id } = call.params;
  const { asOf } = call.query;
  const { tenant } = call.principal;
  if (asOf !== undefined) {
    const loaded = existing('task', id, await colony.tasks.load(tenant, id, asOf), asOf);
    return { body: taskAnswer(id, loaded, toMillis(asOf)), etag: loaded.version };
  }
  const loaded = existing('task', id, await colony.taskEnds.until(tenant, id, patience(call)));
  const why = await colony.whyNots.of(loaded.stream, loaded.state);
  return { body: { ...taskAnswer(id, loaded, call.now), why }, etag: loaded.version };
});

bind(tasks.candidates, async (colony, call) => {
  const { id } = call.params;
  const { tenant } = call.principal;
  const { limit, continuation } = call.query;
  const { state, stream } = existing('task', id, await colony.tasks.load(tenant, id));
  const found = colony.whyNots.candidates({ stream, state }, limit, continuation);
  return pageOf(call, found.candidates, found.continuation, {
    able: found.able,
    why: await colony.whyNots.of(stream, state),
  });
});

bind(tasks.blob, async (colony, { principal, params: { id, reference } }) => {
  const bytes = await colony.tasks.blob(principal.tenant, id, reference);
  if (bytes === undefined) throw Problem.of('not-found', `The task ${id} has no blob ${reference}.`);
  return { body: bytes, contentType: 'application/json; charset=utf-8' };
});

bind(tasks.recompute, async (colony, { principal, params, query, gone }) => {
  const body = await colony.tasks.recompute(principal.tenant, params.id, query.award, gone);
  if (body instanceof Rejection) throw rejected(body);
  return { body };
});

bind(tasks.bid, async ({ tasks }, call) => {
  const bid = { agent: actingAgent(call, call.body.agent), note: call.body.note };
  return answered(call, await tasks.bid(contextOf(call), call.params.id, bid));
});

bind(tasks.withdrawBid, async ({ tasks }, call) =>
  answered(call, await tasks.withdrawBid(contextOf(call), call.params.id, actingAgent(call, call.body.agent))),
);

interface ClaimBody {
  readonly agent?: string;
  readonly award: number;
  readonly cost_micro_usd?: number;
}

/** Runs a command of whoever holds the task, for the caller or the agent that it names. */
async function claimed<C extends Call<ById, unknown, ClaimBody>>(
  call: C,
  command: (context: RequestContext, id: string, claim: Spending, body: C['body']) => ReturnType<Tasks['accept']>,
) {
  const { body, params } = call;
  const { award, cost_micro_usd: cost } = body;
  const claim = { agent: actingAgent(call, body.agent), award, ...(cost === undefined ? {} : { cost }) };
  return answered(call, await command(contextOf(call), params.id, claim, body));
}

bind(tasks.accept, ({ tasks }, call) => claimed(call, (context, id, claim) => tasks.accept(context, id, claim)));
bind(tasks.heartbeat, ({ tasks }, call) => claimed(call, (context, id, claim) => tasks.heartbeat(context, id, claim)));
bind(tasks.decline, ({ tasks }, call) =>
  claimed(call, (context, id, claim, { reason }) => tasks.decline(context, id, claim, reason)),
);
bind(tasks.progress, ({ tasks }, call) =>
  claimed(call, (context, id, claim, { fraction, note }) => tasks.progress(context, id, claim, fraction, note)),
);
bind(tasks.complete, ({ tasks }, call) =>
  claimed(call, (context, id, claim, { result, accept }) =>
    accept === true ? tasks.completeAtOnce(context, id, claim, result) : tasks.complete(context, id, claim, result),
  ),
);
bind(tasks.fail, ({ tasks }, call) =>
  claimed(call, (context, id, claim, { reason, retryable }) => tasks.fail(context, id, claim, reason, retryable)),
);
bind(tasks.release, ({ tasks }, call) =>
  claimed(call, (context, id, claim, { reason }) => tasks.release(context, id, claim, reason)),
);
bind(tasks.handOff, ({ tasks }, call) =>
  claimed(call, (context, id, claim, { to, note }) => tasks.handOff(context, id, claim, to, note)),
);

bind(tasks.cancel, async ({ tasks }, call) =>
  answered(call, await tasks.cancel(contextOf(call), call.params.id, call.body.reason)),
);
bind(tasks.redrive, async ({ tasks }, call) =>
  answered(call, await tasks.redrive(contextOf(call), call.params.id, call.body.deadline)),
);
