/**
 * Verifies receipts in the browser, without the host: each hash is computed again by WebCrypto over the RFC 8785 form
 * of the receipt without it, and each receipt has to name the one before it.
 */
import type { Commit } from './live';

export interface Fault {
  readonly index: number;
  readonly kind: 'altered' | 'out-of-order' | 'not-linked';
}

/** What is wrong with receipts of one stream, from its first one on; empty when the chain holds. */
export async function faultsIn(commits: readonly Commit[], before: Commit | undefined): Promise<Fault[]> {
  const hashes = await Promise.all(commits.map(hashOf));
  return commits.flatMap((commit, i): Fault[] => {
    const previous = commits[i - 1] ?? before;
    const { index, hash, previousHash } = commit;
    const faults: Fault[] = [];
    if (hashes[i] !== hash) faults.push({ index, kind: 'altered' });
    if (index !== (previous === undefined ? 0 : previous.index + 1)) faults.push({ index, kind: 'out-of-order' });
    else if (previousHash !== (previous?.hash ?? null)) faults.push({ index, kind: 'not-linked' });
    return faults;
  });
}

/** SHA-256 in lower-case hexadecimal. */
async function hashOf({ hash: _, ...rest }: Commit): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(canonical(rest)));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** RFC 8785: ECMAScript writes strings and numbers as it demands; properties stand in order of UTF-16 code units. */
function canonical(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}
