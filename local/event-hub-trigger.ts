/**
 * Calls functions with the messages of an event hub, as the trigger on Azure does: in batches, each partition in its
 * order; a batch that the function has not taken is given again, and holds up its own partition alone. At least once:
 * what a host was at when it ended comes again when it starts.
 */
import type * as EventHubs from '@azure/event-hubs';
import { giveBatch, logFailure } from './batches';
import { triggerOf, type Registration } from './core';

/** The SDK doesn't notice that its link is gone while it waits for messages: it opens it again when it has waited so long. */
const MAX_WAIT_SECONDS = 2;

export class EventHubTrigger {
  private readonly subscription: EventHubs.Subscription;
  private readonly stopping = new AbortController();
  private readonly batches = new Set<Promise<void>>();

  /** Starts to receive, a partition of which nothing has been taken from its beginning. Throws when the function wants its messages one by one. */
  constructor(
    private readonly registration: Registration,
    client: EventHubs.EventHubConsumerClient,
    maxBatchSize: number,
  ) {
    if (triggerOf(registration)['cardinality'] !== 'many') throw new Error(`function ${registration.name}: this host gives the messages of an event hub in batches only (cardinality: many)`);
    const { earliestEventPosition } = require('@azure/event-hubs') as typeof EventHubs;
    this.subscription = client.subscribe(
      {
        processEvents: (events, partition) => this.take(events, partition),
        processError: async (error, { partitionId }) => logFailure(registration.name, partitionId === '' ? 'the event hub could not be read' : `partition ${partitionId} of the event hub could not be read`, error),
      },
      { maxBatchSize, maxWaitTimeInSeconds: MAX_WAIT_SECONDS, startPosition: earliestEventPosition },
    );
  }

  /** Takes no more messages, and waits for the batches that are being worked on: the SDK does not. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.subscription.close();
    await Promise.allSettled(this.batches);
  }

  private async take(events: readonly EventHubs.ReceivedEventData[], partition: EventHubs.PartitionContext): Promise<void> {
    const last = events.at(-1);
    // The SDK calls with nothing when it has waited in vain.
    if (last === undefined || this.stopping.signal.aborted) return;
    const batch = giveBatch(this.registration, events.map(contentOf), metadataOf(events, partition), this.stopping.signal).then(async (taken) => {
      if (taken) await partition.updateCheckpoint(last);
    });
    this.batches.add(batch);
    await batch.finally(() => this.batches.delete(batch));
  }
}

/** JSON as what it says, which the SDK has parsed; anything else as text. */
function contentOf({ body }: EventHubs.ReceivedEventData): unknown {
  return Buffer.isBuffer(body) ? body.toString('utf8') : body;
}

/** What Azure tells about a batch, one entry a message in each list. */
function metadataOf(events: readonly EventHubs.ReceivedEventData[], { fullyQualifiedNamespace, eventHubName, consumerGroup, partitionId }: EventHubs.PartitionContext): Record<string, unknown> {
  return asReceived({
    partitionContext: { fullyQualifiedNamespace, eventHubName, consumerGroup, partitionId },
    partitionKeyArray: events.map(({ partitionKey }) => partitionKey),
    offsetArray: events.map(({ offset }) => offset),
    sequenceNumberArray: events.map(({ sequenceNumber }) => sequenceNumber),
    enqueuedTimeUtcArray: events.map(({ enqueuedTimeUtc }) => enqueuedTimeUtc),
    propertiesArray: events.map(({ properties = {} }) => properties),
    systemPropertiesArray: events.map(({ systemProperties = {} }) => systemProperties),
  });
}

/** It goes through JSON on Azure, and all names in it, those of a message's properties too, get a small first letter. */
function asReceived(metadata: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(metadata), (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).map(([name, of]) => [name.charAt(0).toLowerCase() + name.slice(1), of]))
      : value,
  ) as Record<string, unknown>;
}
