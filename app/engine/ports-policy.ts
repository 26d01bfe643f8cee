/** Ports: policy. A bundle of rules answers each command; nothing is done that it does not allow. */
import type { PolicyAnswer, PolicyBundle, PolicyRequest } from '../../domain/policy/asking';

/** Asked before every command. */
export interface Policy {
  evaluate(request: PolicyRequest): PolicyAnswer | Promise<PolicyAnswer>;
}

/** The files of a bundle: the rules as WebAssembly, their data, and what says that they belong together. */
export const BUNDLE_FILES = ['policy.wasm', 'data.json', 'manifest.json'] as const;
export type BundleFile = (typeof BUNDLE_FILES)[number];
export type BundleFiles = Readonly<Record<BundleFile, Uint8Array>>;

/** Largest files of a bundle, in bytes. */
export const MAX_BUNDLE_BYTES: Readonly<Record<BundleFile, number>> = {
  'policy.wasm': 8 * 1024 * 1024,
  'data.json': 1024 * 1024,
  'manifest.json': 256 * 1024,
};

/** The files are no bundle that could answer; the message says why. */
export class InvalidBundle extends Error {}

export interface BundleLoader {
  /**
   * Checks sizes and hashes, makes an instance of its own with a bounded memory, and asks every entrypoint once.
   * Rejects with `InvalidBundle`.
   */
  load(files: BundleFiles): Promise<PolicyBundle>;
}

/** Policy that is rolled out: what loads bundles, and the one that is in force until somebody activates another. */
export interface Bundles {
  readonly loader: BundleLoader;
  readonly shipped: BundleFiles;
}
