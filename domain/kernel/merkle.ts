/**
 * The tree of a transparency log: RFC 9162, section 2.1, over SHA-256. A leaf and a node hash with different first
 * bytes, so that neither can be taken for the other.
 */
import { hash } from 'node:crypto';

/** 32 bytes. */
export type Digest = Buffer;

const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);

/** SHA-256 of bytes. */
export function digestOf(bytes: Uint8Array): Digest {
  return hash('sha256', bytes, 'buffer');
}

/** The hash of an entry, in UTF-8. */
export function leafHash(entry: string): Digest {
  return hash('sha256', Buffer.concat([LEAF, Buffer.from(entry)]), 'buffer');
}

export function nodeHash(left: Digest, right: Digest): Digest {
  return hash('sha256', Buffer.concat([NODE, left, right]), 'buffer');
}

/** The largest power of two below `size`, which is 2 or more: where the tree of so many parts is divided. */
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/** The root over hashes in order. Over none it is the hash of nothing. */
export function rootOf(hashes: readonly Digest[]): Digest {
  if (hashes.length < 2) return hashes[0] ?? hash('sha256', '', 'buffer');
  const split = splitOf(hashes.length);
  return nodeHash(rootOf(hashes.slice(0, split)), rootOf(hashes.slice(split)));
}

/** The root over the 2^level leaves from `n * 2^level` on, of a tree that somebody keeps. */
export type PerfectSubtree = (level: number, n: number) => Promise<Digest>;

/** The root over the leaves from `from` up to `to`, which are a subtree of the tree that `perfect` knows. */
export async function rootBetween(from: number, to: number, perfect: PerfectSubtree): Promise<Digest> {
  const leaves = to - from;
  const level = Math.floor(Math.log2(leaves));
  if (2 ** level === leaves) return await perfect(level, from / leaves);
  const middle = from + splitOf(leaves);
  return nodeHash(await rootBetween(from, middle, perfect), await rootBetween(middle, to, perfect));
}

/**
 * The inclusion proof of a leaf in a tree of `size` (RFC 9162, section 2.1.3.1), from its sibling to the child of the
 * root.
 */
export async function inclusionPath(index: number, size: number, perfect: PerfectSubtree): Promise<Digest[]> {
  const path: Digest[] = [];
  for (let from = 0, to = size; to - from > 1;) {
    const middle = from + splitOf(to - from);
    if (index < middle) {
      path.push(await rootBetween(middle, to, perfect));
      to = middle;
    } else {
      path.push(await rootBetween(from, middle, perfect));
      from = middle;
    }
  }
  return path.reverse();
}

/**
 * The root of a tree that grows: it holds one hash for each perfect subtree, so that a leaf costs no more however many
 * there are.
 */
export class GrowingTree {
  /** Perfect subtrees from left to right, each smaller than the one before it. */
  private readonly subtrees: { readonly size: number; readonly hash: Digest }[] = [];
  private leaves = 0;

  get size(): number {
    return this.leaves;
  }

  push(leaf: Digest): void {
    let last = { size: 1, hash: leaf };
    for (let left = this.subtrees.at(-1); left?.size === last.size; left = this.subtrees.at(-1)) {
      last = { size: 2 * last.size, hash: nodeHash(left.hash, last.hash) };
      this.subtrees.pop();
    }
    this.subtrees.push(last);
    this.leaves += 1;
  }

  get root(): Digest {
    const last = this.subtrees.at(-1);
    return last === undefined
      ? rootOf([])
      : this.subtrees.slice(0, -1).reduceRight((right, { hash: left }) => nodeHash(left, right), last.hash);
  }
}

/**
 * The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2); undefined when the proof has not the length
 * that it must have.
 * @param path from the leaf's sibling to the child of the root
 */
export function rootFromPath(leaf: Digest, index: number, size: number, path: readonly Digest[]): Digest | undefined {
  if (index >= size) return undefined;
  let at = index;
  let last = size - 1;
  let root = leaf;
  for (const other of path) {
    if (last === 0) return undefined;
    if (at % 2 === 1 || at === last) {
      root = nodeHash(other, root);
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else {
      root = nodeHash(root, other);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? root : undefined;
}
