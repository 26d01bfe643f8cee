import type { ViewQuery, ViewRow, ViewStore } from '../../app/engine/ports';
import { newTenant } from '../support/commits';
import { type Factory, HOSTILE, type Opened } from './contract';

interface Doc {
  readonly [field: string]: unknown;
}

/** Holds for every ViewStore. */
export function viewStoreContract(name: string, factory: Factory<ViewStore>): void {
  describe(`view store contract: ${name}`, () => {
    let opened: Opened<ViewStore>;
    let store: ViewStore;
    let tenant: string;
    let view: string;
    let views = 0;

    beforeAll(async () => {
      opened = await factory();
      store = opened.store;
    });
    afterAll(() => opened.close());
    beforeEach(async () => {
      tenant = newTenant();
      views += 1;
      view = `view-${tenant}-${views}.v1`;
      await store.declare(view, ['status', 'priority', 'open', 'tags[]']);
    });

    const row = (key: string, source: string, index: number, doc: Doc | null): ViewRow<Doc> => ({
      tenant,
      key,
      source,
      index,
      doc,
    });
    const get = (key: string, source: string) => store.get<Doc>(view, tenant, key, source);
    const sources = async (query: Omit<ViewQuery, 'tenant' | 'limit'>) =>
      (await store.query<Doc>(view, { tenant, limit: 1_000, ...query })).rows.map(({ source }) => source);

    describe('one contribution per source, replaced only by a later one', () => {
      test('a newer index replaces, an older or equal one is ignored', async () => {
        await store.put(view, [row('k', 's', 3, { n: 'third' })]);
        expect(await get('k', 's')).toEqual(row('k', 's', 3, { n: 'third' }));
        await store.put(view, [row('k', 's', 2, { n: 'older' })]);
        expect(await get('k', 's')).toEqual(row('k', 's', 3, { n: 'third' }));
        await store.put(view, [row('k', 's', 3, { n: 'equal' })]);
        expect(await get('k', 's')).toEqual(row('k', 's', 3, { n: 'third' }));
        await store.put(view, [row('k', 's', 4, { n: 'newer' })]);
        expect(await get('k', 's')).toEqual(row('k', 's', 4, { n: 'newer' }));
      });

      test('also within one put, and across puts at the same time', async () => {
        await store.put(view, [row('k', 's', 1, { n: 1 }), row('k', 's', 5, { n: 5 }), row('k', 's', 3, { n: 3 })]);
        expect((await get('k', 's'))?.doc).toEqual({ n: 5 });
        await Promise.all([9, 6, 12, 7, 11, 8, 10].map((n) => store.put(view, [row('k', 's', n, { n })])));
        expect((await get('k', 's'))?.doc).toEqual({ n: 12 });
      });

      test('null hides the contribution, and its index still holds', async () => {
        await store.put(view, [row('k', 's', 1, { status: 'open' }), row('k', 't', 1, { status: 'open' })]);
        await store.put(view, [row('k', 's', 2, null)]);
        expect(await get('k', 's')).toBeUndefined();
        expect(await sources({ key: 'k' })).toEqual(['t']);
        expect(await sources({ where: { status: 'open' } })).toEqual(['t']);
        await store.put(view, [row('k', 's', 1, { status: 'open' })]);
        expect(await get('k', 's')).toBeUndefined();
        await store.put(view, [row('k', 's', 3, { status: 'back' })]);
        expect((await get('k', 's'))?.doc).toEqual({ status: 'back' });
      });

      test('index 0 counts, also when it says null', async () => {
        await store.put(view, [row('k', 's', 0, null), row('k', 't', 0, { n: 0 })]);
        await store.put(view, [row('k', 's', 0, { n: 'late' }), row('k', 't', 0, { n: 'late' })]);
        expect(await get('k', 's')).toBeUndefined();
        expect((await get('k', 't'))?.doc).toEqual({ n: 0 });
      });

      test('the same key holds one contribution per source', async () => {
        await store.put(view, [row('k', 's', 1, { n: 1 }), row('k', 't', 1, { n: 2 }), row('l', 's', 1, { n: 3 })]);
        await store.put(view, [row('k', 's', 2, { n: 10 })]);
        expect([(await get('k', 's'))?.doc, (await get('k', 't'))?.doc, (await get('l', 's'))?.doc]).toEqual([
          { n: 10 },
          { n: 2 },
          { n: 3 },
        ]);
      });

      test('nothing put is nothing done; nothing there is undefined', async () => {
        await store.put(view, []);
        expect(await get('k', 's')).toBeUndefined();
        expect(await store.query(view, { tenant, limit: 10 })).toEqual({ rows: [] });
      });
    });

    describe('queries', () => {
      beforeEach(async () => {
        await store.put(view, [
          row('task/1', 'a', 1, { status: 'open', priority: 5, open: true, tags: ['red', 'blue'] }),
          row('task/2', 'b', 1, { status: 'open', priority: 10, open: false, tags: ['red'] }),
          row('task/3', 'c', 1, { status: 'done', priority: 10, open: true, tags: [] }),
          row('tasks', 'd', 1, { status: 'done', priority: -1, open: false }),
          row('agent', 'e', 1, { status: 'Open', priority: '10' }),
        ]);
      });

      test('answer in order of key and source', async () => {
        await store.put(view, [row('task/2', 'a', 1, {}), row('task/2', 'c', 1, {})]);
        const { rows } = await store.query(view, { tenant, limit: 100 });
        expect(rows.map(({ key, source }) => `${key} ${source}`)).toEqual([
          'agent e',
          'task/1 a',
          'task/2 a',
          'task/2 b',
          'task/2 c',
          'task/3 c',
          'tasks d',
        ]);
      });

      test('by key, and by the start of a key', async () => {
        expect(await sources({ key: 'task/2' })).toEqual(['b']);
        expect(await sources({ key: 'task/' })).toEqual([]);
        expect(await sources({ keyPrefix: 'task/' })).toEqual(['a', 'b', 'c']);
        expect(await sources({ keyPrefix: 'task' })).toEqual(['a', 'b', 'c', 'd']);
        expect(await sources({ keyPrefix: 'TASK' })).toEqual([]);
        expect(await sources({ keyPrefix: '%' })).toEqual([]);
        expect(await sources({ keyPrefix: 'task_' })).toEqual([]);
        expect(await sources({ keyPrefix: '' })).toEqual(['e', 'a', 'b', 'c', 'd']);
      });

      test('a prefix finds keys that go on in any letter', async () => {
        await store.put(
          view,
          ['p', 'p\u0000', 'p~', 'pé', 'p日', 'p\uffff', 'p😀', 'q', 'o\uffff'].map((key, i) =>
            row(key, `s${i}`, 1, {}),
          ),
        );
        expect((await sources({ keyPrefix: 'p' })).sort()).toEqual(['s0', 's1', 's2', 's3', 's4', 's5', 's6']);
      });

      test('by equal fields: strings, numbers, booleans', async () => {
        expect(await sources({ where: { status: 'open' } })).toEqual(['a', 'b']);
        expect(await sources({ where: { priority: 10 } })).toEqual(['b', 'c']);
        expect(await sources({ where: { priority: '10' } })).toEqual(['e']);
        expect(await sources({ where: { open: true } })).toEqual(['a', 'c']);
        expect(await sources({ where: { open: false } })).toEqual(['b', 'd']);
        expect(await sources({ where: { status: 'done', priority: 10 } })).toEqual(['c']);
        expect(await sources({ where: { status: 'nothing' } })).toEqual([]);
      });

      test('by an array that contains the value', async () => {
        expect(await sources({ where: { tags: 'red' } })).toEqual(['a', 'b']);
        expect(await sources({ where: { tags: 'blue' } })).toEqual(['a']);
        expect(await sources({ where: { tags: 're' } })).toEqual([]);
        expect(await sources({ where: { tags: 'red', open: true } })).toEqual(['a']);
      });

      test('by fields at least', async () => {
        expect(await sources({ atLeast: { priority: 5 }, keyPrefix: 'task' })).toEqual(['a', 'b', 'c']);
        expect(await sources({ atLeast: { priority: 5.5 }, keyPrefix: 'task' })).toEqual(['b', 'c']);
        expect(await sources({ atLeast: { priority: -1 }, keyPrefix: 'task' })).toEqual(['a', 'b', 'c', 'd']);
        expect(await sources({ atLeast: { status: 'open' } })).toEqual(['a', 'b']);
        expect(await sources({ atLeast: { nothing: 0 } })).toEqual([]);
      });

      test('all conditions together', async () => {
        expect(
          await sources({ keyPrefix: 'task', where: { open: true, tags: 'red' }, atLeast: { priority: 5 } }),
        ).toEqual(['a']);
        expect(await sources({ key: 'task/3', where: { status: 'open' } })).toEqual([]);
      });

      test.each(["status'", 'a b', 'a"); DROP TABLE x; --', '$.status', '', 'status[]x', '1st'])(
        'a field that is no name is refused: %j',
        async (field) => {
          await expect(store.query(view, { tenant, limit: 1, where: { [field]: 'x' } })).rejects.toThrow(RangeError);
          await expect(store.query(view, { tenant, limit: 1, atLeast: { [field]: 1 } })).rejects.toThrow(RangeError);
          await expect(store.declare(view, [field])).rejects.toThrow(RangeError);
        },
      );
    });

    describe('pages', () => {
      const pages = async (
        limit: number,
        query: Omit<ViewQuery, 'tenant' | 'limit'> = {},
        between?: (page: number) => Promise<void>,
      ) => {
        const found: string[][] = [];
        for (let continuation: string | undefined; ;) {
          const page = await store.query<Doc>(view, { tenant, limit, ...query, continuation });
          found.push(page.rows.map(({ key, source }) => `${key}${source}`));
          expect(found.length).toBeLessThan(100); // or it would never end
          continuation = page.continuation;
          if (continuation === undefined) return found;
          await between?.(found.length);
        }
      };

      beforeEach(async () => {
        await store.put(
          view,
          ['b', 'd', 'f', 'h'].flatMap((key) =>
            ['1', '2'].map((source) => row(key, source, 1, { status: source === '1' ? 'open' : 'done' })),
          ),
        );
      });

      test.each([1, 2, 3, 5, 8, 9])('of %i rows give each row once, in order', async (limit) => {
        const found = await pages(limit);
        expect(found.flat()).toEqual(['b1', 'b2', 'd1', 'd2', 'f1', 'f2', 'h1', 'h2']);
        expect(found.slice(0, -1).every((page) => page.length === limit)).toBe(true);
        expect(found).toHaveLength(Math.ceil(8 / limit));
      });

      test('with conditions', async () => {
        expect(await pages(2, { where: { status: 'open' } })).toEqual([
          ['b1', 'd1'],
          ['f1', 'h1'],
        ]);
        expect(await pages(1, { key: 'd' })).toEqual([['d1'], ['d2']]);
        expect(await pages(1, { keyPrefix: 'f' })).toEqual([['f1'], ['f2']]);
      });

      test('what is written in between moves no other row', async () => {
        const found = await pages(2, {}, async (page) => {
          if (page === 1)
            await store.put(view, [
              row('a', '1', 1, {}),
              row('b', '3', 1, {}),
              row('e', '1', 1, {}),
              row('b', '1', 2, null),
              row('d', '1', 2, {}),
            ]);
          if (page === 2) await store.put(view, [row('d', '2', 2, null), row('z', '1', 1, {})]);
        });
        const flat = found.flat();
        expect(new Set(flat).size).toBe(flat.length);
        expect(flat).toEqual(['b1', 'b2', 'b3', 'd1', 'e1', 'f1', 'f2', 'h1', 'h2', 'z1']);
      });

      test('a continuation with hostile keys goes on where it was', async () => {
        await store.put(
          view,
          HOSTILE.map((text, i) => row(`x${text}`, `${text}${i}`, 1, {})),
        );
        const once = (await pages(1, { keyPrefix: 'x' })).flat();
        expect([...once].sort()).toEqual(HOSTILE.map((text, i) => `x${text}${text}${i}`).sort());
      });

      test.each(['', 'nonsense', 'null', 'WyJhIl0', 'WzEsMl0', '{"a":1}', "'; DROP TABLE x; --", 'AAAA'])(
        'a continuation that is none is refused: %j',
        async (continuation) => {
          await expect(store.query(view, { tenant, limit: 1, continuation })).rejects.toThrow(RangeError);
        },
      );

      test('a thousand rows are one page', async () => {
        const rows = Array.from({ length: 1_001 }, (_, i) => row(`many/${String(i).padStart(4, '0')}`, 's', 1, { i }));
        for (let i = 0; i < rows.length; i += 300) await store.put(view, rows.slice(i, i + 300));
        const page = await store.query<Doc>(view, { tenant, limit: 1_000, keyPrefix: 'many/' });
        expect(page.rows.map(({ doc }) => doc.i)).toEqual(rows.slice(0, 1_000).map(({ doc }) => doc?.i));
        const rest = await store.query<Doc>(view, {
          tenant,
          limit: 1_000,
          keyPrefix: 'many/',
          continuation: page.continuation,
        });
        expect(rest.rows.map(({ doc }) => doc.i)).toEqual([1_000]);
        expect(rest.continuation).toBeUndefined();
      });
    });

    describe('rows that are written once', () => {
      beforeEach(async () => {
        view = `once-${tenant}-${views}.v1`;
        await store.declare(view, [], 'once');
      });
      const many = () =>
        Array.from({ length: 60 }, (_, i) => row(`k${i % 7}`, `s${String(i).padStart(2, '0')}`, -i, { i }));
      const pagesOf = async (key: string, limit: number) => {
        const found: string[][] = [];
        for (let continuation: string | undefined; ;) {
          const page = await store.query<Doc>(view, { tenant, key, limit, continuation });
          found.push(page.rows.map(({ source }) => source));
          continuation = page.continuation;
          if (continuation === undefined) return found;
        }
      };

      test('are found by their keys, page by page and each once, however often they were written', async () => {
        await store.put(view, many().slice(0, 40));
        await Promise.all([store.put(view, many().slice(30)), store.put(view, many().slice(0, 40))]);
        for (const limit of [1, 4, 100]) {
          const found = await pagesOf('k3', limit);
          expect(found.flat()).toEqual(
            many()
              .filter(({ key }) => key === 'k3')
              .map(({ source }) => source),
          );
          expect(found.slice(0, -1).every((page) => page.length === limit)).toBe(true);
        }
        expect(await get('k3', 's10')).toEqual(row('k3', 's10', -10, { i: 10 }));
        expect(await get('k3', 's11')).toBeUndefined();
        expect(await pagesOf('none', 10)).toEqual([[]]);
        expect(await store.tenants(view)).toEqual([tenant]);
        expect((await store.query(view, { tenant: newTenant(), key: 'k3', limit: 10 })).rows).toEqual([]);
      });

      test('that come once more with a higher index replace, with a lower one they change nothing', async () => {
        await store.put(view, [row('k', 's', -3, { n: 3 }), row('k', 't', 0, { n: 0 })]);
        await store.put(view, [row('k', 's', -5, { n: 5 })]);
        expect((await get('k', 's'))?.doc).toEqual({ n: 3 });
        await store.put(view, [row('k', 's', -1, { n: 1 }), row('k', 't', 1, null)]);
        const { rows } = await store.query<Doc>(view, { tenant, key: 'k', limit: 10 });
        expect(rows).toEqual([row('k', 's', -1, { n: 1 })]);
        expect(await get('k', 't')).toBeUndefined();
      });

      test('are gone when the view is dropped', async () => {
        await store.put(view, many());
        await store.drop(view);
        await store.declare(view, [], 'once');
        expect(await pagesOf('k3', 10)).toEqual([[]]);
      });

      test.each(HOSTILE)('hostile text is only text: %j', async (text) => {
        await store.put(view, [
          row(text, text, 1, { text }),
          row(`${text} `, text, 1, {}),
          row('k', `${text}x`, 1, {}),
        ]);
        expect(await get(text, text)).toEqual(row(text, text, 1, { text }));
        expect(await pagesOf(text, 10)).toEqual([[text]]);
      });
    });

    test('tenants see nothing of each other', async () => {
      const others = [`${tenant}-b`, `${tenant}x`, newTenant()];
      await store.put(view, [row('k', 's', 5, { whose: tenant, status: 'open' })]);
      for (const other of others)
        await store.put(view, [
          { tenant: other, key: 'k', source: 's', index: 1, doc: { whose: other, status: 'open' } },
        ]);
      expect((await get('k', 's'))?.doc).toMatchObject({ whose: tenant });
      for (const other of [...others, tenant]) {
        const { rows } = await store.query<Doc>(view, {
          tenant: other,
          limit: 10,
          keyPrefix: '',
          where: { status: 'open' },
        });
        expect(rows.map(({ doc }) => doc.whose)).toEqual([other]);
      }
      expect([...(await store.tenants(view))].sort()).toEqual([...others, tenant].sort());
      expect(await store.get(view, `${tenant}-none`, 'k', 's')).toBeUndefined();
      expect((await store.query(view, { tenant: '%', limit: 10 })).rows).toEqual([]);
    });

    test.each(HOSTILE)('hostile text is only text: %j', async (text) => {
      const doc = { status: text, tags: [text, 'x'], [`field ${text}`]: text };
      await store.put(view, [row(text, text, 1, doc), row('other', 'other', 1, { status: `not ${text}`, tags: [] })]);
      expect(await get(text, text)).toEqual(row(text, text, 1, doc));
      expect(await sources({ key: text })).toEqual([text]);
      expect(await sources({ where: { status: text } })).toEqual([text]);
      expect(await sources({ where: { tags: text } })).toEqual([text]);
      expect((await sources({ keyPrefix: text })).includes(text)).toBe(true);
    });

    describe('views', () => {
      test.each([
        'tasks',
        'Tasks.v1',
        'tasks.v',
        'tasks.v1; DROP TABLE commits',
        'tasks".v1',
        '',
        '.v1',
        '1.v1',
        'tasks.v1 ',
        'ta_sks.v1',
        '../x.v1',
      ])('a name that is none is refused: %j', async (bad) => {
        await expect(store.declare(bad, [])).rejects.toThrow(RangeError);
        await expect(store.put(bad, [row('k', 's', 1, {})])).rejects.toThrow(RangeError);
        await expect(store.get(bad, tenant, 'k', 's')).rejects.toThrow(RangeError);
        await expect(store.query(bad, { tenant, limit: 1 })).rejects.toThrow(RangeError);
        await expect(store.tenants(bad)).rejects.toThrow(RangeError);
        await expect(store.drop(bad)).rejects.toThrow(RangeError);
      });

      test('declaring again changes nothing, with more fields too', async () => {
        await store.put(view, [row('k', 's', 1, { status: 'open', late: 'x' })]);
        await store.declare(view, ['status', 'priority', 'open', 'tags[]', 'late']);
        await store.declare(view, ['status', 'priority', 'open', 'tags[]', 'late']);
        expect(await sources({ where: { late: 'x' } })).toEqual(['s']);
      });

      test('two versions of a view stand beside each other', async () => {
        const second = view.replace('.v1', '.v1.2');
        await store.declare(second, []);
        expect(await store.tenants(second)).toEqual([]);
        await store.put(view, [row('k', 's', 1, { v: 1 })]);
        await store.put(second, [row('k', 's', 1, { v: 2 })]);
        expect((await get('k', 's'))?.doc).toEqual({ v: 1 });
        expect((await store.get<Doc>(second, tenant, 'k', 's'))?.doc).toEqual({ v: 2 });
        expect(await store.list()).toEqual(expect.arrayContaining([view, second]));
        await store.drop(view);
        expect(await store.list()).toContain(second);
        expect(await store.list()).not.toContain(view);
        expect((await store.get<Doc>(second, tenant, 'k', 's'))?.doc).toEqual({ v: 2 });
      });

      test('a view that was dropped and declared anew is empty, and has forgotten the indexes', async () => {
        await store.put(view, [row('k', 's', 9, { n: 'old' })]);
        await store.drop(view);
        await store.drop(view);
        await store.declare(view, ['status', 'tags[]']);
        expect((await store.query(view, { tenant, limit: 10 })).rows).toEqual([]);
        await store.put(view, [row('k', 's', 1, { n: 'new', tags: ['x'] })]);
        expect((await get('k', 's'))?.doc).toEqual({ n: 'new', tags: ['x'] });
        expect(await sources({ where: { tags: 'x' } })).toEqual(['s']);
      });
    });

    test('everything is there after a restart', async () => {
      await store.put(view, [
        row('a', 's', 4, { status: 'open', tags: ['x'] }),
        row('b', 's', 4, null),
        row('c', 's', 4, { status: 'open' }),
      ]);
      const { continuation } = await store.query(view, { tenant, limit: 1 });
      store = await opened.reopen();
      await store.declare(view, ['status', 'priority', 'open', 'tags[]']);
      expect(await store.list()).toContain(view);
      await store.put(
        view,
        ['a', 'b', 'c'].map((key) => row(key, 's', 3, { status: 'late' })),
      );
      expect(await get('a', 's')).toEqual(row('a', 's', 4, { status: 'open', tags: ['x'] }));
      expect(await get('b', 's')).toBeUndefined();
      expect(await sources({ where: { tags: 'x' } })).toEqual(['s']);
      expect((await store.query(view, { tenant, limit: 10, continuation })).rows.map(({ key }) => key)).toEqual(['c']);
    });
  });
}
