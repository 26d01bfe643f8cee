/**
 * What the service charges for a request, in request units, as far as that is known without an account: from
 *
 *  - [cost] Microsoft Learn, *Optimize request cost in Azure Cosmos DB*: a point read of 1 KB is 1, of 100 KB 10; 1 KB
 *    that is inserted without an index some 5.5, 100 KB 50; to replace an item is twice its insertion; every read is
 *    doubled under strong consistency.
 *  - [index] Microsoft Learn, *Monitor and scale Azure Cosmos DB*, exercise on indexes: the insertion of an order of
 *    1 KB is 5 without an index, 6 to 8 with some properties indexed, 13 with all of its some twenty values.
 *  - [bench] A public benchmark of the SQL API (October 2020, 1 KB to 400 KB): a deletion is as much as the insertion,
 *    an upsert that replaces as much as a replacement; a query in one partition 3 up to 10 KB, 5 to 7 for 100 KB; both
 *    twice that under strong consistency; writes are the same under each.
 *  - [patch] Microsoft Learn, *Frequently asked questions about partial document update*: no significant reduction, so
 *    a patch is a replacement.
 *  - [assumed] Not published anywhere: to be measured in the first hour on an account.
 */
import { type Path, valueAt } from './sql';

export interface IndexingPolicy {
  readonly includedPaths?: readonly { readonly path: string }[];
  readonly excludedPaths?: readonly { readonly path: string }[];
  readonly compositeIndexes?: readonly (readonly { readonly path: string; readonly order?: string }[])[];
}

/** A refusal that was looked up: 404, 409, 412. [assumed: as a point read of 1 KB] */
export const REFUSED = 1;
/** A look at the change feed that finds nothing. [assumed: as a point read of 1 KB; azure-docs issue 99609 asks] */
export const NO_CHANGES = 1;
/** To evaluate the condition of a patch. [assumed: as a point read of 1 KB] */
export const CONDITION = 1;

const KB = 1_024;
/** [cost] */
const INSERTED_KB = 5.5;
const INSERTED_100_KB = 50;
/** [index]: 13 − 5.5 for some twenty values. */
const INDEXED_VALUE = 0.36;
/** [bench], and a lab that saw 2.83; half of it is for a KB of what is answered. */
const QUERY = 2.8;
const QUERIED_KB = 0.03;

/** Of a point read. [cost] */
export function readCharge(bytes: number): number {
  return 1 + (9 * Math.max(0, bytes / KB - 1)) / 99;
}

/** Of an insertion, or a deletion. [cost, index, bench] */
export function createCharge(bytes: number, indexed: number): number {
  return INSERTED_KB + ((INSERTED_100_KB - INSERTED_KB) * Math.max(0, bytes / KB - 1)) / 99 + INDEXED_VALUE * indexed;
}

/** Of a replacement, an upsert of what is there, a patch. [cost, bench, patch] */
export function replaceCharge(bytes: number, indexed: number): number {
  return 2 * createCharge(bytes, indexed);
}

/** Of a page of a query in one partition. [bench] */
export function queryCharge(bytes: number): number {
  return QUERY + (QUERIED_KB * bytes) / KB;
}

/** Of a page of the change feed. [assumed: what a point read of as many bytes is, and the look itself] */
export function changesCharge(bytes: number): number {
  return NO_CHANGES + (bytes === 0 ? 0 : readCharge(bytes));
}

/** How many values of a document a policy has in the index. */
export function indexedValues(document: Readonly<Record<string, unknown>>, policy: IndexingPolicy = {}): number {
  const composite = (policy.compositeIndexes ?? []).filter((index) =>
    index.every(({ path }) => valueAt(document, path.slice(1).split('/')) !== undefined),
  );
  return pathsOf(document, []).filter((path) => isIndexed(path, policy)).length + composite.length;
}

/** Whether a policy has the values at a path in the index; everything is where there is none. */
export function isIndexed(
  path: Path,
  { includedPaths = [{ path: '/*' }], excludedPaths = [] }: Omit<IndexingPolicy, 'compositeIndexes'> = {},
): boolean {
  const [included, excluded] = [includedPaths, excludedPaths].map((paths) =>
    precision(
      `/${path.join('/')}/?`,
      paths.map((each) => each.path),
    ),
  ) as [number, number];
  return included > excluded;
}

/** The more of the path the most precise pattern that covers it names, the higher; −1 when none does. */
function precision(path: string, patterns: readonly string[]): number {
  const found = patterns.filter((pattern) =>
    pattern.endsWith('/*') ? path.startsWith(pattern.slice(0, -1)) : pattern.replaceAll('"', '') === path,
  );
  return Math.max(-1, ...found.map(({ length }) => length));
}

/** Of each value that is no object or list; those of what the service adds are not indexed by policy. */
function pathsOf(value: unknown, path: Path): Path[] {
  if (Array.isArray(value)) return value.flatMap((each) => pathsOf(each, [...path, '[]']));
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value)
    .filter(([name]) => !name.startsWith('_'))
    .flatMap(([name, each]) => pathsOf(each, [...path, name]));
}
