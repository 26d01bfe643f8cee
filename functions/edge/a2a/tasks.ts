/** A task of the market as A2A tells it: its state, its history and its artifacts, in the JSON of revision 1.0. */
import { z } from 'zod';
import { type Task, TaskSummary } from '../../../contract/market/tasks';
import type { Action } from '../../../contract/oversight/actions';
import type { Shown } from '../../../contract/route';

/** The states that tasks here come to; of the protocol's, nobody has to authenticate in the midst of one. */
export const STATES = [
  'TASK_STATE_SUBMITTED',
  'TASK_STATE_WORKING',
  'TASK_STATE_COMPLETED',
  'TASK_STATE_FAILED',
  'TASK_STATE_CANCELED',
  'TASK_STATE_INPUT_REQUIRED',
  'TASK_STATE_REJECTED',
  'TASK_STATE_AUTH_REQUIRED',
] as const;
export type TaskState = (typeof STATES)[number];

export interface Part {
  readonly text?: string;
  readonly data?: unknown;
  readonly mediaType?: string;
}

export interface Message {
  readonly messageId: string;
  readonly contextId?: string;
  readonly taskId?: string;
  readonly role: 'ROLE_USER' | 'ROLE_AGENT';
  readonly parts: readonly Part[];
}

export interface Artifact {
  readonly artifactId: string;
  readonly name?: string;
  readonly parts: readonly Part[];
}

export interface TaskStatus {
  readonly state: TaskState;
  readonly message?: Message;
  readonly timestamp: string;
}

/** `Task` of the protocol. */
export interface A2aTask {
  readonly id: string;
  readonly contextId: string;
  readonly status: TaskStatus;
  readonly artifacts?: readonly Artifact[];
  readonly history?: readonly Message[];
}

type Market = Shown<typeof Task>;
type Listed = Shown<typeof TaskSummary>;
type AtGate = Shown<typeof Action>;

/** What stands in a task of the market that was sent as a message. */
export interface Payload {
  readonly message: object;
  readonly accepted_output_modes?: readonly string[];
}

const TERMINAL: ReadonlySet<TaskState> = new Set<TaskState>([
  'TASK_STATE_COMPLETED',
  'TASK_STATE_FAILED',
  'TASK_STATE_CANCELED',
  'TASK_STATE_REJECTED',
]);

export function isTerminal({ status }: Pick<A2aTask, 'status'>): boolean {
  return TERMINAL.has(status.state);
}

/** Who ends what was not cleared. */
const GATE = 'oversight';

/**
 * Held is what people or agents have to clear, where it waits for no other task; what the gate has ended was refused.
 */
function stateOf(status: Market['status'], endedBy: string | null | undefined, isBlocked: boolean): TaskState {
  switch (status) {
    case 'held':
      return isBlocked ? 'TASK_STATE_SUBMITTED' : 'TASK_STATE_INPUT_REQUIRED';
    case 'open':
    case 'awarded':
      return 'TASK_STATE_SUBMITTED';
    case 'running':
      return 'TASK_STATE_WORKING';
    case 'completed':
      return 'TASK_STATE_COMPLETED';
    case 'cancelled':
      return endedBy === GATE ? 'TASK_STATE_REJECTED' : 'TASK_STATE_CANCELED';
    default:
      return 'TASK_STATE_FAILED';
  }
}

/** Whether it waits for the tasks that it comes after. */
function isAwaiting(why: Market['why']): boolean {
  return why?.code === 'awaits-others';
}

/** What is said of the state. */
function wordsOf({ status, ended, history, progress, why }: Market): string | undefined {
  switch (status) {
    case 'held':
      if (isAwaiting(why)) return why?.text;
      return `It is not begun before it is approved.${why === undefined ? '' : ` ${why.text}`}`;
    case 'open':
      return why?.text;
    case 'running':
      return progress?.note;
    case 'completed':
      return undefined;
    default:
      return ended?.reason ?? history.at(-1)?.reason;
  }
}

