/**
 * What the Event Hubs and the Service Bus of these tests have in common: AMQP 1.0 on loopback, tokens taken in at
 * `$cbs`, requests answered at `…/$management`, and faults on demand. The unmodified SDKs talk to it: with
 * `UseDevelopmentEmulator=true` in their connection string they speak plain TCP.
 */
import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import {
  type Connection,
  type Container,
  create_container,
  type EventContext,
  type Message,
  message as codec,
  type Receiver,
  type Sender,
} from 'rhea';

/** The link of a client that receives. rhea keeps what is local to a link, and whether its peer drains it, untyped. */
export type Outgoing = Sender &
  Attached & {
    credit: number;
    readonly session: { readonly outgoing: { available(): number } };
    _draining: boolean;
    _drained: boolean;
    delivery_count: number;
    _get_drain: () => boolean;
    readonly connection: { _register(): void };
  };
/** The link of a client that sends. */
export type Incoming = Receiver & Attached;

interface Attached {
  readonly local: { attach: Record<string, unknown> };
}

/** An answer of a management node. */
export interface Reply {
  readonly status: number;
  readonly condition?: string;
  readonly body?: unknown;
}

/** What an AMQP peer is told when a link can't be had. */
export interface LinkFault {
  readonly condition: string;
  readonly description: string;
}

/** As the standard tier of both services. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
/** Several complete messages, each encoded in a data section of its own. */
const BATCH_FORMAT = 0x80013700;
const CREDIT = 1_000;
const CBS = '$cbs';
const THROTTLED: LinkFault = {
  condition: 'com.microsoft:server-busy',
  description: 'The request was terminated because the namespace is being throttled.',
};

export abstract class AmqpServer {
  private readonly container: Container = create_container({ id: 'test-server' });
  private readonly connections = new Set<Connection & { socket: Socket }>();
  private server: Server | undefined;
  private dropping: NodeJS.Timeout | undefined;
  private pumping = false;
  private answersToLose = 0;
  /** Refuses messages and requests, as a namespace that is throttled does. */
  busy = false;
  /** Takes requests in, for tokens too, and answers none. */
  silent = false;
  /** How many transfers of messages have come. */
  transfers = 0;
  /** How many answers to a sent or settled message have been lost so far. */
  lost = 0;

  protected constructor(private readonly maxMessageBytes = MAX_MESSAGE_BYTES) {
    (this.container.sasl_server_mechanisms as { enable_anonymous(): void }).enable_anonymous();
    this.container.on('connection_open', ({ connection }: EventContext) => {
      connection.setMaxListeners(0);
      this.connections.add(connection as Connection & { socket: Socket });
    });
    const gone = ({ connection }: EventContext) => {
      this.connections.delete(connection as Connection & { socket: Socket });
      this.onConnectionLost(connection);
    };
    this.container.on('connection_close', gone);
    this.container.on('disconnected', gone);
    for (const noise of ['connection_error', 'session_error', 'receiver_error', 'sender_error', 'error'])
      this.container.on(noise, () => undefined);
    this.container.on('receiver_open', ({ receiver }: EventContext) => this.attachIncoming(receiver as Incoming));
    this.container.on('sender_open', ({ sender }: EventContext) => this.attachOutgoing(sender as Outgoing));
    this.container.on('sender_close', ({ sender }: EventContext) => this.onOutgoingClosed(sender as Outgoing));
    this.container.on('sender_flow', () => this.pump());
    this.container.on('message', (context: EventContext) => this.message(context));
    for (const outcome of ['accepted', 'rejected', 'modified', 'released'] as const) {
      this.container.on(outcome, (context: EventContext) => this.onOutcome(context, outcome));
    }
  }

