/**
 * Receipts out of a damaged database: page by page from the bytes of the file, without SQLite, which stops at the first
 * page that it can't make sense of. What is found proves itself: a receipt hashes to what it says, or it does not.
 *
 * The format is https://www.sqlite.org/fileformat2.html. Rows of `commits` are never changed. Those that were archived
 * are deleted, and a page that still holds one holds the same bytes: so a page of the database and a later one in the
 * write-ahead log don't contradict each other.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../../domain/kernel/commit';
import { DATABASE_FILE } from './database';

export interface SalvagedCommit {
  /** Place in the log. */
  readonly position: number;
  readonly stream: string;
  readonly index: number;
  readonly hash: string;
  readonly body: string;
  /** Whether the body hashes to `hash`. */
  readonly intact: boolean;
}

const MAGIC = 'SQLite format 3\0';
/** SQLite's own default, for a file whose first page is gone. */
const PAGE_SIZE = 4096;
const WAL_HEADER = 32;
const FRAME_HEADER = 24;
const TABLE_LEAF = 0x0d;
/** A receipt is at most some megabyte; a damaged length isn't believed. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Every receipt that can be found in the files of the folder, in no order; one may be found more than once. */
export function* salvage(folder: string): Generator<SalvagedCommit> {
  const pages = new Pages(join(folder, DATABASE_FILE));
  try {
    for (const { bytes, first } of pages.all()) {
      for (const cell of cellsOf(bytes, first)) {
        const found = receiptAt(bytes, cell, pages);
        if (found !== undefined) yield found;
      }
    }
  } finally {
    pages.close();
  }
}

/** The pages of a database, those in its write-ahead log included. */
class Pages {
  private readonly database: number;
  private readonly wal: number | undefined;
  readonly size: number;
  /** Bytes of a page that SQLite uses. */
  readonly usable: number;
  private readonly count: number;
  /** Where the newest version of a page stands in the write-ahead log. */
  private readonly newer = new Map<number, number>();

  constructor(file: string) {
    this.database = openSync(file, 'r');
    const header = read(this.database, 0, 100);
    const sound = header.toString('latin1', 0, MAGIC.length) === MAGIC;
    const said = header.length < 100 ? 0 : header.readUInt16BE(16);
    this.size = sound && said >= 512 ? said : said === 1 && sound ? 65_536 : PAGE_SIZE;
    this.usable = this.size - (sound ? (header[20] as number) : 0);
    this.count = Math.ceil(fstatSync(this.database).size / this.size);
    this.wal = openIfThere(`${file}-wal`);
    if (this.wal !== undefined) this.readWal(this.wal);
  }

  /** `first` is true of the page that begins with the header of the file. */
  *all(): Generator<{ bytes: Buffer; first: boolean }> {
    for (let number = 1; number <= this.count; number += 1)
      yield { bytes: read(this.database, (number - 1) * this.size, this.size), first: number === 1 };
    for (const number of this.newer.keys()) yield { bytes: this.page(number), first: number === 1 };
  }

  /** The newest version of a page; empty when there is none. */
  page(number: number): Buffer {
    const place = this.newer.get(number);
    return place === undefined
      ? read(this.database, (number - 1) * this.size, this.size)
      : read(this.wal as number, place, this.size);
  }

  close(): void {
    closeSync(this.database);
    if (this.wal !== undefined) closeSync(this.wal);
  }

  /** Frames count up to the last one that ends a transaction, as long as they belong to this run of the log. */
  private readWal(wal: number): void {
    const header = read(wal, 0, WAL_HEADER);
    if (header.length < WAL_HEADER) return;
    const salt = header.subarray(16, 24);
    const open = new Map<number, number>();
    for (let at = WAL_HEADER; ; at += FRAME_HEADER + this.size) {
      const frame = read(wal, at, FRAME_HEADER);
      if (frame.length < FRAME_HEADER || !frame.subarray(8, 16).equals(salt)) return;
      open.set(frame.readUInt32BE(0), at + FRAME_HEADER);
      if (frame.readUInt32BE(4) === 0) continue;
      for (const [number, place] of open) this.newer.set(number, place);
      open.clear();
    }
  }
}

