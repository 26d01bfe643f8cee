/** Bundles that differ from the one that ships in their data alone: what an action needs. */
import { createHash } from 'node:crypto';
import type { BundleFiles } from '../../app/engine/ports-policy';
import { canonicalize, sha256 } from '../../domain/kernel/commit';
import type { Level } from '../../domain/kernel/principal';
import type { Manifest } from '../../domain/policy/asking';
import { shippedBundle } from '../../host/policy';

interface Data {
  readonly config: { readonly actions: Readonly<Record<string, { readonly level: Level }>> };
}

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** What ships, with other levels for some actions. */
export async function bundleWith(levels: Readonly<Record<string, Level>>, revision = 'other'): Promise<BundleFiles> {
  const files = await shippedBundle();
  const data = JSON.parse(textOf(files['data.json'])) as Data;
  const actions = Object.fromEntries(
    Object.entries(data.config.actions).map(([action, rule]) => [
      action,
      { ...rule, level: levels[action] ?? rule.level },
    ]),
  );
  return withFile(files, Buffer.from(JSON.stringify({ ...data, config: { ...data.config, actions } })), revision);
}

/** The bundle with other data, and a manifest that says so. */
export function withFile(files: BundleFiles, data: Uint8Array, revision: string): BundleFiles {
  const manifest = JSON.parse(textOf(files['manifest.json'])) as Manifest;
  const changed = { ...manifest, revision, files: { ...manifest.files, 'data.json': hashOf(data) } };
  return { ...files, 'data.json': data, 'manifest.json': Buffer.from(JSON.stringify(changed)) };
}

/** What a bundle is called. */
export function nameOf(files: BundleFiles): string {
  return sha256(canonicalize(JSON.parse(textOf(files['manifest.json']))));
}
