/** Nothing that waits for an agent stays unseen: however many, in whatever order, across restarts and processes. */
import fc from 'fast-check';
import { Doorbells } from '../../app/engine/doorbells';
import { Ordered } from '../../app/engine/ordered';
import { StoreBusy } from '../../app/engine/ports';
import type { Inbox, InboxItem } from '../../app/market/inbox';
import { AlteredReceipt } from '../../domain/kernel/commit';
import { Rejection } from '../../domain/kernel/decider';
import { taskDecider } from '../../domain/market/task';
import { as, later, type Process, profile, spec, Stage, taskOf, TENANT } from '../support/stage';

let stage: Stage;
afterEach(() => stage.end());

const bidder = profile({ offer: null, presence_seconds: 1e9 });
const nameOf = (item: InboxItem): string => `${item.kind} ${item.kind === 'vote' ? item.round : item.task}`;

async function look(
  { colony }: Process,
  id: string,
  options: { offersAfter?: string; waitSeconds?: number; holding?: boolean; signal?: AbortSignal } = {},
): Promise<Inbox> {
  const found = await colony.agents.inbox(as(id), id, { waitSeconds: 0, ...options });
  if (found instanceof Rejection) throw new Error(found.code);
  return found;
}

/** Reads page by page, as an agent does, until a page shows nothing more. */
async function all(
  process: Process,
  id: string,
  after?: string,
): Promise<{ names: string[]; after: string; pages: number }> {
  const names: string[] = [];
  for (let pages = 1; ; pages += 1) {
    const { items, offers_after } = await look(process, id, { offersAfter: after });
    after = offers_after;
    const fresh = items.filter(({ kind }) => kind === 'offer' || kind === 'vote').map(nameOf);
    names.push(...fresh);
    if (fresh.length === 0) return { names, after, pages };
  }
}

const post = (process: Process, id: string, changes: Parameters<typeof spec>[0] = {}) =>
  process.colony.tasks.post(as('eve'), id, spec({ bid_seconds: 3_600, ...changes }));
const ask = (process: Process, id: string, voters: readonly string[]) =>
  process.colony.rounds.open(as('eve'), id, {
    question: `${id}?`,
    kind: 'q',
    choices: ['yes', 'no'],
    impact: 'low',
    round_seconds: 3_600,
    improvement_rounds: 0,
    allow_change: false,
    electorate: {
      algorithm: 'simple_majority',
      voters: voters.map((voter) => ({ id: voter, why: 'x' })),
      min_agreement: 0.5,
      quorum: 0.5,
    },
  });

