/** Receipts: the log as it is, as it comes, and as causes and effects. */
import type {
  CausalChain as CausalChainSchema,
  CausalNode as CausalNodeSchema,
  ReceiptPage as ReceiptPageSchema,
  receipts,
} from '../contract/audit/receipts';
import type { Shown } from '../contract/route';
import { type Commit, follow, type Followed, type FollowOptions, type ReceiptFilter } from './follow';
import type { ReadOptions, Session } from './session';

export type CausalNode = Shown<typeof CausalNodeSchema>;
export type CausalChain = Shown<typeof CausalChainSchema>;
export type ReceiptPage = Shown<typeof ReceiptPageSchema>;

/** After the place where an earlier page ended; `limit` is the size of a page. */
type PageOptions = ReceiptFilter & { readonly after?: string; readonly limit?: number };

/** `/v1/receipts`, `/v1/streams` */
export class ReceiptsApi {
  constructor(private readonly session: Session) {}

  /**
   * Receipts of the tenant, oldest first, after the place where an earlier page ended. A page may be empty before the
   * end.
   */
  page({ after, ...filter }: PageOptions = {}, options?: ReadOptions): Promise<ReceiptPage> {
    const request = { query: { ...filter, continuation: after } };
    return this.session.call<typeof receipts.page>('GET /v1/receipts', request, options);
  }

  /** Every receipt up to now, page by page. */
  all({ after, ...filter }: PageOptions = {}, options?: ReadOptions): AsyncGenerator<Commit, void, undefined> {
    const request = { query: { limit: RECEIPTS_PAGE, ...filter, continuation: after } };
    return this.session.items<typeof receipts.page>('GET /v1/receipts', request, options);
  }

  /** Receipts as they come, until the signal aborts; over broken connections, each commit once. */
  follow(options: FollowOptions = {}): AsyncGenerator<Followed, void, undefined> {
    return follow(this.session, options);
  }

  /** Every receipt of one stream, for example `stream('task', 'invoice-4711')`. */
  stream(category: string, id: string, options?: ReadOptions): AsyncGenerator<Commit, void, undefined> {
    const request = { params: { category, id }, query: { limit: RECEIPTS_PAGE } };
    return this.session.items<typeof receipts.stream>('GET /v1/streams/{category}/{id}', request, options);
  }
}

/** Rows in a page where the caller wants all of them: receipts are larger than what other lists show. */
const RECEIPTS_PAGE = 200;
