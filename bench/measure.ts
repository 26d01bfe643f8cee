/** How the measurements measure: loops of concurrent callers, quantiles, medians, bytes, what a process uses. */

import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** The value of `sorted` (ascending) at probability `p`, by nearest rank; 0 when there is none. */
export function percentile(sorted: readonly number[], p: number): number {
  if (sorted.length === 0) return 0;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))] as number;
}

export interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export function quantiles(values: readonly number[]): Quantiles {
  const sorted = Float64Array.from(values).sort() as unknown as number[];
  return { p50: percentile(sorted, 0.5), p95: percentile(sorted, 0.95), p99: percentile(sorted, 0.99) };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

export interface Rate {
  readonly perSecond: number;
  readonly seconds: number;
  readonly count: number;
  /** Of one call, in milliseconds. */
  readonly ms: Quantiles;
}

/**
 * `callers` loops that call `work` one call after the other for `seconds`. `work` is given the number of its caller
 * and the number of the call within it, and says how many things it did (1 when it says nothing).
 */
export async function rateOf(
  callers: number,
  seconds: number,
  work: (caller: number, call: number) => Promise<number | void>,
): Promise<Rate> {
  const started = performance.now();
  const until = started + seconds * 1000;
  const taken: number[] = [];
  let count = 0;
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let call = 0; performance.now() < until; call += 1) {
        const before = performance.now();
        const things = (await work(caller, call)) ?? 1;
        count += things;
        taken.push(performance.now() - before);
      }
    }),
  );
  const took = (performance.now() - started) / 1000;
  return { perSecond: count / took, seconds: took, count, ms: quantiles(taken) };
}

/** Runs `work(0)` to `work(count − 1)`, at most `atOnce` of them at once. */
export async function forEachOf(count: number, atOnce: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(atOnce, count) }, async () => {
      while (next < count) await work(next++);
    }),
  );
}

export interface Memory {
  readonly rssMb: number;
  readonly heapMb: number;
}

/** Of this process, after a collection. */
export function memory(): Memory {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { rss, heapUsed } = process.memoryUsage();
  return { rssMb: rss / 1e6, heapMb: heapUsed / 1e6 };
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Processor time that a process has used, in milliseconds; 0 where the system does not tell. */
export function cpuMsOf(pid: number | undefined): number {
  try {
    const [, numbers = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
    const fields = numbers.split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10; // ticks of 1/100 s
  } catch {
    return 0;
  }
}

/** Memory of a process, in MB; null where the system does not tell. */
export function rssOf(pid: number | undefined): number | null {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? null : (Number(kilobytes) * 1024) / 1e6;
  } catch {
    return null;
  }
}
