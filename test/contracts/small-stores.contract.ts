import { createHash, randomBytes } from 'node:crypto';
import {
  type BlobArchive,
  type Checkpoints,
  type Deadline,
  type Deadlines,
  KEY_WINDOW_MS,
  type KeyClaim,
  type Keys,
  type Presence,
  type WorkItem,
  type WorkQueue,
} from '../../app/engine/ports';
import { plusSeconds } from '../../domain/kernel/time';
import { newTenant } from '../support/commits';
import { type Factory, HOSTILE, type Opened, type Timed, type TimedFactory } from './contract';

// ----------------------------------------------------------------------------------------------------------- keys

/** Holds for every Keys. */
export function keysContract(name: string, factory: Factory<Keys>): void {
  describe(`keys contract: ${name}`, () => {
    let opened: Opened<Keys>;
    let keys: Keys;
    let tenant: string;
    const at = Date.parse('2026-11-21T10:00:00.000Z');

    beforeAll(async () => {
      opened = await factory();
      keys = opened.store;
    });
    afterAll(() => opened.close());
    beforeEach(() => {
      tenant = newTenant();
    });

    /** Whose the key is then; durable. */
    const claim = async (request: string, more: Partial<KeyClaim> = {}): Promise<string> => {
      const claimed = await keys.claim({ tenant, principal: 'agent-1', key: 'key-1', request, at, ...more });
      await claimed.kept;
      return claimed.request;
    };

    test('the first request has it, whoever asks again', async () => {
      expect([await claim('a'), await claim('b'), await claim('a'), await claim('b')]).toEqual(['a', 'a', 'a', 'a']);
    });

    test('of many at once one is first', async () => {
      const found = await Promise.all(Array.from({ length: 20 }, (_, i) => claim(`request-${i}`)));
      expect(new Set(found).size).toBe(1);
      expect(await claim('another')).toBe(found[0]);
    });

    test('keys of other principals and tenants are others', async () => {
      await claim('a');
      expect(await claim('b', { principal: 'agent-2' })).toBe('b');
      expect(await claim('c', { tenant: newTenant() })).toBe('c');
      expect(await claim('d', { key: 'key-2' })).toBe('d');
      expect(await claim('x')).toBe('a');
    });

    test('it is kept over a restart', async () => {
      await claim('a');
      keys = await opened.reopen();
      expect(await claim('b')).toBe('a');
    });

    test('after the window it is free again', async () => {
      await claim('a');
      expect(await claim('b', { at: at + KEY_WINDOW_MS - 1 })).toBe('a');
      expect(await claim('b', { at: at + KEY_WINDOW_MS })).toBe('b');
      expect(await claim('a', { at: at + KEY_WINDOW_MS + 1 })).toBe('b');
    });

    test('a clock that was set back takes no key away', async () => {
      await claim('a');
      expect(await claim('b', { at: at - 60_000 })).toBe('a');
    });

    test.each(HOSTILE)('keys are only text: %j', async (text) => {
      expect([
        await claim('a', { key: text }),
        await claim('b', { key: `${text} ` }),
        await claim('c', { key: text }),
      ]).toEqual(['a', 'b', 'a']);
    });
  });
}

// ---------------------------------------------------------------------------------------------------- checkpoints

/** Holds for every Checkpoints. */
export function checkpointsContract(name: string, factory: Factory<Checkpoints>): void {
  describe(`checkpoints contract: ${name}`, () => {
    let opened: Opened<Checkpoints>;
    let store: Checkpoints;
    let own: string;

    beforeAll(async () => {
      opened = await factory();
      store = opened.store;
    });
    afterAll(() => opened.close());
    beforeEach(() => {
      own = newTenant();
    });

    test('one that was never saved is undefined', async () => {
      expect(await store.load(own)).toBeUndefined();
    });

    test('the last one saved counts', async () => {
      await store.save(own, '10');
      await store.save(own, '9');
      expect(await store.load(own)).toBe('9');
    });

    test('names don’t touch each other', async () => {
      await store.save(own, 'a');
      await store.save(`${own}-b`, 'b');
      await store.save(`${own}%`, 'c');
      expect([
        await store.load(own),
        await store.load(`${own}-b`),
        await store.load(`${own}%`),
        await store.load(`${own}_b`),
      ]).toEqual(['a', 'b', 'c', undefined]);
    });

    test.each(HOSTILE)('names and checkpoints are only text: %j', async (text) => {
      await store.save(`${own} ${text}`, text);
      expect(await store.load(`${own} ${text}`)).toBe(text);
    });

    test('a long checkpoint is kept whole', async () => {
      const long = 'ö'.repeat(20_000);
      await store.save(own, long);
      expect(await store.load(own)).toBe(long);
    });

    test('is there after a restart', async () => {
      await store.save(own, '42');
      store = await opened.reopen();
      expect(await store.load(own)).toBe('42');
    });
  });
}

