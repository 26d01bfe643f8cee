/** `/v1/rounds`, `/v1/challenges`: what agents decide together. */
import { z } from 'zod';
import { agreementMatrix, type RoundOutcome, roundView } from '../../../app/oversight/rounds';
import { Rejection } from '../../../domain/kernel/decider';
import { contextOf } from '../../edge/context';
import { rejected } from '../../edge/problem';
import { type Answer, route } from '../../edge/route';
import {
  commandAnswer,
  Continuation,
  createdId,
  Electorate,
  existing,
  given,
  Hash,
  Id,
  Impact,
  List,
  OpenObject,
  page,
  queried,
  Receipt,
  Text,
  Timestamp,
  Unit,
  whole,
} from '../../edge/schemas';
import { accepted, runtime } from '../../runtime';

const TAGS = ['Rounds'];
const Params = z.object({ round_id: Id });
const Reason = Text(1_000);

const VoterSearch = z
  .strictObject({
    capability: Id.meta({ description: 'What the question is about: the level in it is the relevance' }),
    limit: z.int().min(1).max(500).default(50).meta({ description: 'How many at most, the weightiest first' }),
    except: z.array(Id).max(500).default([]).meta({ description: 'Not these' }),
  })
  .meta({ id: 'VoterSearch', description: 'Active agents that can do this, as they are when the round is opened' });

const RoundInput = z
  .strictObject({
    id: Id.optional().meta({
      description: 'Your own id; without one a new id is made (from the Idempotency-Key, when there is one)',
    }),
    question: Text(4_000).optional().meta({ description: 'What is to be decided; or an action' }),
    action: z.strictObject({ kind: Id, hash: Hash, summary: Text(4_000) }).optional(),
    kind: Id.meta({ description: 'Kind of decision', example: 'policy' }),
    impact: Impact,
    choices: z.array(Id).min(2).max(20).default(['approve', 'reject']),
    round_seconds: z.number().min(1).max(2_592_000).default(60).meta({ description: 'How long each pass lasts' }),
    improvement_rounds: z
      .int()
      .min(0)
      .max(5)
      .default(0)
      .meta({ description: 'Passes after one without agreement, in which everybody sees who dissented and why' }),
    allow_change: z.boolean().default(false).meta({ description: 'Votes may be changed until they are called final' }),
    electorate: Electorate.extend({ voters: z.union([Electorate.shape.voters, VoterSearch]) }),
  })
  .meta({ id: 'RoundInput' });

const RoundOut = OpenObject.meta({
  id: 'Round',
  description: 'What is asked, of whom, until when; pass, snapshot, ballots, tally, outcome, escalation, override',
});
const Command = z.object({ receipt: Receipt, round: RoundOut });
const Tally = OpenObject.meta({
  id: 'Tally',
  description: 'eligible, cast, turnout, score, quorum_met, agreed, choices, dissent',
});

function answer(id: string, outcome: RoundOutcome, status = 200): Answer {
  const done = accepted(outcome);
  return commandAnswer(
    done,
    { round: roundView(id, done) },
    status,
    status === 201 ? { location: `/v1/rounds/${id}` } : undefined,
  );
}

route({
  name: 'openRound',
  method: 'POST',
  path: '/v1/rounds',
  summary: 'Put a question, or an action, to a vote',
  description:
    'The electorate is frozen now. The round closes with the vote that decides it, or at its deadline; what is not agreed goes to people.',
  tags: TAGS,
  needs: 'read_write',
  body: RoundInput,
  responses: { 201: { description: 'Opened', schema: Command } },
  async handler(call) {
    const { colony } = await runtime();
    const { id: wanted, ...input } = call.body;
    const id = createdId('/v1/rounds/{round_id}', call, wanted);
    return answer(id, await colony.rounds.open(contextOf(call), id, input), 201);
  },
});

route({
  name: 'listRounds',
  method: 'GET',
  path: '/v1/rounds',
  summary: 'List rounds',
  tags: TAGS,
  needs: 'read_only',
  query: z.object({
    status: z.enum(['open', 'closed', 'cancelled']).optional(),
    kind: Id.optional(),
    voter: Id.optional(),
    escalated: z.enum(['true', 'false']).optional(),
    limit: whole(1, 1_000, 100),
    continuation: Continuation,
  }),
  responses: { 200: { description: 'A page, in order of id; eventually consistent', schema: List(OpenObject) } },
  async handler(call) {
    const { colony } = await runtime();
    const { limit, continuation, escalated, ...filters } = call.query;
    const where = { ...given(filters), ...(escalated === undefined ? {} : { escalated: escalated === 'true' }) };
    const found = await queried(() => colony.rounds.list(call.principal.tenant, where, limit, continuation));
    return page(call, '/v1/rounds', found.rounds, found.continuation);
  },
});

