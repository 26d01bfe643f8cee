/**
 * The colony of this process: opened once, and closed when the app ends. On Azure it is opened by whoever needs it
 * first: the host knows no function before the start hooks have ended, and ends a process whose start takes too long.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { app } from '@azure/functions';
import type { Colony } from '../app/colony';
import { systemClock } from '../app/engine/clock';
import { messageOf, StoreUnavailable } from '../app/engine/reachable';
import {
  type Identity,
  InvalidProof,
  InvalidToken,
  IssuerUnavailable,
  NotEntitled,
  PROOF_ALGORITHMS,
  type ShownProof,
} from '../app/identity/module';
import { type Attempt, Attempts, TooManyAttempts } from '../app/operation/attempts';
import { callerOf } from '../app/operation/callers';
import { RateLimiter } from '../app/operation/limits';
import { type Logger, openLog } from '../app/operation/log';
import { Metrics } from '../app/operation/metrics';
import type { SignIn } from '../contract/identity/sign-in';
import { gateway } from '../contract/market/gateway';
import type { Rejection } from '../domain/kernel/decider';
import { includesLevel, type Level, type Principal } from '../domain/kernel/principal';
import {
  isOnAzure,
  prepareColony,
  readSettings,
  startColony,
  startMetrics,
  unknownSettings,
} from '../host/composition';
import { addressOf } from './edge/address';
import type { Envelope } from './edge/entrance';
import { give, hold } from './edge/held';
import { Problem, rejected } from './edge/problem';
import { countRequest, setEdge } from './edge/route';
import { Opening } from './opening';

/** What a gateway asks for its agents. */
const GATEWAY_ROUTES: ReadonlySet<string> = new Set(Object.values(gateway).map(({ name }) => name));

export interface Runtime {
  readonly colony: Colony;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Sends the last of the metrics to where they go, if anywhere, and stops that. */
  readonly stopMetrics: () => Promise<void>;
}

/** The Functions host gives a worker five seconds to end. */
const STOP_MS = 4_000;

const opening = new Opening(open);
const starting = new Opening(start);
/** Once it is started. */
let opened: Runtime | undefined;

async function open(): Promise<Runtime> {
  const settings = readSettings();
  // Whoever reads a line sees that whoever it names may be somebody else.
  const log = settings.devHeaders
    ? openLog(settings.logLevel).child({ withoutProof: true })
    : openLog(settings.logLevel);
  for (const { name, meant } of unknownSettings()) log.warn({ setting: name, meant }, 'a setting is not known');
  for (const fault of settings.lacking) log.warn({ fault }, 'a setting can not be used: the colony goes without');
  // The triggers that a shared store needs are those of this app.
  const colony = await prepareColony(settings, { log, options: { shared: settings.azure !== undefined } });
  colony.heldCommands.givenBy(give);
  const metrics = new Metrics(colony);
  return { colony, log, metrics, stopMetrics: await startMetrics(settings, metrics) };
}

async function start(): Promise<Runtime> {
  const running = await opening.get();
  try {
    await startColony(running.colony, readSettings());
  } catch (error) {
    // It is stopped: whoever comes next opens another one.
    await opening.take();
    await running.stopMetrics();
    throw error;
  }
  running.log.info({ data: readSettings().data }, 'the colony is open');
  return (opened = running);
}

/**
 * The runtime; started at the first call. Rejects with `StoreUnavailable` when the settings or the stores can't be
 * used; a later call tries again then.
 */
export function runtime(): Promise<Runtime> {
  return starting.get().catch(unavailable);
}

/**
 * Only opened, for who is handed projections, and for who looks after orchestrations: these need no books, no stop
 * holds them. Rejects as `runtime` does.
 */
export async function openedColony(): Promise<Colony> {
  return (await opening.get().catch(unavailable)).colony;
}

function unavailable(error: unknown): never {
  throw new StoreUnavailable(messageOf(error), { cause: error });
}

/** By principal, and by tenant. */
let limiters: readonly [RateLimiter, RateLimiter] | undefined;

function limits(): readonly [RateLimiter, RateLimiter] {
  if (limiters === undefined) {
    const { rate, tenantRate } = readSettings();
    limiters = [
      new RateLimiter(rate.perSecond, rate.burst, systemClock),
      new RateLimiter(tenantRate.perSecond, tenantRate.burst, systemClock),
    ];
  }
  return limiters;
}

const REQUESTS = 'requests_per_second';

