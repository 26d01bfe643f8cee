/**
 * A trail: all signals of one type at one location. Each emission strengthens it, time evaporates it.
 *
 * The law: s(t) = s₀ · (1 − decay_rate)^minutes, with a real exponent; an emission adds its strength, capped
 * at 1; below 0.01 the trail is gone. A trail evaporates at the rate of its latest emission. Nothing is written when it
 * evaporates: its strength at any time follows from its last event.
 */
import { sha256 } from '../kernel/commit';
import { type Decider, type Decision, type Event, Rejection } from '../kernel/decider';
import { isId } from '../kernel/ids';
import { isTime, latest, plusSeconds, type Time, toMillis, toTime } from '../kernel/time';
import { isLocation } from './location';

/** Weakest strength that can be perceived. */
export const PERCEPTIBLE = 0.01;
/** Largest number of signals in one decision. */
export const MAX_SIGNALS = 1_000;
/** A signal that is older counts as this old, in seconds. */
export const MAX_SIGNAL_AGE = 86_400;
/** Of the type of a signal. */
export const SIGNAL_TYPE = /^[a-z][a-z0-9_.-]{0,63}$/;
/** A trail knows so many of the CloudEvents that came last: one that comes again meanwhile counts once. */
export const MAX_RECENT_EVENTS = 256;

// --------------------------------------------------------------------------------------------------------- events

/** What an agent emits. Field names are the wire's. */
export interface Signal {
  /** For example `task_complete`, `resource_needed`, `threat_detected`; an open list. */
  readonly type: string;
  /** Where: the id of a task, a resource or an asset, or a path of such ids. */
  readonly location: string;
  /** At emission, 0 to 1. */
  readonly strength: number;
  readonly emitter_agent: string;
  readonly timestamp: Time;
  /** Share of its strength that it loses in a minute, 0 to 1. */
  readonly decay_rate: number;
  /**
   * Names the CloudEvent that brought it, by its `source` and `id`; of two with one name on a trail the second changes
   * nothing.
   */
  readonly event_id?: string;
}

/** A signal and what it has led to. */
export interface Emission extends Signal {
  /** Strength of the trail right after it, 0 to 1, rounded to nine decimals. */
  readonly resulting_strength: number;
  /** The time that `resulting_strength` holds for: when the signal was taken in. */
  readonly at: Time;
}

export type TrailEvent =
  /** The first signal, or the first after the trail had evaporated. */
  Event<'SignalEmitted', Emission> | Event<'SignalReinforced', Emission>;

// ---------------------------------------------------------------------------------------------------------- state

/** What the law needs to know of a trail. */
export interface Evaporating {
  /** 0 to 1, at `at`. */
  readonly strength: number;
  readonly at: Time;
  /** 0 to 1 per minute. */
  readonly decay_rate: number;
}

export interface TrailState extends Evaporating {
  readonly type: string;
  readonly location: string;
  /** Signals ever taken in; 0: there is no such trail. */
  readonly emissions: number;
  /** Emitter and time of the latest emission, whose decay rate the trail has. */
  readonly emitter_agent: string;
  readonly timestamp: Time;
  /** The CloudEvents that came last, oldest first; absent where none did. */
  readonly recent_events?: readonly string[];
}

export const trailDecider: Decider<TrailState, TrailEvent> = {
  category: 'trail',
  causal: 6,
  version: 1,
  initial: {
    type: '',
    location: '',
    strength: 0,
    at: toTime(0),
    decay_rate: 0,
    emissions: 0,
    emitter_agent: '',
    timestamp: '',
  },
  evolve(state, { data }) {
    const { type, location, resulting_strength: strength, at } = data;
    const { decay_rate, emitter_agent, timestamp } = isLater(data, state) ? data : state;
    const evolved = {
      type,
      location,
      strength,
      at,
      decay_rate,
      emissions: state.emissions + 1,
      emitter_agent,
      timestamp,
    };
    const { recent_events } = state;
    if (data.event_id !== undefined)
      return { ...evolved, recent_events: [...(recent_events ?? []).slice(1 - MAX_RECENT_EVENTS), data.event_id] };
    return recent_events === undefined ? evolved : { ...evolved, recent_events };
  },
};

/** Id of a trail's stream, one for each type and location: 32 hexadecimal digits. */
export function trailId(type: string, location: string): string {
  return sha256(`${type}\n${location}`).slice(0, 32);
}

/**
 * Strength at `time`, 0 to 1; 0 below `PERCEPTIBLE`. A time before the last emission is answered with the strength
 * right after it: what was before is read from an earlier state.
 */
export function strengthAt(trail: Evaporating, time: Time): number {
  const strength = evaporated(trail, toMillis(time) - toMillis(trail.at));
  return strength < PERCEPTIBLE ? 0 : strength;
}

