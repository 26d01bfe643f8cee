/** How people are reached, and the notices on their way to them. */
import type { Channel as ChannelSchema, channels } from '../contract/notices/channels';
import type { deliveries, Delivery } from '../contract/notices/deliveries';
import type { AnswerOf, BodyOf, Shown } from '../contract/route';
import { type CommandOptions, PAGE, type ReadOptions, type Session } from './session';

export type Channel = BodyOf<typeof channels.put>;
export type NamedChannel = Shown<typeof ChannelSchema>;
/** A notice that was given up. */
export type DeadDelivery = Shown<typeof Delivery>;
export type RedriveAnswer = AnswerOf<typeof deliveries.redrive>;

/** `/v1/channels` */
export class ChannelsApi {
  constructor(private readonly session: Session) {}

  put(id: string, body: Channel, options?: CommandOptions): Promise<AnswerOf<typeof channels.put>> {
    const request = { params: { channel_id: id }, body };
    return this.session.call<typeof channels.put>('PUT /v1/channels/{channel_id}', request, options);
  }

  get(id: string, options?: ReadOptions): Promise<NamedChannel> {
    const request = { params: { channel_id: id } };
    return this.session.call<typeof channels.get>('GET /v1/channels/{channel_id}', request, options);
  }

  /** Every channel, page by page. */
  all(options?: ReadOptions): AsyncGenerator<NamedChannel, void, undefined> {
    return this.session.items<typeof channels.list>('GET /v1/channels', { query: { limit: PAGE } }, options);
  }

  remove(id: string, options?: CommandOptions): Promise<AnswerOf<typeof channels.remove>> {
    const request = { params: { channel_id: id } };
    return this.session.call<typeof channels.remove>('DELETE /v1/channels/{channel_id}', request, options);
  }
}

/** `/v1/deliveries` */
export class DeliveriesApi {
  constructor(private readonly session: Session) {}

  /** Every notice that was given up, page by page. */
  dead(options?: ReadOptions): AsyncGenerator<DeadDelivery, void, undefined> {
    const request = { query: { status: 'dead', limit: PAGE } } as const;
    return this.session.items<typeof deliveries.dead>('GET /v1/deliveries', request, options);
  }

  /** Has it tried again. */
  redrive(id: string, options?: CommandOptions): Promise<RedriveAnswer> {
    const request = { params: { delivery_id: id }, body: {} };
    return this.session.call<typeof deliveries.redrive>('POST /v1/deliveries/{delivery_id}/redrive', request, options);
  }
}
