/** Reading the log by pages: what is filtered out costs no requests, and no page holds more than was asked for. */
import { setImmediate as immediate } from 'node:timers/promises';
import fc from 'fast-check';
import { type FollowedPage, Receipts } from '../../app/audit/receipts';
import type { Commit } from '../../domain/kernel/commit';
import { commitRef } from '../../domain/kernel/ids';
import { chain, nextCommit } from '../support/commits';
import { MemoryEventStore } from '../support/memory-store';

async function logOf(categories: readonly string[]): Promise<MemoryEventStore> {
  const store = new MemoryEventStore();
  const last = new Map<string, Commit>();
  for (const category of categories) {
    const stream = `t/${category}/1`;
    const sealed = nextCommit(stream, last.get(stream));
    await store.append({ stream, expected: sealed.commit.index - 1, commits: [sealed] });
    last.set(stream, sealed.commit);
  }
  return store;
}

test('what is rare is found in few pages', async () => {
  const store = await logOf(Array.from({ length: 2_600 }, (_, i) => (i === 2_599 ? 'rare' : 'task')));
  const page = await new Receipts(store).page('t', '0', 1, { category: 'rare' });
  expect(page.commits).toHaveLength(1);
  expect(store.calls.feed).toBeLessThan(10);
});

test('others have their turn between the pages of one answer', async () => {
  const store = await logOf(Array.from({ length: 3_000 }, () => 'task'));
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 0);
  const count = () => {
    turns += 1;
    if (going) setImmediate(count);
  };
  let going = true;
  setImmediate(count);
  await new Receipts(store).page('t', '0', 1, { category: 'none' });
  going = false;
  clearInterval(timer);
  expect(turns).toBeGreaterThanOrEqual(5);
});

test('pages of any size give every receipt once, in order, none larger than asked for', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 60 }),
      fc.integer({ min: 1, max: 7 }),
      async (categories, limit) => {
        const receipts = new Receipts(await logOf(categories));
        const found: number[] = [];
        for (let after = '0', end = false; !end;) {
          const page = await receipts.page('t', after, limit, { category: 'a' });
          expect(page.commits.length).toBeLessThanOrEqual(limit);
          found.push(...page.commits.map(({ index }) => index));
          ({ after, end } = page);
        }
        expect(found).toEqual(
          Array.from({ length: categories.filter((category) => category === 'a').length }, (_, i) => i),
        );
      },
    ),
    { numRuns: 60 },
  );
});

test('nor in bytes, though one receipt is given however large it is', async () => {
  const store = new MemoryEventStore();
  const stream = 't/task/large';
  await store.append({
    stream,
    expected: -1,
    commits: chain(stream, 90, undefined, (n) => ({ n, filler: 'x'.repeat(100_000) })),
  });
  const receipts = new Receipts(store);
  const all = Array.from({ length: 90 }, (_, i) => i);
  for (const bytes of [undefined, 1]) {
    const sizes: number[] = [];
    const found: number[] = [];
    for (let after = '0', end = false; !end;) {
      const page = await receipts.page('t', after, 500, {}, { bytes });
      sizes.push(page.commits.length);
      found.push(...page.commits.map(({ index }) => index));
      ({ after, end } = page);
    }
    expect(found).toEqual(all);
    expect(Math.max(...sizes)).toBe(bytes === undefined ? 40 : 1);
  }
  const found: number[] = [];
  for (let from: number | undefined = 0; from !== undefined;) {
    const { commits, next }: Awaited<ReturnType<Receipts['stream']>> = await receipts.stream(stream, from, 500);
    expect(commits.length).toBeLessThan(60);
    found.push(...commits.map(({ index }) => index));
    from = next;
  }
  expect(found).toEqual(all);
  expect(await receipts.stream(stream, 90, 500)).toEqual({ commits: [], next: undefined });
  expect((await receipts.stream(stream, 80, 10)).next).toBe(90);
});

test('what nobody waits for any more is read no further', async () => {
  const store = await logOf(Array.from({ length: 3_000 }, () => 'task'));
  const gone = new AbortController();
  const page = new Receipts(store).page('t', '0', 1, { category: 'none' }, { signal: gone.signal });
  gone.abort(new Error('the caller has gone'));
  await expect(page).rejects.toThrow('the caller has gone');
  expect(store.calls.feed).toBeLessThan(3);
});

