/** What is asked of volumes, what is written of it, and what is the same again. */
import {
  checkpointName,
  makeVolume,
  MAX_SNAPSHOTS,
  moveVolume,
  removeSnapshot,
  replicateVolume,
  restoreSnapshot,
  savingsPct,
  SNAPSHOT_PATTERN,
  takeSnapshot,
  tierVolume,
  volumeDecider,
  type VolumeEvent,
  volumeId,
  volumesHidden,
} from '../../domain/volumes/volume';
import { given } from '../support/given';

const of = { pool: 'hot', volume: 'memory' };
const asking = { ...of, who: { id: 'human:pia' }, reason: 'why' };
const said = { ...of, by: 'human:pia', reason: 'why' };
const taken = (snapshot: string, agent?: string): VolumeEvent => ({
  type: 'SnapshotRequested',
  v: 1,
  data: { ...said, snapshot, snapshot_id: `id of ${snapshot}`, ...(agent !== undefined && { agent }) },
});
const take = (name: string, agent?: string, isThere = true) =>
  takeSnapshot(asking, { name, id: `id of ${name}`, isThere }, agent);

test('a snapshot is asked for once by its name, for an agent or for nobody, and again once it is gone', () => {
  given(volumeDecider, [])
    .when(take('a'))
    .then([taken('a')])
    .thenRepeatedNothing();
  given(volumeDecider, [taken('b')])
    .when(take('a', 'recon-7'))
    .then([taken('a', 'recon-7')]);
  given(volumeDecider, [taken('a')])
    .when(take('a', undefined, false))
    .then([taken('a')]);
  const removed: VolumeEvent = { type: 'SnapshotRemovalRequested', v: 1, data: { ...said, snapshot: 'a' } };
  given(volumeDecider, [taken('a')])
    .when(removeSnapshot(asking, 'a'))
    .then([removed])
    .thenRepeatedNothing();
  given(volumeDecider, [taken('a'), removed, taken('a')])
    .when(removeSnapshot(asking, 'a'))
    .then([removed]);
  given(volumeDecider, [taken('a'), removed])
    .when(take('a'))
    .then([taken('a')]);
});

test('no more names are remembered than there can be snapshots', () => {
  const many = Array.from({ length: MAX_SNAPSHOTS + 5 }, (_, i) => taken(`s${i}`));
  given(volumeDecider, many).thenState(({ snapshots }) => {
    expect([snapshots.length, snapshots[0], snapshots.at(-1)]).toEqual([MAX_SNAPSHOTS, 's5', `s${MAX_SNAPSHOTS + 4}`]);
  });
});

test('a volume is made of a snapshot once; a name that is taken is refused, also of what nobody asked for here', () => {
  const restored: VolumeEvent = { type: 'RestoreRequested', v: 1, data: { ...said, snapshot: 'a', into: 'b' } };
  given(volumeDecider, [])
    .when(restoreSnapshot(asking, 'a', 'b', false))
    .then([restored]);
  given(volumeDecider, [restored])
    .when(restoreSnapshot(asking, 'a', 'b', true))
    .thenNothing();
  given(volumeDecider, [restored])
    .when(restoreSnapshot(asking, 'a', 'b', false))
    .then([restored]);
  given(volumeDecider, [restored])
    .when(restoreSnapshot(asking, 'c', 'b', true))
    .thenRejected('volume-exists');
  given(volumeDecider, [])
    .when(restoreSnapshot(asking, 'a', 'constructor', true))
    .thenRejected('volume-exists');
});

test('a move says what it saves; while it is underway the same again changes nothing, and later it is another', () => {
  const move = (isUnderway: boolean) => moveVolume(asking, 'cold', { from: 'Ultra', to: 'Standard' }, isUnderway);
  const moved: VolumeEvent = {
    type: 'MoveRequested',
    v: 1,
    data: { ...said, to: 'cold', level: 'Standard', cost_savings_pct: 70 },
  };
  given(volumeDecider, []).when(move(false)).then([moved]);
  given(volumeDecider, [moved]).when(move(true)).thenNothing();
  given(volumeDecider, [moved]).when(move(false)).then([moved]);
});

test('tiering, copies and volumes are asked for once as they are, and again once they are gone', () => {
  given(volumeDecider, [])
    .when(tierVolume(asking, 30, 'Premium'))
    .then([{ type: 'TieringRequested', v: 1, data: { ...said, after_days: 30, cost_savings_pct: 55 } }])
    .thenRepeatedNothing();
  given(volumeDecider, [])
    .when(replicateVolume(asking, 'copies', true))
    .then([{ type: 'ReplicationRequested', v: 1, data: { ...said, to: 'copies' } }])
    .thenRepeatedNothing();
  const replicated: VolumeEvent = { type: 'ReplicationRequested', v: 1, data: { ...said, to: 'copies' } };
  given(volumeDecider, [replicated])
    .when(replicateVolume(asking, 'copies', false))
    .then([replicated]);
  const made: VolumeEvent = { type: 'VolumeRequested', v: 1, data: { ...said, level: 'Ultra', gibibytes: 100 } };
  given(volumeDecider, [])
    .when(makeVolume(asking, 'Ultra', 100, true))
    .then([made])
    .thenRepeatedNothing();
  given(volumeDecider, [made])
    .when(makeVolume(asking, 'Ultra', 100, false))
    .then([made]);
  given(volumeDecider, [made])
    .when(makeVolume(asking, 'Ultra', 200, true))
    .then([{ ...made, data: { ...made.data, gibibytes: 200 } }]);
});

test('people of other tenants see nothing of it', () => {
  expect(volumesHidden('platform')).toBeUndefined();
  expect(volumesHidden('contoso')).toMatchObject({ kind: 'forbidden', code: 'platform-only' });
});

test('names: no case is told apart in a stream, and every checkpoint has one that the service takes', () => {
  expect(volumeId({ pool: 'Hot', volume: 'Memory' })).toBe('hot:memory');
  const at = '2026-11-30T13:00:00.000Z';
  expect(checkpointName('recon-7', at)).toBe('agent-recon-7-2026-11-30T13-00-00-000Z');
  for (const agent of [undefined, 'a.b~c:d', 'x'.repeat(128)])
    expect(checkpointName(agent, at)).toMatch(SNAPSHOT_PATTERN);
  for (const name of ['', '.a', 'a..b', 'a/b', 'ä', 'x'.repeat(201)]) expect(name).not.toMatch(SNAPSHOT_PATTERN);
});

test('what a level costs is told in per cent of another one', () => {
  expect([savingsPct('Ultra', 'Standard'), savingsPct('Premium', 'Standard'), savingsPct('Ultra', 'Ultra')]).toEqual([
    70, 55, 0,
  ]);
  expect(savingsPct('Standard', 'Ultra')).toBeLessThan(0);
});
