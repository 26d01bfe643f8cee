/** Matches paths against route templates as Azure Functions writes them: `v1/tasks/{id}`, `files/{*rest}`. */

export type Match<T> =
  | { readonly kind: 'found'; readonly value: T; readonly params: Record<string, string> }
  /** The path exists, for other methods. */
  | { readonly kind: 'method'; readonly allow: readonly string[] }
  | { readonly kind: 'none' };

interface Endpoint<T> {
  readonly template: string;
  /** Names of the placeholders, in order of the path. */
  readonly names: readonly string[];
  readonly value: T;
}

interface Node<T> {
  readonly literals: Map<string, Node<T>>;
  parameter?: Node<T>;
  rest?: Node<T>;
  /** What ends here, by method. */
  readonly endpoints: Map<string, Endpoint<T>>;
}

const NONE = { kind: 'none' } as const;

/**
 * A tree of segments. At each segment a literal is preferred to a placeholder and a placeholder to `{*rest}`; a branch
 * that knows the path but not the method is left for the next one. Literals match regardless of case, as on Azure.
 */
export class Router<T> {
  readonly #root: Node<T> = emptyNode();

  /** Throws on a template that is not understood or that another function already has for the method. */
  add(method: string, template: string, value: T): void {
    const names: string[] = [];
    let node = this.#root;
    for (const segment of split(template)) {
      const placeholder = /^\{(\*?)([A-Za-z_]\w*)\}$/.exec(segment);
      if (placeholder !== null) {
        names.push(placeholder[2]!);
        node = placeholder[1] === '*' ? (node.rest ??= emptyNode()) : (node.parameter ??= emptyNode());
      } else if (/[{}?]/.test(segment)) {
        throw new Error(`route "${template}": "${segment}" is not supported, only {name} and {*name}`);
      } else {
        const literal = segment.toLowerCase();
        let child = node.literals.get(literal);
        if (child === undefined) node.literals.set(literal, (child = emptyNode()));
        node = child;
      }
    }
    const taken = node.endpoints.get(method);
    if (taken !== undefined) throw new Error(`routes "${template}" and "${taken.template}" are the same for ${method}`);
    node.endpoints.set(method, { template, names, value });
  }

  /** `path` starts with a slash, without query. Throws a URIError when a value is not well encoded. */
  find(method: string, path: string): Match<T> {
    const segments = split(path);
    const allow = new Set<string>();
    const values: string[] = [];

    const descend = (node: Node<T>, at: number): Endpoint<T> | undefined => {
      const segment = segments[at];
      if (segment === undefined) {
        const found = end(node);
        if (found !== undefined) return found;
      } else {
        const literal = node.literals.get(segment.toLowerCase());
        const found = literal && descend(literal, at + 1);
        if (found !== undefined) return found;
        if (node.parameter !== undefined && segment !== '') {
          values.push(segment);
          const found = descend(node.parameter, at + 1);
          if (found !== undefined) return found;
          values.pop();
        }
      }
      if (node.rest === undefined) return undefined;
      values.push(segments.slice(at).join('/'));
      return end(node.rest) ?? void values.pop();
    };
    const end = (node: Node<T>): Endpoint<T> | undefined => {
      const endpoint = node.endpoints.get(method);
      if (endpoint === undefined) for (const other of node.endpoints.keys()) allow.add(other);
      return endpoint;
    };

    const endpoint = descend(this.#root, 0);
    if (endpoint === undefined) return allow.size === 0 ? NONE : { kind: 'method', allow: [...allow].sort() };
    const params: Record<string, string> = {};
    for (let i = 0; i < values.length; i++) params[endpoint.names[i]!] = decodeURIComponent(values[i]!);
    return { kind: 'found', value: endpoint.value, params };
  }
}

function emptyNode<T>(): Node<T> {
  return { literals: new Map(), endpoints: new Map() };
}

/** Segments between slashes; one slash at either end does not count. */
function split(path: string): string[] {
  const start = path.startsWith('/') ? 1 : 0;
  const end = path.length > start && path.endsWith('/') ? path.length - 1 : path.length;
  return start === end ? [] : path.slice(start, end).split('/');
}
