/**
 * How a signal fades: s(t) = s₀ · (1 − decay_rate)^minutes, and below 0.01 it is gone. What strengthened it stands in
 * its receipts, each with the strength right after it.
 */
/** From here on, until the next one. */
export interface Emission {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Right after it, 0 to 1. */
  readonly strength: number;
  /** Share of its strength that evaporates in a minute. */
  readonly decay: number;
}

export const PERCEPTIBLE = 0.01;

/** As much of a receipt as is looked at. */
interface Receipt {
  readonly events: readonly { readonly data: unknown }[];
}

interface Emitted {
  readonly at: string;
  readonly timestamp: string;
  readonly resulting_strength: number;
  readonly decay_rate: number;
}

/** What its receipts say of it, oldest first. A trail evaporates at the rate of the signal that was emitted last. */
export function emissionsIn(commits: readonly Receipt[]): Emission[] {
  const emissions: Emission[] = [];
  let latest: Emitted | undefined;
  for (const { events } of commits)
    for (const { data } of events) {
      const one = data as Emitted;
      if (latest === undefined || one.timestamp >= latest.timestamp) latest = one;
      emissions.push({ at: Date.parse(one.at), strength: one.resulting_strength, decay: latest.decay_rate });
    }
  return emissions;
}

/** Strength at a time, in milliseconds since the epoch; undefined before the first that is known. */
export function strengthAt(emissions: readonly Emission[], time: number): number | undefined {
  const last = emissions.findLast(({ at }) => at <= time);
  if (last === undefined) return undefined;
  const strength = last.strength * (1 - last.decay) ** ((time - last.at) / 60_000);
  return strength < PERCEPTIBLE ? 0 : strength;
}

/** The most that it was from one time to another. */
export function mostIn(emissions: readonly Emission[], from: number, to: number): number | undefined {
  const within = emissions.filter(({ at }) => at > from && at < to).map(({ strength }) => strength);
  const begin = strengthAt(emissions, from);
  return begin === undefined && within.length === 0 ? undefined : Math.max(begin ?? 0, ...within);
}
