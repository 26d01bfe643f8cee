/**
 * A slot is given to one award at a time, however slow the append of an award is, whoever dies between reservation and
 * award, and in whatever order reservations are swept.
 */
import type { Append } from '../../app/engine/ports';
import { agentDecider } from '../../domain/market/agent';
import { taskDecider, type TaskEvent } from '../../domain/market/task';
import { brokenRules } from '../support/log-rules';
import { agentOf, as, hangsAt, type Process, profile, spec, Stage, taskOf, turns, types } from '../support/stage';
import { ALLOW } from '../support/transacting';

let stage: Stage;

beforeEach(() => {
  stage = new Stage();
});
afterEach(() => stage.end());

/** More than a minute: a reservation waits no longer for its award. */
const LATE_SECONDS = 70;

const task = (id: string) => stage.fold(taskDecider, taskOf(id)).state;
const slots = (id: string) => Object.keys(stage.fold(agentDecider, agentOf(id)).state.slots);
const register = (id: string, changes: Parameters<typeof profile>[0] = {}) =>
  stage.colony.agents.register(as(id), id, profile({ presence_seconds: 3_600, ...changes }));
const claimOf = (id: string) => ({ agent: task(id).holder?.agent as string, award: task(id).holder?.award as number });

/**
 * Calls `meanwhile` in the middle of the first append of such an event, and lets it get as far as it comes without that
 * append.
 */
function during(type: TaskEvent['type'], meanwhile: () => Promise<unknown>): void {
  let done = false;
  stage.mishaps = (port, method, [append]) => {
    if (
      done ||
      port !== 'store' ||
      method !== 'append' ||
      !(append as Append).commits.some(({ body }) => body.includes(`"${type}"`))
    )
      return undefined;
    done = true;
    return Promise.race([meanwhile().then(() => undefined), turns(200)]);
  };
}

const sweepLate = async () => {
  stage.clock.time += LATE_SECONDS * 1000;
  // The last one first: with two processes it is not the one that awards.
  for (const { colony } of [...stage.living].reverse())
    for (const id of ['ann', 'bob']) await colony.agents.sweepSlots('acme', id);
};

const whole = async () => {
  stage.mishaps = () => undefined;
  await stage.pass(10);
  expect(brokenRules(stage.log())).toEqual([]);
};

describe.each([1, 2])('of %i processes', (processes) => {
  beforeEach(async () => {
    for (let i = 0; i < processes; i += 1) await stage.start();
  });

  test('an award whose append takes longer than its reservation gives no agent more than its capacity', async () => {
    await register('ann');
    during('TaskAwarded', sweepLate);
    await stage.colony.tasks.post(as('poster'), 'slow', spec({ accept_seconds: 600 }));
    await stage.settled();
    await stage.colony.tasks.post(as('poster'), 'next', spec({ accept_seconds: 600 }));
    await whole();
    expect(['slow', 'next'].map((id) => task(id).status).sort()).toEqual(['awarded', 'open']);
  });

  test('neither does a hand-off', async () => {
    await register('ann');
    await stage.colony.tasks.post(as('poster'), 'slow', spec({ accept_seconds: 600, lease_seconds: 600 }));
    await stage.settled();
    await stage.colony.tasks.accept(as('ann'), 'slow', claimOf('slow'));
    await register('bob');
    during('TaskHandedOff', sweepLate);
    const answer = await stage.colony.tasks.handOff(as('ann'), 'slow', claimOf('slow'), 'bob');
    await stage.colony.tasks.post(as('poster'), 'next', spec({ accept_seconds: 600 }));
    await stage.settled();
    await whole();
    const { holder } = task('slow');
    if (answer.ok) expect([holder?.agent, slots('bob')]).toEqual(['bob', ['slow']]);
    else expect([holder?.agent, slots('bob')]).toEqual(['ann', ['next']]);
  });

  test('what a policy forbids the receiver of a hand-off is told as a policy’s no, and the task stays where it is', async () => {
    await register('ann');
    await stage.colony.tasks.post(as('poster'), 't', spec());
    await stage.settled();
    await stage.colony.tasks.accept(as('ann'), 't', claimOf('t'));
    await register('bob');
    stage.policy = {
      evaluate: (input) => ({
        ...ALLOW,
        ...(input.action === 'agent.reserve' ? { decision: 'deny' as const, reasons: ['not bob'] } : {}),
      }),
    };
    expect(await stage.colony.tasks.handOff(as('ann'), 't', claimOf('t'), 'bob')).toMatchObject({
      ok: false,
      rejection: { kind: 'forbidden', code: 'policy-denied', message: expect.stringContaining('not bob') as string },
    });
    expect([task('t').holder?.agent, slots('bob')]).toEqual(['ann', []]);
  });

  test('whoever dies between a reservation and its award leaves a slot that is free again, and an award that can’t come any more', async () => {
    await register('ann');
    stage.mishaps = hangsAt(taskOf('t'), 'TaskAwarded');
    await stage.colony.tasks.post(as('poster'), 't', spec());
    for (let i = 0; i < 200 && slots('ann').length === 0; i += 1) await turns(1);
    expect([slots('ann'), task('t').status]).toEqual([['t'], 'open']);
    for (const process of stage.living) process.kill();
    stage.mishaps = () => undefined;
    await stage.start();
    await stage.pass(LATE_SECONDS, async () => void (await stage.colony.agents.heartbeat(as('ann'), 'ann', [])));
    await whole();
    expect(types(stage.stream(taskOf('t')))).toContain('TaskAwarded');
    expect(slots('ann').length).toBeLessThanOrEqual(1);
  });

  test('a dead letter that comes back is not awarded under a number whose slot was given away', async () => {
    await register('ann');
    await stage.colony.tasks.post(as('poster'), 't', spec({ max_attempts: 1 }));
    await stage.settled();
    const first = claimOf('t');
    await stage.colony.tasks.accept(as('ann'), 't', first);
    await stage.colony.tasks.fail(as('ann'), 't', first, 'broken', true);
    await stage.settled();
    const reserved = await stage.colony.market.reserve(
      'acme',
      'ann',
      { task: 't', spec: spec(), award: 2, now: stage.now },
      task('t').correlation_id,
      undefined,
    );
    expect(reserved).toHaveProperty('receipt');
    await sweepLate();
    expect([slots('ann'), task('t').voided]).toEqual([[], 2]);
    await stage.colony.tasks.redrive(as('poster'), 't');
    await whole();
    expect(task('t').holder).toMatchObject({ agent: 'ann', award: 3 });
  });
});

