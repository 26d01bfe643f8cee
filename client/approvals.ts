/** Approvals: what waits for people, and what they decide. */
import type {
  Approval as ApprovalSchema,
  ApprovalDecision as ApprovalDecisionSchema,
  approvals,
  ApprovalSummary as ApprovalSummarySchema,
  BulkAnswer as BulkAnswerSchema,
} from '../contract/oversight/approvals';
import type { AnswerOf, BodyOf, QueryOf, Sent, Shown } from '../contract/route';
import { type AsOf, type CommandOptions, type Opening, PAGE, type ReadOptions, type Session } from './session';

/** `list` shows what is waiting when neither a status nor an outcome is given. */
export type ApprovalFilter = QueryOf<typeof approvals.list>;
export type Approval = Shown<typeof ApprovalSchema>;
/** An approval as the queue shows it. */
export type ApprovalSummary = Shown<typeof ApprovalSummarySchema>;
export type ApprovalAnswer = AnswerOf<typeof approvals.approve>;
/** What a person says to an approval: to the action with this hash. */
export type ApprovalDecision = Sent<typeof ApprovalDecisionSchema>;
export type BulkDecision = BodyOf<typeof approvals.bulk>;
/** What came of one of them. */
export type BulkAnswer = Shown<typeof BulkAnswerSchema>;

/** `/v1/approvals` */
export class ApprovalsApi {
  constructor(private readonly session: Session) {}

  /**
   * What is waiting: the most severe first, of equals the one whose time is up first; other ones by `status` or
   * `outcome`.
   */
  list(query: ApprovalFilter = {}, options?: ReadOptions): Promise<AnswerOf<typeof approvals.list>> {
    return this.session.call<typeof approvals.list>('GET /v1/approvals', { query }, options);
  }

  /** Every approval that the filter finds, closed ones too, page by page. */
  all(filter: ApprovalFilter = {}, options?: ReadOptions): AsyncGenerator<ApprovalSummary, void, undefined> {
    const request = { query: { limit: PAGE, status: 'all', ...filter } } as const;
    return this.session.items<typeof approvals.list>('GET /v1/approvals', request, options);
  }

  get(id: string, { asOf, personal, purpose, ...options }: AsOf & Opening = {}): Promise<Approval> {
    const request = { params: { approval_id: id }, query: { asOf, personal, purpose } };
    return this.session.call<typeof approvals.get>('GET /v1/approvals/{approval_id}', request, options);
  }

  /** Takes it up for a while (600 seconds), so that nobody else works on it meanwhile. */
  claim(id: string, seconds?: number, options?: CommandOptions): Promise<ApprovalAnswer> {
    const request = { params: { approval_id: id }, body: { seconds } };
    return this.session.call<typeof approvals.claim>('POST /v1/approvals/{approval_id}/claim', request, options);
  }

  /** Lets go of it before the claim ends. */
  release(id: string, options?: CommandOptions): Promise<ApprovalAnswer> {
    const request = { params: { approval_id: id }, body: {} };
    return this.session.call<typeof approvals.release>('POST /v1/approvals/{approval_id}/release', request, options);
  }

  /** Approves exactly the action with this hash, or `edit` in its place. */
  approve(id: string, body: BodyOf<typeof approvals.approve>, options?: CommandOptions): Promise<ApprovalAnswer> {
    const request = { params: { approval_id: id }, body };
    return this.session.call<typeof approvals.approve>('POST /v1/approvals/{approval_id}/approve', request, options);
  }

  reject(id: string, body: ApprovalDecision, options?: CommandOptions): Promise<ApprovalAnswer> {
    const request = { params: { approval_id: id }, body };
    return this.session.call<typeof approvals.reject>('POST /v1/approvals/{approval_id}/reject', request, options);
  }

  /** Asks the requester back. */
  ask(id: string, question: string, options?: CommandOptions): Promise<ApprovalAnswer> {
    const request = { params: { approval_id: id }, body: { question } };
    return this.session.call<typeof approvals.ask>('POST /v1/approvals/{approval_id}/ask', request, options);
  }

  /** Answers question `number`, counted from 1, as the requester. */
  answer(id: string, number: number, text: string, options?: CommandOptions): Promise<ApprovalAnswer> {
    const request = { params: { approval_id: id }, body: { number, text } };
    return this.session.call<typeof approvals.answer>('POST /v1/approvals/{approval_id}/answer', request, options);
  }

  /** Withdraws the request, as the requester. */
  withdraw(id: string, reason: string, options?: CommandOptions): Promise<ApprovalAnswer> {
    const request = { params: { approval_id: id }, body: { reason } };
    return this.session.call<typeof approvals.withdraw>('POST /v1/approvals/{approval_id}/withdraw', request, options);
  }

  /** Decides up to 100 of low impact; answers for each, in their order. */
  bulk(body: BulkDecision, options?: CommandOptions): Promise<readonly BulkAnswer[]> {
    return this.session.batch<typeof approvals.bulk>('POST /v1/approvals/bulk', { body }, options);
  }
}
