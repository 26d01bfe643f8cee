/**
 * given / when / then for deciders: what was, what is asked, what must come of it. No store, no clock, no mocks.
 *
 *   given(task, [created, bidPlaced]).when(award('agent-1', NOW)).then([awarded]);        // exactly these events
 *   given(task, [created, done]).when(award('agent-1', NOW)).thenRejected('task-done');    // a Rejection of this code
 *   given(task, [created, done]).when(award('agent-1', NOW)).thenRejected('task-done', { award: 3 });  // … with
 * details
 *   given(task, [created, awarded]).when(award('agent-1', NOW)).thenNothing();             // a repeated command
 *   given(task, [created]).when(award('agent-1', NOW)).thenState((state) => expect(state.award).toBe(1));
 *   given(task, [created]).when(award('agent-1', NOW)).then([awarded]).thenState((state) => state.award === 1);
 *   given(task, [created]).when(award('agent-1', NOW)).then([awarded]).thenRepeatedNothing();  // again: no events
 *   given(task, [createdV1]).thenState((state) => state.deadline === undefined);           // only what was folded
 *
 * `given` folds the history through the upcasters and `evolve`, as loading a stream does: every event is a commit of
 * its own, one second after the one before it. An event that needs another place (its time, its stream) is written
 * `at(place, event)`. The DSL also holds a decider to its rules: states and events are frozen (so a decision or an
 * `evolve` that changes its input throws), both are plain JSON data (they become snapshots and receipts), and a
 * decision asked twice answers the same (no clock, no randomness).
 *
 * `when(…)` has a `then`, yet is no promise: don't await it.
 */
import { canonicalize } from '../../domain/kernel/commit';
import {
  type Decider,
  type Decision,
  type Event,
  type EventPlace,
  Rejection,
  upcast,
} from '../../domain/kernel/decider';
import { plusSeconds } from '../../domain/kernel/time';

/** The time of the first given event, unless `at` says otherwise. */
export const GIVEN_TIME = '2026-11-21T10:00:00.000Z';

const places = new WeakMap<object, Partial<EventPlace>>();

/** The event, to be folded at another place than the plausible one. */
export function at<E extends Event>(place: Partial<EventPlace>, event: E): E {
  const copy = { ...event };
  places.set(copy, place);
  return copy;
}

/** `history` may hold events of older versions: they are upcast. */
export function given<S, E extends Event>(decider: Decider<S, E>, history: readonly Event[]) {
  const start = {
    index: -1,
    at: plusSeconds(GIVEN_TIME, -1),
    stream: `acme/${decider.category}/given`,
    correlationId: 'given',
  };
  const before = foldAll(decider, { state: plain('the initial state', decider.initial), place: start }, history, true);
  return {
    when: (decision: Decision<S, E>) => outcome(decider, before, decision),
    thenState: (check: (state: S) => boolean | void) => holds(check, before.state),
  };
}

interface Folded<S> {
  readonly state: S;
  readonly place: EventPlace;
}

function outcome<S, E extends Event>(decider: Decider<S, E>, before: Folded<S>, decision: Decision<S, E>) {
  const answer = decision(before.state);
  expect(decision(before.state)).toEqual(answer); // the same question has the same answer
  const events = (): readonly E[] => {
    if (answer instanceof Rejection)
      throw new Error(`rejected as ${answer.code}: ${answer.message} ${JSON.stringify(answer.details)}`);
    return answer.map((event) => plain(event.type, event));
  };
  const state = () => foldAll(decider, before, events(), false).state;
  return {
    then(expected: readonly E[]) {
      if (typeof expected === 'function')
        throw new Error('given(…).when(…) is not a promise: say what comes then, and do not await or return it');
      expect(events()).toEqual(expected);
      const after = { ...before, state: state() };
      return {
        thenState: (check: (state: S) => boolean | void) => holds(check, after.state),
        thenRepeatedNothing: () => outcome(decider, after, decision).thenNothing(),
      };
    },
    thenNothing: (): void => expect(events()).toEqual([]),
    thenRejected(code: string, details: Readonly<Record<string, unknown>> = {}): void {
      expect(answer instanceof Rejection ? answer.code : answer).toBe(code);
      expect((answer as Rejection).details).toMatchObject(details);
    },
    thenState: (check: (state: S) => boolean | void): void => holds(check, state()),
  };
}

/** Each event a commit of its own, or all of them one (`apart` false), as a decision appends them. */
function foldAll<S, E extends Event>(
  decider: Decider<S, E>,
  from: Folded<S>,
  events: readonly Event[],
  apart: boolean,
): Folded<S> {
  let { state, place } = from;
  events.forEach((event, i) => {
    if (apart || i === 0) place = { ...place, index: place.index + 1, at: plusSeconds(place.at, 1) };
    if (places.has(event)) place = { ...place, ...places.get(event) };
    state = plain(
      `the state after ${event.type}`,
      decider.evolve(state, plain(event.type, upcast(decider, event)), place),
    );
  });
  return { state, place };
}

/** Holds a value to being JSON data, and freezes it. */
function plain<T>(what: string, value: T): T {
  try {
    expect(JSON.parse(canonicalize(value))).toEqual(value);
  } catch (error) {
    throw new Error(`${what} is not plain JSON data: ${error instanceof Error ? error.message : String(error)}`);
  }
  return freeze(value);
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(freeze);
  }
  return value;
}

function holds<S>(check: (state: S) => boolean | void, state: S): void {
  if (check(state) === false) throw new Error(`the state is not as expected: ${JSON.stringify(state, null, 2)}`);
}
