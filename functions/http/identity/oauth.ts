/**
 * What clients of OAuth 2.1 know without our documentation: the token endpoint (RFC 6749, RFC 7523, RFC 8693), the keys
 * (RFC 7517), and the documents that say where these are (RFC 8414, RFC 9728).
 */
import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import {
  type Handed,
  type Identity,
  InvalidProof,
  InvalidToken,
  IssuerUnavailable,
  KEYS_PATH,
  NotEntitled,
  OWNER_CLIENT,
  PROOF_ALGORITHMS,
} from '../../../app/identity/module';
import { TooManyAttempts } from '../../../app/operation/attempts';
import { Rejection } from '../../../domain/kernel/decider';
import { isId, isTenant } from '../../../domain/kernel/ids';
import { own } from '../../../domain/kernel/own';
import { type Level, LEVELS, OWNER, type Principal } from '../../../domain/kernel/principal';
import { envelopeOf } from '../../edge/entrance';
import { Problem, type ProblemDocument } from '../../edge/problem';
import { openRoute } from '../../edge/route';
import {
  A2A_DOOR,
  attemptOf,
  attempts,
  counted,
  MCP_DOOR,
  metadataPath,
  proofIn,
  runtime,
  tooManyAttempts,
} from '../../runtime';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';
const BEARER_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const FORM = 'application/x-www-form-urlencoded';
const SUBJECT = 'subject must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -';
/** What of a form shows who asks, by its grant: the rest is not looked at, and counts for nobody. */
const SHOWN: Readonly<Record<string, string>> = {
  client_credentials: 'client_assertion',
  [BEARER_GRANT]: 'assertion',
  [EXCHANGE]: 'subject_token',
};
/** Bytes. */
const MAX_FORM = 32_768;

type ErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_scope'
  | 'invalid_dpop_proof'
  | 'unsupported_grant_type'
  | 'temporarily_unavailable';

/** A refusal as clients of OAuth read it (RFC 6749, section 5.2), and a problem document as well. */
class OAuthError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message);
  }

  get status(): number {
    return this.code === 'invalid_client' ? 401 : this.code === 'temporarily_unavailable' ? 503 : 400;
  }

  get document(): ProblemDocument {
    const slug = this.status === 401 ? 'unauthenticated' : this.status === 503 ? 'unavailable' : 'invalid-request';
    return Problem.of(slug, this.message, { error: this.code, error_description: this.message }).document;
  }
}

/** Whoever says to be the owner has not proven it. */
class InvalidClient extends InvalidToken {}

const NOT_KEPT = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

openRoute(
  'oauthToken',
  '/oauth/token',
  async (request) => {
    try {
      const { identity } = (await runtime()).colony;
      const form = await formOf(request);
      const envelope = envelopeOf(request);
      const shown = form.get(own(SHOWN, form.get('grant_type') ?? '') ?? '') ?? '';
      const proof = proofIn(envelope);
      const { token, expiresIn, level, jkt } = await attempts().examine(
        attemptOf(envelope, shown),
        async () => given(identity, form, proof.proof === null ? undefined : await identity.keyOf(proof)),
        ({ session }) => session,
      );
      const type = jkt === undefined ? 'Bearer' : 'DPoP';
      const body = { access_token: token, token_type: type, expires_in: expiresIn, scope: level };
      return { jsonBody: { ...body, issued_token_type: ACCESS_TOKEN }, headers: NOT_KEPT };
    } catch (error) {
      const { status, headers, document } = refusalOf(error);
      return { status, jsonBody: document, headers: { ...NOT_KEPT, ...headers } };
    }
  },
  ['POST'],
);

/** As clients of OAuth read it. */
function refusalOf(error: unknown): {
  readonly status: number;
  readonly document: ProblemDocument;
  readonly headers?: Readonly<Record<string, string>>;
} {
  if (error instanceof OAuthError) return error;
  if (error instanceof InvalidProof) return new OAuthError('invalid_dpop_proof', `the proof ${error.message}`);
  if (error instanceof InvalidClient) return new OAuthError('invalid_client', error.message);
  if (error instanceof InvalidToken) return new OAuthError('invalid_grant', `the token ${error.message}`);
  if (error instanceof NotEntitled) return new OAuthError('invalid_grant', error.message);
  if (error instanceof IssuerUnavailable) return new OAuthError('temporarily_unavailable', error.message);
  const later = error instanceof TooManyAttempts ? tooManyAttempts(error) : error;
  if (!(later instanceof Problem) || later.document.status !== 429) throw error;
  const { document, headers } = later;
  const said = { error: 'temporarily_unavailable', error_description: document.detail };
  return { status: document.status, document: { ...document, ...said }, headers };
}

openRoute('oauthKeys', KEYS_PATH, async () => published(await (await runtime()).colony.identity.published()));

openRoute('oauthServer', '/.well-known/oauth-authorization-server', async () => {
  const { issuer } = (await runtime()).colony.identity;
  return published({
    issuer,
    token_endpoint: `${issuer}/oauth/token`,
    jwks_uri: `${issuer}${KEYS_PATH}`,
    grant_types_supported: ['client_credentials', BEARER_GRANT, EXCHANGE],
    token_endpoint_auth_methods_supported: ['private_key_jwt', 'none'],
    token_endpoint_auth_signing_alg_values_supported: ['EdDSA'],
    dpop_signing_alg_values_supported: PROOF_ALGORITHMS,
    scopes_supported: LEVELS,
    response_types_supported: [],
    service_documentation: `${issuer}/docs`,
  });
});

