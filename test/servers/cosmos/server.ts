/**
 * A Cosmos DB account as its REST protocol shows it (gateway mode, NoSQL): enough for the unmodified SDK, strict where
 * the service is strict, in memory. Faults and throttling on demand.
 */
import { createHmac, createSecretKey, randomUUID, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { REFUSED } from './charges';
import { Container, type ContainerDefinition, type Json, type Operation, Refused } from './container';
import { SqlError } from './sql';

/**
 * `lost`: done, and the connection is cut before the answer. `cut`: the same, and nothing is done. `slow`: done after
 * 30 ms. `moved`: done, and answered as by a region that may write no more, after which the SDK asks again by itself.
 * Else the status.
 */
export type Fault = 'lost' | 'cut' | 'slow' | 'moved' | 403 | 408 | 410 | 429 | 449 | 503;
export type RequestKind = 'metadata' | 'read' | 'write' | 'batch' | 'query' | 'changes';
export type FaultPlan = (kind: RequestKind) => Fault | undefined;

/** What was asked of the account, and what it has charged for it. */
export interface Spent {
  readonly requests: number;
  readonly units: number;
}

/**
 * What whoever asks may do with the items of a container: data actions, as roles of the service name them after
 * `Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/`.
 */
export type Role = readonly string[];

/** Milliseconds that a 429 asks to wait. */
const RETRY_AFTER_MS = 5;
const SLOW_MS = 30;
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;

interface Database {
  readonly id: string;
  readonly rid: string;
  readonly containers: Map<string, Container>;
}

interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export class CosmosServer {
  /** Base64, as the keys of accounts are. */
  readonly key = Buffer.from('the key of a test server').toString('base64');
  /** Requests by kind, those that a fault befell included. */
  readonly requests: Record<RequestKind, number> = { metadata: 0, read: 0, write: 0, batch: 0, query: 0, changes: 0 };
  /** By container and what was asked of its items, as `events create`; `metadata` is all else. */
  readonly spent = new Map<string, Spent>();
  faults: FaultPlan = () => undefined;
  /** Request units a second; what comes when they are used up is answered with 429. */
  throughput = Infinity;
  private readonly databases = new Map<string, Database>();
  private readonly server: Server;
  private readonly secret = createSecretKey(this.key, 'base64');
  private rids = 0;
  /** Id of the first range of each container; those before it were split. */
  private firstRange = 0;
  private used = { second: 0, units: 0 };

  private constructor(
    private ranges: number,
    private readonly now: () => number,
    /** By container; who asks for the items of others may do everything. */
    private readonly roles: Readonly<Record<string, Role>>,
  ) {
    this.server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => void this.serve(request, Buffer.concat(parts), response));
    });
  }

  /** Listens on a free port of 127.0.0.1. Containers have as many physical partitions as `ranges` says. */
  static async start({
    ranges = 1,
    now = () => Date.now(),
    roles = {},
  }: {
    readonly ranges?: number;
    readonly now?: () => number;
    readonly roles?: Readonly<Record<string, Role>>;
  } = {}): Promise<CosmosServer> {
    const server = new CosmosServer(ranges, now, roles);
    await new Promise<void>((resolve) => server.server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Splits every physical partition of every container in two: their old ranges are gone. */
  split(): void {
    this.firstRange += this.ranges;
    this.ranges *= 2;
    for (const { containers } of this.databases.values())
      for (const container of containers.values()) container.split();
  }

  /** The number of the last transaction in the first physical partition of a container. */
  lastChange(container: string): number {
    const found = [...this.databases.values()].flatMap(({ containers }) => containers.get(container) ?? []);
    return found[0]?.lsn(0) ?? 0;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  private async serve(request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/')
      .replace(/\?.*/, '')
      .split('/')
      .filter((each) => each !== '')
      .map(decodeURIComponent);
    const kind = kindOf(request, path);
    this.requests[kind] += 1;
    const fault = this.faults(kind);
    if (fault === 'cut') return void response.destroy();
    if (fault === 'slow') await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    const refused = typeof fault === 'number' ? fault : kind !== 'metadata' && this.exhausted() ? 429 : undefined;
    let answer =
      refused === undefined
        ? this.answer(request, path, body)
        : refusal(new Refused(refused, 'Refused', `refused on demand: ${refused}`));
    const charge = chargeOf(request, kind, answer);
    this.used.units += charge;
    this.count(kind === 'metadata' ? kind : `${path[3]} ${operationOf(request, kind)}`, charge);
    if (fault === 'lost') return void response.destroy();
    if (fault === 'moved')
      answer = refusal(new Refused(403, 'Forbidden', 'The requested operation cannot be performed at this region', 3));
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'x-ms-activity-id': randomUUID(),
      ...answer.headers,
      'x-ms-request-charge': String(charge),
    };
    if (answer.status === 429) headers['x-ms-retry-after-ms'] = String(RETRY_AFTER_MS);
    response.writeHead(answer.status, headers).end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
  }

  private count(purpose: string, charge: number): void {
    const { requests, units } = this.spent.get(purpose) ?? { requests: 0, units: 0 };
    this.spent.set(purpose, { requests: requests + 1, units: units + charge });
  }

  /** True when the units of this second are used up. */
  private exhausted(): boolean {
    const second = Math.floor(this.now() / 1000);
    if (second !== this.used.second) this.used = { second, units: 0 };
    return this.used.units >= this.throughput;
  }

  private answer(request: IncomingMessage, path: readonly string[], body: Buffer): Answer {
    try {
      this.authorize(request, path);
      if (body.length > MAX_REQUEST_BYTES) throw new Refused(413, 'RequestEntityTooLarge', 'Request size is too large');
      const [dbs, database, colls, container] = path;
      if (dbs === undefined) return { status: 200, body: this.account() };
      if (dbs !== 'dbs') throw new Refused(404, 'NotFound', 'Resource Not Found');
      if (colls === undefined) return this.onDatabases(request, database, body);
      if (colls !== 'colls') throw new Refused(404, 'NotFound', 'Resource Not Found');
      const found = this.databases.get(database as string);
      if (found === undefined) throw new Refused(404, 'NotFound', 'Resource Not Found', 1003);
      return path.length < 5
        ? this.onContainers(request, found, container, body)
        : this.inContainer(request, found, path, body);
    } catch (error) {
      if (error instanceof SqlError)
        return refusal(
          new Refused(
            400,
            'BadRequest',
            JSON.stringify({ errors: [{ severity: 'Error', code: 'SC1001', message: error.message }] }),
          ),
        );
      if (error instanceof Refused) return refusal(error);
      return refusal(new Refused(500, 'InternalServerError', String(error)));
    }
  }

  private authorize(request: IncomingMessage, path: readonly string[]): void {
    const even = path.length % 2 === 0;
    const type = (even ? path.at(-2) : path.at(-1)) ?? '';
    const link = even ? path : path.slice(0, -1);
    const text = `${(request.method ?? '').toLowerCase()}\n${type.toLowerCase()}\n${link.join('/')}\n${String(header(request, 'x-ms-date')).toLowerCase()}\n\n`;
    const signature = createHmac('sha256', this.secret).update(text).digest('base64');
    const wanted = Buffer.from(`type=master&ver=1.0&sig=${signature}`);
    const given = Buffer.from(decodeURIComponent(header(request, 'authorization') ?? ''));
    if (wanted.length !== given.length || !timingSafeEqual(wanted, given)) {
      throw new Refused(
        401,
        'Unauthorized',
        "The input authorization token can't serve the request. The wrong key is being used or the expected payload is not built as per the protocol.",
      );
    }
  }

  private account(): Json {
    const locations = [{ name: 'Here', databaseAccountEndpoint: `${this.endpoint}/` }];
    return {
      id: 'test',
      _rid: 'test',
      _self: '',
      media: '//media/',
      addresses: '//addresses/',
      _dbs: '//dbs/',
      writableLocations: locations,
      readableLocations: locations,
      enableMultipleWriteLocations: false,
      userConsistencyPolicy: { defaultConsistencyLevel: 'Strong' },
      userReplicationPolicy: { asyncReplication: false, minReplicaSetSize: 3, maxReplicasetSize: 4 },
      systemReplicationPolicy: { minReplicaSetSize: 3, maxReplicasetSize: 4 },
      readPolicy: { primaryReadCoefficient: 1, secondaryReadCoefficient: 1 },
      queryEngineConfiguration: '{}',
    };
  }

  private onDatabases(request: IncomingMessage, id: string | undefined, body: Buffer): Answer {
    if (request.method === 'POST' && id === undefined) {
      const wanted = String(parsed(body).id);
      if (this.databases.has(wanted))
        throw new Refused(409, 'Conflict', 'Resource with specified id or name already exists.');
      const made: Database = { id: wanted, rid: this.rid(Buffer.alloc(0)), containers: new Map() };
      this.databases.set(wanted, made);
      return { status: 201, body: { id: made.id, _rid: made.rid } };
    }
    const found = this.databases.get(id ?? '');
    if (request.method !== 'GET' || found === undefined) throw new Refused(404, 'NotFound', 'Resource Not Found');
    return { status: 200, body: { id: found.id, _rid: found.rid } };
  }

  private onContainers(request: IncomingMessage, database: Database, id: string | undefined, body: Buffer): Answer {
    if (request.method === 'POST' && id === undefined) {
      const definition = parsed(body) as unknown as ContainerDefinition;
      if (database.containers.has(definition.id))
        throw new Refused(409, 'Conflict', 'Resource with specified id or name already exists.');
      const made = new Container(
        definition,
        this.rid(Buffer.from(database.rid.replaceAll('-', '/'), 'base64')),
        this.ranges,
        this.now,
      );
      database.containers.set(definition.id, made);
      return { status: 201, body: { ...definition, _rid: made.rid } };
    }
    const found = database.containers.get(id ?? '');
    if (request.method !== 'GET' || found === undefined) throw new Refused(404, 'NotFound', 'Resource Not Found', 1003);
    return { status: 200, body: { ...found.definition, _rid: found.rid } };
  }

  private inContainer(request: IncomingMessage, database: Database, path: readonly string[], body: Buffer): Answer {
    const container = database.containers.get(path[3] as string);
    if (container === undefined) throw new Refused(404, 'NotFound', 'Resource Not Found', 1003);
    const [, , , , collection, id] = path;
    if (collection === 'pkranges' && request.method === 'GET') {
      const bounds = Array.from({ length: this.ranges + 1 }, (_, i) =>
        i === 0
          ? ''
          : i === this.ranges
            ? 'FF'
            : Math.ceil((256 / this.ranges) * i)
                .toString(16)
                .padStart(2, '0')
                .toUpperCase(),
      );
      const ranges = bounds.slice(1).map((maxExclusive, i) => ({
        id: String(this.firstRange + i),
        minInclusive: bounds[i],
        maxExclusive,
        status: 'online',
      }));
      return {
        status: 200,
        headers: { etag: '"1"' },
        body: { _rid: container.rid, PartitionKeyRanges: ranges, _count: ranges.length },
      };
    }
    if (collection !== 'docs') throw new Refused(404, 'NotFound', 'Resource Not Found');
    this.demandRole(container.definition.id, actionsOf(request, path, body));
    const answer =
      id === undefined ? this.onItems(request, container, body) : this.onItem(request, container, id, body);
    const key = keyOf(request);
    const range = key === undefined ? (this.rangeIn(request) ?? 0) : container.rangeOf(key);
    return {
      ...answer,
      headers: {
        'x-ms-session-token': `${this.firstRange + range}:-1#${container.lsn(range)}`,
        'x-ms-alt-content-path': `dbs/${path[1]}/colls/${path[3]}`,
        'x-ms-content-path': container.rid,
        ...answer.headers,
      },
    };
  }

  /** Refuses what the role of the container lacks, in the service's own words. */
  private demandRole(container: string, actions: readonly string[]): void {
    const role = this.roles[container];
    const lacking = role === undefined ? undefined : actions.find((action) => !role.includes(action));
    if (lacking !== undefined)
      throw new Refused(
        403,
        'Forbidden',
        `Request blocked by Auth test : Request is blocked because principal does not have required RBAC permissions to perform action [Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/${lacking}] on resource [dbs/formicary/colls/${container}].`,
        5302,
      );
  }

  private onItems(request: IncomingMessage, container: Container, body: Buffer): Answer {
    const key = keyOf(request);
    if (request.method === 'GET') return this.changes(request, container);
    if (header(request, 'x-ms-cosmos-is-query-plan-request') !== undefined) return { status: 200, body: PLAN };
    if (header(request, 'x-ms-documentdb-isquery') !== undefined) {
      const { query, parameters } = parsed(body) as { query: string; parameters?: { name: string; value: unknown }[] };
      const limit = Number(header(request, 'x-ms-max-item-count') ?? -1);
      const page = container.query(
        key,
        query,
        new Map((parameters ?? []).map(({ name, value }) => [name, value])),
        limit > 0 ? limit : 100,
        header(request, 'x-ms-continuation'),
      );
      const headers: Record<string, string> = {
        'x-ms-item-count': String(page.items.length),
        'x-ms-request-charge': String(page.charge),
      };
      if (page.continuation !== undefined) headers['x-ms-continuation'] = page.continuation;
      return { status: 200, headers, body: { _rid: container.rid, Documents: page.items, _count: page.items.length } };
    }
    if (key === undefined)
      throw new Refused(
        400,
        'BadRequest',
        'The partition key supplied in x-ms-partitionkey header has fewer components than defined in the collection.',
      );
    if (header(request, 'x-ms-cosmos-is-batch-request') !== undefined) {
      if (header(request, 'x-ms-cosmos-batch-atomic')?.toLowerCase() !== 'true')
        throw new Refused(400, 'BadRequest', 'this server knows atomic batches');
      const operations = parsed(body) as unknown as Operation[];
      const { status, results } = container.batch(key, operations, body.length);
      const times = (n: number) => (operations[n]?.operationType === 'Read' ? readTimes(request) : 1);
      const charge = results.reduce((sum, { requestCharge }, n) => sum + times(n) * requestCharge, 0);
      return {
        status,
        headers: { 'x-ms-request-charge': String(charge) },
        body: quiet(request) ? results.map(({ resourceBody: _, ...rest }) => rest) : results,
      };
    }
    return this.executed(request, container, key, {
      operationType: operationOf(request, 'write') === 'upsert' ? 'Upsert' : 'Create',
      resourceBody: parsed(body),
    });
  }

  private onItem(request: IncomingMessage, container: Container, id: string, body: Buffer): Answer {
    const key = keyOf(request);
    if (key === undefined)
      throw new Refused(400, 'BadRequest', 'PartitionKey value must be supplied for this operation.');
    const operationType = ({ GET: 'Read', PUT: 'Replace', DELETE: 'Delete', PATCH: 'Patch' } as const)[
      request.method ?? ''
    ];
    if (operationType === undefined) throw new Refused(405, 'MethodNotAllowed', 'Method not allowed');
    return this.executed(request, container, key, {
      operationType,
      id,
      resourceBody: body.length === 0 ? undefined : parsed(body),
    });
  }

  private executed(request: IncomingMessage, container: Container, key: string, operation: Operation): Answer {
    const { statusCode, eTag, requestCharge, resourceBody } = container.execute(key, {
      ...operation,
      ifMatch: header(request, 'if-match'),
    });
    const headers: Record<string, string> = { 'x-ms-request-charge': String(requestCharge) };
    if (eTag !== undefined) headers.etag = eTag;
    const silent = statusCode === 204 || (operation.operationType !== 'Read' && quiet(request));
    return { status: statusCode, headers, body: silent ? undefined : resourceBody };
  }

  private changes(request: IncomingMessage, container: Container): Answer {
    if (header(request, 'a-im') === undefined)
      throw new Refused(400, 'BadRequest', 'this server lists documents by queries and by the change feed');
    const range = this.rangeIn(request);
    if (range === undefined) throw new Refused(410, 'Gone', 'The requested partition range is gone.', 1002);
    const from = header(request, 'if-none-match');
    const since = header(request, 'if-modified-since');
    const began = since === undefined ? 0 : container.lsnBefore(range, Date.parse(since) / 1_000);
    const after = from === '*' ? container.lsn(range) : Number((from ?? `"${began}"`).replaceAll('"', ''));
    if (!Number.isInteger(after)) throw new Refused(400, 'BadRequest', 'Invalid If-None-Match header.');
    const limit = Number(header(request, 'x-ms-max-item-count') ?? -1);
    const { items, lsn, charge } = container.changes(range, after, limit > 0 ? limit : 100);
    const headers = { etag: `"${lsn}"`, 'x-ms-request-charge': String(charge) };
    return items.length === 0
      ? { status: 304, headers }
      : { status: 200, headers, body: { _rid: container.rid, Documents: items, _count: items.length } };
  }

  /** Index of the range that the request names; undefined when it names none that is there. */
  private rangeIn(request: IncomingMessage): number | undefined {
    const range = Number(header(request, 'x-ms-documentdb-partitionkeyrangeid')) - this.firstRange;
    return Number.isInteger(range) && range >= 0 && range < this.ranges ? range : undefined;
  }

  /** Four bytes more than the parent's; a container's have the high bit set. */
  private rid(parent: Buffer): string {
    this.rids += 1;
    const own = Buffer.alloc(4);
    own.writeUInt32BE(parent.length === 0 ? this.rids : (0x80000000 | this.rids) >>> 0);
    return Buffer.concat([parent, own]).toString('base64').replaceAll('/', '-');
  }
}

/** The smallest plan that the SDK takes; it is asked for, and not needed for queries in one partition. */
const PLAN = {
  partitionedQueryExecutionInfoVersion: 2,
  queryInfo: {
    distinctType: 'None',
    top: null,
    offset: null,
    limit: null,
    orderBy: [],
    orderByExpressions: [],
    groupByExpressions: [],
    groupByAliases: [],
    aggregates: [],
    groupByAliasToAggregateType: {},
    rewrittenQuery: '',
    hasSelectValue: false,
  },
  queryRanges: [{ min: '', max: 'FF', isMinInclusive: true, isMaxInclusive: false }],
};

function kindOf(request: IncomingMessage, path: readonly string[]): RequestKind {
  if (path.length < 5 || path[4] !== 'docs' || header(request, 'x-ms-cosmos-is-query-plan-request') !== undefined)
    return 'metadata';
  if (header(request, 'x-ms-documentdb-isquery') !== undefined) return 'query';
  if (header(request, 'x-ms-cosmos-is-batch-request') !== undefined) return 'batch';
  if (request.method !== 'GET') return 'write';
  return path.length === 5 ? 'changes' : 'read';
}

/** What is asked of the items: an item's own kind of write, or the kind of request. */
function operationOf(request: IncomingMessage, kind: RequestKind): string {
  if (kind !== 'write') return kind;
  const upsert = header(request, 'x-ms-documentdb-is-upsert')?.toLowerCase() === 'true';
  return { POST: upsert ? 'upsert' : 'create', PUT: 'replace', PATCH: 'patch' }[request.method ?? ''] ?? 'delete';
}

/** The data action of each kind of operation. Which one covers a patch is not documented: the nearest is taken. */
const ACTIONS: Readonly<Record<string, string>> = {
  read: 'items/read',
  create: 'items/create',
  upsert: 'items/upsert',
  replace: 'items/replace',
  patch: 'items/replace',
  delete: 'items/delete',
  query: 'executeQuery',
  changes: 'readChangeFeed',
};

function actionsOf(request: IncomingMessage, path: readonly string[], body: Buffer): string[] {
  const kind = kindOf(request, path);
  if (kind === 'metadata') return [];
  const operations =
    kind === 'batch'
      ? (parsed(body) as unknown as readonly Operation[]).map(({ operationType }) => operationType.toLowerCase())
      : [operationOf(request, kind)];
  return operations.map((operation) => ACTIONS[operation] as string);
}

/**
 * What the request costs. Metadata is paid from a share of the service's own, what is refused unseen is free, and under
 * strong consistency, which is the account's unless the request asks for less, a read costs twice as much.
 */
function chargeOf(request: IncomingMessage, kind: RequestKind, { status, headers }: Answer): number {
  if (kind === 'metadata' || UNSEEN.has(status)) return 0;
  const charge = Number(headers?.['x-ms-request-charge'] ?? REFUSED);
  return READS.has(kind) ? readTimes(request) * charge : charge;
}

/** How many times what a read costs by itself is charged. */
function readTimes(request: IncomingMessage): 1 | 2 {
  return WEAKER.has(header(request, 'x-ms-consistency-level') ?? '') ? 1 : 2;
}

const UNSEEN: ReadonlySet<number> = new Set([400, 401, 403, 408, 410, 413, 429, 449, 503]);
const READS: ReadonlySet<RequestKind> = new Set(['read', 'query', 'changes']);
const WEAKER: ReadonlySet<string> = new Set(['Session', 'ConsistentPrefix', 'Eventual']);

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** The one string of the partition key header; undefined when there is none. */
function keyOf(request: IncomingMessage): string | undefined {
  const text = header(request, 'x-ms-documentdb-partitionkey');
  if (text === undefined) return undefined;
  const values = JSON.parse(text) as unknown[];
  if (values.length !== 1 || typeof values[0] !== 'string')
    throw new Refused(400, 'BadRequest', 'this server knows partition keys of one string');
  return values[0];
}

function quiet(request: IncomingMessage): boolean {
  return header(request, 'prefer') === 'return=minimal';
}

function parsed(body: Buffer): Json {
  try {
    return JSON.parse(body.toString('utf8')) as Json;
  } catch {
    throw new Refused(400, 'BadRequest', 'The request payload is not JSON.');
  }
}

function refusal({ status, code, message, substatus }: Refused): Answer {
  return {
    status,
    body: { code, message },
    headers: substatus === undefined ? {} : { 'x-ms-substatus': String(substatus) },
  };
}
