/** An approval at every station of its life, and what is asked of it there. */
import type { Decision } from '../../domain/kernel/decider';
import { plusSeconds } from '../../domain/kernel/time';
import { actionHash, type PolicyAtGate } from '../../domain/oversight/action';
import {
  approvalDecider,
  type ApprovalEvent,
  type ApprovalOutcome,
  type ApprovalRequest,
  type ApprovalState,
  approve,
  type Edit,
} from '../../domain/oversight/approval';
import type { Person } from '../../domain/oversight/oversight';
import { given } from '../support/given';

export const NOW = '2026-11-21T10:00:00.000Z';
export const after = (seconds: number) => plusSeconds(NOW, seconds);
const ALLOW: PolicyAtGate = { bundle: 'one', decision: 'allow' };
export const WANTS: PolicyAtGate = { bundle: 'two', decision: 'needs_approval' };

export const eve: Person = { by: 'eve', kind: 'human' };
export const dan: Person = { by: 'dan', kind: 'human' };
/** Of the second group. */
export const max: Person = { by: 'max', kind: 'human' };
/** Of the first group by its token. */
export const tom: Person = { by: 'tom', kind: 'human', groups: ['buyers'] };
export const ann: Person = { by: 'ann', kind: 'human', groups: ['buyers'] };
export const bot: Person = { by: 'eve', kind: 'agent', groups: ['buyers'] };
export const stranger: Person = { by: 'sue', kind: 'human', groups: ['sellers'] };

export const ORDER = { item: 'desk', count: 3 };
export const MORE = { item: 'desk', count: 4 };
export const LESS = { item: 'desk', count: 2 };
export const [HASH, MORE_HASH, LESS_HASH] = [ORDER, MORE, LESS].map((action) => actionHash('erp.order', action)) as [
  string,
  string,
  string,
];

export const asked: ApprovalRequest = {
  action: 'acme/action/1',
  kind: 'erp.order',
  hash: HASH,
  summary: '3 desks',
  requester: 'ann',
  why: 'desks are missing',
  impact: 'medium',
  risk: 0.5,
  policy: ALLOW,
  inputs: [{ by: 'round', says: '3 of 4 agree', confidence: 0.8 }],
  safe_default: 'refuse',
  ladder: [
    { group: 'buyers', members: ['eve'], deputies: ['dan'], seconds: 60 },
    { group: 'heads', members: ['max'], seconds: 30 },
  ],
};

export const requested = (changes: Partial<ApprovalRequest> = {}, opened: object = {}): ApprovalEvent => ({
  type: 'ApprovalRequested',
  v: 1,
  data: {
    ...asked,
    ...changes,
    severity: 'medium',
    score: 50,
    approvals_needed: 1,
    ends: [after(60), after(90)],
    ...opened,
  },
});
export const claimed = (by = 'eve', until = after(30)): ApprovalEvent => ({
  type: 'ApprovalClaimed',
  v: 1,
  data: { by, until },
});

export const questioned = (number = 1, question = 'why?'): ApprovalEvent => ({
  type: 'QuestionAsked',
  v: 1,
  data: { number, by: 'eve', question },
});
export const answered: ApprovalEvent = {
  type: 'QuestionAnswered',
  v: 1,
  data: { number: 1, by: 'ann', answer: 'because' },
};
export const gave = (by = 'eve', hash = HASH, edit?: Edit): ApprovalEvent => ({
  type: 'ApprovalGiven',
  v: 1,
  data: { by, reason: 'fine', hash, edit },
});
export const rejected: ApprovalEvent = { type: 'ApprovalRejected', v: 1, data: { by: 'eve', reason: 'no' } };
export const escalated: ApprovalEvent = {
  type: 'ApprovalEscalated',
  v: 1,
  data: { level: 1, group: 'heads', reason: `buyers did not decide by ${after(60)}` },
};
export const closed = (outcome: ApprovalOutcome, more: object = { hash: HASH }): ApprovalEvent => ({
  type: 'ApprovalClosed',
  v: 1,
  data: { outcome, ...more },
});
export const defaulted = closed('defaulted', { hash: HASH, safe_default: 'refuse' });
export const reopened = (ref = 'acme/action/1@5'): ApprovalEvent => ({
  type: 'ApprovalReopened',
  v: 1,
  data: { ref, reason: 'stricter', hash: HASH, policy: WANTS, ends: [after(260), after(290)] },
});
export const overridden: ApprovalEvent = {
  type: 'ApprovalOverridden',
  v: 1,
  data: { by: 'max', instead: 'refuse', reason: 'no' },
};
export const editTo = (count: number, before = 3): Edit => ({
  action: { item: 'desk', count },
  hash: count === 4 ? MORE_HASH : LESS_HASH,
  changes: [{ path: '/count', before, after: count }],
});

export const critical = requested({ impact: 'critical' }, { severity: 'critical', score: 90, approvals_needed: 2 });

export const HISTORY = {
  unknown: [],
  waiting: [requested()],
  low: [requested({ impact: 'low' })],
  /** By Eve, for 30 seconds. */
  claimed: [requested(), claimed()],
  questioned: [requested(), questioned()],
  answered: [requested(), questioned(), answered],
  escalated: [requested(), escalated],
  critical: [critical],
  /** Eve has approved it. */
  half: [critical, gave()],
  /** Eve approved it, Dan then approved it with an edit. */
  edited: [critical, gave(), gave('dan', MORE_HASH, editTo(4))],
  approved: [requested(), gave(), closed('approved')],
  rejected: [requested(), rejected, closed('rejected')],
  defaulted: [requested(), escalated, defaulted],
  withdrawn: [requested(), closed('withdrawn', { reason: 'no' })],
  superseded: [requested(), closed('superseded', { reason: 'no' })],
  reopened: [requested(), gave(), closed('approved'), reopened()],
  overridden: [requested(), overridden, closed('superseded', { reason: 'no' })],
} satisfies Record<string, readonly ApprovalEvent[]>;

export type What = keyof typeof HISTORY;
export type Line = readonly [
  What,
  string,
  Decision<ApprovalState, ApprovalEvent>,
  'nothing' | (string & {}) | readonly ApprovalEvent[],
];

export function lines(table: readonly Line[]): void {
  test.each(table)('%s: %s', (what, _, decision, result) => {
    const when = given(approvalDecider, HISTORY[what]).when(decision);
    if (result === 'nothing') when.thenNothing();
    else if (typeof result === 'string') when.thenRejected(result);
    else when.then(result).thenRepeatedNothing();
  });
}

export const yes = (person: Person = eve, changes: object = {}, now = NOW) =>
  approve(person, { hash: HASH, reason: 'fine', ...changes }, now);
