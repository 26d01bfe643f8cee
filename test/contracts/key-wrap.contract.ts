/** Holds for every KeyWrap. */
import { randomBytes } from 'node:crypto';
import type { KeyWrap } from '../../app/engine/ports-personal';
import { KEY_BYTES } from '../../domain/kernel/sealing';

const PLACE = 'acme/subject/ada';

/** @param open a KeyWrap of the same key each time */
export function keyWrapContract(name: string, open: () => KeyWrap): void {
  describe(`key wrap contract: ${name}`, () => {
    const key = randomBytes(KEY_BYTES);

    test('what is wrapped is unwrapped again, also after a restart', async () => {
      const wrapped = await open().wrap(PLACE, key);
      expect(Buffer.from(await open().unwrap(PLACE, wrapped))).toEqual(key);
    });

    test('the key does not stand in what is kept, and two times are never the same', async () => {
      const [first, second] = [await open().wrap(PLACE, key), await open().wrap(PLACE, key)];
      for (const form of ['latin1', 'hex', 'base64'] as const)
        expect(Buffer.from(first).toString(form)).not.toContain(key.toString(form).slice(0, 30));
      expect(Buffer.from(first).equals(Buffer.from(second))).toBe(false);
    });

    test('it opens for its place alone', async () => {
      const wrapped = await open().wrap(PLACE, key);
      await expect(open().unwrap('acme/subject/bob', wrapped)).rejects.toThrow();
      await expect(open().unwrap('other/subject/ada', wrapped)).rejects.toThrow();
    });

    test('what was changed, cut off, or is something else does not open', async () => {
      const wrapped = Buffer.from(await open().wrap(PLACE, key));
      const changed = Buffer.from(wrapped);
      changed[wrapped.length - 20] = (changed[wrapped.length - 20] as number) ^ 1;
      for (const other of [
        changed,
        wrapped.subarray(0, -1),
        wrapped.subarray(0, 10),
        Buffer.alloc(60),
        Buffer.alloc(0),
      ])
        await expect(open().unwrap(PLACE, other)).rejects.toThrow();
    });
  });
}
