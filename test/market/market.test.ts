import fc from 'fast-check';
import { canonicalize, type Commit, seal, sha256 } from '../../domain/kernel/commit';
import { Rejection } from '../../domain/kernel/decider';
import { toTime } from '../../domain/kernel/time';
import {
  type BidInputs,
  DEFAULT_WEIGHTS,
  gini,
  pullAt,
  rank,
  rounded,
  score,
  taskStrength,
  TIE_BREAK,
  urgencyAt,
  type Weights,
} from '../../domain/market/market';
import {
  award,
  recomputeAward,
  recomputeReceipt,
  taskDecider,
  type TaskEvent,
  type TaskState,
} from '../../domain/market/task';
import { META } from '../support/commits';

const bid = (changes: Partial<BidInputs> = {}): BidInputs => ({
  agent: 'a',
  source: 'offer',
  match: 1,
  load: 0,
  wins: 0,
  tries: 0,
  ...changes,
});

describe('score', () => {
  // Each number in the last column was computed by hand: 0.4·match + 0.3·(1 − load) + 0.2·(wins + 1)/(tries + 2) +
  // 0.1·strength.
  test.each<[string, Partial<BidInputs>, number, number]>([
    ['a newcomer that fits and is idle', {}, 0, 0.8], // 0.4 + 0.3 + 0.2·1/2
    ['… for the strongest task', {}, 1, 0.9],
    ['all terms at once', { match: 0.8, load: 0.25, wins: 3, tries: 4 }, 0.42, 0.720333], // 0.32 + 0.225 + 0.133333 + 0.042
    ['no match, all slots in use, always failed', { match: 0, load: 1, wins: 0, tries: 8 }, 0, 0.02], // 0.2·1/10
    ['nine of nine', { wins: 9, tries: 9 }, 0, 0.881818], // 0.7 + 0.2·10/11
    ['half its slots', { load: 0.5 }, 0, 0.65],
  ])('%s', (_, changes, strength, expected) => expect(score(bid(changes), strength, DEFAULT_WEIGHTS)).toBe(expected));

  test('each weight counts for its own term', () => {
    const of = (weights: Partial<Weights>) =>
      score(bid({ match: 0.9, load: 0.3, wins: 1, tries: 3 }), 0.6, {
        match: 0,
        load: 0,
        success: 0,
        strength: 0,
        ...weights,
      });
    expect([of({ match: 1 }), of({ load: 1 }), of({ success: 1 }), of({ strength: 1 })]).toEqual([0.9, 0.7, 0.4, 0.6]);
  });

  test('the default weights add up to 1', () =>
    expect(rounded(Object.values(DEFAULT_WEIGHTS).reduce((sum, weight) => sum + weight, 0))).toBe(1));

  test('it lies between 0 and 1, and better inputs never score less', () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    const inputs = fc
      .record({
        agent: fc.constant('a'),
        source: fc.constant('offer' as const),
        match: unit,
        load: unit,
        wins: fc.nat(50),
        tries: fc.nat(50),
      })
      .map((b) => ({ ...b, tries: b.wins + b.tries }));
    fc.assert(
      fc.property(inputs, unit, unit, (one, strength, better) => {
        const plain = score(one, strength, DEFAULT_WEIGHTS);
        expect(plain).toBeGreaterThanOrEqual(0);
        expect(plain).toBeLessThanOrEqual(1);
        expect(score({ ...one, match: Math.max(one.match, better) }, strength, DEFAULT_WEIGHTS)).toBeGreaterThanOrEqual(
          plain,
        );
        expect(score({ ...one, load: Math.min(one.load, better) }, strength, DEFAULT_WEIGHTS)).toBeGreaterThanOrEqual(
          plain,
        );
        expect(
          score({ ...one, wins: one.wins + 1, tries: one.tries + 1 }, strength, DEFAULT_WEIGHTS),
        ).toBeGreaterThanOrEqual(plain);
        expect(score({ ...one, tries: one.tries + 1 }, strength, DEFAULT_WEIGHTS)).toBeLessThanOrEqual(plain);
      }),
    );
  });
});