// ------------------------------------------------------------------------------------------------------ deadlines

/** Holds for every Deadlines. The factory is asked for an empty store per test. */
export function deadlinesContract(name: string, factory: TimedFactory<Deadlines>): void {
  describe(`deadlines contract: ${name}`, () => {
    let opened: Timed<Deadlines>;
    let store: Deadlines;

    beforeEach(async () => {
      opened = await factory();
      store = opened.store;
    });
    afterEach(() => opened.close());

    const after = (seconds: number) => plusSeconds(opened.now(), seconds);
    const deadline = (id: string, due: string, reason = 'expires'): Deadline => ({
      stream: `acme/task/${id}`,
      reason,
      due,
    });
    const due = (limit = 100) => store.due(opened.now(), limit);

    test('is handed out when it is due, not before', async () => {
      const it = deadline('1', after(10));
      await store.schedule([it]);
      expect(await due()).toEqual([]);
      await opened.pass(9);
      expect(await due()).toEqual([]);
      await opened.pass(1);
      expect(await due()).toEqual([it]);
    });

    test('is handed out again until it is settled, and is gone after that', async () => {
      const it = deadline('1', after(1));
      await store.schedule([it]);
      await opened.pass(1);
      expect(await due()).toEqual([it]);
      expect(await due()).toEqual([it]);
      await store.settle([it], []);
      expect(await due()).toEqual([]);
      await store.settle([it], []);
      expect(await due()).toEqual([]);
    });

    test('comes late rather than never', async () => {
      const it = deadline('1', after(1));
      await store.schedule([it]);
      await opened.pass(90 * 86_400);
      expect(await due()).toEqual([it]);
    });

    test('one that was due before it was scheduled is due', async () => {
      const it = deadline('1', after(-3600));
      await store.schedule([it]);
      expect(await due()).toEqual([it]);
    });

    test('of two the earlier stands, whichever came first', async () => {
      const [first, second] = [deadline('1', after(10)), deadline('2', after(10))];
      await store.schedule([first, deadline('2', after(100))]);
      await store.schedule([deadline('1', after(100)), second]);
      await store.schedule([deadline('1', after(50)), deadline('2', after(50))]);
      await opened.pass(9);
      expect(await due()).toEqual([]);
      await opened.pass(1);
      expect((await due()).map(({ stream }) => stream).sort()).toEqual([first.stream, second.stream]);
      expect((await due()).map((it) => it.due)).toEqual([first.due, first.due]);
    });

    test('twice in one call: the earlier stands', async () => {
      const [sooner, later] = [deadline('1', after(5)), deadline('1', after(20))];
      await store.schedule([later, sooner, later]);
      await opened.pass(5);
      expect(await due()).toEqual([sooner]);
    });

    test('settling takes away what was looked at and schedules what is next, in one step', async () => {
      const [first, other, next] = [deadline('1', after(1)), deadline('2', after(1)), deadline('1', after(30))];
      await store.schedule([first, other]);
      await opened.pass(1);
      await store.settle([first], [next, deadline('3', after(0))]);
      expect((await due()).map(({ stream }) => stream).sort()).toEqual(['acme/task/2', 'acme/task/3']);
      await store.settle(await due(), []);
      await opened.pass(28);
      expect(await due()).toEqual([]);
      await opened.pass(2);
      expect(await due()).toEqual([next]);
    });

    test('settling leaves an earlier one that came in the meantime', async () => {
      const handedOut = deadline('1', after(10));
      await store.schedule([handedOut]);
      await opened.pass(20);
      expect(await due()).toEqual([handedOut]);
      const earlier = { ...handedOut, due: plusSeconds(handedOut.due, -5) };
      await store.schedule([earlier]);
      await store.settle([handedOut], []);
      expect(await due()).toEqual([earlier]);
    });

    test('settling loses none that was scheduled while the earlier one was looked at', async () => {
      // Who looked may not have seen what the later one is for.
      const [looked, soon, late] = [deadline('1', after(1)), deadline('1', after(10)), deadline('1', after(60))];
      await store.schedule([looked]);
      await opened.pass(1);
      const handedOut = await due();
      await store.schedule([late]);
      await store.schedule([soon]);
      await store.settle(handedOut, [deadline('1', after(300))]);
      expect(await due()).toEqual([]);
      await opened.pass(9);
      expect(await due()).toEqual([soon]);
    });

    test('nor one that was scheduled for the same time', async () => {
      const it = deadline('1', after(1));
      await store.schedule([it]);
      await opened.pass(1);
      const handedOut = await due();
      await store.schedule([it]);
      const next = deadline('1', after(30));
      await store.settle(handedOut, [next]);
      expect(await due()).toEqual([it]);
      await store.settle([it], [next]);
      expect(await due()).toEqual([]);
      // And that once more doesn't go on for ever.
      await opened.pass(30);
      expect(await due()).toEqual([next]);
      await store.settle([next], []);
      expect(await due()).toEqual([]);
    });

    test('settling once more takes away nothing that came after', async () => {
      const [first, next] = [deadline('1', after(1)), deadline('1', after(30))];
      await store.schedule([first]);
      await opened.pass(1);
      await store.settle([first], [next]);
      await store.settle([first], []);
      await opened.pass(29);
      expect(await due()).toEqual([next]);
    });

    test('scheduled again after it was settled, it comes again', async () => {
      const it = deadline('1', after(1));
      await store.schedule([it]);
      await opened.pass(1);
      await store.settle(await due(), []);
      await store.schedule([it]);
      expect(await due()).toEqual([it]);
    });

    test('settling one reason leaves the others of its stream', async () => {
      const [it, other, alike] = [
        deadline('1', after(1)),
        deadline('1', after(1), 'reminds'),
        deadline('10', after(1)),
      ];
      await store.schedule([it, other, alike]);
      await opened.pass(1);
      await store.settle([it, deadline('none', after(1))], []);
      expect((await due()).map(({ stream, reason }) => `${stream} ${reason}`).sort()).toEqual([
        'acme/task/1 reminds',
        'acme/task/10 expires',
      ]);
    });

    test('the earliest come first, as many as are asked for', async () => {
      const all = Array.from({ length: 20 }, (_, i) => deadline(String(i), after(1 + ((i * 7) % 20))));
      await store.schedule(all);
      await opened.pass(100);
      const ordered = [...all].sort((a, b) => (a.due < b.due ? -1 : 1));
      expect(await due(5)).toEqual(ordered.slice(0, 5));
      await store.settle(ordered.slice(0, 5), []);
      expect(await due()).toEqual(ordered.slice(5));
    });

    test('tenants and streams with like names are kept apart', async () => {
      const all = ['a/task/1', 'a-b/task/1', 'a/task/1~', 'a/task-1/1', 'a/task/%', 'a/task/A', 'a/task/a'].map(
        (stream) => ({ stream, reason: 'expires', due: after(1) }),
      );
      await store.schedule(all);
      await opened.pass(1);
      await store.settle(
        all.filter(({ stream }) => stream === 'a/task/%' || stream === 'a/task/a'),
        [],
      );
      expect((await due()).map(({ stream }) => stream).sort()).toEqual([
        'a-b/task/1',
        'a/task-1/1',
        'a/task/1',
        'a/task/1~',
        'a/task/A',
      ]);
    });

    test('hostile reasons are only text', async () => {
      const all = HOSTILE.map((reason) => deadline('1', after(1), reason));
      await store.schedule(all);
      await opened.pass(1);
      expect((await due()).map(({ reason }) => reason).sort()).toEqual([...HOSTILE].sort());
      await store.settle(all.slice(1), []);
      expect(await due()).toEqual(all.slice(0, 1));
    });

    test('nothing scheduled or settled is nothing', async () => {
      await store.schedule([]);
      await store.settle([], []);
      expect(await due()).toEqual([]);
    });

    test('survive a restart, also those that fell due meanwhile', async () => {
      const [soon, later] = [deadline('1', after(1)), deadline('2', after(100))];
      await store.schedule([soon, later]);
      await opened.pass(10);
      store = await opened.reopen();
      expect(await due()).toEqual([soon]);
      await store.settle([soon], []);
      store = await opened.reopen();
      await opened.pass(90);
      expect(await due()).toEqual([later]);
    });
  });
}

