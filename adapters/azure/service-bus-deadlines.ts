/**
 * Deadlines as scheduled messages of one queue. Service Bus hands each out when it is due, to one process at a time;
 * until it is settled it is held here under its lock, and comes again when that ends: late rather than never.
 *
 * Several messages may stand for one stream and reason: whoever looks, looks once too often, and that is harmless. So
 * nothing is cancelled, and nothing is looked up before it is scheduled.
 */
import type { ServiceBusReceivedMessage } from '@azure/service-bus';
import type { Deadline, Deadlines } from '../../app/engine/ports';
import { plusSeconds, type Time, toMillis } from '../../domain/kernel/time';
import type { ServiceBus } from './service-bus';

interface Held {
  readonly deadline: Deadline;
  readonly message: ServiceBusReceivedMessage;
}

/** How many messages are fetched to find deadlines that are settled without having been handed out. */
const FETCH = 500;
/** Seconds between two looks for deadlines whose deliveries were used up, by processes that died with them. */
const REVIVE_EVERY = 300;

export class ServiceBusDeadlines implements Deadlines {
  private held: readonly Held[] = [];
  private reviveAt: Time = '';

  constructor(
    private readonly bus: ServiceBus,
    private readonly queue: string,
  ) {}

  async schedule(deadlines: readonly Deadline[]): Promise<void> {
    await this.bus.send(
      this.queue,
      deadlines.map(({ stream, reason, due }) => ({
        body: { stream, reason, due },
        scheduledEnqueueTimeUtc: new Date(due),
      })),
    );
  }

  async due(now: Time, limit: number): Promise<readonly Deadline[]> {
    if (now >= this.reviveAt) {
      await this.revive();
      this.reviveAt = plusSeconds(now, REVIVE_EVERY);
    }
    this.held = this.held.filter(({ message }) => (message.lockedUntilUtc as Date).getTime() > toMillis(now));
    const missing = limit - this.earliest(now).length;
    if (missing > 0) await this.fetch(missing);
    return this.earliest(now).slice(0, limit);
  }

  async settle(fired: readonly Deadline[], next: readonly Deadline[]): Promise<void> {
    const names = new Set(fired.map(nameOf));
    const held = new Set(this.held.map(({ deadline }) => nameOf(deadline)));
    if ([...names].some((name) => !held.has(name))) await this.fetch(FETCH);
    const done = this.held.filter(({ deadline }) => names.has(nameOf(deadline)));
    // Service Bus can't do both in one step: after a crash in between, what was looked at is looked at once more.
    await this.schedule(next);
    await Promise.all(
      done.map(async (one) => {
        await this.bus.settle({ queue: this.queue }, one.message, { kind: 'complete' });
        this.held = this.held.filter((other) => other !== one);
      }),
    );
  }

  private async fetch(limit: number): Promise<void> {
    const messages = await this.bus.receive({ queue: this.queue }, limit);
    this.held = [...this.held, ...messages.map((message) => ({ message, deadline: message.body as Deadline }))];
  }

  /** Those held that are due, one per stream and reason. */
  private earliest(now: Time): Deadline[] {
    const found = new Map<string, Deadline>();
    const due = this.held.map(({ deadline }) => deadline).filter((deadline) => deadline.due <= now);
    for (const deadline of due.sort(byTime)) {
      const name = JSON.stringify([deadline.stream, deadline.reason]);
      if (!found.has(name)) found.set(name, deadline);
    }
    return [...found.values()];
  }

  private async revive(): Promise<void> {
    const dead = { queue: this.queue, dead: true };
    const messages = await this.bus.receive(dead, FETCH);
    await this.schedule(messages.map(({ body }) => body as Deadline));
    for (const message of messages) await this.bus.settle(dead, message, { kind: 'complete' });
  }
}

function nameOf({ stream, reason, due }: Deadline): string {
  return JSON.stringify([stream, reason, due]);
}

function byTime(a: Deadline, b: Deadline): number {
  return a.due < b.due ? -1 : a.due > b.due ? 1 : 0;
}
