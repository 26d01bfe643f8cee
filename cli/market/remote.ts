/**
 * A remote agent that speaks A2A as an agent of the swarm: this process holds its tasks, sends each as a message, and
 * brings back what came of it. What the remote one says is data, and nothing here is shown to it but the task.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type * as Wire from '@a2a-js/sdk' with { 'resolution-mode': 'import' };
import type * as Sdk from '@a2a-js/sdk/client' with { 'resolution-mode': 'import' };
import { Fail, Release, type TaskFunction, Worker } from '../../client/index';
import { reasonOf } from '../../client/reason';
import { HOPS_KEY } from '../../domain/kernel/hops';
import { cut } from '../../domain/kernel/text';
import { bold, type Context, note, said, UsageError } from '../terminal';
import { pinnedKeys, signedPart } from './signed-card';

export interface RemoteInput {
  readonly agent: string;
  readonly url: string;
  readonly type: string;
  readonly capacity?: number;
  readonly timeout?: number;
  /** File of the keys of which one has to have signed its card. */
  readonly cardKeys?: string;
}

/** The token of the remote agent, which is nobody's here. */
export const TOKEN_VARIABLE = 'FORMICARY_A2A_TOKEN';

/** Bytes of an answer: what came of a task has to fit into one. */
const MAX_ANSWER = 1_000_000;
/** An answer takes at most so long, and a task, in seconds. */
const ANSWER_SECONDS = 30;
const TASK_SECONDS = 3_600;
/** Between two looks, in milliseconds; twice as long each time. */
const FIRST_LOOK_MS = 250;
const MOST_LOOK_MS = 10_000;
/** Times that one request is sent until its answer has come: a host that starts anew is waited for. */
const MOST_TRIES = 8;
const JSON_TYPE = 'application/json';
/** Longest reason that is passed on, in characters. */
const MAX_REASON = 1_000;

/** Works for as long as the process runs. */
export async function remote(
  { client }: Context,
  { agent, url, type, capacity = 1, timeout = TASK_SECONDS, cardKeys }: RemoteInput,
): Promise<void> {
  const address = URL.parse(url);
  if (address === null || !['https:', 'http:'].includes(address.protocol))
    throw new UsageError('the address of the remote agent must be an http or https URL');
  const connect = await connecting(address, process.env[TOKEN_VARIABLE], cardKeys);
  const { card, peer } = await connect();
  note(
    `${bold(said(card.name))} (${said(address.origin)}, A2A ${said(peer.protocolVersion)}) works as ${bold(said(agent))}.`,
  );
  const worker = new Worker({ formicary: client.as(agent), agent, agent_type: type, capacity });
  let refused: UsageError | undefined;
  // Without a pinned key the card says what it has said at the start; with one it is looked at before each task.
  const current = async (signal: AbortSignal): Promise<Connection> => {
    if (cardKeys === undefined) return { card, peer };
    try {
      return await heard(connect, signal);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      refused = error;
      // Nothing was sent: others may do it, and this one gets no more.
      void worker.stop();
      throw new Release(error.message);
    }
  };
  await worker.run(relaying(current, timeout));
  if (refused !== undefined) throw refused;
}

/** A remote agent, and the card by which it is reached. */
interface Connection {
  readonly card: Wire.AgentCard;
  readonly peer: Sdk.Client;
}

/**
 * What reads the card, of 1.0 or of 0.3, and takes the first interface that is understood. It rejects with `UsageError`
 * where the card leads elsewhere, or is not signed by a key that is pinned.
 */
async function connecting(
  address: URL,
  token: string | undefined,
  cardKeys: string | undefined,
): Promise<() => Promise<Connection>> {
  const sdk = await import('@a2a-js/sdk/client');
  const keys = cardKeys === undefined ? undefined : pinnedKeys(cardKeys);
  const fetchImpl = boundedFetch(address.origin, token);
  const options = { fetchImpl, legacyCompat: { enabled: true } };
  const resolver = new sdk.DefaultAgentCardResolver({
    ...options,
    fetchImpl: async (...asked) => {
      const response = await fetchImpl(...asked);
      return keys === undefined || !response.ok
        ? response
        : Response.json(await signedPart(await response.json(), keys));
    },
  });
  const factory = new sdk.ClientFactory({
    transports: [new sdk.JsonRpcTransportFactory(options), new sdk.RestTransportFactory(options)],
    cardResolver: resolver,
    clientConfig: { polling: true },
  });
  return async () => {
    const card = await (address.pathname === '/'
      ? resolver.resolve(address.origin)
      : resolver.resolve(address.href, ''));
    if (!card.supportedInterfaces.some((offered) => URL.parse(offered.url)?.origin === address.origin))
      throw new UsageError('the card of the remote agent leads to other hosts than its own, which are not asked');
    return { card, peer: await factory.createFromAgentCard(card) };
  };
}

/**
 * Asks nobody but the remote agent's own host: a card that leads elsewhere would get the token there. Answers have a
 * bound, in bytes and in time, and lead nowhere else.
 */