/** How much a tenant may ask for in a second, where people of the platform have said so. */
function requestsOf(tenant: string): number | undefined {
  return opened?.colony.tenantBook.limit(tenant, REQUESTS);
}

/** Counts so many requests more of somebody who was let in. */
function spend({ tenant, id }: Principal, requests: number): void {
  const [ofPrincipal, ofTenant] = limits();
  ofPrincipal.spend(`${tenant} ${id}`, requests);
  ofTenant.spend(tenant, requests, requestsOf(tenant));
}

/** How often one Idempotency-Key may come in a second, and at once: retries that wait come far less often. */
const KEY_PER_SECOND = 5;
const KEY_BURST = 50;
/** Keys of which that is known: one of a storm comes soon again. */
const PACED_KEYS = 10_000;
let pacing: RateLimiter | undefined;

/** Whether callers may say who they are without proof: only where nobody else reaches the host. */
let believes: boolean | undefined;

/** People are asked about so many commands of one caller at once, and about one more after so many seconds. */
const HOLD_BURST = 10;
const HOLD_SECONDS = 30;
let holding: RateLimiter | undefined;

/** After which a caller may try again whose issuer can't be reached. */
const RETRY_SECONDS = 5;
const SHOWN = /^(bearer|dpop) +([A-Za-z0-9\-._~+/]+=*) *$/i;

/** A flood of failures is told in so many lines of the log. */
const LOGGED_EVERY_MS = 10_000;
let attempting: Attempts | undefined;

/** Attempts to authenticate, those of all doors together. */
export function attempts(): Attempts {
  let loggedAt = -Infinity;
  return (attempting ??= new Attempts(systemClock, ({ answer, address, claims }) => {
    opened?.metrics.authenticationFailed(answer);
    if (performance.now() - loggedAt < LOGGED_EVERY_MS) return;
    loggedAt = performance.now();
    opened?.log.warn({ address, claims, answer }, 'somebody could not authenticate');
  }));
}

/** Who tries to authenticate, and with what. */
export function attemptOf({ header }: Envelope, shown: string): Attempt {
  return { address: addressOf(header, readSettings().proxies), shown };
}

/** What a request proves by its header `DPoP`. */
export function proofIn({ method, path, header }: Envelope): ShownProof {
  return { proof: header('dpop'), method, path };
}

/** Where people can sign in on the page of the window. */
export function signIns(): readonly SignIn[] {
  return readSettings().signIns;
}

const sessionOf = ({ token }: Principal) => token?.session;

/** Who calls, if it is somebody of a tenant that there is here, and no agent of one that was closed. */
function principalOf(envelope: Envelope): Principal | Problem | Promise<Principal | Problem> {
  const caller = callerBy(envelope);
  return caller instanceof Promise ? caller.then(withinTenant) : withinTenant(caller);
}

function withinTenant(caller: Principal | Problem): Principal | Problem | Promise<Principal | Problem> {
  if (caller instanceof Problem) return caller;
  if (opened === undefined) return runtime().then(() => withinTenant(caller));
  const refused = opened.colony.tenantBook.stranger(caller);
  const answer = (rejection: Rejection | undefined) => (rejection === undefined ? caller : rejected(rejection));
  return refused instanceof Promise ? refused.then(answer) : answer(refused);
}

/**
 * Counts whoever asks for a token, as a request of theirs, and answers why they are told nothing, if so (see
 * `TenantBook.stranger`). Rejects with a Problem (429) when that is one too many.
 */
export async function counted(caller: Principal): Promise<Rejection | undefined> {
  const { colony } = await runtime();
  // First of all: it has the limits of the tenant read.
  const refused = await colony.tenantBook.stranger(caller);
  countRequest(caller);
  return refused;
}

/** By the token that is shown; headers that only say so count where the settings let them. */
function callerBy(envelope: Envelope): Principal | Problem | Promise<Principal | Problem> {
  const shown = envelope.header('authorization');
  if (shown === null && (believes ??= readSettings().devHeaders)) {
    const caller = callerOf(envelope.header);
    return 'parameter' in caller ? Problem.invalid(caller.message, [caller]) : caller;
  }
  if (shown === null) return unauthenticated(undefined, envelope.path);
  if (opened === undefined) return runtime().then(({ colony }) => authenticated(colony.identity, envelope, shown));
  return authenticated(opened.colony.identity, envelope, shown);
}

