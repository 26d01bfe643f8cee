/** What can be read of a damaged folder, as an export: the database page by page, and the files of its archive. */
import { sha256 } from '../../domain/kernel/commit';
import { archivedLinesIn } from './archive';
import { readMark } from './mark';
import type { LogLine } from './read-only-log';
import { salvage } from './salvage';
import { type DatabaseSync, openDatabase } from './sqlite';

const MOST_NAMED = 50;

const FOUND = 'CREATE TABLE commits (position INTEGER PRIMARY KEY, stream, idx, hash, body, intact)';
/** Of several that are found for one place, one that is intact counts. */
const INSERT = `INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (position) DO UPDATE SET stream = excluded.stream, idx = excluded.idx, hash = excluded.hash, body = excluded.body, intact = excluded.intact
  WHERE excluded.intact > intact`;

/**
 * Every receipt that can be read, in the order of the log; one that was altered as it stands. No host may have the
 * folder open.
 * @param onProblem hears, in words, what could not be read, and what was altered; at most some fifty times
 */
export function* salvagedLines(folder: string, onProblem: (problem: string) => void): Generator<LogLine> {
  const found = openDatabase('');
  try {
    found.exec(`PRAGMA journal_mode = OFF; ${FOUND}; BEGIN`);
    const insert = found.prepare(INSERT);
    for (const { position, stream, index, hash, body, intact } of salvage(folder))
      insert.run(position, stream, index, hash, body, intact ? 1 : 0);
    const archived = archivedLinesIn(folder, (file, problem) =>
      onProblem(`not read: archive/${file}, or a part of it: ${problem}`),
    );
    for (const { position, stream, index, hash, body } of archived)
      insert.run(position, stream, index, hash, body, sha256(body) === hash ? 1 : 0);
    const rows = found.prepare('SELECT stream, idx AS "index", hash, body FROM commits ORDER BY position').iterate();
    for (const row of rows) yield row as unknown as LogLine;
    for (const problem of unsaved(found, readMark(folder)?.position ?? 0)) onProblem(problem);
  } finally {
    found.close();
  }
}

/** What is not in a salvage that was in the log, in words. */
function unsaved(found: DatabaseSync, mark: number): string[] {
  const all = (sql: string, ...parameters: number[]) =>
    found.prepare(sql).all(...parameters) as unknown as { first: number; last: number; stream: string; idx: number }[];
  const places = all(
    'SELECT before + 1 AS "first", position - 1 AS "last" FROM (SELECT position, lag(position, 1, 0) OVER (ORDER BY position) AS before FROM (SELECT position FROM commits UNION SELECT ? + 1)) WHERE position > before + 1',
    Math.max(
      mark,
      (found.prepare('SELECT coalesce(max(position), 0) AS "end" FROM commits').get() as { end: number }).end,
    ),
  );
  const gaps = all(
    'SELECT stream, before + 1 AS "first", idx - 1 AS "last" FROM (SELECT stream, idx, lag(idx, 1, -1) OVER (PARTITION BY stream ORDER BY idx) AS before FROM commits) WHERE idx > before + 1',
  );
  const altered = all('SELECT stream, idx FROM commits WHERE intact = 0 ORDER BY position');
  const range = (first: number, last: number) => (first === last ? `${first}` : `${first} to ${last}`);
  const lines = [
    ...places.map(
      ({ first, last }) =>
        `not read: what stood at ${first === last ? 'place' : 'places'} ${range(first, last)} of the log`,
    ),
    ...gaps.map(
      ({ stream, first, last }) =>
        `not read: ${stream}, ${first === last ? 'commit' : 'commits'} ${range(first, last)}`,
    ),
    ...altered.map(
      ({ stream, idx }) => `altered: ${stream}@${idx} does not hash to what it says; it was written as it stands`,
    ),
  ];
  return lines.length <= MOST_NAMED ? lines : [...lines.slice(0, MOST_NAMED), `and ${lines.length - MOST_NAMED} more`];
}
