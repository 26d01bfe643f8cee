/** Who calls, who is given a token, whose are taken back. */
import { ok, slug, tenant } from './world';

describe('identity', () => {
  test('a token that is given is answered alike under its key, and holds until it is revoked', async () => {
    const api = tenant('identity');
    const headers = { 'idempotency-key': 'given-once' };
    const asked = { as: 'human:ada', headers, json: { subject: 'ada-1', level: 'read_write' } };
    const { status, body } = await ok(api('/v1/tokens', asked));
    expect(status).toBe(201);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 900, level: 'read_write' });
    const again = (await ok(api('/v1/tokens', asked))).body;
    expect(again.session).toBe(body.session);
    const shown = { headers: { authorization: `Bearer ${body.access_token}` } };
    expect((await ok(api('/v1/me', shown))).body).toEqual({
      tenant: 'identity',
      id: 'ada-1',
      kind: 'agent',
      level: 'read_write',
      groups: [],
      token: { session: body.session, expires: expect.any(String) as string },
    });
    expect(slug(await api('/v1/tokens', { ...shown, json: { subject: 'bo-2' } }))).toBe('403 forbidden');
    const revoked = await ok(
      api('/v1/revocations', { as: 'human:ada', json: { kind: 'token', id: body.session, reason: 'lost' } }),
    );
    expect(revoked.body).toMatchObject({ revocations: { tokens: [{ session: body.session }] } });
    expect(slug(await api('/v1/me', shown))).toBe('401 unauthenticated');
    expect((await ok(api('/v1/revocations'))).body).toEqual(revoked.body.revocations);
  });

  test('what makes no sense is refused with its reason', async () => {
    const api = tenant('identity-2');
    const as = 'human:ada';
    expect(slug(await api('/v1/tokens', { as, json: { subject: 'human:eve' } }))).toBe('403 token-for-a-person');
    expect(slug(await api('/v1/tokens', { as, json: { subject: 'a b' } }))).toBe('400 invalid-request');
    expect(slug(await api('/v1/tokens', { as, json: { subject: 'bo-2', level: 'root' } }))).toBe('400 invalid-request');
    expect(slug(await api('/v1/tokens', { as: 'bo-2', json: { subject: 'bo-2' } }))).toBe(
      '403 token-not-yours-to-give',
    );
    const revoke = (json: object, by = as) => api('/v1/revocations', { as: by, json });
    expect(slug(await revoke({ kind: 'tenant', reason: 'why' }, 'bo-2'))).toBe('403 forbidden');
    expect(slug(await revoke({ kind: 'tenant' }))).toBe('400 invalid-request');
    expect(slug(await revoke({ kind: 'tenant', id: 'bo-2', reason: 'why' }))).toBe('400 invalid-request');
    expect(slug(await revoke({ kind: 'token', id: 'no token', reason: 'why' }))).toBe('422 token-id-invalid');
    expect(slug(await revoke({ kind: 'principal', id: 'bo-2', reason: '  ' }))).toBe('422 reason-invalid');
  });

  test('that tokens are bound to a key is demanded, shown and waived', async () => {
    const api = tenant('identity-3');
    const as = 'human:ada';
    const set = (json: object, by = as) => api('/v1/dpop', { method: 'PUT', as: by, json });
    expect((await ok(api('/v1/dpop'))).body).toEqual({ required_from: 'nothing' });
    const demanded = await ok(set({ required_from: 'execute', reason: 'tokens were found in a log' }));
    expect(demanded.body).toMatchObject({
      dpop: { required_from: 'execute' },
      receipt: { events: ['BindingRequired'] },
    });
    expect((await ok(api('/v1/dpop'))).body).toEqual({ required_from: 'execute' });

    const given = (await ok(api('/v1/tokens', { as, json: { subject: 'ada-1' } }))).body;
    const shown = { headers: { authorization: `Bearer ${given.access_token}` } };
    const me = (await ok(api('/v1/me', shown))).body;
    expect(me).toMatchObject({ level: 'read_write', token: { level_if_bound: 'execute' } });
    const refused = await api('/v1/tasks/missing/accept', { ...shown, json: { award: 1 } });
    expect([slug(refused), refused.headers['www-authenticate']]).toEqual([
      '401 unauthenticated',
      expect.stringMatching(/^DPoP .*error="invalid_token"/),
    ]);
    const dpop_jkt = 'x'.repeat(43);
    const bound = (await ok(api('/v1/tokens', { as, json: { subject: 'ada-1', dpop_jkt } }))).body;
    expect(bound.token_type).toBe('DPoP');
    expect(slug(await api('/v1/me', { headers: { authorization: `Bearer ${bound.access_token}` } }))).toBe(
      '401 unauthenticated',
    );
    expect(slug(await api('/v1/tokens', { as, json: { subject: 'ada-1', dpop_jkt: 'short' } }))).toBe(
      '400 invalid-request',
    );

    const waived = await ok(set({ required_from: 'nothing', reason: 'all agents are started anew first' }));
    expect(waived.body).toMatchObject({ receipt: { events: ['BindingWaived'] } });
    expect(slug(await api('/v1/tasks/missing/accept', { ...shown, json: { award: 1 } }))).toBe('404 task-not-found');
    expect(slug(await set({ required_from: 'read_only', reason: 'all' }))).toBe('400 invalid-request');
    expect(slug(await set({ required_from: 'execute', reason: ' ' }))).toBe('422 reason-invalid');
    expect(slug(await set({ required_from: 'execute', reason: 'why' }, 'bo-2'))).toBe('403 forbidden');
  });
});
