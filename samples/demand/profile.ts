/**
 * The workload profile that stands in for a trace: when requests come and how large they are, without any row of the
 * trace. `measure.ts` makes it of a trace: `profile.json`; `shape.ts` of a few figures: `conversation.json`.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import profile from './profile.json';
import { type DemandRequest, MAX_REQUESTS } from './trace';

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

/** Bands of context tokens, and the probabilities of generated ones: finer towards 1, since a few have most of them. */
export const BANDS = 20;
export const PROBABILITIES = [
  0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 1,
];

/** Measured from the Azure LLM inference trace 2023 (code). */
export const PROFILE: DemandProfile = profile;

const isAscending = (values: readonly number[]): boolean =>
  values.every((value, i) => i === 0 || value >= values[i - 1]!);
const Tokens = z.array(z.int().min(0).max(1e9)).min(2).refine(isAscending, 'must ascend');

const Profile = z
  .strictObject({
    attribution: z.string(),
    requestsPerMinute: z.array(z.int().min(0)).refine((counts) => {
      const requests = counts.reduce((sum, count) => sum + count, 0);
      return requests >= 2 && requests <= MAX_REQUESTS;
    }, `must add up to 2 to ${MAX_REQUESTS} requests`),
    contextTokens: Tokens,
    probabilities: z
      .array(z.number())
      .refine((values) => values[0] === 0 && values.at(-1) === 1 && isAscending(values), 'must ascend from 0 to 1'),
    generatedTokens: z.array(Tokens),
  })
  .refine(
    ({ contextTokens, generatedTokens }) => generatedTokens.length === contextTokens.length - 1,
    'generatedTokens must have one row between any two neighbours of contextTokens',
  )
  .refine(
    ({ probabilities, generatedTokens }) => generatedTokens.every(({ length }) => length === probabilities.length),
    'each row of generatedTokens must have as many columns as there are probabilities',
  );

/** Reads a profile as `profile.json` is one. Throws with what is wrong with it, or what reading the file throws. */
export async function readProfile(file: string): Promise<DemandProfile> {
  const text = await readFile(file, 'utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is no JSON: ${(error as Error).message}`);
  }
  const result = Profile.safeParse(json);
  if (!result.success) throw new Error(`${file} is no workload profile: ${z.prettifyError(result.error)}`);
  return result.data;
}

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
