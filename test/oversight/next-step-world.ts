/** What an action at the gate may find around it: rounds, approvals, tasks, rules. */
import { refuse } from '../../domain/kernel/decider';
import { plusSeconds } from '../../domain/kernel/time';
import { actionDecider, type ActionState, type Proposal } from '../../domain/oversight/action';
import { approvalDecider, type ApprovalState } from '../../domain/oversight/approval';
import type { Tally } from '../../domain/oversight/consensus';
import type { Step } from '../../domain/oversight/next-step';
import { decideOversight, DEFAULT_RULES, type OversightRules, type RoundRules } from '../../domain/oversight/oversight';
import { roundDecider, type RoundState } from '../../domain/oversight/round';
import { reasonOf } from '../../domain/oversight/verdict';

export const NOW = '2026-11-21T10:00:00.000Z';
export const LATER = plusSeconds(NOW, 60);
export const FOR = 'acme/approval/a@0';

export const TARGET = 'acme/task/t';

export const FREE: OversightRules = { ...DEFAULT_RULES, mode: 'full_automation' };

const INPUT = {
  kind: 'erp.order',
  confidence: 0.9,
  impact: 'low',
  risk: 0.1,
  policy: { decision: 'allow', reasons: [] },
  novelty: { distance: 0, known: true },
} as const;

function answer(path: Proposal['oversight']['path']): Proposal['oversight'] {
  return { ...decideOversight(INPUT, FREE), path };
}

/** The second answer of the rules. */
export function second(consensus_score: number, rules: OversightRules): Proposal['oversight'] {
  return decideOversight({ ...INPUT, consensus_score }, rules);
}

export function action(changes: Partial<ActionState> = {}, path: Proposal['oversight']['path'] = 'act'): ActionState {
  const proposal: Proposal = {
    kind: 'erp.order',
    action: { count: 3 },
    proposed_by: 'ann',
    why: 'desks are missing',
    confidence: 0.9,
    impact: 'low',
    risk: 0.1,
    features: {},
    oversight: answer(path),
    policy: { bundle: 'one', decision: 'allow' },
  };
  return { ...actionDecider.initial, status: 'proposed', proposal, proposed_hash: 'h', hash: 'h', ...changes };
}

/** The action is for a task. */
export function targeted(changes: Partial<ActionState>): ActionState {
  const state = action(changes);
  return { ...state, proposal: { ...(state.proposal as Proposal), target: TARGET } };
}

/** The action is a command. */
export function commanding(changes: Partial<ActionState>): ActionState {
  const state = action(changes);
  const command = { operation: 'registerTool', as: { kind: 'agent', level: 'execute' } } as const;
  return { ...state, proposal: { ...(state.proposal as Proposal), command } };
}

export const round = (changes: Partial<RoundState>): RoundState => ({
  ...roundDecider.initial,
  status: 'closed',
  ...changes,
});
export const approval = (changes: Partial<ApprovalState>): ApprovalState => ({
  ...approvalDecider.initial,
  status: 'closed',
  opened_ref: FOR,
  hash: 'h',
  ends: [NOW, LATER],
  request: { requester: 'ann', safe_default: 'refuse', ladder: DEFAULT_RULES.approvers } as ApprovalState['request'],
  ...changes,
});

export const TALLY = {
  choices: [{ choice: 'approve', weight: 1, share: 0.875 }],
  score: 0.875,
  quorum_met: true,
  mean_confidence: 0.8,
  dissent: [{ voter: 'vic', choice: 'reject', confidence: 0.6, reasoning: 'too many' }],
} as unknown as Tally;

export const OVERRIDDEN = round({
  override: { by: 'eve', choice: 'approve', reason: 'I know it' } as RoundState['override'],
  tally: TALLY,
});

export const DOUBT = { by: 'dan', round: 'c', reason: 'why', until: LATER, since: NOW };

export const UNDO = { due: true, reason: 'it was wrong' };
export const HELD_TOO_OFTEN = refuse('held-too-often', 'the action was held 20 times');

export const CHANGES = [{ path: '/count', before: 3, after: 4 }];

export const look = (at: Extract<Step, { do: 'look' }>['at']): Step => ({ do: 'look', at });
export const settle = (upheld: boolean, verdict: string, lapsed?: true): Step => ({
  do: 'settleChallenge',
  round: 'c',
  upheld,
  reason: reasonOf(verdict, 'c'),
  lapsed,
});
export const refusal = (by: string, reason: string, ref?: string): Step => ({ do: 'refuse', by, ref, reason });
export const holds = (ref: string, oversight?: Proposal['oversight']): Step => ({
  do: 'hold',
  for: 'approval',
  ref,
  oversight,
});

export const verdict = (is: string | undefined) => ({ verdict: { is } });

export const VOTE: RoundRules = {
  when: 'always',
  round_seconds: 60,
  improvement_rounds: 0,
  voters: [{ id: 'v', weight: 1 }],
  algorithm: 'simple_majority',
  min_agreement: 0.5,
  quorum: 0.5,
} as unknown as RoundRules;
