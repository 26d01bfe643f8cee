/** Where the keys of people are kept that data is about: apart from the log, and wrapped. */

/** One key a subject, wrapped; never beside what it seals. */
export interface SubjectKeys {
  /** The key; `erased` when it was destroyed; undefined when there was none. */
  find(tenant: string, subject: string): Promise<Uint8Array | 'erased' | undefined>;
  /**
   * Keeps the key, unless there is one, or was: of two at once one is first. Resolves with what is kept, once that is
   * durable.
   */
  keep(tenant: string, subject: string, wrapped: Uint8Array): Promise<Uint8Array | 'erased'>;
  /**
   * Destroys the key, in a way that none is ever kept for the subject again. Resolves once that is durable; again, and
   * where there was none, is harmless.
   */
  destroy(tenant: string, subject: string): Promise<void>;
}

/**
 * Wraps keys of 32 bytes with one that is nowhere in a store. What is wrapped opens for the same `place` alone. Rejects
 * with `StoreBusy` where what holds that key can't be asked now.
 */
export interface KeyWrap {
  wrap(place: string, key: Uint8Array): Promise<Uint8Array>;
  /** Rejects when it is not what was wrapped, or by a key that is not known any more. */
  unwrap(place: string, wrapped: Uint8Array): Promise<Uint8Array>;
}
