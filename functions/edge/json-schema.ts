/** JSON Schema of what the contract says in zod: for the OpenAPI document and for the tools of MCP alike. */
import { z } from 'zod';

export type Json = Record<string, unknown>;

/** Converts many schemas as the fields of one object: the way to make zod share definitions between them. */
export function convert(
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
      const { def } = zodSchema._zod;
      // A plain z.object tolerates further fields; clients must too.
      if (def.type === 'object' && (def as z.core.$ZodObjectDef).catchall === undefined)
        delete jsonSchema.additionalProperties;
      // What a query holds as text is a number, or a flag, to whoever reads the document.
      if (jsonSchema.type === 'integer' || jsonSchema.type === 'number' || jsonSchema.type === 'boolean') {
        delete jsonSchema.pattern;
        delete jsonSchema.enum;
        if (def.type === 'default') jsonSchema.default = def.defaultValue;
      }
      // Every whole number of JavaScript lies between these: that says nothing.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  }) as { properties?: Record<string, Json>; $defs?: Record<string, Json> };
  return { schemas: new Map(schemas.map((schema, i) => [schema, properties[`s${i}`]!])), definitions: $defs };
}

/** Where a schema by itself keeps what it refers to. */
export const LOCAL = '#/$defs/';

/** The definitions that a schema refers to, by their ids. */
export function references(schema: Json): string[] {
  const found: string[] = [];
  JSON.stringify(schema, (key, value: unknown) => {
    if (key === '$ref' && typeof value === 'string') found.push(value.slice(LOCAL.length));
    return value;
  });
  return found;
}
