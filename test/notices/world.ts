/** A colony and a receiver of its notices, which answers as the test says. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { Database } from '../../adapters/embedded/database';
import { SqliteEventStore } from '../../adapters/embedded/event-store';
import { SqliteCheckpoints, SqliteDeadlines, SqliteWorkQueue } from '../../adapters/embedded/small-stores';
import { SqliteViewStore } from '../../adapters/embedded/view-store';
import { EnvironmentSecrets } from '../../adapters/outbound/secrets';
import { HttpWebhooks } from '../../adapters/outbound/webhooks';
import { Aggregate } from '../../app/engine/aggregate';
import type { RequestContext } from '../../app/engine/command';
import { DeadlineEngine } from '../../app/engine/deadlines';
import { Feed } from '../../app/engine/feed';
import type { Mail } from '../../app/engine/ports';
import { react } from '../../app/engine/reacting';
import { viewOf, Views } from '../../app/engine/views';
import { Watchdog } from '../../app/engine/watchdog';
import {
  type ChannelDoc,
  Channels,
  channels as channelsView,
  Deliveries,
  deliveries as deliveriesView,
} from '../../app/notices/deliveries';
import { type Commit, unseal } from '../../domain/kernel/commit';
import { plusSeconds, toTime } from '../../domain/kernel/time';
import { type Channel, channelDecider, type ChannelEvent, type ChannelState } from '../../domain/notices/channel';
import { deliveryDecider } from '../../domain/notices/delivery';
import { type Notice, noticeOf } from '../../domain/notices/notice';
import { type FaultPlan, FaultyEventStore } from '../support/faults';
import { MemoryDatabase } from '../support/memory-database';
import { types } from '../support/stage';
import { ManualClock, transactorOn } from '../support/transacting';

export const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

export interface Received {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A receiver on loopback that answers as it is told to, and keeps what it got. */
export class Receiver {
  readonly received: Received[] = [];
  answer: (response: ServerResponse, received: Received) => void = (response) => void response.writeHead(204).end();
  private readonly server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const received = { url: request.url ?? '', headers: request.headers, body };
      this.received.push(received);
      this.answer(response, received);
    });
  });

  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get ids(): unknown[] {
    return this.received.map(({ headers }) => headers['webhook-id']);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }
}

/** One database, the processes that work on it, and a receiver. */
export class World {
  readonly database = new MemoryDatabase();
  readonly clock = new ManualClock();
  readonly environment: Record<string, string> = {
    FORMICARY_SECRET_ACME__OPS: SECRET,
    FORMICARY_SECRET_UMBRELLA__OPS: SECRET,
  };
  readonly reports: string[] = [];
  faults: FaultPlan = () => undefined;
  mail: Mail | undefined;
  random: () => number = () => 0.5;
  receiver!: Receiver;
  process!: Awaited<ReturnType<World['start']>>;
  private readonly gone: World['process'][] = [];

  static async open(): Promise<World> {
    const world = new World();
    world.receiver = await new Receiver().open();
    world.process = await world.start();
    return world;
  }

  async start() {
    const database = this.database as unknown as Database;
    const store = new FaultyEventStore(await SqliteEventStore.open(database), (operation) => this.faults(operation));
    const [viewStore, checkpoints, table, queue] = [
      new SqliteViewStore(database),
      await SqliteCheckpoints.open(database),
      await SqliteDeadlines.open(database),
      await SqliteWorkQueue.open(database),
    ];
    const report = (message: string, facts: Record<string, unknown>) =>
      void this.reports.push(`${message} ${JSON.stringify(facts)}`);
    const transactor = transactorOn(store, { clock: this.clock });
    const views = new Views({ store, views: viewStore, checkpoints, streams: transactor, report });
    views.add(viewOf(channelsView, channelDecider));
    views.add(viewOf(deliveriesView, deliveryDecider));
    const listed = { store: viewStore, views };
    const channelsOf = new Aggregate<ChannelState, ChannelEvent, ChannelDoc>(channelDecider, transactor, {
      ...listed,
      projection: channelsView,
    });
    const outbound = {
      webhooks: new HttpWebhooks({ privateHosts: ['127.0.0.1'], httpToLoopback: true }),
      mail: this.mail,
      secrets: new EnvironmentSecrets(this.environment),
    };
    const deadlines = new DeadlineEngine(table, new Watchdog(this.clock, report), this.clock, report);
    const deliveries = new Deliveries({
      deliveries: new Aggregate(deliveryDecider, transactor, { ...listed, projection: deliveriesView }),
      channels: channelsOf,
      outbound,
      deadlines,
      clock: this.clock,
      report,
      random: () => this.random(),
    });
    const feed = new Feed(store, checkpoints, queue, this.clock, report);
    await views.start();
    const handle = (commits: readonly Commit[]) => react(commits, { delivery: deliveries }, { transactor, deadlines });
    await feed.start([views, { name: 'deliveries', handle }]);
    return { deliveries, channels: new Channels(channelsOf), feed, deadlines, table };
  }

