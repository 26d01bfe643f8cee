/** Holds for the feed of every EventStore; and how the contract of the store reads and writes. */
import type { Checkpoint, EventStore } from '../../app/engine/ports';
import type { Commit, SealedCommit } from '../../domain/kernel/commit';
import { chain, range } from '../support/commits';
import { eventually } from '../support/eventually';

/** What the suite of the store is on: the store, and a tenant of this test's own. */
export interface Given {
  store(): EventStore;
  tenant(): string;
}

/** The commit as it comes back: JSON knows no `undefined`. */
export const stored = (sealed: readonly SealedCommit[]) =>
  sealed.map(({ commit }) => JSON.parse(JSON.stringify(commit)) as Commit);
export const indexes = (commits: readonly Commit[]) => commits.map(({ index }) => index);

/** Appends commits where the first of them says. */
export const appendTo = async (store: EventStore, commits: readonly SealedCommit[]) => {
  const first = commits[0] as SealedCommit;
  return await store.append({ stream: first.commit.stream, expected: first.commit.index - 1, commits });
};

/** Every commit after `from` in order of delivery, duplicates included. */
async function drain(
  store: EventStore,
  from: Checkpoint | undefined,
  limit: number,
): Promise<{ commits: Commit[]; checkpoints: Checkpoint[] }> {
  const commits: Commit[] = [];
  const checkpoints: Checkpoint[] = [];
  for (let at = from; ;) {
    const page = await store.feed(at, limit);
    expect(page.commits.length).toBeLessThanOrEqual(limit);
    commits.push(...page.commits);
    checkpoints.push(page.checkpoint);
    if (page.end) return { commits, checkpoints };
    expect(page.checkpoint).not.toBe(at); // or it would never end
    at = page.checkpoint;
  }
}

/** What the feed shows of a tenant. Waits until there are `count` different commits. */
export async function feedOf(
  store: EventStore,
  tenant: string,
  from: Checkpoint | undefined,
  limit: number,
  count: number,
): Promise<Commit[]> {
  return await eventually(async () => {
    const commits = (await drain(store, from, limit)).commits.filter(({ stream }) => stream.startsWith(`${tenant}/`));
    return new Set(commits.map(({ hash }) => hash)).size >= count && commits;
  });
}

/** First deliveries have to come in order, without gaps, stream by stream. */
function inOrder(commits: readonly Commit[]): Map<string, Commit[]> {
  const streams = new Map<string, Commit[]>();
  for (const commit of commits) {
    const seen = streams.get(commit.stream) ?? [];
    streams.set(commit.stream, seen);
    if (commit.index < seen.length) expect(commit).toEqual(seen[commit.index]);
    else {
      expect([commit.stream, commit.index]).toEqual([commit.stream, seen.length]);
      seen.push(commit);
    }
  }
  return streams;
}

