/** Server-sent events: an answer that goes on. */
import { systemClock } from '../../app/engine/clock';
import { toTime } from '../../domain/kernel/time';
import type { Answer } from './route';

export interface ServerSentEvent {
  /** A reconnecting client sends the last one back as `Last-Event-ID`. One line. */
  readonly id?: string;
  /** Type of the event, `message` when absent. One line. */
  readonly event?: string;
  /** A string is sent as it is (several lines allowed), anything else as JSON; without it, only the id is told. */
  readonly data?: unknown;
}

/** How long a client waits before it connects again, in milliseconds. */
const RETRY_MS = 2_000;
/** Keeps proxies from closing a quiet connection, and finds out that a client has gone. */
const HEARTBEAT_MS = 15_000;
/**
 * Clients connect again by themselves; where the host can't tell that one has gone, its signal ends the stream sooner.
 */
const LIFETIME_MS = 600_000;

const encoder = new TextEncoder();
const ALIVE = encoder.encode(': alive\n\n');

/** Events in bytes, as they are sent: those that many are sent are put into bytes once. */
export function framed(events: readonly ServerSentEvent[]): Uint8Array {
  return encoder.encode(events.map(frame).join(''));
}

/**
 * Answers with the events of `source`, or with what `framed` made of several, until it ends, `signal` aborts or ten
 * minutes have passed. The source is then told to stop (`return`); one that waits for long should watch the same
 * signal. If it throws, that is logged and the stream ends, as a client notices on every host: it connects again and
 * goes on from the last id that it has.
 */
export function serverSentEvents(
  source: AsyncIterable<ServerSentEvent | Uint8Array>,
  signal: AbortSignal,
): Answer<never> {
  // A proxy that collects an answer before it passes it on would keep every event until the end.
  return {
    status: 200,
    contentType: 'text/event-stream; charset=utf-8',
    headers: { 'x-accel-buffering': 'no' },
    stream: frames(source, signal),
  };
}

async function* frames(
  source: AsyncIterable<ServerSentEvent | Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let stopped = signal.aborted;
  let wake: (outcome: 'stop') => void = () => {};
  const stop = (): void => {
    stopped = true;
    wake('stop');
  };
  signal.addEventListener('abort', stop);
  const lifetime = setTimeout(stop, LIFETIME_MS);
  let heartbeat: NodeJS.Timeout | undefined;
  try {
    yield encoder.encode(`retry: ${RETRY_MS}\n\n`);
    let next: Promise<IteratorResult<ServerSentEvent | Uint8Array>> | undefined;
    while (!stopped) {
      const event = (next ??= iterator.next());
      // Not Promise.race with one long-lived promise: each race would stay attached to it until the stream ends.
      let chunk: Uint8Array;
      try {
        const outcome = await new Promise<IteratorResult<ServerSentEvent | Uint8Array> | 'stop' | 'quiet'>(
          (resolve, reject) => {
            wake = resolve;
            heartbeat = setTimeout(resolve, HEARTBEAT_MS, 'quiet');
            event.then(resolve, reject);
          },
        );
        clearTimeout(heartbeat);
        if (outcome === 'stop') return;
        if (outcome !== 'quiet' && outcome.done === true) return;
        if (outcome === 'quiet') chunk = ALIVE;
        else {
          chunk = outcome.value instanceof Uint8Array ? outcome.value : framed([outcome.value]);
          next = undefined;
        }
      } catch (error) {
        // The worker doesn't hand an error on that comes after the beginning: the client would wait for ever.
        console.error(
          JSON.stringify({
            level: 'error',
            at: toTime(systemClock.now()),
            message: 'the source of a stream failed, and the stream was ended',
            stack: error instanceof Error ? error.stack : String(error),
          }),
        );
        return;
      }
      // What is thrown in here is that the client has gone: no failure of ours, and nothing for the log.
      yield chunk;
    }
  } finally {
    clearTimeout(lifetime);
    clearTimeout(heartbeat);
    signal.removeEventListener('abort', stop);
    // Not awaited: a generator that is waiting answers `return` only when its wait is over. Its failure then concerns
    // nobody any more.
    iterator.return?.().catch(() => {});
  }
}

function frame({ id, event, data }: ServerSentEvent): string {
  let result = '';
  if (id !== undefined) result += `id: ${oneLine(id)}\n`;
  if (event !== undefined) result += `event: ${oneLine(event)}\n`;
  if (data !== undefined) {
    const text = typeof data === 'string' ? data : JSON.stringify(data);
    for (const line of text.split(/\r\n|\r|\n/)) result += `data: ${line}\n`;
  }
  return result + '\n';
}

function oneLine(value: string): string {
  if (/[\r\n\0]/.test(value)) throw new Error('the id and the type of an event must each be one line');
  return value;
}
