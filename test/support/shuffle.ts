/**
 * The feed as an adversary would deliver it: streams interleaved in any order, commits delivered again, yet the first
 * deliveries of each stream in its order. That is all that the port promises; the embedded store's one global order
 * would hide a reader that relies on more.
 */
import type { Commit } from '../../domain/kernel/commit';

/** mulberry32: small, seeded, good enough to shuffle. Numbers in [0, 1). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Interleaves the streams at random and repeats about a third of the commits. A repetition goes back to an earlier
 * commit of its stream and comes again from there (as a reader does that lost its checkpoint) or comes alone.
 * Every commit is in the result at least once; the order of first deliveries in a stream is kept.
 */
export function shuffleFeed(commits: readonly Commit[], seed: number): Commit[] {
  const random = randomOf(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const streams = new Map<string, Commit[]>();
  for (const commit of commits) {
    const stream = streams.get(commit.stream);
    if (stream === undefined) streams.set(commit.stream, [commit]);
    else stream.push(commit);
  }
  const open = [...streams.values()].map((stream) => ({ stream, next: 0 }));
  const delivered: Commit[] = [];
  while (open.length > 0) {
    const chosen = below(open.length);
    const reader = open[chosen] as (typeof open)[number];
    delivered.push(reader.stream[reader.next] as Commit);
    reader.next += 1;
    if (random() < 0.2) delivered.push(reader.stream[below(reader.next)] as Commit);
    else if (random() < 0.1) delivered.push(...reader.stream.slice(below(reader.next), reader.next));
    if (reader.next === reader.stream.length) open.splice(chosen, 1);
  }
  return delivered;
}
