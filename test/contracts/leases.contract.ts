import type { Leases } from '../../app/engine/ports-leases';
import { newTenant } from '../support/commits';
import { type Factory, HOSTILE, type Opened } from './contract';

/** Holds for every Leases. */
export function leasesContract(kind: string, factory: Factory<Leases>): void {
  describe(`leases contract: ${kind}`, () => {
    let opened: Opened<Leases>;
    let leases: Leases;
    let name: string;
    const at = Date.parse('2026-11-21T10:00:00.000Z');

    beforeAll(async () => {
      opened = await factory();
      leases = opened.store;
    });
    afterAll(() => opened.close());
    beforeEach(() => {
      name = newTenant();
    });

    const hold = (holder: string, after = 0, seconds = 30) => leases.hold({ name, holder, at: at + after, seconds });

    test('the first has it and keeps it, whoever else asks, until it has ended', async () => {
      expect([await hold('a'), await hold('b'), await hold('a', 20_000), await hold('b', 49_999)]).toEqual([
        true,
        false,
        true,
        false,
      ]);
      expect([await hold('b', 50_000), await hold('a', 50_001)]).toEqual([true, false]);
    });

    test('of many at once one gets it, and of many who find it ended too', async () => {
      const all = Array.from({ length: 12 }, (_, i) => `process-${i}`);
      const holding = async (after: number) =>
        (await Promise.all(all.map((holder) => hold(holder, after)))).filter((held) => held).length;
      expect(await holding(0)).toBe(1);
      expect(await holding(30_000)).toBe(1);
    });

    test('what is given up is free at once; nobody gives up what is another one’s', async () => {
      await hold('a');
      await leases.release({ name, holder: 'b' });
      expect(await hold('b')).toBe(false);
      await leases.release({ name, holder: 'a' });
      await leases.release({ name, holder: 'a' });
      expect([await hold('b'), await hold('a')]).toEqual([true, false]);
    });

    test('others are others, and who held one may hold it again after a restart', async () => {
      await hold('a');
      expect(await leases.hold({ name: newTenant(), holder: 'b', at, seconds: 30 })).toBe(true);
      leases = await opened.reopen();
      expect([await hold('b'), await hold('a')]).toEqual([false, true]);
    });

    test.each(HOSTILE)('names and holders are only text: %j', async (text) => {
      const claim = { name: `${name}${text}`, holder: text, at, seconds: 30 };
      expect(await leases.hold(claim)).toBe(true);
      expect(await leases.hold({ ...claim, holder: `${text} ` })).toBe(false);
      expect(await leases.hold({ ...claim, name: `${claim.name} `, holder: `${text} ` })).toBe(true);
    });
  });
}
