/** Answers to clients that have left: nothing fails, and what was opened for them is closed. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { sendResult } from '../../local/response';

test('a stream for somebody who has left is destroyed, and that is no failure', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const [, response] = (await once(server, 'request')) as [unknown, ServerResponse];
    socket.destroy();
    await once(response, 'close');
    const body = new PassThrough();
    await sendResult(response, { body });
    expect(body.destroyed).toBe(true);
  } finally {
    server.close();
  }
});
