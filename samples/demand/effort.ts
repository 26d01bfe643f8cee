/**
 * Turns requests to a model into tasks for a swarm: how long an agent works on each, which type of agent, how urgent,
 * and where.
 */
import { CATALOGUE } from '../../domain/repository/catalogue-data';
import { quantile, random } from './profile';
import type { DemandRequest } from './trace';

export interface DemandTask {
  /** Milliseconds since the trace began. */
  readonly at: number;
  /** An agent type of the catalogue. */
  readonly agentType: string;
  /** 0 to 1, in steps of 0.01. */
  readonly priority: number;
  /** One of 36, such as `region/eu/line-3`. */
  readonly location: string;
  /** Seconds of simulated time that one slot is busy with the task. */
  readonly effort: number;
}

/** What the swarm is offered. */
export interface OfferedLoad {
  /** Work that arrives as a share of the work that can be done, for example 0.7; above 1 the swarm falls behind. */
  readonly load: number;
  /** Tasks that all agents together can work on at once. */
  readonly slots: number;
  readonly seed: number;
}

/**
 * Seconds for one token of each kind, from Splitwise (ISCA 2024, table IV: Llama-70B on H100 without batching, coding):
 * 95 ms to the first token of a median prompt of 1,500 tokens, then 31 ms a token. After the scaling below only
 * their ratio counts.
 */
const SECONDS_PER_CONTEXT_TOKEN = 0.095 / 1500;
const SECONDS_PER_GENERATED_TOKEN = 0.031;
/** Efforts above this quantile are cut to it: a few giants would be most of the load, and no two runs comparable. */
const EFFORT_CAP = 0.99;

const LINES = Array.from({ length: 12 }, (_, index) => `line-${index + 1}`);
const LOCATIONS = ['eu', 'us', 'ap'].flatMap((region) => LINES.map((line) => `region/${region}/${line}`));

/**
 * One task for each request, in their order. With e = context tokens · 0.095 / 1500 + generated tokens · 0.031 seconds
 * and c = the 99th percentile of all e:
 *
 *     effort = k · min(e, c),  k such that  Σ effort = load · slots · (time from the first arrival to the last)
 *
 * Agent type, priority and location are drawn uniformly and independently of the effort, so that each type is expected
 * to get an equal share of it. The same requests and seed give the same draws, whatever the load.
 *
 * @throws RangeError when load or slots are not above 0, or the requests span no time or hold no token.
 */
export function toTasks(requests: readonly DemandRequest[], { load, slots, seed }: OfferedLoad): DemandTask[] {
  const unscaled = requests.map(
    ({ contextTokens, generatedTokens }) =>
      contextTokens * SECONDS_PER_CONTEXT_TOKEN + generatedTokens * SECONDS_PER_GENERATED_TOKEN,
  );
  const seconds = ((requests.at(-1)?.at ?? 0) - (requests[0]?.at ?? 0)) / 1000;
  const offered = load * slots * seconds;
  if (!(load > 0 && slots > 0 && seconds > 0 && Number.isFinite(offered))) {
    throw new RangeError(`cannot offer a load of ${load} to ${slots} slots in ${seconds} seconds: all must be above 0`);
  }
  const cap = quantile(
    [...unscaled].sort((a, b) => a - b),
    EFFORT_CAP,
  );
  const capped = unscaled.map((effort) => Math.min(effort, cap));
  const total = capped.reduce((sum, effort) => sum + effort, 0);
  if (total === 0) throw new RangeError('the requests hold no tokens, so there is no effort to scale');

  const next = random(seed);
  const pick = <T>(items: readonly T[]) => items[Math.floor(next() * items.length)] as T;
  return requests.map(({ at }, index) => ({
    at,
    agentType: pick(CATALOGUE).agent_type,
    priority: Math.round(next() * 100) / 100,
    location: pick(LOCATIONS),
    effort: ((capped[index] ?? 0) * offered) / total,
  }));
}
