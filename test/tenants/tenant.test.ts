/** Who is created and limited, and by whom. */
import { plusSeconds } from '../../domain/kernel/time';
import {
  createTenant,
  type Ending,
  endTenant,
  GIVEN_TENANTS,
  limitsOf,
  limitTenant,
  MAX_LIMIT,
  notCreated,
  tenantDecider,
  type TenantEvent,
  type TenantLimits,
  tenantStream,
} from '../../domain/tenants/tenant';
import { at, given } from '../support/given';

const pia = { tenant: 'platform', id: 'human:pia' };
const pat = { tenant: 'platform', id: 'human:pat' };
const ada = { tenant: 'contoso', id: 'human:ada' };
const said = (
  type: 'TenantCreated' | 'TenantLimited',
  limits: TenantLimits,
  by = pia.id,
  reason = 'why',
): TenantEvent => ({
  type,
  v: 1,
  data: { tenant: 'contoso', limits, by, reason },
});
const created = (limits: TenantLimits = {}) => said('TenantCreated', limits);

test('is created by the platform alone, once; the same again changes nothing, also when it was limited since', () => {
  const create = createTenant('contoso', { agents: 3 }, pia, 'why');
  given(tenantDecider, [])
    .when(create)
    .then([created({ agents: 3 })])
    .thenRepeatedNothing();
  given(tenantDecider, [created({ agents: 3 }), said('TenantLimited', { agents: 9 })])
    .when(create)
    .thenNothing();
  given(tenantDecider, [created({ agents: 3 })])
    .when(createTenant('contoso', { agents: 4 }, pia, 'why'))
    .thenRejected('tenant-exists');
  given(tenantDecider, [])
    .when(createTenant('contoso', {}, ada, 'why'))
    .thenRejected('platform-only');
  expect(tenantStream('contoso')).toBe('platform/tenant/contoso');
});

test('what is limited, is said by its name: what is left out stays, null takes a limit away', () => {
  given(tenantDecider, [created({ agents: 3, tasks: 5 })])
    .when(limitTenant('contoso', { agents: 4, requests_per_second: 10 }, pat, 'more'))
    .then([said('TenantLimited', { agents: 4, tasks: 5, requests_per_second: 10 }, pat.id, 'more')])
    .thenRepeatedNothing();
  given(tenantDecider, [created({ agents: 3, tasks: 5 })])
    .when(limitTenant('contoso', { tasks: null }, pat, 'more'))
    .then([said('TenantLimited', { agents: 3 }, pat.id, 'more')])
    .thenState((state) => expect(limitsOf(state)).toEqual({ agents: 3 }));
  // Whoever says so, and why, stands on the receipt also where no number changes.
  given(tenantDecider, [created({ agents: 3 })])
    .when(limitTenant('contoso', { agents: 3 }, pat, 'again'))
    .then([said('TenantLimited', { agents: 3 }, pat.id, 'again')]);
});

test('only what was created is limited, or is there without; the platform never is', () => {
  given(tenantDecider, [])
    .when(limitTenant('contoso', { agents: 1 }, pia, 'why'))
    .thenRejected('tenant-not-found');
  given(tenantDecider, [])
    .when(limitTenant('default', { agents: 1 }, pia, 'why'))
    .thenState((state) => {
      expect(limitsOf(state)).toEqual({ agents: 1 });
      expect(state.created).toBeUndefined();
    });
  given(tenantDecider, [])
    .when(limitTenant('platform', { agents: 1 }, pia, 'why'))
    .thenRejected('platform-not-limited');
  given(tenantDecider, [created()])
    .when(limitTenant('contoso', { agents: 1 }, ada, 'why'))
    .thenRejected('platform-only');
});

test.each([
  ['a name', createTenant('Contoso', {}, pia, 'why'), 'name-invalid'],
  ['a part', createTenant('a/b', {}, pia, 'why'), 'name-invalid'],
  ['a reason', createTenant('contoso', {}, pia, ' '), 'reason-invalid'],
  ['less than nothing', createTenant('contoso', { agents: -1 }, pia, 'why'), 'limit-invalid'],
  ['a part of one', createTenant('contoso', { tasks: 1.5 }, pia, 'why'), 'limit-invalid'],
  ['no number', createTenant('contoso', { tasks: Number.NaN }, pia, 'why'), 'limit-invalid'],
  ['too much', createTenant('contoso', { tasks: MAX_LIMIT + 1 }, pia, 'why'), 'limit-invalid'],
  ['no request at all', createTenant('contoso', { requests_per_second: 0 }, pia, 'why'), 'limit-invalid'],
])('%s that can not be one is refused', (_, decision, code) => {
  given(tenantDecider, []).when(decision).thenRejected(code);
});

