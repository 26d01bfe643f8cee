/** Rounds, approvals and veto windows through the real local host: orchestrations alone have the clock's say here. */
import type { RequestContext } from '../../app/engine/command';
import { parseStream } from '../../domain/kernel/ids';
import type { OversightRules } from '../../domain/oversight/oversight';
import { DurableOrchestrations, instanceOf } from '../../functions/orchestrations/client';
import { eventually } from '../support/eventually';
import { App, person, TENANT } from './support';

jest.mock('@azure/functions-core', () => jest.requireActual<object>('../../local/core'), { virtual: true });
jest.setTimeout(120_000);

const LADDER: Partial<OversightRules> = {
  approvers: [
    { group: 'approvers', members: [], seconds: 1 },
    { group: 'administrators', members: [], seconds: 1 },
  ],
};

let app: App;

beforeAll(async () => {
  app = await App.start();
  // The deadlines would do the same, a little later.
  app.colony.watchdog.stop();
  await app.colony.reactions.stop();
  await app.colony.deadlines.stop();
});

afterAll(() => app.stop());

let ids = 0;
const newId = (): string => `one-${(ids += 1)}`;

/** How each process begins, and what has happened when nobody did anything about it. */
const PROCESSES = {
  round: {
    begin: () => app.openRound(newId(), { seconds: 1, passes: 2 }),
    story: ['RoundOpened', 'ImprovementOpened', 'RoundClosed', 'RoundEscalated'],
  },
  approval: {
    begin: async () => await app.approvalOf(await app.propose(newId(), LADDER)),
    story: ['ApprovalRequested', 'ApprovalEscalated', 'ApprovalClosed'],
  },
  'veto window': {
    begin: () => app.openVetoWindow(newId()),
    story: ['ActionProposed', 'VetoWindowOpened', 'ActionCleared'],
  },
};

const over = async (stream: string, story: readonly string[]): Promise<void> => {
  await eventually(async () => (await app.story(stream)).length >= story.length);
  await app.ended(stream);
  expect(await app.story(stream)).toEqual(story);
};

describe('a process', () => {
  test.each(Object.entries(PROCESSES))(
    '%s: what is due happens in its time, and the orchestration ends',
    async (_, { begin, story }) => {
      await over(await begin(), story);
    },
  );

  test('the safe default reaches the action, and no one else is asked', async () => {
    const action = await app.propose(newId(), LADDER);
    await over(await app.approvalOf(action), PROCESSES.approval.story);
    // A receipt can be read in the store a moment before its own process has heard that it is there.
    await eventually(
      async () => (await app.colony.actions.load(TENANT, parseStream(action).id)).state.status !== 'held',
    );
    expect(await app.story(action)).toContain('ActionRefused');
    expect((await app.colony.actions.load(TENANT, parseStream(action).id)).state).toMatchObject({
      status: 'refused',
      stopped: { by: 'safe-default' },
    });
  });

  test('votes that decide close the round at once, and end its orchestration', async () => {
    const id = newId();
    const stream = await app.openRound(id);
    await app.underWay(stream);
    for (const voter of [0, 1, 2]) await app.vote(id, voter, 'approve');
    await over(stream, ['RoundOpened', 'VoteCast', 'VoteCast', 'VoteCast', 'RoundClosed']);
  });

  test('who decides in time ends the ladder', async () => {
    const action = await app.propose(newId(), {});
    const approval = await app.approvalOf(action);
    await app.underWay(approval);
    const { hash } = (await app.colony.actions.load(TENANT, parseStream(action).id)).state;
    expect(
      await app.colony.approvals.approve(person('ada'), parseStream(approval).id, { hash, reason: 'fine' }),
    ).toMatchObject({ ok: true });
    await over(approval, ['ApprovalRequested', 'ApprovalGiven', 'ApprovalClosed']);
  });

  test('a veto ends the window', async () => {
    const action = await app.openVetoWindow(newId());
    await app.underWay(action);
    expect(await app.colony.actions.veto(person('ada'), parseStream(action).id, 'not now')).toMatchObject({ ok: true });
    await over(action, ['ActionProposed', 'VetoWindowOpened', 'ActionVetoed']);
  });

  test('a postponed approval is opened again, and waited for anew', async () => {
    const action = await app.propose(newId(), {
      safe_default: 'postpone',
      approvers: [{ group: 'approvers', members: [], seconds: 1 }],
    });
    const approval = await app.approvalOf(action);
    await eventually(
      async () => (await app.story(approval)).filter((type) => type === 'ApprovalReopened').length === 2,
    );
    expect((await app.story(approval)).slice(0, 5)).toEqual([
      'ApprovalRequested',
      'ApprovalClosed',
      'ApprovalReopened',
      'ApprovalClosed',
      'ApprovalReopened',
    ]);
    const withdrawn: RequestContext = { principal: { tenant: TENANT, id: 'buyer', kind: 'agent', level: 'execute' } };
    await app.colony.approvals.withdraw(withdrawn, parseStream(approval).id, 'enough');
  });
});

