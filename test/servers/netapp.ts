/**
 * The REST answers of Azure NetApp Files, as far as we use them: pools, volumes, snapshots, replication, cool access,
 * change of pool. Strict where the service is strict, and slow as it is: a write answers 201 or 202 with the URL of an
 * operation that takes a few questions until it has succeeded or failed.
 */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

type Properties = Record<string, unknown>;
interface Resource {
  readonly id: string;
  readonly name: string;
  readonly location: string;
  readonly properties: Properties;
}
interface Operation {
  asked: number;
  readonly failure?: string;
  readonly finish: () => void;
}
interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const TEBIBYTE = 2 ** 40;
const GIBIBYTE = 2 ** 30;
/** An operation is done at this question. */
const QUESTIONS = 3;

const refuse = (status: number, code: string, message: string): Answer => ({
  status,
  body: { error: { code, message } },
});

export class NetAppServer {
  /** Method and path, without the operations that were followed. */
  readonly requests: string[] = [];
  /** Every request is sent away to come back later. */
  isBusy = false;
  /** Paths with this in them are refused: whoever asks lacks the right. */
  forbidden: string | undefined;
  /** No volume has room for another snapshot. */
  full = false;
  /** The next operation ends with this message. */
  failNext: string | undefined;
  /** The next request is done, and its answer lost. */
  loseNext = false;
  private readonly resources = new Map<string, Resource>();
  private readonly operations: Operation[] = [];
  private readonly server = http.createServer((request, response) => void this.serve(request, response));

  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this.url;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** What is there from the beginning, by its id; its properties are as the service would show them. */
  has(id: string, location: string, properties: Properties): void {
    this.resources.set(id, made(id, location, { ...properties, provisioningState: 'Succeeded' }));
  }

