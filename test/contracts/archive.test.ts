/** The archive of the embedded store: what a crash leaves at each step, and how what was moved is read. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ARCHIVE_FOLDER, archiveFilesIn } from '../../adapters/embedded/archive';
import { type ArchiveStep, archiveStreams, tidyArchive } from '../../adapters/embedded/archiving';
import { Database } from '../../adapters/embedded/database';
import { SqliteEventStore } from '../../adapters/embedded/event-store';
import { audit } from '../../adapters/embedded/verification';
import { loadExport, openFolder } from '../../cli/log-file';
import { AlteredReceipt, type Commit, type SealedCommit } from '../../domain/kernel/commit';
import { chain } from '../support/commits';

const A = 'acme/task/a';
const B = 'acme/task/b';
const C = 'acme/task/c';
/** Long enough for three pieces. */
const LENGTHS = { [A]: 6, [B]: 1_203, [C]: 3 };
const DATE = '2026-11-28';
const all = new Map<string, readonly SealedCommit[]>(
  Object.entries(LENGTHS).map(([stream, length]) => [stream, chain(stream, length)]),
);

let root: string;
let good: string;
let copies = 0;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'formicary-archive-'));
  good = join(root, 'good');
  await opened(good, async (_, store) => {
    for (let index = 0; index < LENGTHS[B]; index += 1) {
      for (const [stream, commits] of all) {
        const commit = commits[index];
        if (commit !== undefined) await store.append({ stream, expected: index - 1, commits: [commit] });
      }
    }
  });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function copied(from = good): string {
  const folder = join(root, `copy-${(copies += 1)}`);
  cpSync(from, folder, { recursive: true });
  return folder;
}

async function opened<T>(folder: string, run: (database: Database, store: SqliteEventStore) => Promise<T>): Promise<T> {
  const database = await Database.open(folder);
  try {
    return await run(database, await SqliteEventStore.open(database));
  } finally {
    await database.close();
  }
}

/** A copy of which A and B are archived. */
async function archived(from = good, date = DATE): Promise<string> {
  const folder = copied(from);
  await opened(folder, async (database) => await archiveStreams(database, [A, B], { date }));
  return folder;
}

const faults = (folder: string): string[] => {
  const log = openFolder(folder);
  try {
    return audit(log).named.map(({ commit, kind }) => `${kind} ${commit ?? 'the log'}`);
  } finally {
    log.close();
  }
};

const hashes = (commits: readonly { readonly hash: string }[]) => commits.map(({ hash }) => hash);
const written = (stream: string) => hashes((all.get(stream) as SealedCommit[]).map(({ commit }) => commit));

async function whole(store: SqliteEventStore, stream: string, limit: number): Promise<Commit[]> {
  const commits: Commit[] = [];
  for (;;) {
    const page = await store.read(stream, commits.length, limit);
    commits.push(...page);
    if (page.length < limit) return commits;
  }
}

async function fed(store: SqliteEventStore, limit: number, from?: string): Promise<Commit[]> {
  const commits: Commit[] = [];
  for (let place = from; ;) {
    const page = await store.feed(place, limit);
    expect(page.commits.length).toBeLessThanOrEqual(limit);
    expect(page.altered ?? []).toEqual([]);
    commits.push(...page.commits);
    place = page.checkpoint;
    if (page.end) return commits;
  }
}

test('what is archived is read as before: streams, heads, the feed in pages of any size, the end of the log', async () => {
  const before = await opened(good, async (_, store) => ({
    end: await store.end(),
    heads: await Promise.all([...all.keys()].map((stream) => store.head(stream))),
  }));
  const folder = await archived();
  await opened(folder, async (database, store) => {
    expect(database.get('SELECT count(*) AS n FROM commits')).toEqual({ n: 1 + 1 + 3 });
    expect(await store.end()).toBe(before.end);
    expect(await Promise.all([...all.keys()].map((stream) => store.head(stream)))).toEqual(before.heads);
    for (const limit of [7, 499, 500, 5_000]) {
      for (const stream of all.keys()) expect(hashes(await whole(store, stream, limit))).toEqual(written(stream));
      const feed = await fed(store, limit);
      for (const stream of all.keys())
        expect(hashes(feed.filter((commit) => commit.stream === stream))).toEqual(written(stream));
    }
    expect(hashes(await store.read(B, 498, 4))).toEqual(written(B).slice(498, 502));
    expect(await fed(store, 10, before.end)).toEqual([]);
    await expect(store.feed('3-x', 1)).rejects.toThrow(RangeError);
  });
  expect(faults(folder)).toEqual([]);
});

test('a stream that was archived is not new, goes on where it ended, and can be archived again', async () => {
  const folder = await archived();
  const more = chain(A, 4, all.get(A)?.at(-1)?.commit);
  await opened(folder, async (_, store) => {
    const [first] = all.get(A) as [SealedCommit];
    expect(await store.append({ stream: A, expected: -1, commits: [first] })).toEqual({ kind: 'conflict', head: 5 });
    expect(await store.append({ stream: A, expected: 5, commits: more })).toEqual({ kind: 'written' });
  });
  const again = await archived(folder);
  expect(archiveFilesIn(again)).toEqual([`${DATE}-1.jsonl.gz`, `${DATE}-2.jsonl.gz`]);
  await opened(again, async (database, store) => {
    expect(database.all('SELECT idx FROM commits WHERE stream = ?', A)).toEqual([{ idx: 9 }]);
    const expected = [...written(A), ...hashes(more.map(({ commit }) => commit))];
    for (const limit of [1, 3, 100]) {
      expect(hashes(await whole(store, A, limit))).toEqual(expected);
      expect(hashes((await fed(store, limit)).filter(({ stream }) => stream === A))).toEqual(expected);
    }
  });
  expect(faults(again)).toEqual([]);
});

