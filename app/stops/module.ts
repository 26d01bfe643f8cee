/**
 * Stops: what halts at once, above every policy, until somebody lifts it.
 * Owns what is stopped; in memory the same, for all that acts.
 * Calls nobody: the engine asks it.
 */
import { stopDecider, STOPS_ID } from '../../domain/stops/stop';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { TenantStates } from '../engine/tenant-states';
import { StopBook } from './stop-book';
import { Stops } from './stops';

export type { StopBook, Stops };

export function stopsModule(engine: Engine) {
  const { transactor, clock, standstill } = engine;
  const stopsOf = engine.aggregate(stopDecider, { followed: true });
  const stopBook = new StopBook(new TenantStates(stopsOf, STOPS_ID, transactor), transactor);
  standstill.ask(stopBook);
  return { services: { stops: new Stops(stopsOf, stopBook, transactor, clock), stopBook } } satisfies Module;
}
