/**
 * What routes may not say of themselves, since the OpenAPI document could not hold it: found when they are bound, and
 * not by whoever reads the document first.
 */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { Problem } from '../../contract/common';
import type { RouteSpec, Tag } from '../../contract/route';

/** What stands in the document under a name, with the route that was first to say so. */
interface Named<T> {
  readonly route: string;
  readonly value: T;
}

const schemas = new Map<string, Named<z.core.$ZodType>>();
/** To say the same twice is no contradiction. */
const tags = new Map<string, Named<Tag>>();
const refusals = new Map<string, Named<Tag['refusals']>>();
const COMPONENT = /^[A-Za-z0-9._-]+$/;

/**
 * Notes what the route puts into the document. Throws, and says of which two routes, when something else stands there
 * under that name.
 */
export function checkDocumented({ name: route, params, query, body, answer, tag, refuses }: RouteSpec): void {
  const unknown = refuses?.find((type) => !tag.refusals.rows.some(([, of]) => of === type));
  if (unknown !== undefined)
    throw new Error(`route ${route}: it refuses '${unknown}', of which the table '${tag.refusals.name}' has no row`);
  claim(refusals, 'table of refusals', tag.refusals.name, route, tag.refusals, isDeepStrictEqual);
  claim(tags, 'tag', tag.name, route, tag, isDeepStrictEqual);
  for (const schema of [params, query, body, answer, Problem]) {
    if (schema === undefined) continue;
    for (const [id, found] of identified(schema)) {
      if (!COMPONENT.test(id)) throw new Error(`route ${route}: '${id}' can't be the id of a schema: give it a word`);
      claim(schemas, 'schema', id, route, found);
    }
  }
}

function claim<T>(
  known: Map<string, Named<T>>,
  what: string,
  name: string,
  route: string,
  value: T,
  isSame: (a: T, b: T) => boolean = Object.is,
): void {
  const first = known.get(name);
  if (first === undefined) known.set(name, { route, value });
  else if (!isSame(first.value, value))
    throw new Error(`route ${route}: another ${what} is called '${name}' already (route ${first.route}): rename one`);
}

/** The schemas with an id (`.meta({ id })`) in a schema, itself too, that are not known yet. */
function* identified(root: z.ZodType): Generator<[id: string, schema: z.core.$ZodType]> {
  const walked = new Set<object>();
  const left: unknown[] = [root];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next !== 'object' || next === null || walked.has(next)) continue;
    walked.add(next);
    if (!('_zod' in next)) left.push(...(Object.values(next) as unknown[]));
    else {
      const schema = next as z.core.$ZodType;
      const id = z.globalRegistry.get(schema)?.id;
      // Whose id is known has been walked through.
      if (id !== undefined && schemas.get(id)?.value === schema) continue;
      if (id !== undefined) yield [id, schema];
      const { def } = schema._zod;
      left.push(def.type === 'lazy' ? (def as z.core.$ZodLazyDef).getter() : { ...def });
    }
  }
}
