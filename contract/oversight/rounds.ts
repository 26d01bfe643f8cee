/** `/v1/rounds`: what agents decide together. */
import { z } from 'zod';
import { ALGORITHMS, MAX_VOTERS } from '../../domain/oversight/consensus';
import {
  DEFAULT_CHOICES,
  MAX_CHOICES,
  MAX_IMPROVEMENT_ROUNDS,
  MAX_QUESTION,
  MAX_REASONING,
  MAX_ROUND_REASON,
  MAX_ROUND_SECONDS,
  ROUND_OUTCOMES,
} from '../../domain/oversight/round';
import { ROUND_STATUSES } from '../../domain/oversight/statuses';
import { AsOf, At, CommandOf, Count, Day, Flag, Hash, Id, List, OwnId, Paged, Text, Unit } from '../common';
import { contract } from '../route';
import { Electorate, Impact, Party } from './common';
import { OVERSIGHT_REFUSALS } from './problems';

const tag = {
  name: 'Rounds',
  description:
    'A question, or a proposed action, that is put to a vote of agents. Who votes is frozen when the round is opened; it closes with the vote that decides it, or at its deadline, and what the agents do not agree on goes to people.',
  refusals: OVERSIGHT_REFUSALS,
};

// ------------------------------------------------------------------------------------------------- what is sent

const ByRound = z.object({ round_id: Id });
const Reason = Text(MAX_ROUND_REASON);
const Pass = z.int().min(1);

export const VoterSearch = z
  .strictObject({
    capability: Id.meta({ description: 'What the question is about: the level in it is the relevance' }),
    limit: z.int().min(1).max(MAX_VOTERS).default(50).meta({ description: 'How many at most, the weightiest first' }),
    except: z.array(Id).max(MAX_VOTERS).default([]).meta({ description: 'Not these' }),
  })
  .meta({ id: 'VoterSearch', description: 'Active agents that can do this, as they are when the round is opened' });

const RoundAction = z.strictObject({ kind: Id, hash: Hash, summary: Text(MAX_QUESTION) });

const RoundInput = z
  .strictObject({
    id: OwnId,
    question: Text(MAX_QUESTION).optional().meta({ description: 'What is to be decided; or an action' }),
    action: RoundAction.optional(),
    kind: Id.meta({ description: 'Kind of decision', example: 'policy' }),
    impact: Impact,
    choices: z
      .array(Id)
      .min(2)
      .max(MAX_CHOICES)
      .default([...DEFAULT_CHOICES]),
    round_seconds: z
      .number()
      .min(1)
      .max(MAX_ROUND_SECONDS)
      .default(60)
      .meta({ description: 'How long each pass lasts' }),
    improvement_rounds: z
      .int()
      .min(0)
      .max(MAX_IMPROVEMENT_ROUNDS)
      .default(0)
      .meta({ description: 'Passes after one without agreement, in which everybody sees who dissented and why' }),
    allow_change: z.boolean().default(false).meta({ description: 'Votes may be changed until they are called final' }),
    electorate: Electorate.extend({ voters: z.union([Electorate.shape.voters, VoterSearch]) }),
  })
  .meta({ id: 'RoundInput' });

const VoteInput = z
  .strictObject({
    voter: Id.optional().meta({ description: 'The caller, and nobody else' }),
    choice: Id,
    confidence: Unit,
    reasoning: Text(MAX_REASONING),
    final: z.boolean().optional().meta({ description: 'Where votes may be changed: this one will not be' }),
    snapshot: Hash.meta({ description: 'Of the electorate, as it was shown' }),
    pass: Pass.max(1 + MAX_IMPROVEMENT_ROUNDS),
  })
  .meta({ id: 'VoteInput' });

// --------------------------------------------------------------------------------------------- what is answered

const RoundStatus = z.enum(ROUND_STATUSES);
const RoundOutcome = z.enum(ROUND_OUTCOMES);

const Ballot = z.object({ voter: z.string(), choice: z.string(), confidence: Unit, reasoning: z.string() });

const Tally = z
  .object({
    algorithm: z.enum(ALGORITHMS),
    weights: z.record(z.string(), z.number()).meta({
      description: 'Share of the eligible weight that each voter casts, after delegation and election',
    }),
    eligible: z.number().meta({ description: 'Weight that may vote' }),
    cast: z.number().meta({ description: 'Weight that has voted' }),
    choices: z
      .array(z.object({ choice: z.string(), weight: z.number(), share: z.number() }))
      .meta({ description: 'Every choice that somebody made, the heaviest first; `share` is that of the weight cast' }),
    leader: z.string().optional().meta({ description: 'The heaviest choice; absent when several are, or none is' }),
    tie: z.boolean(),
    score: z.number().meta({ description: 'Weight of the heaviest choice / weight cast; 0 when none was cast' }),
    turnout: z.number().meta({ description: 'Weight cast / weight eligible; 0 when none is eligible' }),
    quorum_met: z.boolean(),
    agreed: z.boolean(),
    dissent: z.array(Ballot).meta({ description: 'The weightiest votes for anything but the leader, each cut short' }),
    vetoes: z
      .array(z.string())
      .meta({ description: 'Groups with a veto that decided for something else than the leader' }),
    matrix: z
      .array(z.object({ choice: z.string(), voters: z.array(z.string()) }))
      .meta({ description: 'Who chose what, by name' }),
    mean_confidence: z.number().meta({ description: 'Of those who voted for the leader, by weight' }),
  })
  .meta({ id: 'Tally', description: 'What came of a count' });

