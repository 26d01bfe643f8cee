/**
 * The snapshots of streams on Cosmos DB, in the container `snapshots`: derived, and so apart from the receipts, of
 * which nothing may be rewritten. In the partition of a stream:
 *
 *   last                 the snapshot that came last, replaced by the next one
 *   000000000042         one as it was made at that commit, when it is small: for states of long ago
 */
import type { Snapshot } from '../../app/engine/ports';
import { commitId, type Cosmos } from './cosmos';

interface SnapshotDocument {
  readonly id: string;
  readonly stream: string;
  readonly version: number;
  readonly index: number;
  /** The state as JSON text: numbers and the order of properties stay what they are. */
  readonly state: string;
}

const LAST = 'last';
/** Of a state that is kept for long ago too. */
const MAX_PAST_BYTES = 16 * 1024;
/** Snapshots of one stream that are kept in a row: where they can't be written for long, the next are left out. */
const MOST_IN_A_ROW = 16;

/** What is being kept of a stream, one snapshot after the other. */
interface Keeping {
  readonly done: Promise<void>;
  readonly count: number;
}

export class CosmosSnapshots {
  private readonly keeping = new Map<string, Keeping>();

  constructor(private readonly cosmos: Cosmos) {}

  /**
   * Begins to keep a snapshot of commits that are there. Nobody waits for it, since the commits are what was asked for;
   * what could not be kept is folded from an earlier one, or from the start.
   */
  keep(stream: string, snapshot: Snapshot): void {
    const { done, count } = this.keeping.get(stream) ?? { done: Promise.resolve(), count: 0 };
    if (count === MOST_IN_A_ROW) return;
    const keeping: Keeping = {
      count: count + 1,
      done: done
        .then(() => this.put(stream, snapshot))
        .finally(() => {
          if (this.keeping.get(stream) === keeping) this.keeping.delete(stream);
        }),
    };
    this.keeping.set(stream, keeping);
  }

  /** Never rejects. */
  private async put(stream: string, { version, index, state }: Snapshot): Promise<void> {
    const text = JSON.stringify(state);
    const put = async (id: string) => {
      const document: SnapshotDocument = { id, stream, version, index, state: text };
      await this.cosmos.call('snapshot.keep', (options) => this.snapshots.items.upsert(document, options));
    };
    const small = Buffer.byteLength(text) <= MAX_PAST_BYTES;
    await Promise.allSettled([put(LAST), ...(small ? [put(commitId(index))] : [])]);
  }

  /** The last one, or the last that is kept of those up to an index; with those that are being kept here. */
  async find(stream: string, upTo: number): Promise<Snapshot | undefined> {
    await this.keeping.get(stream)?.done;
    const { resource } = await this.cosmos.call('snapshot', (options) =>
      this.snapshots.item(LAST, stream).read<SnapshotDocument>(options),
    );
    if (resource === undefined || resource.index <= upTo) return snapshotOf(resource);
    const query = {
      query: 'SELECT * FROM c WHERE c.id <= @to ORDER BY c.id DESC',
      parameters: [{ name: '@to', value: commitId(upTo) }],
    };
    const [found] = await this.cosmos.query<SnapshotDocument>('snapshot', this.snapshots, stream, query, 1);
    return snapshotOf(found);
  }

  private get snapshots() {
    return this.cosmos.derived('snapshots');
  }
}

function snapshotOf(document: SnapshotDocument | undefined): Snapshot | undefined {
  if (document === undefined) return undefined;
  const { version, index, state } = document;
  return { version, index, state: JSON.parse(state) as unknown };
}
