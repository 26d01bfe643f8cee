/** Keys that the host was given: what wraps, what signs. */
import { AesKeyWrap, KeyWraps } from '../../adapters/personal/key-wrap';
import { Ed25519LogSigner, LogSigners } from '../../adapters/receipts/signer';
import { StoreBusy } from '../../app/engine/ports';
import { keyWrapContract } from './key-wrap.contract';
import { logSignerContract } from './log-signer.contract';

const keyOf = (seed: number) => Buffer.alloc(32, seed).toString('base64');
const PLACE = 'acme/subject/ada';
const KEY = Buffer.alloc(32, 5);

keyWrapContract('AES', () => new AesKeyWrap(keyOf(1)));
keyWrapContract('AES, after another', () => new KeyWraps(new AesKeyWrap(keyOf(2)), [new AesKeyWrap(keyOf(1))]));
logSignerContract('Ed25519', () => new Ed25519LogSigner(keyOf(1)));
logSignerContract('two keys', () => new LogSigners([new Ed25519LogSigner(keyOf(1)), new Ed25519LogSigner(keyOf(2))]));

test('what the key before has wrapped is unwrapped after a rotation, and the new one wraps', async () => {
  const [first, second, third] = [1, 2, 3].map((seed) => new AesKeyWrap(keyOf(seed))) as [
    AesKeyWrap,
    AesKeyWrap,
    AesKeyWrap,
  ];
  const old = await first.wrap(PLACE, KEY);
  const rotated = new KeyWraps(third, [second, first]);
  expect(Buffer.from(await rotated.unwrap(PLACE, old))).toEqual(KEY);
  const fresh = await rotated.wrap(PLACE, KEY);
  expect(Buffer.from(await third.unwrap(PLACE, fresh))).toEqual(KEY);
  await expect(first.unwrap(PLACE, fresh)).rejects.toThrow();
  await expect(new KeyWraps(third, [second]).unwrap(PLACE, old)).rejects.toThrow();
});

test('where one can not be asked now, nobody says that the key is not known', async () => {
  const away = {
    wrap: async () => await Promise.reject(new StoreBusy('away', 1_000)),
    unwrap: async () => await Promise.reject(new StoreBusy('away', 1_000)),
  };
  const wrapped = await new AesKeyWrap(keyOf(1)).wrap(PLACE, KEY);
  await expect(new KeyWraps(new AesKeyWrap(keyOf(2)), [away]).unwrap(PLACE, wrapped)).rejects.toThrow(StoreBusy);
});
