/** What was read of the feed and is not in the logs yet: by tenant, which receipts of which streams. */
import { logStream } from '../../domain/audit/log';
import { keyOf } from '../../domain/audit/log-entries';
import type { Commit } from '../../domain/kernel/commit';
import { parseStream } from '../../domain/kernel/ids';
import { PLATFORM } from '../../domain/stops/stop';
import { Slices } from '../engine/turns';
import type { Changed } from './log-heads';

/** Receipts of a stream that follow each other, from `first` on. */
export interface NewReceipts extends Changed {
  first: number;
  hashes: string[];
}

/** Streams are kept apart by the first digits of their keys, so that none of what is sorted at once is large. */
const PREFIX_DIGITS = 2;

class GatheredTenant {
  private readonly streams = new Map<string, NewReceipts>();
  private readonly byPrefix = new Map<string, NewReceipts[]>();

  get(stream: string): NewReceipts | undefined {
    return this.streams.get(stream);
  }

  add(stream: string, first: number): NewReceipts {
    const added: NewReceipts = { stream, key: keyOf(stream), first, hashes: [] };
    this.streams.set(stream, added);
    const prefix = added.key.slice(0, PREFIX_DIGITS);
    const group = this.byPrefix.get(prefix);
    if (group === undefined) this.byPrefix.set(prefix, [added]);
    else group.push(added);
    return added;
  }

  async inOrder(): Promise<NewReceipts[]> {
    const slices = new Slices(PLATFORM);
    const all: NewReceipts[] = [];
    for (const prefix of [...this.byPrefix.keys()].sort()) {
      all.push(...(this.byPrefix.get(prefix) as NewReceipts[]).sort((a, b) => (a.key < b.key ? -1 : 1)));
      await slices.pause();
    }
    return all;
  }
}

export class Gathered {
  private readonly byTenant = new Map<string, GatheredTenant>();
  private receipts = 0;

  /** How many receipts were gathered. */
  get size(): number {
    return this.receipts;
  }

  get tenants(): readonly string[] {
    return [...this.byTenant.keys()];
  }

  /** Adds a receipt. One that comes again changes nothing; the log's own are added with the checkpoint. */
  add({ stream, index, hash }: Pick<Commit, 'stream' | 'index' | 'hash'>): void {
    const { tenant } = parseStream(stream);
    if (stream === logStream(tenant)) return;
    let streams = this.byTenant.get(tenant);
    if (streams === undefined) this.byTenant.set(tenant, (streams = new GatheredTenant()));
    const known = streams.get(stream) ?? streams.add(stream, index);
    const next = known.first + known.hashes.length;
    if (index < next) return;
    if (index > next) {
      // Those that are missing are read from their stream.
      this.receipts -= known.hashes.length;
      known.first = index;
      known.hashes = [];
    }
    known.hashes.push(hash);
    this.receipts += 1;
  }

  /** The streams of a tenant in order of their keys, with its log, whose receipts are those before `end`. */
  async of(tenant: string, end: number): Promise<NewReceipts[]> {
    const streams = this.byTenant.get(tenant) as GatheredTenant;
    const own = logStream(tenant);
    const log = streams.get(own) ?? streams.add(own, end);
    log.first = end;
    return await streams.inOrder();
  }
}
