/**
 * The figures of a report: what the receipts of a period come to. Receipts are taken in the order of their times, those
 * before the period too: what was reserved then is spent in it.
 */
import { type Budget, budgetDecider, type BudgetEvent, type BudgetState, reservationKey } from '../budgets/budget';
import { coveredBy } from '../budgets/ledger';
import { Columns } from '../kernel/columns';
import type { Commit, PolicyReceipt } from '../kernel/commit';
import { foldCommit } from '../kernel/fold';
import { parseStream } from '../kernel/ids';
import { known, Tally } from '../kernel/tally';
import type { AgentEvent } from '../market/agent';
import type { ApprovalEvent } from '../oversight/approval';
import type { StopEvent } from '../stops/stop';
import type { AuditEntry, AuditStatus } from './audit-entry';
import type { DenialEvent } from './denial';

/** Rows of a list; how many more there are is counted, and the entries have them all. */
export const MOST_LISTED = 200;

export type Decision = PolicyReceipt['decision'];
type Decisions = Readonly<Record<Decision, number>>;
const NONE: Decisions = { allow: 0, deny: 0, needs_approval: 0 };

/** One thing that happened, for a list. */
export interface Listed {
  readonly at: string;
  readonly receipt: string;
  readonly what: string;
  readonly who: string;
  readonly reason: string;
}

export interface ReportFigures {
  readonly receipts: number;
  readonly decisions: Decisions;
  readonly statuses: Readonly<Record<AuditStatus, number>>;
  /** Receipts that record no denial, though policy has denied them: none, unless something is wrong. */
  readonly againstPolicy: number;
  /** Receipts that record a denial. */
  readonly denials: number;
  /** Decisions by the hour, day or month in which they fell, without gaps. */
  readonly columns: readonly { readonly label: string; readonly decisions: Decisions }[];
  /** By action, most first. */
  readonly actions: readonly (readonly [action: string, decisions: Decisions])[];
  /** By rule of the bundle. */
  readonly rules: readonly (readonly [rule: string, decisions: Decisions])[];
  readonly bundles: readonly (readonly [bundle: string, receipts: number])[];
  /** Approvals: how many were asked for, and how they ended. */
  readonly approvals: readonly (readonly [outcome: string, count: number])[];
  readonly deniedTo: readonly (readonly [principal: string, count: number])[];
  readonly deniedFor: readonly (readonly [reason: string, count: number])[];
  readonly stops: List;
  /** As they stood at the end of the period. */
  readonly budgets: readonly Budget[];
  readonly budgetsSet: List;
  readonly agents: List;
  readonly agentEvents: readonly (readonly [event: string, count: number])[];
  /** What was settled, in micro-USD: in all, by budget, by agent. */
  readonly settled: number;
  readonly spentByBudget: readonly (readonly [budget: string, microUsd: number])[];
  readonly spentByAgent: readonly (readonly [agent: string, microUsd: number])[];
}

interface List {
  readonly rows: readonly Listed[];
  readonly more: number;
}

class DecisionTally {
  private readonly counts = new Map<string, Record<Decision, number>>();

  add(name: string, decision: Decision): void {
    const key = known(this.counts, name);
    const count = this.counts.get(key) ?? { ...NONE };
    count[decision] += 1;
    this.counts.set(key, count);
  }

  get ranked(): (readonly [string, Decisions])[] {
    const all = ({ allow, deny, needs_approval }: Decisions) => allow + deny + needs_approval;
    return [...this.counts].sort(([a, x], [b, y]) => all(y) - all(x) || (a < b ? -1 : 1));
  }
}

class Rows {
  private readonly rows: Listed[] = [];
  private left = 0;

  add(row: Listed): void {
    if (this.rows.length < MOST_LISTED) this.rows.push(row);
    else this.left += 1;
  }

  get list(): List {
    return { rows: this.rows, more: this.left };
  }
}

/** What events of approvals are called where people read them. */
const APPROVALS: Partial<Readonly<Record<ApprovalEvent['type'], string>>> = {
  ApprovalRequested: 'asked for',
  ApprovalReopened: 'asked for again',
  ApprovalEscalated: 'passed on to the next group',
  ApprovalOverridden: 'overridden afterwards',
};
const AGENTS: Partial<Readonly<Record<AgentEvent['type'], string>>> = {
  AgentRegistered: 'registered',
  AgentRevised: 'revised',
  AgentLost: 'lost',
  AgentReturned: 'returned',
  AgentDeregistered: 'deregistered',
};

