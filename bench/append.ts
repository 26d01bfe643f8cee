/**
 * Append and read back, against the limit of the disk: `transact` over the embedded store (load, policy, decide, seal,
 * append, answer), with writers that each write their own streams; no feed, no market.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openEmbedded } from '../adapters/embedded/open';
import { newId } from '../app/engine/new-id';
import type { StorePorts } from '../app/engine/ports';
import { Transactor } from '../app/engine/transact';
import { canonicalize, type Commit } from '../domain/kernel/commit';
import type { Decider, Event } from '../domain/kernel/decider';
import { streamName } from '../domain/kernel/ids';
import type { Principal } from '../domain/kernel/principal';
import { systemClock } from '../host/composition';
import { progress } from '../samples/demo/progress';
import { type Limit, limitOf } from './limit';
import { type Rate, rateOf } from './measure';
import { UNJUDGED } from './policy';

type Noted = Event<'Noted', { number: number; note: string }>;

/** The smallest aggregate that is not trivial: what is measured is the way, not the rules. */
const notes: Decider<{ readonly count: number; readonly last: string }, Noted> = {
  category: 'note',
  version: 1,
  initial: { count: 0, last: '' },
  evolve: (state, { data }) => ({ count: state.count + 1, last: data.note }),
};

const NOTE = 'the quick brown fox jumps over the lazy dog; '.repeat(5);
const PRINCIPAL: Principal = { tenant: 'bench', id: 'writer', kind: 'service', level: 'critical' };
/** A writer goes on to a new stream after so many commits. */
const COMMITS_PER_STREAM = 100;

export interface AppendSettings {
  readonly seconds: number;
  readonly writers: readonly number[];
  /** Commits in the log before the first measurement; the second one has ten times as many as stood there after it. */
  readonly length: number;
}

export interface AppendResult {
  readonly writers: number;
  readonly append: Rate;
  readonly limit: Limit;
  /** Share of the limit with as many commits a sync as there are writers. */
  readonly ofLimit: number;
}

export interface ReadResult {
  /** Streams of 100 commits, folded from the store by a process that remembers nothing. */
  readonly streamsPerSecond: number;
  readonly commitsPerSecond: number;
  readonly feedCommitsPerSecond: number;
}

export interface AppendReport {
  readonly bytesPerCommit: number;
  readonly lengths: readonly {
    readonly commits: number;
    readonly append: readonly AppendResult[];
    readonly read: ReadResult;
  }[];
}

class Writers {
  private streams = 0;
  readonly written: string[] = [];

  constructor(readonly transactor: Transactor) {}

  /** A function that writes one commit, to this writer's own streams. */
  writer(): () => Promise<void> {
    let stream = '';
    let count = COMMITS_PER_STREAM;
    return async () => {
      if (count === COMMITS_PER_STREAM) {
        stream = streamName(PRINCIPAL.tenant, 'note', `${process.pid}-${this.streams++}`);
        count = 0;
      }
      const number = count++;
      const outcome = await this.transactor.transact(
        notes,
        stream,
        () => [{ type: 'Noted' as const, v: 1, data: { number, note: NOTE } }],
        { principal: PRINCIPAL, action: 'note.write' },
      );
      if (!outcome.ok) throw new Error(outcome.rejection.message);
      if (number === 0) this.written.push(stream);
    };
  }
}

const transactorOver = (ports: StorePorts) => new Transactor(ports.store, UNJUDGED, systemClock, () => newId());

export async function benchAppend(folder: string, settings: AppendSettings, show: boolean): Promise<AppendReport> {
  mkdirSync(folder, { recursive: true });
  const data = join(folder, 'append');
  const ports = await openEmbedded(data);
  try {
    const writers = new Writers(transactorOver(ports));
    const lengths: AppendReport['lengths'][number][] = [];
    let bodies: Buffer[] = [];
    for (const round of [1, 2]) {
      await fill(ports, writers, round === 1 ? settings.length : 10 * Number(await ports.store.end()), show);
      if (bodies.length === 0) bodies = (await ports.store.feed(undefined, 256)).commits.map(bodyOf);
      const append: AppendResult[] = [];
      for (const count of settings.writers) {
        const before = limitOf(folder, bodies, count, settings.seconds / 4);
        const write = Array.from({ length: count }, () => writers.writer());
        const rate = await rateOf(count, settings.seconds, (caller) => (write[caller] as () => Promise<void>)());
        const limit = meanOf(before, limitOf(folder, bodies, count, settings.seconds / 4));
        append.push({ writers: count, append: rate, limit, ofLimit: rate.perSecond / limit.commitsPerSecond });
      }
      lengths.push({
        commits: Number(await ports.store.end()),
        append,
        read: await readBack(ports, writers.written, settings.seconds),
      });
    }
    return { bytesPerCommit: bodies.reduce((sum, body) => sum + body.length, 0) / bodies.length, lengths };
  } finally {
    await ports.close();
    rmSync(data, { recursive: true, force: true });
  }
}

/** The disk of a shared machine has moods: the limit is taken before and after. */
function meanOf(a: Limit, b: Limit): Limit {
  const mean = (key: keyof Limit): number => (a[key] + b[key]) / 2;
  return {
    commitsPerSync: a.commitsPerSync,
    commitsPerSecond: mean('commitsPerSecond'),
    syncsPerSecond: mean('syncsPerSecond'),
    mbPerSecond: mean('mbPerSecond'),
  };
}

async function fill(ports: StorePorts, writers: Writers, length: number, show: boolean): Promise<void> {
  const start = Number(await ports.store.end());
  let left = length - start;
  if (left <= 0) return;
  const total = left;
  const bar = progress(`log of ${length} commits`, total, show);
  await Promise.all(
    Array.from({ length: 512 }, async () => {
      const write = writers.writer();
      while (left-- > 0) {
        await write();
        if (left % 1_000 === 0) bar.update(total - left);
      }
    }),
  );
  bar.stop();
}

async function readBack(ports: StorePorts, streams: readonly string[], seconds: number): Promise<ReadResult> {
  const cold = transactorOver(ports);
  let commits = 0;
  // A stride that is prime to most lengths: the streams come from all over the log.
  let at = 0;
  const read = await rateOf(1, seconds / 2, async () => {
    at = (at + 7_919) % streams.length;
    const { version } = await cold.load(notes, streams[at] as string);
    void cold.catchUp(streams[at] as string, Number.MAX_SAFE_INTEGER);
    commits += version + 1;
  });
  let from: string | undefined;
  const feed = await rateOf(1, seconds / 2, async () => {
    const page = await ports.store.feed(from, 500);
    from = page.end ? undefined : page.checkpoint;
    return page.commits.length;
  });
  return {
    streamsPerSecond: read.perSecond,
    commitsPerSecond: commits / read.seconds,
    feedCommitsPerSecond: feed.perSecond,
  };
}

function bodyOf({ hash: _, ...unsealed }: Commit): Buffer {
  return Buffer.from(canonicalize(unsealed));
}