/** Who has shown what stands in `Authorization`. */
function authenticated(
  identity: Identity,
  envelope: Envelope,
  shown: string,
): Principal | Problem | Promise<Principal | Problem> {
  const [, scheme = '', token = ''] = SHOWN.exec(shown) ?? [];
  const proof = scheme.toLowerCase() === 'dpop' ? proofIn(envelope) : undefined;
  const failed = (error: unknown): Problem => {
    if (error instanceof InvalidToken) attempts().failed(attemptOf(envelope, token));
    return unknown(error, envelope.path);
  };
  try {
    if (token === '') throw new InvalidToken('is none: send Authorization: Bearer TOKEN, or DPoP TOKEN');
    // A proof is another one each time: to look at it costs as much as a token that nobody has seen.
    const known = proof === undefined ? identity.remembered(token) : undefined;
    if (known !== undefined) return known instanceof Promise ? known.catch(failed) : known;
  } catch (error) {
    return failed(error);
  }
  return attempts()
    .examine(attemptOf(envelope, token), async () => identity.callerOf(token, proof), sessionOf)
    .catch((error: unknown) => unknown(error, envelope.path));
}

function unknown(error: unknown, path: string): Problem {
  if (error instanceof InvalidProof)
    return challenged('invalid_dpop_proof', `the proof ${error.message}`, 'DPoP', path);
  if (error instanceof InvalidToken) return unauthenticated(error.message, path);
  if (error instanceof NotEntitled) return Problem.of('forbidden', error.message);
  if (error instanceof IssuerUnavailable) return Problem.later('unavailable', error.message, RETRY_SECONDS);
  if (error instanceof TooManyAttempts) return tooManyAttempts(error);
  throw error;
}

/** What is answered where nobody looks at what was shown. */
export function tooManyAttempts({ message, seconds }: TooManyAttempts): Problem {
  const wait = Math.max(1, Math.ceil(seconds * 10)) / 10;
  return Problem.later(
    'too-many-requests',
    `What was shown is not looked at: ${message}; try again in ${wait} s.`,
    wait,
  );
}

/** As RFC 6750, RFC 9449 and RFC 9728 have it: what is wrong, and where one learns how to get a token. */
function unauthenticated(fault: string | undefined, path?: string): Problem {
  if (fault !== undefined) return challenged('invalid_token', `the token ${fault}`, 'Bearer', path);
  const detail = 'Say who you are: send a token, as Authorization: Bearer TOKEN. POST /oauth/token gives one.';
  return Problem.of('unauthenticated', detail, {}, { 'www-authenticate': challenge('Bearer', [], path) });
}

/** By the scheme with which to come again. */
function challenged(error: string, fault: string, scheme: 'Bearer' | 'DPoP' = 'DPoP', path?: string): Problem {
  const headers = { 'www-authenticate': challenge(scheme, [`error="${error}"`, `error_description="${fault}"`], path) };
  return Problem.of('unauthenticated', `${fault.charAt(0).toUpperCase()}${fault.slice(1)}.`, {}, headers);
}

/** What is told to whoever would have that level, were its token bound; undefined when it would not. */
function unproven({ token }: Principal, needs: Level, path?: string): Problem | undefined {
  const level = token?.levelIfBound;
  if (level === undefined || !includesLevel(level, needs)) return undefined;
  const fault = `the token is not bound to a key, which this tenant demands for ${needs}`;
  return challenged('invalid_token', fault, 'DPoP', path);
}

/** To whoever has not the level that something needs: the scope to ask for is that (RFC 6750, section 3.1). */
export function insufficient(caller: Principal, needs: Level, path: string): Problem {
  const missing = unproven(caller, needs, path);
  if (missing !== undefined) return missing;
  const { id, level, token } = caller;
  const headers = {
    'www-authenticate': challenge(
      token?.jkt === undefined ? 'Bearer' : 'DPoP',
      ['error="insufficient_scope"', `scope="${needs}"`],
      path,
    ),
  };
  return Problem.of('forbidden', `This needs the level ${needs}; ${id} holds ${level}.`, {}, headers);
}

/** Where people find this colony. */
export function publicUrl(): string {
  return readSettings().publicUrl;
}

/** Where the metadata of what is protected stand: of the API, or of another door to it (RFC 9728, section 3.1). */
export function metadataPath(door = ''): string {
  return `/.well-known/oauth-protected-resource${door}`;
}

/** Other doors to the same routes, of MCP and of A2A: clients know each as a resource of its own. */
export const MCP_DOOR = '/mcp';
export const A2A_DOOR = '/a2a';

