/** Tasks between the wire and the rules: what a poster says as a specification, and a task as the API shows it. */
import type { Task, TaskInput, TaskSpec as TaskSpecSchema } from '../../contract/market/tasks';
import type { Shown } from '../../contract/route';
import { type Time, toTime } from '../../domain/kernel/time';
import { changedAt, type Requested, strengthOf, type TaskSpec, type TaskState } from '../../domain/market/task';
import type { Loaded } from '../engine/streams';

/** What is to be done, as the API shows it. */
function specAnswer(spec: TaskSpec): Shown<typeof TaskSpecSchema> {
  return {
    task_type: spec.task_type,
    priority: spec.priority,
    urgency: spec.urgency,
    requires: spec.requires,
    location: spec.location,
    effort: spec.effort,
    estimated_cost_micro_usd: spec.estimated_cost_micro_usd,
    parent: spec.parent,
    job: spec.job,
    schedule: spec.schedule,
    after: spec.after,
    when: spec.when,
    not_before: spec.not_before,
    deadline: spec.deadline,
    payload: spec.payload,
    payload_ref: spec.payload_ref,
    requester: spec.requester,
    bid_seconds: spec.bid_seconds,
    accept_seconds: spec.accept_seconds,
    lease_seconds: spec.lease_seconds,
    max_attempts: spec.max_attempts,
    retry_seconds: spec.retry_seconds,
    oversight: spec.oversight,
  };
}

/** A task as the API shows it; `now` in milliseconds since the epoch. */
export function taskAnswer(
  id: string,
  { state, version }: Pick<Loaded<TaskState>, 'state' | 'version'>,
  now: number,
): Shown<typeof Task> {
  const {
    spec,
    status,
    attempts,
    awards,
    holder,
    challenges,
    progress,
    completion,
    history,
    posted_at,
    open_since,
    finished_at,
    ended,
    correlation_id,
    bids,
  } = state;
  return {
    id,
    version,
    status: status as Shown<typeof Task>['status'],
    ...specAnswer(spec as TaskSpec),
    strength: status === 'open' ? strengthOf(state, toTime(now)) : undefined,
    attempts,
    awards,
    bids: Object.keys(bids).length,
    holder,
    challenge: challenges.findLast(({ status: of }) => of === 'open'),
    challenges,
    progress,
    completion: completion && spentAnswer(completion),
    history: history.map(spentAnswer),
    posted_at: posted_at as Time,
    open_since,
    finished_at,
    changed_at: changedAt(state),
    ended,
    correlation_id,
  };
}

/** What an award has cost, as the API shows it. */
function spentAnswer<T extends { readonly cost?: number }>({ cost, ...ended }: T) {
  return { ...ended, cost_micro_usd: cost };
}

/** What is posted, and by whom. */
export function specOf(input: Shown<typeof TaskInput>, requester: string): TaskSpec {
  return { ...wantedOf(input), requester };
}

/** What is wanted, with what goes without saying: it takes an agent of its type, and the rules of its type hold. */
export function wantedOf(input: Shown<typeof TaskInput>): Omit<TaskSpec, keyof Requested> {
  const {
    id: _,
    cause: __,
    correlation_id: ___,
    requires = [{ capability: input.task_type, level: 0 }],
    after = [],
    when,
    oversight,
    ...rest
  } = input;
  return {
    ...rest,
    requires,
    ...(after.length > 0 && { after: [...new Set(after)], ...(when !== undefined && { when }) }),
    ...(oversight === undefined ? {} : { oversight: { ...oversight, kind: oversight.kind ?? input.task_type } }),
  };
}
