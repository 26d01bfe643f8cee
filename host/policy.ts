/** The policy that comes with the product: `policies/bundle`, beside the code. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OpaLoader } from '../adapters/opa/loader';
import { BUNDLE_FILES, type BundleFiles, type Bundles } from '../app/engine/ports-policy';

/** Compiled code lies one folder deeper. */
const PLACES = ['..', join('..', '..')].map((up) => join(__dirname, up, 'policies', 'bundle'));

/** Throws when the bundle is not there: without rules nothing is allowed, so nothing could start. */
export async function shippedBundle(): Promise<BundleFiles> {
  const folder = PLACES.find((place) => existsSync(place));
  if (folder === undefined) throw new Error(`the policy is missing: there is no ${PLACES[0]}`);
  const read = async (name: string) => [name, await readFile(join(folder, name))] as const;
  return Object.fromEntries(await Promise.all(BUNDLE_FILES.map(read))) as unknown as BundleFiles;
}

/** What rolls out, beginning with what ships. */
export async function shippedBundles(): Promise<Bundles> {
  return { loader: new OpaLoader(), shipped: await shippedBundle() };
}
