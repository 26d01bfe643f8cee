/**
 * Where connections are taken. Node takes one connection in a turn of its loop from each socket that listens: while
 * turns are long, clients wait for seconds, give up, and come again, so that a host that was late once stays so. Where
 * the system shares a port out, several sockets listen on it, and a turn takes one connection from each.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import net, { type AddressInfo } from 'node:net';

/** Sockets that listen. Elsewhere than on Linux a shared port is not shared out, or not to be had. */
const LISTENERS = process.platform === 'linux' ? 64 : 1;
/**
 * Connections that wait to be taken. Who finds no place tries again by itself after one second, three, seven: with
 * Node's own 511 a thousand clients that come at once wait for seconds. The kernel has a maximum of its own.
 */
const BACKLOG = 16_384;

/** The listeners of a server beside its own. */
export class Listeners {
  readonly #others: net.Server[] = [];

  constructor(private readonly server: Server) {}

  /** Resolves with the port: a free one when it is 0. Rejects as `listen` does, also when others share the port. */
  async listen(port: number, host: string): Promise<number> {
    if (LISTENERS === 1) return await listening(this.server, { port, host, backlog: BACKLOG });
    // Only who does not share a port learns that somebody else has it.
    const first = createServer();
    const taken = await listening(first, { port, host });
    await closed(first);
    const shared = { port: taken, host, backlog: BACKLOG, reusePort: true };
    await listening(this.server, shared);
    for (let i = 1; i < LISTENERS; i += 1) {
      const other = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
        this.server.emit('connection', socket),
      );
      this.#others.push(other);
      await listening(other, shared);
    }
    return taken;
  }

  /** Takes no more connections; resolves when those that were taken have ended. */
  async close(): Promise<void> {
    await Promise.all([this.server, ...this.#others].map(closed));
  }
}

async function listening(server: net.Server, options: net.ListenOptions): Promise<number> {
  server.listen(options);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function closed(server: net.Server): Promise<void> {
  if (!server.listening) return;
  const ended = once(server, 'close');
  server.close();
  await ended;
}
