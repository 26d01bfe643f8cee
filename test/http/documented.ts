/**
 * Holds answers against an OpenAPI document: their status, media type and form, and the type of a refusal. A client
 * tolerates a field that is not documented; here it is a fault, so that nothing internal gets out unseen.
 */
import { z } from 'zod';
import type { Reply } from './support';

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly responses: Readonly<Record<string, Response>>;
}

interface Response {
  readonly $ref?: string;
  readonly content?: Readonly<
    Record<string, { readonly schema: Record<string, unknown>; readonly examples?: Readonly<Record<string, unknown>> }>
  >;
}

export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, unknown>>;
    readonly responses: Readonly<Record<string, Response>>;
  };
}

export interface Check {
  /** What is wrong with an answer, a sentence each. Paths outside of the document are not looked at. */
  (method: string, path: string, reply: Reply): string[];
  /** Operations of which no success was looked at yet, by a tag of theirs. */
  unanswered(concerns: (tag: string) => boolean): string[];
}

/** Tags of the routes that `decisions.test.ts` asks; those of all others are asked by `api.test.ts`. */
export const DECISION_TAGS: ReadonlySet<string> = new Set([
  'Rounds',
  'Actions',
  'Approvals',
  'Oversight',
  'Corrections',
  'Channels',
  'Decisions',
  'Retention',
  'Signed log',
]);

/** What is wrong with an answer of a path or method that the document has not. */
export const NO_OPERATION = 'is not documented';

const COMPONENTS = '#/components/schemas/';

export function documented(document: Document): Check {
  const routes = Object.entries(document.paths)
    .map(([template, operations]) => ({
      pattern: patternOf(template),
      literals: template.split('/').filter((part) => !part.startsWith('{')).length,
      operations,
    }))
    // The most specific first, as the router has it.
    .sort((a, b) => b.literals - a.literals);
  const parsers = new Map<unknown, z.ZodType>();
  const answered = new Set<string>();

  const parserOf = (schema: Record<string, unknown>): z.ZodType => {
    let parser = parsers.get(schema);
    if (parser === undefined) {
      const whole = { ...schema, $defs: document.components.schemas };
      const text = JSON.stringify(whole, (_, value: unknown) => strict(value)).replaceAll(COMPONENTS, '#/$defs/');
      parser = z.fromJSONSchema(JSON.parse(text) as Parameters<typeof z.fromJSONSchema>[0]);
      parsers.set(schema, parser);
    }
    return parser;
  };

  const check = (method: string, path: string, { status, headers, text, body }: Reply): string[] => {
    const [plain] = path.split('?') as [string];
    const operation = routes
      .flatMap(({ pattern, operations }) => (pattern.test(plain) ? [operations[method.toLowerCase()]] : []))
      .find((found) => found !== undefined);
    if (operation === undefined) return plain.startsWith('/v1/') ? [NO_OPERATION] : [];
    const named = operation.responses[status] ?? operation.responses['default'];
    const response =
      named?.$ref === undefined ? named : document.components.responses[named.$ref.split('/').at(-1) as string];
    if (response === undefined) return [`the status ${status} is not documented`];
    const media = headers['content-type']?.split(';')[0] as string;
    const content = response.content?.[media];
    if (content === undefined) return [`${media} is not documented for ${status}`];
    if (status < 300) answered.add(operation.operationId);
    // What a status stands for, its response says by examples: a refusal of another type is not known to who reads it.
    const type =
      status >= 400
        ? String((body as { type?: unknown }).type)
            .split('/')
            .at(-1)!
        : undefined;
    if (type !== undefined && !Object.hasOwn(content.examples ?? {}, type))
      return [`${type} is not documented for ${status}`];
    const parsed = parserOf(content.schema).safeParse(media === 'text/plain' ? text : body);
    return parsed.success ? [] : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  };
  return Object.assign(check, {
    unanswered: (concerns: (tag: string) => boolean) =>
      Object.values(document.paths).flatMap((operations) =>
        Object.values(operations).flatMap(({ operationId, tags }) =>
          answered.has(operationId) || !tags.some(concerns) ? [] : [operationId],
        ),
      ),
  });
}

/** A schema of an object as one that has the fields it names and no other, unless it says so. */
function strict(value: unknown): unknown {
  const isObject = typeof value === 'object' && value !== null && 'properties' in value && 'type' in value;
  return isObject && value.type === 'object' ? { additionalProperties: false, ...value } : value;
}

function patternOf(template: string): RegExp {
  const parts = template.split('/').map((part, i, all) => {
    if (!part.startsWith('{')) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    // The last placeholder of a trail is its location, which has slashes.
    return part === '{location}' && i === all.length - 1 ? '.+' : '[^/]+';
  });
  return new RegExp(`^${parts.join('/')}$`);
}