const RoundOverride = z
  .object({
    by: z.string(),
    with: z.array(z.string()).meta({ description: 'Who wanted it as well' }),
    choice: z.string(),
    reason: z.string(),
    at: At,
    ref: z.string().meta({ description: 'The receipt that holds it: stream@index' }),
    approval: z.string().optional().meta({ description: 'The asking in which people decided so: stream@index' }),
  })
  .meta({ id: 'RoundOverride', description: 'What people put in place of an outcome' });

export const Round = z
  .object({
    id: Id,
    version: Count,
    status: RoundStatus,
    question: z.string().optional(),
    action: z
      .object({ kind: z.string(), hash: Hash, summary: z.string() })
      .optional()
      .meta({ description: 'The action that waits for the answer' }),
    kind: Id,
    impact: Impact,
    risk: Unit.optional(),
    choices: z.array(z.string()),
    deadline: At.meta({ description: 'Of this pass' }),
    round_seconds: z.number(),
    improvement_rounds: Count,
    allow_change: z.boolean(),
    challenges: z
      .object({ target: z.string(), reason: z.string() })
      .optional()
      .meta({ description: 'The receipt (stream@index) that is doubted, and why' }),
    waits: z.string().optional().meta({ description: 'The stream that waits for the outcome' }),
    electorate: Electorate,
    snapshot: z.string().meta({ description: 'SHA-256 of the electorate: a vote gives it back' }),
    opened_by: z.string(),
    parties: z.array(Party).meta({ description: 'Who may not settle it' }),
    opened_at: At,
    pass: Pass,
    extended_at: At.optional().meta({ description: 'When this pass was given more time' }),
    ballots: z
      .array(
        Ballot.extend({
          final: z.boolean().meta({ description: 'It can’t be changed any more' }),
          pass: Pass,
          ballot: z.int().min(1).meta({ description: 'Number of this voter’s ballots in this pass' }),
          cast_at: At.optional(),
        }),
      )
      .meta({ description: 'Of this pass' }),
    tally: Tally.optional().meta({ description: 'Of the last pass that is over' }),
    outcome: z
      .object({
        outcome: RoundOutcome,
        choice: z.string().optional(),
        early: z.boolean().meta({ description: 'Before its deadline, because no vote could change it any more' }),
      })
      .optional(),
    escalation: z.object({ to: z.literal('human'), reason: z.string() }).optional(),
    cancellation: z.object({ by: z.string(), reason: z.string() }).optional(),
    override: RoundOverride.optional().meta({ description: 'The one that stands' }),
    overrides: z.array(RoundOverride),
    override_asked: z
      .array(z.object({ by: z.string(), choice: z.string(), reason: z.string(), at: At }))
      .meta({ description: 'Who wants an override that a second person has to confirm' }),
    finished_at: At.optional(),
  })
  .meta({
    id: 'Round',
    description: 'What is asked, of whom, until when; the votes of this pass, the count, and what came of it',
  });

export const RoundSummary = z
  .object({
    id: Id,
    status: RoundStatus,
    kind: Id,
    question: z.string().meta({ description: 'The question, or the action in words' }),
    impact: Impact,
    algorithm: z.enum(ALGORITHMS),
    voter: z.array(z.string()).meta({ description: 'Ids of those who may vote' }),
    votes: Count.meta({ description: 'Cast in this pass' }),
    pass: Pass,
    deadline: At,
    outcome: RoundOutcome.nullable(),
    choice: z.string().nullable().meta({ description: 'What it came to; people’s choice goes before the agents’' }),
    score: z.number().nullable(),
    escalated: z.boolean(),
    overridden: z.boolean(),
    tie: z.boolean().meta({ description: 'Its choices have the same weight: people say which' }),
    waits: z.string().nullable().meta({ description: 'The stream that waits for the outcome' }),
    challenges: z.string().nullable().meta({ description: 'The receipt that is doubted' }),
    opened_by: z.string(),
    opened_at: At.nullable(),
    finished_at: At.nullable(),
    ended_on: Day.nullable().meta({ description: 'The day of `finished_at`, in UTC' }),
  })
  .meta({ id: 'RoundSummary', description: 'A round as lists show it' });

