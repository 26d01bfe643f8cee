import fc from 'fast-check';
import { Rejection } from '../../domain/kernel/decider';
import {
  agentDecider,
  agentDue,
  type AgentEvent,
  type AgentProfile,
  type AgentState,
  assignRole,
  comeBack,
  confirmSlot,
  deregister,
  levelOf,
  loadOf,
  lose,
  register,
  releaseSlot,
  reserveSlot,
  type SlotOutcome,
  slotsInUse,
} from '../../domain/market/agent';
import { at, given, GIVEN_TIME } from '../support/given';

const profile: AgentProfile = {
  agent_type: 'hr.recruitment',
  pool: 'hr',
  capabilities: { screening: 0.8, interviews: 0.5 },
  capacity: 2,
  location: 'berlin',
  presence_seconds: 60,
  offer: { helps: ['translation', 'summary'], max_effort: 300, min_strength: 0.1 },
};
const EXPIRES = '2026-11-21T10:05:00.000Z';
const LATER = '2026-11-21T10:06:00.000Z';

const registered: AgentEvent = { type: 'AgentRegistered', v: 1, data: { profile } };
const revisedTo = (changes: Partial<AgentProfile>): AgentEvent => ({
  type: 'AgentRevised',
  v: 1,
  data: { profile: { ...profile, ...changes } },
});
const lost: AgentEvent = { type: 'AgentLost', v: 1, data: { last_seen: GIVEN_TIME } };
const returned: AgentEvent = { type: 'AgentReturned', v: 1, data: {} };
const gone: AgentEvent = { type: 'AgentDeregistered', v: 1, data: { reason: 'done' } };
const reserved = (task: string, award = 1, expires = EXPIRES): AgentEvent => ({
  type: 'SlotReserved',
  v: 1,
  data: { task, task_type: 'screen', award, expires },
});
const confirmed = (task: string, award = 1): AgentEvent => ({ type: 'SlotConfirmed', v: 1, data: { task, award } });
const released = (task: string, outcome: SlotOutcome, award = 1): AgentEvent => ({
  type: 'SlotReleased',
  v: 1,
  data: { task, task_type: 'screen', award, outcome },
});
const request = (task: string, award = 1, expires = EXPIRES) => ({ task, task_type: 'screen', award, expires });

describe('register', () => {
  test('an agent that nobody knows', () => {
    given(agentDecider, [])
      .when(register(profile))
      .then([registered])
      .thenState((state) =>
        expect(state).toEqual({ status: 'active', profile, since: GIVEN_TIME, slots: {}, challenges: {}, record: {} }),
      );
    given(agentDecider, []).when(register(profile)).then([registered]).thenRepeatedNothing();
  });

  test.each<[string, Partial<AgentProfile>]>([
    ['its type', { agent_type: 'hr.onboarding' }],
    ['its pool', { pool: 'other' }],
    ['a level', { capabilities: { screening: 0.9, interviews: 0.5 } }],
    ['a new capability', { capabilities: { screening: 0.8, interviews: 0.5, x: 1 } }],
    ['its capacity', { capacity: 3 }],
    ['its location', { location: undefined }],
    ['its limit of presence', { presence_seconds: 30 }],
    ['no offer any more', { offer: null }],
    ['whom it helps', { offer: { helps: ['translation'], max_effort: 300, min_strength: 0.1 } }],
    ['the effort it takes', { offer: { helps: ['translation', 'summary'], min_strength: 0.1 } }],
    ['the strength it takes', { offer: { helps: ['translation', 'summary'], max_effort: 300, min_strength: 0.2 } }],
  ])('revises %s', (_, changes) => {
    given(agentDecider, [registered])
      .when(register({ ...profile, ...changes }))
      .then([revisedTo(changes)])
      .thenRepeatedNothing();
  });

  test('the same in another order says nothing new', () => {
    const reordered: AgentProfile = {
      ...profile,
      capabilities: { interviews: 0.5, screening: 0.8 },
      offer: { min_strength: 0.1, max_effort: 300, helps: ['summary', 'translation'] },
    };
    given(agentDecider, [registered]).when(register(reordered)).thenNothing();
  });

  test('again, after it was lost: it is back, revised or not', () => {
    given(agentDecider, [registered, lost])
      .when(register(profile))
      .then([returned])
      .thenState(({ status }) => status === 'active');
    given(agentDecider, [registered, lost])
      .when(register({ ...profile, capacity: 5 }))
      .then([revisedTo({ capacity: 5 }), returned]);
  });

  test('again, after it left: slots and history are still its own', () => {
    given(agentDecider, [registered, reserved('a'), released('a', 'completed'), reserved('b'), gone])
      .when(register(profile))
      .then([registered])
      .thenState(({ status, slots, record }) => {
        expect(status).toBe('active');
        expect(Object.keys(slots)).toEqual(['b']);
        expect(record).toEqual({ screen: { wins: 1, tries: 1 } });
      });
  });
});

