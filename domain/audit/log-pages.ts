/**
 * The pages of a transparency log, by content: entries by 256, and above them tiles of 256 hashes as
 * C2SP has them (c2sp.org/tlog-tiles), each hash with the reference of the page below it. A page that is full never
 * changes, and every page is found by its content. So what is added costs what is added, and what a crash has left
 * undone harms nothing: it counts from the moment when a checkpoint names it.
 */
import { AlteredPayload } from '../kernel/commit';
import { type Digest, digestOf, inclusionPath, leafHash, rootOf } from '../kernel/merkle';

/** Entries of a page, and hashes of a tile. */
export const PAGE_WIDTH = 256;
/** Levels of the tree that a tile is over. */
const TILE_HEIGHT = 8;
const DIGEST_BYTES = 32;
/** A hash and the reference of what it is over. */
const CHILD_BYTES = 2 * DIGEST_BYTES;

/** What leads to all pages of a log. */
export interface LogRoot {
  readonly size: number;
  /** By level, the reference of the last page, which is not full; null, or nothing, where the level has none. */
  readonly pages: readonly (string | null)[];
}

/** Entries that follow each other. */
export interface LogPage {
  /** The leaf of the first. */
  readonly first: number;
  readonly entries: readonly string[];
}

/** Pages by content. Reading rejects where a page is not there, or not what it was. */
export interface Pages {
  put(bytes: Buffer): Promise<string>;
  get(reference: string): Promise<Buffer>;
}

function referenceOf(digest: Digest): string {
  return `sha256:${digest.toString('hex')}`;
}

/**
 * The bytes of a page as an archive has them. Throws `AlteredPayload` when they are not there, or are others.
 * @param tenant whose log it is
 */
export function checkedPage(tenant: string, reference: string, bytes: Uint8Array | undefined): Buffer {
  if (bytes === undefined) throw new AlteredPayload(reference, `is a page of the log of ${tenant}, and is not there`);
  if (referenceOf(digestOf(bytes)) !== reference)
    throw new AlteredPayload(reference, `is a page of the log of ${tenant}, and holds other bytes`);
  return Buffer.from(bytes);
}

// -------------------------------------------------------------------------------------------------------- to bytes

/** Entries as C2SP has them: each after its length in two bytes. */
export function entryBundle(entries: readonly string[]): Buffer {
  return Buffer.concat(
    entries.flatMap((entry) => {
      const bytes = Buffer.from(entry);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(bytes.length);
      return [length, bytes];
    }),
  );
}

function entriesIn(bundle: Buffer): string[] {
  const entries: string[] = [];
  for (let at = 0; at < bundle.length;) {
    const end = at + 2 + bundle.readUInt16BE(at);
    entries.push(bundle.toString('utf8', at + 2, end));
    at = end;
  }
  return entries;
}

interface Child {
  readonly hash: Digest;
  /** Hash of the page that it is over. */
  readonly page: Digest;
}

function childrenIn(page: Buffer): Child[] {
  return Array.from({ length: page.length / CHILD_BYTES }, (_, i) => ({
    hash: page.subarray(i * CHILD_BYTES, i * CHILD_BYTES + DIGEST_BYTES),
    page: page.subarray(i * CHILD_BYTES + DIGEST_BYTES, (i + 1) * CHILD_BYTES),
  }));
}

function bytesOf(children: readonly Child[]): Buffer {
  return Buffer.concat(children.flatMap(({ hash: digest, page }) => [digest, page]));
}

function digestIn(reference: string): Digest {
  return Buffer.from(reference.slice('sha256:'.length), 'hex');
}

// ------------------------------------------------------------------------------------------------------- to write

/** Adds to a log: what is added is found once `finish` has answered. */
export class LogWriter {
  private constructor(
    private readonly pages: Pages,
    private leaves: number,
    private entries: string[],
    private hashes: Digest[],
    /** By level from 1 on, what stands in the page that is not full. */
    private readonly levels: Child[][],
  ) {}

  static async open(store: Pages, { size, pages }: LogRoot): Promise<LogWriter> {
    const partial = async (reference: string | null | undefined) =>
      reference === null || reference === undefined ? Buffer.alloc(0) : await store.get(reference);
    const [lowest, ...others] = pages;
    const entries = entriesIn(await partial(lowest));
    const levels: Child[][] = [];
    for (const reference of others) levels.push(childrenIn(await partial(reference)));
    return new LogWriter(store, size, entries, entries.map(leafHash), levels);
  }

