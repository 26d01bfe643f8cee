/** What is heard of other processes. */
import { AlteredReceipt } from '../../domain/kernel/commit';
import { eventually } from '../support/eventually';
import { agentOf, as, profile, Stage, TENANT } from '../support/stage';

let stage: Stage;

beforeEach(() => {
  stage = new Stage({ shared: true });
});
afterEach(() => stage.end());

test('who must know all waits for a look that does not lag, whatever look others have begun meanwhile', async () => {
  const { peers } = (await stage.start()).colony;
  let release = (): void => undefined;
  const held = new Promise<undefined>((resolve) => {
    release = () => resolve(undefined);
  });
  let whole = 0;
  let lagging = 0;
  stage.mishaps = (port, method, [, , mayLag]) => {
    if (port !== 'store' || method !== 'feed') return undefined;
    if (mayLag !== true) whole += 1;
    else if ((lagging += 1) === 1) return held;
    return undefined;
  };
  const underway = peers.look(true);
  // The follower asks first, and decides for nobody else.
  const follower = peers.look(true);
  const reactions = Promise.all([peers.look(), peers.look()]);
  release();
  await Promise.all([underway, follower, reactions]);
  // Those who wait for the same share it.
  expect(whole).toBe(1);
});

test('a look that may lag does not say that all was heard', async () => {
  const { peers } = (await stage.start()).colony;
  await peers.look();
  stage.mishaps = (port, method, [, , mayLag]) =>
    port === 'store' && method === 'feed' && mayLag !== true ? 'fails' : undefined;
  stage.clock.time += 5_000;
  await peers.look(true);
  expect(peers.silentMs()).toBe(5_000);
  stage.mishaps = () => undefined;
  await peers.look();
  expect(peers.silentMs()).toBe(0);
});

test('whoever follows looks as the others do for a while, and else misses nothing now and then', async () => {
  const looks: { mayLag: boolean; at: number }[] = [];
  stage.mishaps = (port, method, [, , mayLag]) => {
    if (port === 'store' && method === 'feed') looks.push({ mayLag: mayLag === true, at: performance.now() });
    return undefined;
  };
  const { peers } = (await stage.start()).colony;
  await eventually(() => looks.some(({ mayLag }) => mayLag));
  // Nobody has asked.
  await eventually(() => looks.filter(({ mayLag }) => !mayLag).length > 1);
  const asked = performance.now();
  await peers.look();
  const before = looks.length;
  await eventually(() => looks.length > before + 1);
  expect(looks.filter(({ mayLag, at }) => mayLag && at > asked && at < asked + 5_000)).toEqual([]);
});

test('what was passed over as altered is taken in when it was repaired', async () => {
  await stage.end();
  stage = new Stage({ shared: true, cache: { cachedStreams: 1 } });
  const { colony } = await stage.start();
  const other = (await stage.start()).colony;
  await other.peers.stop();
  for (const id of ['ann', 'bob', 'cat', 'dan']) {
    await colony.agents.register(as(id), id, profile());
    await other.peers.handle(stage.stream(agentOf(id)));
  }
  await colony.agents.deregister(as('ann'), 'ann', 'holidays');
  stage.mishaps = (port, _method, args) =>
    port === 'store' && args.includes(agentOf('ann'))
      ? Promise.reject(new AlteredReceipt(agentOf('ann'), 1, 'is not what was written'))
      : undefined;
  await other.peers.handle(stage.stream(agentOf('ann')).slice(-1));
  await other.peers.again();
  expect(other.market.agents.get(TENANT, 'ann')?.state.status).toBe('active');
  stage.mishaps = () => undefined;
  await other.peers.again();
  expect(other.market.agents.get(TENANT, 'ann')).toBeUndefined();
});
