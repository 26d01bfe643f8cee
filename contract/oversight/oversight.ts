/** `/v1/oversight`: who decides on which kind of action. */
import { z } from 'zod';
import { MAX_APPROVER_GROUPS, MODES, ROUND_WHEN, SAFE_DEFAULTS } from '../../domain/oversight/oversight';
import { MAX_IMPROVEMENT_ROUNDS } from '../../domain/oversight/round';
import { Hash, Id, Receipt, Unit } from '../common';
import { contract } from '../route';
import { ApproverGroup, Electorate, Impact, WaitSeconds } from './common';
import { OVERSIGHT_REFUSALS } from './problems';

const tag = {
  name: 'Oversight',
  description:
    'The rules of each kind of action: what agents may do alone, what they vote on, what people decide, and who those people are.',
  refusals: OVERSIGHT_REFUSALS,
};

export const OversightRules = z
  .strictObject({
    mode: z.enum(MODES),
    veto_seconds: WaitSeconds.optional().meta({
      description: 'With human_on_the_loop, and only then: how long people have to step in',
    }),
    thresholds: z.strictObject({ confidence: Unit, consensus: Unit, novelty: Unit, impact: Impact }).meta({
      description: 'A person is asked below this confidence and consensus, above this novelty, and from this impact on',
    }),
    acts_alone: z
      .strictObject({ confidence: Unit, risk: Unit })
      .optional()
      .meta({ description: 'It acts alone only above this confidence and below this risk' }),
    approvers: z
      .array(ApproverGroup)
      .min(1)
      .max(MAX_APPROVER_GROUPS)
      .meta({ description: 'Asked one after the other, each group for its seconds' }),
    safe_default: z.enum(SAFE_DEFAULTS).meta({ description: 'What holds when nobody decided' }),
    round: Electorate.extend({
      when: z.enum(ROUND_WHEN),
      round_seconds: WaitSeconds,
      improvement_rounds: z.int().min(0).max(MAX_IMPROVEMENT_ROUNDS).default(0),
    })
      .optional()
      .meta({ description: 'The vote that agents hold before' }),
    holds_awards: z.boolean().optional().meta({
      description: 'Of the kind challenge, and only there: a challenged award is not accepted before it is decided',
    }),
  })
  .meta({ id: 'OversightRules' });

export const KindRules = z
  .object({ kind: Id, rules: OversightRules, rules_hash: Hash.meta({ description: 'Decisions repeat it' }) })
  .meta({ id: 'KindRules' });

const ByKind = z.object({ kind: Id });
const params = { kind: 'finance.refund' };

export const oversight = contract({
  list: {
    name: 'listOversight',
    method: 'GET',
    path: '/v1/oversight',
    tag,
    needs: 'read_only',
    summary: 'The rules of every kind that has any, and those of all others',
    answer: z.object({ value: z.array(KindRules), default: OversightRules }),
    answers: 'By kind',
    example: {},
  },
  get: {
    name: 'getOversight',
    method: 'GET',
    path: '/v1/oversight/{kind}',
    tag,
    needs: 'read_only',
    summary: 'The rules that hold for a kind of action',
    params: ByKind,
    answer: KindRules,
    answers: 'Its own, or the default',
    example: { params },
  },
  set: {
    name: 'setOversight',
    method: 'PUT',
    path: '/v1/oversight/{kind}',
    tag,
    needs: 'critical',
    summary: 'Set the rules of a kind of action, whole',
    description: 'They hold for what is proposed from now on, and for each further step of what is under way.',
    params: ByKind,
    body: z.strictObject({ rules: OversightRules }),
    answer: KindRules.extend({ receipt: Receipt }),
    answers: 'Set',
    example: {
      params,
      body: {
        rules: {
          mode: 'human_approval',
          thresholds: { confidence: 0.8, consensus: 0.75, novelty: 0.5, impact: 'high' },
          approvers: [
            { group: 'approvers', members: ['human:ada', 'human:bo'], seconds: 3_600 },
            { group: 'administrators', seconds: 3_600 },
          ],
          safe_default: 'refuse',
        },
      },
    },
  },
});
