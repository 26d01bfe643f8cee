/**
 * Rows that are written once, many in a document, in the container `views`: each costs a share of a document and a
 * value in the index, where one of its own would be an insertion. They are found by their keys. A row that is written
 * again, since it was handed over again or another process has begun, stands in a further pack: of those of one place
 * that of the highest index counts.
 */
import type { ViewRow } from '../../app/engine/ports';
import { sha256 } from '../../domain/kernel/commit';
import { codeOf, type Cosmos } from './cosmos';
import { inTurns } from './in-turns';

/** A row of the tenant whose partition it lies in. */
export type PackedRow<D = unknown> = Omit<ViewRow<D>, 'tenant'>;

interface PackDocument {
  readonly id: string;
  readonly partition: string;
  /** Of its rows, each once, and the place of each row: what the index has. */
  readonly keys: readonly string[];
  readonly rows: readonly PackedRow[];
}

/** In a document. More would be cheaper to write, and dearer to read, as a document is charged whole. */
const MOST_ROWS = 25;
const MOST_CHARACTERS = 50_000;
const PLAIN = /^[\x20-\x7e]*$/;
/** Rows that are read under one key. */
const MOST_READ = 1_000_000;

export class RowPacks {
  constructor(private readonly cosmos: Cosmos) {}

  /** Writes rows, by their partitions; the same ones again change nothing. */
  async put(rows: ReadonlyMap<string, readonly PackedRow[]>): Promise<void> {
    const packs = [...rows].flatMap(([partition, own]) => packsOf(own).map((packed) => ({ partition, packed })));
    await inTurns(packs, async ({ partition, packed }) => {
      const keys = [...new Set(packed.flatMap(({ key, source }) => [key, placeIn(key, source)]))];
      const document: PackDocument = { id: `pack-${sha256(JSON.stringify(packed))}`, partition, keys, rows: packed };
      try {
        await this.cosmos.call('view.put', (options) => this.views.items.create(document, options));
      } catch (error) {
        if (codeOf(error) !== 409) throw error;
      }
    });
  }

  /** The rows under a key, one a source; of one source where it is given, whatever else lies under the key. */
  async find<D>(partition: string, key: string, source?: string): Promise<PackedRow<D>[]> {
    const ofSource = source === undefined ? [] : [{ name: '@source', value: source }];
    const query = {
      query: `SELECT VALUE r FROM c JOIN r IN c.rows WHERE ARRAY_CONTAINS(c.keys, @sought) AND r.key = @key${source === undefined ? '' : ' AND r.source = @source'}`,
      parameters: [
        { name: '@sought', value: source === undefined ? key : placeIn(key, source) },
        { name: '@key', value: key },
        ...ofSource,
      ],
    };
    return latestOf(await this.cosmos.query<PackedRow<D>>('view.query', this.views, partition, query, MOST_READ));
  }

  private get views() {
    return this.cosmos.derived('views');
  }
}

/** The one place of a row, which no key is. */
function placeIn(key: string, source: string): string {
  return `place ${sha256(JSON.stringify([key, source]))}`;
}

/** Of rows of one key, that of the highest index for each source. */
export function latestOf<R extends PackedRow>(rows: readonly R[]): R[] {
  const latest = new Map<string, R>();
  for (const row of rows) if (row.index > (latest.get(row.source)?.index ?? -Infinity)) latest.set(row.source, row);
  return [...latest.values()];
}

/** Of sources: in the order of the service, which is that of bytes in UTF-8. */
export function inOrder(a: string, b: string): number {
  // Nearly all are plain, and a list of thousands is sorted in one go.
  if (PLAIN.test(a) && PLAIN.test(b)) return a < b ? -1 : a > b ? 1 : 0;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Rows of one key stand together, so that the index has it once. */
function packsOf(rows: readonly PackedRow[]): PackedRow[][] {
  const packs: PackedRow[][] = [];
  let characters = Infinity;
  for (const row of [...Map.groupBy(rows, ({ key }) => key).values()].flat()) {
    const size = JSON.stringify(row).length;
    characters += size;
    if (characters > MOST_CHARACTERS || packs.at(-1)?.length === MOST_ROWS) {
      packs.push([]);
      characters = size;
    }
    packs.at(-1)?.push(row);
  }
  return packs;
}
