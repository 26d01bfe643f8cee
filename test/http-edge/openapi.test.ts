import { createHash } from 'node:crypto';
import { z } from 'zod';
import { whole } from '../../contract/common';
import { COMMON_REFUSALS, refusals } from '../../contract/problems';
import { contract, type RouteSpec } from '../../contract/route';
import { registerDocs } from '../../functions/edge/docs-routes';
import { bindRoute, routes, setEdge } from '../../functions/edge/route';
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

const tag = (name: string) => ({
  name,
  description: `About ${name}.`,
  refusals: refusals('Sample', [
    [409, 'task-late', 'the task is late'],
    [409, 'task-over', 'the task is over'],
  ]),
});
const tasks = contract({
  get: {
    name: 'getTask',
    method: 'GET',
    path: '/v1/tasks/{id}',
    tag: tag('Tasks'),
    needs: 'read_only',
    summary: 'One task',
    description: 'All of it.',
    params: z.object({ id: Id }),
    query: z.object({ asOf: z.string().optional().describe('An instant'), limit: whole(1, 10, 5) }),
    answer: Task,
    answers: 'The task',
    example: { params: { id: 'a1' }, query: { limit: 3 } },
  },
  put: {
    name: 'putTask',
    method: 'PUT',
    path: '/v1/tasks/{id}',
    tag: tag('Tasks'),
    needs: 'read_only',
    summary: 'Write a task',
    params: z.object({ id: Id }),
    body: Task,
    status: 201,
    answer: Task,
    answers: 'Written',
    example: { params: { id: 'a1' }, body: { id: 'a1', part: { name: 'b' }, children: [] } },
  },
  close: {
    name: 'closeTask',
    method: 'POST',
    path: '/v1/tasks/{id}/close',
    tag: tag('Tasks'),
    needs: 'read_only',
    refuses: ['task-late'],
    summary: 'Close a task',
    params: z.object({ id: Id }),
    answer: Task,
    answers: 'Closed',
    example: { params: { id: 'a1' } },
  },
  file: {
    name: 'file',
    method: 'GET',
    path: '/files/{*rest}',
    tag: tag('Agents and files'),
    needs: 'read_only',
    summary: 'A file',
    params: z.object({ rest: z.string() }),
    answer: z.string(),
    answers: 'It',
    contentType: 'text/plain',
    example: { params: { rest: 'a/b' } },
  },
});
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
  });
  for (const spec of Object.values(tasks) as RouteSpec[]) bindRoute(spec, () => ({}));
  const reply = await call('openapi');
  expect(reply.headers['content-type']).toBe('application/json; charset=utf-8');
  document = reply.json();
});

function at(pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((value, key) => (value as Json | undefined)?.[key.replaceAll('~1', '/')], document);
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
      info: { title: 'Sample', version: '1.2.3', description: expect.stringContaining('What it is.') as string },
      security: [{ bearer: [] }],
      tags: [
        { name: 'Tasks', description: 'About Tasks.' },
        { name: 'Agents and files', description: 'About Agents and files.' },
      ],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
        },
      },
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
    expect(ids.sort()).toEqual(['closeTask', 'file', 'getTask', 'putTask']);
    for (const group of Object.values(document['components'] as Json))
      for (const name of Object.keys(group as Json)) expect(name).toMatch(/^[\w.-]+$/);
  });

  test('describes each placeholder and parameter', () => {
    expect(at('/paths')).toHaveProperty(['/files/{rest}']);
    const { parameters } = (at('/paths') as Record<string, Record<string, Json>>)['/v1/tasks/{id}']!['get']! as {
      parameters: Json[];
    };
    expect(parameters).toEqual([
      { name: 'id', in: 'path', required: true, schema: { $ref: '#/components/schemas/Id' }, example: 'a1' },
      { name: 'asOf', in: 'query', required: false, description: 'An instant', schema: { type: 'string' } },
      {
        name: 'limit',
        in: 'query',
        required: false,
        description: '1 to 10, 5 by default',
        schema: { type: 'integer', minimum: 1, maximum: 10, default: 5 },
        example: 3,
      },
    ]);
    const put = (at('/paths') as Record<string, Record<string, Json>>)['/v1/tasks/{id}']!['put']! as {
      parameters: Json[];
    };
    expect(put.parameters.slice(1)).toEqual([
      { $ref: '#/components/parameters/IdempotencyKey' },
      { $ref: '#/components/parameters/IfMatch' },
    ]);
  });

  test('tells what is sent from what is received, where they differ', () => {
    const schemas = at('/components/schemas') as Record<string, { required?: string[]; examples?: string[] }>;
    expect(Object.keys(schemas).sort()).toEqual(['Id', 'Part', 'PartSent', 'Problem', 'Task', 'TaskSent']);
    expect(schemas['Part']!.required).toEqual(['name', 'weight']);
    expect(schemas['PartSent']!.required).toEqual(['name']);
    expect(at('/components/schemas/TaskSent/properties/part')).toEqual({ $ref: '#/components/schemas/PartSent' });
    expect(at('/components/schemas/TaskSent/properties/children/items')).toEqual({
      $ref: '#/components/schemas/TaskSent',
    });
    expect(schemas['Id']!.examples).toEqual(['a1']);
  });

  test('lists problems', () => {
    const { responses } = (at('/paths') as Record<string, Record<string, Json>>)['/v1/tasks/{id}']!['put']! as {
      responses: Json;
    };
    expect(Object.keys(responses)).toEqual([
      '201',
      '400',
      '401',
      '403',
      '404',
      '409',
      '412',
      '413',
      '415',
      '422',
      '429',
      '500',
      '503',
      'default',
    ]);
    expect(responses).toMatchObject({
      409: { $ref: '#/components/responses/Sample409' },
      413: { $ref: '#/components/responses/Shared413' },
    });
    expect(
      Object.keys(at('/components/responses/Sample409/content/application~1problem+json/examples') as Json),
    ).toEqual([
      ...COMMON_REFUSALS.rows.filter(([status]) => status === 409).map(([, type]) => type),
      'task-late',
      'task-over',
    ]);
    const { responses: read } = (at('/paths') as Record<string, Record<string, Json>>)['/v1/tasks/{id}']!['get']! as {
      responses: Json;
    };
    expect(Object.keys(read)).toEqual(['200', '400', '401', '403', '404', '429', '500', '503', 'default']);
    const waiting = Object.entries(at('/components/responses') as Record<string, Json>).filter(
      ([, { headers }]) => (headers as Json | undefined)?.['Retry-After'] !== undefined,
    );
    expect(waiting.map(([name]) => name)).toEqual(['Shared429', 'Shared503']);
  });
});

