/** The OpenAPI 3.1 document, built from the routes that are bound and their zod schemas. */
import type { z } from 'zod';
import { Problem } from '../../contract/common';
import { COMMON_REFUSALS } from '../../contract/problems';
import { isCommand, refusalsOf, type RouteSpec, type Tag, workOf } from '../../contract/route';
import { LEVELS } from '../../domain/kernel/principal';
import { convert, type Json, LOCAL, references } from './json-schema';
import { PROBLEM_CONTENT_TYPE, PROBLEMS, titleOf, typeOf } from './problem';
import { isOptionalBody, routes } from './route';

/** Of the API. */
export const VERSION = '0.1.0';

/** What the routes themselves don't say. */
export interface ApiInfo {
  readonly title: string;
  readonly version: string;
  /** Markdown. */
  readonly description: string;
}

/** How a caller says who it is. */
const BEARER = {
  type: 'http',
  scheme: 'bearer',
  bearerFormat: 'JWT',
  description:
    'A token of `POST /oauth/token` or `POST /v1/tokens`. It holds for a quarter of an hour; `npx formicary token ID` gives one to try with.',
} as const;

/** Builds the document from all routes bound so far. */
export function openApi({ title, version, description }: ApiInfo): Json {
  const specs = routes();
  const schemas = convertSchemas(specs);
  const paths: Record<string, Json> = {};
  for (const spec of specs) {
    const path = spec.path.replace('{*', '{');
    (paths[path] ??= {})[spec.method.toLowerCase()] = operation(spec, schemas);
  }
  return {
    openapi: '3.1.0',
    info: {
      title,
      version,
      description: `${description}\n\n${LEVELS_IN_WORDS}\n\n${WORK_IN_WORDS}`,
      contact: { name: title, url: 'https://formicary.dev' },
      license: { name: 'Apache 2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The host that this document comes from' }],
    security: [{ bearer: [] }],
    tags: tagsOf(specs).map(({ name, description }) => ({ name, description })),
    paths,
    components: {
      securitySchemes: { bearer: BEARER },
      headers: HEADERS,
      parameters: COMMAND_HEADERS,
      responses: problemResponses(specs),
      schemas: schemas.components,
    },
  };
}

const LEVELS_IN_WORDS = `Each operation needs a level of its caller, \`x-needs-level\`. They are ordered, each includes those before it: ${LEVELS.map((level) => `\`${level}\``).join(', ')}. \`read_only\` reads; \`read_write\` says and asks for things that can be taken back; \`execute\` does what has effects outside, such as work on a task; \`critical\` changes how the colony itself runs. The caller's token says which it holds; \`GET /v1/me\` tells.`;

const WORK_IN_WORDS = `A host that is late refuses with 429 \`overloaded\` what can wait, by \`x-work\`: \`new\` (brings new work) first, then \`read\`; \`underway\` (carries on what was begun, or steers the host) always passes.`;

/** What people begin with comes first, the rest by name. */
const FIRST = ['Tasks', 'Agents', 'Signals', 'Rounds', 'Actions', 'Approvals'];

function tagsOf(specs: readonly RouteSpec[]): Tag[] {
  const tags = new Map(specs.map(({ tag }) => [tag.name, tag]));
  const place = ({ name }: Tag) => (FIRST.includes(name) ? `${FIRST.indexOf(name)}` : name);
  return [...tags.values()].sort((a, b) => (place(a) < place(b) ? -1 : 1));
}

function operation(spec: RouteSpec, schemas: Schemas): Json {
  const { name, operationId = name, summary, description = `${summary}.`, tag, needs, example } = spec;
  const { params, query, body, method, conditional } = spec;
  const parameters = [
    ...properties(params, schemas).map(([name, schema]) => parameter('path', name, schema, true, example.params)),
    ...properties(query, schemas).map(([name, schema, required]) =>
      parameter('query', name, schema, required, example.query),
    ),
    ...(method === 'GET'
      ? []
      : Object.keys(COMMAND_HEADERS)
          .filter((name) => name !== 'IfMatch' || conditional !== false)
          .map((name) => ({ $ref: `#/components/parameters/${name}` }))),
  ];
  return {
    operationId,
    summary,
    description,
    tags: [tag.name],
    'x-needs-level': needs,
    'x-work': workOf(spec),
    ...(example.as !== undefined && { 'x-example-as': example.as }),
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: {
        required: !isOptionalBody(body),
        content: {
          'application/json': {
            schema: schemas.inputs.get(body),
            ...(example.body !== undefined && { example: example.body }),
          },
        },
      },
    }),
    responses: {
      [spec.status ?? 200]: answered(spec, schemas),
      ...Object.fromEntries(
        refusedWith(spec).map(({ status, component }) => [status, { $ref: `#/components/responses/${component}` }]),
      ),
      default: { $ref: '#/components/responses/Refused' },
    },
  };
}

function answered(spec: RouteSpec, schemas: Schemas): Json {
  const { answers, answer, contentType = 'application/json' } = spec;
  return {
    description: answers,
    headers: {
      ETag: { $ref: '#/components/headers/ETag' },
      ...(spec.status === 201 && { Location: { $ref: '#/components/headers/Location' } }),
    },
    content: { [contentType]: { schema: schemas.outputs.get(answer) } },
  };
}

function parameter(
  place: 'path' | 'query',
  name: string,
  schema: Json,
  required: boolean,
  examples: Readonly<Record<string, unknown>> = {},
): Json {
  const { description, ...rest } = schema;
  return {
    name,
    in: place,
    required,
    ...(description !== undefined && { description }),
    schema: rest,
    ...(examples[name] !== undefined && { example: examples[name] }),
  };
}