test('in a closed house nobody acts in a tenant that was not created', () => {
  const { initial } = tenantDecider;
  expect(notCreated('contoso', initial)).toMatchObject({ kind: 'forbidden', code: 'tenant-unknown' });
  given(tenantDecider, [created()]).thenState((state) => expect(notCreated('contoso', state)).toBeUndefined());
  // To have a limit is not to be there.
  given(tenantDecider, [said('TenantLimited', { agents: 1 })]).thenState((state) =>
    expect(notCreated('contoso', state)).toBeDefined(),
  );
  for (const one of GIVEN_TENANTS) expect(notCreated(one, initial)).toBeUndefined();
});

describe('for good', () => {
  const NOW = '2026-11-21T12:00:00.000Z';
  const person = (id: string, via?: string) => ({ tenant: 'platform', id, kind: 'human', via }) as const;
  const end = (ending: Ending, who: ReturnType<typeof person>, now = NOW, reason = 'over') =>
    endTenant(ending, 'contoso', who, reason, now);
  const agreed = (ending: Ending, by = pia.id, via?: string): TenantEvent =>
    at({ at: NOW }, { type: 'TenantEndingAgreed', v: 1, data: { tenant: 'contoso', ending, by, via, reason: 'over' } });
  const ended = (type: 'TenantClosed' | 'TenantErased', by = pat.id): TenantEvent => ({
    type,
    v: 1,
    data: { tenant: 'contoso', by, via: undefined, with: pia.id, reason: 'over' },
  });

  test.each([
    ['close', [created()], 'TenantClosed'],
    ['erase', [created(), ended('TenantClosed')], 'TenantErased'],
  ] as const)('to %s takes two people, within the hour', (ending, before, type) => {
    given(tenantDecider, before)
      .when(end(ending, person(pia.id)))
      .then([agreed(ending)]);
    const first = [...before, agreed(ending)];
    given(tenantDecider, first)
      .when(end(ending, person(pat.id)))
      .then([ended(type)])
      .thenRepeatedNothing();
    for (const same of [person(pia.id), person('human:PIA'), person('human:owner', pia.id)])
      given(tenantDecider, first).when(end(ending, same)).thenRejected('second-person-needed');
    given(tenantDecider, [...before, agreed(ending, pia.id, 'human:owner')])
      .when(end(ending, person('human:owner')))
      .thenRejected('second-person-needed');
    given(tenantDecider, first)
      .when(end(ending, person(pat.id), plusSeconds(NOW, 3_599.999)))
      .then([ended(type)]);
    // Too late: whoever comes is the first again.
    given(tenantDecider, first)
      .when(end(ending, person(pat.id), plusSeconds(NOW, 3_600)))
      .then([agreed(ending, pat.id)]);
    // Who ended it, and why, stays as it was.
    given(tenantDecider, [...first, ended(type)])
      .when(end(ending, person('human:eve'), NOW, 'another reason'))
      .thenNothing();
  });

  test('to agree to the one is not to agree to the other', () => {
    given(tenantDecider, [created(), agreed('close'), ended('TenantClosed')])
      .when(end('erase', person(pat.id)))
      .then([agreed('erase', pat.id)]);
    given(tenantDecider, [created(), agreed('close')])
      .when(end('erase', person(pat.id)))
      .thenRejected('tenant-not-closed');
  });

  test('is for people of the platform, and for what was created', () => {
    given(tenantDecider, [created()])
      .when(endTenant('close', 'contoso', { ...ada, kind: 'human' }, 'x', NOW))
      .thenRejected('platform-only');
    for (const kind of ['service', 'agent', 'system'] as const)
      given(tenantDecider, [created()])
        .when(endTenant('close', 'contoso', { ...pia, kind }, 'x', NOW))
        .thenRejected('person-ends');
    given(tenantDecider, [])
      .when(end('close', person(pia.id)))
      .thenRejected('tenant-not-found');
    given(tenantDecider, [created()])
      .when(end('close', person(pia.id), NOW, ' '))
      .thenRejected('reason-invalid');
    for (const name of GIVEN_TENANTS)
      given(tenantDecider, [said('TenantLimited', {})])
        .when(endTenant('close', name, person(pia.id), 'x', NOW))
        .thenRejected('tenant-given');
  });

  test('nothing is changed of it, and its name is not given again', () => {
    const closed = [created({ agents: 3 }), ended('TenantClosed')];
    given(tenantDecider, closed)
      .when(createTenant('contoso', { agents: 3 }, pia, 'why'))
      .thenRejected('tenant-closed');
    given(tenantDecider, closed)
      .when(limitTenant('contoso', { agents: 9 }, pia, 'why'))
      .thenRejected('tenant-closed');
  });
});
