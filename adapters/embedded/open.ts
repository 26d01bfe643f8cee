/** All ports of the embedded profile, over one folder. */
import { join } from 'node:path';
import type { StorePorts } from '../../app/engine/ports';
import { AlteredReceipt, unsealAt } from '../../domain/kernel/commit';
import { commitRef } from '../../domain/kernel/ids';
import { Database, unusable } from './database';
import { SqliteEventStore } from './event-store';
import { keyFaults } from './key-check';
import { logKeyIn, PERSONAL_KEY_FILE, personalKeyIn } from './key-files';
import { SqliteKeys } from './keys';
import { secretIn } from './new-secret';
import { FileBlobArchive, MemoryPresence, SqliteCheckpoints, SqliteDeadlines, SqliteWorkQueue } from './small-stores';
import { FileSubjectKeys } from './subject-keys';
import { SqliteViewStore } from './view-store';

/** The large payloads of a data folder. */
export function blobsIn(folder: string): FileBlobArchive {
  return new FileBlobArchive(join(folder, 'blobs'));
}

/** Of the last thousand: a receipt that followed another one may lie before or after its neighbours. */
const NEWEST = `SELECT stream, idx AS "index", hash, body FROM (SELECT * FROM commits ORDER BY position DESC LIMIT 1000)
  WHERE json_valid(body) ORDER BY json_extract(body, '$.at') DESC LIMIT 10`;

/** The receipt with the latest time among the newest; one that was altered says nothing. */
export function newestReceipt(
  database: Pick<Database, 'all'>,
): { readonly ref: string; readonly at: string } | undefined {
  for (const row of database.all<{ stream: string; index: number; hash: string; body: string }>(NEWEST)) {
    try {
      return { ref: commitRef(row.stream, row.index), at: unsealAt(row, row.body, row.hash).at };
    } catch (error) {
      if (!(error instanceof AlteredReceipt)) throw error;
    }
  }
  return undefined;
}

/** Opens the stores in `folder`, which is made when it is not there. Throws `DatabaseUnavailable`. */
export async function openEmbedded(folder: string): Promise<StorePorts> {
  const database = await Database.open(folder);
  try {
    return {
      store: await SqliteEventStore.open(database),
      keys: await SqliteKeys.open(database),
      views: new SqliteViewStore(database),
      checkpoints: await SqliteCheckpoints.open(database),
      deadlines: await SqliteDeadlines.open(database),
      queue: await SqliteWorkQueue.open(database),
      blobs: blobsIn(folder),
      presence: new MemoryPresence(),
      subjectKeys: new FileSubjectKeys(folder),
      newest: async () => newestReceipt(database),
      probe: () => database.probe(),
      close: () => database.close(),
    };
  } catch (error) {
    await database.leave();
    throw unusable(folder, error);
  }
}

export { keyFaults, logKeyIn, PERSONAL_KEY_FILE, personalKeyIn, secretIn, unusable };