const COMMAND_HEADERS: Readonly<Record<string, Json>> = {
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description:
      'Makes a repeated request safe: for 24 hours the key belongs to this request of this caller, which gets its first answer again; with another request it is refused.',
    schema: { type: 'string', minLength: 1, maxLength: 200, pattern: '^[!-~]+$' },
  },
  IfMatch: {
    name: 'If-Match',
    in: 'header',
    required: false,
    description: 'The ETag of the version that the change is meant for; another version makes it fail.',
    schema: { type: 'string', pattern: '^"(0|[1-9][0-9]{0,14})"$' },
  },
};

const HEADERS: Json = {
  ETag: {
    description: 'The version of what was read or written, in quotes; give it back as `If-Match`.',
    schema: { type: 'string' },
  },
  Location: { description: 'The path of what was made, where it has one.', schema: { type: 'string' } },
  RetryAfter: { description: 'Seconds to wait before the next try.', schema: { type: 'integer', minimum: 1 } },
};

// ---------------------------------------------------------------------------------------------------- refusals

/** Statuses that pass with time. */
const WAITING: ReadonlySet<number> = new Set([429, 503]);
/** What any operation may be refused with by the edge, and by the rules. */
const EDGE_STATUSES = [400, 401, 403, 404, 413, 415, 429, 500, 503];
const RULE_STATUSES = [403, 404, 409, 412, 422];
/** Of a read that does not say more: what is asked for is not there, or nothing can be told of it. */
const READ_STATUSES = [404, 422];

type Row = readonly [status: number, type: string, says: string];

/** What is refused whatever is asked for. */
const SHARED_ROWS: readonly Row[] = [
  ...Object.entries(PROBLEMS).map(([slug, { status, title }]): Row => [status, slug, title]),
  ...COMMON_REFUSALS.rows,
];

/** What an operation may be refused with under one status: the component that says it, and its rows. */
interface Refused {
  readonly status: number;
  readonly component: string;
  readonly rows: readonly Row[];
}

/** For each status under which an operation may be refused, by what. */
function refusedWith(spec: RouteSpec): Refused[] {
  const { params, body, refuses } = spec;
  const own = refusalsOf(spec);
  const commands = isCommand(spec);
  const statuses = commands || refuses !== undefined ? RULE_STATUSES : READ_STATUSES;
  const rules = commands ? [...COMMON_REFUSALS.rows, ...own] : own;
  const ruled = statuses.filter((status) => rules.some(([of]) => of === status));
  const isPossible = (status: number) =>
    (status !== 404 || params !== undefined || ruled.includes(404)) &&
    ((status !== 413 && status !== 415) || body !== undefined);
  return [...new Set([...EDGE_STATUSES, ...ruled])].filter(isPossible).map((status) => {
    const shown = ruled.includes(status) ? own.filter(([of]) => of === status) : [];
    return {
      status,
      component: `${prefixOf(spec, status, shown.length)}${status}`,
      rows: [...SHARED_ROWS.filter(([of]) => of === status), ...shown],
    };
  });
}

/** Operations that are refused alike share a component: all that is shared, all of a capability, or their own. */
function prefixOf({ name, operationId = name, tag: { refusals } }: RouteSpec, status: number, rows: number): string {
  if (rows === 0) return 'Shared';
  const isAll = refusals.rows.filter(([of]) => of === status).length === rows;
  return isAll ? refusals.name : operationId.charAt(0).toUpperCase() + operationId.slice(1);
}

function problemResponses(specs: readonly RouteSpec[]): Json {
  const used = specs.flatMap(refusedWith).map(({ component, rows }) => [component, problems(rows)] as const);
  return {
    ...Object.fromEntries(used),
    Refused: problems(SHARED_ROWS.filter(([status]) => ![...EDGE_STATUSES, ...RULE_STATUSES].includes(status))),
  };
}

/** A response with each of its types as an example. */
function problems(rows: readonly Row[]): Json {
  const examples = rows.map(([status, type, says]): [string, Json] => [
    type,
    { summary: says, value: { type: typeOf(type), title: titleOf(type), status, detail: says } },
  ]);
  return {
    description: `Refused: ${rows.map(([, type]) => `\`${type}\``).join(', ')}.`,
    ...(rows.some(([status]) => WAITING.has(status)) && {
      headers: { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } },
    }),
    content: {
      [PROBLEM_CONTENT_TYPE]: {
        schema: { $ref: '#/components/schemas/Problem' },
        examples: Object.fromEntries(examples),
      },
    },
  };
}

// ----------------------------------------------------------------------------------------------------- schemas

interface Schemas {
  /** What a client sends, by zod schema; what it receives. */
  readonly inputs: ReadonlyMap<z.ZodType, Json>;
  readonly outputs: ReadonlyMap<z.ZodType, Json>;
  /** The schemas with an id (`.meta({ id })`), and recursive ones. */
  readonly components: Record<string, Json>;
}

/**
 * Converts all schemas in two runs (as sent, as received), so that shared ones become components. A component whose
 * two forms differ, because of defaults or transformations, exists twice: `Task` as received, `TaskSent` as sent.
 */
function convertSchemas(specs: readonly RouteSpec[]): Schemas {
  const sent = new Set(
    specs.flatMap(({ params, query, body }) => [params, query, body].filter((schema) => schema !== undefined)),
  );
  const input = convert([...sent], 'input');
  const received = new Set([...specs.map(({ answer }) => answer), Problem]);
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
  const inputName = (id: string): string => (renamed.has(id) ? `${id}Sent` : id);
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
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(object.properties ?? {}).map(([name, field]) => [
    name,
    field,
    object.required?.includes(name) ?? false,
  ]);
}
