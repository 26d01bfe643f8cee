/**
 * To which request an Idempotency-Key belongs, on Cosmos DB: a document per key in the container `state`, made by
 * whoever is first, on whatever instance. It ends by itself after the window. How many there are is bounded by the rate
 * limit.
 */
import { type Claimed, KEY_WINDOW_MS, type KeyClaim, type Keys } from '../../app/engine/ports';
import { sha256 } from '../../domain/kernel/commit';
import { codeOf, type Cosmos } from './cosmos';

interface KeyDocument {
  readonly id: string;
  readonly request: string;
  readonly at: number;
  /** Seconds from the last write. */
  readonly ttl: number;
}

const MAX_ATTEMPTS = 8;
const KEPT = Promise.resolve();

export class CosmosKeys implements Keys {
  constructor(private readonly cosmos: Cosmos) {}

  async claim({ tenant, principal, key, request, at }: KeyClaim): Promise<Claimed> {
    const id = `key-${sha256(JSON.stringify([tenant, principal, key]))}`;
    const document: KeyDocument = { id, request, at, ttl: KEY_WINDOW_MS / 1_000 };
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      if (
        await this.done(409, () =>
          this.cosmos.call('key.claim', (options) => this.state.items.create(document, options)),
        )
      )
        return { request, kept: KEPT };
      const { resource, etag } = await this.cosmos.call('key.claim', (options) =>
        this.state.item(id, id).read<KeyDocument>(options),
      );
      // It has ended in the meantime.
      if (resource === undefined) continue;
      if (resource.at + KEY_WINDOW_MS > at) return { request: resource.request, kept: KEPT };
      const accessCondition = { type: 'IfMatch', condition: etag };
      if (
        await this.done(412, () =>
          this.cosmos.call('key.claim', (options) =>
            this.state.item(id, id).replace(document, { ...options, accessCondition }),
          ),
        )
      )
        return { request, kept: KEPT };
    }
    throw new Error(`the key of ${tenant}/${principal} could not be claimed`);
  }

  private get state() {
    return this.cosmos.container('state');
  }

  /** False when the service answers `refusal`, or that there is no such document. */
  private async done(refusal: number, ask: () => Promise<unknown>): Promise<boolean> {
    try {
      await ask();
      return true;
    } catch (error) {
      const code = codeOf(error);
      if (code === refusal || code === 404) return false;
      throw error;
    }
  }
}
