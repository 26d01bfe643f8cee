import { FairQueue } from '../../app/operation/fair-queue';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A queue with a clock that stands still unless it is moved, and who has begun in which order. */
function queue() {
  const clock = { time: 0 };
  const fair = new FairQueue(
    () => clock.time,
    () => 0,
  );
  const begun: string[] = [];
  const refused: number[] = [];
  const ask = (tenant: string, bytes = 0): void => {
    const mine = fair.turn(tenant, bytes);
    if (mine === undefined) begun.push(tenant);
    else if (typeof mine === 'number') refused.push(mine);
    else void mine.then(() => begun.push(tenant));
  };
  /** Until nobody begins any more; each turn takes so many milliseconds. */
  const all = async (milliseconds = 0): Promise<void> => {
    for (let quiet = 0; quiet < 3;) {
      const before = begun.length;
      clock.time += milliseconds;
      await turn();
      quiet = begun.length === before ? quiet + 1 : 0;
    }
  };
  return { fair, clock, begun, refused, ask, all };
}

test('whoever comes while there is room begins at once', async () => {
  const { fair, begun, ask } = queue();
  for (let i = 0; i < 3; i += 1) {
    ask('a');
    expect(begun).toHaveLength(i + 1);
    await turn();
    await turn();
  }
  expect(fair.takeWait()).toBe(0);
});

test('a tenant with a hundred requests has its turn between those of others', async () => {
  const { begun, ask, all } = queue();
  for (let i = 0; i < 100; i += 1) ask('noisy');
  for (let i = 0; i < 5; i += 1) for (const tenant of ['a', 'b', 'c']) ask(tenant);
  await all();
  expect(begun).toHaveLength(115);
  const last = Math.max(...['a', 'b', 'c'].map((tenant) => begun.lastIndexOf(tenant)));
  // Those that began before the others came, and one for each round of the others.
  expect(begun.slice(0, last).filter((tenant) => tenant === 'noisy').length).toBeLessThan(8 + 8);
});

test('a loop that does not come round holds nobody for ever', () => {
  const { clock, begun, ask } = queue();
  for (let i = 0; i < 100; i += 1) ask('a');
  expect(begun).toHaveLength(8);
  const fair = begun.length;
  clock.time += 21;
  ask('b');
  clock.time += 21;
  ask('b');
  return turn().then(() => expect(begun.length).toBeGreaterThan(fair + 8));
});

test('a tenant of which too much waits is told to come again; nobody else is', async () => {
  const { clock, begun, refused, ask, all } = queue();
  for (let i = 0; i < 8 + 512; i += 1) ask('noisy');
  expect(refused).toEqual([]);
  ask('noisy');
  expect(refused).toEqual([0]);
  ask('quiet');
  clock.time += 900;
  ask('noisy');
  // Eight begin at once, of those 504 that wait a few at the end of each such turn.
  expect(refused).toHaveLength(2);
  expect(refused[1]).toBeGreaterThan(1);
  await all();
  expect(begun).toHaveLength(8 + 512 + 1);
});

test('whoever would wait for too long hears so at once, and not after that wait', async () => {
  const { clock, begun, refused, ask } = queue();
  const turns = async (count: number, milliseconds: number) => {
    for (let n = 0; n < count; n += 1) {
      clock.time += milliseconds;
      await turn();
    }
  };
  // Others want the cores: each turn takes 100 ms, and begins eight.
  for (let i = 0; i < 400; i += 1) ask('a');
  expect(refused).toEqual([]);
  await turns(20, 100);
  const before = begun.length;
  for (let i = 0; i < 400; i += 1) ask('b');
  // Beside another tenant four a turn, so some forty within a second; each hears how long it would be.
  const waiting = 400 - refused.length;
  expect(waiting).toBeGreaterThan(20);
  expect(waiting).toBeLessThan(80);
  expect(Math.min(...refused)).toBeGreaterThan(1);
  await turns(12, 100);
  expect(begun.slice(before).filter((tenant) => tenant === 'b')).toHaveLength(waiting);
});

test('nobody is refused for the time in which the process was away', async () => {
  const { clock, refused, begun, ask, all } = queue();
  for (let i = 0; i < 60; i += 1) ask('a');
  clock.time += 90_000;
  for (let i = 0; i < 100; i += 1) ask('a');
  expect(refused.filter((seconds) => seconds > 10)).toEqual([]);
  await all(1);
  expect(begun.length).toBe(160 - refused.length);
});

