/** What may be stopped and lifted, and by whom. */
import { Rejection } from '../../domain/kernel/decider';
import { plusSeconds } from '../../domain/kernel/time';
import {
  agentStop,
  AGREED_SECONDS,
  anyStop,
  isCalled,
  lift,
  type LifterFacts,
  MAX_STOOD,
  MAX_STOPS,
  OVERSPENDING,
  stop,
  type StopActor,
  stopDecider,
  type StopEffect,
  type StopEvent,
  stopOf,
  type StoppedThing,
} from '../../domain/stops/stop';
import { at, given, GIVEN_TIME } from '../support/given';

const person = (id: string, tenant = 'acme', via?: string): StopActor => ({ tenant, id, kind: 'human', via });
const service = (id: string, tenant = 'acme'): StopActor => ({ tenant, id, kind: 'service' });
const ada = person('human:ada');
const pia = person('human:pia', 'platform');
const pat = person('human:pat', 'platform');
const AGENT = { kind: 'agent', name: 'ant-7' } as const;
const GLOBAL = { kind: 'global', name: 'all' } as const;
const NOW = plusSeconds(GIVEN_TIME, 60);

const stopped = (thing: StoppedThing, effect: StopEffect = 'freeze', by = 'human:ada', reason = 'why'): StopEvent => ({
  type: 'Stopped',
  v: 1,
  data: { ...thing, effect, by, reason },
});
const agreed = (by: string): StopEvent => ({ type: 'StopLiftAgreed', v: 1, data: { ...GLOBAL, by, reason: 'ok' } });
const lifted = (thing: StoppedThing, by = 'human:ada'): StopEvent => ({
  type: 'StopLifted',
  v: 1,
  data: { ...thing, by, reason: 'ok' },
});
const lifting = (thing: StoppedThing, who: StopActor, facts?: LifterFacts, now = NOW) =>
  lift(thing, who, 'ok', now, facts);

/** The state after many events: `given` looks at each far too closely for that. */
const folded = (events: readonly StopEvent[]) =>
  events.reduce(
    (state, event) =>
      stopDecider.evolve(state, event, { stream: 'acme/stop/all', index: 0, at: GIVEN_TIME, correlationId: 'c' }),
    stopDecider.initial,
  );

