/** The types that several routes share, as zod schemas: the source of validation, TypeScript types and OpenAPI. */
import { z } from 'zod';
import type { Accepted } from '../../app/engine/command';
import { derivedId, isDerivedId, newId } from '../../app/engine/new-id';
import { IMPACTS } from '../../app/oversight/oversight';
import { ALGORITHMS, CONSENSUS_DEFAULTS } from '../../app/oversight/rounds';
import { isLocation } from '../../app/signals/signals';
import type { Event } from '../../domain/kernel/decider';
import { ID_PATTERN } from '../../domain/kernel/ids';
import { readTime } from '../../domain/kernel/time';
import { Problem, type ProblemDocument } from './problem';
import { type Answer, type Call, reachableId } from './route';

export const Id = z
  .string()
  .regex(ID_PATTERN, 'must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -, beginning with a letter or digit')
  .refine((value) => !value.includes('..'), 'must not contain two dots in a row')
  .meta({ description: 'An id: ASCII letters, digits and . _ ~ : -', example: 'invoice-4711' });

export const Unit = z.number().min(0).max(1);

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

export const Location = z
  .string()
  .regex(/^[A-Za-z0-9._~:@-]+(?:\/[A-Za-z0-9._~:@-]+)*$/, 'must be ids separated by single slashes')
  .refine(isLocation, 'must be at most 256 characters, without dot segments and two dots in a row')
  .meta({ description: 'A place: ids separated by slashes', example: 'warehouse/eu/dock-3' });

export const Text = (max: number) => z.string().min(1).max(max);

export const Hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits in lower case')
  .meta({ description: 'SHA-256 of the exact action, as it was shown' });

export const Impact = z.enum(IMPACTS).meta({ description: 'How much it changes' });

export const Features = z
  .record(Text(64), z.union([z.number().min(-1e15).max(1e15), z.string().max(256)]))
  .refine((features) => Object.keys(features).length <= 50, 'must be at most 50')
  .meta({
    description:
      'What it is measured by, such as amounts, names, places: how far it is from what was done before is its novelty',
  });

const Weight = z.number().min(0).max(1_000_000);
const Share = z.number().positive().max(1);

export const Voter = z
  .strictObject({
    id: Id,
    why: Text(200).meta({ description: 'Why it is asked' }),
    weight: Weight.optional().meta({ description: 'weighted_voting' }),
    expertise: z
      .strictObject({ relevance: Weight, experience: Weight, track_record: Weight })
      .optional()
      .meta({ description: 'expertise_based: the weight is the product' }),
    group: Id.optional().meta({ description: 'stakeholder_consensus' }),
    delegate_to: Id.optional().meta({
      description: 'delegated_authority: who has its vote; delegated_proof_of_stake: whom its stake elects',
    }),
    stake: Weight.optional().meta({ description: 'delegated_proof_of_stake' }),
    stands_for: z.boolean().optional().meta({ description: 'delegated_proof_of_stake: it is a candidate' }),
    model: Id.optional().meta({ description: 'The model that it thinks with' }),
  })
  .meta({ id: 'Voter' });

/** Who votes, by name; and how votes become a decision. */
export const Electorate = z.strictObject({
  algorithm: z.enum(ALGORITHMS).default(CONSENSUS_DEFAULTS.algorithm),
  voters: z.array(Voter).min(1).max(500),
  groups: z
    .array(z.strictObject({ id: Id, share: Weight, veto: z.boolean().default(false) }))
    .max(50)
    .optional()
    .meta({ description: 'stakeholder_consensus' }),
  delegates: z.int().min(1).max(500).optional().meta({ description: 'delegated_proof_of_stake: how many are elected' }),
  min_agreement: Share.default(CONSENSUS_DEFAULTS.min_agreement).meta({
    description: 'Share of the weight cast that the leading choice needs',
  }),
  quorum: Share.default(CONSENSUS_DEFAULTS.quorum).meta({
    description:
      'Share of the weight that must be cast; whoever is gone since the round opened counts as one that did not vote',
  }),
});

/** A query parameter that is a whole number, in digits alone; values of a query arrive as strings. */
export const Whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^(0|[1-9]\d{0,8})$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min).max(max));

/** The same, with what is meant without it. */
export function whole(min: number, max: number, fallback: number) {
  return Whole(min, max)
    .default(fallback)
    .meta({ type: 'integer', minimum: min, maximum: max, description: `${min} to ${max}, ${fallback} by default` });
}

export const Receipt = z
  .object({
    stream: z.string().meta({ description: 'tenant/category/id' }),
    version: z.number().meta({ description: 'Index of the commit; also the ETag' }),
    hash: z.string().nullable().meta({ description: 'SHA-256 of the commit, which names the one before it' }),
    at: z.string(),
    correlation_id: z.string().nullable(),
    events: z.array(z.string()).meta({ description: 'Types of the events; empty when nothing changed' }),
    repeated: z.boolean().meta({ description: 'True when this answers a command that was done before' }),
  })
  .meta({ id: 'Receipt', description: 'What a command has left in the log' });

/**
 * The receipt of an accepted command, as it goes over the wire: its own commit, also where the outcome shows what has
 * followed at once.
 */
