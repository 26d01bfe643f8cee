/**
 * A Service Bus for tests: queues with peek-lock, scheduled messages, delivery counts, dead letters and duplicate
 * detection, over AMQP as Azure speaks it. Strict where Azure is: an entity that was not created is refused, a lock
 * that ended settles nothing. Time is the test's.
 */
import { randomUUID } from 'node:crypto';
import { type EventContext, type Message, message as codec, types } from 'rhea';
import { AmqpServer, type LinkFault, MAX_MESSAGE_BYTES, type Outgoing, type Reply } from './amqp-server';

export interface QueueOptions {
  /** Milliseconds for which a receiver has a message, at most 5 minutes. */
  readonly lockMs?: number;
  /** A message that was delivered so often goes to the dead letters. */
  readonly maxDeliveries?: number;
  /**
   * Milliseconds for which a message with the same id is taken in without being queued; 0: duplicates are not looked
   * for.
   */
  readonly duplicatesMs?: number;
}

export interface ServiceBusOptions extends QueueOptions {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Which names are queues. */
  readonly isQueue: (name: string) => boolean;
}

const DEAD_LETTERS = '/$deadletterqueue';
/** Bytes of messages that one peek answers with. */
const PEEK_BYTES = 256 * 1024;

interface Stored {
  sequence: number;
  readonly enqueueSequence: number;
  readonly message: Message;
  state: 'active' | 'deferred' | 'scheduled';
  /** Milliseconds: when it was taken in or, while it is scheduled, when it is to be. */
  at: number;
  deliveries: number;
  lock?: { readonly token: string; until: number };
  properties: Record<string, unknown>;
}

type Settlement = 'complete' | 'abandon' | 'defer' | 'deadletter';

/** One queue, or the dead letters of one. */
class Entity {
  private readonly stored = new Map<number, Stored>();
  /** Those that wait for their time, the next one last. Those that were cancelled stay until then. */
  private readonly scheduled: Stored[] = [];
  /** Those that may be received, oldest first. */
  private readonly ready: Stored[] = [];
  /** By lock; the lock that ends first comes first. */
  private readonly locks = new Map<string, Stored>();
  /** When each message id was taken in, oldest first. */
  private readonly seen = new Map<string, number>();
  private sequence = 0;

  constructor(
    readonly name: string,
    private readonly options: Required<QueueOptions> & { now: () => number },
    /** Where what can't be delivered goes; dead letters themselves have nowhere else to go. */
    private readonly deadLetters?: Entity,
  ) {}

  /** The sequence number; undefined when the message is a duplicate. */
  enqueue(message: Message, properties: Record<string, unknown> = {}, deliveries = 0): number | undefined {
    const now = this.options.now();
    const id = String((message.message_id ??= randomUUID()));
    if (this.options.duplicatesMs > 0) {
      for (const [old, at] of this.seen) {
        if (now - at < this.options.duplicatesMs) break;
        this.seen.delete(old);
      }
      if (this.seen.has(id)) return undefined;
      this.seen.set(id, now);
    }
    const due = message.message_annotations?.['x-opt-scheduled-enqueue-time'] as Date | number | undefined;
    const at = due === undefined ? now : Math.max(now, Number(due));
    const sequence = (this.sequence += 1);
    const stored: Stored = {
      sequence,
      enqueueSequence: sequence,
      message,
      state: at > now ? 'scheduled' : 'active',
      at,
      deliveries,
      properties,
    };
    this.stored.set(sequence, stored);
    if (stored.state === 'scheduled') insert(this.scheduled, stored, (a, b) => b.at - a.at || b.sequence - a.sequence);
    else this.offer(stored);
    return sequence;
  }

  cancel(sequence: number): boolean {
    this.passTime();
    return this.stored.get(sequence)?.state === 'scheduled' && this.stored.delete(sequence);
  }

  /** Locks and hands out the oldest message that may be received. */
  receive(andDelete: boolean): Stored | undefined {
    this.passTime();
    const next = this.ready.shift();
    if (next === undefined) return undefined;
    if (andDelete) this.stored.delete(next.sequence);
    else this.hold(next);
    return next;
  }

  receiveDeferred(sequence: number): Stored | undefined {
    this.passTime();
    const found = this.stored.get(sequence);
    if (found?.state !== 'deferred' || found.lock !== undefined) return undefined;
    this.hold(found);
    return found;
  }

  peek(from: number, count: number): Stored[] {
    this.passTime();
    const found = [...this.stored.values()].filter(({ sequence }) => sequence >= from);
    return found.sort((a, b) => a.sequence - b.sequence).slice(0, count);
  }

