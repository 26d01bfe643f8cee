import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { CATALOGUE } from '../../domain/repository/catalogue-data';
import { toTasks } from '../../samples/demand/effort';
import { formatProfile, measure } from '../../samples/demand/measure';
import { drawRequests, PROFILE, quantile, random, readProfile } from '../../samples/demand/profile';
import { CONVERSATION, shape } from '../../samples/demand/shape';
import { type DemandRequest, MAX_REQUESTS, parseTrace, readTrace, TraceError } from '../../samples/demand/trace';

const ROOT = join(__dirname, '..', '..');
/** Not part of the repository; where it lies beside it, the profile is measured again. */
const TRACE = join(ROOT, '..', 'shared', 'data', 'AzureLLMInferenceTrace_code.csv');
const PROFILE_FILE = join(ROOT, 'samples', 'demand', 'profile.json');

const HEADER = 'TIMESTAMP,ContextTokens,GeneratedTokens';
const ROW = '2023-11-16 18:17:03.9799600,4808,10';

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);

describe('the parser', () => {
  test('reads rows as Microsoft publishes them, to 100 ns', async () => {
    const rows = [ROW, '2023-11-16 18:17:04.0319600,3180,8', '2023-11-16 19:17:03.9799601,0,1899'];
    expect(await parseTrace([`${HEADER}\r\n${rows.join('\r\n')}`])).toEqual([
      { at: 0, contextTokens: 4808, generatedTokens: 10 },
      { at: 52, contextTokens: 3180, generatedTokens: 8 },
      { at: 3_600_000.0001, contextTokens: 0, generatedTokens: 1899 },
    ]);
  });

  test('takes the offset of the later traces, no fraction, a byte order mark and empty lines', async () => {
    const text = `\uFEFF${HEADER}\n2024-05-10 00:00:00,1,2\n\n2024-05-10 00:00:00.009930+00:00,3,4\n\n`;
    expect(await parseTrace([text])).toEqual([
      { at: 0, contextTokens: 1, generatedTokens: 2 },
      { at: 9.93, contextTokens: 3, generatedTokens: 4 },
    ]);
  });

  test('property: where the chunks are cut does not matter', async () => {
    const text = `${HEADER}\r\n${ROW}\r\n2023-11-16 18:17:04.0319600,3180,8\r\n`;
    const whole = await parseTrace([text]);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(text.length), { maxLength: 6 }), async (cuts) => {
        const edges = [0, ...sorted(cuts), text.length];
        expect(await parseTrace(edges.map((edge, index) => text.slice(edges[index - 1] ?? 0, edge)))).toEqual(whole);
      }),
    );
  });

  test.each([
    ['nothing', '', 1, 'no requests'],
    ['the header alone', HEADER, 1, 'no requests'],
    ['another header', `time,in,out\n${ROW}`, 1, 'expected the header'],
    ['no header', ROW, 1, 'expected the header'],
    ['a column less', `${HEADER}\n2023-11-16 18:17:03.97,4808`, 2, 'expected 3 columns, found 2'],
    ['a column more', `${HEADER}\n${ROW},7`, 2, 'expected 3 columns, found 4'],
    ['no number', `${HEADER}\n${ROW}\n2023-11-16 18:17:04,many,8`, 3, 'ContextTokens must be'],
    ['a negative number', `${HEADER}\n2023-11-16 18:17:04,1,-8`, 2, 'GeneratedTokens must be'],
    ['a fraction of a token', `${HEADER}\n2023-11-16 18:17:04,1,1.5`, 2, 'GeneratedTokens must be'],
    ['an empty cell', `${HEADER}\n2023-11-16 18:17:04,,5`, 2, 'ContextTokens must be'],
    ['another form of time', `${HEADER}\n16.11.2023 18:17,1,2`, 2, 'TIMESTAMP must be'],
    ['a day that is not', `${HEADER}\n2023-02-31 18:17:04,1,2`, 2, 'TIMESTAMP must be'],
    ['an hour that is not', `${HEADER}\n2023-02-01 25:17:04,1,2`, 2, 'TIMESTAMP must be'],
    ['another offset', `${HEADER}\n2023-02-01 15:17:04+02:00,1,2`, 2, 'TIMESTAMP must be'],
    ['time running backwards', `${HEADER}\n\n${ROW}\n2023-11-16 18:17:03.9799599,1,2`, 4, 'before the line above'],
    ['an endless line', 'x'.repeat(5_000), 1, 'is longer than'],
  ])('refuses %s, and names the line', async (_, text, line, problem) => {
    const refusal: unknown = await parseTrace([text]).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(TraceError);
    expect(refusal).toMatchObject({ line, message: expect.stringContaining(problem) });
    expect((refusal as TraceError).message).toMatch(new RegExp(`^line ${line}: `));
  });

  test('refuses a line without end before it has read the whole of it', async () => {
    let read = 0;
    function* endless() {
      for (;;) {
        read += 1;
        yield 'x'.repeat(600);
      }
    }
    await expect(parseTrace(endless())).rejects.toThrow(TraceError);
    expect(read).toBeLessThan(5);
  });

  test('refuses more than a million requests', async () => {
    function* rows() {
      yield `${HEADER}\n`;
      const thousand = `${ROW}\n`.repeat(1_000);
      for (let count = 0; count < MAX_REQUESTS; count += 1_000) yield thousand;
      yield ROW;
    }
    await expect(parseTrace(rows())).rejects.toThrow(`line ${MAX_REQUESTS + 2}: more than`);
  }, 60_000);

  test('reads a file, and fails plainly when there is none', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'trace-'));
    try {
      const file = join(folder, 'trace.csv');
      writeFileSync(file, `${HEADER}\r\n${ROW}\r\n`);
      expect(await readTrace(file)).toHaveLength(1);
      await expect(readTrace(join(folder, 'none.csv'))).rejects.toThrow('ENOENT');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the profile', () => {
  test('is small, attributed and consistent', () => {
    expect(readFileSync(PROFILE_FILE).length).toBeLessThan(20_000);
    expect(PROFILE.attribution).toMatch(/Microsoft.*CC-BY-4\.0.*Azure\/AzurePublicDataset.*Splitwise/);
    expect(sum(PROFILE.requestsPerMinute)).toBe(8_819);
    expect(PROFILE.contextTokens).toHaveLength(PROFILE.generatedTokens.length + 1);
    expect([PROFILE.probabilities[0], PROFILE.probabilities.at(-1)]).toEqual([0, 1]);
    for (const list of [PROFILE.contextTokens, PROFILE.probabilities, ...PROFILE.generatedTokens]) {
      expect(list).toEqual(sorted(list));
    }
    for (const band of PROFILE.generatedTokens) expect(band).toHaveLength(PROFILE.probabilities.length);
  });

  test('measuring counts by minute and by band', () => {
    const requests = Array.from({ length: 100 }, (_, index) => ({
      at: index < 60 ? index : 125_000,
      contextTokens: 99 - index,
      generatedTokens: index,
    }));
    const measured = measure(requests);
    expect(measured.requestsPerMinute).toEqual([60, 0, 40]);
    expect(measured.contextTokens.slice(0, 2)).toEqual([0, 5]);
    expect(measured.contextTokens.at(-1)).toBe(99);
    // The five smallest contexts belong to the five largest outputs.
    expect(measured.generatedTokens[0]?.[0]).toBe(95);
    expect(measured.generatedTokens[0]?.at(-1)).toBe(99);
    expect(JSON.parse(formatProfile(measured))).toEqual(measured);
  });

  // The trace itself may not be in the repository: this part runs where it lies beside it.
  if (existsSync(TRACE)) {
    describe('against the trace', () => {
      let trace: DemandRequest[];
      beforeAll(async () => {
        trace = await readTrace(TRACE);
      });

      test('has 8,819 requests in 57 minutes', () => {
        expect(trace).toHaveLength(8_819);
        expect(trace[0]).toEqual({ at: 0, contextTokens: 4808, generatedTokens: 10 });
        expect(trace.at(-1)).toEqual({ at: 3_435_948.056, contextTokens: 549, generatedTokens: 173 });
      });

      test('measuring it gives profile.json, byte for byte', () => {
        expect(formatProfile(measure(trace))).toBe(readFileSync(PROFILE_FILE, 'utf8'));
      });

      test('what is drawn has the marginals and the totals of the trace', () => {
        const drawn = drawRequests(PROFILE, 7);
        for (const kind of ['contextTokens', 'generatedTokens'] as const) {
          const [ours, theirs] = [drawn, trace].map((requests) => sorted(requests.map((request) => request[kind])));
          for (const p of [0.1, 0.25, 0.5, 0.75, 0.9, 0.95]) {
            const expected = quantile(theirs ?? [], p);
            expect(Math.abs(quantile(ours ?? [], p) - expected)).toBeLessThanOrEqual(Math.max(1, 0.1 * expected));
          }
          expect(Math.abs(sum(ours ?? []) / sum(theirs ?? []) - 1)).toBeLessThan(0.1);
        }
      });
    });
  }
});

