/**
 * The bundle in the shadow, in this process: is asked what the one in force is asked, a moment later, and decides
 * nothing. What it would have said otherwise is counted in memory, bounded.
 */
import type { Rejection } from '../../domain/kernel/decider';
import type { Principal } from '../../domain/kernel/principal';
import { decide, type PolicyAnswer, type PolicyBundle, type PolicyRequest } from '../../domain/policy/asking';
import { type ActionCompared, Comparison } from '../../domain/policy/comparison';
import { authorProblem, type Shadowed } from '../../domain/policy/rollout';
import type { PolicyInEffect } from '../engine/policy';
import type { Report } from '../engine/ports';
import { messageOf } from '../engine/reachable';
import type { Find } from './bundle-in-force';

/** Questions that may wait; of more, it is only counted that they were not compared. */
const MAX_WAITING = 5_000;
/** Questions that are compared in one turn of the event loop: under a millisecond of others' time. */
const AT_ONCE = 50;

export interface LiveComparison {
  readonly bundle: string;
  readonly in_force: string;
  readonly asked: number;
  readonly not_compared: number;
  readonly actions: readonly ActionCompared[];
}

interface Running {
  readonly bundle: PolicyBundle;
  readonly inForce: string;
  readonly comparison: Comparison;
  asked: number;
  notCompared: number;
}

export class LiveShadow {
  private wanted: string | undefined;
  private running: Running | undefined;
  private leave: (() => void) | undefined;
  private waiting: (readonly [PolicyRequest, PolicyAnswer])[] = [];
  private loading: Promise<void> = Promise.resolve();
  private comparing = false;

  constructor(
    private readonly policy: PolicyInEffect,
    private readonly find: Find,
    private readonly report: Report,
  ) {}

  /** From now on this bundle stands in the shadow, or none. What was counted of another is forgotten. */
  follow(shadowed: Shadowed | undefined): void {
    if (shadowed?.bundle === this.wanted) return;
    this.stop();
    this.wanted = shadowed?.bundle;
    if (shadowed !== undefined) this.loading = this.load(shadowed.bundle);
  }

  /** Resolves when the bundle that stands in the shadow is asked, or it is known that it can't be. */
  async settled(): Promise<void> {
    await this.loading;
  }

  /** What was counted here since the bundle stands in the shadow of the one in force; undefined: none does. */
  async result(who: Principal): Promise<LiveComparison | Rejection | undefined> {
    const wrong = authorProblem(who);
    if (wrong !== undefined) return wrong;
    await this.settled();
    this.compare(Infinity);
    if (this.running === undefined) return undefined;
    const { bundle, inForce, asked, notCompared, comparison } = this.running;
    return {
      bundle: bundle.hash,
      in_force: inForce,
      asked,
      not_compared: notCompared,
      actions: comparison.result(),
    };
  }

  stop(): void {
    this.leave?.();
    this.leave = this.running = this.wanted = undefined;
    this.waiting = [];
  }

  private async load(hash: string): Promise<void> {
    try {
      const bundle = await this.find(hash);
      if (bundle === undefined || this.wanted !== hash) return;
      this.begin(bundle, this.policy.current.hash);
      this.leave = this.policy.onDecision((request, answer) => this.heard(request, answer));
    } catch (error) {
      this.report('the policy in the shadow could not be loaded', { bundle: hash, error: messageOf(error) });
      // Whoever puts it there again has it tried again.
      if (this.wanted === hash) this.wanted = undefined;
    }
  }

  private begin(bundle: PolicyBundle, inForce: string): Running {
    this.waiting = [];
    return (this.running = { bundle, inForce, comparison: new Comparison(), asked: 0, notCompared: 0 });
  }

  private heard(request: PolicyRequest, answer: PolicyAnswer): void {
    let { running } = this;
    if (running === undefined) return;
    if (answer.bundle !== running.inForce) running = this.begin(running.bundle, answer.bundle);
    running.asked += 1;
    if (this.waiting.length >= MAX_WAITING) running.notCompared += 1;
    else {
      this.waiting.push([request, answer]);
      this.schedule();
    }
  }

  private schedule(): void {
    if (this.comparing) return;
    this.comparing = true;
    setImmediate(() => {
      this.comparing = false;
      this.compare(AT_ONCE);
      if (this.waiting.length > 0) this.schedule();
    });
  }

  private compare(most: number): void {
    const { running } = this;
    if (running === undefined) return;
    for (const [request, answer] of this.waiting.splice(0, most))
      running.comparison.add(request, answer, decide(running.bundle, request));
  }
}
