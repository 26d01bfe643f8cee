/** The policy that comes with the product, for tests; and one that asks nothing, where a test decides by itself. */
import { OpaLoader } from '../../adapters/opa/loader';
import type { Policy } from '../../app/engine/ports-policy';
import { decide, type PolicyBundle } from '../../domain/policy/asking';
import { shippedBundle } from '../../host/policy';
import { ALLOW } from './transacting';

let loading: Promise<PolicyBundle> | undefined;

/** Loaded once for a test file. */
export async function shipped(): Promise<PolicyBundle> {
  return await (loading ??= shippedBundle().then((files) => new OpaLoader().load(files)));
}

export async function shippedPolicy(): Promise<Policy> {
  const bundle = await shipped();
  return { evaluate: (request) => decide(bundle, request) };
}

/** Allows everything without looking at anything. */
export const ALLOWING: Policy = { evaluate: () => ALLOW };
