/** The signal field: what can be perceived now, by place and type, strongest first. */
import type { Shown } from '../../contract/route';
import type { Trail } from '../../contract/signals/signals';
import { goneAt, PERCEPTIBLE, strengthAt, trailDecider, type TrailState } from '../../domain/signals/trail';
import { type Projection, readAll, type ViewFilter, type ViewReader } from '../projection';

export interface TrailDoc {
  readonly type: string;
  readonly location: string;
  /** 0 to 1, at `at`. */
  readonly strength: number;
  readonly at: string;
  /** 0 to 1 per minute. */
  readonly decay_rate: number;
  /** When it falls below what can be perceived; `NEVER` when it doesn't. */
  readonly goneAt: string;
  /** Who emitted last. */
  readonly emitter_agent: string;
  /** Signals ever taken in. */
  readonly emissions: number;
}

/** Stands for "it never goes", and sorts after every time at which something does. */
export const NEVER = '9999-12-31T23:59:59.999Z';

/** A row per trail, under its location. */
export const trails: Projection<TrailState, TrailDoc> = {
  name: 'trails',
  version: 1,
  category: trailDecider.category,
  fields: ['type', 'goneAt', 'strength'],
  row({ tenant, stream, version }, state) {
    if (state.emissions === 0) return undefined;
    const { type, location, strength, at, decay_rate, emitter_agent, emissions } = state;
    const doc = { type, location, strength, at, decay_rate, goneAt: goneAt(state) ?? NEVER, emitter_agent, emissions };
    return { tenant, key: location, source: stream, index: version, doc };
  },
};

export interface FieldQuery {
  /** A location and everything below it: `a/b` finds `a/b` and `a/b/c`, not `a/bc`. Everywhere when left out. */
  readonly location?: string;
  readonly type?: string;
  /** Weakest strength to be answered, 0 to 1. */
  readonly minimum?: number;
  readonly now: string;
  readonly limit: number;
}

/** A trail as it is perceived at one time. */
export type PerceivedTrail = Shown<typeof Trail>;

/** How a trail looks at `time`. */
export function perceive(trail: Omit<TrailDoc, 'goneAt'>, time: string): PerceivedTrail {
  const { type, location, decay_rate, emitter_agent, emissions, at } = trail;
  const strength = Math.round(strengthAt(trail, time) * 1e6) / 1e6;
  return {
    type,
    location,
    strength,
    decay_rate,
    emitter_agent,
    emissions,
    reinforced_at: at,
    gone_at: goneAt(trail) ?? null,
  };
}

export interface Field {
  /** Strongest first; of equal strength by location, then type. */
  readonly trails: readonly PerceivedTrail[];
  /** False when so many trails match that not all were compared: narrow the question. */
  readonly complete: boolean;
}

export async function strongest(views: ViewReader, view: string, tenant: string, query: FieldQuery): Promise<Field> {
  const { location, type, minimum = 0, now, limit } = query;
  // A trail only ever loses strength between signals, so one whose last known strength is too low needn't be read.
  const filter: ViewFilter = {
    tenant,
    where: type === undefined ? {} : { type },
    atLeast: { goneAt: now, strength: minimum },
  };
  const places =
    location === undefined
      ? [filter]
      : [
          { ...filter, key: location },
          { ...filter, keyPrefix: `${location}/` },
        ];
  const read = await Promise.all(places.map((place) => readAll<TrailDoc>(views, view, place)));
  const perceived = read
    .flatMap(({ docs }) => docs)
    .filter((doc) => strengthAt(doc, now) >= Math.max(minimum, PERCEPTIBLE))
    .map((doc) => perceive(doc, now))
    .sort((a, b) => b.strength - a.strength || order(a.location, b.location) || order(a.type, b.type));
  return { trails: perceived.slice(0, limit), complete: read.every(({ complete }) => complete) };
}

/** By UTF-16 code units, as the views are. */
function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
