/** Bodies of requests until they are answered: each of them bounded, and all of them together. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Problem } from '../functions/edge/problem';

/** Bytes; smaller limits belong to the routes. */
const MOST_OF_ONE = 8_000_000;
/**
 * Bytes that all bodies may hold together, those that arrive and those whose answer is awaited: whoever begins many and
 * ends none fills no memory, nor does whoever asks for more than is answered.
 */
const MOST_OF_ALL = 256_000_000;
/** Bytes that a chunk holds beside its own, about: a body may come byte by byte. */
const CHUNK_BYTES = 256;
const RETRY_SECONDS = 1;

/** A body of which something is still to come. */
interface Arriving {
  readonly chunks: Buffer[];
  size: number;
  /** Bytes of memory that it holds, about. */
  held: number;
  readonly refuse: (problem: Problem) => void;
}

export class Bodies {
  readonly #arriving = new Set<Arriving>();
  #bytes = 0;

  constructor(
    private readonly mostOfOne = MOST_OF_ONE,
    private readonly mostOfAll = MOST_OF_ALL,
  ) {}

  /**
   * The body; undefined when there is none. A GET's has no meaning and is left to be discarded. Rejects with a Problem
   * when it is too large or ends early; and when all of them hold too much, the largest that still arrives is refused
   * (503). It counts until its answer has gone.
   * @param begin called when it will be read
   */
  async read(
    request: IncomingMessage,
    response: ServerResponse,
    begin: () => void = () => undefined,
  ): Promise<Buffer | undefined> {
    const { method, headers } = request;
    const length = headers['content-length'];
    if (method === 'GET' || method === 'HEAD' || (length === undefined && headers['transfer-encoding'] === undefined))
      return undefined;
    if (Number(length) > this.mostOfOne) throw this.#tooLarge();
    // Whoever left before this was asked ends nothing any more: what came of it, even all, is not handed on.
    if (request.destroyed) throw Problem.of('invalid-request', 'The body ended early.');
    begin();
    return await new Promise((resolve, reject) => {
      const leave = (): void => {
        if (this.#arriving.delete(body)) this.#bytes -= body.held;
      };
      const body: Arriving = {
        chunks: [],
        size: 0,
        held: 0,
        refuse(problem) {
          leave();
          body.chunks.length = 0;
          reject(problem);
        },
      };
      this.#arriving.add(body);
      request.on('data', (chunk: Buffer) => {
        if (this.#arriving.has(body)) this.#take(body, chunk);
      });
      request.once('end', () => {
        const release = (): void => void (this.#bytes -= body.held);
        if (this.#arriving.delete(body)) {
          if (response.destroyed) release();
          else response.once('close', release);
        }
        resolve(body.chunks.length === 1 ? body.chunks[0] : Buffer.concat(body.chunks));
      });
      const ended = (): void => {
        if (this.#arriving.has(body)) body.refuse(Problem.of('invalid-request', 'The body ended early.'));
      };
      request.once('error', ended).once('close', ended);
    });
  }

  #take(body: Arriving, chunk: Buffer): void {
    body.chunks.push(chunk);
    body.size += chunk.length;
    body.held += chunk.length + CHUNK_BYTES;
    this.#bytes += chunk.length + CHUNK_BYTES;
    if (body.size > this.mostOfOne) body.refuse(this.#tooLarge());
    while (this.#bytes > this.mostOfAll) this.#refuseLargest();
  }

  #refuseLargest(): void {
    let largest: Arriving | undefined;
    for (const body of this.#arriving) if (largest === undefined || body.held > largest.held) largest = body;
    largest?.refuse(
      Problem.later(
        'unavailable',
        'More is being sent to this host than it can hold; try again, with the same Idempotency-Key.',
        RETRY_SECONDS,
      ),
    );
  }

  #tooLarge(): Problem {
    return Problem.of('payload-too-large', `The body may have at most ${this.mostOfOne} bytes.`, {
      limit: this.mostOfOne,
    });
  }
}
