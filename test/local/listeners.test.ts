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

test('a port that another host has is refused, though it could be shared', async () => {
  const first = new Listeners(createServer());
  const port = await first.listen(0, '127.0.0.1');
  await expect(new Listeners(createServer()).listen(port, '127.0.0.1')).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await first.close();
  const again = new Listeners(createServer());
  expect(await again.listen(port, '127.0.0.1')).toBe(port);
  await again.close();
});
