/** The management API of the Durable extension, which its client calls, and the binding that says where it is. */
import { randomBytes, randomUUID } from 'node:crypto';
import { systemClock } from '../../app/engine/clock';
import { Problem } from '../../functions/edge/problem';
import type { Handler } from '../http-front';
import type { LocalRequest } from '../request';
import type { Router } from '../router';
import type { DurableRuntime } from './runtime';
import { type Delivery, ENDED, type Filter, type Instance } from './store';

/** Bytes of an input or of an event. */
const PAYLOAD_LIMIT = 1_000_000;
/** Characters of the name of an event, or of a reason. */
const TEXT_LIMIT = 1_000;
const PAGE = 100;
const STATUSES = ['Pending', 'Running', 'Suspended', ...ENDED];
const CONTINUATION = 'x-ms-continuation-token';

/**
 * Adds the routes, and returns the value of the `durableClient` binding. Whoever calls must know the key that this
 * value carries, so that no agent gets at the orchestrations behind the app's back; it is a new one at each start.
 */
export function addRoutes(
  router: Router<Handler>,
  runtime: DurableRuntime,
  origin: string,
  taskHubName: string,
): unknown {
  const key = randomBytes(24).toString('hex');
  for (const [method, template, handle] of routes(runtime, (id) => managementUrls(origin, key, id))) {
    router.add(method, `durabletask/${key}/${template}`, handle);
    router.add(method, `runtime/webhooks/durabletask/${template}`, async (request) => {
      if (request.query.get('code') !== key)
        throw Problem.of('forbidden', 'The code of this address is not the one of the running host.');
      return handle(request);
    });
  }
  const base = `${origin}/runtime/webhooks/durabletask`;
  const start = `${base}/orchestrators/{functionName}[/{instanceId}]?code=${key}`;
  return {
    taskHubName,
    creationUrls: { createNewInstancePostUri: start, createAndWaitOnNewInstancePostUri: start },
    managementUrls: managementUrls(origin, key, 'INSTANCEID'),
    baseUrl: base,
    requiredQueryStringParameters: `code=${key}`,
    rpcBaseUrl: `${origin}/durabletask/${key}/`,
  };
}

function managementUrls(origin: string, key: string, id: string): Readonly<Record<string, string>> {
  const instance = `${origin}/runtime/webhooks/durabletask/instances/${id}`;
  const url = (operation: string): string => `${instance}/${operation}?reason={text}&code=${key}`;
  return {
    id,
    statusQueryGetUri: `${instance}?code=${key}`,
    sendEventPostUri: `${instance}/raiseEvent/{eventName}?code=${key}`,
    terminatePostUri: url('terminate'),
    rewindPostUri: url('rewind'),
    purgeHistoryDeleteUri: `${instance}?code=${key}`,
    suspendPostUri: url('suspend'),
    resumePostUri: url('resume'),
  };
}

