/**
 * How far functions have come in the partitions of event hubs, in SQLite: what a host that starts again goes on from.
 * A folder is one host's, so there is nobody to share the partitions with: whoever claims one gets it.
 */
import path from 'node:path';
import type { Checkpoint, CheckpointStore, PartitionOwnership } from '@azure/event-hubs';
import { prepareFolder, privateFile } from '../adapters/embedded/folder';
import { type DatabaseSync, openDatabase } from '../adapters/embedded/sqlite';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS checkpoints (
    namespace TEXT NOT NULL, hub TEXT NOT NULL, consumer_group TEXT NOT NULL, partition TEXT NOT NULL,
    offset TEXT NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (namespace, hub, consumer_group, partition)) WITHOUT ROWID;
`;

export class Checkpoints implements CheckpointStore {
  private readonly database: DatabaseSync;

  /** Opens or creates `event-hubs.db` in the folder. */
  constructor(folder: string) {
    const file = path.join(folder, 'event-hubs.db');
    prepareFolder(folder);
    privateFile(file);
    this.database = openDatabase(file);
    // A checkpoint that a loss of power takes with it has its batch come again.
    this.database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; ${SCHEMA}`);
  }

  listOwnership(): Promise<PartitionOwnership[]> {
    return Promise.resolve([]);
  }

  claimOwnership(claimed: PartitionOwnership[]): Promise<PartitionOwnership[]> {
    return Promise.resolve(claimed);
  }

  async updateCheckpoint({
    fullyQualifiedNamespace,
    eventHubName,
    consumerGroup,
    partitionId,
    offset,
    sequenceNumber,
  }: Checkpoint): Promise<void> {
    this.database
      .prepare(
        'INSERT OR REPLACE INTO checkpoints (namespace, hub, consumer_group, partition, offset, sequence) VALUES (?, ?, ?, ?, ?, ?)',
      )
      .run(fullyQualifiedNamespace, eventHubName, consumerGroup, partitionId, offset, sequenceNumber);
  }

  async listCheckpoints(
    fullyQualifiedNamespace: string,
    eventHubName: string,
    consumerGroup: string,
  ): Promise<Checkpoint[]> {
    return this.database
      .prepare(
        'SELECT partition, offset, sequence FROM checkpoints WHERE namespace = ? AND hub = ? AND consumer_group = ?',
      )
      .all(fullyQualifiedNamespace, eventHubName, consumerGroup)
      .map(({ partition, offset, sequence }) => ({
        fullyQualifiedNamespace,
        eventHubName,
        consumerGroup,
        partitionId: partition as string,
        offset: offset as string,
        sequenceNumber: sequence as number,
      }));
  }

  close(): void {
    this.database.close();
  }
}
