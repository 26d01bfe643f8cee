/** What policy costs: a decision by the rules that come with the product, and a colony that asks none. */
import { OpaLoader } from '../adapters/opa/loader';
import type { Policy } from '../app/engine/ports-policy';
import { sha256 } from '../domain/kernel/commit';
import { decide, type PolicyAnswer, type PolicyRequest } from '../domain/policy/asking';
import { shippedBundle } from '../host/policy';
import { POSTER, TENANT, typeOf } from './colony';
import { median } from './measure';

const ALLOWED: PolicyAnswer = { bundle: sha256('unjudged'), input: sha256('{}'), decision: 'allow', reasons: [] };

/** Allows everything without looking at anything: what there is without policy. */
export const UNJUDGED: Policy = { evaluate: () => ALLOWED };

/** Decisions that are timed together, and how often. */
const BATCH = 2_000;
const BATCHES = 15;

/** Microseconds of a decision, the median: with the question written, its hash, and the answer checked. */
export async function decisionMicroseconds(): Promise<number> {
  const bundle = await new OpaLoader().load(await shippedBundle());
  const asked = (n: number): PolicyRequest => ({
    principal: POSTER.principal,
    action: 'task.post',
    resource: `${TENANT}/task/task-${n}`,
    now: 1_800_000_000_000 + n,
    attributes: { priority: 0.5, task_type: typeOf(n) },
  });
  const times = Array.from({ length: BATCHES }, () => {
    const began = performance.now();
    for (let n = 0; n < BATCH; n += 1) if (decide(bundle, asked(n)).decision !== 'allow') throw new Error('denied');
    return ((performance.now() - began) * 1_000) / BATCH;
  });
  return median(times);
}
