/** A log that is only read answers what the store of its host answers: beside the host, after it, and as an export. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { archiveStreams } from '../../adapters/embedded/archiving';
import { Database } from '../../adapters/embedded/database';
import { SqliteEventStore } from '../../adapters/embedded/event-store';
import { blobsIn } from '../../adapters/embedded/open';
import { ReadOnlyLog } from '../../adapters/embedded/read-only-log';
import { openDatabase } from '../../adapters/embedded/sqlite';
import { audit } from '../../adapters/embedded/verification';
import type { EventStore } from '../../app/engine/ports';
import { AGGREGATES } from '../../domain/aggregates';
import { causalCategories, causalChain } from '../../domain/audit/causality';
import { AlteredReceipt, commandName, type Commit, seal, type SealedCommit } from '../../domain/kernel/commit';
import { chain, EPOCH, META, nextCommit } from '../support/commits';

jest.setTimeout(60_000); // other work shares the machine

const A = 'acme/task/a';
const B = 'acme/task/b';
const OTHER = 'other/task/a';
const COMMAND = { ...META, commandId: 'key', commandHash: 'x' };
const ANSWER = commandName(META.actor.id, 'key');

let root: string;
const open: { close(): unknown }[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'formicary-read-'));
});
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
  rmSync(root, { recursive: true, force: true });
});

const append = async (store: EventStore, { commit, body, ...rest }: SealedCommit, snapshot = false) =>
  await store.append({
    stream: commit.stream,
    expected: commit.index - 1,
    commits: [{ commit, body, ...rest }],
    ...(snapshot && { snapshot: { version: 1, index: commit.index, state: { n: commit.index } } }),
  });

/** A host's store: A of 12 commits with a snapshot and an answer, B of 2, and one of another tenant. */
async function written(): Promise<{ folder: string; database: Database; store: SqliteEventStore }> {
  const folder = join(root, 'data');
  const database = await Database.open(folder);
  open.push(database);
  const store = await SqliteEventStore.open(database);
  let last: Commit | undefined;
  for (let i = 0; i < 12; i += 1) {
    const sealed = nextCommit(A, last, { i }, i === 3 ? COMMAND : {});
    await append(store, sealed, i === 5);
    last = sealed.commit;
    for (const other of [B, OTHER]) {
      const commit = chain(other, 2)[i];
      if (commit !== undefined) await append(store, commit);
    }
  }
  return { folder, database, store };
}

function reading(folder: string): ReadOnlyLog {
  const log = ReadOnlyLog.open(folder);
  open.push(log);
  return log;
}

async function exported(log: ReadOnlyLog): Promise<ReadOnlyLog> {
  const lines = [...log.lines()];
  const loaded = await ReadOnlyLog.load(
    (async function* () {
      yield* lines;
    })(),
  );
  open.push(loaded);
  return loaded;
}

/** Everything that a store answers, page by page. */
async function answers(store: EventStore): Promise<unknown> {
  const feed: unknown[] = [];
  for (let from: string | undefined; ;) {
    const page = await store.feed(from, 4);
    feed.push(...page.commits);
    from = page.checkpoint;
    if (page.end) break;
  }
  return {
    heads: await Promise.all([A, B, OTHER, 'acme/task/none'].map((stream) => store.head(stream))),
    reads: await Promise.all([0, 3, 11, 12].map((from) => store.read(A, from, 5))),
    answered: await Promise.all([A, B].map((stream) => store.answered(stream, ANSWER, Infinity))),
    feed,
    lag: await store.lag(undefined),
    end: await store.end(),
  };
}

test('it answers as its host does, while the host writes on', async () => {
  const { folder, store } = await written();
  const log = reading(folder);
  expect(await answers(log)).toEqual(await answers(store));
  expect(await log.snapshot(A)).toEqual(await store.snapshot(A));
  await append(store, nextCommit(B, chain(B, 2)[1]?.commit));
  expect(await answers(log)).toEqual(await answers(store));
  expect(log.wasDisturbed()).toBe(false);
});

