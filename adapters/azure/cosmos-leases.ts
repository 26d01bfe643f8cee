/**
 * Leases on Cosmos DB: a document each, in the container `state`, which says whose it is and until when. Clocks of
 * processes differ, so what it says is believed only as long as its holder renews it: one that whoever asks has seen
 * unchanged for the time of a lease has ended, as in the elections of other systems. Where the answer to a write was
 * lost, whoever has the lease hears that only when it asks again. Every write names the version that it replaces: who
 * holds a lease knows that of its last write, and who has read an older one changes nothing.
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
  /** By lease and holder: the version that was written here last. */
  private readonly written = new Map<string, string>();

  constructor(private readonly cosmos: Cosmos) {}

  async hold({ name, holder, at, seconds }: LeaseClaim): Promise<boolean> {
    const document: LeaseDocument = { id: idOf(name), holder, until: at + seconds * 1_000, ttl: TTL_SECONDS };
    const own = this.written.get(keyOf(name, holder));
    if (own !== undefined && (await this.replace(name, document, own))) return true;
    const { resource, etag } = await this.read(name);
    if (resource === undefined)
      return await this.first(document, name, (options) => this.state.items.create(document, options));
    if (resource.holder !== holder && resource.until > at && this.unchangedMs(name, etag) < seconds * 1_000)
      return false;
    return await this.replace(name, document, etag);
  }

  async release({ name, holder }: Pick<LeaseClaim, 'name' | 'holder'>): Promise<void> {
    const held = this.written.get(keyOf(name, holder)) ?? (await this.versionOf(name, holder));
    this.written.delete(keyOf(name, holder));
    if (held === undefined) return;
    await this.cosmos
      .call('lease.release', (options) => this.item(name).delete({ ...options, ...matching(held) }))
      .catch(lost);
  }

  /** undefined: it is another one's. */
  private async versionOf(name: string, holder: string): Promise<string | undefined> {
    const { resource, etag } = await this.read(name);
    return resource?.holder === holder ? etag : undefined;
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
    return this.cosmos.derived('state');
  }

  private item(name: string) {
    return this.state.item(idOf(name), idOf(name));
  }

  private read(name: string) {
    return this.cosmos.call('lease.read', (options) => this.item(name).read<LeaseDocument>(options));
  }

  private async replace(name: string, document: LeaseDocument, etag: string): Promise<boolean> {
    return await this.first(document, name, (options) =>
      this.item(name).replace(document, { ...options, ...matching(etag) }),
    );
  }

  /** False when somebody else was faster. */
  private async first(
    { holder }: LeaseDocument,
    name: string,
    ask: (options: { readonly abortSignal: AbortSignal }) => Promise<{ readonly etag: string }>,
  ): Promise<boolean> {
    const answer = await this.cosmos.call('lease.hold', ask).catch(lost);
    if (answer === undefined) this.written.delete(keyOf(name, holder));
    else this.written.set(keyOf(name, holder), answer.etag);
    return answer !== undefined;
  }
}

/** Of an answer that says that somebody else was faster. */
function lost(error: unknown): undefined {
  if (![404, 409, 412].includes(codeOf(error) as number)) throw error;
}

function matching(etag: string) {
  return { accessCondition: { type: 'IfMatch', condition: etag } };
}

function keyOf(name: string, holder: string): string {
  return JSON.stringify([name, holder]);
}

function idOf(name: string): string {
  return `lease-${sha256(name)}`;
}
