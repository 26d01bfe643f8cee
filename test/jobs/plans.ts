/** Plans and jobs for tests, in few words. */
import { type AskedJob, type AskedTask, type Graph, graphOf, planOf } from '../../domain/jobs/plan';
import { Rejection } from '../../domain/kernel/decider';
import type { TaskSpec } from '../../domain/market/task';
import { spec } from '../support/stage';

/** A task of a job; more of it than its key and what it comes after in `changes`. */
export function step(
  key: string,
  after: readonly string[] = [],
  { when = 'all', ...changes }: Partial<TaskSpec> & { readonly when?: 'all' | 'any' } = {},
): AskedTask {
  const { requester: _, ...planned } = spec(changes);
  return { key, after, when, spec: planned };
}

export function job(tasks: readonly AskedTask[], changes: Partial<AskedJob> = {}): AskedJob {
  return { tasks, on_failure: 'cancel', ...changes };
}

/** The plan of a job that can be had. */
export function graph(asked: AskedJob): Graph {
  const plan = planOf(asked);
  if (plan instanceof Rejection) throw new Error(plan.message);
  return graphOf(plan);
}