describe('one process', () => {
  beforeEach(async () => {
    stage = new Stage();
    await stage.start();
    await stage.colony.agents.register(as('ann'), 'ann', bidder);
  });

  /** A process that asks the store for every stream, with the same agent. */
  async function forgetful(): Promise<Process> {
    await stage.end();
    stage = new Stage({ cache: { cachedStreams: 1, cachedBytes: 1 } });
    const process = await stage.start();
    await process.colony.agents.register(as('ann'), 'ann', bidder);
    return process;
  }

  test('offers beyond a page come with the next, whenever they became visible', async () => {
    for (let i = 0; i < 230; i += 1) await post(stage.first, `t${i}`);
    const first = await look(stage.first, 'ann');
    expect(first.items).toHaveLength(100);
    for (let i = 230; i < 260; i += 1) await post(stage.first, `t${i}`);
    const { names, pages } = await all(stage.first, 'ann', first.offers_after);
    expect(new Set([...first.items.map(nameOf), ...names]).size).toBe(260);
    expect([names.length, pages]).toEqual([160, 3]);
  });

  test('an offer shows the payload, though the books hold it of none that waits', async () => {
    const payload = { text: 'x'.repeat(5_000) };
    await post(stage.first, 'large', { payload });
    const { items } = await look(stage.first, 'ann');
    expect(items).toMatchObject([{ kind: 'offer', task: 'large', spec: { payload } }]);
    const waiting = [...stage.colony.market.tasks.longestWaiting(TENANT)].map(({ item }) => item);
    expect(waiting.map(({ id }) => id)).toEqual(['large']);
    expect(JSON.stringify(waiting).length).toBeLessThan(2_500);
  });

  test('a task whose receipts were altered takes no inbox with it', async () => {
    const process = await forgetful();
    for (const id of ['before', 'bad', 'after']) await post(process, id);
    stage.mishaps = (port, _, args) =>
      port === 'store' && args.includes(taskOf('bad'))
        ? Promise.reject(new AlteredReceipt(taskOf('bad'), 0, 'is not what was written'))
        : undefined;
    expect((await all(process, 'ann')).names).toEqual(['offer before', 'offer after']);
  });

  test('nor does one that the agent holds: its other award and what it works on are shown', async () => {
    const process = await forgetful();
    await process.colony.agents.register(as('ann'), 'ann', { ...bidder, capacity: 3 });
    for (const id of ['bad', 'works', 'waits']) {
      await post(process, id, { bid_seconds: 0 });
      await process.colony.tasks.bid(as('ann'), id, { agent: 'ann' });
      await stage.settled();
    }
    for (const id of ['bad', 'works']) await process.colony.tasks.accept(as('ann'), id, { agent: 'ann', award: 1 });
    await stage.settled();
    stage.mishaps = (port, _, args) =>
      port === 'store' && args.includes(taskOf('bad'))
        ? Promise.reject(new AlteredReceipt(taskOf('bad'), 0, 'is not what was written'))
        : undefined;
    const { items } = await look(process, 'ann', { holding: true });
    expect(items.map(nameOf).toSorted()).toEqual(['assignment waits', 'holding works']);
  });

  test('a task that the store is too busy to read keeps nothing else back, and comes with a later page', async () => {
    const process = await forgetful();
    for (const id of ['before', 'busy', 'after']) await post(process, id);
    await ask(process, 'round', ['ann', 'bob']);
    await stage.settled();
    stage.mishaps = (port, _, args) =>
      port === 'store' && args.includes(taskOf('busy')) ? Promise.reject(new StoreBusy('wait', 1)) : undefined;
    const first = await look(process, 'ann');
    expect(first.items.map(nameOf)).toEqual(['vote round', 'offer before']);
    // With nothing else to show it is the store's turn to say so.
    await expect(look(process, 'ann', { offersAfter: first.offers_after })).rejects.toThrow();
    await ask(process, 'another', ['ann', 'bob']);
    await stage.settled();
    const second = await look(process, 'ann', { offersAfter: first.offers_after });
    expect(second.items.map(nameOf)).toEqual(['vote another']);
    stage.mishaps = () => undefined;
    expect((await all(process, 'ann', second.offers_after)).names).toEqual(['offer busy', 'offer after']);
  });

  test('what an agent can do from a moment within a look on is offered by the next', async () => {
    const process = await forgetful();
    await post(process, 'new', { requires: [{ capability: 'other', level: 0.5 }] });
    await post(process, 'known');
    let revised: Promise<unknown> | undefined;
    stage.mishaps = (port, _, args) => {
      if (port !== 'store' || !args.includes(taskOf('known')) || revised !== undefined) return undefined;
      const able = { ...bidder, capabilities: { ...bidder.capabilities, other: 1 } };
      revised = process.colony.agents.register(as('ann'), 'ann', able);
      return revised.then(() => undefined);
    };
    const { items, offers_after } = await look(process, 'ann');
    expect(items.map(nameOf)).toEqual(['offer known']);
    expect(await revised).toMatchObject({ ok: true });
    expect((await all(process, 'ann', offers_after)).names).toContain('offer new');
  });

  test('a hundred offers hide no vote, and a hundred votes no award', async () => {
    for (let i = 0; i < 120; i += 1) await post(stage.first, `t${i}`);
    for (let i = 0; i < 120; i += 1) expect(await ask(stage.first, `r${i}`, ['ann'])).toMatchObject({ ok: true });
    await post(stage.first, 'mine', { bid_seconds: 0 });
    await stage.colony.tasks.bid(as('ann'), 'mine', { agent: 'ann' });
    await stage.settled();
    const page = await look(stage.first, 'ann');
    const count = (kind: string) => page.items.filter((item) => item.kind === kind).length;
    expect([count('assignment'), count('vote'), count('offer')]).toEqual([1, 100, 100]);
    const rest = await all(stage.first, 'ann', page.offers_after);
    expect([
      rest.names.filter((name) => name.startsWith('vote')).length,
      rest.names.filter((name) => name.startsWith('offer')).length,
    ]).toEqual([20, 20]);
  });

  test('large ones share a page by their bytes', async () => {
    for (let i = 0; i < 60; i += 1) await post(stage.first, `t${i}`, { payload: 'x'.repeat(30_000) });
    const page = await look(stage.first, 'ann');
    expect(JSON.stringify(page).length).toBeLessThan(1_100_000);
    expect((await all(stage.first, 'ann', page.offers_after)).names).toHaveLength(60 - page.items.length);
  });

  test('what an agent can do since it was told is shown to it, though it came before', async () => {
    for (let i = 0; i < 120; i += 1) await post(stage.first, `y${i}`, { requires: [{ capability: 'y', level: 0.5 }] });
    const before = await all(stage.first, 'ann');
    expect(before.names).toEqual([]);
    const waiting = look(stage.first, 'ann', { offersAfter: before.after, waitSeconds: 20 });
    await stage.colony.agents.register(as('ann'), 'ann', { ...bidder, capabilities: { x: 1, y: 0.4 } });
    await stage.colony.agents.register(as('ann'), 'ann', { ...bidder, capabilities: { x: 1, y: 0.6 } });
    const page = await waiting;
    expect(page.items).toHaveLength(100);
    expect((await all(stage.first, 'ann', page.offers_after)).names).toHaveLength(20);
  });

  test.each([
    ['it', { kind: 'agent', name: 'ann' }],
    ['its pool', { kind: 'pool', name: 'workers' }],
  ] as const)('what came while a person had paused %s is shown to it after that, at once', async (_, thing) => {
    const { principal } = as('human:root', undefined, 'human');
    const root = { principal: { ...principal, level: 'critical' } } as const;
    await stage.colony.pauses.pause(root, thing, 'maintenance');
    await post(stage.first, 't');
    const before = await all(stage.first, 'ann');
    expect(before.names).toEqual([]);
    const waiting = look(stage.first, 'ann', { offersAfter: before.after, waitSeconds: 20 });
    const started = performance.now();
    await stage.colony.pauses.resume(root, thing);
    expect((await waiting).items.map(nameOf)).toEqual(['offer t']);
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  test.each<[string, (own: string) => Promise<string>]>([
    [
      'of another agent',
      async () => (await stage.colony.agents.register(as('bob'), 'bob', bidder), (await all(stage.first, 'bob')).after),
    ],
    ['that runs ahead', async (own) => own.replace(/^(\w+)\.\d+\.\d+/, '$1.999999999.999999999')],
    ['whose votes run ahead', async (own) => own.replace(/^(\w+)\.(\d+)\.\d+/, '$1.$2.999999999')],
    ['that is none', async () => '_._.1e9_..'],
  ])('a cursor %s hides nothing', async (_, made) => {
    const own = (await all(stage.first, 'ann')).after;
    await post(stage.first, 't');
    await ask(stage.first, 'r', ['ann', 'bob']);
    expect((await all(stage.first, 'ann', await made(own))).names.sort()).toEqual(['offer t', 'vote r']);
  });

  test('a task that waits is offered to whoever takes only what it bids for, and the first bid gets it', async () => {
    const waiting = look(stage.first, 'ann', { waitSeconds: 20 });
    await post(stage.first, 't', { bid_seconds: 0 });
    expect((await waiting).items.map(nameOf)).toEqual(['offer t']);
    await stage.colony.tasks.bid(as('ann'), 't', { agent: 'ann' });
    await stage.settled();
    expect((await look(stage.first, 'ann')).items).toMatchObject([{ kind: 'assignment', task: 't' }]);
  });

  test.each<[string, Parameters<typeof spec>[0], () => Promise<unknown>]>([
    [
      'cleared',
      { oversight: { kind: 'job', why: 'x', confidence: 0.5, impact: 'high', risk: 0, features: {} } },
      () => stage.colony.tasks.clear(as('gate', undefined, 'system'), 't', `${TENANT}/action/a`, undefined),
    ],
    ['redriven', { deadline: '2026-11-21T10:00:30.000Z' }, () => stage.colony.tasks.redrive(as('eve'), 't')],
  ])('%s, a task that collects bids is offered, and those who wait are woken', async (_, changes, act) => {
    await post(stage.first, 't', {
      ...changes,
      ...(changes?.deadline === undefined ? {} : { deadline: later(stage.now, 5) }),
    });
    const { after } = await all(stage.first, 'ann');
    if (changes?.deadline !== undefined) await stage.pass(10);
    const waiting = look(stage.first, 'ann', { offersAfter: after, waitSeconds: 20 });
    const started = performance.now();
    await act();
    expect((await waiting).items.map(nameOf)).toEqual(['offer t']);
    expect(performance.now() - started).toBeLessThan(15_000);
  });

  test('opened again after an attempt, it is offered again', async () => {
    await post(stage.first, 't', { bid_seconds: 0, retry_seconds: 0 });
    await stage.colony.tasks.bid(as('ann'), 't', { agent: 'ann' });
    await stage.settled();
    const { after } = await all(stage.first, 'ann');
    await stage.colony.tasks.release(as('ann'), 't', { agent: 'ann', award: 1 }, 'no time');
    expect((await all(stage.first, 'ann', after)).names).toEqual(['offer t']);
  });

  test('a worker that was started again is told what it holds, where it asks', async () => {
    await stage.colony.agents.register(as('ann'), 'ann', { ...bidder, capacity: 3 });
    for (const id of ['a', 'b']) {
      await post(stage.first, id, { bid_seconds: 0 });
      await stage.colony.tasks.bid(as('ann'), id, { agent: 'ann' });
    }
    await stage.settled();
    await stage.colony.tasks.accept(as('ann'), 'a', { agent: 'ann', award: 1 });
    stage.first.kill();
    await stage.start();
    expect((await look(stage.first, 'ann')).items).toMatchObject([{ kind: 'assignment', task: 'b' }]);
    const { lease_from } = stage.fold(taskDecider, taskOf('a')).state.holder ?? {};
    expect((await look(stage.first, 'ann', { holding: true })).items).toMatchObject([
      {
        kind: 'holding',
        task: 'a',
        award: 1,
        attempt: 1,
        lease_seconds: 30,
        lease_until: later(lease_from as string, 30),
      },
      { kind: 'assignment', task: 'b' },
    ]);
  });

  test('at the end all polls end, also those that begin later', async () => {
    const waiting = look(stage.first, 'ann', { waitSeconds: 30 });
    stage.colony.agents.stop();
    expect((await waiting).items).toEqual([]);
    expect((await look(stage.first, 'ann', { waitSeconds: 30 })).items).toEqual([]);
  });
});

type Step =
  | { readonly do: 'post'; readonly count: number; readonly capability: string }
  | { readonly do: 'ask'; readonly count: number }
  | { readonly do: 'poll'; readonly on: number }
  | { readonly do: 'restart'; readonly on: number }
  | { readonly do: 'settle' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('post' as const),
      count: fc.constantFrom(1, 3, 30, 120),
      capability: fc.constantFrom('x', 'y', 'z'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('ask' as const), count: fc.constantFrom(1, 4, 30) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('poll' as const), on: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), on: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.constant<Step>({ do: 'settle' }) },
);

/** Plays the steps with one agent that gives each cursor back; answers what it was never shown. */
async function unseen(steps: readonly Step[], processes: number): Promise<string[]> {
  stage = new Stage({ shared: processes > 1 });
  for (let i = 0; i < processes; i += 1) await stage.start();
  await stage.colony.agents.register(as('ann'), 'ann', { ...bidder, capabilities: { x: 1, y: 1 } });
  await stage.settled();
  const wanted: string[] = [];
  const shown = new Set<string>();
  let after: string | undefined;
  let number = 0;
  const on = (n: number) => stage.living[n % stage.living.length] as Process;
  const poll = async (process: Process) => {
    const page = await look(process, 'ann', { offersAfter: after });
    after = page.offers_after;
    for (const item of page.items) shown.add(nameOf(item));
    return page.items.length;
  };
  for (const [i, one] of steps.entries()) {
    if (one.do === 'poll') await poll(on(one.on));
    else if (one.do === 'settle') await stage.settled();
    else if (one.do === 'restart') {
      on(one.on).kill();
      await stage.start();
    } else {
      // Posts are under way while the next steps look.
      const ids = Array.from({ length: one.count }, () => `${one.do}-${(number += 1)}`);
      const done = Promise.all(
        ids.map((id) =>
          one.do === 'ask'
            ? ask(on(i), id, ['ann'])
            : post(on(i), id, { requires: [{ capability: one.capability, level: 0 }] }),
        ),
      );
      if (one.do === 'ask' || one.capability !== 'z')
        wanted.push(...ids.map((id) => `${one.do === 'ask' ? 'vote' : 'offer'} ${id}`));
      if (steps[i + 1]?.do === 'poll') await poll(on(i + 1));
      await done;
    }
  }
  await stage.settled();
  // Its requests go to one process and the other, until none has anything more.
  for (let quiet = 0, turn = 0; quiet < processes && turn < 200; turn += 1)
    quiet = (await poll(on(turn))) === 0 ? quiet + 1 : 0;
  await stage.end();
  return wanted.filter((name) => !shown.has(name));
}

test.each([
  ['one process', 1, 25],
  ['two processes on one store', 2, 15],
])(
  'cursors, restarts, orders, counts: everything that waits is shown (%s)',
  async (_, processes, numRuns) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 16 }), async (steps) =>
        expect(await unseen(steps, processes)).toEqual([]),
      ),
      { numRuns, interruptAfterTimeLimit: 120_000, timeout: 30_000 },
    );
  },
  200_000,
);