describe('a stop', () => {
  test.each(['agent_type', 'agent', 'tool', 'task', 'model'] as const)('of a %s is for its own tenant', (kind) => {
    for (const effect of ['freeze', 'quarantine'] as const)
      given(stopDecider, [])
        .when(stop({ kind, name: 'x' }, effect, ada, 'why'))
        .then([stopped({ kind, name: 'x' }, effect)])
        .thenRepeatedNothing();
  });

  test('says since when, however often its reason changes', () => {
    given(stopDecider, [stopped(AGENT)])
      .when(stop(AGENT, 'quarantine', person('human:bob'), 'worse'))
      .thenState((state) =>
        expect(stopOf(state, 'agent', 'ant-7')).toMatchObject({
          effect: 'quarantine',
          by: 'human:bob',
          reason: 'worse',
          since: GIVEN_TIME,
        }),
      );
  });

  test('is found under the whole name of an agent or a service, in whatever case', () => {
    given(stopDecider, [stopped({ kind: 'agent', name: 'Ant-7' })]).thenState((state) => {
      for (const id of ['ant-7', 'ANT-7']) expect(agentStop(state, id)?.name).toBe('Ant-7');
      for (const id of ['ant-8', 'service:ant-7', 'human:ant-7']) {
        expect(agentStop(state, id)).toBeUndefined();
        expect(isCalled('Ant-7', id)).toBe(false);
      }
      expect(stopOf(state, 'task', 'ant-7')).toBeUndefined();
      expect([anyStop(state), anyStop(state, 'agent'), anyStop(state, 'agent_type')]).toEqual([true, true, false]);
    });
  });

  test('of a service holds for it, and not for an agent or a person whose name looks alike', () => {
    given(stopDecider, [stopped({ kind: 'agent', name: 'service:crm' })]).thenState((state) => {
      expect(agentStop(state, 'service:CRM')?.name).toBe('service:crm');
      for (const id of ['crm', 'human:crm', 'service:service:crm']) expect(agentStop(state, id)).toBeUndefined();
    });
  });

  test('that was called by a spelling with human: goes on for the agent, and is lifted under both', () => {
    const old = { kind: 'agent', name: 'human:Recon-7' } as const;
    given(stopDecider, [stopped(old)]).thenState((state) => {
      expect(agentStop(state, 'recon-7')?.name).toBe(old.name);
      expect(agentStop(state, 'human:Recon-7')).toBeUndefined();
    });
    for (const name of [old.name, 'recon-7'])
      given(stopDecider, [stopped(old)])
        .when(lifting({ kind: 'agent', name }, ada))
        .then([lifted(old)]);
  });

  test.each<[string, StoppedThing, StopEffect, StopActor, string]>([
    ['a person', { kind: 'agent', name: 'human:bob' }, 'freeze', ada, 'person-not-stopped'],
    ['everything, of a tenant', GLOBAL, 'freeze', ada, 'platform-only'],
    ['another tenant', { kind: 'tenant', name: 'other' }, 'freeze', ada, 'platform-only'],
    ['their own tenant in quarantine', { kind: 'tenant', name: 'acme' }, 'quarantine', ada, 'stop-not-liftable'],
    ['the platform in quarantine', { kind: 'tenant', name: 'platform' }, 'quarantine', pia, 'stop-not-liftable'],
    ['everything in quarantine', GLOBAL, 'quarantine', pia, 'stop-not-liftable'],
    ['everything under another name', { kind: 'global', name: 'most' }, 'freeze', pia, 'name-invalid'],
    ['what has no name', { kind: 'agent', name: '__proto__/x' }, 'freeze', ada, 'name-invalid'],
    ['a tenant of no name', { kind: 'tenant', name: 'Acme' }, 'freeze', pia, 'name-invalid'],
  ])('of %s is refused', (_, thing, effect, who, code) => {
    given(stopDecider, [])
      .when(stop(thing, effect, who, 'why'))
      .thenRejected(code);
  });

  test('of tenants, and of everything, is for people of the platform; of their own for those of a tenant', () => {
    for (const [thing, effect, who] of [
      [GLOBAL, 'freeze', pia],
      [{ kind: 'tenant', name: 'acme' }, 'quarantine', pia],
      [{ kind: 'tenant', name: 'acme' }, 'freeze', ada],
    ] as const)
      given(stopDecider, [])
        .when(stop(thing, effect, who, 'why'))
        .then([stopped(thing, effect, who.id)]);
  });

  test('needs a reason, and does not become less by itself', () => {
    given(stopDecider, [])
      .when(stop(AGENT, 'freeze', ada, ' '))
      .thenRejected('reason-invalid');
    given(stopDecider, [stopped(AGENT, 'quarantine')])
      .when(stop(AGENT, 'freeze', ada, 'why'))
      .thenRejected('quarantined-already');
  });

  test('of one thing too many is refused, of one that is stopped not', () => {
    const full = folded(Array.from({ length: MAX_STOPS }, (_, n) => stopped({ kind: 'task', name: `t${n}` })));
    expect(stop({ kind: 'task', name: 'more' }, 'freeze', ada, 'why')(full)).toMatchObject({ code: 'stops-full' });
    const overspent = folded(
      Array.from({ length: MAX_STOPS }, (_, n) => stopped({ kind: 'task', name: `t${n}` }, 'quarantine', OVERSPENDING)),
    );
    expect(stop({ kind: 'task', name: 'more' }, 'freeze', ada, 'why')(overspent)).toMatchObject([{ type: 'Stopped' }]);
    // Whoever fills one kind with what they do is stopped all the same.
    for (const thing of [AGENT, { kind: 'tenant', name: 'acme' } as const])
      expect(stop(thing, 'freeze', ada, 'why')(full)).toMatchObject([{ type: 'Stopped' }]);
    expect(stop({ kind: 'task', name: 't0' }, 'quarantine', ada, 'why')(full)).toMatchObject([{ type: 'Stopped' }]);
  });
});

