/**
 * Calls functions with the messages of a queue, as the trigger on Azure does: one message a call, several calls at once,
 * each message under its lock. One whose call fails is given back, and comes again until its deliveries are used up.
 */
import type { ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { logFailure } from './batches';
import { triggerOf, type Registration } from './core';
import { invoke, newContext } from './invoke';
import { resolveSettings } from './settings';

export class ServiceBusTrigger {
  private readonly receiver: ServiceBusReceiver;
  private readonly subscription: { close(): Promise<void> };
  private readonly calls = new Set<Promise<void>>();

  /** Starts to receive. */
  constructor(
    private readonly registration: Registration,
    client: ServiceBusClient,
    maxConcurrentCalls: number,
  ) {
    this.receiver = client.createReceiver(resolveSettings(String(triggerOf(registration)['queueName'])));
    this.subscription = this.receiver.subscribe(
      {
        processMessage: (message) => this.call(message),
        processError: async ({ error }) => logFailure(registration.name, 'the queue could not be read', error),
      },
      { autoCompleteMessages: true, maxConcurrentCalls },
    );
  }

  /** Takes no more messages, and waits for those that are being worked on. */
  async stop(): Promise<void> {
    await this.subscription.close();
    await Promise.allSettled(this.calls);
    await this.receiver.close();
  }

  private async call(message: ServiceBusReceivedMessage): Promise<void> {
    const { messageId, deliveryCount = 0, lockToken, sequenceNumber, enqueuedTimeUtc } = message;
    const metadata = { messageId, deliveryCount: deliveryCount + 1, lockToken, sequenceNumber: Number(sequenceNumber), enqueuedTimeUtc };
    const call = invoke(this.registration, [message.body], newContext(this.registration, metadata)).then(
      () => undefined,
      (error: unknown) => {
        logFailure(this.registration.name, 'a message failed and is given back', error);
        throw error;
      },
    );
    this.calls.add(call);
    await call.finally(() => this.calls.delete(call));
  }
}
