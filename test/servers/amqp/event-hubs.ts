/**
 * An Event Hubs namespace for tests: hubs with partitions, over AMQP as Azure speaks it. Strict where Azure is: unknown
 * hubs, groups and partitions are refused, and so are messages of more than the largest size.
 */
import { type EventContext, type Message, message as codec, types } from 'rhea';
import { AmqpServer, type LinkFault, type Outgoing, type Reply } from './amqp-server';

export interface EventHubsOptions {
  /** Partitions of each hub, by its name. */
  readonly hubs: Readonly<Record<string, number>>;
  /** Bytes of a message or a batch: 1 MB in the standard tier, 256 KB in the basic one. */
  readonly maxMessageBytes?: number;
}

interface Entry {
  readonly sequence: number;
  readonly offset: number;
  readonly at: number;
  readonly message: Message;
}

/** What a hub has taken in, as a test looks at it. */
export interface Taken {
  readonly partition: number;
  readonly sequence: number;
  readonly key: string | undefined;
  readonly contentType: string | undefined;
  readonly body: unknown;
}

const SENDS = /^([^/]+)(?:\/Partitions\/(\d+))?$/i;
const RECEIVES = /^([^/]+)\/ConsumerGroups\/([^/]+)\/Partitions\/(\d+)$/i;
const SELECTOR = /^amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-time) (>=|>) '([^']*)'$/;
/** The one that every hub has, and ours, as Bicep makes it. */
const GROUPS: ReadonlySet<string> = new Set(['$default', 'formicary']);
const MAX_BYTES = 1024 * 1024;

interface Reading {
  readonly partition: readonly Entry[];
  readonly epoch: number;
  readonly address: string;
  next: number;
}

export class EventHubsServer extends AmqpServer {
  private readonly hubs = new Map<string, Entry[][]>();
  private readonly readings = new Map<Outgoing, Reading>();
  private readonly maxBytes: number;
  private turn = 0;

  constructor({ hubs, maxMessageBytes = MAX_BYTES }: EventHubsOptions) {
    super(maxMessageBytes);
    this.maxBytes = maxMessageBytes;
    for (const [name, partitions] of Object.entries(hubs))
      this.hubs.set(
        name.toLowerCase(),
        Array.from({ length: partitions }, () => []),
      );
  }

  /** Detaches the receivers, as the service does when it moves a partition. */
  detachReceivers(): void {
    this.detachOutgoing({ condition: 'amqp:link:detach-forced', description: 'The link was detached by the test.' });
  }

  /** All that a hub has taken in, partition by partition. */
  taken(hub: string): Taken[] {
    return (this.hubs.get(hub.toLowerCase()) ?? []).flatMap((entries, partition) =>
      entries.map(({ sequence, message }) => ({
        partition,
        sequence,
        key: message.message_annotations?.['x-opt-partition-key'] as string | undefined,
        contentType: message.content_type,
        body: JSON.parse((message.body as { content: Buffer }).content.toString('utf8')) as unknown,
      })),
    );
  }

  protected canSend(address: string): LinkFault | undefined {
    const [, hub = '', partition] = SENDS.exec(address) ?? [];
    return this.hubs.get(hub.toLowerCase())?.[Number(partition ?? 0)] === undefined ? notFound(address) : undefined;
  }

  protected canReceive(address: string, link: Outgoing): LinkFault | undefined {
    const [, hub = '', group = '', number] = RECEIVES.exec(address) ?? [];
    const partition = this.hubs.get(hub.toLowerCase())?.[Number(number)];
    if (partition === undefined || !GROUPS.has(group.toLowerCase())) return notFound(address);
    const epoch = Number((link.properties as Record<string, unknown> | undefined)?.['com.microsoft:epoch'] ?? -1);
    for (const [other, reading] of this.readings) {
      if (reading.address !== address) continue;
      if (reading.epoch > epoch) return stolen('a receiver with a higher epoch is there');
      if (epoch > reading.epoch) other.close(stolen('a receiver with a higher epoch has come'));
    }
    this.readings.set(link, { partition, epoch, address, next: startOf(partition, link) });
    return undefined;
  }

  protected onOutgoingClosed(link: Outgoing): void {
    this.readings.delete(link);
  }