  /** The process is gone; another one starts. What it had under way may arrive all the same. */
  async restart(): Promise<void> {
    this.gone.push(this.process);
    await this.process.feed.stop();
    this.process = await this.start();
  }

  async end(): Promise<void> {
    await this.receiver.close();
    await this.process.feed.stop();
    for (const { deliveries } of [this.process, ...this.gone]) await deliveries.stop();
  }

  /** What is due has its turn, as the reactions give it. Doesn't wait for the attempts. */
  async begin(process = this.process): Promise<void> {
    await process.deadlines.fire();
  }

  async fire(): Promise<void> {
    await this.process.feed.settled();
    await this.begin();
    await this.process.deliveries.settled();
    await this.process.feed.settled();
  }

  async pass(seconds: number): Promise<void> {
    this.clock.time += seconds * 1000;
    await this.fire();
  }

  async set(id: string, change: Partial<Channel> = {}, tenant = 'acme'): Promise<void> {
    const channel: Channel = {
      kind: 'standard',
      address: `${this.receiver.url}/${id}`,
      secret: 'env:OPS',
      groups: ['on-call'],
      events: ['approval-requested'],
      ...change,
    };
    const outcome = await this.process.channels.set(as(tenant), id, channel);
    if (!outcome.ok) throw new Error(outcome.rejection.message);
    await this.process.feed.settled();
  }

  async notify(notice: Notice, tenant = 'acme', group = 'on-call'): Promise<void> {
    await this.process.deliveries.notify(tenant, notice, group, undefined);
    await this.process.feed.settled();
  }

  notice(id: string): Notice {
    return noticeOf({
      id,
      event: 'approval-requested',
      subject: 'payment.release',
      summary: 'Pay 900.',
      severity: 'high',
      facts: [],
      at: toTime(this.clock.time),
      deadline: plusSeconds(toTime(this.clock.time), 3600),
      link: 'https://formicary.example/approvals/1',
    });
  }

  log(): Commit[] {
    return this.database
      .all<{ body: string; hash: string }>('SELECT body, hash FROM commits ORDER BY position')
      .map(({ body, hash }) => unseal(body, hash));
  }

  /** What happened to deliveries, each by the names of its events. */
  histories(): string[][] {
    const streams = [...new Set(this.log().map(({ stream }) => stream))].filter(
      (stream) => stream.split('/')[1] === 'delivery',
    );
    return streams.map((stream) => types(this.log().filter((commit) => commit.stream === stream)));
  }

  async dead(tenant = 'acme') {
    return (await this.process.deliveries.dead(tenant, 100)).docs;
  }

  /** What the receivers' own library says of a signature, at the time that it is here or at another. */
  verify({ headers, body }: Received, secret = SECRET, at = this.clock.time): unknown {
    const now = jest.spyOn(Date, 'now').mockReturnValue(at);
    try {
      return new Webhook(secret).verify(body, headers as Record<string, string>);
    } finally {
      now.mockRestore();
    }
  }
}

export const as = (tenant = 'acme'): RequestContext => ({
  principal: { tenant, id: 'eve', kind: 'human', level: 'critical' },
});
