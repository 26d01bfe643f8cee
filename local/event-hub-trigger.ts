/**
 * Calls functions with the messages of an event hub, as the trigger on Azure does: in batches, each partition in its
 * order; a batch that the function has not taken is given again, and holds up its own partition alone. At least once:
 * what a host was at when it ended comes again when it starts.
 */
import type * as EventHubs from '@azure/event-hubs';
import { giveBatch, logFailure } from './batches';
import { type Registration, triggerOf } from './core';
import type { Handed } from './invoke';
import { bytesData, dateTime, jsonData, longsData, stringsData } from './typed-data';

/**
 * The SDK doesn't notice that its link is gone while it waits for messages: it opens it again when it has waited so
 * long.
 */
const MAX_WAIT_SECONDS = 2;

export class EventHubTrigger {
  private readonly subscription: EventHubs.Subscription;
  private readonly stopping = new AbortController();
  private readonly batches = new Set<Promise<void>>();

  /**
   * Starts to receive, a partition of which nothing has been taken from its beginning. Throws when the function wants
   * its messages one by one.
   */
  constructor(
    private readonly registration: Registration,
    client: EventHubs.EventHubConsumerClient,
    maxBatchSize: number,
  ) {
    if (triggerOf(registration)['cardinality'] !== 'many')
      throw new Error(
        `function ${registration.name}: this host gives the messages of an event hub in batches only (cardinality: many)`,
      );
    const { earliestEventPosition } = require('@azure/event-hubs') as typeof EventHubs;
    this.subscription = client.subscribe(
      {
        processEvents: (events, partition) => this.take(events, partition),
        processError: async (error, { partitionId }) =>
          logFailure(
            registration.name,
            partitionId === ''
              ? 'the event hub could not be read'
              : `partition ${partitionId} of the event hub could not be read`,
            error,
          ),
      },
      {
        maxBatchSize,
        maxWaitTimeInSeconds: MAX_WAIT_SECONDS,
        startPosition: earliestEventPosition,
        skipParsingBodyAsJson: true,
      },
    );
  }

  /** Takes no more messages, and waits for the batches that are being worked on: the SDK does not. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.subscription.close();
    await Promise.allSettled(this.batches);
  }

  private async take(
    events: readonly EventHubs.ReceivedEventData[],
    partition: EventHubs.PartitionContext,
  ): Promise<void> {
    const last = events.at(-1);
    // The SDK calls with nothing when it has waited in vain.
    if (last === undefined || this.stopping.signal.aborted) return;
    const batch = giveBatch(this.registration, this.handed(events, partition), this.stopping.signal).then(
      async (taken) => {
        if (taken) await partition.updateCheckpoint(last);
      },
    );
    this.batches.add(batch);
    await batch.finally(() => this.batches.delete(batch));
  }

  /**
   * A batch as Azure hands it over: texts, or bytes where the function asks for them, and lists with what is said about
   * each.
   */
  private handed(
    events: readonly EventHubs.ReceivedEventData[],
    { fullyQualifiedNamespace, eventHubName, consumerGroup, partitionId }: EventHubs.PartitionContext,
  ): Omit<Handed, 'retryContext'> {
    const bodies = events.map(bytesOf);
    return {
      data:
        triggerOf(this.registration)['dataType'] === 'binary'
          ? bytesData(bodies)
          : stringsData(bodies.map((body) => body.toString('utf8'))),
      metadata: {
        PartitionContext: jsonData({
          FullyQualifiedNamespace: fullyQualifiedNamespace,
          EventHubName: eventHubName,
          ConsumerGroup: consumerGroup,
          PartitionId: partitionId,
        }),
        PartitionKeyArray: stringsData(events.map(({ partitionKey }) => partitionKey)),
        OffsetArray: stringsData(events.map(({ offset }) => offset)),
        SequenceNumberArray: longsData(events.map(({ sequenceNumber }) => sequenceNumber)),
        EnqueuedTimeUtcArray: jsonData(events.map(({ enqueuedTimeUtc }) => dateTime(enqueuedTimeUtc))),
        PropertiesArray: jsonData(events.map(({ properties = {} }) => properties)),
        SystemPropertiesArray: jsonData(events.map(systemPropertiesOf)),
      },
    };
  }
}

/** What is no data section of AMQP has no bytes of its own. */
function bytesOf({ body }: EventHubs.ReceivedEventData): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : (JSON.stringify(body) ?? ''));
}

function systemPropertiesOf({
  sequenceNumber,
  offset,
  enqueuedTimeUtc,
  partitionKey,
  systemProperties = {},
}: EventHubs.ReceivedEventData): Record<string, unknown> {
  const enqueued = dateTime(enqueuedTimeUtc);
  return {
    ...systemProperties,
    'x-opt-sequence-number': sequenceNumber,
    'x-opt-offset': offset,
    'x-opt-enqueued-time': enqueued,
    SequenceNumber: sequenceNumber,
    Offset: offset,
    EnqueuedTimeUtc: enqueued,
    ...(partitionKey === undefined || partitionKey === null ? {} : { PartitionKey: partitionKey }),
  };
}
