/** What the gate takes by itself, and what policy is told of what it lets go. */
import type { Proposal } from '../../domain/oversight/action';
import { declaredBy } from '../../domain/oversight/declared';
import type { PolicyAnswer } from '../../domain/policy/asking';

/** What the gate takes by itself: for a task, or as a command, which policy wants approved. */
export type OfGate = Pick<Proposal, 'target' | 'command'>;

/** Policy was asked about the command itself before: people approve it, whatever the gate's own rules allow. */
export function wanted(answer: PolicyAnswer, why: string): PolicyAnswer {
  return answer.decision === 'allow' ? { ...answer, decision: 'needs_approval', reasons: [why] } : answer;
}

/** The gate itself takes it. */
export function isForGate({ target, command }: Proposal): boolean {
  return target !== undefined || command !== undefined;
}

/** What policy is told of an action: what is to be done, as it stands in the proposal. */
export function factsOf({ kind, impact, risk, action }: Pick<Proposal, 'kind' | 'impact' | 'risk' | 'action'>) {
  return { ...declaredBy(action), impact, kind, risk };
}
