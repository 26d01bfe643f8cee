/** A container in memory: items in logical partitions, transactions with rollback, queries, the change feed. */
import { createHash } from 'node:crypto';
import {
  changesCharge,
  CONDITION,
  createCharge,
  indexedValues,
  type IndexingPolicy,
  isIndexed,
  queryCharge,
  readCharge,
  REFUSED,
  replaceCharge,
} from './charges';
import { compareInOrder, parseCondition, parseQuery, type Path, type Query, valueAt } from './sql';

export type Json = Readonly<Record<string, unknown>>;

/** What the service has in its index whatever the policy says. */
const ALWAYS_INDEXED: ReadonlySet<string> = new Set(['id', '_ts']);

/** What the service answers with: a status, a code and a message. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly substatus?: number,
  ) {
    super(message);
  }
}

export interface ContainerDefinition {
  readonly id: string;
  readonly partitionKey: { readonly paths: readonly string[]; readonly kind?: string; readonly version?: number };
  readonly defaultTtl?: number;
  readonly indexingPolicy?: IndexingPolicy;
}

export interface Item {
  readonly id: string;
  readonly key: string;
  readonly range: number;
  /** In the order of creation; ties of a query's order are broken by it. */
  readonly sequence: number;
  /** As it is answered, with `_etag`, `_ts`, `_rid`. */
  readonly body: Json;
  readonly etag: string;
  /** The number of its transaction in its range. */
  readonly lsn: number;
  /** Milliseconds since the epoch; undefined: never. */
  readonly expires: number | undefined;
}

export interface Operation {
  readonly operationType: 'Create' | 'Upsert' | 'Read' | 'Replace' | 'Delete' | 'Patch';
  readonly id?: string;
  readonly ifMatch?: string;
  /** A JSON text, as bulk requests have it; in a batch it has to be that of the request. */
  readonly partitionKey?: string;
  readonly resourceBody?: Json;
}

export interface OperationResult {
  readonly statusCode: number;
  readonly requestCharge: number;
  readonly eTag?: string;
  readonly resourceBody?: Json;
}

export interface Page {
  readonly items: readonly Json[];
  readonly continuation?: string;
  readonly charge: number;
}

const MAX_ITEM_BYTES = 2 * 1024 * 1024;
const MAX_BATCH_BYTES = 2 * 1024 * 1024;
const MAX_BATCH_OPERATIONS = 100;
const MAX_PATCH_OPERATIONS = 10;
const MAX_PAGE_BYTES = 4 * 1024 * 1024;
const MAX_ID_BYTES = 1023;
const LARGE_KEY_BYTES = 2048;
const SMALL_KEY_BYTES = 101;

export class Container {
  private readonly partitions = new Map<string, Map<string, Item>>();
  /** By range, what was written, in order; an item that was written again since has another `lsn`. */
  private logs: Item[][];
  private lsns: number[];
  private sequences = 0;

  constructor(
    readonly definition: ContainerDefinition,
    readonly rid: string,
    private ranges: number,
    private readonly now: () => number,
  ) {
    const { paths, kind } = definition.partitionKey;
    if (paths.length !== 1 || (kind ?? 'Hash') !== 'Hash')
      throw new Refused(400, 'BadRequest', 'this server knows partition keys of one path');
    this.logs = Array.from({ length: ranges }, () => []);
    this.lsns = Array.from({ length: ranges }, () => 0);
  }

  lsn(range: number): number {
    return this.lsns[range] as number;
  }

  rangeOf(key: string): number {
    return Math.floor(((createHash('sha256').update(key).digest()[0] as number) * this.ranges) / 256);
  }

  /** The number after which come the transactions of `second` (since the epoch) and later ones. */
  lsnBefore(range: number, second: number): number {
    const first = (this.logs[range] as Item[]).find(({ body }) => (body._ts as number) >= second);
    return first === undefined ? this.lsn(range) : first.lsn - 1;
  }

  /**
   * Each range becomes two, as a physical partition does that has grown too large; what was written keeps its number.
   */
  split(): void {
    const { logs, lsns } = this;
    this.ranges *= 2;
    this.logs = Array.from({ length: this.ranges }, (_, range) =>
      (logs[range >> 1] as Item[]).filter(({ key }) => this.rangeOf(key) === range),
    );
    this.lsns = Array.from({ length: this.ranges }, (_, range) => lsns[range >> 1] as number);
  }