describe('a bell', () => {
  test('that rings while somebody looks is heard', async () => {
    const bells = new Doorbells();
    let there = false;
    let looks = 0;
    const found = bells.until('k', {
      milliseconds: 20_000,
      look: async () => {
        looks += 1;
        const seen = there;
        // The look was made, its answer takes a while: what comes now is not in it.
        await new Promise((resolve) => setImmediate(resolve));
        if (!seen) {
          there = true;
          bells.ring('k');
        }
        return seen;
      },
      enough: (seen) => seen,
    });
    expect([await found, looks]).toEqual([true, 2]);
  });

  test('that does not ring has nobody look: whoever waits says that it does', async () => {
    const bells = new Doorbells();
    let looks = 0;
    let signs = 0;
    const found = bells.until('k', {
      milliseconds: 20_000,
      everyMs: 2,
      idle: () => {
        signs += 1;
        if (signs === 3) bells.ring('k');
      },
      look: async () => (looks += 1),
      enough: (seen) => seen === 2,
    });
    expect([await found, signs]).toEqual([2, 3]);
    // In the end somebody looks once more.
    const over = bells.until('k', {
      milliseconds: 20,
      everyMs: 2,
      idle: () => undefined,
      look: async () => (looks += 1),
      enough: () => false,
    });
    expect(await over).toBe(4);
  });

  test('is not waited for when nobody waits any more', async () => {
    const bells = new Doorbells();
    const gone = AbortSignal.abort();
    expect(
      await bells.until('k', { milliseconds: 20_000, signal: gone, look: async () => 1, enough: () => false }),
    ).toBe(1);
    const stop = new AbortController();
    const waiting = bells.until('k', {
      milliseconds: 20_000,
      signal: stop.signal,
      look: async () => 2,
      enough: () => false,
    });
    stop.abort();
    expect(await waiting).toBe(2);
  });
});

test('an ordered list is what a sorted one is', () => {
  const change = fc.record({
    item: fc.nat(20),
    key: fc.option(fc.nat(50), { nil: undefined }),
    after: fc.option(fc.nat(50), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 150 }), (changes) => {
      const list = new Ordered<number, number>();
      const model = new Map<number, number>();
      for (const { item, key, after } of changes) {
        if (key === undefined) {
          list.delete(item);
          model.delete(item);
        } else {
          list.set(item, key);
          model.set(item, key);
        }
        const found = [...list.after(after)];
        const keys = found.map((one) => one.key);
        expect(keys).toEqual([...keys].sort((a, b) => a - b));
        expect(found.map((one) => one.item).sort()).toEqual(
          [...model]
            .filter(([, at]) => after === undefined || at > after)
            .map(([one]) => one)
            .sort(),
        );
        expect(list.size).toBe(model.size);
      }
    }),
  );
});
