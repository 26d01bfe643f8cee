/**
 * A process to be killed: `node crash-child.js <folder> <first number per stream, as JSON>`. It gives commands to
 * `transact` on an embedded database, several at a time on several streams, and says on standard output what it was
 * told: `open`, then a line of JSON per acknowledged command. A line is written at once, in one piece.
 */
import { writeSync } from 'node:fs';
import { Database } from '../../adapters/embedded/database';
import { SqliteEventStore } from '../../adapters/embedded/event-store';
import { Transactor } from '../../app/engine/transact';
import type { Decider, Event } from '../../domain/kernel/decider';
import { chain } from './commits';

export type Noted = Event<'Noted', { readonly key: string; readonly filler: string }>;

/** Always notes: what is noted twice was done twice. */
export const noting: Decider<{ readonly count: number }, Noted> = {
  category: 'crash',
  version: 1,
  initial: { count: 0 },
  evolve: ({ count }) => ({ count: count + 1 }),
};

export interface Acknowledged {
  readonly key: string;
  readonly stream: string;
  readonly index: number;
  readonly hash: string;
}

/** Streams of commands, and how many are under way on each. */
export const STREAMS = ['acme/crash/0', 'acme/crash/1', 'acme/crash/2', 'acme/crash/3'];
const UNDER_WAY = 4;
/** A stream that is written by appends of three commits, to see that none is written in part. */
export const TRIPLES = 'acme/triple/0';

/** A reader that is slow has the pipe full for a while: then it waits, as a pipe that blocks would. */
function say(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

async function main(folder: string, firsts: Record<string, number>): Promise<void> {
  const database = await Database.open(folder);
  const store = await SqliteEventStore.open(database);
  say('open');
  let ids = 0;
  const policy = { bundle: 'b', input: 'i', decision: 'allow' as const, reasons: [] };
  const transactor = new Transactor(
    store,
    { evaluate: () => policy },
    { now: () => Date.now() },
    () => `${process.pid}-${(ids += 1)}`,
  );
  const principal = { tenant: 'acme', id: 'agent-1', kind: 'agent' as const, level: 'execute' as const };

  const commands = STREAMS.flatMap((stream) =>
    Array.from({ length: UNDER_WAY }, async (_, lane) => {
      for (let n = (firsts[stream] ?? 0) + lane; ; n += UNDER_WAY) {
        const key = `${stream}#${n}`;
        const note: Noted = { type: 'Noted', v: 1, data: { key, filler: 'x'.repeat((n * 37) % 700) } };
        const outcome = await transactor.transact(noting, stream, () => [note], {
          principal,
          action: 'crash.note',
          command: { key, hash: key },
        });
        if (!outcome.ok || outcome.commit === undefined) throw new Error(`${key} was refused`);
        say(
          JSON.stringify({
            key,
            stream,
            index: outcome.commit.index,
            hash: outcome.commit.hash,
          } satisfies Acknowledged),
        );
      }
    }),
  );

  const triples = async () => {
    for (;;) {
      const head = await store.head(TRIPLES);
      const [last] = head === undefined ? [] : await store.read(TRIPLES, head.index, 1);
      const commits = chain(TRIPLES, 3, last);
      if ((await store.append({ stream: TRIPLES, expected: head?.index ?? -1, commits })).kind !== 'written')
        throw new Error('somebody else writes');
      for (const { commit } of commits)
        say(
          JSON.stringify({
            key: `${TRIPLES}#${commit.index}`,
            stream: TRIPLES,
            index: commit.index,
            hash: commit.hash,
          } satisfies Acknowledged),
        );
    }
  };
  await Promise.all([...commands, triples()]);
}

if (require.main === module) {
  void main(process.argv[2] as string, JSON.parse(process.argv[3] as string) as Record<string, number>).catch(
    (error: unknown) => {
      console.error(error);
      process.exitCode = 1;
      process.exit();
    },
  );
}
