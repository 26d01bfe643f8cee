/**
 * The part of the Cosmos DB query language that the adapters use, evaluated as the service does: what is missing is
 * undefined, a comparison across types is undefined, AND, OR and NOT know three values, and only true keeps a document.
 *
 *   SELECT * | SELECT VALUE path   FROM c   [JOIN e IN path]   [WHERE condition]   [ORDER BY path [ASC|DESC], …]
 *   FROM c WHERE condition                                       (the condition of a patch)
 */

/** Answered with 400, code SC1001. */
export class SqlError extends Error {}

export type Path = readonly string[];
export type Evaluate = (document: unknown) => unknown;

export interface Query {
  /** undefined: the whole document. */
  readonly value: Path | undefined;
  /** The document once for each element of the list that is joined with it; as it is where none is. */
  readonly joined: (document: Readonly<Record<string, unknown>>) => readonly Readonly<Record<string, unknown>>[];
  readonly matches: (document: unknown) => boolean;
  readonly order: readonly { readonly path: Path; readonly descending: boolean }[];
}

type Parameters = ReadonlyMap<string, unknown>;

/** Begins the name under which an element stands in the document that it is joined with. */
const JOINED = ' ';

const TOKEN =
  /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(@?[A-Za-z_][A-Za-z0-9_]*)|(<=|>=|!=|<>|[-=<>(),.*[\]]))/y;

export function parseQuery(text: string, parameters: Parameters = new Map()): Query {
  const parser = new Parser(text, parameters);
  parser.expect('SELECT');
  let value: Path | undefined;
  if (!parser.take('*')) {
    parser.expect('VALUE');
    value = parser.path();
  }
  parser.expect('FROM');
  parser.expect('C');
  const join = parser.take('JOIN') ? parser.join() : undefined;
  const condition = parser.take('WHERE') ? parser.condition() : () => true;
  const order: { path: Path; descending: boolean }[] = [];
  if (parser.take('ORDER')) {
    parser.expect('BY');
    do {
      const path = parser.path();
      const descending = parser.take('DESC');
      if (!descending) parser.take('ASC');
      order.push({ path, descending });
    } while (parser.take(','));
  }
  parser.end();
  const joined: Query['joined'] = (document) => {
    if (join === undefined) return [document];
    const list = valueAt(document, join.path);
    return Array.isArray(list) ? list.map((element: unknown) => ({ ...document, [join.name]: element })) : [];
  };
  return { value, joined, matches: (document) => condition(document) === true, order };
}

/** The condition of a conditional patch. */
export function parseCondition(text: string): (document: unknown) => boolean {
  const parser = new Parser(text, new Map());
  parser.expect('FROM');
  parser.expect('C');
  parser.expect('WHERE');
  const condition = parser.condition();
  parser.end();
  return (document) => condition(document) === true;
}