test('a stream is in the database, or in a file that a marker names, after a crash at any step; the next run tidies up', async () => {
  const steps: ArchiveStep[] = ['written', 'checked', 'named', 'removed'];
  for (const step of steps) {
    const folder = copied();
    await opened(folder, async (database) => {
      const stopped = archiveStreams(database, [A, B], {
        date: DATE,
        onStep: (done) => {
          if (done === step) throw new Error('the power went');
        },
      });
      await expect(stopped).rejects.toThrow('the power went');
    });
    expect([step, faults(folder)]).toEqual([step, []]);
    await opened(folder, async (database, store) => {
      for (const stream of all.keys())
        expect([step, hashes(await whole(store, stream, 500))]).toEqual([step, written(stream)]);
      expect(tidyArchive(database)).toEqual([]);
      expect([step, readdirSync(join(folder, ARCHIVE_FOLDER))]).toEqual([
        step,
        step === 'removed' ? [`${DATE}-1.jsonl.gz`] : [],
      ]);
      const { streams } = await archiveStreams(database, [A, B], { date: DATE });
      expect([step, streams]).toEqual([step, step === 'removed' ? 0 : 2]);
    });
    expect([step, faults(folder)]).toEqual([step, []]);
  }
});

test('a file that its disk has not kept as it was written removes nothing', async () => {
  const folder = copied();
  const spoil = (step: ArchiveStep, file: string) => {
    if (step !== 'written') return;
    const path = join(folder, ARCHIVE_FOLDER, `${file}.partial`);
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40);
    writeFileSync(path, bytes);
  };
  await opened(
    folder,
    async (database) =>
      await expect(archiveStreams(database, [A], { date: DATE, onStep: spoil })).rejects.toThrow(
        'does not hold what was written to it',
      ),
  );
  await opened(folder, async (_, store) => expect(hashes(await whole(store, A, 100))).toEqual(written(A)));
  expect(archiveFilesIn(folder)).toEqual([]);
});

test('an archiving removes no file that it does not know', async () => {
  const folder = await archived();
  const strange = join(folder, ARCHIVE_FOLDER, '2020-01-01-1.jsonl.gz');
  writeFileSync(strange, 'not ours');
  await opened(
    folder,
    async (database) => await Promise.resolve(expect(tidyArchive(database)).toEqual(['2020-01-01-1.jsonl.gz'])),
  );
  expect(existsSync(strange)).toBe(true);
});

test('without its file nothing of a stream is read, and nothing written over it; all others go on', async () => {
  const folder = await archived();
  rmSync(join(folder, ARCHIVE_FOLDER), { recursive: true });
  await opened(folder, async (_, store) => {
    await expect(store.read(A, 0, 10)).rejects.toThrow(
      new AlteredReceipt(
        A,
        0,
        `to 4 were archived to archive/${DATE}-1.jsonl.gz, which is missing: put it back as it was, from a backup`,
      ),
    );
    expect(hashes(await store.read(A, 5, 10))).toEqual(written(A).slice(5));
    const { commits, altered, end } = await store.feed(undefined, 1_000);
    expect([hashes(commits.filter(({ stream }) => stream === C)), end]).toEqual([written(C), true]);
    expect(new Set(altered?.map(({ stream }) => stream))).toEqual(new Set([A, B]));
  });
});

test('the last receipt of an archived stream is missed when it is gone', async () => {
  const folder = await archived();
  await opened(folder, async (database, store) => {
    await database.write({ statements: [['DELETE FROM commits WHERE stream = ?', [A]]] });
    await expect(store.head(A)).rejects.toThrow(`${A}@5 is missing`);
    await expect(store.read(A, 0, 100)).rejects.toThrow(`${A}@5 is missing`);
    const [first] = all.get(A) as [SealedCommit];
    expect(await store.append({ stream: A, expected: -1, commits: [first] })).toEqual({ kind: 'conflict', head: 4 });
  });
  // Its place in the log is empty too.
  expect(faults(folder)).toEqual([`missing ${A}@5`, 'missing the log']);
});

describe('verify names', () => {
  const file = (folder: string) => join(folder, ARCHIVE_FOLDER, `${DATE}-1.jsonl.gz`);

  test('a file that is missing', async () => {
    const folder = await archived();
    rmSync(file(folder));
    expect(faults(folder)).toEqual(['missing the log', `missing ${A}@5`, `missing ${B}@1202`]);
  });

  test('a file that was altered, and the piece', async () => {
    const folder = await archived();
    const bytes = readFileSync(file(folder));
    bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40);
    writeFileSync(file(folder), bytes);
    expect(faults(folder)).toEqual(['altered the log', `unreadable ${A}@0`, `missing ${A}@5`]);
  });

  test('bytes that were added to a file', async () => {
    const folder = await archived();
    writeFileSync(file(folder), Buffer.concat([readFileSync(file(folder)), Buffer.from('x')]));
    expect(faults(folder)).toEqual(['altered the log']);
  });

  test('a marker that was removed', async () => {
    const folder = await archived();
    await opened(
      folder,
      async (database) => await database.write({ statements: [['DELETE FROM archived WHERE stream = ?', [A]]] }),
    );
    expect(faults(folder)).toEqual([`missing ${A}@5`, ...Array.from({ length: 5 }, () => 'missing the log')]);
  });
});

test('a file is an export that verifies by itself', async () => {
  const folder = await archived();
  const log = await loadExport(join(folder, ARCHIVE_FOLDER, `${DATE}-1.jsonl.gz`));
  expect(audit(log)).toMatchObject({ streams: 2, commits: 5 + 1_202, faults: 0 });
  log.close();
});
