/**
 * Signs checkpoints with an Ed25519 key of the logs' own: nothing else is signed with it. A second line, of a key that
 * a vault holds and never gives away (ES256), is that of another `LogSigner` beside this one.
 */
import { type KeyObject, sign } from 'node:crypto';
import type { LogSigner } from '../../app/engine/ports';
import { ed25519Of } from '../../domain/kernel/ed25519';
import { type NoteKey, noteKeyOf, signatureLine, verifierKey } from '../../domain/kernel/note';

const SEED_BYTES = 32;

export class Ed25519LogSigner implements LogSigner {
  private readonly key: KeyObject;
  private readonly publicKey: NoteKey;

  /** @param key 32 bytes in base64. Throws RangeError when it is none. */
  constructor(key: string) {
    const seed = Buffer.from(key, 'base64');
    if (seed.length !== SEED_BYTES || seed.toString('base64') !== key)
      throw new RangeError(`the key of the logs must be ${SEED_BYTES} bytes in base64`);
    this.key = ed25519Of(seed);
    this.publicKey = noteKeyOf(this.key);
  }

  verifierKeys(name: string): readonly string[] {
    return [verifierKey(name, this.publicKey)];
  }

  sign(name: string, text: string): readonly string[] {
    return [signatureLine(name, this.publicKey, sign(null, Buffer.from(text), this.key))];
  }
}

/** Signs with each of them: a line of every one, or none at all. */
export class LogSigners implements LogSigner {
  constructor(private readonly signers: readonly LogSigner[]) {}

  async verifierKeys(name: string): Promise<readonly string[]> {
    return (await Promise.all(this.signers.map(async (signer) => await signer.verifierKeys(name)))).flat();
  }

  async sign(name: string, text: string): Promise<readonly string[]> {
    return (await Promise.all(this.signers.map(async (signer) => await signer.sign(name, text)))).flat();
  }
}
