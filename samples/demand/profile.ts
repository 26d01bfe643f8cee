/**
 * The workload profile that stands in for a trace: when requests come and how large they are, without any row of the
 * trace. `measure.ts` makes it, `profile.json` is the one in use.
 */
import profile from './profile.json';
import type { DemandRequest } from './trace';

export interface DemandProfile {
  /** Where the numbers come from and under which licence. */
  readonly attribution: string;
  /** Number of requests in each minute since the trace began. */
  readonly requestsPerMinute: readonly number[];
  /**
   * Quantiles of the context tokens at equal steps of probability: the smallest, …, the largest. Two neighbours bound
   * a band; each band holds an equal share of the requests.
   */
  readonly contextTokens: readonly number[];
  /** The probabilities of the columns of `generatedTokens`, from 0 to 1. */
  readonly probabilities: readonly number[];
  /** For each band of context tokens, the quantiles of the generated tokens of the requests in it. */
  readonly generatedTokens: readonly (readonly number[])[];
}

/** Measured from the Azure LLM inference trace 2023 (code). */
export const PROFILE: DemandProfile = profile;

/**
 * A repeatable source of numbers in [0, 1): the generator mulberry32 (Tommy Ettinger, public domain), 32 bits of
 * state, a period of 2^32. Good enough to draw samples, not for secrets. `seed` is an integer, taken modulo 2^32.
 */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The value of `sorted` (ascending, not empty) at probability `p`: the observation whose rank is nearest. */
export function quantile(sorted: readonly number[], p: number): number {
  const value = sorted[Math.round(p * (sorted.length - 1))];
  if (value === undefined) throw new RangeError(`no quantile ${p} of ${sorted.length} values`);
  return value;
}

/** Between two quantiles on a logarithmic scale, since token counts are skewed; 1 is added because 0 may occur. */
function between(low: number, high: number, share: number): number {
  return Math.round((low + 1) * ((high + 1) / (low + 1)) ** share) - 1;
}

/**
 * Draws requests that are distributed as the profile says, ordered in time: in each minute as many as it has, at times
 * uniform within the minute, with token counts from the joint quantiles. The same seed gives the same requests.
 */
export function drawRequests(from: DemandProfile, seed: number): DemandRequest[] {
  const next = random(seed);
  const { contextTokens, generatedTokens, probabilities } = from;
  const drawTokens = () => {
    const place = next() * generatedTokens.length;
    const band = Math.floor(place);
    const p = next();
    const column = probabilities.findIndex((upper) => p < upper);
    const [lower = 0, upper = 1] = probabilities.slice(column - 1);
    const [fewest = 0, most = 0] = (generatedTokens[band] ?? []).slice(column - 1);
    return {
      contextTokens: between(contextTokens[band] ?? 0, contextTokens[band + 1] ?? 0, place - band),
      generatedTokens: between(fewest, most, (p - lower) / (upper - lower)),
    };
  };
  return from.requestsPerMinute.flatMap((count, minute) =>
    Array.from({ length: count }, () => (minute + next()) * 60_000)
      .sort((a, b) => a - b)
      .map((at) => ({ at, ...drawTokens() })),
  );
}
