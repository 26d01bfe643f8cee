/** The data folder of the embedded profile: private, readable without a trace, with a mark that shows a lost end. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Database, DATABASE_FILE } from '../../adapters/embedded/database';
import { SqliteEventStore } from '../../adapters/embedded/event-store';
import { DatabaseUnavailable, isHeld } from '../../adapters/embedded/folder';
import { openLog } from '../../adapters/embedded/log';
import { MARK_FILE, readMark } from '../../adapters/embedded/mark';
import { blobsIn, openEmbedded } from '../../adapters/embedded/open';
import { sha256 } from '../../domain/kernel/commit';
import { chain } from '../support/commits';
import { compileInto } from '../support/compiled';
import { eventually } from '../support/eventually';

const A = 'default/task/a';

let root: string;
let program: string;
let number = 0;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'formicary-folder-'));
  chmodSync(root, 0o755);
  program = compileInto(
    join(root, 'program'),
    'test/support/crash-child.ts',
    'adapters/embedded/writer.ts',
    'adapters/embedded/log.ts',
  );
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const folder = () => join(root, `data-${(number += 1)}`);

/** A log of ten commits, closed in order. */
async function made(): Promise<string> {
  const data = folder();
  const database = await Database.open(data);
  await (await SqliteEventStore.open(database)).append({ stream: A, expected: -1, commits: chain(A, 10) });
  await database.close();
  return data;
}

/** A log whose host was killed: what it wrote last is in the write-ahead log only. */
async function killed(): Promise<string> {
  const data = folder();
  const child = spawn(process.execPath, [program, data, '{}'], { stdio: ['ignore', 'pipe', 'ignore'] });
  let lines = 0;
  for await (const chunk of child.stdout) {
    lines += String(chunk).split('\n').length - 1;
    if (lines > 50) break;
  }
  child.kill('SIGKILL');
  await once(child, 'close');
  expect(statSync(join(data, `${DATABASE_FILE}-wal`)).size).toBeGreaterThan(0);
  return data;
}

/** Names, times and bytes of everything in a folder. */
function trace(data: string): string[] {
  return readdirSync(data)
    .sort()
    .map(
      (name) =>
        `${name} ${statSync(join(data, name)).mtimeMs} ${sha256(readFileSync(join(data, name)).toString('base64'))}`,
    );
}

function commitsIn(data: string): number {
  const log = openLog(data);
  try {
    return (log.database.prepare('SELECT count(*) AS n FROM commits').get() as { n: number }).n;
  } finally {
    log.close();
  }
}

/** Turns a byte in the middle of a file round. */
function flip(file: string): void {
  const bytes = readFileSync(file);
  const middle = bytes.length >> 1;
  bytes[middle] = ~(bytes[middle] as number);
  writeFileSync(file, bytes);
}

const modeOf = (path: string) => statSync(path).mode & 0o777;

describe('rights', () => {
  test("folder and files are their owner's alone, whatever the umask", async () => {
    const before = process.umask(0);
    const data = folder();
    try {
      const database = await Database.open(data);
      const store = await SqliteEventStore.open(database);
      await store.append({ stream: A, expected: -1, commits: chain(A, 1) });
      await blobsIn(data).put('default', Buffer.from('large'));
      const open = readdirSync(data, { recursive: true, withFileTypes: true }).filter(
        (entry) => modeOf(join(entry.parentPath, entry.name)) !== (entry.isDirectory() ? 0o700 : 0o600),
      );
      expect(open.map(({ name }) => name)).toEqual([]);
      expect(modeOf(data)).toBe(0o700);
      expect(existsSync(join(data, `${DATABASE_FILE}-wal`))).toBe(true);
      await database.close();
    } finally {
      process.umask(before);
    }
  });

  test('a folder of an older version is tightened; one with other things in it keeps its rights, its log does not', async () => {
    const data = await made();
    for (const name of readdirSync(data)) chmodSync(join(data, name), 0o644);
    chmodSync(data, 0o755);
    await (await Database.open(data)).close();
    expect([modeOf(data), modeOf(join(data, DATABASE_FILE))]).toEqual([0o700, 0o600]);

    writeFileSync(join(data, 'notes.txt'), 'mine');
    for (const name of readdirSync(data)) chmodSync(join(data, name), 0o644);
    chmodSync(data, 0o755);
    await (await Database.open(data)).close();
    expect([modeOf(data), modeOf(join(data, DATABASE_FILE)), modeOf(join(data, 'notes.txt'))]).toEqual([
      0o755, 0o600, 0o644,
    ]);
  });

  test('a folder that can not be written is refused with its path and advice, before anything is in it', async () => {
    const file = join(root, 'a-file');
    writeFileSync(file, '');
    const refused = await Database.open(join(file, 'data')).catch((error: unknown) => error as Error);
    expect(refused).toBeInstanceOf(DatabaseUnavailable);
    expect((refused as Error).message).toContain(`${join(file, 'data')} can't be used`);
    expect((refused as Error).message).toContain('FORMICARY_DATA');
  });
});