/** The first millisecond at which it is gone; undefined when that never comes (or after the year 9999). */
export function goneAt(trail: Evaporating): Time | undefined {
  const { strength, decay_rate } = trail;
  if (strength < PERCEPTIBLE) return trail.at;
  const kept = 1 - decay_rate;
  if (kept === 1) return undefined;
  const start = toMillis(trail.at);
  let elapsed = Math.floor((Math.log(PERCEPTIBLE / strength) / Math.log(kept)) * 60_000);
  if (start + elapsed >= END_OF_TIME) return undefined;
  while (evaporated(trail, elapsed) >= PERCEPTIBLE) elapsed += 1;
  return toTime(start + elapsed);
}

export function isSignalType(value: string): boolean {
  return SIGNAL_TYPE.test(value);
}

/** What is wrong with a signal, in a sentence; undefined when nothing is. */
export function signalProblem(signal: Signal): string | undefined {
  if (!isSignalType(signal.type))
    return 'type must begin with a lower-case letter and hold at most 64 of a-z 0-9 _ . -';
  if (!isLocation(signal.location)) return 'location must be 1 to 256 characters: ids separated by single slashes';
  if (!isShare(signal.strength)) return 'strength must be a number from 0 to 1';
  if (!isShare(signal.decay_rate)) return 'decay_rate must be a number from 0 to 1, per minute';
  if (!isId(signal.emitter_agent)) return 'emitter_agent must be an id';
  if (!isTime(signal.timestamp))
    return 'timestamp must be a time in UTC with milliseconds, like 2026-11-21T10:00:00.000Z';
  return undefined;
}

// ------------------------------------------------------------------------------------------------------ decisions

/**
 * Takes in 1 to 1,000 signals of one trail at `at`: one event each, in their order. A signal loses strength on its way
 * too: one that was emitted before `at` is decayed to `at` by its own rate before it is added. Its timestamp is moved
 * into the day that ends at `at`: nobody emits in the future, and what is a day old has lost what it will lose (or
 * comes from a broken clock). Signals of one instant have the same outcome in any order, in one decision or in many.
 * A CloudEvent that the trail knows already leads to no event.
 */
export function emit(signals: readonly Signal[], at: Time): Decision<TrailState, TrailEvent> {
  return (state) => {
    if (signals.length < 1 || signals.length > MAX_SIGNALS)
      return invalid('signal-batch-size', `emit 1 to ${MAX_SIGNALS} signals at once`);
    const now = latest(at, state.at);
    const oldest = plusSeconds(now, -MAX_SIGNAL_AGE);
    const trail = state.emissions > 0 ? state : (signals[0] as Signal);
    // Within one instant nothing evaporates: imperceptible signals add up.
    let strength = state.at === now ? state.strength : rounded(strengthAt(state, now));
    const events: TrailEvent[] = [];
    const known = new Set(state.recent_events);
    for (const [index, signal] of signals.entries()) {
      const problem = signalProblem(signal);
      if (problem !== undefined) return invalid('signal-invalid', `signal ${index}: ${problem}`, { index });
      if (signal.type !== trail.type || signal.location !== trail.location) {
        return invalid(
          'signal-of-another-trail',
          `signal ${index} is of ${signal.type} at ${signal.location}, not of ${trail.type} at ${trail.location}`,
          { index },
        );
      }
      const { type, location, emitter_agent, decay_rate, event_id } = signal;
      if (event_id !== undefined) {
        if (known.has(event_id)) continue;
        known.add(event_id);
      }
      const timestamp = signal.timestamp > now ? now : latest(signal.timestamp, oldest);
      const arriving = evaporated(signal, toMillis(now) - toMillis(timestamp));
      const reinforces = strength >= PERCEPTIBLE;
      strength = rounded(Math.min(1, strength + rounded(arriving)));
      // Properties in canonical order, which sealing the commit then need not sort.
      events.push({
        data: {
          at: now,
          decay_rate,
          emitter_agent,
          ...(event_id === undefined ? {} : { event_id }),
          location,
          resulting_strength: strength,
          strength: signal.strength,
          timestamp,
          type,
        },
        type: reinforces ? 'SignalReinforced' : 'SignalEmitted',
        v: 1,
      });
    }
    return events;
  };
}

const END_OF_TIME = Date.UTC(9999, 11, 31);

/** The law, without its threshold. */
function evaporated(
  { strength, decay_rate }: Pick<Evaporating, 'strength' | 'decay_rate'>,
  milliseconds: number,
): number {
  return milliseconds <= 0 ? strength : strength * (1 - decay_rate) ** (milliseconds / 60_000);
}

/**
 * True when `emission` is the later of the two; of one instant it is the one that lasts longer, then the first by name.
 */
function isLater(emission: Emission, known: TrailState): boolean {
  if (emission.timestamp !== known.timestamp) return emission.timestamp > known.timestamp;
  if (emission.decay_rate !== known.decay_rate) return emission.decay_rate < known.decay_rate;
  return emission.emitter_agent < known.emitter_agent;
}

/** To nine decimals: sums of such numbers, rounded again, don't depend on their order. */
function rounded(strength: number): number {
  return Math.round(strength * 1e9) / 1e9;
}

function isShare(value: number): boolean {
  return value >= 0 && value <= 1;
}

function invalid(code: string, message: string, details?: Readonly<Record<string, unknown>>): Rejection {
  return new Rejection('invalid', code, message, details);
}
