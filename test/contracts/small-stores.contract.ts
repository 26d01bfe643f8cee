import { type Checkpoints, KEY_WINDOW_MS, type KeyClaim, type Keys, type Presence } from '../../app/engine/ports';
import { newTenant } from '../support/commits';
import { type Factory, HOSTILE, type Opened } from './contract';

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
      store.forget([own, `${own}-none`], 1_000);
      expect([await store.last(own), await store.last(`${own}~`)]).toEqual([undefined, 1_000]);
      store.beat([own], 1_500);
      expect(await store.last(own)).toBe(1_500);
    });

    test('hostile keys are only keys', async () => {
      HOSTILE.forEach((text, i) => store.beat([`${own}${text}`], i + 1));
      for (const [i, text] of HOSTILE.entries()) expect(await store.last(`${own}${text}`)).toBe(i + 1);
    });
  });
}
