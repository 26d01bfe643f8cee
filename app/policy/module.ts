/**
 * Policy: which bundle of rules is in force, how it comes there, and what was decided by which.
 * Owns the roll-out of bundles; in memory the bundle in force, and the one in its shadow.
 * Calls nobody: the engine asks the bundle.
 */
import { ROLLOUT_STREAM, rolloutDecider, type RolloutEvent, type RolloutState } from '../../domain/policy/rollout';
import type { Aggregate } from '../engine/aggregate';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { BundleInForce } from './bundle-in-force';
import { BundleStore } from './bundle-store';
import { LiveShadow } from './live-shadow';
import { PastDecisions } from './past-decisions';
import { Rollout } from './rollout';

/** What rolls bundles out, and what was decided by which. */
export interface PolicyServices {
  readonly rollout: Rollout;
  readonly shadow: LiveShadow;
  readonly past: PastDecisions;
  /** The bundle in force, as this process has it. */
  readonly inForce: BundleInForce;
}

export function policyModule(engine: Engine) {
  const rollouts = engine.aggregate(rolloutDecider, { followed: true });
  const { opened, ...hooks } = opening(engine, rollouts) ?? {};
  /** Undefined where a policy is asked that stays as it is. */
  const services: { readonly policy: PolicyServices | undefined } = { policy: opened };
  return { services, ...hooks } satisfies Module;
}

function opening(engine: Engine, rollouts: Aggregate<RolloutState, RolloutEvent>) {
  const { ports, policy, blobs, transactor, report, standstill } = engine;
  if (policy === undefined || !('loader' in ports.policy)) return undefined;
  const { loader, shipped } = ports.policy;
  const store = new BundleStore(blobs, loader);
  const find = (hash: string) => store.find(hash);
  const inForce = new BundleInForce(policy, find, report);
  const shadow = new LiveShadow(policy, find, report);
  const rollout = new Rollout(rollouts, store, inForce, shadow);
  const past = new PastDecisions(policy, find, engine);
  standstill.judgedBy(() => inForce.trouble());
  transactor.onCommitted(({ stream, state, version }) => {
    if (stream === ROLLOUT_STREAM) rollout.follow(state as RolloutState, version);
  });
  const opened: PolicyServices = { rollout, shadow, past, inForce };
  return {
    opened,
    open: () => rollout.open(shipped),
    stop: () => {
      inForce.stop();
      shadow.stop();
    },
  };
}