for (const [name, door, resource_name] of [
  ['oauthResource', '', 'Formicary'],
  ['oauthResourceMcp', MCP_DOOR, 'Formicary (MCP)'],
  ['oauthResourceA2a', A2A_DOOR, 'Formicary (A2A)'],
] as const)
  openRoute(name, metadataPath(door), async () => {
    const { issuer } = (await runtime()).colony.identity;
    return published({
      resource: `${issuer}${door}`,
      authorization_servers: [issuer],
      jwks_uri: `${issuer}${KEYS_PATH}`,
      scopes_supported: LEVELS,
      bearer_methods_supported: ['header'],
      dpop_signing_alg_values_supported: PROOF_ALGORITHMS,
      resource_name,
      resource_documentation: `${issuer}/docs`,
    });
  });

function published(jsonBody: object): HttpResponseInit {
  return { jsonBody, headers: { 'cache-control': 'public, max-age=300', 'x-content-type-options': 'nosniff' } };
}

// ---------------------------------------------------------------------------------------------------- the form

/** What was sent, each name once. */
async function formOf(request: HttpRequest): Promise<ReadonlyMap<string, string>> {
  const [type = ''] = (request.headers.get('content-type') ?? '').split(';');
  if (type.trim().toLowerCase() !== FORM) throw new OAuthError('invalid_request', `send the parameters as ${FORM}`);
  const text = await request.text();
  if (Buffer.byteLength(text) > MAX_FORM) throw new OAuthError('invalid_request', `send at most ${MAX_FORM} bytes`);
  const form = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(text)) {
    if (form.has(name)) throw new OAuthError('invalid_request', `send each parameter once: ${name} came again`);
    if (value !== '') form.set(name, value);
  }
  return form;
}

type Form = Awaited<ReturnType<typeof formOf>>;

/** @param jkt thumbprint of the key to which the token is to be bound, which whoever asks has proven to have */
async function given(identity: Identity, form: Form, jkt: string | undefined): Promise<Handed> {
  switch (form.get('grant_type')) {
    case 'client_credentials':
      return await forOwner(identity, form, jkt);
    case BEARER_GRANT:
      return await vouched(identity, form, form.get('assertion'), jkt);
    case EXCHANGE:
      return await exchanged(identity, form, jkt);
    case undefined:
      throw new OAuthError('invalid_request', 'grant_type is missing');
    default:
      throw new OAuthError(
        'unsupported_grant_type',
        `grant_type must be client_credentials, ${BEARER_GRANT} or ${EXCHANGE}`,
      );
  }
}

/** For the owner, or in whose name it wants to act. */
async function forOwner(identity: Identity, form: Form, jkt: string | undefined): Promise<Handed> {
  const assertion = form.get('client_assertion');
  if (assertion === undefined || form.get('client_assertion_type') !== ASSERTION)
    throw new OAuthError('invalid_client', `prove who the client is: a client_assertion, of the type ${ASSERTION}`);
  if ((form.get('client_id') ?? OWNER_CLIENT) !== OWNER_CLIENT)
    throw new OAuthError('invalid_client', `the only client with a key is ${OWNER_CLIENT}`);
  const tenant = form.get('tenant') ?? 'default';
  if (!isTenant(tenant))
    throw new OAuthError('invalid_request', 'tenant must be 1 to 63 lower-case letters, digits and hyphens');
  const subject = form.get('subject') ?? OWNER;
  if (!isId(subject)) throw new OAuthError('invalid_request', SUBJECT);
  const level = levelOf(form.get('scope'));
  try {
    return settled(await identity.forOwner(assertion, tenant, { subject, level, jkt }, admitted));
  } catch (error) {
    throw error instanceof InvalidToken ? new InvalidClient(`the assertion ${error.message}`) : error;
  }
}

/** For a token of ours another one, which holds longer; for one of another issuer one of ours. */
async function exchanged(identity: Identity, form: Form, jkt: string | undefined): Promise<Handed> {
  const token = form.get('subject_token');
  if (token === undefined) throw new OAuthError('invalid_request', 'subject_token is missing');
  switch (form.get('subject_token_type')) {
    case ACCESS_TOKEN:
      return await identity.renew(token, jkt, admitted);
    case JWT:
      return await vouched(identity, form, token, jkt);
    default:
      throw new OAuthError('invalid_request', `subject_token_type must be ${ACCESS_TOKEN} to renew, or ${JWT}`);
  }
}

/** For whom another issuer vouches, or for the agent that it speaks for. */
async function vouched(
  identity: Identity,
  form: Form,
  token: string | undefined,
  jkt: string | undefined,
): Promise<Handed> {
  if (token === undefined) throw new OAuthError('invalid_request', 'assertion is missing');
  const subject = form.get('subject');
  if (subject !== undefined && !isId(subject)) throw new OAuthError('invalid_request', SUBJECT);
  return settled(await identity.exchange(token, { subject, level: levelOf(form.get('scope')), jkt }, admitted));
}

/** Counts who asks; a tenant that is none gives nobody a token, and one that was closed none of its agents. */
async function admitted(caller: Principal): Promise<void> {
  settled(await counted(caller));
}

function settled<T>(outcome: T | Rejection): T {
  if (outcome instanceof Rejection) throw new OAuthError('invalid_grant', outcome.message);
  return outcome;
}

function levelOf(scope: string | undefined): Level | undefined {
  if (scope === undefined) return undefined;
  const level = LEVELS.find((one) => one === scope);
  if (level === undefined) throw new OAuthError('invalid_scope', `scope must be one of ${LEVELS.join(', ')}`);
  return level;
}
