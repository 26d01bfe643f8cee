/**
 * Asks: what somebody wants in words, as a receipt.
 * Owns what was asked, and the commands that it was read as; runs none of them.
 * Calls nobody: only the engine.
 */
import { askDecider } from '../../domain/asks/ask';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { Asks } from './asks';

export type { Asks };

export function asksModule(engine: Engine) {
  return { services: { asks: new Asks(engine.aggregate(askDecider)) } } satisfies Module;
}
