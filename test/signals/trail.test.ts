import fc from 'fast-check';
import { plusSeconds, toMillis, toTime } from '../../domain/kernel/time';
import { isLocation } from '../../domain/signals/location';
import {
  type Emission,
  emit,
  goneAt,
  isSignalType,
  type Signal,
  signalProblem,
  strengthAt,
  trailDecider,
  type TrailEvent,
  trailId,
  type TrailState,
} from '../../domain/signals/trail';
import { given } from '../support/given';

const NOW = '2026-11-21T10:00:00.000Z';
const minutes = (count: number) => plusSeconds(NOW, count * 60);

function signal(changes: Partial<Signal> = {}): Signal {
  return {
    type: 'resource_needed',
    location: 'plant/line-1',
    strength: 0.4,
    emitter_agent: 'ant-1',
    timestamp: NOW,
    decay_rate: 0.1,
    ...changes,
  };
}

function event(type: TrailEvent['type'], changes: Partial<Emission> = {}): TrailEvent {
  const emitted = signal(changes);
  return { type, v: 1, data: { ...emitted, resulting_strength: emitted.strength, at: emitted.timestamp, ...changes } };
}

const emitted = event('SignalEmitted');

describe('emit', () => {
  test('the first signal makes the trail', () => {
    given(trailDecider, [])
      .when(emit([signal()], NOW))
      .then([emitted])
      .thenState((state) => {
        expect(state).toEqual({
          type: 'resource_needed',
          location: 'plant/line-1',
          strength: 0.4,
          at: NOW,
          decay_rate: 0.1,
          emissions: 1,
          emitter_agent: 'ant-1',
          timestamp: NOW,
        });
      });
  });

  test('another reinforces what is left', () => {
    given(trailDecider, [emitted])
      .when(emit([signal({ timestamp: minutes(2), emitter_agent: 'ant-2', decay_rate: 0.2 })], minutes(2)))
      .then([
        event('SignalReinforced', {
          timestamp: minutes(2),
          emitter_agent: 'ant-2',
          decay_rate: 0.2,
          resulting_strength: 0.724,
        }),
      ]) // 0.4 · 0.9² + 0.4
      .thenState(({ strength, at, decay_rate, emissions, emitter_agent }) => {
        expect([strength, at, decay_rate, emissions, emitter_agent]).toEqual([0.724, minutes(2), 0.2, 2, 'ant-2']);
      });
  });

  test('strength is capped at 1', () => {
    given(trailDecider, [emitted])
      .when(emit([signal({ strength: 0.9 })], NOW))
      .then([event('SignalReinforced', { strength: 0.9, resulting_strength: 1 })]);
  });

  test('after it has evaporated the trail begins anew', () => {
    given(trailDecider, [emitted])
      .when(emit([signal({ timestamp: minutes(60) })], minutes(60)))
      .then([event('SignalEmitted', { timestamp: minutes(60) })])
      .thenState((state) => state.emissions === 2);
  });

  test('a batch is one event each', () => {
    given(trailDecider, [])
      .when(emit([signal(), signal({ emitter_agent: 'ant-2' }), signal({ strength: 0 })], NOW))
      .then([
        emitted,
        event('SignalReinforced', { emitter_agent: 'ant-2', resulting_strength: 0.8 }),
        event('SignalReinforced', { strength: 0, resulting_strength: 0.8 }),
      ])
      .thenState((state) => state.emissions === 3);
  });

  test('a late signal has lost strength on its way, and does not set the rate of a trail with a later one', () => {
    given(trailDecider, [event('SignalEmitted', { timestamp: minutes(5) })])
      .when(emit([signal({ decay_rate: 0.5, emitter_agent: 'ant-2' })], minutes(5)))
      .then([
        event('SignalReinforced', {
          decay_rate: 0.5,
          emitter_agent: 'ant-2',
          resulting_strength: 0.4125,
          at: minutes(5),
        }),
      ]) // 0.4 + 0.4 · 0.5⁵
      .thenState((state) => state.decay_rate === 0.1 && state.emitter_agent === 'ant-1');
  });

  test('a timestamp is moved into the day that ends now', () => {
    given(trailDecider, [])
      .when(emit([signal({ timestamp: minutes(9) })], NOW))
      .then([emitted]);
    given(trailDecider, [])
      .when(emit([signal({ timestamp: '1970-01-01T00:00:00.000Z', decay_rate: 0.001 })], NOW))
      .then([
        event('SignalEmitted', {
          timestamp: minutes(-1440),
          decay_rate: 0.001,
          resulting_strength: 0.094702847,
          at: NOW,
        }),
      ]); // 0.4 · 0.999¹⁴⁴⁰
  });

  test('a clock that lags does not make a trail younger', () => {
    given(trailDecider, [emitted])
      .when(emit([signal({ strength: 0.1, timestamp: minutes(-1), decay_rate: 0 })], minutes(-1)))
      .then([
        event('SignalReinforced', {
          strength: 0.1,
          timestamp: minutes(-1),
          decay_rate: 0,
          resulting_strength: 0.5,
          at: NOW,
        }),
      ]);
  });

  test('imperceptible signals of one instant add up, later they are gone', () => {
    const faint = signal({ strength: 0.006 });
    given(trailDecider, [])
      .when(emit([faint, faint, faint], NOW))
      .thenState((state) => state.strength === 0.018);
    given(trailDecider, [event('SignalEmitted', { strength: 0.006 })])
      .when(emit([{ ...faint, timestamp: minutes(0.001) }], minutes(0.001)))
      .then([event('SignalEmitted', { strength: 0.006, timestamp: minutes(0.001) })]);
  });

  test('refusals', () => {
    given(trailDecider, []).when(emit([], NOW)).thenRejected('signal-batch-size');
    given(trailDecider, [])
      .when(emit(new Array<Signal>(1001).fill(signal()), NOW))
      .thenRejected('signal-batch-size');
    given(trailDecider, [])
      .when(emit([signal(), signal({ strength: 1.01 })], NOW))
      .thenRejected('signal-invalid', { index: 1 });
    given(trailDecider, [])
      .when(emit([signal(), signal({ location: 'plant/line-2' })], NOW))
      .thenRejected('signal-of-another-trail', { index: 1 });
    given(trailDecider, [emitted])
      .when(emit([signal({ type: 'load_high' })], NOW))
      .thenRejected('signal-of-another-trail', { index: 0 });
  });

  test.each<[Partial<Signal>, RegExp]>([
    [{ type: 'Load' }, /^type/],
    [{ location: 'a//b' }, /^location/],
    [{ strength: -0.1 }, /^strength/],
    [{ strength: NaN }, /^strength/],
    [{ decay_rate: 1.5 }, /^decay_rate/],
    [{ emitter_agent: 'a b' }, /^emitter_agent/],
    [{ timestamp: '2026-11-21' }, /^timestamp/],
  ])('%j is no signal', (changes, message) => {
    expect(signalProblem(signal(changes))).toMatch(message);
  });
});

