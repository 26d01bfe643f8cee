/** The limit on what can wait, against a host that is a queue with a capacity; time is counted, nobody sleeps. */
import fc from 'fast-check';
import { Delays } from '../../app/engine/delays';
import { AdaptiveLimit, Admission, OTHER_TENANTS } from '../../app/operation/admission';
import { FairQueue } from '../../app/operation/fair-queue';

const LOOK_MS = 250;
const TICK_MS = 25;
const HALF = () => 0.5;

interface Client {
  readonly tenant: string;
  /** Requests a second, and units in each. */
  readonly rate: number;
  readonly size?: number;
}

interface Seen {
  asked: number;
  admitted: number;
  units: number;
  waits: number[];
}

/** A host that does `capacity` units a second, and is as late as its queue is long. */
class Host {
  readonly limit = new AdaptiveLimit(1, HALF);
  now = 0;
  /** Units that wait. */
  queue = 0;
  done = 0;
  private readonly debts = new Map<Client, number>();

  constructor(public capacity: number) {}

  private doneAtLook = 0;

  run(seconds: number, clients: readonly Client[]): Map<string, Seen> {
    const seen = new Map<string, Seen>();
    for (const end = this.now + seconds * 1_000; this.now < end;) {
      this.now += TICK_MS;
      for (const client of clients) this.send(client, seen);
      const served = Math.min(this.queue, (this.capacity * TICK_MS) / 1_000);
      this.queue -= served;
      this.done += served;
      if (this.now % LOOK_MS !== 0) continue;
      // Some commits come of each unit.
      this.limit.look(this.now, this.queue / this.capacity / 0.1, (this.done - this.doneAtLook) * 6);
      this.doneAtLook = this.done;
    }
    return seen;
  }

  private send(client: Client, seen: Map<string, Seen>): void {
    const { tenant, rate, size = 1 } = client;
    const one = seen.get(tenant) ?? { asked: 0, admitted: 0, units: 0, waits: [] };
    seen.set(tenant, one);
    let due = (this.debts.get(client) ?? 0) + (rate * TICK_MS) / 1_000;
    for (; due >= 1; due -= 1) {
      one.asked += 1;
      const wait = this.limit.ask(tenant, this.now);
      if (wait > 0) {
        one.waits.push(wait);
        continue;
      }
      this.limit.charge(tenant, size);
      one.admitted += 1;
      one.units += size;
      this.queue += size;
    }
    this.debts.set(client, due);
  }
}