describe('many who follow', () => {
  /** Follows from a place until so many have come; after the third waits as long as `slow` does. `given`: its pages. */
  async function heard(
    receipts: Receipts,
    after: string | undefined,
    count: number,
    slow: () => Promise<unknown> = async () => undefined,
    given = new Set<FollowedPage>(),
  ): Promise<string[]> {
    const stop = new AbortController();
    const found: string[] = [];
    for await (const page of receipts.follow('t', after, {}, stop.signal)) {
      given.add(page);
      const before = found.length;
      found.push(...page.commits.map(({ stream, index }) => commitRef(stream, index)));
      if (before < 3 && found.length >= 3) await slow();
      if (found.length === count) stop.abort();
    }
    return found;
  }

  test('are given what was read once, as one object, and each all of it in order', async () => {
    const store = await logOf(Array.from({ length: 20 }, () => 'task'));
    const receipts = new Receipts(store);
    const end = await receipts.end();
    const given = new Set<FollowedPage>();
    const following = Array.from({ length: 50 }, () => heard(receipts, end, 10, undefined, given));
    await immediate();
    const before = store.calls.feed;
    for (const commit of chain('t/task/2', 10))
      await store.append({ stream: 't/task/2', expected: commit.commit.index - 1, commits: [commit] });
    for (const found of await Promise.all(following))
      expect(found).toEqual(Array.from({ length: 10 }, (_, i) => `t/task/2@${i}`));
    expect(store.calls.feed - before).toBeLessThan(50);
    expect(given.size).toBeLessThanOrEqual(10);
  });

  test('are given the same where a page holds too much to be handed on at once', async () => {
    const store = await logOf([]);
    for (const commit of chain('t/task/2', 60, undefined, (n) => ({ n, filler: 'x'.repeat(30_000) })))
      await store.append({ stream: 't/task/2', expected: commit.commit.index - 1, commits: [commit] });
    const receipts = new Receipts(store);
    const given = new Set<FollowedPage>();
    const before = store.calls.feed;
    for (const found of await Promise.all(Array.from({ length: 50 }, () => heard(receipts, '0', 60, undefined, given))))
      expect(found).toEqual(Array.from({ length: 60 }, (_, i) => `t/task/2@${i}`));
    expect(given.size).toBeLessThan(10);
    expect(store.calls.feed - before).toBeLessThan(50);
  });

  test('who comes later is given what another has read, though more was appended meanwhile', async () => {
    const store = await logOf(Array.from({ length: 2_000 }, () => 'task'));
    const receipts = new Receipts(store);
    const end = await receipts.end();
    const [staying, next] = [heard(receipts, end, 6), heard(receipts, end, 5)];
    const first = new Set<FollowedPage>();
    const all = await heard(receipts, '0', 2_000, undefined, first);
    const more = chain('t/task/2', 6);
    const append = async (commit: (typeof more)[number]) =>
      await store.append({ stream: 't/task/2', expected: commit.commit.index - 1, commits: [commit] });
    for (const commit of more.slice(0, 5)) await append(commit);
    await next;
    const second = new Set<FollowedPage>();
    const found = await heard(receipts, '0', 2_005, undefined, second);
    expect(found.slice(0, 2_000)).toEqual(all);
    expect([...first].filter((page) => second.has(page)).length).toBeGreaterThanOrEqual(first.size - 1);
    await append(more[5] as (typeof more)[number]);
    await staying;
  });

  test('are not held up by one that is slow, which misses nothing', async () => {
    const store = await logOf(['task', 'task', 'task']);
    const receipts = new Receipts(store);
    let release: () => void = () => undefined;
    const slow = heard(receipts, '0', 63, () => new Promise<void>((resolve) => (release = resolve)));
    const quick = heard(receipts, '0', 63);
    for (const commit of chain('t/task/2', 60, undefined, (n) => ({ n, filler: 'x'.repeat(30_000) })))
      await store.append({ stream: 't/task/2', expected: commit.commit.index - 1, commits: [commit] });
    const all = await quick;
    expect(all).toHaveLength(63);
    release();
    expect(await slow).toEqual(all);
  });
});
