/** What was written: the log of every tenant, from where it was read last. */
import type { Commit } from '../domain/kernel/commit';
import type { Reply } from './http';

/** Streams that the colony writes to by itself: each hour, of pools that it observes, of notices it sends again. */
const BY_THEMSELVES: ReadonlySet<string> = new Set(['log', 'pool', 'delivery', 'trail']);
const DENIAL = 'denial';

export class Trace {
  private readonly places = new Map<string, string>();

  /**
   * @param readers who may read the log of a tenant, by tenant
   * @param settled resolves when everything has followed from what was written so far
   */
  constructor(
    private readonly readers: ReadonlyMap<string, (path: string) => Promise<Reply>>,
    private readonly settled: () => Promise<void>,
  ) {}

  async mark(): Promise<void> {
    await this.settled();
    for (const tenant of this.readers.keys()) await this.read(tenant);
  }

  /**
   * What was written since the mark, `stream Event`, without what may be.
   * @param leaves categories of streams that may have grown
   */
  async since(leaves: readonly string[]): Promise<string[]> {
    await this.settled();
    const found: string[] = [];
    for (const tenant of this.readers.keys()) {
      for (const { stream, events, meta } of await this.read(tenant)) {
        const category = stream.split('/')[1] as string;
        const isOwn = meta.actor.kind === 'system' && BY_THEMSELVES.has(category);
        if (category === DENIAL || isOwn || leaves.includes(category)) continue;
        found.push(...events.map(({ type }) => `${stream} ${type}`));
      }
    }
    return found;
  }

  private async read(tenant: string): Promise<Commit[]> {
    const found: Commit[] = [];
    for (;;) {
      const place = this.places.get(tenant) ?? '0';
      const reply = await this.readers.get(tenant)!(`/v1/receipts?limit=500&continuation=${encodeURIComponent(place)}`);
      if (reply.status !== 200) throw new Error(`the log of ${tenant} can't be read: ${reply.text}`);
      found.push(...(reply.body.value as Commit[]));
      this.places.set(tenant, reply.body.after as string);
      if (reply.body.nextLink === undefined) return found;
    }
  }
}
