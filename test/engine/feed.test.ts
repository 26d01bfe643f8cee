/** The feed over real stores: what it promises when consumers, checkpoints and queues fail, and processes die. */
import fc from 'fast-check';
import { type Consumer, Feed, type FeedStatus } from '../../app/engine/feed';
import type { EventStore, Ports } from '../../app/engine/ports';
import type { Commit } from '../../domain/kernel/commit';
import { commitRef } from '../../domain/kernel/ids';
import { chain, upTo } from '../support/commits';
import { eventually } from '../support/eventually';
import { FaultyEventStore, randomFaults } from '../support/faults';
import { Stage } from '../support/stage';

const [X, Y] = ['acme/note/x', 'acme/note/y'];
/** Commits that the feed reads at a time, and pages that it lets a consumer be behind. */
const PAGE = 500;
const OUTSTANDING = 4;

const refs = (commits: readonly Commit[]) => commits.map(({ stream, index }) => commitRef(stream, index));
const of = (stream: string, ...indexes: number[]) => indexes.map((index) => commitRef(stream, index));

/** Keeps what it was given. `first` is asked before: it throws, or takes its time. */
class Diary implements Consumer {
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

/** Throws as long as `poisoned` names one of the commits. */
const refusing = (poisoned: Set<string>) => (commits: readonly Commit[]) => {
  const found = refs(commits).find((ref) => poisoned.has(ref));
  if (found !== undefined) throw new Error(`${found} is poison`);
};

/** A door that consumers wait at. */
function gate(): { open(): void; readonly wait: () => Promise<void> } {
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

let stage: Stage;
let running: Running[];

beforeEach(() => {
  stage = new Stage();
  running = [];
});

afterEach(async () => {
  for (const { crash } of running) crash();
  await stage.end();
});

async function start(
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
async function write({ ports: { store } }: Running, stream: string, count: number): Promise<void> {
  for (let left = count; left > 0; left -= 99) {
    const head = await store.head(stream);
    const [last] = head === undefined ? [] : await store.read(stream, head.index, 1);
    const commits = chain(stream, Math.min(left, 99), last);
    expect(await store.append({ stream, expected: head?.index ?? -1, commits })).toEqual({ kind: 'written' });
  }
}

const reported = (message: string) =>
  stage.reports.filter((report) => report.message === message).map(({ facts }) => facts);

async function statusOf({ feed }: Running, consumer: string): Promise<FeedStatus | undefined> {
  return (await feed.status()).find((status) => status.consumer === consumer);
}

/** The calls of any port that the test wants to go wrong. */
const failing = (...calls: string[]) => {
  stage.mishaps = (port, method) => (calls.includes(`${port}.${method}`) ? 'fails' : undefined);
};
const mended = () => {
  stage.mishaps = () => undefined;
};

describe('delivery', () => {
  test('every commit comes to every consumer, in order per stream, however the streams are written', async () => {
    const writes = fc.array(
      fc.record({ stream: fc.constantFrom(X, Y), count: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constant(400)) }),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(writes, async (plan) => {
        stage = new Stage();
        const diaries = [new Diary('a'), new Diary('b', () => new Promise((resolve) => setImmediate(resolve)))];
        const one = await start(diaries);
        for (const { stream, count } of plan) await write(one, stream, count);
        await one.feed.settled();
        for (const { calls, handled } of diaries) {
          expect(handled.length).toBe(stage.log().length);
          for (const stream of [X, Y])
            expect(calls.flat().filter((ref) => ref.startsWith(stream))).toEqual(refs(stage.stream(stream)));
        }
        one.crash();
      }),
      { numRuns: 10 },
    );
  });

  test('pages that come again, late or not at all at first leave nothing out', async () => {
    for (const seed of [1, 2, 3]) {
      stage = new Stage();
      const diary = new Diary('a');
      const one = await start(
        [diary],
        (store) => new FaultyEventStore(store, randomFaults(seed, { feed: { again: 0.4, slow: 0.3, fails: 0.1 } })),
      );
      for (let i = 0; i < 10; i += 1) {
        await write(one, i % 2 === 0 ? X : Y, 3);
        await one.feed.settled();
      }
      for (const stream of [X, Y])
        expect([...new Set(diary.handled)].filter((ref) => ref.startsWith(stream))).toEqual(of(stream, ...upTo(15)));
      one.crash();
    }
  });

  test('a log that can not be read is said so, and read on as soon as it can', async () => {
    const diary = new Diary('a');
    const one = await start([diary]);
    failing('store.feed');
    await write(one, X, 3);
    await eventually(() => reported('the feed could not be read').length > 0);
    expect(diary.handled).toEqual([]);
    mended();
    await one.feed.settled();
    expect(diary.handled).toEqual(of(X, 0, 1, 2));
  });

  test('a consumer that stands still holds up the reader after a few pages, and misses none of them', async () => {
    const door = gate();
    const [slow, quick] = [new Diary('slow', door.wait), new Diary('quick')];
    const one = await start([slow, quick]);
    await write(one, X, (OUTSTANDING + 2) * PAGE);
    await eventually(() => slow.calls.flat().length >= OUTSTANDING);
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(slow.calls.length).toBe(quick.calls.length);
    expect(quick.handled.length).toBeLessThan((OUTSTANDING + 2) * PAGE);
    door.open();
    await one.feed.settled();
    expect(slow.calls.flat()).toEqual(refs(stage.stream(X)));
    expect(quick.calls.flat()).toEqual(refs(stage.stream(X)));
  });
});

describe('what a consumer can not handle', () => {
  test('a page that fails is handled commit by commit; what fails alone is parked, and the others go on', async () => {
    const [fussy, other] = [new Diary('fussy', refusing(new Set(of(X, 2)))), new Diary('other')];
    const one = await start([fussy, other]);
    await write(one, X, 5);
    await one.feed.settled();
    expect(fussy.calls).toEqual([of(X, 0, 1, 2, 3, 4), of(X, 0), of(X, 1), of(X, 2), of(X, 3), of(X, 4)]);
    expect(fussy.handled).toEqual(of(X, 0, 1, 3, 4));
    expect(other.calls).toEqual([of(X, 0, 1, 2, 3, 4)]);
    expect(reported('a commit was parked')).toEqual([
      { consumer: 'fussy', commit: commitRef(X, 2), error: `${commitRef(X, 2)} is poison` },
    ]);
    await write(one, X, 1);
    await write(one, Y, 1);
    await one.feed.settled();
    expect(fussy.handled).toEqual([...of(X, 0, 1, 3, 4, 5), ...of(Y, 0)]);
  });

  test('a page that fails by chance is not parked', async () => {
    let times = 1;
    const shaky = new Diary('shaky', () => {
      if ((times -= 1) === 0) throw new Error('not now');
    });
    const one = await start([shaky]);
    await write(one, X, 3);
    await one.feed.settled();
    expect(shaky.handled).toEqual(of(X, 0, 1, 2));
    expect(reported('a commit was parked')).toEqual([]);
  });

  test('it is tried again, each time later, then given up until it is redriven', async () => {
    const poisoned = new Set(of(X, 0));
    const fussy = new Diary('fussy', refusing(poisoned));
    const one = await start([fussy]);
    await write(one, X, 2);
    await one.feed.settled();
    const tries = () => fussy.calls.filter((call) => call.length === 1 && call[0] === of(X, 0)[0]).length;
    expect(tries()).toBe(1);
    for (const [round, wait] of [1, 2, 4, 8, 16].entries()) {
      stage.clock.time += wait * 1_000 - 1;
      await one.feed.redeliver();
      expect(tries()).toBe(1 + round);
      expect(await statusOf(one, 'fussy')).toMatchObject({ consumer: 'fussy', lag: 0, parked: 0 });
      stage.clock.time += 1;
      await one.feed.redeliver();
      expect(tries()).toBe(2 + round);
    }
    const dead = {
      id: commitRef(X, 0),
      body: { stream: X, index: 0, error: `${commitRef(X, 0)} is poison` },
      deliveries: 5,
      reason: `${commitRef(X, 0)} is poison`,
    };
    expect(await one.feed.parked('fussy', 10)).toEqual([dead]);
    expect(await statusOf(one, 'fussy')).toMatchObject({ consumer: 'fussy', lag: 0, parked: 1 });
    stage.clock.time += 3_600_000;
    await one.feed.redeliver();
    expect(tries()).toBe(6);

    expect(await one.feed.redrive('fussy', commitRef(X, 1))).toBe(false);
    expect(await one.feed.redrive('nobody', commitRef(X, 0))).toBe(false);
    expect(await one.feed.redrive('fussy', commitRef(X, 0))).toBe(true);
    expect(tries()).toBe(7);
    expect(await one.feed.parked('fussy', 10)).toEqual([]);
    poisoned.clear();
    stage.clock.time += 2_000;
    await one.feed.redeliver();
    expect(fussy.handled).toEqual(of(X, 1, 0));
    expect(await one.feed.redrive('fussy', commitRef(X, 0))).toBe(false);
  });

  test('its consumer alone waits for it, and a delivery that comes again does not park it twice', async () => {
    const fussy = () => new Diary('fussy', refusing(new Set(of(X, 1))));
    const first = await start([fussy(), new Diary('other')]);
    await write(first, X, 3);
    await first.feed.settled();
    first.crash();
    const [again, other] = [fussy(), new Diary('other')];
    const second = await start([again, other]);
    await second.feed.settled();
    stage.clock.time += 1_000;
    await second.feed.redeliver();
    expect(again.calls.filter((call) => call.length === 1 && call[0] === of(X, 1)[0])).toHaveLength(2);
    expect(other.calls).toEqual([of(X, 0, 1, 2)]);
  });

  test('what is parked outlives the process that parked it, and a process that dies over it', async () => {
    const first = await start([new Diary('a', refusing(new Set(of(X, 0))))]);
    await write(first, X, 1);
    await first.feed.settled();
    await first.feed.stop();
    stage.clock.time += 1_000;
    const stuck = new Diary('a', () => new Promise(() => undefined));
    const second = await start([stuck]);
    void second.feed.redeliver();
    await eventually(() => stuck.calls.length > 0);
    second.crash();
    const healthy = new Diary('a');
    const third = await start([healthy]);
    await third.feed.redeliver();
    expect(healthy.handled).toEqual([]);
    stage.clock.time += 60_000;
    await third.feed.redeliver();
    expect(healthy.handled).toEqual(of(X, 0));
  });

  test('a clock that is set back delays it and loses nothing', async () => {
    const poisoned = new Set(of(X, 0));
    const fussy = new Diary('fussy', refusing(poisoned));
    const one = await start([fussy]);
    await write(one, X, 1);
    await one.feed.settled();
    poisoned.clear();
    stage.clock.time -= 60_000;
    await one.feed.redeliver();
    expect(fussy.handled).toEqual([]);
    stage.clock.time += 61_000;
    await one.feed.redeliver();
    expect(fussy.handled).toEqual(of(X, 0));
  });
});

describe('a queue that fails', () => {
  test('nothing passes what could not be parked: it is parked when the queue is back', async () => {
    const [fussy, other] = [new Diary('fussy', refusing(new Set(of(X, 1)))), new Diary('other')];
    const one = await start([fussy, other]);
    failing('queue.send');
    await write(one, X, 3);
    await eventually(async () => (await statusOf(one, 'other'))?.lag === 0);
    expect(await statusOf(one, 'fussy')).toMatchObject({ lag: 3 });
    expect(fussy.handled).toEqual(of(X, 0));
    mended();
    await one.feed.settled();
    expect(fussy.handled).toEqual(of(X, 0, 2));
    stage.clock.time += 1_000;
    await one.feed.redeliver();
    expect(fussy.calls.at(-1)).toEqual(of(X, 1));
  });

  test('stopping ends all the same, saves what the others have done, and the rest comes again', async () => {
    const door = gate();
    const fussy = new Diary('fussy', async (commits) => {
      await door.wait();
      refusing(new Set(of(X, 1, 100)))(commits);
    });
    const one = await start([fussy, new Diary('other')]);
    failing('queue.send');
    await write(one, X, 150);
    door.open();
    await eventually(() => reported('a commit was parked').length === 2);
    await one.feed.stop();
    mended();
    const { checkpoints, store } = one.ports;
    expect([await checkpoints.load('fussy'), await checkpoints.load('other')]).toEqual([undefined, await store.end()]);
    const again = new Diary('fussy');
    const second = await start([again, new Diary('other')]);
    await second.feed.settled();
    expect(again.handled).toEqual(refs(stage.stream(X)));
  });

  test('what was handled and could not be taken off the queue is handled again', async () => {
    const poisoned = new Set(of(X, 0));
    const fussy = new Diary('fussy', refusing(poisoned));
    const one = await start([fussy]);
    await write(one, X, 1);
    await one.feed.settled();
    poisoned.clear();
    stage.clock.time += 1_000;
    failing('queue.complete', 'queue.abandon');
    await expect(one.feed.redeliver()).rejects.toThrow('queue.abandon failed');
    mended();
    stage.clock.time += 60_000;
    await one.feed.redeliver();
    await one.feed.redeliver();
    expect(fussy.handled).toEqual(of(X, 0, 0));
    expect(await one.feed.parked('fussy', 10)).toEqual([]);
  });
});

describe('checkpoints', () => {
  test('whatever happens, nothing is skipped; what a stop has saved does not come again', async () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant('write' as const),
          stream: fc.constantFrom(X, Y),
          count: fc.integer({ min: 1, max: 700 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constantFrom('settle' as const, 'crash' as const, 'stop' as const) }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        stage = new Stage();
        const wrong: string[] = [];
        const everHandled = new Set<string>();
        const saved = new Set<string>();
        /** A process until it ends: what it has handled, which its death leaves as it is. */
        const begin = async () => {
          let alive = true;
          const handled = new Set<string>();
          const expected = new Map<string, number>();
          const diary = new Diary('a', async (commits) => {
            for (const { stream, index } of commits) {
              const ref = commitRef(stream, index);
              if (saved.has(ref)) wrong.push(`${ref} came again after it was saved`);
              if (index !== (expected.get(stream) ?? index))
                wrong.push(`${ref} came instead of ${expected.get(stream)}`);
              expected.set(stream, index + 1);
            }
            await new Promise((resolve) => setImmediate(resolve));
            if (alive) for (const ref of refs(commits)) handled.add(ref);
          });
          const process = await start([diary]);
          const end = () => {
            alive = false;
            for (const ref of handled) everHandled.add(ref);
          };
          return { process, handled, end };
        };
        let life = await begin();
        for (const one of steps) {
          if (one.do === 'write') await write(life.process, one.stream, one.count);
          else if (one.do === 'settle') await life.process.feed.settled();
          else {
            if (one.do === 'crash') life.process.crash();
            else {
              await life.process.feed.stop();
              for (const ref of life.handled) saved.add(ref);
            }
            life.end();
            life = await begin();
          }
        }
        await life.process.feed.settled();
        life.end();
        life.process.crash();
        expect(wrong).toEqual([]);
        expect([...everHandled].sort()).toEqual(refs(stage.log()).sort());
      }),
      { numRuns: 25 },
    );
  });

