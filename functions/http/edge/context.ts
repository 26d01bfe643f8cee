/** From a call to what the use cases take. */
import { commandHash } from '../../../app/transact';
import type { RequestContext } from '../../../app/agents';
import type { Call } from './route';

/** The context of a command. With an Idempotency-Key the hash of what is asked guards against another request under it. */
export function contextOf(call: Call, subject: unknown = call.body): RequestContext {
  const { principal, idempotencyKey, ifMatch, traceparent, operation, params, query } = call;
  return {
    principal,
    expectedVersion: ifMatch,
    traceparent,
    command: idempotencyKey === undefined ? undefined : { key: idempotencyKey, hash: commandHash({ operation, params, query, body: subject }) },
  };
}
