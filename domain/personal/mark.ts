/**
 * The mark of personal data: a value anywhere in free JSON that says about whom it is.
 *
 * It is sent as `{"$personal": {"subject": "customer-17", "value": …}}`; stored with the value sealed, which is the
 * only form that is ever hashed, kept or logged; and shown to whoever may not read it without the value. The subject is
 * a pseudonym: it stands in clear on receipts that outlive the person's data.
 */
import { isId } from '../kernel/ids';

export const MARK = '$personal';

/** Marked values, and people that they are about, of one request or answer. */
export const MAX_MARKS = 1_000;
export const MAX_SUBJECTS = 100;

/** As it is sent, and as it is opened. */
export interface Marked {
  readonly subject: string;
  readonly value: unknown;
}

/** As it is stored: `place` is where it came in, `operation#/pointer`; `sealed` is base64url. */
export interface Sealed {
  readonly subject: string;
  readonly place: string;
  readonly sealed: string;
}

/** As it is shown to whoever may not read it; `erased` when nobody can any more. */
export type Mask =
  { readonly subject: string; readonly sealed: true } | { readonly subject: string; readonly erased: true };

type Path = readonly (string | number)[];

/** Whether text of JSON may hold a mark: a name can be written with escapes. */
export function mayHoldMark(text: string): boolean {
  return text.includes(MARK) || text.includes('\\u');
}

/** Whether text that `JSON.stringify` has made holds a mark. */
export function holdsMark(text: string | Buffer): boolean {
  return text.includes(`"${MARK}"`);
}

/**
 * The value with each mark replaced by what `change` makes of it, given the object that holds the mark and where it
 * stands. Nothing is changed in place; what holds no mark is the same object as before.
 */
export function mapMarks(value: unknown, change: (holder: object, path: Path) => unknown, path: Path = []): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value as readonly unknown[];
    const changed = items.map((item, i) => mapMarks(item, change, [...path, i]));
    return changed.some((item, i) => item !== items[i]) ? changed : value;
  }
  if (Object.hasOwn(value, MARK)) return change(value, path);
  let copy: Record<string, unknown> | undefined;
  for (const [name, member] of Object.entries(value)) {
    const changed = mapMarks(member, change, [...path, name]);
    if (changed !== member) (copy ??= { ...value })[name] = changed;
  }
  return copy ?? value;
}

/** What a mark is, or what is wrong with it, in words that follow on its place and repeat nothing of it. */
export function readMarked(holder: object): Marked | string {
  if (Object.keys(holder).length > 1) return `has fields beside ${MARK}: the mark stands alone, with the value in it`;
  const content = (holder as Record<string, unknown>)[MARK];
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    return `must hold {"subject", "value"} in ${MARK}`;
  const { subject, value, ...others } = content as Partial<Record<string, unknown>>;
  if ('sealed' in others || 'erased' in others) return 'is sealed: open it first and send its value, or leave it out';
  if (typeof subject !== 'string' || !isId(subject))
    return 'must name its subject by an id, a pseudonym: 1 to 128 of A-Z a-z 0-9 . _ ~ : -';
  if (value === undefined) return 'must hold its value as "value"';
  return Object.keys(others).length > 0 ? `must hold nothing but "subject" and "value" in ${MARK}` : { subject, value };
}

/** What stands in a store under a mark; undefined for what is no sealed value. */
export function readSealed(holder: object): Sealed | undefined {
  const content = (holder as Record<string, unknown>)[MARK] as Partial<Record<string, unknown>> | null;
  const { subject, place, sealed } = content ?? {};
  return typeof subject === 'string' && typeof place === 'string' && typeof sealed === 'string'
    ? { subject, place, sealed }
    : undefined;
}

/** A marked value in one of its forms. */
export function marked(content: Marked | Sealed | Mask): { readonly [MARK]: Marked | Sealed | Mask } {
  return { [MARK]: content };
}

const NOBODY: ReadonlySet<string> = new Set();
const NOTHING: ReadonlyMap<object, Marked> = new Map();

/**
 * The value with what is sealed in it as it is shown: what was opened as it was sent, all else without its value. What
 * was never sealed is no mark of ours, and stays.
 *
 * @param erased subjects
 * @param opened by the objects that hold the marks
 */
export function masked(value: unknown, erased = NOBODY, opened = NOTHING): unknown {
  return mapMarks(value, (holder) => {
    const plain = opened.get(holder);
    if (plain !== undefined) return marked(plain);
    const sealed = readSealed(holder);
    if (sealed === undefined) return holder;
    const { subject } = sealed;
    return marked(erased.has(subject) ? { subject, erased: true } : { subject, sealed: true });
  });
}
