/**
 * The bundle in force, in this process: follows what is activated and rolled back, wherever that is done. While it
 * can't be loaded, this process acts on nothing: no other bundle may answer in its place.
 */
import type { PolicyBundle } from '../../domain/policy/asking';
import { closedBundle, type PolicyInEffect } from '../engine/policy';
import type { Report } from '../engine/ports';
import { messageOf } from '../engine/reachable';

const AGAIN_MS = 1_000;

/** Finds a bundle by its name. */
export type Find = (hash: string) => Promise<PolicyBundle | undefined>;

export class BundleInForce {
  private wanted: string | undefined;
  private loading: Promise<void> = Promise.resolve();
  private fault: string | undefined;
  private again: NodeJS.Timeout | undefined;

  constructor(
    private readonly policy: PolicyInEffect,
    private readonly find: Find,
    private readonly report: Report,
  ) {}

  /** What answers. */
  get bundle(): PolicyBundle {
    return this.policy.current;
  }

  /** From now on the bundle of this name is to answer. */
  follow(hash: string): void {
    if (hash === this.wanted) return;
    this.wanted = hash;
    this.loading = this.load(hash);
  }

  /** Resolves when what is to answer does, or it is known that it can't. */
  async settled(): Promise<void> {
    for (let seen: Promise<void> | undefined; seen !== this.loading;) await (seen = this.loading);
  }

  /** Why this process acts on nothing, if so. */
  trouble(): string | undefined {
    return this.fault;
  }

  stop(): void {
    clearTimeout(this.again);
    this.wanted = undefined;
  }

  private async load(hash: string): Promise<void> {
    clearTimeout(this.again);
    let bundle: PolicyBundle | undefined;
    let fault: string | undefined;
    try {
      bundle = await this.find(hash);
      if (bundle === undefined) fault = 'nobody has kept it';
    } catch (error) {
      fault = messageOf(error);
    }
    // Another one was activated meanwhile.
    if (this.wanted !== hash) return;
    if (bundle !== undefined) {
      this.policy.use(bundle);
      this.fault = undefined;
      return;
    }
    if (this.fault === undefined)
      this.report('the policy in force could not be loaded', { bundle: hash, error: fault });
    this.fault = `the policy bundle ${hash} is in force, and could not be loaded: ${fault}`;
    this.policy.use(closedBundle(hash, this.fault));
    this.again = setTimeout(() => void (this.loading = this.load(hash)), AGAIN_MS).unref();
  }
}