describe('a lift', () => {
  test('ends a freeze, and nothing where there is none', () => {
    given(stopDecider, [stopped(AGENT)])
      .when(lifting(AGENT, service('service:ops')))
      .then([lifted(AGENT, 'service:ops')]);
    given(stopDecider, []).when(lifting(AGENT, ada)).thenNothing();
  });

  test('of a quarantine takes a person', () => {
    given(stopDecider, [stopped(AGENT, 'quarantine')])
      .when(lifting(AGENT, ada))
      .then([lifted(AGENT)]);
    given(stopDecider, [stopped(AGENT, 'quarantine')])
      .when(lifting(AGENT, service('service:ops')))
      .thenRejected('person-lifts');
  });

  test.each<[string, StopActor, LifterFacts]>([
    ['themselves', person('ant-7'), {}],
    ['another spelling', person('human:ANT-7'), {}],
    ['two prefixes', person('service:human:Ant-7'), {}],
    ['through somebody', person('human:bob', 'acme', 'service:ant-7'), {}],
    ['their gateway', person('human:gate'), { gateway: 'service:gate' }],
    ['somebody for their gateway', person('human:bob', 'acme', 'Gate'), { gateway: 'gate' }],
  ])('of oneself is refused: %s', (_, who, facts) => {
    for (const effect of ['freeze', 'quarantine'] as const)
      given(stopDecider, [stopped(AGENT, effect)])
        .when(lifting(AGENT, who, facts))
        .thenRejected('own-stop');
  });

  test('of the own type is refused', () => {
    const type = { kind: 'agent_type', name: 'finance' } as const;
    given(stopDecider, [stopped(type, 'quarantine')])
      .when(lifting(type, ada, { types: ['finance'] }))
      .thenRejected('own-stop');
    given(stopDecider, [stopped(type, 'quarantine')])
      .when(lifting(type, ada, { types: ['legal'] }))
      .then([lifted(type)]);
  });

  test('of everything takes two people', () => {
    const everything = stopped(GLOBAL, 'freeze', pia.id);
    given(stopDecider, [everything])
      .when(lifting(GLOBAL, pia))
      .then([agreed(pia.id)]);
    given(stopDecider, [everything])
      .when(lifting(GLOBAL, service('service:ops', 'platform')))
      .thenRejected('person-lifts');
    const first = [everything, agreed(pia.id)];
    for (const same of ['human:pia', 'PIA', 'service:human:pia'])
      given(stopDecider, first)
        .when(lifting(GLOBAL, person(same, 'platform')))
        .thenRejected('second-person-needed');
    given(stopDecider, first)
      .when(lifting(GLOBAL, person('human:pat', 'platform', 'human:pia')))
      .thenRejected('second-person-needed');
    // One key under two names is one person, whichever of them came first.
    const owner = (id: string) => person(id, 'platform', 'human:owner');
    given(stopDecider, [
      everything,
      { ...agreed('human:ada'), data: { ...agreed('human:ada').data, via: 'human:owner' } },
    ])
      .when(lifting(GLOBAL, owner('human:bob')))
      .thenRejected('second-person-needed');
    given(stopDecider, first)
      .when(lifting(GLOBAL, pat))
      .then([{ type: 'StopLifted', v: 1, data: { ...GLOBAL, by: pat.id, reason: 'ok', with: pia.id } }])
      .thenState(({ stops }) => expect(stops).toEqual({}));
  });

  test('that one has agreed to is agreed to for an hour, and not when it is stopped anew', () => {
    const first = [stopped(GLOBAL, 'freeze', pia.id), at({ at: GIVEN_TIME }, agreed(pia.id))];
    const end = plusSeconds(GIVEN_TIME, AGREED_SECONDS);
    given(stopDecider, first)
      .when(lifting(GLOBAL, pat, {}, end))
      .then([agreed(pat.id)]);
    given(stopDecider, first)
      .when(lifting(GLOBAL, pat, {}, plusSeconds(end, -0.001)))
      .thenState((state) => !anyStop(state));
    given(stopDecider, [...first, stopped(GLOBAL, 'freeze', pia.id, 'again')])
      .when(lifting(GLOBAL, pat))
      .then([agreed(pat.id)]);
  });

  test('leaves behind when it stood still, of what has deadlines, so many times', () => {
    const task = { kind: 'task', name: 't' } as const;
    given(stopDecider, [stopped(task), stopped(AGENT), lifted(AGENT), lifted(task)]).thenState(({ stood }) =>
      expect(stood).toEqual([{ ...task, from: GIVEN_TIME, until: plusSeconds(GIVEN_TIME, 3) }]),
    );
    const many = Array.from({ length: MAX_STOOD + 1 }, () => [stopped(task), lifted(task)]).flat();
    expect(folded(many).stood).toHaveLength(MAX_STOOD);
  });
});

test('no decision takes a name that every object has for a stop', () => {
  given(stopDecider, []).thenState((state) => {
    for (const name of ['constructor', 'toString']) expect(stopOf(state, 'agent', name)).toBeUndefined();
    expect(lifting({ kind: 'agent', name: 'constructor' }, ada)(state)).not.toBeInstanceOf(Rejection);
  });
});
