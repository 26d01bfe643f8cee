/** Views that are built anew, also across restarts. */
import { eventually } from '../support/eventually';
import {
  buildingOf,
  built,
  door,
  expectRight,
  held,
  names,
  onCall,
  reported,
  stage,
  start,
  type SumDoc,
  write,
} from './view-keeper';

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
