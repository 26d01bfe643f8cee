/**
 * Signals from an event hub, in batches. The function is there when a hub is named; its connection is the setting
 * `FORMICARY_EVENTHUBS`, by identity. A batch that fails is given again: nothing after it in its partition is taken in
 * before it is. So is one that can't be understood: whoever guesses would lose signals, or give them to another tenant.
 */
import { app, type EventHubFunctionOptions, type InvocationContext } from '@azure/functions';
import { type BatchMetadata, handleSignalBatch } from '../../app/signals/signals-in';
import { integerOf, listOf, timeOf } from '../host-values';
import { runtime } from '../runtime';

const HUB = process.env.FORMICARY_SIGNAL_HUB ?? '';
/** Its own, so that who looks at the hub with another tool takes no partition away. */
const GROUP = 'formicary';

/** Bytes: as texts the host would leave the empty ones out of the batch, and not out of the lists beside it. */
const TRIGGER: Omit<EventHubFunctionOptions, 'handler'> & { readonly dataType: 'binary' } = {
  connection: 'FORMICARY_EVENTHUBS',
  eventHubName: '%FORMICARY_SIGNAL_HUB%',
  consumerGroup: GROUP,
  cardinality: 'many',
  dataType: 'binary',
  retry: {
    strategy: 'exponentialBackoff',
    maxRetryCount: -1,
    minimumInterval: { seconds: 1 },
    maximumInterval: { seconds: 60 },
  },
};

if (HUB !== '') {
  app.eventHub('signals', {
    ...TRIGGER,
    async handler(messages: unknown, context: InvocationContext) {
      const batch = batchOf(messages, context.triggerMetadata ?? {});
      const { colony } = await runtime();
      await handleSignalBatch(...batch, colony.signalsIn);
    },
  });
}

/**
 * Throws a TypeError when the host has handed over anything else than bytes and a list of each kind with an entry for
 * each message.
 */
export function batchOf(
  messages: unknown,
  metadata: Readonly<Record<string, unknown>>,
): [readonly Buffer[], BatchMetadata] {
  if (!Array.isArray(messages) || !messages.every((message) => Buffer.isBuffer(message)))
    throw new TypeError('the messages of a batch must be bytes');
  const { partitionId } = (metadata['partitionContext'] ?? {}) as { readonly partitionId?: unknown };
  if (typeof partitionId !== 'string' && typeof partitionId !== 'number')
    throw new TypeError('the host did not say which partition the batch is from');
  const list = (name: string) => listOf(metadata, name, messages.length);
  return [
    messages,
    {
      hub: HUB,
      partition: String(partitionId),
      sequences: list('sequenceNumberArray').map((value) => integerOf(value, 'a sequence number')),
      enqueued: list('enqueuedTimeUtcArray').map((value) => timeOf(value, 'the time at which a message was enqueued')),
      properties: list('propertiesArray').map((value) => (value ?? {}) as Readonly<Record<string, unknown>>),
    },
  ];
}
