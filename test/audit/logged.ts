/** Logs that are signed, in memory, and exports of them that a test may tamper with. */
import type { EntriesLine, LogLine } from '../../adapters/embedded/read-only-log';
import { Ed25519LogSigner } from '../../adapters/receipts/signer';
import type { Colony } from '../../app/colony';
import {
  canonicalize,
  type Commit,
  MAX_COMMITS_PER_APPEND,
  seal,
  type SealedCommit,
  type UnsealedCommit,
} from '../../domain/kernel/commit';
import { chain } from '../support/commits';
import { Stage, type StageOptions, TENANT } from '../support/stage';

export const SIGNER = new Ed25519LogSigner(Buffer.alloc(32, 7).toString('base64'));
export const ORIGIN = `localhost/log/${TENANT}`;
export const [VKEY] = SIGNER.verifierKeys(ORIGIN) as [string];
export const CHECKPOINTS = `${TENANT}/log/checkpoints`;

/** A stage with one process that signs. */
export async function signing(options: StageOptions = {}): Promise<Stage> {
  const stage = new Stage({ logSigner: SIGNER, ...options });
  await stage.start();
  return stage;
}

/** Writes so many commits to a stream of its own kind. */
export async function write(
  stage: Stage,
  stream: string,
  count: number,
  previous?: Commit,
  data?: (index: number) => unknown,
): Promise<Commit> {
  const commits = chain(stream, count, previous, data);
  await append(stage, stream, commits);
  return (commits.at(-1) as SealedCommit).commit;
}

export async function append(stage: Stage, stream: string, commits: readonly SealedCommit[]): Promise<void> {
  for (let at = 0; at < commits.length; at += MAX_COMMITS_PER_APPEND) {
    const some = commits.slice(at, at + MAX_COMMITS_PER_APPEND);
    const expected = (some[0] as SealedCommit).commit.index - 1;
    await stage.colony.ports.store.append({ stream, expected, commits: some });
  }
}

/** Everything that stands in a tenant's log. */
export async function entriesOf(colony: Colony, tenant = TENANT): Promise<string[]> {
  const entries: string[] = [];
  for (let from: number | undefined = 0; from !== undefined;) {
    const page = await colony.checkpoints.entries(tenant, from);
    entries.push(...(page?.entries ?? []));
    from = page?.next;
  }
  return entries;
}

/** An export, taken apart. */
export interface Export {
  log: string;
  entries: string[];
  receipts: LogLine[];
}

export async function exportOf(stage: Stage): Promise<Export> {
  const receipts = stage.log().map(({ hash, ...commit }) => ({
    ...{ stream: commit.stream, index: commit.index, hash },
    body: canonicalize(commit),
  }));
  return { log: ORIGIN, entries: await entriesOf(stage.colony), receipts };
}

const PAGE = 4;

export function linesOf({ log, entries, receipts }: Export): (EntriesLine | LogLine)[] {
  const pages = entries
    .map((_, first) => ({ log, first, entries: entries.slice(first, first + PAGE) }))
    .filter(({ first }) => first % PAGE === 0);
  return [...pages, ...receipts];
}

export function receiptAt({ receipts }: Export, stream: string, index: number): LogLine {
  const found = receipts.find((line) => line.stream === stream && line.index === index);
  if (found === undefined) throw new Error(`there is no ${stream}@${index}`);
  return found;
}

/**
 * Changes receipts of a stream and seals them, and all after them, anew: as somebody does who holds the store, and none
 * of the keys.
 */
export function rewrite(exported: Export, stream: string, change: (commit: UnsealedCommit) => UnsealedCommit): void {
  let previousHash: string | null = null;
  exported.receipts = exported.receipts.map((line) => {
    if (line.stream !== stream) return line;
    const { commit, body } = seal({ ...change(JSON.parse(line.body) as UnsealedCommit), previousHash });
    previousHash = commit.hash;
    return { stream, index: commit.index, hash: commit.hash, body };
  });
}
