/** Tasks for lists: a row per task. */
import type { TaskSummary } from '../../contract/market/tasks';
import type { Shown } from '../../contract/route';
import { changedAt, costSoFar, taskDecider, type TaskSpec, type TaskState } from '../../domain/market/task';
import type { Projection } from '../projection';
import { ALL } from '../projection';

/** What a list tells of a task beside why it waits. */
export type TaskDoc = Omit<Shown<typeof TaskSummary>, 'why' | 'waited_seconds'>;

/** A task as lists show it. */
export function taskRow(id: string, state: TaskState, spec: TaskSpec): TaskDoc {
  return {
    id,
    task_type: spec.task_type,
    status: state.status as TaskDoc['status'],
    priority: spec.priority,
    location: spec.location ?? null,
    requester: spec.requester,
    attempts: state.attempts,
    award: state.awards,
    agent: state.holder?.agent ?? state.completion?.agent ?? null,
    posted_at: state.posted_at ?? null,
    deadline: spec.deadline ?? null,
    finished_at: state.finished_at ?? null,
    ended_on: state.finished_at?.slice(0, 10) ?? null,
    cost_micro_usd: costSoFar(state) ?? null,
    changed_at: changedAt(state),
    ended_by: state.ended?.by ?? null,
    correlation_id: state.correlation_id,
    ...(state.status === 'held' && state.blocked && { blocked: true }),
  };
}

export const tasks: Projection<TaskState, TaskDoc> = {
  name: 'tasks',
  version: 4,
  category: taskDecider.category,
  fields: ['status', 'agent', 'task_type', 'correlation_id', 'ended_on'],
  row({ tenant, id, stream, version }, state) {
    const { spec } = state;
    if (spec === undefined) return undefined;
    return { tenant, key: ALL, source: stream, index: version, doc: taskRow(id, state, spec) };
  },
};
