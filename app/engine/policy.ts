/** Stands until policy comes: allows everything without looking at anything, and says so on every receipt. */
import { sha256 } from '../../domain/kernel/commit';
import type { Policy, PolicyAnswer } from './ports';

const ALLOWED: PolicyAnswer = { bundle: sha256('allow-all'), input: sha256('{}'), decision: 'allow', reasons: [] };

export class AllowAll implements Policy {
  evaluate(): PolicyAnswer {
    return ALLOWED;
  }
}
