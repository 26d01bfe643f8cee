/** Actions at the gate: a row per action, with what it took to decide on it. */
import { actionDecider, type ActionState } from '../../domain/oversight/action';
import type { Features, OversightAnswer } from '../../domain/oversight/oversight';
import type { Projection } from '../projection';
import { ALL } from '../projection';

export interface ActionDoc {
  readonly id: string;
  readonly status: ActionState['status'];
  readonly kind: string;
  readonly proposed_by: string;
  readonly impact: string;
  readonly confidence: number;
  readonly risk: number;
  /** How the rules sent it on its way. */
  readonly path: OversightAnswer['path'];
  /** Codes of the reasons for which a person is asked. */
  readonly reasons: readonly string[];
  /** True when a person was needed: an approval was asked for, or a person stepped in. */
  readonly human: boolean;
  readonly cleared_by: string | null;
  readonly stopped_by: string | null;
  readonly overridden: boolean;
  readonly challenged: boolean;
  readonly compensation: 'due' | 'done' | null;
  readonly target: string | null;
  /** Of executed actions: what novelty is measured against. */
  readonly features: Features;
  readonly proposed_at: string;
  /** When it was cleared or stopped last. */
  readonly decided_at: string | null;
  readonly executed_at: string | null;
}

export const actions: Projection<ActionState, ActionDoc> = {
  name: 'actions',
  version: 1,
  category: actionDecider.category,
  fields: ['status', 'kind', 'compensation'],
  row({ tenant, id, stream, version }, state) {
    const { proposal, compensation } = state;
    if (proposal === undefined) return undefined;
    const doc: ActionDoc = {
      id,
      status: state.status,
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
      proposed_at: state.proposed_at as string,
      decided_at: state.decided_at ?? null,
      executed_at: state.executed?.at ?? null,
    };
    return { tenant, key: ALL, source: stream, index: version, doc };
  },
};
