/** One task under one award: it is done, and what came of it is said. */
import { reasonOf } from '../reason';
import { type CommandOptions, FormicaryError } from '../session';
import { inSpan } from '../tracing';
import { type Claim, say } from './claim';
import { Fail, Release } from './errors';
import type { Door, WorkerTask } from './task';

/** Does a task: what it resolves with is the result, as JSON; when it rejects the attempt has failed. */
export type TaskFunction = (task: WorkerTask) => unknown;

type Said = (options: CommandOptions) => Promise<unknown>;

/**
 * Has an accepted task done, and says what came of it. Rejects with `Cancelled` when the claim is over, and with what
 * the host says when it refuses whatever is said.
 */
export async function done(door: Door, claim: Claim, task: WorkerTask, work: TaskFunction): Promise<void> {
  const said = await outcomeOf(door, claim, task, work);
  try {
    await say(door, claim, said);
  } catch (error) {
    if (!(error instanceof FormicaryError)) throw error;
    // It can't be taken as it is, for example because it is too large or holds a secret.
    door.log(`${task.id}: what came of it was refused`, error);
    await say(door, claim, failed(door, claim, task, `what came of it was refused: ${error.code}`));
  }
}

/** Has the task done; what is to be said of it. */
async function outcomeOf(door: Door, claim: Claim, task: WorkerTask, work: TaskFunction): Promise<Said> {
  const { tasks } = door.formicary;
  const attributes = { 'formicary.task': task.id, 'formicary.task_type': task.type, 'formicary.award': task.award };
  try {
    const parent = () => parentOf(door, task);
    const result = await inSpan(`work ${task.type}`, attributes, parent, async () => await work(task));
    claim.signal.throwIfAborted();
    // What can't be written, a circle for example, fails the attempt.
    JSON.stringify(result);
    const body = { ...claim.body, result, cost_micro_usd: task.costMicroUsd };
    return (options) => tasks.complete(task.id, body, options);
  } catch (error) {
    claim.signal.throwIfAborted();
    if (error instanceof Release) {
      const body = { ...claim.body, reason: reasonOf(error), cost_micro_usd: task.costMicroUsd };
      return (options) => tasks.release(task.id, body, options);
    }
    if (error instanceof Fail) return failed(door, claim, task, reasonOf(error), error.retryable);
    door.log(`${task.id}: the attempt has failed`, error);
    return failed(door, claim, task, reasonOf(error));
  }
}

/** Whose span the work is below; none where that can't be found out: the work is done all the same. */
async function parentOf({ log }: Door, task: WorkerTask): Promise<string | undefined> {
  try {
    return await task.traceparent();
  } catch (error) {
    task.signal.throwIfAborted();
    log(`${task.id}: the trace that it was posted in is not known`, error);
    return undefined;
  }
}

function failed({ formicary }: Door, claim: Claim, task: WorkerTask, reason: string, retryable = true): Said {
  const body = { ...claim.body, reason, retryable, cost_micro_usd: task.costMicroUsd };
  return (options) => formicary.tasks.fail(task.id, body, options);
}