describe('whatever befalls an orchestration, the receipts are the same', () => {
  const FAULTS: Record<string, (stream: string) => Promise<void>> = {
    'lost, and started again by the timer': async (stream) => {
      await app.lose(stream);
      // The timer sees what the views have seen.
      await eventually(async () => {
        await app.lookAfter();
        return (await app.status(stream)) !== undefined;
      });
    },
    'lost, and woken': async (stream) => {
      await app.lose(stream);
      await orchestrations().wake(stream);
    },
    'started twice': async (stream) => {
      await Promise.all([orchestrations().start(stream), orchestrations().start(stream)]);
    },
    'there a second time under another id': async (stream) => {
      const { name } = await app.client.getStatus(instanceOf(stream));
      await app.client.startNew(name, { instanceId: `${instanceOf(stream)}-twin`, input: stream });
    },
    'replayed again and again, by news that is none': async (stream) => {
      for (let n = 0; n < 20; n += 1) await app.client.raiseEvent(instanceOf(stream), 'changed', 'hint');
    },
    'delayed until after its time': async (stream) => {
      await app.client.suspend(instanceOf(stream), 'a slow host');
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      await app.client.resume(instanceOf(stream), 'on it goes');
    },
    'ended, and restarted from its stream': async (stream) => {
      await app.client.terminate(instanceOf(stream), 'a defect');
      await orchestrations().start(stream);
    },
  };
  const orchestrations = (): DurableOrchestrations =>
    new DurableOrchestrations(app.client, (stream) => app.colony.decisions.dueOf(stream));

  const endOf = async (begin: () => Promise<string>, befall: (stream: string) => Promise<void>): Promise<string[]> => {
    const stream = await begin();
    await app.underWay(stream);
    await befall(stream);
    await app.ended(stream);
    return await app.story(stream);
  };
  const stories = new Map<string, PromiseSettledResult<string[]>[]>();

  // Most of it is waiting, so all wait at once.
  beforeAll(async () => {
    await Promise.all(
      Object.entries(FAULTS).map(async ([fault, befall]) =>
        stories.set(fault, await Promise.allSettled(Object.values(PROCESSES).map(({ begin }) => endOf(begin, befall)))),
      ),
    );
  });

  test.each(Object.keys(FAULTS))('%s', (fault) => {
    expect(stories.get(fault)).toEqual(
      Object.values(PROCESSES).map(({ story }) => ({ status: 'fulfilled', value: story })),
    );
  });

  test('lost for good, the deadline stands in', async () => {
    const stream = await app.openRound(newId(), { seconds: 1 });
    await app.underWay(stream);
    await app.lose(stream);
    app.colony.deadlines.start();
    await eventually(async () => (await app.story(stream)).includes('RoundClosed'));
    await app.colony.deadlines.stop();
    expect(await app.story(stream)).toEqual(['RoundOpened', 'RoundClosed', 'RoundEscalated']);
  });

  test('waking what is over starts nothing', async () => {
    const stream = await app.openRound(newId(), { seconds: 1 });
    await over(stream, ['RoundOpened', 'RoundClosed', 'RoundEscalated']);
    await app.client.purgeInstanceHistory(instanceOf(stream));
    await orchestrations().wake(stream);
    expect(await app.status(stream)).toBeUndefined();
  });
});

test('a round costs one start and one wake, however many votes; twenty at once are no matter', async () => {
  const start = jest.spyOn(DurableOrchestrations.prototype, 'start');
  const wake = jest.spyOn(DurableOrchestrations.prototype, 'wake');
  const rounds = Array.from({ length: 20 }, newId);
  const streams = await Promise.all(rounds.map((id) => app.openRound(id)));
  await Promise.all(streams.map((stream) => app.underWay(stream)));
  await Promise.all(rounds.flatMap((id) => [0, 1, 2].map((voter) => app.vote(id, voter, 'approve'))));
  await Promise.all(streams.map((stream) => app.ended(stream)));
  const calls = (spy: typeof start): string[] =>
    spy.mock.calls.map(([stream]) => stream).filter((stream) => streams.includes(stream));
  expect([calls(start).sort(), calls(wake).sort()]).toEqual([streams.toSorted(), streams.toSorted()]);
});

test('where the colony’s clock is behind that of the timers, the orchestration looks again, and not in a storm', async () => {
  const looks = jest.spyOn(app.colony.decisions, 'timePassed');
  const clock = jest.spyOn(app.colony.ports.clock, 'now').mockImplementation(() => Date.now() - 500);
  const stream = await app.openRound(newId(), { seconds: 1 });
  await over(stream, ['RoundOpened', 'RoundClosed', 'RoundEscalated']);
  clock.mockRestore();
  const mine = looks.mock.calls.filter(([of]) => of === stream).length;
  expect(mine).toBeGreaterThan(1);
  expect(mine).toBeLessThanOrEqual(8);
});

test('an instance is named so that every host can take it, and no two streams share one', () => {
  const long = `${'t'.repeat(63)}/approval/${'i'.repeat(128)}`;
  const names = ['acme/round/a', 'acme/round/b', 'other/round/a', 'acme/action/a', long].map(instanceOf);
  for (const name of names) expect(name).toMatch(/^(round|approval|action)-[0-9a-f]{26}$/);
  expect(new Set(names).size).toBe(names.length);
});
