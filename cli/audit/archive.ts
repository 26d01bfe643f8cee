import {
  archivable,
  type Archived,
  archiveStreams,
  giveRoomBack,
  quietSince,
  streamsLike,
  tidyArchive,
} from '../../adapters/embedded/archiving';
import { Database, DATABASE_FILE, unusable } from '../../adapters/embedded/database';
import { SqliteEventStore } from '../../adapters/embedded/event-store';
import { DatabaseUnavailable } from '../../adapters/embedded/folder';
import { hasLog } from '../../adapters/embedded/log';
import {
  archivableBefore,
  ENDING,
  type EndingCategory,
  endingOf,
  retentionDecider,
  retentionStream,
} from '../../domain/audit/retention';
import { AlteredReceipt, checkChained, type Commit } from '../../domain/kernel/commit';
import { stateOf } from '../../domain/kernel/fold';
import { type Time, toTime } from '../../domain/kernel/time';
import { dataFolder } from '../log-file';
import { bold, CALL, call, type Context, count, dim, good, note, print, printJson, UsageError } from '../terminal';

export interface ArchiveInput {
  readonly data?: string;
  readonly dryRun?: boolean;
}

/** Receipts of a stream that are read at once. */
const PAGE = 500;

/**
 * Moves streams that ended long ago, by the policy of each tenant, into a file beside the database of a stopped host.
 */
export async function archive(context: Context, { data, dryRun = false }: ArchiveInput): Promise<void> {
  const folder = dataFolder(data);
  if (!hasLog(folder))
    throw new UsageError(`there is no log in ${folder}`, 'Name the data folder of the host with --data FOLDER.');
  const done = await archiveFolder(folder, toTime(Date.now()), dryRun);
  if (context.json) return printJson({ folder, dry_run: dryRun, ...done });
  for (const each of done.altered) note(`left where it is: ${each}`);
  for (const each of done.unknown)
    note(`archive/${each} is named by no marker, and holds what the database does not: it was left there`);
  if (done.policies === 0)
    return print(
      `No tenant has a policy of retention: nothing is archived. Set one, while the host runs, with: ${call()} retention --set '{"task":365}'`,
    );
  const what = `${count(done.receipts, 'receipt')} of ${count(done.streams, 'stream')}`;
  if (dryRun)
    return print(`${bold(folder)}: ${what} would be archived, ${megabytes(done.removed)} MB; nothing was changed`);
  if (done.files.length === 0) return print(`${bold(folder)}: nothing has ended for so long that it is to be archived`);
  print(
    `${bold(folder)}: ${what}, ${megabytes(done.removed)} MB, are in ${done.files.map((file) => `archive/${file}`).join(', ')} now, ${megabytes(done.bytes)} MB`,
  );
  print(
    `${good('Each was read again before it left the database.')} Check all of it with: ${CALL} verify --data ${folder}`,
  );
  print(dim('The folder archive/ belongs to the data folder: without it, what is in it can be read no more.'));
}

/**
 * Archives what has ended for long enough at `now`; a dry run only counts it. Throws `UsageError` when a host uses the
 * folder, or nobody can.
 */
export async function archiveFolder(folder: string, now: Time, dryRun: boolean): Promise<Done> {
  const done = await refusals(folder, () =>
    withDatabase(folder, (database, store) => work(database, store, now, dryRun)),
  );
  if (done.files.length > 0) await refusals(folder, () => Promise.resolve(giveBack(folder)));
  return done;
}

interface Done extends Archived {
  /** Tenants that have a policy. */
  readonly policies: number;
  /** Streams that don't hold, in words: they stay. */
  readonly altered: readonly string[];
  readonly unknown: readonly string[];
}

async function work(database: Database, store: SqliteEventStore, now: Time, dryRun: boolean): Promise<Done> {
  const unknown = dryRun ? [] : tidyArchive(database);
  const altered: string[] = [];
  const streams: string[] = [];
  let policies = 0;
  for (const tenant of tenantsOf(database)) {
    const { days } = stateOf(retentionDecider, await wholeStream(store, retentionStream(tenant)));
    if (Object.keys(days).length > 0) policies += 1;
    for (const category of ENDING) {
      const limit = days[category];
      if (limit === undefined) continue;
      for (const stream of quietSince(database, `${tenant}/${category}/`, archivableBefore(limit, now))) {
        try {
          if (await hasEnded(store, category, stream, now)) streams.push(stream);
        } catch (error) {
          if (!(error instanceof AlteredReceipt)) throw error;
          altered.push(error.message);
        }
      }
    }
  }
  const found = { policies, altered, unknown };
  if (!dryRun) return { ...found, ...(await archiveStreams(database, streams, { date: now.slice(0, 10) })) };
  const sizes = streams.map((stream) => archivable(database, stream));
  const sum = (of: (size: { receipts: number; bytes: number }) => number) =>
    sizes.reduce((total, size) => total + of(size), 0);
  return {
    ...found,
    files: [],
    streams: streams.length,
    receipts: sum(({ receipts }) => receipts),
    bytes: 0,
    removed: sum(({ bytes }) => bytes),
  };
}

/** Those that have a policy, or had one. */
function tenantsOf(database: Database): string[] {
  return streamsLike(database, retentionStream('*')).map((stream) => stream.slice(0, stream.indexOf('/')));
}

/** Whether all of it says so. Throws `AlteredReceipt` when its chain does not hold. */
async function hasEnded(
  store: SqliteEventStore,
  category: EndingCategory,
  stream: string,
  now: Time,
): Promise<boolean> {
  const { decider, ended } = endingOf(category);
  return ended(stateOf(decider, await wholeStream(store, stream)), now);
}

async function wholeStream(store: SqliteEventStore, stream: string): Promise<Commit[]> {
  const commits: Commit[] = [];
  let last: { index: number; hash: string | null } = { index: -1, hash: null };
  for (;;) {
    const page = await store.read(stream, last.index + 1, PAGE);
    for (const commit of page) {
      checkChained(stream, last, commit);
      last = commit;
      commits.push(commit);
    }
    if (page.length < PAGE) return commits;
  }
}

/** Holds the lock that a host would hold. */
async function withDatabase<T>(
  folder: string,
  run: (database: Database, store: SqliteEventStore) => Promise<T>,
): Promise<T> {
  const database = await Database.open(folder);
  try {
    return await run(database, await SqliteEventStore.open(database));
  } finally {
    await database.close();
  }
}

/** What was archived stays so when there is no room to give back what was freed. */
function giveBack(folder: string): void {
  const why = giveRoomBack(folder);
  if (why !== undefined)
    note(
      `the room that was freed in ${DATABASE_FILE} is used for what comes, and was not given back to the disk: ${why}`,
    );
}

async function refusals<T>(folder: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof DatabaseUnavailable)
      throw new UsageError(
        error.message,
        'Archive while the host is stopped: only then nobody reads what is being moved.',
      );
    if ((error as { errcode?: number }).errcode !== undefined) throw new UsageError(unusable(folder, error).message);
    throw error;
  }
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
