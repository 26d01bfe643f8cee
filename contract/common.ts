/** The schemas that several contracts share. Limits and enumerations are the domain's; here they get their words. */
import { z } from 'zod';
import { MAX_COST } from '../domain/budgets/budget';
import { ID_PATTERN } from '../domain/kernel/ids';
import { type NumberRange, readNumber } from '../domain/kernel/number';
import { isTime, readTime } from '../domain/kernel/time';
import { MAX_PERSONAL_REASON } from '../domain/personal/subject';
import { isLocation } from '../domain/signals/location';

// ------------------------------------------------------------------------------------------------- what is sent

export const Id = z
  .string()
  .regex(ID_PATTERN, 'must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -, beginning with a letter or digit')
  .refine((value) => !value.includes('..'), 'must not contain two dots in a row')
  .meta({ description: 'An id: ASCII letters, digits and . _ ~ : -', example: 'invoice-4711' });

export const Unit = z.number().min(0).max(1);

/** What something costs: whole millionths of a US dollar. */
export const MicroUsd = z.int().min(0).max(MAX_COST);

/** A time in whatever form RFC 3339 has; the handler gets it in UTC with milliseconds. */
export const Timestamp = z
  .string()
  .check((context) => {
    const read = readTime(context.value);
    if ('time' in read) context.value = read.time;
    else context.issues.push({ code: 'custom', message: read.fault, input: context.value });
  })
  .meta({
    format: 'date-time',
    description: 'RFC 3339: in with any offset, out in UTC with milliseconds',
    example: '2026-11-21T10:00:00.000Z',
  });

/** A day of the calendar in UTC. */
export const Day = z
  .string()
  .refine((day) => isTime(`${day}T00:00:00.000Z`), 'must be a day, such as 2026-11-21')
  .meta({ format: 'date', description: 'A day in UTC', example: '2026-11-21' });

export const Location = z
  .string()
  .regex(/^[A-Za-z0-9._~:@-]+(?:\/[A-Za-z0-9._~:@-]+)*$/, 'must be ids separated by single slashes')
  .refine(isLocation, 'must be at most 256 characters, without dot segments and two dots in a row')
  .meta({ description: 'A place: ids separated by slashes', example: 'warehouse/eu/dock-3' });

export const Text = (max: number) => z.string().min(1).max(max);

/** Why somebody does something. */
export const Reason = Text(2_000);

export const Hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits in lower case')
  .meta({ description: 'SHA-256 of the exact action, as it was shown' });

/** A query parameter that is a number: values of a query arrive as text, and are read like every number in one. */
export const NumberInText = (range: NumberRange) =>
  z
    .string()
    .transform((text, context) => {
      const isFraction = range.whole === true && !/^\d+$/.test(text);
      const read = isFraction ? { fault: 'must be a whole number, in digits' } : readNumber(text, range);
      if ('number' in read) return read.number;
      context.addIssue({ code: 'custom', message: read.fault });
      return z.NEVER;
    })
    .meta({ type: range.whole === true ? 'integer' : 'number', minimum: range.min, maximum: range.max });

export const Whole = (min: number, max: number) => NumberInText({ min, max, whole: true });

/** The same, with what is meant without it. */
export function whole(min: number, max: number, fallback: number) {
  return Whole(min, max)
    .default(fallback)
    .meta({
      type: 'integer',
      minimum: min,
      maximum: max,
      description: `${min} to ${max}, ${fallback} by default`,
    });
}

/** `true` or `false` in a query. */
export const Flag = z
  .enum(['true', 'false'])
  .transform((value) => value === 'true')
  .meta({ type: 'boolean' });

/** What was sent where a list takes its items one by one, and has not the form of one. */
export class Misformed {
  readonly #error: z.ZodError;

  constructor(
    readonly sent: unknown,
    error: z.ZodError,
  ) {
    this.#error = error;
  }

  get error(): z.ZodError {
    return this.#error;
  }
}

/** An item of a list that is read by itself: what has not its form is `Misformed`, and keeps no other out. */
export const Alone = <T extends z.ZodType>(item: T) =>
  item
    .catch(({ value, error }) => new Misformed(value, error as z.ZodError) as z.output<T>)
    .transform((read): z.output<T> | Misformed => read);

