/** What runs in a colony, and how it is stopped. */
import { Engine } from '../../app/engine/engine';
import type { Module } from '../../app/engine/module';
import type { Publisher } from '../../app/engine/ports';
import { nextComparison, Running } from '../../app/engine/running';
import { SIGNALS } from '../../app/signals/signals-in';
import { CONSUMERS } from '../../domain/kernel/consumers';
import { toMillis } from '../../domain/kernel/time';
import { nextCommit } from '../support/commits';
import { Stage } from '../support/stage';

let stage: Stage;

beforeEach(() => {
  stage = new Stage();
});
afterEach(() => stage.end());

test('the books are compared with the views soon after the start, and then ever more rarely', () => {
  const minutes: number[] = [];
  for (let next = nextComparison(0); minutes.length < 9; next = nextComparison(next)) minutes.push(next);
  expect(minutes).toEqual([1, 3, 7, 15, 31, 63, 123, 183, 243]);
});

test('the names of those who park what they can not handle are the names of those who run, and of the intake', async () => {
  const { colony } = await stage.prepare();
  // What publishes is an adapter.
  const publisher: Publisher['name'] = 'publisher';
  const running = Object.values(colony.running.consumers).flatMap((group) => group.map(({ name }) => name));
  expect([...running, publisher, SIGNALS].toSorted()).toEqual(CONSUMERS.toSorted());
});

test('a colony has started when what its modules start has: what fails there is the failure of its start', async () => {
  const { ports } = (await stage.prepare()).colony;
  const started: string[] = [];
  const start = (name: string) => async () => {
    await new Promise(setImmediate);
    if (name === 'bad') throw new Error('bad does not start');
    started.push(name);
  };
  const of = (...names: string[]) =>
    new Running(
      new Engine({ ...ports, close: async () => undefined }, false),
      names.map((name) => ({ services: {}, start: start(name) })),
      {},
    );
  const good = of('one', 'two');
  await good.start();
  expect(started).toEqual(['one', 'two']);
  await good.stop();
  const bad = of('bad');
  await expect(bad.start()).rejects.toThrow('bad does not start');
  await bad.stop();
});

test('one that is only opened is handed projections; it fills nothing, and hears of nobody, until it is started', async () => {
  const { ports } = (await stage.prepare()).colony;
  const done: string[] = [];
  const { commit } = nextCommit('acme/task/t-1', undefined);
  const engine = new Engine({ ...ports, handed: async () => [commit], close: async () => undefined }, true);
  const note = (what: string) => async () => void done.push(what);
  const module: Module = {
    services: {},
    consumers: {
      projections: [{ name: 'rows', shows: true, handle: note('handled') }],
      publications: [{ name: 'events', handle: note('published') }],
    },
    ...{ open: note('opened'), fill: note('filled'), start: note('started') },
  };
  const running = new Running(engine, [module], { shared: true });
  await running.open();
  await running.open();
  await running.deliver('projections', []);
  // What a stop holds back would wait for ever where no lift is heard of.
  await expect(running.deliver('publications', [])).rejects.toThrow('hears of no stop');
  expect(done).toEqual(['opened', 'handled']);
  await running.start();
  await running.deliver('publications', []);
  expect(done).toEqual(['opened', 'handled', 'filled', 'started', 'published']);
  await running.stop();
});

describe('what can be used while it is filled', () => {
  const startOf = async (fillMore: Module['fillMore'], startPatienceMs?: number): Promise<Running> => {
    const { ports } = (await stage.prepare()).colony;
    const engine = new Engine({ ...ports, close: async () => undefined }, false);
    return new Running(engine, [{ services: {}, fillMore }], { startPatienceMs });
  };

  test('is there when the start is over, where that does not take long', async () => {
    let filled = false;
    const running = await startOf(async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      filled = true;
    });
    await running.start();
    expect(filled).toBe(true);
    await running.stop();
    expect(stage.reports).toEqual([]);
  });

  test('is filled beside what comes, where it does: until it is, or the colony is stopped', async () => {
    let ended = false;
    const running = await startOf(async (signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await new Promise((resolve) => setTimeout(resolve, 20));
      ended = true;
      signal.throwIfAborted();
    }, 1);
    await running.start();
    expect(ended).toBe(false);
    await running.stop();
    expect(ended).toBe(true);
    expect(stage.reports.map(({ message }) => message)).toEqual([
      'the start goes on while tasks that wait are read: each is awarded once it has been',
    ]);
  });

  test('is a failure of the start when it fails within it', async () => {
    const running = await startOf(async () => {
      throw new Error('the view is away');
    });
    await expect(running.start()).rejects.toThrow('the view is away');
    await running.stop();
  });
});

test('what does not stop keeps nothing else open, is reported, and is thrown in the end', async () => {
  const { ports } = (await stage.prepare()).colony;
  const stopped: string[] = [];
  const engine = new Engine({ ...ports, close: async () => void stopped.push('stores') }, false);
  const moduleOf = (name: string, fails: boolean): Module => ({
    services: {},
    stop() {
      if (fails) throw new Error(`${name} does not stop`);
      stopped.push(`${name} begins nothing any more`);
    },
    async finish() {
      if (fails) throw new Error(`${name} does not finish`);
      stopped.push(`${name} is done`);
    },
  });
  const running = new Running(engine, [moduleOf('bad', true), moduleOf('good', false)], {});
  await expect(running.stop()).rejects.toThrow('bad does not stop');
  expect(stopped).toEqual(['good begins nothing any more', 'good is done', 'stores']);
  expect(stage.reports.map(({ facts }) => facts['error'])).toEqual([
    'Error: bad does not stop',
    'Error: bad does not finish',
  ]);
});

describe('views are handed what has happened', () => {
  const PAGE = 20;
  const PERIOD_SECONDS = 30;
  const BUSY = 20 * PERIOD_SECONDS;

  /** One that is handed so many commits with each page, the newest of them so long ago. */
  async function handing(commits: () => number, secondsAgo = 0) {
    const { ports } = (await stage.prepare()).colony;
    const { commit } = nextCommit('acme/task/t-1', undefined);
    stage.clock.time = toMillis(commit.at) + 1_000 * secondsAgo;
    const handed = async () => Array.from({ length: commits() }, () => commit);
    const engine = new Engine({ ...ports, handed, close: async () => undefined }, true);
    let handled = 0;
    const rows = { name: 'rows', shows: true as const, handle: async () => void (handled += 1) };
    const module: Module = {
      services: {},
      consumers: { projections: [rows], publications: [{ ...rows, name: 'other' }] },
    };
    const running = new Running(engine, [module], { shared: true, viewSeconds: PERIOD_SECONDS });
    await running.open();
    return { running, handled: () => handled };
  }

  test('at once where little happens, and where they are behind', async () => {
    const few = await handing(() => PAGE);
    for (let page = 1; page * PAGE < BUSY; page += 1) await few.running.deliver('projections', []);
    await few.running.stop();
    const behind = await handing(() => BUSY, 2);
    await behind.running.deliver('projections', []);
    await behind.running.deliver('projections', []);
    expect(behind.handled()).toBe(2);
    await behind.running.stop();
  });

  test('at once, and the rest of it later where much happens: until then, or until it stops, the page is not over', async () => {
    const { running, handled } = await handing(() => BUSY);
    let isOver = false;
    const page = running.deliver('projections', []).then(() => (isOver = true));
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    expect(handled()).toBe(1);
    expect(isOver).toBe(false);
    // What others are handed is none of that.
    await running.deliver('publications', []);
    await running.stop();
    await page;
    expect(isOver).toBe(true);
  });
});
