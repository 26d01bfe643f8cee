/**
 * Problem documents (RFC 9457): the one form of every error that leaves over HTTP. A problem says what was wrong and
 * what to do; it never carries a stack trace.
 */
import type { Rejection, RejectionKind } from '../../domain/kernel/decider';

/**
 * The problems that the edge and the host raise themselves; `type` is stable and part of the API. The rules raise
 * further ones: their rejection codes become types through `rejected`.
 */
export const PROBLEMS = {
  'invalid-request': { status: 400, title: 'The request is not valid' },
  'invalid-json': { status: 400, title: 'The body is not JSON' },
  unauthenticated: { status: 401, title: 'The caller is not known' },
  forbidden: { status: 403, title: 'The caller may not do this' },
  'cross-origin': { status: 403, title: 'Requests of other sites are refused' },
  'not-found': { status: 404, title: 'There is no such resource' },
  'method-not-allowed': { status: 405, title: 'The resource does not know this method' },
  'request-timeout': { status: 408, title: 'The request took too long to arrive' },
  'payload-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body has a type that is not understood' },
  'expectation-failed': { status: 417, title: 'The expectation is not understood' },
  'misdirected-request': { status: 421, title: 'The request is meant for another host' },
  'secret-refused': { status: 422, title: 'The request holds what looks like a secret' },
  'too-many-requests': { status: 429, title: 'Too many requests' },
  overloaded: { status: 429, title: 'The host has more to do than it can' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  'receipt-altered': { status: 500, title: 'A receipt is not what was written' },
  'payload-altered': { status: 500, title: 'A payload is not what was written' },
  'internal-error': { status: 500, title: 'The request failed on our side' },
  unavailable: { status: 503, title: 'Not available at the moment' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemSlug = keyof typeof PROBLEMS;

/** One thing that is wrong with the request: in the body (`pointer`) or in a parameter. */
export interface ProblemError {
  /** JSON Pointer as a URI fragment, for example `#/bids/0/price`; `#` is the whole body. */
  readonly pointer?: string;
  /** Name of the path or query parameter, or of the header. */
  readonly parameter?: string;
  readonly message: string;
}

export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly ProblemError[];
  readonly [extension: string]: unknown;
}

const TYPE_BASE = 'https://formicary.dev/problems/';
export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

/** The whole `type` of a problem, which is stable. */
export function typeOf(slug: string): string {
  return TYPE_BASE + slug;
}

/** The title of what a rule refuses. */
export function titleOf(code: string): string {
  return code.charAt(0).toUpperCase() + code.slice(1).replaceAll('-', ' ');
}

/** Builds a document. `extra` adds members of its own and cannot replace the standard ones. */
export function problem(
  status: number,
  slug: string,
  title: string,
  detail: string,
  extra?: Readonly<Record<string, unknown>>,
): ProblemDocument {
  return { ...extra, type: typeOf(slug), title, status, detail };
}

/** A problem on its way out: thrown or returned by edge, validation and handlers. */
export class Problem extends Error {
  #written: string | undefined;

  constructor(
    readonly document: ProblemDocument,
    /** Further response headers, for example `retry-after`. */
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    // It is an answer and no defect: where it was made helps nobody, and to find that out costs more than to write it.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(document.detail);
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'Problem';
  }

  /** The document's JSON, written once. */
  get body(): string {
    return (this.#written ??= JSON.stringify(this.document));
  }

  /** One of `PROBLEMS`, with its status and title. */
  static of(
    slug: ProblemSlug,
    detail: string,
    extra?: Readonly<Record<string, unknown>>,
    headers?: Readonly<Record<string, string>>,
  ): Problem {
    const { status, title } = PROBLEMS[slug];
    return new Problem(problem(status, slug, title, detail, extra), headers);
  }

  /**
   * One of `PROBLEMS` that passes with time: `seconds` until the next try stand in the document, and in its header,
   * which knows whole ones alone.
   */
  static later(slug: ProblemSlug, detail: string, seconds: number, extra?: Readonly<Record<string, unknown>>): Problem {
    return Problem.of(slug, detail, { ...extra, retryAfterSeconds: seconds }, retryAfter(seconds));
  }

  /** The request breaks the contract in the ways that `errors` lists. */
  static invalid(detail: string, errors: readonly ProblemError[]): Problem {
    return Problem.of('invalid-request', detail, { errors });
  }
}

/** RFC 9110, section 10.2.3: whole seconds, so rounded up. */
function retryAfter(seconds: number): Readonly<Record<string, string>> {
  return { 'retry-after': String(Math.max(1, Math.ceil(seconds))) };
}

const REJECTION_STATUS: Readonly<Record<RejectionKind, number>> = {
  missing: 404,
  conflict: 409,
  forbidden: 403,
  precondition: 412,
  invalid: 422,
  unavailable: 503,
  broken: 500,
};

/**
 * The refusal of a rule as a problem: its code is the type, its details are extension members, `retryAfterSeconds` a
 * header too.
 */
export function rejected(rejection: Rejection): Problem {
  const { kind, code, message, details } = rejection;
  const seconds = details['retryAfterSeconds'];
  return new Problem(
    problem(REJECTION_STATUS[kind], code, titleOf(code), message, details),
    typeof seconds === 'number' ? retryAfter(seconds) : {},
  );
}
