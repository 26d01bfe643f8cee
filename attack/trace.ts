/** What was written: the log of every tenant, from where it was read last. */
import type { Commit } from '../domain/kernel/commit';
import type { Reply } from './http';

/** Streams that the colony writes to by itself: each hour, of pools that it observes, of notices it sends again. */
const BY_THEMSELVES: ReadonlySet<string> = new Set(['log', 'pool', 'delivery', 'trail']);
/** What the colony notes of an award that was accepted, when it comes to it: of one from before the mark, too. */
const NOTED_LATER: ReadonlySet<string> = new Set(['SlotConfirmed', 'ReservationConfirmed']);
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
    await this.read();
  }

  /**
   * What was written since the mark, or since this was asked last: `stream Event`, without what may be.
   * @param leaves categories of streams that may have grown
   */
  async since(leaves: readonly string[]): Promise<string[]> {
    await this.settled();
    return (await this.read()).flatMap(({ stream, events, meta }) => {
      const category = stream.split('/')[1] as string;
      const isOwn =
        meta.actor.kind === 'system' &&
        (BY_THEMSELVES.has(category) || events.every(({ type }) => NOTED_LATER.has(type)));
      if (category === DENIAL || isOwn || leaves.includes(category)) return [];
      return events.map(({ type }) => `${stream} ${type}`);
    });
  }

  private async read(): Promise<Commit[]> {
    return (await Promise.all([...this.readers].map(([tenant, ask]) => this.logOf(tenant, ask)))).flat();
  }

  private async logOf(tenant: string, ask: (path: string) => Promise<Reply>): Promise<Commit[]> {
    const found: Commit[] = [];
    for (;;) {
      const place = this.places.get(tenant) ?? '0';
      const reply = await ask(`/v1/receipts?limit=500&continuation=${encodeURIComponent(place)}`);
      if (reply.status !== 200) throw new Error(`the log of ${tenant} can't be read: ${reply.text}`);
      found.push(...(reply.body.value as Commit[]));
      this.places.set(tenant, reply.body.after as string);
      if (reply.body.nextLink === undefined) return found;
    }
  }
}