describe('presence', () => {
  test('an active agent is lost, with what it holds still on the books', () => {
    given(agentDecider, [registered, reserved('a')])
      .when(lose(GIVEN_TIME))
      .then([lost])
      .thenState(({ status, since, slots }) =>
        expect([status, since, Object.keys(slots)]).toEqual(['lost', '2026-11-21T10:00:02.000Z', ['a']]),
      );
    given(agentDecider, [registered]).when(lose(GIVEN_TIME)).then([lost]).thenRepeatedNothing();
  });

  test.each([
    ['nobody', []],
    ['lost', [registered, lost]],
    ['gone', [registered, gone]],
  ])('who is %s is not lost again', (_, history) => {
    given(agentDecider, history).when(lose(GIVEN_TIME)).thenNothing();
  });

  test('a sign of life brings it back', () => {
    given(agentDecider, [registered, lost]).when(comeBack()).then([returned]).thenRepeatedNothing();
    given(agentDecider, [registered]).when(comeBack()).thenNothing();
    given(agentDecider, []).when(comeBack()).thenRejected('agent-not-found');
    given(agentDecider, [registered, gone]).when(comeBack()).thenRejected('agent-not-found');
  });
});

describe('deregister', () => {
  test('an agent, once', () => {
    given(agentDecider, [registered]).when(deregister('done')).then([gone]).thenRepeatedNothing();
    given(agentDecider, [registered, lost])
      .when(deregister('done'))
      .then([gone])
      .thenState(({ status }) => status === 'gone');
  });

  test('nobody', () => given(agentDecider, []).when(deregister('done')).thenRejected('agent-not-found'));
});

describe('assignRole', () => {
  const assigned: AgentEvent = { type: 'RoleAssigned', v: 1, data: { pool: 'sales', reason: 'demand' } };

  test('to another pool', () => {
    given(agentDecider, [registered])
      .when(assignRole('sales', 'demand'))
      .then([assigned])
      .thenState((state) => expect(state.profile).toEqual({ ...profile, pool: 'sales' }));
    given(agentDecider, [registered]).when(assignRole('sales', 'demand')).then([assigned]).thenRepeatedNothing();
    given(agentDecider, [registered, lost]).when(assignRole('sales', 'demand')).then([assigned]);
  });

  test('not to its own, and to nobody', () => {
    given(agentDecider, [registered]).when(assignRole('hr', 'demand')).thenNothing();
    given(agentDecider, []).when(assignRole('sales', 'demand')).thenRejected('agent-not-found');
    given(agentDecider, [registered, gone]).when(assignRole('sales', 'demand')).thenRejected('agent-not-found');
  });

  test('nobody has no pool to fold', () =>
    given(agentDecider, [assigned]).thenState((state) => expect(state).toEqual(agentDecider.initial)));
});

