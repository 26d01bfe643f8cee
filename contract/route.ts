/**
 * What a route of the API is, as data: what is sent, what is answered, and what is said of both. The server binds it,
 * the OpenAPI document and the client's types are made of it; nothing says it a second time.
 */
import type { z } from 'zod';
import type { Level } from '../domain/kernel/principal';
import type { Refusal, Refusals } from './problems';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A request that is understood: a test makes it of the route, in a tenant where what it names is there. */
export interface Example {
  /** Whose data, where it can't be any tenant's: `platform`. */
  readonly tenant?: string;
  /** Who calls, as `X-Formicary-Principal`: an agent's id, `human:ada`, `service:crm`; the developer by default. */
  readonly as?: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  readonly body?: unknown;
}

/** What routes are grouped by in the reference. */
export interface Tag {
  readonly name: string;
  /** Markdown, a sentence or two: what it is, in the words of somebody who meets it for the first time. */
  readonly description: string;
  /** What the rules may refuse here, beside `COMMON_REFUSALS`; `refuses` of a route says which of it. */
  readonly refusals: Refusals;
}

/**
 * What a request means to a host that is late. `new` brings work that was not there, and is refused first; `read`
 * only looks, and yields next; `underway` carries on what was begun, or steers a host in trouble, and passes.
 */
export const WORK = ['new', 'read', 'underway'] as const;
export type Work = (typeof WORK)[number];

/** Without type parameters, so that a table of routes keeps the exact type of each. */
export interface RouteSpec {
  /**
   * Name of the function, unique. The Functions host looks at routes in order of these names: the first that fits
   * serves.
   */
  readonly name: string;
  /** In the OpenAPI document and in generated clients; the name by default. */
  readonly operationId?: string;
  readonly method: Method;
  /** For example `/v1/tasks/{id}`; a last segment `{*rest}` takes all that follows. */
  readonly path: `/${string}`;
  readonly tag: Tag;
  /** The level that the caller must hold. */
  readonly needs: Level;
  /**
   * Types of `tag.refusals` that this operation may answer; all of them by default. The `COMMON_REFUSALS` come on top.
   */
  readonly refuses?: readonly string[];
  readonly summary: string;
  /** Markdown; the summary by default. */
  readonly description?: string;
  /** One field per placeholder of the path. */
  readonly params?: z.ZodObject;
  /** The parameters that are understood; any other is refused. Values arrive as strings. */
  readonly query?: z.ZodObject;
  /** A `z.strictObject`, so that unknown fields are refused. */
  readonly body?: z.ZodType;
  /** Bytes; 1 MB by default. */
  readonly bodyLimit?: number;
  /** Of the answer; 200 by default. */
  readonly status?: 200 | 201 | 202;
  readonly answer: z.ZodType;
  /** What the answer is, in words. */
  readonly answers: string;
  /** Media type of the answer, when it is not JSON. */
  readonly contentType?: string;
  /** By default a read where the method is GET, else under way: only what brings new work says so. */
  readonly work?: Work;
  /**
   * What a request costs the host, where that depends on its body: in requests of the plainest kind, which cost 1.
   * Limits count it.
   */
  readonly cost?: (body: never) => number;
  /** True for what is still done in a tenant that was closed: it proves, erases or takes back; reads always are. */
  readonly afterClose?: true;
  /** False where a change is not of one resource with one version: If-Match is refused there, and true elsewhere. */
  readonly conditional?: boolean;
  /**
   * Personal data in the answer: of which stream it is, by its category and the parameter that names its id, so that
   * `personal=open` opens it (`OPENING` is then part of the query); or `stored`, where it goes out sealed as it lies in
   * the log, since hashes are over that. Masked everywhere else.
   */
  readonly personal?: { readonly of: string; readonly named: string } | 'stored';
  readonly example: Example;
}

/** What a request of a route means to a host that is late. */
export function workOf({ work, method }: Pick<RouteSpec, 'work' | 'method'>): Work {
  return work ?? (method === 'GET' ? 'read' : 'underway');
}

/** Whether a request of a route is a command, which leaves something: who opens personal data leaves a receipt. */
export function isCommand({ method, personal }: Pick<RouteSpec, 'method' | 'personal'>): boolean {
  return method !== 'GET' || typeof personal === 'object';
}

/** What the rules of its capability may refuse to a request of a route. */
export function refusalsOf({ tag: { refusals }, refuses }: Pick<RouteSpec, 'tag' | 'refuses'>): readonly Refusal[] {
  return refuses === undefined ? refusals.rows : refusals.rows.filter(([, type]) => refuses.includes(type));
}

/** A table of routes by the names that its methods have in the client. */
export function contract<const T extends Readonly<Record<string, RouteSpec>>>(routes: T): T {
  return routes;
}

/** What is read is not written to: lists of the domain are read-only, those of schemas are not. */
export type Frozen<T> = unknown extends T
  ? T
  : T extends readonly (infer Item)[]
    ? T extends readonly [infer Head, ...infer Rest]
      ? readonly [Frozen<Head>, ...{ [K in keyof Rest]: Frozen<Rest[K]> }]
      : readonly Frozen<Item>[]
    : T extends object
      ? { readonly [K in keyof T]: Frozen<T[K]> }
      : T;

/** What stands in an answer with this schema; what a client sends, before defaults are filled in. */
export type Shown<T extends z.ZodType> = Frozen<z.output<T>>;
export type Sent<T extends z.ZodType> = Frozen<z.input<T>>;

type Fields<T, Io extends 'input' | 'output'> = T extends z.ZodType
  ? Io extends 'input'
    ? z.input<T>
    : z.output<T>
  : {};

/** What the handler of a route is given: checked, with every default filled in. */
export interface Asked<R extends RouteSpec> {
  readonly params: Fields<R['params'], 'output'>;
  readonly query: Fields<R['query'], 'output'>;
  readonly body: R['body'] extends z.ZodType ? z.output<R['body']> : undefined;
}

export type AnswerOf<R extends RouteSpec> = Shown<R['answer']>;
export type BodyOf<R extends RouteSpec> = R['body'] extends z.ZodType ? Sent<R['body']> : undefined;
/**
 * What a client asks by: numbers and flags as such, which are written as text when they are sent. What has a default
 * may be left out.
 */
export type QueryOf<R extends RouteSpec> = QueryIn<Fields<R['query'], 'input'>, Fields<R['query'], 'output'>>;
type QueryIn<Input, Output> = {
  readonly [K in keyof Output as K extends OptionalIn<Input> ? never : K]: Output[K];
} & { readonly [K in keyof Output as K extends OptionalIn<Input> ? K : never]?: Output[K] | undefined };
type OptionalIn<Input> = { [K in keyof Input]-?: undefined extends Input[K] ? K : never }[keyof Input];

type Part<Name extends string, T> = [T] extends [undefined]
  ? { readonly [K in Name]?: undefined }
  : {} extends T
    ? { readonly [K in Name]?: T }
    : { readonly [K in Name]: T };

/** What a client gives for a request of a route. */
export type RequestOf<R extends RouteSpec> = Part<
  'params',
  R['params'] extends z.ZodObject ? Sent<R['params']> : undefined
> &
  Part<'query', R['query'] extends z.ZodObject ? QueryOf<R> : undefined> &
  Part<'body', BodyOf<R>>;

/** `POST /v1/tasks/{id}/accept` */
export type KeyOf<R extends RouteSpec> = `${R['method']} ${R['path']}`;
