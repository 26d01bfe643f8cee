import { type Progress, type VolumeFacts, VolumeRefusal, type VolumeService } from '../../app/engine/ports-volumes';
import { eventually } from '../support/eventually';
import type { Opened } from './contract';

/** With a place elsewhere for copies, in which the pool `copies` is there. */
export type VolumesFactory = () => Promise<Opened<VolumeService>>;

const MEMORY = { pool: 'hot', volume: 'memory' };
type Asked<T> = () => Promise<T | VolumeRefusal>;

/** Asks again until it is done; what is refused or has failed ends the test. */
export async function done<T extends { readonly state: Progress }>(ask: Asked<T>): Promise<T> {
  const ready = async () => {
    const found = await ask();
    if (found instanceof VolumeRefusal || found.state === 'failed') throw new Error(JSON.stringify(found));
    return found.state === 'ready' ? found : undefined;
  };
  return await eventually(ready, { what: 'the service to be done' });
}

/** Holds for every VolumeService. `reopen` is another process. */
export function volumesContract(kind: string, factory: VolumesFactory): void {
  describe(`volumes contract: ${kind}`, () => {
    let opened: Opened<VolumeService>;
    let volumes: VolumeService;

    beforeEach(async () => {
      opened = await factory();
      volumes = opened.store;
    });
    afterEach(() => opened.close());

    const make = (of = MEMORY, gibibytes = 100): Promise<VolumeFacts> =>
      done(() => volumes.make({ ...of, level: 'Ultra', gibibytes }));
    const ours = async () => (await volumes.list()).map(({ pool, volume }) => `${pool}/${volume}`);

    test('a volume is begun, said to be underway, and there; asked again it is left as it is', async () => {
      expect(await volumes.make({ ...MEMORY, level: 'Ultra', gibibytes: 100 })).toMatchObject({ state: 'underway' });
      const made = await make();
      expect(made).toMatchObject({ ...MEMORY, state: 'ready', level: 'Ultra', gibibytes: 100 });
      expect(made.mount).toMatch(/^[\d.]+:\/memory$/);
      expect(await make(MEMORY, 200)).toEqual(made);
      expect(await volumes.find(MEMORY)).toEqual(made);
      expect(await volumes.levelOf('hot')).toBe('Ultra');
      expect(await volumes.list()).toEqual([made]);
    });

    test('what is not there is not found, has no level, and is refused with a reason', async () => {
      expect(await volumes.find(MEMORY)).toBeUndefined();
      expect(await volumes.levelOf('hot')).toBeUndefined();
      expect(await volumes.list()).toEqual([]);
      for (const ask of [
        () => volumes.snapshot(MEMORY, 'a'),
        () => volumes.restore(MEMORY, 'a', 'b'),
        () => volumes.tier(MEMORY, 30),
        () => volumes.move(MEMORY, 'cold'),
        () => volumes.replicate(MEMORY, 'copies'),
      ])
        expect(await ask()).toEqual({ said: expect.stringMatching(/./) });
    });

    test('snapshots are listed with the newest last, are taken once, and go', async () => {
      await make();
      expect(await volumes.snapshots(MEMORY)).toEqual([]);
      for (const name of ['b', 'a', 'b']) await done(() => volumes.snapshot(MEMORY, name));
      const found = await volumes.snapshots(MEMORY);
      expect(found.map(({ name, state }) => [name, state])).toEqual([
        ['b', 'ready'],
        ['a', 'ready'],
      ]);
      expect(found.map(({ id }) => id)).toEqual(['b', 'a'].map((name) => volumes.snapshotId(MEMORY, name)));
      expect(Date.parse(found[0]?.made_at ?? '')).toBeLessThan(Date.parse(found[1]?.made_at ?? ''));
      for (let time = 0; time < 2; time += 1) expect(await volumes.drop(MEMORY, 'b')).toBeUndefined();
      await eventually(async () => (await volumes.snapshots(MEMORY)).length === 1, { what: 'one to be left' });
    });

    test('a snapshot becomes a volume beside the one of which it is; another process goes on with it', async () => {
      await make();
      await done(() => volumes.snapshot(MEMORY, 'before'));
      expect(await volumes.restore(MEMORY, 'before', 'memory-2')).toMatchObject({ state: 'underway' });
      volumes = await opened.reopen();
      const restored = await done(() => volumes.restore(MEMORY, 'before', 'memory-2'));
      expect(restored).toMatchObject({ pool: 'hot', volume: 'memory-2', level: 'Ultra', gibibytes: 100 });
      expect(await ours()).toEqual(['hot/memory', 'hot/memory-2']);
    });

    test('a volume moves to another level with its snapshots', async () => {
      await make();
      await done(() => volumes.snapshot(MEMORY, 'before'));
      await done(() => volumes.make({ pool: 'cold', volume: 'other', level: 'Standard', gibibytes: 100 }));
      expect(await volumes.move(MEMORY, 'cold')).toMatchObject({ state: 'underway' });
      const moved = { pool: 'cold', volume: 'memory' };
      await eventually(() => volumes.find(moved), { what: 'it to have moved' });
      expect(await volumes.move(MEMORY, 'cold')).toMatchObject({ ...moved, state: 'ready', level: 'Standard' });
      expect(await volumes.find(MEMORY)).toBeUndefined();
      expect((await volumes.snapshots(moved)).map(({ name }) => name)).toEqual(['before']);
    });

    test('what nobody asks for becomes cheaper, also in a pool that did not know that', async () => {
      await make();
      const cooled = await eventually(
        async () => {
          const now = await done(() => volumes.tier(MEMORY, 30));
          return now.tiered_after_days === undefined ? undefined : now;
        },
        { what: 'it to be tiered' },
      );
      expect(cooled).toMatchObject({ state: 'ready', tiered_after_days: 30 });
      await done(() => volumes.tier(MEMORY, 60));
      await eventually(async () => (await volumes.find(MEMORY))?.tiered_after_days === 60, { what: '60 days' });
    });

    test('a copy elsewhere follows once its source has let it in', async () => {
      await make();
      const copy = await eventually(
        async () => {
          const now = await done(() => volumes.replicate(MEMORY, 'copies'));
          return now.replication?.mirror_state === 'Mirrored' ? now : undefined;
        },
        { what: 'the copy to follow' },
      );
      expect(copy).toMatchObject({ pool: 'copies', volume: 'memory', replication: { healthy: true } });
      expect(copy.region).not.toBe((await volumes.find(MEMORY))?.region);
      expect(await ours()).toEqual(['hot/memory', 'copies/memory']);
    });
  });
}
