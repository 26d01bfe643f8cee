/**
 * The engine of deadlines alone, over the embedded table of deadlines and a clock of the test. What the market's own
 * deadlines do stands in `test/market/deadlines.test.ts`.
 */
import type { Database } from '../../adapters/embedded/database';
import { SqliteDeadlines } from '../../adapters/embedded/small-stores';
import { DeadlineEngine, type Due, type Look, type Reason } from '../../app/engine/deadlines';
import type { Deadline } from '../../app/engine/ports';
import { Watchdog } from '../../app/engine/watchdog';
import { AlteredReceipt } from '../../domain/kernel/commit';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import { eventually } from '../support/eventually';
import { MemoryDatabase } from '../support/memory-database';
import { Stage, TENANT } from '../support/stage';
import { ManualClock } from '../support/transacting';

const A = `${TENANT}/thing/a`;
const B = `${TENANT}/thing/b`;
const UNKNOWN = 'a deadline has a reason that nobody has registered: it is kept';

let database: MemoryDatabase;
let table: SqliteDeadlines;
let clock: ManualClock;
let reports: { message: string; facts: Record<string, unknown> }[];
/** What was looked at, in order. */
let looked: string[];
let engine: DeadlineEngine;

function newEngine(deadlines = table): DeadlineEngine {
  const report = (message: string, facts: Record<string, unknown>) => void reports.push({ message, facts });
  return new DeadlineEngine(deadlines, new Watchdog(clock, report), clock, report);
}

beforeEach(async () => {
  database = new MemoryDatabase();
  table = await SqliteDeadlines.open(database as unknown as Database);
  clock = new ManualClock();
  reports = [];
  looked = [];
  engine = newEngine();
});

afterEach(async () => {
  await engine.stop();
  database.close();
});

/** So many seconds after now. */
const after = (seconds: number): Time => plusSeconds(toTime(clock.time), seconds);
const wait = (seconds: number) => void (clock.time += seconds * 1_000);
/** As whoever has registered the reason would set it. */
const due = (stream: string, seconds: number, reason = 'thing'): Due => ({
  stream,
  reason: reason as Reason,
  due: after(seconds),
});
const stored = (): Deadline[] => database.all('SELECT stream, reason, due FROM deadlines ORDER BY stream, reason');

/** Looks that are noted; each answers what `then` does. */
const noting =
  (then: Look = async () => undefined): Look =>
  async (stream) => {
    looked.push(stream);
    return await then(stream);
  };

describe('a reason', () => {
  test('is registered once: twice throws, and the first one stays', async () => {
    engine.on('thing', noting());
    expect(() => engine.on('thing', async () => undefined)).toThrow("'thing' of deadlines is registered twice");
    await engine.schedule([due(A, 0)]);
    await engine.fire();
    expect(looked).toEqual([A]);
  });

  test('whose look is no function is refused', () => {
    expect(() => engine.on('thing', 5 as unknown as Look)).toThrow("'thing' is due must be a function");
  });

  test('leads to its own look', async () => {
    engine.on('thing', noting());
    engine.on('other', async (stream) => void looked.push(`other ${stream}`));
    await engine.schedule([due(A, 0), due(A, 0, 'other'), due(B, 0, 'other')]);
    await engine.fire();
    expect(looked.sort()).toEqual([A, `other ${A}`, `other ${B}`]);
    expect(stored()).toEqual([]);
  });

  test('that nobody has registered is not written, and nothing beside it', async () => {
    engine.on('thing', noting());
    await expect(engine.schedule([due(A, 0), due(B, 0, 'unheard-of')])).rejects.toThrow(
      "nobody has registered the reason 'unheard-of'",
    );
    expect(stored()).toEqual([]);
  });

  test('that is stored and nobody has registered is an error at the start, and says which', async () => {
    engine.on('thing', noting());
    await table.schedule([due(A, 9), due(A, 99, 'unheard-of'), due(B, 999, 'unheard-of'), due(B, 9, 'later')]);
    await expect(engine.check()).rejects.toThrow('(later, unheard-of)');
    engine.on('later', noting());
    engine.on('unheard-of', noting());
    await expect(engine.check()).resolves.toBeUndefined();
  });

  test('that is not known when it is due is said and kept for who knows it; the others have their turn', async () => {
    engine.on('thing', noting());
    await table.schedule([due(A, 0, 'unheard-of'), due(B, 1)]);
    wait(1);
    await engine.fire();
    expect(looked).toEqual([B]);
    expect(reports).toEqual([{ message: UNKNOWN, facts: { stream: A, reason: 'unheard-of', due: after(-1) } }]);
    expect(stored()).toEqual([due(A, 60, 'unheard-of')]);
    await engine.fire();
    expect(reports).toHaveLength(1);

    wait(60);
    const knowing = newEngine();
    knowing.on('unheard-of', noting());
    await knowing.fire();
    expect(looked).toEqual([B, A]);
    expect(stored()).toEqual([]);
  });

  test('that is not known when a trigger hands it over is said and kept as well', async () => {
    await engine.fired(due(A, 0, 'unheard-of'));
    expect(reports).toMatchObject([{ message: UNKNOWN, facts: { stream: A, reason: 'unheard-of' } }]);
    expect(stored()).toEqual([due(A, 60, 'unheard-of')]);
  });
});

