/** The kinds of values that operations take: how each is checked, told to a model, and sent. */
import { isId, isPartName, isTenant } from '../kernel/ids';
import { isText } from '../kernel/text';
import { readTime } from '../kernel/time';
import { isLocation } from '../signals/location';

const MOST_USD = 1_000_000;
const LONGEST_REASON = 2_000;
const LONGEST_ABOUT = 500;
const LONGEST_QUERY = 200;
const RECEIPT = /^[A-Za-z0-9._~:-]+\/[a-z][a-z-]*\/[A-Za-z0-9._~:-]+@\d{1,15}$/;
const SIGNAL_TYPE = /^[a-z][a-z0-9_.-]{0,63}$/;
const ZONE = /^(?:UTC|[A-Z][A-Za-z_]+(?:\/[A-Z][A-Za-z_+-]+){1,2})$/;
const CRON = /^(?:[0-9A-Z*/,#-]{1,40} ){4}[0-9A-Z*/,#-]{1,40}$/;
const LONGEST_CHAIN = 20;

/** A task of a job, by its key in it. */
export interface Link {
  readonly key: string;
  readonly task_type: string;
  readonly after?: readonly string[];
  /** What it is about, for whoever does it. */
  readonly payload?: { readonly about: string };
}

interface Kind {
  /** JSON Schema, for a model. */
  readonly schema: object;
  /** Whether a value is one; what it must be otherwise, in words that follow on its name. */
  readonly is: (value: unknown) => boolean;
  readonly rule: string;
}

const text = (most: number): Kind => ({
  schema: { type: 'string', minLength: 1, maxLength: most },
  is: (value) => typeof value === 'string' && isText(value, most),
  rule: `must be a text of 1 to ${most} characters`,
});
const matching = (is: (value: string) => boolean, rule: string): Kind => ({
  schema: { type: 'string', description: rule },
  is: (value) => typeof value === 'string' && is(value),
  rule,
});
const number = (min: number, max: number, whole: boolean): Kind => ({
  schema: { type: whole ? 'integer' : 'number', minimum: min, maximum: max },
  is: (value) =>
    typeof value === 'number' && value >= min && value <= max && (whole ? Number.isSafeInteger(value) : true),
  rule: `must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}`,
});

export const KINDS = {
  id: matching(isId, 'must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -, beginning with a letter or digit'),
  field: matching((value) => isId(value) && value.length <= 64, 'must be a name of 64 letters at most'),
  tenant: matching(isTenant, 'must be a tenant: lower-case letters, digits and hyphens'),
  category: matching(isPartName, 'must be a category: small letters and hyphens, for example task'),
  /** Of something that `why` finds: a task, a receipt, a correlation. */
  reference: matching((value) => isId(value) || RECEIPT.test(value), 'must be an id, or a receipt: stream@index'),
  receipt: matching((value) => RECEIPT.test(value), 'must be a receipt: stream@index'),
  resource: matching((value) => {
    const [category = '', id = '', more] = value.split('/');
    return isPartName(category) && isId(id) && more === undefined;
  }, 'must be CATEGORY/ID, for example task/inv-4711'),
  signal: matching((value) => SIGNAL_TYPE.test(value), 'must be lower-case letters, digits and _ . -'),
  location: matching((value) => isLocation(value) && !value.startsWith('-'), 'must be ids separated by slashes'),
  time: matching((value) => 'time' in readTime(value), 'must be a time as in RFC 3339'),
  zone: matching((value) => ZONE.test(value), 'must be a time zone, for example Europe/Berlin'),
  cron: matching((value) => CRON.test(value), 'must be a cron expression of five fields'),
  hash: matching((value) => /^[0-9a-f]{8,64}$/.test(value), 'must be the first digits of a hash, eight or more'),
  reason: text(LONGEST_REASON),
  /** What a task is about: a payload of one field. */
  about: text(LONGEST_ABOUT),
  query: matching(
    (value) => isText(value, LONGEST_QUERY) && !/(?:^|\s)-/.test(value),
    `must be words, ${LONGEST_QUERY} characters at most`,
  ),
  share: number(0, 1, false),
  usd: {
    ...number(0, MOST_USD, false),
    is: (value) => number(0, MOST_USD, false).is(value) && isCents(value as number),
    rule: `must be US dollars from 0 to ${MOST_USD}, with six digits behind the point at most`,
  },
  rows: number(1, 1_000, true),
  hits: number(1, 200, true),
  capacity: number(1, 1_000, true),
  seconds: number(0, 999_999_999, true),
  flag: { schema: { type: 'boolean' }, is: (value) => value === true, rule: 'must be true' },
  choice: { schema: { type: 'string' }, is: (value) => typeof value === 'string', rule: 'must be one of the choices' },
  chain: {
    schema: {
      type: 'array',
      minItems: 1,
      maxItems: LONGEST_CHAIN,
      items: {
        type: 'object',
        properties: {
          key: { type: 'string' },
          task_type: { type: 'string' },
          after: {
            type: 'array',
            items: { type: 'string' },
            description: 'Keys of tasks before it that it comes after',
          },
          payload: { type: 'object', properties: { about: { type: 'string' } }, additionalProperties: false },
        },
        required: ['key', 'task_type'],
        additionalProperties: false,
      },
    },
    is: isChain,
    rule: `must be 1 to ${LONGEST_CHAIN} tasks, each with a key of its own, a task_type, and after: keys before it`,
  },
} satisfies Record<string, Kind>;

function isAbout(payload: unknown): boolean {
  const { about, ...more } = (payload ?? {}) as Readonly<Record<string, unknown>>;
  return typeof about === 'string' && isText(about, LONGEST_ABOUT) && Object.keys(more).length === 0;
}

function isCents(usd: number): boolean {
  return /^\d+(?:\.\d{1,6})?$/.test(String(usd));
}

function isChain(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0 || value.length > LONGEST_CHAIN) return false;
  const keys = new Set<unknown>();
  for (const link of value as unknown[]) {
    if (typeof link !== 'object' || link === null) return false;
    const { key, task_type, after = [], payload, ...more } = link as Readonly<Record<string, unknown>>;
    if (payload !== undefined && !isAbout(payload)) return false;
    const ids = [key, task_type, ...(Array.isArray(after) ? (after as unknown[]) : [undefined])];
    if (!ids.every((id) => typeof id === 'string' && isId(id)) || Object.keys(more).length > 0) return false;
    // Only what stands before it: no circle can be made.
    if (keys.has(key) || !(after as unknown[]).every((before) => keys.has(before))) return false;
    keys.add(key);
  }
  return true;
}