test('while the host is on time nobody is refused, whatever is asked', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(700), fc.double({ min: 0, max: 1, noNaN: true }))),
      (steps) => {
        const limit = new AdaptiveLimit(1, HALF);
        let now = 0;
        for (const [tenant, asks, lateness] of steps) {
          now += LOOK_MS;
          let waited = 0;
          for (let i = 0; i < asks; i += 1) {
            waited += limit.ask(tenant, now);
            limit.charge(tenant, 1 + (i % 50));
          }
          expect(waited).toBe(0);
          limit.look(now, lateness);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('what a host can do is not learned from the time in which it was away', () => {
  const limits = [0, 20_000].map((away) => {
    const host = new Host(100);
    host.run(10, [{ tenant: 'a', rate: 200 }]);
    if (away > 0) host.limit.look((host.now += away), 80, 3);
    for (const _ of [1, 2]) host.limit.look((host.now += LOOK_MS), 2, 25);
    return host.limit.perSecond;
  }) as [number, number];
  expect(limits[1]).toBeGreaterThan(0.8 * limits[0]);
});

test.each([
  ['after more than two seconds each', [2_100]],
  ['after more than two seconds each time but one', [2_100, 2_100, 2_100, LOOK_MS]],
  ['after ten seconds each', [10_000]],
])('looks that come late again and again, %s, are no pauses: a loop so slow is limited', (_, gaps) => {
  const limit = new AdaptiveLimit(1, HALF);
  let now = 0;
  for (let look = 0; look < 60; look += 1) {
    for (let i = 0; i < 2_000; i += 1) {
      limit.ask('a', now);
      limit.charge('a', 1);
    }
    limit.look((now += gaps[look % gaps.length] as number), 20, 50);
  }
  expect(limit.perSecond).toBeLessThan(100);
});

test('one look that finds the host late is a stall, two are an overload', () => {
  const host = new Host(1_000);
  const calm = [{ tenant: 'a', rate: 200 }];
  host.run(5, calm);
  for (const lateness of [9, 0, 9, 0, 9]) {
    host.limit.look((host.now += LOOK_MS), lateness);
    expect(host.limit.perSecond).toBe(Infinity);
  }
  host.limit.look((host.now += LOOK_MS), 9);
  expect(host.limit.perSecond).toBeLessThan(200);
});

/** Callers that write again as soon as they hear, all of a group at once, as a disk makes them durable. */
test.each([300, 600, 900, 2_700, Infinity])('a disk that takes %i ms for each write limits what is let in', (takes) => {
  const limit = new AdaptiveLimit(1, HALF);
  const writes = new Delays();
  let group: ((now: number) => void)[] = [];
  let next = 0;
  let limited = 0;
  for (let now = 0; now < 10_000; now += 50) {
    if (now >= next) {
      for (const end of group) end(now);
      group = Array.from({ length: 50 }, () => writes.begin(now));
      next = now + takes;
    }
    limit.ask('a', now);
    if (now % LOOK_MS !== 0) continue;
    limit.look(now, writes.take(now).mean / 250);
    if (now >= 2_000 && limit.perSecond < Infinity) limited += 1;
  }
  expect(limited).toBe(32);
});

test('one write that hangs among many makes the host no later than it makes them on average', () => {
  const writes = new Delays();
  writes.begin(0);
  for (let now = 0; now < 4_000; now += 5) writes.begin(now)(now + 5);
  expect(writes.take(4_000).mean).toBeCloseTo((800 * 5 + 4_000) / 801);
  expect(writes.take(5_000)).toEqual({ mean: 5_000, longest: 5_000 });
});

test('a limit that refuses nobody stays while the host is late, and until it has been on time for a while', () => {
  const limit = new AdaptiveLimit(1, HALF);
  let now = 0;
  const look = (lateness: number, looks: number) => {
    for (let i = 0; i < looks; i += 1) limit.look((now += LOOK_MS), lateness);
  };
  look(9, 80);
  look(0, 1);
  expect(limit.perSecond).toBeLessThan(Infinity);
  look(0, 38);
  expect(limit.perSecond).toBeLessThan(Infinity);
  look(0, 3);
  expect(limit.perSecond).toBe(Infinity);
});

test.each([2, 4, 8])('offered %i times what it can do, it goes on doing what it can', (times) => {
  const host = new Host(600);
  host.run(10, [{ tenant: 'a', rate: 300 }]);
  const offered = [{ tenant: 'a', rate: 600 * times }];
  host.run(20, offered); // finds its limit
  const before = host.done;
  let longest = 0;
  for (let second = 0; second < 30; second += 1) {
    host.run(1, offered);
    longest = Math.max(longest, host.queue / host.capacity);
  }
  expect((host.done - before) / 30).toBeGreaterThan(0.8 * 600);
  expect(longest).toBeLessThan(2);
});

/** What a host does of what it can when a few callers ask for much, wait as they are told, and ask again. */
test('a host that refuses has something to do meanwhile', () => {
  const host = new Host(300);
  const callers = [0, 0, 0, 0];
  for (let tick = 0; tick < 60_000 / TICK_MS; tick += 1) {
    for (const [i, from] of callers.entries()) {
      // So many under way at most, as a bulk import has it.
      if (from > host.now || host.queue > 800) continue;
      const wait = host.limit.ask('a', host.now);
      if (wait > 0) callers[i] = host.now + Math.ceil(wait) * 1_000;
      else {
        host.limit.charge('a', 50);
        host.queue += 50;
      }
    }
    host.run(TICK_MS / 1_000, []);
  }
  expect(host.done / 60).toBeGreaterThan(0.75 * 300);
});

test('when the load is gone the limit goes too', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 50, max: 1_000 }),
      fc.integer({ min: 2, max: 10 }),
      fc.integer({ min: 1, max: 60 }),
      (capacity, times, seconds) => {
        const host = new Host(capacity);
        host.run(5, [{ tenant: 'a', rate: capacity / 2 }]);
        host.run(seconds, [{ tenant: 'a', rate: capacity * times }]);
        host.run(60, [{ tenant: 'a', rate: capacity / 2 }]);
        expect(host.limit.perSecond).toBe(Infinity);
      },
    ),
    { numRuns: 8 },
  );
});

