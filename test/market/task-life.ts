/** A task at every station of its life, and what is asked of it there. */
import type { Decision } from '../../domain/kernel/decider';
import { plusSeconds } from '../../domain/kernel/time';
import {
  type AttemptEnd,
  type Peer,
  taskDecider,
  type TaskEvent,
  type TaskSpec,
  type TaskState,
} from '../../domain/market/task';
import { given } from '../support/given';

export const spec: TaskSpec = {
  task_type: 'screen',
  priority: 0.8,
  urgency: 0.5,
  requires: [{ capability: 'screening', level: 0.5 }],
  requester: 'poster',
  bid_seconds: 0,
  accept_seconds: 30,
  lease_seconds: 60,
  max_attempts: 3,
  retry_seconds: 10,
};
export const NOW = '2026-11-21T10:01:00.000Z';
export const CLAIM = { agent: 'ann', award: 1 };
export const OTHER = { agent: 'bob', award: 1 };
export const OLD = { agent: 'ann', award: 1 };

export const posted = (changes: Partial<TaskSpec> = {}): TaskEvent => ({
  type: 'TaskPosted',
  v: 1,
  data: { spec: { ...spec, ...changes } },
});
/** The same as of now: the receipt says when the decision was made. */
export const postedAt = (posted_at: string, changes: Partial<TaskSpec> = {}): TaskEvent => ({
  type: 'TaskPosted',
  v: 1,
  data: { spec: { ...spec, ...changes }, posted_at },
});

export const bids = (agent: string): TaskEvent => ({ type: 'BidPlaced', v: 1, data: { agent } });
export const withdrew = (agent: string): TaskEvent => ({ type: 'BidWithdrawn', v: 1, data: { agent } });
export const awarded = (agent = 'ann', number = 1, accept_by = plusSeconds(NOW, 30)): TaskEvent => ({
  type: 'TaskAwarded',
  v: 1,
  data: { award: number, attempt: 1, agent, score: 0.9, accept_by, reservation: `acme/agent/${agent}@1` },
});
export const accepted = (claim = CLAIM): TaskEvent => ({
  type: 'TaskAccepted',
  v: 1,
  data: { ...claim, lease_seconds: 60 },
});
export const declined = (claim = CLAIM): TaskEvent => ({
  type: 'AwardDeclined',
  v: 1,
  data: { ...claim, reason: 'busy' },
});
export const progressed = (fraction: number, note?: string, claim = CLAIM): TaskEvent => ({
  type: 'TaskProgressed',
  v: 1,
  data: { ...claim, fraction, note },
});
export const completed = (result: unknown = { ok: true }, claim = CLAIM): TaskEvent => ({
  type: 'TaskCompleted',
  v: 1,
  data: { ...claim, result },
});
export const ended = (end: AttemptEnd, reason: string, attempt = 1, claim = CLAIM): TaskEvent => ({
  type: 'AttemptEnded',
  v: 1,
  data: { ...claim, attempt, end, reason },
});
export const reopened = (attempt: number, not_before: string): TaskEvent => ({
  type: 'TaskReopened',
  v: 1,
  data: { attempt, not_before },
});
export const dead = (reason: string, attempts = 3): TaskEvent => ({
  type: 'TaskDeadLettered',
  v: 1,
  data: { reason, attempts },
});

export const cancelled = (holder?: typeof CLAIM): TaskEvent => ({
  type: 'TaskCancelled',
  v: 1,
  data: { by: 'eve', reason: 'no need', ...holder },
});
export const DEADLINE = '2026-11-21T11:00:00.000Z';
export const voided = (reserved = CLAIM): TaskEvent => ({ type: 'AwardVoided', v: 1, data: reserved });
export const passed = (holder?: typeof CLAIM): TaskEvent => ({
  type: 'DeadlinePassed',
  v: 1,
  data: { deadline: DEADLINE, ...holder },
});
export const handedOff = (to = 'bob', number = 2): TaskEvent => ({
  type: 'TaskHandedOff',
  v: 1,
  data: {
    from: 'ann',
    from_award: 1,
    award: number,
    agent: to,
    accept_by: plusSeconds(NOW, 30),
    reservation: `acme/agent/${to}@1`,
    note: 'yours',
  },
});

export const to = (agent: string, number: number, capabilities: Record<string, number> = { screening: 0.5 }): Peer => ({
  agent,
  profile: { agent_type: 'worker', pool: 'workers', capabilities, capacity: 1, presence_seconds: 60, offer: null },
  award: number,
  receipt: `acme/agent/${agent}@1`,
});

/** One history for each thing that can have become of a task. */
export const HISTORY = {
  unknown: [],
  open: [posted()],
  awarded: [posted(), awarded()],
  running: [posted(), awarded(), accepted()],
  completed: [posted(), awarded(), accepted(), completed()],
  cancelled: [posted(), cancelled()],
  expired: [posted({ deadline: DEADLINE }), passed()],
  dead: [posted(), awarded(), accepted(), ended('failed', 'broken'), dead('broken', 1)],
  /** Its first attempt failed. */
  reopened: [posted(), awarded(), accepted(), ended('failed', 'broken'), reopened(2, NOW)],
  /** Ann had it, Bob has it now. */
  superseded: [
    posted(),
    awarded(),
    accepted(),
    ended('expired', 'silent'),
    reopened(2, NOW),
    awarded('bob', 2),
    accepted({ agent: 'bob', award: 2 }),
  ],
} satisfies Record<string, readonly TaskEvent[]>;

export type What = keyof typeof HISTORY;

export const after = (events: readonly TaskEvent[]): TaskState => {
  let state = taskDecider.initial;
  given(taskDecider, events).thenState((folded) => void (state = folded));
  return state;
};

/**
 * A line of a table: what became of the task, what is asked of it, and the answer: nothing, or the code of a refusal.
 */
export type Line = readonly [What, string, Decision<TaskState, TaskEvent>, 'nothing' | (string & {})];

export function lines(table: readonly Line[]): void {
  test.each(table)('%s: %s', (what, _, decision, answer) => {
    const when = given(taskDecider, HISTORY[what]).when(decision);
    if (answer === 'nothing') when.thenNothing();
    else when.thenRejected(answer);
  });
}
