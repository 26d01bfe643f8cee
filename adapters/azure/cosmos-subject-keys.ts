/**
 * The wrapped keys of subjects on Cosmos DB: a document each, in a container of their own. One that was destroyed is
 * replaced by a document without a key, so that none comes after it.
 */
import type { SubjectKeys } from '../../app/engine/ports-personal';
import { sha256 } from '../../domain/kernel/commit';
import { codeOf, type Cosmos } from './cosmos';

interface KeyDocument {
  readonly id: string;
  /** Base64; null when it was destroyed. */
  readonly wrapped: string | null;
}

export class CosmosSubjectKeys implements SubjectKeys {
  constructor(private readonly cosmos: Cosmos) {}

  async find(tenant: string, subject: string): Promise<Uint8Array | 'erased' | undefined> {
    const id = idOf(tenant, subject);
    const { resource } = await this.cosmos.call('subject-key.find', (options) =>
      this.keys.item(id, id).read<KeyDocument>(options),
    );
    if (resource === undefined) return undefined;
    return resource.wrapped === null ? 'erased' : Buffer.from(resource.wrapped, 'base64');
  }

  async keep(tenant: string, subject: string, wrapped: Uint8Array): Promise<Uint8Array | 'erased'> {
    const document: KeyDocument = {
      id: idOf(tenant, subject),
      wrapped: Buffer.from(wrapped).toString('base64'),
    };
    await this.cosmos
      .call('subject-key.keep', (options) => this.keys.items.create(document, options))
      .catch((error: unknown) => {
        if (codeOf(error) !== 409) throw error;
      });
    return (await this.find(tenant, subject)) as Uint8Array | 'erased';
  }

  async destroy(tenant: string, subject: string): Promise<void> {
    const document: KeyDocument = { id: idOf(tenant, subject), wrapped: null };
    await this.cosmos.call('subject-key.destroy', (options) => this.keys.items.upsert(document, options));
  }

  private get keys() {
    return this.cosmos.container('subjects');
  }
}

function idOf(tenant: string, subject: string): string {
  return sha256(`${tenant}/${subject}`);
}
