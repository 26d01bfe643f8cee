/** The embedded adapters under the contracts of their ports, and what only they promise. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '../../adapters/embedded/database';
import { SqliteEventStore } from '../../adapters/embedded/event-store';
import { DatabaseUnavailable } from '../../adapters/embedded/folder';
import { SqliteKeys } from '../../adapters/embedded/keys';
import {
  FileBlobArchive,
  MemoryPresence,
  SqliteCheckpoints,
  SqliteDeadlines,
  SqliteWorkQueue,
} from '../../adapters/embedded/small-stores';
import { FileSubjectKeys } from '../../adapters/embedded/subject-keys';
import { SqliteViewStore } from '../../adapters/embedded/view-store';
import { commandName } from '../../domain/kernel/commit';
import { plusSeconds } from '../../domain/kernel/time';
import { chain, EPOCH, nextCommit } from '../support/commits';
import { blobArchiveContract } from './blob-archive.contract';
import type { Opened, Timed } from './contract';
import { deadlinesContract } from './deadlines.contract';
import { eventStoreContract } from './event-store.contract';
import { checkpointsContract, keysContract, presenceContract } from './small-stores.contract';
import { subjectKeysContract } from './subject-keys.contract';
import { viewStoreContract } from './view-store.contract';
import { workQueueContract } from './work-queue.contract';

const temporaryFolder = () => mkdtemp(join(tmpdir(), 'formicary-contract-'));

/** A port on a database in a folder of its own. */
async function onDatabase<T>(make: (database: Database) => T | Promise<T>): Promise<Opened<T>> {
  const folder = await temporaryFolder();
  let database = await Database.open(folder);
  return {
    store: await make(database),
    reopen: async () => {
      await database.close();
      database = await Database.open(folder);
      return await make(database);
    },
    close: async () => {
      await database.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** Embedded adapters have no clock of their own, so time passes as the test says. */
async function timed<T>(opened: Promise<Opened<T>>): Promise<Timed<T>> {
  let now = EPOCH;
  return {
    ...(await opened),
    now: () => now,
    pass: async (seconds) => {
      now = plusSeconds(now, seconds);
      await Promise.resolve();
    },
  };
}

eventStoreContract('SQLite', () => onDatabase((database) => SqliteEventStore.open(database)));
viewStoreContract('SQLite', () => onDatabase((database) => new SqliteViewStore(database)));
keysContract('SQLite', () => onDatabase((database) => SqliteKeys.open(database)));
checkpointsContract('SQLite', () => onDatabase((database) => SqliteCheckpoints.open(database)));
deadlinesContract('SQLite', () => timed(onDatabase((database) => SqliteDeadlines.open(database))));
workQueueContract('SQLite', () => timed(onDatabase((database) => SqliteWorkQueue.open(database))));
blobArchiveContract('files', async () => {
  const folder = await temporaryFolder();
  return {
    store: new FileBlobArchive(folder),
    reopen: async () => await Promise.resolve(new FileBlobArchive(folder)),
    close: () => rm(folder, { recursive: true }),
  };
});
subjectKeysContract('files', async () => {
  const folder = await temporaryFolder();
  return {
    store: new FileSubjectKeys(folder),
    reopen: async () => await Promise.resolve(new FileSubjectKeys(folder)),
    close: () => rm(folder, { recursive: true }),
  };
});
presenceContract('memory', async () => {
  const store = new MemoryPresence();
  return await Promise.resolve({
    store,
    reopen: async () => await Promise.resolve(store),
    close: async () => await Promise.resolve(),
  });
});

describe('the embedded database', () => {
  let folder: string;
  let database: Database;

  beforeEach(async () => {
    folder = await temporaryFolder();
    database = await Database.open(folder);
  });
  afterEach(async () => {
    await database.close();
    await rm(folder, { recursive: true });
  });

  test('a folder in use is refused in words that help, and free again after closing', async () => {
    const second = await Database.open(folder).catch((error: unknown) => error);
    if (second instanceof Database) await second.close(); // or its thread would keep this process alive
    expect(second).toBeInstanceOf(DatabaseUnavailable);
    expect((second as Error).message).toContain(`another process uses ${folder}`);
    await database.close();
    database = await Database.open(folder);
  });

  test('a page of the feed ends where much of it had to be parsed', async () => {
    const opened = await onDatabase((database) => SqliteEventStore.open(database));
    const commits = chain('t/task/large', 60, undefined, (n) => ({ n, filler: 'x'.repeat(30_000) }));
    await opened.store.append({ stream: 't/task/large', expected: -1, commits });
    const store = await opened.reopen();
    const found: number[] = [];
    for (let from: string | undefined, end = false; !end;) {
      const page = await store.feed(from, 500);
      expect(page.commits.length).toBeLessThanOrEqual(17);
      found.push(...page.commits.map(({ index }) => index));
      ({ checkpoint: from, end } = page);
    }
    expect(found).toEqual(commits.map(({ commit }) => commit.index));
    await opened.close();
  });

  test('an operation that fails takes no other with it that shares its transaction', async () => {
    await database.write({ statements: [['CREATE TABLE t (n INTEGER PRIMARY KEY)', []]] });
    const results = await Promise.allSettled([
      database.write({ statements: [['INSERT INTO t VALUES (1)', []]] }),
      database.write({
        statements: [
          ['INSERT INTO t VALUES (2)', []],
          ['INSERT INTO t VALUES (2)', []],
        ],
      }),
      database.write({ statements: [['INSERT INTO nowhere VALUES (1)', []]] }),
      database.write({ statements: [['INSERT INTO t VALUES (3)', []]] }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(database.all<{ n: number }>('SELECT n FROM t').map(({ n }) => n)).toEqual([1, 3]);
  });

  test('closing writes what is under way, twice is once, and writing afterwards fails', async () => {
    const store = await SqliteEventStore.open(database);
    const written = Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        store.append({ stream: `a/task/${i}`, expected: -1, commits: chain(`a/task/${i}`, 1) }),
      ),
    );
    await Promise.all([database.close(), database.close()]);
    expect((await written).every(({ kind }) => kind === 'written')).toBe(true);
    await expect(database.write({ statements: [['SELECT 1', []]] })).rejects.toThrow();
    database = await Database.open(folder);
    const { commits } = await (await SqliteEventStore.open(database)).feed(undefined, 100);
    expect(commits).toHaveLength(40);
  });

  test('when the writer thread dies, waiting and later writes fail, and closing still ends', async () => {
    const waiting = database.write({ statements: [['CREATE TABLE t (n INTEGER)', []]] });
    const failed = expect(Promise.all([waiting, waiting])).rejects.toThrow('the writer thread ended');
    const { worker } = database as unknown as { worker: { terminate(): Promise<number> } };
    await worker.terminate();
    await failed;
    await expect(database.write({ statements: [['SELECT 1', []]] })).rejects.toThrow('the writer thread ended');
    await database.close();
    database = await Database.open(folder);
  });

  test('a file that is no database is refused, and the folder is not left locked', async () => {
    await database.close();
    await rm(join(folder, 'formicary.db'));
    await writeFile(join(folder, 'formicary.db'), 'this is no database '.repeat(1_000));
    await expect(Database.open(folder)).rejects.toThrow(DatabaseUnavailable);
    await rm(join(folder, 'formicary.db'));
    database = await Database.open(folder);
  });

  test('blobs leave no torn or temporary files behind', async () => {
    const archive = new FileBlobArchive(folder);
    const reference = await archive.put('acme', Buffer.from('content'));
    await archive.put('acme', Buffer.from('content'));
    const hash = reference.slice('sha256:'.length);
    expect(await readdir(join(folder, 'acme', hash.slice(0, 2)))).toEqual([hash]);
    // Nor when the last step fails: on a full disk each retry would take what room is left.
    await rm(join(folder, 'acme', hash.slice(0, 2), hash));
    await mkdir(join(folder, 'acme', hash.slice(0, 2), hash));
    await expect(archive.put('acme', Buffer.from('content'))).rejects.toThrow();
    expect(await readdir(join(folder, 'acme', hash.slice(0, 2)))).toEqual([hash]);
  });
});

test('what a store remembers of a stream is asked no further than it goes: others append to it as well', async () => {
  const opened = await onDatabase(async (database) => ({
    one: await SqliteEventStore.open(database),
    other: await SqliteEventStore.open(database),
  }));
  const { one, other } = opened.store;
  const stream = 'acme/task/1';
  const first = nextCommit(stream, undefined, {}, { commandId: 'first' });
  const second = nextCommit(stream, first.commit, {}, { commandId: 'second' });
  const third = nextCommit(stream, second.commit, {}, { commandId: 'third' });
  await one.append({ stream, expected: -1, commits: [first] });
  await other.append({ stream, expected: 0, commits: [second] });
  const find = (key: string, version: number) => one.answered(stream, commandName('agent-1', key), version);
  expect(await Promise.all([find('first', 0), find('first', 1), find('second', 1)])).toEqual([0, 0, 1]);
  // It has not seen the second: what it writes after that makes its memory no more complete.
  await one.append({ stream, expected: 1, commits: [third] });
  expect(await Promise.all([find('first', 2), find('second', 2), find('third', 2)])).toEqual([0, 1, 2]);
  await opened.close();
});

test('an append whose answer comes late leaves no half memory of a stream', async () => {
  const opened = await onDatabase(async (database) => ({ database, store: await SqliteEventStore.open(database) }));
  const { database, store } = opened.store;
  const stream = 'acme/task/1';
  const commits = ['first', 'second', 'third'].reduce<ReturnType<typeof nextCommit>[]>(
    (before, commandId) => [...before, nextCommit(stream, before.at(-1)?.commit, {}, { commandId })],
    [],
  );
  const append = (n: number) => store.append({ stream, expected: n - 1, commits: [commits[n] as (typeof commits)[0]] });
  await append(0);
  const write = database.write.bind(database);
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const spy = jest.spyOn(database, 'write').mockImplementationOnce(async (work) => {
    const result = await write(work);
    await held;
    return result;
  });
  const late = append(1);
  // Its caller has given up; the next one goes on from what the feed has shown.
  const next = append(2);
  release();
  expect(await Promise.all([late, next])).toEqual([{ kind: 'written' }, { kind: 'written' }]);
  spy.mockRestore();
  const find = (key: string) => store.answered(stream, commandName('agent-1', key), 2);
  expect(await Promise.all(['first', 'second', 'third'].map(find))).toEqual([0, 1, 2]);
  await opened.close();
});