  /** One operation. Throws `Refused`. */
  execute(key: string, operation: Operation): OperationResult {
    const transaction = this.begin(key);
    const result = this.apply(transaction, operation);
    this.commit(transaction);
    return result;
  }

  /** All operations or none: on a failure the failing one keeps its status, and each other has 424. */
  batch(
    key: string,
    operations: readonly Operation[],
    bytes: number,
  ): { readonly status: 200 | 207; readonly results: readonly OperationResult[] } {
    if (operations.length === 0 || operations.length > MAX_BATCH_OPERATIONS) {
      throw new Refused(
        400,
        'BadRequest',
        `Batch request has ${operations.length} operations, which is not between 1 and ${MAX_BATCH_OPERATIONS}.`,
      );
    }
    if (bytes > MAX_BATCH_BYTES) throw new Refused(413, 'RequestEntityTooLarge', 'Request size is too large');
    for (const { partitionKey } of operations) {
      if (partitionKey !== undefined && partitionKey !== JSON.stringify([key])) {
        throw new Refused(
          400,
          'BadRequest',
          'One or more operations within the batch request have a different partition key value than the request.',
        );
      }
    }
    const transaction = this.begin(key);
    const results: OperationResult[] = [];
    for (const operation of operations) {
      try {
        results.push(this.apply(transaction, operation));
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (error.substatus === 1001) throw error;
        return {
          status: 207,
          results: operations.map((_, i) => ({
            statusCode: i === results.length ? error.status : 424,
            requestCharge: i > results.length ? 0 : REFUSED,
          })),
        };
      }
    }
    this.commit(transaction);
    return { status: 200, results };
  }

  read(key: string, id: string): Item | undefined {
    const item = this.partitions.get(key)?.get(id);
    return item?.expires !== undefined && item.expires <= this.now() ? undefined : item;
  }

  /** A page of a query; in a logical partition, or over all of them without an order. */
  query(
    key: string | undefined,
    text: string,
    parameters: ReadonlyMap<string, unknown>,
    limit: number,
    continuation: string | undefined,
  ): Page {
    const query = parseQuery(text, parameters);
    if (key === undefined && query.order.length > 0)
      throw new Refused(400, 'BadRequest', 'Cross partition query only supports filters here: give a partition key.');
    if (query.order.length > 1) this.demandCompositeIndex(query);
    else this.demandIndex(query);
    const partitions =
      key === undefined ? [...this.partitions.values()] : [this.partitions.get(key) ?? new Map<string, Item>()];
    const places = partitions
      .flatMap((partition) => [...partition.values()])
      .filter((item) => this.read(item.key, item.id) !== undefined)
      .flatMap((item) => query.joined(item.body).map((body, element) => ({ item, body, element })))
      .filter(({ body }) => query.matches(body))
      .map(({ item, body, element }) => ({
        item,
        body,
        place: [...query.order.map(({ path }) => valueAt(body, path) ?? null), item.sequence, element],
      }));
    const compare = (a: readonly unknown[], b: readonly unknown[]): number => {
      for (const [i, value] of a.entries()) {
        const order = compareInOrder(value, b[i]);
        if (order !== 0) return query.order[i]?.descending === true ? -order : order;
      }
      return 0;
    };
    const after =
      continuation === undefined
        ? undefined
        : (JSON.parse(Buffer.from(continuation, 'base64').toString('utf8')) as unknown[]);
    const rest = places
      .filter(({ place }) => after === undefined || compare(place, after) > 0)
      .sort((a, b) => compare(a.place, b.place));
    const page: typeof rest = [];
    let bytes = 0;
    for (const each of rest) {
      if (page.length >= limit || bytes > MAX_PAGE_BYTES) break;
      page.push(each);
      bytes += sizeOf(each.item.body);
    }
    const last = page.at(-1);
    const more = last !== undefined && page.length < rest.length;
    return {
      items: page
        .map(({ body }) => (query.value === undefined ? body : valueAt(body, query.value)))
        .filter((value) => value !== undefined) as Json[],
      continuation: more ? Buffer.from(JSON.stringify(last.place)).toString('base64') : undefined,
      charge: queryCharge(bytes),
    };
  }

