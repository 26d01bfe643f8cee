/** Wraps the keys of subjects with a key that the host was given. */
import { randomBytes } from 'node:crypto';
import { StoreBusy } from '../../app/engine/ports';
import type { KeyWrap } from '../../app/engine/ports-personal';
import { unwrapKey, WRAP_NONCE_BYTES, wrapKey } from '../../domain/kernel/key-wrap';

const KEY_BYTES = 32;

export class AesKeyWrap implements KeyWrap {
  private readonly key: Buffer;

  /** @param key 32 bytes in base64. Throws RangeError when it is none. */
  constructor(key: string) {
    this.key = Buffer.from(key, 'base64');
    if (this.key.length !== KEY_BYTES || this.key.toString('base64') !== key)
      throw new RangeError(`the key that wraps keys must be ${KEY_BYTES} bytes in base64`);
  }

  async wrap(place: string, key: Uint8Array): Promise<Uint8Array> {
    return wrapKey(this.key, place, key, randomBytes(WRAP_NONCE_BYTES));
  }

  async unwrap(place: string, wrapped: Uint8Array): Promise<Uint8Array> {
    return unwrapKey(this.key, place, wrapped);
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
