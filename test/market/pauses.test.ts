/**
 * What is paused gets nothing from the answer on, whatever was under way; what waited for the end of it is not
 * forgotten.
 */
import type { Append } from '../../app/engine/ports';
import { taskDecider } from '../../domain/market/task';
import { as, profile, spec, Stage, taskOf, TENANT, turns } from '../support/stage';

let stage: Stage;
beforeEach(async () => {
  stage = new Stage();
  await stage.start();
  await stage.colony.agents.register(as('ann'), 'ann', profile({ capacity: 100, presence_seconds: 86_400 }));
});
afterEach(() => stage.end());

const root = { principal: { tenant: TENANT, id: 'human:root', kind: 'human' as const, level: 'critical' as const } };
const PAUSES = [
  { kind: 'task_type', name: 'job' },
  { kind: 'agent', name: 'ann' },
  { kind: 'pool', name: 'workers' },
] as const;
const task = (id: string) => stage.fold(taskDecider, taskOf(id)).state;
const post = (id: string) => stage.colony.tasks.post(as('poster'), id, spec({ accept_seconds: 3_600 }));

test('a process that begins knows who is paused before anybody asks', async () => {
  await stage.colony.agents.register(as('bob'), 'bob', profile({ pool: 'others' }));
  await stage.colony.pauses.pause(root, { kind: 'agent', name: 'ann' }, 'maintenance');
  await stage.settled();
  const { colony } = await stage.prepare();
  await colony.views.start();
  await colony.fillBooks();
  expect(['ann', 'bob'].map((id) => colony.market.agents.get(TENANT, id)?.paused)).toEqual([true, false]);
  await colony.views.stop();
});

test.each(PAUSES)(
  'a pause of the $kind answers when what was being awarded is awarded; nothing is after',
  async (thing) => {
    let release = () => undefined as void;
    const held = new Promise<void>((resolve) => (release = resolve));
    let awarding = false;
    stage.mishaps = (port, method, [append]) => {
      if (
        port !== 'store' ||
        method !== 'append' ||
        (append as Append).stream !== taskOf('t0') ||
        !JSON.stringify(append).includes('TaskAwarded')
      )
        return undefined;
      awarding = true;
      return held;
    };
    await post('t0');
    for (let i = 0; i < 200 && !awarding; i += 1) await turns(1);
    expect(awarding).toBe(true);

    let paused = false;
    const pausing = stage.colony.pauses.pause(root, thing, 'maintenance').then(() => (paused = true));
    await turns(50);
    expect(paused).toBe(false);
    release();
    await pausing;
    expect(task('t0').status).toBe('awarded');

    const late = ['t1', 't2', 't3'];
    await Promise.all(late.map(post));
    await stage.pass(60, undefined, 10);
    expect(late.map((id) => task(id).status)).toEqual(['open', 'open', 'open']);

    // Also a process that has just begun knows of it, and of its end.
    stage.mishaps = () => undefined;
    stage.first.kill();
    await stage.start();
    await stage.pass(10, undefined, 5);
    expect(late.map((id) => task(id).status)).toEqual(['open', 'open', 'open']);
    expect(await stage.colony.pauses.resume(root, thing)).toMatchObject({ ok: true });
    await stage.settled();
    expect(late.map((id) => task(id).status)).toEqual(['awarded', 'awarded', 'awarded']);
  },
);

test('a pause answers when what was being handed on is handed on', async () => {
  await post('t');
  await stage.settled();
  const claim = { agent: 'ann', award: 1 };
  await stage.colony.tasks.accept(as('ann'), 't', claim);
  await stage.colony.agents.register(as('bob'), 'bob', profile({ pool: 'others', presence_seconds: 86_400 }));
  await stage.settled();
  let paused: Promise<unknown> = Promise.resolve();
  let begun = false;
  stage.mishaps = (port, method, [append]) => {
    if (begun || port !== 'store' || method !== 'append' || !JSON.stringify(append).includes('TaskHandedOff'))
      return undefined;
    begun = true;
    paused = stage.colony.pauses
      .pause(root, { kind: 'agent', name: 'bob' }, 'maintenance')
      .then(() => expect(task('t').holder).toMatchObject({ agent: 'bob', award: 2 }));
    return turns(100);
  };
  expect(await stage.colony.tasks.handOff(as('ann'), 't', claim, 'bob')).toMatchObject({ ok: true });
  expect(begun).toBe(true);
  await paused;
});
