import type { WorkItem, WorkQueue } from '../../app/engine/ports';
import { plusSeconds } from '../../domain/kernel/time';
import { newTenant } from '../support/commits';
import { HOSTILE, type Timed, type TimedFactory } from './contract';

/** Holds for every WorkQueue. */
export function workQueueContract(name: string, factory: TimedFactory<WorkQueue>): void {
  describe(`work queue contract: ${name}`, () => {
    let opened: Timed<WorkQueue>;
    let store: WorkQueue;
    let queue: string;

    beforeAll(async () => {
      opened = await factory();
      store = opened.store;
    });
    afterAll(() => opened.close());
    beforeEach(() => {
      queue = `queue-${newTenant()}`;
    });

    const send = (...ids: string[]) =>
      store.send(
        queue,
        ids.map((id) => ({ id, body: { of: id } })),
      );
    const receive = (limit = 10, lockSeconds = 30) => store.receive(queue, limit, lockSeconds, opened.now());
    const one = async (lockSeconds = 30): Promise<WorkItem> => {
      const [item] = await receive(1, lockSeconds);
      if (item === undefined) throw new Error('nothing was received');
      return item;
    };
    const ids = (items: readonly { id: string }[]) => items.map(({ id }) => id).sort();

    test('what is sent is received, locked, and gone when completed', async () => {
      await send('a', 'b');
      const items = await receive();
      expect(ids(items)).toEqual(['a', 'b']);
      for (const item of items) expect(item).toMatchObject({ body: { of: item.id }, deliveries: 1 });
      expect(await receive()).toEqual([]);
      for (const item of items) expect(await store.complete(queue, item)).toBe(true);
      await opened.pass(60);
      expect(await receive()).toEqual([]);
      expect(await store.complete(queue, items[0] as WorkItem)).toBe(false);
    });

    test('receives at most as many as asked for', async () => {
      await send('a', 'b', 'c', 'd', 'e');
      const first = await receive(2);
      expect(first).toHaveLength(2);
      const rest = await receive(10);
      expect(ids([...first, ...rest])).toEqual(['a', 'b', 'c', 'd', 'e']);
    });

    test('many receivers at once never get the same item', async () => {
      await send(...Array.from({ length: 30 }, (_, i) => `item-${i}`));
      const received = await Promise.all(Array.from({ length: 10 }, () => receive(4)));
      expect(new Set(ids(received.flat())).size).toBe(received.flat().length);
      expect(received.flat()).toHaveLength(30);
    });

    test('a lock that ends delivers again, and counts', async () => {
      await send('a');
      for (const deliveries of [1, 2, 3]) {
        expect(await one(10)).toMatchObject({ id: 'a', deliveries });
        await opened.pass(9);
        expect(await receive()).toEqual([]);
        await opened.pass(2);
      }
    });

    test('who lost the lock can settle nothing', async () => {
      await send('a');
      const stale = await one(10);
      await opened.pass(11);
      const current = await one(10);
      expect(await store.complete(queue, stale)).toBe(false);
      expect(await store.abandon(queue, stale)).toBe(false);
      expect(await store.deadLetter(queue, stale, 'late')).toBe(false);
      expect(await receive()).toEqual([]);
      expect(await store.dead(queue, 10)).toEqual([]);
      expect(await store.complete(queue, current)).toBe(true);
    });

    test('abandoned, it comes again at once, or not before its time', async () => {
      await send('a');
      expect(await store.abandon(queue, await one())).toBe(true);
      const again = await one();
      expect(again).toMatchObject({ id: 'a', deliveries: 2 });
      expect(await store.abandon(queue, again, plusSeconds(opened.now(), 20))).toBe(true);
      expect(await store.abandon(queue, again)).toBe(false);
      await opened.pass(19);
      expect(await receive()).toEqual([]);
      await opened.pass(1);
      expect(await one()).toMatchObject({ id: 'a', deliveries: 3 });
    });

    test('not before its time is it received', async () => {
      await store.send(queue, [
        { id: 'later', body: 1, notBefore: plusSeconds(opened.now(), 20) },
        { id: 'now', body: 2 },
      ]);
      expect(ids(await receive())).toEqual(['now']);
      await opened.pass(20);
      expect(ids(await receive())).toEqual(['later']);
    });

    test('an id that is queued or locked is not queued again', async () => {
      await send('a');
      await store.send(queue, [{ id: 'a', body: 'another' }]);
      const item = await one();
      expect(item.body).toEqual({ of: 'a' });
      await send('a');
      expect(await receive()).toEqual([]);
      expect(await store.complete(queue, item)).toBe(true);
      await opened.pass(60);
      expect(await receive()).toEqual([]);
    });

    test('an id twice in one call is queued once', async () => {
      await send('a', 'a', 'b');
      expect(ids(await receive())).toEqual(['a', 'b']);
    });

    test('dead letters keep body, count and reason, and are not received', async () => {
      await send('a');
      await store.abandon(queue, await one());
      const item = await one();
      expect(await store.deadLetter(queue, item, `can't "parse"`)).toBe(true);
      expect(await store.deadLetter(queue, item, 'again')).toBe(false);
      expect(await store.complete(queue, item)).toBe(false);
      await opened.pass(600);
      expect(await receive()).toEqual([]);
      expect(await store.dead(queue, 10)).toEqual([
        { id: 'a', body: { of: 'a' }, deliveries: 2, reason: `can't "parse"` },
      ]);
      await send('a');
      expect(await receive()).toEqual([]);
    });

    test('dead letters are listed page by page', async () => {
      await send('a', 'b', 'c', 'd', 'e');
      for (const item of await receive()) await store.deadLetter(queue, item, 'bad');
      const first = await store.dead(queue, 2);
      const second = await store.dead(queue, 2, first.at(-1)?.id);
      const third = await store.dead(queue, 2, second.at(-1)?.id);
      expect([first.length, second.length, third.length]).toEqual([2, 2, 1]);
      expect(ids([...first, ...second, ...third])).toEqual(['a', 'b', 'c', 'd', 'e']);
      expect(await store.dead(queue, 2, third.at(-1)?.id)).toEqual([]);
    });

    test('redriven, it is received with its deliveries counted anew', async () => {
      await send('a', 'b');
      for (const item of await receive()) await store.deadLetter(queue, item, 'bad');
      expect(await store.redrive(queue, 'a')).toBe(true);
      expect(await store.redrive(queue, 'a')).toBe(false);
      expect(await store.redrive(queue, 'none')).toBe(false);
      expect(ids(await store.dead(queue, 10))).toEqual(['b']);
      const item = await one();
      expect(item).toMatchObject({ id: 'a', body: { of: 'a' }, deliveries: 1 });
      expect(await store.complete(queue, item)).toBe(true);
    });

    test('redriving what is alive or locked is refused', async () => {
      await send('a');
      expect(await store.redrive(queue, 'a')).toBe(false);
      const item = await one();
      expect(await store.redrive(queue, 'a')).toBe(false);
      expect(await store.complete(queue, item)).toBe(true);
    });

    test('neighbours that are settled at once, each otherwise, are settled as each was', async () => {
      await send('a', 'b', 'c', 'd');
      const [a, b, c, d] = (await receive(4, 30)) as [WorkItem, WorkItem, WorkItem, WorkItem];
      const settled = [
        store.complete(queue, a),
        store.abandon(queue, b),
        store.deadLetter(queue, c, 'bad'),
        store.complete(queue, d),
      ];
      expect(await Promise.all(settled)).toEqual([true, true, true, true]);
      expect(ids(await receive())).toEqual([b.id]);
      expect((await store.dead(queue, 10)).map(({ id }) => id)).toEqual([c.id]);
    });

    test('queues have nothing in common', async () => {
      const other = `${queue}-b`;
      await send('a');
      await store.send(other, [{ id: 'a', body: 'other' }]);
      const item = await one();
      expect(item.body).toEqual({ of: 'a' });
      expect(await store.complete(other, item)).toBe(false);
      expect((await store.receive(other, 10, 30, opened.now())).map(({ body }) => body)).toEqual(['other']);
      expect(await store.complete(queue, item)).toBe(true);
    });

    test('hostile ids and bodies are only text', async () => {
      const texts = HOSTILE.filter((text) => text !== '');
      await store.send(
        queue,
        texts.map((text) => ({ id: text, body: { text, list: [text, null, 1.5, true] } })),
      );
      const items = await receive(100);
      expect(ids(items)).toEqual([...texts].sort());
      for (const item of items) {
        expect(item.body).toEqual({ text: item.id, list: [item.id, null, 1.5, true] });
        expect(await store.deadLetter(queue, item, item.id)).toBe(true);
      }
      expect((await store.dead(queue, 100)).every(({ id, reason }) => id === reason)).toBe(true);
    });

    test('nothing sent is nothing received; an unknown queue is empty', async () => {
      await store.send(queue, []);
      expect(await receive()).toEqual([]);
      expect(await store.dead(queue, 10)).toEqual([]);
    });

    test('items, locks, counts and dead letters survive a restart', async () => {
      await send('a', 'b', 'c');
      const [first, second] = (await receive(2, 30)) as [WorkItem, WorkItem];
      await store.deadLetter(queue, second, 'bad');
      store = await opened.reopen();
      expect((await store.dead(queue, 10)).map(({ id }) => id)).toEqual([second.id]);
      const [third] = await receive();
      expect(ids([first, second, third as WorkItem])).toEqual(['a', 'b', 'c']);
      expect(await receive()).toEqual([]);
      await opened.pass(31);
      expect((await receive()).find(({ id }) => id === first.id)?.deliveries).toBe(2);
    });
  });
}
