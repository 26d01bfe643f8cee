/** How many of something each tenant has, as its streams say: kept in memory, from every commit that is heard of. */
import { parseStream } from '../../domain/kernel/ids';
import { Recent } from '../../domain/kernel/recent';

/** Streams that count no more, of which is remembered up to where: what was read of them before changes nothing. */
const MAX_LEFT = 10_000;

export class Census {
  /** Streams that count, and up to which commit they are known. */
  private readonly counted = new Map<string, number>();
  private readonly left = new Recent<string, number>(MAX_LEFT);
  private readonly sizes = new Map<string, number>();

  /** Takes in what a stream has become. What is older than what is known changes nothing. */
  update(stream: string, version: number, counts: boolean): void {
    const before = this.counted.get(stream);
    if (version <= (before ?? this.left.peek(stream) ?? -1)) return;
    if (counts) this.counted.set(stream, version);
    else this.left.set(stream, version);
    if (counts === (before !== undefined)) return;
    if (!counts) this.counted.delete(stream);
    const { tenant } = parseStream(stream);
    const size = this.size(tenant) + (counts ? 1 : -1);
    if (size === 0) this.sizes.delete(tenant);
    else this.sizes.set(tenant, size);
  }

  size(tenant: string): number {
    return this.sizes.get(tenant) ?? 0;
  }

  has(stream: string): boolean {
    return this.counted.has(stream);
  }
}