test('a host that a neighbour has slowed down for a minute takes what it took before within half a minute', () => {
  const host = new Host(600);
  const usual = [{ tenant: 'a', rate: 450 }];
  host.run(30, usual);
  host.capacity = 60;
  host.run(60, usual);
  expect(host.limit.perSecond).toBeLessThan(200);
  host.capacity = 600;
  host.run(30, usual);
  const { asked, admitted } = host.run(5, usual).get('a')!;
  expect(admitted).toBe(asked);
});

test('however late the host is, and for how long, every tenant is let in now and then', () => {
  const limit = new AdaptiveLimit(1, HALF);
  const last = new Map<string, number>();
  let longest = 0;
  for (let now = 0; now < 600_000; now += LOOK_MS) {
    for (const tenant of ['a', 'b', 'c'])
      for (let i = 0; i < 50; i += 1)
        if (limit.ask(tenant, now) === 0) {
          longest = Math.max(longest, now - (last.get(tenant) ?? 0));
          last.set(tenant, now);
        }
    limit.look(now, 1_000);
  }
  expect(longest).toBeLessThan(5_000);
});

describe('tenants', () => {
  const quiet = Array.from({ length: 20 }, (_, i) => ({ tenant: `quiet-${i}`, rate: 10 }));

  test('the noisy one is refused, those that ask for less than an even share are not', () => {
    const host = new Host(600);
    host.run(10, quiet);
    const all = [...quiet, { tenant: 'noisy', rate: 6_000 }];
    host.run(10, all);
    const seen = host.run(30, all);
    const noisy = seen.get('noisy')!;
    expect(noisy.admitted).toBeLessThan(noisy.asked / 5);
    // What the others leave is the noisy one's: sharing wastes nothing.
    expect(noisy.admitted / 30).toBeGreaterThan(0.5 * (600 - 200));
    const asked = quiet.reduce((sum, { tenant }) => sum + seen.get(tenant)!.asked, 0);
    const admitted = quiet.reduce((sum, { tenant }) => sum + seen.get(tenant)!.admitted, 0);
    expect(admitted).toBeGreaterThan(0.98 * asked);
  });

  test('those that all ask for too much get as much as each other', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 400, max: 2_000 }), { minLength: 2, maxLength: 5 }), (rates) => {
        const host = new Host(500);
        const clients = rates.map((rate, i) => ({ tenant: `t${i}`, rate }));
        host.run(20, clients);
        const units = [...host.run(30, clients).values()].map((seen) => seen.units);
        expect(Math.min(...units)).toBeGreaterThan(0.8 * Math.max(...units));
      }),
      { numRuns: 5 },
    );
  });

  test('a batch counts as what is in it', () => {
    const host = new Host(600);
    const clients = [
      { tenant: 'batches', rate: 40, size: 50 },
      { tenant: 'singly', rate: 2_000 },
    ];
    host.run(20, clients);
    const seen = host.run(60, clients);
    const [batches, singly] = [seen.get('batches')!.units, seen.get('singly')!.units];
    expect(batches / singly).toBeGreaterThan(0.7);
    expect(batches / singly).toBeLessThan(1.4);
  });

  test('what the requests of one have cost says nothing of what those of another will', () => {
    const host = new Host(600);
    host.run(20, [{ tenant: 'flood', rate: 2_000 }]);
    expect(host.limit.perSecond).toBeLessThan(2_000);
    // Five hundred tasks that come after 32 others each.
    host.limit.ask('odd', host.now);
    host.limit.charge('odd', 16_500);
    // Several at once, before the body of any is read.
    expect(Array.from({ length: 5 }, () => host.limit.ask('new', host.now))).toEqual([0, 0, 0, 0, 0]);
  });

  test('any number of them takes a bounded number of places', () => {
    const limit = new AdaptiveLimit(1, HALF);
    for (let now = 0; now < 20_000; now += LOOK_MS) {
      for (let i = 0; i < 2_000; i += 1) limit.ask(`t${now}-${i}`, now);
      limit.look(now, 5);
      expect(limit.places).toBeLessThanOrEqual(1_001);
    }
    for (let now = 20_000; now < 80_000; now += LOOK_MS) limit.look(now, 0);
    expect(limit.places).toBe(0);
  });
});