  /** The new end of the lock; undefined when it was lost. */
  renew(token: string): number | undefined {
    this.passTime();
    const stored = this.locks.get(token);
    if (stored?.lock === undefined) return undefined;
    this.locks.delete(token);
    this.locks.set(token, stored);
    return (stored.lock.until = this.options.now() + this.options.lockMs);
  }

  /** False when the lock was lost. */
  settle(token: string, settlement: Settlement, properties: Record<string, unknown> = {}): boolean {
    this.passTime();
    const stored = this.locks.get(token);
    if (stored === undefined) return false;
    this.unlock(token, stored);
    Object.assign(stored.properties, properties);
    if (settlement === 'complete') this.stored.delete(stored.sequence);
    else if (settlement === 'defer') stored.state = 'deferred';
    else if (settlement === 'abandon') this.release(stored);
    else this.bury(stored);
    return true;
  }

  /** When a scheduled message is due next, or a lock ends: milliseconds; Infinity when nothing waits for its time. */
  get next(): number {
    const [held] = this.locks.values();
    return Math.min(this.scheduled.at(-1)?.at ?? Infinity, held?.lock?.until ?? Infinity);
  }

  /** Takes in what was scheduled for now, and ends locks whose time is over. */
  private passTime(): void {
    const now = this.options.now();
    for (const [token, stored] of this.locks) {
      if ((stored.lock?.until ?? 0) > now) break;
      this.unlock(token, stored);
      this.release(stored);
    }
    for (let next = this.scheduled.at(-1); next !== undefined && next.at <= now; next = this.scheduled.at(-1)) {
      this.scheduled.pop();
      if (!this.stored.delete(next.sequence)) continue; // it was cancelled
      // It is taken in as if it were sent at this moment.
      Object.assign(next, { sequence: (this.sequence += 1), state: 'active' });
      this.stored.set(next.sequence, next);
      this.offer(next);
    }
  }

  /** From now on it may be received, unless it was deferred. */
  private offer(stored: Stored): void {
    if (stored.state === 'active') insert(this.ready, stored, (a, b) => a.sequence - b.sequence);
  }

  private hold(stored: Stored): void {
    stored.lock = { token: randomUUID(), until: this.options.now() + this.options.lockMs };
    this.locks.set(stored.lock.token, stored);
  }

  private unlock(token: string, stored: Stored): void {
    this.locks.delete(token);
    stored.lock = undefined;
  }

  private release(stored: Stored): void {
    stored.deliveries += 1;
    if (this.deadLetters !== undefined && stored.deliveries >= this.options.maxDeliveries) {
      Object.assign(stored.properties, {
        DeadLetterReason: 'MaxDeliveryCountExceeded',
        DeadLetterErrorDescription: 'Message could not be consumed',
      });
      this.bury(stored);
    } else this.offer(stored);
  }

  private bury(stored: Stored): void {
    if (this.deadLetters === undefined) return void this.offer(stored);
    this.stored.delete(stored.sequence);
    const { 'x-opt-scheduled-enqueue-time': _, ...annotations } = (stored.message.message_annotations ?? {}) as Record<
      string,
      unknown
    >;
    this.deadLetters.enqueue(
      { ...stored.message, message_annotations: annotations },
      stored.properties,
      stored.deliveries,
    );
  }
}

/** Puts a message where it belongs in a list that is in order. */
function insert(list: Stored[], stored: Stored, order: (a: Stored, b: Stored) => number): void {
  let low = 0;
  for (let high = list.length; low < high;) {
    const middle = (low + high) >> 1;
    if (order(list[middle] as Stored, stored) < 0) low = middle + 1;
    else high = middle;
  }
  list.splice(low, 0, stored);
}

