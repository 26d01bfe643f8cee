/**
 * What the demo plays: the demand as tasks in real time, and the agents that take them. Everything follows from the
 * options and the seed.
 */
import type { AgentTypeEntry } from '../../domain/repository/catalogue';
import { CATALOGUE } from '../../domain/repository/catalogue-data';
import { type DemandTask, toTasks } from '../demand/effort';
import { random } from '../demand/profile';
import type { DemandRequest } from '../demand/trace';
import type { AgentPlan } from './agents';
import { chance } from './chance';
import { type Overseen, overseen } from './decisions';

export interface ScenarioOptions {
  readonly agents: number;
  /** Work that arrives as a share of the work that can be done. */
  readonly load: number;
  /** Seconds of the demand that are played in one second. */
  readonly speed: number;
  readonly seed: number;
  /** Of the leases; as short as the tasks and a busy machine allow when it is left out. */
  readonly lease?: number;
}

export interface PlannedTask extends DemandTask {
  readonly id: string;
  /** Seconds after the start of the play. */
  readonly due: number;
  /** What the decision on it is made from; undefined: nobody has to decide. */
  readonly oversight: Overseen | undefined;
}

export interface Scenario {
  readonly tasks: readonly PlannedTask[];
  readonly agents: readonly AgentPlan[];
  /** Ids of the agents whose votes are asked for: they stay. */
  readonly voters: readonly string[];
  /** Tasks that all agents that stay can work on at once. */
  readonly slots: number;
  /** Of the mean and of the longest task, in real seconds. */
  readonly meanHold: number;
  readonly longestHold: number;
  /** Real seconds from the first arrival to the last. */
  readonly arrivals: number;
  readonly leaseSeconds: number;
  readonly presenceSeconds: number;
  readonly heartbeatSeconds: number;
  readonly pollSeconds: number;
}

/** How many agents vote in a round. */
const VOTERS = 7;
/** Tasks that one agent works on at once. */
const CAPACITY = 2;
/** Each agent also does the work of so many other types of its department, at this level; its own is 1. */
const SISTERS = 3;
const SISTER_LEVEL = 0.8;
/** Share of the agents that vanish, at least one when there are ten. */
const VANISHING = 0.005;
/** They vanish in this part of the arrivals, so that what they held comes back while the demo runs. */
const VANISH_FROM = 0.1;
const VANISH_TO = 0.7;
/**
 * No task takes longer than so many mean ones: the demo waits for the last task to end, and the longest of the hour
 * would take eight times the mean. The offered load stays what was asked for.
 */
const LONGEST = 1.5;

/** Seconds: as short as a busy machine allows, so that what a vanished agent held comes back soon. */
const MIN_LEASE = 5;
const MAX_LEASE = 15;

const departmentOf = (entry: AgentTypeEntry): string => entry.department ?? entry.industry_vertical ?? entry.category;

const TYPES = CATALOGUE.map(({ agent_type }) => agent_type);

const DEPARTMENTS = Map.groupBy(CATALOGUE, departmentOf);

/** The capabilities of an agent of this type: its own, and those of the next types of its department. */
export function capabilitiesOf(entry: AgentTypeEntry): Record<string, number> {
  const peers = DEPARTMENTS.get(departmentOf(entry)) ?? [];
  const place = peers.indexOf(entry);
  const capabilities: Record<string, number> = {};
  for (let i = Math.min(SISTERS, peers.length - 1); i >= 1; i -= 1)
    capabilities[(peers[(place + i) % peers.length] as AgentTypeEntry).agent_type] = SISTER_LEVEL;
  return { ...capabilities, [entry.agent_type]: 1 };
}

/** Cuts efforts to `longest` times their mean, which stays what it is. */
export function cutEfforts(efforts: readonly number[], longest: number): number[] {
  const total = efforts.reduce((sum, effort) => sum + effort, 0);
  const limit = (longest * total) / efforts.length;
  let cut = [...efforts];
  // What is cut from the long ones is spread over the others, some of which then have to be cut too.
  for (let round = 0; round < 100; round += 1) {
    cut = cut.map((effort) => Math.min(effort, limit));
    const missing = total - cut.reduce((sum, effort) => sum + effort, 0);
    if (missing <= total * 1e-9) break;
    const others = cut.reduce((sum, effort) => sum + (effort < limit ? effort : 0), 0);
    if (others === 0) break;
    cut = cut.map((effort) => (effort < limit ? effort * (1 + missing / others) : effort));
  }
  return cut.map((effort) => Math.min(effort, limit));
}

/** @throws RangeError when the demand can't be offered so */
export function planScenario(
  requests: readonly DemandRequest[],
  { agents: count, load, speed, seed, lease }: ScenarioOptions,
): Scenario {
  const arrivals = ((requests.at(-1)?.at ?? 0) - (requests[0]?.at ?? 0)) / 1000 / speed;
  const vanishing = Math.min(count - 1, Math.max(count >= 10 ? 1 : 0, Math.round(count * VANISHING)));
  const slots = CAPACITY * (count - vanishing);
  const demand = toTasks(requests, { load, slots, seed });
  const efforts = cutEfforts(
    demand.map(({ effort }) => effort),
    LONGEST,
  );
  const first = requests[0]?.at ?? 0;
  // Fewer agents than types: what the missing types would do goes to those that are there.
  const typeOf = (agentType: string): string => TYPES[TYPES.indexOf(agentType) % count] ?? agentType;
  const tasks = demand.map((task, i): PlannedTask => {
    const id = `task-${String(i + 1).padStart(String(demand.length).length, '0')}`;
    return {
      ...task,
      agentType: typeOf(task.agentType),
      effort: efforts[i] as number,
      id,
      due: (task.at - first) / 1000 / speed,
      oversight: overseen(id, seed),
    };
  });
  const meanHold = efforts.reduce((sum, effort) => sum + effort, 0) / efforts.length / speed;

  const leaseSeconds = lease ?? Math.min(MAX_LEASE, Math.max(MIN_LEASE, Math.ceil(1.5 * meanHold)));
  const presenceSeconds = leaseSeconds + 2;
  const lots = Array.from({ length: count }, (_, n) => n).sort(
    (a, b) => chance(seed, `vanish ${a}`) - chance(seed, `vanish ${b}`),
  );
  const vanish = new Set(lots.slice(0, vanishing));
  const draw = random(seed);
  const agents = Array.from({ length: count }, (_, n): AgentPlan => {
    const entry = CATALOGUE[n % CATALOGUE.length] as AgentTypeEntry;
    const input = {
      agent_type: entry.agent_type,
      pool: departmentOf(entry),
      capabilities: capabilitiesOf(entry),
      capacity: CAPACITY,
      limits: { presence_seconds: presenceSeconds },
    };
    const id = `${entry.agent_type}-${String(Math.floor(n / CATALOGUE.length) + 1).padStart(2, '0')}`;
    return {
      id,
      input,
      vanishesAfter: vanish.has(n) ? arrivals * (VANISH_FROM + (VANISH_TO - VANISH_FROM) * draw()) : undefined,
    };
  });
  return {
    tasks,
    agents,
    voters: agents
      .filter(({ vanishesAfter }) => vanishesAfter === undefined)
      .slice(0, VOTERS)
      .map(({ id }) => id),
    slots,
    meanHold,
    longestHold: Math.max(...efforts) / speed,
    arrivals,
    leaseSeconds,
    presenceSeconds,
    heartbeatSeconds: leaseSeconds / 3,
    pollSeconds: Math.floor(presenceSeconds / 2),
  };
}
