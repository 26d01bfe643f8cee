/**
 * Followers of the stream of receipts that stand for browsers: connections that take what comes, and look at it no
 * further than for the receipt that somebody waits for. A browser would parse it and draw it, on cores of its own.
 */
import net from 'node:net';
import { pause } from './measure';

/** A host that is late refuses a stream for now: it is asked again so often, and so many times. */
const AGAIN_MS = 1_000;
const TRIES = 60;

/** A principal has a few streams, so each follower is somebody else. */
const principalOf = (n: number): string => `human:viewer-${n}`;

/** By a host that has more to do than it can. */
class Refused extends Error {}

class Viewer {
  private readonly socket: net.Socket;
  private tail = '';
  private sought: { readonly text: string; readonly found: () => void } | undefined;
  bytes = 0;
  /** Resolves when the stream has begun. */
  readonly open: Promise<void>;

  constructor(url: URL, n: number) {
    const request = [
      'GET /v1/receipts/stream HTTP/1.1',
      `host: ${url.host}`,
      `x-formicary-principal: ${principalOf(n)}`,
      '',
      '',
    ];
    this.socket = net.connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    this.open = new Promise((resolve, reject) => {
      this.socket.once('error', reject);
      this.socket.once('close', () => reject(new Error('a stream of receipts has ended')));
      this.socket.once('data', (chunk: Buffer) => {
        const head = chunk.toString('latin1', 0, 64);
        if (head.startsWith('HTTP/1.1 200')) resolve();
        else reject(new (head.startsWith('HTTP/1.1 429') ? Refused : Error)(refusal(head)));
      });
    });
    this.socket.on('data', (chunk: Buffer) => this.read(chunk));
    this.socket.write(request.join('\r\n'));
  }

  /** Resolves when a text of plain ASCII has come. */
  seen(text: string): Promise<void> {
    return new Promise((found) => (this.sought = { text, found }));
  }

  close(): void {
    this.socket.destroy();
  }

  private read(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.sought === undefined) return;
    const { text, found } = this.sought;
    const all = this.tail + chunk.toString('latin1');
    this.tail = all.slice(-text.length);
    if (!all.includes(text)) return;
    this.sought = undefined;
    this.tail = '';
    found();
  }
}

const refusal = (head: string): string => `a stream of receipts was refused: ${head.split('\r\n')[0]}`;

async function opening(url: URL, n: number): Promise<Viewer> {
  for (let tries = 1; ; tries += 1) {
    const viewer = new Viewer(url, n);
    try {
      await viewer.open;
      return viewer;
    } catch (error) {
      viewer.close();
      if (!(error instanceof Refused) || tries === TRIES) throw error;
      await pause(AGAIN_MS);
    }
  }
}

export class Viewers {
  private constructor(private readonly viewers: readonly Viewer[]) {}

  static async open(url: string, count: number): Promise<Viewers> {
    const opened = await Promise.allSettled(Array.from({ length: count }, (_, n) => opening(new URL(url), n)));
    const viewers = new Viewers(opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])));
    const refused = opened.find((one) => one.status === 'rejected');
    if (refused === undefined) return viewers;
    viewers.close();
    throw refused.reason as Error;
  }

  get bytes(): number {
    return this.viewers.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Resolves when all have been sent a text of plain ASCII. */
  async seen(text: string): Promise<void> {
    await Promise.all(this.viewers.map((viewer) => viewer.seen(text)));
  }

  close(): void {
    for (const viewer of this.viewers) viewer.close();
  }
}
