import type { EventStore } from '../../app/engine/ports';
import {
  commandName,
  type Commit,
  MAX_COMMIT_BYTES,
  MAX_COMMITS_PER_APPEND,
  type SealedCommit,
} from '../../domain/kernel/commit';
import { chain, commitOfSize, faultsOf, newTenant, nextCommit, range } from '../support/commits';
import { eventually } from '../support/eventually';
import { type Factory, HOSTILE, type Opened } from './contract';
import { appendTo, feedOf, feedTests, indexes, stored } from './feed.contract';

/** Holds for every EventStore. */
export function eventStoreContract(name: string, factory: Factory<EventStore>): void {
  describe(`event store contract: ${name}`, () => {
    let opened: Opened<EventStore>;
    let store: EventStore;
    let tenant: string;

    beforeAll(async () => {
      opened = await factory();
      store = opened.store;
    });
    afterAll(() => opened.close());
    beforeEach(() => {
      tenant = newTenant();
    });

    const write = (commits: readonly SealedCommit[]) => appendTo(store, commits);

    describe('append and read', () => {
      test('what was written is read, unchanged', async () => {
        const stream = `${tenant}/task/1`;
        const commits = chain(stream, 3, undefined, (n) => ({
          n,
          nested: { list: [1, 'two', null, true, { '10': 'x', '9': 'y', b: 1, a: 2 }] },
        }));
        expect(await write(commits.slice(0, 1))).toEqual({ kind: 'written' });
        expect(await write(commits.slice(1))).toEqual({ kind: 'written' });
        const read = await store.read(stream, 0, 10);
        expect(read).toEqual(stored(commits));
        expect(faultsOf(stream, read)).toEqual([]);
      });

      test.each(HOSTILE)('a payload survives byte by byte: %j', async (text) => {
        const stream = `${tenant}/task/1`;
        const commits = [
          nextCommit(stream, undefined, {
            text,
            [`key ${text}`]: [text],
            numbers: [0, -1.5e-9, 1e21, Number.MAX_SAFE_INTEGER, 5e-324],
          }),
        ];
        await write(commits);
        const read = await store.read(stream, 0, 1);
        expect(read).toEqual(stored(commits));
        expect(faultsOf(stream, read)).toEqual([]);
      });

      test('a stream without commits is empty and has no head', async () => {
        expect(await store.read(`${tenant}/task/none`, 0, 10)).toEqual([]);
        expect(await store.head(`${tenant}/task/none`)).toBeUndefined();
      });

      test('the head is the last commit', async () => {
        const commits = chain(`${tenant}/task/1`, 5);
        await write(commits);
        const { index, hash } = (commits[4] as SealedCommit).commit;
        expect(await store.head(`${tenant}/task/1`)).toEqual({ index, hash });
      });

      test('reading pages by index and limit, full pages until the end', async () => {
        const stream = `${tenant}/task/1`;
        await write(chain(stream, 25));
        expect(indexes(await store.read(stream, 0, 10))).toEqual(range(10));
        expect(indexes(await store.read(stream, 10, 10))).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
        expect(indexes(await store.read(stream, 20, 10))).toEqual([20, 21, 22, 23, 24]);
        expect(indexes(await store.read(stream, 24, 1))).toEqual([24]);
        expect(indexes(await store.read(stream, 25, 10))).toEqual([]);
        expect(indexes(await store.read(stream, 3, 1))).toEqual([3]);
      });

      test('a long stream is read in order of its indexes, not of their digits', async () => {
        const stream = `${tenant}/task/1`;
        const commits = chain(stream, 120);
        await write(commits.slice(0, 99));
        await write(commits.slice(99));
        expect(indexes(await store.read(stream, 0, 500))).toEqual(range(120));
        expect((await store.head(stream))?.index).toBe(119);
      });
    });

    describe('the expected version', () => {
      test('a conflict is a value that tells the head, and writes nothing', async () => {
        const stream = `${tenant}/task/1`;
        const commits = chain(stream, 3);
        await write(commits);
        const late = nextCommit(stream, commits[0]?.commit, { late: true });
        expect(await write([late])).toEqual({ kind: 'conflict', head: 2 });
        expect(await store.read(stream, 0, 10)).toEqual(stored(commits));
      });

      test('a stream that is not there conflicts with any version but −1', async () => {
        const commits = chain(`${tenant}/task/1`, 3);
        expect(await write(commits.slice(2))).toEqual({ kind: 'conflict', head: -1 });
        expect(await store.read(`${tenant}/task/1`, 0, 10)).toEqual([]);
        expect(await store.head(`${tenant}/task/1`)).toBeUndefined();
      });

      test('the same commits appended twice are a conflict, and are there once', async () => {
        const stream = `${tenant}/task/1`;
        const from = await store.end();
        const commits = chain(stream, 2);
        expect(await write(commits)).toEqual({ kind: 'written' });
        expect(await write(commits)).toEqual({ kind: 'conflict', head: 1 });
        const both = await Promise.all([write(commits), write(commits)]);
        expect(both).toEqual([
          { kind: 'conflict', head: 1 },
          { kind: 'conflict', head: 1 },
        ]);
        expect(indexes(await store.read(stream, 0, 10))).toEqual([0, 1]);
        expect(new Set((await feedOf(store, tenant, from, 10, 2)).map(({ hash }) => hash)).size).toBe(2);
      });

      test('a gap is refused', async () => {
        const stream = `${tenant}/task/1`;
        const commits = chain(stream, 4);
        await expect(store.append({ stream, expected: -1, commits: commits.slice(1, 2) })).rejects.toThrow(RangeError);
        await expect(
          store.append({ stream, expected: -1, commits: [commits[0] as SealedCommit, commits[2] as SealedCommit] }),
        ).rejects.toThrow(RangeError);
        await expect(store.append({ stream, expected: 0, commits: commits.slice(0, 1) })).rejects.toThrow(RangeError);
        expect(await store.read(stream, 0, 10)).toEqual([]);
      });

      test('a commit of another stream is refused', async () => {
        const commits = chain(`${tenant}/task/1`, 1);
        await expect(store.append({ stream: `${tenant}/task/2`, expected: -1, commits })).rejects.toThrow(RangeError);
        expect(await store.read(`${tenant}/task/2`, 0, 10)).toEqual([]);
      });

      test('of many appends at one version exactly one wins', async () => {
        const stream = `${tenant}/task/1`;
        let last: Commit | undefined;
        for (let index = 0; index < 4; index += 1) {
          const rivals = range(20).map((rival) => nextCommit(stream, last, { rival }));
          const results = await Promise.all(rivals.map((rival) => write([rival])));
          const winners = rivals.filter((_, i) => results[i]?.kind === 'written');
          expect(winners).toHaveLength(1);
          for (const result of results) if (result.kind === 'conflict') expect(result.head).toBe(index);
          last = winners[0]?.commit;
          expect(await store.read(stream, index, 10)).toEqual(stored(winners));
        }
        expect(faultsOf(stream, await store.read(stream, 0, 10))).toEqual([]);
      });

      test('writers that fight over one stream: each index is won once, and what was acknowledged is there', async () => {
        const stream = `${tenant}/task/1`;
        const won: Commit[] = [];
        await Promise.all(
          range(6).map(async (writer) => {
            for (let done = 0; done < 5;) {
              const [last] = await store.read(stream, (await store.head(stream))?.index ?? -1, 1);
              const commits = chain(stream, 1 + (done % 2), last, () => ({ writer, done }));
              if ((await write(commits)).kind === 'written') {
                won.push(...commits.map(({ commit }) => commit));
                done += 1;
              }
            }
          }),
        );
        const read = await store.read(stream, 0, 500);
        expect(faultsOf(stream, read)).toEqual([]);
        expect(read.map(({ hash }) => hash).sort()).toEqual(won.map(({ hash }) => hash).sort());
      });

      test('appends to many streams at once don’t disturb each other', async () => {
        const chains = range(40).map((i) => chain(`${tenant}/task/${i}`, 3));
        const results = await Promise.all(chains.map(write));
        expect(results.every(({ kind }) => kind === 'written')).toBe(true);
        for (const commits of chains) {
          const { stream } = (commits[0] as SealedCommit).commit;
          expect(await store.read(stream, 0, 10)).toEqual(stored(commits));
        }
      });
    });

    describe('limits', () => {
      test('0 commits are refused, 99 go together, 100 are refused', async () => {
        const stream = `${tenant}/task/1`;
        await expect(store.append({ stream, expected: -1, commits: [] })).rejects.toThrow(RangeError);
        await expect(write(chain(stream, 100))).rejects.toThrow(RangeError);
        expect(await store.head(stream)).toBeUndefined();
        expect(await write(chain(stream, 99))).toEqual({ kind: 'written' });
        expect((await store.head(stream))?.index).toBe(98);
      });

      test.each(['x', 'é', '日'])('256 KB fit, a byte more is refused (%s)', async (filler) => {
        const largest = commitOfSize(`${tenant}/task/1`, MAX_COMMIT_BYTES, filler);
        expect(Buffer.byteLength(largest.body)).toBe(MAX_COMMIT_BYTES);
        expect(await write([largest])).toEqual({ kind: 'written' });
        expect(await store.read(`${tenant}/task/1`, 0, 1)).toEqual(stored([largest]));
        await expect(write([commitOfSize(`${tenant}/task/2`, MAX_COMMIT_BYTES + 1, filler)])).rejects.toThrow(
          RangeError,
        );
        expect(await store.head(`${tenant}/task/2`)).toBeUndefined();
      });

      test('one bad commit refuses the whole append', async () => {
        const stream = `${tenant}/task/1`;
        const [first, second] = chain(stream, 2, undefined, (n) =>
          n === 1 ? { filler: 'x'.repeat(MAX_COMMIT_BYTES) } : {},
        );
        await expect(write([first as SealedCommit, second as SealedCommit])).rejects.toThrow(RangeError);
        expect(await store.read(stream, 0, 10)).toEqual([]);
      });

      test('a refused append harms no other that waits with it', async () => {
        const good = range(10).map((i) => chain(`${tenant}/task/${i}`, 2));
        const [, ...results] = await Promise.allSettled([
          write([commitOfSize(`${tenant}/task/bad`, MAX_COMMIT_BYTES + 1)]),
          ...good.map(write),
        ]);
        expect(results).toEqual(good.map(() => ({ status: 'fulfilled', value: { kind: 'written' } })));
      });
    });

    describe('tenants and names', () => {
      test('streams of the same id in two tenants have nothing in common', async () => {
        const other = newTenant();
        const mine = chain(`${tenant}/task/1`, 2, undefined, () => ({ whose: tenant }));
        const theirs = chain(`${other}/task/1`, 1, undefined, () => ({ whose: other }));
        expect([await write(mine), await write(theirs)]).toEqual([{ kind: 'written' }, { kind: 'written' }]);
        expect(await store.read(`${tenant}/task/1`, 0, 10)).toEqual(stored(mine));
        expect(await store.read(`${other}/task/1`, 0, 10)).toEqual(stored(theirs));
        expect((await store.head(`${other}/task/1`))?.index).toBe(0);
      });

      test('names that are prefixes, patterns or spellings of each other are different streams', async () => {
        const names = [
          `${tenant}/task/a`,
          `${tenant}-b/task/a`,
          `${tenant}/task/a-b`,
          `${tenant}/task-b/a`,
          `${tenant}/task/A`,
          `${tenant}/task/a_b`,
          `${tenant}/task/aXb`,
          `${tenant}/task/a%`,
          `${tenant}/task/a~b`,
          `${tenant}/task/a.b`,
          `${tenant}/task/a:b`,
          `${tenant}/task/_`,
          `${tenant}/task/%`,
          `${tenant}/task/~`,
          `${tenant}/task/0`,
          `${tenant}/task/00`,
          `${tenant}/task/1e0`,
          `${tenant}/task/a@1`,
          `${tenant}/task/${'x'.repeat(128)}`,
          `${tenant}/task/${'x'.repeat(127)}y`,
        ];
        const chains = names.map((stream, i) => chain(stream, 1 + (i % 3)));
        for (const commits of chains) expect(await write(commits)).toEqual({ kind: 'written' });
        for (const [i, stream] of names.entries()) {
          expect(await store.read(stream, 0, 10)).toEqual(stored(chains[i] as SealedCommit[]));
          expect((await store.head(stream))?.index).toBe(i % 3);
        }
      });
    });

    describe('answers', () => {
      const keyed = (stream: string, count: number, key: (n: number) => string | undefined) => {
        const commits: SealedCommit[] = [];
        for (let n = 0; n < count; n += 1)
          commits.push(nextCommit(stream, commits.at(-1)?.commit, { n }, { commandId: key(n) }));
        return commits;
      };

      test('a commit is found by the command that it answers, and the last one of several', async () => {
        const stream = `${tenant}/task/1`;
        await write(keyed(stream, 4, (n) => ['a', undefined, 'b', 'a'][n]));
        const find = (key: string, actor = 'agent-1', where = stream) =>
          store.answered(where, commandName(actor, key), 3);
        expect(await find('a')).toBe(3);
        expect(await find('b')).toBe(2);
        expect(await find('c')).toBeUndefined();
        expect(await find('a', 'agent-2')).toBeUndefined();
        expect(await find('a', 'agent-1', `${tenant}/task/10`)).toBeUndefined();
      });

      test('a full append of answers is found, also after a restart', async () => {
        const stream = `${tenant}/task/1`;
        await write(keyed(stream, MAX_COMMITS_PER_APPEND, (n) => `key-${n}`));
        store = await opened.reopen();
        for (const n of [0, 50, MAX_COMMITS_PER_APPEND - 1])
          expect(await store.answered(stream, commandName('agent-1', `key-${n}`), MAX_COMMITS_PER_APPEND - 1)).toBe(n);
      });

      test('nothing is remembered of an append that lost', async () => {
        const stream = `${tenant}/task/1`;
        await write(keyed(stream, 1, () => 'first'));
        expect(await store.append({ stream, expected: -1, commits: keyed(stream, 1, () => 'lost') })).toEqual({
          kind: 'conflict',
          head: 0,
        });
        expect(await store.answered(stream, commandName('agent-1', 'lost'), 0)).toBeUndefined();
      });

      test.each(HOSTILE)('keys are only text: %j', async (text) => {
        const stream = `${tenant}/task/1`;
        await write(keyed(stream, 2, (n) => (n === 0 ? `${text}.` : `${text},`)));
        expect(await store.answered(stream, commandName('agent-1', `${text}.`), 1)).toBe(0);
      });
    });

    describe('snapshots', () => {
      const state = { text: `it's "ö" 😀`, list: [1, 2.5, null, true], nested: { '9': 1, '10': 2 } };

      test('a snapshot stays while the stream grows, until the next one', async () => {
        const stream = `${tenant}/task/1`;
        const commits = chain(stream, 4);
        expect(await store.snapshot(stream)).toBeUndefined();
        await store.append({
          stream,
          expected: -1,
          commits: commits.slice(0, 2),
          snapshot: { version: 3, index: 1, state },
        });
        expect(await store.snapshot(stream)).toEqual({ version: 3, index: 1, state });
        await store.append({ stream, expected: 1, commits: commits.slice(2, 3) });
        expect(await store.snapshot(stream)).toEqual({ version: 3, index: 1, state });
        expect((await store.head(stream))?.index).toBe(2);
        await store.append({
          stream,
          expected: 2,
          commits: commits.slice(3),
          snapshot: { version: 4, index: 3, state: { later: true } },
        });
        expect(await store.snapshot(stream)).toEqual({ version: 4, index: 3, state: { later: true } });
        expect(await store.snapshot(`${tenant}/task/10`)).toBeUndefined();
      });

      test('a large snapshot comes back too', async () => {
        const stream = `${tenant}/task/1`;
        const large = { filler: 'ö'.repeat(40_000) };
        await store.append({
          stream,
          expected: -1,
          commits: chain(stream, 1),
          snapshot: { version: 1, index: 0, state: large },
        });
        expect((await store.snapshot(stream))?.state).toEqual(large);
      });

      test('one of long ago is found up to an index, if one is still there', async () => {
        const stream = `${tenant}/task/1`;
        const commits = chain(stream, 9);
        for (let n = 0; n < 9; n += 3)
          await store.append({
            stream,
            expected: n - 1,
            commits: commits.slice(n, n + 3),
            snapshot: { version: 1, index: n + 2, state: { n } },
          });
        expect(await store.snapshot(stream, 1)).toBeUndefined();
        expect(await store.snapshot(stream, 2)).toEqual({ version: 1, index: 2, state: { n: 0 } });
        expect(await store.snapshot(stream, 7)).toEqual({ version: 1, index: 5, state: { n: 3 } });
        expect(await store.snapshot(stream, 100)).toEqual({ version: 1, index: 8, state: { n: 6 } });
      });

      test('the snapshot of an append that lost is not kept', async () => {
        const stream = `${tenant}/task/1`;
        const commits = chain(stream, 2);
        await store.append({ stream, expected: -1, commits, snapshot: { version: 1, index: 1, state: 'first' } });
        await store.append({
          stream,
          expected: -1,
          commits: chain(stream, 1),
          snapshot: { version: 1, index: 0, state: 'lost' },
        });
        expect(await store.snapshot(stream)).toEqual({ version: 1, index: 1, state: 'first' });
        await store.append({
          stream: `${tenant}/task/2`,
          expected: 0,
          commits: chain(`${tenant}/task/2`, 2).slice(1),
          snapshot: { version: 1, index: 1, state: 'lost' },
        });
        expect(await store.snapshot(`${tenant}/task/2`)).toBeUndefined();
      });
    });

    feedTests({ store: () => store, tenant: () => tenant });

    test('onAppend rings after an append of this process, until it is stopped', async () => {
      let rings = 0;
      let alsoRings = 0;
      const stop = store.onAppend(() => (rings += 1));
      const alsoStop = store.onAppend(() => (alsoRings += 1));
      const commits = chain(`${tenant}/task/1`, 3);
      await write(commits.slice(0, 1));
      expect([rings, alsoRings]).toEqual([1, 1]);
      stop();
      await write(commits.slice(1, 2));
      expect([rings, alsoRings]).toEqual([1, 2]);
      alsoStop();
      await write(commits.slice(2));
      expect([rings, alsoRings]).toEqual([1, 2]);
    });

    test('everything is there after a restart', async () => {
      const from = await store.end();
      const commits = chain(`${tenant}/task/1`, 6);
      await store.append({
        stream: `${tenant}/task/1`,
        expected: -1,
        commits: commits.slice(0, 4),
        snapshot: { version: 1, index: 3, state: { a: 1 } },
      });
      const first = await eventually(async () => {
        const page = await store.feed(from, 2);
        return page.commits.length === 2 && page;
      });
      store = await opened.reopen();
      expect(await store.read(`${tenant}/task/1`, 0, 10)).toEqual(stored(commits.slice(0, 4)));
      expect(await store.head(`${tenant}/task/1`)).toEqual({ index: 3, hash: commits[3]?.commit.hash });
      expect(await store.snapshot(`${tenant}/task/1`)).toEqual({ version: 1, index: 3, state: { a: 1 } });
      expect(await write(commits.slice(3))).toEqual({ kind: 'conflict', head: 3 });
      expect(await write(commits.slice(4))).toEqual({ kind: 'written' });
      expect(indexes([...first.commits, ...(await feedOf(store, tenant, first.checkpoint, 3, 4))])).toEqual(range(6));
      expect(await store.lag(await store.end())).toBe(0);
    });
  });
}
