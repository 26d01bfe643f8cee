/** How brokers, Blob Storage and Key Vault say that they ask to be left alone, after the SDK has tried for a while. */
import { StoreBusy } from '../../app/engine/ports';
import { NoAnswer } from './patience';

/** For brokers, which don't say how long: Microsoft's SDK for Java asks for at least as much. */
export const BROKER_MS = 4_000;
/** For services over HTTP where their answer doesn't say. */
const HTTP_MS = 1_000;

/** What the attempts of an AMQP SDK have come to, one after the other. */
export function attemptsOf(error: unknown): readonly { readonly code?: string }[] {
  return (error as { errors?: readonly { code?: string }[] }).errors ?? [error as { code?: string }];
}

/** `StoreBusy` where each attempt was told that the broker is throttled; else the error as it is. */
export function brokerBusy(broker: string, error: unknown): unknown {
  const throttled = attemptsOf(error).every(({ code }) => code === 'ServiceBusy' || code === 'ServerBusyError');
  return throttled
    ? new StoreBusy(`${broker} is throttled: try again in ${BROKER_MS} ms, or give it more throughput`, BROKER_MS, {
        cause: error,
      })
    : inWords(broker, error);
}

const DENIED = new Set(['UnauthorizedAccess', 'UnauthorizedError']);

/** What the attempts came to, said once each: the SDK's own error of several attempts says nothing but its name. */
function inWords(broker: string, error: unknown): unknown {
  const attempts = attemptsOf(error) as readonly { readonly code?: string; readonly message?: string }[];
  const denied = attempts.some(({ code }) => DENIED.has(code ?? ''));
  if (attempts.length === 1 && !denied) return error;
  const said = [
    ...new Set(
      attempts.map(({ code, message }) =>
        [code, message].filter((part) => part !== undefined && part !== '').join(': '),
      ),
    ),
  ].join('; ');
  const advice = denied
    ? ' (the identity of the app lacks a role on it: Data Sender and Data Receiver, or Data Owner; a role that was just given takes some minutes)'
    : '';
  return Object.assign(new Error(`${broker}: ${said}${advice}`, { cause: error }), { errors: attempts });
}

/** What an SDK over HTTP rejects with; without a status where nobody answered. */
interface HttpError {
  readonly name?: string;
  readonly statusCode?: number;
  readonly response?: { readonly headers: { get(name: string): string | undefined } };
}

/** `StoreBusy` where the last answer was 503 or 429; else the error as it is. */
export function blobsBusy(error: unknown): unknown {
  const { statusCode } = error as HttpError;
  return statusCode === 503 || statusCode === 429 ? httpBusy('Blob Storage is throttled', error) : error;
}

/** How credentials say that they have no token: who gives them can't be asked, or has not heard of the identity yet. */
const NO_TOKEN = new Set([
  'AggregateAuthenticationError',
  'AuthenticationError',
  'AuthenticationRequiredError',
  'CredentialUnavailableError',
]);

/**
 * `StoreBusy` where Key Vault was throttled, has failed, or could not be reached, or where there was no token for it,
 * which says nothing of the key either; else the error as it is.
 */
export function vaultBusy(error: unknown): unknown {
  const { name, statusCode } = error as HttpError;
  if (NO_TOKEN.has(name ?? '') || statusCode === 401) return httpBusy('There is no token for Key Vault', error);
  const isAway =
    statusCode === undefined
      ? name === 'RestError' || error instanceof NoAnswer
      : statusCode >= 500 || statusCode === 429;
  if (!isAway) return error;
  return httpBusy(`Key Vault ${statusCode === 429 ? 'is throttled' : 'does not answer'}`, error);
}

function httpBusy(what: string, error: unknown): StoreBusy {
  const { response } = error as HttpError;
  const retryAfterMs = Number(response?.headers.get('retry-after')) * 1_000 || HTTP_MS;
  return new StoreBusy(`${what}: try again in ${retryAfterMs} ms`, retryAfterMs, { cause: error });
}