describe('a deadline', () => {
  test('is fired once, when it is due and not before', async () => {
    engine.on('thing', noting());
    await engine.schedule([due(A, 10)]);
    wait(9.999);
    await engine.fire();
    expect(looked).toEqual([]);
    wait(0.001);
    await engine.fire();
    await engine.fire();
    expect(looked).toEqual([A]);
    expect(stored()).toEqual([]);
  });

  test('whose look says when to look again is fired again then', async () => {
    engine.on(
      'thing',
      noting(async () => (looked.length < 3 ? after(5) : undefined)),
    );
    await engine.schedule([due(A, 0)]);
    await engine.fire();
    expect(stored()).toEqual([due(A, 5)]);
    for (let second = 0; second < 20; second += 1) {
      wait(1);
      await engine.fire();
    }
    expect(looked).toEqual([A, A, A]);
    expect(stored()).toEqual([]);
  });

  test('is not written while an earlier one stands; an earlier one is, and a later one after the look', async () => {
    const written: Deadline[] = [];
    const watched = Object.create(table, {
      schedule: {
        value: async (deadlines: readonly Deadline[]) => {
          written.push(...deadlines);
          await table.schedule(deadlines);
        },
      },
    }) as SqliteDeadlines;
    engine = newEngine(watched);
    engine.on('thing', noting());
    const [first, later, earlier] = [due(A, 10), due(A, 20), due(A, 5)] as const;
    for (const deadline of [first, later, earlier, first]) await engine.schedule([deadline]);
    expect(written).toEqual([first, earlier]);
    wait(10);
    await engine.fire();
    await engine.schedule([later]);
    expect(written).toEqual([first, earlier, later]);
  });

  test('whose look fails is said and tried again soon; the others have their turn', async () => {
    let broken = true;
    engine.on(
      'thing',
      noting(async (stream) => {
        if (stream === A && broken) throw new Error('no luck');
        return undefined;
      }),
    );
    await engine.schedule([due(A, 0), due(B, 0)]);
    await engine.fire();
    expect(looked.sort()).toEqual([A, B]);
    expect(reports).toEqual([{ message: 'a deadline failed', facts: { ...due(A, 0), error: 'Error: no luck' } }]);
    expect(stored()).toEqual([due(A, 1)]);
    broken = false;
    wait(1);
    await engine.fire();
    expect(looked).toEqual([A, B, A]);
    expect(stored()).toEqual([]);
  });

  test('of a stream that was altered is looked at again much later', async () => {
    engine.on('thing', async () => {
      throw new AlteredReceipt(A, 0, 'it was altered');
    });
    await engine.schedule([due(A, 0)]);
    await engine.fire();
    expect(stored()).toEqual([due(A, 60)]);
  });

  test('that a trigger hands over leads to the next one, or is to be handed over again when the look fails', async () => {
    const answers = [async () => after(7), async () => Promise.reject(new Error('no luck'))];
    engine.on('thing', async () => await answers.shift()?.());
    await engine.fired(due(A, 0));
    expect(stored()).toEqual([due(A, 7)]);
    await expect(engine.fired(due(B, 0))).rejects.toThrow('no luck');
    expect(stored()).toEqual([due(A, 7)]);
  });
});

describe('the timer', () => {
  test('fires what is due; stopping waits for the look that is under way, and nothing is fired after it', async () => {
    let finish: () => void = () => undefined;
    engine.on(
      'thing',
      noting(() => new Promise((resolve) => (finish = () => resolve(undefined)))),
    );
    await engine.schedule([due(A, 0)]);
    engine.start(1);
    await eventually(() => looked.length === 1);
    let stopped = false;
    const stopping = engine.stop().then(() => (stopped = true));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([stopped, stored()]).toEqual([false, [due(A, 0)]]);
    finish();
    await stopping;
    expect(stored()).toEqual([]);
    await engine.schedule([due(B, 0)]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(looked).toEqual([A]);
  });
});

describe('a colony', () => {
  let stage: Stage;
  beforeEach(() => {
    stage = new Stage();
  });
  afterEach(() => stage.end());

  test('registers each reason that it stores', async () => {
    const { colony } = await stage.prepare();
    for (const reason of ['task', 'slots', 'presence', 'round', 'approval', 'action', 'delivery'])
      expect(() => colony.deadlines.on(reason, async () => undefined)).toThrow('registered twice');
  });

  test('does not start while a deadline is stored that it does not know, and leaves it there', async () => {
    await (await stage.prepare()).colony.ports.deadlines.schedule([due(A, 0, 'unheard-of')]);
    await expect(stage.start()).rejects.toThrow('(unheard-of)');
    expect(stage.deadlines()).toEqual([due(A, 0, 'unheard-of')]);
  });
});
