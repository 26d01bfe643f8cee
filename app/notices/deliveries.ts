/**
 * Use cases of reaching people: the channels of a tenant, and what is delivered through them.
 *
 * An intent is written first, and its deadline is set by what the feed says of it; so a crash at any place leaves
 * either nothing or an intent that is still to be done. An attempt whose result could not be written is made again,
 * under the same id.
 */
import { createHmac } from 'node:crypto';
import type { Channel as ChannelSchema } from '../../contract/notices/channels';
import type { Delivery } from '../../contract/notices/deliveries';
import type { Shown } from '../../contract/route';
import { parseStream } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import {
  carries,
  type Channel,
  channelDecider,
  type ChannelEvent,
  type ChannelState,
  isReference,
  removeChannel,
  setChannel,
} from '../../domain/notices/channel';
import {
  attempted,
  type AttemptResult,
  deliveryDecider,
  deliveryDue,
  type DeliveryEvent,
  type DeliveryState,
  type DeliveryTarget,
  redrive,
  request,
} from '../../domain/notices/delivery';
import { asCloudEvent, asMail, asSlack, asStandard, asTeams, type Notice } from '../../domain/notices/notice';
import { ALL, type Projection } from '../../projections/projection';
import type { Aggregate, Page } from '../engine/aggregate';
import type { Cause, Outcome, RequestContext } from '../engine/command';
import type { DeadlineEngine, Reason } from '../engine/deadlines';
import { derivedId } from '../engine/new-id';
import type { Clock, Outbound, Report } from '../engine/ports';
import type { Change, Reaction } from '../engine/reacting';
import type { Loaded } from '../engine/streams';

// ---------------------------------------------------------------------------------------------------- read models

export type ChannelDoc = Shown<typeof ChannelSchema>;

/** A channel as the API shows it. */
export function channelAnswer(
  channel_id: string,
  { kind, address, secret, groups, events, ends_of }: Channel,
): Shown<typeof ChannelSchema> {
  return { channel_id, kind, address, secret, groups, events, ends_of };
}

/** A row per channel that is there. */
export const channels: Projection<ChannelState, ChannelDoc> = {
  name: 'channels',
  version: 1,
  category: channelDecider.category,
  fields: ['events[]'],
  row({ tenant, stream, version }, { channel_id, channel }) {
    return {
      tenant,
      key: ALL,
      source: stream,
      index: version,
      doc: channel === undefined ? null : channelAnswer(channel_id, channel),
    };
  },
};

export type DeliveryDoc = Shown<typeof Delivery>;

/** A row per delivery. */
export const deliveries: Projection<DeliveryState, DeliveryDoc> = {
  name: 'deliveries',
  version: 1,
  category: deliveryDecider.category,
  fields: ['status'],
  row({ tenant, id, stream, version }, { notice, target, since, status, attempts, due = null, failure = null }) {
    if (notice === undefined || target === undefined || since === undefined) return undefined;
    const doc: DeliveryDoc = {
      delivery_id: id,
      notice_id: notice.id,
      title: notice.title,
      channel_id: target.channel_id,
      status: status as DeliveryDoc['status'],
      attempts,
      since,
      due,
      failure,
    };
    return { tenant, key: ALL, source: stream, index: version, doc };
  },
};

// ------------------------------------------------------------------------------------------------------- channels

type ChannelOutcome = Outcome<ChannelState, ChannelEvent>;

export class Channels {
  constructor(private readonly channels: Aggregate<ChannelState, ChannelEvent, ChannelDoc>) {}

  /** What is refused leaves a receipt. */
  set(context: RequestContext, id: string, channel: Channel): Promise<ChannelOutcome> {
    return this.channels.decide(
      { ...context, receiptOfRefusal: true, attributes: { kind: channel.kind } },
      id,
      'channel.set',
      setChannel(id, channel),
    );
  }

  /** What is refused leaves a receipt. */
  remove(context: RequestContext, id: string): Promise<ChannelOutcome> {
    return this.channels.decide(
      { ...context, receiptOfRefusal: true },
      id,
      'channel.remove',
      removeChannel(context.principal.id),
    );
  }

  load(tenant: string, id: string): Promise<Loaded<ChannelState>> {
    return this.channels.load(tenant, id);
  }

  /** A page of the tenant's channels, in order of id; as far as the view has come. */
  list(tenant: string, limit: number, continuation?: string): Promise<Page<ChannelDoc>> {
    return this.channels.list(tenant, { key: ALL }, limit, continuation);
  }
}

// ----------------------------------------------------------------------------------------------------- deliveries

/** Channels that one notice goes to, at most. */
const MAX_CHANNELS = 100;
/** Attempts under way at once: together, and for one tenant, whose slow receivers must not hold up the others. */
const MAX_UNDER_WAY = 64;
const MAX_UNDER_WAY_PER_TENANT = 8;
const ATTEMPT_MS = 10_000;
/** After this an attempt is lost, with the process that made it. */
const LOST_AFTER_SECONDS = 60;
const BUSY_SECONDS = 5;

