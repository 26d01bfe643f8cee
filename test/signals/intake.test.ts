import fc from 'fast-check';
import { plusSeconds } from '../../domain/kernel/time';
import { type Arrival, intakeDecider, type IntakeEvent, takeIn } from '../../domain/signals/intake';
import { given, GIVEN_TIME } from '../support/given';

const signal = (location: string) => ({
  type: 'load_high',
  location,
  strength: 0.5,
  emitter_agent: 'ant-1',
  timestamp: GIVEN_TIME,
  decay_rate: 0.1,
});
const arrival = (sequence: number, enqueued = GIVEN_TIME): Arrival => ({
  sequence,
  enqueued,
  signals: [signal(`m/${sequence}`)],
});
const arrived = (last_sequence: number, ...locations: number[]): IntakeEvent => ({
  type: 'SignalsArrived',
  v: 1,
  data: { last_sequence, last_enqueued: GIVEN_TIME, signals: locations.map((n) => signal(`m/${n}`)) },
});

test('what comes first is taken in, and not twice', () => {
  given(intakeDecider, [])
    .when(takeIn([arrival(0), arrival(3)]))
    .then([arrived(3, 0, 3)])
    .thenRepeatedNothing();
});

test('of a batch that overlaps only the rest is taken in', () => {
  given(intakeDecider, [arrived(3, 0, 3)])
    .when(takeIn([arrival(2), arrival(3), arrival(4)]))
    .then([arrived(4, 4)]);
});

test('nothing is nothing', () => {
  given(intakeDecider, [arrived(3, 3)])
    .when(takeIn([]))
    .thenNothing();
});

describe('a hub that was made anew', () => {
  const LATER = plusSeconds(GIVEN_TIME, 60);

  test('counts from the beginning', () => {
    const data = { last_sequence: 4, last_enqueued: LATER, epoch: 1, signals: [3, 4].map((n) => signal(`m/${n}`)) };
    given(intakeDecider, [arrived(7, 7)])
      .when(takeIn([arrival(3, LATER), arrival(4, LATER)]))
      .then([{ type: 'SignalsArrived', v: 1, data }])
      .thenRepeatedNothing();
  });

  test('is known also by a log that did not write down when messages were enqueued', () => {
    const old: IntakeEvent = { type: 'SignalsArrived', v: 1, data: { last_sequence: 7, signals: [] } };
    given(intakeDecider, [old])
      .when(takeIn([arrival(3, LATER)]))
      .thenState(({ last_sequence, epoch }) => last_sequence === 3 && epoch === 1);
    given(intakeDecider, [old])
      .when(takeIn([arrival(3)]))
      .thenNothing();
  });

  test('is not taken for one by a clock of the hub that was set back', () => {
    const forth = takeIn([arrival(1, LATER), arrival(2)]);
    const signals = [1, 2].map((n) => signal(`m/${n}`));
    given(intakeDecider, [])
      .when(forth)
      .then([{ type: 'SignalsArrived', v: 1, data: { last_sequence: 2, last_enqueued: LATER, signals } }])
      .thenRepeatedNothing();
  });
});

test('a batch has a bound', () => {
  const many = Array.from({ length: 257 }, (_, sequence) => arrival(sequence));
  given(intakeDecider, []).when(takeIn(many)).thenRejected('intake-too-large');
  given(intakeDecider, [])
    .when(takeIn(many.slice(0, 256)))
    .thenState(({ last_sequence }) => last_sequence === 255);
});

test('whatever bounds the batches have, and however often they come, each message is taken in once', () => {
  const windows = fc.array(fc.tuple(fc.nat(20), fc.nat(8)), { maxLength: 12 });
  fc.assert(
    fc.property(windows, (cuts) => {
      let state = intakeDecider.initial;
      const taken: string[] = [];
      let reached = 0;
      // A hub delivers from some place at or before the one that was reached, never from behind a gap.
      for (const [back, size] of cuts) {
        const from = Math.max(0, reached - back);
        const answer = takeIn(Array.from({ length: size }, (_, i) => arrival(from + i)))(state);
        if (!Array.isArray(answer)) throw new Error('refused');
        for (const event of answer as readonly IntakeEvent[]) {
          taken.push(...event.data.signals.map(({ location }) => location));
          state = intakeDecider.evolve(state, event, { stream: '', index: 0, at: '', correlationId: '' });
        }
        reached = Math.max(reached, from + size);
      }
      expect(taken).toEqual(Array.from({ length: reached }, (_, i) => `m/${i}`));
    }),
  );
});
