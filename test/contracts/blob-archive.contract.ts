import { createHash, randomBytes } from 'node:crypto';
import type { BlobArchive } from '../../app/engine/ports';
import { newTenant } from '../support/commits';
import type { Factory, Opened } from './contract';

/** Holds for every BlobArchive. */
export function blobArchiveContract(name: string, factory: Factory<BlobArchive>): void {
  describe(`blob archive contract: ${name}`, () => {
    let opened: Opened<BlobArchive>;
    let store: BlobArchive;
    let tenant: string;

    beforeAll(async () => {
      opened = await factory();
      store = opened.store;
    });
    afterAll(() => opened.close());
    beforeEach(() => {
      tenant = newTenant();
    });

    const referenceOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const get = async (reference: string, whose = tenant) => {
      const bytes = await store.get(whose, reference);
      return bytes === undefined ? undefined : Buffer.from(bytes);
    };

    test.each([0, 1, 255, 70_000, 1_500_000])('%i bytes are kept under the hash of their content', async (size) => {
      const bytes = randomBytes(size);
      const reference = await store.put(tenant, bytes);
      expect(reference).toBe(referenceOf(bytes));
      expect((await get(reference))?.equals(bytes)).toBe(true);
    });

    test('the same bytes twice, and many times at once, are one blob', async () => {
      const bytes = randomBytes(5_000);
      const references = await Promise.all(Array.from({ length: 20 }, () => store.put(tenant, Buffer.from(bytes))));
      expect(new Set(references)).toEqual(new Set([referenceOf(bytes)]));
      expect(await store.put(tenant, bytes)).toBe(references[0]);
      expect((await get(referenceOf(bytes)))?.equals(bytes)).toBe(true);
    });

    test('what the reader does to the bytes doesn’t reach the archive', async () => {
      const bytes = Buffer.from('original');
      const reference = await store.put(tenant, bytes);
      bytes.fill(0);
      ((await store.get(tenant, reference)) as Uint8Array).fill(1);
      expect((await get(reference))?.toString()).toBe('original');
    });

    test('unknown content is undefined', async () => {
      expect(await get(referenceOf(randomBytes(8)))).toBeUndefined();
    });

    test('a reference opens nothing in another tenant', async () => {
      const reference = await store.put(tenant, Buffer.from(`secret of ${tenant}`));
      expect(await get(reference, newTenant())).toBeUndefined();
      expect(await get(reference, `${tenant}-b`)).toBeUndefined();
      expect(await get(reference)).toBeDefined();
    });

    test('what is no reference is undefined', async () => {
      const reference = await store.put(tenant, Buffer.from('content'));
      const hash = reference.slice('sha256:'.length);
      const malformed = [
        '',
        'sha256:',
        hash,
        `md5:${hash}`,
        reference.toUpperCase(),
        `sha256:${hash.toUpperCase()}`,
        `${reference}\n`,
        ` ${reference}`,
        `${reference}0`,
        `sha256:${hash.slice(1)}`,
        `sha256:../${hash.slice(3)}`,
        `sha256:${hash.slice(0, 2)}/${hash}`,
        `../${reference}`,
        `${reference}/..`,
        `${reference}\u0000`,
        'sha256:/etc/passwd',
        `sha256:${'.'.repeat(64)}`,
        `sha256:${'/'.repeat(64)}`,
        `SHA256:${hash}`,
        `sha256:${hash.slice(0, 62)}%2`,
      ];
      for (const bad of malformed) expect([bad, await get(bad)]).toEqual([bad, undefined]);
    });

    test.each([
      '',
      '.',
      '..',
      '../x',
      'a/b',
      'a/../b',
      '/etc',
      'A',
      'a\u0000',
      'a b',
      '-a',
      'a-',
      `${'a'.repeat(64)}`,
      '%2e%2e',
    ])('a tenant that is none reaches no file: %j', async (bad) => {
      const bytes = Buffer.from('content');
      const reference = await store.put(tenant, bytes);
      await expect(store.put(bad, bytes)).rejects.toThrow(RangeError);
      await expect(store.get(bad, reference)).rejects.toThrow(RangeError);
    });

    test('is there after a restart', async () => {
      const bytes = randomBytes(100);
      const reference = await store.put(tenant, bytes);
      store = await opened.reopen();
      expect((await get(reference))?.equals(bytes)).toBe(true);
    });
  });
}
