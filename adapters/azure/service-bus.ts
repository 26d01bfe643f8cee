/**
 * What the deadlines and the work queue on Service Bus share: the links of this process, each made when it is first
 * used, and the few things that are done with them.
 *
 * A send or a receive that fails is tried again by the SDK, with the same message ids: queues are created with
 * duplicate detection, so that an answer that was lost doesn't queue a message twice. The ids are drawn for each
 * message and mean nothing else.
 */
import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type {
  ServiceBusClient,
  ServiceBusMessage,
  ServiceBusMessageBatch,
  ServiceBusReceivedMessage,
  ServiceBusReceiver,
  ServiceBusSender,
} from '@azure/service-bus';
import { cut } from '../../domain/kernel/text';
import { attemptsOf, brokerBusy } from './busy';

/** A queue, or its dead letters. */
export interface Place {
  readonly queue: string;
  readonly dead?: boolean;
}

export type Settlement =
  | { readonly kind: 'complete' }
  | { readonly kind: 'abandon' }
  /** `properties` are added to the message. */
  | { readonly kind: 'dead'; readonly reason: string; readonly properties: Readonly<Record<string, number>> };

/** Characters of a reason that Service Bus keeps. */
const MAX_REASON = 4_096;
/** The service answers a peek with fewer when they are large. */
const PEEK = 250;
/** How far a queue is looked through. */
const MAX_PEEKED = 10_000;
/** How often what got no answer is asked. */
const ATTEMPTS = 3;

interface Receiving {
  readonly receiver: ServiceBusReceiver;
  /** The SDK receives once at a time. */
  turn: Promise<unknown>;
  settling: Promise<unknown>;
}

/** A client with its links. */
interface Links {
  readonly client: ServiceBusClient;
  readonly senders: Map<string, ServiceBusSender>;
  readonly receivers: Map<string, Receiving>;
}

export class ServiceBus {
  private opened: Links | undefined;

  constructor(
    /** Makes a client, which is closed here. */
    private readonly connect: () => ServiceBusClient,
    /** Milliseconds to wait for a first message, before the service is asked to send what it has. */
    private readonly waitMs = 100,
    /**
     * Milliseconds to wait for an answer, to the opening of a link too: the SDK waits a minute for one that went down
     * with its connection.
     */
    private readonly answerMs = 5_000,
  ) {}

  /**
   * Queues messages, each not before its `scheduledEnqueueTimeUtc`. Resolves when they are durable; some may be queued
   * when it rejects.
   */
  async send(queue: string, messages: readonly ServiceBusMessage[]): Promise<void> {
    if (messages.length === 0) return;
    const empty = () => this.answered((abortSignal) => this.sender(queue).createMessageBatch({ abortSignal }));
    const sent = (batch: ServiceBusMessageBatch) =>
      this.answered((abortSignal) => this.sender(queue).sendMessages(batch, { abortSignal }));
    let batch = await empty();
    for (const message of messages.map((one) => ({ ...one, messageId: randomUUID() }))) {
      if (batch.tryAddMessage(message)) continue;
      if (batch.count > 0) await sent(batch);
      batch = await empty();
      if (!batch.tryAddMessage(message))
        throw new RangeError(`a message for ${queue} is larger than ${batch.maxSizeInBytes} bytes`);
    }
    await sent(batch);
  }

  /**
   * Locks and answers what is there, at most `limit` messages, oldest first. Asked once: whoever receives does so
   * again.
   */
  async receive(place: Place, limit: number): Promise<readonly ServiceBusReceivedMessage[]> {
    const receiving = this.receiving(place);
    const received = receiving.turn.then(() =>
      this.answered(
        (abortSignal) =>
          this.receiving(place).receiver.receiveMessages(limit, { maxWaitTimeInMs: this.waitMs, abortSignal }),
        1,
      ),
    );
    receiving.turn = received.catch(() => undefined);
    return await received;
  }