export function receiptOf(outcome: Accepted<unknown, Event>): z.infer<typeof Receipt> {
  const { stream, commit, events, repeated, correlationId } = outcome;
  const { version, hash, at } = commit === undefined ? outcome : { ...commit, version: commit.index };
  return {
    stream,
    version,
    hash,
    at,
    correlation_id: commit?.meta.correlationId ?? correlationId ?? null,
    events: events.map(({ type }) => type),
    repeated,
  };
}

/** An answer to a command: its receipt, and what it was about. */
export function commandAnswer(
  outcome: Accepted<unknown, Event>,
  body: Record<string, unknown>,
  status = 200,
  headers?: Record<string, string>,
): Answer {
  return { status, body: { receipt: receiptOf(outcome), ...body }, etag: outcome.version, headers };
}

/**
 * What was loaded, when it is, or was at `asOf`, there; else throws a Problem (404) that says so.
 * @param what its name in a sentence, for example `approval`
 */
export function existing<L extends { readonly version: number }>(
  what: string,
  id: string,
  loaded: L,
  asOf?: string,
): L {
  if (loaded.version >= 0) return loaded;
  const detail = asOf === undefined ? `There is no ${what} ${id}.` : `There was no ${what} ${id} at ${asOf}.`;
  throw Problem.of('not-found', detail);
}

/** What the description of a route for several commands says of a store that did some of them. */
export const SENT_AGAIN =
  'Where a `problem` has the status 503, send the whole request again with the same `Idempotency-Key`: what was done is answered, the rest is done.';

/** An answer to several commands, one by one. When the store could do none of them, that is the answer to all. */
export function batchAnswer(value: readonly { readonly problem?: ProblemDocument }[]): Answer | Problem {
  const problems = value.flatMap(({ problem }) => (problem?.status === 503 ? [problem] : []));
  if (problems.length < value.length) return { status: 200, body: { value } };
  const seconds = Math.max(
    1,
    ...problems.map(({ retryAfterSeconds }) => (typeof retryAfterSeconds === 'number' ? retryAfterSeconds : 1)),
  );
  return Problem.of(
    'unavailable',
    'The store has done none of this, as far as is known; try again, with the same Idempotency-Key.',
    { retryAfterSeconds: seconds },
    { 'retry-after': String(seconds) },
  );
}

/** A page of a list, with the way to the next one. */
export function page(
  call: Call<unknown, Record<string, unknown>>,
  path: string,
  value: readonly unknown[],
  continuation: string | undefined,
  extra: Record<string, unknown> = {},
): Answer {
  if (continuation === undefined) return { status: 200, body: { value, ...extra } };
  const parameters = new URLSearchParams();
  for (const [name, item] of Object.entries(call.query))
    if ((typeof item === 'string' || typeof item === 'number') && name !== 'continuation')
      parameters.set(name, String(item));
  parameters.set('continuation', continuation);
  return { status: 200, body: { value, nextLink: `${path}?${parameters.toString()}`, ...extra } };
}

/** Runs a query; a continuation that is not ours becomes a problem that says so. */
export async function queried<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RangeError)
      throw Problem.invalid(error.message, [{ parameter: 'continuation', message: error.message }]);
    throw error;
  }
}

export const Continuation = z.string().max(2_000).optional().meta({ description: 'From nextLink, as it is' });

export const List = <T extends z.ZodType>(item: T) =>
  z.object({ value: z.array(item), nextLink: z.string().optional() });

export const OpenObject = z.record(z.string(), z.unknown());

/** The filters that were given. */
export function given<F extends Readonly<Record<string, string | undefined>>>(filters: F): Record<string, string> {
  return Object.fromEntries(
    Object.entries(filters).filter((filter): filter is [string, string] => filter[1] !== undefined),
  );
}

/**
 * The id of what a call creates at a path such as `/v1/tasks/{id}`: the one it names, else from its Idempotency-Key, so
 * that a retry lands in the same stream, else a new one.
 */
export function createdId(
  template: string,
  { principal, idempotencyKey, now }: Pick<Call, 'principal' | 'idempotencyKey' | 'now'>,
  wanted: string | undefined,
  part?: number,
): string {
  if (wanted !== undefined && isDerivedId(wanted)) {
    throw Problem.invalid(`Nothing can be called ${wanted} by its caller.`, [
      {
        parameter: 'id',
        message: 'has the form of an id that is made from an Idempotency-Key (a UUID of version 8): choose another',
      },
    ]);
  }
  if (wanted !== undefined) return reachableId(template, wanted);
  return idempotencyKey === undefined ? newId(now) : derivedId(principal.tenant, principal.id, idempotencyKey, part);
}

/** An agent acts for itself; people and services may act for any agent of their tenant. */
export function actingAgent(call: Call, named: string | undefined): string {
  const { principal } = call;
  const agent = named ?? principal.id;
  if (principal.kind === 'agent' && agent !== principal.id) {
    throw Problem.of(
      'forbidden',
      `${principal.id} can't act for ${agent}: an agent acts for itself. Leave "agent" out, or call as that agent.`,
    );
  }
  return agent;
}
