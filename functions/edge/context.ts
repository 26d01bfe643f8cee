/** From a call to what the use cases take. */
import { commandHash } from '../../app/engine/answered';
import type { RequestContext } from '../../app/engine/command';
import type { Call } from './route';

/** The context of a command; with an Idempotency-Key, of `subject` alone where a request holds several commands. */
export function contextOf(call: Call, subject: unknown = call.body): RequestContext {
  const { principal, idempotencyKey, request, ifMatch, traceparent, operation, params, query, approved } = call;
  const by = approved && { ...approved, reaction: true };
  const context = { principal, expectedVersion: ifMatch, traceparent, ...by };
  if (idempotencyKey === undefined) return context;
  const hash =
    subject === call.body && request !== undefined ? request : commandHash({ operation, params, query, body: subject });
  return { ...context, command: { key: idempotencyKey, hash } };
}
