/** TEMPORARY: until every route has a contract. */
import { z } from 'zod';
import type { Accepted } from '../../app/engine/command';
import type { Event } from '../../domain/kernel/decider';
import { receiptOf } from './answers';
import type { Answer, Call } from './route';

export { actingAgent, batchAnswer, createdId, existing, given, queried, receiptOf } from './answers';
export {
  Continuation,
  Hash,
  Id,
  List,
  Location,
  Receipt,
  SENT_AGAIN,
  Text,
  Timestamp,
  Unit,
  whole,
  Whole,
} from '../../contract/common';
export { Electorate, Features, Impact, Voter } from '../../contract/oversight/common';

export const OpenObject = z.record(z.string(), z.unknown());

/** An answer to a command: its receipt, and what it was about. */
export function commandAnswer(
  outcome: Accepted<unknown, Event>,
  body: Record<string, unknown>,
  status = 200,
  headers?: Record<string, string>,
): Answer {
  return { status, body: { receipt: receiptOf(outcome), ...body }, etag: outcome.version, headers };
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
