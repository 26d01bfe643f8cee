/**
 * A high-water mark beside the database: the newest commit that was acknowledged, in a small file of its own. The
 * hashes of a log can't show that its end is gone (a write-ahead log that was deleted after a kill, an older file that
 * was put back): the mark can.
 *
 * It is written after a commit is durable and before its writer hears of it, in place and without a sync: it outlives
 * the death of the process, and after a loss of power it lags at worst. So it never names more than there was.
 */
import { closeSync, fsyncSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { PRIVATE_FILE } from './folder';
import type { DatabaseSync } from './sqlite';

export const MARK_FILE = 'formicary.mark';

export interface Mark {
  /** Where the commit stands in the log, from 1. */
  readonly position: number;
  /** `stream@index` */
  readonly commit: string;
  readonly hash: string;
}

/** One line of text, filled up with spaces so that a shorter one covers a longer one. */
const MARK_BYTES = 1024;

const NEWEST = 'SELECT position, stream || \'@\' || idx AS "commit", hash FROM commits ORDER BY position DESC LIMIT 1';

export class MarkWriter {
  private readonly file: number;

  constructor(folder: string) {
    const file = join(folder, MARK_FILE);
    this.file = openSync(file, statSync(file, { throwIfNoEntry: false }) === undefined ? 'w+' : 'r+', PRIVATE_FILE);
  }

  write(mark: Mark): void {
    writeSync(this.file, `${JSON.stringify(mark)}\n`.padStart(MARK_BYTES), 0);
  }

  close(): void {
    fsyncSync(this.file);
    closeSync(this.file);
  }
}

/** Gives a folder the mark of the log that is in it. */
export function writeMarkOf(folder: string, mark: Mark): void {
  const writer = new MarkWriter(folder);
  writer.write(mark);
  writer.close();
}

/** The mark of a log as it stands; undefined for an empty one. */
export function newestOf(get: (sql: string) => Mark | undefined): Mark | undefined {
  return get(NEWEST);
}

/** Undefined when there is none, as in the folder of an older version, or none that can be read. */
export function readMark(folder: string): Mark | undefined {
  try {
    const { position, commit, hash } = JSON.parse(readFileSync(join(folder, MARK_FILE), 'utf8')) as Partial<Mark>;
    return Number.isSafeInteger(position) && typeof commit === 'string' && typeof hash === 'string'
      ? { position: position as number, commit, hash }
      : undefined;
  } catch {
    return undefined;
  }
}

/** What a log misses that was acknowledged, in words; undefined when it holds what the mark names. */
export function lostTail({ position, commit, hash }: Mark, database: DatabaseSync): string | undefined {
  const get = (sql: string, ...parameters: number[]): unknown => database.prepare(sql).get(...parameters);
  // Not even the table is there when all of it was in a write-ahead log that is gone.
  const hasLog = get("SELECT 1 FROM sqlite_schema WHERE name = 'commits'") !== undefined;
  const there = hasLog
    ? (get('SELECT hash FROM commits WHERE position = ?', position) as { hash: string } | undefined)
    : undefined;
  if (there?.hash === hash) return undefined;
  const { end } = hasLog
    ? (get('SELECT coalesce(max(position), 0) AS "end" FROM commits') as { end: number })
    : { end: 0 };
  if (end >= position)
    return `place ${position} of the log holds another commit than ${commit}, which was acknowledged there: its end was cut off, or an older file put in its place, and it was written on`;
  const places = end + 1 === position ? `place ${position} is lost` : `places ${end + 1} to ${position} are lost`;
  return `the log ends at place ${end}, yet ${commit} was acknowledged at place ${position}: ${places}`;
}
