/**
 * The work queue on Service Bus: each queue is an entity of the same name.
 *
 * What Service Bus can't do is done here. An item's id is looked for before the item is queued (duplicate detection
 * would also swallow one that was completed meanwhile). A lock shorter than the entity's is ended by giving the item
 * back. An item that is to come back later, or anew, comes back as a copy: it is queued before the original goes, so
 * that a crash in between leaves one too many, never one too few.
 */
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import type { DeadItem, WorkItem, WorkQueue } from '../../app/engine/ports';
import { plusSeconds, type Time } from '../../domain/kernel/time';
import type { Place, ServiceBus, Settlement } from './service-bus';

/** The body of a message. */
interface Envelope {
  readonly id: string;
  readonly body: unknown;
  /** Deliveries of the messages that this one is a copy of. */
  readonly earlier: number;
}

interface Held {
  readonly queue: string;
  readonly message: ServiceBusReceivedMessage;
  readonly until: Time;
}

/** How many dead letters are locked at once, to find the one that is redriven. */
const SEARCH = 100;

export class ServiceBusWorkQueue implements WorkQueue {
  /** By lock. */
  private readonly held = new Map<string, Held>();

  constructor(private readonly bus: ServiceBus) {}

  async send(
    queue: string,
    items: readonly { readonly id: string; readonly body: unknown; readonly notBefore?: string }[],
  ): Promise<void> {
    if (items.length === 0) return;
    const [alive, dead] = await Promise.all([this.bus.peek({ queue }), this.bus.peek({ queue, dead: true })]);
    const known = new Set([...alive, ...dead].map((message) => envelopeOf(message).id));
    const fresh = items.filter(({ id }) => !known.has(id) && known.add(id));
    await this.bus.send(
      queue,
      fresh.map(({ id, body, notBefore }) => messageOf({ id, body, earlier: 0 }, notBefore)),
    );
  }

  /** `lockSeconds` is at most the lock duration of the entity; when this process dies, the entity's counts. */
  async receive(queue: string, limit: number, lockSeconds: number, now: string): Promise<readonly WorkItem[]> {
    await this.release(queue, now);
    const messages = await this.bus.receive({ queue }, limit);
    return messages.map((message) => {
      const lock = message.lockToken as string;
      const { id, body } = envelopeOf(message);
      this.held.set(lock, { queue, message, until: plusSeconds(now, lockSeconds) });
      return { id, body, deliveries: deliveriesOf(message), lock };
    });
  }

  complete(queue: string, item: WorkItem): Promise<boolean> {
    return this.settle(queue, item, { kind: 'complete' });
  }

  async abandon(queue: string, item: WorkItem, notBefore?: string): Promise<boolean> {
    if (notBefore === undefined) return await this.settle(queue, item, { kind: 'abandon' });
    const held = this.holds(queue, item);
    if (held === undefined) return false;
    const { id, body } = envelopeOf(held.message);
    await this.bus.send(queue, [messageOf({ id, body, earlier: item.deliveries }, notBefore)]);
    return await this.settle(queue, item, { kind: 'complete' });
  }

  deadLetter(queue: string, item: WorkItem, reason: string): Promise<boolean> {
    return this.settle(queue, item, { kind: 'dead', reason, properties: { deliveries: item.deliveries } });
  }

  async dead(queue: string, limit: number, after?: string): Promise<readonly DeadItem[]> {
    const items = new Map<string, DeadItem>();
    for (const message of await this.bus.peek({ queue, dead: true })) {
      const { id, body } = envelopeOf(message);
      const { deliveries = deliveriesOf(message) - 1 } = (message.applicationProperties ?? {}) as {
        deliveries?: number;
      };
      if (after === undefined || id > after)
        items.set(id, { id, body, deliveries, reason: message.deadLetterReason ?? '' });
    }
    return [...items.values()].sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit);
  }

  async redrive(queue: string, id: string): Promise<boolean> {
    const dead: Place = { queue, dead: true };
    if (!(await this.bus.peek(dead)).some((message) => envelopeOf(message).id === id)) return false;
    // A dead letter can only be taken out in its turn: those before it are locked until it is found.
    const passed: ServiceBusReceivedMessage[] = [];
    try {
      for (;;) {
        const messages = await this.bus.receive(dead, SEARCH);
        const found = messages.find((message) => envelopeOf(message).id === id);
        passed.push(...messages.filter((message) => message !== found));
        if (found !== undefined) {
          await this.bus.send(queue, [messageOf({ ...envelopeOf(found), earlier: 0 })]);
          await this.bus.settle(dead, found, { kind: 'complete' });
          return true;
        }
        if (messages.length === 0) return false;
      }
    } finally {
      await Promise.all(passed.map((message) => this.bus.settle(dead, message, { kind: 'abandon' })));
    }
  }

  /** Gives back what was locked for less time than the entity locks. */
  private async release(queue: string, now: Time): Promise<void> {
    const ended = [...this.held].filter(([, held]) => held.queue === queue && held.until <= now);
    for (const [lock, { message }] of ended) {
      this.held.delete(lock);
      await this.bus.settle({ queue }, message, { kind: 'abandon' });
    }
  }

  private holds(queue: string, item: WorkItem): Held | undefined {
    const held = this.held.get(item.lock);
    return held?.queue === queue ? held : undefined;
  }

  private async settle(queue: string, item: WorkItem, settlement: Settlement): Promise<boolean> {
    const held = this.holds(queue, item);
    if (held === undefined) return false;
    const settled = await this.bus.settle({ queue }, held.message, settlement);
    this.held.delete(item.lock);
    return settled;
  }
}

function messageOf(body: Envelope, notBefore?: Time) {
  return { body, scheduledEnqueueTimeUtc: notBefore === undefined ? undefined : new Date(notBefore) };
}

function envelopeOf(message: ServiceBusReceivedMessage): Envelope {
  return message.body as Envelope;
}

function deliveriesOf(message: ServiceBusReceivedMessage): number {
  return envelopeOf(message).earlier + (message.deliveryCount ?? 0) + 1;
}