test('names', () => {
  expect(['task_complete', 'a', 'x.y-z_1', `a${'b'.repeat(63)}`].every(isSignalType)).toBe(true);
  expect(['', 'A', '1a', 'a b', 'a/b', `a${'b'.repeat(64)}`, 'a\n'].some(isSignalType)).toBe(false);
  expect(['a', 'a/b/c', 'A-1/b_2/c.d/~:@', 'x'.repeat(256)].every(isLocation)).toBe(true);
  expect(
    ['', '/', '/a', 'a/', 'a//b', 'a/../b', '..', 'a..b', './a', 'a/.', 'a b', 'a\n', 'ä', 'x'.repeat(257)].some(
      isLocation,
    ),
  ).toBe(false);
  expect(trailId('load_high', 'a/b')).toMatch(/^[0-9a-f]{32}$/);
  expect(trailId('load_high', 'a')).not.toBe(trailId('load_low', 'a'));
});

describe('evaporation', () => {
  test('follows the law', () => {
    const trail = { strength: 0.8, at: NOW, decay_rate: 0.25 };
    expect(strengthAt(trail, NOW)).toBe(0.8);
    expect(strengthAt(trail, minutes(1))).toBeCloseTo(0.6, 12);
    expect(strengthAt(trail, minutes(1.5))).toBeCloseTo(0.8 * 0.75 ** 1.5, 12);
    expect(strengthAt(trail, minutes(-5))).toBe(0.8);
    expect(strengthAt(trailDecider.initial, NOW)).toBe(0);
  });

  test('ends, unless the rate is 0', () => {
    expect(goneAt({ strength: 0.5, at: NOW, decay_rate: 0 })).toBeUndefined();
    expect(goneAt({ strength: 0.01, at: NOW, decay_rate: 0 })).toBeUndefined();
    expect(goneAt({ strength: 0.5, at: NOW, decay_rate: 1e-12 })).toBeUndefined(); // after the year 9999
    expect(goneAt({ strength: 0.5, at: NOW, decay_rate: 1 })).toBe('2026-11-21T10:00:00.001Z');
    expect(goneAt({ strength: 0.01, at: NOW, decay_rate: 0.5 })).toBe('2026-11-21T10:00:00.001Z');
    expect(goneAt({ strength: 0.009, at: NOW, decay_rate: 0 })).toBe(NOW);
    expect(goneAt({ strength: 0.32, at: NOW, decay_rate: 0.5 })).toBe('2026-11-21T10:05:00.001Z'); // 0.32 · 0.5⁵ = 0.01
  });
});

// ------------------------------------------------------------------------------------------------------ properties

