/**
 * The metrics that a colony is judged by: what each means, how it is computed, of which events, and what is aimed at.
 * docs/metrics.md says the same to people, and is tested against this. What no receipt says is no metric.
 */
import type { ReportFigures } from '../audit/report-figures';
import { ratio } from '../kernel/number';
import { TARGETS } from '../market/pool';
import type { PeriodFigures } from './period';

/** Bounds that a value is to keep; `falling`: below that of the period before. */
export interface Goal {
  readonly below?: number;
  readonly above?: number;
  readonly from?: number;
  readonly to?: number;
  readonly falling?: true;
}

/** Load of all pools together, weighed by their agents. */
export interface Load {
  readonly gini: number;
  readonly utilisation: number;
  readonly idle: number;
}

/** What metrics are measured of; a metric whose part is missing has no value. */
export interface Measured {
  /** The work and the decisions of a period. */
  readonly period?: PeriodFigures;
  /** The pools as they are now: of what they were, no more is kept than some hours. Null without an agent. */
  readonly load?: Load | null;
  /** The receipts of a period. */
  readonly receipts?: ReportFigures;
}

export interface Metric {
  readonly id: string;
  readonly title: string;
  readonly unit: 'share' | 'index' | 'micro_usd' | 'seconds';
  /** What of `Measured` it is of. */
  readonly of: keyof Measured;
  readonly formula: string;
  /** Types of the events whose receipts stand behind it. */
  readonly events: readonly string[];
  /** Null where nothing is aimed at. */
  readonly goal: Goal | null;
  /** The series of `/metrics` that tells the same as it is now; null where none does. */
  readonly series: string | null;
  /** Null when there is nothing to measure. */
  readonly value: (measured: Measured) => number | null;
}

const ofLoad = (of: keyof Load) => (measured: Measured) => measured.load?.[of] ?? null;
const ofPeriod = (value: (period: PeriodFigures) => number | null) => (measured: Measured) =>
  measured.period === undefined ? null : value(measured.period);

const TASK_ENDED = ['TaskCompleted', 'TaskDeadLettered', 'DeadlinePassed'];
const LOADED = ['AgentRegistered', 'SlotReserved', 'SlotReleased'];

