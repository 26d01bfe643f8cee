/**
 * Kill -9: what the embedded database acknowledged survives the death of its process at any moment, nothing is there
 * twice or in part, and a folder has one user at a time.
 */
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Readable } from 'node:stream';
import { Database, DATABASE_FILE } from '../../adapters/embedded/database';
import { SqliteEventStore } from '../../adapters/embedded/event-store';
import { DatabaseUnavailable } from '../../adapters/embedded/folder';
import { ChainVerifier } from '../../domain/kernel/commit';
import { compileInto } from '../support/compiled';
import { type Acknowledged, STREAMS, TRIPLES } from '../support/crash-child';
import { randomOf } from '../support/shuffle';

const SEED = Date.now() % 1_000_000;
const KILLS = 10;
/** How many commands before the first unacknowledged one come again, as from a caller who never heard the answer. */
const OVERLAP = 6;

let folder: string;
let program: string;
/** So that none outlives its test. */
const children: ChildProcess[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'formicary-crash-'));
  program = compileInto(join(folder, 'program'), 'test/support/crash-child.ts', 'adapters/embedded/writer.ts');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Child {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  readonly lines: string[];
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; errors: string }>;
  /** Resolves when the child has said so many lines, or has ended. */
  said(lines: number): Promise<void>;
}

function start(data: string, firsts: Record<string, number>): Child {
  const child = spawn(process.execPath, [program, data, JSON.stringify(firsts)], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const lines: string[] = [];
  let rest = '';
  let errors = '';
  let over = false;
  let heard = (): void => undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() as string; // a line that was cut off was never said
    lines.push(...parts);
    heard();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ended = new Promise<Awaited<Child['ended']>>((resolve) =>
    child.on('close', (code, signal) => {
      over = true;
      heard();
      resolve({ code, signal, errors });
    }),
  );
  const said = async (count: number) => {
    while (lines.length < count && !over) await new Promise<void>((resolve) => (heard = resolve));
  };
  return { process: child, lines, ended, said };
}

test(`what was acknowledged is there after ${KILLS} kills, once, and every chain verifies (seed ${SEED})`, async () => {
  const random = randomOf(SEED);
  const data = join(folder, 'data');
  const acknowledged = new Map<string, Acknowledged>();
  let repeated = 0;

  for (let kill = 0; kill < KILLS; kill += 1) {
    const firsts: Record<string, number> = {};
    for (const stream of STREAMS) {
      let first = 0;
      while (acknowledged.has(`${stream}#${first}`)) first += 1;
      firsts[stream] = Math.max(0, first - OVERLAP);
    }
    const child = start(data, firsts);
    // Once while it opens or recovers; else somewhere between its first and its two-hundredth answer, and a bit.
    await child.said(kill === 3 ? 0 : 2 + Math.floor(random() * 200));
    await new Promise((resolve) => setTimeout(resolve, random() * 15));
    child.process.kill('SIGKILL');
    expect(await child.ended).toEqual({ code: null, signal: 'SIGKILL', errors: '' });
    for (const line of child.lines) {
      if (line === 'open') continue;
      const answer = JSON.parse(line) as Acknowledged;
      const before = acknowledged.get(answer.key);
      if (before !== undefined) repeated += 1;
      // A command that comes again has its first answer.
      expect(answer).toEqual(before ?? answer);
      acknowledged.set(answer.key, answer);
    }
  }
  expect(acknowledged.size).toBeGreaterThan(KILLS * 10);
  expect(repeated).toBeGreaterThan(0);

  // By the bytes in the file.
  await (await Database.open(data)).close();
  const file = new DatabaseSync(join(data, DATABASE_FILE), { readOnly: true });
  try {
    expect(file.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
    const rows = file
      .prepare('SELECT position, stream, idx AS "index", hash, body FROM commits ORDER BY position')
      .all() as unknown as { position: number; stream: string; index: number; hash: string; body: string }[];
    const verifiers = new Map<string, ChainVerifier>(
      [...STREAMS, TRIPLES].map((stream) => [stream, new ChainVerifier(stream)]),
    );
    expect(rows.flatMap((row) => (verifiers.get(row.stream) as ChainVerifier).next(row))).toEqual([]);
    const stored = new Map(rows.map((row) => [`${row.stream}@${row.index}`, row.hash]));
    for (const { stream, index, hash } of acknowledged.values())
      expect([stream, index, stored.get(`${stream}@${index}`)]).toEqual([stream, index, hash]);
    const keys = rows
      .filter(({ stream }) => stream !== TRIPLES)
      .map(({ body }) => (JSON.parse(body) as { meta: { commandId: string } }).meta.commandId);
    expect(new Set(keys).size).toBe(keys.length);
    expect(rows.filter(({ stream }) => stream === TRIPLES).length % 3).toBe(0);
  } finally {
    file.close();
  }
}, 120_000);

test('a folder in use by a process is refused to another, and free once that one is killed', async () => {
  const data = join(folder, 'shared');
  const holder = start(data, {});
  await holder.said(1);
  expect(holder.lines[0]).toBe('open');
  const opened = await Database.open(data).catch((error: unknown) => error);
  if (opened instanceof Database) await opened.close(); // or its thread would keep this process alive
  expect(opened).toBeInstanceOf(DatabaseUnavailable);
  const second = start(data, {});
  await second.said(1);
  if (second.lines.length > 0) second.process.kill('SIGKILL');
  expect([holder.process.exitCode, holder.process.signalCode]).toEqual([null, null]);
  expect(await second.ended).toMatchObject({
    code: 1,
    errors: expect.stringContaining(`another process uses ${data}`) as string,
  });
  expect(second.lines).toEqual([]);
  // The first was not disturbed.
  await holder.said(holder.lines.length + 5);
  holder.process.kill('SIGKILL');
  expect(await holder.ended).toMatchObject({ signal: 'SIGKILL' });
  const database = await Database.open(data);
  const store = await SqliteEventStore.open(database);
  expect(await store.lag(undefined)).toBeGreaterThanOrEqual(holder.lines.length - 1);
  await database.close();
}, 120_000);