test('an operation lists of its capability what it says that it refuses, and no other', () => {
  const { responses } = (at('/paths') as Record<string, Record<string, Json>>)['/v1/tasks/{id}/close']!['post']! as {
    responses: Json;
  };
  expect(responses['409']).toEqual({ $ref: '#/components/responses/CloseTask409' });
  const { examples } = at('/components/responses/CloseTask409/content/application~1problem+json') as { examples: Json };
  expect(examples).toHaveProperty('task-late');
  expect(examples).not.toHaveProperty('task-over');
});

describe('what the document could not hold is refused when it is bound', () => {
  const spec = (more: Partial<RouteSpec>): RouteSpec => ({
    ...tasks.get,
    name: 'late',
    path: '/v1/late/{id}',
    ...more,
  });
  const another = z.object({ other: z.string() }).meta({ id: 'Task' });

  test.each<[where: string, schema: z.ZodType]>([
    ['as the answer', another],
    ['in a field', z.object({ field: another.optional() })],
    ['in a list', z.array(z.object({ of: another.nullable() }))],
    ['in a choice', z.union([z.string(), another])],
    ['in a map', z.record(z.string(), another)],
    ['in a pair', z.tuple([z.string(), another])],
    ['behind a default', z.object({ field: another.default({ other: '' }) })],
    ['behind a function', z.lazy(() => z.array(another))],
    ['in a field that refers to its own kind', z.object({ get children() { return z.array(another); } })], // prettier-ignore
    ['before a transformation', another.transform(() => 'text')],
    ['after one', z.string().pipe(z.preprocess((text) => text, another))],
  ])('a second schema of the id that another has, %s', (_, schema) => {
    expect(() => bindRoute(spec({ answer: schema }), () => ({}))).toThrow(
      "route late: another schema is called 'Task' already (route getTask): rename one",
    );
  });

  test('an id that can be no name', () => {
    const answer = z.object({}).meta({ id: 'no name' });
    expect(() => bindRoute(spec({ answer }), () => ({}))).toThrow("route late: 'no name' can't be the id of a schema");
  });

  test('a refusal that the table of its tag has not', () => {
    expect(() => bindRoute(spec({ refuses: ['task-over', 'task-lost'] }), () => ({}))).toThrow(
      "route late: it refuses 'task-lost', of which the table 'Sample' has no row",
    );
  });

  test('a tag, or a table of refusals, of which something else was said', () => {
    expect(() => bindRoute(spec({ tag: { ...tag('Tasks'), description: 'Other.' } }), () => ({}))).toThrow(
      "another tag is called 'Tasks' already (route getTask)",
    );
    const table = refusals('Sample', [[409, 'other', 'something else']]);
    expect(() => bindRoute(spec({ tag: { ...tag('New'), refusals: table } }), () => ({}))).toThrow(
      "another table of refusals is called 'Sample' already (route getTask)",
    );
  });

  test('the same again is no contradiction, and what was refused is not served', () => {
    bindRoute(spec({ name: 'again' }), () => ({}));
    expect(routes().map(({ name }) => name)).toEqual(['getTask', 'putTask', 'closeTask', 'file', 'again']);
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
