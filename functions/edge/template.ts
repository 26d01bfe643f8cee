/**
 * Route templates as the Functions host reads them: `v1/tasks/{id}`, a last segment `{*rest}` takes all that follows,
 * also nothing. Literals match regardless of case, one slash at the end of a path doesn't count, and of several routes
 * that fit the first one in order of the functions' names serves, whatever is more specific.
 */

interface Segment {
  readonly kind: 'literal' | 'placeholder' | 'rest';
  /** Lower case for a literal, else the name of the value. */
  readonly name: string;
}

export type Template = readonly Segment[];

/** A path, ready to be matched. */
export interface Path {
  readonly segments: readonly string[];
  /** The same in lower case. */
  readonly lower: readonly string[];
  readonly trailingSlash: boolean;
}

/** Reads a template, with or without a slash before it. Throws on what it doesn't understand. */
export function parseTemplate(text: string): Template {
  return pathOf(text).segments.map((segment) => {
    const placeholder = /^\{(\*?)([A-Za-z_]\w*)\}$/.exec(segment);
    if (placeholder !== null)
      return { kind: placeholder[1] === '*' ? 'rest' : 'placeholder', name: placeholder[2] as string };
    if (/[{}?]/.test(segment))
      throw new Error(`route "${text}": "${segment}" is not supported, only {name} and {*name}`);
    return { kind: 'literal', name: segment.toLowerCase() };
  });
}

/** Segments between slashes; one slash at either end does not count. */
export function pathOf(text: string): Path {
  const start = text.startsWith('/') ? 1 : 0;
  const trailingSlash = text.length > start && text.endsWith('/');
  const inner = text.slice(start, trailingSlash ? -1 : undefined);
  const segments = inner === '' ? [] : inner.split('/');
  return { segments, lower: segments.map((segment) => segment.toLowerCase()), trailingSlash };
}

/** The values of the placeholders, or undefined when the path is another one. */
export function match(
  template: Template,
  { segments, lower, trailingSlash }: Path,
): Record<string, string> | undefined {
  const rest = template.at(-1)?.kind === 'rest';
  if (rest ? segments.length < template.length - 1 : segments.length !== template.length) return undefined;
  const values: Record<string, string> = {};
  for (let i = 0; i < template.length; i += 1) {
    const { kind, name } = template[i] as Segment;
    if (kind === 'literal') {
      if (lower[i] !== name) return undefined;
    } else if (kind === 'placeholder') {
      if (segments[i] === '') return undefined;
      values[name] = segments[i] as string;
    } else {
      const taken = segments.slice(i).join('/');
      values[name] = taken !== '' && trailingSlash ? `${taken}/` : taken;
    }
  }
  return values;
}

/** Whether some path fits both. */
export function overlap(a: Template, b: Template): boolean {
  for (let i = 0; ; i += 1) {
    const [one, other] = [a[i], b[i]];
    if (one === undefined || other === undefined)
      return one === other || one?.kind === 'rest' || other?.kind === 'rest';
    if (one.kind === 'rest' || other.kind === 'rest') return true;
    if (one.kind === 'literal' && other.kind === 'literal' && one.name !== other.name) return false;
  }
}

/**
 * Whether a route that comes first takes what is meant for a later one: both fit some path, and where they first differ
 * the earlier one is the more general.
 */
export function hides(earlier: Template, later: Template): boolean {
  if (!overlap(earlier, later)) return false;
  const weight = { literal: 0, placeholder: 1, rest: 2 };
  for (let i = 0; ; i += 1) {
    const [first, second] = [earlier[i], later[i]];
    if (first === undefined) return second === undefined;
    if (second === undefined) return true;
    if (first.kind !== second.kind) return weight[first.kind] > weight[second.kind];
    if (first.kind === 'rest') return true;
  }
}

/** A route as the rules here see it. */
export interface Shape {
  readonly method: string;
  readonly template: Template;
}

/**
 * The ids that no path leads to, in lower case, because a literal of some route stands where they would. `at` is the
 * template of the resource, which ends with the id, for example `/v1/agents/{id}`.
 */
export function takenAt(routes: readonly Shape[], at: Template): ReadonlySet<string> {
  const place = at.length - 1;
  const near = routes.filter(
    ({ template }) =>
      template.length > place &&
      at
        .slice(0, place)
        .every(({ name, kind }, i) => template[i]?.kind === kind && (kind !== 'literal' || template[i]?.name === name)),
  );
  const taken = new Set<string>();
  for (const other of near) {
    const literal = other.template[place];
    if (literal?.kind !== 'literal') continue;
    const hidden = near.some(
      ({ method, template }) =>
        method === other.method &&
        template[place]?.kind === 'placeholder' &&
        overlap(template.with(place, literal), other.template),
    );
    if (hidden) taken.add(literal.name);
  }
  return taken;
}
