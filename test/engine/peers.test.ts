/** What is heard of other processes. */
import { Stage } from '../support/stage';

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
