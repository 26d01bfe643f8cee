/**
 * The operations of the API as tools of MCP, made of the contract: a tool has the name, the words, the level and the
 * schemas of its route. What is called is placed into a request of that route, and answered by it.
 */
import { HttpRequest } from '@azure/functions';
import { z } from 'zod';
import { isCommand, type RouteSpec } from '../../../contract/route';
import { includesLevel, type Level } from '../../../domain/kernel/principal';
import { convert, type Json, LOCAL, references } from '../json-schema';
import { Problem } from '../problem';
import { type BoundRoute, DEFAULT_BODY_LIMIT, isOptionalBody, routes } from '../route';

/** As `tools/list` tells it. */
export interface ListedTool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: Json & { readonly type: 'object' };
  /** Absent where the answer is no JSON, or any. */
  readonly outputSchema?: Json;
  readonly annotations: Readonly<Record<string, boolean>>;
}

export interface Tool {
  readonly route: BoundRoute;
  readonly listed: ListedTool;
  /**
   * The request that a call means.
   *
   * @param traceparent of whoever calls, if it says so
   * @throws Problem (400) where an argument has no place in it
   */
  request(args: Readonly<Record<string, unknown>>, traceparent: string | undefined): HttpRequest;
}

/** What an agent needs to find work, to do it, to ask for it, to be heard, and to answer for it; in that order. */
const FOR_AGENTS = [
  'getMe',
  'putAgent',
  'readInbox',
  'acceptTask',
  'heartbeatTask',
  'progressTask',
  'completeTask',
  'failTask',
  'releaseTask',
  'declineTask',
  'handOffTask',
  'postTask',
  'getTask',
  'listTasks',
  'cancelTask',
  'proposeAction',
  'getAction',
  'castVote',
  'emitSignals',
  'readField',
  'why',
];

/** Longest name that every client takes. */
export const MAX_NAME = 64;
/** What may be said around the body of a call, in bytes. */
const AROUND_BYTES = 100_000;
/** How many of the tools a request may pick by name. */
const MAX_PICKED = 200;

/** What a header can say. */
const VISIBLE = /^[\x20-\x7e]*$/;

const KEY = 'idempotency_key';
const VERSION = 'if_match';
/** What a command takes beside the fields of its route, as headers over HTTP. */
const KEY_SCHEMA = {
  type: 'string',
  minLength: 1,
  maxLength: 200,
  description:
    'A name of your own for this call, another one for each: with the same name and arguments it is done once, and answered alike again',
};
const VERSION_SCHEMA = {
  type: 'integer',
  minimum: 0,
  description: 'Done only if it still has this version, which receipts name; refused with version-mismatch otherwise',
};

let all: ReadonlyMap<string, Tool> | undefined;

/** All tools by name, in the order of their routes. A stream without an end is none. */
export function allTools(): ReadonlyMap<string, Tool> {
  const served = routes().filter(({ contentType }) => contentType !== 'text/event-stream');
  return (all ??= new Map(served.map((route) => [nameOf(route), toolOf(route)])));
}

function nameOf({ name, operationId = name }: RouteSpec): string {
  return operationId;
}

/**
 * The tools that a request picks by `?tools=`: those for agents by default, `all`, or names with commas between them.
 * Throws a Problem (400) that says which names are none.
 */
export function toolsPicked(picked: string | null): ReadonlyMap<string, Tool> {
  const known = allTools();
  if (picked === 'all') return known;
  const names = picked === null ? FOR_AGENTS : picked.split(',', MAX_PICKED + 1);
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0 || names.length > MAX_PICKED)
    throw Problem.invalid('The address picks tools that are none.', [
      {
        parameter: 'tools',
        message: `must be all, or up to ${MAX_PICKED} names of operations with commas between them, as /openapi.json has them${unknown.length > 0 ? `; none is called ${unknown.slice(0, 5).join(', ')}` : ''}`,
      },
    ]);
  return new Map(names.map((name) => [name, known.get(name) as Tool]));
}

/** What whoever has that level may call. */
export function toolsFor(tools: ReadonlyMap<string, Tool>, level: Level): Tool[] {
  return [...tools.values()].filter(({ route }) => includesLevel(level, route.needs));
}

