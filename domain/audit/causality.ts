/** Receipts as a tree of causes and effects. */
import type { Commit } from '../kernel/commit';
import type { Decider } from '../kernel/decider';
import { commitRef, streamName } from '../kernel/ids';

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

/** What is said of an aggregate's streams here: what they are called, and whether an id alone is looked for in them. */
export type Causal = Pick<Decider<never, never>, 'category' | 'causal'>;

/** Categories of streams that an id alone is looked for in, the likeliest first. */
export function causalCategories(deciders: readonly Causal[]): string[] {
  return deciders
    .flatMap(({ category, causal }) => (causal === undefined ? [] : [{ category, causal }]))
    .sort((a, b) => a.causal - b.causal)
    .map(({ category }) => category);
}

/** What the causes and effects of a receipt are looked up in, for one tenant. */
export interface CausalIndex {
  /** Categories of streams that an id is looked for in, the likeliest first. */
  readonly categories: readonly string[];
  /** The receipt `stream@index` of the tenant; undefined when there is none. */
  receipt(ref: string): Promise<Commit | undefined>;
  /** The receipts of the tenant that belong to a correlation. */
  members(correlation: string): AsyncIterable<Commit> | Iterable<Commit>;
}

/**
 * What led to something, and what followed; undefined when nothing is known of it.
 * @param id a receipt (`stream@index`), a stream, the id of a task or of something else, or a correlation id
 */
export async function causalChain(index: CausalIndex, tenant: string, id: string): Promise<CausalChain | undefined> {
  const correlation = await correlationOf(index, tenant, id);
  const commits = new Map<string, Commit>();
  let complete = true;
  for await (const commit of index.members(correlation)) {
    complete = commits.size < MAX_CHAIN;
    if (!complete) break;
    commits.set(commitRef(commit.stream, commit.index), commit);
  }
  if (commits.size === 0) return undefined;
  // What led here may belong to another correlation, for example the signal that a task answers: it is followed up.
  for (const commit of [...commits.values()]) {
    for (let cause = commit.meta.causationId; cause !== undefined && !commits.has(cause) && complete;) {
      const found = await index.receipt(cause);
      if (found === undefined) break;
      complete = commits.size < MAX_CHAIN;
      if (complete) commits.set(cause, found);
      cause = found.meta.causationId;
    }
  }
  const roots = causalTree(commits.values());
  return { id, correlations: [correlation], commits: commits.size, complete, roots };
}

/** The correlation of what has this name; what names no receipt is taken for a correlation itself. */
async function correlationOf(index: CausalIndex, tenant: string, id: string): Promise<string> {
  const streams = id.startsWith(`${tenant}/`)
    ? [id]
    : index.categories.map((category) => streamName(tenant, category, id));
  for (const ref of [id, ...streams.map((stream) => commitRef(stream, 0))]) {
    const named = await index.receipt(ref);
    if (named !== undefined) return named.meta.correlationId;
  }
  return id;
}

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
