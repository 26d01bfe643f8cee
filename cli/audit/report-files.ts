/** The files of a report, written receipt by receipt. */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { PRIVATE_FILE } from '../../adapters/embedded/folder';
import { PeriodReader, type PeriodRow } from '../../adapters/embedded/period';
import type { ReadOnlyLog } from '../../adapters/embedded/read-only-log';
import { type AuditEntry, AuditTrail } from '../../domain/audit/audit-entry';
import { type LogEvent, logStream } from '../../domain/audit/log';
import { ReportCounter } from '../../domain/audit/report-figures';
import { type EntriesHead, type EntryLine, type ProofHead, REPORT_FORMAT } from '../../domain/audit/report-verifier';
import { unseal } from '../../domain/kernel/commit';
import { parseCheckpoint } from '../../domain/kernel/note';
import { bar, jsonLine } from '../terminal';
import { csvHead, csvRow } from './report-csv';
import { type Report, reportPage, type Verified } from './report-page';

export type { Report, Verified };

export const ENTRIES_FILE = 'audit.jsonl';
export const TABLE_FILE = 'audit.csv';
export const PAGE_FILE = 'summary.html';
/** Receipts after which others have a turn: whoever waits may have had enough. */
const SLICE = 500;
const BUFFERED = 64 * 1024;

export interface Wanted extends Pick<Report, 'tenant' | 'from' | 'to' | 'verified'> {
  /** Each entry with the bytes of its receipt. */
  readonly withPayloads: boolean;
}

/** Where the files go, and what ends it. */
export interface Place {
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** Writes all files of a report. Rejects with the reason of the signal when that has aborted. */
export async function writeReport(log: ReadOnlyLog, wanted: Wanted, place: Place): Promise<Report> {
  const { tenant, from, to, verified } = wanted;
  const heads = headsOf(log, tenant);
  const period = new PeriodReader(log, heads.at(-1)?.origin);
  const extent = period.extent(from, to);
  const head = extent.lastLeaf < 0 ? undefined : (heads.find(({ size }) => size > extent.lastLeaf) ?? heads.at(-1));
  const isSound = head === undefined || (await isRoot(period, head));
  const checkpoint = isSound ? head : undefined;
  const counted = await writeEntries(period, extent.receipts, checkpoint, wanted, place);
  const made: Report = {
    ...{ tenant, from, to, checkpoint, ...counted },
    verified: isSound
      ? verified
      : {
          ...verified,
          faults: verified.faults + 1,
          named: [
            ...verified.named,
            {
              kind: 'log-altered',
              message: `the entries of ${head.origin} don't give the root that its checkpoint says`,
            },
          ],
        },
  };
  await writeText(join(place.folder, PAGE_FILE), reportPage(made));
  if (checkpoint !== undefined) await writeText(join(place.folder, 'log.checkpoint'), checkpoint.note);
  return made;
}

async function writeEntries(
  period: PeriodReader,
  receipts: number,
  checkpoint: ProofHead | undefined,
  { tenant, from, to, withPayloads }: Wanted,
  { folder, signal }: Place,
): Promise<Pick<Report, 'figures' | 'proven' | 'unreadable'>> {
  const progress = bar('Reporting', receipts);
  const entries = await TextFile.create(join(folder, ENTRIES_FILE));
  const table = await TextFile.create(join(folder, TABLE_FILE));
  const reading = new Reading(from, to);
  let [seen, proven] = [0, 0];
  try {
    const head: EntriesHead = { format: REPORT_FORMAT, tenant, from, to, receipts, checkpoint: checkpoint ?? null };
    await entries.add(`${jsonLine(head)}\n`);
    await table.add(csvHead());
    for (const row of period.until(to)) {
      if (reading.read % SLICE === 0) {
        progress.update(seen);
        await new Promise((next) => setImmediate(next));
        signal.throwIfAborted();
      }
      const entry = reading.next(row);
      if (entry !== undefined) {
        const proof = await proofOf(period, row, checkpoint);
        const line: EntryLine = { ...entry, proof, ...(withPayloads ? { body: row.body } : {}) };
        await entries.add(`${jsonLine(line)}\n`);
        await table.add(csvRow(entry, proof?.leaf ?? null));
        seen += 1;
        if (proof !== null) proven += 1;
      }
    }
  } finally {
    progress.stop();
    await entries.close();
    await table.close();
  }
  return { figures: reading.counter.figures, proven, unreadable: reading.unreadable };
}

/** Reads receipts as they stand; what verification has named may be no receipt at all. */
class Reading {
  readonly counter: ReportCounter;
  read = 0;
  unreadable = 0;
  private readonly trail = new AuditTrail();

  constructor(
    private readonly from: string,
    to: string,
  ) {
    this.counter = new ReportCounter(from, to);
  }

  /** The entry of a receipt; undefined before the period, and where its bytes say nothing. */
  next({ at, body, hash }: PeriodRow): AuditEntry | undefined {
    this.read += 1;
    try {
      const commit = unseal(body, hash);
      const entry = this.trail.next(commit);
      if (at !== null && at >= this.from) {
        this.counter.add(entry, commit);
        return entry;
      }
      this.counter.before(commit);
    } catch {
      // Whatever its bytes are, verification has named them.
      this.unreadable += 1;
    }
    return undefined;
  }
}

async function proofOf(
  period: PeriodReader,
  { leaf }: PeriodRow,
  checkpoint: ProofHead | undefined,
): Promise<EntryLine['proof']> {
  if (checkpoint === undefined || leaf === null || leaf >= checkpoint.size) return null;
  const path = await period.path(leaf, checkpoint.size);
  return { leaf, path: path.map((each) => each.toString('base64')) };
}

/**
 * The checkpoints of the tenant's log, in their order, as their notes say it: whoever verifies believes nothing else.
 * None where verification has named the receipts that hold them.
 */
function headsOf(log: ReadOnlyLog, tenant: string): ProofHead[] {
  try {
    return log.receipts(logStream(tenant)).flatMap(({ events }) =>
      (events as readonly LogEvent[]).flatMap(({ data: { note } }) => {
        const head = headIn(note);
        return head === undefined ? [] : [{ origin: head.origin, size: head.size, note }];
      }),
    );
  } catch {
    return [];
  }
}

function headIn(note: string): ReturnType<typeof parseCheckpoint> {
  return parseCheckpoint(note.slice(0, note.lastIndexOf('\n\n') + 1));
}

async function isRoot(period: PeriodReader, { size, note }: ProofHead): Promise<boolean> {
  const root = headIn(note)?.root;
  return root !== undefined && (await period.plant(size))?.equals(root) === true;
}

/** A file that is written piece by piece. */
class TextFile {
  private text = '';

  private constructor(private readonly handle: FileHandle) {}

  static async create(path: string): Promise<TextFile> {
    return new TextFile(await open(path, 'wx', PRIVATE_FILE));
  }

  async add(text: string): Promise<void> {
    this.text += text;
    if (this.text.length >= BUFFERED) await this.flush();
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.handle.close();
    }
  }

  private async flush(): Promise<void> {
    const { text } = this;
    this.text = '';
    await this.handle.writeFile(text);
  }
}

async function writeText(path: string, text: string): Promise<void> {
  const file = await TextFile.create(path);
  await file.add(text);
  await file.close();
}
