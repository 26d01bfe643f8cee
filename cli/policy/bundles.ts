/** Bundles without a host: from a folder with their files, or from where a data folder keeps them. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { blobsIn } from '../../adapters/embedded/open';
import { OpaLoader } from '../../adapters/opa/loader';
import type { PolicyBundle } from '../../domain/policy/asking';
import { type KeptFiles, keptFiles } from '../../domain/policy/kept';
import { PLATFORM } from '../../domain/stops/stop';
import { UsageError } from '../terminal';

/** The files of a bundle in a folder. */
export async function filesIn(folder: string): Promise<KeptFiles> {
  return {
    'policy.wasm': await readFile(join(folder, 'policy.wasm')),
    'data.json': await readFile(join(folder, 'data.json')),
    'manifest.json': await readFile(join(folder, 'manifest.json')),
  };
}

/** The bundle of this name that a data folder keeps; undefined when it keeps none. */
export async function keptIn(data: string, name: string): Promise<PolicyBundle | undefined> {
  const blobs = blobsIn(data);
  const files = await keptFiles((reference) => blobs.get(PLATFORM, reference), name);
  return files && (await new OpaLoader().load(files));
}

/** A folder with its files, or the whole name of one that the data folder keeps. Throws `UsageError`. */
export async function bundleIn(typed: string, data: string | undefined): Promise<PolicyBundle> {
  if (existsSync(join(typed, 'manifest.json'))) return await new OpaLoader().load(await filesIn(typed));
  const found = data === undefined ? undefined : await keptIn(data, typed);
  if (found !== undefined) return found;
  throw new UsageError(
    data === undefined ? `there is no bundle in the folder ${typed}` : `no bundle ${typed} is kept in ${data}`,
    `Give ${data === undefined ? '' : 'its whole name, or '}a folder with policy.wasm, data.json and manifest.json.`,
  );
}
