/** Receipts as they come: each once and in order, over connections that break and hosts that die. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Commit, type Followed, Formicary } from '../../client/client';
import { startFlakyProxy } from '../support/flaky-proxy';
import { startTestHost } from '../support/host';

const RETRY = { attempts: 5, baseMs: 5, maxMs: 100 };

/** The numbers of the tasks whose posting the commits tell of. */
function postedIn(commits: readonly Commit[]): number[] {
  return commits
    .filter(({ events }) => events.some(({ type }) => type === 'TaskPosted'))
    .map(({ stream }) => Number(stream.split('-').at(-1)));
}

/** Who has waited this long waits in vain. */
const PATIENCE = () => AbortSignal.timeout(20_000);

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('over a network that breaks', () => {
  test('every commit comes once, in order, whenever the connection breaks', async () => {
    const host = await startTestHost();
    const proxy = await startFlakyProxy(host.port);
    const direct = new Formicary({ url: host.url, principal: 'service:poster' });
    const follower = new Formicary({ url: proxy.url, retry: { ...RETRY, attempts: 100 } });
    const TASKS = 400;
    const stop = new AbortController();
    const breaks: unknown[] = [];
    const seen: Commit[] = [];
    const following = (async () => {
      for await (const { commit } of follower.receipts.follow({
        after: '0',
        category: 'task',
        signal: AbortSignal.any([stop.signal, PATIENCE()]),
        onBreak: (error) => breaks.push(error),
      })) {
        seen.push(commit);
        if (postedIn([commit])[0] === TASKS - 1) stop.abort();
      }
    })();
    const breaking = setInterval(() => proxy.breakAll(), 40);
    for (const batch of numbers(TASKS / 20)) {
      await direct.tasks.postMany(
        numbers(20).map((i) => ({ id: `followed-${batch * 20 + i}`, task_type: 'follow.work' })),
      );
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    // On a slow day a connection that lives for 40 ms shows next to nothing.
    setTimeout(() => clearInterval(breaking), 3_000);
    await following;
    clearInterval(breaking);
    expect(postedIn(seen).sort((a, b) => a - b)).toEqual(numbers(TASKS));
    expect(new Set(seen.map(({ hash }) => hash)).size).toBe(seen.length);
    expect(breaks.length).toBeGreaterThan(2);
    direct.close();
    follower.close();
    await proxy.close();
    await host.stop();
  }, 60_000);

  test('a host that is killed and comes back is followed on', async () => {
    const first = await startTestHost();
    const client = new Formicary({ url: first.url, retry: { ...RETRY, attempts: 100 } });
    const stop = new AbortController();
    const seen: Commit[] = [];
    const following = (async () => {
      for await (const { commit } of client.receipts.follow({
        after: '0',
        category: 'task',
        signal: AbortSignal.any([stop.signal, PATIENCE()]),
      })) {
        seen.push(commit);
        if (postedIn(seen).length === 2) stop.abort();
      }
    })();
    await client.tasks.post({ id: 'killed-0', task_type: 'follow.work' });
    await first.kill('SIGKILL');
    const second = await startTestHost({ data: first.data, port: first.port });
    await client.tasks.post({ id: 'killed-1', task_type: 'follow.work' });
    await following;
    expect(postedIn(seen)).toEqual([0, 1]);
    client.close();
    await second.stop();
    await first.stop();
  }, 60_000);
});

describe('with a server that answers as told', () => {
  /** Frames of each connection in turn, sent in pieces of so many bytes; then the connection ends. */
  async function serving(
    connections: readonly string[],
    pieces = 7,
  ): Promise<{ client: Formicary; lastIds: (string | undefined)[]; close(): void }> {
    const lastIds: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      const frames = connections[lastIds.length];
      lastIds.push(request.headers['last-event-id'] as string | undefined);
      if (frames === undefined) return void response.writeHead(404).end('{}');
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const bytes = Buffer.from(frames);
      void (async () => {
        for (let i = 0; i < bytes.length; i += pieces) {
          response.write(bytes.subarray(i, i + pieces));
          await new Promise(setImmediate);
        }
        response.end();
      })();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = new Formicary({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, retry: RETRY });
    return { client, lastIds, close: () => (client.close(), server.close()) };
  }

  async function followed(client: Formicary): Promise<Followed[]> {
    const all: Followed[] = [];
    try {
      for await (const item of client.receipts.follow()) all.push(item);
    } catch (error) {
      // The server has no further connection to offer.
      expect(error).toMatchObject({ status: 404 });
    }
    return all;
  }

  const frame = (id: string, hash: string, more = '') =>
    `id: ${id}\nevent: commit\ndata: ${JSON.stringify({ hash, more })}\n\n`;

  test('it goes on after the last id, and passes over what comes again', async () => {
    // Commits that were read together carry the place before them; the last one carries the place after them.
    const { client, lastIds, close } = await serving([
      frame('3', 'a') + frame('3', 'b'),
      frame('3', 'a') + frame('3', 'b') + frame('6', 'c'),
      frame('7', 'd'),
    ]);
    const all = await followed(client);
    expect(all.map(({ commit, after }) => [commit.hash, after])).toEqual([
      ['a', '3'],
      ['b', '3'],
      ['c', '6'],
      ['d', '7'],
    ]);
    expect(lastIds).toEqual([undefined, '3', '6', '7']);
    close();
  });

  test.each([1, 2, 3, 1_000])('frames are read in whatever pieces they come (%i bytes)', async (pieces) => {
    const lines = `: a comment\r\nretry: 5\r\n\r\nid:1\r\ndata: {"hash":"ä",\r\ndata: "more":"é€😀"}\r\n\r\nid: 2\n\n${frame('2', 'b', 'ünï')}`;
    const { client, lastIds, close } = await serving([lines], pieces);
    expect((await followed(client)).map(({ commit }) => commit)).toEqual([
      { hash: 'ä', more: 'é€😀' },
      { hash: 'b', more: 'ünï' },
    ]);
    expect(lastIds).toEqual([undefined, '2']);
    close();
  });

  test('an id alone is a place to go on from', async () => {
    const { client, lastIds, close } = await serving(['id: 41\n\n', frame('42', 'a')]);
    expect((await followed(client)).map(({ after }) => after)).toEqual(['42']);
    expect(lastIds).toEqual([undefined, '41', '42']);
    close();
  });
});

test('a place that is none is refused, and a signal ends the wait', async () => {
  const host = await startTestHost();
  const client = new Formicary({ url: host.url, retry: RETRY });
  await expect(client.receipts.follow({ after: 'nonsense' }).next()).rejects.toMatchObject({ status: 400 });
  const aborted = client.receipts.follow({ signal: AbortSignal.timeout(100) });
  expect(await aborted.next()).toEqual({ done: true, value: undefined });
  expect(await client.receipts.follow({ signal: AbortSignal.abort() }).next()).toEqual({
    done: true,
    value: undefined,
  });
  client.close();
  await host.stop();
}, 60_000);

test('a host that is not there is given up on', async () => {
  const client = new Formicary({ url: 'http://127.0.0.1:1', retry: { attempts: 2, baseMs: 1 } });
  await expect(client.receipts.follow().next()).rejects.toMatchObject({ status: 0 });
});
