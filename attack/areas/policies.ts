/** Bundles of policy: brought in by who may not, alone, unseen, or made of something else than they say. */
import { createHash } from 'node:crypto';
import type { BundleFiles } from '../../app/engine/ports-policy';
import { shippedBundle } from '../../host/policy';
import { asks, type Attempt, family, tries } from '../attempt';
import type { World } from '../world';

type Files = Readonly<Record<string, Uint8Array>>;

interface Scene {
  readonly files: BundleFiles;
  /** Staged by `writer`, and not in the shadow. */
  readonly staged: string;
  /** In the shadow. */
  readonly shadowed: string;
  readonly inForce: string;
}

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const bytesOf = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const manifestOf = (files: Files) =>
  JSON.parse(Buffer.from(files['manifest.json'] as Uint8Array).toString()) as Record<string, unknown>;

/** The bundle with another file, and a manifest that says so. */
function withFile(files: BundleFiles, name: 'data.json' | 'policy.wasm', bytes: Uint8Array): Files {
  const manifest = manifestOf(files);
  const hashes = { ...(manifest['files'] as object), [name]: hashOf(bytes) };
  return { ...files, [name]: bytes, 'manifest.json': bytesOf({ ...manifest, files: hashes }) };
}
const withManifest = (files: BundleFiles, more: object): Files => ({
  ...files,
  'manifest.json': bytesOf({ ...manifestOf(files), ...more }),
});

const body = (files: Files, more: object = {}) => ({
  files: Object.fromEntries(
    Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]),
  ),
  reason: 'attack',
  ...more,
});
const stage = async (world: World, files: Files) =>
  (await world.done('/v1/policy/bundles', { as: 'writer', json: body(files) })).bundle as string;

async function scene(world: World): Promise<Scene> {
  const files = await shippedBundle();
  const [staged, shadowed] = [
    await stage(world, withManifest(files, { revision: 'staged' })),
    await stage(world, withManifest(files, { revision: 'shadowed' })),
  ];
  await world.done(`/v1/policy/bundles/${shadowed}/shadow`, { as: 'writer', json: { reason: 'look' } });
  const { in_force } = await world.done('/v1/policy', { as: 'reader' });
  return { files, staged, shadowed, inForce: in_force.bundle as string };
}

const steers = (
  id: string,
  what: string,
  as: string,
  expected: string | readonly string[],
  step: string,
  of: (it: Scene) => string,
  more: object = {},
): Attempt<Scene> =>
  asks<Scene>(id, what, expected, (it) => [
    `/v1/policy/bundles/${of(it)}/${step}`,
    { as, json: { reason: 'attack', ...more } },
  ]);
const stages = (
  id: string,
  what: string,
  expected: string | readonly string[],
  make: (it: Scene) => Files,
  as = 'writer',
): Attempt<Scene> =>
  asks<Scene>(id, `stage a bundle ${what}`, expected, (it) => ['/v1/policy/bundles', { as, json: body(make(it)) }]);
const INVALID = '422 bundle-invalid';

