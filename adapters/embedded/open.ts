/** All ports of the embedded profile, over one folder. */
import { join } from 'node:path';
import type { StorePorts } from '../../app/ports';
import { Database, unusable } from './database';
import { SqliteEventStore } from './event-store';
import { SqliteKeys } from './keys';
import { FileBlobArchive, MemoryPresence, SqliteCheckpoints, SqliteDeadlines, SqliteWorkQueue } from './small-stores';
import { SqliteViewStore } from './view-store';

/** The large payloads of a data folder. */
export function blobsIn(folder: string): FileBlobArchive {
  return new FileBlobArchive(join(folder, 'blobs'));
}

/** Of the last thousand: a receipt that followed another one may lie before or after its neighbours. */
const NEWEST = `SELECT stream || '@' || idx AS ref, json_extract(body, '$.at') AS at
  FROM (SELECT stream, idx, body FROM commits ORDER BY position DESC LIMIT 1000) ORDER BY at DESC LIMIT 1`;

/** The receipt with the latest time among the newest. */
export function newestReceipt(database: Pick<Database, 'get'>): { readonly ref: string; readonly at: string } | undefined {
  return database.get<{ ref: string; at: string }>(NEWEST);
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
      newest: async () => newestReceipt(database),
      probe: () => database.probe(),
      close: () => database.close(),
    };
  } catch (error) {
    await database.leave();
    throw unusable(folder, error);
  }
}

export { unusable };
