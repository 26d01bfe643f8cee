/** Who comes while a host is busy is taken in soon, however long its turns are. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import net from 'node:net';
import { Listeners } from '../../local/listeners';

const server = createServer((_, response) => response.end('here'));
const listeners = new Listeners(server);
afterAll(async () => {
  server.closeAllConnections();
  await listeners.close();
});

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('many that come at once are answered within a few turns of the loop', async () => {
  const port = await listeners.listen(0, '127.0.0.1');
  const clients = 256;
  let turns = 0;
  let counting = true;
  const turn = () => {
    turns += 1;
    if (counting) setImmediate(turn);
  };
  turn();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      const socket = net.connect(port, '127.0.0.1');
      socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      await once(socket, 'end');
      expect(text).toMatch(/here$/);
      socket.end();
    }),
  );
  counting = false;
  // One in a turn would take as many turns as there are clients.
  expect(turns).toBeLessThan(clients / 2);
});

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as net.AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Has the system answer those who want to listen with an error, where `code` gives one. */
function refuse(code: (options: net.ListenOptions) => string | undefined): jest.SpyInstance {
  const { listen } = net.Server.prototype;
  return jest.spyOn(net.Server.prototype, 'listen').mockImplementation(function (this: net.Server, ...args: unknown[]) {
    const refused = code(args[0] as net.ListenOptions);
    if (refused === undefined) return Reflect.apply(listen, this, args) as net.Server;
    setImmediate(() => this.emit('error', Object.assign(new Error(refused), { code: refused })));
    return this;
  });
}

describe('what goes wrong', () => {
  afterEach(() => jest.restoreAllMocks());

  onLinux('of hosts that start at one port within moments, one gets it', async () => {
    for (let round = 0; round < 5; round += 1) {
      const port = await freePort();
      const starting: Promise<unknown>[] = [];
      const all = Array.from({ length: 12 }, () => new Listeners(createServer()));
      for (const one of all) {
        starting.push(one.listen(port, '127.0.0.1'));
        starting.at(-1)!.catch(() => undefined);
        await new Promise((resolve) => setImmediate(resolve));
      }
      const ended = await Promise.allSettled(starting);
      await Promise.all(all.map((one) => one.close()));
      expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const one of ended)
        if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'EADDRINUSE', port });
    }
  });

  onLinux('halfway leaves nothing open', async () => {
    const port = await freePort();
    let shared = 0;
    refuse(({ reusePort }) => (reusePort === true && (shared += 1) === 40 ? 'EMFILE' : undefined));
    const half = createServer();
    await expect(new Listeners(half).listen(port, '127.0.0.1')).rejects.toMatchObject({ code: 'EMFILE' });
    expect(half.listening).toBe(false);
    const alone = net.createServer().listen(port, '127.0.0.1');
    await once(alone, 'listening');
    alone.close();
  });

  onLinux('a system that shares no port has one socket, and refuses the next host', async () => {
    refuse(({ reusePort }) => (reusePort === true ? 'ENOTSUP' : undefined));
    const one = new Listeners(createServer());
    const port = await one.listen(0, '127.0.0.1');
    await expect(new Listeners(createServer()).listen(port, '127.0.0.1')).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await one.close();
  });

  onLinux('a free port that somebody else was quicker to take is another one', async () => {
    let taken = 0;
    refuse(({ reusePort }) => (reusePort === true && (taken += 1) === 1 ? 'EADDRINUSE' : undefined));
    const one = new Listeners(createServer());
    expect(await one.listen(0, '127.0.0.1')).toBeGreaterThan(0);
    await one.close();
  });
});

test('a port that another host has is refused, though it could be shared', async () => {
  const first = new Listeners(createServer());
  const port = await first.listen(0, '127.0.0.1');
  await expect(new Listeners(createServer()).listen(port, '127.0.0.1')).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await first.close();
  const again = new Listeners(createServer());
  expect(await again.listen(port, '127.0.0.1')).toBe(port);
  await again.close();
});
