/**
 * Signals from an event hub, in batches. The function is there when a hub is named; its connection is the setting
 * `FORMICARY_EVENTHUBS`, by identity. A batch that fails is given again: nothing after it in its partition is taken in
 * before it is.
 */
import { app, type InvocationContext } from '@azure/functions';
import { handleSignalBatch, type BatchMetadata, type SignalsInDeps } from '../../app/signals-in';
import { toTime } from '../../domain/kernel/time';
import { runtime } from '../runtime';

const HUB = process.env.FORMICARY_SIGNAL_HUB ?? '';
const GROUP = '$Default';

/** What the host says about a batch, one entry a message. */
interface TriggerMetadata {
  readonly partitionContext?: { readonly partitionId?: string };
  readonly sequenceNumberArray?: readonly (number | string)[];
  readonly enqueuedTimeUtcArray?: readonly (string | Date)[];
  readonly propertiesArray?: readonly Readonly<Record<string, unknown>>[];
}

const emitted = new Map<string, number>();

if (HUB !== '') {
  app.eventHub('signals', {
    connection: 'FORMICARY_EVENTHUBS',
    eventHubName: '%FORMICARY_SIGNAL_HUB%',
    consumerGroup: GROUP,
    cardinality: 'many',
    retry: { strategy: 'exponentialBackoff', maxRetryCount: -1, minimumInterval: { seconds: 1 }, maximumInterval: { seconds: 60 } },
    async handler(messages: unknown, context: InvocationContext) {
      const { colony } = await runtime();
      const { transactor, signals, ports } = colony;
      const deps: SignalsInDeps = { transactor, signals, store: ports.store, queue: ports.queue, clock: ports.clock, report: ports.report, emitted };
      await handleSignalBatch(messages as readonly unknown[], metadataOf(context.triggerMetadata as TriggerMetadata), deps);
    },
  });
}

function metadataOf({ partitionContext, sequenceNumberArray = [], enqueuedTimeUtcArray = [], propertiesArray = [] }: TriggerMetadata): BatchMetadata {
  if (partitionContext?.partitionId === undefined) throw new Error('the host did not say which partition the batch is from');
  return {
    hub: HUB,
    partition: partitionContext.partitionId,
    sequences: sequenceNumberArray.map(Number),
    enqueued: enqueuedTimeUtcArray.map((time) => toTime(new Date(time).getTime())),
    properties: propertiesArray,
  };
}
