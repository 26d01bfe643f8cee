/**
 * How clients leave. Node tells an answer of the end of its connection when it is that answer's turn on it; before Node
 * 24 those behind it, of requests that came without waiting for the answers before them (pipelining), hear of nothing.
 * Here they do, whichever Node it is: whoever waits for the end of an answer waits for something that comes.
 *
 * A client that has ended its own side may still read, as `nc -N` does. It gets its answer where that comes soon:
 * nothing tells it from one that has left.
 */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** How long whoever has ended their side is waited for. Milliseconds. */
const HALF_CLOSED_MS = 1_000;

/** Has each answer of the server close when its client leaves, and clients that have ended their side answered. */
export function followClients(server: Server): void {
  // Node's own switch, which its types don't have: a connection ends when what was asked for on it is answered.
  Object.assign(server, { httpAllowHalfOpen: true });
  const connections = new WeakMap<Socket, Set<ServerResponse>>();
  server.on('connection', (socket) => {
    const answers = new Set<ServerResponse>();
    connections.set(socket, answers);
    socket.once('end', () => {
      if (isStreaming(answers)) socket.destroy();
      else if (answers.size > 0) setTimeout(() => leave(socket, answers), HALF_CLOSED_MS).unref();
    });
    socket.once('close', () => answers.forEach(close));
  });
  server.prependListener('request', ({ socket }, response) => {
    const answers = connections.get(socket);
    answers?.add(response);
    response.once('close', () => answers?.delete(response));
  });
}

/** Whoever ends their side in the middle of a stream has left: it would keep its place from who comes back. */
function isStreaming(answers: ReadonlySet<ServerResponse>): boolean {
  for (const { headersSent, writableEnded } of answers) if (headersSent && !writableEnded) return true;
  return false;
}

/** What has been handed over goes out as far as the client reads it. */
function leave(socket: Socket, answers: ReadonlySet<ServerResponse>): void {
  for (const { writableEnded } of answers) if (!writableEnded) socket.destroy();
}

/** An answer whose turn had come hears it from Node. */
function close(response: ServerResponse): void {
  if (response.socket !== null || response.destroyed || response.writableFinished) return;
  response.destroy();
  response.emit('close');
}
