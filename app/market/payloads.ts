/**
 * What is too large for a receipt: kept in the archive by its hash, and counted for a tenant that is limited in what it
 * stores.
 */
import { Rejection } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import type { CommandContext, RequestContext } from '../engine/command';
import type { BlobArchive } from '../engine/ports';
import type { TenantBook } from '../tenants/module';

/** Payloads and results up to this many bytes of JSON stand in the receipt; larger ones go to the blob archive. */
export const INLINE_BYTES = 32 * 1024;

/** Where a value is kept: on the receipt, or in the archive. */
export type Stored = { readonly inline: true } | { readonly reference: string; readonly bytes: number };

export class Payloads {
  constructor(
    private readonly blobs: BlobArchive,
    private readonly tenants: Pick<TenantBook, 'takes' | 'givesBack'>,
  ) {}

  /** Has a large value of the stream's tenant kept in the archive, or answers why it may not be. */
  async outsource(
    context: Pick<CommandContext, 'action' | 'principal'>,
    stream: string,
    value: unknown,
    most = INLINE_BYTES,
  ): Promise<Stored | Rejection> {
    if (value === undefined) return { inline: true };
    const text = JSON.stringify(value);
    if (text.length <= most && Buffer.byteLength(text) <= most) return { inline: true };
    const bytes = Buffer.from(text);
    const full = this.tenants.takes(context, { stream, bytes: bytes.length, isNew: true });
    if (full !== undefined) return full;
    return { reference: await this.blobs.put(parseStream(stream).tenant, bytes), bytes: bytes.length };
  }

  /** The same of a result, which is refused to nobody, and how a task names it. */
  async ofResult(context: RequestContext, stream: string, result: unknown) {
    const stored = await this.outsource({ ...context, action: 'task.complete' }, stream, result);
    if (stored instanceof Rejection) throw new Error(stored.message);
    return { ...stored, named: 'inline' in stored ? { result } : { result_ref: stored.reference } };
  }

  /** What was counted for a value that no receipt names after all counts no more. */
  async counted<O extends { readonly ok: true; readonly repeated: boolean } | { readonly ok: false }>(
    stream: string,
    stored: Stored,
    command: Promise<O>,
  ): Promise<O> {
    const outcome = await command;
    if ('bytes' in stored && (!outcome.ok || outcome.repeated)) this.tenants.givesBack(stream, stored.bytes);
    return outcome;
  }
}
