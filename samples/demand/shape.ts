/**
 * A workload profile of which only a few figures are known: how many requests in how long, mean and median of their
 * tokens. It stands in for a trace that is not at hand.
 *
 *     node dist/samples/demand/shape.js > samples/demand/conversation.json
 */
import { formatProfile } from './measure';
import { BANDS, type DemandProfile, PROBABILITIES } from './profile';

export interface TokenFigures {
  readonly mean: number;
  readonly median: number;
  /** No request has more. */
  readonly most?: number;
}

export interface DemandFigures {
  readonly attribution: string;
  readonly requests: number;
  readonly minutes: number;
  readonly contextTokens: TokenFigures;
  readonly generatedTokens: TokenFigures;
}

/** The load that `conversation.json` stands for. */
export const CONVERSATION: DemandFigures = {
  attribution:
    'No trace: drawn up from a few figures of a load of conversations, 19,366 requests in 58 minutes, context tokens with a mean of 1,155 and a median of 1,020, generated tokens with a mean of 211, a median of 129 and 1,000 at most. Assumed: log-logistic distributions, both independent of each other, and arrivals that are spread evenly.',
  requests: 19_366,
  minutes: 58,
  contextTokens: { mean: 1_155, median: 1_020 },
  generatedTokens: { mean: 211, median: 129, most: 1_000 },
};

/** A log-logistic distribution has no ends: it is cut where this share lies beyond. */
const BEYOND = 0.001;

/** A profile with these figures. Both kinds of tokens have a log-logistic distribution, independent of each other. */
export function shape({ attribution, requests, minutes, ...tokens }: DemandFigures): DemandProfile {
  const edges = Array.from({ length: BANDS + 1 }, (_, edge) => edge / BANDS);
  const generated = quantilesOf(tokens.generatedTokens, PROBABILITIES);
  return {
    attribution,
    requestsPerMinute: Array.from(
      { length: minutes },
      (_, minute) => Math.floor(requests / minutes) + (minute < requests % minutes ? 1 : 0),
    ),
    contextTokens: quantilesOf(tokens.contextTokens, edges),
    probabilities: PROBABILITIES,
    generatedTokens: Array.from({ length: BANDS }, () => generated),
  };
}

/** The quantiles at these probabilities, with the spread that gives the mean. */
function quantilesOf({ mean, median, most = Infinity }: TokenFigures, probabilities: readonly number[]): number[] {
  const at = (spread: number) =>
    probabilities.map((probability) => {
      const p = Math.min(1 - BEYOND, Math.max(BEYOND, probability));
      return Math.min(most, Math.round(median * (p / (1 - p)) ** spread));
    });
  let [low, high] = [0, 2];
  for (let i = 0; i < 50; i += 1) {
    const spread = (low + high) / 2;
    if (meanOf(at(spread), probabilities) < mean) low = spread;
    else high = spread;
  }
  return at((low + high) / 2);
}

/** The mean of what is drawn between quantiles, which is done on a logarithmic scale. */
function meanOf(quantiles: readonly number[], probabilities: readonly number[]): number {
  let mean = 0;
  for (let i = 1; i < quantiles.length; i += 1) {
    const [from, to] = [quantiles[i - 1] as number, quantiles[i] as number];
    const between = from === to ? from : (to - from) / Math.log((to + 1) / (from + 1)) - 1;
    mean += between * ((probabilities[i] as number) - (probabilities[i - 1] as number));
  }
  return mean;
}

if (require.main === module) process.stdout.write(formatProfile(shape(CONVERSATION)));