test('turns that take longer than anybody may wait are no pauses when they come again and again', async () => {
  const { fair, clock, begun, refused, ask } = queue();
  const slow = async (): Promise<void> => {
    clock.time += 1_500;
    await turn();
  };
  for (let i = 0; i < 9; i += 1) ask('a');
  for (let i = 0; i < 10; i += 1) {
    await slow();
    for (let j = 0; j < 9; j += 1) ask('a');
  }
  // Eight begin in a turn, and those that come then would wait for the next.
  refused.length = 0;
  const before = begun.length;
  for (let i = 0; i < 20; i += 1) ask('a');
  expect(refused.length).toBeGreaterThanOrEqual(20 - 8);
  expect(Math.min(...refused)).toBeGreaterThan(1);
  fair.takeWait();
  await slow();
  await slow();
  expect(begun.length).toBeGreaterThan(before);
  expect(fair.takeWait()).toBeGreaterThan(1);
});

describe('how late requests begin', () => {
  /** A turn takes 8 ms, and begins 8 of them. */
  const waited = async (counts: Readonly<Record<string, number>>): Promise<number> => {
    const { fair, ask, all } = queue();
    for (const [tenant, count] of Object.entries(counts)) for (let i = 0; i < count; i += 1) ask(tenant);
    await all(8);
    const seconds = fair.takeWait();
    expect(fair.takeWait()).toBe(0);
    return seconds;
  };

  test('is what the only tenant has to wait', async () => {
    // 400 requests take fifty turns of 8 ms: 0.2 s on average.
    expect(await waited({ alone: 400 })).toBeCloseTo(0.2, 1);
  });

  test.each([1, 9])(
    'is not what one tenant waits that asks for more than its turns, beside %d others',
    async (count) => {
      const others = Object.fromEntries(Array.from({ length: count }, (_, n) => [`quiet-${n}`, 1]));
      expect(await waited({ noisy: 400, ...others })).toBeLessThan(0.03);
    },
  );

  test('is what all wait where all ask for more than their turns', async () => {
    expect(await waited({ a: 200, b: 200 })).toBeGreaterThan(0.15);
  });
});

test('bodies that wait are bounded in bytes, by tenant', async () => {
  const { begun, refused, ask, all } = queue();
  for (let i = 0; i < 8 + 20; i += 1) ask('large', 1_000_000);
  for (let i = 0; i < 20; i += 1) ask('other', 500_000);
  expect({ begun: begun.length, refused: refused.length }).toEqual({ begun: 8, refused: 4 });
  await all();
  expect(begun).toHaveLength(8 + 16 + 20);
});

test('a body that nobody knows the size of counts as many, and those of all tenants together are bounded', async () => {
  const { begun, refused, ask, all } = queue();
  for (let i = 0; i < 8 + 20; i += 1) ask('unsaid', Infinity);
  // The first that waits is taken as large as all of them may be.
  expect({ begun: begun.length, refused: refused.length }).toEqual({ begun: 8, refused: 19 });
  for (let i = 0; i < 40; i += 1) ask(`large-${i}`, 8_000_000);
  expect(refused.length).toBe(19 + 40 - 14);
  // Who sends nothing holds nothing.
  ask('quiet');
  await all();
  expect(begun).toHaveLength(8 + 1 + 14 + 1);
});

test.each([
  ['before a busy loop', 1, 49],
  ['before a busier one, beside fewer', 3, 9],
])(
  'whoever would be passed over for longer than a second hears so at once, and for how long: %s',
  async (_, busy, others) => {
    const { fair, clock } = queue();
    const told: number[] = [];
    const waited: number[] = [];
    let waiting = 0;
    const ask = (tenant: string, takes: number): void => {
      const at = clock.time;
      const begin = () => {
        if (tenant === 'dear') waited.push(clock.time - at);
        clock.time += takes;
      };
      const mine = fair.turn(tenant);
      if (mine === undefined) begin();
      else if (typeof mine === 'number') told.push(mine);
      else {
        waiting += 1;
        void mine.then(() => {
          waiting -= 1;
          begin();
        });
      }
    };
    const goOn = async (until: () => boolean): Promise<void> => {
      for (let next = 0; !until();) {
        clock.time += busy;
        if (clock.time > next) {
          next = clock.time + 100;
          for (let i = 0; i < others; i += 1) ask(`other-${i}`, 50 / others);
        }
        await turn();
      }
    };
    const second = clock.time + 1_000;
    await goOn(() => clock.time > second);
    // Ten requests that say how dear they are, and many.
    for (let i = 0; i < 10; i += 1) ask('dear', 10);
    const after = clock.time + 300;
    await goOn(() => clock.time > after);
    for (let i = 0; i < 500; i += 1) ask('dear', 10);
    await goOn(() => waiting === 0);
    expect(told.length).toBeGreaterThan(400);
    expect(Math.min(...told)).toBeGreaterThan(1);
    expect(Math.max(...told)).toBeLessThanOrEqual(20);
    expect(Math.max(...waited)).toBeLessThan(4_000);
  },
);

