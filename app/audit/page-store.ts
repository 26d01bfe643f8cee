/** The pages of a tenant's log in the archive of payloads, those that were used last in memory. */
import { checkedPage, type Pages } from '../../domain/audit/log-pages';
import { Recent } from '../../domain/kernel/recent';
import type { BlobArchive } from '../engine/ports';

const CACHED_PAGES = 256;
const CACHED_BYTES = 16_000_000;

export class PageStore {
  private readonly recent = new Recent<string, Buffer>(CACHED_PAGES, {
    most: CACHED_BYTES,
    of: ({ length }) => length,
  });

  constructor(private readonly blobs: BlobArchive) {}

  of(tenant: string): Pages {
    return {
      put: (bytes) => this.put(tenant, bytes),
      get: (reference) => this.get(tenant, reference),
    };
  }

  private async put(tenant: string, bytes: Buffer): Promise<string> {
    const reference = await this.blobs.put(tenant, bytes);
    this.recent.set(`${tenant} ${reference}`, bytes);
    return reference;
  }

  /** Throws `AlteredPayload` when it is not there, or holds other bytes. */
  private async get(tenant: string, reference: string): Promise<Buffer> {
    const known = this.recent.get(`${tenant} ${reference}`);
    if (known !== undefined) return known;
    const bytes = checkedPage(tenant, reference, await this.blobs.get(tenant, reference));
    this.recent.set(`${tenant} ${reference}`, bytes);
    return bytes;
  }
}
