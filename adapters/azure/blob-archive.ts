/** Blobs in a container of Blob Storage, by content. */
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { BlobImmutabilityPolicy, BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import type { BlobArchive, Clock } from '../../app/engine/ports';
import { isTenant } from '../../domain/kernel/ids';
import { blobsBusy } from './busy';

const DAY_MS = 86_400_000;

/**
 * Nobody, not even the owner of the account, can change or delete a blob until this many days after it was put last.
 */
export interface Retention {
  readonly days: number;
  readonly clock: Clock;
}

/**
 * A blob is named `tenant/sha256`, and written only when there is none of that name: so a repeat, or a retry after an
 * answer that was lost, changes nothing. Under a `retention` the container needs immutability of versions, and a
 * repeat moves the end of the time, never back.
 */
export class AzureBlobArchive implements BlobArchive {
  /** @param container asked for at each call, so that its client can be made at the first one */
  constructor(
    private readonly container: () => ContainerClient,
    private readonly retention?: Retention,
  ) {}

  async put(tenant: string, bytes: Uint8Array): Promise<string> {
    const hash = createHash('sha256').update(bytes).digest('hex');
    const blob = this.blob(tenant, hash);
    const immutabilityPolicy = this.policy();
    try {
      await blob.upload(bytes, bytes.length, { conditions: { ifNoneMatch: '*' }, immutabilityPolicy });
    } catch (error) {
      if (!THERE_ALREADY.includes(codeOf(error))) throw blobsBusy(error);
      if (immutabilityPolicy !== undefined)
        await extend(blob, immutabilityPolicy).catch((refused: unknown) => {
          throw blobsBusy(refused);
        });
    }
    return `sha256:${hash}`;
  }

  async get(tenant: string, reference: string): Promise<Uint8Array | undefined> {
    const hash = /^sha256:([0-9a-f]{64})$/.exec(reference)?.[1];
    if (hash === undefined) return undefined;
    try {
      const { readableStreamBody } = await this.blob(tenant, hash).download();
      return await buffer(readableStreamBody as NodeJS.ReadableStream);
    } catch (error) {
      if (codeOf(error) === 'BlobNotFound') return undefined;
      throw blobsBusy(error);
    }
  }

  private blob(tenant: string, hash: string): BlockBlobClient {
    if (!isTenant(tenant)) throw new RangeError(`not a tenant: ${tenant}`);
    return this.container().getBlockBlobClient(`${tenant}/${hash}`);
  }

  private policy(): Required<BlobImmutabilityPolicy> | undefined {
    if (this.retention === undefined) return undefined;
    const { days, clock } = this.retention;
    return { expiriesOn: new Date(clock.now() + days * DAY_MS), policyMode: 'Locked' };
  }
}

/** A locked policy can only be made longer, and the service keeps whole seconds. */
async function extend(blob: BlockBlobClient, policy: Required<BlobImmutabilityPolicy>): Promise<void> {
  const { immutabilityPolicyExpiresOn: until } = await blob.getProperties();
  if (until === undefined || until.getTime() + 1_000 <= policy.expiriesOn.getTime())
    await blob.setImmutabilityPolicy(policy);
}

/**
 * What the service says to a second upload of a name; other refusals with the same status mean that nothing was kept.
 */
const THERE_ALREADY: readonly (string | undefined)[] = [
  'BlobAlreadyExists',
  'ConditionNotMet',
  'BlobImmutableDueToPolicy',
];

/** The service's own word: in the body, or where an answer has none, in a header. */
function codeOf(error: unknown): string | undefined {
  const { code, details } = error as { code?: string; details?: { errorCode?: string } };
  return code ?? details?.errorCode;
}