/** Bytes of a message: the largest body of what its caller may call here, and what is said around it. */
export function mostOf(tools: readonly Tool[]): number {
  const limits = tools.map(({ route: { body, bodyLimit } }) =>
    body === undefined ? 0 : (bodyLimit ?? DEFAULT_BODY_LIMIT),
  );
  return Math.max(0, ...limits) + AROUND_BYTES;
}

/** A tool is described when somebody asks for it: most are never asked for. */
function toolOf(route: BoundRoute): Tool {
  let made: Described | undefined;
  const described = () => (made ??= describe(route));
  return {
    route,
    get listed() {
      return described().listed;
    },
    request: (args, traceparent) => requestOf(route, described().places, args, traceparent),
  };
}

/** Where the value of an argument goes. */
type Place = 'params' | 'query' | 'body' | 'whole body' | 'key' | 'version';

interface Described {
  readonly listed: ListedTool;
  readonly places: ReadonlyMap<string, Place>;
}

function describe(route: BoundRoute): Described {
  const { params, query, body, answer, method, needs, summary, description = `${summary}.`, contentType } = route;
  const given = [params, query, body].filter((schema) => schema !== undefined);
  const { schemas, definitions } = convert(given, 'input');
  const fields = new Map<string, unknown>();
  const places = new Map<string, Place>();
  const required = new Set<string>();
  const add = (place: Place, name: string, schema: unknown, needed = false) => {
    fields.set(name, schema);
    places.set(name, place);
    if (needed) required.add(name);
  };
  const addAll = (place: Place, { properties, required: needed }: ObjectSchema) => {
    for (const [name, schema] of Object.entries(properties ?? {}))
      add(place, name, schema, needed?.includes(name) ?? false);
  };
  const schemaOf = (schema: NonNullable<typeof body>) => resolved(schemas.get(schema) as Json, definitions);
  if (params !== undefined) addAll('params', schemaOf(params));
  if (query !== undefined) addAll('query', schemaOf(query));
  if (body !== undefined) {
    const shape = schemaOf(body);
    const own = shape.type === 'object' && shape.properties !== undefined && shape.additionalProperties === false;
    // Two fields of one name would become one: then the body stands by itself.
    const apart = !own || Object.keys(shape.properties ?? {}).some((name) => fields.has(name));
    if (apart) add('whole body', 'body', shape, !isOptionalBody(body));
    else addAll('body', shape);
  }
  if (method !== 'GET') {
    add('key', KEY, KEY_SCHEMA);
    if (route.conditional !== false) add('version', VERSION, VERSION_SCHEMA);
  }
  const inputSchema = {
    type: 'object' as const,
    properties: Object.fromEntries(fields),
    ...(required.size > 0 && { required: [...required] }),
    additionalProperties: false,
    ...definitionsFor([...fields.values()], definitions),
  };
  const isJson = contentType === undefined && answer.type !== 'unknown';
  return {
    places,
    listed: {
      name: nameOf(route),
      title: summary,
      description: `${description} Needs the level ${needs}.`,
      inputSchema,
      ...(isJson && { outputSchema: outputOf(route) }),
      annotations: {
        readOnlyHint: !isCommand(route),
        // What can be taken back harms nothing.
        ...(isCommand(route) && { destructiveHint: needs === 'execute' || needs === 'critical' }),
        idempotentHint: method === 'GET' || method === 'PUT',
        openWorldHint: false,
      },
    },
  };
}

/** A schema of an object, as far as it is looked into. */
interface ObjectSchema extends Json {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
}

/** A schema with an id refers to its definition: what is looked into is that. */
function resolved(schema: Json, definitions: Readonly<Record<string, Json>>): ObjectSchema {
  const { $ref } = schema;
  return typeof $ref === 'string' ? resolved(definitions[$ref.slice(LOCAL.length)] as Json, definitions) : schema;
}

/**
 * The schema of an answer. What stands beside a command's receipt is described by the tool that reads it, and named
 * here: written out with each command it would be two thirds of the list.
 */
function outputOf(route: BoundRoute): Json {
  const { answer } = route;
  const { schemas, definitions } = convert([answer], 'output');
  const whole = resolved(schemas.get(answer) as Json, definitions);
  const fields = route.method !== 'GET' && answer instanceof z.ZodObject ? Object.entries(answer.shape) : [];
  const named = fields.flatMap(([name, field]) => {
    const reader = readers().get(field as z.ZodType);
    return reader === undefined ? [] : [[name, { type: 'object', description: `As ${reader} answers it.` }] as const];
  });
  const schema = {
    ...whole,
    ...(named.length > 0 && { properties: { ...whole.properties, ...Object.fromEntries(named) } }),
  };
  return { ...schema, ...definitionsFor([schema], definitions) };
}

