/**
 * Presence on Cosmos DB, shared by all instances: one document a process in the container `state`, with beats of which
 * it knows of no later ones elsewhere. A beat is kept in memory at once and written behind, within ten seconds; what
 * others have written is read anew when it is older than two. So another instance may know of a key's last beat that
 * much later, by a second's precision: whoever judges silence is told so (`lateSeconds`).
 *
 * Who talks to one process and then to another leaves its beat in both documents: whoever reads a later one elsewhere
 * drops its own, and who writes reads for that now and then, also where nobody asks. The document of a process that has
 * gone is taken over by one of those that write, without what every process forgets as soon as it hears that it is
 * over. What was missed of that, nobody beats again: it is dropped after a day.
 */
import { randomUUID } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Presence, Report } from '../../app/engine/ports';
import { Recent } from '../../domain/kernel/recent';
import { codeOf, type Cosmos } from './cosmos';

interface BeatsDocument {
  readonly id: string;
  /** `Beats`, as JSON, deflated, in Base64: keys are long and alike. */
  readonly beats: string;
  /** Seconds from the last write. */
  readonly ttl: number;
  /** The service's own: seconds since the epoch at its last write. */
  readonly _ts?: number;
  readonly _etag?: string;
}

/** Keys by the second since the epoch of their last beat. */
type Beats = readonly (readonly [second: number, keys: readonly string[]])[];

const PREFIX = 'beats-';
/** How often a process writes what has changed, and, where it does, looks what others have heard since. */
const EVERY_MS = { write: 10_000, compare: 60_000 };
const READ_EVERY_MS = 2_000;
/** No limit of presence or of a lease is longer. */
const TTL_SECONDS = 24 * 60 * 60;
/** A document that was not written for so long, while others were, is of a process that has gone, or hears nobody. */
const GONE_SECONDS = 120;
/** Documents are as many as processes. */
const MOST_PROCESSES = 1_000;
/** Keys of a document, and its size when they are packed: the service takes 2 MB. Whose beat is older goes first. */
const MOST_KEYS = 50_000;
const MOST_BYTES = 1_500_000;