// ----------------------------------------------------------------------------------------------------- work queue

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

// ---------------------------------------------------------------------------------------------------------- blobs

/** Holds for every BlobArchive. */
export function blobArchiveContract(name: string, factory: Factory<BlobArchive>): void {
  describe(`blob archive contract: ${name}`, () => {
    let opened: Opened<BlobArchive>;
    let store: BlobArchive;
    let tenant: string;

    beforeAll(async () => {
      opened = await factory();
      store = opened.store;
    });
    afterAll(() => opened.close());
    beforeEach(() => {
      tenant = newTenant();
    });

    const referenceOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const get = async (reference: string, whose = tenant) => {
      const bytes = await store.get(whose, reference);
      return bytes === undefined ? undefined : Buffer.from(bytes);
    };

    test.each([0, 1, 255, 70_000, 1_500_000])('%i bytes are kept under the hash of their content', async (size) => {
      const bytes = randomBytes(size);
      const reference = await store.put(tenant, bytes);
      expect(reference).toBe(referenceOf(bytes));
      expect((await get(reference))?.equals(bytes)).toBe(true);
    });

    test('the same bytes twice, and many times at once, are one blob', async () => {
      const bytes = randomBytes(5_000);
      const references = await Promise.all(Array.from({ length: 20 }, () => store.put(tenant, Buffer.from(bytes))));
      expect(new Set(references)).toEqual(new Set([referenceOf(bytes)]));
      expect(await store.put(tenant, bytes)).toBe(references[0]);
      expect((await get(referenceOf(bytes)))?.equals(bytes)).toBe(true);
    });

    test('what the reader does to the bytes doesn’t reach the archive', async () => {
      const bytes = Buffer.from('original');
      const reference = await store.put(tenant, bytes);
      bytes.fill(0);
      ((await store.get(tenant, reference)) as Uint8Array).fill(1);
      expect((await get(reference))?.toString()).toBe('original');
    });

    test('unknown content is undefined', async () => {
      expect(await get(referenceOf(randomBytes(8)))).toBeUndefined();
    });

    test('a reference opens nothing in another tenant', async () => {
      const reference = await store.put(tenant, Buffer.from(`secret of ${tenant}`));
      expect(await get(reference, newTenant())).toBeUndefined();
      expect(await get(reference, `${tenant}-b`)).toBeUndefined();
      expect(await get(reference)).toBeDefined();
    });

    test('what is no reference is undefined', async () => {
      const reference = await store.put(tenant, Buffer.from('content'));
      const hash = reference.slice('sha256:'.length);
      const malformed = [
        '',
        'sha256:',
        hash,
        `md5:${hash}`,
        reference.toUpperCase(),
        `sha256:${hash.toUpperCase()}`,
        `${reference}\n`,
        ` ${reference}`,
        `${reference}0`,
        `sha256:${hash.slice(1)}`,
        `sha256:../${hash.slice(3)}`,
        `sha256:${hash.slice(0, 2)}/${hash}`,
        `../${reference}`,
        `${reference}/..`,
        `${reference}\u0000`,
        'sha256:/etc/passwd',
        `sha256:${'.'.repeat(64)}`,
        `sha256:${'/'.repeat(64)}`,
        `SHA256:${hash}`,
        `sha256:${hash.slice(0, 62)}%2`,
      ];
      for (const bad of malformed) expect([bad, await get(bad)]).toEqual([bad, undefined]);
    });

    test.each([
      '',
      '.',
      '..',
      '../x',
      'a/b',
      'a/../b',
      '/etc',
      'A',
      'a\u0000',
      'a b',
      '-a',
      'a-',
      `${'a'.repeat(64)}`,
      '%2e%2e',
    ])('a tenant that is none reaches no file: %j', async (bad) => {
      const bytes = Buffer.from('content');
      const reference = await store.put(tenant, bytes);
      await expect(store.put(bad, bytes)).rejects.toThrow(RangeError);
      await expect(store.get(bad, reference)).rejects.toThrow(RangeError);
    });

    test('is there after a restart', async () => {
      const bytes = randomBytes(100);
      const reference = await store.put(tenant, bytes);
      store = await opened.reopen();
      expect((await get(reference))?.equals(bytes)).toBe(true);
    });
  });
}

