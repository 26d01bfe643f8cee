/**
 * What is too large for a receipt: kept in the archive by its hash, and counted for a tenant that is limited in what it
 * stores.
 */
import { createHash } from 'node:crypto';
import type { Rejection } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import { Recent } from '../../domain/kernel/recent';
import type { TaskSpec } from '../../domain/market/task';
import type { CommandContext } from '../engine/command';
import type { BlobArchive } from '../engine/ports';
import type { TenantBook } from '../tenants/module';

/** Payloads and results up to this many bytes of JSON stand in the receipt; larger ones go to the blob archive. */
const INLINE_BYTES = 32 * 1024;
/** How many bytes of a payload stand on the receipt of a task that waits for a decision: the action holds them too. */
const GATED_INLINE_BYTES = 16 * 1024;
/** Values that were kept and counted lately, of all tenants. */
const MOST_REMEMBERED = 10_000;

/** Where a value belongs: on the receipt, or in the archive, under this reference. */
export type Placed = { readonly inline: true } | { readonly reference: string; readonly bytes: Uint8Array };

/** Where a value belongs of which `most` bytes may stand on a receipt. */
export function placed(value: unknown, most = INLINE_BYTES): Placed {
  if (value === undefined) return { inline: true };
  const text = JSON.stringify(value);
  if (text.length <= most && Buffer.byteLength(text) <= most) return { inline: true };
  const bytes = Buffer.from(text);
  return { reference: referenceOf(bytes), bytes };
}

/** Where the payload of a task belongs: what people decide on has to fit their screen and the receipt. */
export function placedFor({ oversight }: Pick<TaskSpec, 'oversight'>, payload: unknown): Placed {
  return placed(payload, oversight === undefined ? INLINE_BYTES : GATED_INLINE_BYTES);
}

/** What the archive calls these bytes: see `BlobArchive`. */
export function referenceOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export class Payloads {
  /** By `tenant reference`: what was counted. A retry puts what is there already, and takes no more room. */
  private readonly counted = new Recent<string, true>(MOST_REMEMBERED);

  constructor(
    private readonly blobs: BlobArchive,
    private readonly tenants: Pick<TenantBook, 'stored' | 'takes' | 'givesBack'>,
  ) {}

  /**
   * Has a large value of the stream's tenant kept in the archive, or answers why it may not be. It counts from then on,
   * whatever the command is answered that brings it: nothing is ever taken out again.
   */
  async keep(
    context: Pick<CommandContext, 'action' | 'principal'>,
    stream: string,
    value: Placed,
  ): Promise<Rejection | undefined> {
    if ('inline' in value) return undefined;
    const { reference, bytes } = value;
    const { tenant } = parseStream(stream);
    const name = `${tenant} ${reference}`;
    // Reads what the tenant has stored, so that there is something to compare with.
    const isLimited = (await this.tenants.stored(tenant)) !== undefined;
    const isNew = isLimited && this.counted.get(name) === undefined;
    const full = isNew ? this.tenants.takes(context, { stream, bytes: bytes.length, isNew }) : undefined;
    if (full !== undefined) return full;
    try {
      await this.blobs.put(tenant, bytes);
    } catch (error) {
      if (isNew) this.tenants.givesBack(stream, bytes.length);
      throw error;
    }
    if (isNew) this.counted.set(name, true);
    return undefined;
  }
}
