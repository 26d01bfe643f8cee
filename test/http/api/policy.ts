/** The roll-out of policy, over HTTP. */
import type { BundleFiles } from '../../../app/engine/ports-policy';
import { bundleWith, nameOf } from '../../policy/bundles';
import { eventually } from '../../support/eventually';
import { ok, post, slug, tenant } from './world';

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const sent = (files: BundleFiles, reason = 'new limits') => ({
  files: {
    'policy.wasm': base64(files['policy.wasm']),
    'data.json': base64(files['data.json']),
    'manifest.json': base64(files['manifest.json']),
  },
  reason,
});

describe('policy', () => {
  const platform = tenant('platform');
  const at = (bundle: string, step: string, as: string, json: object = { reason: 'because' }) =>
    platform(`/v1/policy/bundles/${bundle}/${step}`, { as, json });

  test('rolls out by two people, and back by one; the shadow and the past say what would differ', async () => {
    const files = await bundleWith({ 'pool.change-objective': 'critical' }, 'api');
    const bundle = nameOf(files);
    const before = (await ok(platform('/v1/policy'))).body;
    expect(before).toMatchObject({
      in_force: { bundle: before.shipped, status: 'in_force' },
      revision: expect.any(String),
    });
    expect(Object.values(before.entrypoints).flat()).toContain('task.post');
    const staged = await ok(platform('/v1/policy/bundles', { as: 'human:ada', json: sent(files) }));
    expect([staged.status, staged.body]).toMatchObject([201, { bundle, receipt: { events: ['PolicyStaged'] } }]);
    expect((await ok(platform('/v1/policy/bundles'))).body.value).toMatchObject([
      { bundle: before.shipped, status: 'in_force' },
      { bundle, status: 'staged', by: 'human:ada', reason: 'new limits', version: 'default api' },
    ]);
    const first = (await ok(platform('/v1/policy/bundles?limit=1'))).body;
    expect([first.value.length, (await ok(platform(first.nextLink))).body.value[0].bundle]).toEqual([1, bundle]);
    expect(slug(await platform('/v1/policy/bundles?continuation=x'))).toBe('400 invalid-request');

    expect(slug(await at(bundle, 'activate', 'human:bob'))).toBe('409 policy-not-shadowed');
    expect((await ok(at(bundle, 'shadow', 'human:ada'))).body.policy.shadow).toBe(bundle);
    const api = tenant('policy');
    await ok(api('/v1/agents/ann', { method: 'PUT', as: 'ann', json: { agent_type: 'clerk' } }));
    await post(api, { id: 't1' });
    const counted = await eventually(async () => {
      const { shadow } = (await ok(platform('/v1/policy/shadow'))).body;
      return shadow?.asked > 0 && shadow;
    });
    expect(counted).toMatchObject({ bundle, in_force: before.shipped, not_compared: 0 });
    const diff = await ok(at(bundle, 'diff', 'human:ada', { last: 100 }));
    expect(diff.body).toMatchObject({ bundle, in_force: before.shipped, differing: 0 });
    expect(diff.body.asked).toBeGreaterThan(0);
    expect(slug(await at('0'.repeat(64), 'diff', 'human:ada', {}))).toBe('404 unknown-bundle');

    expect(slug(await at(bundle, 'activate', 'human:Ada'))).toBe('409 second-person-activates');
    expect(slug(await at(bundle, 'activate', 'service:ops'))).toBe('403 person-activates');
    expect((await ok(at(bundle, 'activate', 'human:bob'))).body.policy).toMatchObject({
      in_force: { bundle, by: 'human:bob', reason: 'because' },
      revision: 'default api',
    });
    expect((await ok(platform('/v1/policy/shadow'))).body).toEqual({});
    await post(api, { id: 't2' });
    expect((await ok(api('/v1/policy/explain?receipt=policy%2Ftask%2Ft2%400'))).body).toMatchObject({
      outcome: 'agrees',
      action: 'task.post',
      stands: { bundle, decision: 'allow', entrypoint: 'formicary/assignment/decision' },
    });
    expect((await ok(at(bundle, 'roll-back', 'human:eve'))).body.policy.in_force).toMatchObject({
      bundle: before.shipped,
      by: 'human:eve',
    });
    expect((await ok(at(bundle, 'roll-back', 'human:bob'))).body.receipt.events).toEqual([]);
    // The decision stands, and is made again by what is in force no more.
    expect((await ok(api('/v1/policy/explain?receipt=policy%2Ftask%2Ft2%400'))).body.outcome).toBe('agrees');
  });

  test('is nobody else’s, and takes no file that is none', async () => {
    const other = tenant('policy-other');
    const files = await bundleWith({}, 'form');
    const bundle = nameOf(files);
    expect(slug(await other('/v1/policy/bundles', { json: sent(files) }))).toBe('403 platform-decides');
    expect(slug(await other('/v1/policy/bundles'))).toBe('403 platform-decides');
    expect(slug(await other('/v1/policy/shadow'))).toBe('403 platform-decides');
    expect(slug(await platform('/v1/policy/bundles', { as: 'ant', json: sent(files) }))).toMatch(/^403 /);
    expect((await ok(other('/v1/policy'))).body.in_force.status).toBe('in_force');
    const broken = { ...files, 'policy.wasm': Buffer.from('not wasm') };
    expect(slug(await platform('/v1/policy/bundles', { json: sent(broken) }))).toBe('422 bundle-invalid');
    expect(slug(await platform('/v1/policy/bundles', { json: { ...sent(files), files: {} } }))).toBe(
      '400 invalid-request',
    );
    expect(slug(await platform('/v1/policy/bundles', { json: sent(files, '') }))).toBe('400 invalid-request');
    const large = { ...files, 'policy.wasm': Buffer.alloc(7_000_000) };
    expect((await platform('/v1/policy/bundles', { json: sent(large) })).status).toBe(413);
    expect(slug(await at('zz', 'shadow', 'human:ada'))).toBe('400 invalid-request');
    expect(slug(await at(bundle, 'shadow', 'human:ada'))).toBe('409 policy-not-staged');
    const again = { 'idempotency-key': 'stage-once' };
    const first = await ok(platform('/v1/policy/bundles', { json: sent(files), headers: again }));
    expect(
      (await ok(platform('/v1/policy/bundles', { json: sent(files), headers: again }))).body.receipt,
    ).toMatchObject({
      repeated: true,
      version: first.body.receipt.version,
    });
    expect((await ok(at(bundle, 'withdraw', 'human:ada'))).body.receipt.events).toEqual(['PolicyWithdrawn']);
    expect(slug(await other('/v1/policy/explain?receipt=policy%2Ftask%2Ft2%400'))).toBe('404 unknown-receipt');
  });
});