  protected receive(
    address: string,
    messages: readonly Message[],
    annotations: Readonly<Record<string, unknown>>,
  ): LinkFault | undefined {
    const [, hub = '', number] = SENDS.exec(address) ?? [];
    const partitions = this.hubs.get(hub.toLowerCase()) as Entry[][];
    const size = messages.reduce((sum, message) => sum + codec.encode(message).length, 0);
    if (size > this.maxBytes)
      return {
        condition: 'amqp:link:message-size-exceeded',
        description: `${size} bytes are more than ${this.maxBytes}`,
      };
    const key = (annotations['x-opt-partition-key'] ?? messages[0]?.message_annotations?.['x-opt-partition-key']) as
      string | undefined;
    const chosen =
      number !== undefined
        ? Number(number)
        : key === undefined
          ? (this.turn += 1) % partitions.length
          : partitionOf(key, partitions.length);
    const entries = partitions[chosen] as Entry[];
    for (const message of messages) {
      const sequence = entries.length;
      const message_annotations = {
        ...(message.message_annotations as object),
        ...(key === undefined ? {} : { 'x-opt-partition-key': key }),
      };
      entries.push({ sequence, offset: sequence * 100, at: Date.now(), message: { ...message, message_annotations } });
    }
    return undefined;
  }

  protected deliver(link: Outgoing, credit: number): number {
    const reading = this.readings.get(link);
    const entries = reading === undefined ? [] : reading.partition.slice(reading.next, reading.next + credit);
    for (const { sequence, offset, at, message } of entries) {
      link.send({
        ...message,
        message_annotations: {
          ...(message.message_annotations as object),
          'x-opt-sequence-number': types.wrap_long(sequence),
          'x-opt-offset': String(offset),
          'x-opt-enqueued-time': new Date(at),
        },
      });
    }
    if (reading !== undefined) reading.next += entries.length;
    return entries.length;
  }

  protected onOutcome({ delivery }: EventContext): void {
    // Nothing is kept of what was received: whoever receives remembers how far it came.
    delivery?.update(true);
  }

  protected manage(_: string, operation: string, request: Message): Reply {
    const { name, type, partition } = request.application_properties as {
      name: string;
      type: string;
      partition?: string;
    };
    const partitions = this.hubs.get(name.toLowerCase());
    if (operation !== 'READ') return { status: 501, condition: 'amqp:not-implemented' };
    if (partitions === undefined) return { status: 404, condition: 'amqp:not-found' };
    if (type === 'com.microsoft:eventhub') {
      const partition_ids = types.wrap_array(
        partitions.map((_, i) => String(i)),
        0xa1,
        undefined,
      );
      return {
        status: 200,
        body: {
          name,
          type,
          created_at: new Date(0),
          partition_count: types.wrap_int(partitions.length),
          partition_ids,
          georeplication_factor: types.wrap_int(1),
        },
      };
    }
    const entries = partitions[Number(partition)];
    if (entries === undefined) return { status: 404, condition: 'amqp:not-found' };
    const last = entries.at(-1);
    return {
      status: 200,
      body: {
        name,
        type,
        partition,
        begin_sequence_number: types.wrap_long(0),
        last_enqueued_sequence_number: types.wrap_long(last?.sequence ?? -1),
        last_enqueued_offset: String(last?.offset ?? -1),
        last_enqueued_time_utc: new Date(last?.at ?? 0),
        is_partition_empty: last === undefined,
      },
    };
  }
}

/** Index of the first entry that a receiver wants. */
function startOf(partition: readonly Entry[], link: Outgoing): number {
  const filter = (link.source?.filter ?? {}) as Record<string, { value?: unknown } | string>;
  const selector = filter['apache.org:selector-filter:string'];
  const text = typeof selector === 'object' ? String(selector.value) : String(selector);
  const [, what, compares, value] = SELECTOR.exec(text) ?? [];
  if (value === undefined || value === '@latest') return partition.length;
  const of = ({ sequence, offset, at }: Entry) =>
    what === 'offset' ? offset : what === 'sequence-number' ? sequence : at;
  const start = partition.findIndex((entry) =>
    compares === '>=' ? of(entry) >= Number(value) : of(entry) > Number(value),
  );
  return start < 0 ? partition.length : start;
}

/** The same key, the same partition; Azure hashes otherwise, and says that nobody is to rely on how. */
function partitionOf(key: string, partitions: number): number {
  let hash = 0;
  for (const character of key) hash = (hash * 31 + (character.codePointAt(0) as number)) % 1_000_003;
  return hash % partitions;
}

function notFound(address: string): LinkFault {
  return { condition: 'amqp:not-found', description: `The messaging entity '${address}' could not be found.` };
}

function stolen(description: string): LinkFault {
  return { condition: 'amqp:link:stolen', description };
}
