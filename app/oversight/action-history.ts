/** What was done before, as far as novelty needs it. */
import type { Time } from '../../domain/kernel/time';
import type { ActionState } from '../../domain/oversight/action';
import { type Features, MAX_SEEN, type Novelty, noveltyOf, type Seen } from '../../domain/oversight/oversight';

/** What was done before, in memory: novelty is measured against it. A read model of executed actions, only hot. */
export class ActionHistory {
  /** `tenant kind` → the last ones, the latest last. */
  private readonly seen = new Map<string, (Seen & { readonly at: Time })[]>();

  add(tenant: string, stream: string, { proposal, executed }: Pick<ActionState, 'proposal' | 'executed'>): void {
    if (proposal === undefined || executed === undefined) return;
    this.put(tenant, proposal.kind, { ref: stream, features: proposal.features, at: executed.at });
  }

  put(tenant: string, kind: string, one: Seen & { readonly at: Time }): void {
    const key = `${tenant} ${kind}`;
    const seen = (this.seen.get(key) ?? []).filter(({ ref }) => ref !== one.ref);
    const place = seen.findLastIndex(({ at, ref }) => at < one.at || (at === one.at && ref < one.ref));
    seen.splice(place + 1, 0, one);
    this.seen.set(key, seen.slice(-MAX_SEEN));
  }

  novelty(tenant: string, kind: string, features: Features): Novelty {
    return noveltyOf(features, this.seen.get(`${tenant} ${kind}`) ?? []);
  }
}
