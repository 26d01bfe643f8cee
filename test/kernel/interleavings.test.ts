/**
 * Properties of `transact` under every interleaving and fault that fast-check finds: two processes write the same
 * streams of one store, which answers in any order (a scheduler decides), or fails. Whatever happens:
 *
 * - an accepted command is in its stream exactly once, at the place its receipt names, and its answer is the state
 *   there;
 * - a command that failed is there once or not at all;
 * - a refusal was true of a state that the stream had between the question and the answer;
 * - a key is done once; every chain verifies.
 */
import fc from 'fast-check';
import type { Outcome } from '../../app/engine/command';
import type { EventStore } from '../../app/engine/ports';
import { StoreUnavailable } from '../../app/engine/reachable';
import { ChainVerifier, unseal } from '../../domain/kernel/commit';
import { type Decision, Rejection } from '../../domain/kernel/decider';
import { FaultyEventStore, randomFaults } from '../support/faults';
import { MemoryEventStore } from '../support/memory-store';
import {
  add,
  asking,
  fill,
  keyed,
  ManualClock,
  take,
  type Tally,
  tally,
  type TallyEvent,
  transactorOn,
} from '../support/transacting';

interface Command {
  readonly process: number;
  readonly stream: string;
  readonly kind: 'add' | 'take' | 'fill';
  readonly n: number;
  /** Commands of the same stream and key are retries of each other. */
  readonly key?: string;
  /** Gives the command after the command before it was answered, else at once. */
  readonly waits: boolean;
}

const command: fc.Arbitrary<Command> = fc.record({
  process: fc.nat(1),
  stream: fc.constantFrom('acme/tally/1', 'acme/tally/1', 'acme/tally/2'),
  kind: fc.constantFrom('add', 'take', 'fill'),
  n: fc.integer({ min: 1, max: 3 }),
  key: fc.option(fc.constantFrom('k1', 'k2'), { nil: undefined, freq: 3 }),
  waits: fc.boolean(),
});

const DECISIONS = { add, take, fill };

/** The name of a command’s operation: that of its key, so that retries are the same command. */
const opOf = ({ key }: Command, i: number) => key ?? `op-${i}`;
/** What a retry asks for has to be what its first asked for. */
const settled = (commands: readonly Command[]) =>
  commands.map((each) => {
    const first = commands.find(({ key, stream }) => key !== undefined && key === each.key && stream === each.stream);
    return first === undefined ? each : { ...each, kind: first.kind, n: first.n };
  });

interface Answer {
  readonly command: Command;
  readonly op: string;
  readonly decide: Decision<Tally, TallyEvent>;
  /** Indexes of the stream's last commit when the command was given and when it was answered. */
  readonly from: number;
  readonly to: number;
  readonly outcome: Outcome<Tally, TallyEvent> | Error;
}

async function give(
  store: MemoryEventStore,
  transactors: readonly ReturnType<typeof transactorOn>[],
  commands: readonly Command[],
  pause: (i: number) => Promise<unknown>,
): Promise<Answer[]> {
  const headOf = (stream: string) => store.entries(stream).length - 1;
  const answers: Promise<Answer>[] = [];
  for (const [i, each] of settled(commands).entries()) {
    const before = answers.at(-1);
    const op = opOf(each, i);
    const decide = DECISIONS[each.kind](op, each.n);
    answers.push(
      (async () => {
        if (each.waits) await before;
        await pause(i);
        const from = headOf(each.stream);
        const transactor = transactors[each.process] as (typeof transactors)[number];
        const outcome = await transactor
          .transact(tally, each.stream, decide, asking(each.key === undefined ? {} : keyed(each.key)))
          .catch((error: Error) => error);
        return { command: each, op, decide, from, to: headOf(each.stream), outcome };
      })(),
    );
  }
  return await Promise.all(answers);
}

