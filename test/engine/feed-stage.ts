/** A feed with its consumers, on a stage that the test cuts as it likes. */
import { type Consumer, Feed, type FeedStatus } from '../../app/engine/feed';
import type { EventStore, Ports } from '../../app/engine/ports';
import type { Commit } from '../../domain/kernel/commit';
import { commitRef } from '../../domain/kernel/ids';
import { chain } from '../support/commits';
import { Stage } from '../support/stage';

export const [X, Y] = ['acme/note/x', 'acme/note/y'];

export const refs = (commits: readonly Commit[]) => commits.map(({ stream, index }) => commitRef(stream, index));
export const of = (stream: string, ...indexes: number[]) => indexes.map((index) => commitRef(stream, index));

/** Keeps what it was given. `first` is asked before: it throws, or takes its time. */
export class Diary implements Consumer {
  /** Each call, in the order in which they began. */
  readonly calls: string[][] = [];
  /** What was handled to the end. */
  readonly handled: string[] = [];

  constructor(
    readonly name: string,
    private readonly first: (commits: readonly Commit[]) => void | Promise<void> = () => undefined,
  ) {}

  async handle(commits: readonly Commit[]): Promise<void> {
    this.calls.push(refs(commits));
    await this.first(commits);
    this.handled.push(...refs(commits));
  }
}

/** A door that consumers wait at. */
export function gate(): { open(): void; readonly wait: () => Promise<void> } {
  let open = () => undefined as void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, wait: () => opened };
}

/** A feed in a process of its own, over the stage's database. */
interface Running {
  readonly feed: Feed;
  readonly ports: Ports;
  /** As death does it: nothing is finished and nothing saved. */
  crash(): void;
}

/** The stage of this test. */
export let stage: Stage;

/** Goes on with a stage of its own, on which nothing has happened yet. */
export function newStage(): Stage {
  return (stage = new Stage());
}
let running: Running[];

beforeEach(() => {
  newStage();
  running = [];
});

afterEach(async () => {
  for (const { crash } of running) crash();
  await stage.end();
});

export async function start(
  consumers: readonly Consumer[],
  over: (store: EventStore) => EventStore = (store) => store,
): Promise<Running> {
  const process = await stage.prepare();
  const { ports } = process.colony;
  const feed = new Feed(over(ports.store), ports.checkpoints, ports.queue, stage.clock, ports.report);
  const started = {
    feed,
    ports,
    crash: () => {
      process.kill();
      void feed.stop();
    },
  };
  running.push(started);
  await feed.start(consumers);
  return started;
}

/** Appends commits to a stream, at most 99 at a time. */
export async function write({ ports: { store } }: Running, stream: string, count: number): Promise<void> {
  for (let left = count; left > 0; left -= 99) {
    const head = await store.head(stream);
    const [last] = head === undefined ? [] : await store.read(stream, head.index, 1);
    const commits = chain(stream, Math.min(left, 99), last);
    expect(await store.append({ stream, expected: head?.index ?? -1, commits })).toEqual({ kind: 'written' });
  }
}

export const reported = (message: string) =>
  stage.reports.filter((report) => report.message === message).map(({ facts }) => facts);

export async function statusOf({ feed }: Running, consumer: string): Promise<FeedStatus | undefined> {
  return (await feed.status()).find((status) => status.consumer === consumer);
}

/** The calls of any port that the test wants to go wrong. */
export const failing = (...calls: string[]) => {
  stage.mishaps = (port, method) => (calls.includes(`${port}.${method}`) ? 'fails' : undefined);
};
export const mended = () => {
  stage.mishaps = () => undefined;
};
