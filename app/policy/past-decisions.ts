/** Decisions of policy made again, from their receipts. */
import { Rejection } from '../../domain/kernel/decider';
import { noSuchReceipt } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import type { PolicyBundle } from '../../domain/policy/asking';
import { explain, type Explanation, lastOf, PolicyReplay, type ReplayResult } from '../../domain/policy/replay';
import { authorProblem } from '../../domain/policy/rollout';
import { PLATFORM } from '../../domain/stops/stop';
import type { Engine } from '../engine/engine';
import type { PolicyInEffect } from '../engine/policy';
import { InvalidBundle } from '../engine/ports-policy';
import { Slices } from '../engine/turns';
import type { Find } from './bundle-in-force';

export interface DiffResult extends ReplayResult {
  readonly in_force: string;
  readonly bundle: string;
}

export class PastDecisions {
  constructor(
    private readonly policy: PolicyInEffect,
    private readonly find: Find,
    private readonly engine: Pick<Engine, 'transactor' | 'log' | 'clock'>,
  ) {}

  /** The decision behind a receipt of the tenant, made again. */
  async explain(tenant: string, ref: string): Promise<Explanation | Rejection> {
    const commit = await this.engine.transactor.receipt(tenant, ref);
    if (commit === undefined) return new Rejection('missing', 'unknown-receipt', noSuchReceipt(ref));
    return explain(commit, await this.bundle(commit.meta.policy.bundle));
  }

  /**
   * Asks the bundle in force and another one what was asked behind the last receipts of all tenants, `last` at most.
   * Rejects with the reason of `signal` when that has aborted.
   */
  async diff(who: Principal, hash: string, last: number, signal?: AbortSignal): Promise<DiffResult | Rejection> {
    const wrong = authorProblem(who);
    if (wrong !== undefined) return wrong;
    const bundle = await this.bundle(hash);
    if (bundle === undefined)
      return new Rejection(
        'missing',
        'unknown-bundle',
        `no bundle ${hash} is kept here: stage it, which changes nothing`,
      );
    const inForce = this.policy.current;
    const replay = new PolicyReplay(inForce, bundle);
    const slices = new Slices(PLATFORM, signal);
    const { log, clock } = this.engine;
    const latest = log.latest(last, clock.now());
    for (const commit of await lastOf(latest, last, () => slices.pause())) {
      replay.next(commit);
      await slices.pause();
    }
    return { in_force: inForce.hash, bundle: hash, ...replay.result() };
  }

  private async bundle(hash: string): Promise<PolicyBundle | undefined> {
    if (hash === this.policy.current.hash) return this.policy.current;
    try {
      return await this.find(hash);
    } catch (error) {
      if (error instanceof InvalidBundle) return undefined;
      throw error;
    }
  }
}
