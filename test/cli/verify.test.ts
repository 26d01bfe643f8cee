/** The offline verifier: what it finds in a log that was tampered with, and what it admits it can't. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Database, DATABASE_FILE } from '../../adapters/embedded/database';
import { SqliteEventStore } from '../../adapters/embedded/event-store';
import { MARK_FILE } from '../../adapters/embedded/mark';
import { type Audit, audit } from '../../adapters/embedded/verification';
import { openFolder } from '../../cli/log-file';
import { Formicary } from '../../client/client';
import { seal, type SealedCommit, type UnsealedCommit } from '../../domain/kernel/commit';
import { chain } from '../support/commits';
import { startTestHost } from '../support/host';
import { formicary } from './support';
import { A, B, C, good, root } from './tampered-log';

let copies = 0;

/** A copy of the log, tampered with by somebody who knows of the mark. */
function tampered(...changes: readonly (string | ((database: DatabaseSync) => void))[]): string {
  const folder = join(root, `copy-${(copies += 1)}`);
  cpSync(good, folder, { recursive: true });
  rmSync(join(folder, MARK_FILE));
  const database = new DatabaseSync(join(folder, DATABASE_FILE), { defensive: false });
  for (const change of changes) {
    if (typeof change === 'string') database.exec(change);
    else change(database);
  }
  database.close();
  return folder;
}

function audited(folder: string): Audit {
  const log = openFolder(folder);
  try {
    return audit(log);
  } finally {
    log.close();
  }
}

/** Commit and kind of every fault. */
function faults(folder: string): string[] {
  return audited(folder).named.map(({ commit, kind }) => `${kind} ${commit ?? 'the log'}`);
}

function insert(
  database: DatabaseSync,
  position: number,
  { commit, body }: SealedCommit,
  stream = commit.stream,
): void {
  database
    .prepare('INSERT INTO commits (position, stream, idx, hash, body) VALUES (?, ?, ?, ?, ?)')
    .run(position, stream, commit.index, commit.hash, body);
}

function bodyOf(database: DatabaseSync, stream: string, index: number): UnsealedCommit {
  const { body } = database.prepare('SELECT body FROM commits WHERE stream = ? AND idx = ?').get(stream, index) as {
    body: string;
  };
  return JSON.parse(body) as UnsealedCommit;
}

/** Shifts the places after A@2, so that there is room for another. */
const ROOM =
  'UPDATE commits SET position = -position - 1 WHERE position > 7; UPDATE commits SET position = -position WHERE position < 0';

test('a log that nobody touched has no faults', () => {
  expect(audited(good)).toEqual({ streams: 3, commits: 13, faults: 0, blobs: 0, named: [] });
});

