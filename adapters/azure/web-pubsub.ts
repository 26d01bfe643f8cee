/**
 * Hints by Azure Web PubSub, which holds the connections of agents instead of this app. A topic is a user of the hub:
 * whoever connects is that user, with no role, so all that it can do there is to hear. All are in one group, to which
 * nothing is sent: the service lists nothing but members of groups.
 */
import { createHash } from 'node:crypto';
import type { WebPubSubServiceClient } from '@azure/web-pubsub';
import type { Report } from '../../app/engine/ports';
import type { Push, PushConnection } from '../../app/engine/ports-push';
import { answeredWithin } from './patience';

/** The hub, as Bicep names it. */
export const HUB = 'formicary';
const PROTOCOL = 'json.webpubsub.azure.v1';
/** For which a URL can be connected with; a connection that stands lasts as long as it may. */
const MINUTES = 5;

/** Everybody who is connected. */
export const EVERYBODY = 'everybody';
/** Connections of one agent: of two processes of it, one of which just connects anew. */
export const MAX_PER_TOPIC = 3;
/** The part of all connections that one tenant may have, so that others are left some. */
const PER_TENANT = 0.8;
/** Digits of a user's name that say whose it is. */
const TENANT_DIGITS = 16;
/** Connections on a page: the most that the service gives. */
const PAGE = 200;
/** Ended at a time; the rest the next time. */
const MAX_ENDED = 1_000;

/** What is sent: it says nothing, so whoever hears more than it should has learned nothing. */
const HINT = { look: true };
/** Requests at once, and topics that wait for one of them. */
const AT_ONCE = 16;
const MAX_WAITING = 10_000;
/** That the service is away is told so often: agents do without it. */
const TOLD_EVERY_MS = 600_000;

/** Milliseconds for one call with all its attempts. Whoever connects waits; a hint that comes late is none. */
export interface PushPatience {
  readonly connectMs: number;
  readonly sendMs: number;
  /** For the list of all connections; for the end of one it is `sendMs`. */
  readonly listMs: number;
}

const PATIENCE: PushPatience = { connectMs: 5_000, sendMs: 5_000, listMs: 60_000 };

export class WebPubSubPush implements Push {
  private readonly waiting = new Set<string>();
  private sending = 0;
  private lost = 0;
  private toldAt = -Infinity;
  private closed = false;

  constructor(
    /** Of the hub `HUB`. */
    private readonly client: () => WebPubSubServiceClient,
    private readonly report: Report,
    private readonly patience = PATIENCE,
    /** Connections that the service has for all. */
    private readonly connections = Infinity,
  ) {}

  async connect(topic: string): Promise<PushConnection | undefined> {
    const options = { userId: userOf(topic), groups: [EVERYBODY], expirationTimeInMinutes: MINUTES };
    try {
      const { url } = await answeredWithin(
        this.patience.connectMs,
        async (abortSignal) => await this.client().getClientAccessToken({ ...options, abortSignal }),
      );
      return { url, protocol: PROTOCOL };
    } catch (error) {
      this.away(error);
      return undefined;
    }
  }

  tell(topic: string): void {
    if (this.closed) return;
    if (this.waiting.size >= MAX_WAITING && !this.waiting.has(topic)) {
      this.lost += 1;
      this.away(new Error(`${MAX_WAITING} hints wait already: give the service more units`));
      return;
    }
    this.waiting.add(topic);
    if (this.sending < AT_ONCE) void this.send();
  }

  async trim(): Promise<void> {
    if (this.closed) return;
    try {
      const excess = await answeredWithin(this.patience.listMs, (signal) => this.excess(signal));
      for (let i = 0; i < excess.length; i += AT_ONCE)
        await Promise.all(excess.slice(i, i + AT_ONCE).map((id) => this.end(id)));
      if (excess.length > 0)
        this.report('connections to Web PubSub were ended: more than one agent, or one tenant, may have', {
          ended: excess.length,
        });
    } catch (error) {
      this.away(error);
    }
  }

  /** The ids of connections beyond what each may have. */
  private async excess(abortSignal: AbortSignal): Promise<readonly string[]> {
    const counts = new Map<string, number>();
    const isBeyond = (of: string, most: number) => {
      const count = counts.get(of) ?? 0;
      if (count < most) counts.set(of, count + 1);
      return count >= most;
    };
    const ids: string[] = [];
    const all = await this.client().group(EVERYBODY).listConnections({ maxPageSize: PAGE, abortSignal });
    for await (const { connectionId, userId = '' } of all) {
      const tenant = userId.slice(0, TENANT_DIGITS);
      if (isBeyond(userId, MAX_PER_TOPIC) || isBeyond(tenant, this.connections * PER_TENANT)) ids.push(connectionId);
      if (ids.length >= MAX_ENDED) break;
    }
    return ids;
  }

  private async end(id: string): Promise<void> {
    await answeredWithin(this.patience.sendMs, async (abortSignal) => {
      await this.client().closeConnection(id, { abortSignal });
    });
  }

  /** Sends nothing any more. */
  close(): void {
    this.closed = true;
    this.waiting.clear();
  }

  private async send(): Promise<void> {
    this.sending += 1;
    // What is told meanwhile is seen by the same loop.
    for (const topic of this.waiting) {
      this.waiting.delete(topic);
      await answeredWithin(
        this.patience.sendMs,
        async (abortSignal) => await this.client().sendToUser(userOf(topic), HINT, { abortSignal }),
      ).catch((error: unknown) => {
        this.lost += 1;
        this.away(error);
      });
    }
    this.sending -= 1;
  }

  private away(error: unknown): void {
    const now = performance.now();
    if (this.closed || now < this.toldAt + TOLD_EVERY_MS) return;
    this.toldAt = now;
    this.report('Web PubSub can’t be used now: agents wait in long polls, or look later by themselves', {
      lost: this.lost,
      error: error instanceof Error ? error.message : String(error),
    });
  }
}

/**
 * Names of tenants and agents stand in none of the service's logs, and nothing in them has to be escaped. It begins
 * with what all users of a tenant begin with.
 */
function userOf(topic: string): string {
  const [tenant = ''] = topic.split('/');
  return hashOf(tenant).slice(0, TENANT_DIGITS) + hashOf(topic);
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
