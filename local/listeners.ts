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

/** What a system says that has no shared ports: there one socket listens. */
const NOT_SHARED: ReadonlySet<string | undefined> = new Set(['ENOTSUP', 'EOPNOTSUPP', 'ENOPROTOOPT', 'EINVAL']);
/** A free port may be gone before it is shared: then another is looked for, so often. */
const MAX_TRIES = 5;

/** The listeners of a server beside its own. */
export class Listeners {
  #others: net.Server[] = [];

  constructor(private readonly server: Server) {}

  /**
   * Resolves with the port: a free one when it is 0. Rejects as `listen` does, also when others share the port, and
   * then leaves nothing open.
   */
  async listen(port: number, host: string): Promise<number> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#open(port, host);
      } catch (error) {
        const closed = this.close();
        this.server.closeAllConnections();
        await closed;
        this.#others = [];
        if (port !== 0 || codeOf(error) !== 'EADDRINUSE' || tries === MAX_TRIES) throw error;
      }
    }
  }

  async #open(port: number, host: string): Promise<number> {
    if (LISTENERS === 1) return await listening(this.server, { port, host, backlog: BACKLOG });
    // Of two hosts that start at once, both could find the port free before either shares it: one at a time looks.
    const guard = port === 0 ? undefined : await guardOf(port);
    try {
      // Only who does not share a port learns that somebody else has it.
      const first = createServer();
      const taken = await listening(first, { port, host });
      await closed(first);
      await this.#share({ port: taken, host, backlog: BACKLOG });
      return taken;
    } finally {
      if (guard !== undefined) await closed(guard);
    }
  }

  async #share(options: net.ListenOptions): Promise<void> {
    const shared = { ...options, reusePort: true };
    try {
      await listening(this.server, shared);
    } catch (error) {
      if (!NOT_SHARED.has(codeOf(error))) throw error;
      await listening(this.server, options);
      return;
    }
    for (let i = 1; i < LISTENERS; i += 1) {
      const other = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
        this.server.emit('connection', socket),
      );
      this.#others.push(other);
      await listening(other, shared);
    }
  }

  /** Takes no more connections; resolves when those that were taken have ended. */
  async close(): Promise<void> {
    await Promise.all([this.server, ...this.#others].map(closed));
  }
}

/**
 * A name that one process has at a time, and none after it has ended: on Linux, one that is no file. Undefined where
 * the system has none to give.
 */
async function guardOf(port: number): Promise<net.Server | undefined> {
  const guard = net.createServer((socket) => socket.destroy());
  guard.listen({ path: `\0formicary-listens-${port}` });
  try {
    await once(guard, 'listening');
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE') throw Object.assign(error as Error, { port });
    return undefined;
  }
  return guard;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
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