  /**
   * False when the lock was lost, or may have been: after an answer that didn't come. Rejects when it isn't known what
   * has become of the message.
   */
  async settle(place: Place, message: ServiceBusReceivedMessage, settlement: Settlement): Promise<boolean> {
    const receiving = this.receiving(place);
    // One in a turn of the event loop: of neighbours that are settled in the same one, rhea (3.0) says of the second
    // what was said of the first, and a message that was given back would be gone.
    await (receiving.settling = receiving.settling.then(() => nextTurn()));
    try {
      await this.answered(() => {
        const { receiver } = this.receiving(place);
        if (settlement.kind === 'complete') return receiver.completeMessage(message);
        if (settlement.kind === 'abandon') return receiver.abandonMessage(message);
        return receiver.deadLetterMessage(message, {
          ...settlement.properties,
          deadLetterReason: cut(settlement.reason, MAX_REASON),
          deadLetterErrorDescription: '',
        });
      });
      return true;
    } catch (error) {
      // Of the SDK's attempts the last one tells.
      if (attemptsOf(error).at(-1)?.code === 'MessageLockLost') return false;
      throw error;
    }
  }

  /** What lies there, locked or scheduled too, without locking it; oldest first, the first 10,000. */
  async peek(place: Place): Promise<readonly ServiceBusReceivedMessage[]> {
    const { default: Long } = await import('long');
    const all: ServiceBusReceivedMessage[] = [];
    for (let from = Long.ZERO; all.length < MAX_PEEKED;) {
      const page = await this.answered((abortSignal) =>
        this.receiving(place).receiver.peekMessages(PEEK, { fromSequenceNumber: from, abortSignal }),
      );
      const last = page.at(-1)?.sequenceNumber;
      if (last === undefined) break;
      all.push(...page);
      from = last.add(1);
    }
    return all;
  }

  /** Closes the links. Messages that are locked stay so until their lock ends. */
  async close(): Promise<void> {
    const links = this.opened;
    this.opened = undefined;
    // A client that hangs would hang here too.
    if (links !== undefined) await Promise.race([closed(links), sleep(this.answerMs, undefined, { ref: false })]);
  }

  /**
   * The answer to a request that may be sent again, and is when none comes. A client that gives none is replaced: one
   * whose connection went down at the wrong moment may wait for it for ever.
   */
  private async answered<T>(request: (abortSignal: AbortSignal) => Promise<T>, attempts = ATTEMPTS): Promise<T> {
    const { links } = this;
    const late = new AbortController();
    const asked = request(late.signal);
    const answer = await Promise.race([
      asked.then((value) => ({ value })),
      sleep(this.answerMs, undefined, { ref: false }),
    ]).catch((error: unknown) => {
      throw brokerBusy('Service Bus', error);
    });
    if (answer !== undefined) return answer.value;
    asked.catch(() => undefined); // too late to matter
    late.abort();
    if (this.opened === links) {
      this.opened = undefined;
      void closed(links).catch(() => undefined);
    }
    if (attempts === 1) throw new Error(`Service Bus gave no answer within ${this.answerMs} ms`);
    return await this.answered(request, attempts - 1);
  }

  private get links(): Links {
    return (this.opened ??= { client: this.connect(), senders: new Map(), receivers: new Map() });
  }

  private sender(queue: string): ServiceBusSender {
    const { client, senders } = this.links;
    const known = senders.get(queue);
    if (known !== undefined) return known;
    const sender = client.createSender(queue);
    senders.set(queue, sender);
    return sender;
  }

  private receiving({ queue, dead = false }: Place): Receiving {
    const name = `${queue} ${dead}`;
    const { client, receivers } = this.links;
    const known = receivers.get(name);
    if (known !== undefined) return known;
    const receiver = client.createReceiver(queue, {
      maxAutoLockRenewalDurationInMs: 0,
      ...(dead ? { subQueueType: 'deadLetter' } : {}),
    });
    const receiving = { receiver, turn: Promise.resolve(), settling: Promise.resolve() };
    receivers.set(name, receiving);
    return receiving;
  }
}

async function closed({ client, senders, receivers }: Links): Promise<void> {
  await Promise.all([
    ...[...receivers.values()].map(({ receiver }) => receiver.close()),
    ...[...senders.values()].map((sender) => sender.close()),
  ]);
  await client.close();
}
