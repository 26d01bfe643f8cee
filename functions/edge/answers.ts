/** What the handlers of routes have in common: from what a use case says to the answer, and ids of what is created. */
import type { Page } from '../../app/engine/aggregate';
import type { Accepted } from '../../app/engine/command';
import type { Patience } from '../../app/engine/end-waits';
import { derivedId, isDerivedId, newId } from '../../app/engine/new-id';
import type { Receipt } from '../../contract/common';
import type { Shown } from '../../contract/route';
import type { Event } from '../../domain/kernel/decider';
import { reservedId } from '../../domain/kernel/ids';
import { Problem, type ProblemDocument, rejected } from './problem';
import { type Answer, type Call, reachableId } from './route';

/**
 * The receipt of an accepted command, as it goes over the wire: its own commit, also where the outcome shows what has
 * followed at once.
 */
export function receiptOf(outcome: Accepted<unknown, Event>): Shown<typeof Receipt> {
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
export function commanded<T extends object>(
  outcome: Accepted<unknown, Event>,
  about: T,
  headers?: Readonly<Record<string, string>>,
): Answer<{ readonly receipt: Shown<typeof Receipt> } & T> {
  return {
    body: { receipt: receiptOf(outcome), ...about },
    etag: outcome.version < 0 ? undefined : outcome.version,
    headers,
  };
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

/** How long the caller of a read waits for the end of what is read. */
export function patience({ query, signal }: Call<unknown, { readonly waitSeconds: number }>): Patience {
  const { waitSeconds: seconds } = query;
  return { seconds, signal: seconds > 0 ? signal : undefined };
}

/** An answer to several commands, one by one. When the store could do none of them, that is the answer to all. */
export function batchAnswer<T extends { readonly problem?: ProblemDocument }>(
  value: readonly T[],
): Answer<{ readonly value: readonly T[] }> | Problem {
  const problems = value.flatMap(({ problem }) => (problem?.status === 503 ? [problem] : []));
  if (problems.length < value.length) return { body: { value } };
  const seconds = Math.max(
    1,
    ...problems.map(({ retryAfterSeconds }) => (typeof retryAfterSeconds === 'number' ? retryAfterSeconds : 1)),
  );
  return Problem.later(
    'unavailable',
    'The store has done none of this, as far as is known; try again, with the same Idempotency-Key.',
    seconds,
  );
}

/** A page of a list, with the way to the next one. */
export function pageOf<T, E extends object = {}>(
  { template, params, query }: Pick<Call<Readonly<Record<string, unknown>>, object>, 'template' | 'params' | 'query'>,
  value: readonly T[],
  continuation: string | undefined,
  extra?: E,
): Answer<{ readonly value: readonly T[]; readonly nextLink?: string } & E> {
  const body = { value, ...(extra as E) };
  if (continuation === undefined) return { body };
  const search = new URLSearchParams();
  for (const [name, item] of Object.entries(query))
    if (['string', 'number', 'boolean'].includes(typeof item) && name !== 'continuation')
      search.set(name, String(item));
  search.set('continuation', continuation);
  const path = template.replace(/\{\*?(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
  return { body: { ...body, nextLink: `${path}?${search.toString()}` } };
}

/** What every list is asked for. */
interface Paging {
  readonly limit: number;
  readonly continuation?: string | undefined;
}

/**
 * The page of a list that a call asks for, of the caller's tenant. A continuation that is not ours becomes a problem
 * that says so.
 * @param list given what is asked for beside the page
 */
export async function listed<Q extends Paging, T>(
  call: Pick<Call<Readonly<Record<string, unknown>>, Q>, 'principal' | 'template' | 'params' | 'query'>,
  list: (tenant: string, filters: Omit<Q, keyof Paging>, limit: number, continuation?: string) => Promise<Page<T>>,
): Promise<Answer<{ readonly value: readonly T[]; readonly nextLink?: string }>> {
  const { limit, continuation, ...filters } = call.query;
  try {
    const page = await list(call.principal.tenant, filters, limit, continuation);
    return pageOf(call, page.docs, page.continuation);
  } catch (error) {
    if (error instanceof RangeError)
      throw Problem.invalid(error.message, [{ parameter: 'continuation', message: error.message }]);
    throw error;
  }
}

/** What an id is made of. */
type Creating = Pick<Call, 'principal' | 'idempotencyKey' | 'now'>;

/**
 * The id of what a call creates at a path such as `/v1/tasks/{id}`: the one it names, else from its Idempotency-Key, so
 * that a retry lands in the same stream, else a new one.
 */
export function createdId(template: string, call: Creating, wanted: string | undefined, part?: number): string {
  const reserved = wanted === undefined ? undefined : reservedId(wanted);
  if (reserved !== undefined) throw rejected(reserved);
  if (wanted !== undefined && isDerivedId(wanted)) {
    throw Problem.invalid(`Nothing can be called ${wanted} by its caller.`, [
      {
        parameter: 'id',
        message: 'has the form of an id that is made from an Idempotency-Key (a UUID of version 8): choose another',
      },
    ]);
  }
  return wanted === undefined ? madeId(call, part) : reachableId(template, wanted);
}

/** An id for what a call creates: from its Idempotency-Key, when there is one, so that it is the same on a retry. */
export function madeId({ principal, idempotencyKey, now }: Creating, part?: number): string {
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
