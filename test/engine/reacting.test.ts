/** What all reactions do alike: commits by stream and in order, and deadlines even beside a failure. */
import type { Database } from '../../adapters/embedded/database';
import { SqliteDeadlines } from '../../adapters/embedded/small-stores';
import { DeadlineEngine, type Reason } from '../../app/engine/deadlines';
import { type Change, react, type Reaction } from '../../app/engine/reacting';
import { Watchdog } from '../../app/engine/watchdog';
import { plusSeconds, toTime } from '../../domain/kernel/time';
import { chain } from '../support/commits';
import { MemoryDatabase } from '../support/memory-database';
import { MemoryEventStore } from '../support/memory-store';
import { TENANT } from '../support/stage';
import { ManualClock, transactorOn } from '../support/transacting';

const [A, B] = [`${TENANT}/thing/a`, `${TENANT}/thing/b`] as const;
const clock = new ManualClock();
const after = (seconds: number) => plusSeconds(toTime(clock.time), seconds);

let database: MemoryDatabase;
let deadlines: DeadlineEngine;
let thing: Reason;

beforeEach(async () => {
  database = new MemoryDatabase();
  const table = await SqliteDeadlines.open(database as unknown as Database);
  deadlines = new DeadlineEngine(table, new Watchdog(clock, () => undefined), clock, () => undefined);
  thing = deadlines.on('thing', async () => undefined);
});
afterEach(() => database.close());

const commitsOf = (stream: string, count: number) => chain(stream, count).map(({ commit }) => commit);
const stored = () => database.all('SELECT stream, reason, due FROM deadlines ORDER BY stream');
const reacting = (thing: Reaction, commits = [...commitsOf(A, 2), ...commitsOf(B, 2)]) =>
  react(commits, { thing }, { transactor: transactorOn(new MemoryEventStore()), deadlines });

test('the commits of a stream come together, in order; other categories and what does not concern lead to nothing', async () => {
  const [a, b, other] = [commitsOf(A, 3), commitsOf(B, 2), commitsOf(`${TENANT}/other/a`, 1)];
  const mixed = [a[0], b[0], other[0], a[1], b[1], a[2]].flatMap((commit) => commit ?? []);
  const seen: Record<string, unknown> = {};
  const note = async ({ stream, tenant, id, commits, cause }: Change) =>
    void (seen[stream] = { tenant, id, cause: cause.ref, indexes: commits.map(({ index }) => index) });
  await reacting({ concerns: ({ stream, index }) => stream !== B || index > 0, react: note }, mixed);
  expect(seen).toEqual({
    [A]: { tenant: TENANT, id: 'a', cause: `${A}@2`, indexes: [0, 1, 2] },
    [B]: { tenant: TENANT, id: 'b', cause: `${B}@1`, indexes: [1] },
  });
});

test('when one fails, the others have their turn, every deadline is written, and the failure is thrown', async () => {
  const react = async ({ stream, wish }: Change) => {
    wish(thing, after(9));
    wish(thing, undefined);
    wish(thing, after(5));
    if (stream === A) throw new Error('no luck');
    wish(thing, after(7));
  };
  await expect(reacting({ react })).rejects.toThrow('no luck');
  expect(stored()).toEqual([
    { stream: A, reason: 'thing', due: after(5) },
    { stream: B, reason: 'thing', due: after(5) },
  ]);
});

test('a category may be called as something that every object has', async () => {
  await expect(reacting({ react: async () => undefined }, commitsOf(`${TENANT}/constructor/a`, 1))).resolves.toBe(
    undefined,
  );
});

test('a deadline for a reason that nobody has registered is an error', async () => {
  await expect(reacting({ react: async ({ wish }) => wish('unheard-of' as Reason, after(1)) })).rejects.toThrow(
    'unheard-of',
  );
});