/** What a timer of Node can wait at most. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

export class ServiceBusServer extends AmqpServer {
  private readonly entities = new Map<string, Entity>();
  private readonly options: ServiceBusOptions;
  private alarm: NodeJS.Timeout | undefined;

  constructor(options: ServiceBusOptions) {
    super();
    this.options = options;
  }

  /** Moved time: locks may have ended, and scheduled messages be due. */
  tick(): void {
    this.pump();
  }

  override async close(): Promise<void> {
    await super.close();
    clearTimeout(this.alarm);
  }

  /** What is due goes out when it is due, also where nobody asks for anything meanwhile. */
  protected override pump(): void {
    super.pump();
    // After what goes out now.
    setImmediate(() => this.setAlarm());
  }

  private setAlarm(): void {
    clearTimeout(this.alarm);
    const now = this.options.now();
    // What is over its time already waits for somebody who receives it.
    const waits = [...this.entities.values()].map(({ next }) => next - now).filter((wait) => wait > 0);
    if (waits.length === 0) return;
    this.alarm = setTimeout(() => this.tick(), Math.min(LONGEST_WAIT_MS, ...waits)).unref();
  }

  /** Detaches the receivers, as the service does when it moves a queue. */
  detachReceivers(): void {
    this.detachOutgoing({ condition: 'amqp:link:detach-forced', description: 'The link was detached by the test.' });
  }

  /** What lies in a queue or in its `/$deadletterqueue`, in whatever state. */
  count(name: string): number {
    return this.entity(name)?.peek(0, Infinity).length ?? 0;
  }

  protected canSend(address: string): LinkFault | undefined {
    return this.unknown(address);
  }

  protected canReceive(address: string, _link: Outgoing): LinkFault | undefined {
    return this.unknown(address);
  }

  protected onOutgoingClosed(_link: Outgoing): void {
    // Locks outlive the link on which they were given.
  }

  protected receive(address: string, messages: readonly Message[]): LinkFault | undefined {
    const size = messages.reduce((sum, message) => sum + codec.encode(message).length, 0);
    if (size > MAX_MESSAGE_BYTES)
      return {
        condition: 'amqp:link:message-size-exceeded',
        description: `${size} bytes are more than ${MAX_MESSAGE_BYTES}`,
      };
    const tooLong = messages.some(({ message_id }) => String(message_id).length > 128);
    if (tooLong)
      return { condition: 'com.microsoft:argument-error', description: 'a message id has at most 128 characters' };
    for (const message of messages) this.entity(address)?.enqueue(message);
    return undefined;
  }

  protected deliver(link: Outgoing, credit: number): number {
    const entity = this.entity(String(link.source?.address));
    const andDelete = link.snd_settle_mode === 1;
    for (let sent = 0; sent < credit; sent += 1) {
      const stored = entity?.receive(andDelete);
      if (stored === undefined) return sent;
      link.send(delivered(stored), stored.lock === undefined ? undefined : guidBytes(stored.lock.token));
    }
    return credit;
  }

  protected onOutcome(
    { delivery, sender }: EventContext,
    outcome: 'accepted' | 'rejected' | 'modified' | 'released',
  ): void {
    if (delivery === undefined || sender === undefined) return;
    const state = delivery.remote_state as {
      error?: { info?: Record<string, unknown> };
      undeliverable_here?: boolean;
      message_annotations?: Record<string, unknown>;
    };
    const settlement =
      outcome === 'accepted'
        ? 'complete'
        : outcome === 'rejected'
          ? 'deadletter'
          : state.undeliverable_here === true
            ? 'defer'
            : 'abandon';
    const properties = outcome === 'rejected' ? state.error?.info : state.message_annotations;
    const held = this.entity(String(sender.source.address))?.settle(
      guidText(delivery.tag as Buffer),
      settlement,
      properties,
    );
    this.pump();
    if (this.losesAnswer()) return;
    delivery.update(
      true,
      held === true ? acceptedState : rejectedState('com.microsoft:message-lock-lost', 'The lock supplied is invalid.'),
    );
    // Who has said what becomes of it says no more. rhea would wait for that, and keep it in the session's window of
    // 2,048.
    Object.assign(delivery, { remote_settled: true });
  }

  protected manage(name: string, operation: string, request: Message): Reply {
    const entity = this.entity(name);
    if (entity === undefined) return { status: 404, condition: 'amqp:not-found' };
    const body = request.body as Record<string, unknown>;
    switch (operation.replace('com.microsoft:', '')) {
      case 'schedule-message': {
        const sent = (body.messages as { message: Buffer }[]).map(({ message }) =>
          entity.enqueue(codec.decode(message) as unknown as Message),
        );
        return {
          status: 200,
          body: {
            'sequence-numbers': types.wrap_array(
              sent.map((number) => number ?? 0),
              0x81,
              undefined,
            ),
          },
        };
      }
      case 'cancel-scheduled-message': {
        const all = (body['sequence-numbers'] as (number | Buffer)[]).map((number) => entity.cancel(numberOf(number)));
        return all.every(Boolean) ? { status: 200 } : { status: 404, condition: 'com.microsoft:message-not-found' };
      }
      case 'peek-message': {
        const found = entity.peek(
          numberOf(body['from-sequence-number'] as number | Buffer),
          Number(body['message-count']),
        );
        if (found.length === 0) return { status: 204 };
        let bytes = 0;
        const encoded = found
          .map((stored) => codec.encode(delivered(stored)))
          .filter((message, i) => (bytes += message.length) <= PEEK_BYTES || i === 0);
        return { status: 200, body: { messages: encoded.map((message) => ({ message })) } };
      }
      case 'renew-lock': {
        const ends = (body['lock-tokens'] as Buffer[]).map((token) => entity.renew(uuidText(token)));
        if (ends.includes(undefined)) return { status: 410, condition: 'com.microsoft:message-lock-lost' };
        return { status: 200, body: { expirations: types.wrap_array(ends, 0x83, undefined) } };
      }
      case 'receive-by-sequence-number': {
        const found = (body['sequence-numbers'] as (number | Buffer)[]).map((number) =>
          entity.receiveDeferred(numberOf(number)),
        );
        if (found.includes(undefined)) return { status: 404, condition: 'com.microsoft:message-not-found' };
        const messages = (found as Stored[]).map((stored) => ({
          message: codec.encode(delivered(stored)),
          'lock-token': types.wrap_uuid(uuidBytes((stored.lock as { token: string }).token)),
        }));
        return { status: 200, body: { messages } };
      }
      case 'update-disposition': {
        const settlement = (
          { completed: 'complete', abandoned: 'abandon', defered: 'defer', suspended: 'deadletter' } as const
        )[String(body['disposition-status'])];
        if (settlement === undefined) return { status: 400, condition: 'com.microsoft:argument-error' };
        const properties = { ...(body['properties-to-modify'] as Record<string, unknown> | undefined) };
        if (body['deadletter-reason'] !== undefined) properties.DeadLetterReason = body['deadletter-reason'];
        if (body['deadletter-description'] !== undefined)
          properties.DeadLetterErrorDescription = body['deadletter-description'];
        const held = (body['lock-tokens'] as Buffer[]).map((token) =>
          entity.settle(uuidText(token), settlement, properties),
        );
        return held.every(Boolean) ? { status: 200 } : { status: 410, condition: 'com.microsoft:message-lock-lost' };
      }
      default:
        return { status: 501, condition: 'amqp:not-implemented' };
    }
  }

  private unknown(address: string): LinkFault | undefined {
    if (this.entity(address) !== undefined) return undefined;
    return { condition: 'amqp:not-found', description: `The messaging entity '${address}' could not be found.` };
  }

  /** Names are the same in upper and lower case. */
  private entity(address: string): Entity | undefined {
    const name = address.toLowerCase();
    const queue = name.endsWith(DEAD_LETTERS) ? name.slice(0, -DEAD_LETTERS.length) : name;
    if (!this.options.isQueue(queue)) return undefined;
    if (!this.entities.has(queue)) {
      const { lockMs = 60_000, maxDeliveries = 10, duplicatesMs = 0, now } = this.options;
      const dead = new Entity(queue + DEAD_LETTERS, { lockMs, maxDeliveries, duplicatesMs: 0, now });
      this.entities.set(dead.name, dead);
      this.entities.set(queue, new Entity(queue, { lockMs, maxDeliveries, duplicatesMs, now }, dead));
    }
    return this.entities.get(name);
  }
}

