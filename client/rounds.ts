/** Rounds: what agents decide together. */
import type {
  Round as RoundSchema,
  RoundRecomputation as RoundRecomputationSchema,
  rounds,
  RoundSummary as RoundSummarySchema,
  VoterSearch as VoterSearchSchema,
} from '../contract/oversight/rounds';
import type { AnswerOf, BodyOf, QueryOf, Sent, Shown } from '../contract/route';
import { type AsOf, type CommandOptions, PAGE, type ReadOptions, type Session } from './session';

/** Agents by what they can do; the weightiest first, at most `limit` (50). */
export type VoterSearch = Sent<typeof VoterSearchSchema>;
export type RoundInput = BodyOf<typeof rounds.open>;
export type RoundFilter = QueryOf<typeof rounds.list>;
export type Round = Shown<typeof RoundSchema>;
/** A round as lists show it. */
export type RoundSummary = Shown<typeof RoundSummarySchema>;
export type RoundAnswer = AnswerOf<typeof rounds.open>;
/** The voter is the caller. */
export type VoteInput = Omit<BodyOf<typeof rounds.vote>, 'voter'>;
export type VoteAnswer = AnswerOf<typeof rounds.vote>;
/** A closed round, counted again; `matrix` says of each two voters of the last pass whether they chose the same. */
export type RoundRecomputation = Shown<typeof RoundRecomputationSchema>;

/** `/v1/rounds` */
export class RoundsApi {
  constructor(private readonly session: Session) {}

  /** Puts a question, or an action, to a vote. */
  open(body: RoundInput, options?: CommandOptions): Promise<RoundAnswer> {
    return this.session.call<typeof rounds.open>('POST /v1/rounds', { body }, options);
  }

  list(query: RoundFilter = {}, options?: ReadOptions): Promise<AnswerOf<typeof rounds.list>> {
    return this.session.call<typeof rounds.list>('GET /v1/rounds', { query }, options);
  }

  /** Every round that the filter finds, page by page. */
  all(filter: RoundFilter = {}, options?: ReadOptions): AsyncGenerator<RoundSummary, void, undefined> {
    return this.session.items<typeof rounds.list>('GET /v1/rounds', { query: { limit: PAGE, ...filter } }, options);
  }

  get(id: string, { asOf, ...options }: AsOf = {}): Promise<Round> {
    const request = { params: { round_id: id }, query: { asOf } };
    return this.session.call<typeof rounds.get>('GET /v1/rounds/{round_id}', request, options);
  }

  /** Votes for the caller, with the `snapshot` and the `pass` that the round or the inbox shows. */
  vote(id: string, body: VoteInput, options?: CommandOptions): Promise<VoteAnswer> {
    const request = { params: { round_id: id }, body };
    return this.session.call<typeof rounds.vote>('POST /v1/rounds/{round_id}/votes', request, options);
  }

  cancel(id: string, reason: string, options?: CommandOptions): Promise<RoundAnswer> {
    const request = { params: { round_id: id }, body: { reason } };
    return this.session.call<typeof rounds.cancel>('POST /v1/rounds/{round_id}/cancel', request, options);
  }

  /** Puts a person's choice in place of the outcome. */
  override(id: string, body: BodyOf<typeof rounds.override>, options?: CommandOptions): Promise<RoundAnswer> {
    const request = { params: { round_id: id }, body };
    return this.session.call<typeof rounds.override>('POST /v1/rounds/{round_id}/override', request, options);
  }

  /** Has the host count a closed round again from its receipts alone. */
  recompute(id: string, options?: ReadOptions): Promise<RoundRecomputation> {
    const request = { params: { round_id: id } };
    return this.session.call<typeof rounds.tally>('GET /v1/rounds/{round_id}/tally', request, options);
  }
}
