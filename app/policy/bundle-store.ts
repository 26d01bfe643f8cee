/** Bundles, kept for ever: old decisions are made again with them. */
import { canonicalize, sha256 } from '../../domain/kernel/commit';
import { readJson } from '../../domain/kernel/json';
import type { PolicyBundle } from '../../domain/policy/asking';
import { keptFiles, payloadNamed } from '../../domain/policy/kept';
import { PLATFORM } from '../../domain/stops/stop';
import type { BlobArchive } from '../engine/ports';
import { type BundleFiles, type BundleLoader, InvalidBundle } from '../engine/ports-policy';

export class BundleStore {
  constructor(
    private readonly blobs: BlobArchive,
    private readonly loader: BundleLoader,
  ) {}

  /** Loads the bundle and keeps its files, the manifest last. Rejects with `InvalidBundle`, and keeps nothing then. */
  async keep(files: BundleFiles): Promise<PolicyBundle> {
    const bundle = await this.loader.load(files);
    const manifest = canonicalOf(files['manifest.json']);
    if (sha256(manifest) !== bundle.hash) throw new InvalidBundle('manifest.json says more than a manifest does');
    if ((await this.blobs.get(PLATFORM, payloadNamed(bundle.hash))) !== undefined) return bundle;
    await this.blobs.put(PLATFORM, files['policy.wasm']);
    await this.blobs.put(PLATFORM, files['data.json']);
    await this.blobs.put(PLATFORM, Buffer.from(manifest));
    return bundle;
  }

  /**
   * The bundle of this name, ready to answer; undefined when it was never kept. Rejects with `InvalidBundle` or
   * `AlteredPayload` when its files are not what they were.
   */
  async find(hash: string): Promise<PolicyBundle | undefined> {
    const files = await keptFiles((reference) => this.blobs.get(PLATFORM, reference), hash);
    if (files === undefined) return undefined;
    const bundle = await this.loader.load(files);
    if (bundle.hash !== hash) throw new InvalidBundle(`what is kept as the bundle ${hash} is another one`);
    return bundle;
  }
}

/** Strictly: a name that stands twice in it would be read in one way here and in another there. */
function canonicalOf(bytes: Uint8Array): string {
  try {
    return canonicalize(readJson(bytes));
  } catch (error) {
    throw new InvalidBundle(`manifest.json: ${(error as Error).message}`);
  }
}
