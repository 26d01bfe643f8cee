/** Checkpoints on Cosmos DB: one document each, in the container `state`. */
import type { Checkpoint, Checkpoints } from '../../app/engine/ports';
import { sha256 } from '../../domain/kernel/commit';
import type { Cosmos } from './cosmos';

interface CheckpointDocument {
  readonly id: string;
  readonly name: string;
  readonly value: Checkpoint;
}

export class CosmosCheckpoints implements Checkpoints {
  constructor(private readonly cosmos: Cosmos) {}

  async load(name: string): Promise<Checkpoint | undefined> {
    const id = idOf(name);
    const { resource } = await this.cosmos.call('checkpoint.load', (options) =>
      this.cosmos.derived('state').item(id, id).read<CheckpointDocument>(options),
    );
    return resource?.value;
  }

  async save(name: string, checkpoint: Checkpoint): Promise<void> {
    const document: CheckpointDocument = { id: idOf(name), name, value: checkpoint };
    await this.cosmos.call('checkpoint.save', (options) =>
      this.cosmos.derived('state').items.upsert(document, options),
    );
  }
}

/** Names are free text, ids are not. */
function idOf(name: string): string {
  return `checkpoint-${sha256(name)}`;
}