test('who is told to wait, and does, gets in: the wait grows with those before', () => {
  const host = new Host(600);
  const flood = { tenant: 'a', rate: 2_400 };
  host.run(10, [{ tenant: 'a', rate: 300 }]);
  const { waits } = host.run(20, [flood]).get('a')!;
  expect(Math.min(...waits)).toBeGreaterThan(0);
  expect(Math.max(...waits)).toBeLessThanOrEqual(30);
  // The flood is over; a hundred were told to wait.
  const back: number[] = [];
  for (let i = 0; i < 100; i += 1) {
    const wait = host.limit.ask('a', host.now);
    if (wait > 0) back.push(host.now + wait * 1_000);
  }
  expect(back.length).toBeGreaterThan(0);
  const again = back
    .sort((a, b) => a - b)
    .filter((at) => {
      if (at > host.now) host.run((at - host.now) / 1_000, []);
      return host.limit.ask('a', host.now) > 0;
    });
  expect(again.length).toBeLessThan(back.length / 10);
});

test('new work yields before reads do, and what is under way always passes', () => {
  const admission = new Admission(HALF);
  const refusedAt = (lateness: number) => {
    for (let i = 0; i < 100; i += 1) for (const work of ['new', 'read'] as const) admission.ask(work, 'a', now);
    for (let look = 0; look < 20; look += 1) admission.look((now += LOOK_MS), lateness);
    return (['new', 'read', 'underway'] as const).filter((work) =>
      Array.from({ length: 500 }, () => admission.ask(work, 'a', now)).some((wait) => wait > 0),
    );
  };
  let now = 0;
  expect(refusedAt(0.9)).toEqual([]);
  expect(refusedAt(1.5)).toEqual(['new']);
  expect(refusedAt(50)).toEqual(['new', 'read']);
});

test('what was refused is counted by tenant, those of many tenants together', () => {
  const admission = new Admission(HALF);
  for (let now = 0; now < 5_000; now += LOOK_MS) admission.look(now, 5);
  for (let tenant = 0; tenant < 200; tenant += 1)
    for (let i = 0; i < 50; i += 1) admission.ask('new', `t${tenant}`, 5_000);
  const [{ refused, admitted }] = admission.figures() as [ReturnType<Admission['figures']>[0]];
  expect(refused.size).toBe(51);
  expect(refused.get(OTHER_TENANTS)).toBeGreaterThan(1_000);
  expect([...refused.values()].reduce((sum, count) => sum + count, admitted)).toBe(200 * 50);
});

test('says how long to wait though nothing was let in before', () => {
  const limit = new AdaptiveLimit(1, HALF);
  for (let now = 0; now < 5_000; now += LOOK_MS) limit.look(now, 9);
  expect(limit.perSecond).toBeGreaterThan(0);
  const waits = Array.from({ length: 50 }, () => limit.ask('acme', 5_000));
  for (const seconds of waits) expect(Number.isFinite(seconds)).toBe(true);
});

