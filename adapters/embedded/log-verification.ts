/**
 * Holds the receipts of an export, or of a folder, against the signed log of their tenant: each has to be the one that
 * was logged, and each that was logged has to be there.
 */
import type { LogEvent } from '../../domain/audit/log';
import { parseEntry, type StreamHead } from '../../domain/audit/log-entries';
import { LATE_SECONDS, type LogFault, LogVerifier, type ShownNote } from '../../domain/audit/log-verifier';
import { sha256, type UnsealedCommit } from '../../domain/kernel/commit';
import { commitRef, parseStream } from '../../domain/kernel/ids';
import type { VerifierKeys } from '../../domain/kernel/note';
import { isTime, plusSeconds } from '../../domain/kernel/time';
import type { DatabaseSync, StatementSync } from './sqlite';

/** What the verifier brings along. */
export interface Pinned {
  /** Never one out of what is verified. */
  readonly keys: VerifierKeys;
  /** Checkpoints that were kept elsewhere. */
  readonly kept: readonly ShownNote[];
}

/** What was found of the log. */
export interface LogAudit {
  readonly origin: string;
  readonly entries: number;
  readonly checkpoints: number;
  /** Receipts that are the ones that were logged. */
  readonly covered: number;
  /** Receipts of the tenant that are newer than the log: nothing is proven of them. */
  readonly newer: number;
  /** Receipts of tenants that have another log, by tenant: this log and its key say nothing of them. */
  readonly others: readonly { readonly tenant: string; readonly receipts: number }[];
}

/** Where entries of logs stand: with the name of their log, in order. */
export const ENTRIES_TABLE = 'CREATE TEMP TABLE log_entries (log TEXT, leaf INTEGER, entry TEXT)';
const SCRATCH = [
  'CREATE TEMP TABLE logged (stream TEXT, idx INTEGER, hash TEXT, leaf INTEGER, PRIMARY KEY (stream, idx)) WITHOUT ROWID',
  'CREATE TEMP TABLE newer (ref TEXT, at TEXT)',
  'CREATE TEMP TABLE visited (stream TEXT PRIMARY KEY) WITHOUT ROWID',
];
const LOG_STREAM = /^[^/]+\/log\/checkpoints$/;

export class LogWalk {
  private readonly verifier: LogVerifier;
  private readonly tenant: string | undefined;
  private readonly ofStream: StatementSync;
  private readonly visited: StatementSync;
  private readonly newer: StatementSync;
  private stream: { readonly name: string; readonly left: Map<number, string>; readonly end: number } | undefined;
  private covered = 0;
  private readonly others = new Map<string, number>();
  private newest = '';
  private readonly own: LogFault[] = [];

  /** Reads the entries and the checkpoints; receipts come afterwards. */
  constructor(
    private readonly database: DatabaseSync,
    private readonly pinned: Pinned,
  ) {
    for (const sql of SCRATCH) database.exec(sql);
    const { tenant, notes } = this.shown();
    this.tenant = tenant;
    this.verifier = new LogVerifier(pinned.keys, notes, pinned.kept);
    this.readEntries();
    this.verifier.finish();
    this.ofStream = database.prepare('SELECT idx, hash FROM temp.logged WHERE stream = ? AND leaf < ?');
    this.visited = database.prepare('INSERT OR IGNORE INTO temp.visited VALUES (?)');
    this.newer = database.prepare('INSERT INTO temp.newer VALUES (?, ?)');
  }

  /** A receipt as it stands, in order of streams and indexes. */
  next(stream: string, index: number, { hash, body }: { readonly hash: unknown; readonly body: unknown }): LogFault[] {
    const before = stream === this.stream?.name ? [] : this.enter(stream);
    const current = this.stream;
    if (current === undefined) {
      this.countOther(stream);
      return before;
    }
    const ref = commitRef(stream, index);
    const logged = current.left.get(index);
    current.left.delete(index);
    const at = timeOf(body);
    if (logged === undefined) {
      if (index <= current.end)
        return [...before, fault('inserted', `${ref} is not in the log, which holds later ones of its stream`)];
      this.newer.run(ref, at);
      return before;
    }
    if (logged !== hash)
      return [
        ...before,
        fault('rewritten', `${ref} is another receipt than was logged: it was changed, with hashes that fit`),
      ];
    this.covered += 1;
    // The time of bytes that were altered is nobody's.
    if (at > this.newest && sha256(String(body)) === hash) this.newest = at;
    return before;
  }

  /** What is missing in the end. */
  finish(): { readonly faults: readonly LogFault[]; readonly log: LogAudit } {
    const faults = [...this.leave(), ...this.own, ...this.verifier.faults];
    const gone = this.database
      .prepare(
        'SELECT stream, count(*) AS receipts FROM temp.logged WHERE leaf < ? AND stream NOT IN (SELECT stream FROM temp.visited) GROUP BY stream',
      )
      .all(this.verifier.believed) as unknown as { stream: string; receipts: number }[];
    for (const { stream, receipts } of gone)
      faults.push(
        fault('missing', `${stream} is in the log with ${receipts} receipts, and is not there: it was deleted`),
      );
    const early = this.newest === '' ? '' : plusSeconds(this.newest, -LATE_SECONDS);
    const late = this.database.prepare('SELECT ref, at FROM temp.newer WHERE at < ?').all(early) as unknown as {
      ref: string;
      at: string;
    }[];
    for (const { ref, at } of late)
      faults.push(fault('inserted', `${ref} says that it is of ${at}, and the log, which is newer, does not hold it`));
    const { count } = this.database.prepare('SELECT count(*) AS count FROM temp.newer').get() as { count: number };
    return {
      faults,
      log: {
        origin: this.pinned.keys.name,
        entries: this.verifier.size,
        checkpoints: this.verifier.checkpoints,
        covered: this.covered,
        newer: count - late.length,
        others: [...this.others].map(([tenant, receipts]) => ({ tenant, receipts })),
      },
    };
  }

