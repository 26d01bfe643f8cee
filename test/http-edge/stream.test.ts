import { abortSignalOf, attachAbortSignal } from '../../functions/edge/abort';
import { OpenStreams } from '../../functions/edge/open-streams';
import type { Problem } from '../../functions/edge/problem';
import { framed, type ServerSentEvent, serverSentEvents } from '../../functions/edge/stream';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

function read(
  source: AsyncIterable<ServerSentEvent | Uint8Array>,
  signal: AbortSignal = new AbortController().signal,
): { text: () => string; ended: Promise<void> } {
  let text = '';
  const ended = (async () => {
    for await (const chunk of serverSentEvents(source, signal).stream!) text += Buffer.from(chunk).toString();
  })();
  return { text: () => text, ended };
}

async function* list(...events: ServerSentEvent[]): AsyncGenerator<ServerSentEvent> {
  yield* events;
}

/** Never yields; notes that it was told to stop. */
function silent(): AsyncIterable<ServerSentEvent> & { returned: boolean } {
  const source = {
    returned: false,
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>(() => {}),
      return: () => {
        source.returned = true;
        return Promise.resolve({ done: true as const, value: undefined });
      },
    }),
  };
  return source;
}

test('frames events', async () => {
  const { text, ended } = read(
    list({ id: '7', event: 'task', data: { a: 1 } }, { data: 'two\nlines\r\nand\rmore' }, { data: '' }),
  );
  await ended;
  expect(text()).toBe(
    'retry: 2000\n\nid: 7\nevent: task\ndata: {"a":1}\n\ndata: two\ndata: lines\ndata: and\ndata: more\n\ndata: \n\n',
  );
  expect(jest.getTimerCount()).toBe(0);
});

test('sends what is in bytes already as it is, in one piece', async () => {
  const page = framed([
    { id: '7', data: { a: 1 } },
    { id: '8', data: { a: 2 } },
  ]);
  async function* source() {
    yield page;
    yield { data: 'after' };
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of serverSentEvents(source(), new AbortController().signal).stream!) chunks.push(chunk);
  expect(chunks[1]).toBe(page);
  expect(Buffer.concat(chunks).toString()).toBe(
    'retry: 2000\n\nid: 7\ndata: {"a":1}\n\nid: 8\ndata: {"a":2}\n\ndata: after\n\n',
  );
});

test('is an event stream', () => {
  expect(serverSentEvents(list(), new AbortController().signal)).toMatchObject({
    status: 200,
    contentType: 'text/event-stream; charset=utf-8',
  });
});

test.each([
  { id: 'a\nb', data: '' },
  { event: 'a\rb', data: '' },
  { id: '\0', data: '' },
])('refuses %j', async (event) => {
  const errors = jest.spyOn(console, 'error').mockImplementation(() => {});
  const { text, ended } = read(list({ data: 'before' }, event, { data: 'after' }));
  await ended;
  expect(text()).toBe('retry: 2000\n\ndata: before\n\n');
  expect(errors.mock.calls.flat().join()).toContain('one line');
  errors.mockRestore();
});

test('sends a heartbeat while it is quiet', async () => {
  const { text } = read(silent());
  await jest.advanceTimersByTimeAsync(31_000);
  expect(text()).toBe('retry: 2000\n\n: alive\n\n: alive\n\n');
});

test('stops when the signal aborts, even while the source waits', async () => {
  const abort = new AbortController();
  const source = silent();
  const { ended } = read(source, abort.signal);
  await jest.advanceTimersByTimeAsync(1_000);
  abort.abort();
  await ended;
  expect(source.returned).toBe(true);
  expect(jest.getTimerCount()).toBe(0);
});

test('does not begin when the signal has aborted', async () => {
  const source = silent();
  await read(source, AbortSignal.abort()).ended;
  expect(source.returned).toBe(true);
});

test('ends after ten minutes', async () => {
  const { ended } = read(silent());
  await jest.advanceTimersByTimeAsync(600_000);
  await ended;
});

test('stops the source when the reader leaves', async () => {
  let stopped = false;
  async function* source(): AsyncGenerator<ServerSentEvent> {
    try {
      for (;;) yield { data: 'x' };
    } finally {
      stopped = true;
    }
  }
  for await (const chunk of serverSentEvents(source(), new AbortController().signal).stream!)
    if (Buffer.from(chunk).includes('x')) break;
  expect(stopped).toBe(true);
  expect(jest.getTimerCount()).toBe(0);
});

test('a reader that goes in the middle of a chunk is no failure, and says nothing in the log', async () => {
  const errors = jest.spyOn(console, 'error').mockImplementation(() => {});
  const source = silent();
  const many = {
    [Symbol.asyncIterator]: () => ({
      ...source[Symbol.asyncIterator](),
      next: () => Promise.resolve({ done: false as const, value: { data: 'x' } }),
    }),
  };
  const stream = serverSentEvents(many, new AbortController().signal).stream![
    Symbol.asyncIterator
  ]() as AsyncGenerator<Uint8Array>;
  await stream.next();
  await stream.next();
  await expect(stream.throw(new Error('Premature close'))).rejects.toThrow('Premature close');
  expect([errors.mock.calls, source.returned]).toEqual([[], true]);
  errors.mockRestore();
});

test('ends when its source fails, and says so in the log: a client can only notice an end', async () => {
  const errors = jest.spyOn(console, 'error').mockImplementation(() => {});
  async function* broken(): AsyncGenerator<ServerSentEvent> {
    yield { id: '7', data: 'x' };
    throw new Error('the source is gone');
  }
  const { text, ended } = read(broken());
  await ended;
  expect(text()).toBe('retry: 2000\n\nid: 7\ndata: x\n\n');
  expect(errors.mock.calls.flat().join()).toContain('the source is gone');
  expect(jest.getTimerCount()).toBe(0);
  errors.mockRestore();
});

test('where the host can’t tell that a client has left, the signal of a request aborts after a minute', () => {
  const timeout = jest.spyOn(AbortSignal, 'timeout');
  const signal = abortSignalOf({});
  expect(timeout.mock.calls).toEqual([[60_000]]);
  expect(signal).toBe(timeout.mock.results[0]?.value);
  timeout.mockRestore();
  const request = {};
  const own = new AbortController();
  attachAbortSignal(request, () => own.signal);
  expect(abortSignalOf(request)).toBe(own.signal);
});

test('a tenant has so many open at once, and a principal fewer; who is refused takes no place', () => {
  const streams = new OpenStreams({ ofPrincipal: 2, ofTenant: 3 });
  const { signal } = new AbortController();
  const gone = new AbortController();
  const enter = (id: string, over = signal, tenant = 'acme') =>
    streams.enter({ tenant, id, kind: 'agent', level: 'read_only' }, over);
  const leave = enter('ann');
  enter('ann', gone.signal);
  const refused = (id: string) => {
    try {
      enter(id);
      return undefined;
    } catch (error) {
      return (error as Problem).document;
    }
  };
  expect(refused('ann')).toMatchObject({ status: 429, limit: 2, retryAfterSeconds: 60 });
  enter('bob');
  for (const id of ['bob', 'cleo', 'dan'])
    expect(refused(id)).toMatchObject({ status: 429, limit: 3, detail: expect.stringMatching(/^the tenant acme /) });
  enter('bob', signal, 'other');
  // Whoever leaves makes room for one, once; and so does who has gone.
  leave();
  leave();
  expect([refused('bob'), refused('cleo')?.['limit']]).toEqual([undefined, 3]);
  gone.abort();
  expect([refused('cleo'), refused('dan')?.['limit']]).toEqual([undefined, 3]);
});