export const RoundRecomputation = z
  .object({
    agrees: z.boolean().meta({ description: 'False when anything is wrong with the receipts, or with the count' }),
    recomputed: Tally,
    receipt: Tally.meta({ description: 'As the receipt of the close has it' }),
    faults: z.array(z.string()).meta({ description: 'A sentence each, with the receipt it was found in' }),
    matrix: z
      .object({ voters: z.array(z.string()), agreement: z.array(z.array(z.literal([0, 1]))) })
      .meta({ description: 'Of each two voters of the last pass: 1 when they chose the same' }),
  })
  .meta({ id: 'RoundRecomputation', description: 'A closed round, counted again' });

export const RoundCommand = CommandOf({ round: Round });

const RoundFilter = z.object({
  status: RoundStatus.optional(),
  kind: Id.optional(),
  voter: Id.optional(),
  escalated: Flag.optional(),
  ended_on: Day.optional().meta({ description: 'Those that ended on this day, in UTC' }),
  ...Paged,
});

// ----------------------------------------------------------------------------------------------------- the routes

const params = { round_id: 'round-4711' };

export const rounds = contract({
  open: {
    name: 'openRound',
    method: 'POST',
    path: '/v1/rounds',
    tag,
    needs: 'read_write',
    work: 'new',
    summary: 'Put a question, or an action, to a vote',
    description:
      'The electorate is frozen now. The round closes with the vote that decides it, or at its deadline; what is not agreed goes to people.',
    body: RoundInput,
    status: 201,
    answer: RoundCommand,
    answers: 'Opened',
    example: {
      as: 'service:crm',
      body: {
        id: 'round-4711',
        question: 'Is invoice 4711 a duplicate of 4698?',
        kind: 'finance.duplicate',
        impact: 'medium',
        round_seconds: 3_600,
        electorate: {
          algorithm: 'weighted_voting',
          voters: [
            { id: 'recon-7', why: 'it reconciled the invoice', weight: 2 },
            { id: 'recon-8', why: 'it knows the supplier', weight: 1 },
          ],
          min_agreement: 0.6,
        },
      },
    },
  },
  list: {
    name: 'listRounds',
    method: 'GET',
    path: '/v1/rounds',
    tag,
    needs: 'read_only',
    summary: 'List rounds',
    query: RoundFilter,
    answer: List(RoundSummary),
    answers: 'A page, in order of id; eventually consistent',
    example: { query: { status: 'open', voter: 'recon-7' } },
  },
  get: {
    name: 'getRound',
    method: 'GET',
    path: '/v1/rounds/{round_id}',
    tag,
    needs: 'read_only',
    work: 'underway',
    summary: 'Read a round, now or as it was',
    params: ByRound,
    query: AsOf,
    answer: Round,
    answers: 'The round; a live fold of its stream',
    example: { params },
  },
  vote: {
    name: 'castVote',
    method: 'POST',
    path: '/v1/rounds/{round_id}/votes',
    tag,
    needs: 'read_write',
    summary: 'Vote, for oneself',
    description:
      'With the `snapshot` and the `pass` that the round, or the inbox, shows: whoever saw another electorate, or an earlier pass, is told so.',
    params: ByRound,
    body: VoteInput,
    answer: CommandOf({ round: Round.pick({ id: true, status: true, pass: true, outcome: true }) }),
    answers: 'Taken, or taken before',
    example: {
      as: 'recon-7',
      params,
      body: {
        choice: 'approve',
        confidence: 0.9,
        reasoning: 'both carry the same order number',
        // Of the electorate above.
        snapshot: '5f6c3d3910deb13e42a490e0e831c8028983b77b57e1d15f89c10b9fafc9e631',
        pass: 1,
      },
    },
  },
  cancel: {
    name: 'cancelRound',
    method: 'POST',
    path: '/v1/rounds/{round_id}/cancel',
    tag,
    needs: 'critical',
    summary: 'Cancel a round',
    params: ByRound,
    body: z.strictObject({ reason: Reason }),
    answer: RoundCommand,
    answers: 'Cancelled',
    example: { params, body: { reason: 'the supplier has withdrawn the invoice' } },
  },
  override: {
    name: 'overrideRound',
    method: 'POST',
    path: '/v1/rounds/{round_id}/override',
    tag,
    needs: 'critical',
    summary: 'Put a person’s choice in place of the outcome',
    description:
      'By somebody who has no part in it. Where an approval would take two people (impact `critical`), the first only asks for it (`override_asked`), and it stands once another person overrides the round with the same choice.',
    params: ByRound,
    body: z.strictObject({ choice: Id, reason: Reason }),
    answer: RoundCommand,
    answers: 'Overridden',
    example: { as: 'human:ada', params, body: { choice: 'reject', reason: 'the supplier has confirmed both orders' } },
  },
  tally: {
    name: 'recomputeRound',
    method: 'GET',
    path: '/v1/rounds/{round_id}/tally',
    tag,
    needs: 'read_only',
    summary: 'Count a closed round again from its receipts alone',
    description: '`matrix` says of each two voters of the last pass whether they chose the same.',
    params: ByRound,
    answer: RoundRecomputation,
    answers: 'The count, and whether it agrees with the receipt',
    example: { params },
  },
});