describe('reserveSlot', () => {
  test('up to the capacity', () => {
    given(agentDecider, [registered])
      .when(reserveSlot(request('a')))
      .then([reserved('a')])
      .thenState(({ slots }) =>
        expect(slots).toEqual({
          a: {
            task_type: 'screen',
            award: 1,
            since: '2026-11-21T10:00:01.000Z',
            expires: EXPIRES,
            receipt: 'acme/agent/given@1',
          },
        }),
      );
    given(agentDecider, [registered, reserved('a')])
      .when(reserveSlot(request('b')))
      .then([reserved('b')])
      .thenRepeatedNothing();
    given(agentDecider, [registered, reserved('a'), reserved('b')])
      .when(reserveSlot(request('c')))
      .thenRejected('capacity-full');
    given(agentDecider, [registered, reserved('a'), confirmed('a'), reserved('b')])
      .when(reserveSlot(request('c')))
      .thenRejected('capacity-full');
    given(agentDecider, [registered, reserved('a'), reserved('b'), released('a', 'completed')])
      .when(reserveSlot(request('c')))
      .then([reserved('c')]);
  });

  test('not above a capacity that was lowered since', () => {
    given(agentDecider, [
      registered,
      reserved('a'),
      reserved('b'),
      revisedTo({ capacity: 1 }),
      released('a', 'completed'),
    ])
      .when(reserveSlot(request('c')))
      .thenRejected('capacity-full');
  });

  test('the same again changes nothing, unless it is to stand longer', () => {
    given(agentDecider, [registered, reserved('a'), reserved('b')])
      .when(reserveSlot(request('a')))
      .thenNothing();
    given(agentDecider, [registered, reserved('a', 1, LATER)])
      .when(reserveSlot(request('a')))
      .thenNothing();
    given(agentDecider, [registered, reserved('a'), confirmed('a')])
      .when(reserveSlot(request('a', 1, LATER)))
      .thenNothing();
    given(agentDecider, [registered, reserved('a'), reserved('b')])
      .when(reserveSlot(request('a', 1, LATER)))
      .then([reserved('a', 1, LATER)])
      .thenRepeatedNothing();
  });

  test('a later award takes the place of an earlier one of the same task, also when all slots are in use', () => {
    given(agentDecider, [registered, reserved('a'), reserved('b')])
      .when(reserveSlot(request('a', 3)))
      .then([released('a', 'gone'), reserved('a', 3)])
      .thenState((state) => slotsInUse(state) === 2 && state.slots.a?.award === 3);
    given(agentDecider, [registered, reserved('a', 2)])
      .when(reserveSlot(request('a', 1)))
      .thenRejected('award-superseded');
  });

  test.each([
    ['unknown', []],
    ['lost', [registered, lost]],
    ['gone', [registered, gone]],
  ])('not for an agent that is %s', (_, history) => {
    given(agentDecider, history)
      .when(reserveSlot(request('a')))
      .thenRejected('agent-not-active');
    given(agentDecider, [...history.slice(0, 1), ...(history.length > 0 ? [reserved('a')] : []), ...history.slice(1)])
      .when(reserveSlot(request('a')))
      .thenRejected('agent-not-active');
  });
});

describe('confirmSlot', () => {
  test('keeps the reservation for good', () => {
    given(agentDecider, [registered, reserved('a')])
      .when(confirmSlot('a', 1))
      .then([confirmed('a')])
      .thenState((state) => {
        expect(state.slots.a).not.toHaveProperty('expires');
        expect(agentDue(state)).toBeUndefined();
      });
    given(agentDecider, [registered, reserved('a')])
      .when(confirmSlot('a', 1))
      .then([confirmed('a')])
      .thenRepeatedNothing();
  });

  test('only that of the award', () => {
    given(agentDecider, [registered, reserved('a', 2)])
      .when(confirmSlot('a', 1))
      .thenNothing();
    given(agentDecider, [registered, reserved('a')])
      .when(confirmSlot('b', 1))
      .thenNothing();
    given(agentDecider, []).when(confirmSlot('a', 1)).thenNothing();
  });
});

describe('releaseSlot', () => {
  test.each<[SlotOutcome, { wins: number; tries: number } | undefined]>([
    ['completed', { wins: 1, tries: 1 }],
    ['failed', { wins: 0, tries: 1 }],
    ['lapsed', { wins: 0, tries: 1 }],
    ['expired', { wins: 0, tries: 1 }],
    ['lost', { wins: 0, tries: 1 }],
    ['declined', undefined],
    ['cancelled', undefined],
    ['handed_off', undefined],
    ['gone', undefined],
  ])('%s counts as %j', (outcome, record) => {
    given(agentDecider, [registered, reserved('a')])
      .when(releaseSlot('a', 1, outcome))
      .then([released('a', outcome)])
      .thenState((state) => expect([state.slots, state.record.screen]).toEqual([{}, record]));
    given(agentDecider, [registered, reserved('a')])
      .when(releaseSlot('a', 1, outcome))
      .then([released('a', outcome)])
      .thenRepeatedNothing();
  });

  test('adds up by type of task', () => {
    const other: AgentEvent = {
      type: 'SlotReleased',
      v: 1,
      data: { task: 'c', task_type: 'other', award: 1, outcome: 'failed' },
    };
    given(agentDecider, [
      registered,
      reserved('a'),
      released('a', 'completed'),
      reserved('b'),
      released('b', 'failed'),
      other,
    ]).thenState(({ record }) =>
      expect(record).toEqual({ screen: { wins: 1, tries: 2 }, other: { wins: 0, tries: 1 } }),
    );
  });

  test('never the slot of another award', () => {
    given(agentDecider, [registered, reserved('a', 2)])
      .when(releaseSlot('a', 1, 'completed'))
      .thenNothing();
    given(agentDecider, [registered, reserved('a')])
      .when(releaseSlot('a', 2, 'completed'))
      .thenNothing();
    given(agentDecider, [registered, reserved('a')])
      .when(releaseSlot('b', 1, 'completed'))
      .thenNothing();
    given(agentDecider, [])
      .when(releaseSlot('a', 1, 'completed'))
      .thenNothing();
  });

  test('also when the agent is lost or gone', () => {
    given(agentDecider, [registered, reserved('a'), lost])
      .when(releaseSlot('a', 1, 'lost'))
      .then([released('a', 'lost')]);
    given(agentDecider, [registered, reserved('a'), gone])
      .when(releaseSlot('a', 1, 'gone'))
      .then([released('a', 'gone')]);
  });
});