describe('what requests take', () => {
  /** Each has so many requests, of so many milliseconds; others use the loop for one in each turn, or do not. */
  const beside = (
    asks: Readonly<Record<string, { readonly requests: number; readonly takes: number }>>,
    isBusy: boolean,
    first = 'first',
  ) => {
    const clock = { time: 0 };
    const fair = new FairQueue(
      () => clock.time,
      () => 0,
    );
    // What comes after these waits for the next turn.
    for (let i = 0; i < 8; i += 1) void fair.turn(first);
    const had: Record<string, number> = {};
    const left = new Map(Object.entries(asks).map(([tenant, { requests }]) => [tenant, requests]));
    const begin = (tenant: string): void => {
      const { takes } = asks[tenant] as (typeof asks)[string];
      clock.time += takes;
      had[tenant] = (had[tenant] ?? 0) + takes;
      left.set(tenant, (left.get(tenant) as number) - 1);
    };
    for (const [tenant, { requests }] of Object.entries(asks))
      for (let i = 0; i < requests; i += 1) {
        const mine = fair.turn(tenant);
        if (mine instanceof Promise) void mine.then(() => begin(tenant));
      }
    /** Until nobody of these waits, or for so many turns. */
    const until = async (tenants: readonly string[], turns = 5_000): Promise<void> => {
      for (let n = 0; n < turns && tenants.some((tenant) => left.get(tenant) !== 0); n += 1) {
        if (isBusy) clock.time += 1;
        await turn();
      }
    };
    return { fair, clock, had, left, until };
  };
  const CHEAP = { requests: 100, takes: 1 };
  const DEAR = { requests: 100, takes: 10 };

  test('are shared out alike among tenants while others use the loop, and not their number', async () => {
    const { had, until } = beside({ dear: DEAR, a: CHEAP, b: CHEAP, c: CHEAP }, true);
    await until(['a', 'b', 'c']);
    // About as much as each of the others, and 50 ms that it may have beyond that; in turns of one each it is 1,000.
    expect(had['dear']).toBeLessThan(250);
    expect(had['dear']).toBeGreaterThanOrEqual(50);
    await until(['dear']);
    expect(had['dear']).toBe(1_000);
  });

  test('keep nobody from a loop that has nothing else to do', async () => {
    const { left, until } = beside({ a: { requests: 1, takes: 0 }, dear: DEAR }, false);
    await until(['dear'], 200);
    expect(left.get('dear')).toBe(0);
  });

  test('keep nobody from a loop that has been idle between requests that came one by one', async () => {
    const { clock, begun, refused, ask, all } = queue();
    for (let i = 0; i < 60; i += 1) {
      ask(`light-${i % 10}`);
      clock.time += 5;
      await turn();
      await turn();
      clock.time += 200;
    }
    for (let i = 0; i < 40; i += 1) {
      ask('burst');
      clock.time += 5;
    }
    await all();
    expect(refused).toEqual([]);
    expect(begun.filter((tenant) => tenant === 'burst')).toHaveLength(40);
  });

  test('keep a tenant that is alone from nothing, however busy the loop is', async () => {
    const { left, until } = beside({ dear: DEAR }, true, 'dear');
    await until(['dear'], 20);
    expect(left.get('dear')).toBe(0);
  });

  test('count of what is under way as well, which waits for nothing', async () => {
    const { fair, clock, left, until } = beside({ a: CHEAP, b: CHEAP }, true);
    for (let i = 0; i < 100; i += 1) {
      fair.pass('a');
      clock.time += 5;
    }
    await until(['b']);
    expect(left.get('a')).toBeGreaterThan(50);
  });

  /** Seconds by which requests begin late when each of so many tenants asks for so much at once, of a busy loop. */
  const lateness = async (tenants: Readonly<Record<string, { readonly requests: number; readonly takes: number }>>) => {
    const { fair, until } = beside(tenants, true);
    await until(Object.keys(tenants), 50_000);
    return fair.takeWait();
  };
  const each = (count: number, name: string, ask: typeof CHEAP) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`${name}-${n}`, ask]));

  test('and what a tenant waits since it had more than its share makes the host not late', async () => {
    const dear = each(2, 'dear', { requests: 20, takes: 10 });
    const cheap = each(8, 'cheap', { requests: 1, takes: 1 });
    expect(await lateness({ ...dear, ...cheap })).toBeLessThan(0.1);
  });

  test("and the time in which the process was away is nobody's wait, nor that of who is passed over", async () => {
    const asks = { dear: DEAR, ...each(2, 'cheap', { requests: 400, takes: 1 }) };
    const { fair, clock, until } = beside(asks, true);
    await until(['dear'], 20);
    fair.takeWait();
    clock.time += 90_000;
    await until(['dear'], 20);
    const seconds = fair.takeWait();
    expect(seconds).toBeGreaterThanOrEqual(0);
    expect(seconds).toBeLessThan(10);
  });

  test('and a host of which all want more than it can is late', async () => {
    // Together they take 3.2 s: 1.6 s on average.
    expect(await lateness(each(4, 'dear', { requests: 80, takes: 10 }))).toBeGreaterThan(1);
  });
});
