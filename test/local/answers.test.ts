/** Answers go out in turns: clients that ask again at once can't keep the loop in one of them. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Answers } from '../../local/answers';
import { type Handler, HttpFront } from '../../local/http-front';
import { Router } from '../../local/router';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('so many in a turn, in the order in which they came', async () => {
  const answers = new Answers();
  const sent: number[] = [];
  let atOnce = 0;
  for (let i = 0; i < 1_000; i += 1) {
    const wait = answers.turn();
    if (wait === undefined) atOnce += 1;
    else void wait.then(() => sent.push(i));
  }
  expect({ atOnce, sent: sent.length }).toEqual({ atOnce: 128, sent: 0 });
  const sizes = [];
  while (sent.length < 1_000 - atOnce) {
    const before = sent.length;
    await turn();
    sizes.push(sent.length - before);
  }
  expect(Math.max(...sizes)).toBeLessThanOrEqual(128);
  expect(sent).toEqual(sent.toSorted((a, b) => a - b));
  await turn();
  await turn();
  expect(answers.turn()).toBeUndefined();
});

/** Connections that ask again as soon as they are answered, so often in all. */
const STORM = `
const { workerData: { port, connections, times }, parentPort } = require('node:worker_threads');
let left = times;
let answered = 0;
for (let i = 0; i < connections; i += 1) {
  const socket = require('node:net').connect(port, '127.0.0.1');
  const ask = () => (left -= 1) >= 0 && socket.write('GET /refused HTTP/1.1\\r\\nHost: 127.0.0.1:' + port + '\\r\\n\\r\\n');
  socket.on('connect', ask).on('error', () => undefined);
  socket.on('data', () => ((answered += 1) === times ? parentPort.postMessage('done') : ask()));
}
`;

test('two thousand connections that repeat what is refused are each asked once in a turn', async () => {
  const connections = 2_000;
  const front = new HttpFront();
  const router = new Router<Handler>();
  let inTurn = 0;
  let most = 0;
  let all = 0;
  const refuse: Handler = () => {
    all += 1;
    if (inTurn === 0) setImmediate(() => (inTurn = 0));
    most = Math.max(most, (inTurn += 1));
    return Promise.resolve({ status: 429, body: 'later' });
  };
  router.add('GET', 'refused', refuse);
  const port = Number(new URL(await front.listen(0, '127.0.0.1')).port);
  front.serve(router);
  const storm = new Worker(STORM, { eval: true, workerData: { port, connections, times: 20_000 } });
  try {
    await once(storm, 'message');
    expect(all).toBe(20_000);
    // Each that was ready, and those that were answered in this turn once more.
    expect(most).toBeLessThanOrEqual(connections + 128);
  } finally {
    await storm.terminate();
    await front.close(0);
  }
}, 60_000);
