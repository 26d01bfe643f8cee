/** How a bundle comes into force, and by whom. */
import { Rejection } from '../../domain/kernel/decider';
import {
  activate,
  type Activation,
  bundleInForce,
  MAX_BEFORE,
  MAX_STAGED,
  POLICY_AUTHORS,
  rollBack,
  type RolloutActor,
  rolloutDecider,
  type RolloutEvent,
  type RolloutState,
  shadow,
  stage,
  withdraw,
} from '../../domain/policy/rollout';
import { given, GIVEN_TIME } from '../support/given';

const bundle = (digit: string) => digit.repeat(64);
const [SHIPPED, A, B] = ['0', 'a', 'b'].map(bundle) as [string, string, string];
const author = (id: string, changes: Partial<RolloutActor> = {}): RolloutActor => ({
  tenant: 'platform',
  id,
  kind: 'human',
  level: 'read_write',
  groups: [POLICY_AUTHORS],
  ...changes,
});
const ada = author('human:ada');
const bob = author('human:bob');
const boss = author('human:pia', { level: 'critical', groups: [] });

const checked = (of: string) => ({ bundle: of, version: '1', bytes: 9 });
const staged = (of: string, by = 'human:ada', via?: string): RolloutEvent => ({
  type: 'PolicyStaged',
  v: 1,
  data: { ...checked(of), by, ...(via === undefined ? {} : { via }), reason: 'new' },
});
const shadowed = (of: string): RolloutEvent => ({
  type: 'PolicyShadowed',
  v: 1,
  data: { bundle: of, by: 'human:ada', reason: 'look' },
});
const activated = (of: string, before: string): RolloutEvent => ({
  type: 'PolicyActivated',
  v: 1,
  data: { bundle: of, version: '1', before, staged_by: 'human:ada', by: 'human:bob', reason: 'good' },
});
const rolledBack = (of: string, to: string): RolloutEvent => ({
  type: 'PolicyRolledBack',
  v: 1,
  data: { bundle: of, to, by: 'human:bob', reason: 'bad' },
});
const activating = (of: string, who = bob, more: Partial<Activation> = {}) =>
  activate({ bundle: of, urgent: false, reason: 'good', ...more }, who, SHIPPED);
const inForce = (state: RolloutState) => bundleInForce(state, SHIPPED);

describe('staging', () => {
  test('is for authors and administrators of the platform, and no agent', () => {
    for (const who of [ada, boss, author('service:ci', { kind: 'service' })])
      given(rolloutDecider, [])
        .when(stage(checked(A), who, 'new', SHIPPED))
        .then([staged(A, who.id)])
        .thenRepeatedNothing();
    for (const who of [author('human:eve', { groups: ['approvers'] }), author('ant', { kind: 'agent' })])
      given(rolloutDecider, [])
        .when(stage(checked(A), who, 'new', SHIPPED))
        .thenRejected('policy-author-needed');
    given(rolloutDecider, [])
      .when(stage(checked(A), { ...boss, tenant: 'acme' }, 'new', SHIPPED))
      .thenRejected('platform-decides');
    given(rolloutDecider, [])
      .when(stage(checked(A), ada, ' ', SHIPPED))
      .thenRejected('reason-invalid');
  });

  test('of what is in force is refused; so are too many', () => {
    given(rolloutDecider, [])
      .when(stage(checked(SHIPPED), ada, 'x', SHIPPED))
      .thenRejected('policy-in-force');
    const many = Array.from({ length: MAX_STAGED }, (_, i) => staged(i.toString(16).padStart(64, '0')));
    given(rolloutDecider, many)
      .when(stage(checked(A), ada, 'x', SHIPPED))
      .thenRejected('policies-full');
  });

  test('ends when it is withdrawn, and so does the shadow', () => {
    given(rolloutDecider, [staged(A), shadowed(A), staged(B)])
      .when(withdraw(A, bob, 'a slip'))
      .then([{ type: 'PolicyWithdrawn', v: 1, data: { bundle: A, by: 'human:bob', reason: 'a slip' } }])
      .thenState(({ shadow: left, staged: { [A]: gone, [B]: other } }) => {
        expect([left, gone, other?.by]).toEqual([undefined, undefined, 'human:ada']);
      });
    given(rolloutDecider, [])
      .when(withdraw(A, ada, 'x'))
      .thenNothing();
  });
});

describe('the shadow', () => {
  test('holds one staged bundle', () => {
    given(rolloutDecider, [])
      .when(shadow(A, ada, 'x'))
      .thenRejected('policy-not-staged');
    given(rolloutDecider, [staged(A)])
      .when(shadow(A, ada, 'look'))
      .then([shadowed(A)])
      .thenRepeatedNothing();
    given(rolloutDecider, [staged(A), shadowed(A), staged(B)])
      .when(shadow(B, ada, 'look'))
      .thenState((state) => expect(state.shadow).toMatchObject({ bundle: B }));
  });
});

