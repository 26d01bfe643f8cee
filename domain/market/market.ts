/**
 * The rules of the market: how strong a task's signal is, how bids are scored, who wins. Pure functions of what is
 * written on the receipt, so that anyone can compute an award again.
 */
import { sha256 } from '../kernel/commit';
import { type Time, toMillis } from '../kernel/time';

/** Weights of a score; data, kept on every receipt. They add up to 1. */
export interface Weights {
  readonly match: number;
  readonly load: number;
  readonly success: number;
  readonly strength: number;
}

export const DEFAULT_WEIGHTS: Weights = { match: 0.4, load: 0.3, success: 0.2, strength: 0.1 };

/** `bid`: placed for this task. `offer`: a standing offer. `help`: an idle peer's offer to help an overloaded pool. */
export const BID_SOURCES = ['bid', 'offer', 'help'] as const;

/** What a score is made from, for one bidder. */
export interface BidInputs {
  readonly agent: string;
  readonly source: (typeof BID_SOURCES)[number];
  /** Capability match, 0 to 1: the mean level of the capabilities that the task requires. */
  readonly match: number;
  /** Slots in use over capacity when the bids were closed, 0 to 1. */
  readonly load: number;
  /** Tasks of the same type that the agent has completed, out of those that it has tried. */
  readonly wins: number;
  readonly tries: number;
}

export interface ScoredBid extends BidInputs {
  readonly score: number;
}

/** Without a deadline, urgency reaches 1 after this many seconds. */
const URGENCY_HORIZON_SECONDS = 86_400;
/** Waiting this long pulls as much as all the strength that a task can have. */
const AGING_SECONDS = 86_400;

/** Urgency rises in a straight line from where it was posted to 1 at the deadline (a day without one). */
export function urgencyAt(
  posted: { readonly urgency: number; readonly posted_at: Time; readonly deadline?: Time },
  now: Time,
): number {
  const start = toMillis(posted.posted_at);
  const end = urgencyEnd(posted);
  const share = end <= start ? 1 : Math.min(1, Math.max(0, (toMillis(now) - start) / (end - start)));
  return posted.urgency + (1 - posted.urgency) * share;
}

/** When a task's urgency reaches 1, in epoch milliseconds. */
export function urgencyEnd({ posted_at, deadline }: { readonly posted_at: Time; readonly deadline?: Time }): number {
  return deadline === undefined ? toMillis(posted_at) + URGENCY_HORIZON_SECONDS * 1000 : toMillis(deadline);
}

/** Strength of a task's signal, 0 to 1: priority × urgency × 1/attempts; attempts count from 1. */
export function taskStrength(priority: number, urgency: number, attempts: number): number {
  return rounded(priority * urgency * (1 / attempts));
}

/** What the pull of a task is made from. Times are epoch milliseconds. */
export interface PullTerms {
  readonly priority: number;
  /** Where it was posted; it rises from `posted` to `end`. */
  readonly urgency: number;
  readonly attempts: number;
  readonly posted: number;
  readonly end: number;
  /** Since when it waits. */
  readonly offered: number;
}

/**
 * Which of the waiting tasks an agent gets whose slot is free: the one with the highest strength + waited / a day. The
 * second term grows without bound while strength never exceeds 1, so only what is posted within a day after a task can
 * overtake it, and every task is served under any load that is served at all. (Priorities that accumulate with time:
 * Kleinrock, "A delay dependent queue discipline", Naval Research Logistics Quarterly 11, 1964; the age factor of
 * Slurm.) It chooses among tasks, not among agents: no award is computed from it.
 *
 * A straight line in time, until it bends: its value at `now`, what it grows by in a millisecond, and until when.
 */
export function pullAt(
  { priority, urgency, attempts, posted, end, offered }: PullTerms,
  now: number,
): { readonly value: number; readonly slope: number; readonly until: number } {
  const most = priority / attempts;
  let until = posted > now ? posted : Infinity;
  if (end > now && end < until) until = end;
  if (offered > now && offered < until) until = offered;
  const rising = now >= posted && now < end;
  const share = rising ? (now - posted) / (end - posted) : now < posted && posted < end ? 0 : 1;
  return {
    value: most * (urgency + (1 - urgency) * share) + Math.max(0, now - offered) / (AGING_SECONDS * 1000),
    slope: (rising ? (most * (1 - urgency)) / (end - posted) : 0) + (now >= offered ? 1 / (AGING_SECONDS * 1000) : 0),
    until,
  };
}

/**
 * w₁·match + w₂·(1 − load) + w₃·success + w₄·strength, where success = (wins + 1)/(tries + 2) (Laplace's rule, so that
 * newcomers are tried). Strength is the same for all bidders: it ranks tasks for an agent, not agents for a task.
 * Rounded to six decimals, so that every machine reads the same number from the receipt.
 */
export function score(bid: BidInputs, strength: number, weights: Weights): number {
  const success = (bid.wins + 1) / (bid.tries + 2);
  return rounded(
    weights.match * bid.match + weights.load * (1 - bid.load) + weights.success * success + weights.strength * strength,
  );
}

/** Said on every receipt. */
export const TIE_BREAK = 'higher score, then lower load, then smaller SHA-256 of "task agent"';

/** Best first. Ties: the lower load, then the smaller SHA-256 of `task agent`, which favours nobody for long. */
export function rank(task: string, bids: readonly BidInputs[], strength: number, weights: Weights): ScoredBid[] {
  // Where all are equal, sorting compares each many times: its hash is made once.
  const hashes = new Map<string, string>();
  const hashOf = (agent: string): string => {
    let known = hashes.get(agent);
    if (known === undefined) hashes.set(agent, (known = sha256(`${task} ${agent}`)));
    return known;
  };
  return bids
    .map(({ agent, load, match, source, tries, wins }, i) => ({
      agent,
      load,
      match,
      score: score(bids[i] as BidInputs, strength, weights),
      source,
      tries,
      wins,
    }))
    .sort((a, b) => b.score - a.score || a.load - b.load || (hashOf(a.agent) < hashOf(b.agent) ? -1 : 1));
}

/** Six decimals. */
export function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

/**
 * Gini coefficient of load over capacity: Σᵢ Σⱼ |xᵢ − xⱼ| / (2 n² · mean x); 0 when all are 0. Computed from the sorted
 * values in O(n log n): Σᵢ (2i − n − 1)·xᵢ / (n · Σ x).
 */
export function gini(loads: readonly number[]): number {
  const sorted = [...loads].sort((a, b) => a - b);
  const n = sorted.length;
  let total = 0;
  let weighted = 0;
  sorted.forEach((x, i) => {
    total += x;
    weighted += (2 * (i + 1) - n - 1) * x;
  });
  return total === 0 ? 0 : weighted / (n * total);
}