/** Where the cells of a leaf of a table begin; none of any other page. */
function cellsOf(page: Buffer, first: boolean): number[] {
  const start = first ? 100 : 0;
  if (page.length < start + 8 || page[start] !== TABLE_LEAF) return [];
  const count = page.readUInt16BE(start + 3);
  const cells: number[] = [];
  for (let i = 0; i < count && start + 10 + 2 * i <= page.length; i += 1)
    cells.push(page.readUInt16BE(start + 8 + 2 * i));
  return cells;
}

/** The receipt in a cell; undefined when it is a row of another table, or can't be read. */
function receiptAt(page: Buffer, cell: number, pages: Pages): SalvagedCommit | undefined {
  try {
    const [length, afterLength] = varint(page, cell);
    const [position, start] = varint(page, afterLength);
    if (length < 5 || length > MOST_BYTES) return undefined;
    const local = localBytes(length, pages.usable);
    const head = page.subarray(start, start + local);
    if (columnsOf(head) === undefined) return undefined;
    const payload =
      local === length
        ? head
        : Buffer.concat([head, overflow(pages, page.readUInt32BE(start + local), length - local)]);
    const columns = columnsOf(payload);
    if (columns === undefined || payload.length !== length) return undefined;
    const [, stream, index, hash, body] = columns;
    const text = (column: Column | undefined) => payload.toString('utf8', column?.from, column?.to);
    const found = {
      position,
      stream: text(stream),
      index: integer(payload, index as Column),
      hash: text(hash),
      body: text(body),
    };
    return { ...found, intact: sha256(found.body) === found.hash };
  } catch (error) {
    // Lengths and pointers of a damaged page lead anywhere.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** How much of a payload stands in its cell. */
function localBytes(length: number, usable: number): number {
  const most = usable - 35;
  if (length <= most) return length;
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const fitting = least + ((length - least) % (usable - 4));
  return fitting <= most ? fitting : least;
}

function overflow(pages: Pages, first: number, length: number): Buffer {
  const parts: Buffer[] = [];
  let left = length;
  for (let number = first; left > 0;) {
    const page = pages.page(number);
    if (number === 0 || page.length < pages.usable) throw new RangeError('a chain of pages that ends too soon');
    const part = page.subarray(4, Math.min(pages.usable, 4 + left));
    parts.push(part);
    left -= part.length;
    number = page.readUInt32BE(0);
  }
  return Buffer.concat(parts);
}

interface Column {
  readonly type: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Of a row of `commits`: its place (kept elsewhere), stream, index, hash of 64 characters, body. Undefined for any
 * other.
 */
function columnsOf(record: Buffer): readonly Column[] | undefined {
  const [end, first] = varint(record, 0);
  const columns: Column[] = [];
  let from = end;
  let at = first;
  while (at < end && columns.length <= 5) {
    const [type, next] = varint(record, at);
    const to = from + bytesOf(type);
    columns.push({ type, from, to });
    from = to;
    at = next;
  }
  const isText = (column: Column | undefined) => column !== undefined && column.type >= 13 && column.type % 2 === 1;
  const [place, stream, index, hash, body] = columns;
  const fits =
    columns.length === 5 &&
    at === end &&
    place?.type === 0 &&
    isText(stream) &&
    index !== undefined &&
    index.type >= 1 &&
    index.type <= 9 &&
    isText(hash) &&
    isText(body);
  return fits && hash !== undefined && hash.to - hash.from === 64 ? columns : undefined;
}

const INTEGER_BYTES = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0];

function bytesOf(type: number): number {
  if (type >= 12) return Math.floor((type - 12) / 2);
  return INTEGER_BYTES[type] ?? 0;
}

function integer(record: Buffer, { type, from, to }: Column): number {
  if (type >= 8) return type - 8;
  return to - from === 8 ? Number(record.readBigInt64BE(from)) : record.readIntBE(from, to - from);
}

/** A number of 1 to 9 bytes and where it ends. */
function varint(bytes: Buffer, at: number): [value: number, next: number] {
  let value = 0;
  for (let i = 0; i < 8; i += 1) {
    const byte = bytes.readUInt8(at + i);
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return [value, at + i + 1];
  }
  return [value * 256 + bytes.readUInt8(at + 8), at + 9];
}

/** Fewer bytes at the end of the file, and none where the disk itself can't give them. */
function read(file: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  try {
    return bytes.subarray(0, readSync(file, bytes, 0, length, at));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error;
    return bytes.subarray(0, 0);
  }
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