  private async serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { pathname, searchParams } = new URL(request.url as string, this.url);
    const body = chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as Properties);
    const answer = this.isBusy
      ? refuse(429, 'TooManyRequests', 'Try again later.')
      : searchParams.has('api-version')
        ? this.answer(request.method as string, pathname, body)
        : refuse(400, 'MissingApiVersionParameter', 'The api-version query parameter is required.');
    if (this.loseNext && request.method !== 'GET') {
      this.loseNext = false;
      return void response.destroy();
    }
    response
      .writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
      .end(answer.body === undefined ? '' : JSON.stringify(answer.body));
  }

  private answer(method: string, path: string, body: Properties): Answer {
    const operation = /^\/operations\/(\d+)$/.exec(path)?.[1];
    if (operation !== undefined) return this.followed(Number(operation));
    if (this.forbidden !== undefined && path.includes(this.forbidden))
      return refuse(403, 'AuthorizationFailed', 'The client does not have authorization.');
    this.requests.push(`${method} ${path.slice(path.indexOf('/capacityPools'))}`);
    if (method === 'GET') this.operations.forEach(advance); // time passes also for what nobody asks about
    if (method === 'GET' && /\/(capacityPools|volumes|snapshots)$/.test(path)) return this.listed(path);
    const action = /^(.+)\/(poolChange|authorizeReplication|replicationStatus)$/.exec(path);
    const [id, verb] = action === null ? [path, method] : [action[1] as string, action[2] as string];
    const resource = this.resources.get(id);
    if (verb === 'PUT') return this.put(id, body);
    if (resource === undefined) return refuse(404, 'ResourceNotFound', `The Resource '${id}' was not found.`);
    if (verb === 'GET') return { status: 200, body: resource };
    if (resource.properties.provisioningState !== 'Succeeded')
      return refuse(409, 'Conflict', 'Another operation is in progress on the resource.');
    if (verb === 'poolChange') return this.poolChange(resource, String(body.newPoolResourceId));
    if (verb === 'authorizeReplication') return this.authorize(resource, String(body.remoteVolumeResourceId));
    if (verb === 'replicationStatus') return this.replicationStatus(resource);
    if (verb === 'PATCH') return this.patch(resource, (body.properties ?? {}) as Properties);
    if (verb === 'DELETE' && id.includes('/snapshots/')) return this.begin(202, () => void this.resources.delete(id));
    return refuse(405, 'MethodNotAllowed', method);
  }

  private put(id: string, body: Properties): Answer {
    const [parent] = /^.*(?=\/[^/]+\/[^/]+$)/.exec(id) as RegExpExecArray;
    const isPool = id.split('/').at(-2) === 'capacityPools';
    if (!isPool && !this.resources.has(parent))
      return refuse(
        404,
        'ParentResourceNotFound',
        `Can not perform requested operation on nested resource. Parent resource '${parent}' not found.`,
      );
    const before = this.resources.get(id);
    if (before !== undefined && !['Succeeded', 'Failed'].includes(String(before.properties.provisioningState)))
      return refuse(409, 'Conflict', 'Another operation is in progress on the resource.');
    if (this.full && id.includes('/snapshots/'))
      return refuse(400, 'SnapshotLimitReached', 'The volume has as many snapshots as it can have.');
    const wanted = (body.properties ?? {}) as Properties;
    const fault = this.faultOf(id, parent, String(body.location), wanted);
    if (fault !== undefined) return refuse(400, 'InvalidValueReceived', fault);
    const resource = made(id, String(body.location), { ...wanted, provisioningState: 'Creating' });
    const { properties } = resource;
    const address = `10.0.2.${this.resources.size + 4}`;
    if (id.includes('/snapshots/')) Object.assign(properties, { snapshotId: `${id}-guid`, created: snapshotTime() });
    else if (!isPool) properties.mountTargets = [{ fileSystemId: id, ipAddress: address }];
    this.resources.set(id, resource);
    return this.begin(
      201,
      () => void (properties.provisioningState = 'Succeeded'),
      () => void (properties.provisioningState = 'Failed'),
      resource,
    );
  }

  /** The children of a resource, and none of theirs. */
  private listed(path: string): Answer {
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (!path.endsWith('/capacityPools') && !this.resources.has(parent))
      return refuse(404, 'ParentResourceNotFound', `Parent resource '${parent}' not found.`);
    const value = [...this.resources.values()].filter(({ id }) => id.slice(0, id.lastIndexOf('/')) === path);
    return { status: 200, body: { value } };
  }

  private patch(resource: Resource, changes: Properties): Answer {
    const { id, properties } = resource;
    const pool = /^(.+)\/volumes\/[^/]+$/.exec(id)?.[1];
    if (pool !== undefined && changes.coolAccess === true && this.resources.get(pool)?.properties.coolAccess !== true)
      return refuse(400, 'CoolAccessNotEnabledOnPool', 'Cool access is not enabled on the capacity pool.');
    const period = Number(changes.coolnessPeriod ?? 2);
    if (period < 2 || period > 183) return refuse(400, 'InvalidValueReceived', 'coolnessPeriod must be 2 to 183');
    properties.provisioningState = 'Patching';
    return this.begin(202, () => void Object.assign(properties, changes, { provisioningState: 'Succeeded' }));
  }

  /** Nothing is copied before the source has let the copy in. */
  private replicationStatus({ id, properties }: Resource): Answer {
    const { replication } = (properties.dataProtection ?? {}) as { replication?: Properties };
    if (replication === undefined) return refuse(400, 'VolumeReplicationMissing', 'The volume is no copy.');
    const source = this.resources.get(String(replication.remoteVolumeResourceId));
    const mirrorState = source?.properties.authorized === id ? 'Mirrored' : 'Uninitialized';
    return { status: 200, body: { healthy: true, mirrorState, relationshipStatus: 'Idle', errorMessage: '' } };
  }

  private faultOf(
    id: string,
    parent: string,
    location: string,
    { size, serviceLevel, usageThreshold, subnetId, creationToken, snapshotId, volumeType, dataProtection }: Properties,
  ): string | undefined {
    const kind = id.split('/').at(-2);
    if (kind === 'capacityPools') {
      if (!['Standard', 'Premium', 'Ultra'].includes(String(serviceLevel)))
        return `Invalid service level ${String(serviceLevel)}`;
      if (Number(size) < TEBIBYTE || Number(size) % TEBIBYTE !== 0) return 'Pool size must be a multiple of 1 TiB';
    }
    if (kind === 'volumes') {
      if (Number(usageThreshold) < 50 * GIBIBYTE) return 'Volume size is below 50 GiB';
      if (typeof subnetId !== 'string' || typeof creationToken !== 'string')
        return 'subnetId and creationToken are required';
      const used = [...this.resources.values()]
        .filter(
          (other) => other.id.startsWith(`${parent}/volumes/`) && other.id !== id && !other.id.includes('/snapshots/'),
        )
        .reduce((sum, other) => sum + Number(other.properties.usageThreshold), 0);
      if (used + Number(usageThreshold) > Number(this.resources.get(parent)?.properties.size))
        return 'The pool has no room for the volume';
      if (
        [...this.resources.values()].some(
          (other) => other.id !== id && other.location === location && other.properties.creationToken === creationToken,
        )
      )
        return `creationToken ${creationToken} is taken`;
      if (
        snapshotId !== undefined &&
        ![...this.resources.values()].some((other) => other.properties.snapshotId === snapshotId)
      )
        return 'The snapshot does not exist';
      const replication = (dataProtection as { replication?: Properties } | undefined)?.replication;
      if (volumeType === 'DataProtection' && !this.resources.has(String(replication?.remoteVolumeResourceId)))
        return 'The source of the replication does not exist';
    }
    return undefined;
  }

  private poolChange(volume: Resource, pool: string): Answer {
    const target = this.resources.get(pool);
    if (target === undefined) return refuse(404, 'ResourceNotFound', `The Resource '${pool}' was not found.`);
    volume.properties.provisioningState = 'Moving';
    return this.begin(202, () => {
      const { serviceLevel } = target.properties;
      Object.assign(volume.properties, { serviceLevel, provisioningState: 'Succeeded' });
      const moved = [...this.resources.values()].filter(({ id }) => id === volume.id || id.startsWith(`${volume.id}/`));
      for (const { id, location, properties } of moved) {
        this.resources.delete(id);
        const there = `${pool}${id.slice(id.indexOf('/volumes/'))}`;
        this.resources.set(there, made(there, location, properties));
      }
    });
  }

  private authorize(source: Resource, remote: string): Answer {
    if (!this.resources.has(remote)) return refuse(404, 'ResourceNotFound', `The Resource '${remote}' was not found.`);
    return this.begin(202, () => void (source.properties.authorized = remote));
  }

  private begin(status: number, done: () => void, failed: () => void = () => undefined, body?: Resource): Answer {
    const failure = this.failNext;
    this.failNext = undefined;
    this.operations.push({ asked: 0, failure, finish: failure === undefined ? done : failed });
    return {
      status,
      body,
      headers: {
        'azure-asyncoperation': `${this.url}/operations/${this.operations.length - 1}?api-version=2023-05-01`,
        'retry-after': '0',
      },
    };
  }

  private followed(number: number): Answer {
    const operation = this.operations[number];
    if (operation === undefined) return refuse(404, 'NotFound', 'no such operation');
    advance(operation);
    if (operation.asked < QUESTIONS)
      return { status: 200, body: { status: 'Creating' }, headers: { 'retry-after': '0' } };
    return {
      status: 200,
      body:
        operation.failure === undefined
          ? { status: 'Succeeded' }
          : { status: 'Failed', error: { code: 'InternalServerError', message: operation.failure } },
    };
  }
}

/** The service names a resource with all above it: `account/pool/volume`. */
function made(id: string, location: string, properties: Properties): Resource {
  const name = id
    .split('/')
    .slice(8)
    .filter((_, i) => i % 2 === 0)
    .join('/');
  return { id, name, location, properties };
}

/** No two are of the same moment. */
function snapshotTime(): string {
  snapshotsMade += 1;
  return new Date(Date.UTC(2026, 10, 30) + snapshotsMade * 1_000).toISOString();
}
let snapshotsMade = 0;

function advance(operation: Operation): void {
  operation.asked += 1;
  if (operation.asked === QUESTIONS) operation.finish();
}
