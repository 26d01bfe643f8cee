import { createHash } from 'node:crypto';

/** A number from 0 to 1 that only seed and text decide, so that no timing changes a run's chances. */
export function chance(seed: number, text: string): number {
  return createHash('sha256').update(`${seed} ${text}`).digest().readUInt32BE(0) / 2 ** 32;
}