/** A message as a receiver gets it. */
function delivered({ message, sequence, enqueueSequence, at, state, deliveries, lock, properties }: Stored): Message {
  return {
    ...message,
    delivery_count: deliveries,
    application_properties: { ...(message.application_properties as object), ...properties },
    message_annotations: {
      ...(message.message_annotations as object),
      'x-opt-sequence-number': types.wrap_long(sequence),
      'x-opt-enqueue-sequence-number': types.wrap_long(enqueueSequence),
      'x-opt-enqueued-time': new Date(at),
      'x-opt-message-state': types.wrap_int(['active', 'deferred', 'scheduled'].indexOf(state)),
      ...(lock === undefined ? {} : { 'x-opt-locked-until': new Date(lock.until) }),
    },
  };
}

/** rhea makes outcomes too, and doesn't say so in its types. */
const outcomes = codec as unknown as Record<'accepted' | 'rejected', (fields?: object) => { described(): unknown }>;
const acceptedState = outcomes.accepted().described();

function rejectedState(condition: string, description: string): unknown {
  return outcomes.rejected({ error: { condition, description } }).described();
}

/** AMQP's long: a number, or eight bytes when it is larger than JavaScript's. */
function numberOf(value: number | Buffer): number {
  return typeof value === 'number' ? value : Number(value.readBigInt64BE());
}

function uuidBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll('-', ''), 'hex');
}

function uuidText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** A delivery's tag is the lock token in the byte order of .NET. */
function guidBytes(text: string): Buffer {
  const bytes = uuidBytes(text);
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}

function guidText(tag: Buffer): string {
  return uuidText(guidBytes(tag.toString('hex')));
}
