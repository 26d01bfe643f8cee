/** The DSL must be able to fail: each of its claims, with a decider that breaks it. */
import { type Decider, type Event, refuse } from '../../domain/kernel/decider';
import { at, given, GIVEN_TIME } from './given';
import { add, fill, take, tally, type TallyEvent } from './transacting';

const added = (op: string, n: number): TallyEvent => ({ type: 'Added', v: 1, data: { op, n } });
const taken = (op: string, n: number): TallyEvent => ({ type: 'Taken', v: 1, data: { op, n } });

test('says what comes', () => {
  given(tally, [added('a', 5)])
    .when(take('b', 3))
    .then([taken('b', 3)])
    .thenState(({ sum }) => sum === 2);
  given(tally, [added('a', 5)])
    .when(fill('b', 7))
    .then([added('b', 2)])
    .thenRepeatedNothing();
  given(tally, [added('a', 5)])
    .when(fill('b', 5))
    .thenNothing();
  given(tally, [added('a', 5)])
    .when(take('b', 6))
    .thenRejected('too-little', { sum: 5 });
  given(tally, [added('a', 5), taken('b', 1)]).thenState((state) => expect(state).toEqual({ sum: 4, ops: ['a', 'b'] }));
  given(tally, [])
    .when(add('a', 1))
    .thenState(({ sum }) => sum === 1);
});

test('fails when something else comes', () => {
  const when = given(tally, [added('a', 5)]).when(take('b', 3));
  expect(() => when.then([])).toThrow();
  expect(() => when.then([taken('b', 4)])).toThrow();
  expect(() => when.then([{ ...taken('b', 3), v: 2 }])).toThrow();
  expect(() => when.then([taken('b', 3), taken('b', 3)])).toThrow();
  expect(() => when.thenNothing()).toThrow();
  expect(() => when.thenRejected('too-little')).toThrow();
  expect(() => when.thenState(({ sum }) => sum === 5)).toThrow('"sum": 2');
  expect(() => when.then([taken('b', 3)]).thenState(() => false)).toThrow();
  expect(() => when.then([taken('b', 3)]).thenRepeatedNothing()).toThrow('too-little');
  const refused = given(tally, []).when(take('b', 3));
  expect(() => refused.then([])).toThrow('too-little');
  expect(() => refused.thenNothing()).toThrow('too-little');
  expect(() => refused.thenRejected('other')).toThrow();
  expect(() => refused.thenRejected('too-little', { sum: 1 })).toThrow();
  expect(() => given(tally, [added('a', 5)]).thenState(({ sum }) => sum === 4)).toThrow();
});

test('is no promise, and says so', async () => {
  const awaited = async () => await (given(tally, []).when(add('a', 1)) as unknown as Promise<unknown>);
  await expect(awaited()).rejects.toThrow('not a promise');
});

describe('folds as a stream is loaded', () => {
  type Seen = Event<'Seen', { n: number }>;
  const places: Decider<readonly string[], Seen> = {
    category: 'place',
    version: 1,
    initial: [],
    evolve: (state, event, place) => [
      ...state,
      `${place.stream}@${place.index} ${place.at} ${event.v} ${event.data.n}`,
    ],
    upcasters: { 'Seen@1': (event) => ({ ...event, v: 2, data: { n: (event.data as { m: number }).m } }) },
  };

  test('through the upcasters, each event at a place of its own', () => {
    given(places, [
      { type: 'Seen', v: 1, data: { m: 1 } },
      { type: 'Seen', v: 2, data: { n: 2 } },
    ])
      .when(() => [
        { type: 'Seen', v: 2, data: { n: 3 } },
        { type: 'Seen', v: 2, data: { n: 4 } },
      ])
      .thenState((state) =>
        expect(state).toEqual([
          `acme/place/given@0 ${GIVEN_TIME} 2 1`,
          'acme/place/given@1 2026-11-21T10:00:01.000Z 2 2',
          'acme/place/given@2 2026-11-21T10:00:02.000Z 2 3',
          'acme/place/given@2 2026-11-21T10:00:02.000Z 2 4',
        ]),
      );
  });

  test('at the place that is said', () => {
    given(places, [
      at({ at: '2027-01-01T00:00:00.000Z', stream: 'other/place/x' }, { type: 'Seen', v: 2, data: { n: 1 } }),
      { type: 'Seen', v: 2, data: { n: 2 } },
    ]).thenState((state) =>
      expect(state).toEqual([
        'other/place/x@0 2027-01-01T00:00:00.000Z 2 1',
        'other/place/x@1 2027-01-01T00:00:01.000Z 2 2',
      ]),
    );
  });
});

describe('holds a decider to its rules', () => {
  const careless: Decider<{ list: unknown[] }, TallyEvent> = {
    category: 'careless',
    version: 1,
    initial: { list: [] },
    evolve: (state) => state,
  };

  test('a decision changes nothing', () => {
    expect(() => given(careless, []).when((state) => (state.list.push(1), []))).toThrow('not extensible');
  });

  test('neither does evolve', () => {
    expect(() => given({ ...careless, evolve: (state) => (state.list.push(1), state) }, [added('a', 1)])).toThrow(
      'not extensible',
    );
  });

  test('the same question has the same answer', () => {
    let calls = 0;
    expect(() => given(careless, []).when(() => [added('a', (calls += 1))])).toThrow();
    expect(() => given(careless, []).when(() => ((calls += 1) % 2 === 0 ? [] : refuse('odd', 'odd')))).toThrow();
  });

  test('states and events are plain JSON data', () => {
    const evolving = (value: unknown) => () =>
      given({ ...careless, evolve: () => ({ list: [value] }) }, [added('a', 1)]);
    for (const value of [new Map([[1, 2]]), new Set([1]), new Date(0), NaN, 1n, () => 1])
      expect(evolving(value)).toThrow('the state after Added is not plain JSON data');
    expect(() =>
      given(careless, [])
        .when(() => [added('a', Infinity)])
        .then([added('a', Infinity)]),
    ).toThrow('Added is not plain JSON data');
  });
});
