/**
 * What the work and the decisions of a period come to. Counted from rows of the lists, each of which follows from the
 * receipts of one task, action, approval or round: nothing is in here that no receipt says.
 */
import { Columns } from '../kernel/columns';
import { type Quantiles, quantilesOf } from '../kernel/number';
import { Tally } from '../kernel/tally';
import { secondsBetween, type Time } from '../kernel/time';

/** How tasks end. */
export const TASK_ENDS = ['completed', 'cancelled', 'expired', 'dead'] as const;
export type TaskEnd = (typeof TASK_ENDS)[number];

/** Rows of a list; how many more there are is counted. */
export const MOST_LISTED = 50;
/** Times that quantiles are made of, of each kind; those that come later are left out of them. */
const MOST_TIMES = 1_000_000;

/** What is read of a task. */
export interface TaskRow {
  readonly id: string;
  readonly task_type: string;
  readonly status: string;
  readonly agent: string | null;
  readonly posted_at: Time | null;
  readonly deadline: Time | null;
  readonly finished_at: Time | null;
  readonly ended_by: string | null;
  readonly cost_micro_usd: number | null;
}

export interface ActionRow {
  readonly human: boolean;
  readonly proposed_at: Time;
}

export interface ApprovalRow {
  readonly outcome: string | null;
  readonly edited: boolean;
  readonly requested_at: Time;
  readonly closed_at: Time | null;
}

export interface RoundRow {
  readonly outcome: string | null;
  readonly overridden: boolean;
  readonly finished_at: Time | null;
}

export type Ends = Readonly<Record<TaskEnd, number>>;
const NONE: Ends = { completed: 0, cancelled: 0, expired: 0, dead: 0 };

/** A task that did not reach its end. */
export interface Failed {
  readonly at: Time;
  readonly id: string;
  readonly task_type: string;
  readonly status: string;
  readonly ended_by: string | null;
}

export interface PeriodFigures {
  readonly from: Time;
  /** The first time after it. */
  readonly to: Time;
  /** Tasks that ended, by how. */
  readonly ended: Ends;
  /** The same by the hour, day or month in which they ended, without gaps. */
  readonly columns: readonly { readonly label: string; readonly ended: Ends }[];
  /** Tasks with a deadline that were completed, expired or dead, and how many of them were completed by then. */
  readonly deadlines: { readonly all: number; readonly met: number };
  /** From posted to completed. */
  readonly seconds: Quantiles;
  /** What tasks that ended have cost, in micro-USD, as far as their agents have said; and of how many they have. */
  readonly cost: { readonly micro_usd: number; readonly tasks: number };
  readonly completedByType: readonly (readonly [task_type: string, tasks: number])[];
  readonly failedByType: readonly (readonly [task_type: string, tasks: number])[];
  readonly costByType: readonly (readonly [task_type: string, microUsd: number])[];
  readonly completedByAgent: readonly (readonly [agent: string, tasks: number])[];
  /** Tasks that expired or are dead, the first of them. */
  readonly failed: { readonly rows: readonly Failed[]; readonly more: number };
  /** Actions that were proposed, and how many of them needed a person. */
  readonly actions: { readonly all: number; readonly human: number };
  /** Approvals that ended, by outcome. */
  readonly approvals: readonly (readonly [outcome: string, approvals: number])[];
  /** Approvals that people gave or refused, and those given as proposed. */
  readonly decided: { readonly all: number; readonly asProposed: number };
  /** From the request of an approval to its end. */
  readonly approvalSeconds: Quantiles;
  /** Rounds that ended, by outcome. */
  readonly rounds: readonly (readonly [outcome: string, rounds: number])[];
  /** Rounds in which agents agreed, and those of them that people have not overridden. */
  readonly agreed: { readonly all: number; readonly upheld: number };
}