describe('pull', () => {
  test('a waiting task is overtaken only by what is posted within a day after it', () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(unit, unit, fc.nat(1e6), (weak, strong, later) => {
        const pullOf = (strength: number, waited: number) =>
          pullAt({ priority: strength, urgency: 1, attempts: 1, posted: 0, end: 1, offered: 0 }, waited * 1000).value;
        // At any time, since both wait on.
        if (later > 86_400) expect(pullOf(weak, later + 1e6)).toBeGreaterThan(pullOf(strong, 1e6));
        expect(pullOf(weak, later)).toBeGreaterThanOrEqual(weak);
      }),
    );
  });

  test('is a straight line until it bends, and strength is what it begins with', () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(unit, unit, fc.integer({ min: 1, max: 5 }), fc.nat(1e6), fc.nat(1e6), fc.nat(2e6), (...drawn) => {
        const [priority, urgency, attempts, lasts, offered, now] = drawn;
        const terms = { priority, urgency, attempts, posted: 1_000, end: 1_000 + lasts, offered: 1_000 + offered };
        const { value, slope, until } = pullAt(terms, now);
        const next = Math.min(until, now + 1e6);
        expect(until).toBeGreaterThan(now);
        expect(pullAt(terms, next).value).toBeCloseTo(value + slope * (next - now), 9);
        if (now <= terms.offered) {
          const at = { urgency, posted_at: toTime(1_000), deadline: toTime(1_000 + lasts) };
          expect(value).toBeCloseTo(taskStrength(priority, urgencyAt(at, toTime(now)), attempts), 5);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('strength', () => {
  test.each([
    [1, 1, 1, 1],
    [0.8, 0.5, 1, 0.4],
    [0.8, 0.5, 2, 0.2],
    [0.8, 0.5, 3, 0.133333],
    [1, 1, 7, 0.142857],
    [0, 1, 1, 0],
  ])('priority %d × urgency %d × 1/%d attempts = %d', (priority, urgency, attempts, expected) =>
    expect(taskStrength(priority, urgency, attempts)).toBe(expected),
  );

  const posted_at = '2026-11-21T10:00:00.000Z';
  test.each<[string, string, string | undefined, number]>([
    ['as posted, when it is posted', posted_at, '2026-11-21T11:00:00.000Z', 0.4],
    ['half of the way at half time', '2026-11-21T10:30:00.000Z', '2026-11-21T11:00:00.000Z', 0.7],
    ['1 at the deadline', '2026-11-21T11:00:00.000Z', '2026-11-21T11:00:00.000Z', 1],
    ['1 after the deadline', '2026-11-22T11:00:00.000Z', '2026-11-21T11:00:00.000Z', 1],
    ['1 when the deadline was over before', posted_at, '2026-11-21T09:00:00.000Z', 1],
    ['a quarter of the way after six hours without a deadline', '2026-11-21T16:00:00.000Z', undefined, 0.55],
    ['1 after a day without a deadline', '2026-11-22T10:00:00.000Z', undefined, 1],
    ['as posted, by a clock that lags', '2026-11-21T09:00:00.000Z', undefined, 0.4],
  ])('urgency is %s', (_, now, deadline, expected) =>
    expect(rounded(urgencyAt({ urgency: 0.4, posted_at, deadline }, now))).toBe(expected),
  );

  test('urgency never falls', () => {
    const seconds = fc.integer({ min: 0, max: 100_000 });
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        seconds,
        seconds,
        fc.option(seconds, { nil: undefined }),
        (urgency, a, b, end) => {
          const at = (s: number) => new Date(Date.parse(posted_at) + s * 1000).toISOString();
          const of = (s: number) =>
            urgencyAt({ urgency, posted_at, deadline: end === undefined ? undefined : at(end) }, at(s));
          expect(of(Math.max(a, b))).toBeGreaterThanOrEqual(of(Math.min(a, b)));
          expect(of(a)).toBeGreaterThanOrEqual(urgency);
          expect(of(a)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});

describe('rank', () => {
  const order = (bids: readonly BidInputs[], task = 't') =>
    rank(task, bids, 0, DEFAULT_WEIGHTS).map(({ agent }) => agent);

  test('best first, with its score', () => {
    expect(rank('t', [bid({ agent: 'b', match: 0.5 }), bid({ agent: 'a' })], 0.5, DEFAULT_WEIGHTS)).toEqual([
      { ...bid({ agent: 'a' }), score: 0.85 },
      { ...bid({ agent: 'b', match: 0.5 }), score: 0.65 },
    ]);
  });

  test('of equal scores the lower load wins', () => {
    // 0.4·0.25 + 0.3·(1 − 0) = 0.4·0.625 + 0.3·(1 − 0.5)
    const busy = bid({ agent: 'busy', match: 0.625, load: 0.5 });
    const idle = bid({ agent: 'idle', match: 0.25, load: 0 });
    expect(score(busy, 0, DEFAULT_WEIGHTS)).toBe(score(idle, 0, DEFAULT_WEIGHTS));
    expect([order([busy, idle]), order([idle, busy])]).toEqual([
      ['idle', 'busy'],
      ['idle', 'busy'],
    ]);
  });

  test('of equal loads the smaller SHA-256 of "task agent" wins, which changes with the task', () => {
    const equals = ['a', 'b', 'c'].map((agent) => bid({ agent }));
    for (const task of ['t1', 't2', 't3', 't4']) {
      expect(order(equals, task)).toEqual(
        ['a', 'b', 'c'].sort((x, y) => (sha256(`${task} ${x}`) < sha256(`${task} ${y}`) ? -1 : 1)),
      );
    }
    expect(new Set(['t1', 't2', 't3', 't4', 't5', 't6'].map((task) => order(equals, task)[0])).size).toBeGreaterThan(1);
    expect(TIE_BREAK).toBe('higher score, then lower load, then smaller SHA-256 of "task agent"');
  });

  test('the order of the bids does not matter, and of any two one is always the better', () => {
    // Few different values, so that ties are common.
    const some = fc.record({
      source: fc.constantFrom('bid' as const, 'offer' as const),
      match: fc.constantFrom(0.25, 0.625, 1),
      load: fc.constantFrom(0, 0.5),
      wins: fc.nat(1),
      tries: fc.integer({ min: 1, max: 2 }),
    });
    const bids = fc
      .array(some, { minLength: 1, maxLength: 8 })
      .map((all) => all.map((one, i) => ({ ...one, agent: `agent-${i}` })));
    const shuffled = bids.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    );
    fc.assert(
      fc.property(shuffled, fc.constantFrom('t', 'u'), ([one, other], task) => {
        const ranking = order(one, task);
        expect(order(other, task)).toEqual(ranking);
        // Total: every pair stands among all as it stands alone.
        for (let i = 0; i < ranking.length; i += 1) {
          for (let j = i + 1; j < ranking.length; j += 1) {
            const pair = one.filter(({ agent }) => agent === ranking[i] || agent === ranking[j]);
            expect(order(pair, task)).toEqual([ranking[i], ranking[j]]);
          }
        }
      }),
    );
  });
});

// ------------------------------------------------------------------------------------------------------ recompute

const AT = '2026-11-21T10:00:00.000Z';
const hundredths = (min: number, max: number) => fc.integer({ min: min * 100, max: max * 100 }).map((n) => n / 100);

/** Anything the market may be asked to award: bids with ties among them, refusals of the best ones, any weights. */
const request = fc
  .record({
    task: fc.constantFrom('t', 'task-1', 'x:y'),
    bids: fc.array(
      fc.record({
        source: fc.constantFrom('bid' as const, 'offer' as const, 'help' as const),
        match: hundredths(0.05, 1),
        load: fc.constantFrom(0, 0.25, 0.5, 0.333333),
        wins: fc.nat(9),
        tries: fc.nat(9),
      }),
      { minLength: 1, maxLength: 6 },
    ),
    weights: fc.record({
      match: hundredths(0.05, 1),
      load: hundredths(0.05, 1),
      success: hundredths(0.05, 1),
      strength: hundredths(0.05, 1),
    }),
    strength: hundredths(0.05, 1),
    refused: fc.nat(5),
    awards: fc.nat(4),
    attempts: fc.integer({ min: 1, max: 3 }),
  })
  .map((r) => ({ ...r, bids: r.bids.map((one, i) => ({ ...one, tries: one.wins + one.tries, agent: `agent-${i}` })) }));

type Request = typeof request extends fc.Arbitrary<infer R> ? R : never;

/** The receipt of the award that the decider makes of it. */
function receiptOf({ task, bids, weights, strength, refused, awards, attempts }: Request): Commit {
  const ranking = rank(task, bids, strength, weights);
  const asked = Math.min(refused, ranking.length - 1);
  const state: TaskState = {
    ...taskDecider.initial,
    status: 'open',
    awards,
    attempts,
    spec: {
      task_type: 'x',
      priority: 1,
      urgency: 1,
      requires: [],
      requester: 'r',
      bid_seconds: 0,
      accept_seconds: 10,
      lease_seconds: 10,
      max_attempts: 3,
      retry_seconds: 1,
    },
  };
  const events = award({
    candidates: ranking,
    weights,
    strength,
    refused: ranking.slice(0, asked).map(({ agent }) => ({ agent, reason: 'capacity-full' })),
    reserved: { agent: ranking[asked]?.agent ?? '', award: awards + 1, receipt: 'acme/agent/x@1' },
    now: AT,
  })(state);
  if (events instanceof Rejection) throw new Error(`${events.code}: ${events.message}`);
  return seal({ stream: `acme/task/${task}`, index: 1, events, meta: META, at: AT, previousHash: null }).commit;
}

type Path = readonly (string | number)[];

/** Every number and every text in a value. */
function leaves(value: unknown, path: Path = []): { path: Path; value: number | string }[] {
  if (typeof value === 'number' || typeof value === 'string') return [{ path, value }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

function changed<T>(value: T, path: Path, to: unknown): T {
  const copy = JSON.parse(JSON.stringify(value)) as T;
  let place = copy as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) place = place[key] as Record<string | number, unknown>;
  place[path.at(-1) as string] = to;
  return copy;
}

const resealed = ({ hash: _, ...unsealed }: Commit) => seal(unsealed).commit;

describe('recomputing an award', () => {
  test('agrees with every award that the decider makes', () => {
    fc.assert(
      fc.property(request, (asked) => {
        const receipt = receiptOf(asked);
        const found = recomputeReceipt(receipt);
        expect(found).toMatchObject({
          agrees: true,
          hashHolds: true,
          faults: [],
          task: asked.task,
          award: asked.awards + 1,
          receipt: `acme/task/${asked.task}@1`,
        });
        // … and from the stored bytes as well
        expect(recomputeReceipt({ ...(JSON.parse(canonicalize(receipt)) as Commit) })).toEqual(found);
      }),
    );
  });

  test('finds any number and any text that was changed on the receipt', () => {
    fc.assert(
      fc.property(request, fc.nat(), (asked, n) => {
        const receipt = receiptOf(asked);
        const all = leaves(receipt);
        const { path, value } = all[n % all.length] as (typeof all)[number];
        // The name of the stream and the kinds of its events say what to compute, not what was computed.
        fc.pre(path[0] !== 'stream' && path.at(-1) !== 'type');
        const found = recomputeReceipt(changed(receipt, path, typeof value === 'number' ? value + 0.01 : `${value}x`));
        expect(found).toMatchObject({ agrees: false, hashHolds: false });
      }),
      { numRuns: 500 },
    );
  });

  test('finds changed inputs, scores and winners even under a hash that was made anew', () => {
    const COUNTS = /^(match|load|wins|tries|score|strength|success|award|agent|tie_break)$/;
    fc.assert(
      fc.property(request, fc.nat(), (asked, n) => {
        const receipt = receiptOf(asked);
        const all = leaves(receipt.events).filter(
          ({ path }) => path[1] === 'data' && COUNTS.test(String(path.at(-1))) && path.at(-1) !== 'award',
        );
        const { path, value } = all[n % all.length] as (typeof all)[number];
        const forged = resealed(
          changed(receipt, ['events', ...path], typeof value === 'number' ? value + 0.01 : `${value}x`),
        );
        const found = recomputeReceipt(forged);
        if (found instanceof Rejection) throw new Error(found.code);
        expect(found.hashHolds).toBe(true);
        // Another name for a loser changes no number; the chain of hashes finds that one.
        const loser =
          path.at(-1) === 'agent' && path[0] === '0' && path[2] === 'candidates' && value !== found.recordedWinner;
        const unasked = path.at(-1) === 'agent' && path[2] === 'refused';
        if (!loser && !unasked) expect(found.faults).not.toEqual([]);
        expect(found.agrees).toBe(found.faults.length === 0);
      }),
      { numRuns: 500 },
    );
  });

  test('finds a wrong order, a wrong winner, a refusal left out and one invented', () => {
    const plain: Request = {
      task: 't',
      bids: [bid({ agent: 'a' }), bid({ agent: 'b', load: 0.5 }), bid({ agent: 'c', load: 0.25 })],
      weights: DEFAULT_WEIGHTS,
      strength: 0.5,
      refused: 1,
      awards: 0,
      attempts: 1,
    } as Request;
    const [closed, awarded] = receiptOf(plain).events as [
      Extract<TaskEvent, { type: 'BidsClosed' }>,
      Extract<TaskEvent, { type: 'TaskAwarded' }>,
    ];
    const faults = (c: Partial<typeof closed.data>, w: Partial<typeof awarded.data> = {}) =>
      recomputeAward('t', { ...closed.data, ...c }, { ...awarded.data, ...w }).faults.map(({ field }) => field);
    expect(closed.data.candidates.map(({ agent }) => agent)).toEqual(['a', 'c', 'b']);
    expect(faults({})).toEqual([]);
    expect(faults({ candidates: [...closed.data.candidates].reverse() })).toEqual(['rank 1', 'rank 3']);
    expect(faults({ refused: [] })).toEqual(['winner', 'winning score']);
    expect(faults({ refused: [...closed.data.refused, { agent: 'c', reason: 'capacity-full' }] })).toEqual([
      'winner',
      'winning score',
    ]);
    expect(faults({}, { agent: 'b' })).toEqual(['winner']);
    expect(faults({}, { score: 1 })).toEqual(['winning score']);
    expect(faults({ tie_break: 'whoever' })).toEqual(['tie break']);
    expect(faults({ candidates: [] })).toEqual(['winner', 'winning score']);
    expect(recomputeAward('t', { ...closed.data, strength: 0.6 }, awarded.data)).toMatchObject({
      winner: 'c',
      faults: expect.arrayContaining([{ field: 'score of a', recorded: 0.85, computed: 0.86 }]),
    });
  });

  test('is only for awards', () => {
    const other = seal({
      stream: 'acme/task/t',
      index: 0,
      events: [{ type: 'TaskPosted', v: 1, data: {} }],
      meta: META,
      at: AT,
      previousHash: null,
    }).commit;
    expect(recomputeReceipt(other)).toMatchObject({ code: 'not-an-award' });
  });
});

describe('gini', () => {
  test.each<[readonly number[], number]>([
    [[], 0],
    [[0, 0, 0], 0],
    [[0.5], 0],
    [[1, 1, 1, 1], 0],
    [[0, 1], 0.5],
    [[0, 0, 0, 1], 0.75],
    [[0.25, 0.75], 0.25],
  ])('%j → %d', (loads, expected) => expect(gini(loads)).toBeCloseTo(expected, 12));

  test('is the double sum of the definition, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 2, noNaN: true }), { minLength: 1, maxLength: 20 }), (loads) => {
        const mean = loads.reduce((sum, x) => sum + x, 0) / loads.length;
        fc.pre(mean > 1e-9);
        const sum = loads.reduce((total, x) => total + loads.reduce((inner, y) => inner + Math.abs(x - y), 0), 0);
        expect(gini(loads)).toBeCloseTo(sum / (2 * loads.length ** 2 * mean), 9);
        expect(gini([...loads].reverse())).toBeCloseTo(gini(loads), 12);
      }),
    );
  });
});
