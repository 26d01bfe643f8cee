/** Names of bundles: 64 hexadecimal digits, of which people type the first ones. */
import type { Formicary } from '../../client/client';
import { BUNDLE_PATTERN } from '../../domain/policy/rollout';
import { call, UsageError } from '../terminal';

export function short(bundle: string): string {
  return bundle.slice(0, 12);
}

/** The name that begins with what was typed, of the bundles in the roll-out. Throws `UsageError` unless it is one. */
export async function nameOf(client: Formicary, typed: string): Promise<string> {
  if (BUNDLE_PATTERN.test(typed)) return typed;
  const { value } = await client.policy.list();
  return oneOf(
    typed,
    value.map(({ bundle }) => bundle),
  );
}

function oneOf(typed: string, names: readonly string[]): string {
  const found = [...new Set(names)].filter((name) => name.startsWith(typed.toLowerCase()));
  if (found.length === 1) return found[0] as string;
  throw new UsageError(
    found.length === 0 ? `no bundle of the roll-out is called ${typed}` : `${found.length} bundles begin with ${typed}`,
    `\`${call()} policy list\` shows them; one that is not among them needs its whole name.`,
  );
}