/** Where the next page begins: what it says is the list's own, and text of another kind is refused. */
export const Continuation = z.string().max(2_000).optional().meta({
  description: 'From nextLink, as it is',
  example: 'WyJpbnZvaWNlLTQ3MTEiLCJkZWZhdWx0L3Rhc2svaW52b2ljZS00NzExIl0',
});

/** What every list is asked for a page with. */
export const Paged = { limit: whole(1, 1_000, 100), continuation: Continuation };

/** The id of what is made. */
export const OwnId = Id.optional().meta({
  description: 'Your own id; without one a new id is made (from the Idempotency-Key, when there is one)',
});

export const ById = z.object({ id: Id });
/** A read of the past. */
export const AsOf = z.object({ asOf: Timestamp.optional() });

/** A read that waits for the end of what is read. */
export const WAITING = {
  waitSeconds: whole(0, 30, 0).meta({
    description: 'A long poll: answered once it has ended, or as it is after so long; at once with `asOf`',
  }),
};

/** Of a read whose answer may hold personal data. */
export const OPENING = {
  personal: z.literal('open').optional().meta({
    description:
      'Opens the personal data in the answer, which leaves a receipt; sealed without. An agent opens what it works on; else it takes the level `critical` and a `purpose`',
  }),
  purpose: Text(MAX_PERSONAL_REASON).optional().meta({ description: 'What personal data is read for' }),
};

// --------------------------------------------------------------------------------------------- what is answered

/** A time as answers have it. */
export const At = z.string().meta({ format: 'date-time', description: 'UTC with milliseconds' });
/** A whole number of 0 or more. */
export const Count = z.int().min(0);
/** What its caller owns: any JSON. */
export const Anything = z.unknown();

export const Receipt = z
  .object({
    stream: z.string().meta({ description: 'tenant/category/id', example: 'default/task/invoice-4711' }),
    version: z
      .int()
      .min(-1)
      .meta({ description: 'Index of the commit; also the ETag. -1 where nothing was ever written, and nothing now' }),
    hash: z.string().nullable().meta({ description: 'SHA-256 of the commit, which names the one before it' }),
    at: At,
    correlation_id: z.string().nullable(),
    events: z.array(z.string()).meta({ description: 'Types of the events; empty when nothing changed' }),
    repeated: z.boolean().meta({ description: 'True when this answers a command that was done before' }),
  })
  .meta({ id: 'Receipt', description: 'What a command has left in the log' });

/** An error (RFC 9457), as it stands in the answers of a batch. */
export const Problem = z
  .looseObject({
    type: z.string().meta({ format: 'uri', description: 'Stable name of this kind of problem' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'What was wrong and what to do' }),
    errors: z
      .array(
        z.object({
          pointer: z.string().optional().meta({ description: 'Place in the body, a JSON Pointer such as `#/price`' }),
          parameter: z.string().optional().meta({ description: 'Name of the parameter or header' }),
          message: z.string(),
        }),
      )
      .optional()
      .meta({ description: 'What is wrong with the request, one by one' }),
  })
  .meta({ id: 'Problem', description: 'What went wrong and what to do (RFC 9457)' });

/** A page of a list; without `nextLink` it is the last one. */
export const List = <T extends z.ZodType>(item: T) =>
  z.object({
    value: z.array(item),
    nextLink: z.string().optional().meta({ description: 'Where the next page is; absent on the last one' }),
  });

/** A list that was cut off when it is not `complete`. */
export const Found = <T extends z.ZodType>(item: T) =>
  z.object({ value: z.array(item), complete: z.boolean().meta({ description: 'False when there is more' }) });

/** An answer to a command: its receipt, and what it was about. */
export const CommandOf = <Shape extends z.ZodRawShape>(about: Shape) => z.object({ receipt: Receipt, ...about });

/** What the description of a route for several commands says of a store that did some of them. */
export const SENT_AGAIN =
  'Where a `problem` has the status 503, send the whole request again with the same `Idempotency-Key`: what was done is answered, the rest is done.';