export const METRICS: readonly Metric[] = [
  {
    id: 'completed_within_sla',
    title: 'Completed within SLA',
    unit: 'share',
    of: 'period',
    formula: 'tasks completed by their deadline / tasks with a deadline that were completed, expired or dead',
    events: ['TaskPosted', ...TASK_ENDED],
    goal: null,
    series: 'formicary_task_sla_total',
    value: ofPeriod(({ deadlines }) => ratio(deadlines.met, deadlines.all)),
  },
  {
    id: 'completion',
    title: 'Completion',
    unit: 'share',
    of: 'period',
    formula: 'tasks completed / tasks completed, expired or dead',
    events: TASK_ENDED,
    goal: null,
    series: 'formicary_task_events_total',
    value: ofPeriod(({ ended: { completed, expired, dead } }) => ratio(completed, completed + expired + dead)),
  },
  {
    id: 'gini',
    title: 'Gini of load',
    unit: 'index',
    of: 'load',
    formula: 'Gini coefficient of slots in use over capacity of the agents of a pool, weighed by agents',
    events: LOADED,
    goal: { below: TARGETS.gini },
    series: 'formicary_pool_gini',
    value: ofLoad('gini'),
  },
  {
    id: 'utilisation',
    title: 'Utilisation',
    unit: 'share',
    of: 'load',
    formula: 'slots in use / capacity of the agents of a pool, weighed by agents',
    events: LOADED,
    goal: { from: TARGETS.utilisation_from, to: TARGETS.utilisation_to },
    series: 'formicary_pool_utilisation',
    value: ofLoad('utilisation'),
  },
  {
    id: 'idle',
    title: 'Idle agents',
    unit: 'share',
    of: 'load',
    formula: 'agents without a task / agents of a pool, weighed by agents',
    events: LOADED,
    goal: { below: TARGETS.idle },
    series: 'formicary_pool_idle',
    value: ofLoad('idle'),
  },
  {
    id: 'consensus_upheld',
    title: 'Consensus that was upheld',
    unit: 'share',
    of: 'period',
    formula: 'rounds in which agents agreed and that people have not overridden / rounds in which agents agreed',
    events: ['RoundClosed', 'OutcomeOverridden'],
    goal: { above: 0.9 },
    series: null,
    value: ofPeriod(({ agreed }) => ratio(agreed.upheld, agreed.all)),
  },
  {
    id: 'human_share',
    title: 'Actions that needed a person',
    unit: 'share',
    of: 'period',
    formula: 'actions for which a person was asked, or that a person vetoed or overrode / actions proposed',
    events: ['ActionProposed', 'ActionHeld', 'ActionVetoed', 'ActionOverridden'],
    goal: { below: 0.15 },
    series: 'formicary_human_share',
    value: ofPeriod(({ actions }) => ratio(actions.human, actions.all)),
  },
  {
    id: 'human_agreement',
    title: 'Approved as proposed',
    unit: 'share',
    of: 'period',
    formula: 'approvals given as proposed / approvals given or refused',
    events: ['ApprovalClosed'],
    goal: null,
    series: 'formicary_human_agreement',
    value: ofPeriod(({ decided }) => ratio(decided.asProposed, decided.all)),
  },
  {
    id: 'approval_wait',
    title: 'Wait for an approval, 95 of 100',
    unit: 'seconds',
    of: 'period',
    formula: '95th percentile, by nearest rank, of the seconds from the request of an approval to its end',
    events: ['ApprovalRequested', 'ApprovalClosed'],
    goal: null,
    series: 'formicary_decision_seconds',
    value: ofPeriod(({ approvalSeconds }) => approvalSeconds.p95),
  },
  {
    id: 'cost_per_task',
    title: 'Cost per task',
    unit: 'micro_usd',
    of: 'period',
    formula: 'cost of the tasks that ended, as their agents have said / those of them that agents have said it of',
    events: ['AttemptEnded', 'TaskCompleted'],
    goal: { falling: true },
    series: null,
    value: ofPeriod(({ cost }) => ratio(cost.micro_usd, cost.tasks)),
  },
  {
    id: 'policy_compliance',
    title: 'Policy compliance',
    unit: 'share',
    of: 'receipts',
    formula: '1 − receipts of something done that policy denied / receipts but for those that record a denial',
    events: ['CommandDenied'],
    goal: { from: 1 },
    series: null,
    value: ({ receipts }) => {
      if (receipts === undefined) return null;
      const wrong = ratio(receipts.againstPolicy, receipts.receipts - receipts.denials);
      return wrong === null ? null : 1 - wrong;
    },
  },
];

/** A metric of a period, with what it was in the period before. */
export interface Measurement {
  readonly metric: Metric;
  readonly value: number | null;
  readonly before: number | null;
  /** Null where nothing is aimed at, or nothing was measured. */
  readonly meets: boolean | null;
}

/** The metrics that parts of what was measured tell. */
export function measure(measured: Measured, before: Measured = {}): Measurement[] {
  return METRICS.filter(({ of }) => measured[of] !== undefined).map((metric) => {
    const value = metric.value(measured);
    const last = metric.value(before);
    return { metric, value, before: last, meets: meetsGoal(metric.goal, value, last) };
  });
}

function meetsGoal(goal: Goal | null, value: number | null, before: number | null): boolean | null {
  if (goal === null || value === null) return null;
  if (goal.falling === true) return before === null ? null : value < before;
  const { below = Infinity, above = -Infinity, from = -Infinity, to = Infinity } = goal;
  return value < below && value > above && value >= from && value <= to;
}

/** In words: `below 0.3`, `0.6 to 0.8`. */
export function goalText(goal: Goal | null, said: (value: number) => string = String): string {
  if (goal === null) return '';
  const { below, above, from, to, falling } = goal;
  if (falling === true) return 'falling';
  if (below !== undefined) return `below ${said(below)}`;
  if (above !== undefined) return `above ${said(above)}`;
  if (from !== undefined && to !== undefined) return `${said(from)} to ${said(to)}`;
  return said((from ?? to) as number);
}

/** Load of several pools together, weighed by their agents; null without an agent. */
export function loadOf(pools: readonly (Load & { readonly agents: number })[]): Load | null {
  const agents = pools.reduce((sum, pool) => sum + pool.agents, 0);
  if (agents === 0) return null;
  const mean = (of: keyof Load) => pools.reduce((sum, pool) => sum + pool[of] * pool.agents, 0) / agents;
  return { gini: mean('gini'), utilisation: mean('utilisation'), idle: mean('idle') };
}