describe('a log that is only read', () => {
  test.each<[string, () => Promise<string>]>([
    ['closed in order', made],
    ['whose host was killed', killed],
    [
      'whose host was killed, copied without the index of the write-ahead log',
      async () => {
        const data = await killed();
        rmSync(join(data, `${DATABASE_FILE}-shm`));
        return data;
      },
    ],
  ])('%s: everything is read, and nothing is left there', async (_, make) => {
    const data = await make();
    const before = trace(data);
    const found = commitsIn(data);
    expect(trace(data)).toEqual(before);
    // A kill may come between a commit and its mark.
    expect(found).toBeGreaterThanOrEqual(readMark(data)?.position as number);
    expect(found).toBeGreaterThan(0);
  });

  test('is read by somebody who may not write, from a folder that can not be written', async () => {
    for (const data of [await made(), await killed()]) {
      const commits = commitsIn(data);
      for (const name of readdirSync(data)) chmodSync(join(data, name), 0o444);
      chmodSync(data, 0o555);
      const script = `const { openLog } = require(${JSON.stringify(join(root, 'program/adapters/embedded/log.js'))});
        const log = openLog(${JSON.stringify(data)}); console.log(log.database.prepare('SELECT count(*) AS n FROM commits').get().n); log.close()`;
      const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
      const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { ...nobody, encoding: 'utf8', cwd: '/' });
      expect({ stdout, stderr }).toEqual({ stdout: `${commits}\n`, stderr: '' });
      chmodSync(data, 0o755);
    }
  });

  test('while a host writes it: what is durable is seen', async () => {
    const data = folder();
    const database = await Database.open(data);
    const store = await SqliteEventStore.open(database);
    await store.append({ stream: A, expected: -1, commits: chain(A, 3) });
    expect(isHeld(data)).toBe(true);
    const log = openLog(data);
    expect(log.live).toBe(true);
    expect(log.database.prepare('SELECT count(*) AS n FROM commits').get()).toEqual({ n: 3 });
    log.close();
    await expect(Database.open(data)).rejects.toThrow('another process uses');
    await database.close();
    expect(isHeld(data)).toBe(false);
  });

  test('knows that a host began to write it meanwhile', async () => {
    const data = await made();
    const log = openLog(data);
    expect(log.wasDisturbed()).toBe(false);
    const database = await Database.open(data);
    expect(log.wasDisturbed()).toBe(true);
    await database.close();
    log.close();
  });
});

