/** Policy on every command: which rules are in effect, and who hears what they were asked and have answered. */
import { sha256 } from '../../domain/kernel/commit';
import { Rejection } from '../../domain/kernel/decider';
import { decide, type PolicyAnswer, type PolicyBundle, type PolicyRequest } from '../../domain/policy/asking';
import type { Policy } from './ports-policy';

/** Hears what was asked and answered. It must neither throw nor take long: a command waits for it. */
export type DecisionListener = (request: PolicyRequest, answer: PolicyAnswer) => void;

/** The rules that answer, for all tenants. Nothing is allowed before the first bundle is there. */
export class PolicyInEffect implements Policy {
  private readonly listeners = new Set<DecisionListener>();
  private bundle = closedBundle('', 'no policy was loaded yet');

  /** @param isAbove whether the commands on a stream stand above every policy */
  constructor(private readonly isAbove: (stream: string) => boolean) {}

  /** The bundle that answers. */
  get current(): PolicyBundle {
    return this.bundle;
  }

  /** From now on `bundle` answers. */
  use(bundle: PolicyBundle): void {
    this.bundle = bundle;
  }

  /** Returns the way to stop it. */
  onDecision(listener: DecisionListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  evaluate(request: PolicyRequest): PolicyAnswer {
    if (this.isAbove(request.resource)) return ABOVE;
    const answer = decide(this.bundle, request);
    for (const listener of this.listeners) listener(request, answer);
    return answer;
  }
}

/** What a caller hears of a decision that does not allow what it asks. */
export function refusalBy({ decision, reasons }: Pick<PolicyAnswer, 'decision' | 'reasons'>): Rejection {
  const why = reasons.join('; ');
  return decision === 'deny'
    ? new Rejection(
        'forbidden',
        'policy-denied',
        `policy denies this: ${why}; nothing was done: ask for less, or somebody who may, or for another rule`,
        { reasons },
      )
    : new Rejection(
        'forbidden',
        'approval-needed',
        `people approve this first: ${why}; nothing was done: propose it as an action, and they are asked`,
        { reasons },
      );
}

/** Stands in the place of a bundle that can't be loaded, and allows nothing. */
export function closedBundle(hash: string, reason: string): PolicyBundle {
  const answer: PolicyAnswer = { bundle: hash, input: sha256('{}'), decision: 'deny', reasons: [reason] };
  const files = { 'policy.wasm': '', 'data.json': '' };
  return {
    hash,
    manifest: { name: 'closed', revision: '', entrypoints: {}, files, sources: {} },
    evaluate: () => answer,
  };
}

/** On the receipts of what no policy can refuse: stops, the roll-out of policy, tokens taken back. */
const ABOVE: PolicyAnswer = { bundle: sha256('above-policy'), input: sha256('{}'), decision: 'allow', reasons: [] };