route({
  name: 'getRound',
  method: 'GET',
  path: '/v1/rounds/{round_id}',
  summary: 'Read a round, now or as it was',
  tags: TAGS,
  needs: 'read_only',
  params: Params,
  query: z.object({ asOf: Timestamp.optional() }),
  responses: { 200: { description: 'The round; a live fold of its stream', schema: RoundOut } },
  async handler(call) {
    const { colony } = await runtime();
    const { round_id } = call.params;
    const loaded = existing(
      'round',
      round_id,
      await colony.rounds.load(call.principal.tenant, round_id, call.query.asOf),
      call.query.asOf,
    );
    return { status: 200, body: roundView(round_id, loaded), etag: loaded.version };
  },
});

route({
  name: 'castVote',
  method: 'POST',
  path: '/v1/rounds/{round_id}/votes',
  summary: 'Vote, for oneself',
  description:
    'With the `snapshot` and the `pass` that the round, or the inbox, shows: whoever saw another electorate, or an earlier pass, is told so.',
  tags: TAGS,
  needs: 'read_write',
  params: Params,
  body: z.strictObject({
    voter: Id.optional().meta({ description: 'The caller, and nobody else' }),
    choice: Id,
    confidence: Unit,
    reasoning: Text(1_000),
    final: z.boolean().optional().meta({ description: 'Where votes may be changed: this one will not be' }),
    snapshot: Hash.meta({ description: 'Of the electorate, as it was shown' }),
    pass: z.int().min(1).max(6),
  }),
  responses: {
    200: {
      description: 'Taken, or taken before',
      schema: z.object({
        receipt: Receipt,
        round: z.object({ id: Id, status: z.string(), pass: z.number(), outcome: OpenObject.optional() }),
      }),
    },
  },
  async handler(call) {
    const { colony } = await runtime();
    const { round_id: id } = call.params;
    const { voter = call.principal.id, ...vote } = call.body;
    const done = accepted(await colony.rounds.vote(contextOf(call), id, { ...vote, voter }));
    const { status, pass, outcome } = done.state;
    return commandAnswer(done, { round: { id, status, pass, outcome } });
  },
});

route({
  name: 'cancelRound',
  method: 'POST',
  path: '/v1/rounds/{round_id}/cancel',
  summary: 'Cancel a round',
  tags: TAGS,
  needs: 'critical',
  params: Params,
  body: z.strictObject({ reason: Reason }),
  responses: { 200: { description: 'Cancelled', schema: Command } },
  async handler(call) {
    const { colony } = await runtime();
    return answer(
      call.params.round_id,
      await colony.rounds.cancel(contextOf(call), call.params.round_id, call.body.reason),
    );
  },
});

route({
  name: 'overrideRound',
  method: 'POST',
  path: '/v1/rounds/{round_id}/override',
  summary: 'Put a person’s choice in place of the outcome',
  description:
    'By somebody who has no part in it. Where an approval would take two people (impact `critical`), the first only asks for it (`override_asked`), and it stands once another person overrides the round with the same choice.',
  tags: TAGS,
  needs: 'execute',
  params: Params,
  body: z.strictObject({ choice: Id, reason: Reason }),
  responses: { 200: { description: 'Overridden', schema: Command } },
  async handler(call) {
    const { colony } = await runtime();
    const { choice, reason } = call.body;
    return answer(
      call.params.round_id,
      await colony.rounds.override(contextOf(call), call.params.round_id, choice, reason),
    );
  },
});

route({
  name: 'recountRound',
  method: 'GET',
  path: '/v1/rounds/{round_id}/tally',
  summary: 'Count a closed round again from its receipts alone',
  description: '`matrix` says of each two voters of the last pass whether they chose the same.',
  tags: TAGS,
  needs: 'read_only',
  params: Params,
  responses: {
    200: {
      description: 'The count, and whether it agrees with the receipt',
      schema: z.object({
        agrees: z.boolean(),
        recomputed: Tally,
        receipt: Tally,
        faults: z.array(z.string()),
        matrix: z.object({ voters: z.array(Id), agreement: z.array(z.array(z.number())) }),
      }),
    },
  },
  async handler(call) {
    const { colony } = await runtime();
    const { tenant } = call.principal;
    const result = await colony.rounds.recompute(tenant, call.params.round_id);
    if (result instanceof Rejection) throw rejected(result);
    const { ballots } = (await colony.rounds.load(tenant, call.params.round_id)).state;
    return { status: 200, body: { ...result, matrix: agreementMatrix(Object.values(ballots)) } };
  },
});

route({
  name: 'challenge',
  method: 'POST',
  path: '/v1/challenges',
  conditional: false,
  summary: 'Doubt an award, an action, or what a round or an approval came to',
  description:
    'Agents without a part in it decide in a round; what is doubted waits for them, where it has not happened yet.',
  tags: TAGS,
  needs: 'read_write',
  body: z.strictObject({
    target: Text(512).meta({ description: 'The receipt: stream@index', example: 'default/action/42@0' }),
    reason: Reason,
  }),
  responses: { 201: { description: 'The round that decides', schema: Command } },
  async handler(call) {
    const { colony } = await runtime();
    const { round, ...outcome } = await colony.challenges.challenge(
      contextOf(call),
      call.body.target,
      call.body.reason,
    );
    return answer(round, outcome, 201);
  },
});
