/**
 * Answers that have not gone out yet, since their clients read slowly or not at all: bounded together. Who asks for
 * much on many connections and reads nothing of it fills no memory.
 */
import type { ServerResponse } from 'node:http';

/** Bytes that all of them may hold together. */
const MOST_OF_ALL = 256_000_000;

export class Unread {
  /** What each holds, those that wait for the longest time first. */
  readonly #answers = new Map<ServerResponse, number>();
  #bytes = 0;

  constructor(private readonly mostOfAll = MOST_OF_ALL) {}

  /**
   * Undefined when all of an answer that has ended has gone out; else a promise that resolves when it has, or its
   * client has left. When they hold too much together, those that wait for the longest time lose their connection: who
   * reads at all is done in moments.
   */
  read(response: ServerResponse): Promise<void> | undefined {
    const bytes = response.writableLength;
    if (bytes === 0 || response.destroyed) return undefined;
    this.#answers.set(response, bytes);
    this.#bytes += bytes;
    const over = new Promise<void>((resolve) => {
      response.once('close', () => {
        this.#release(response);
        resolve();
      });
    });
    for (const waiting of this.#answers.keys()) {
      if (this.#bytes <= this.mostOfAll) break;
      this.#release(waiting);
      waiting.req.socket.destroy();
    }
    return over;
  }

  #release(response: ServerResponse): void {
    this.#bytes -= this.#answers.get(response) ?? 0;
    this.#answers.delete(response);
  }
}
