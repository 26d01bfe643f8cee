/** `/v1/decisions`: what deciding costs, and how often people are needed for it. */
import { z } from 'zod';
import { route } from '../../edge/route';
import { runtime } from '../../runtime';

const whole = z.number().int().min(0);
const share = z.number().min(0).max(1).nullable();
const seconds = z.number().nullable();
const HumanShare = z.object({
  actions: whole,
  human: whole,
  share: share.meta({ description: 'human / actions; null without any' }),
});
const Seconds = z.object({ count: whole, p50: seconds, p95: seconds, p99: seconds });

const Figures = z
  .object({
    at: z.string(),
    complete: z
      .boolean()
      .meta({ description: 'False when there is more than was read: then these are the figures of a part' }),
    actions: HumanShare.extend({
      by_path: z.object({ act: HumanShare, veto_window: HumanShare, round: HumanShare, approval: HumanShare }),
      by_kind: z
        .array(HumanShare.extend({ kind: z.string() }))
        .meta({ description: 'The 100 kinds with the most actions' }),
      overridden: whole,
      challenged: whole,
    }),
    approvals: z.object({
      waiting: whole,
      approved: whole,
      rejected: whole,
      defaulted: whole.meta({ description: 'Nobody decided in time' }),
      withdrawn: whole,
      superseded: whole.meta({ description: 'Decided elsewhere' }),
      escalated: whole.meta({ description: 'A second group was asked' }),
      edited: whole.meta({ description: 'Approved as a person had corrected it' }),
      seconds: Seconds.meta({ description: 'From the request to the end' }),
      agreement: share.meta({ description: 'Approved without a correction / (approved + rejected)' }),
    }),
    rounds: z.object({
      open: whole,
      agreed: whole,
      no_agreement: whole,
      no_quorum: whole,
      cancelled: whole,
      escalated: whole,
      overridden: whole,
      challenges: whole,
      seconds: Seconds.meta({ description: 'From the opening to the end' }),
    }),
  })
  .meta({
    id: 'DecisionFigures',
    description: 'How often people were needed, how long decisions took, and what came of them',
  });

route({
  name: 'readDecisionMetrics',
  method: 'GET',
  path: '/v1/decisions/metrics',
  summary: 'How often people are needed (goal: below 15 % of the actions), and how long decisions take',
  description:
    'Computed from the lists of actions, approvals and rounds, at most 10,000 of each. What waits or is open is at most five seconds old; the rest is as old as `at` says, at least five seconds apart, and a hundred times as long as it takes to read it.',
  tags: ['Decisions'],
  needs: 'read_only',
  responses: { 200: { description: 'Figures of the tenant', schema: Figures } },
  async handler(call) {
    const { colony } = await runtime();
    return { status: 200, body: await colony.decisionMetrics.of(call.principal.tenant) };
  },
});