  /**
   * What was written in a range after transaction `after`, each item in its latest version, in the order of the
   * transactions; a transaction is never cut in two, so a page can be longer than `limit`.
   */
  changes(
    range: number,
    after: number,
    limit: number,
  ): { readonly items: readonly Json[]; readonly lsn: number; readonly charge: number } {
    const log = this.logs[range] as Item[];
    let low = 0;
    for (let high = log.length; low < high;) {
      const middle = (low + high) >> 1;
      if ((log[middle] as Item).lsn <= after) low = middle + 1;
      else high = middle;
    }
    const items: Item[] = [];
    let bytes = 0;
    for (let at = low; at < log.length; at += 1) {
      const item = log[at] as Item;
      if (this.read(item.key, item.id) !== item) continue;
      if ((items.length >= limit || bytes > MAX_PAGE_BYTES) && items.at(-1)?.lsn !== item.lsn) break;
      items.push(item);
      bytes += sizeOf(item.body);
    }
    return {
      items: items.map(({ body, lsn }) => ({ ...body, _lsn: lsn })),
      lsn: items.at(-1)?.lsn ?? this.lsn(range),
      charge: changesCharge(bytes),
    };
  }

  private begin(key: string): Transaction {
    const most = this.definition.partitionKey.version === 2 ? LARGE_KEY_BYTES : SMALL_KEY_BYTES;
    if (Buffer.byteLength(key) > most)
      throw new Refused(400, 'BadRequest', `The partition key is longer than ${most} bytes.`);
    return { key, range: this.rangeOf(key), written: new Map() };
  }

  private commit({ key, range, written }: Transaction): void {
    if (written.size === 0) return;
    const partition = this.partitions.get(key) ?? new Map<string, Item>();
    this.partitions.set(key, partition);
    this.lsns[range] = this.lsn(range) + 1;
    for (const [id, item] of written) {
      if (item === undefined) partition.delete(id);
      else {
        partition.set(id, item);
        this.logs[range]?.push(item);
      }
    }
  }

  private apply(transaction: Transaction, operation: Operation): OperationResult {
    const { operationType, resourceBody } = operation;
    const id = checkedId(operationType === 'Create' || operationType === 'Upsert' ? resourceBody?.id : operation.id);
    const before = transaction.written.has(id) ? transaction.written.get(id) : this.read(transaction.key, id);
    if (operationType === 'Create' && before !== undefined)
      throw new Refused(409, 'Conflict', 'Entity with the specified id already exists in the system.');
    if (before === undefined && operationType !== 'Create' && operationType !== 'Upsert')
      throw new Refused(404, 'NotFound', 'Entity with the specified id does not exist in the system.');
    if (
      operation.ifMatch !== undefined &&
      before !== undefined &&
      operation.ifMatch !== '*' &&
      operation.ifMatch !== before.etag
    ) {
      throw new Refused(412, 'PreconditionFailed', 'One of the specified pre-condition is not met');
    }
    if (operationType === 'Read')
      return {
        statusCode: 200,
        requestCharge: readCharge(sizeOf(before?.body ?? {})),
        eTag: before?.etag,
        resourceBody: before?.body,
      };
    if (operationType === 'Delete') {
      transaction.written.set(id, undefined);
      return { statusCode: 204, requestCharge: this.charge(createCharge, (before as Item).body) };
    }
    const body =
      operationType === 'Patch' ? patched((before as Item).body, resourceBody ?? {}) : (resourceBody as Json);
    if (body.id !== id) throw new Refused(400, 'BadRequest', 'The id of the body is not that of the request.');
    const item = this.made(transaction, id, body, before);
    transaction.written.set(id, item);
    return {
      statusCode: operationType === 'Create' || (operationType === 'Upsert' && before === undefined) ? 201 : 200,
      requestCharge:
        this.charge(before === undefined ? createCharge : replaceCharge, body) +
        (typeof resourceBody?.condition === 'string' ? CONDITION : 0),
      eTag: item.etag,
      resourceBody: item.body,
    };
  }

