/**
 * What the API refuses, as data. The edge's own problems stand beside the edge; here are those that the rules of
 * several capabilities share, and the form of them all.
 */

/** Status, the last part of `type`, and what it says; dots stand for what is named. */
export type Refusal = readonly [status: 403 | 404 | 409 | 412 | 422 | 503, type: string, says: string];

/** What the rules of a capability refuse. */
export interface Refusals {
  /** Of the capability, as its responses are called in the document: `Market409`. */
  readonly name: string;
  readonly rows: readonly Refusal[];
}

export function refusals(name: string, rows: readonly Refusal[]): Refusals {
  return { name, rows };
}

/** Whatever is asked for. */
export const COMMON_REFUSALS = refusals('Common', [
  [
    403,
    'approval-needed',
    'people approve this first: …; nothing was done: propose it as an action, and they are asked',
  ],
  [
    403,
    'policy-denied',
    'policy denies this: …; nothing was done: ask for less, or somebody who may, or for another rule',
  ],
  [
    403,
    'stopped',
    '… is frozen, or in quarantine, by … since …: …; nothing was done; it can be done once that is lifted',
  ],
  [
    403,
    'tenant-closed',
    'the tenant … was closed for good at …: nothing was done, and nothing will be; its receipts can be read',
  ],
  [
    403,
    'tenant-unknown',
    'there is no tenant … here, and nothing was stored: people of the tenant platform have to create it first',
  ],
  [409, 'causation-too-deep', 'more than … reactions led here: the chain was stopped'],
  [
    409,
    'tenant-limit',
    'the tenant … may have … … and has …: wait until it has fewer, or ask people of the tenant platform for more',
  ],
  [409, 'subject-erased', '… was erased: nothing is stored about them any more under that name'],
  [412, 'version-mismatch', 'it has changed since: read it again'],
  [422, 'id-reserved', 'ids that begin with `system:` are made here: choose another one'],
  [
    422,
    'idempotency-key-reused',
    'this Idempotency-Key came before with another request: use a new key for a new request',
  ],
  [422, 'purpose-missing', 'say what for: give purpose, it stands on the receipt'],
  [422, 'reason-invalid', 'reason must be a text of 1 to 1,000 characters'],
  [422, 'too-large', 'the receipt would be larger than … bytes: send less, or a reference'],
  [503, 'feed-lost', 'nothing was heard of the other processes for a while: ask another process, or again later'],
  [
    503,
    'personal-unavailable',
    'this host has no key for personal data that it may use: FORMICARY_PERSONAL_KEY or FORMICARY_VAULT__personalKey gives it one; nothing was stored',
  ],
  [503, 'policy-unavailable', 'the policy in force could not be loaded here: ask another process, or again later'],
  [503, 'store-busy', 'the store has more to do than it can: try again after `Retry-After`'],
  [503, 'store-unavailable', "the store can't be reached: try again, with the same `Idempotency-Key`"],
]);