const rollout = family<Scene>('policies', 'bundles', {
  prepare: scene,
  attempts: [
    stages('tenant', 'as an administrator of a tenant', '403 platform-decides', ({ files }) => files, 'admin'),
    stages('agent', 'as an agent', ['403 platform-decides', '403 policy-author-needed'], ({ files }) => files, 'ant'),
    stages('viewer', 'as a viewer of the platform', '403 forbidden', ({ files }) => files, 'reader'),
    steers(
      'own',
      "activate one's own bundle",
      'writer',
      '409 second-person-activates',
      'activate',
      ({ shadowed }) => shadowed,
    ),
    steers(
      'own-urgent',
      "activate one's own bundle, because it is urgent",
      'writer',
      '409 second-person-activates',
      'activate',
      ({ staged }) => staged,
      { urgent: true },
    ),
    steers(
      'service',
      'activate a bundle as a service',
      'ops',
      '403 person-activates',
      'activate',
      ({ shadowed }) => shadowed,
    ),
    steers(
      'unseen',
      'activate a bundle that never stood in the shadow',
      'pia',
      '409 policy-not-shadowed',
      'activate',
      ({ staged }) => staged,
    ),
    steers('unknown', 'activate a bundle that nobody staged', 'pia', '409 policy-not-staged', 'activate', () =>
      'f'.repeat(64),
    ),
    steers(
      'climbing',
      'activate a bundle by a path that climbs',
      'pia',
      ['400 invalid-request', '404 not-found'],
      'activate',
      () => '..%2F..%2Fpolicy',
    ),
    steers(
      'tenant-activates',
      'activate a bundle as an administrator of a tenant',
      'admin',
      '403 platform-decides',
      'activate',
      ({ shadowed }) => shadowed,
    ),
    steers(
      'tenant-rolls-back',
      'roll policy back as an administrator of a tenant',
      'admin',
      '403 platform-decides',
      'roll-back',
      ({ inForce }) => inForce,
    ),
    steers(
      'nothing-before',
      'roll back what ships',
      'pia',
      ['409 policy-nothing-before', '409 policy-not-in-force'],
      'roll-back',
      ({ inForce }) => inForce,
    ),
    steers(
      'not-in-force',
      'roll back what is not in force',
      'pia',
      '409 policy-not-in-force',
      'roll-back',
      ({ staged }) => staged,
    ),
    steers(
      'diff',
      'have the decisions of all tenants compared, as an administrator of a tenant',
      'admin',
      '403 platform-decides',
      'diff',
      ({ staged }) => staged,
      { reason: undefined, last: 10 },
    ),
    asks<Scene>('list', 'list the bundles, as an administrator of a tenant', '403 platform-decides', () => [
      '/v1/policy/bundles',
      { as: 'admin' },
    ]),
    stages('byte', 'with one byte of the rules changed', INVALID, ({ files }) => {
      const wasm = Buffer.from(files['policy.wasm']);
      wasm[wasm.length - 20]! ^= 1;
      return { ...files, 'policy.wasm': wasm };
    }),
    stages('data-byte', 'with one byte of the data changed', INVALID, ({ files }) => ({
      ...files,
      'data.json': Buffer.concat([files['data.json'], Buffer.from(' ')]),
    })),
    stages('no-wasm', 'whose rules are eight bytes', INVALID, ({ files }) =>
      withFile(files, 'policy.wasm', Buffer.from('0061736d01000000', 'hex')),
    ),
    stages('garbage', 'whose rules are no WebAssembly', INVALID, ({ files }) =>
      withFile(files, 'policy.wasm', Buffer.from('#!/bin/sh')),
    ),
    stages('cut', 'whose rules are cut', INVALID, ({ files }) =>
      withFile(files, 'policy.wasm', files['policy.wasm'].subarray(0, 1_000)),
    ),
    stages('zip', 'whose rules are compressed', INVALID, ({ files }) =>
      withFile(files, 'policy.wasm', Buffer.from('1f8b0800000000000003', 'hex')),
    ),
    stages('data-list', 'whose data are a list', INVALID, ({ files }) => withFile(files, 'data.json', bytesOf([]))),
    stages('data-text', 'whose data are no JSON', INVALID, ({ files }) => withFile(files, 'data.json', bytesOf('{'))),
    stages('data-large', 'with data of three million bytes', [INVALID, '413 payload-too-large'], ({ files }) =>
      withFile(files, 'data.json', bytesOf({ config: 'x'.repeat(3_000_000) })),
    ),
    stages('manifest-more', 'whose manifest says more', INVALID, ({ files }) =>
      withManifest(files, { activate: true }),
    ),
    stages('manifest-nothing', 'that answers nothing', INVALID, ({ files }) =>
      withManifest(files, { entrypoints: {} }),
    ),
    stages('manifest-other', 'that answers by a rule it has not', INVALID, ({ files }) =>
      withManifest(files, { entrypoints: { 'formicary/allow/all': ['task.post'] } }),
    ),
    stages('manifest-helper', 'that answers by what is no decision', INVALID, ({ files }) =>
      withManifest(files, { entrypoints: { 'formicary/entitlement/granted': ['task.post'] } }),
    ),
    stages('manifest-twice', 'in which two rules answer the same', INVALID, ({ files }) =>
      withManifest(files, {
        entrypoints: { 'formicary/assignment/decision': ['task.post'], 'formicary/gate/decision': ['task.post'] },
      }),
    ),
    stages('manifest-prototype', 'that answers by what every object has', INVALID, ({ files }) =>
      withManifest(files, { entrypoints: { constructor: ['task.post'] } }),
    ),
    stages('manifest-doubled', 'whose manifest has a name twice', INVALID, ({ files }) => ({
      ...files,
      'manifest.json': bytesOf(Buffer.from(files['manifest.json']).toString().replace('{', '{"name":"other",')),
    })),
    stages('manifest-path', 'whose name climbs', INVALID, ({ files }) =>
      withManifest(files, { revision: '../../etc' }),
    ),
    asks<Scene>('file-more', 'stage a bundle with a file more', '400 invalid-request', ({ files }) => [
      '/v1/policy/bundles',
      { as: 'writer', json: body({ ...files, '../../../policy.wasm': Buffer.from('x') }) },
    ]),
    asks<Scene>('file-less', 'stage a bundle without its data', '400 invalid-request', ({ files }) => [
      '/v1/policy/bundles',
      { as: 'writer', json: body({ 'policy.wasm': files['policy.wasm'], 'manifest.json': files['manifest.json'] }) },
    ]),
    stages('in-force', 'that is in force already', '409 policy-in-force', ({ files }) => files),
    tries<Scene>(
      'replayed',
      'activate a bundle again that was rolled back',
      '409 policy-not-staged',
      async (world, { files }) => {
        const old = await stage(world, withManifest(files, { revision: 'old' }));
        await world.done(`/v1/policy/bundles/${old}/shadow`, { as: 'writer', json: { reason: 'look' } });
        await world.done(`/v1/policy/bundles/${old}/activate`, { as: 'pia', json: { reason: 'good' } });
        await world.done(`/v1/policy/bundles/${old}/roll-back`, { as: 'pia', json: { reason: 'bad' } });
        return await world.says(`/v1/policy/bundles/${old}/activate`, {
          as: 'pat',
          json: { reason: 'again', urgent: true },
        });
      },
      ['policy'],
    ),
  ],
  control: {
    does: 'a second person activates what stood in the shadow, and rolls it back',
    expected: '200',
    async run(world, { shadowed }) {
      const [last] = [await scene(world)];
      await world.done(`/v1/policy/bundles/${last.shadowed}/activate`, { as: 'pia', json: { reason: 'good' } });
      return await world.says(`/v1/policy/bundles/${shadowed}/roll-back`, { as: 'pia', json: { reason: 'bad' } });
    },
  },
});

export const policies = [rollout];
