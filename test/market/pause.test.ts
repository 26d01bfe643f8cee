import fc from 'fast-check';
import {
  agentPause,
  MAX_PAUSES,
  PAUSABLE,
  pause,
  pauseDecider,
  type PausedThing,
  type PauseEvent,
  pauseOf,
  type PauseState,
  resume,
} from '../../domain/market/pause';
import { given, GIVEN_TIME } from '../support/given';

const pool: PausedThing = { kind: 'pool', name: 'finance' };
const paused = (thing: PausedThing, by = 'human:ada', reason = 'the ledger is down'): PauseEvent => ({
  type: 'Paused',
  v: 1,
  data: { ...thing, by, reason },
});
const resumed = (thing: PausedThing, by = 'human:bo'): PauseEvent => ({
  type: 'Resumed',
  v: 1,
  data: { ...thing, by },
});

test.each(PAUSABLE.map((kind) => ({ kind, name: 'x' })))('$kind', (thing) => {
  given(pauseDecider, [])
    .when(pause(thing, 'human:ada', 'the ledger is down'))
    .then([paused(thing)])
    .thenRepeatedNothing();
  given(pauseDecider, [paused(thing)]).thenState((state) =>
    expect(pauseOf(state, thing.kind, 'x')).toMatchObject({ ...thing, by: 'human:ada', reason: 'the ledger is down' }),
  );
  given(pauseDecider, [paused(thing)])
    .when(resume(thing, 'human:bo'))
    .then([resumed(thing)])
    .thenRepeatedNothing();
  given(pauseDecider, [paused(thing), resumed(thing)]).thenState(({ pauses }) => expect(pauses).toEqual({}));
});

test('another reason stands, the time does not move', () => {
  given(pauseDecider, [paused(pool)])
    .when(pause(pool, 'human:ada', 'still down'))
    .then([paused(pool, 'human:ada', 'still down')])
    .thenState((state) =>
      expect(pauseOf(state, 'pool', 'finance')).toMatchObject({ since: GIVEN_TIME, reason: 'still down' }),
    );
});

test('what is not paused is resumed by nothing', () => {
  given(pauseDecider, [paused(pool)])
    .when(resume({ kind: 'agent', name: 'finance' }, 'human:bo'))
    .thenNothing();
});

test.each<[string, PausedThing, string]>([
  ['name-invalid', { kind: 'pool', name: 'a/b' }, 'why'],
  ['name-invalid', { kind: 'pool', name: '' }, 'why'],
  ['reason-invalid', pool, '  '],
  ['reason-invalid', pool, 'x'.repeat(2_001)],
])('%s', (code, thing, reason) => {
  given(pauseDecider, [])
    .when(pause(thing, 'human:ada', reason))
    .thenRejected(code);
});

test('there is a bound, which no resumed thing counts for', () => {
  const since = GIVEN_TIME;
  const full: PauseState = {
    pauses: Object.fromEntries(
      Array.from({ length: MAX_PAUSES }, (_, i) => [
        `agent a-${i}`,
        { kind: 'agent' as const, name: `a-${i}`, by: 'human:ada', reason: 'why', since },
      ]),
    ),
  };
  expect(pause(pool, 'human:ada', 'why')(full)).toMatchObject({ code: 'pauses-full' });
  expect(pause({ kind: 'agent', name: 'a-0' }, 'human:ada', 'another')(full)).toEqual([
    paused({ kind: 'agent', name: 'a-0' }, 'human:ada', 'another'),
  ]);
  const less = pauseDecider.evolve(full, resumed({ kind: 'agent', name: 'a-7' }), {
    stream: 'acme/pause/all',
    index: MAX_PAUSES,
    at: since,
    correlationId: 'c',
  });
  expect(pause(pool, 'human:ada', 'why')(less)).toEqual([paused(pool, 'human:ada', 'why')]);
});

test('an agent is paused by itself or with its pool', () => {
  given(pauseDecider, [paused(pool), paused({ kind: 'agent', name: 'bo' })]).thenState((state) => {
    expect(agentPause(state, 'ada', 'finance')?.kind).toBe('pool');
    expect(agentPause(state, 'bo', 'sales')?.kind).toBe('agent');
    expect(agentPause(state, 'ada', 'sales')).toBeUndefined();
    expect(agentPause(state, 'constructor', undefined)).toBeUndefined();
  });
});

test('whatever comes in whatever order: paused is what was paused last', () => {
  const step = fc.record({
    on: fc.boolean(),
    kind: fc.constantFrom(...PAUSABLE),
    name: fc.constantFrom('a', 'b', 'constructor'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const expected = new Map<string, boolean>();
      let state = pauseDecider.initial;
      steps.forEach(({ on, kind, name }, index) => {
        expected.set(`${kind} ${name}`, on);
        const events = (on ? pause({ kind, name }, 'ada', `why ${index}`) : resume({ kind, name }, 'ada'))(state);
        if (!Array.isArray(events)) throw new Error('refused');
        for (const event of events as PauseEvent[])
          state = pauseDecider.evolve(state, event, {
            stream: 'acme/pause/all',
            index,
            at: GIVEN_TIME,
            correlationId: 'c',
          });
      });
      for (const kind of PAUSABLE)
        for (const name of ['a', 'b', 'constructor'])
          expect(pauseOf(state, kind, name) !== undefined).toBe(expected.get(`${kind} ${name}`) ?? false);
    }),
  );
});
