/**
 * Calls functions with the messages of a queue, as the trigger on Azure does: one message a call, several calls at once,
 * each message under its lock. One whose call fails is given back, and comes again until its deliveries are used up.
 */
import type { ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { logFailure } from './batches';
import { triggerOf, type Registration } from './core';
import { invoke, newContext } from './invoke';
import { resolveSettings } from './settings';

export class ServiceBusTrigger {
  private readonly receiver: ServiceBusReceiver;
  private readonly subscription: { close(): Promise<void> };
  private readonly calls = new Set<Promise<void>>();
  private turn = Promise.resolve();

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
      // The SDK would settle messages after their calls, when `stop` has closed the link already.
      { autoCompleteMessages: false, maxConcurrentCalls },
    );
  }

  /** Takes no more messages, and waits for those that are being worked on. */
  async stop(): Promise<void> {
    await this.subscription.close();
    await Promise.allSettled(this.calls);
    await this.receiver.close();
  }

  private async call(message: ServiceBusReceivedMessage): Promise<void> {
    const call = this.settle(message);
    this.calls.add(call);
    await call.finally(() => this.calls.delete(call));
  }

  private async settle(message: ServiceBusReceivedMessage): Promise<void> {
    const { messageId, deliveryCount = 0, lockToken, sequenceNumber, enqueuedTimeUtc } = message;
    const metadata = { messageId, deliveryCount: deliveryCount + 1, lockToken, sequenceNumber: Number(sequenceNumber), enqueuedTimeUtc };
    try {
      await invoke(this.registration, [message.body], newContext(this.registration, metadata));
    } catch (error) {
      logFailure(this.registration.name, 'a message failed and is given back', error);
      await this.ownTurn();
      return await this.receiver.abandonMessage(message);
    }
    await this.ownTurn();
    await this.receiver.completeMessage(message);
  }

  /**
   * Waits for a turn of the event loop in which nothing else is settled: of neighbours that are settled in one, rhea
   * (3.0) says of the second what was said of the first, and a message that failed would be gone.
   */
  private async ownTurn(): Promise<void> {
    await (this.turn = this.turn.then(() => nextTurn()));
  }
}
