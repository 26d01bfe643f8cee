/**
 * Where the files of a bundle are kept: in the archive of payloads, of the tenant `platform`, for ever, since old
 * decisions are made again with them. A bundle is called by the SHA-256 of its manifest's canonical form, which is what
 * the archive calls those bytes; the manifest names the other files the same way. So the name alone leads to all of it.
 */
import { AlteredPayload } from '../kernel/commit';
import { JsonError, readJson } from '../kernel/json';
import type { Manifest } from './asking';

/** The files of a bundle, by their names. */
export interface KeptFiles {
  readonly 'policy.wasm': Uint8Array;
  readonly 'data.json': Uint8Array;
  readonly 'manifest.json': Uint8Array;
}

/** What the archive calls the bytes of this SHA-256. */
export function payloadNamed(hash: string): string {
  return `sha256:${hash}`;
}

/**
 * The files of the bundle of this name; undefined when it was never kept. Whoever loads them checks their hashes.
 * Throws `AlteredPayload` when the manifest is none, or a file that it names is missing.
 * @param get reads a payload of the tenant `platform`
 */
export async function keptFiles(
  get: (reference: string) => Promise<Uint8Array | undefined>,
  hash: string,
): Promise<KeptFiles | undefined> {
  const manifest = await get(payloadNamed(hash));
  if (manifest === undefined) return undefined;
  const { files } = manifestIn(manifest, hash);
  const file = async (name: 'policy.wasm' | 'data.json') => {
    const bytes = await get(payloadNamed(files[name]));
    if (bytes === undefined)
      throw new AlteredPayload(payloadNamed(files[name]), `is missing: ${name} of a policy bundle`);
    return bytes;
  };
  return { 'policy.wasm': await file('policy.wasm'), 'data.json': await file('data.json'), 'manifest.json': manifest };
}

function manifestIn(bytes: Uint8Array, hash: string): Manifest {
  try {
    return readJson(bytes) as Manifest;
  } catch (error) {
    if (error instanceof JsonError) throw new AlteredPayload(payloadNamed(hash), 'is not the manifest that was kept');
    throw error;
  }
}
