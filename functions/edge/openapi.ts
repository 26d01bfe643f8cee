/** The OpenAPI 3.1 document, built from the declared routes and their zod schemas. */
import { z } from 'zod';
import type { RouteSpec, Tag } from '../../contract/route';
import { PROBLEM_CONTENT_TYPE, PROBLEMS, type ProblemSlug } from './problem';
import { isOptionalBody, routes } from './route';

/** What the routes themselves don't say. */
export interface ApiInfo {
  readonly title: string;
  readonly version: string;
  /** Markdown. */
  readonly description: string;
  /** Request headers that every route understands, by name, with what they mean; for example those of the identity. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** How a caller says who it is on the local host, until tokens come. */
export const LOCAL_IDENTITY = {
  'X-Formicary-Tenant': 'On the local host: the tenant; `default` when left out',
  'X-Formicary-Principal': 'On the local host: who calls; an agent sends its id. `developer` when left out',
} as const;

type Json = Record<string, unknown>;

/** Builds the document from all routes declared so far. */
export function openApi(info: ApiInfo): Json {
  const definitions = routes();
  const schemas = convertSchemas(definitions);
  const paths: Record<string, Json> = {};
  for (const definition of definitions) {
    const path = definition.path.replace('{*', '{');
    (paths[path] ??= {})[definition.method.toLowerCase()] = operation(definition, schemas, info);
  }
  return {
    openapi: '3.1.0',
    info: { title: info.title, version: info.version, description: info.description },
    servers: [{ url: '/' }],
    tags: tagsOf(definitions),
    paths,
    components: { schemas: { ...schemas.components, Problem: PROBLEM_SCHEMA }, responses: problemResponses() },
  };
}

/** What people begin with comes first, the rest by name. */
const FIRST = ['Tasks', 'Agents', 'Signals', 'Rounds', 'Actions', 'Approvals'];

function tagsOf(definitions: readonly RouteSpec[]): Tag[] {
  const tags = new Map(definitions.map(({ tag }) => [tag.name, tag]));
  const place = ({ name }: Tag) => `${(FIRST.indexOf(name) + 100) % 100}`.padStart(2, '0') + name;
  return [...tags.values()].sort((a, b) => (place(a) < place(b) ? -1 : 1));
}

function operation(definition: RouteSpec, schemas: Schemas, info: ApiInfo): Json {
  const { name, operationId = name, summary, description, tag, params, query, body, needs, method } = definition;
  const parameters = [
    ...properties(params, schemas).map(([name, schema]) => parameter('path', name, schema, true)),
    ...properties(query, schemas).map(([name, schema, required]) => parameter('query', name, schema, required)),
    ...Object.entries(info.headers ?? {}).map(([name, text]) =>
      parameter('header', name, { type: 'string', description: text }, false),
    ),
    ...(method === 'GET'
      ? []
      : COMMAND_HEADERS.filter(({ name }) => name !== 'If-Match' || definition.conditional !== false)),
  ];
  return {
    operationId,
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tag.name],
    'x-needs-level': needs,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: !isOptionalBody(body),
            content: { 'application/json': { schema: schemas.inputs.get(body) } },
          },
        }),
    responses: {
      ...Object.fromEntries(
        problemsOf(definition).map((slug) => [PROBLEMS[slug].status, { $ref: `#/components/responses/${slug}` }]),
      ),
      [definition.status ?? 200]: answered(definition, schemas),
      default: { $ref: '#/components/responses/refused' },
    },
  };
}

function answered({ answers, answer, contentType = 'application/json' }: RouteSpec, schemas: Schemas): Json {
  return { description: answers, content: { [contentType]: { schema: schemas.outputs.get(answer) } } };
}

/** The problems that the edge itself may answer with. */
function problemsOf({ body }: RouteSpec): ProblemSlug[] {
  return [
    'invalid-request',
    'unauthenticated',
    'forbidden',
    ...(body === undefined ? [] : (['payload-too-large', 'unsupported-media-type'] as const)),
    'too-many-requests',
    'internal-error',
    'unavailable',
  ];
}

function parameter(place: 'path' | 'query' | 'header', name: string, schema: Json, required: boolean): Json {
  const { description, ...rest } = schema;
  return { name, in: place, required, ...(description === undefined ? {} : { description }), schema: rest };
}

const COMMAND_HEADERS: readonly Json[] = [
  parameter(
    'header',
    'Idempotency-Key',
    {
      type: 'string',
      minLength: 1,
      maxLength: 200,
      pattern: '^[\\x21-\\x7e]+$',
      description:
        'Makes a repeated request safe: for 24 hours the key belongs to this request of this caller, which gets its first answer again; with another request it is refused.',
    },
    false,
  ),
  parameter(
    'header',
    'If-Match',
    {
      type: 'string',
      pattern: '^"(0|[1-9]\\d*)"$',
      description: 'The ETag of the version that the change is meant for; another version makes it fail.',
    },
    false,
  ),
];

const PROBLEM_REF = { $ref: '#/components/schemas/Problem' };

