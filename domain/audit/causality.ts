/** Receipts as a tree of causes and effects. */
import { AGGREGATES } from '../aggregates';
import type { Commit } from '../kernel/commit';
import { commitRef } from '../kernel/ids';

/** One receipt in the tree. */
export interface CausalNode {
  /** `stream@index` */
  readonly receipt: string;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly hash: string;
  readonly events: readonly { readonly type: string; readonly data: unknown }[];
  readonly effects: readonly CausalNode[];
}

/** What led to something, and what followed. */
export interface CausalChain {
  readonly id: string;
  readonly correlations: readonly string[];
  readonly commits: number;
  /** False when there is more than one answer holds, or may be more where nothing was looked for any more. */
  readonly complete: boolean;
  /** Receipts (`stream@index`) from which on a stream was not searched, at most 100; left out when there are none. */
  readonly unsearched?: readonly string[];
  readonly roots: readonly CausalNode[];
}

/** Largest number of receipts in one answer. */
export const MAX_CHAIN = 2_000;

/** Categories of streams that an id may be looked for in, the likeliest first. */
export const CAUSAL_CATEGORIES: readonly string[] = AGGREGATES.filter(
  (decider: { causal?: boolean }) => decider.causal,
).map(({ category }) => category);

/**
 * Puts each receipt under the one that caused it, in order of time; those whose cause is not among them are the roots.
 */
export function causalTree(commits: Iterable<Commit>): CausalNode[] {
  const ordered = [...commits].sort((a, b) =>
    a.at < b.at ? -1 : a.at > b.at ? 1 : a.meta.depth - b.meta.depth || a.index - b.index,
  );
  const effects = new Map<string, CausalNode[]>(ordered.map(({ stream, index }) => [commitRef(stream, index), []]));
  const roots: CausalNode[] = [];
  for (const { stream, index, at, meta, hash, events } of ordered) {
    const receipt = commitRef(stream, index);
    const siblings = meta.causationId === undefined ? undefined : effects.get(meta.causationId);
    (siblings ?? roots).push({
      receipt,
      at,
      actor: meta.actor.id,
      action: meta.action,
      hash,
      events: events.map(({ type, data }) => ({ type, data })),
      effects: effects.get(receipt) as CausalNode[],
    });
  }
  return roots;
}