export class ReportCounter {
  private receipts = 0;
  private readonly decisions = { ...NONE };
  private readonly statuses: Record<AuditStatus, number> = { started: 0, success: 0, failed: 0, denied: 0 };
  private readonly actions = new DecisionTally();
  private readonly rules = new DecisionTally();
  private readonly bundles = new Tally();
  private readonly approvals = new Tally();
  private readonly deniedTo = new Tally();
  private readonly deniedFor = new Tally();
  private readonly agentEvents = new Tally();
  private readonly byBudget = new Tally();
  private readonly byAgent = new Tally();
  private readonly stops = new Rows();
  private readonly budgets = new Rows();
  private readonly agents = new Rows();
  private settled = 0;
  private againstPolicy = 0;
  private denials = 0;
  /** Says which budgets what is settled was reserved in. */
  private ledger: BudgetState = budgetDecider.initial;
  private readonly byTime: Columns<Record<Decision, number>>;

  /** @param from the first time of the period, and `to` the first one after it */
  constructor(from: string, to: string) {
    this.byTime = new Columns(from, to, () => ({ ...NONE }));
  }

  /** A receipt from before the period. */
  before(commit: Commit): void {
    if (parseStream(commit.stream).category === budgetDecider.category)
      this.ledger = foldCommit(budgetDecider, this.ledger, commit);
  }

  add(entry: AuditEntry, commit: Commit): void {
    const { decision, rule, bundle } = entry.policy;
    this.receipts += 1;
    this.decisions[decision] += 1;
    this.statuses[entry.status] += 1;
    if (entry.events.includes('CommandDenied')) this.denials += 1;
    else if (decision === 'deny') this.againstPolicy += 1;
    this.byTime.at(entry.timestamp)[decision] += 1;
    this.actions.add(entry.action, decision);
    this.rules.add(rule ?? 'no rule was asked', decision);
    this.bundles.add(bundle);
    for (const event of commit.events) this.happened(entry, event as Counted);
    this.before(commit);
  }

  private happened(entry: AuditEntry, event: Counted): void {
    switch (event.type) {
      case 'ApprovalClosed':
        return this.approvals.add(event.data.outcome);
      case 'CommandDenied':
        // Each stands for those before it that were too many to be written.
        this.deniedTo.add(event.data.principal, 1 + event.data.leftOut);
        return event.data.reasons.forEach((reason) => this.deniedFor.add(reason));
      case 'Stopped':
        return this.list(
          this.stops,
          entry,
          event.data,
          `${event.data.effect} of ${event.data.kind} ${event.data.name}`,
        );
      case 'StopLifted':
        return this.list(this.stops, entry, event.data, `lift of ${event.data.kind} ${event.data.name}`);
      case 'BudgetSet':
        return this.list(this.budgets, entry, event.data, `${event.data.kind} ${event.data.name}`);
      case 'BudgetSettled': {
        const { cost, agent } = event.data;
        this.settled += cost;
        this.byAgent.add(agent, cost);
        return coveredBy(this.ledger, reservationKey(event.data)).forEach((budget) => this.byBudget.add(budget, cost));
      }
      default: {
        const approval = APPROVALS[event.type as ApprovalEvent['type']];
        if (approval !== undefined) this.approvals.add(approval);
        const agent = AGENTS[event.type as AgentEvent['type']];
        if (agent === undefined) return;
        this.agentEvents.add(agent);
        const { reason, profile } = event.data as { reason?: string; profile?: { agent_type: string; pool: string } };
        this.list(
          this.agents,
          entry,
          { reason: reason ?? (profile === undefined ? '' : `type ${profile.agent_type}, pool ${profile.pool}`) },
          `${entry.resource.slice(entry.resource.indexOf('/') + 1)} ${agent}`,
        );
      }
    }
  }

  private list(rows: Rows, entry: AuditEntry, { by, reason }: { by?: string; reason: string }, what: string): void {
    const { timestamp: at, receipt, user, agent_id, actor_kind } = entry;
    const acted = actor_kind === 'agent' ? agent_id : null;
    rows.add({ at, receipt, what, who: by ?? user ?? acted ?? actor_kind, reason });
  }

  get figures(): ReportFigures {
    return {
      receipts: this.receipts,
      decisions: this.decisions,
      statuses: this.statuses,
      againstPolicy: this.againstPolicy,
      denials: this.denials,
      columns: this.byTime.all.map(({ label, counts: decisions }) => ({ label, decisions })),
      actions: this.actions.ranked,
      rules: this.rules.ranked,
      bundles: this.bundles.ranked,
      approvals: this.approvals.ranked,
      deniedTo: this.deniedTo.ranked,
      deniedFor: this.deniedFor.ranked,
      stops: this.stops.list,
      budgets: Object.values(this.ledger.budgets),
      budgetsSet: this.budgets.list,
      agents: this.agents.list,
      agentEvents: this.agentEvents.ranked,
      settled: this.settled,
      spentByBudget: this.byBudget.ranked,
      spentByAgent: this.byAgent.ranked,
    };
  }
}

type Counted = ApprovalEvent | StopEvent | BudgetEvent | DenialEvent | AgentEvent;
