/**
 * Publishes commits to an event hub as CloudEvents: one message an event (structured), or a list of those that share a
 * partition key (batched), so that a consumer reads them in order. At least once, under ids that stay the same.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventData, EventHubProducerClient } from '@azure/event-hubs';
import { StoreBusy } from '../../app/engine/ports';
import type { Commit } from '../../domain/kernel/commit';
import { type CloudEvent, cloudEventsOf, withoutData } from '../../domain/signals/cloud-event';
import { BROKER_MS } from './busy';

const STRUCTURED = 'application/cloudevents+json; charset=UTF-8';
const BATCHED = 'application/cloudevents-batch+json; charset=UTF-8';
/** Bytes of a message with several events; the specification wants messages of 64 KB forwarded by everyone. */
const MAX_BATCHED_BYTES = 64 * 1024;

/** A consumer of the feed. */
export class EventHubPublisher {
  readonly name = 'publisher';
  private opened: EventHubProducerClient | undefined;

  constructor(
    /** Makes a client, which is closed here. */
    private readonly connect: () => EventHubProducerClient,
    /** Milliseconds that a page may take before the client counts as hung. */
    private readonly answerMs = 20_000,
  ) {}

  /**
   * Resolves when all events of the commits are durable in the hub; some may be there when it rejects. A hub that can't
   * be reached says nothing about the commits: then, too, it rejects with `StoreBusy`, and comes back with a new
   * client.
   */
  async handle(commits: readonly Commit[]): Promise<void> {
    const keys = new Map<string, CloudEvent[]>();
    for (const event of commits.flatMap(cloudEventsOf)) {
      const of = keys.get(event.partitionkey);
      if (of === undefined) keys.set(event.partitionkey, [event]);
      else of.push(event);
    }
    const client = (this.opened ??= this.connect());
    const published = Promise.all(
      [...keys].map(([partitionKey, events]) => publish(client, partitionKey, events)),
    ).then(() => true as const);
    try {
      if (await Promise.race([published, sleep(this.answerMs, false as const, { ref: false })])) return;
    } catch (error) {
      if (error instanceof RangeError) throw error;
      this.replace(client);
      throw unreachable(error);
    }
    published.catch(() => undefined); // too late to matter
    this.replace(client);
    throw unreachable(new Error(`no answer within ${this.answerMs} ms`));
  }

  async close(): Promise<void> {
    const client = this.opened;
    this.opened = undefined;
    // A client that hangs would hang here too.
    if (client !== undefined) await Promise.race([client.close(), sleep(this.answerMs, undefined, { ref: false })]);
  }

  private replace(client: EventHubProducerClient): void {
    if (this.opened !== client) return;
    this.opened = undefined;
    void client.close().catch(() => undefined);
  }
}

/** Sends the events of one key in their order. */
async function publish(
  client: EventHubProducerClient,
  partitionKey: string,
  events: readonly CloudEvent[],
): Promise<void> {
  let batch = await client.createBatch({ partitionKey });
  for (const group of grouped(events)) {
    if (batch.tryAdd(messageOf(group))) continue;
    if (batch.count > 0) await client.sendBatch(batch);
    batch = await client.createBatch({ partitionKey });
    if (batch.tryAdd(messageOf(group))) continue;
    // Only an event alone can be so large: several were kept below a bound.
    if (!batch.tryAdd(messageOf(group.map(withoutData))))
      throw new RangeError(`${group[0]?.id}: an event of this hub has at most ${batch.maxSizeInBytes} bytes`);
  }
  await client.sendBatch(batch);
}

/** Neighbours that fit into one message. */
function grouped(events: readonly CloudEvent[]): CloudEvent[][] {
  const groups: CloudEvent[][] = [];
  let room = 0;
  for (const event of events) {
    const size = Buffer.byteLength(JSON.stringify(event)) + 1;
    if (size > room) {
      groups.push([]);
      room = MAX_BATCHED_BYTES;
    }
    groups.at(-1)?.push(event);
    room -= size;
  }
  return groups;
}

function messageOf(events: readonly CloudEvent[]): EventData {
  const [only, another] = events;
  return another === undefined ? { body: only, contentType: STRUCTURED } : { body: events, contentType: BATCHED };
}

function unreachable(error: unknown): StoreBusy {
  return new StoreBusy(`the event hub takes nothing (${String(error)}): try again in ${BROKER_MS} ms`, BROKER_MS, {
    cause: error,
  });
}
