/**
 * Checkpoints in a container of Blob Storage, which is to be immutable: then nobody, not even the owner of the account,
 * can change or delete one before its time. A blob each, of the name that a file has in a folder, so that a copy of the
 * container is such a folder.
 */
import { text } from 'node:stream/consumers';
import { type BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import { type Anchor, OtherCheckpoint } from '../../app/engine/ports';
import { checkpointName } from '../../domain/audit/log';
import { BLOB_RETRIES, credentialOf } from './identity';
import { answeredWithin, PATIENCE_MS } from './patience';

export class BlobAnchor implements Anchor {
  readonly name = 'blobs';

  /** @param patienceMs milliseconds for all that one checkpoint asks of the container */
  constructor(
    private readonly container: ContainerClient,
    private readonly patienceMs = PATIENCE_MS,
  ) {}

  async keep(tenant: string, size: number, note: string): Promise<void> {
    await answeredWithin(this.patienceMs, (abortSignal) => this.create(tenant, size, note, abortSignal));
  }

  private async create(tenant: string, size: number, note: string, abortSignal: AbortSignal): Promise<void> {
    const name = checkpointName(tenant, size);
    const blob = this.container.getBlockBlobClient(name);
    try {
      await blob.upload(note, Buffer.byteLength(note), {
        abortSignal,
        conditions: { ifNoneMatch: '*' },
        blobHTTPHeaders: { blobContentType: 'text/plain; charset=utf-8' },
      });
    } catch (error) {
      // That it is there already may be said in several ways: who may only create is told that they may not write.
      const kept = await textOf(blob, abortSignal).catch(() => undefined);
      if (kept === undefined) throw error;
      if (kept !== note) throw new OtherCheckpoint(name, size, { cause: error });
    }
  }
}

async function textOf(blob: BlockBlobClient, abortSignal: AbortSignal): Promise<string> {
  const { readableStreamBody } = await blob.download(undefined, undefined, { abortSignal });
  return await text(readableStreamBody as NodeJS.ReadableStream);
}

/**
 * @param url of a container. With a signature in it (SAS) that opens it; without, the managed identity with this client
 *   id does, or who is logged in
 */
export function openBlobAnchor(url: string, clientId: string | undefined): BlobAnchor {
  const isSigned = new URL(url).searchParams.has('sig');
  const options = { retryOptions: BLOB_RETRIES };
  return new BlobAnchor(new ContainerClient(url, isSigned ? undefined : credentialOf(clientId), options));
}
