/**
 * The plan of a job: its tasks, what each comes after, and what happens when one fails. It is checked once, when the
 * job is posted, and never changes; it is kept beside the log, and the job's first receipt names its hash.
 */
import { Rejection } from '../kernel/decider';
import { referenceProblem } from '../market/references';
import type { Requested, TaskSpec, When } from '../market/task';
import { knownOf, type Progress } from './progress';

/** Tasks of one job, and mentions in `after` of all of them, at most. */
export const MAX_TASKS = 10_000;
export const MAX_EDGES = 100_000;
/** Keys of a cycle that are named. */
const MAX_NAMED = 20;

/**
 * `cancel`: what has not ended is cancelled. `continue`: what does not need it goes on. `compensate`: as `cancel`, and
 * then one task makes good what was done.
 */
export const ON_FAILURE = ['cancel', 'continue', 'compensate'] as const;
export type OnFailure = (typeof ON_FAILURE)[number];

/** What a task of a job is, without what it gets from the job. */
export type PlannedSpec = Omit<
  TaskSpec,
  keyof Requested | 'payload_ref' | 'parent' | 'job' | 'schedule' | 'after' | 'when'
>;

export interface PlannedTask {
  /** Its name within the job. */
  readonly key: string;
  /** With references in its payload. */
  readonly spec: PlannedSpec;
  /** Places of the tasks that it comes after. */
  readonly after: readonly number[];
  /** Whether all of them have to be completed, or one. */
  readonly when: When;
}

export interface Plan {
  readonly tasks: readonly PlannedTask[];
  readonly on_failure: OnFailure;
  /** Place of the task that makes good what was done. */
  readonly compensation?: number;
}

/** A task as it is asked for: what it comes after is named by keys. */
export interface AskedTask extends Omit<PlannedTask, 'after'> {
  readonly after: readonly string[];
}

export interface AskedJob {
  readonly tasks: readonly AskedTask[];
  readonly on_failure: OnFailure;
  readonly compensation?: string;
}

/** The plan of what is asked for, or why there can be none. */
export function planOf({ tasks, on_failure, compensation }: AskedJob): Plan | Rejection {
  const places = new Map<string, number>();
  for (const [place, { key }] of tasks.entries()) {
    if (places.has(key)) return invalid('key-twice', `two tasks of the job have the key ${key}: each has its own`);
    places.set(key, place);
  }
  if (tasks.length > MAX_TASKS || tasks.reduce((sum, { after }) => sum + after.length, 0) > MAX_EDGES)
    return invalid(
      'job-too-large',
      `a job has at most ${MAX_TASKS} tasks, which come after others ${MAX_EDGES} times: post several, or join results in between`,
    );
  const planned: PlannedTask[] = [];
  for (const { after, ...task } of tasks) {
    const unknown = after.find((key) => !places.has(key));
    if (unknown !== undefined)
      return invalid('after-unknown', `${task.key} comes after ${unknown}, and the job has no task with that key`);
    planned.push({ ...task, after: [...new Set(after)].map((key) => places.get(key) as number) });
  }
  const reserve = compensation === undefined ? undefined : places.get(compensation);
  const wrong = compensationProblem(planned, on_failure, { key: compensation, place: reserve }) ?? cycleIn(planned);
  if (wrong !== undefined) return wrong;
  for (const [place, task] of planned.entries()) {
    const problem = referenceProblem(task.key, task.spec.payload, (key) => {
      const of = places.get(key);
      // What makes good may need to know what was done anywhere.
      return of !== undefined && (place === reserve ? of !== place : task.after.includes(of));
    });
    if (problem !== undefined) return problem;
  }
  return { tasks: planned, on_failure, ...(reserve === undefined ? {} : { compensation: reserve }) };
}

function invalid(code: string, message: string): Rejection {
  return new Rejection('invalid', code, message);
}

