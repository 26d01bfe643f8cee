/**
 * Leases on Cosmos DB: a document each, in the container `state`, which says whose it is and until when. Clocks of
 * processes differ, so what it says is believed only as long as its holder renews it: one that whoever asks has seen
 * unchanged for the time of a lease has ended, as in the elections of other systems. Where the answer to a write was
 * lost, whoever has the lease hears that only when it asks again.
 */
import type { LeaseClaim, Leases } from '../../app/engine/ports-leases';
import { sha256 } from '../../domain/kernel/commit';
import { codeOf, type Cosmos } from './cosmos';

interface LeaseDocument {
  readonly id: string;
  readonly holder: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** Seconds after which one that nobody wants any more goes. */
  readonly ttl: number;
}

const TTL_SECONDS = 24 * 60 * 60;

export class CosmosLeases implements Leases {
  /** By name: the version of another's lease that was seen last, and since when, by `performance.now()`. */
  private readonly seen = new Map<string, { readonly etag: string; readonly since: number }>();

  constructor(private readonly cosmos: Cosmos) {}

  async hold({ name, holder, at, seconds }: LeaseClaim): Promise<boolean> {
    const document: LeaseDocument = { id: idOf(name), holder, until: at + seconds * 1_000, ttl: TTL_SECONDS };
    const { resource, etag } = await this.read(name);
    if (resource === undefined)
      return await this.first('lease.hold', (options) => this.state.items.create(document, options));
    if (resource.holder !== holder && resource.until > at && this.unchangedMs(name, etag) < seconds * 1_000)
      return false;
    return await this.first('lease.hold', (options) =>
      this.item(name).replace(document, { ...options, accessCondition: { type: 'IfMatch', condition: etag } }),
    );
  }

  async release({ name, holder }: Pick<LeaseClaim, 'name' | 'holder'>): Promise<void> {
    const { resource, etag } = await this.read(name);
    if (resource?.holder !== holder) return;
    await this.first('lease.release', (options) =>
      this.item(name).delete({ ...options, accessCondition: { type: 'IfMatch', condition: etag } }),
    );
  }

  /** For how long, as far as has been seen here, in milliseconds. */
  private unchangedMs(name: string, etag: string): number {
    const now = performance.now();
    const known = this.seen.get(name);
    if (known?.etag === etag) return now - known.since;
    this.seen.set(name, { etag, since: now });
    return 0;
  }

  private get state() {
    return this.cosmos.container('state');
  }

  private item(name: string) {
    return this.state.item(idOf(name), idOf(name));
  }

  private read(name: string) {
    return this.cosmos.call('lease.read', (options) => this.item(name).read<LeaseDocument>(options));
  }

  /** False when somebody else was faster. */
  private async first(operation: string, ask: Parameters<Cosmos['call']>[1]): Promise<boolean> {
    try {
      await this.cosmos.call(operation, ask);
      return true;
    } catch (error) {
      if ([404, 409, 412].includes(codeOf(error) as number)) return false;
      throw error;
    }
  }
}

function idOf(name: string): string {
  return `lease-${sha256(name)}`;
}
