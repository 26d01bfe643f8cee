/**
 * Read models over real stores: right in the end, whatever comes twice, late or not at all, and while they are rebuilt.
 */
import fc from 'fast-check';
import { Feed } from '../../app/engine/feed';
import type { Ports } from '../../app/engine/ports';
import type { Transactor } from '../../app/engine/transact';
import { type Sharing, viewOf, Views } from '../../app/engine/views';
import { parseStream, streamName } from '../../domain/kernel/ids';
import type { CorrelationDoc } from '../../projections/audit/correlations';
import type { Projection } from '../../projections/projection';
import { eventually } from '../support/eventually';
import { randomOf, shuffleFeed } from '../support/shuffle';
import { type Mishap, Stage } from '../support/stage';
import { add, AGENT, asking, type Tally, tally } from '../support/transacting';

const TENANTS = ['acme', 'other'] as const;

interface SumDoc {
  readonly id: string;
  readonly sum: number;
  /** Version of the reducer that made it. */
  readonly by: number;
}

/** The sums of tallies, as one version of the reducer has them. */
const sums = (version: number): Projection<Tally, SumDoc> => ({
  name: 'sums',
  version,
  category: 'tally',
  fields: ['sum'],
  row: ({ tenant, id, stream, version: index }, { sum, ops }) =>
    ops.length === 0 ? undefined : { tenant, key: 'all', source: stream, index, doc: { id, sum, by: version } },
});

/** A process that keeps the views of the stage's log. */
interface Keeper {
  readonly views: Views;
  readonly feed: Feed;
  readonly ports: Ports;
  readonly transactor: Transactor;
  /** As death does it: nothing is finished and nothing saved. */
  crash(): void;
  stop(): Promise<void>;
}

let stage: Stage;
let keepers: Keeper[];

beforeEach(() => {
  stage = new Stage();
  keepers = [];
});

afterEach(async () => {
  for (const { crash } of keepers) crash();
  await stage.end();
});

/** Made, and not started. */
async function make(version = 1, sharing?: Sharing): Promise<Keeper> {
  const process = await stage.prepare();
  const { ports, transactor } = process.colony;
  const { store, checkpoints, report } = ports;
  const views = new Views({ store, views: ports.views, checkpoints, streams: transactor, report, sharing }, [
    viewOf(sums(version), tally),
  ]);
  const feed = new Feed(ports.store, ports.checkpoints, ports.queue, stage.clock, ports.report);
  const keeper = {
    views,
    feed,
    ports,
    transactor,
    crash: () => {
      process.kill();
      void feed.stop();
      void views.stop();
    },
    stop: async () => {
      await feed.stop();
      await views.stop();
    },
  };
  keepers.push(keeper);
  return keeper;
}

async function start(version = 1): Promise<Keeper> {
  const keeper = await make(version);
  await keeper.views.start();
  await keeper.feed.start([keeper.views]);
  return keeper;
}

/** Adds to tallies: `count` commits each, of one correlation. Both tenants use the same names for everything. */
async function write(
  { transactor }: Keeper,
  ids: readonly string[],
  count = 1,
  correlationId = 'request',
): Promise<void> {
  for (const tenant of TENANTS) {
    const context = asking({ principal: { ...AGENT, tenant }, correlationId });
    const commands = ids.flatMap((id) =>
      Array.from({ length: count }, (_, i) =>
        transactor.transact(
          tally,
          streamName(tenant, 'tally', id),
          add(`${tenant}-${i}`, tenant === 'acme' ? 1 : 100),
          context,
        ),
      ),
    );
    expect((await Promise.all(commands)).every(({ ok }) => ok)).toBe(true);
  }
}

/** What a view holds for a tenant: what it says of each source. */
async function held<D>({ ports }: Keeper, name: string, tenant: string): Promise<Record<string, D>> {
  const { rows } = await ports.views.query<D>(name, { tenant, limit: 1_000 });
  return Object.fromEntries(rows.map(({ key, source, doc }) => [`${key} ${source}`, doc]));
}

