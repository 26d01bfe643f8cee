/**
 * A proxy that breaks connections at the worst moments, between a client and a host. It gives the host's own name as
 * the
 * `host` of each request, since the host answers to no other.
 */
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';

export interface FlakyProxy {
  readonly url: string;
  /** Connections that clients have made. */
  readonly connections: number;
  /** Breaks the next `count` connections when the request is there, before the host gets it. */
  refuse(count: number): void;
  /** Breaks the next `count` connections when the answer is there, before the client gets it. */
  loseAnswers(count: number): void;
  /** Breaks whatever is connected now. */
  breakAll(): void;
  close(): Promise<void>;
}

/** @param target port of the host */
export async function startFlakyProxy(target: number): Promise<FlakyProxy> {
  const sockets = new Set<Socket>();
  let connections = 0;
  let refusals = 0;
  let losses = 0;
  const server = net.createServer((client) => {
    connections += 1;
    const host = net.connect(target, '127.0.0.1');
    for (const socket of [client, host]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        host.destroy();
      });
    }
    client.on('data', (chunk) => {
      if (refusals > 0) {
        refusals -= 1;
        client.resetAndDestroy();
      } else host.write(chunk.toString('latin1').replace(/^host: .*$/m, `host: 127.0.0.1:${target}`), 'latin1');
    });
    host.on('data', (chunk) => {
      if (losses > 0) {
        losses -= 1;
        client.resetAndDestroy();
      } else client.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    refuse: (count) => void (refusals = count),
    loseAnswers: (count) => void (losses = count),
    breakAll() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
