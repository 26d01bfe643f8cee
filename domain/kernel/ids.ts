/**
 * Identifiers and stream names. An id ends up in keys of both profiles (SQLite, Cosmos DB), in URLs and in file
 * names, so the alphabet is small on purpose: no slash, no `#`, `?` or `\` (Cosmos DB refuses them), no white space,
 * ASCII only (no look-alikes, no normalisation forms).
 */

import { Rejection } from './decider';

export const ID_PATTERN = /^[A-Za-z0-9](?:[A-Za-z0-9._~:-]{0,126}[A-Za-z0-9_~-])?$/;
export const TENANT_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** What a category of streams is called; so are views, and consumers of the feed. */
export const CATEGORY_PATTERN = /^[a-z][a-z-]{0,31}$/;
/** The same in words. */
export const PART_NAME_RULE = 'small letters and hyphens, beginning with a letter, 32 at most';

/** Whether a category of streams, a view or a consumer may be called so: it becomes a part of keys and queues. */
export function isPartName(name: unknown): boolean {
  return typeof name === 'string' && CATEGORY_PATTERN.test(name);
}

/** Longest name of a stream, or of a receipt in it, that a command may refer to, in characters. */
export const MAX_REFERENCE = 512;

/** True when `value` may serve as the id of an agent, a task, a tool or a principal (1 to 128 characters). */
export function isId(value: string): boolean {
  return ID_PATTERN.test(value) && !value.includes('..');
}

export function isTenant(value: string): boolean {
  return TENANT_PATTERN.test(value);
}

/** Of what the product opens by itself, such as the round that decides on a challenge: no caller can be there first. */
const SYSTEM_PREFIX = 'system:';

/** An id in the product's own name space. */
export function systemId(name: string): string {
  return `${SYSTEM_PREFIX}${name}`;
}

/** Why a caller can't open something under this id, or undefined. */
export function reservedId(id: string): Rejection | undefined {
  return id.startsWith(SYSTEM_PREFIX)
    ? new Rejection('invalid', 'id-reserved', `ids that begin with ${SYSTEM_PREFIX} are made here: choose another one`)
    : undefined;
}

/** A stream is named `tenant/category/id`; the tenant is part of every key. */
export function streamName(tenant: string, category: string, id: string): string {
  return `${tenant}/${category}/${id}`;
}

/** How the streams of an aggregate are named; stands beside its decider. */
export function streamsOf({ category }: { readonly category: string }): (tenant: string, id: string) => string {
  return (tenant, id) => streamName(tenant, category, id);
}

export interface StreamParts {
  readonly tenant: string;
  readonly category: string;
  readonly id: string;
}

/** Splits `tenant/category/id`. Throws on anything else: a malformed stream name is a defect, not input. */
export function parseStream(stream: string): StreamParts {
  const first = stream.indexOf('/');
  const second = stream.indexOf('/', first + 1);
  if (first < 1 || second < first + 2 || second === stream.length - 1 || stream.includes('/', second + 1))
    throw new Error(`not a stream name: ${stream}`);
  return { tenant: stream.slice(0, first), category: stream.slice(first + 1, second), id: stream.slice(second + 1) };
}

/** A commit is referred to as `stream@index`, for example `default/task/42@3`. */
export function commitRef(stream: string, index: number): string {
  return `${stream}@${index}`;
}

/** Where a commit stands. */
export interface CommitPlace {
  readonly stream: string;
  readonly index: number;
}

/** Reads `stream@index`; undefined when it is none. */
export function parseCommitRef(ref: string): CommitPlace | undefined {
  const at = ref.lastIndexOf('@');
  const index = Number(ref.slice(at + 1));
  if (at < 1 || !/^\d{1,12}$/.test(ref.slice(at + 1)) || !Number.isSafeInteger(index)) return undefined;
  return { stream: ref.slice(0, at), index };
}

/** The id of the stream that a receipt is of. Throws when `ref` is no reference: that is a defect, not input. */
export function idOf(ref: string): string {
  return parseStream(parseCommitRef(ref)?.stream ?? ref).id;
}

/** Where the commit of the tenant stands that a caller refers to; undefined when it is no reference, or another's. */
export function placeIn(tenant: string, ref: string): CommitPlace | undefined {
  const place = parseCommitRef(ref);
  return place?.stream.startsWith(`${tenant}/`) === true ? place : undefined;
}

/** What is said to whoever refers to a receipt that the tenant does not have. */
export function noSuchReceipt(ref: string): string {
  return `there is no receipt ${ref}: give stream@index as a receipt shows it`;
}
