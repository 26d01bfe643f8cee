/** Rounds for lists: a row per round. */
import { roundDecider, type RoundState } from '../../domain/oversight/round';
import type { Projection } from '../projection';
import { ALL } from '../projection';

export interface RoundDoc {
  readonly id: string;
  readonly status: RoundState['status'];
  readonly kind: string;
  /** What is asked: the question, or the action in words. */
  readonly question: string;
  readonly impact: string;
  readonly algorithm: string;
  /** Ids of those who may vote. */
  readonly voter: readonly string[];
  readonly votes: number;
  readonly pass: number;
  readonly deadline: string;
  readonly outcome: string | null;
  readonly choice: string | null;
  readonly score: number | null;
  readonly escalated: boolean;
  readonly overridden: boolean;
  /** Its choices have the same weight: people say which. */
  readonly tie: boolean;
  /** The stream that waits for the outcome. */
  readonly waits: string | null;
  readonly challenges: string | null;
  readonly opened_by: string;
  readonly opened_at: string | null;
  readonly finished_at: string | null;
}

export const rounds: Projection<RoundState, RoundDoc> = {
  name: 'rounds',
  version: 2,
  category: roundDecider.category,
  fields: ['status', 'kind', 'escalated', 'voter[]'],
  row({ tenant, id, stream, version }, state) {
    const { spec, electorate } = state;
    if (spec === undefined || electorate === undefined) return undefined;
    const doc: RoundDoc = {
      id,
      status: state.status,
      kind: spec.kind,
      question: spec.question ?? spec.action?.summary ?? '',
      impact: spec.impact,
      algorithm: electorate.algorithm,
      voter: electorate.voters.map((voter) => voter.id),
      votes: Object.keys(state.ballots).length,
      pass: state.pass,
      deadline: state.deadline,
      outcome: state.outcome?.outcome ?? null,
      choice: state.override?.choice ?? state.outcome?.choice ?? null,
      score: state.tally?.score ?? null,
      escalated: state.escalation !== undefined,
      overridden: state.override !== undefined,
      tie: state.tally?.tie ?? false,
      waits: spec.waits ?? null,
      challenges: spec.challenges?.target ?? null,
      opened_by: state.opened_by,
      opened_at: state.opened_at ?? null,
      finished_at: state.finished_at ?? null,
    };
    return { tenant, key: ALL, source: stream, index: version, doc };
  },
};