export function valueAt(document: unknown, path: Path): unknown {
  let value = document;
  for (const name of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** undefined < null < false < true < numbers < strings < arrays < objects. */
export function compareInOrder(a: unknown, b: unknown): number {
  return rank(a) - rank(b) || (rank(a) === rank(b) ? (compare(a, b) ?? 0) : 0);
}

function rank(value: unknown): number {
  if (value === undefined) return 0;
  if (value === null) return 1;
  const types = ['boolean', 'number', 'string'];
  return types.includes(typeof value) ? 2 + types.indexOf(typeof value) : Array.isArray(value) ? 5 : 6;
}

/** Below, at or above 0; undefined where the two can't be compared. */
function compare(a: unknown, b: unknown): number | undefined {
  if (rank(a) !== rank(b) || a === undefined) return undefined;
  if (typeof a === 'string') return compareStrings(a, b as string);
  if (typeof a === 'number' || typeof a === 'boolean') return Number(a) - Number(b);
  return a === null || JSON.stringify(a) === JSON.stringify(b) ? 0 : undefined;
}

/**
 * In the order of their bytes in UTF-8: that of JavaScript, but for surrogates, which come after all other code units.
 */
function compareStrings(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; i += 1) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return Number(isSurrogate(x)) - Number(isSurrogate(y)) || x - y;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xe000;
}

const COMPARISONS: Readonly<Record<string, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

const FUNCTIONS: Readonly<Record<string, (a: unknown, b: unknown) => unknown>> = {
  STARTSWITH: (text, start) =>
    typeof text === 'string' && typeof start === 'string' ? text.startsWith(start) : undefined,
  ARRAY_CONTAINS: (list, item) => (Array.isArray(list) ? list.some((each) => compare(each, item) === 0) : undefined),
  IS_NULL: (value) => value === null,
  IS_DEFINED: (value) => value !== undefined,
};

interface Token {
  readonly kind: 'string' | 'number' | 'word' | 'sign';
  readonly text: string;
}

class Parser {
  private readonly tokens: Token[] = [];
  private at = 0;
  /** What elements are called: of the JOIN, and what is selected, which stands before it. */
  private element: string | undefined;
  private selected: string | undefined;

  constructor(
    text: string,
    private readonly parameters: Parameters,
  ) {
    const scanner = new RegExp(TOKEN);
    for (const rest = text.trimEnd(); scanner.lastIndex < rest.length;) {
      const from = scanner.lastIndex;
      const match = scanner.exec(rest);
      if (match === null) throw new SqlError(`Syntax error, incorrect syntax near '${text.slice(from, from + 10)}'.`);
      const [, string, number, word, sign] = match;
      if (string !== undefined) this.tokens.push({ kind: 'string', text: string });
      else if (number !== undefined) this.tokens.push({ kind: 'number', text: number });
      else if (word !== undefined) this.tokens.push({ kind: 'word', text: word });
      else this.tokens.push({ kind: 'sign', text: sign as string });
    }
  }

  /** Takes the keyword or sign when it comes next. */
  take(text: string): boolean {
    const token = this.tokens[this.at];
    if (token === undefined || token.kind === 'string' || token.text.toUpperCase() !== text) return false;
    this.at += 1;
    return true;
  }

  expect(text: string): void {
    if (!this.take(text))
      throw new SqlError(`Syntax error, '${text}' expected near '${this.tokens[this.at]?.text ?? 'end of query'}'.`);
  }

  end(): void {
    if (this.selected !== undefined && this.selected !== this.element)
      throw new SqlError(`Identifier '${this.selected}' could not be resolved.`);
    if (this.at < this.tokens.length)
      throw new SqlError(`Syntax error, incorrect syntax near '${this.tokens[this.at]?.text}'.`);
  }

  /** `e IN path`, after its JOIN. */
  join(): { readonly name: string; readonly path: Path } {
    const { text } = this.next('word');
    this.expect('IN');
    const path = this.path();
    this.element = text;
    return { name: JOINED + text, path };
  }

  path(): Path {
    const names: string[] = [];
    if (!this.take('C')) {
      const { text } = this.next('word');
      if (this.element === undefined) this.selected = text;
      else if (text !== this.element) throw new SqlError(`Identifier '${text}' could not be resolved.`);
      names.push(JOINED + text);
    }
    for (;;) {
      if (this.take('.')) names.push(this.next('word').text);
      else if (this.take('[')) {
        names.push(unquoted(this.next('string').text));
        this.expect(']');
      } else return names;
    }
  }

  condition(): Evaluate {
    return this.joined('OR', () => this.joined('AND', () => this.negation()));
  }

  /** false decides an AND and true an OR, whatever the other sides are. */
  private joined(operator: 'AND' | 'OR', side: () => Evaluate): Evaluate {
    const sides = [side()];
    while (this.take(operator)) sides.push(side());
    if (sides.length === 1) return sides[0] as Evaluate;
    const decides = operator === 'OR';
    return (document) => {
      const values = sides.map((each) => each(document));
      if (values.includes(decides)) return decides;
      return values.every((value) => value === !decides) ? !decides : undefined;
    };
  }

  private negation(): Evaluate {
    if (!this.take('NOT')) return this.comparison();
    const negated = this.negation();
    return (document) => {
      const value = negated(document);
      return typeof value === 'boolean' ? !value : undefined;
    };
  }

  private comparison(): Evaluate {
    const left = this.operand();
    const operator = Object.keys(COMPARISONS).find((sign) => this.take(sign));
    if (operator === undefined) return left;
    const right = this.operand();
    const holds = COMPARISONS[operator] as (order: number) => boolean;
    return (document) => {
      const order = compare(left(document), right(document));
      return order === undefined ? undefined : holds(order);
    };
  }

  private operand(): Evaluate {
    if (this.take('(')) {
      const inner = this.condition();
      this.expect(')');
      return inner;
    }
    if (this.take('-')) {
      const number = -Number(this.next('number').text);
      return () => number;
    }
    const token = this.tokens[this.at];
    if (token?.kind === 'word' && (token.text.toUpperCase() === 'C' || token.text === this.element)) {
      const path = this.path();
      return (document) => valueAt(document, path);
    }
    this.at += 1;
    if (token?.kind === 'number') return () => Number(token.text);
    if (token?.kind === 'string') return () => unquoted(token.text);
    const word = token?.kind === 'word' ? token.text : '';
    if (word.startsWith('@')) {
      if (!this.parameters.has(word)) throw new SqlError(`The parameter ${word} has no value.`);
      return () => this.parameters.get(word);
    }
    const literals: Readonly<Record<string, unknown>> = { TRUE: true, FALSE: false, NULL: null };
    if (Object.hasOwn(literals, word.toUpperCase())) return () => literals[word.toUpperCase()];
    const called = Object.hasOwn(FUNCTIONS, word.toUpperCase()) ? FUNCTIONS[word.toUpperCase()] : undefined;
    if (called === undefined)
      throw new SqlError(`Syntax error, incorrect syntax near '${token?.text ?? 'end of query'}'.`);
    this.expect('(');
    const values = [this.operand()];
    while (this.take(',')) values.push(this.operand());
    this.expect(')');
    return (document) => called(values[0]?.(document), values[1]?.(document));
  }

  private next(kind: Token['kind']): Token {
    const token = this.tokens[this.at];
    if (token?.kind !== kind)
      throw new SqlError(`Syntax error, ${kind} expected near '${token?.text ?? 'end of query'}'.`);
    this.at += 1;
    return token;
  }
}

function unquoted(text: string): string {
  const inner = text.slice(1, -1);
  return JSON.parse(text.startsWith('"') ? text : `"${inner.replaceAll('"', '\\"').replaceAll("\\'", "'")}"`) as string;
}