export class CosmosPresence implements Presence {
  /** Until it is written, until that is read, and as seconds are whole. */
  readonly lateSeconds = (EVERY_MS.write + READ_EVERY_MS) / 1_000 + 1;
  private readonly id = `${PREFIX}${randomUUID()}`;
  /** Beats of which this process knows of no later one elsewhere. */
  private readonly heard = new Map<string, number>();
  /** Of all other processes, as they were read last. */
  private others: ReadonlyMap<string, number> = new Map();
  /** When a key ceased to mean anything: beats of others up to then are none, also those that are read later. */
  private readonly forgotten = new Recent<string, number>(MOST_KEYS);
  private readAt = -Infinity;
  private reading: Promise<void> | undefined;
  private changed = false;
  private readonly timer: NodeJS.Timeout;
  private writing: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly cosmos: Cosmos,
    private readonly report: Report,
    private readonly everyMs = EVERY_MS,
  ) {
    this.timer = setInterval(() => void this.compareAndWrite(), everyMs.write);
    this.timer.unref();
  }

  beat(keys: readonly string[], at: number): void {
    for (const key of keys) {
      if (at <= (this.heard.get(key) ?? -Infinity)) continue;
      this.heard.set(key, at);
      this.changed = true;
    }
    if (this.heard.size > MOST_KEYS) this.dropOldest();
  }

  async last(key: string): Promise<number | undefined> {
    if (performance.now() - this.readAt > READ_EVERY_MS) await (this.reading ??= this.read());
    const own = this.heard.get(key);
    const other = this.others.get(key);
    if (other === undefined || other <= (this.forgotten.peek(key) ?? -Infinity)) return own;
    return own === undefined ? other : Math.max(own, other);
  }

  forget(keys: readonly string[], at: number): void {
    for (const key of keys) {
      this.changed = this.heard.delete(key) || this.changed;
      this.forgotten.set(key, at);
    }
  }

  /** Writes what has changed; what can't be written is written the next time. */
  async flush(): Promise<void> {
    await this.written();
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  private get state() {
    return this.cosmos.derived('state');
  }

  private async compareAndWrite(): Promise<void> {
    // What can't be read now is read the next time.
    if (this.changed && performance.now() - this.readAt > this.everyMs.compare)
      await (this.reading ??= this.read()).catch(() => undefined);
    await this.flush();
  }

  /** Reads the documents of all processes. */
  private async read(): Promise<void> {
    try {
      const query = {
        query: 'SELECT * FROM c WHERE STARTSWITH(c.id, @prefix)',
        parameters: [{ name: '@prefix', value: PREFIX }],
      };
      const documents = await this.cosmos.query<BeatsDocument>(
        'presence.last',
        this.state,
        undefined,
        query,
        MOST_PROCESSES,
      );
      const newest = Math.max(...documents.map(({ _ts = 0 }) => _ts));
      const others = new Map<string, number>();
      // One takes over for all; else what has gone would be in the documents of all who are there.
      const [first] = documents.flatMap(({ id, _ts = 0 }) => (_ts + GONE_SECONDS < newest ? [] : [id])).sort();
      for (const { id, beats, _ts = 0, _etag } of documents) {
        if (id === this.id) continue;
        for (const [second, keys] of unpacked(beats)) {
          for (const key of keys) {
            const at = second * 1_000;
            if (at > (others.get(key) ?? -Infinity)) others.set(key, at);
          }
        }
        if (_ts + GONE_SECONDS < newest && this.id === first) this.takeOver(id, beats, _etag);
      }
      for (const [key, at] of others) if (at > (this.heard.get(key) ?? Infinity)) this.drop(key);
      this.others = others;
      this.readAt = performance.now();
    } finally {
      this.reading = undefined;
    }
  }

  private drop(key: string): void {
    this.heard.delete(key);
    this.changed = true;
  }

  /**
   * Keeps the beats of a document as its own, and deletes it when they are written: as it was read, since a process
   * that has heard nobody for so long may write again.
   */
  private takeOver(id: string, beats: string, etag = ''): void {
    for (const [second, keys] of unpacked(beats)) {
      const at = second * 1_000;
      const known = keys.filter((key) => at > (this.forgotten.peek(key) ?? -Infinity));
      this.beat(known, at);
    }
    void this.written().then(async (isWritten) => {
      if (!isWritten) return;
      await this.cosmos
        .call('presence.beat', (options) =>
          this.state.item(id, id).delete({ ...options, accessCondition: { type: 'IfMatch', condition: etag } }),
        )
        // It was written again, or stays for the next look.
        .catch((error: unknown) => codeOf(error));
    });
  }

  /** Whether all that had been heard by now is in the store. */
  private written(): Promise<boolean> {
    const writing = this.writing.then(() => this.write());
    this.writing = writing;
    return writing;
  }

  private async write(): Promise<boolean> {
    if (!this.changed) return true;
    this.changed = false;
    this.dropOld();
    const document: BeatsDocument = { id: this.id, beats: this.packed(), ttl: TTL_SECONDS };
    try {
      await this.cosmos.call('presence.beat', (options) => this.state.items.upsert(document, options));
      return true;
    } catch (error) {
      this.changed = true;
      this.report('who was heard here could not be written', { error: String(error) });
      return false;
    }
  }

  /** All beats, as far as they fit into a document. */
  private packed(): string {
    for (let beats = packed(this.heard); ; beats = packed(this.heard)) {
      if (beats.length <= MOST_BYTES) return beats;
      this.dropOldest();
    }
  }

  /** What means nothing any more, by the clock of those who beat. */
  private dropOld(): void {
    let newest = -Infinity;
    for (const at of this.heard.values()) newest = Math.max(newest, at);
    for (const [key, at] of this.heard) if (at < newest - TTL_SECONDS * 1_000) this.heard.delete(key);
  }

  /** The quarter that was heard longest ago. */
  private dropOldest(): void {
    this.report('more was heard here than can be written: what was heard longest ago is dropped', {
      keys: this.heard.size,
    });
    const byAge = [...this.heard].sort(([, a], [, b]) => a - b);
    for (const [key] of byAge.slice(0, Math.ceil(byAge.length / 4))) this.heard.delete(key);
  }
}

function packed(heard: ReadonlyMap<string, number>): string {
  const seconds = Map.groupBy(heard, ([, at]) => Math.floor(at / 1_000));
  const beats: Beats = [...seconds].map(([second, found]) => [second, found.map(([key]) => key)]);
  return deflateRawSync(JSON.stringify(beats)).toString('base64');
}

function unpacked(beats: string): Beats {
  return JSON.parse(inflateRawSync(Buffer.from(beats, 'base64')).toString()) as Beats;
}
