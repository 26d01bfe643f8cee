/** Volumes over HTTP: those of a test server in the profile azure, and none elsewhere. */
import { eventually } from '../../support/eventually';
import { PROFILE } from '../../support/host';
import { events, ok, slug, tenant } from './world';

const AT = '/v1/volumes/payloads/payloads';
const platform = tenant('platform');
const reason = 'a drill';
const put = (path: string, json: object, api = platform) => api(path, { method: 'PUT', json });
const WANTED = { level: 'Premium', gibibytes: 100, reason };

/** Asks for the same until the service is done. */
const done = (ask: () => ReturnType<typeof platform>, of: 'volume' | 'snapshot' = 'volume') =>
  eventually(async () => {
    const { body } = await ok(ask());
    return body[of].state === 'ready' ? body : undefined;
  });

describe('volumes', () => {
  const asked: readonly [path: string, json: object][] = [
    [`${AT}/snapshots`, { reason }],
    [`${AT}/restore`, { snapshot: 'a', into: 'b', reason }],
    [`${AT}/move`, { to: 'cold', reason }],
    [`${AT}/tiering`, { reason }],
    [`${AT}/replication`, { pool: 'copies', reason }],
  ];

  test('people of other tenants are told nothing, and do nothing', async () => {
    const api = tenant('curious');
    for (const path of ['/v1/volumes', `${AT}/snapshots`]) expect(slug(await api(path))).toBe('403 platform-only');
    for (const [path, json] of asked) expect(slug(await api(path, { json }))).toBe('403 platform-only');
    expect(slug(await put(AT, WANTED, api))).toBe('403 platform-only');
  });

  if (PROFILE === 'embedded') {
    test('a host that keeps none says so', async () => {
      expect((await ok(platform('/v1/volumes'))).body).toEqual({ value: [] });
      expect(slug(await platform(`${AT}/snapshots`))).toBe('409 volumes-off');
      for (const [path, json] of asked) expect(slug(await platform(path, { json }))).toBe('409 volumes-off');
      expect(slug(await put(AT, WANTED))).toBe('409 volumes-off');
    });
    return;
  }

  test('a checkpoint of an agent is taken, and restored as a volume of its own', async () => {
    const taken = await ok(platform(`${AT}/snapshots`, { json: { agent: 'recon-7', reason } }));
    expect(taken.body.receipt).toMatchObject({
      stream: 'platform/volume/payloads:payloads',
      events: ['SnapshotRequested'],
    });
    const { name, id } = taken.body.snapshot as { name: string; id: string };
    expect(name).toMatch(/^agent-recon-7-\d{4}-\d\d-\d\dT/);
    expect(id).toMatch(new RegExp(`/volumes/payloads/snapshots/${name}$`));
    const again = await done(() => platform(`${AT}/snapshots`, { json: { name, reason } }), 'snapshot');
    expect(again.receipt).toMatchObject({ events: [], repeated: true });
    expect((await ok(platform(`${AT}/snapshots`))).body.value).toContainEqual(
      expect.objectContaining({ name, id, state: 'ready' }),
    );
    const json = { snapshot: name, into: 'payloads-2', reason };
    const restored = await done(() => platform(`${AT}/restore`, { json }));
    expect(restored.volume).toMatchObject({ pool: 'payloads', volume: 'payloads-2', gibibytes: 100 });
    expect(slug(await platform(`${AT}/restore`, { json: { ...json, snapshot: 'another' } }))).toBe('409 volume-exists');
    expect(await events(platform, 'volume', 'payloads:payloads')).toEqual(['SnapshotRequested', 'RestoreRequested']);
  });

  test('a volume is made, becomes cheaper with time, is copied elsewhere, and moves to another level', async () => {
    const at = '/v1/volumes/payloads/notes';
    const made = await done(() => put(at, WANTED));
    expect(made.volume).toMatchObject({ pool: 'payloads', volume: 'notes', region: 'westeurope', level: 'Premium' });
    const ask = (path: string, json: object) => () => platform(`${at}/${path}`, { json: { ...json, reason } });
    await eventually(async () => (await done(ask('tiering', {}))).volume.tiered_after_days === 30);
    const copied = ask('replication', { pool: 'copies' });
    await eventually(async () => (await done(copied)).volume.replication?.mirror_state === 'Mirrored');
    const move = await ok(ask('move', { to: 'cold' })());
    expect(move.body.receipt.events).toEqual(['MoveRequested']);
    const listed = async () => (await ok(platform('/v1/volumes'))).body.value as Record<string, unknown>[];
    const moved = await eventually(async () =>
      (await listed()).find(({ pool, volume, state }) => pool === 'cold' && volume === 'notes' && state === 'ready'),
    );
    expect(moved).toMatchObject({ level: 'Standard', tiered_after_days: 30 });
    expect(await listed()).toContainEqual(
      expect.objectContaining({ pool: 'copies', volume: 'notes', region: 'northeurope' }),
    );
  });

  test('what is not there, and what the service refuses, is refused with its reason', async () => {
    const none = '/v1/volumes/payloads/none';
    expect(slug(await platform(`${none}/snapshots`))).toBe('404 volume-not-found');
    expect(slug(await platform(`${none}/snapshots`, { json: { reason } }))).toBe('404 volume-not-found');
    expect(slug(await platform(`${AT}/move`, { json: { to: 'nowhere', reason } }))).toBe('404 volume-not-found');
    const refused = await platform(`${AT}/replication`, { json: { pool: 'nowhere', reason } });
    expect(slug(refused)).toBe('409 volume-refused');
    expect(refused.body.detail).toContain('not found');
    expect(slug(await put('/v1/volumes/huge/huge', { ...WANTED, gibibytes: 1 }))).toBe('400 invalid-request');
  });
});
