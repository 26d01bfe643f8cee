/** What those that are refused for an overload are told of when to come again. */

/** Nobody is told to wait for longer, before jitter. */
export const MAX_WAIT_SECONDS = 20;
/** Few that come back at once are no harm: what spreads is in proportion to the wait, which grows with how many do. */
const LEAST_JITTER_SECONDS = 0.25;

/** The seconds after which to come again, of who would wait for so long; `random` gives numbers in [0, 1). */
export function toldWait(wait: number, random: () => number): number {
  const seconds = Math.min(MAX_WAIT_SECONDS, wait);
  return seconds + random() * Math.max(LEAST_JITTER_SECONDS, seconds / 2);
}