/** The views that serve say what the log says, each tenant's its own. */
async function expectRight(keeper: Keeper, by = 1): Promise<void> {
  for (const tenant of TENANTS) {
    const streams = stage.streams('tally').filter((stream) => stream.startsWith(`${tenant}/`));
    const docs = Object.fromEntries(
      streams.map((stream) => [
        `all ${stream}`,
        { id: parseStream(stream).id, sum: stage.fold(tally, stream).state.sum, by },
      ]),
    );
    expect(await held<SumDoc>(keeper, keeper.views.serving('sums'), tenant)).toEqual(docs);
    const firsts: Record<string, CorrelationDoc> = {};
    for (const { stream, index, meta } of stage.log())
      if (stream.startsWith(`${tenant}/`)) firsts[`${meta.correlationId} ${stream}`] ??= { first: index };
    expect(await held<CorrelationDoc>(keeper, keeper.views.serving('correlations'), tenant)).toEqual(firsts);
  }
}

/** Has calls of a port on a view (or a checkpoint) of this name wait until the door is opened, or go wrong. */
function onCall(call: string, name: string, what: Mishap | Promise<void>): void {
  stage.mishaps = (port, method, [first]) => (`${port}.${method}` === call && first === name ? what : undefined);
}

function door(call: string, name: string): () => void {
  let open = () => undefined as void;
  onCall(call, name, new Promise<void>((resolve) => (open = resolve)));
  return () => {
    stage.mishaps = () => undefined;
    open();
  };
}

const reported = (message: string) => stage.reports.filter((report) => report.message === message).length;
const names = async ({ ports }: Keeper) => (await ports.views.list()).filter((name) => name.startsWith('sums'));
const buildingOf = ({ views }: Keeper) => views.status().find(({ view }) => view === 'sums')?.building;
/** The background rebuild of the sums is over. */
const built = (keeper: Keeper) => eventually(() => buildingOf(keeper) === null);

describe('keeping', () => {
  test('rows are right whatever comes twice, in any order, in pages of any size, also side by side', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 40 }), fc.boolean(), async (seed, size, sorted) => {
        stage = new Stage();
        const keeper = await make();
        await keeper.views.start();
        for (const correlation of ['one', 'two', 'one', 'three']) await write(keeper, ['a', 'b'], 3, correlation);
        const random = randomOf(seed);
        const delivered = shuffleFeed(stage.log(), seed);
        // As a feed delivers, or out of order too: what was parked comes late.
        if (!sorted) delivered.sort(() => random() - 0.5);
        const pages: Promise<void>[] = [];
        for (let from = 0; from < delivered.length; from += size) {
          pages.push(keeper.views.handle(delivered.slice(from, from + size)));
          if (random() < 0.5) await pages.at(-1);
        }
        await Promise.all(pages);
        await expectRight(keeper);
        keeper.crash();
      }),
      { numRuns: 30 },
    );
  });

  test('what another process has committed is seen, though this one knows an older state', async () => {
    const keeper = await start();
    await write(keeper, ['a']);
    await keeper.feed.settled();
    const other = await make();
    await write(other, ['a', 'b']);
    await keeper.feed.settled();
    await expectRight(keeper);
  });

  test('a slow store makes nothing wrong', async () => {
    stage.mishaps = (port) => (port === 'views' ? 'slow' : undefined);
    const keeper = await start();
    for (let i = 0; i < 5; i += 1) await write(keeper, ['a', 'b'], 2, `request-${i}`);
    await Promise.all([
      keeper.views.rebuild('sums'),
      keeper.views.rebuild('correlations'),
      write(keeper, ['b', 'c'], 5, 'late'),
    ]);
    await keeper.feed.settled();
    await expectRight(keeper);
    expect(stage.reports).toEqual([]);
  });

  test('what a failing store did not take is parked, and is right when it comes again', async () => {
    const keeper = await start();
    await write(keeper, ['a']);
    await keeper.feed.settled();
    onCall('views.put', 'sums.v1', 'fails');
    await write(keeper, ['a', 'b'], 2, 'lost');
    await keeper.feed.settled();
    expect(reported('a commit was parked')).toBeGreaterThan(0);
    stage.mishaps = () => undefined;
    await write(keeper, ['a'], 1, 'later');
    stage.clock.time += 1_000;
    await keeper.feed.redeliver();
    await keeper.feed.settled();
    await expectRight(keeper);
  });

  test('an answer that is lost changes nothing', async () => {
    let left = 3;
    stage.mishaps = (port, method) => (port === 'views' && method === 'put' && (left -= 1) >= 0 ? 'loses' : undefined);
    const keeper = await start();
    await write(keeper, ['a', 'b'], 2);
    await keeper.feed.settled();
    stage.clock.time += 1_000;
    await keeper.feed.redeliver();
    await expectRight(keeper);
  });
});

