/** Holds for every LogSigner. */
import type { LogSigner } from '../../app/engine/ports';
import { noteOf, openNote, parseVerifierKeys, type VerifierKeys } from '../../domain/kernel/note';

const NAME = 'host/log/acme';
const TEXT = `${NAME}\n3\n${Buffer.alloc(32, 1).toString('base64')}\n`;

/** Keys that verify what a signer signs. */
export async function keysOf(signer: LogSigner, name = NAME): Promise<VerifierKeys> {
  const keys = parseVerifierKeys((await signer.verifierKeys(name)).join('\n'));
  if ('fault' in keys) throw new Error(keys.fault);
  return keys;
}

/** @param open a signer with the same keys each time */
export function logSignerContract(name: string, open: () => LogSigner): void {
  describe(`log signer contract: ${name}`, () => {
    const signed = async (text = TEXT) => noteOf(text, await open().sign(NAME, text));

    test('each of its lines is verified by one of its keys, and each of its keys has a name', async () => {
      const keys = await keysOf(open());
      const lines = await open().sign(NAME, TEXT);
      expect(lines).toHaveLength(keys.keys.length);
      for (const line of lines) expect(openNote(noteOf(TEXT, [line]), keys)).toEqual({ text: TEXT });
    });

    test('each of its keys alone verifies the whole', async () => {
      for (const key of await open().verifierKeys(NAME))
        expect(openNote(await signed(), parseVerifierKeys(key) as VerifierKeys)).toEqual({ text: TEXT });
    });

    test('another text under its lines is forged', async () => {
      const note = (await signed()).replace('\n3\n', '\n4\n');
      expect(openNote(note, await keysOf(open()))).toMatchObject({ kind: 'forged' });
    });

    test('it signs in the name that it is told, and no other', async () => {
      expect(openNote(await signed(), await keysOf(open(), 'host/log/other'))).toMatchObject({ kind: 'other-key' });
    });

    // Numbers of an ECDSA signature have fewer bytes now and then, and a sign bit half of the time.
    test('all of many signatures hold', async () => {
      const keys = await keysOf(open());
      for (let n = 0; n < 40; n += 1) {
        const text = TEXT.replace('\n3\n', `\n${n}\n`);
        expect(openNote(await signed(text), keys)).toEqual({ text });
      }
    });
  });
}
