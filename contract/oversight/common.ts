/** What the contracts of rounds, actions and approvals share, and tasks that are decided on. */
import { z } from 'zod';
import { POLICY_DECISIONS } from '../../domain/kernel/commit';
import { MAX_REFERENCE } from '../../domain/kernel/ids';
import {
  ALGORITHMS,
  CONSENSUS_DEFAULTS,
  MAX_GROUPS,
  MAX_VOTER_WHY,
  MAX_VOTERS,
  MAX_WEIGHT,
} from '../../domain/oversight/consensus';
import {
  MAX_FEATURE_NAME,
  MAX_FEATURE_NUMBER,
  MAX_FEATURE_TEXT,
  MAX_FEATURES,
  MAX_MEMBERS,
  MAX_WAIT_SECONDS,
  MODES,
  OVERSIGHT_PATHS,
  REASON_CODES,
} from '../../domain/oversight/oversight';
import { ROLES } from '../../domain/oversight/parties';
import { IMPACTS } from '../../domain/oversight/statuses';
import { Hash, Id, Text, Unit } from '../common';

export const Impact = z.enum(IMPACTS).meta({ id: 'Impact', description: 'How much it changes' });

export const Features = z
  .record(
    Text(MAX_FEATURE_NAME),
    z.union([z.number().min(-MAX_FEATURE_NUMBER).max(MAX_FEATURE_NUMBER), z.string().max(MAX_FEATURE_TEXT)]),
  )
  .refine((features) => Object.keys(features).length <= MAX_FEATURES, `must be at most ${MAX_FEATURES}`)
  .meta({
    id: 'Features',
    description:
      'What it is measured by, such as amounts, names, places: how far it is from what was done before is its novelty',
    example: { amount: 1250.5, supplier: 'ACME' },
  });

const Weight = z.number().min(0).max(MAX_WEIGHT);
const Share = z.number().positive().max(1);

const Voter = z
  .strictObject({
    id: Id,
    why: Text(MAX_VOTER_WHY).meta({ description: 'Why it is asked' }),
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

/** How long somebody, or a vote, is waited for. */
export const WaitSeconds = z.number().min(1).max(MAX_WAIT_SECONDS);

/** A receipt that a command refers to. */
export const Reference = Text(MAX_REFERENCE);

const People = z.array(Id).max(MAX_MEMBERS);

export const ApproverGroup = z
  .strictObject({
    group: Id,
    members: People.default([]).meta({ description: 'Whoever’s token names the group belongs to it as well' }),
    deputies: People.optional().meta({ description: 'They may decide as the members may' }),
    seconds: WaitSeconds.meta({ description: 'How long the group has before the next is asked too' }),
  })
  .meta({ id: 'ApproverGroup' });

// --------------------------------------------------------------------------------------------- what is answered

export const Path = z.enum(OVERSIGHT_PATHS).meta({
  description: 'How the rules sent it on its way: at once, after a veto window, after the agents’ vote, or to people',
});

export const PolicyAtGate = z
  .object({
    bundle: z.string().meta({ description: 'Which rules of policy answered: their hash' }),
    decision: z.enum(POLICY_DECISIONS),
  })
  .meta({ id: 'PolicyAtGate', description: 'What policy said when it was last asked' });

export const Party = z
  .object({
    id: z.string(),
    role: z.enum(ROLES),
    speaks_for: z.string().optional().meta({ description: "In whose name, where the part is that one's" }),
  })
  .meta({ id: 'Party', description: 'Somebody who has a part in what is decided, and so does not settle it' });

const Measure = z.union([z.number(), z.string()]);

export const OversightAnswer = z
  .object({
    path: Path,
    reasons: z
      .array(
        z.object({
          code: z.enum(REASON_CODES).meta({ description: 'Stable' }),
          text: z.string(),
          value: Measure,
          limit: Measure,
        }),
      )
      .meta({ description: 'Why a person is asked; with the path `round`: why one will be asked after it' }),
    mode: z.enum(MODES),
    rules_hash: Hash.meta({ description: 'SHA-256 of the rules that answered' }),
    input: z
      .object({
        kind: Id,
        confidence: Unit,
        impact: Impact,
        risk: Unit,
        policy: z.object({ decision: z.enum(POLICY_DECISIONS), reasons: z.array(z.string()) }),
        consensus_score: Unit.optional().meta({ description: 'Once the agents have voted' }),
        novelty: z.object({
          distance: Unit.meta({ description: '0: seen exactly so before; 1: like nothing before' }),
          nearest: z.string().optional().meta({ description: 'The stream of the action that it resembles most' }),
          known: z.boolean().meta({ description: 'False when no action of the kind was taken before' }),
        }),
      })
      .meta({ description: 'What the answer was made from' }),
  })
  .meta({ id: 'OversightAnswer', description: 'What the rules of the kind said, with what they were asked' });
