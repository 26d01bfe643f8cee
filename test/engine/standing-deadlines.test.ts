/** What is remembered of deadlines that stand: nothing that is missed by it, and no more than stands. */
import type { Database } from '../../adapters/embedded/database';
import { SqliteDeadlines } from '../../adapters/embedded/small-stores';
import { DeadlineEngine, type Due, type Reason } from '../../app/engine/deadlines';
import { StandingDeadlines } from '../../app/engine/standing-deadlines';
import { Watchdog } from '../../app/engine/watchdog';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import { MemoryDatabase } from '../support/memory-database';
import { TENANT } from '../support/stage';
import { ManualClock } from '../support/transacting';

const A = `${TENANT}/thing/a`;

let clock: ManualClock;
beforeEach(() => {
  clock = new ManualClock();
});

const after = (seconds: number, of = clock): Time => plusSeconds(toTime(of.time), seconds);
const due = (seconds: number, stream = A): Due => ({ stream, reason: 'thing' as Reason, due: after(seconds) });

describe('what is needed', () => {
  test('is the earliest of several, and nothing later than one that stands', () => {
    const standing = new StandingDeadlines(clock, 0);
    expect(standing.needed([due(9), due(5), due(7)])).toEqual([due(5)]);
    standing.written([due(5)]);
    expect(standing.needed([due(5), due(7)])).toEqual([]);
    expect(standing.needed([due(4)])).toEqual([due(4)]);
    standing.fired(due(5));
    expect(standing.needed([due(7)])).toEqual([due(7)]);
  });

  test('is a later one too, once the one that stands may have been looked at elsewhere', () => {
    const standing = new StandingDeadlines(clock, 10);
    standing.written([due(15)]);
    expect(standing.needed([due(20)])).toEqual([]);
    clock.time += 5_000;
    expect(standing.needed([due(20)])).toEqual([due(20)]);
  });
});

test('what nobody here fires is forgotten after its time', () => {
  const standing = new StandingDeadlines(clock, 60);
  let most = 0;
  for (let i = 0; i < 20_000; i += 1) {
    standing.written([due(120, `${TENANT}/thing/${i}`)]);
    clock.time += 1_000;
    most = Math.max(most, standing.size);
  }
  expect(most).toBeLessThan(4_096);
});

describe('processes that share the table', () => {
  let database: MemoryDatabase;
  let table: SqliteDeadlines;
  beforeEach(async () => {
    database = new MemoryDatabase();
    table = await SqliteDeadlines.open(database as unknown as Database);
  });
  afterEach(() => database.close());

  const engine = (own: ManualClock, look: () => Promise<Time | undefined>) => {
    const ignore = () => undefined;
    const made = new DeadlineEngine(table, new Watchdog(own, ignore), own, ignore, { shared: true });
    made.on('thing', look);
    return made;
  };

  test('one whose clock is ahead takes a deadline early: what is wished for here after that is not missed', async () => {
    const ahead = new ManualClock(clock.time + 30_000);
    const here = engine(clock, async () => undefined);
    // The other one finds that nothing waits yet, since what waits is decided after its look.
    const there = engine(ahead, async () => undefined);
    await here.schedule([due(20)]);
    await there.fire();
    await here.schedule([due(25)]);
    expect(database.all('SELECT stream, reason, due FROM deadlines')).toEqual([due(25)]);
  });
});