describe('what it finds', () => {
  test.each<[string, readonly (string | ((database: DatabaseSync) => void))[], readonly string[]]>([
    [
      'an altered body',
      [`UPDATE commits SET body = replace(body, '"n":2', '"n":3') WHERE stream = '${A}' AND idx = 2`],
      [`altered ${A}@2`],
    ],
    [
      'an altered hash',
      [`UPDATE commits SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE stream = '${A}' AND idx = 5`],
      [`altered ${A}@5`],
    ],
    [
      'a body that was altered together with its hash',
      [
        (database) => {
          const forged = seal({ ...bodyOf(database, A, 2), events: [] });
          database
            .prepare(`UPDATE commits SET body = ?, hash = ? WHERE stream = '${A}' AND idx = 2`)
            .run(forged.body, forged.commit.hash);
        },
      ],
      [`inserted ${A}@3`],
    ],
    [
      'a dropped commit',
      [`DELETE FROM commits WHERE stream = '${A}' AND idx = 2`],
      [`missing ${A}@3`, 'missing the log'],
    ],
    [
      'a dropped commit whose place was closed',
      [
        `DELETE FROM commits WHERE position = 4`,
        'UPDATE commits SET position = position - 1 WHERE position > 4',
        "UPDATE checkpoints SET value = '12'",
      ],
      [`missing ${A}@2`],
    ],
    [
      'the first commits of a stream',
      [`DELETE FROM commits WHERE stream = '${B}' AND idx < 2`, 'DELETE FROM snapshots'],
      [`missing ${B}@2`, 'missing the log', 'missing the log'],
    ],
    [
      'an inserted commit',
      [
        ROOM,
        (database) => {
          const between = chain(A, 3).at(-1)!;
          const forged = seal({ ...between.commit, events: [], index: 3, previousHash: between.commit.hash });
          database.exec(
            `UPDATE commits SET idx = -idx - 1 WHERE stream = '${A}' AND idx > 2; UPDATE commits SET idx = -idx WHERE idx < 0`,
          );
          insert(database, 8, forged);
        },
      ],
      [`inserted ${A}@4`, `misplaced ${A}@4`, `misplaced ${A}@5`, `misplaced ${A}@6`],
    ],
    [
      'two commits that changed their places in the log',
      [
        'UPDATE commits SET position = 99 WHERE position = 4',
        'UPDATE commits SET position = 4 WHERE position = 7',
        'UPDATE commits SET position = 7 WHERE position = 99',
      ],
      [`reordered ${A}@2`],
    ],
    [
      'two commits that changed their numbers',
      [
        `UPDATE commits SET idx = 99 WHERE stream = '${A}' AND idx = 1`,
        `UPDATE commits SET idx = 1 WHERE stream = '${A}' AND idx = 2`,
        `UPDATE commits SET idx = 2 WHERE idx = 99`,
      ],
      [
        `misplaced ${A}@1`,
        `inserted ${A}@1`,
        `misplaced ${A}@2`,
        `inserted ${A}@2`,
        `backdated ${A}@2`,
        `reordered ${A}@2`,
        `inserted ${A}@3`,
      ],
    ],
    [
      'a commit that was moved to another stream',
      [`UPDATE commits SET stream = '${B}', idx = 4 WHERE stream = '${A}' AND idx = 5`],
      [`misplaced ${B}@4`, `inserted ${B}@4`],
    ],
    [
      'a commit that stands there twice',
      [
        'DROP INDEX commits_by_stream',
        'INSERT INTO commits (stream, idx, hash, body) SELECT stream, idx, hash, body FROM commits WHERE position = 4',
      ],
      [`inserted ${A}@1`],
    ],
    [
      'a time that runs backwards',
      [
        (database) => {
          const forged = seal({ ...bodyOf(database, A, 5), at: '2020-01-01T00:00:00.000Z' });
          database
            .prepare(`UPDATE commits SET body = ?, hash = ? WHERE stream = '${A}' AND idx = 5`)
            .run(forged.body, forged.commit.hash);
        },
      ],
      [`backdated ${A}@5`],
    ],
    [
      'text that is no commit',
      [`UPDATE commits SET body = 'nothing' WHERE stream = '${C}' AND idx = 1`],
      [`altered ${C}@1`, `unreadable ${C}@1`],
    ],
    [
      'bytes that are no text',
      [`UPDATE commits SET body = x'00ff' WHERE stream = '${C}' AND idx = 2`],
      [`unreadable ${C}@2`],
    ],
    [
      'the newest commits of a stream, cut off',
      [`DELETE FROM commits WHERE stream = '${B}' AND idx > 0`],
      ['missing the log', 'missing the log', 'missing the log', `missing ${B}@1`],
    ],
    [
      'a whole stream, cut out',
      [`DELETE FROM commits WHERE stream = '${C}'`],
      ['missing the log', 'missing the log', 'missing the log'],
    ],
    ['the end of the log, cut off', ['DELETE FROM commits WHERE position > 11'], ['missing the log']],
  ])('%s', (_, changes, expected) => {
    const folder = tampered(...changes);
    expect(faults(folder).sort()).toEqual([...expected].sort());
    expect(audited(folder).faults).toBe(expected.length);
  });

  test('a byte that flipped in the file', () => {
    const folder = tampered();
    const file = join(folder, DATABASE_FILE);
    const bytes = readFileSync(file);
    const place = bytes.indexOf('"n":3');
    bytes[place + 4]! ^= 1;
    writeFileSync(file, bytes);
    expect(faults(folder)).toEqual([expect.stringMatching(/^altered .*@3$/)]);
  });

  test('pages that can not be read', () => {
    const folder = tampered();
    const file = join(folder, DATABASE_FILE);
    const bytes = readFileSync(file);
    bytes.fill(0xaa, bytes.indexOf(`${A}`) & ~4095, (bytes.indexOf(`${A}`) & ~4095) + 4096);
    writeFileSync(file, bytes);
    expect(faults(folder)).toContain('unreadable the log');
  });

  test('an index that hides a commit from the host', () => {
    const folder = tampered(
      'PRAGMA writable_schema = ON',
      "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'snapshots') WHERE name = 'commits_by_stream'",
    );
    expect(faults(folder)).toContain('unreadable the log');
  });

  test('the words name the commit', () => {
    const folder = tampered(
      `UPDATE commits SET body = replace(body, '"n":2', '"n":3') WHERE stream = '${A}' AND idx = 2`,
      `DELETE FROM commits WHERE stream = '${B}' AND idx = 1`,
    );
    const messages = audited(folder).named.map(({ message }) => message);
    expect(messages).toEqual([
      expect.stringMatching(
        /^default\/task\/a@2: its bytes hash to [0-9a-f]{12}…, its receipt says [0-9a-f]{12}…: it was altered$/,
      ),
      'default/task/b@2: commit 1 before it was dropped',
      'place 5 of the log is empty: a commit stood there',
    ]);
  });

  test('many faults are counted, the first thousand named', async () => {
    const folder = join(root, 'many');
    const database = await Database.open(folder);
    const store = await SqliteEventStore.open(database);
    const commits = chain(A, 1_100);
    for (let start = 0; start < commits.length; start += 99)
      await store.append({ stream: A, expected: start - 1, commits: commits.slice(start, start + 99) });
    await database.close();
    const direct = new DatabaseSync(join(folder, DATABASE_FILE));
    direct.exec("UPDATE commits SET body = body || ' '");
    direct.close();
    const { faults: found, named } = audited(folder);
    expect([found, named.length]).toEqual([1_100, 1_000]);
  });
});

