/** Policy on every command: which rules are in effect, and who hears what they were asked and have answered. */
import { sha256 } from '../../domain/kernel/commit';
import { decide, type PolicyAnswer, type PolicyBundle, type PolicyRequest } from '../../domain/policy/asking';
import type { Policy } from './ports-policy';

/** Hears what was asked and answered. It must neither throw nor take long: a command waits for it. */
export type DecisionListener = (request: PolicyRequest, answer: PolicyAnswer) => void;

/** The rules that answer, for all tenants. */
export class PolicyInEffect implements Policy {
  private readonly listeners = new Set<DecisionListener>();

  constructor(private bundle: PolicyBundle) {}

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
    const answer = decide(this.bundle, request);
    for (const listener of this.listeners) listener(request, answer);
    return answer;
  }
}

const ALLOWED: PolicyAnswer = { bundle: sha256('allow-all'), input: sha256('{}'), decision: 'allow', reasons: [] };

/** Stands until the rules are there: allows everything without looking at anything, and says so on every receipt. */
export class AllowAll implements Policy {
  evaluate(): PolicyAnswer {
    return ALLOWED;
  }
}
