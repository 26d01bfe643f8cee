/** Use cases of the roll-out of policy bundles. */
import type { Policy, PolicyBundle } from '../../contract/policy/policy';
import type { Shown } from '../../contract/route';
import { continuationAfter, placeOf } from '../../domain/kernel/continuation';
import { Rejection } from '../../domain/kernel/decider';
import type { Principal } from '../../domain/kernel/principal';
import {
  activate,
  type Activation,
  authorProblem,
  bundleInForce,
  type CheckedBundle,
  rollBack,
  ROLLOUT_ID,
  type RolloutEvent,
  type RolloutState,
  shadow,
  stage,
  withdraw,
} from '../../domain/policy/rollout';
import { PLATFORM } from '../../domain/stops/stop';
import type { Aggregate, Page } from '../engine/aggregate';
import type { Outcome, RequestContext } from '../engine/command';
import { type BundleFiles, InvalidBundle } from '../engine/ports-policy';
import type { Loaded } from '../engine/streams';
import type { BundleInForce } from './bundle-in-force';
import type { BundleStore } from './bundle-store';
import type { LiveShadow } from './live-shadow';
import { bundlesIn, policyAnswer } from './overview';

export type RolloutOutcome = Outcome<RolloutState, RolloutEvent>;

export class Rollout {
  /** The name of the bundle that ships with this program. */
  shipped = '';
  /** How far the roll-out is followed. */
  private followed = -Infinity;

  constructor(
    private readonly rollouts: Aggregate<RolloutState, RolloutEvent>,
    private readonly store: BundleStore,
    private readonly inForce: BundleInForce,
    private readonly liveShadow: LiveShadow,
  ) {}

  /** Keeps the bundle that ships with this program, and has the one in force answer. */
  async open(shipped: BundleFiles): Promise<void> {
    this.shipped = (await this.store.keep(shipped)).hash;
    const { state, version } = await this.rollouts.current(PLATFORM, ROLLOUT_ID);
    this.follow(state, version);
    await this.inForce.settled();
  }

  /** The roll-out has come to this, here or elsewhere. */
  follow(state: RolloutState, version: number): void {
    if (version < this.followed) return;
    this.followed = version;
    this.inForce.follow(bundleInForce(state, this.shipped));
    this.liveShadow.follow(state.shadow);
  }

  /**
   * Loads the bundle, asks it all that it answers, keeps it, and stages it. What can't be loaded is refused, with why.
   */
  async stage(
    context: RequestContext,
    files: BundleFiles,
    reason: string,
  ): Promise<{ readonly outcome: RolloutOutcome; readonly bundle: string }> {
    const { principal } = context;
    // Of a stranger nothing is loaded.
    const kept = authorProblem(principal) ?? (await this.kept(files));
    const [bundle, decision] =
      kept instanceof Rejection ? ['', () => kept] : [kept.bundle, stage(kept, principal, reason, this.shipped)];
    return { outcome: await this.decide(context, 'policy.stage', decision, bundle), bundle };
  }

  withdraw(context: RequestContext, bundle: string, reason: string): Promise<RolloutOutcome> {
    return this.decide(context, 'policy.withdraw', withdraw(bundle, context.principal, reason), bundle);
  }

  /** Answers when the bundle is asked in this process; in the others it is within a second. */
  async shadow(context: RequestContext, bundle: string, reason: string): Promise<RolloutOutcome> {
    const decision = shadow(bundle, context.principal, reason);
    return await this.inEffect(this.decide(context, 'policy.shadow', decision, bundle));
  }

  /** Answers when the bundle is in force in this process; in the others it is within a second. */
  async activate(context: RequestContext, activation: Activation): Promise<RolloutOutcome> {
    const decision = activate(activation, context.principal, this.shipped);
    return await this.inEffect(this.decide(context, 'policy.activate', decision, activation.bundle));
  }

  /** Answers when the bundle before it is in force again in this process; in the others it is within a second. */
  async rollBack(context: RequestContext, bundle: string, reason: string): Promise<RolloutOutcome> {
    const decision = rollBack(bundle, context.principal, reason);
    return await this.inEffect(this.decide(context, 'policy.roll-back', decision, bundle));
  }

  load(): Promise<Loaded<RolloutState>> {
    return this.rollouts.load(PLATFORM, ROLLOUT_ID);
  }

  /** The roll-out as this process has it. */
  answer(state: RolloutState): Shown<typeof Policy> {
    const { shipped } = this;
    return policyAnswer(state, { current: this.inForce.bundle, shipped, trouble: this.inForce.trouble() });
  }

  /** A page of the bundles that have a part in it. Throws RangeError when `continuation` is not one of ours. */
  async list(
    who: Principal,
    limit: number,
    continuation?: string,
  ): Promise<Rejection | Page<Shown<typeof PolicyBundle>>> {
    const wrong = authorProblem(who);
    if (wrong !== undefined) return wrong;
    const all = bundlesIn((await this.load()).state, this.shipped);
    const from = continuation === undefined ? 0 : Number(placeOf(continuation)[0]);
    const docs = all.slice(from, from + limit);
    const next = from + limit;
    return { docs, continuation: next < all.length ? continuationAfter(String(next), '') : undefined };
  }

  private async kept(files: BundleFiles): Promise<Rejection | CheckedBundle> {
    try {
      const { hash, manifest } = await this.store.keep(files);
      const bytes = Object.values(files).reduce((sum, file) => sum + file.byteLength, 0);
      return { bundle: hash, version: `${manifest.name} ${manifest.revision}`, bytes };
    } catch (error) {
      if (error instanceof InvalidBundle) return new Rejection('invalid', 'bundle-invalid', error.message);
      throw error;
    }
  }

  private async inEffect(deciding: Promise<RolloutOutcome>): Promise<RolloutOutcome> {
    const outcome = await deciding;
    await this.inForce.settled();
    await this.liveShadow.settled();
    return outcome;
  }

  /** What is refused leaves a receipt. */
  private decide(
    context: RequestContext,
    action: string,
    decision: Parameters<Aggregate<RolloutState, RolloutEvent>['decide']>[3],
    bundle: string | undefined,
  ): Promise<RolloutOutcome> {
    const asked = { ...context, receiptOfRefusal: true, attributes: { bundle } };
    return this.rollouts.decide(asked, ROLLOUT_ID, action, decision);
  }
}