  get size(): number {
    return this.leaves;
  }

  async add(entry: string): Promise<void> {
    this.entries.push(entry);
    this.hashes.push(leafHash(entry));
    this.leaves += 1;
    if (this.entries.length < PAGE_WIDTH) return;
    let child = await this.kept(entryBundle(this.entries), this.hashes);
    this.entries = [];
    this.hashes = [];
    for (let level = 0; ; level += 1) {
      const children = (this.levels[level] ??= []);
      children.push(child);
      if (children.length < PAGE_WIDTH) return;
      child = await this.kept(
        bytesOf(children),
        children.map(({ hash: digest }) => digest),
      );
      this.levels[level] = [];
    }
  }

  /** Writes the pages that are not full; answers what leads to all of them, and the root of the tree. */
  async finish(): Promise<LogRoot & { readonly root: Digest }> {
    const pages: (string | null)[] = [];
    for (const bytes of [entryBundle(this.entries), ...this.levels.map(bytesOf)])
      pages.push(bytes.length === 0 ? null : await this.pages.put(bytes));
    const levels = [this.hashes, ...this.levels.map((children) => children.map(({ hash: digest }) => digest))];
    // What is left over at a level comes after all that is complete above it.
    const root = levels.reduce<Digest | undefined>((rest, hashes) => {
      const all = rest === undefined ? hashes : [...hashes, rest];
      return all.length === 0 ? undefined : rootOf(all);
    }, undefined);
    return { size: this.leaves, pages, root: root ?? rootOf([]) };
  }

  private async kept(bytes: Buffer, hashes: readonly Digest[]): Promise<Child> {
    return { hash: rootOf(hashes), page: digestIn(await this.pages.put(bytes)) };
  }
}

// -------------------------------------------------------------------------------------------------------- to read

/** Reads a log as it was at a checkpoint. Throws `AlteredPayload` where a page is not what it was. */
export class LogReader {
  constructor(
    private readonly pages: Pick<Pages, 'get'>,
    private readonly root: LogRoot,
  ) {}

  get size(): number {
    return this.root.size;
  }

  /** How many hashes stand in a tile, or entries in a page of level 0: none beyond the end. */
  widthOf(level: number, n: number): number {
    return Math.max(0, Math.min(PAGE_WIDTH, Math.floor(this.size / PAGE_WIDTH ** level) - n * PAGE_WIDTH));
  }

  /** The entries from `n * 256` on, at most 256. */
  async entries(n: number): Promise<string[]> {
    return entriesIn(await this.page(0, n));
  }

  async entry(index: number): Promise<string> {
    return (await this.entries(Math.floor(index / PAGE_WIDTH)))[index % PAGE_WIDTH] as string;
  }

  /** All of them, page by page. */
  async *all(): AsyncGenerator<LogPage> {
    for (let n = 0; n * PAGE_WIDTH < this.size; n += 1) yield { first: n * PAGE_WIDTH, entries: await this.entries(n) };
  }

  /** The hashes of a tile. */
  async tile(level: number, n: number): Promise<Digest[]> {
    return level === 0
      ? (await this.entries(n)).map(leafHash)
      : childrenIn(await this.page(level, n)).map(({ hash: digest }) => digest);
  }

  /** The inclusion proof of a leaf, from its sibling to the child of the root. */
  async path(index: number): Promise<Digest[]> {
    return await inclusionPath(index, this.size, (level, n) => this.perfect(level, n));
  }

  /** The root over the 2^level leaves from `n * 2^level` on: of some hashes of a tile. */
  private async perfect(level: number, n: number): Promise<Digest> {
    const tile = Math.floor(level / TILE_HEIGHT);
    const count = 2 ** (level % TILE_HEIGHT);
    const first = n * count;
    const hashes = await this.tile(tile, Math.floor(first / PAGE_WIDTH));
    return rootOf(hashes.slice(first % PAGE_WIDTH, (first % PAGE_WIDTH) + count));
  }

  /** One that is full is named by the page above it. */
  private async page(level: number, n: number): Promise<Buffer> {
    const reference =
      n < Math.floor(this.size / PAGE_WIDTH ** (level + 1))
        ? referenceOf(
            (childrenIn(await this.page(level + 1, Math.floor(n / PAGE_WIDTH)))[n % PAGE_WIDTH] as Child).page,
          )
        : this.root.pages[level];
    return reference === null || reference === undefined ? Buffer.alloc(0) : await this.pages.get(reference);
  }
}