function challenge(scheme: 'Bearer' | 'DPoP', error: readonly string[], path = ''): string {
  const asked = `${path.toLowerCase().replace(/\/$/, '')}/`;
  const door = [MCP_DOOR, A2A_DOOR].find((one) => asked.startsWith(`${one}/`)) ?? '';
  const metadata = `resource_metadata="${publicUrl()}${metadataPath(door)}"`;
  const algs = scheme === 'DPoP' ? [`algs="${PROOF_ALGORITHMS.join(' ')}"`] : [];
  return `${scheme} ${['realm="formicary"', ...error, ...algs, metadata].join(', ')}`;
}

setEdge({
  principalOf,
  unproven: (principal, needs) => unproven(principal, needs),
  over({ tenant }) {
    const closure = opened?.colony.tenantBook.closure(tenant);
    return closure && rejected(closure);
  },
  permits(principal) {
    const { tenant, id } = principal;
    const [ofPrincipal, ofTenant] = limits();
    const wait = ofPrincipal.take(`${tenant} ${id}`);
    if (wait > 0) return { retryAfterSeconds: wait };
    const most = requestsOf(tenant);
    const shared = ofTenant.take(tenant, most);
    if (shared === 0) return { allowed: true };
    const refused = { retryAfterSeconds: shared, of: `the tenant ${tenant}` };
    if (most === undefined || most >= ofTenant.perSecond) return refused;
    opened?.colony.tenantBook.refused(REQUESTS);
    return { ...refused, of: `the tenant ${tenant}, ${most} requests a second,`, limit: { limit: REQUESTS, most } };
  },
  paces({ tenant, id }, key) {
    return (pacing ??= new RateLimiter(KEY_PER_SECOND, KEY_BURST, systemClock, PACED_KEYS)).take(
      `${tenant} ${id} ${key}`,
    );
  },
  admits(work, { tenant }) {
    return opened?.colony.admission.ask(work, tenant, performance.now()) ?? 0;
  },
  admitsStill(work, { tenant }) {
    return opened?.colony.admission.askAgain(work, tenant, performance.now()) ?? 0;
  },
  turn(work, { tenant }, bytes) {
    return opened?.colony.admission.turn(work, tenant, bytes);
  },
  charge(work, principal, cost) {
    opened?.colony.admission.charge(work, principal.tenant, cost);
    if (cost > 1) spend(principal, cost - 1);
  },
  weigh: spend,
  heard(principal, route) {
    if (principal.kind === 'agent')
      void opened?.colony.agents.heard({ principal }, principal.id).catch(() => undefined);
    // A service may do other things by the same token: these say nothing of its agents.
    else if (GATEWAY_ROUTES.has(route ?? '')) opened?.colony.gateways.heard(principal);
  },
  watch(principal, end) {
    const tell = (fault: Error) => end(unauthenticated(fault.message));
    return opened?.colony.identity.watch(principal, tell) ?? (() => undefined);
  },
  ended(principal) {
    const fault = opened?.colony.identity.ended(principal);
    return fault && unauthenticated(fault.message);
  },
  async hold(call, problem) {
    const { tenant, id } = call.principal;
    const wait = (holding ??= new RateLimiter(1 / HOLD_SECONDS, HOLD_BURST, systemClock)).take(`${tenant} ${id}`);
    if (wait > 0) return problem;
    return await hold((await runtime()).colony, call, problem);
  },
  async claim(claim) {
    return await (await runtime()).colony.keys.claim(claim);
  },
  async personal() {
    return (await runtime()).colony.personal;
  },
  onRequest(info) {
    opened?.metrics.request(info);
    const { principal, ...request } = info;
    opened?.log.debug({ ...request, tenant: principal?.tenant, principal: principal?.id }, 'request');
  },
});

/** Throws what a rule refused as the problem that the caller gets. */
export function accepted<T extends { readonly ok: true }>(
  outcome: T | { readonly ok: false; readonly rejection: Rejection },
): T {
  if (!outcome.ok) throw rejected(outcome.rejection);
  return outcome;
}

// Where somebody started it by hand, they are told at once why it can't work.
app.hook.appStart(async () => {
  if (!isOnAzure()) await starting.get();
});

app.hook.appTerminate(async () => {
  const ended = end();
  await (isOnAzure() ? Promise.race([ended, sleep(STOP_MS, undefined, { ref: false })]) : ended);
});

/** The last metrics are sent beside everything else: both may take long. */
async function end(): Promise<void> {
  for (const each of [starting, opening]) each.end();
  await starting.take();
  const running = await opening.take();
  opened = undefined;
  if (running === undefined) return;
  const sent = running.stopMetrics();
  await running.colony.stop().finally(() => sent);
}
