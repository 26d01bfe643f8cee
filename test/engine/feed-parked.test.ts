/** Commits that a consumer can not handle, and the queue that they wait in. */
import type { Commit } from '../../domain/kernel/commit';
import { commitRef } from '../../domain/kernel/ids';
import { eventually } from '../support/eventually';
import { Diary, failing, gate, mended, of, refs, reported, stage, start, statusOf, write, X, Y } from './feed-stage';

/** Throws as long as `poisoned` names one of the commits. */
const refusing = (poisoned: Set<string>) => (commits: readonly Commit[]) => {
  const found = refs(commits).find((ref) => poisoned.has(ref));
  if (found !== undefined) throw new Error(`${found} is poison`);
};

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