function routes(
  runtime: DurableRuntime,
  urls: (id: string) => Readonly<Record<string, string>>,
): readonly (readonly [string, string, Handler])[] {
  const { store } = runtime;
  const start: Handler = async (request) => {
    const name = request.params['name']!;
    const id = request.params['id'] ?? randomUUID().replaceAll('-', '');
    if (!runtime.knows(name)) throw Problem.of('invalid-request', `There is no orchestrator function '${name}'.`);
    if (!/^[^@/\\#?\p{C}][^/\\#?\p{C}]{0,99}$/u.test(id)) {
      throw Problem.of(
        'invalid-request',
        'An instance id has 1 to 100 characters, none of / \\ # ? and no control characters, and does not begin with @.',
      );
    }
    if (!(await runtime.start(id, name, await payload(request))))
      return { status: 409, jsonBody: `An orchestration instance with the id ${id} is under way.` };
    const links = urls(id);
    return { status: 202, headers: { location: links['statusQueryGetUri']!, 'retry-after': '10' }, jsonBody: links };
  };
  const status: Handler = async (request) => {
    const instance = store.get(request.params['id']!);
    if (instance === undefined) throw unknown();
    const body = statusOf(instance, request.query.get('showInput') !== 'false');
    if (ENDED.includes(instance.status)) return { jsonBody: body };
    return {
      status: 202,
      headers: { location: urls(instance.id)['statusQueryGetUri']!, 'retry-after': '5' },
      jsonBody: body,
    };
  };
  const list: Handler = async (request) => {
    const showInput = request.query.get('showInput') !== 'false';
    const page = store.list(filterOf(request), positionOf(request.headers.get(CONTINUATION)), PAGE);
    const last = page.length === PAGE ? page.at(-1)! : undefined;
    return {
      headers: last && { [CONTINUATION]: Buffer.from(JSON.stringify([last.created, last.id])).toString('base64url') },
      jsonBody: page.map((instance) => statusOf(instance, showInput)),
    };
  };
  const on =
    (work: (id: string, request: LocalRequest) => Promise<Delivery>): Handler =>
    async (request) =>
      answer(await work(request.params['id']!, request));
  return [
    ['POST', 'orchestrators/{name}', start],
    ['POST', 'orchestrators/{name}/{id}', start],
    ['GET', 'instances', list],
    ['GET', 'instances/{id}', status],
    ['DELETE', 'instances', async (request) => purged(await store.purgeBy(filterOf(request)))],
    [
      'DELETE',
      'instances/{id}',
      async ({ params }) => {
        if (store.get(params['id']!) === undefined) throw unknown();
        return purged(await store.purge(params['id']!));
      },
    ],
    [
      'POST',
      'instances/{id}/raiseEvent/{event}',
      on(async (id, request) => runtime.raise(id, short(request.params['event']!), await payload(request))),
    ],
    [
      'POST',
      'instances/{id}/terminate',
      on((id, request) => store.terminate(id, short(request.query.get('reason') ?? ''), systemClock.now())),
    ],
    ['POST', 'instances/{id}/suspend', on((id) => store.suspend(id, systemClock.now()))],
    ['POST', 'instances/{id}/resume', on((id) => runtime.resume(id))],
    ['POST', 'instances/{id}/rewind', async () => ({ status: 501, jsonBody: 'This host cannot rewind.' })],
  ];
}

/** JSON text; null for an empty body. */
async function payload(request: LocalRequest): Promise<string | null> {
  const text = await request.text();
  if (Buffer.byteLength(text) > PAYLOAD_LIMIT)
    throw Problem.of('payload-too-large', `The body may have at most ${PAYLOAD_LIMIT} bytes.`, {
      limit: PAYLOAD_LIMIT,
    });
  if (text === '') return null;
  try {
    JSON.parse(text);
  } catch {
    throw Problem.of('invalid-json', 'The body must be JSON.');
  }
  return text;
}

function short(text: string): string {
  if (text.length > TEXT_LIMIT)
    throw Problem.of('invalid-request', `Names and reasons have at most ${TEXT_LIMIT} characters.`);
  return text;
}

function filterOf({ query }: LocalRequest): Filter {
  const time = (name: string, fallback: number): number => {
    const text = query.get(name) ?? '';
    const value = text === '' ? fallback : Date.parse(text);
    if (Number.isNaN(value)) throw Problem.of('invalid-request', `${name} must be a time in ISO 8601.`);
    return value;
  };
  const statuses = query.get('runtimeStatus') ?? '';
  return {
    statuses: statuses === '' ? STATUSES : statuses.split(','),
    createdFrom: time('createdTimeFrom', 0),
    createdTo: time('createdTimeTo', Number.MAX_SAFE_INTEGER),
  };
}

function positionOf(token: string | null): { created: number; id: string } {
  if (token === null) return { created: -1, id: '' };
  try {
    const [created, id] = JSON.parse(Buffer.from(token, 'base64url').toString()) as [unknown, unknown];
    return { created: Number(created), id: String(id) };
  } catch {
    throw Problem.of('invalid-request', `${CONTINUATION} must be one that a list answered with.`);
  }
}

function statusOf(instance: Instance, showInput: boolean): Readonly<Record<string, unknown>> {
  const parse = (text: string | null): unknown => (text === null ? null : JSON.parse(text));
  return {
    name: instance.name,
    instanceId: instance.id,
    runtimeStatus: instance.status,
    input: showInput ? parse(instance.input) : null,
    customStatus: parse(instance.custom_status),
    output: parse(instance.output),
    createdTime: new Date(instance.created).toISOString(),
    lastUpdatedTime: new Date(instance.updated).toISOString(),
  };
}

function answer(delivery: Delivery): unknown {
  switch (delivery) {
    case 'accepted':
      return { status: 202 };
    case 'ended':
      return { status: 410 };
    case 'unknown':
      throw unknown();
    case 'full':
      throw Problem.of(
        'too-many-requests',
        'Too many events wait for this instance already.',
        {},
        { 'retry-after': '5' },
      );
  }
}

function unknown(): Problem {
  return Problem.of('not-found', 'There is no such instance.');
}

function purged(instancesDeleted: number): unknown {
  return { jsonBody: { instancesDeleted } };
}
