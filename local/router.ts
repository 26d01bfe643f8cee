/** Finds the function for a path as the Functions host does: the first one, in the order of adding, that fits. */
import { match, parseTemplate, pathOf, type Template } from '../functions/edge/template';

export type Match<T> =
  | { readonly kind: 'found'; readonly value: T; readonly params: Record<string, string> }
  /** The path exists, for other methods. */
  | { readonly kind: 'method'; readonly allow: readonly string[] }
  | { readonly kind: 'none' };

interface Endpoint<T> {
  readonly text: string;
  readonly template: Template;
  readonly methods: Map<string, T>;
}

const NONE = { kind: 'none' } as const;
/** Paths with more segments are looked at one by one. */
const MAX_INDEXED = 32;

export class Router<T> {
  readonly #endpoints: Endpoint<T>[] = [];
  /** The endpoints that paths with so many segments may fit, in order. */
  readonly #byLength = new Map<number, readonly Endpoint<T>[]>();

  /** Throws on a template that is not understood or that another function already has for the method. */
  add(method: string, text: string, value: T): void {
    const template = parseTemplate(text);
    const same = this.#endpoints.filter((other) => shapeOf(other.template) === shapeOf(template));
    const taken = same.find(({ methods }) => methods.has(method));
    if (taken !== undefined) throw new Error(`routes "${text}" and "${taken.text}" are the same for ${method}`);
    const last = this.#endpoints.at(-1);
    if (last?.text === text) last.methods.set(method, value);
    else this.#endpoints.push({ text, template, methods: new Map([[method, value]]) });
    this.#byLength.clear();
  }

  /** `path` starts with a slash, without query. Throws a URIError when it is not well encoded. */
  find(method: string, path: string): Match<T> {
    const given = pathOf(resolved(decoded(path)));
    const allow = new Set<string>();
    for (const { template, methods } of this.#candidates(given.segments.length)) {
      const params = match(template, given);
      if (params === undefined) continue;
      const value = methods.get(method);
      if (value !== undefined) return { kind: 'found', value, params };
      // What takes every path says nothing about this one.
      if (template[0]?.kind !== 'rest') for (const other of methods.keys()) allow.add(other);
    }
    return allow.size === 0 ? NONE : { kind: 'method', allow: [...allow].sort() };
  }

  #candidates(length: number): readonly Endpoint<T>[] {
    if (length > MAX_INDEXED) return this.#endpoints;
    let found = this.#byLength.get(length);
    if (found === undefined) {
      found = this.#endpoints.filter(({ template }) =>
        template.at(-1)?.kind === 'rest' ? length >= template.length - 1 : length === template.length,
      );
      this.#byLength.set(length, found);
    }
    return found;
  }
}

function shapeOf(template: Template): string {
  return template.map(({ kind, name }) => (kind === 'literal' ? name : kind)).join('/');
}

/**
 * As the host's web server decodes a path before anybody looks at it: all but an encoded slash, which stays what it is.
 */
function decoded(path: string): string {
  return path.includes('%') ? path.split(/%2f/i).map(decodeURIComponent).join('%2F') : path;
}

/** And as it resolves dot segments, encoded or not. */
function resolved(path: string): string {
  if (!/\/\.{1,2}(\/|$)/.test(path)) return path;
  const segments = path.split('/').slice(1);
  const kept: string[] = [];
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
  }
  const last = segments.at(-1);
  return `/${kept.join('/')}${(last === '.' || last === '..') && kept.length > 0 ? '/' : ''}`;
}
