/**
 * The inbox as it fills. Where the host has a service that tells agents when to look, no request is held open; else,
 * and while that service is away, it waits in long polls. What is yielded is always what the inbox answers.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentConnection } from '../contract/market/agents';
import type { Shown } from '../contract/route';
import type { AgentsApi, Inbox } from './agents';

export interface WatchOptions {
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  /** Where to begin, from an earlier page; by default everything is shown from the beginning. */
  readonly offersAfter?: string;
  /** Hears how it waits, each time that changes: told when to look, or in long polls. */
  readonly onWaiting?: (how: 'push' | 'poll') => void;
}

type Connection = Shown<typeof AgentConnection>;

/** Seconds of a long poll. */
const POLL_SECONDS = 30;
/** Who answers may hear of it a moment later than who told: so long, in seconds, it is waited for. */
const SETTLE_SECONDS = 2;
/** How long a connection may take to stand. */
const CONNECT_MS = 10_000;
/** When a connection is asked for again: of a host that had none to give, and after one that did not come to stand. */
const NONE_MS = 600_000;
const FAILED_MS = 60_000;
/** A connection that ended sooner after it stood has ended soon. */
const SOON_MS = 60_000;
/** Of those that follow each other so many are made again at once: somebody may have ended them on purpose. */
const QUICK = 2;
/** A sign that was asked for may take so long, and two looks at least: who is slow is not gone. */
const SILENT_MS = 10_000;
/** What the service answers, and says nothing by. */
const PING = JSON.stringify({ type: 'ping' });
/** All connections of a service may break at once: each agent waits up to so long, at random, before the next. */
const SPREAD_MS = 2_000;

/**
 * Yields each page of the agent's inbox that shows anything, until `signal` aborts; a request that the host refuses
 * throws. An award is shown until it is accepted or declined: do that before the next page is asked for.
 */
export async function* watchInbox(
  agents: AgentsApi,
  id: string,
  { signal, offersAfter, onWaiting }: WatchOptions = {},
): AsyncGenerator<Inbox, void, undefined> {
  let after = offersAfter;
  let bell: Bell | undefined;
  let askAt = -Infinity;
  let how: 'push' | 'poll' | undefined;
  let endedSoon = 0;
  try {
    while (signal?.aborted !== true) {
      if (bell?.isOpen === false) {
        endedSoon = bell.age < SOON_MS ? endedSoon + 1 : 0;
        if (endedSoon > QUICK) askAt = performance.now() + FAILED_MS;
        bell = undefined;
        await sleep(SPREAD_MS * Math.random(), undefined, { signal });
      }
      if (bell === undefined) {
        if (performance.now() >= askAt) {
          const connection = await agents.connect(id, { signal });
          bell = await Bell.hang(connection, signal);
          askAt = performance.now() + (connection.push === null ? NONE_MS : bell === undefined ? FAILED_MS : 0);
        }
        const now = bell === undefined ? 'poll' : 'push';
        if (how !== now) onWaiting?.((how = now));
      }
      const waitSeconds = bell === undefined ? POLL_SECONDS : bell.rung() ? SETTLE_SECONDS : 0;
      const page = await agents.inbox(id, { waitSeconds, offersAfter: after, signal });
      after = page.offers_after;
      if (page.items.length > 0) yield page;
      else await bell?.wait(signal);
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  } finally {
    bell?.close();
  }
}

/** A connection over which somebody is told that it is time to look. */
class Bell {
  /** What came before it was hung nobody was told of. */
  private isRung = true;
  private ring: () => void = () => undefined;
  private readonly hungAt = performance.now();
  /** When it was asked for a sign that has not come yet. */
  private pingedAt: number | undefined;
  private isClosed = false;

  private constructor(
    private readonly socket: WebSocket,
    private readonly lookMs: number,
  ) {
    const ring = () => {
      this.isRung = true;
      this.ring();
    };
    socket.addEventListener('close', ring);
    socket.addEventListener('message', ({ data }) => {
      this.pingedAt = undefined;
      if (!isPong(data)) ring();
    });
  }

  /** Undefined where there is no connection, or it does not stand in time. */
  static async hang({ push, look_seconds }: Connection, signal?: AbortSignal): Promise<Bell | undefined> {
    if (push === null) return undefined;
    const socket = new WebSocket(push.url, push.protocol);
    const bell = new Bell(socket, look_seconds * 1_000);
    const gone = AbortSignal.any([AbortSignal.timeout(CONNECT_MS), ...(signal === undefined ? [] : [signal])]);
    const stands = await new Promise<boolean>((resolve) => {
      // The service greets whoever it has let in: from then on nothing is missed.
      socket.addEventListener('message', () => resolve(true), { once: true });
      for (const event of ['close', 'error']) socket.addEventListener(event, () => resolve(false), { once: true });
      gone.addEventListener('abort', () => resolve(false), { once: true });
      if (gone.aborted) resolve(false);
    });
    if (stands) return bell;
    bell.close();
    return undefined;
  }

  get isOpen(): boolean {
    return !this.isClosed && this.socket.readyState === WebSocket.OPEN;
  }

  /** Milliseconds since it began to come to stand. */
  get age(): number {
    return performance.now() - this.hungAt;
  }

  /** Whether it has rung since this was asked last. */
  rung(): boolean {
    const { isRung } = this;
    this.isRung = false;
    return isRung;
  }

  /** Waits until it rings, or has rung unheard; until it breaks; or until it is time to look all the same. */
  async wait(signal?: AbortSignal): Promise<void> {
    if (this.isRung || !this.isOpen) return;
    // Whoever should ring may be gone without a word: nothing else would tell.
    if (!this.isAnswered()) return this.close();
    const over = new AbortController();
    this.ring = () => over.abort();
    const gone = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]);
    await sleep(this.lookMs, undefined, { signal: gone }).catch(() => undefined);
  }

  close(): void {
    this.isClosed = true;
    this.socket.close();
  }

  /** Asks for a sign where none is awaited; false when one was awaited for too long. */
  private isAnswered(): boolean {
    if (this.pingedAt !== undefined) return performance.now() - this.pingedAt < Math.max(SILENT_MS, 2 * this.lookMs);
    this.pingedAt = performance.now();
    this.socket.send(PING);
    return true;
  }
}

function isPong(data: unknown): boolean {
  return typeof data === 'string' && (JSON.parse(data) as { readonly type?: unknown }).type === 'pong';
}