  private charge(of: (bytes: number, indexed: number) => number, body: Json): number {
    return of(sizeOf(body), indexedValues(body, this.definition.indexingPolicy));
  }

  private made({ key, range }: Transaction, id: string, body: Json, before: Item | undefined): Item {
    if (valueAt(body, pathOf(this.definition)) !== key) {
      throw new Refused(
        400,
        'BadRequest',
        'PartitionKey extracted from document doesn’t match the one specified in the header',
        1001,
      );
    }
    if (sizeOf(body) > MAX_ITEM_BYTES) throw new Refused(413, 'RequestEntityTooLarge', 'Request size is too large');
    this.sequences += 1;
    const now = this.now();
    const etag = `"${this.rid.slice(0, 4)}-${this.sequences.toString(16).padStart(12, '0')}"`;
    const sequence = before?.sequence ?? this.sequences;
    const ttl =
      this.definition.defaultTtl === undefined
        ? undefined
        : ((body.ttl as number | undefined) ?? this.definition.defaultTtl);
    const rid = Buffer.concat([
      Buffer.from(this.rid.replaceAll('-', '/'), 'base64'),
      Buffer.from(sequence.toString(16).padStart(16, '0'), 'hex'),
    ]);
    return {
      id,
      key,
      range,
      sequence,
      body: {
        ...body,
        _rid: rid.toString('base64').replaceAll('/', '-'),
        _etag: etag,
        _ts: Math.floor(now / 1000),
        _self: '',
        _attachments: 'attachments/',
      },
      etag,
      lsn: this.lsn(range) + 1,
      expires: ttl === undefined || ttl < 0 ? undefined : now + ttl * 1000,
    };
  }

  private demandIndex({ order: [by] }: Query): void {
    if (by === undefined || ALWAYS_INDEXED.has(by.path.join('/'))) return;
    if (!isIndexed(by.path, this.definition.indexingPolicy))
      throw new Refused(400, 'BadRequest', 'The index path corresponding to the specified order-by item is excluded.');
  }

  private demandCompositeIndex({ order }: Query): void {
    const wanted = order
      .map(({ path, descending }) => `/${path.join('/')} ${descending ? 'descending' : 'ascending'}`)
      .join();
    const there = (this.definition.indexingPolicy?.compositeIndexes ?? []).map((index) =>
      index.map((each) => `${each.path} ${each.order ?? 'ascending'}`).join(),
    );
    if (!there.includes(wanted))
      throw new Refused(
        400,
        'BadRequest',
        'The order by query does not have a corresponding composite index that it can be served from.',
      );
  }
}

interface Transaction {
  readonly key: string;
  readonly range: number;
  /** undefined: deleted. */
  readonly written: Map<string, Item | undefined>;
}

function checkedId(id: unknown): string {
  if (typeof id !== 'string' || id === '' || Buffer.byteLength(id) > MAX_ID_BYTES || /[/\\#?]/.test(id)) {
    throw new Refused(
      400,
      'BadRequest',
      `The input id ${JSON.stringify(id)} is invalid: 1 to ${MAX_ID_BYTES} bytes without / \\ # ?`,
    );
  }
  return id;
}

function pathOf({ partitionKey }: ContainerDefinition): Path {
  return (partitionKey.paths[0] as string).slice(1).split('/');
}

function patched(body: Json, patch: Json): Json {
  const operations = (Array.isArray(patch) ? patch : patch.operations) as readonly {
    op: string;
    path: string;
    value: unknown;
  }[];
  if (operations.length > MAX_PATCH_OPERATIONS)
    throw new Refused(400, 'BadRequest', `A patch has at most ${MAX_PATCH_OPERATIONS} operations.`);
  if (typeof patch.condition === 'string' && !parseCondition(patch.condition)(body))
    throw new Refused(412, 'PreconditionFailed', 'One of the specified pre-condition is not met');
  const copy: Record<string, unknown> = { ...body };
  for (const { op, path, value } of operations) {
    if (op !== 'set' || !/^\/[^/]+$/.test(path))
      throw new Refused(400, 'BadRequest', `this server knows patches that set a property, not ${op} ${path}`);
    copy[path.slice(1)] = value;
  }
  return copy;
}

function sizeOf(body: Json): number {
  return Buffer.byteLength(JSON.stringify(body));
}
