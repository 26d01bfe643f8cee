/**
 * The heads of all streams of a tenant at a checkpoint, in pages by content: what has changed costs what has changed,
 * and the hash over all of them is the reference of the first page.
 */
import {
  HEADS_PAGE,
  headsNode,
  headsPage,
  keyOf,
  parseHeadsPage,
  type StreamHead,
} from '../../domain/audit/log-entries';
import type { Pages } from '../../domain/audit/log-pages';

/** A stream that has changed. */
export interface Changed {
  readonly stream: string;
  readonly key: string;
}

/** What becomes of the head of a stream that has changed; undefined: it stays as it is known. */
export type Advance<C extends Changed> = (change: C, known: StreamHead | undefined) => Promise<StreamHead | undefined>;

export class LogHeads {
  constructor(private readonly pages: Pages) {}

  /** The head of a stream, as it is under a hash. */
  async find(hash: string | undefined, stream: string): Promise<StreamHead | undefined> {
    const key = keyOf(stream);
    let at = hash;
    for (let depth = 0; at !== undefined; depth += 1) {
      const page = await this.read(at);
      if ('heads' in page) return page.heads.get(stream);
      at = page.pages.get(key[depth] as string);
    }
    return undefined;
  }

  /**
   * Advances the streams that have changed, which come in order of their keys, one after the other. Answers the hash
   * over the heads of all streams afterwards: undefined when there are none.
   */
  async advance<C extends Changed>(
    hash: string | undefined,
    changes: readonly C[],
    advance: Advance<C>,
    depth = 0,
  ): Promise<string | undefined> {
    const page = hash === undefined ? { heads: new Map<string, StreamHead>() } : await this.read(hash);
    if ('pages' in page) {
      const pages = new Map(page.pages);
      for (const [digit, group] of Map.groupBy(changes, ({ key }) => key[depth] as string)) {
        const below = await this.advance(pages.get(digit), group, advance, depth + 1);
        if (below !== undefined) pages.set(digit, below);
      }
      return await this.write(headsNode(pages));
    }
    const heads = new Map(page.heads);
    for (const change of changes) {
      const head = await advance(change, heads.get(change.stream));
      if (head !== undefined) heads.set(change.stream, head);
    }
    return heads.size === 0 ? undefined : await this.writeHeads([...heads.values()], depth);
  }

  private async writeHeads(heads: readonly StreamHead[], depth: number): Promise<string> {
    if (heads.length <= HEADS_PAGE) return await this.write(headsPage(heads));
    const pages = new Map<string, string>();
    for (const [digit, group] of Map.groupBy(heads, ({ stream }) => keyOf(stream)[depth] as string))
      pages.set(digit, await this.writeHeads(group, depth + 1));
    return await this.write(headsNode(pages));
  }

  private async read(hash: string): Promise<ReturnType<typeof parseHeadsPage>> {
    return parseHeadsPage((await this.pages.get(`sha256:${hash}`)).toString());
  }

  private async write(text: string): Promise<string> {
    return (await this.pages.put(Buffer.from(text))).slice('sha256:'.length);
  }
}