export function boundedFetch(origin: string, token: string | undefined): typeof fetch {
  return async (input, init) => {
    const asked = new Request(input, { ...init, redirect: 'error' });
    if (new URL(asked.url).origin !== origin)
      throw new Error(`the card leads to ${new URL(asked.url).origin}, which is not its host`);
    if (token !== undefined) asked.headers.set('authorization', `Bearer ${token}`);
    const response = await fetch(asked, {
      signal: AbortSignal.any([asked.signal, AbortSignal.timeout(ANSWER_SECONDS * 1_000)]),
    });
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > MAX_ANSWER) throw new Error(`the answer has more than ${MAX_ANSWER} bytes`);
      chunks.push(chunk);
    }
    const { status, headers } = response;
    return new Response(chunks.length === 0 ? null : Buffer.concat(chunks), { status, headers });
  };
}

/** Has the remote agent do a task: its artifacts are the result. */
function relaying(connect: (signal: AbortSignal) => Promise<Connection>, seconds: number): TaskFunction {
  return async (task) => {
    const { TaskState, Artifact, Part, SendMessageRequest } = await import('@a2a-js/sdk');
    const until = AbortSignal.timeout(seconds * 1_000);
    const signal = AbortSignal.any([task.signal, until]);
    const payload = await task.payload();
    const { card, peer } = await connect(signal);
    const message = {
      messageId: `${task.id}.${task.attempt}`,
      role: 'ROLE_USER',
      parts: partsOf(card, payload),
      metadata: { [HOPS_KEY]: hopsOf(payload) + 1 },
    };
    const asked = { message, configuration: { returnImmediately: true } };
    let begun: { readonly id: string; readonly tenant: string } | undefined;
    try {
      // The same message again is the same task, by its id.
      const answer = await heard(() => peer.sendMessage(SendMessageRequest.fromJSON(asked), { signal }), signal);
      if ('messageId' in answer)
        return { artifacts: [{ artifactId: 'message', parts: answer.parts.map((part) => Part.toJSON(part)) }] };
      let found = answer;
      const named = (begun = { id: found.id, tenant: '' });
      for (let pause = FIRST_LOOK_MS; ; pause = Math.min(2 * pause, MOST_LOOK_MS)) {
        const { state, message: words } = found.status ?? {};
        switch (state) {
          case TaskState.TASK_STATE_COMPLETED:
            return { artifacts: found.artifacts.map((artifact) => Artifact.toJSON(artifact)) };
          case TaskState.TASK_STATE_SUBMITTED:
          case TaskState.TASK_STATE_WORKING:
            break;
          default:
            // What asks for more, or was refused, would do so again.
            throw new Fail(`${TaskState[state ?? 0]}: ${textOf(words)}`, {
              retryable: state === TaskState.TASK_STATE_FAILED,
            });
        }
        await sleep(pause, undefined, { signal });
        found = await heard(() => peer.getTask({ ...named, historyLength: 0 }, { signal }), signal);
      }
    } catch (error) {
      if (error instanceof Fail) throw error;
      // Nobody waits for it any more; that it goes on there harms nothing here.
      if (begun !== undefined) await peer.cancelTask({ ...begun, metadata: undefined }).catch(() => undefined);
      if (task.signal.aborted) throw error;
      // What it has done until then nobody knows: it is not done again.
      throw new Fail(until.aborted ? `no end within ${seconds} s` : reasonOf(error), { retryable: false });
    }
  };
}

/** What is answered; asked again for a while where nothing is, as one answer that is lost says nothing of the task. */
async function heard<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tries = 1, pause = FIRST_LOOK_MS; ; tries += 1, pause = Math.min(2 * pause, MOST_LOOK_MS))
    try {
      return await ask();
    } catch (error) {
      if (signal.aborted || tries === MOST_TRIES || error instanceof UsageError) throw error;
      await sleep(pause, undefined, { signal });
    }
}

/**
 * What is sent: the parts of a message where the task came as one, else its payload, as text, or as data where the
 * remote agent takes that.
 */
function partsOf({ defaultInputModes }: Wire.AgentCard, payload: unknown): readonly object[] {
  const { message } = (payload ?? {}) as { readonly message?: { readonly parts?: unknown } };
  if (Array.isArray(message?.parts)) return message.parts as readonly object[];
  if (typeof payload === 'string') return [{ text: payload }];
  const takesData = defaultInputModes.some((mode) => mode === JSON_TYPE || mode === '*/*');
  return takesData && payload != null
    ? [{ data: payload, mediaType: JSON_TYPE }]
    : [{ text: JSON.stringify(payload ?? null) }];
}

/** How many colonies the message has passed that the task came as; none where it was posted otherwise. */
function hopsOf(payload: unknown): number {
  type Came = { readonly message?: { readonly metadata?: Readonly<Record<string, unknown>> } };
  const hops = ((payload ?? {}) as Came).message?.metadata?.[HOPS_KEY];
  return Number.isSafeInteger(hops) ? (hops as number) : 0;
}

function textOf(message: Wire.Message | undefined): string {
  const texts = message?.parts.flatMap(({ content }) => (content?.$case === 'text' ? [content.value] : [])) ?? [];
  return cut(texts.join(' ') || 'it gives no reason', MAX_REASON);
}
