/**
 * The event store in its plainest form: arrays. It passes the same contract as the real ones and is what the property
 * tests of `transact` run on, since a store that never leaves the process can be interleaved at will.
 */
import type { Append, AppendResult, Checkpoint, EventStore, FeedPage, Head, Snapshot } from '../../app/engine/ports';
import type { Commit } from '../../domain/kernel/commit';
import { commandOf, unseal, unsealAt } from '../../domain/kernel/commit';
import { checkAppend } from '../../domain/kernel/commit';

export class MemoryEventStore implements EventStore {
  /** Everything, in the order of writing: body and hash as stored. */
  readonly log: { readonly stream: string; readonly index: number; readonly body: string; readonly hash: string }[] =
    [];
  readonly calls = { append: 0, head: 0, snapshot: 0, read: 0, answered: 0, feed: 0 };
  /** `from` of every read. */
  readonly reads: { readonly stream: string; readonly from: number }[] = [];
  private readonly streams = new Map<
    string,
    { readonly stream: string; readonly index: number; readonly body: string; readonly hash: string }[]
  >();
  private readonly snapshots = new Map<string, Snapshot[]>();
  private readonly answers = new Map<string, number>();
  private readonly listeners = new Set<() => void>();

  async append({ stream, expected, commits, snapshot }: Append): Promise<AppendResult> {
    this.calls.append += 1;
    checkAppend(stream, expected, commits);
    await Promise.resolve();
    const entries = this.streams.get(stream) ?? [];
    if (entries.length - 1 !== expected) return { kind: 'conflict', head: entries.length - 1 };
    for (const { commit, body } of commits) {
      const entry = { stream, index: commit.index, body, hash: commit.hash };
      entries.push(entry);
      this.log.push(entry);
      const command = commandOf(commit);
      if (command !== undefined) this.answers.set(`${stream} ${command}`, commit.index);
    }
    this.streams.set(stream, entries);
    if (snapshot !== undefined)
      this.snapshots.set(stream, [
        ...(this.snapshots.get(stream) ?? []),
        JSON.parse(JSON.stringify(snapshot)) as Snapshot,
      ]);
    await Promise.resolve();
    for (const listener of this.listeners) listener();
    return { kind: 'written' };
  }

  async head(stream: string): Promise<Head | undefined> {
    this.calls.head += 1;
    await Promise.resolve();
    const last = this.streams.get(stream)?.at(-1);
    return last === undefined ? undefined : { index: last.index, hash: last.hash };
  }

  async snapshot(stream: string, upTo = Infinity): Promise<Snapshot | undefined> {
    this.calls.snapshot += 1;
    await Promise.resolve();
    return structuredClone(this.snapshots.get(stream)?.findLast(({ index }) => index <= upTo));
  }

  async answered(stream: string, command: string): Promise<number | undefined> {
    this.calls.answered += 1;
    await Promise.resolve();
    return this.answers.get(`${stream} ${command}`);
  }

  async read(stream: string, from: number, limit: number): Promise<readonly Commit[]> {
    this.calls.read += 1;
    this.reads.push({ stream, from });
    await Promise.resolve();
    return (this.streams.get(stream) ?? [])
      .slice(from, from + limit)
      .map((entry) => unsealAt(entry, entry.body, entry.hash));
  }

  async feed(from: Checkpoint | undefined, limit: number): Promise<FeedPage> {
    this.calls.feed += 1;
    await Promise.resolve();
    const start = this.position(from);
    if (start > this.log.length) throw new RangeError(`not a checkpoint: ${from} lies beyond the end`);
    const page = this.log.slice(start, start + limit);
    return {
      commits: page.map(({ body, hash }) => unseal(body, hash)),
      checkpoint: String(start + page.length),
      end: page.length < limit,
    };
  }

  async *latest(count: number): AsyncGenerator<readonly Commit[]> {
    await Promise.resolve();
    yield this.log.slice(-count).map(({ body, hash }) => unseal(body, hash));
  }

  async lag(from: Checkpoint | undefined): Promise<number> {
    await Promise.resolve();
    return this.log.length - this.position(from);
  }

  async end(): Promise<Checkpoint> {
    await Promise.resolve();
    return String(this.log.length);
  }

  onAppend(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The entries of one stream, as a verifier would be given them. */
  entries(stream: string): readonly { readonly index: number; readonly body: string; readonly hash: string }[] {
    return this.streams.get(stream) ?? [];
  }

  private position(from: Checkpoint | undefined): number {
    if (from !== undefined && !/^(0|[1-9]\d*)$/.test(from)) throw new RangeError(`not a checkpoint: ${from}`);
    return Number(from ?? 0);
  }
}
