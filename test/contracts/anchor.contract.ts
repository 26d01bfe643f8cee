/** Holds for every Anchor. */
import { type Anchor, OtherCheckpoint } from '../../app/engine/ports';
import { newTenant } from '../support/commits';

export interface OpenedAnchor {
  readonly anchor: Anchor;
  /** What is kept of a tenant: names below the anchor, in order, with what each holds. */
  kept(tenant: string): Promise<readonly (readonly [name: string, note: string])[]>;
}

export function anchorContract(name: string, opened: () => OpenedAnchor): void {
  describe(`anchor contract: ${name}`, () => {
    test('each checkpoint is kept under its size, and again is harmless', async () => {
      const { anchor, kept } = opened();
      const tenant = newTenant();
      await anchor.keep(tenant, 1_000, 'the second — with a dash\n');
      await anchor.keep(tenant, 2, 'the first\n');
      await anchor.keep(tenant, 2, 'the first\n');
      expect(await kept(tenant)).toEqual([
        [`${tenant}/000000000002.checkpoint`, 'the first\n'],
        [`${tenant}/000000001000.checkpoint`, 'the second — with a dash\n'],
      ]);
    });

    test('another checkpoint of the same size is refused, and what is kept stays', async () => {
      const { anchor, kept } = opened();
      const tenant = newTenant();
      await anchor.keep(tenant, 2, 'one past\n');
      await expect(anchor.keep(tenant, 2, 'another past\n')).rejects.toThrow(OtherCheckpoint);
      expect(await kept(tenant)).toEqual([[`${tenant}/000000000002.checkpoint`, 'one past\n']]);
    });

    test('tenants are apart, and what is no tenant is kept nowhere', async () => {
      const { anchor, kept } = opened();
      const [tenant, other] = [newTenant(), newTenant()];
      await Promise.all([anchor.keep(tenant, 2, 'of one\n'), anchor.keep(other, 2, 'of the other\n')]);
      expect(await kept(tenant)).toEqual([[`${tenant}/000000000002.checkpoint`, 'of one\n']]);
      expect(await kept(other)).toEqual([[`${other}/000000000002.checkpoint`, 'of the other\n']]);
      await expect(anchor.keep('../elsewhere', 2, 'one\n')).rejects.toThrow('not a tenant');
    });
  });
}
