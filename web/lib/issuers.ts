/**
 * Signing in at an issuer that the host trusts: the authorization code flow with PKCE (RFC 6749, RFC 7636, RFC 9207),
 * as a client without a secret. What it begins with is kept for this tab until it comes back, the tokens in memory
 * alone; the address holds nothing of it any more once they are there.
 */
import * as oauth from 'oauth4webapi';
import type { SignIn } from '../../contract/identity/sign-in';
import { texts } from '../texts';
import { Failure } from './failure';
import { go } from './route';

export interface Given {
  readonly access_token: string;
  /** Seconds. */
  readonly expires_in: number;
}

/** Gets a token, the first or the next one. Throws a `Failure`; of the status 401 where there will be none any more. */
export type Ask = () => Promise<Given>;

const { signIn: words } = texts;

/** Where one can sign in, as the host says on its page. */
export const signIns = JSON.parse(
  document.querySelector('meta[name=sign-in]')?.getAttribute('content') || '[]',
) as readonly SignIn[];

/** Where an issuer sends people back to. */
const RETURN = '/window/signed-in';
const STORED = 'formicary.sign-in';
/** What a token holds for whose issuer does not say so, in seconds. */
const SHORT = 300;

interface Begun {
  readonly name: string;
  readonly state: string;
  readonly verifier: string;
  /** Where people wanted to go. */
  readonly back: string;
}

/** Leaves this page for the issuer's. Throws a `Failure` when that can't be found. */
export async function leaveFor(to: SignIn): Promise<void> {
  const { authorization_endpoint: endpoint } = await said(to, () => discovered(to));
  if (endpoint === undefined) throw new Failure(0, words.refused(to.name), to.issuer, 'issuer');
  const here = location.pathname + location.search;
  const begun: Begun = {
    name: to.name,
    state: oauth.generateRandomState(),
    verifier: oauth.generateRandomCodeVerifier(),
    back: location.pathname === RETURN ? '/' : here,
  };
  sessionStorage.setItem(STORED, JSON.stringify(begun));
  const address = new URL(endpoint);
  const asked = {
    ...{ response_type: 'code', client_id: to.client_id, redirect_uri: location.origin + RETURN, scope: to.scope },
    ...{ state: begun.state, code_challenge: await oauth.calculatePKCECodeChallenge(begun.verifier) },
    ...{ code_challenge_method: 'S256', ...resourceOf(to) },
  };
  for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
  location.assign(address);
}

/** What whoever comes back from an issuer gets tokens by; undefined when nobody does. Throws a `Failure`. */
export async function returned(): Promise<Ask | undefined> {
  if (location.pathname !== RETURN) return undefined;
  const answer = new URL(location.href).searchParams;
  const begun = JSON.parse(sessionStorage.getItem(STORED) ?? 'null') as Begun | null;
  sessionStorage.removeItem(STORED);
  go(begun?.back ?? '/', 'replace');
  const at = signIns.find(({ name }) => name === begun?.name);
  if (begun === null || at === undefined) throw new Failure(0, words.notBegun, words.notBegunDetail, 'not-begun');
  return await said(at, async () => {
    const server = await discovered(at);
    const client = { client_id: at.client_id };
    const found = oauth.validateAuthResponse(server, client, answer, begun.state);
    const response = await oauth.authorizationCodeGrantRequest(
      ...([server, client, oauth.None(), found, location.origin + RETURN, begun.verifier] as const),
      { ...optionsOf(at), additionalParameters: resourceOf(at) },
    );
    return asker(at, server, await oauth.processAuthorizationCodeResponse(server, client, response));
  });
}

/** The first token, and then others by the refresh token where there is one. */
function asker(at: SignIn, server: oauth.AuthorizationServer, first: oauth.TokenEndpointResponse): Ask {
  const client = { client_id: at.client_id };
  let next: oauth.TokenEndpointResponse | undefined = first;
  let refresh = first.refresh_token;
  return async () => {
    const given = next ?? (await said(at, () => renewed()));
    next = undefined;
    refresh = given.refresh_token ?? refresh;
    return { access_token: given.access_token, expires_in: given.expires_in ?? SHORT };
  };
  async function renewed(): Promise<oauth.TokenEndpointResponse> {
    if (refresh === undefined) throw new Failure(401, words.over, words.overDetail, 'unauthenticated');
    const response = await oauth.refreshTokenGrantRequest(server, client, oauth.None(), refresh, {
      ...optionsOf(at),
      additionalParameters: resourceOf(at),
    });
    return await oauth.processRefreshTokenResponse(server, client, response);
  }
}

async function discovered(at: SignIn): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(at.issuer);
  return await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, optionsOf(at)));
}

/** The host takes an issuer without TLS on its own machine alone. */
function optionsOf({ issuer }: SignIn) {
  return { [oauth.allowInsecureRequests]: issuer.startsWith('http:') };
}

function resourceOf({ resource }: SignIn): Record<string, string> {
  return resource === undefined ? {} : { resource };
}

/** What goes wrong is said in the issuer's words, where it has any. */
async function said<T>({ name }: SignIn, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure) throw error;
    // A busy or broken issuer has decided nothing: what it gave holds, and it is asked again.
    if (isAway(error)) throw new Failure(503, words.notReached(name), words.notNowDetail, 'unreachable');
    if (error instanceof oauth.ResponseBodyError || error instanceof oauth.AuthorizationResponseError)
      throw new Failure(401, words.refused(name), error.error_description ?? error.error, error.error);
    if (error instanceof TypeError) throw new Failure(0, words.notReached(name), words.notReachedDetail, 'unreachable');
    throw new Failure(401, words.refused(name), String(error), 'issuer');
  }
}

function isAway(error: unknown): boolean {
  let status = 0;
  if (error instanceof oauth.ResponseBodyError) ({ status } = error);
  else if (error instanceof oauth.OperationProcessingError && error.cause instanceof Response)
    ({ status } = error.cause);
  return status === 429 || status >= 500;
}
