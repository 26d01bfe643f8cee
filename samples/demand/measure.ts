/**
 * Measures the workload profile of a trace:
 *
 *     node dist/samples/demand/measure.js TRACE > samples/demand/profile.json
 */
import { BANDS, type DemandProfile, PROBABILITIES, quantile } from './profile';
import { type DemandRequest, readTrace } from './trace';

const ATTRIBUTION =
  'Measured from the Azure LLM inference trace 2023 (code), (c) Microsoft, licensed under CC-BY-4.0, ' +
  'https://github.com/Azure/AzurePublicDataset. The dataset of: Patel et al., "Splitwise: Efficient generative LLM ' +
  'inference using phase splitting", ISCA 2024. Changed: only counts per minute and quantiles are kept, no row.';

/** Requests per minute and the joint quantiles of both token counts of `requests` (ordered in time, not empty). */
export function measure(requests: readonly DemandRequest[]): DemandProfile {
  const minutes = requests.map((request) => Math.floor(request.at / 60_000));
  const requestsPerMinute = new Array<number>((minutes.at(-1) ?? 0) + 1).fill(0);
  for (const minute of minutes) requestsPerMinute[minute] = (requestsPerMinute[minute] ?? 0) + 1;

  const byContext = [...requests].sort((a, b) => a.contextTokens - b.contextTokens);
  const contexts = byContext.map((request) => request.contextTokens);
  const startOf = (band: number) => Math.floor((band * byContext.length) / BANDS);
  const bands = Array.from({ length: BANDS }, (_, band) => byContext.slice(startOf(band), startOf(band + 1)));
  return {
    attribution: ATTRIBUTION,
    requestsPerMinute,
    contextTokens: Array.from({ length: BANDS + 1 }, (_, edge) => quantile(contexts, edge / BANDS)),
    probabilities: PROBABILITIES,
    generatedTokens: bands.map((band) => {
      const generated = band.map((request) => request.generatedTokens).sort((a, b) => a - b);
      return PROBABILITIES.map((p) => quantile(generated, p));
    }),
  };
}

/** The text of `profile.json`: lists of numbers on one line each. */
export function formatProfile(profile: DemandProfile): string {
  const text = JSON.stringify(profile, null, 2);
  return `${text.replace(/\[[\d\s,.]+\]/g, (list) => list.replace(/\s+/g, ' '))}\n`;
}

async function main(file: string | undefined): Promise<void> {
  if (file === undefined) throw new Error('usage: measure TRACE > profile.json');
  process.stdout.write(formatProfile(measure(await readTrace(file))));
}

if (require.main === module) {
  main(process.argv[2]).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
