/** Errors as A2A tells them: what the protocol names itself, and what our routes refuse, in either binding. */
import type { Problem, ProblemError } from '../problem';

/** By the names that the protocol gives them: code of JSON-RPC, status of HTTP, and that of google.rpc. */
const ERRORS = {
  TASK_NOT_FOUND: [-32_001, 404, 'NOT_FOUND'],
  TASK_NOT_CANCELABLE: [-32_002, 400, 'FAILED_PRECONDITION'],
  PUSH_NOTIFICATION_NOT_SUPPORTED: [-32_003, 400, 'FAILED_PRECONDITION'],
  UNSUPPORTED_OPERATION: [-32_004, 400, 'FAILED_PRECONDITION'],
  CONTENT_TYPE_NOT_SUPPORTED: [-32_005, 400, 'INVALID_ARGUMENT'],
  VERSION_NOT_SUPPORTED: [-32_009, 400, 'FAILED_PRECONDITION'],
  INVALID_PARAMS: [-32_602, 400, 'INVALID_ARGUMENT'],
  METHOD_NOT_FOUND: [-32_601, 404, 'NOT_FOUND'],
  INVALID_REQUEST: [-32_600, 400, 'INVALID_ARGUMENT'],
  PARSE_ERROR: [-32_700, 400, 'INVALID_ARGUMENT'],
} as const satisfies Record<string, readonly [code: number, status: number, name: string]>;

export type Reason = keyof typeof ERRORS;

const DOMAIN = 'a2a-protocol.org';
/** Whose words for what was refused stand in `reason`. */
const OWN_DOMAIN = 'formicary.dev';
const ERROR_INFO = 'type.googleapis.com/google.rpc.ErrorInfo';

/** Of JSON-RPC, for what its caller may not do: the protocol names none. Outside of its range. */
const REFUSED = -32_000;
const INTERNAL = -32_603;

/** Of a request that is wrong: where, by the names of the protocol, and why. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** One of the protocol's own errors. */
export class A2aError extends Error {
  constructor(
    readonly reason: Reason,
    message: string,
    readonly violations: readonly Violation[] = [],
  ) {
    super(message);
    this.name = 'A2aError';
  }
}

/** An error that says of a parameter what is wrong with it. */
export function wrong(field: string, description: string): A2aError {
  return new A2aError('INVALID_PARAMS', `Invalid parameters: ${field} ${description}.`, [{ field, description }]);
}

/** Of whoever wants to be called: nobody is, so nothing that would have to be is taken. */
export function noPush(): A2aError {
  return new A2aError('PUSH_NOTIFICATION_NOT_SUPPORTED', 'Push notifications are not offered here.');
}

export interface Failure {
  /** Of JSON-RPC. */
  readonly code: number;
  readonly status: number;
  /** Of google.rpc. */
  readonly name: string;
  readonly message: string;
  readonly details: readonly object[];
  readonly headers: Readonly<Record<string, string>>;
}

/** How an error is told. */
export function failureOf(error: A2aError | Problem): Failure {
  return error instanceof A2aError ? failureOfOurs(error) : failureOfProblem(error);
}

function failureOfOurs({ reason, message, violations }: A2aError): Failure {
  const [code, status, name] = ERRORS[reason];
  const details = [{ '@type': ERROR_INFO, reason, domain: DOMAIN }, ...badRequest(violations)];
  return { code, status, name, message, details, headers: {} };
}

/** Of a problem: its slug is the reason, and what it says of fields and of time is told as google.rpc has it. */
function failureOfProblem({ document, headers }: Problem): Failure {
  const { type, title, status, detail, errors, retryAfterSeconds } = document;
  const isOurs = status >= 500 || status === 429;
  const reason = type
    .slice(type.lastIndexOf('/') + 1)
    .replaceAll('-', '_')
    .toUpperCase();
  const details = [
    { '@type': ERROR_INFO, reason, domain: OWN_DOMAIN, metadata: { type, title, status: String(status) } },
    ...badRequest(violationsOf(errors)),
    ...(typeof retryAfterSeconds === 'number'
      ? [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${retryAfterSeconds}s` }]
      : []),
  ];
  const code = isOurs ? INTERNAL : status === 403 ? REFUSED : ERRORS.INVALID_PARAMS[0];
  return { code, status, name: nameOf(status), message: detail, details, headers };
}

function nameOf(status: number): string {
  switch (status) {
    case 401:
      return 'UNAUTHENTICATED';
    case 403:
      return 'PERMISSION_DENIED';
    case 404:
      return 'NOT_FOUND';
    case 409:
      return 'ABORTED';
    case 429:
      return 'RESOURCE_EXHAUSTED';
    case 503:
      return 'UNAVAILABLE';
    default:
      return status >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT';
  }
}

/** What a problem says of places in a request, by the protocol's names: `#/message/parts/0` is `message.parts.0`. */
export function violationsOf(errors: readonly ProblemError[] = []): Violation[] {
  return errors.map(({ pointer = '', parameter, message }) => ({
    // The message is the payload of its task.
    field:
      parameter ??
      (pointer
        .slice(2)
        .replaceAll('/', '.')
        .replace(/^payload\.(?=message)/, '') ||
        'params'),
    description: message,
  }));
}

function badRequest(fieldViolations: readonly Violation[]): object[] {
  return fieldViolations.length === 0
    ? []
    : [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations }];
}
