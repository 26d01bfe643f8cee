/**
 * What a data folder answers without a host; what was archived is read through. Functions throw `AlteredReceipt` where
 * a file of the archive is not as it was.
 */
import { Archive } from '../adapters/embedded/archive';
import type { DatabaseSync } from '../adapters/embedded/sqlite';
import { CAUSAL_CATEGORIES, type CausalChain, causalTree, MAX_CHAIN } from '../domain/audit/causality';
import { type Commit, unseal } from '../domain/kernel/commit';
import { type Decider, type Event, upcast } from '../domain/kernel/decider';
import { commitRef, parseCommitRef, streamName } from '../domain/kernel/ids';

/** A log that is open; one of an export has no folder, nor an archive. */
interface LogInFile {
  readonly database: DatabaseSync;
  readonly folder?: string;
}

interface Row {
  readonly hash: string;
  readonly body: string;
}

/** The receipts of one stream. */
export function streamIn({ database, folder = '' }: LogInFile, stream: string): Commit[] {
  const archive = Archive.of(folder, database);
  const archived = archive.pieces(stream, stream).flatMap((piece) => archive.lines(piece));
  const kept = unsealed(database.prepare('SELECT hash, body FROM commits WHERE stream = ?').all(stream));
  return [...unsealed(archived), ...kept].sort((a, b) => a.index - b.index);
}

/** The state that a stream's receipts give. */
export function stateOf<S, E extends Event>(decider: Decider<S, E>, commits: readonly Commit[]): S {
  let state = decider.initial;
  for (const { stream, index, at, meta, events } of commits) {
    for (const event of events)
      state = decider.evolve(state, upcast(decider, event), { stream, index, at, correlationId: meta.correlationId });
  }
  return state;
}

/**
 * What led to a task, a receipt (`stream@index`) or a correlation id, and what followed; undefined when nothing is
 * known of it. There is no index of correlations without a host's views: this reads the whole log, and the tenant's
 * archive.
 */
export function chainIn({ database, folder = '' }: LogInFile, tenant: string, id: string): CausalChain | undefined {
  const archive = Archive.of(folder, database);
  const receipt = (ref: string): Commit | undefined => {
    const place = parseCommitRef(ref);
    if (place === undefined || !place.stream.startsWith(`${tenant}/`)) return undefined;
    const [found] = unsealed(
      database.prepare('SELECT hash, body FROM commits WHERE stream = ? AND idx = ?').all(place.stream, place.index),
    );
    return found ?? archive.commits(place.stream, place.index, 1)[0];
  };
  const streams = id.startsWith(`${tenant}/`)
    ? [id]
    : CAUSAL_CATEGORIES.map((category) => streamName(tenant, category, id));
  const named = [id, ...streams.map((stream) => commitRef(stream, 0))]
    .map(receipt)
    .find((commit) => commit !== undefined);
  const correlation = named?.meta.correlationId ?? id;

  const commits = new Map<string, Commit>();
  const members = database.prepare(
    'SELECT hash, body FROM commits WHERE stream >= ? AND stream < ? AND instr(body, ?) > 0 ORDER BY position',
  );
  const member = `"correlationId":${JSON.stringify(correlation)}`;
  function* archived(): Generator<Row> {
    for (const piece of archive.pieces(`${tenant}/`, `${tenant}0`))
      yield* archive.lines(piece).filter(({ body }) => body.includes(member));
  }
  for (const commit of unsealed(concat(members.iterate(`${tenant}/`, `${tenant}0`, member), archived()))) {
    if (commit.meta.correlationId === correlation) commits.set(commitRef(commit.stream, commit.index), commit);
    if (commits.size > MAX_CHAIN) break;
  }
  if (commits.size === 0) return undefined;
  const complete = commits.size <= MAX_CHAIN;
  // What led here may belong to another correlation.
  for (const commit of [...commits.values()]) {
    for (let cause = commit.meta.causationId; cause !== undefined && !commits.has(cause);) {
      const found = receipt(cause);
      if (found === undefined) break;
      commits.set(cause, found);
      cause = found.meta.causationId;
    }
  }
  return { id, correlations: [correlation], commits: commits.size, complete, roots: causalTree(commits.values()) };
}

function* concat(...all: Iterable<unknown>[]): Generator<unknown> {
  for (const each of all) yield* each;
}

function* unsealed(rows: Iterable<unknown>): Generator<Commit> {
  for (const row of rows) {
    const { hash, body } = row as Row;
    yield unseal(body, hash);
  }
}
