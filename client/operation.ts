/** What an operator looks at and does. */
import type {
  FeedStatus as FeedStatusSchema,
  Health as HealthSchema,
  Parked as ParkedSchema,
  Status as StatusSchema,
  system,
  WaitingSummary as WaitingSummarySchema,
} from '../contract/operation/system';
import type { AnswerOf, QueryOf, Shown } from '../contract/route';
import type { ConsumerName as Consumer } from '../domain/kernel/consumers';
import { type CommandOptions, PAGE, type ReadOptions, type Session } from './session';

export type { Consumer };
export type FeedStatus = Shown<typeof FeedStatusSchema>;
export type Parked = Shown<typeof ParkedSchema>;
export type Status = Shown<typeof StatusSchema>;
export type ViewStatus = Status['views'][number];
export type WaitingSummary = Shown<typeof WaitingSummarySchema>;
export type Health = Shown<typeof HealthSchema>;

export class OperationApi {
  constructor(private readonly session: Session) {}

  /** Builds a view anew beside the one that serves; `status` shows how far it is. */
  rebuildView(view: string, options?: CommandOptions): Promise<AnswerOf<typeof system.rebuildView>> {
    const request = { params: { view }, body: {} };
    return this.session.call<typeof system.rebuildView>('POST /v1/views/{view}/rebuild', request, options);
  }

  /** Commits that a consumer of the feed has given up on, a page of them. */
  async parked(
    consumer: Consumer,
    query: QueryOf<typeof system.parked> = {},
    options?: ReadOptions,
  ): Promise<readonly Parked[]> {
    const request = { params: { consumer }, query };
    return (await this.session.call<typeof system.parked>('GET /v1/feed/{consumer}/parked', request, options)).value;
  }

  /** All of them. */
  allParked(consumer: Consumer, options?: ReadOptions): AsyncGenerator<Parked, void, undefined> {
    const request = { params: { consumer }, query: { limit: PAGE } };
    return this.session.items<typeof system.parked>('GET /v1/feed/{consumer}/parked', request, options);
  }

  /** Has the consumer try again what it has parked. */
  redrive(consumer: Consumer, id: string, options?: CommandOptions): Promise<AnswerOf<typeof system.redrive>> {
    const request = { params: { consumer }, body: { id } };
    return this.session.call<typeof system.redrive>('POST /v1/feed/{consumer}/redrive', request, options);
  }

  /** Metrics in the text format of Prometheus. */
  metrics(options?: ReadOptions): Promise<string> {
    return this.session.text('/metrics', undefined, options);
  }

  /** The OpenAPI document. */
  openapi(options?: ReadOptions): Promise<Readonly<Record<string, unknown>>> {
    return this.session.read('/openapi.json', undefined, options);
  }
}
