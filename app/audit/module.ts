/**
 * Audit: what happened, and why. Receipts, the tree of causes and effects, and how long what has ended is kept.
 * Owns the policy of retention, and the receipts of what was denied.
 * Calls nobody: it reads the log.
 */
import { causalCategories } from '../../domain/audit/causality';
import { denialDecider } from '../../domain/audit/denial';
import { retentionDecider } from '../../domain/audit/retention';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { Receipts } from './receipts';
import { Retention } from './retention';
import { Why } from './why';

export function auditModule(engine: Engine) {
  const { log, viewStore, views } = engine;
  engine.aggregate(denialDecider);
  const retention = new Retention(engine.aggregate(retentionDecider));
  // Asked when somebody wants to know: modules after this one open aggregates too.
  const causal = () => causalCategories(engine.deciders());
  return {
    services: { why: new Why(log, viewStore, views, causal), receipts: new Receipts(log), retention },
  } satisfies Module;
}
