/** Who is created and limited, and by whom. */
import {
  createTenant,
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
import { given } from '../support/given';

const pia = { tenant: 'platform', id: 'human:pia' };
const pat = { tenant: 'platform', id: 'human:pat' };
const ada = { tenant: 'contoso', id: 'human:ada' };
const said = (type: TenantEvent['type'], limits: TenantLimits, by = pia.id, reason = 'why'): TenantEvent => ({
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
