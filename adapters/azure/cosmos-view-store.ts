/**
 * Read models on Cosmos DB, all in the container `views`. The contributions of one tenant to one view are a logical
 * partition, so that a page in order of (key, source) comes from one place. Two kinds of partitions are directories:
 * `views` says which views there are, `<view>/` which tenants have rows in one. Rows that are written once stand
 * together, many in a document.
 */
import type { JSONObject, JSONValue, OperationInput, PatchRequestBody, SqlParameter } from '@azure/cosmos';
import type { ViewPage, ViewQuery, ViewRow, ViewStore } from '../../app/engine/ports';
import { sha256 } from '../../domain/kernel/commit';
import { continuationAfter, placeOf } from '../../domain/kernel/continuation';
import { Recent } from '../../domain/kernel/recent';
import { codeOf, type Cosmos } from './cosmos';
import { inOrder, latestOf, type PackedRow, RowPacks } from './cosmos-row-packs';
import { inTurns } from './in-turns';

interface RowDocument<D = unknown> extends ViewRow<D> {
  readonly id: string;
  readonly partition: string;
}

/** An entry of a directory. */
interface Entry {
  readonly id: string;
  readonly partition: string;
}

type Row<D> = ViewRow<D> & { readonly doc: D };

const VIEW_NAME = /^[a-z][a-z0-9-]*\.v\d+(\.\d+)?$/;
const FIELD_NAME = /^[a-zA-Z][a-zA-Z0-9_]*(\[\])?$/;
const VIEWS = 'views';
const DIRECTORY_LIMIT = 100_000;
const DROP_PAGE = 1_000;
const MAX_BATCH = 100;
/** Characters of the rows in one batch: Cosmos DB takes 2 MB, and a character of JSON is 6 bytes at most. */
const MAX_BATCH_CHARACTERS = 300_000;
/** Rows that are known to be there. */
const KNOWN = 100_000;

export class CosmosViewStore implements ViewStore {
  /** Fields by view, as this process has declared them. */
  private readonly declared = new Map<string, ReadonlySet<string>>();
  /** Views whose rows are written once. */
  private readonly packed = new Set<string>();
  private readonly packs: RowPacks;
  /** Partitions whose tenant is in the directory. */
  private readonly listed = new Set<string>();
  /** Rows that this process has written, by partition and id: most likely they are still there. */
  private readonly known = new Recent<string, true>(KNOWN);

  constructor(private readonly cosmos: Cosmos) {
    this.packs = new RowPacks(cosmos);
  }

  /**
   * The container has the fields of all views in its index (`CONTAINERS`); of those that are not there a query reads
   * every row of its tenant.
   */
  async declare(view: string, fields: readonly string[], written?: 'once'): Promise<void> {
    const name = checkedView(view);
    fields.forEach(checkedField);
    this.declared.set(name, new Set(fields));
    if (written === 'once') this.packed.add(name);
    this.forgetListed(name);
    await this.enter({ id: name, partition: VIEWS });
  }

  async put(view: string, rows: readonly ViewRow[]): Promise<void> {
    const name = checkedView(view);
    const latest = new Map<string, RowDocument>();
    for (const row of rows) {
      const partition = `${name}/${row.tenant}`;
      const id = idOf(row.key, row.source);
      const place = placeIn({ partition, id });
      if (row.index > (latest.get(place)?.index ?? -Infinity))
        latest.set(place, {
          id,
          partition,
          tenant: row.tenant,
          key: row.key,
          source: row.source,
          index: row.index,
          doc: row.doc,
        });
    }
    // Before the rows, or a crash between would hide them from `tenants`, and from `drop`.
    for (const { tenant, partition } of latest.values()) {
      if (this.listed.has(partition)) continue;
      await this.enter({ id: name, partition: VIEWS });
      await this.enter({ id: tenant, partition: `${name}/` });
      this.listed.add(partition);
    }
    if (!this.packed.has(name))
      return await inTurns(batchesOf([...latest.values()]), (documents) => this.writeAll(documents));
    const byPartition = Map.groupBy(latest.values(), ({ partition }) => partition);
    const packed = [...byPartition].map(
      ([of, own]) => [of, own.map(({ key, source, index, doc }) => ({ key, source, index, doc }))] as const,
    );
    await this.packs.put(new Map(packed));
  }

  async get<D>(view: string, tenant: string, key: string, source: string): Promise<Row<D> | undefined> {
    const partition = `${checkedView(view)}/${tenant}`;
    const { resource } = await this.cosmos.call('view.get', (options) =>
      this.views.item(idOf(key, source), partition).read<RowDocument<D>>(options),
    );
    const rows = this.packed.has(view) ? await this.packs.find<D>(partition, key, source) : [];
    const [row] = latestOf(
      [...rows, ...(resource === undefined ? [] : [resource])].filter((each) => each.source === source),
    );
    return row === undefined || row.doc === null ? undefined : rowOf<D>({ ...row, tenant });
  }

