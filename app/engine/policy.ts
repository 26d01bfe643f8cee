/** Policy on every command: which rules are in effect, what they are asked, and how an answer is asked for again. */
import { canonicalize, type Commit, type PolicyFacts, sha256 } from '../../domain/kernel/commit';
import { parseStream } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import type { CommandContext } from './command';
import { unmet } from './obligations';
import type { Policy, PolicyAnswer, PolicyBundle, PolicyRequest } from './ports-policy';

/** Longest text, and most texts of a list, that the rules are asked as they are: of more they get the hash. */
const MAX_TEXT = 512;
const MAX_TEXTS = 32;

/** Hears what was asked and answered. It must neither throw nor take long: a command waits for it. */
export type DecisionListener = (request: PolicyRequest, answer: PolicyAnswer) => void;

/** The rules that answer: one bundle for all, and another for a tenant that has its own. */
export class PolicyInEffect implements Policy {
  private readonly own = new Map<string, PolicyBundle>();
  private readonly listeners = new Set<DecisionListener>();

  constructor(private all: PolicyBundle) {}

  /** From now on `bundle` answers: for the tenant, or for all that have no bundle of their own. */
  use(bundle: PolicyBundle, tenant?: string): void {
    if (tenant === undefined) this.all = bundle;
    else this.own.set(tenant, bundle);
  }

  /** The tenant has no bundle of its own any more. */
  useCommon(tenant: string): void {
    this.own.delete(tenant);
  }

  bundleFor(tenant: string): PolicyBundle {
    return this.own.get(tenant) ?? this.all;
  }

  /** Returns the way to stop it. */
  onDecision(listener: DecisionListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  evaluate(request: PolicyRequest): PolicyAnswer {
    const answer = decide(this.bundleFor(request.principal.tenant), request);
    for (const listener of this.listeners) listener(request, answer);
    return answer;
  }
}

/** What a bundle says of a request; it allows nothing on a condition that can't be met. */
export function decide(bundle: PolicyBundle, request: PolicyRequest): PolicyAnswer {
  const answer = bundle.evaluate(request);
  if (answer.decision === 'deny' || answer.obligations === undefined) return answer;
  const reasons = unmet(answer.obligations, request.attributes);
  return reasons.length === 0 ? answer : { ...answer, decision: 'deny', reasons: [...answer.reasons, ...reasons] };
}

/** What the rules are asked of a command. */
export function requestOf(
  { principal, action, attributes }: Pick<CommandContext, 'principal' | 'action' | 'attributes'>,
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
 * The attributes as the rules see them. What a caller has made up itself may be anything: what is no small value is told
 * by its hash, which equals nothing that a rule knows.
 */
function told(attributes: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const facts: Record<string, unknown> = {};
  for (const key in attributes) {
    const value = attributes[key];
    if (value !== undefined) facts[key] = isSmall(value) ? value : { sha256: sha256(canonicalize(value)) };
  }
  return facts;
}

function isSmall(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      return value.length <= MAX_TEXT;
    case 'number':
      return Number.isFinite(value);
    case 'boolean':
      return true;
    default:
      return Array.isArray(value)
        ? value.length <= MAX_TEXTS && value.every((item) => typeof item === 'string' && item.length <= MAX_TEXT)
        : value === null;
  }
}

const ALLOWED: PolicyAnswer = { bundle: sha256('allow-all'), input: sha256('{}'), decision: 'allow', reasons: [] };

/** Stands until the rules are there: allows everything without looking at anything, and says so on every receipt. */
export class AllowAll implements Policy {
  evaluate(): PolicyAnswer {
    return ALLOWED;
  }
}