test('a host that was late for long stays careful after its first good look, though nobody was refused', () => {
  const limit = new AdaptiveLimit(1, HALF);
  let now = 0;
  const look = (times: number, lateness: number) => {
    for (let i = 0; i < times; i += 1) limit.look((now += LOOK_MS), lateness);
  };
  look(80, 5);
  look(1, 0.1);
  expect(limit.perSecond).toBeLessThan(Infinity);
  look(40, 0.1);
  expect(limit.perSecond).toBe(Infinity);
});

test('who is silent for a while after it has taken too much owes it still', () => {
  const limit = new AdaptiveLimit(1, HALF);
  let now = 0;
  const look = (seconds: number) => {
    for (const end = now + seconds * 1_000; now < end;) limit.look((now += LOOK_MS), 5);
  };
  look(5);
  expect(limit.ask('acme', now)).toBe(0);
  limit.charge('acme', 100_000);
  look(40);
  expect(limit.ask('acme', now)).toBeGreaterThan(0);
});

test('what is late for a moment, again and again, as batches make it, keeps nothing from rising', () => {
  const limit = new AdaptiveLimit(1, HALF);
  let now = 0;
  const look = (lateness: number) => limit.look((now += LOOK_MS), lateness);
  for (let i = 0; i < 8; i += 1) look(5);
  const least = limit.perSecond;
  for (let i = 0; i < 20; i += 1) for (const lateness of [5, 0.1, 0.1, 0.1]) look(lateness);
  expect(limit.perSecond).toBeGreaterThan(2 * least);
});

test('who was let in is asked for again without taking anything, and is refused when there is no room any more', () => {
  const admission = new Admission(HALF);
  let now = 0;
  for (let i = 0; i < 20; i += 1) admission.look((now += LOOK_MS), 5);
  expect(admission.ask('new', 'acme', now)).toBe(0);
  const [before] = admission.figures();
  for (let i = 0; i < 10_000; i += 1) expect(admission.askAgain('new', 'acme', now)).toBe(0);
  expect(admission.figures()[0]).toEqual(before);
  expect(admission.ask('new', 'acme', now)).toBe(0);
  admission.charge('new', 'acme', 100_000);
  expect(admission.askAgain('new', 'acme', now)).toBeGreaterThan(0);
  expect(admission.askAgain('underway', 'acme', now)).toBe(0);
  expect(admission.figures()[0]).toMatchObject({ admitted: 2, refused: new Map([['acme', 1]]) });
});

describe('who was let in, and finds too much of its tenant waiting', () => {
  /** A second and a half of looks at a host that is on time, with so many requests of a tenant in each. */
  const asked = async (requests: number) => {
    let now = 0;
    const admission = new Admission(HALF, new FairQueue(() => now));
    for (let look = 0; look < 6; look += 1) {
      const turns = Array.from({ length: requests }, () => {
        expect(admission.ask('new', 'noisy', now)).toBe(0);
        return admission.turn('new', 'noisy', 0);
      });
      admission.look((now += LOOK_MS), 0, 1);
      await Promise.all(turns.filter((turn) => turn instanceof Promise));
    }
    // What a late host lets in first follows from what it has let in of late.
    const [figures] = admission.figures();
    for (const _ of [1, 2]) admission.look((now += LOOK_MS), 5);
    return { ...figures!, after: admission.figures()[0]!.perSecond };
  };

  test('is counted as refused, by tenant, and not as let in', async () => {
    const { admitted, refused } = await asked(1_000);
    expect(refused.get('noisy')).toBeGreaterThanOrEqual(6 * (1_000 - 8 - 512));
    // The last one that was refused stands for the next that comes.
    expect(admitted + refused.get('noisy')!).toBe(6 * 1_000 + 1);
  });

  test('teaches the host nothing of what it can do', async () => {
    const [full, over] = [await asked(520), await asked(5_000)];
    expect(over.after).toBeCloseTo(full.after, 0);
  });
});
