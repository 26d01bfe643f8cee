/** A log of three streams in a folder, and copies of it that somebody has tampered with. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '../../adapters/embedded/database';
import { SqliteEventStore } from '../../adapters/embedded/event-store';
import { SqliteCheckpoints } from '../../adapters/embedded/small-stores';
import { chain } from '../support/commits';

export const A = 'default/task/a';
export const B = 'default/task/b';
export const C = 'other/agent/c';

export let root: string;
export let good: string;

/** A log of three streams that take turns: six commits of A, four of B, three of C; places 1 to 13. */
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'formicary-verify-'));
  good = join(root, 'good');
  const database = await Database.open(good);
  const store = await SqliteEventStore.open(database);
  const checkpoints = await SqliteCheckpoints.open(database);
  const chains = new Map([
    [A, chain(A, 6)],
    [B, chain(B, 4)],
    [C, chain(C, 3)],
  ]);
  for (let index = 0; index < 6; index += 1) {
    for (const [stream, commits] of chains) {
      const commit = commits[index];
      if (commit !== undefined)
        await store.append({
          stream,
          expected: index - 1,
          commits: [commit],
          snapshot: stream === B && index === 2 ? { version: 1, index, state: {} } : undefined,
        });
    }
  }
  await checkpoints.save('feed', '13');
  await checkpoints.save('listening', '2026-11-28T10:00:00.000Z'); // not a place in the log
  await database.close();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));