const share = fc.double({ min: 0, max: 1, noNaN: true });
const perceptible = fc.double({ min: 0.01, max: 1, noNaN: true });
const rate = fc.oneof(share, fc.constantFrom(0, 1, 0.1, 0.5), fc.double({ min: 0, max: 1e-6, noNaN: true }));
const elapsed = fc.integer({ min: 0, max: 100 * 3_600_000 });
const after = (milliseconds: number) => toTime(toMillis(NOW) + milliseconds);
const signals = (timestamp: fc.Arbitrary<string>) =>
  fc.record({
    type: fc.constant('t'),
    location: fc.constant('l'),
    strength: share,
    emitter_agent: fc.constantFrom('ant-1', 'ant-2', 'ant-3'),
    timestamp,
    decay_rate: rate,
  });
const anySignal = signals(fc.integer({ min: -100_000_000, max: 10_000_000 }).map(after));
const steps = fc.array(
  fc.record({
    wait: fc.integer({ min: -10_000, max: 3_600_000 }),
    batch: fc.array(anySignal, { minLength: 1, maxLength: 5 }),
  }),
  { maxLength: 20 },
);

function decide(state: TrailState, batch: readonly Signal[], at: string): readonly TrailEvent[] {
  const events = emit(batch, at)(state);
  if (!Array.isArray(events)) throw new Error(JSON.stringify(events));
  return events as readonly TrailEvent[];
}

function apply(state: TrailState, events: readonly TrailEvent[]): TrailState {
  return events.reduce(
    (folded, one) => trailDecider.evolve(folded, one, { stream: 's', index: 0, at: NOW, correlationId: '' }),
    state,
  );
}

const emitAll = (state: TrailState, batch: readonly Signal[], at: string) => apply(state, decide(state, batch, at));

test('strength stays within 0 and 1, and only evaporates between signals', () => {
  fc.assert(
    fc.property(steps, elapsed, elapsed, (history, a, b) => {
      let state = trailDecider.initial;
      let now = 0;
      for (const { wait, batch } of history) {
        now += wait;
        const events = decide(state, batch, after(now));
        for (const { data } of events) {
          expect(data.resulting_strength).toBeGreaterThanOrEqual(0);
          expect(data.resulting_strength).toBeLessThanOrEqual(1);
          expect(data.timestamp <= data.at).toBe(true);
        }
        state = apply(state, events);
      }
      const [early, late] = [Math.min(a, b), Math.max(a, b)].map((wait) =>
        strengthAt(state, toTime(toMillis(state.at) + wait)),
      ) as [number, number];
      expect(late).toBeLessThanOrEqual(early);
      expect(early).toBeLessThanOrEqual(state.strength);
      expect(late).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('evaporating for a and then for b is evaporating for a + b', () => {
  fc.assert(
    fc.property(perceptible, rate, elapsed, elapsed, (strength, decay_rate, a, b) => {
      const half = { strength: strengthAt({ strength, at: NOW, decay_rate }, after(a)), at: after(a), decay_rate };
      const whole = strengthAt({ strength, at: NOW, decay_rate }, after(a + b));
      const twice = strengthAt(half, after(a + b));
      // Where the trail goes, the two may see it on different sides of the threshold.
      if (whole > 0.010001 || twice > 0.010001) expect(Math.abs(twice - whole)).toBeLessThan(1e-9);
    }),
  );
});

test('a trail is perceived until it is gone', () => {
  fc.assert(
    fc.property(perceptible, rate, (strength, decay_rate) => {
      const trail = { strength, at: NOW, decay_rate };
      const end = goneAt(trail);
      if (end === undefined) return expect(strengthAt(trail, after(100 * 365 * 86_400_000))).toBeGreaterThan(0);
      expect(strengthAt(trail, end)).toBe(0);
      const before = toTime(toMillis(end) - 2);
      if (before >= NOW) expect(strengthAt(trail, before)).toBeGreaterThanOrEqual(0.01);
    }),
  );
});

test('signals of one instant have the same outcome in any order', () => {
  const order = fc
    .array(anySignal, { minLength: 1, maxLength: 8 })
    .chain((batch) => fc.tuple(fc.constant(batch), fc.shuffledSubarray(batch, { minLength: batch.length })));
  fc.assert(
    fc.property(steps, order, elapsed, (history, [batch, shuffled], wait) => {
      let state = trailDecider.initial;
      for (const step of history) state = emitAll(state, step.batch, NOW);
      expect(emitAll(state, shuffled, after(wait))).toEqual(emitAll(state, batch, after(wait)));
    }),
  );
});

test('one batch is the same as one by one, and as any split', () => {
  fc.assert(
    fc.property(fc.array(anySignal, { minLength: 2, maxLength: 12 }), fc.nat(), elapsed, (batch, cut, wait) => {
      const start = emitAll(trailDecider.initial, [batch[0] as Signal], NOW);
      const at = after(wait);
      const together = emitAll(start, batch, at);
      expect(batch.reduce((state, one) => emitAll(state, [one], at), start)).toEqual(together);
      const middle = 1 + (cut % (batch.length - 1));
      expect(emitAll(emitAll(start, batch.slice(0, middle), at), batch.slice(middle), at)).toEqual(together);
    }),
  );
});