  /** The checkpoints of the log: the receipts of one tenant's log say what it is called. */
  private shown(): { readonly tenant: string | undefined; readonly notes: readonly ShownNote[] } {
    const rows = this.database
      .prepare("SELECT stream, idx, body FROM main.commits WHERE stream GLOB '*/log/checkpoints' ORDER BY stream, idx")
      .all() as unknown as { stream: string; idx: number; body: unknown }[];
    const ofLogs = rows.filter(({ stream }) => LOG_STREAM.test(stream));
    const named = ofLogs.flatMap(({ stream, idx, body }) =>
      signedIn(body)
        .filter(({ origin }) => origin === this.pinned.keys.name)
        .map(({ note }) => ({ tenant: parseStream(stream).tenant, from: commitRef(stream, idx), note })),
    );
    const tenants = new Set(named.map(({ tenant }) => tenant));
    if (tenants.size > 1)
      this.own.push(
        fault('split-view', `${[...tenants].join(' and ')} both say that their log is ${this.pinned.keys.name}`),
      );
    return { tenant: named[0]?.tenant, notes: named };
  }

  private readEntries(): void {
    const insert = this.database.prepare('INSERT OR IGNORE INTO temp.logged VALUES (?, ?, ?, ?)');
    const rows = this.database
      .prepare('SELECT leaf, entry FROM temp.log_entries WHERE log = ? ORDER BY leaf, rowid')
      .iterate(this.pinned.keys.name) as Iterable<unknown>;
    let next = 0;
    for (const row of rows) {
      const { leaf, entry } = row as { leaf: number; entry: string };
      if (leaf !== next) {
        const what =
          leaf > next
            ? `entries ${next} to ${leaf - 1} of the log are not there`
            : `entry ${leaf} of the log stands there twice`;
        this.own.push(fault('log-altered', what));
        // What comes after it proves nothing.
        return;
      }
      next += 1;
      this.verifier.next(entry);
      const read = parseEntry(entry);
      if (read?.kind === 'commit' && !this.logged(insert, read, leaf))
        this.own.push(fault('log-altered', `${commitRef(read.stream, read.index)} is in the log twice`));
    }
  }

  private logged(insert: StatementSync, { stream, index, hash }: StreamHead, leaf: number): boolean {
    return insert.run(stream, index, hash, leaf).changes === 1;
  }

  private enter(stream: string): LogFault[] {
    const before = this.leave();
    if (this.tenant === undefined || !stream.startsWith(`${this.tenant}/`)) return before;
    this.visited.run(stream);
    const rows = this.ofStream.all(stream, this.verifier.believed) as unknown as { idx: number; hash: string }[];
    const left = new Map(rows.map(({ idx, hash }) => [idx, hash] as const));
    this.stream = { name: stream, left, end: Math.max(-1, ...left.keys()) };
    return before;
  }

  /** Where it is not known whose log this is, nothing is of another one. */
  private countOther(stream: string): void {
    if (this.tenant === undefined) return;
    const tenant = stream.split('/', 1)[0] as string;
    this.others.set(tenant, (this.others.get(tenant) ?? 0) + 1);
  }

  private leave(): LogFault[] {
    const { stream } = this;
    this.stream = undefined;
    const gone = [...(stream?.left.keys() ?? [])];
    if (stream === undefined || gone.length === 0) return [];
    const [first, last] = [Math.min(...gone), Math.max(...gone)];
    const which = first === last ? `receipt ${first}` : `receipts ${first} to ${last}`;
    const what = last === stream.end && last - first + 1 === gone.length ? 'its end was dropped' : 'they were dropped';
    return [
      fault(
        'missing',
        `${stream.name} is in the log with ${which}, which ${first === last ? 'is' : 'are'} not there: ${what}`,
      ),
    ];
  }
}

function fault(kind: LogFault['kind'], message: string): LogFault {
  return { kind, message };
}

/** What a receipt of a log says; nothing when its bytes are none. */
function signedIn(body: unknown): LogEvent['data'][] {
  try {
    const { events } = JSON.parse(String(body)) as UnsealedCommit;
    return (events as readonly LogEvent[])
      .filter(({ type }) => type === 'CheckpointSigned')
      .map(({ data }) => data)
      .filter(({ note, origin }) => typeof note === 'string' && typeof origin === 'string');
  } catch {
    return [];
  }
}

function timeOf(body: unknown): string {
  try {
    const { at } = JSON.parse(String(body)) as UnsealedCommit;
    return typeof at === 'string' && isTime(at) ? at : '';
  } catch {
    return '';
  }
}