  test('they are saved on the way; after a crash comes what came since', async () => {
    const first = await start([new Diary('a')]);
    await write(first, X, 3);
    await first.feed.settled();
    const end = await first.ports.store.end();
    await eventually(async () => (await first.ports.checkpoints.load('a')) === end);
    failing('checkpoints.save');
    await write(first, X, 2);
    await first.feed.settled();
    first.crash();
    mended();
    const again = new Diary('a');
    const second = await start([again]);
    expect(await statusOf(second, 'a')).toMatchObject({ consumer: 'a', lag: 2, parked: 0, delay_seconds: null });
    await second.feed.settled();
    expect(again.handled).toEqual(of(X, 3, 4));
  });

  test('they never pass what is still being handled', async () => {
    const stuck = new Diary('a', (commits) => (commits[0]?.index === 0 ? undefined : new Promise(() => undefined)));
    const first = await start([stuck]);
    await write(first, X, 3);
    await first.feed.settled();
    const end = await first.ports.store.end();
    await write(first, X, 2);
    await eventually(async () => (await first.ports.checkpoints.load('a')) === end);
    first.crash();
    const again = new Diary('a');
    await (await start([again])).feed.settled();
    expect(again.handled).toEqual(of(X, 3, 4));
  });

  test('one that can not be saved is said so, keeps nobody waiting and is saved later', async () => {
    const diary = new Diary('a');
    const one = await start([diary, new Diary('b')]);
    stage.mishaps = (port, method, [name]) =>
      port === 'checkpoints' && method === 'save' && name === 'a' ? 'fails' : undefined;
    await write(one, X, 3);
    await one.feed.settled();
    await write(one, X, 1);
    await one.feed.settled();
    expect(diary.handled).toEqual(of(X, 0, 1, 2, 3));
    const end = await one.ports.store.end();
    await eventually(async () => (await one.ports.checkpoints.load('b')) === end);
    expect(reported('a checkpoint could not be saved')).toContainEqual({
      consumer: 'a',
      error: 'Error: checkpoints.save failed before it did anything',
    });
    expect(await one.ports.checkpoints.load('a')).toBeUndefined();
    mended();
    await one.feed.stop();
    expect(await one.ports.checkpoints.load('a')).toBe(end);
  });

