/** All ports of the embedded profile, over one folder. */
import { join } from 'node:path';
import type { StorePorts } from '../../app/ports';
import { Database } from './database';
import { SqliteEventStore } from './event-store';
import { FileBlobArchive, MemoryPresence, SqliteCheckpoints, SqliteDeadlines, SqliteWorkQueue } from './small-stores';
import { SqliteViewStore } from './view-store';

/** Opens the stores in `folder`, which is made when it is not there. Throws `DatabaseUnavailable`. */
export async function openEmbedded(folder: string): Promise<StorePorts> {
  const database = await Database.open(folder);
  return {
    store: await SqliteEventStore.open(database),
    views: new SqliteViewStore(database),
    checkpoints: await SqliteCheckpoints.open(database),
    deadlines: await SqliteDeadlines.open(database),
    queue: await SqliteWorkQueue.open(database),
    blobs: new FileBlobArchive(join(folder, 'blobs')),
    presence: new MemoryPresence(),
    close: () => database.close(),
  };
}
