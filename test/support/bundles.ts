/** Bundles like the one that comes with the product, with other data: for that nobody needs the compiler. */
import { createHash } from 'node:crypto';
import type { BundleFiles } from '../../app/engine/ports-policy';
import { shippedBundle } from '../../host/policy';

/** @param changes replaces what stands in `data.config` under these names */
export async function bundleWith(changes: Readonly<Record<string, unknown>>): Promise<BundleFiles> {
  const shipped = await shippedBundle();
  const { config } = JSON.parse(Buffer.from(shipped['data.json']).toString('utf8')) as { readonly config: object };
  const data = Buffer.from(JSON.stringify({ config: { ...config, ...changes } }));
  const manifest = JSON.parse(Buffer.from(shipped['manifest.json']).toString('utf8')) as {
    readonly files: Record<string, string>;
  };
  manifest.files['data.json'] = createHash('sha256').update(data).digest('hex');
  return { ...shipped, 'data.json': data, 'manifest.json': Buffer.from(JSON.stringify(manifest)) };
}
