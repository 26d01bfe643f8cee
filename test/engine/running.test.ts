/** What runs in a colony, and how it is stopped. */
import { Engine } from '../../app/engine/engine';
import type { Module } from '../../app/engine/module';
import type { Publisher } from '../../app/engine/ports';
import { Running } from '../../app/engine/running';
import { SIGNALS } from '../../app/signals/signals-in';
import { CONSUMERS } from '../../domain/kernel/consumers';
import { Stage } from '../support/stage';

let stage: Stage;

beforeEach(() => {
  stage = new Stage();
});
afterEach(() => stage.end());

test('the names of those who park what they can not handle are the names of those who run, and of the intake', async () => {
  const { colony } = await stage.prepare();
  // What publishes is an adapter.
  const publisher: Publisher['name'] = 'publisher';
  const running = Object.values(colony.running.consumers).flatMap((group) => group.map(({ name }) => name));
  expect([...running, publisher, SIGNALS].toSorted()).toEqual(CONSUMERS.toSorted());
});

test('a colony has started when what its modules start has: what fails there is the failure of its start', async () => {
  const { ports } = (await stage.prepare()).colony;
  const started: string[] = [];
  const start = (name: string) => async () => {
    await new Promise(setImmediate);
    if (name === 'bad') throw new Error('bad does not start');
    started.push(name);
  };
  const of = (...names: string[]) =>
    new Running(
      new Engine({ ...ports, close: async () => undefined }, false),
      names.map((name) => ({ services: {}, start: start(name) })),
      {},
    );
  const good = of('one', 'two');
  await good.start();
  expect(started).toEqual(['one', 'two']);
  await good.stop();
  const bad = of('bad');
  await expect(bad.start()).rejects.toThrow('bad does not start');
  await bad.stop();
});

test('what does not stop keeps nothing else open, is reported, and is thrown in the end', async () => {
  const { ports } = (await stage.prepare()).colony;
  const stopped: string[] = [];
  const engine = new Engine({ ...ports, close: async () => void stopped.push('stores') }, false);
  const moduleOf = (name: string, fails: boolean): Module => ({
    services: {},
    stop() {
      if (fails) throw new Error(`${name} does not stop`);
      stopped.push(`${name} begins nothing any more`);
    },
    async finish() {
      if (fails) throw new Error(`${name} does not finish`);
      stopped.push(`${name} is done`);
    },
  });
  const running = new Running(engine, [moduleOf('bad', true), moduleOf('good', false)], {});
  await expect(running.stop()).rejects.toThrow('bad does not stop');
  expect(stopped).toEqual(['good begins nothing any more', 'good is done', 'stores']);
  expect(stage.reports.map(({ facts }) => facts['error'])).toEqual([
    'Error: bad does not stop',
    'Error: bad does not finish',
  ]);
});
