/**
 * Read models over real stores: right in the end, whatever comes twice, late or not at all, and while they are rebuilt.
 */
import fc from 'fast-check';
import { SERVING_NOTE, type Sharing } from '../../app/engine/views';
import { eventually } from '../support/eventually';
import { randomOf, shuffleFeed } from '../support/shuffle';
import {
  built,
  door,
  expectRight,
  type Keeper,
  make,
  names,
  newStage,
  onCall,
  reported,
  stage,
  start,
  write,
} from './view-keeper';

describe('keeping', () => {
  test('rows are right whatever comes twice, in any order, in pages of any size, also side by side', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 40 }), fc.boolean(), async (seed, size, sorted) => {
        newStage();
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

  test('what a view shows already is not written again, and after a rebuild it is', async () => {
    const keeper = await start();
    await write(keeper, ['a', 'b'], 3);
    await keeper.feed.settled();
    onCall('views.put', 'sums.v1', 'fails');
    await keeper.views.handle(stage.log());
    await keeper.views.rebuild('sums');
    onCall('views.put', 'sums.v1.1', 'fails');
    await expect(keeper.views.handle(stage.log())).rejects.toThrow();
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

describe('views that processes share', () => {
  const SHARING: Sharing = { refreshMs: 20, handoverMs: 400 };

  /** One that fills the views with what it is handed. */
  async function join(version = 1): Promise<Keeper> {
    const keeper = await make(version, SHARING);
    await keeper.views.start();
    keeper.feed.subscribe([keeper.views]);
    keeper.feed.startShared(
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

  test('the names are read again where one has changed, and else a note that none has', async () => {
    const [one, other] = [await join(), await join()];
    await write(one, ['a'], 2);
    await handOver(one);
    let [names, notes] = [0, 0];
    stage.mishaps = (port, method, [name]) => {
      if (port !== 'checkpoints' || method !== 'load') return undefined;
      if (name === SERVING_NOTE) notes += 1;
      else names += 1;
      return undefined;
    };
    await eventually(() => notes > 4);
    expect(names).toBe(0);
    await one.views.rebuild('sums');
    await eventually(() => serving(other) === 'sums.v1.1');
    // Each of the two reads them twice: what comes with a new note may be older than it.
    await eventually(() => names >= 8);
    const settled = notes;
    await eventually(() => notes > settled + 4);
    const [before, read] = [notes, names];
    await eventually(() => notes > before + 4);
    expect(names).toBe(read);
    stage.mishaps = () => undefined;
  });

  test('a name whose note can not be left is taken over all the same', async () => {
    const [one, other] = [await join(), await join()];
    await write(one, ['a'], 2);
    await handOver(one);
    let saves = 0;
    stage.mishaps = (port, method, [name]) =>
      port === 'checkpoints' && method === 'save' && name === SERVING_NOTE && (saves += 1) > 1 ? 'fails' : undefined;
    await one.views.rebuild('sums').catch(() => undefined);
    await eventually(() => saves > 1);
    await eventually(() => serving(other) === 'sums.v1.1');
    stage.mishaps = () => undefined;
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
