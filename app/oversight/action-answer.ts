/** An action as the API shows it. */
import type { Action } from '../../contract/oversight/actions';
import type { Shown } from '../../contract/route';
import type { Time } from '../../domain/kernel/time';
import type { ActionState, PolicyAtGate, Proposal } from '../../domain/oversight/action';
import type { Loaded } from '../engine/streams';

export function actionAnswer(
  id: string,
  { state, version }: Pick<Loaded<ActionState>, 'state' | 'version'>,
): Shown<typeof Action> {
  const { kind, action, proposed_by, why, confidence, impact, risk, features, oversight, target, command } =
    state.proposal as Proposal;
  return {
    id,
    version,
    kind,
    action,
    why,
    confidence,
    impact,
    risk,
    features,
    proposed_by,
    oversight,
    policy: state.policy as PolicyAtGate,
    target,
    status: state.status as Shown<typeof Action>['status'],
    proposed_hash: state.proposed_hash,
    hash: state.hash,
    held: state.held,
    refs: state.refs,
    veto_until: state.veto_until,
    veto_from: state.veto_from,
    cleared: state.cleared,
    stopped: state.stopped,
    command: command?.operation,
    given: state.given,
    challenge: state.challenge,
    challenges: state.challenges,
    executed: state.executed,
    override: state.override,
    overrides: state.overrides,
    asked_people: state.asked_people,
    proposed_at: state.proposed_at as Time,
    decided_at: state.decided_at,
    compensation: state.compensation,
  };
}
