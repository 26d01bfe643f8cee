/** Trails as a module opens them, over any stores. */
import { Aggregate } from '../../app/engine/aggregate';
import type { ViewStore } from '../../app/engine/ports';
import type { Transactor } from '../../app/engine/transact';
import { trailDecider, type TrailEvent, type TrailState } from '../../domain/signals/trail';
import { viewName } from '../../projections/projection';
import { type TrailDoc, trails } from '../../projections/signals/trails';

/** `serving`: the name under which their view is read. */
export function trailsIn(
  transactor: Transactor,
  store: ViewStore,
  serving: () => string = () => viewName(trails),
): Aggregate<TrailState, TrailEvent, TrailDoc> {
  return new Aggregate(trailDecider, transactor, { projection: trails, store, views: { serving } });
}