describe('drawing', () => {
  const drawn = drawRequests(PROFILE, 42);

  test('the generator is mulberry32: known values, repeatable, within [0, 1)', () => {
    const next = random(1);
    expect([next(), next()]).toEqual([0.6270739405881613, 0.002735721180215478]);
    expect(random(2 ** 32 + 5)()).toBe(random(5)());
    const many = Array.from({ length: 10_000 }, random(9));
    expect(many.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(sum(many) / many.length).toBeCloseTo(0.5, 1);
  });

  test('the same seed draws the same, another seed something else', () => {
    expect(drawRequests(PROFILE, 42)).toEqual(drawn);
    expect(drawRequests(PROFILE, 43)).not.toEqual(drawn);
  });

  test('as many requests in each minute as the profile has, in order', () => {
    expect(measure(drawn).requestsPerMinute).toEqual(PROFILE.requestsPerMinute);
    expect(drawn.map(({ at }) => at)).toEqual(sorted(drawn.map(({ at }) => at)));
  });

  test('the quantiles of what is drawn are close to those of the profile', () => {
    const close = (actual: number, expected: number, share: number) =>
      expect(Math.abs(actual - expected)).toBeLessThanOrEqual(Math.max(1, share * expected));
    const measured = measure(drawn);
    measured.contextTokens.forEach((tokens, edge) => {
      if (edge > 0) close(tokens, PROFILE.contextTokens[edge] ?? 0, 0.1);
    });
    // The larger tails are left to the test of the totals: 440 requests a band are few for a 99th percentile.
    const columns = PROFILE.probabilities.flatMap((p, column) => (p > 0 && p <= 0.7 ? [column] : []));
    measured.generatedTokens.forEach((band, index) => {
      for (const column of columns) close(band[column] ?? 0, PROFILE.generatedTokens[index]?.[column] ?? 0, 0.35);
    });
  });

  test('property: token counts stay within those of their band', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), (seed) => {
        for (const request of drawRequests({ ...PROFILE, requestsPerMinute: [50] }, seed)) {
          const { contextTokens, generatedTokens, at } = request;
          expect(Number.isInteger(contextTokens) && Number.isInteger(generatedTokens)).toBe(true);
          expect(contextTokens).toBeGreaterThanOrEqual(3);
          expect(contextTokens).toBeLessThanOrEqual(7437);
          const edges = PROFILE.contextTokens;
          // A count on an edge may come from either side.
          const bands = PROFILE.generatedTokens.filter(
            (_, band) => (edges[band] ?? 0) <= contextTokens && contextTokens <= (edges[band + 1] ?? 0),
          );
          const within = (band: readonly number[]) =>
            generatedTokens >= (band[0] ?? 0) && generatedTokens <= (band.at(-1) ?? 0);
          expect(bands.some(within)).toBe(true);
          expect(at >= 0 && at < 60_000).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('effort', () => {
  const requests = drawRequests(PROFILE, 42);
  const offer = { load: 0.7, slots: 1_000, seed: 1 };
  const tasks = toTasks(requests, offer);
  const seconds = ((requests.at(-1)?.at ?? 0) - (requests[0]?.at ?? 0)) / 1_000;

  test('adds up to the offered load', () => {
    expect(sum(tasks.map(({ effort }) => effort)) / (0.7 * 1_000 * seconds)).toBeCloseTo(1, 9);
    expect(tasks.map(({ at }) => at)).toEqual(requests.map(({ at }) => at));
  });

  test('follows the formula: proportional to 0.095/1500 a context token and 0.031 a generated one', () => {
    const two = [
      { at: 0, contextTokens: 1_500, generatedTokens: 0 },
      { at: 10_000, contextTokens: 0, generatedTokens: 2 },
    ];
    const [first, second] = toTasks(two, { load: 0.5, slots: 4, seed: 1 });
    expect(first?.effort).toBeCloseTo((20 * 0.095) / 0.157, 9);
    expect(second?.effort).toBeCloseTo((20 * 0.062) / 0.157, 9);
  });

  test('is cut at the 99th percentile, and at least 0', () => {
    const efforts = sorted(tasks.map(({ effort }) => effort));
    const largest = efforts.at(-1) ?? 0;
    expect(quantile(efforts, 0.99)).toBeCloseTo(largest, 9);
    expect(quantile(efforts, 0.98)).toBeLessThan(largest);
    expect(efforts[0]).toBeGreaterThan(0);
  });

  test('every type of the catalogue gets a share; places are few dozen, priorities spread over 0 to 1', () => {
    const shares = new Map<string, number>();
    for (const { agentType, effort } of tasks) shares.set(agentType, (shares.get(agentType) ?? 0) + effort);
    expect([...shares.keys()].sort()).toEqual(CATALOGUE.map((entry) => entry.agent_type).sort());
    const mean = sum([...shares.values()]) / shares.size;
    for (const share of shares.values()) expect(Math.abs(share / mean - 1)).toBeLessThan(0.5);
    const places = new Set(tasks.map(({ location }) => location));
    expect(places.size).toBe(36);
    for (const place of places) expect(place).toMatch(/^region\/(eu|us|ap)\/line-\d{1,2}$/);
    const priorities = sorted(tasks.map(({ priority }) => priority));
    expect([priorities[0], quantile(priorities, 0.5), priorities.at(-1)]).toEqual([0, expect.closeTo(0.5, 1), 1]);
  });

  test('the seed decides the draws, the load only the effort', () => {
    expect(toTasks(requests, offer)).toEqual(tasks);
    const drawsOf = (some: typeof tasks) => some.map(({ effort: _effort, ...draw }) => draw);
    const busier = toTasks(requests, { ...offer, load: 1.4 });
    expect(drawsOf(busier)).toEqual(drawsOf(tasks));
    expect((busier[5]?.effort ?? 0) / (tasks[5]?.effort ?? 1)).toBeCloseTo(2, 9);
    expect(drawsOf(toTasks(requests, { ...offer, seed: 2 }))).not.toEqual(drawsOf(tasks));
  });

  test.each([
    ['no load', requests, { ...offer, load: 0 }],
    ['a load that is no number', requests, { ...offer, load: Number.NaN }],
    ['an endless load', requests, { ...offer, load: Infinity }],
    ['no slots', requests, { ...offer, slots: 0 }],
    ['no requests', [], offer],
    ['a single request, which spans no time', requests.slice(0, 1), offer],
    ['requests without tokens', [0, 9].map((at) => ({ at, contextTokens: 0, generatedTokens: 0 })), offer],
  ])('refuses %s', (_, some, badOffer) => {
    expect(() => toTasks(some, badOffer)).toThrow(RangeError);
  });
});

describe('the load of conversations', () => {
  const file = join(ROOT, 'samples', 'demand', 'conversation.json');
  const mean = (values: readonly number[]) => sum(values) / values.length;

  test('is drawn up from its figures, byte for byte, and can be read', async () => {
    expect(formatProfile(shape(CONVERSATION))).toBe(readFileSync(file, 'utf8'));
    expect(await readProfile(file)).toEqual(shape(CONVERSATION));
  });

  test('what is drawn from it has the figures', async () => {
    const requests = drawRequests(await readProfile(file), 1);
    expect(requests).toHaveLength(19_366);
    expect(Math.floor((requests.at(-1)?.at ?? 0) / 60_000)).toBe(57);
    const context = sorted(requests.map(({ contextTokens }) => contextTokens));
    const generated = sorted(requests.map(({ generatedTokens }) => generatedTokens));
    const off = (found: number, wanted: number) => Math.abs(found / wanted - 1);
    expect(off(mean(context), 1_155)).toBeLessThan(0.03);
    expect(off(quantile(context, 0.5), 1_020)).toBeLessThan(0.03);
    expect(off(mean(generated), 211)).toBeLessThan(0.03);
    expect(off(quantile(generated, 0.5), 129)).toBeLessThan(0.03);
    expect(generated.at(-1)).toBe(1_000);
  });

  test.each([
    ['no requests', { requestsPerMinute: [0, 1] }, 'must add up to'],
    ['tokens that fall', { contextTokens: [5, 4] }, 'must ascend'],
    ['probabilities without an end', { probabilities: [0, 0.5] }, 'must ascend from 0 to 1'],
    ['a row too few', { generatedTokens: [] }, 'one row between'],
    ['a column too few', { probabilities: [0, 1] }, 'as many columns'],
    ['something else', { more: 1 }, 'more'],
  ])('a profile with %s is refused', async (_, change, message) => {
    const folder = mkdtempSync(join(tmpdir(), 'formicary-profile-'));
    const changed = join(folder, 'profile.json');
    writeFileSync(changed, JSON.stringify({ ...shape(CONVERSATION), ...change }));
    await expect(readProfile(changed)).rejects.toThrow(message);
    rmSync(folder, { recursive: true });
  });
});