describe('the high-water mark', () => {
  test('names the newest commit as soon as its writer hears of it', async () => {
    const data = folder();
    const database = await Database.open(data);
    const store = await SqliteEventStore.open(database);
    const commits = chain(A, 3);
    for (const commit of commits) {
      await store.append({ stream: A, expected: commit.commit.index - 1, commits: [commit] });
      expect(readMark(data)).toEqual({
        position: commit.commit.index + 1,
        commit: `${A}@${commit.commit.index}`,
        hash: commit.commit.hash,
      });
    }
    await database.close();
  });

  test('a write-ahead log that was deleted after a kill is noticed at the start, with what is lost and the way on', async () => {
    const data = await killed();
    const mark = readMark(data);
    rmSync(join(data, `${DATABASE_FILE}-wal`));
    rmSync(join(data, `${DATABASE_FILE}-shm`), { force: true });
    await expect(Database.open(data)).rejects.toThrow(
      new RegExp(`places 1 to ${mark?.position} are lost.*formicary.db-wal.*backup.*${MARK_FILE}`, 's'),
    );
    // The way on is one a person takes.
    rmSync(join(data, MARK_FILE));
    const again = await Database.open(data);
    await SqliteEventStore.open(again);
    await again.close();
  });

  test('an older file that was put back is noticed, also when it was written on', async () => {
    const data = await made();
    const copy = folder();
    cpSync(data, copy, { recursive: true });
    const cut = new DatabaseSync(join(copy, DATABASE_FILE));
    cut.exec('DELETE FROM commits WHERE position > 7');
    cut.close();
    await expect(Database.open(copy)).rejects.toThrow(
      `the log ends at place 7, yet ${A}@9 was acknowledged at place 10: places 8 to 10 are lost`,
    );
    const written = new DatabaseSync(join(copy, DATABASE_FILE));
    for (const n of [8, 9, 10])
      written
        .prepare('INSERT INTO commits (stream, idx, hash, body) VALUES (?, ?, ?, ?)')
        .run('other/task/b', n, 'h', '{}');
    written.close();
    await expect(Database.open(copy)).rejects.toThrow(`place 10 of the log holds another commit than ${A}@9`);
  });

  test.each<[string, (data: string) => void]>([
    ['of which a byte has flipped', (data) => flip(join(data, `${DATABASE_FILE}-wal`))],
    ['whose database is not there', (data) => rmSync(join(data, DATABASE_FILE))],
    ['whose database is empty', (data) => truncateSync(join(data, DATABASE_FILE))],
    [
      'whose database and mark are not there',
      (data) => [DATABASE_FILE, MARK_FILE].forEach((name) => rmSync(join(data, name))),
    ],
  ])('a write-ahead log %s is refused, and left as it is', async (_, harm) => {
    const data = await killed();
    harm(data);
    const wal = () => sha256(readFileSync(join(data, `${DATABASE_FILE}-wal`)).toString('base64'));
    const before = wal();
    await expect(openEmbedded(data)).rejects.toThrow(DatabaseUnavailable);
    expect(wal()).toBe(before);
  });

  test('what can not be opened for another reason keeps its write-ahead log too', async () => {
    const data = await killed();
    const harmed = new DatabaseSync(join(data, DATABASE_FILE));
    harmed.exec('PRAGMA wal_autocheckpoint = 0; CREATE VIEW deadlines AS SELECT 1');
    const copy = folder();
    cpSync(data, copy, { recursive: true });
    harmed.close();
    const size = statSync(join(copy, `${DATABASE_FILE}-wal`)).size;
    await expect(openEmbedded(copy)).rejects.toThrow(DatabaseUnavailable);
    expect(statSync(join(copy, `${DATABASE_FILE}-wal`)).size).toBeGreaterThanOrEqual(size);
    expect(isHeld(copy)).toBe(false);
  });

  test('a mark that is not there, or torn, is no reason to refuse', async () => {
    const data = await made();
    for (const torn of ['', '{"position":99', 'null\n']) {
      writeFileSync(join(data, MARK_FILE), torn);
      const database = await Database.open(data);
      await SqliteEventStore.open(database);
      await database.close();
      expect(readMark(data)?.position).toBe(10);
    }
  });
});

describe('the write-ahead log', () => {
  test('is cut again when a long reader is gone', async () => {
    const data = folder();
    const database = await Database.open(data);
    await database.write({ statements: [['CREATE TABLE filler (bytes BLOB)', []]] });
    const reader = new DatabaseSync(join(data, DATABASE_FILE), { readOnly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM filler').get();
    for (let i = 0; i < 12; i += 1)
      await database.write({
        statements: [
          ['INSERT INTO filler VALUES (zeroblob(4000000))', []],
          ['DELETE FROM filler', []],
        ],
      });
    const size = () => statSync(join(data, `${DATABASE_FILE}-wal`)).size;
    expect(size()).toBeGreaterThan(40 * 1024 * 1024);
    reader.close();
    await eventually(() => size() <= 40 * 1024 * 1024);
    await database.close();
  }, 60_000);
});

describe('the probe of a write', () => {
  test('says nothing when all is well, and why when it is not', async () => {
    const data = folder();
    const database = await Database.open(data);
    await expect(database.probe()).resolves.toBeUndefined();

    const intruder = new DatabaseSync(join(data, DATABASE_FILE));
    intruder.exec('BEGIN IMMEDIATE');
    await expect(database.probe()).resolves.toContain('takes no writes: database is locked');
    intruder.exec('ROLLBACK');
    intruder.close();
    await expect(database.probe()).resolves.toBeUndefined();

    mkdirSync(join(data, 'away'));
    for (const name of [DATABASE_FILE, `${DATABASE_FILE}-wal`]) rmSync(join(data, name));
    await expect(database.probe()).resolves.toContain('was removed or replaced');
    await database.close();
  });
});
