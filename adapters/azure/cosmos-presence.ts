/**
 * Presence on Cosmos DB, shared by all instances: a document per key in the container `state`, which ends by itself. A
 * beat is kept in memory at once and written behind, at most once in ten seconds: another instance may know of a key's
 * last beat that much later, so limits of presence have to be longer.
 */
import type { Presence } from '../../app/engine/ports';
import { sha256 } from '../../domain/kernel/commit';
import { Recent } from '../../domain/kernel/recent';
import { codeOf, type Cosmos } from './cosmos';

interface BeatDocument {
  readonly id: string;
  readonly key: string;
  readonly at: number;
  /** Seconds from the last write. */
  readonly ttl: number;
}

/** What is to be written of a key: that it was forgotten, then its beat, each if there is one. */
interface Waiting {
  readonly forgotten: boolean;
  readonly at: number | undefined;
}

const WRITE_EVERY_MS = 10_000;
const FLUSH_EVERY_MS = 1_000;
const TTL_SECONDS = 24 * 60 * 60;
const KEYS = 50_000;
const AT_ONCE = 16;

export class CosmosPresence implements Presence {
  /** Beats that this process heard lately, and those of them that were written. */
  private readonly heard = new Recent<string, number>(KEYS);
  private readonly written = new Recent<string, number>(KEYS);
  private readonly waiting = new Map<string, Waiting>();
  private readonly timer: NodeJS.Timeout;
  private flushing: Promise<void> = Promise.resolve();

  constructor(private readonly cosmos: Cosmos) {
    this.timer = setInterval(() => void this.flush(), FLUSH_EVERY_MS);
    this.timer.unref();
  }

  beat(keys: readonly string[], at: number): void {
    for (const key of keys) {
      if (at <= (this.heard.get(key) ?? -Infinity)) continue;
      this.heard.set(key, at);
      if (at - (this.written.get(key) ?? -Infinity) >= WRITE_EVERY_MS)
        this.waiting.set(key, { forgotten: this.waiting.get(key)?.forgotten ?? false, at });
    }
  }

  async last(key: string): Promise<number | undefined> {
    if (this.waiting.get(key)?.forgotten === true) return this.heard.get(key);
    const id = idOf(key);
    const { resource } = await this.cosmos.call('presence.last', (options) =>
      this.state.item(id, id).read<BeatDocument>(options),
    );
    const heard = this.heard.get(key);
    return heard === undefined || resource === undefined ? (heard ?? resource?.at) : Math.max(heard, resource.at);
  }

  forget(keys: readonly string[]): void {
    for (const key of keys) {
      // What was never heard here costs nothing; a document that another instance has written ends by itself.
      if (this.heard.peek(key) === undefined) continue;
      this.heard.delete(key);
      this.written.delete(key);
      this.waiting.set(key, { forgotten: true, at: undefined });
    }
  }

  /** Writes what waits; what can't be written waits on. */
  flush(): Promise<void> {
    this.flushing = this.flushing.then(async () => {
      const rest = [...this.waiting].values();
      const workers = Array.from({ length: Math.min(AT_ONCE, this.waiting.size) }, async () => {
        for (const [key, waiting] of rest) await this.write(key, waiting).catch(() => undefined);
      });
      await Promise.all(workers);
    });
    return this.flushing;
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  private get state() {
    return this.cosmos.container('state');
  }

  private async write(key: string, waiting: Waiting): Promise<void> {
    const id = idOf(key);
    const item = this.state.item(id, id);
    const { at } = waiting;
    if (waiting.forgotten)
      await this.cosmos.call('presence.forget', (options) => item.delete(options)).catch(unless(404));
    if (at !== undefined) {
      // An instance that heard a later beat may have been faster.
      const patch = {
        condition: `FROM c WHERE c.at < ${at}`,
        operations: [{ op: 'set' as const, path: '/at', value: at }],
      };
      const patched = await this.cosmos
        .call('presence.beat', (options) => item.patch(patch, options))
        .catch(unless(404, 412));
      const document: BeatDocument = { id, key, at, ttl: TTL_SECONDS };
      // Made by another instance in the meantime: the next beat is written there.
      if (patched === 404)
        await this.cosmos
          .call('presence.beat', (options) => this.state.items.create(document, options))
          .catch(unless(409));
      this.written.set(key, at);
    }
    if (this.waiting.get(key) === waiting) this.waiting.delete(key);
  }
}

/** Gives the status of an error that was foreseen; throws the others. */
function unless(...foreseen: number[]): (error: unknown) => unknown {
  return (error) => {
    if (foreseen.includes(codeOf(error) as number)) return codeOf(error);
    throw error;
  };
}

/** Keys are free text, ids are not. */
function idOf(key: string): string {
  return `presence-${sha256(key)}`;
}