  async query<D>(view: string, query: ViewQuery): Promise<ViewPage<D>> {
    const alone = await this.queryAlone<D>(view, query);
    return this.packed.has(view) ? await this.withPacked(view, query, alone) : alone;
  }

  /** The page with what stands in packs; alone stand rows of before there were any. */
  private async withPacked<D>(view: string, query: ViewQuery, alone: ViewPage<D>): Promise<ViewPage<D>> {
    const { tenant, key, continuation } = query;
    if (key === undefined || query.where !== undefined || query.atLeast !== undefined)
      throw new RangeError(`rows of ${view} are found by their key alone`);
    const after = continuation === undefined ? undefined : placeOf(continuation)[1];
    // What comes after the page of the others is not known.
    const end = alone.continuation === undefined ? undefined : alone.rows.at(-1)?.source;
    const packed = (await this.packs.find<D>(`${view}/${tenant}`, key)).filter(
      ({ source }) =>
        (after === undefined || inOrder(source, after) > 0) && (end === undefined || inOrder(source, end) <= 0),
    );
    const all = latestOf<PackedRow<D>>([...packed, ...alone.rows])
      .filter(({ doc }) => doc !== null)
      .sort((a, b) => inOrder(a.source, b.source))
      .map((row) => rowOf<D>({ ...row, tenant }));
    const rows = all.slice(0, limitOf(query));
    const last = rows.at(-1);
    const isMore = all.length > rows.length || alone.continuation !== undefined;
    return isMore && last !== undefined ? { rows, continuation: continuationAfter(last.key, last.source) } : { rows };
  }

  private async queryAlone<D>(view: string, query: ViewQuery): Promise<ViewPage<D>> {
    const partition = `${checkedView(view)}/${query.tenant}`;
    const conditions = ['NOT IS_NULL(c.doc)'];
    const parameters: SqlParameter[] = [];
    const bound = (value: JSONValue): string => {
      const name = `@p${parameters.length}`;
      parameters.push({ name, value });
      return name;
    };
    if (query.key !== undefined) conditions.push(`c.key = ${bound(query.key)}`);
    if (query.keyPrefix !== undefined) conditions.push(`STARTSWITH(c.key, ${bound(query.keyPrefix)})`);
    for (const [field, value] of Object.entries(query.where ?? {})) {
      const path = pathOf(field);
      const equal = bound(value);
      const [one, several] = [`${path} = ${equal}`, `ARRAY_CONTAINS(${path}, ${equal})`];
      // The index has a field as one or the other: a question for both would be answered without it.
      const fields = this.declared.get(view);
      if (fields?.has(`${field}[]`) === true) conditions.push(several);
      else conditions.push(fields?.has(field) === true ? one : `(${one} OR ${several})`);
    }
    for (const [field, value] of Object.entries(query.atLeast ?? {}))
      conditions.push(`${pathOf(field)} >= ${bound(value)}`);
    if (query.continuation !== undefined) {
      const [key, source] = placeOf(query.continuation);
      const [k, s] = [bound(key), bound(source)];
      conditions.push(`(c.key > ${k} OR (c.key = ${k} AND c.source > ${s}))`);
    }
    const limit = limitOf(query);
    const found = await this.cosmos.query<RowDocument<D>>(
      'view.query',
      this.views,
      partition,
      { query: `SELECT * FROM c WHERE ${conditions.join(' AND ')} ORDER BY c.key, c.source`, parameters },
      limit + 1,
    );
    const rows = found.slice(0, limit).map((document) => rowOf<D>(document));
    const last = rows.at(-1);
    return found.length > limit && last !== undefined
      ? { rows, continuation: continuationAfter(last.key, last.source) }
      : { rows };
  }

  async tenants(view: string): Promise<readonly string[]> {
    return await this.ids(`${checkedView(view)}/`, DIRECTORY_LIMIT);
  }

  async drop(view: string): Promise<void> {
    const name = checkedView(view);
    for (const tenant of await this.tenants(name)) await this.empty(`${name}/${tenant}`);
    await this.empty(`${name}/`);
    await this.remove(VIEWS, [name]);
    this.forgetListed(name);
  }

  async list(): Promise<readonly string[]> {
    return await this.ids(VIEWS, DIRECTORY_LIMIT);
  }

  private get views() {
    return this.cosmos.derived('views');
  }

  /**
   * Writes rows of one partition: in one request when all of them are new or news, as they mostly are, else one by one.
   */
  private async writeAll(documents: readonly RowDocument[]): Promise<void> {
    const [{ partition }] = documents as readonly [RowDocument];
    const isWritten =
      documents.length > 1 &&
      (await this.cosmos.batch(
        'view.put',
        this.views,
        partition,
        documents.map((document) => (this.isKnown(document) ? patched(document) : created(document))),
      ));
    if (!isWritten) for (const document of documents) await this.write(document);
    for (const document of documents) this.known.set(placeIn(document), true);
  }