export interface DeliveriesDeps {
  readonly deliveries: Aggregate<DeliveryState, DeliveryEvent, DeliveryDoc>;
  readonly channels: Aggregate<ChannelState, ChannelEvent, ChannelDoc>;
  readonly outbound: Omit<Outbound, 'tools'>;
  readonly deadlines: Pick<DeadlineEngine, 'on'>;
  readonly clock: Clock;
  readonly report: Report;
  /** A number in [0, 1), for the waits between attempts. */
  readonly random?: () => number;
}

export class Deliveries implements Reaction {
  /** Attempts that this process makes now, by stream. */
  private readonly underWay = new Map<string, Promise<void>>();
  private stopped = false;

  private readonly due: Reason;

  constructor(private readonly deps: DeliveriesDeps) {
    this.due = deps.deadlines.on('delivery', (stream) => this.onDeadline(stream));
  }

  /**
   * Writes a delivery for every channel, as far as the view has come, through which `group` is told of such a notice. A
   * notice that is told again (it has the same id) changes nothing where it was told before. Throws when one could not
   * be written: tell it again.
   */
  async notify(tenant: string, notice: Notice, group: string, cause: Cause | undefined): Promise<void> {
    const { docs } = await this.deps.channels.all(tenant, { key: ALL, where: { events: notice.event } });
    const told = docs.filter((channel) => carries(channel, notice, group));
    if (told.length > MAX_CHANNELS)
      this.deps.report('a notice has too many channels: the rest is left out', {
        tenant,
        notice: notice.id,
        channels: told.length,
      });
    const results = await Promise.allSettled(
      told.slice(0, MAX_CHANNELS).map(({ channel_id }) => this.request(tenant, notice, group, channel_id, cause)),
    );
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Sets the deadline of a delivery that has changed. */
  async react({ tenant, id, wish }: Change): Promise<void> {
    wish(this.due, deliveryDue((await this.deps.deliveries.load(tenant, id)).state));
  }

  /**
   * Begins the attempt that is due, and answers when to look again; undefined when there is nothing left to do. Doesn't
   * wait for the receiver: other deadlines are to have their turn.
   */
  private async onDeadline(stream: string): Promise<Time | undefined> {
    const { tenant, id } = parseStream(stream);
    const due = deliveryDue((await this.deps.deliveries.current(tenant, id)).state);
    const now = toTime(this.deps.clock.now());
    if (due === undefined || due > now) return due;
    // From here on without a pause: deadlines are looked at side by side.
    if (!this.underWay.has(stream)) {
      if (this.stopped || this.isBusy(tenant)) return plusSeconds(now, BUSY_SECONDS);
      const work = this.attempt(stream)
        .catch((error: unknown) =>
          this.deps.report('an attempt to deliver could not be finished', { stream, error: String(error) }),
        )
        .finally(() => this.underWay.delete(stream));
      this.underWay.set(stream, work);
    }
    return plusSeconds(now, LOST_AFTER_SECONDS);
  }

  /** Makes the attempt that is due, if one is, and records its result. At least once: see the head of this file. */
  async attempt(stream: string): Promise<void> {
    const { tenant, id } = parseStream(stream);
    const { state, correlationId } = await this.deps.deliveries.current(tenant, id);
    const { notice, target, since, receipt, attempts, due } = state;
    if (notice === undefined || target === undefined || since === undefined || correlationId === undefined) return;
    if (due === undefined || due > toTime(this.deps.clock.now())) return;
    const result = await this.send(tenant, id, notice, target);
    const outcome = await this.deps.deliveries.decide(
      { principal: principal(tenant), cause: { ref: receipt, at: since, correlationId, depth: 0 } },
      id,
      'delivery.attempt',
      attempted(attempts + 1, result, toTime(this.deps.clock.now()), (this.deps.random ?? Math.random)()),
    );
    if (!outcome.ok) throw new Error(`the result could not be recorded: ${outcome.rejection.message}`);
  }

  async redrive(context: RequestContext, id: string): Promise<Outcome<DeliveryState, DeliveryEvent>> {
    const { tenant } = context.principal;
    const { target } = (await this.deps.deliveries.current(tenant, id)).state;
    const channel = target === undefined ? undefined : await this.channel(tenant, target.channel_id);
    return await this.deps.deliveries.decide(context, id, 'delivery.redrive', redrive(context.principal.id, channel));
  }

  load(tenant: string, id: string): Promise<Loaded<DeliveryState>> {
    return this.deps.deliveries.load(tenant, id);
  }

  /** A page of the tenant's dead letters, in order of id; as far as the view has come. */
  dead(tenant: string, limit: number, continuation?: string): Promise<Page<DeliveryDoc>> {
    return this.deps.deliveries.list(tenant, { key: ALL, where: { status: 'dead' } }, limit, continuation);
  }

  /** Begins nothing any more, and waits for what is under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.settled();
  }

  /** Waits for the attempts that are under way. */
  async settled(): Promise<void> {
    await Promise.all(this.underWay.values());
  }

  private async request(
    tenant: string,
    notice: Notice,
    group: string,
    channel_id: string,
    cause: Cause | undefined,
  ): Promise<void> {
    // The view finds channels, the stream says what they are.
    const { channel, ends_since } = (await this.deps.channels.current(tenant, channel_id)).state;
    if (channel === undefined || !carries(channel, notice, group)) return;
    if (notice.ended !== undefined && (ends_since === undefined || notice.at < ends_since)) return;
    const id = derivedId(tenant, DELIVERIES, JSON.stringify([notice.id, channel_id]));
    const outcome = await this.deps.deliveries.decide(
      { principal: principal(tenant), cause, reaction: true, creates: true },
      id,
      'delivery.request',
      request(notice, channel_id, channel),
    );
    if (!outcome.ok) throw new Error(`notice ${notice.id} can't go to ${channel_id}: ${outcome.rejection.message}`);
  }

  private async channel(tenant: string, id: string): Promise<Channel | undefined> {
    return (await this.deps.channels.current(tenant, id)).state.channel;
  }

  private async send(tenant: string, id: string, notice: Notice, target: DeliveryTarget): Promise<AttemptResult> {
    if ((await this.channel(tenant, target.channel_id)) === undefined)
      return { ok: false, reason: 'the channel was removed', permanent: true };
    return target.kind === 'mail'
      ? await this.mail(id, notice, target.address)
      : await this.post(tenant, id, notice, target);
  }

  private async mail(id: string, notice: Notice, to: string): Promise<AttemptResult> {
    const { mail } = this.deps.outbound;
    if (mail === undefined) return { ok: false, reason: 'no mail server is configured', permanent: true };
    const answer = await mail.send({ to, ...asMail(notice), messageId: `<${id}@${new URL(notice.link).hostname}>` });
    return answer.ok ? answer : { ok: false, reason: answer.error, permanent: answer.permanent };
  }

  private async post(
    tenant: string,
    id: string,
    notice: Notice,
    { kind, address, secret }: DeliveryTarget,
  ): Promise<AttemptResult> {
    const url = isReference(address) ? await this.secret(tenant, address) : address;
    if (url === undefined) return { ok: false, reason: `there is no ${address}` };
    const { contentType, body } = bodyOf(tenant, kind, notice);
    const timestamp = Math.floor(this.deps.clock.now() / 1000);
    const headers: Record<string, string> = {
      'content-type': contentType,
      'user-agent': 'Formicary',
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
    };
    if (secret !== undefined) {
      const key = keyOf(await this.secret(tenant, secret));
      if (key === undefined)
        return { ok: false, reason: `${secret} is not whsec_ and the Base64 form of 24 to 64 bytes` };
      headers['webhook-signature'] = sign(key, id, timestamp, body);
    }
    const answer = await this.deps.outbound.webhooks.post({ url, headers, body, timeoutMs: ATTEMPT_MS });
    if ('error' in answer) return { ok: false, reason: answer.error };
    const { status, retryAfter } = answer;
    return status >= 200 && status < 300
      ? { ok: true, status }
      : { ok: false, status, reason: `the receiver answered ${status}`, retry_after: retryAfter };
  }

  /** undefined also when the secrets can't be reached now. */
  private async secret(tenant: string, reference: string): Promise<string | undefined> {
    try {
      return await this.deps.outbound.secrets.get(tenant, reference);
    } catch (error) {
      this.deps.report('a secret could not be read', { reference, error: String(error) });
      return undefined;
    }
  }

  private isBusy(tenant: string): boolean {
    const own = [...this.underWay.keys()].filter((stream) => stream.startsWith(`${tenant}/`));
    return this.underWay.size >= MAX_UNDER_WAY || own.length >= MAX_UNDER_WAY_PER_TENANT;
  }
}

const DELIVERIES = 'deliveries';

/** What is posted to a webhook of that kind. */
function bodyOf(tenant: string, kind: DeliveryTarget['kind'], notice: Notice): { contentType: string; body: string } {
  const json = (value: Record<string, unknown>, contentType = 'application/json') => ({
    contentType,
    body: JSON.stringify(value),
  });
  switch (kind) {
    case 'teams':
      return json(asTeams(notice));
    case 'slack':
      return json(asSlack(notice));
    case 'cloudevents':
      return json(asCloudEvent(tenant, notice), 'application/cloudevents+json');
    default:
      return json(asStandard(notice));
  }
}

function principal(tenant: string): Principal {
  return { tenant, id: DELIVERIES, kind: 'system', level: 'execute' };
}

// ------------------------------------------------------------------------------------- signatures (Standard Webhooks)

/** The key of a secret `whsec_<Base64>`, which has 24 to 64 bytes; undefined when it isn't one. */
function keyOf(secret: string | undefined): Buffer | undefined {
  const encoded = /^whsec_([A-Za-z0-9+/]{32,86}={0,2})$/.exec(secret ?? '')?.[1];
  const key = encoded === undefined ? undefined : Buffer.from(encoded, 'base64');
  return key !== undefined && key.length >= 24 && key.length <= 64 ? key : undefined;
}

/** HMAC-SHA256 over `id.timestamp.body`; `timestamp` in whole seconds since the epoch. */
function sign(key: Buffer, id: string, timestamp: number, body: string): string {
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}