describe('a rebuild', () => {
  test('goes on beside the view that serves, while commits keep coming; both are right', async () => {
    const keeper = await start();
    await write(keeper, ['a', 'b'], 600);
    await keeper.feed.settled();
    const open = door('views.put', 'sums.v1.1');
    const rebuilt = keeper.views.rebuild('sums');
    await eventually(() => buildingOf(keeper) != null);
    expect(buildingOf(keeper)).toEqual({ name: 'sums.v1.1', left: 2_400 });
    await write(keeper, ['b', 'c'], 3);
    // The other tenant's are the last ones.
    const sum = async () => (await held<SumDoc>(keeper, 'sums.v1', 'other'))['all other/tally/c']?.sum;
    await eventually(async () => (await sum()) === 300);
    expect(keeper.views.serving('sums')).toBe('sums.v1');
    await expectRight(keeper);
    open();
    await Promise.all([rebuilt, write(keeper, ['a', 'd'], 50)]);
    await keeper.feed.settled();
    expect(keeper.views.serving('sums')).toBe('sums.v1.1');
    expect(await names(keeper)).toEqual(['sums.v1.1']);
    await write(keeper, ['d']);
    await keeper.feed.settled();
    await expectRight(keeper);
    await keeper.views.rebuild('sums');
    expect(keeper.views.status()).toEqual([
      { view: 'sums', serving: 'sums.v1.2', building: null },
      { view: 'correlations', serving: 'correlations.v1', building: null },
    ]);
    await expectRight(keeper);
    expect(stage.reports).toEqual([]);
  });

  test.each([
    ['views.declare', 'sums.v1.1'],
    ['checkpoints.save', 'serving-sums'],
    ['views.drop', 'sums.v1'],
  ])('takes in what comes while it waits for %s %s', async (call, name) => {
    const keeper = await start();
    await write(keeper, ['a']);
    await keeper.feed.settled();
    const open = door(call, name);
    const rebuilt = keeper.views.rebuild('sums');
    for (let i = 0; i < 3; i += 1) {
      await write(keeper, ['a', 'b']);
      await keeper.feed.settled();
    }
    open();
    await rebuilt;
    await expectRight(keeper);
    expect(stage.reports).toEqual([]);
  });

  test('restores what was wrong, correlations too', async () => {
    const keeper = await start();
    await write(keeper, ['a', 'b'], 2);
    await write(keeper, ['a'], 1, 'second');
    await keeper.feed.settled();
    stage.database.all('DELETE FROM "view:sums.v1" RETURNING key');
    stage.database.all('DELETE FROM "view:correlations.v1" RETURNING key');
    await Promise.all(['sums', 'correlations'].map((name) => keeper.views.rebuild(name)));
    await expectRight(keeper);
  });

  test('is done once at a time, for views that there are', async () => {
    const keeper = await start();
    await write(keeper, ['a']);
    await keeper.feed.settled();
    const both = await Promise.allSettled([keeper.views.rebuild('sums'), keeper.views.rebuild('sums')]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await expect(keeper.views.rebuild('sums').then(() => keeper.views.rebuild('nothing'))).rejects.toThrow(
      'there is no view nothing: sums, correlations',
    );
    await expectRight(keeper);
  });

  test('that fails leaves the old view serving and complete, and can be tried again', async () => {
    const keeper = await start();
    await write(keeper, ['a']);
    await keeper.feed.settled();
    for (const [call, name] of [
      ['views.declare', 'sums.v1.1'],
      ['views.put', 'sums.v1.1'],
      ['checkpoints.save', 'serving-sums'],
    ] as const) {
      onCall(call, name, 'fails');
      await expect(keeper.views.rebuild('sums')).rejects.toThrow(`${call} failed`);
      stage.mishaps = () => undefined;
      await write(keeper, ['a', 'b']);
      await keeper.feed.settled();
      expect(keeper.views.status()[0]).toEqual({ view: 'sums', serving: 'sums.v1', building: null });
      await expectRight(keeper);
    }
    onCall('views.put', 'sums.v1.1', 'fails');
    keeper.views.rebuildInBackground('sums');
    await eventually(() => reported('a view could not be rebuilt') > 0);
    expect(reported('a view could not be rebuilt')).toBe(1);
    stage.mishaps = () => undefined;
    await keeper.views.rebuild('sums');
    await expectRight(keeper);
  });

  test('that fails does not hide from the old view what it has read before the feed', async () => {
    const keeper = await start();
    await write(keeper, ['a']);
    await keeper.feed.settled();
    let open = () => undefined as void;
    const wait = new Promise<void>((resolve) => (open = resolve));
    // The feed reads pages of 500, a rebuild larger ones.
    stage.mishaps = (port, method, [first, limit]) => {
      if (port === 'store' && method === 'feed' && limit === 500) return wait;
      return port === 'checkpoints' && method === 'save' && first === 'serving-correlations' ? 'fails' : undefined;
    };
    await write(keeper, ['a', 'b'], 1, 'unseen');
    await expect(keeper.views.rebuild('correlations')).rejects.toThrow('checkpoints.save failed');
    stage.mishaps = () => undefined;
    open();
    await keeper.feed.settled();
    await expectRight(keeper);
  });
});

describe('a restart', () => {
  test('with a new reducer has the old view serve until the new one is there', async () => {
    const before = await start(1);
    await write(before, ['a', 'b'], 3);
    await before.feed.settled();
    await before.stop();
    const open = door('views.put', 'sums.v2');
    const after = await start(2);
    await eventually(() => buildingOf(after) != null);
    expect(after.views.status()[0]).toEqual({
      view: 'sums',
      serving: 'sums.v1',
      building: { name: 'sums.v2', left: 12 },
    });
    await expectRight(after, 1);
    await write(after, ['b', 'c'], 2);
    open();
    await built(after);
    await after.feed.settled();
    expect(after.views.serving('sums')).toBe('sums.v2');
    expect(await names(after)).toEqual(['sums.v2']);
    await expectRight(after, 2);
    await after.stop();

    const again = await start(2);
    expect(again.views.status()[0]).toEqual({ view: 'sums', serving: 'sums.v2', building: null });
    await again.stop();
    const back = await start(1);
    await built(back);
    expect(back.views.serving('sums')).toBe('sums.v1');
    await expectRight(back, 1);
    expect(stage.reports).toEqual([]);
  });

  test.each([
    ['views.declare', 'sums.v2'],
    ['views.put', 'sums.v2'],
    ['checkpoints.save', 'serving-sums'],
    ['views.drop', 'sums.v1'],
  ])('after a crash of a rebuild that waited for %s %s ends it', async (call, name) => {
    const before = await start(1);
    await write(before, ['a', 'b'], 3);
    await before.feed.settled();
    await before.stop();
    onCall(call, name, 'hangs');
    const crashed = await start(2);
    await write(crashed, ['b', 'c'], 2);
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    crashed.crash();
    stage.mishaps = () => undefined;
    const after = await start(2);
    await built(after);
    await after.feed.settled();
    expect(after.views.serving('sums')).toBe('sums.v2');
    expect(await names(after)).toEqual(['sums.v2']);
    await expectRight(after, 2);
  });

  test('after a crash of a rebuild that somebody asked for serves the old view, and drops the half', async () => {
    const before = await start();
    await write(before, ['a', 'b'], 3);
    await before.feed.settled();
    onCall('views.put', 'sums.v1.1', 'hangs');
    before.views.rebuildInBackground('sums');
    await eventually(async () => (await names(before)).length === 2);
    await write(before, ['c']);
    before.crash();
    stage.mishaps = () => undefined;
    const after = await start();
    await after.feed.settled();
    expect(after.views.status()[0]).toEqual({ view: 'sums', serving: 'sums.v1', building: null });
    expect(await names(after)).toEqual(['sums.v1']);
    await expectRight(after);
  });

  test('a stop in the middle of a rebuild keeps what serves', async () => {
    const before = await start(1);
    await write(before, ['a'], 3);
    await before.feed.settled();
    await before.stop();
    const open = door('views.put', 'sums.v2');
    const stopped = await start(2);
    await eventually(async () => (await names(stopped)).length === 2);
    const stopping = stopped.stop();
    open();
    await stopping;
    expect(await stopped.ports.checkpoints.load('serving-sums')).toBe('sums.v1');
    const after = await start(2);
    await built(after);
    await expectRight(after, 2);
  });

  test.each([false, true])(
    'a view that is new beside an old log reads all of it (after a crash on the way: %s)',
    async (crashes) => {
      const before = await start();
      await write(before, ['a', 'b'], 3);
      await before.feed.settled();
      await before.stop();
      // As a store looks that has never had this view.
      stage.database.all("DELETE FROM checkpoints WHERE name = 'serving-sums' RETURNING name");
      await before.ports.views.drop('sums.v1');
      if (crashes) {
        onCall('views.put', 'sums.v1.1', 'hangs');
        const crashed = await start();
        await eventually(async () => (await names(crashed)).length === 2);
        crashed.crash();
        stage.mishaps = () => undefined;
      }
      const after = await start();
      await write(after, ['b', 'c']);
      await built(after);
      await after.feed.settled();
      await expectRight(after);
      expect(await names(after)).toHaveLength(1);
    },
  );

  test('names that nobody reads any more are dropped, those of others stay', async () => {
    const before = await start();
    await write(before, ['a']);
    await before.feed.settled();
    await before.stop();
    for (const name of ['sums.v1.3', 'sums.v7', 'sums-of-others.v1']) await before.ports.views.declare(name, []);
    const after = await start();
    expect(await names(after)).toEqual(['sums-of-others.v1', 'sums.v1']);
    await expectRight(after);
  });
});

describe('views that processes share', () => {
  const SHARING: Sharing = { refreshMs: 20, handoverMs: 400 };

  /** One that fills the views with what it is handed. */
  async function join(version = 1): Promise<Keeper> {
    const keeper = await make(version, SHARING);
    await keeper.views.start();
    keeper.feed.startShared(
      [keeper.views],
      async () => undefined,
      async () => 0,
    );
    return keeper;
  }

  /** Hands one of them everything that came after the first `from` commits. */
  const handOver = async (keeper: Keeper, from = 0) => await keeper.feed.deliver(['views'], stage.log().slice(from));

  const serving = (keeper: Keeper) => keeper.views.serving('sums');

  test('what others fill under the old name, until they see the new one, is in the new one too', async () => {
    const [one, other] = [await join(), await join()];
    await write(one, ['a'], 2);
    await handOver(other);
    const see = door('checkpoints.load', 'serving-sums');
    const rebuilt = one.views.rebuild('sums');
    await eventually(() => serving(one) === 'sums.v1.1');
    const before = stage.log().length;
    await write(one, ['a', 'b'], 2);
    await handOver(other, before);
    expect(serving(other)).toBe('sums.v1');
    await rebuilt;
    see();
    await eventually(() => serving(other) === 'sums.v1.1');
    await expectRight(one);
    await expectRight(other);
    expect(await names(one)).toEqual(['sums.v1.1']);
  });

  test('the old one serves until all have had time to see the new one', async () => {
    const [one, other] = [await join(), await join()];
    await write(one, ['a'], 2);
    await handOver(one);
    const rebuilt = one.views.rebuild('sums');
    await eventually(() => serving(other) === 'sums.v1.1');
    expect(await names(one)).toEqual(['sums.v1', 'sums.v1.1']);
    await rebuilt;
    expect(await names(one)).toEqual(['sums.v1.1']);
  });

  test('two that find an older version build the new one, and neither undoes what the other has done', async () => {
    const old = await join();
    await write(old, ['a', 'b'], 3);
    await handOver(old);
    const [one, other] = await Promise.all([join(2), join(2)]);
    await write(one, ['b', 'c'], 2);
    await handOver(one);
    await Promise.all([built(one), built(other)]);
    await expectRight(one, 2);
    await expectRight(other, 2);
    expect(await names(one)).toEqual(['sums.v2']);
  });

  test('one of the old version that starts meanwhile leaves alone what is being built', async () => {
    const old = await join();
    await write(old, ['a'], 3);
    await handOver(old);
    const save = door('checkpoints.save', 'serving-sums');
    const fresh = await join(2);
    await eventually(async () => (await names(fresh)).includes('sums.v2'));
    const late = await make(1, { ...SHARING, handoverMs: 0 });
    await late.views.start();
    await new Promise((resolve) => setTimeout(resolve, 50));
    save();
    await built(fresh);
    await expectRight(fresh, 2);
  });

  test('one that is new beside a log that was read reads it all', async () => {
    const writer = await make();
    await write(writer, ['a', 'b'], 2);
    const one = await join();
    await built(one);
    await expectRight(one);
  });
});