test('and without a host, with what was archived; places in the feed are the same', async () => {
  const { folder, database, store } = await written();
  const before = (await answers(store)) as { feed: Commit[] };
  await archiveStreams(database, [A], { date: '2026-11-28' });
  await database.close();
  const log = reading(folder);
  const after = (await answers(log)) as { feed: Commit[] };
  const ordered = ({ feed }: { feed: Commit[] }) => feed.map(({ hash }) => hash).sort();
  expect({ ...after, feed: ordered(after) }).toEqual({ ...before, feed: ordered(before) });
  expect(log.receipts(A)).toEqual(after.feed.filter(({ stream }) => stream === A));
  expect(log.receipt('acme', `${A}@2`)?.index).toBe(2);
  expect(log.receipt('other', `${A}@2`)).toBeUndefined();
});

test('an export answers the same, but for snapshots, which it has not', async () => {
  const { folder, database, store } = await written();
  const log = await exported(reading(folder));
  expect(await answers(log)).toEqual(await answers(store));
  expect(await log.snapshot(A)).toBeUndefined();
  await archiveStreams(database, [A], { date: '2026-11-28' });
  await database.close();
  const ofArchived = await exported(reading(folder));
  expect(ofArchived.receipts(A)).toEqual(log.receipts(A));
  expect([...log.lines('other')].map(({ stream }) => stream)).toEqual([OTHER, OTHER]);
});

test('nothing can be appended, and nothing rings', async () => {
  const { folder } = await written();
  const log = reading(folder);
  log.onAppend()();
  await expect(log.append()).rejects.toThrow('nothing can be appended');
});

test('what was altered is handed out to those alone who check it themselves', async () => {
  const { folder, database } = await written();
  await database.close();
  const file = openDatabase(join(folder, 'formicary.db'));
  file.exec(`UPDATE commits SET body = replace(body, '"i":4', '"i":5') WHERE stream = '${A}' AND idx = 4`);
  file.close();
  const log = reading(folder);
  await expect(log.read(A, 0, 12)).rejects.toThrow(AlteredReceipt);
  expect((await log.feed(undefined, 100)).altered).toMatchObject([{ stream: A, index: 4 }]);
  expect(log.receipts(A)[4]).toMatchObject({ index: 4, events: [{ data: { i: 5 } }] });
});

test('what led to a receipt is found in the archive too, and not in another tenant', async () => {
  const { folder, database } = await written();
  await archiveStreams(database, [A], { date: '2026-11-28' });
  await database.close();
  const log = reading(folder);
  const index = {
    categories: causalCategories(AGGREGATES),
    receipt: async (ref: string) => log.receipt('acme', ref),
    members: (correlation: string) => log.members('acme', correlation),
  };
  expect(await causalChain(index, 'acme', `${A}@2`)).toMatchObject({ commits: 14, complete: true });
  expect(await causalChain(index, 'acme', 'correlation-1')).toMatchObject({ commits: 14 });
  expect(await causalChain(index, 'acme', 'unheard-of')).toBeUndefined();
});

test('payloads of an archived stream of which nothing is left are looked for too', async () => {
  const folder = join(root, 'payloads');
  const database = await Database.open(folder);
  const store = await SqliteEventStore.open(database);
  const reference = await blobsIn(folder).put('acme', Buffer.from('{}'));
  const events = [{ type: 'TaskCompleted', v: 1, data: { result_ref: reference } }];
  const first = seal({ stream: A, index: 0, events, meta: META, at: EPOCH, previousHash: null });
  await append(store, first);
  for (const commit of chain(A, 2, first.commit)) await append(store, commit);
  await archiveStreams(database, [A], { date: '2026-11-28' });
  await database.close();
  const file = openDatabase(join(folder, 'formicary.db'));
  file.exec('DELETE FROM commits');
  file.close();
  for (const name of readdirSync(join(folder, 'blobs'), { recursive: true, withFileTypes: true }))
    if (name.isFile()) writeFileSync(join(name.parentPath, name.name), 'other bytes');
  const found = audit(reading(folder)).named.map(({ commit, kind }) => `${kind} ${commit ?? 'the log'}`);
  expect(found).toContain(`altered ${A}@0`);
  expect(found).toContain(`missing ${A}@2`);
});
