/** The window's evaporation is that of the host: from the receipts of a trail alone. */
import fc from 'fast-check';
import { toTime } from '../../domain/kernel/time';
import {
  type Signal,
  strengthAt as lawOf,
  trailDecider,
  type TrailEvent,
  type TrailState,
} from '../../domain/signals/trail';
import { emissionsIn, strengthAt } from '../../web/lib/evaporation';

test('fades as the law says, also where signals come late and each has a rate of its own', () => {
  const signal = fc.record({
    after: fc.integer({ min: 0, max: 600_000 }),
    late: fc.integer({ min: 0, max: 900_000 }),
    strength: fc.double({ min: 0, max: 1, noNaN: true }),
    rate: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(
      fc.array(signal, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 0, max: 7_200_000 }),
      (all, later) => {
        let state: TrailState = trailDecider.initial;
        let at = Date.UTC(2030, 0);
        const commits = all.map(({ after, late, strength, rate }, index) => {
          at += after;
          const emitted: Signal & { resulting_strength: number; at: string } = {
            ...{ type: 'load_high', location: 'a', strength, emitter_agent: 'x', decay_rate: rate },
            ...{ timestamp: toTime(at - late), resulting_strength: strength, at: toTime(at) },
          };
          const event = { type: 'SignalEmitted', v: 1, data: emitted } as TrailEvent;
          state = trailDecider.evolve(state, event, { at: toTime(at), stream: 't/trail/a', index } as never);
          return { events: [event] };
        });
        expect(strengthAt(emissionsIn(commits), at + later)).toBeCloseTo(lawOf(state, toTime(at + later)), 9);
      },
    ),
  );
});