describe('questions', () => {
  const folded = (...events: AgentEvent[]): AgentState => {
    let state = agentDecider.initial;
    given(agentDecider, events).thenState((after) => void (state = after));
    return state;
  };

  test('load is slots over capacity, above 1 when that was lowered', () => {
    expect(loadOf(agentDecider.initial)).toBe(0);
    expect(loadOf(folded(registered))).toBe(0);
    expect(loadOf(folded(registered, reserved('a')))).toBe(0.5);
    expect(loadOf(folded(registered, reserved('a'), reserved('b'), revisedTo({ capacity: 1 })))).toBe(2);
  });

  test('its own type is a capability at level 1, unless it says another', () => {
    expect(levelOf(profile, 'screening')).toBe(0.8);
    expect(levelOf(profile, 'hr.recruitment')).toBe(1);
    expect(levelOf({ ...profile, capabilities: { 'hr.recruitment': 0.3 } }, 'hr.recruitment')).toBe(0.3);
    expect(levelOf(profile, 'translation')).toBeUndefined();
    expect(levelOf(profile, 'constructor')).toBeUndefined();
  });

  test('the earliest unconfirmed reservation is due first', () => {
    expect(agentDue(agentDecider.initial)).toBeUndefined();
    expect(agentDue(folded(registered, reserved('b', 1, LATER), reserved('a', 1, EXPIRES)))).toBe(EXPIRES);
    expect(agentDue(folded(registered, reserved('b', 1, LATER), reserved('a', 1, EXPIRES), confirmed('a')))).toBe(
      LATER,
    );
  });

  test('since says when the status began', () => {
    const noon = '2026-11-21T12:00:00.000Z';
    expect(folded(registered, at({ at: noon }, lost)).since).toBe(noon);
    expect(folded(registered, lost, at({ at: noon }, returned)).since).toBe(noon);
    expect(folded(registered, at({ at: noon }, gone)).since).toBe(noon);
    expect(folded(registered, at({ at: noon }, revisedTo({ capacity: 9 }))).since).toBe(GIVEN_TIME);
  });
});

test('whatever is asked in whatever order, no reservation takes more than the capacity, and history adds up', () => {
  const task = fc.constantFrom('a', 'b', 'c', 'd');
  const award = fc.integer({ min: 1, max: 3 });
  const step = fc.oneof(
    fc.tuple(task, award, fc.constantFrom(EXPIRES, LATER)).map((args) => reserveSlot(request(...args))),
    fc.tuple(task, award).map((args) => confirmSlot(...args)),
    fc
      .tuple(task, award, fc.constantFrom<SlotOutcome>('completed', 'failed', 'gone'))
      .map((args) => releaseSlot(...args)),
    fc.integer({ min: 1, max: 3 }).map((capacity) => register({ ...profile, capacity })),
    fc.constantFrom(lose(GIVEN_TIME), comeBack(), deregister('done')),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let state: AgentState = agentDecider.initial;
      const counted = { wins: 0, tries: 0 };
      const highest: Record<string, number> = {};
      steps.forEach((decide, index) => {
        const events = decide(state);
        if (events instanceof Rejection) return;
        for (const event of events) {
          state = agentDecider.evolve(state, event, { stream: 's', index, at: GIVEN_TIME, correlationId: '' });
          if (event.type === 'SlotReserved') {
            expect(slotsInUse(state)).toBeLessThanOrEqual(state.profile?.capacity ?? 0);
            expect(state.status).toBe('active');
            highest[event.data.task] = event.data.award;
          }
          if (event.type === 'SlotReleased') {
            expect(event.data.award).toBe(highest[event.data.task]);
            if (event.data.outcome !== 'gone') counted.tries += 1;
            if (event.data.outcome === 'completed') counted.wins += 1;
          }
        }
      });
      expect(state.record.screen ?? { wins: 0, tries: 0 }).toEqual(counted);
    }),
  );
});
