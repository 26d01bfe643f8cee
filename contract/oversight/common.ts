/** What the contracts of rounds, actions and approvals share, and tasks that are decided on. */
import { z } from 'zod';
import { ALGORITHMS, CONSENSUS_DEFAULTS, MAX_GROUPS, MAX_VOTERS, MAX_WEIGHT } from '../../domain/oversight/consensus';
import { IMPACTS, MAX_FEATURES } from '../../domain/oversight/oversight';
import { Id, Text } from '../common';

export const Impact = z.enum(IMPACTS).meta({ id: 'Impact', description: 'How much it changes' });

export const Features = z
  .record(Text(64), z.union([z.number().min(-1e15).max(1e15), z.string().max(256)]))
  .refine((features) => Object.keys(features).length <= MAX_FEATURES, `must be at most ${MAX_FEATURES}`)
  .meta({
    id: 'Features',
    description:
      'What it is measured by, such as amounts, names, places: how far it is from what was done before is its novelty',
    example: { amount: 1250.5, supplier: 'ACME' },
  });

const Weight = z.number().min(0).max(MAX_WEIGHT);
const Share = z.number().positive().max(1);

export const Voter = z
  .strictObject({
    id: Id,
    why: Text(200).meta({ description: 'Why it is asked' }),
    weight: Weight.optional().meta({ description: 'weighted_voting' }),
    expertise: z
      .strictObject({ relevance: Weight, experience: Weight, track_record: Weight })
      .optional()
      .meta({ description: 'expertise_based: the weight is the product' }),
    group: Id.optional().meta({ description: 'stakeholder_consensus' }),
    delegate_to: Id.optional().meta({
      description: 'delegated_authority: who has its vote; delegated_proof_of_stake: whom its stake elects',
    }),
    stake: Weight.optional().meta({ description: 'delegated_proof_of_stake' }),
    stands_for: z.boolean().optional().meta({ description: 'delegated_proof_of_stake: it is a candidate' }),
    model: Id.optional().meta({ description: 'The model that it thinks with' }),
  })
  .meta({ id: 'Voter' });

/** Who votes, by name; and how votes become a decision. */
export const Electorate = z.strictObject({
  algorithm: z.enum(ALGORITHMS).default(CONSENSUS_DEFAULTS.algorithm),
  voters: z.array(Voter).min(1).max(MAX_VOTERS),
  groups: z
    .array(z.strictObject({ id: Id, share: Weight, veto: z.boolean().default(false) }))
    .max(MAX_GROUPS)
    .optional()
    .meta({ description: 'stakeholder_consensus' }),
  delegates: z
    .int()
    .min(1)
    .max(MAX_VOTERS)
    .optional()
    .meta({ description: 'delegated_proof_of_stake: how many are elected' }),
  min_agreement: Share.default(CONSENSUS_DEFAULTS.min_agreement).meta({
    description: 'Share of the weight cast that the leading choice needs',
  }),
  quorum: Share.default(CONSENSUS_DEFAULTS.quorum).meta({
    description:
      'Share of the weight that must be cast; whoever is gone since the round opened counts as one that did not vote',
  }),
});
