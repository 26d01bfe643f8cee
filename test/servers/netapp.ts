/**
 * The REST answers of Azure NetApp Files, as far as we use them: pools, volumes, snapshots, replication, change of
 * pool. Strict where the service is strict, and slow as it is: a write answers 201 or 202 with the URL of an operation
 * that takes a few questions until it has succeeded or failed.
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
  /** How often operations were asked about. */
  questions = 0;
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

  private get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  private async serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { pathname, searchParams } = new URL(request.url as string, this.url);
    const body = chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as Properties);
    const answer = searchParams.has('api-version')
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
    this.requests.push(`${method} ${path.slice(path.indexOf('/capacityPools/'))}`);
    const action = /^(.+)\/(poolChange|authorizeReplication|replicationStatus)$/.exec(path);
    const [id, verb] = action === null ? [path, method] : [action[1] as string, action[2] as string];
    const resource = this.resources.get(id);
    if (verb === 'GET') this.operations.forEach(advance); // time passes also for what nobody asks about
    if (verb === 'PUT') return this.put(id, body);
    if (resource === undefined) return refuse(404, 'ResourceNotFound', `The Resource '${id}' was not found.`);
    if (verb === 'GET') return { status: 200, body: resource };
    if (resource.properties.provisioningState !== 'Succeeded')
      return refuse(409, 'Conflict', 'Another operation is in progress on the resource.');
    if (verb === 'poolChange') return this.poolChange(resource, String(body.newPoolResourceId));
    if (verb === 'authorizeReplication') return this.authorize(resource, String(body.remoteVolumeResourceId));
    if (verb === 'replicationStatus')
      return { status: 200, body: { healthy: true, mirrorState: 'Mirrored', relationshipStatus: 'Idle' } };
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
    if (before !== undefined && before.properties.provisioningState !== 'Succeeded')
      return refuse(409, 'Conflict', 'Another operation is in progress on the resource.');
    const wanted = (body.properties ?? {}) as Properties;
    const fault = this.faultOf(id, parent, wanted);
    if (fault !== undefined) return refuse(400, 'InvalidValueReceived', fault);
    const resource: Resource = {
      id,
      name: id.split('/').at(-1) as string,
      location: String(body.location),
      properties: { ...wanted, provisioningState: 'Creating' },
    };
    if (id.includes('/snapshots/')) resource.properties.snapshotId = `${id}-guid`;
    this.resources.set(id, resource);
    return this.begin(
      201,
      () => void (resource.properties.provisioningState = 'Succeeded'),
      () => this.resources.delete(id),
      resource,
    );
  }

  private faultOf(
    id: string,
    parent: string,
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
          (other) => other.id !== id && other.properties.creationToken === creationToken,
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
    return this.begin(202, () => {
      this.resources.delete(volume.id);
      const id = `${pool}/volumes/${volume.name}`;
      this.resources.set(id, {
        ...volume,
        id,
        properties: { ...volume.properties, serviceLevel: target.properties.serviceLevel },
      });
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
    this.questions += 1;
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

function advance(operation: Operation): void {
  operation.asked += 1;
  if (operation.asked === QUESTIONS) operation.finish();
}
