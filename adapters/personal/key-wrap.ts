/** Wraps the keys of subjects with a key that the host was given: AES-256-GCM, each under a nonce of its own. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { StoreBusy } from '../../app/engine/ports';
import type { KeyWrap } from '../../app/engine/ports-personal';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export class AesKeyWrap implements KeyWrap {
  private readonly key: Buffer;

  /** @param key 32 bytes in base64. Throws RangeError when it is none. */
  constructor(key: string) {
    this.key = Buffer.from(key, 'base64');
    if (this.key.length !== KEY_BYTES || this.key.toString('base64') !== key)
      throw new RangeError(`the key that wraps keys must be ${KEY_BYTES} bytes in base64`);
  }

  async wrap(place: string, key: Uint8Array): Promise<Uint8Array> {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.key, nonce).setAAD(Buffer.from(place));
    return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]);
  }

  async unwrap(place: string, wrapped: Uint8Array): Promise<Uint8Array> {
    const decipher = createDecipheriv(CIPHER, this.key, wrapped.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(place))
      .setAuthTag(wrapped.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(wrapped.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  }
}

/** Wraps with the first; what one of those before it has wrapped it unwraps all the same. */
export class KeyWraps implements KeyWrap {
  /** @param before newest first */
  constructor(
    private readonly current: KeyWrap,
    private readonly before: readonly KeyWrap[],
  ) {}

  async wrap(place: string, key: Uint8Array): Promise<Uint8Array> {
    return await this.current.wrap(place, key);
  }

  async unwrap(place: string, wrapped: Uint8Array): Promise<Uint8Array> {
    const errors: unknown[] = [];
    for (const wrap of [this.current, ...this.before])
      try {
        return await wrap.unwrap(place, wrapped);
      } catch (error) {
        if (error instanceof StoreBusy) throw error;
        errors.push(error);
      }
    throw new AggregateError(errors, errors.map((error) => (error as Error).message).join('; '));
  }
}
