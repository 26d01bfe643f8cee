/**
 * What is not proper HTTP never reaches a function. Node would answer it without a body; here it gets a problem
 * document, as everything else does.
 */
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { Problem, PROBLEM_CONTENT_TYPE } from '../functions/edge/problem';

/** How long what a refused client still sends is read and dropped, so that it gets to see the answer. */
export const LINGER_SECONDS = 1;

/** Answers what Node's parser refuses, what takes too long to arrive, and requests for a tunnel. */
export function refuseMalformed(server: Server): void {
  const answering = new WeakMap<Duplex, ServerResponse>();
  const refused = new WeakSet<Duplex>();
  server.prependListener('request', (request, response) => answering.set(request.socket, response));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (refused.has(socket)) return;
    refused.add(socket);
    const judge = () => {
      const response = answering.get(socket);
      const answer = () => {
        if (!socket.writable || error.code === 'ECONNRESET') socket.destroy();
        else if (!socket.writableEnded) refuse(socket, problemOf(error.code));
      };
      if (response === undefined || response.writableFinished) answer();
      // What came before is whole and gets its answer first: it may have been done.
      else if (response.req.complete) response.once('finish', answer);
      else if (response.headersSent) socket.destroy();
      else answer();
    };
    if (error.code !== 'ERR_HTTP_REQUEST_TIMEOUT') return judge();
    // A process that was away finds the time over before it has read what came in that time: it reads that first.
    const before = answering.get(socket);
    const wasWhole = before?.req.complete === true;
    afterReading(() => {
      const now = answering.get(socket);
      // Where the last one was whole already, it is the next that is awaited.
      if (now?.req.complete === true && (now !== before || !wasWhole)) refused.delete(socket);
      else judge();
    });
  });
  server.on('connect', (_, socket) =>
    refuse(
      socket,
      Problem.of('method-not-allowed', 'This host is no proxy.', {}, { allow: 'GET, HEAD, POST, PUT, PATCH, DELETE' }),
    ),
  );
}

/**
 * Of these the first would be taken, and the others dropped without a word; of all others doubles are joined, and so
 * seen.
 */
const ONCE = ['host', 'content-type', 'authorization'];

/**
 * Throws unless the request names one host, and nothing twice: of two, another program on the way might believe the
 * other one.
 */
export function checkHeaders({ rawHeaders }: IncomingMessage): void {
  const names = rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  const count = (wanted: string): number => names.filter((name) => name === wanted).length;
  if (count('host') !== 1) throw Problem.of('invalid-request', 'The request must have one Host header.');
  for (const name of ONCE)
    if (count(name) > 1) throw Problem.of('invalid-request', `The header ${name} is given more than once.`);
}

/** Calls back when what lies in the sockets now was read: a turn of the loop does that, the one under way may not. */
function afterReading(then: () => void): void {
  setImmediate(() => setImmediate(then));
}

function problemOf(code: string | undefined): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return Problem.of('headers-too-large', 'The path and the headers together are too large.');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return Problem.of('payload-too-large', 'The extensions of a chunk are too large.');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return Problem.of('request-timeout', 'The request did not arrive in time.');
    default:
      return Problem.of('invalid-request', 'The request is not well-formed HTTP.');
  }
}

function refuse(socket: Duplex, { document, headers }: Problem): void {
  const body = JSON.stringify(document);
  const lines = {
    connection: 'close',
    'content-type': PROBLEM_CONTENT_TYPE,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...headers,
  };
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${document.status} ${STATUS_CODES[document.status]}\r\n${head.join('')}\r\n${body}`);
  setTimeout(() => socket.destroy(), LINGER_SECONDS * 1_000).unref();
}
