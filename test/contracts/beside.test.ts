/** A folder is opened by a host while others read it: each waits for the moment that another one needs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database, DATABASE_FILE } from '../../adapters/embedded/database';
import { SqliteEventStore } from '../../adapters/embedded/event-store';
import { DurableStore } from '../../local/durable/store';
import { chain } from '../support/commits';
import { compiledApp } from '../support/host';

jest.setTimeout(120_000);

let folder: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'formicary-beside-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Another process, which runs this program; resolves when it has said something. */
async function beside(program: string, ...args: string[]): Promise<{ child: ChildProcess; said: () => string }> {
  const child = spawn(process.execPath, ['--no-warnings', '-e', program, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(child.stdout, 'data');
  return { child, said: () => text };
}

/** Holds every lock of a database for a while. */
const HOLDER = `
  const { DatabaseSync } = require('node:sqlite');
  const database = new DatabaseSync(process.argv[1]);
  database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS held (one)');
  console.log('held');
  setTimeout(() => { database.exec('COMMIT'); database.close(); }, 1_000);`;

/** Opens and closes the log again and again, until its input ends; then it says what happened, and how often. */
const READER = `
  const { ReadOnlyLog } = require(process.argv[1] + '/dist/adapters/embedded/read-only-log.js');
  const seen = {};
  let goes = true;
  process.stdin.on('end', () => (goes = false)).resume();
  const look = () => {
    let outcome = 'read';
    try {
      const log = ReadOnlyLog.open(process.argv[2]);
      try { outcome = log.isEmpty ? 'empty' : 'read'; } finally { log.close(); }
    } catch (error) { outcome = error.message; }
    seen[outcome] = (seen[outcome] ?? 0) + 1;
    if (goes) setImmediate(look);
    else console.log(JSON.stringify(seen));
  };
  console.log('begun');
  look();`;

/** A log of some commits, whose host ends: in order, or as one does that is killed. */
async function hosted(how: 'close' | 'leave', index: number): Promise<void> {
  const database = await Database.open(folder);
  try {
    const store = await SqliteEventStore.open(database);
    for (const { commit, ...rest } of chain(`acme/task/${index}`, 5))
      await store.append({ stream: commit.stream, expected: commit.index - 1, commits: [{ commit, ...rest }] });
  } finally {
    await database[how]();
  }
}

test.each<[who: string, name: string, use: () => Promise<void>]>([
  ['a host', DATABASE_FILE, async () => (await Database.open(folder)).close()],
  ['the store of orchestrations', 'durable.db', async () => new DurableStore(join(folder, 'durable.db')).close()],
])('%s waits for a database that another connection holds for a moment', async (_, name, use) => {
  await hosted('leave', 0);
  new DurableStore(join(folder, 'durable.db')).close();
  const { child } = await beside(HOLDER, join(folder, name));
  await use();
  expect(child.exitCode ?? (await once(child, 'exit'))[0]).toBe(0);
});

test('hosts start and end while others open the folder again and again: all of them can', async () => {
  await hosted('leave', 0);
  const readers = [await beside(READER, compiledApp(), folder), await beside(READER, compiledApp(), folder)];
  for (let i = 1; i <= 8; i += 1) await hosted(i % 2 === 0 ? 'close' : 'leave', i);
  for (const { child, said } of readers) {
    child.stdin?.end();
    await once(child, 'close');
    const seen = JSON.parse(said().split('\n')[1] ?? '') as Record<string, number>;
    expect(Object.keys(seen)).toEqual(['read']);
  }
});