function verify(store: MemoryEventStore, answers: readonly Answer[]): void {
  for (const stream of ['acme/tally/1', 'acme/tally/2']) {
    const verifier = new ChainVerifier(stream);
    expect(store.entries(stream).flatMap((entry) => verifier.next(entry))).toEqual([]);
    const commits = store.entries(stream).map(({ body, hash }) => unseal(body, hash));
    // states[i + 1]: after commit i
    const states: Tally[] = [tally.initial];
    for (const commit of commits) {
      const place = { stream, index: commit.index, at: commit.at, correlationId: commit.meta.correlationId };
      states.push(
        commit.events.reduce((state, event) => tally.evolve(state, event as TallyEvent, place), states.at(-1) as Tally),
      );
    }
    const ops = commits.flatMap(({ events }) => events.map((event) => (event as TallyEvent).data.op));
    expect(new Set(ops).size).toBe(ops.length); // nothing twice
    expect(states.every(({ sum }) => sum >= 0)).toBe(true);

    for (const { command: each, op, decide, from, to, outcome } of answers) {
      if (each.stream !== stream) continue;
      if (outcome instanceof Error) {
        expect(outcome).toBeInstanceOf(StoreUnavailable);
      } else if (outcome.ok && outcome.commit !== undefined) {
        const { commit, version } = outcome;
        expect([commit.hash, version]).toEqual([commits[commit.index]?.hash, commit.index]);
        expect(ops[commit.index]).toBe(op);
        expect(outcome.state).toEqual(states[version + 1]);
        expect(outcome.events).toEqual(commit.events);
        // It was decided on the state before it, and a new one between question and answer.
        expect(decide(states[version] as Tally)).toEqual(outcome.events);
        if (!outcome.repeated) expect(version).toBeGreaterThan(from);
        expect(version).toBeLessThanOrEqual(to);
      } else {
        const between = states.slice(from + 1, to + 2).map((state) => decide(state));
        if (outcome.ok) expect(between).toContainEqual([]);
        else
          expect(
            between.some((answer) => answer instanceof Rejection && answer.message === outcome.rejection.message),
          ).toBe(true);
      }
    }
  }
}

/** The scheduler decides when a call reaches the store, and when its answer reaches the caller. */
function scheduled(store: EventStore, scheduler: fc.Scheduler): EventStore {
  const call =
    <A extends unknown[], T>(name: string, run: (...given: A) => Promise<T>) =>
    async (...given: A): Promise<T> => {
      await scheduler.schedule(Promise.resolve(), `${name} goes`);
      const answer = await run(...given);
      await scheduler.schedule(Promise.resolve(), `${name} comes back`);
      return answer;
    };
  return {
    append: call('append', (append) => store.append(append)),
    head: call('head', (stream) => store.head(stream)),
    snapshot: call('snapshot', (stream, upTo) => store.snapshot(stream, upTo)),
    answered: call('answered', (stream, command, version) => store.answered(stream, command, version)),
    read: call('read', (stream, from, limit) => store.read(stream, from, limit)),
    feed: (from, limit) => store.feed(from, limit),
    lag: (from) => store.lag(from),
    end: () => store.end(),
    latest: (count, now) => store.latest(count, now),
    onAppend: (listener) => store.onAppend(listener),
  };
}

const commands = fc.array(command, { minLength: 2, maxLength: 11 });

test('two processes on the same streams, in any order of calls and answers', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), commands, async (scheduler, given) => {
      const store = new MemoryEventStore();
      const transactors = [0, 1].map(() => transactorOn(scheduled(store, scheduler), { cachedStreams: 4 }));
      const answers = await scheduler.waitFor(
        give(store, transactors, given, (i) => scheduler.schedule(Promise.resolve(), `command ${i}`)),
      );
      expect(answers.every(({ outcome }) => !(outcome instanceof Error))).toBe(true);
      verify(store, answers);
      for (const stream of ['acme/tally/1', 'acme/tally/2']) {
        const { version, hash } = await transactorOn(store).load(tally, stream);
        expect([version, hash ?? undefined]).toEqual([
          store.entries(stream).length - 1,
          store.entries(stream).at(-1)?.hash,
        ]);
      }
    }),
    { numRuns: 250 },
  );
});

