/** Exports of a host's log, what somebody makes of them, and what the verifier finds. */
import { type EntriesLine, type LogLine, ReadOnlyLog } from '../adapters/embedded/read-only-log';
import { audit } from '../adapters/embedded/verification';
import type { Ed25519LogSigner } from '../adapters/receipts/signer';
import { Formicary } from '../client/client';
import type { LogEvent } from '../domain/audit/log';
import { commitEntry, headsEntry, headsHash, parseEntry, type StreamHead } from '../domain/audit/log-entries';
import { canonicalize, seal, type UnsealedCommit } from '../domain/kernel/commit';
import { GrowingTree, leafHash } from '../domain/kernel/merkle';
import { checkpointText, noteOf, type VerifierKeys } from '../domain/kernel/note';
import { ALPHA, type World } from './world';

export interface Export {
  readonly log: string;
  readonly entries: readonly string[];
  readonly receipts: readonly LogLine[];
}

/** Everything of a tenant, as `formicary export` takes it from a host. */
export async function all(world: World, tenant: string): Promise<Export> {
  const client = new Formicary({
    url: world.host.url,
    credentials: { token: world.tokenOf(tenant === ALPHA ? 'crm' : 'spy') },
  });
  const [entries, receipts]: [string[], LogLine[]] = [[], []];
  let log = '';
  try {
    for await (const page of client.checkpoints.entries()) {
      log = page.log;
      entries.push(...page.entries);
    }
    for await (const { hash, ...unsealed } of client.receipts.all({ limit: 500 }))
      receipts.push({ stream: unsealed.stream, index: unsealed.index, hash, body: canonicalize(unsealed) });
  } finally {
    client.close();
  }
  return { log, entries, receipts };
}

/** What the verifier finds with the key that was pinned. */
export async function found(
  keys: VerifierKeys,
  { log, entries, receipts }: Export,
  kept: readonly string[] = [],
): Promise<string> {
  const lines: (EntriesLine | LogLine)[] = [{ log, first: 0, entries }, ...receipts];
  async function* given() {
    yield* lines;
  }
  const read = await ReadOnlyLog.load(given());
  try {
    await read.takeEntries();
    const { named } = audit(read, undefined, undefined, { keys, kept: kept.map((note) => ({ from: 'kept', note })) });
    const kinds = [...new Set(named.map(({ kind }) => kind))].sort();
    return kinds.length === 0 ? 'nothing was found' : `found: ${kinds.join(', ')}`;
  } finally {
    read.close();
  }
}

/** Changes receipts of a stream, and seals them and all after them anew. */
export function rewritten(
  exported: Export,
  stream: string,
  change: (commit: UnsealedCommit) => UnsealedCommit,
): Export {
  let previousHash: string | null = null;
  const receipts = exported.receipts.map((line) => {
    if (line.stream !== stream) return line;
    const { commit, body } = seal({ ...change(JSON.parse(line.body) as UnsealedCommit), previousHash });
    previousHash = commit.hash;
    return { stream, index: commit.index, hash: commit.hash, body };
  });
  return { ...exported, receipts };
}
export const without = (exported: Export, drop: (line: LogLine) => boolean): Export => ({
  ...exported,
  receipts: exported.receipts.filter((line) => !drop(line)),
});
export const changedLine = (exported: Export, stream: string, change: (line: LogLine) => LogLine): Export => ({
  ...exported,
  receipts: exported.receipts.map((line) => (line.stream === stream && line.index === 0 ? change(line) : line)),
});
export const checkpointsOf = ({ log }: Export) => `${log.split('/').at(-1)}/log/checkpoints`;
export const noted = (exported: Export, change: (note: string) => string): Export =>
  rewritten(exported, checkpointsOf(exported), (commit) => ({
    ...commit,
    events: (commit.events as LogEvent[]).map((event) => ({
      ...event,
      data: { ...event.data, note: change(event.data.note) },
    })),
  }));

/**
 * The log of another past, as whoever holds the store and the key as well can make it: of the receipts as they are now,
 * with leaves and signatures that fit.
 */
export function signedAnew({ log, entries, receipts }: Export, signer: Ed25519LogSigner): Export {
  const checkpoints = checkpointsOf({ log, entries, receipts });
  const lines = new Map(receipts.map((line) => [`${line.stream}@${line.index}`, line]));
  const heads = new Map<string, StreamHead>();
  const tree = new GrowingTree();
  const leaves: string[] = [];
  const grow = (leaf: string) => {
    leaves.push(leaf);
    tree.push(leafHash(leaf));
  };
  let made = 0;
  let previousHash: string | null = null;
  for (const entry of entries) {
    const read = parseEntry(entry);
    if (read?.kind === 'commit') {
      const { stream, index } = read;
      const { hash } = lines.get(`${stream}@${index}`) as LogLine;
      heads.set(stream, { stream, index, hash });
      grow(commitEntry({ stream, index, hash }));
      continue;
    }
    grow(headsEntry(heads.size, headsHash([...heads.values()])));
    const text = checkpointText({ origin: log, size: tree.size, root: tree.root });
    const note = noteOf(text, signer.sign(log, text));
    const place = `${checkpoints}@${made}`;
    const signing = JSON.parse((lines.get(place) as LogLine).body) as UnsealedCommit;
    const events = (signing.events as LogEvent[]).map((event) => ({ ...event, data: { ...event.data, note } }));
    const { commit, body } = seal({ ...signing, events, previousHash });
    lines.set(place, { stream: checkpoints, index: made, hash: commit.hash, body });
    previousHash = commit.hash;
    made += 1;
  }
  return { log, entries: leaves, receipts: [...lines.values()] };
}