export function feedTests(given: Given): void {
  describe('the feed', () => {
    let store: EventStore;
    let tenant: string;
    beforeEach(() => {
      store = given.store();
      tenant = given.tenant();
    });
    const write = (commits: readonly SealedCommit[]) => appendTo(store, commits);

    test('shows every commit, in order per stream', async () => {
      const from = await store.end();
      const commits = range(5).map((i) => chain(`${tenant}/task/${i}`, 4));
      for (let round = 0; round < 4; round += 1) for (const each of commits) await write(each.slice(round, round + 1));
      const streams = inOrder(await feedOf(store, tenant, from, 500, 20));
      expect([...streams.keys()].sort()).toEqual(range(5).map((i) => `${tenant}/task/${i}`));
      for (const each of commits) expect(streams.get((each[0] as SealedCommit).commit.stream)).toEqual(stored(each));
    });

    test('from the beginning it shows what was there before', async () => {
      await write(chain(`${tenant}/task/1`, 3));
      expect(indexes([...inOrder(await feedOf(store, tenant, undefined, 500, 3)).values()].flat())).toEqual([0, 1, 2]);
    });

    test.each([1, 2, 3, 7])('a page holds at most %i commits, and any checkpoint leads to the rest', async (limit) => {
      const from = await store.end();
      const chains = ['b', 'c', 'a'].map((id) => chain(`${tenant}/task/${id}`, 4));
      for (const i of range(4)) for (const commits of chains) await write(commits.slice(i, i + 1));
      await feedOf(store, tenant, from, 500, 12);
      const { commits, checkpoints } = await drain(store, from, limit);
      const mine = commits.filter(({ stream }) => stream.startsWith(`${tenant}/`));
      inOrder(mine);
      expect(new Set(mine.map(({ hash }) => hash)).size).toBe(12);
      for (const checkpoint of checkpoints) {
        const before = new Set<string>();
        for (let at: Checkpoint | undefined = from; at !== checkpoint;) {
          const page = await store.feed(at, limit);
          for (const { hash } of page.commits) before.add(hash);
          at = page.checkpoint;
        }
        for (const { hash } of (await drain(store, checkpoint, 500)).commits) before.add(hash);
        expect(mine.every(({ hash }) => before.has(hash))).toBe(true);
      }
    });

    test('after the end there is nothing, until something is written', async () => {
      await write(chain(`${tenant}/task/1`, 2));
      const end = await store.end();
      const page = await store.feed(end, 10);
      expect(page).toMatchObject({ commits: [], end: true });
      const more = chain(`${tenant}/task/2`, 2);
      await write(more);
      expect(await feedOf(store, tenant, page.checkpoint, 10, 2)).toEqual(stored(more));
    });

    test('the newest are given without all before them, in order per stream', async () => {
      const chains = ['a', 'b', 'c'].map((id) => chain(`${tenant}/task/${id}`, 4));
      for (const i of range(4)) for (const commits of chains) await write(commits.slice(i, i + 1));
      const latest = async (count: number) => {
        const found: Commit[] = [];
        for await (const commits of store.latest(count, Date.now())) found.push(...commits);
        return found.filter(({ stream }) => stream.startsWith(`${tenant}/`));
      };
      const all = await eventually(async () => {
        const found = await latest(100_000);
        return found.length >= 12 && found;
      });
      for (const commits of chains) expect(inOrder(all).get(commits[0]!.commit.stream)).toEqual(stored(commits));
      // Where times are told apart by seconds alone, those of another stream may be among them.
      expect((await latest(4)).length).toBeLessThan(12);
    });

    test('a page that comes again is the same page', async () => {
      const from = await store.end();
      await write(chain(`${tenant}/task/1`, 4));
      await feedOf(store, tenant, from, 10, 4);
      const page = await store.feed(from, 3);
      await write(chain(`${tenant}/task/2`, 4));
      expect((await store.feed(from, 3)).commits).toEqual(page.commits);
    });

    test('a reader that follows concurrent writers misses nothing', async () => {
      const from = await store.end();
      const streams = range(8).map((i) => `${tenant}/task/${(i * 5) % 8}`);
      let writing = true;
      const reader = (async () => {
        const seen: Commit[] = [];
        for (let at: Checkpoint = from; ;) {
          const stopped = !writing;
          const page = await store.feed(at, 5);
          seen.push(...page.commits.filter(({ stream }) => stream.startsWith(`${tenant}/`)));
          if (page.end && stopped) return seen;
          if (page.end) await new Promise((resolve) => setImmediate(resolve));
          else expect(page.checkpoint).not.toBe(at);
          at = page.checkpoint;
        }
      })();
      reader.catch(() => undefined); // it is awaited below
      await Promise.all(
        streams.map(async (stream, i) => {
          let last: Commit | undefined;
          for (let n = 0; n < 12; n += 1) {
            const commits = chain(stream, 1 + ((i + n) % 3), last);
            expect(await write(commits)).toEqual({ kind: 'written' });
            last = commits.at(-1)?.commit;
          }
        }),
      );
      await feedOf(store, tenant, from, 500, 8 * 24);
      writing = false;
      const seen = inOrder(await reader);
      for (const stream of streams) expect(seen.get(stream)).toEqual(await store.read(stream, 0, 500));
    });

    test('lag counts the commits between a checkpoint and the end', async () => {
      const from = await store.end();
      expect(await store.lag(from)).toBe(0);
      await write(chain(`${tenant}/task/1`, 3));
      await write(chain(`${tenant}/task/2`, 2));
      await eventually(async () => (await store.lag(from)) === 5);
      expect(await store.lag((await store.feed(from, 2)).checkpoint)).toBe(3);
      expect(await store.lag(await store.end())).toBe(0);
      expect(await store.lag(undefined)).toBeGreaterThanOrEqual(5);
    });

    test.each(['nonsense', '', 'NaN', '-1', '1; DROP TABLE commits', '1.5'])(
      'what is no checkpoint is refused, not taken for a place: %j',
      async (checkpoint) => {
        await expect(store.feed(checkpoint, 10)).rejects.toThrow(RangeError);
        await expect(store.lag(checkpoint)).rejects.toThrow(RangeError);
      },
    );
  });
}
