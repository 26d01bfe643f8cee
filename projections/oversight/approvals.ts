/** The queue of approvals: a row per approval, the most severe first, of equals the one whose deadline comes first. */
import type { ApprovalSummary } from '../../contract/oversight/approvals';
import type { Shown } from '../../contract/route';
import { approvalDecider, type ApprovalState, deadlineOf } from '../../domain/oversight/approval';
import type { Projection } from '../projection';

export type ApprovalDoc = Shown<typeof ApprovalSummary>;

export const approvals: Projection<ApprovalState, ApprovalDoc> = {
  name: 'approvals',
  version: 3,
  category: approvalDecider.category,
  fields: ['status', 'kind', 'severity', 'requester', 'outcome', 'group[]', 'ended_on'],
  row({ tenant, id, stream, version }, state) {
    const { request, claim } = state;
    if (request === undefined) return undefined;
    const doc: ApprovalDoc = {
      id,
      status: state.status as ApprovalDoc['status'],
      action: request.action,
      kind: request.kind,
      summary: request.summary,
      requester: request.requester,
      why: request.why,
      impact: request.impact,
      risk: request.risk,
      severity: request.severity,
      hash: state.hash,
      group: request.ladder.slice(0, state.level + 1).map(({ group }) => group),
      approvals_needed: request.approvals_needed,
      choices: request.choices ?? null,
      leader: request.leader ?? null,
      approved_by: state.given.map(({ by }) => by),
      claimed_by: claim?.by ?? null,
      claimed_until: claim?.until ?? null,
      questions_open: state.questions.filter(({ answer }) => answer === undefined).length,
      safe_default: request.safe_default,
      deadline: deadlineOf(state) as string,
      outcome: state.outcome ?? null,
      decided_by: state.override?.by ?? state.rejected?.by ?? state.given.at(-1)?.by ?? null,
      edited: state.edit?.hash === state.hash,
      level: state.level,
      requested_at: state.requested_at as string,
      closed_at: state.closed_at ?? null,
      ended_on: state.closed_at?.slice(0, 10) ?? null,
    };
    // Rows are read in order of their keys, and a row keeps its key: severity and deadline as they were asked for.
    const order = Math.round((100 - request.score) * 10);
    return {
      tenant,
      key: `${String(order).padStart(4, '0')} ${request.ends.at(-1)}`,
      source: stream,
      index: version,
      doc,
    };
  },
};
