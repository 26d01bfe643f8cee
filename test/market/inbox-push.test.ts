/** Agents that hold no long poll open are told when to look: of what, by whom, and what they do where nobody tells. */
import { WebPubSubServiceClient } from '@azure/web-pubsub';
import { HUB, WebPubSubPush } from '../../adapters/azure/web-pubsub';
import { Rejection } from '../../domain/kernel/decider';
import type { AgentProfile } from '../../domain/market/agent';
import { WebPubSubServer } from '../servers/web-pubsub';
import { eventually } from '../support/eventually';
import { Listener } from '../support/listener';
import { as, profile, spec, Stage } from '../support/stage';

let server: WebPubSubServer;
let stage: Stage;
let push: WebPubSubPush;
const listeners: Listener[] = [];

beforeAll(async () => void (server = await new WebPubSubServer().start()));
afterAll(() => server.stop());
beforeEach(async () => {
  const client = new WebPubSubServiceClient(server.connectionString, HUB, { allowInsecureConnection: true });
  push = new WebPubSubPush(
    () => client,
    (message) => {
      throw new Error(message);
    },
  );
  stage = new Stage({ push });
  await stage.start();
});
afterEach(async () => {
  for (const listener of listeners.splice(0)) listener.close();
  push.close();
  await stage.end();
});

async function listen(id: string, changes: Partial<AgentProfile> = {}): Promise<Listener> {
  await stage.colony.agents.register(as(id), id, profile(changes));
  await stage.settled();
  const connection = await stage.colony.inboxPush.connection(as(id), id);
  if (connection instanceof Rejection || connection.push === null) throw new Error('there is no connection');
  const listener = new Listener(connection.push);
  listeners.push(listener);
  await listener.settled();
  return listener;
}

const post = (id: string, changes: Parameters<typeof spec>[0] = {}) =>
  stage.colony.tasks.post(as('eve'), id, spec(changes));
const told = (listener: Listener, times: number) =>
  eventually(() => listener.told >= times, { what: `${times} hints` });
/** What was told before has come when this has. */
async function quiet(): Promise<void> {
  await stage.settled();
  const marker = new Listener(
    await push.connect('marker').then((connection) => connection ?? { url: '', protocol: '' }),
  );
  listeners.push(marker);
  await marker.settled();
  push.tell('marker');
  await told(marker, 1);
}

test('the agent that is awarded a task is told, once, and of nothing that it does itself', async () => {
  const [ann, bob] = [await listen('ann'), await listen('bob', { capabilities: { y: 1 } })];
  await post('t');
  await told(ann, 1);
  const { colony } = stage;
  await colony.tasks.accept(as('ann'), 't', { agent: 'ann', award: 1 });
  await colony.agents.heartbeat(as('ann'), 'ann', [{ task: 't', award: 1 }]);
  await colony.tasks.complete(as('ann'), 't', { agent: 'ann', award: 1 }, { result: 'done' });
  await quiet();
  expect([ann.told, bob.told]).toEqual([1, 0]);
});

test('whoever may bid is told of what is offered, and whoever is asked of a round', async () => {
  const [ann, bob] = [await listen('ann', { offer: null }), await listen('bob')];
  await post('t');
  await told(ann, 1);
  await stage.colony.rounds.open(as('eve'), 'r', {
    ...{ question: 'r?', kind: 'q', choices: ['yes', 'no'], impact: 'low', round_seconds: 3_600 },
    ...{ improvement_rounds: 0, allow_change: false },
    electorate: {
      ...{ algorithm: 'simple_majority', min_agreement: 0.5, quorum: 0.5 },
      voters: [{ id: 'ann', why: 'x' }],
    },
  });
  await told(ann, 2);
  // The market bids for the other one: it was awarded the task.
  await told(bob, 1);
});

test('an agent of a gateway is told nothing: the gateway waits for all of its agents in one long poll', async () => {
  await stage.colony.agents.register(as('service:desk', undefined, 'service'), 'cid', {
    ...profile(),
    gateway: 'service:desk',
  });
  expect(await stage.colony.inboxPush.connection(as('cid'), 'cid')).toMatchObject({ push: null });
  server.requests.length = 0;
  await post('t');
  await quiet();
  expect(server.requests).toHaveLength(1);
});

test.each([
  [60, 30],
  [3, 1.5],
  [3_600, 60],
])('one that counts as lost after %d seconds looks each %d', async (presence_seconds, look_seconds) => {
  await stage.colony.agents.register(as('ann'), 'ann', profile({ presence_seconds }));
  expect(await stage.colony.inboxPush.connection(as('ann'), 'ann')).toMatchObject({ look_seconds });
});

test('who is not registered gets no connection', async () => {
  expect(await stage.colony.inboxPush.connection(as('nobody'), 'nobody')).toMatchObject({ code: 'agent-not-found' });
});

test('asking is a sign of life: who was lost is back', async () => {
  await stage.colony.agents.register(as('ann'), 'ann', profile());
  await stage.pass(65);
  expect(stage.colony.market.agents.get('acme', 'ann')?.state.status).toBe('lost');
  await stage.colony.inboxPush.connection(as('ann'), 'ann');
  expect(stage.colony.market.agents.get('acme', 'ann')?.state.status).toBe('active');
});

test('an agent that asks again and again is given no more, for a minute', async () => {
  await stage.colony.agents.register(as('ann'), 'ann', profile());
  const ask = async () => await stage.colony.inboxPush.connection(as('ann'), 'ann');
  const given = [];
  for (let n = 0; n < 8; n += 1) given.push(await ask());
  expect(given.map((one) => !(one instanceof Rejection) && one.push !== null)).toEqual([
    ...Array.from({ length: 6 }, () => true),
    ...[false, false],
  ]);
  await stage.pass(61);
  expect(await ask()).toMatchObject({ push: expect.anything() });
});

test('where no service tells anybody, there is nowhere to connect', async () => {
  await stage.end();
  stage = new Stage();
  await stage.start();
  await stage.colony.agents.register(as('ann'), 'ann', profile());
  expect(await stage.colony.inboxPush.connection(as('ann'), 'ann')).toEqual({ push: null, look_seconds: 30 });
});
