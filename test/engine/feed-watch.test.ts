/** A feed that stands still is seen: colonies that share a store, whose triggers run only when the test runs them. */
import { FeedWatch } from '../../app/engine/feed-watch';
import { Metrics } from '../../app/operation/metrics';
import { commitRef } from '../../domain/kernel/ids';
import { chain } from '../support/commits';
import { as, newKey, type Process, spec, Stage, taskOf, TENANT } from '../support/stage';

let stage: Stage;
let one: Process;
let other: Process;
let tasks = 0;

beforeEach(async () => {
  stage = new Stage({ shared: true });
  one = await stage.start();
  other = await stage.start();
});

afterEach(() => stage.end());

/** A task is posted; no trigger hands it over before `settled`. */
async function post(): Promise<string> {
  const id = `task-${(tasks += 1)}`;
  // Time has jumped: what has heard nothing meanwhile would refuse to act.
  for (const { colony } of stage.living) await colony.peers.look();
  expect(await one.colony.tasks.post(as('poster', newKey()), id, spec())).toMatchObject({ ok: true });
  for (const { colony } of stage.living) await colony.peers.look();
  return id;
}

const passes = (seconds: number) => (stage.clock.time += seconds * 1_000);
const delayOf = async ({ colony }: Process, consumer = 'views') =>
  (await colony.feed.status()).find((status) => status.consumer === consumer)?.delay_seconds ?? 0;

test('while triggers run, nothing is late, however much time passes', async () => {
  for (let round = 0; round < 5; round += 1) {
    await post();
    await stage.settled();
    passes(60);
    for (const process of [one, other]) expect(await delayOf(process)).toBeLessThan(1);
  }
});

test('when they stop, every process sees it, and how long they have; when they go on, that too', async () => {
  await post();
  await stage.settled();
  passes(100);
  for (const process of [one, other]) expect(await delayOf(process)).toBeLessThan(1);

  await post();
  passes(29);
  for (const process of [one, other]) expect(await delayOf(process)).toBeLessThan(1);
  passes(11);
  // Whoever asks at the same time is told the same.
  for (const process of [one, other]) expect(await Promise.all([delayOf(process), delayOf(process)])).toEqual([40, 40]);
  passes(60);
  await post();
  for (const process of [one, other]) expect(await delayOf(process)).toBe(100);
  expect((await new Metrics(other.colony).text()).body).toContain('formicary_feed_delay_seconds{consumer="views"} 100');
  expect(await delayOf(one, 'reactions')).toBeLessThan(1);

  await stage.settled();
  passes(60);
  // What a process was handed late, it was handed late; but nothing is on its way any more.
  const handled = await Promise.all([one, other].map((process) => delayOf(process)));
  passes(600);
  expect(await Promise.all([one, other].map((process) => delayOf(process)))).toEqual(handled);
  expect(Math.max(...handled)).toBeLessThan(101);
});

test('also what came while another commit was looked for is looked for', async () => {
  await post();
  await stage.settled();
  await post();
  passes(40);
  for (const process of [one, other]) expect(await delayOf(process)).toBeLessThan(1);
  passes(10);
  for (const process of [one, other]) expect(await delayOf(process)).toBe(50);
});

test('the views are asked once in ten seconds at most, whoever asks how often', async () => {
  await post();
  passes(40);
  let looks = 0;
  stage.mishaps = (port, method) => {
    if (port === 'views' && method === 'get') looks += 1;
    return undefined;
  };
  for (let second = 0; second < 100; second += 1) {
    for (let times = 0; times < 5; times += 1) await delayOf(one);
    passes(1);
  }
  expect(looks).toBe(10);
});

test('only commits that begin a stream are looked for: others may have left their row before', async () => {
  const asked: string[] = [];
  const watch = new FeedWatch(
    async ({ stream, index }) => asked.push(commitRef(stream, index)) > 0,
    stage.clock,
    () => undefined,
  );
  const [first, ...more] = chain(taskOf('x'), 3).map(({ commit }) => commit);
  watch.saw(more);
  passes(600);
  expect([await watch.late(), asked]).toEqual([0, []]);
  watch.saw([first!, ...more]);
  passes(600);
  expect([await watch.late(), asked]).toEqual([0, [commitRef(taskOf('x'), 0)]]);
});

test('what was given up on does not count as late', async () => {
  const ref = commitRef(taskOf(await post()), 0);
  // No view takes it; the rest of the colony goes on.
  stage.mishaps = (port, method, [, rows]) =>
    port === 'views' &&
    method === 'put' &&
    (rows as readonly { readonly source: string }[]).some(({ source }) => ref.startsWith(source))
      ? 'fails'
      : undefined;
  await stage.settled();
  for (let attempt = 0; attempt < 6; attempt += 1) {
    passes(40);
    await stage.redeliver();
  }
  expect((await one.colony.feed.parked('views', 10)).map(({ id }) => id)).toContain(ref);
  passes(10);
  const handled = await delayOf(one);
  passes(600);
  expect(await delayOf(one)).toBe(handled);
});

test('a look that fails changes nothing, and is reported', async () => {
  await post();
  passes(40);
  stage.mishaps = (port, method) => (port === 'views' && method === 'get' ? 'fails' : undefined);
  expect(await delayOf(one)).toBeLessThan(1);
  expect(stage.reports.map(({ message }) => message)).toContain('what has come to the views could not be read');
  stage.mishaps = () => undefined;
  passes(10);
  expect(await delayOf(one)).toBe(50);
});

test('a colony that has the store to itself looks for nothing', async () => {
  const alone = new Stage();
  const { colony } = await alone.start();
  expect(await colony.tasks.post(as('poster', newKey()), 'alone', spec())).toMatchObject({ ok: true });
  await colony.feed.settled();
  alone.clock.time += 3_600_000;
  expect((await colony.feed.status()).every(({ delay_seconds: delay }) => (delay ?? 0) < 1)).toBe(true);
  expect(await colony.views.has((await colony.ports.store.read(`${TENANT}/task/alone`, 0, 1))[0]!)).toBe(true);
  await alone.end();
});
