/**
 * Audit: what happened, and why. Receipts, causes and effects, the signed log that proves them, and what is kept.
 * Owns the policy of retention, the transparency logs, and the receipts of what was denied.
 * Calls nobody: it reads the log.
 */
import { causalCategories } from '../../domain/audit/causality';
import { denialDecider } from '../../domain/audit/denial';
import { logDecider } from '../../domain/audit/log';
import { retentionDecider } from '../../domain/audit/retention';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { LogCheckpoints } from './checkpoints';
import { Receipts } from './receipts';
import { Retention } from './retention';
import { Why } from './why';

/** @param publicUrl where people find this colony: logs are named after its host */
export function auditModule(engine: Engine, publicUrl = 'http://localhost') {
  const { log, viewStore, views, blobs, clock, report, deadlines, ports } = engine;
  engine.aggregate(denialDecider);
  const retention = new Retention(engine.aggregate(retentionDecider));
  const checkpoints = new LogCheckpoints({
    ...{ log, blobs, clock, report, deadlines, ports },
    logs: engine.aggregate(logDecider),
    host: new URL(publicUrl).host.replace('+', '-'),
  });
  // Asked when somebody wants to know: modules after this one open aggregates too.
  const causal = () => causalCategories(engine.deciders());
  return {
    services: { why: new Why(log, viewStore, views, causal), receipts: new Receipts(log), retention, checkpoints },
    start: () => checkpoints.start(),
    stop: () => checkpoints.stop(),
    finish: () => checkpoints.finish(),
  } satisfies Module;
}
