/** Holds for every SubjectKeys. */
import type { SubjectKeys } from '../../app/engine/ports-personal';
import { newTenant } from '../support/commits';
import type { Factory, Opened } from './contract';

const keyOf = (seed: number) => Buffer.alloc(60, seed);

export function subjectKeysContract(name: string, factory: Factory<SubjectKeys>): void {
  describe(`subject keys contract: ${name}`, () => {
    let opened: Opened<SubjectKeys>;
    let keys: SubjectKeys;
    let tenant: string;

    beforeAll(async () => {
      opened = await factory();
      keys = opened.store;
    });
    afterAll(() => opened.close());
    beforeEach(() => {
      tenant = newTenant();
    });

    /** What is kept, as text. */
    const found = async (subject: string, of = tenant) => {
      const kept = await keys.find(of, subject);
      return kept instanceof Uint8Array ? Buffer.from(kept).toString('hex') : kept;
    };
    const hex = (seed: number) => keyOf(seed).toString('hex');

    test('there is none before it is kept, and then the first one is, whoever comes later', async () => {
      expect(await found('ada')).toBeUndefined();
      expect(Buffer.from((await keys.keep(tenant, 'ada', keyOf(1))) as Uint8Array)).toEqual(keyOf(1));
      expect(Buffer.from((await keys.keep(tenant, 'ada', keyOf(2))) as Uint8Array)).toEqual(keyOf(1));
      expect(await found('ada')).toBe(hex(1));
    });

    test('of many at once one is first, and all are given that one', async () => {
      const kept = await Promise.all(Array.from({ length: 10 }, (_, i) => keys.keep(tenant, 'ada', keyOf(i + 1))));
      expect(new Set(kept.map((one) => Buffer.from(one as Uint8Array).toString('hex'))).size).toBe(1);
    });

    test('keys of other tenants, and under names that differ in case alone, are others', async () => {
      const other = newTenant();
      await keys.keep(tenant, 'ada', keyOf(1));
      await keys.keep(tenant, 'Ada', keyOf(2));
      await keys.keep(other, 'ada', keyOf(3));
      await keys.destroy(tenant, 'ada');
      expect([await found('ada'), await found('Ada'), await found('ada', other)]).toEqual(['erased', hex(2), hex(3)]);
    });

    test('one that was destroyed is gone, and none comes after it', async () => {
      await keys.keep(tenant, 'ada', keyOf(1));
      await keys.destroy(tenant, 'ada');
      await keys.destroy(tenant, 'ada');
      expect(await found('ada')).toBe('erased');
      expect(await keys.keep(tenant, 'ada', keyOf(2))).toBe('erased');
      keys = await opened.reopen();
      expect([await found('ada'), await keys.keep(tenant, 'ada', keyOf(3))]).toEqual(['erased', 'erased']);
    });

    test('where there was none, none comes any more either', async () => {
      await keys.destroy(tenant, 'ada');
      expect(await keys.keep(tenant, 'ada', keyOf(1))).toBe('erased');
    });

    test('what is kept at the same time as it is destroyed is destroyed', async () => {
      for (let i = 0; i < 10; i += 1) {
        await Promise.all([keys.keep(tenant, `ada-${i}`, keyOf(1)), keys.destroy(tenant, `ada-${i}`)]);
        expect(await found(`ada-${i}`)).toBe('erased');
      }
    });

    test('it is kept over a restart', async () => {
      await keys.keep(tenant, 'ada', keyOf(1));
      keys = await opened.reopen();
      expect(await found('ada')).toBe(hex(1));
    });
  });
}
