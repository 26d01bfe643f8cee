/** An action at every station of its life, and what is asked of it there. */
import type { Decision } from '../../domain/kernel/decider';
import { plusSeconds } from '../../domain/kernel/time';
import {
  actionDecider,
  type ActionEvent,
  actionHash,
  type ActionState,
  challenge,
  execute,
  type PolicyAtGate,
  type Proposal,
} from '../../domain/oversight/action';
import {
  decideOversight,
  DEFAULT_RULES,
  type OversightAnswer,
  type OversightRules,
  type Person,
} from '../../domain/oversight/oversight';
import { given } from '../support/given';

export const NOW = '2026-11-21T10:01:00.000Z';
export const UNTIL = plusSeconds(NOW, 60);
export const ALLOW: PolicyAtGate = { bundle: 'one', decision: 'allow' };
export const WANTS: PolicyAtGate = { bundle: 'two', decision: 'needs_approval' };

export const EVE: Person = { by: 'eve', kind: 'human' };
export const BOT: Person = { by: 'bot', kind: 'agent' };

const input = {
  kind: 'erp.order',
  confidence: 0.9,
  impact: 'low',
  risk: 0.1,
  policy: { decision: 'allow', reasons: [] },
  novelty: { distance: 0, known: true },
} as const;
const free: OversightRules = { ...DEFAULT_RULES, mode: 'full_automation' };
export const ACT = decideOversight(input, free);
export const WATCH = decideOversight(input, { ...free, mode: 'human_on_the_loop', veto_seconds: 60 });
export const ASK = decideOversight(input, DEFAULT_RULES);
export const VOTE: OversightAnswer = { ...ACT, path: 'round' };

export const ORDER = { item: 'desk', count: 3 };
export const MORE = { item: 'desk', count: 4 };
export const HASH = actionHash('erp.order', ORDER);
export const MORE_HASH = actionHash('erp.order', MORE);
export const CHANGES = [{ path: '/count', before: 3, after: 4 }];
export const proposal: Proposal = {
  kind: 'erp.order',
  action: ORDER,
  proposed_by: 'ann',
  why: 'desks are missing',
  confidence: 0.9,
  impact: 'low',
  risk: 0.1,
  features: { count: 3 },
  oversight: ACT,
  policy: ALLOW,
};

export const LATER = plusSeconds(UNTIL, 3_600);
export const proposed = (changes: Partial<Proposal> = {}): ActionEvent => ({
  type: 'ActionProposed',
  v: 1,
  data: { ...proposal, ...changes, hash: HASH },
});
export const cleared = (
  by: 'rules' | 'round' | 'approval' | 'veto-window-passed' | 'override' = 'rules',
  ref?: string,
  hash = HASH,
): ActionEvent => ({ type: 'ActionCleared', v: 1, data: { by, ref, hash } });
export const held = (what: 'round' | 'approval' = 'approval', ref = 'one'): ActionEvent => ({
  type: 'ActionHeld',
  v: 1,
  data: { for: what, ref },
});
const opened: ActionEvent = { type: 'VetoWindowOpened', v: 1, data: { until: UNTIL } };
export const vetoed: ActionEvent = { type: 'ActionVetoed', v: 1, data: { by: 'eve', reason: 'no' } };
export const refused = (by = 'approval', ref?: string): ActionEvent => ({
  type: 'ActionRefused',
  v: 1,
  data: { by, ref, reason: 'no' },
});
export const edited: ActionEvent = {
  type: 'ActionEdited',
  v: 1,
  data: { from_hash: HASH, to_hash: MORE_HASH, action: MORE, changes: CHANGES, by: 'eve', ref: 'one' },
};
export const challenged = (round = 'doubt', by = 'bob'): ActionEvent => ({
  type: 'ActionChallenged',
  v: 1,
  data: { by, round, reason: 'wrong', until: LATER },
});

export const executed = (hash = HASH, policy = ALLOW, result?: unknown): ActionEvent => ({
  type: 'ActionExecuted',
  v: 1,
  data: { by: 'ann', hash, result, policy },
});
export const returned = (reason: string, policy: PolicyAtGate, hash = HASH): ActionEvent => ({
  type: 'ActionReturned',
  v: 1,
  data: { by: 'ann', reason, hash, policy },
});
export const overridden = (instead: 'refuse' | 'allow'): ActionEvent => ({
  type: 'ActionOverridden',
  v: 1,
  data: { by: 'eve', instead, reason: 'no' },
});
export const due: ActionEvent = { type: 'CompensationDue', v: 1, data: { reason: 'no' } };

export const STRICT = 'policy wants approval now, which it did not when the action was cleared';

export const HISTORY = {
  unknown: [],
  proposed: [proposed()],
  watched: [proposed({ oversight: WATCH })],
  /** The rules want a person. */
  asked: [proposed({ oversight: ASK })],
  voting: [proposed({ oversight: VOTE }), held('round', 'vote')],
  held: [proposed({ oversight: ASK }), held()],
  edited: [proposed({ oversight: ASK }), held(), edited],
  window: [proposed({ oversight: WATCH }), opened],
  passed: [proposed({ oversight: WATCH }), opened, cleared('veto-window-passed')],
  cleared: [proposed(), cleared()],
  approved: [proposed({ oversight: ASK }), held(), cleared('approval', 'one')],
  challenged: [proposed(), cleared(), challenged()],
  executed: [proposed(), cleared(), executed()],
  returned: [proposed(), cleared(), returned(STRICT, WANTS)],
  refused: [proposed({ oversight: ASK }), held(), refused('approval', 'one')],
  vetoed: [proposed({ oversight: WATCH }), opened, vetoed],
  due: [proposed(), cleared(), executed(), overridden('refuse'), due],
} satisfies Record<string, readonly ActionEvent[]>;

export type What = keyof typeof HISTORY;
export type Line = readonly [
  What,
  string,
  Decision<ActionState, ActionEvent>,
  'nothing' | (string & {}) | readonly ActionEvent[],
];

export function lines(table: readonly Line[]): void {
  test.each(table)('%s: %s', (what, _, decision, answer) => {
    const when = given(actionDecider, HISTORY[what]).when(decision);
    if (answer === 'nothing') when.thenNothing();
    else if (typeof answer === 'string') when.thenRejected(answer);
    else when.then(answer).thenRepeatedNothing();
  });
}

export const take = (changes: Partial<Parameters<typeof execute>[0]> = {}, now = NOW) =>
  execute({ by: 'ann', hash: HASH, policy: ALLOW, ...changes }, now);

export const doubt = (changes: object = {}) =>
  challenge({ by: 'bob', round: 'doubt', reason: 'wrong', until: LATER, ...changes });
