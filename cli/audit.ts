/**
 * Walks every chain of a log without a host and names what was tampered with. It trusts the hashes alone: neither the
 * file's indexes nor what its other columns say.
 */
import type { DatabaseSync } from '../adapters/embedded/sqlite';
import { ChainVerifier } from '../domain/kernel/commit';

/** One thing that is wrong, in words that name the commit. */
export interface Fault {
  /** `stream@index`; undefined when no single commit is meant. */
  readonly commit: string | undefined;
  readonly kind: string;
  readonly message: string;
}

export interface Audit {
  readonly streams: number;
  readonly commits: number;
  readonly faults: number;
  /** The first of them. */
  readonly named: readonly Fault[];
}

/** Faults that are kept with their words; the rest is counted. */
const MOST_NAMED = 1_000;
const PROGRESS_EVERY = 2_000;
/** SQLITE_CORRUPT, SQLITE_NOTADB */
const DAMAGED = [11, 26];

/** What hashes alone can't show; said with every result. */
export const NOT_SHOWN = [
  'a whole stream, or the newest commits of a stream, that were cut off together with every trace of them',
  'commits that were all written anew, from some point to the end of their stream, with hashes that fit',
];

/** @param onProgress hears how many commits were checked, and how many there are */
export function audit(database: DatabaseSync, onProgress: (done: number, total: number) => void): Audit {
  const named: Fault[] = [];
  let faults = 0;
  let streams = 0;
  let commits = 0;
  const add = (found: readonly Fault[]) => {
    faults += found.length;
    named.push(...found.slice(0, MOST_NAMED - named.length));
  };
  database.exec('BEGIN');
  try {
    const total = (database.prepare('SELECT count(*) AS n FROM commits NOT INDEXED').get() as { n: number }).n;
    const byPlace = database.prepare('SELECT hash, body FROM commits NOT INDEXED WHERE position = ?');
    let walk: StreamWalk | undefined;
    for (const row of database.prepare('SELECT position, stream, idx FROM commits NOT INDEXED ORDER BY stream, idx, position').iterate()) {
      const { position, stream, idx } = row as unknown as Key;
      if (walk?.stream !== stream) {
        walk = new StreamWalk(stream);
        streams += 1;
      }
      add(walk.next(position, idx, byPlace.get(position) as unknown as Content));
      commits += 1;
      if (commits % PROGRESS_EVERY === 0) onProgress(commits, total);
    }
    onProgress(total, total);
    add(traces(database));
  } catch (error) {
    // Pages that can't be read are a finding too; anything else is a defect.
    if (!DAMAGED.includes(((error as { errcode?: number }).errcode ?? 0) & 0xff)) throw error;
    add([{ commit: undefined, kind: 'unreadable', message: `the file is damaged: ${(error as Error).message}` }]);
  }
  return { streams, commits, faults, named };
}

interface Key {
  readonly position: number;
  readonly stream: string;
  readonly idx: number;
}

interface Content {
  readonly hash: string;
  readonly body: string;
}

/** The chain of one stream, and where its commits stand in the log. */
class StreamWalk {
  private readonly verifier: ChainVerifier;
  private last: { index: number; position: number } | undefined;

  constructor(readonly stream: string) {
    this.verifier = new ChainVerifier(stream);
  }

  next(position: number, index: number, { hash, body }: Content): Fault[] {
    const commit = `${this.stream}@${index}`;
    if (typeof body !== 'string' || typeof hash !== 'string') return [{ commit, kind: 'unreadable', message: `${commit}: what stands there is no text` }];
    if (index === this.last?.index) return [{ commit, kind: 'inserted', message: `${commit}: stands there a second time, at place ${position} of the log` }];
    const faults: Fault[] = this.verifier.next({ index, body, hash }).map(({ kind, message }) => ({ commit, kind, message }));
    if (this.last !== undefined && position < this.last.position) {
      faults.push({ commit, kind: 'reordered', message: `${commit}: stands in the log before ${this.stream}@${this.last.index}, which it follows: the order was changed` });
    }
    this.last = { index, position };
    return faults;
  }
}

/** What a cut leaves behind in a database: empty places in the log, and notes of commits that are no more. */
function traces(database: DatabaseSync): Fault[] {
  const faults: Fault[] = [];
  const gaps = database.prepare(
    'SELECT before + 1 AS "first", position - 1 AS "last" FROM (SELECT position, lag(position, 1, 0) OVER (ORDER BY position) AS before FROM commits NOT INDEXED) WHERE position > before + 1',
  );
  for (const { first, last } of gaps.all() as unknown as { first: number; last: number }[]) {
    const places = first === last ? `place ${first} of the log is empty: a commit` : `places ${first} to ${last} of the log are empty: ${last - first + 1} commits`;
    faults.push({ commit: undefined, kind: 'missing', message: `${places} stood there` });
  }
  if (has(database, 'snapshots')) {
    const cut = database.prepare(
      'SELECT s.stream, s.idx AS seen, coalesce((SELECT max(c.idx) FROM commits c WHERE c.stream = s.stream), -1) AS "end" FROM snapshots s WHERE seen > "end"',
    );
    for (const { stream, seen, end } of cut.all() as unknown as { stream: string; seen: number; end: number }[]) {
      faults.push({ commit: `${stream}@${end + 1}`, kind: 'missing', message: `${stream}@${end + 1}: a snapshot was made after commit ${seen}, yet the stream ends before: its newest commits were cut off` });
    }
  }
  if (has(database, 'checkpoints')) {
    const end = (database.prepare('SELECT coalesce(max(position), 0) AS "end" FROM commits').get() as { end: number }).end;
    const seen = (database.prepare('SELECT coalesce(max(CAST(value AS INTEGER)), 0) AS seen FROM checkpoints').get() as { seen: number }).seen;
    if (seen > end) faults.push({ commit: undefined, kind: 'missing', message: `the log was read up to place ${seen}, yet it ends at ${end}: its newest commits were cut off` });
  }
  faults.push(...indexFaults(database));
  return faults;
}

/** A host reads through the index: rows that it does not hold would be there and never be seen. */
function indexFaults(database: DatabaseSync): Fault[] {
  const rows = database.prepare('PRAGMA integrity_check(commits)').all() as { integrity_check: string }[];
  return rows.filter(({ integrity_check }) => integrity_check !== 'ok').map(({ integrity_check }) => ({ commit: undefined, kind: 'unreadable', message: `the table and its index disagree: ${integrity_check}` }));
}

function has(database: DatabaseSync, table: string): boolean {
  return database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(table) !== undefined;
}
