/**
 * What the disk allows: a file is opened, the bytes of so many commits are appended with one write(2), and
 * fdatasync(2) makes them durable; then the next so many. Nothing else happens: no index, no thread, no callers. A
 * store that makes every commit durable before it answers can't be faster than this with as many commits a sync.
 */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface Limit {
  readonly commitsPerSync: number;
  readonly commitsPerSecond: number;
  readonly syncsPerSecond: number;
  readonly mbPerSecond: number;
}

/** @param bodies bytes of commits as the store keeps them; they are written over and over */
export function limitOf(folder: string, bodies: readonly Buffer[], commitsPerSync: number, seconds: number): Limit {
  const file = join(folder, 'limit');
  const batch = Buffer.concat(Array.from({ length: commitsPerSync }, (_, i) => bodies[i % bodies.length] as Buffer));
  const handle = openSync(file, 'a');
  try {
    const started = performance.now();
    let syncs = 0;
    let took = 0;
    do {
      writeSync(handle, batch);
      fdatasyncSync(handle);
      syncs += 1;
      took = (performance.now() - started) / 1000;
    } while (took < seconds);
    return {
      commitsPerSync,
      commitsPerSecond: (syncs * commitsPerSync) / took,
      syncsPerSecond: syncs / took,
      mbPerSecond: (syncs * batch.length) / took / 1e6,
    };
  } finally {
    closeSync(handle);
    rmSync(file, { force: true });
  }
}