  /** Listens on a free port of 127.0.0.1. */
  async listen(): Promise<this> {
    this.server = this.container.listen({
      host: '127.0.0.1',
      port: 0,
      receiver_options: { autoaccept: false, credit_window: 0, max_message_size: this.maxMessageBytes },
      sender_options: { autosettle: false, treat_modified_as_released: false, max_message_size: this.maxMessageBytes },
    } as unknown as Parameters<Container['listen']>[0]);
    await once(this.server, 'listening');
    return this;
  }

  /** For the SDK's clients; the key is any text. */
  get connectionString(): string {
    const { port } = this.server?.address() as AddressInfo;
    return `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=test;SharedAccessKey=test;UseDevelopmentEmulator=true;`;
  }

  get clients(): number {
    return this.connections.size;
  }

  /** Cuts every connection, without a word. */
  dropConnections(): void {
    for (const { socket } of this.connections) socket.destroy(new Error('cut by the test')); // without an error rhea would not notice
  }

  /** Ends every connection; resolves when the clients have heard of it. */
  async hangUp(): Promise<void> {
    await Promise.all(
      [...this.connections].map(async ({ socket }) => {
        const closed = once(socket.setMaxListeners(100), 'close').catch(() => undefined);
        socket.once('end', () => socket.destroy(new Error('ended by the test'))); // without an error rhea would not notice
        socket.removeAllListeners('data').resume().end();
        await closed;
      }),
    );
  }

  /** Cuts every connection, again and again; 0 ends that. */
  dropEvery(milliseconds: number): void {
    clearInterval(this.dropping);
    if (milliseconds > 0) this.dropping = setInterval(() => this.dropConnections(), milliseconds);
  }

  /** Does what is asked and loses the answer, for the next `count` messages that are sent or settled. */
  loseAnswers(count: number): void {
    this.answersToLose = count;
  }

  async close(): Promise<void> {
    this.dropEvery(0);
    this.dropConnections();
    this.server?.close();
    await Promise.resolve();
  }

  /** A client wants to send to an address; the fault says why it can't. */
  protected abstract canSend(address: string): LinkFault | undefined;
  /** A client wants to receive from an address; the fault says why it can't. Its options are set here too. */
  protected abstract canReceive(address: string, link: Outgoing): LinkFault | undefined;
  /** Takes in messages that were sent in one transfer: all of them or, when there is a fault, none. */
  protected abstract receive(
    address: string,
    messages: readonly Message[],
    annotations: Readonly<Record<string, unknown>>,
  ): LinkFault | undefined;
  /** Answers a request to a management node, whose address came without `/$management`. */
  protected abstract manage(entity: string, operation: string, request: Message): Reply;
  /** Sends what there is, at most `credit` messages; answers how many went out. */
  protected abstract deliver(link: Outgoing, credit: number): number;
  /** A client said what has become of a message. */
  protected abstract onOutcome(context: EventContext, outcome: 'accepted' | 'rejected' | 'modified' | 'released'): void;
  protected abstract onOutgoingClosed(link: Outgoing): void;

  /** All links of a kind that are open now. */
  protected *outgoing(): Generator<Outgoing> {
    for (const connection of this.connections) {
      const found: Outgoing[] = [];
      connection.each_sender(
        (link: Sender) => found.push(link as Outgoing),
        () => true,
      );
      yield* found.filter((link) => link.is_open() && !isManagement(link.source?.address));
    }
  }

  /** Detaches every link on which clients receive, with or without an error. */
  protected detachOutgoing(fault?: LinkFault): void {
    for (const link of [...this.outgoing()]) link.close(fault);
  }

