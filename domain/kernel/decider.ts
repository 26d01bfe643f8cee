/**
 * The one form of every aggregate: events, a state folded from them, and decisions.
 *
 * A decision is a curried function `(arguments) => (state) => events | Rejection`. It has no clock, no randomness and
 * no I/O: time and ids are arguments. A repeated command returns no events.
 */

/** What happened: a past-tense type, the version of its data's shape, and the data. */
export interface Event<T extends string = string, D = unknown> {
  readonly type: T;
  readonly v: number;
  readonly data: D;
}

/** What sort of refusal it is; an edge turns it into its own terms (HTTP: 404, 409, 403, 412, 422, 503, 500). */
export type RejectionKind =
  'missing' | 'conflict' | 'forbidden' | 'precondition' | 'invalid' | 'unavailable' | 'broken';

/** Why a decision refused: a value, not an exception. */
export class Rejection {
  constructor(
    readonly kind: RejectionKind,
    /** Stable, kebab-case, for example `task-already-completed`; becomes the problem type that a caller sees. */
    readonly code: string,
    /** What was wrong and what to do, in a sentence. */
    readonly message: string,
    /** Facts that help the caller, for example the current award number. */
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {}
}

/** The state refuses: the usual case. */
export function refuse(code: string, message: string, details?: Readonly<Record<string, unknown>>): Rejection {
  return new Rejection('conflict', code, message, details);
}

export type Decision<S, E extends Event> = (state: S) => readonly E[] | Rejection;

/** Where an event stands; part of what `evolve` may use. */
export interface EventPlace {
  readonly stream: string;
  /** Index of the commit in its stream, from 0. */
  readonly index: number;
  readonly at: string;
  readonly correlationId: string;
}

export interface Decider<S, E extends Event> {
  /** The category in `tenant/category/id`. */
  readonly category: string;
  /**
   * Where somebody may ask why by nothing but the id of one of them: its turn, smaller numbers first, among those that
   * the id is looked for in. Left out where nobody asks so.
   */
  readonly causal?: number;
  /** Version of `evolve`: a snapshot made by another version is not used. */
  readonly version: number;
  readonly initial: S;
  /** Folds one event. Pure; the state is plain JSON data, so that it can be kept as a snapshot. */
  readonly evolve: (state: S, event: E, place: EventPlace) => S;
  /**
   * Turns an event of an older version into the next one, by `Type@version`; applied until none fits.
   * Stored events are never rewritten.
   */
  readonly upcasters?: Readonly<Record<string, (event: Event) => Event>>;
}

/** Applies upcasters until the event has the newest version. */
export function upcast<E extends Event>(decider: Pick<Decider<unknown, E>, 'upcasters'>, event: Event): E {
  let current = event;
  const { upcasters } = decider;
  if (upcasters !== undefined) {
    for (
      let step = upcasters[`${current.type}@${current.v}`];
      step !== undefined;
      step = upcasters[`${current.type}@${current.v}`]
    ) {
      current = step(current);
    }
  }
  return current as E;
}