function compensationProblem(
  tasks: readonly PlannedTask[],
  on_failure: OnFailure,
  { key, place }: { readonly key: string | undefined; readonly place: number | undefined },
): Rejection | undefined {
  const wrong = (message: string) => invalid('compensation-invalid', message);
  if ((on_failure === 'compensate') !== (key !== undefined))
    return wrong('compensation names a task exactly where on_failure is compensate');
  if (key === undefined) return undefined;
  if (place === undefined) return wrong(`the job has no task ${key} to compensate with`);
  if (tasks.length === 1) return wrong('a job has a task beside its compensation');
  if ((tasks[place] as PlannedTask).after.length > 0)
    return wrong(`${key} compensates: it comes after all others, and names none`);
  const after = tasks.find((task) => task.after.includes(place));
  return after && wrong(`${after.key} comes after ${key}, which is done only when the job has failed`);
}

/** Kahn's algorithm; of what is left over, one way round is named. */
function cycleIn(tasks: readonly PlannedTask[]): Rejection | undefined {
  const before = tasks.map(({ after }) => after.length);
  const followers = followersOf(tasks);
  const free = before.flatMap((count, place) => (count === 0 ? [place] : []));
  for (let place = free.pop(); place !== undefined; place = free.pop())
    for (const next of followers[place] as readonly number[]) {
      (before[next] as number) -= 1;
      if (before[next] === 0) free.push(next);
    }
  let place = before.findIndex((count) => count > 0);
  if (place < 0) return undefined;
  // Each that is left comes after another that is left: going back from one leads into a cycle.
  const way = new Map<number, number>();
  while (!way.has(place)) {
    way.set(place, way.size);
    place = (tasks[place] as PlannedTask).after.find((other) => (before[other] as number) > 0) as number;
  }
  const round = [...way.keys()].slice(way.get(place)).toReversed();
  const keys = round.map((one) => (tasks[one] as PlannedTask).key);
  const named = keys.length > MAX_NAMED ? [...keys.slice(0, MAX_NAMED), '…'] : [...keys, keys[0]];
  return invalid('job-cycle', `the tasks wait for each other, in this round: ${named.join(' → ')}`);
}

/** A plan with what is looked up in it. */
export interface Graph extends Plan {
  /** By place: the places of the tasks that come after it. */
  readonly followers: readonly (readonly number[])[];
  /** By key. */
  readonly places: ReadonlyMap<string, number>;
}

export function graphOf(plan: Plan): Graph {
  const places = new Map(plan.tasks.map(({ key }, place) => [key, place]));
  return { ...plan, followers: followersOf(plan.tasks), places };
}

function followersOf(tasks: readonly PlannedTask[]): readonly (readonly number[])[] {
  const followers = tasks.map((): number[] => []);
  for (const [place, { after }] of tasks.entries()) for (const other of after) followers[other]?.push(place);
  return followers;
}

/** Whether what the task needs is there. */
export function isReady({ after, when }: PlannedTask, progress: Progress): boolean {
  const isDone = (place: number) => knownOf(progress, place) === 'completed';
  if (when === 'any' && after.length > 0) return after.some(isDone);
  // From the end: what ends in the order of the plan leaves the last one to be waited for.
  return after.findLast((place) => !isDone(place)) === undefined;
}

/**
 * The places of the tasks that wait for something that never comes, since the task at `place` has failed: those right
 * after it, those after these, and so on.
 */
export function lostBy({ tasks, followers }: Graph, place: number, progress: Progress): readonly number[] {
  const mayCome = (other: number) => ['waiting', 'completed'].includes(knownOf(progress, other));
  const lost = new Set<number>();
  /** For a task that one is enough for: how many of those that it comes after may still be completed, or are. */
  const hopes = new Map<number, number>();
  // Each mention in `after` is looked at once: a plan has many.
  for (let round: readonly number[] = [place]; round.length > 0;) {
    const next: number[] = [];
    for (const before of round)
      for (const follower of followers[before] ?? []) {
        if (lost.has(follower) || knownOf(progress, follower) !== 'waiting') continue;
        const { after, when } = tasks[follower] as PlannedTask;
        if (when === 'any') {
          // That the first one is gone, the progress says already.
          const hope = (hopes.get(follower) ?? after.filter(mayCome).length) - (before === place ? 0 : 1);
          hopes.set(follower, hope);
          if (hope > 0) continue;
        }
        lost.add(follower);
        next.push(follower);
      }
    round = next;
  }
  return [...lost];
}