/** Of a message of the colony: it was sent by nobody, so its name is that of what it is about. */
function said(task: { readonly id: string; readonly contextId: string }, name: string, text: string): Message {
  const { id: taskId, contextId } = task;
  return { messageId: `${taskId}.${name}`, contextId, taskId, role: 'ROLE_AGENT', parts: [{ text }] };
}

/**
 * @param id under which the client knows it
 * @param payload of the task, where it is told
 * @param result of the task, where it is told
 */
export function taskOf(
  id: string,
  task: Market,
  { payload, result }: { readonly payload?: unknown; readonly result?: unknown } = {},
): A2aTask {
  const contextId = task.correlation_id;
  const words = wordsOf(task);
  const history = payload === undefined ? [] : historyOf(id, contextId, payload);
  const artifacts = result === undefined ? [] : artifactsOf(result);
  return {
    id,
    contextId,
    status: {
      state: stateOf(task.status, task.ended?.by, isAwaiting(task.why)),
      ...(words !== undefined && { message: said({ id, contextId }, `v${task.version}`, words) }),
      timestamp: task.changed_at,
    },
    ...(artifacts.length > 0 && { artifacts }),
    ...(history.length > 0 && { history }),
  };
}

/** A task as lists have it: without what is said of it, and what came of it. */
export function listedTaskOf({ id, correlation_id, status, ended_by, changed_at, blocked }: Listed): A2aTask {
  const state = stateOf(status, ended_by, blocked === true);
  return { id, contextId: correlation_id, status: { state, timestamp: changed_at } };
}

/** The states of the market that a state of the protocol may be. */
export function statusesOf(state: TaskState | undefined): readonly (Market['status'] | undefined)[] {
  if (state === undefined) return [undefined];
  return TaskSummary.shape.status.options.filter((status) =>
    [null, GATE].some((endedBy) => [false, true].some((blocked) => stateOf(status, endedBy, blocked) === state)),
  );
}

/** A message that people approve before it becomes a task. */
export function heldTaskOf({ id, stopped, proposed_by, proposed_at, decided_at, given, action }: AtGate): A2aTask {
  const contextId = contextOf(action) ?? id;
  const refused = given?.refused ?? stopped?.reason;
  // Whoever has sent it has taken it back.
  const no = stopped?.by === proposed_by ? 'TASK_STATE_CANCELED' : 'TASK_STATE_REJECTED';
  return {
    id,
    contextId,
    status: {
      state: refused === undefined ? 'TASK_STATE_INPUT_REQUIRED' : no,
      message: said({ id, contextId }, 'held', refused ?? `People approve this first: see the action ${id}.`),
      timestamp: decided_at ?? proposed_at,
    },
  };
}

function contextOf(action: unknown): string | undefined {
  const { body } = (action ?? {}) as { readonly body?: { readonly correlation_id?: string } };
  return body?.correlation_id;
}

/** The message with which a task began; none where it was posted otherwise. */
function historyOf(taskId: string, contextId: string, payload: unknown): Message[] {
  const { message } = (payload ?? {}) as { readonly message?: Message };
  if (typeof message?.messageId !== 'string' || !Array.isArray(message.parts)) return [];
  return [{ ...message, contextId, taskId }];
}

/** With one content, as the protocol's wire has it: what has another form can't be told in all revisions. */
const Part = z
  .looseObject({ text: z.string().optional(), raw: z.string().optional(), url: z.string().optional() })
  .refine((part) => ['text', 'raw', 'url', 'data'].filter((name) => part[name] != null).length === 1);

const Artifacts = z.object({
  artifacts: z
    .array(
      z.looseObject({
        artifactId: z.string().min(1),
        parts: z.array(Part).min(1),
      }),
    )
    .min(1),
});

/**
 * What a worker returns is one artifact, text or data; one that speaks A2A may return its artifacts themselves. What is
 * none of them is data.
 */
function artifactsOf(result: unknown): readonly Artifact[] {
  const { success, data } = Artifacts.safeParse(result);
  if (success) return data.artifacts;
  const part =
    typeof result === 'string'
      ? { text: result, mediaType: 'text/plain' }
      : { data: result, mediaType: 'application/json' };
  return [{ artifactId: 'result', name: 'result', parts: [part] }];
}