  private isKnown(document: RowDocument): boolean {
    return this.known.get(placeIn(document)) === true;
  }

  /** Replaces an older contribution, and leaves a newer one as it is; the second time it does nothing. */
  private async write(document: RowDocument): Promise<void> {
    const item = this.views.item(document.id, document.partition);
    for (let isKnown = this.isKnown(document); ; isKnown = !isKnown) {
      if (isKnown && (await this.attempt([404, 412], (options) => item.patch(patchOf(document), options))) !== 404)
        return;
      if (!isKnown && (await this.enter(document)) !== 409) return;
    }
  }

  /** Creates the document; 409 when it is there. */
  private async enter(document: Entry | RowDocument): Promise<unknown> {
    return await this.attempt([409], (options) => this.views.items.create(document, options));
  }

  /** Writes; gives the status when it is one of those that were foreseen, and undefined when it was written. */
  private async attempt(foreseen: readonly number[], request: Parameters<Cosmos['call']>[1]): Promise<unknown> {
    try {
      await this.cosmos.call('view.put', request);
      return undefined;
    } catch (error) {
      if (foreseen.includes(codeOf(error) as number)) return codeOf(error);
      throw error;
    }
  }

  private async ids(partition: string, limit: number): Promise<string[]> {
    return await this.cosmos.query<string>(
      'view.list',
      this.views,
      partition,
      { query: 'SELECT VALUE c.id FROM c' },
      limit,
    );
  }

  private async empty(partition: string): Promise<void> {
    for (;;) {
      const ids = await this.ids(partition, DROP_PAGE);
      if (ids.length === 0) return;
      await this.remove(partition, ids);
    }
  }

  /** Deletes documents; those that somebody else has deleted are no trouble. */
  private async remove(partition: string, ids: readonly string[]): Promise<void> {
    const parts = Array.from({ length: Math.ceil(ids.length / MAX_BATCH) }, (_, i) =>
      ids.slice(i * MAX_BATCH, (i + 1) * MAX_BATCH),
    );
    await inTurns(parts, async (part) => {
      const { code } = await this.cosmos.call('view.drop', (options) =>
        this.views.items.batch(
          part.map((id) => ({ operationType: 'Delete' as const, id })),
          partition,
          options,
        ),
      );
      if (code !== 200)
        await inTurns(part, (id) => this.attempt([404], (options) => this.views.item(id, partition).delete(options)));
    });
  }

  private forgetListed(view: string): void {
    for (const partition of this.listed) if (partition.startsWith(`${view}/`)) this.listed.delete(partition);
  }
}

function limitOf({ limit }: ViewQuery): number {
  return Math.max(1, Math.min(1_000, Math.trunc(limit)));
}

/** Rows of one partition each, as many as fit into one request. */
function batchesOf(documents: readonly RowDocument[]): RowDocument[][] {
  const batches: RowDocument[][] = [];
  for (const rows of Map.groupBy(documents, ({ partition }) => partition).values()) {
    let characters = Infinity;
    for (const row of rows) {
      const size = JSON.stringify(row).length;
      characters += size;
      if (characters > MAX_BATCH_CHARACTERS || batches.at(-1)?.length === MAX_BATCH) {
        batches.push([]);
        characters = size;
      }
      batches.at(-1)?.push(row);
    }
  }
  return batches;
}

function created(document: RowDocument): OperationInput {
  return { operationType: 'Create', resourceBody: document as unknown as JSONObject };
}

function patched(document: RowDocument): OperationInput {
  return { operationType: 'Patch', id: document.id, resourceBody: patchOf(document) };
}

/** Makes an older contribution this one. */
function patchOf({ index, doc }: RowDocument): PatchRequestBody {
  return {
    condition: `FROM c WHERE c.index < ${index}`,
    operations: [
      { op: 'set', path: '/index', value: index },
      { op: 'set', path: '/doc', value: doc },
    ],
  };
}

function placeIn({ partition, id }: Pick<RowDocument, 'partition' | 'id'>): string {
  return `${partition} ${id}`;
}

/** Keys and sources are free text, ids are not. */
function idOf(key: string, source: string): string {
  return sha256(JSON.stringify([key, source]));
}

function rowOf<D>({ tenant, key, source, index, doc }: ViewRow<D>): Row<D> {
  return { tenant, key, source, index, doc: doc as D };
}

function checkedView(view: string): string {
  if (!VIEW_NAME.test(view)) throw new RangeError(`not a view name (name.v1): ${view}`);
  return view;
}

function checkedField(field: string): string {
  if (!FIELD_NAME.test(field)) throw new RangeError(`not a field name: ${field}`);
  return field;
}

function pathOf(field: string): string {
  return `c.doc["${checkedField(field)}"]`;
}
