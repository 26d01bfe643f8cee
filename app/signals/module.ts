/**
 * Signals: what agents leave for each other in the environment, and perceive of it.
 * Owns the trails of signals, and the streams of what event hubs have brought.
 * Calls tenants: how many one may emit.
 */
import { intakeDecider } from '../../domain/signals/intake';
import { trailDecider } from '../../domain/signals/trail';
import { trails as trailsView } from '../../projections/signals/trails';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import type { TenantBook } from '../tenants/module';
import { Signals } from './signals';
import type { SignalsInDeps } from './signals-in';

export type { Signals };

export function signalsModule(engine: Engine, { tenantBook }: { readonly tenantBook: TenantBook }) {
  const { transactor, ports, queue, clock, report } = engine;
  const trails = engine.aggregate(trailDecider, { view: trailsView });
  engine.aggregate(intakeDecider);
  const signals = new Signals(trails, clock, (tenant, more) => tenantBook.paced(tenant, 'signals_per_minute', more));
  const signalsIn: SignalsInDeps = {
    transactor,
    signals,
    store: ports.store,
    queue,
    clock,
    report,
    emitted: new Map(),
  };
  return { services: { signals, signalsIn } } satisfies Module;
}