/** Counts the rows of a period; those of other times are passed over, and said to be (`false`). */
export class PeriodCounter {
  private readonly ended: Record<TaskEnd, number> = { ...NONE };
  private readonly deadlines = { all: 0, met: 0 };
  private readonly seconds: number[] = [];
  private readonly cost = { micro_usd: 0, tasks: 0 };
  private readonly completedByType = new Tally();
  private readonly failedByType = new Tally();
  private readonly costByType = new Tally();
  private readonly completedByAgent = new Tally();
  private readonly failed: Failed[] = [];
  private moreFailed = 0;
  private readonly actions = { all: 0, human: 0 };
  private readonly approvals = new Tally();
  private readonly decided = { all: 0, asProposed: 0 };
  private readonly approvalSeconds: number[] = [];
  private readonly rounds = new Tally();
  private readonly agreed = { all: 0, upheld: 0 };
  private readonly byTime: Columns<Record<TaskEnd, number>>;

  /** @param from the first time of the period, and `to` the first one after it */
  constructor(
    private readonly from: Time,
    private readonly to: Time,
  ) {
    this.byTime = new Columns(from, to, () => ({ ...NONE }));
  }

  /** A task, which counts when it ended. */
  task(row: TaskRow): boolean {
    const { finished_at: at, posted_at, deadline, cost_micro_usd: cost, task_type, agent } = row;
    const end = TASK_ENDS.find((status) => status === row.status);
    if (!this.isWithin(at) || end === undefined) return false;
    this.ended[end] += 1;
    this.byTime.at(at)[end] += 1;
    if (cost !== null) {
      this.cost.micro_usd += cost;
      this.cost.tasks += 1;
      this.costByType.add(task_type, cost);
    }
    if (end === 'cancelled') return true;
    if (deadline !== null) {
      this.deadlines.all += 1;
      if (end === 'completed' && at <= deadline) this.deadlines.met += 1;
    }
    if (end !== 'completed') {
      this.fails(row, at);
      return true;
    }
    this.completedByType.add(task_type);
    if (agent !== null) this.completedByAgent.add(agent);
    if (posted_at !== null) take(this.seconds, posted_at, at);
    return true;
  }

  /** An action, which counts when it was proposed. */
  action({ human, proposed_at }: ActionRow): boolean {
    if (!this.isWithin(proposed_at)) return false;
    this.actions.all += 1;
    if (human) this.actions.human += 1;
    return true;
  }

  /** An approval, which counts when it ended. */
  approval({ outcome, edited, requested_at, closed_at: at }: ApprovalRow): boolean {
    if (!this.isWithin(at) || outcome === null) return false;
    this.approvals.add(outcome);
    take(this.approvalSeconds, requested_at, at);
    if (outcome !== 'approved' && outcome !== 'rejected') return true;
    this.decided.all += 1;
    if (outcome === 'approved' && !edited) this.decided.asProposed += 1;
    return true;
  }

  /** A round, which counts when it ended. */
  round({ outcome, overridden, finished_at: at }: RoundRow): boolean {
    if (!this.isWithin(at)) return false;
    this.rounds.add(outcome ?? 'cancelled');
    if (outcome !== 'agreed') return true;
    this.agreed.all += 1;
    if (!overridden) this.agreed.upheld += 1;
    return true;
  }

  private fails({ id, task_type, status, ended_by }: TaskRow, at: Time): void {
    this.failedByType.add(task_type);
    if (this.failed.length < MOST_LISTED) this.failed.push({ at, id, task_type, status, ended_by });
    else this.moreFailed += 1;
  }

  private isWithin(at: Time | null): at is Time {
    return at !== null && at >= this.from && at < this.to;
  }

  get figures(): PeriodFigures {
    return {
      from: this.from,
      to: this.to,
      ended: this.ended,
      columns: this.byTime.all.map(({ label, counts: ended }) => ({ label, ended })),
      deadlines: this.deadlines,
      seconds: quantilesOf(this.seconds),
      cost: this.cost,
      completedByType: this.completedByType.ranked,
      failedByType: this.failedByType.ranked,
      costByType: this.costByType.ranked,
      completedByAgent: this.completedByAgent.ranked,
      failed: { rows: this.failed, more: this.moreFailed },
      actions: this.actions,
      approvals: this.approvals.ranked,
      decided: this.decided,
      approvalSeconds: quantilesOf(this.approvalSeconds),
      rounds: this.rounds.ranked,
      agreed: this.agreed,
    };
  }
}

function take(times: number[], from: Time, to: Time): void {
  if (times.length < MOST_TIMES) times.push(secondsBetween(from, to));
}
