import { createHash } from 'node:crypto';
import { z } from 'zod';
import { registerDocs } from '../../functions/edge/docs-routes';
import { route, setEdge } from '../../functions/edge/route';
import { ADA, call } from './support';

jest.mock('@azure/functions-core', () => jest.requireActual<object>('../../local/core'), { virtual: true });

type Json = Record<string, unknown>;

const Id = z.string().max(64).meta({ id: 'Id', description: 'An id', example: 'a1' });
const Part = z.object({ name: z.string(), weight: z.number().default(1) }).meta({ id: 'Part' });
const Task = z
  .object({
    id: Id,
    part: Part,
    get children() {
      return z.array(Task);
    },
  })
  .meta({ id: 'Task', description: 'A task' });

const all = { tags: ['tasks'], needs: 'read_only', handler: () => ({ status: 204 }) } as const;
let document: Json;

beforeAll(async () => {
  setEdge({
    principalOf: () => ADA,
    permits: () => ({ allowed: true }),
    claim: async ({ request }) => ({ request, kept: Promise.resolve() }),
  });
  registerDocs({
    title: 'Sample',
    version: '1.2.3',
    description: 'What it is.',
    headers: { 'X-Sample-Tenant': 'Whose data.' },
  });
  route({
    ...all,
    name: 'getTask',
    method: 'GET',
    path: '/v1/tasks/{id}',
    summary: 'One task',
    description: 'All of it.',
    params: z.object({ id: Id }),
    query: z.object({ asOf: z.string().optional().describe('An instant'), limit: z.coerce.number().default(5) }),
    responses: { 200: { description: 'The task', schema: Task }, 404: { description: 'There is none' } },
  });
  route({
    ...all,
    name: 'putTask',
    method: 'PUT',
    path: '/v1/tasks/{id}',
    summary: 'Write a task',
    params: z.object({ id: Id }),
    body: Task,
    responses: { 204: { description: 'Written' } },
  });
  route({
    ...all,
    name: 'file',
    method: 'GET',
    path: '/files/{*rest}',
    summary: 'A file',
    params: z.object({ rest: z.string() }),
    tags: ['files'],
    responses: { 200: { description: 'It', contentType: 'text/plain' } },
  });
  const reply = await call('openapi');
  expect(reply.headers['content-type']).toBe('application/json; charset=utf-8');
  document = reply.json();
});

function at(pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((value, key) => (value as Json | undefined)?.[key], document);
}

function walk(value: unknown, visit: (object: Json) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) visit(value as Json);
  for (const inner of Object.values(value)) walk(inner, visit);
}

describe('the OpenAPI document', () => {
  test('introduces the API', () => {
    expect(document).toMatchObject({
      openapi: '3.1.0',
      info: { title: 'Sample', version: '1.2.3', description: 'What it is.' },
      tags: [{ name: 'tasks' }, { name: 'files' }],
    });
  });

  test('has no reference that leads nowhere, and none into $defs', () => {
    let references = 0;
    walk(document, ({ $ref }) => {
      if ($ref === undefined) return;
      references += 1;
      expect($ref).toMatch(/^#\/components\//);
      expect(at(($ref as string).slice(1))).toBeDefined();
    });
    expect(references).toBeGreaterThan(10);
    expect(JSON.stringify(document)).not.toContain('$defs');
  });

  test('has unique operation ids, declared tags and well-formed component names', () => {
    const ids: string[] = [];
    const tags = (document['tags'] as { name: string }[]).map(({ name }) => name);
    for (const methods of Object.values(document['paths'] as Record<string, Record<string, Json>>)) {
      for (const operation of Object.values(methods)) {
        ids.push(operation['operationId'] as string);
        for (const tag of operation['tags'] as string[]) expect(tags).toContain(tag);
      }
    }
    expect(ids.sort()).toEqual(['file', 'getTask', 'putTask']);
    for (const group of Object.values(document['components'] as Json))
      for (const name of Object.keys(group as Json)) expect(name).toMatch(/^[\w.-]+$/);
  });

  test('describes each placeholder and parameter', () => {
    expect(at('/paths')).toHaveProperty(['/files/{rest}']);
    const { parameters } = (at('/paths') as Record<string, Record<string, Json>>)['/v1/tasks/{id}']!['get']! as {
      parameters: Json[];
    };
    expect(parameters).toEqual([
      { name: 'id', in: 'path', required: true, schema: { $ref: '#/components/schemas/Id' } },
      { name: 'asOf', in: 'query', required: false, description: 'An instant', schema: { type: 'string' } },
      { name: 'limit', in: 'query', required: false, schema: { type: 'number', default: 5 } },
      {
        name: 'X-Sample-Tenant',
        in: 'header',
        required: false,
        description: 'Whose data.',
        schema: { type: 'string' },
      },
    ]);
    const put = (at('/paths') as Record<string, Record<string, Json>>)['/v1/tasks/{id}']!['put']! as {
      parameters: Json[];
    };
    expect(put.parameters.map(({ name }) => name)).toEqual(['id', 'X-Sample-Tenant', 'Idempotency-Key', 'If-Match']);
  });

  test('tells what is sent from what is received, where they differ', () => {
    const schemas = at('/components/schemas') as Record<string, { required?: string[]; examples?: string[] }>;
    expect(Object.keys(schemas).sort()).toEqual(['Id', 'Part', 'Part.input', 'Problem', 'Task', 'Task.input']);
    expect(schemas['Part']!.required).toEqual(['name', 'weight']);
    expect(schemas['Part.input']!.required).toEqual(['name']);
    expect(at('/components/schemas/Task.input/properties/part')).toEqual({ $ref: '#/components/schemas/Part.input' });
    expect(at('/components/schemas/Task.input/properties/children/items')).toEqual({
      $ref: '#/components/schemas/Task.input',
    });
    expect(schemas['Id']!.examples).toEqual(['a1']);
  });

  test('lists problems', () => {
    const { responses } = (at('/paths') as Record<string, Record<string, Json>>)['/v1/tasks/{id}']!['put']! as {
      responses: Json;
    };
    expect(Object.keys(responses)).toEqual(['204', '400', '401', '403', '413', '415', '429', '500', '503', 'default']);
    expect(responses['413']).toEqual({ $ref: '#/components/responses/payload-too-large' });
    const { responses: read } = (at('/paths') as Record<string, Record<string, Json>>)['/v1/tasks/{id}']!['get']! as {
      responses: Json;
    };
    expect(read).toMatchObject({
      429: { $ref: '#/components/responses/too-many-requests' },
      503: { $ref: '#/components/responses/unavailable' },
    });
    const waiting = Object.entries(at('/components/responses') as Record<string, Json>).filter(
      ([, { headers }]) => (headers as Json | undefined)?.['Retry-After'] !== undefined,
    );
    expect(waiting.map(([name]) => name)).toEqual(['too-many-requests', 'unavailable']);
  });
});

describe('the reference page', () => {
  test('loads nothing from elsewhere and lets only its own script and style run', async () => {
    const reply = await call('docs');
    const html = reply.body as string;
    expect(html).not.toMatch(/https?:\/\//);
    const policy = reply.headers['content-security-policy']!;
    expect(policy).toMatch(/^default-src 'none'; /);
    for (const tag of ['style', 'script']) {
      const content = new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(html)![1]!;
      expect(policy).toContain(`${tag}-src 'sha256-${createHash('sha256').update(content).digest('base64')}'`);
    }
    expect(html).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write|\son\w+="/);
  });
});
