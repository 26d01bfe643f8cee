/**
 * Calls functions with the messages of a queue, as the trigger on Azure does: one message a call, several calls at
 * once, each message under its lock. One whose call fails is given back, and comes again until its deliveries are used
 * up.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver } from '@azure/service-bus';
import { logFailure } from './batches';
import { type Registration, triggerOf } from './core';
import { type Handed, handOver } from './invoke';
import { resolveSettings } from './settings';
import { dateTime, dateTimeOffset, jsonData, stringData, type TypedData } from './typed-data';

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
    this.receiver = client.createReceiver(resolveSettings(String(triggerOf(registration)['queueName'])), {
      skipParsingBodyAsJson: true,
    });
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
    try {
      await handOver(this.registration, handed(message));
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

/** One message, as Azure hands it over: its body as text, and what is said about it. */
function handed(message: ServiceBusReceivedMessage): Handed {
  const {
    messageId,
    deliveryCount = 0,
    lockToken,
    sequenceNumber,
    enqueuedTimeUtc,
    expiresAtUtc,
    contentType,
    correlationId,
    subject,
    to,
    replyTo,
    sessionId,
    partitionKey,
    applicationProperties = {},
  } = message;
  const body: unknown = message.body;
  const texts = {
    MessageId: messageId?.toString(),
    LockToken: lockToken,
    ContentType: contentType,
    CorrelationId: correlationId?.toString(),
    Subject: subject,
    Label: subject,
    To: to,
    ReplyTo: replyTo,
    SessionId: sessionId,
    PartitionKey: partitionKey,
  };
  return {
    data: stringData(Buffer.isBuffer(body) ? body.toString('utf8') : String(body)),
    metadata: {
      // What is not there is not handed over.
      ...Object.fromEntries(
        Object.entries(texts).flatMap(([name, text]) => (text === undefined ? [] : [[name, stringData(text)]])),
      ),
      DeliveryCount: jsonData(deliveryCount + 1),
      SequenceNumber: jsonData(Number(sequenceNumber)),
      ...timesOf('EnqueuedTime', enqueuedTimeUtc),
      ...timesOf('ExpiresAt', expiresAtUtc),
      ApplicationProperties: jsonData(applicationProperties),
      UserProperties: jsonData(applicationProperties),
    },
  };
}

/** Azure says each time twice. */
function timesOf(name: string, date: Date | undefined): Record<string, TypedData> {
  return date === undefined ? {} : { [`${name}Utc`]: jsonData(dateTime(date)), [name]: jsonData(dateTimeOffset(date)) };
}