describe('what it can not show', () => {
  test.each<[string, readonly (string | ((database: DatabaseSync) => void))[]]>([
    [
      'the end of the log, cut off with every trace',
      ['DELETE FROM commits WHERE position > 11', "UPDATE checkpoints SET value = '11'"],
    ],
    [
      'a stream, rewritten from some point on',
      [
        (database) => {
          let previous: string | null = null;
          for (let index = 0; index < 6; index += 1) {
            const forged = seal({ ...bodyOf(database, A, index), events: [], previousHash: previous });
            database
              .prepare(`UPDATE commits SET body = ?, hash = ? WHERE stream = '${A}' AND idx = ?`)
              .run(forged.body, forged.commit.hash, index);
            previous = forged.commit.hash;
          }
        },
      ],
    ],
  ])('%s; it says so', async (_, changes) => {
    const folder = tampered(...changes);
    expect(faults(folder)).toEqual([]);
    const { code, stdout } = await formicary(['verify', '--data', folder]);
    expect(code).toBe(0);
    expect(stdout).toContain(
      'Hashes alone do not show:\n  – a whole stream, or the newest commits of a stream, that were cut off together with every trace of them\n  – commits that were all written anew',
    );
    expect(stdout).toContain('The signed log does: give its key with --key.');
  });
});

describe('as a command', () => {
  test('a log that holds ends with 0, one that does not with 1', async () => {
    const held = await formicary(['verify', '--data', good]);
    expect(held.code).toBe(0);
    expect(held.stdout).toContain(`${good}: 3 streams, 13 commits, 0 blobs, no faults`);

    const folder = tampered(
      `UPDATE commits SET body = replace(body, '"n":2', '"n":3') WHERE stream = '${A}' AND idx = 2`,
    );
    const broken = await formicary(['verify', '--data', folder]);
    expect(broken.code).toBe(1);
    expect(broken.stdout).toMatch(/^altered {5}default\/task\/a@2: /);
    expect(broken.stdout).toContain(`${folder}: 3 streams, 13 commits, 0 blobs, 1 fault`);
    expect(broken.stdout).toContain('The log does NOT hold.');
    expect((await formicary(['verify', '--data', folder, '--json'])).json).toMatchObject({
      faults: 1,
      named: [{ commit: `${A}@2`, kind: 'altered' }],
      not_shown: [expect.any(String), expect.any(String)],
    });
  });

  test('the folder: as named, as the environment says, the usual ones', async () => {
    expect((await formicary(['verify'], { env: { FORMICARY_DATA: good } })).stdout).toContain(good);
    const cwd = join(root, 'cwd');
    mkdirSync(cwd);
    const nothing = await formicary(['verify'], { cwd });
    expect(nothing).toMatchObject({ code: 2, stdout: '' });
    expect(nothing.stderr).toContain(`there is no log in ${join(cwd, '.formicary')}`);
    expect(nothing.stderr).toContain('--export FILE');
    cpSync(good, join(cwd, '.formicary/demo'), { recursive: true });
    expect((await formicary(['verify'], { cwd })).stdout).toContain(`${join(cwd, '.formicary/demo')}: 3 streams`);
    cpSync(good, join(cwd, '.formicary'), { recursive: true });
    expect((await formicary(['verify'], { cwd })).stdout).toContain(`${join(cwd, '.formicary')}: 3 streams`);
    expect(await formicary(['verify', '--data', good, '--export', 'x'])).toMatchObject({ code: 2 });
  });

  test('while a host is writing', async () => {
    const host = await startTestHost();
    const client = new Formicary({ url: host.url });
    let stopped = false;
    const writing = (async () => {
      while (!stopped) await client.tasks.postMany(Array.from({ length: 50 }, () => ({ task_type: 'verify.work' })));
    })();
    for (let i = 0; i < 3; i += 1)
      expect((await formicary(['verify', '--data', host.data])).stdout).toContain('no faults');
    stopped = true;
    await writing;
    client.close();
    await host.stop();
  }, 60_000);
});