  /** Sends what can be sent, soon: rhea counts credit only after a turn of the event loop. */
  protected pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    setImmediate(() => {
      this.pumping = false;
      for (const link of this.outgoing()) {
        // What a client doesn't settle stays in the session's window, and holds up the rest.
        const room = Math.min(link.credit, link.session.outgoing.available());
        const sent = room > 0 ? this.deliver(link, room) : 0;
        if (sent > 0) this.pump();
        else if (link._draining && !link._drained) {
          link.set_drained(true);
          link.connection._register();
        }
      }
    });
  }

  /** True when an answer is to be lost now. */
  protected losesAnswer(): boolean {
    if (this.answersToLose === 0) return false;
    this.answersToLose -= 1;
    this.lost += 1;
    return true;
  }

  private onConnectionLost(connection: Connection): void {
    connection.each_sender(
      (link: Sender) => this.onOutgoingClosed(link as Outgoing),
      () => true,
    );
  }

  private attachIncoming(link: Incoming): void {
    const address = String(link.target?.address);
    link.set_source(link.source);
    link.set_target(link.target);
    echoModes(link);
    const fault = isManagement(address) ? undefined : this.canSend(address);
    if (fault === undefined) link.add_credit(CREDIT);
    else link.close(fault);
  }

  private attachOutgoing(link: Outgoing): void {
    const address = String(link.source?.address);
    link.set_source(link.source);
    link.set_target(link.target);
    echoModes(link);
    // rhea answers a drain only while there is credit left; the services answer each.
    link._get_drain = () => {
      if (!link._draining || !link._drained) return false;
      link.delivery_count += link.credit;
      link.credit = 0;
      return true;
    };
    // What asks to be drained has not been until what there is has left.
    link.on('sender_draining', () => (link._drained = false));
    const fault = isManagement(address) ? undefined : this.canReceive(address, link);
    if (fault !== undefined) link.close(fault);
  }

  private message(context: EventContext): void {
    const { receiver, delivery } = context;
    const link = receiver as Incoming;
    link.add_credit(1);
    const address = String(link.target?.address);
    if (isManagement(address)) {
      delivery?.accept();
      if (!this.silent) this.answer(link.connection, address, context.message as Message);
      return;
    }
    const { messages, annotations } = messagesOf(context);
    this.transfers += 1;
    const fault = this.busy ? THROTTLED : this.receive(address, messages, annotations);
    this.pump();
    if (this.losesAnswer()) return;
    if (fault === undefined) delivery?.accept();
    else delivery?.reject(fault);
  }

  private answer(connection: Connection, address: string, request: Message): void {
    const { operation } = request.application_properties as { operation: string };
    const reply: Reply =
      address === CBS
        ? { status: 202 }
        : this.busy
          ? { status: 503, condition: THROTTLED.condition }
          : this.manage(address.replace(/\/?\$management$/, ''), operation, request);
    const replyTo = String(request.reply_to);
    const back = connection.find_sender((link: Sender) => link.name === replyTo || link.target?.address === replyTo);
    back?.send({
      correlation_id: request.message_id,
      application_properties: {
        'status-code': reply.status,
        statusCode: reply.status,
        'status-description': reply.condition ?? 'OK',
        ...(reply.condition === undefined ? {} : { 'error-condition': reply.condition }),
      },
      body: reply.body,
    });
    this.pump();
  }
}

function isManagement(address: string | undefined): boolean {
  return address === CBS || (address ?? '').endsWith('$management');
}

function echoModes(link: Attached & { snd_settle_mode: number; rcv_settle_mode: number }): void {
  link.local.attach.snd_settle_mode = link.snd_settle_mode;
  link.local.attach.rcv_settle_mode = link.rcv_settle_mode;
}

/** The messages of a transfer, and the annotations around a batch. */
function messagesOf(context: EventContext): {
  messages: readonly Message[];
  annotations: Readonly<Record<string, unknown>>;
} {
  const { message, format } = context as EventContext & { format?: number };
  if (format !== BATCH_FORMAT)
    return { messages: [message as Message], annotations: (message as Message).message_annotations ?? {} };
  const outer = codec.decode(message as unknown as Buffer);
  const { content } = outer.body as { content: Buffer | Buffer[] };
  return {
    messages: (Array.isArray(content) ? content : [content]).map((bytes) => codec.decode(bytes) as unknown as Message),
    annotations: (outer.message_annotations ?? {}) as Record<string, unknown>,
  };
}
