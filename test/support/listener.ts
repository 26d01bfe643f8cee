/** A client of a push service, as Node has it: what it has heard. */
import type { PushConnection } from '../../app/engine/ports-push';
import { eventually } from './eventually';

export class Listener {
  /** What the service has sent, parsed; its greeting first. */
  readonly heard: Record<string, unknown>[] = [];
  private readonly socket: WebSocket;
  private ended = false;

  constructor({ url, protocol }: PushConnection) {
    this.socket = new WebSocket(url, protocol);
    this.socket.addEventListener('message', ({ data }) => this.heard.push(JSON.parse(data as string)));
    for (const event of ['close', 'error']) this.socket.addEventListener(event, () => (this.ended = true));
  }

  /** Connected, or refused. */
  async settled(): Promise<'connected' | 'refused'> {
    await eventually(() => this.heard.length > 0 || this.ended, { what: 'the greeting, or a refusal' });
    return this.heard.length > 0 ? 'connected' : 'refused';
  }

  /** Whether its connection still stands. */
  get isOpen(): boolean {
    return !this.ended;
  }

  /** How often it was told. */
  get told(): number {
    return this.heard.filter(({ type }) => type === 'message').length;
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  close(): void {
    this.socket.close();
  }
}