// ------------------------------------------------------------------------------------------------------- presence

/** Holds for every Presence. What it knows after a restart is the adapter's affair. */
export function presenceContract(name: string, factory: Factory<Presence>): void {
  describe(`presence contract: ${name}`, () => {
    let opened: Opened<Presence>;
    let store: Presence;
    let own: string;

    beforeAll(async () => {
      opened = await factory();
      store = opened.store;
    });
    afterAll(() => opened.close());
    beforeEach(() => {
      own = `${newTenant()}/agent/1`;
    });

    test('nothing is known of a key that never beat', async () => {
      expect(await store.last(own)).toBeUndefined();
    });

    test('the last beat counts, of each key its own', async () => {
      store.beat([own, `${own}~`], 1_000);
      store.beat([own], 2_000);
      expect([await store.last(own), await store.last(`${own}~`)]).toEqual([2_000, 1_000]);
    });

    test('a beat that comes late takes back none', async () => {
      store.beat([own], 5_000);
      store.beat([own], 4_000);
      expect(await store.last(own)).toBe(5_000);
    });

    test('forgotten, a key is unknown until it beats again', async () => {
      store.beat([own, `${own}~`], 1_000);
      store.forget([own, `${own}-none`]);
      expect([await store.last(own), await store.last(`${own}~`)]).toEqual([undefined, 1_000]);
      store.beat([own], 500);
      expect(await store.last(own)).toBe(500);
    });

    test('hostile keys are only keys', async () => {
      HOSTILE.forEach((text, i) => store.beat([`${own}${text}`], i + 1));
      for (const [i, text] of HOSTILE.entries()) expect(await store.last(`${own}${text}`)).toBe(i + 1);
    });
  });
}
