/** `/v1/decisions`: what deciding costs, and how often people are needed for it. */
import { z } from 'zod';
import { At, Count, Unit } from '../common';
import { contract } from '../route';
import { OVERSIGHT_REFUSALS } from './problems';

const tag = {
  name: 'Decisions',
  description: 'Figures of all decisions: how often people are needed, how long it takes, and what comes of it.',
  refusals: OVERSIGHT_REFUSALS,
};

const Share = Unit.nullable();
const Duration = z.number().nullable();

export const HumanShare = z
  .object({
    actions: Count,
    human: Count.meta({ description: 'How many of them needed a person' }),
    share: Share.meta({ description: 'human / actions; null without any' }),
  })
  .meta({ id: 'HumanShare' });

export const Quantiles = z
  .object({ count: Count, p50: Duration, p95: Duration, p99: Duration })
  .meta({ id: 'Quantiles', description: 'Seconds, by nearest rank; null when there is nothing to measure' });

export const DecisionFigures = z
  .object({
    at: At,
    complete: z
      .boolean()
      .meta({ description: 'False when there is more than was read: then these are the figures of a part' }),
    actions: HumanShare.extend({
      by_path: z.object({ act: HumanShare, veto_window: HumanShare, round: HumanShare, approval: HumanShare }),
      by_kind: z
        .array(HumanShare.extend({ kind: z.string() }))
        .meta({ description: 'The 100 kinds with the most actions' }),
      overridden: Count,
      challenged: Count,
    }),
    approvals: z.object({
      waiting: Count,
      approved: Count,
      rejected: Count,
      defaulted: Count.meta({ description: 'Nobody decided in time' }),
      withdrawn: Count,
      superseded: Count.meta({ description: 'Decided elsewhere' }),
      escalated: Count.meta({ description: 'A second group was asked' }),
      edited: Count.meta({ description: 'Approved as a person had corrected it' }),
      seconds: Quantiles.meta({ description: 'From the request to the end' }),
      agreement: Share.meta({ description: 'Approved without a correction / (approved + rejected)' }),
    }),
    rounds: z.object({
      open: Count,
      agreed: Count,
      no_agreement: Count,
      no_quorum: Count,
      cancelled: Count,
      escalated: Count.meta({ description: 'Went to people' }),
      overridden: Count,
      challenges: Count.meta({ description: 'Held about challenges' }),
      seconds: Quantiles.meta({ description: 'From the opening to the end' }),
    }),
  })
  .meta({
    id: 'DecisionFigures',
    description: 'How often people were needed, how long decisions took, and what came of them',
  });

export const decisions = contract({
  metrics: {
    name: 'readDecisionMetrics',
    method: 'GET',
    path: '/v1/decisions/metrics',
    tag,
    needs: 'read_only',
    summary: 'How often people are needed (goal: below 15 % of the actions), and how long decisions take',
    description:
      'Computed from the lists of actions, approvals and rounds, at most 10,000 of each. What waits or is open is at most five seconds old; the rest is as old as `at` says, at least five seconds apart, and a hundred times as long as it takes to read it.',
    answer: DecisionFigures,
    answers: 'Figures of the tenant',
    example: {},
  },
});
