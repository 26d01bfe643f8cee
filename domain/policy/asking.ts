/**
 * What policy is asked, what it answers, and what becomes of the answer. An answer depends on the bundle and on what is
 * asked alone: the time, and every fact that a rule looks at, are part of the question, so that an old decision can be
 * made again from its receipt.
 */
import { canonicalize, type Commit, type PolicyFacts, type PolicyReceipt, sha256 } from '../kernel/commit';
import { parseStream } from '../kernel/ids';
import type { Principal } from '../kernel/principal';

/** Longest text, and most texts of a list, that the rules are asked as they are: of more they get the hash. */
const MAX_TEXT = 512;
const MAX_TEXTS = 32;

export interface PolicyRequest {
  readonly principal: Principal;
  /** For example `task.award`. */
  readonly action: string;
  /** The stream that would be written. */
  readonly resource: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** What the rules may look at besides: small values that the use case knows, never a payload. */
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/**
 * A condition under which an action is allowed. What can't be met where the action is done is a refusal: no condition
 * is passed over.
 */
export type Obligation =
  /** A refusal leaves a receipt as well. */
  | { readonly must: 'audit' }
  /** The fields are stored encrypted. */
  | { readonly must: 'encrypt'; readonly fields: readonly string[] }
  /** The fields are left out of what is stored and shown. */
  | { readonly must: 'redact'; readonly fields: readonly string[] }
  /** The attribute is a number, and at most this. */
  | { readonly must: 'limit'; readonly attribute: string; readonly most: number };

export const OBLIGATIONS = ['audit', 'encrypt', 'redact', 'limit'] as const satisfies readonly Obligation['must'][];

export interface PolicyAnswer extends Omit<PolicyReceipt, 'facts'> {
  /** Why, in words for whoever asked; of an answer that allows, there may be none. */
  readonly reasons: readonly string[];
  /** Under which conditions it is allowed; left out: under none. */
  readonly obligations?: readonly Obligation[];
}

export interface Manifest {
  readonly name: string;
  readonly revision: string;
  /**
   * Which rule answers which actions, for example `formicary/assignment/decision`: `task.accept`, `task.award` … Each
   * action has exactly one; an action that has none is denied.
   */
  readonly entrypoints: Readonly<Record<string, readonly string[]>>;
  /** SHA-256 of the other files of the bundle. */
  readonly files: Readonly<Record<'policy.wasm' | 'data.json', string>>;
  /** SHA-256 of each file that it was made from, by its path in `policies/`. */
  readonly sources: Readonly<Record<string, string>>;
}

/** Rules that are ready to answer. */
export interface PolicyBundle {
  /** SHA-256 over the RFC 8785 form of the manifest, and so of everything that the bundle is. */
  readonly hash: string;
  readonly manifest: Manifest;
  /**
   * Never throws, and takes microseconds: what the rules can't answer, or answer in another form than the known one,
   * is a denial with a reason of its own. The obligations are as the rules say them: `decide` weighs them.
   */
  evaluate(request: PolicyRequest): PolicyAnswer;
}

// -------------------------------------------------------------------------------------------------- the question

/** What the rules are asked of a command. */
export function requestOf(
  { principal, action, attributes }: Pick<PolicyRequest, 'principal' | 'action' | 'attributes'>,
  resource: string,
  now: number,
): PolicyRequest {
  return { principal, action, resource, now, attributes: attributes && told(attributes) };
}

/** What a receipt keeps of a request. */
export function factsOf({ principal, now, attributes }: PolicyRequest): PolicyFacts {
  const { level, groups } = principal;
  // In the order of the canonical form, which spares a copy.
  return { attributes, groups, level, now };
}

/**
 * What the rules were asked when the receipt was made. Undefined where they were not, or by a version that kept less.
 */
export function requestBehind({
  stream,
  events,
  meta,
}: Pick<Commit, 'stream' | 'events' | 'meta'>): PolicyRequest | undefined {
  const { actor, action, policy } = meta;
  if (policy.facts === undefined) return undefined;
  const { now, level, groups, attributes } = policy.facts;
  const { tenant } = parseStream(stream);
  const principal: Principal = { tenant, ...actor, level, groups };
  const [first] = events;
  const resource = first?.type === 'CommandDenied' ? (first.data as { readonly resource: string }).resource : stream;
  return { principal, action, resource, now, attributes };
}

/**
 * The attributes as the rules see them. What a caller has made up itself may be anything: what is no small value is
 * told by its hash, which equals nothing that a rule knows.
 */
function told(attributes: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const facts: Record<string, unknown> = {};
  for (const key in attributes) {
    const value = attributes[key];
    if (value !== undefined) facts[key] = toldOf(value);
  }
  return facts;
}

function toldOf(value: unknown): unknown {
  // JSON has no such number; what is no number keeps no limit.
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  return isSmall(value) ? value : { sha256: sha256(canonicalize(value)) };
}

function isSmall(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      return value.length <= MAX_TEXT;
    case 'boolean':
      return true;
    default:
      return Array.isArray(value)
        ? value.length <= MAX_TEXTS && value.every((item) => typeof item === 'string' && item.length <= MAX_TEXT)
        : value === null;
  }
}

// ---------------------------------------------------------------------------------------------------- the answer

/** What a bundle says of a request; it allows nothing on a condition that can't be met. */
export function decide(bundle: PolicyBundle, request: PolicyRequest): PolicyAnswer {
  const answer = bundle.evaluate(request);
  if (answer.decision === 'deny' || answer.obligations === undefined) return answer;
  const reasons = unmet(answer.obligations, request.attributes);
  return reasons.length === 0 ? answer : { ...answer, decision: 'deny', reasons: [...answer.reasons, ...reasons] };
}

/**
 * Which of the conditions do not hold, in words; none: the command may be done.
 *
 * - `limit` is checked here, on the attributes that the rules were asked.
 * - `audit` is met by whoever decides: see `audits`.
 * - Nothing encrypts or redacts single fields, so what demands it is refused.
 */
export function unmet(
  obligations: readonly Obligation[],
  attributes: Readonly<Record<string, unknown>> = {},
): readonly string[] {
  return obligations.flatMap((obligation) => {
    switch (obligation.must) {
      case 'audit':
        return [];
      case 'limit': {
        const value = attributes[obligation.attribute];
        const holds = typeof value === 'number' && value >= 0 && value <= obligation.most;
        return holds ? [] : [`${obligation.attribute} must be a number of at most ${obligation.most}`];
      }
      case 'encrypt':
      case 'redact':
        return [`nothing here can ${obligation.must} ${obligation.fields.join(', ')}, which policy demands`];
    }
  });
}

/** Whether a refusal has to leave a receipt. */
export function audits(obligations: readonly Obligation[] | undefined): boolean {
  return obligations?.some(({ must }) => must === 'audit') ?? false;
}
