/**
 * Governance in the demo: work of one type has a budget, an agent that does no work asks for what it may not have, and
 * is frozen in the middle while it emits signals.
 */
import { type Formicary, FormicaryError } from '../../client/client';
import type { DenialEvent } from '../../domain/audit/denial';
import { budgetDecider, type BudgetState } from '../../domain/budgets/budget';
import type { Commit } from '../../domain/kernel/commit';
import { foldCommit } from '../../domain/kernel/fold';
import { parseStream } from '../../domain/kernel/ids';
import { toMillis } from '../../domain/kernel/time';
import type { AgentTypeEntry } from '../../domain/repository/catalogue';
import { CATALOGUE } from '../../domain/repository/catalogue-data';
import type { StopEvent } from '../../domain/stops/stop';
import type { PlannedTask } from './scenario';

/** Does no work: it is there to be refused. */
export const VISITOR = 'demo-visitor';
const TENANT = 'default';
/** What has a budget: work of this type, of which an hour has a price. */
const [BUDGETED_ENTRY] = CATALOGUE as [AgentTypeEntry];
const BUDGETED = BUDGETED_ENTRY.agent_type;
/** The budget, in what all of its work is estimated to cost: more is reserved than is spent. */
const ROOM = 2;
const ASKS_EVERY_MS = 500;
const EMITS_EVERY_MS = 20;
/** How long before and after the freeze the visitor emits. */
const AROUND_MS = 1_000;

/** Sets the budget for what of these tasks is of that type. */
export async function setBudget(client: Formicary, tasks: readonly PlannedTask[]): Promise<void> {
  const hours = tasks.reduce((sum, { agentType, effort }) => sum + (agentType === BUDGETED ? effort / 3_600 : 0), 0);
  const limit = Math.ceil(ROOM * hours * BUDGETED_ENTRY.estimated_cost_per_hour * 1_000_000);
  await client.budgets.set('agent_type', BUDGETED, { limit_micro_usd: limit, reason: 'what the demo may spend on it' });
}

/** The visitor, and the person who freezes it. */
export class Visit {
  private readonly abort = new AbortController();
  private readonly visitor: Formicary;

  /** @param client of a person who may stop agents */
  constructor(private readonly client: Formicary) {
    this.visitor = client.as(VISITOR);
  }

  /** Asks for what it may not have, and is frozen once after so many milliseconds. Until it is stopped. */
  async run(freezeAfterMs: number): Promise<void> {
    await Promise.all([this.ask(), this.freeze(freezeAfterMs)]);
  }

  stop(): void {
    this.abort.abort();
  }

  private async ask(): Promise<void> {
    const { signal } = this.abort;
    while (!signal.aborted) {
      await this.attempt(() =>
        this.visitor.stops.stop('tenant', TENANT, { reason: 'to see what happens' }, { signal }),
      );
      await this.attempt(() => this.visitor.budgets.remove('agent_type', BUDGETED, 'it is in the way', { signal }));
      await this.pause(ASKS_EVERY_MS);
    }
  }

  private async freeze(afterMs: number): Promise<void> {
    const { signal } = this.abort;
    await this.pause(Math.max(0, afterMs - AROUND_MS));
    const over = new AbortController();
    const emitting = this.emit(over.signal);
    await this.pause(AROUND_MS);
    await this.attempt(() => this.client.stops.stop('agent', VISITOR, { reason: 'how soon it holds' }, { signal }));
    await this.pause(AROUND_MS);
    over.abort();
    await emitting;
    await this.attempt(() => this.client.stops.lift('agent', VISITOR, 'it holds', { signal }));
  }

  private async emit(over: AbortSignal): Promise<void> {
    while (!over.aborted && !this.abort.signal.aborted) {
      await this.attempt(() =>
        this.visitor.signals.emit(
          { type: 'info', strength: 0.1, location: 'demo/visitor' },
          { signal: this.abort.signal },
        ),
      );
      await this.pause(EMITS_EVERY_MS);
    }
  }

  /** Whatever is answered; the host may be away, too. */
  private async attempt(ask: () => Promise<unknown>): Promise<void> {
    try {
      await ask();
    } catch (error) {
      if (!(error instanceof FormicaryError) && !this.abort.signal.aborted) throw error;
    }
  }

  private async pause(milliseconds: number): Promise<void> {
    const { signal } = this.abort;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
    });
  }
}

export interface GovernanceFindings {
  /** Receipts whose command the policy was asked about, and that it allowed. */
  readonly allowed: number;
  /** Commands that were denied; receipts are kept of a few a second, and say how many they leave out. */
  readonly denied: number;
  /** Of the budgets together, in micro-USD. */
  readonly spent: number;
  readonly reserved: number;
  readonly limit: number;
  /**
   * From the receipt of the freeze to the last one of what the frozen agent did until the lift, in milliseconds; 0 when
   * it did nothing more, undefined when nobody was frozen.
   */
  readonly freezeMs: number | undefined;
}

/** Follows decisions by policy, budgets and stops through the receipts. */
export class GovernanceWatch {
  private allowed = 0;
  private denied = 0;
  private budgets: BudgetState = budgetDecider.initial;
  private frozenAt: number | undefined;
  private liftedAt = Infinity;
  /** When the visitor did something: receipts of several streams need not be in order of time. */
  private readonly done: number[] = [];

  see(commit: Commit): void {
    const { stream, at, events, meta } = commit;
    const { category } = parseStream(stream);
    const denials = events.filter(({ type }) => type === 'CommandDenied') as DenialEvent[];
    for (const { data } of denials) this.denied += 1 + data.leftOut;
    if (denials.length === 0 && meta.policy.entrypoint !== undefined && meta.policy.decision === 'allow')
      this.allowed += 1;
    if (category === budgetDecider.category) this.budgets = foldCommit(budgetDecider, this.budgets, commit);
    if (category === 'stop')
      for (const { type, data } of events as readonly StopEvent[]) {
        if (data.kind !== 'agent' || data.name !== VISITOR) continue;
        if (type === 'Stopped') this.frozenAt ??= toMillis(at);
        if (type === 'StopLifted') this.liftedAt = toMillis(at);
      }
    if (meta.actor.id === VISITOR && denials.length === 0) this.done.push(toMillis(at));
  }

  findings(): GovernanceFindings {
    const budgets = Object.values(this.budgets.budgets);
    const sum = (of: 'spent' | 'reserved' | 'limit') => budgets.reduce((all, budget) => all + budget[of], 0);
    const { allowed, denied, frozenAt, liftedAt, done } = this;
    const last = Math.max(...done.filter((at) => at < liftedAt), -Infinity);
    const freezeMs = frozenAt === undefined ? undefined : Math.max(0, last - frozenAt);
    return { allowed, denied, spent: sum('spent'), reserved: sum('reserved'), limit: sum('limit'), freezeMs };
  }
}