const PROBLEM_SCHEMA: Json = {
  type: 'object',
  description: 'What went wrong and what to do (RFC 9457).',
  properties: {
    type: { type: 'string', format: 'uri', description: 'Stable name of this kind of problem.' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    errors: {
      type: 'array',
      description: 'What is wrong with the request, one by one.',
      items: {
        type: 'object',
        properties: {
          pointer: { type: 'string', description: 'Place in the body, a JSON Pointer such as `#/price`.' },
          parameter: { type: 'string', description: 'Name of the parameter or header.' },
          message: { type: 'string' },
        },
        required: ['message'],
      },
    },
  },
  required: ['type', 'title', 'status', 'detail'],
};

/** The problems that pass with time. */
const WAITING: ReadonlySet<string> = new Set<ProblemSlug>(['too-many-requests', 'unavailable']);
const RETRY_AFTER: Json = {
  'Retry-After': { description: 'Seconds to wait before the next try.', schema: { type: 'integer', minimum: 1 } },
};

function problemResponses(): Json {
  // What the rules refuse is no closed list: its `type` says which rule it was.
  const all = [
    ...Object.entries(PROBLEMS).map(([slug, { title }]) => [slug, title] as const),
    ['refused', 'Refused, for the reason that `type` and `detail` give'] as const,
  ];
  return Object.fromEntries(
    all.map(([slug, description]) => [
      slug,
      {
        description,
        ...(WAITING.has(slug) && { headers: RETRY_AFTER }),
        content: { [PROBLEM_CONTENT_TYPE]: { schema: PROBLEM_REF } },
      },
    ]),
  );
}

// ------------------------------------------------------------------------------------------------------ schemas

interface Schemas {
  /** What a client sends, by zod schema; what it receives. */
  readonly inputs: ReadonlyMap<z.ZodType, Json>;
  readonly outputs: ReadonlyMap<z.ZodType, Json>;
  /** The schemas with an id (`.meta({ id })`), and recursive ones. */
  readonly components: Record<string, Json>;
}

/**
 * Converts all schemas in two runs (as sent, as received), so that shared ones become components. A component whose
 * two forms differ, because of defaults or transformations, exists twice: `Task` as received, `Task.input` as sent.
 */
function convertSchemas(definitions: readonly RouteSpec[]): Schemas {
  const sent = new Set(
    definitions.flatMap(({ params, query, body }) => [params, query, body].filter((schema) => schema !== undefined)),
  );
  const received = new Set(definitions.map(({ answer }) => answer).filter((schema) => schema !== undefined));
  const input = convert([...sent], 'input');
  const output = convert([...received], 'output');

  const renamed = new Set(
    Object.keys(input.definitions).filter((id) => {
      const other = output.definitions[id];
      return other !== undefined && JSON.stringify(other) !== JSON.stringify(input.definitions[id]);
    }),
  );
  // What refers to a component with two forms has two forms itself.
  for (let before = -1; before !== renamed.size;) {
    before = renamed.size;
    for (const [id, schema] of Object.entries(input.definitions)) {
      if (id in output.definitions && references(schema).some((target) => renamed.has(target))) renamed.add(id);
    }
  }
  const inputName = (id: string): string => (renamed.has(id) ? `${id}.input` : id);
  const components: Record<string, Json> = {};
  for (const [id, schema] of Object.entries(output.definitions)) components[id] = toComponents(schema, (id) => id);
  for (const [id, schema] of Object.entries(input.definitions))
    components[inputName(id)] = toComponents(schema, inputName);
  return {
    inputs: new Map([...input.schemas].map(([key, schema]) => [key, toComponents(schema, inputName)])),
    outputs: new Map([...output.schemas].map(([key, schema]) => [key, toComponents(schema, (id) => id)])),
    components,
  };
}

/** Converts many schemas as the fields of one object: the way to make zod share definitions between them. */
function convert(
  schemas: readonly z.ZodType[],
  io: 'input' | 'output',
): { schemas: Map<z.ZodType, Json>; definitions: Record<string, Json> } {
  const fields = Object.fromEntries(schemas.map((schema, i) => [`s${i}`, schema]));
  const { properties = {}, $defs = {} } = z.toJSONSchema(z.object(fields), {
    io,
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const { example } = jsonSchema;
      if (example !== undefined) {
        jsonSchema.examples = [example];
        delete jsonSchema['example'];
      }
      // A plain z.object tolerates further fields; clients must too.
      const { def } = zodSchema._zod;
      if (def.type === 'object' && (def as z.core.$ZodObjectDef).catchall === undefined)
        delete jsonSchema.additionalProperties;
    },
  }) as { properties?: Record<string, Json>; $defs?: Record<string, Json> };
  return { schemas: new Map(schemas.map((schema, i) => [schema, properties[`s${i}`]!])), definitions: $defs };
}

const LOCAL = '#/$defs/';

function references(schema: Json): string[] {
  const found: string[] = [];
  JSON.stringify(schema, (key, value: unknown) => {
    if (key === '$ref' && typeof value === 'string') found.push(value.slice(LOCAL.length));
    return value;
  });
  return found;
}

function toComponents(schema: Json, name: (id: string) => string): Json {
  const text = JSON.stringify(schema, (key, value: unknown) =>
    key === '$ref' && typeof value === 'string' ? `#/components/schemas/${name(value.slice(LOCAL.length))}` : value,
  );
  return JSON.parse(text) as Json;
}

/** Name, schema and whether it is required, of each field of an object schema. */
function properties(schema: z.ZodObject | undefined, schemas: Schemas): [string, Json, boolean][] {
  if (schema === undefined) return [];
  const json = schemas.inputs.get(schema)!;
  const object = ('$ref' in json ? schemas.components[(json['$ref'] as string).split('/').at(-1)!]! : json) as {
    properties: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(object.properties).map(([name, field]) => [
    name,
    field,
    object.required?.includes(name) ?? false,
  ]);
}