test('two processes on a store that fails, loses answers, and writes late', async () => {
  const rates = {
    append: { fails: 0.1, loses: 0.15, late: 0.1, slow: 0.2 },
    head: { fails: 0.05, slow: 0.1 },
    read: { fails: 0.15, slow: 0.2 },
    snapshot: { fails: 0.03 },
    answered: { fails: 0.05, slow: 0.1 },
  };
  let [accepted, failed, refused] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(commands, fc.nat(), fc.nat(), async (given, one, other) => {
      const store = new MemoryEventStore();
      const stores = [one, other].map((seed) => new FaultyEventStore(store, randomFaults(seed, rates)));
      const clock = new ManualClock();
      const transactors = stores.map((each) => transactorOn(each, { clock }));
      const answers = await give(store, transactors, given, async (i) => {
        clock.time += i % 3 === 0 ? -500 : 700;
        await new Promise((resolve) => setImmediate(resolve));
      });
      for (const each of stores) await each.settled();
      verify(store, answers);
      for (const { outcome } of answers) {
        if (outcome instanceof Error) failed += 1;
        else if (outcome.ok) accepted += 1;
        else refused += 1;
      }
    }),
    { numRuns: 400 },
  );
  // The faults have to bite, and not to stop everything.
  expect(failed).toBeGreaterThan(20);
  expect(accepted).toBeGreaterThan(failed);
  expect(refused).toBeGreaterThan(20);
});

test('callers that retry with their key until they are answered: each is done once', async () => {
  const rates = { append: { fails: 0.2, loses: 0.3, late: 0.1 }, read: { fails: 0.2 }, head: { fails: 0.2 } };
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(), async (one, other) => {
      const store = new MemoryEventStore();
      const stores = [one, other].map((seed) => new FaultyEventStore(store, randomFaults(seed, rates)));
      const transactors = stores.map((each) => transactorOn(each));
      const receipts = await Promise.all(
        Array.from({ length: 8 }, async (_, i) => {
          for (let attempt = 0; attempt < 100; attempt += 1) {
            const transactor = transactors[(i + attempt) % 2] as (typeof transactors)[number];
            const outcome = await transactor
              .transact(tally, 'acme/tally/1', add(`op-${i}`, 1), asking(keyed(`key-${i}`)))
              .catch((error: unknown) => error);
            if (!(outcome instanceof Error)) return (outcome as { commit: { index: number } }).commit.index;
          }
          throw new Error('never answered');
        }),
      );
      for (const each of stores) await each.settled();
      expect([...receipts].sort((a, b) => a - b)).toEqual(Array.from({ length: 8 }, (_, i) => i));
      expect(store.entries('acme/tally/1')).toHaveLength(8);
    }),
    { numRuns: 60 },
  );
});

test('a reader of a feed that fails and repeats itself sees every commit, in order per stream', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 7 }), async (seed, limit) => {
      const store = new MemoryEventStore();
      const transactor = transactorOn(store);
      await Promise.all(
        Array.from({ length: 40 }, (_, i) =>
          transactor.transact(tally, `acme/tally/${i % 5}`, add(`op-${i}`, 1), asking()),
        ),
      );
      const faulty = new FaultyEventStore(
        store,
        randomFaults(seed, { feed: { fails: 0.2, again: 0.3, slow: 0.1, loses: 0.1 } }),
      );
      const positions = new Map<string, number>();
      for (let from: string | undefined; ;) {
        const page = await faulty.feed(from, limit).catch(() => undefined);
        if (page === undefined) continue;
        for (const { stream, index } of page.commits) {
          const next = (positions.get(stream) ?? -1) + 1;
          expect(index).toBeLessThanOrEqual(next);
          if (index === next) positions.set(stream, index);
        }
        from = page.checkpoint;
        if (page.end) break;
      }
      expect([...positions.values()]).toEqual([7, 7, 7, 7, 7]);
    }),
    { numRuns: 60 },
  );
});
