/** Actions at the gate: a row per action, with what it took to decide on it. */
import type { ActionSummary } from '../../contract/oversight/actions';
import type { Shown } from '../../contract/route';
import { actionDecider, type ActionState } from '../../domain/oversight/action';
import type { Projection } from '../projection';
import { ALL } from '../projection';

export type ActionDoc = Shown<typeof ActionSummary>;

export const actions: Projection<ActionState, ActionDoc> = {
  name: 'actions',
  version: 3,
  category: actionDecider.category,
  fields: ['status', 'kind', 'compensation', 'proposed_on'],
  row({ tenant, id, stream, version }, state) {
    const { proposal, proposed_at, compensation } = state;
    if (proposal === undefined || proposed_at === undefined) return undefined;
    const doc: ActionDoc = {
      id,
      status: state.status as ActionDoc['status'],
      kind: proposal.kind,
      proposed_by: proposal.proposed_by,
      impact: proposal.impact,
      confidence: proposal.confidence,
      risk: proposal.risk,
      path: proposal.oversight.path,
      reasons: proposal.oversight.reasons.map(({ code }) => code),
      human: state.asked_people || state.override !== undefined || state.status === 'vetoed',
      cleared_by: state.cleared?.by ?? null,
      stopped_by: state.stopped?.by ?? null,
      overridden: state.override !== undefined,
      challenged: state.challenges.length > 0,
      compensation: compensation === undefined ? null : compensation.due ? 'due' : 'done',
      target: proposal.target ?? null,
      features: proposal.features,
      proposed_at,
      proposed_on: proposed_at.slice(0, 10),
      veto_until: state.status === 'veto_window' ? (state.veto_until ?? null) : null,
      decided_at: state.decided_at ?? null,
      executed_at: state.executed?.at ?? null,
    };
    return { tenant, key: ALL, source: stream, index: version, doc };
  },
};