describe('whoever was gone and is back before anybody looks', () => {
  beforeEach(async () => {
    await stage.start();
    await register('ann');
    await stage.colony.tasks.post(as('poster'), 't', spec({ lease_seconds: 3_600, retry_seconds: 0 }));
    await stage.settled();
    await stage.colony.tasks.accept(as('ann'), 't', claimOf('t'));
    await stage.settled();
  });

  /** The feed hears nothing until all of it has happened. */
  const unheard = async (happens: () => Promise<unknown>) => {
    let hear: () => void = () => undefined;
    const until = new Promise<void>((resolve) => (hear = resolve));
    stage.mishaps = (port, method) => (port === 'store' && method === 'feed' ? until : undefined);
    await turns(20);
    await happens();
    stage.mishaps = () => undefined;
    hear();
    await stage.settled();
  };

  test('has given back what it held: deregistered', async () => {
    await unheard(async () => {
      await stage.colony.agents.deregister(as('ann'), 'ann', 'a new version');
      await register('ann');
    });
    expect(task('t')).toMatchObject({ attempts: 2, history: [{ agent: 'ann', award: 1, end: 'released' }] });
    await stage.pass(5);
    expect(task('t').holder).toMatchObject({ agent: 'ann', award: 2 });
    await whole();
  });

  test('has given back what it held: lost', async () => {
    await unheard(async () => {
      stage.clock.time += 3_601_000;
      await stage.colony.agents.checkPresence('acme', 'ann');
      await stage.colony.agents.heartbeat(as('ann'), 'ann', []);
    });
    expect(task('t')).toMatchObject({ attempts: 2, history: [{ agent: 'ann', award: 1, end: 'lost' }] });
    await whole();
  });

  test('keeps what it got since', async () => {
    await unheard(async () => {
      await stage.colony.agents.deregister(as('ann'), 'ann', 'a new version');
      await register('ann', { capacity: 2 });
      await stage.colony.tasks.post(as('poster'), 'new', spec());
      await stage.colony.market.consider('acme', 'new', undefined);
    });
    expect(task('t').attempts).toBe(2);
    expect(task('new')).toMatchObject({ status: 'awarded', attempts: 1, holder: { agent: 'ann', award: 1 } });
    await whole();
  });
});

test('an award that is under way in one process does not come when its agent leaves, as another one hears', async () => {
  await stage.end();
  stage = new Stage({ shared: true });
  const [here, there] = [await stage.start(), await stage.start()] as [Process, Process];
  await register('ann');
  await stage.settled();
  let left = false;
  stage.mishaps = (port, method, [append]) => {
    if (
      left ||
      port !== 'store' ||
      method !== 'append' ||
      !(append as Append).commits.some(({ body }) => body.includes('"TaskAwarded"'))
    )
      return undefined;
    left = true;
    const leaves = async () => {
      await there.colony.agents.deregister(as('ann'), 'ann', 'shutdown');
      await there.colony.deliver('reactions', stage.stream(agentOf('ann')).slice(-1));
    };
    return leaves();
  };
  await here.colony.tasks.post(as('poster'), 't', spec({ accept_seconds: 86_400 }));
  await here.colony.market.consider('acme', 't', undefined);
  expect([left, task('t').status, slots('ann')]).toEqual([true, 'open', []]);
  await whole();
});
