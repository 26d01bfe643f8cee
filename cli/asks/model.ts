/** A model that reads words which the grammar does not: any endpoint that speaks OpenAI's Chat Completions. */
import { planIn, requestTo, veiled } from '../../domain/asks/model';
import type { Plan } from '../../domain/asks/plan';
import { UsageError } from '../terminal';

/** Where it is, what it is called, and the key, which goes nowhere else. */
export interface Model {
  readonly url: string;
  readonly name: string;
  readonly key?: string;
}

const TIMEOUT_MS = 60_000;
const MOST_BYTES = 1_000_000;

/**
 * The model of the environment: FORMICARY_ASK_URL (of the API, such as https://api.openai.com/v1), FORMICARY_ASK_MODEL
 * and FORMICARY_ASK_KEY. Undefined where none is named.
 */
export function modelOf(env: NodeJS.ProcessEnv): Model | undefined {
  const { FORMICARY_ASK_URL: url, FORMICARY_ASK_MODEL: name, FORMICARY_ASK_KEY: key } = env;
  if (url === undefined && name === undefined) return undefined;
  if (url === undefined || name === undefined)
    throw new UsageError('a model takes FORMICARY_ASK_URL and FORMICARY_ASK_MODEL', 'Set both, or none.');
  const { protocol, hostname } = URL.canParse(url) ? new URL(url) : { protocol: '', hostname: '' };
  const isNear = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  if (protocol !== 'https:' && !(protocol === 'http:' && isNear))
    throw new UsageError('FORMICARY_ASK_URL must be an https address', 'http serves on this machine alone.');
  return { url, name, ...(key === undefined ? {} : { key }) };
}

/** Has the model read the words. Throws an error that says why where it gave no answer. */
export async function askModel({ url, name, key }: Model, phrase: string, tenant: string): Promise<Plan> {
  const said = veiled(phrase);
  const answer = await fetch(`${url.replace(/\/+$/, '')}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
    body: JSON.stringify(requestTo(name, said, new Date().toISOString(), tenant)),
    // The key is for this address.
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!answer.ok) throw new Error(`it answered ${answer.status}`);
  return planIn(JSON.parse(await textOf(answer)), name, said);
}

async function textOf({ body }: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) {
    parts.push(part);
    bytes += part.length;
    if (bytes > MOST_BYTES) throw new Error(`its answer is longer than ${MOST_BYTES} bytes`);
  }
  return Buffer.concat(parts).toString('utf8');
}
