/**
 * Hints by Azure Web PubSub, which holds the connections of agents instead of this app. A topic is a user of the hub:
 * whoever connects is that user, in no group and with no role, so all that it can do there is to hear.
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
}

const PATIENCE: PushPatience = { connectMs: 5_000, sendMs: 5_000 };

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
  ) {}

  async connect(topic: string): Promise<PushConnection | undefined> {
    const options = { userId: userOf(topic), expirationTimeInMinutes: MINUTES };
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

/** Names of tenants and agents stand in none of the service's logs, and nothing in them has to be escaped. */
function userOf(topic: string): string {
  return createHash('sha256').update(topic).digest('hex');
}