describe('activation', () => {
  test('takes a second person, under whatever name and through whomever', () => {
    const before = [staged(A), shadowed(A)];
    for (const id of ['human:ada', 'human:Ada', 'service:ada', 'ada'])
      given(rolloutDecider, before)
        .when(activating(A, author(id)))
        .thenRejected('second-person-activates', { staged_by: 'human:ada' });
    given(rolloutDecider, before)
      .when(activating(A, author('human:zoe', { via: 'human:ada' })))
      .thenRejected('second-person-activates');
    given(rolloutDecider, [staged(A, 'human:ada', 'human:owner'), shadowed(A)])
      .when(activating(A, author('human:zoe', { via: 'human:owner' })))
      .thenRejected('second-person-activates');
    given(rolloutDecider, before)
      .when(activating(A))
      .then([activated(A, SHIPPED)])
      .thenRepeatedNothing();
  });

  test('is for people', () => {
    const ci = author('service:ci', { kind: 'service', level: 'critical' });
    given(rolloutDecider, [staged(A), shadowed(A)])
      .when(activating(A, ci))
      .thenRejected('person-activates');
    given(rolloutDecider, [staged(A), shadowed(A), activated(A, SHIPPED)])
      .when(rollBack(A, ci, 'x'))
      .thenRejected('person-activates');
  });

  test('comes after the shadow, unless it is urgent, which stands in the event', () => {
    given(rolloutDecider, [staged(A)])
      .when(activating(A))
      .thenRejected('policy-not-shadowed');
    given(rolloutDecider, [staged(A), staged(B), shadowed(B)])
      .when(activating(A))
      .thenRejected('policy-not-shadowed');
    given(rolloutDecider, [staged(A), staged(B), shadowed(B)])
      .when(activating(A, bob, { urgent: true }))
      .then([{ ...activated(A, SHIPPED), data: { ...activated(A, SHIPPED).data, urgent: true } } as RolloutEvent])
      .thenState((state) => expect([inForce(state), state.shadow?.bundle]).toEqual([A, B]));
    given(rolloutDecider, []).when(activating(A)).thenRejected('policy-not-staged');
  });

  test('brings it into force, out of the shadow and the waiting', () => {
    given(rolloutDecider, []).thenState((state) => expect(inForce(state)).toBe(SHIPPED));
    given(rolloutDecider, [staged(A), shadowed(A), activated(A, SHIPPED)]).thenState((state) => {
      expect(inForce(state)).toBe(A);
      expect(state.shadow).toBeUndefined();
      expect(state.staged).toEqual({});
      expect(state.inForce).toMatchObject([{ bundle: A, before: SHIPPED, by: 'human:bob', since: expect.any(String) }]);
    });
  });
});

describe('rolling back', () => {
  const two = [staged(A), activated(A, SHIPPED), staged(B), activated(B, A)];

  test('goes back step by step, to what shipped at last', () => {
    given(rolloutDecider, two)
      .when(rollBack(B, bob, 'bad'))
      .then([rolledBack(B, A)])
      .thenRepeatedNothing();
    given(rolloutDecider, [...two, rolledBack(B, A)])
      .when(rollBack(A, bob, 'bad'))
      .then([rolledBack(A, SHIPPED)])
      .thenState((state) => expect(inForce(state)).toBe(SHIPPED));
    given(rolloutDecider, [...two, rolledBack(B, A), rolledBack(A, SHIPPED)])
      .when(rollBack(SHIPPED, bob, 'bad'))
      .thenRejected('policy-nothing-before');
  });

  test('names what is rolled back, so that two who do it at once go back one step', () => {
    given(rolloutDecider, two)
      .when(rollBack(A, bob, 'bad'))
      .thenRejected('policy-not-in-force', { in_force: B });
    given(rolloutDecider, [...two, rolledBack(B, A)])
      .when(rollBack(B, ada, 'bad'))
      .thenNothing();
  });

  test('of a bundle that was rolled back needs staging again, and a second person again', () => {
    given(rolloutDecider, [...two, rolledBack(B, A)])
      .when(activating(B))
      .thenRejected('policy-not-staged');
    given(rolloutDecider, [...two, rolledBack(B, A), staged(B), shadowed(B)])
      .when(activating(B))
      .then([activated(B, A)])
      .thenState((state) => expect(state.rolledBack).toBeUndefined());
  });

  test('is remembered so far and no further', () => {
    const one = (i: number) => i.toString(16).padStart(64, '0');
    const many = Array.from({ length: MAX_BEFORE + 5 }, (_, i) => activated(one(i + 1), one(i)));
    given(rolloutDecider, many).thenState(({ inForce: kept }) => {
      expect(kept).toHaveLength(MAX_BEFORE);
      let state: RolloutState = { inForce: kept, staged: {} };
      for (let back = 0; ; back += 1) {
        const answer = rollBack(inForce(state), bob, 'x')(state);
        if (answer instanceof Rejection) {
          expect([back, answer.code]).toEqual([MAX_BEFORE, 'policy-nothing-before']);
          break;
        }
        const place = { stream: 'platform/policy/rollout', index: 0, at: GIVEN_TIME, correlationId: 'c' };
        state = rolloutDecider.evolve(state, answer[0] as RolloutEvent, place);
      }
    });
  });
});