let read: ReadonlyMap<z.ZodType, string> | undefined;

/** By what it answers, the tool that reads it. */
function readers(): ReadonlyMap<z.ZodType, string> {
  return (read ??= new Map(
    routes()
      .filter(({ method }) => method === 'GET')
      .map((route) => [route.answer, nameOf(route)]),
  ));
}

/**
 * The definitions that schemas refer to, and those that these refer to: no other, and none is missing. What would lead
 * back to itself is any object there: clients that write out what is referred to would not end.
 */
function definitionsFor(schemas: readonly unknown[], definitions: Readonly<Record<string, Json>>): { $defs?: Json } {
  const needed = reached(references({ schemas }), definitions);
  if (needed.length === 0) return {};
  const leadsBack = (from: string, to: string) =>
    needed.indexOf(to) <= needed.indexOf(from) && reached([to], definitions).includes(from);
  const withoutCircles = (id: string) =>
    JSON.parse(JSON.stringify(definitions[id]), (_, value: Json | undefined) => {
      const { $ref } = value ?? {};
      return typeof $ref === 'string' && leadsBack(id, $ref.slice(LOCAL.length)) ? { type: 'object' } : value;
    }) as Json;
  return { $defs: Object.fromEntries(needed.map((id) => [id, withoutCircles(id)])) };
}

/** The ids of these definitions and of all that they refer to, in the order in which they are met. */
function reached(ids: readonly string[], definitions: Readonly<Record<string, Json>>): string[] {
  const found = new Set(ids);
  // A set gives what is added while one goes through it.
  for (const id of found) for (const next of references(definitions[id] as Json)) found.add(next);
  return [...found];
}

// ------------------------------------------------------------------------------------------------------- a call

function requestOf(
  route: BoundRoute,
  places: ReadonlyMap<string, Place>,
  args: Readonly<Record<string, unknown>>,
  traceparent: string | undefined,
): HttpRequest {
  const params: Record<string, string> = {};
  const query: Record<string, string> = {};
  const fields: Record<string, unknown> = {};
  const headers: Record<string, string> = {
    accept: 'application/json',
    'content-type': 'application/json',
    ...(traceparent !== undefined && VISIBLE.test(traceparent) && { traceparent }),
  };
  let body: unknown = fields;
  for (const [name, value] of Object.entries(args)) {
    const place = places.get(name);
    if (place === 'params') params[name] = segment(name, value, route.path.includes(`{*${name}}`));
    else if (place === 'query') query[name] = textOf(name, value);
    else if (place === 'whole body') body = value;
    else if (place === 'key') headers['idempotency-key'] = visible(name, value);
    else if (place === 'version') headers['if-match'] = `"${visible(name, value)}"`;
    // What a body does not know, its schema refuses by its place.
    else if (place === 'body' || (route.body !== undefined && !places.has('body'))) fields[name] = value;
    else throw unplaced(name, `is not known here; these are: ${[...places.keys()].join(', ') || 'none'}`);
  }
  const text = route.body === undefined ? undefined : JSON.stringify(body);
  // How much waits for its turn is known by it.
  if (text !== undefined) headers['content-length'] = String(Buffer.byteLength(text));
  return new HttpRequest({
    method: route.method,
    url: `http://within${route.path.replaceAll(/[{}*]/g, '')}`,
    params,
    query,
    headers,
    ...(text !== undefined && { body: { string: text } }),
  });
}

/** Of a path: what a host makes of it, which leaves a slash that is encoded as it is. */
function segment(name: string, value: unknown, isRest: boolean): string {
  const text = textOf(name, value);
  if (text === '') throw unplaced(name, 'must not be empty');
  return isRest ? text : text.replaceAll('/', '%2F');
}

/** Values of paths, queries and headers are text. */
function textOf(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw unplaced(name, 'must be a text, a number, or true or false');
}

/** Of a header: others can't be sent. */
function visible(name: string, value: unknown): string {
  const text = textOf(name, value);
  if (!VISIBLE.test(text)) throw unplaced(name, 'must be visible ASCII characters');
  return text;
}

function unplaced(parameter: string, message: string): Problem {
  return Problem.invalid(`The argument ${parameter} ${message}.`, [{ parameter, message }]);
}
