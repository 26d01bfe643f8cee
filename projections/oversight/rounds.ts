/** Rounds for lists: a row per round. */
import type { RoundSummary } from '../../contract/oversight/rounds';
import type { Shown } from '../../contract/route';
import { roundDecider, type RoundState } from '../../domain/oversight/round';
import type { Projection } from '../projection';
import { ALL } from '../projection';

export type RoundDoc = Shown<typeof RoundSummary>;

export const rounds: Projection<RoundState, RoundDoc> = {
  name: 'rounds',
  version: 3,
  category: roundDecider.category,
  fields: ['status', 'kind', 'escalated', 'voter[]', 'ended_on'],
  row({ tenant, id, stream, version }, state) {
    const { spec, electorate } = state;
    if (spec === undefined || electorate === undefined) return undefined;
    const doc: RoundDoc = {
      id,
      status: state.status as RoundDoc['status'],
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
      ended_on: state.finished_at?.slice(0, 10) ?? null,
    };
    return { tenant, key: ALL, source: stream, index: version, doc };
  },
};
