/**
 * Ports: policy. A bundle of rules answers each command; nothing is done that it does not allow. An answer depends on
 * the bundle and on what is asked alone: the time, and every fact that a rule looks at, are part of the question, so
 * that an old decision can be made again from its receipt.
 */
import type { PolicyReceipt } from '../../domain/kernel/commit';
import type { Principal } from '../../domain/kernel/principal';

// ---------------------------------------------------------------------------------------------------------- asking

export interface PolicyRequest {
  readonly principal: Principal;
  /** For example `task.award`. */
  readonly action: string;
  /** The stream that would be written. */
  readonly resource: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** What the rules may look at besides: small values that the use case knows, never a payload. */
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/**
 * A condition under which an action is allowed. What can't be met where the action is done is a refusal: no condition
 * is passed over.
 */
export type Obligation =
  /** A refusal leaves a receipt as well. */
  | { readonly must: 'audit' }
  /** The fields are stored encrypted. */
  | { readonly must: 'encrypt'; readonly fields: readonly string[] }
  /** The fields are left out of what is stored and shown. */
  | { readonly must: 'redact'; readonly fields: readonly string[] }
  /** The attribute is a number, and at most this. */
  | { readonly must: 'limit'; readonly attribute: string; readonly most: number };

export const OBLIGATIONS = ['audit', 'encrypt', 'redact', 'limit'] as const satisfies readonly Obligation['must'][];

export interface PolicyAnswer extends Omit<PolicyReceipt, 'facts'> {
  /** Why, in words for whoever asked; of an answer that allows, there may be none. */
  readonly reasons: readonly string[];
  /** Under which conditions it is allowed; left out: under none. */
  readonly obligations?: readonly Obligation[];
}

/** Asked before every command. */
export interface Policy {
  evaluate(request: PolicyRequest): PolicyAnswer | Promise<PolicyAnswer>;
}

// --------------------------------------------------------------------------------------------------------- bundles

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

export interface Manifest {
  readonly name: string;
  readonly revision: string;
  /**
   * Which rule answers which actions, for example `formicary/assignment/decision`: `task.accept`, `task.award` … Each
   * action has exactly one; an action that has none is denied.
   */
  readonly entrypoints: Readonly<Record<string, readonly string[]>>;
  /** SHA-256 of the other files of the bundle. */
  readonly files: Readonly<Record<Exclude<BundleFile, 'manifest.json'>, string>>;
  /** SHA-256 of each file that it was made from, by its path in `policies/`. */
  readonly sources: Readonly<Record<string, string>>;
}

/** Rules that are ready to answer. */
export interface PolicyBundle {
  /** SHA-256 over the RFC 8785 form of the manifest, and so of everything that the bundle is. */
  readonly hash: string;
  readonly manifest: Manifest;
  /**
   * Never throws, and takes microseconds: what the rules can't answer, or answer in another form than the known one,
   * is a denial with a reason of its own. The obligations are as the rules say them: `decide` (policy.ts) weighs them.
   */
  evaluate(request: PolicyRequest): PolicyAnswer;
}

/** The files are no bundle that could answer; the message says why. */
export class InvalidBundle extends Error {}

export interface BundleLoader {
  /**
   * Checks sizes and hashes, makes an instance of its own with a bounded memory, and asks every entrypoint once.
   * Rejects with `InvalidBundle`.
   */
  load(files: BundleFiles): Promise<PolicyBundle>;
}
