/**
 * The snapshots of streams on Cosmos DB, in the container `snapshots`: derived, and so apart from the receipts, of
 * which nothing may be rewritten. In the partition of a stream:
 *
 *   last                 the snapshot that came last, replaced by the next one
 *   000000000042         one as it was made at that commit, when it is small: for states of long ago
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Report, type Snapshot, StoreBusy } from '../../app/engine/ports';
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
/** Snapshots of one stream that wait to be kept: where they can't be written, the newest takes the last place. */
const MOST_WAITING = 16;
/** How long a load waits for what is being kept here: about as long as it would fold without. */
const WAIT_MS = 1_000;

/** A snapshot as it is written. */
interface Kept extends Pick<SnapshotDocument, 'version' | 'index' | 'state'> {
  /** Whether it is kept for long ago too. */
  readonly isSmall: boolean;
}

/** What is being kept of a stream: one snapshot after the other, of large ones the newest alone. */
interface Keeping {
  done: Promise<void>;
  readonly waiting: Kept[];
}

export class CosmosSnapshots {
  private readonly keeping = new Map<string, Keeping>();

  constructor(
    private readonly cosmos: Cosmos,
    private readonly report: Report,
  ) {}

  /**
   * Begins to keep a snapshot of commits that are there. Nobody waits for it, since the commits are what was asked for;
   * what could not be kept, or was overtaken by the next one meanwhile, is folded from an earlier one, or from the
   * start.
   */
  keep(stream: string, { version, index, state }: Snapshot): void {
    const text = JSON.stringify(state);
    const kept: Kept = { version, index, state: text, isSmall: Buffer.byteLength(text) <= MAX_PAST_BYTES };
    const underway = this.keeping.get(stream);
    if (underway === undefined) {
      const keeping: Keeping = { done: Promise.resolve(), waiting: [kept] };
      this.keeping.set(stream, keeping);
      keeping.done = this.putAll(stream, keeping);
      return;
    }
    const { waiting } = underway;
    if (waiting.at(-1)?.isSmall === false || waiting.length === MOST_WAITING) waiting.pop();
    waiting.push(kept);
  }

  private async putAll(stream: string, { waiting }: Keeping): Promise<void> {
    for (let kept = waiting.shift(); kept !== undefined; kept = waiting.shift()) await this.put(stream, kept);
    this.keeping.delete(stream);
  }

  /** Never rejects. */
  private async put(stream: string, { version, index, state, isSmall }: Kept): Promise<void> {
    const put = async (id: string) => {
      const document: SnapshotDocument = { id, stream, version, index, state };
      await this.cosmos.call('snapshot.keep', (options) => this.snapshots.items.upsert(document, options));
    };
    const results = await Promise.allSettled([put(LAST), ...(isSmall ? [put(commitId(index))] : [])]);
    // What is busy takes the next one; of what can't be written, each load would fold more and more.
    const failed = results.find((result) => result.status === 'rejected' && !(result.reason instanceof StoreBusy));
    if (failed?.status === 'rejected')
      this.report('a snapshot could not be kept', { stream, bytes: state.length, error: String(failed.reason) });
  }

  /** The last one, or the last that is kept of those up to an index; mostly with those that are being kept here. */
  async find(stream: string, upTo: number): Promise<Snapshot | undefined> {
    const keeping = this.keeping.get(stream)?.done;
    if (keeping !== undefined) await Promise.race([keeping, sleep(WAIT_MS, undefined, { ref: false })]);
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