  test.each([[['a', 'b']], [['b', 'a']]])(
    'consumers at different places each go on from their own (%s)',
    async (order) => {
      const early = await start([new Diary('a')]);
      await write(early, X, 3);
      await early.feed.settled();
      await early.feed.stop();
      const later = await start([new Diary('b')]);
      await write(later, X, 3);
      await later.feed.settled();
      await later.feed.stop();
      const diaries = order.map((name) => new Diary(name));
      const both = await start(diaries);
      expect([await statusOf(both, 'a'), await statusOf(both, 'b')]).toMatchObject([{ lag: 3 }, { lag: 0 }]);
      await write(both, Y, 1);
      await both.feed.settled();
      // For the one that is ahead, what the other one still needs is a redelivery.
      for (const { handled } of diaries) expect(handled).toEqual([...of(X, 3, 4, 5), ...of(Y, 0)]);
    },
  );

  test('a consumer that is added later gets everything from the beginning', async () => {
    const first = await start([new Diary('a')]);
    await write(first, X, 3);
    await first.feed.settled();
    await first.feed.stop();
    const [known, added] = [new Diary('a'), new Diary('added')];
    const second = await start([known, added]);
    await write(second, X, 1);
    await second.feed.settled();
    expect(added.handled).toEqual(of(X, 0, 1, 2, 3));
    expect(known.handled).toContain(commitRef(X, 3));
    await second.feed.stop();
    const third = await start([new Diary('a'), new Diary('added')]);
    expect(await third.feed.status()).toMatchObject([{ lag: 0 }, { lag: 0 }]);
  });
});

test('settled waits for the slowest consumer, and status says meanwhile how far each is behind', async () => {
  const door = gate();
  const one = await start([new Diary('slow', door.wait), new Diary('quick')]);
  expect(await one.feed.status()).toMatchObject([
    { consumer: 'slow', lag: 0, parked: 0 },
    { consumer: 'quick', lag: 0, parked: 0 },
  ]);
  await write(one, X, 7);
  await eventually(async () => (await statusOf(one, 'quick'))?.lag === 0);
  expect(await one.feed.status()).toMatchObject([
    { consumer: 'slow', lag: 7, parked: 0 },
    { consumer: 'quick', lag: 0, parked: 0 },
  ]);
  let settled = false;
  const waiting = one.feed.settled().then(() => (settled = true));
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(settled).toBe(false);
  door.open();
  await waiting;
  expect(await one.feed.status()).toMatchObject([
    { consumer: 'slow', lag: 0, parked: 0 },
    { consumer: 'quick', lag: 0, parked: 0 },
  ]);
});
