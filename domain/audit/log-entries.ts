/**
 * What stands in the log of a tenant. An entry is a line of text:
 *
 * - `commit default/task/42@3 <hash>`: a receipt is in the log, with this hash;
 * - `heads 17 <hash>`: so many streams there are, and this is the hash over the last receipt of each.
 *
 * Every checkpoint ends with one `heads`. Between two of them the commits stand in order of `keyOf` their stream, and
 * of their index.
 */
import { sha256 } from '../kernel/commit';
import { type CommitPlace, commitRef, parseCommitRef } from '../kernel/ids';

/** The end of a stream. */
export interface StreamHead extends CommitPlace {
  readonly hash: string;
}

export type LogEntry =
  | ({ readonly kind: 'commit' } & StreamHead)
  | { readonly kind: 'heads'; readonly count: number; readonly hash: string };

export function commitEntry({ stream, index, hash }: StreamHead): string {
  return `commit ${commitRef(stream, index)} ${hash}`;
}

export function headsEntry(count: number, hash: string): string {
  return `heads ${count} ${hash}`;
}

/** Reads an entry; undefined when it is none. */
export function parseEntry(text: string): LogEntry | undefined {
  const [, kind, about = '', hash = ''] = /^(commit|heads) (\S+) ([0-9a-f]{64})$/.exec(text) ?? [];
  if (kind === 'heads') return /^\d{1,15}$/.test(about) ? { kind, count: Number(about), hash } : undefined;
  const place = kind === 'commit' ? parseCommitRef(about) : undefined;
  return place === undefined ? undefined : { kind: 'commit', ...place, hash };
}

/** Where a stream stands among others: its name's SHA-256, so that any number of them spreads evenly. */
export function keyOf(stream: string): string {
  return sha256(stream);
}

// ---------------------------------------------------------------------------------------------------------- heads

/** So many heads stand in one page; where there are more, they are divided by the next digit of their key. */
export const HEADS_PAGE = 1_024;

/** A page of heads, in order of their streams: a line each. */
export function headsPage(heads: readonly StreamHead[]): string {
  return heads
    .toSorted((a, b) => (a.stream < b.stream ? -1 : 1))
    .map(({ stream, index, hash }) => `${commitRef(stream, index)} ${hash}\n`)
    .join('');
}

/** A page of pages: for each hexadecimal digit under which there are heads, a line with the hash of their page. */
export function headsNode(hashes: ReadonlyMap<string, string>): string {
  return [...hashes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([digit, hash]) => `${digit} ${hash}\n`)
    .join('');
}

/** The hash over the heads of all streams: that of their page, or of the page of their pages. */
export function headsHash(heads: readonly StreamHead[], depth = 0): string {
  if (heads.length <= HEADS_PAGE) return sha256(headsPage(heads));
  const groups = Map.groupBy(heads, ({ stream }) => keyOf(stream)[depth] as string);
  return sha256(headsNode(new Map([...groups].map(([digit, group]) => [digit, headsHash(group, depth + 1)] as const))));
}

/** Reads a page of heads, or of pages. Throws on what is neither: that is a defect, or damage. */
export function parseHeadsPage(
  text: string,
): { readonly heads: ReadonlyMap<string, StreamHead> } | { readonly pages: ReadonlyMap<string, string> } {
  const lines = text.split('\n').slice(0, -1);
  if (lines.length > 0 && lines.every((line) => /^[0-9a-f] [0-9a-f]{64}$/.test(line)))
    return { pages: new Map(lines.map((line) => [line.slice(0, 1), line.slice(2)] as const)) };
  return {
    heads: new Map(
      lines.map((line) => {
        const place = parseCommitRef(line.slice(0, -65));
        if (place === undefined) throw new Error(`not a page of heads: ${line.slice(0, 100)}`);
        return [place.stream, { ...place, hash: line.slice(-64) }] as const;
      }),
    ),
  };
}
