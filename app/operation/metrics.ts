/** Numbers for Prometheus. Labels come from closed lists, so that no caller can make them many. */
import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  type MetricObject,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client';
import type { Commit } from '../../domain/kernel/commit';
import { type Time, toMillis } from '../../domain/kernel/time';
import { secondsToAward, taskDecider, type TaskEvent, type TaskState } from '../../domain/market/task';
import { approvalDecider, type ApprovalEvent, type ApprovalState } from '../../domain/oversight/approval';
import { roundDecider, type RoundEvent, type RoundState } from '../../domain/oversight/round';
import { PLATFORM } from '../../domain/stops/stop';
import type { Reservations } from '../budgets/module';
import type { Feed } from '../engine/feed';
import type { Ports, StoreCost } from '../engine/ports';
import type { Standstill } from '../engine/standstill';
import type { Transactor } from '../engine/transact';
import type { Balance, Market } from '../market/module';
import type { DecisionFigures, DecisionMetrics } from '../oversight/module';
import type { StopBook } from '../stops/module';
import type { TenantBook } from '../tenants/module';
import type { Admission } from './admission';
import type { FailureAnswer } from './attempts';
import { DELAYS, type Lateness } from './lateness';

/** Tenants with series of their own for decisions: the first by name. */
const MAX_TENANTS = 50;

/** What of a colony is measured. */
export interface Measured {
  readonly ports: Pick<Ports, 'costs'>;
  readonly transactor: Transactor;
  readonly feed: Feed;
  readonly market: Market;
  readonly balance: Balance;
  readonly decisionMetrics: DecisionMetrics;
  readonly admission: Admission;
  readonly lateness: Lateness;
  readonly stopBook: StopBook;
  readonly tenantBook: TenantBook;
  readonly reservations: Reservations;
  readonly standstill: Standstill;
}

export class Metrics {
  private readonly registry = new Registry();
  private readonly requests = new Histogram({
    name: 'formicary_http_request_seconds',
    help: 'HTTP requests by route and status',
    labelNames: ['route', 'status'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 40],
    registers: [this.registry],
  });
  private readonly failures = new Counter({
    name: 'formicary_authentication_failures_total',
    help: 'Attempts to authenticate that failed: refused, or not even looked at since too many had failed before',
    labelNames: ['answer'],
    registers: [this.registry],
  });
  private readonly commits = new Counter({
    name: 'formicary_commits_total',
    help: 'Commits by category of stream',
    labelNames: ['category'],
    registers: [this.registry],
  });
  private readonly taskEvents = new Counter({
    name: 'formicary_task_events_total',
    help: 'What happened to tasks',
    labelNames: ['event'],
    registers: [this.registry],
  });
  private readonly awardSeconds = new Histogram({
    name: 'formicary_award_seconds',
    help: 'From ready (posted, bids closed, retry due) to awarded, where no agent has refused the task before',
    buckets: [0.002, 0.005, 0.01, 0.05, 0.2, 1, 5, 30, 120],
    registers: [this.registry],
  });
  private readonly sla = new Counter({
    name: 'formicary_task_sla_total',
    help: 'Tasks with a deadline, by whether it was met',
    labelNames: ['met'],
    registers: [this.registry],
  });
  private readonly decisions = new Counter({
    name: 'formicary_decisions_total',
    help: 'Approvals and rounds that ended, by outcome',
    labelNames: ['of', 'outcome'],
    registers: [this.registry],
  });
  private readonly decisionSeconds = new Histogram({
    name: 'formicary_decision_seconds',
    help: 'How long an approval waited (from when it was opened first), or a round was open',
    labelNames: ['of'],
    buckets: [0.02, 0.1, 0.5, 2, 10, 60, 300, 1_800, 7_200, 86_400],
    registers: [this.registry],
  });

  /** The last of all: what could not be read before it is counted. */
  private readonly unread: Counter;

  constructor(private readonly colony: Measured) {
    collectDefaultMetrics({ register: this.registry });
    const { registry } = this;
    new Gauge({
      name: 'formicary_feed_lag_commits',
      help: 'Commits that a consumer has yet to handle, where the process reads the feed itself',
      labelNames: ['consumer'],
      registers: [registry],
      async collect() {
        for (const { consumer, lag } of await colony.feed.status()) if (lag !== null) this.set({ consumer }, lag);
      },
    });
    new Gauge({
      name: 'formicary_feed_delay_seconds',
      help: 'From the oldest commit of the page that this process has handled last to the end of its handling, and at least the age of one that it is handling, where it reads the feed; of the views in the profile azure at least the age of a commit that has not come though it should',
      labelNames: ['consumer'],
      registers: [registry],
      async collect() {
        for (const { consumer, delay_seconds: delay } of await colony.feed.status())
          if (delay !== null) this.set({ consumer }, delay);
      },
    });
    new Gauge({
      name: 'formicary_feed_parked_commits',
      help: 'Commits that a consumer has given up on',
      labelNames: ['consumer'],
      registers: [registry],
      async collect() {
        for (const { consumer, parked } of await colony.feed.status()) this.set({ consumer }, parked);
      },
    });
    new Gauge({
      name: 'formicary_open_tasks',
      help: 'Tasks that wait for an award',
      registers: [registry],
      collect() {
        this.set(colony.market.tasks.size);
      },
    });
    new Gauge({
      name: 'formicary_stops',
      help: 'Things that are stopped, by kind, as far as this process has been asked for their tenants',
      labelNames: ['kind'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [kind, count] of colony.stopBook.counts()) this.set({ kind }, count);
      },
    });
    new Gauge({
      name: 'formicary_budget_micro_usd',
      help: 'Sums of budgets by whose they are: limit, reserved, spent; as far as this process has been asked for their tenants',
      labelNames: ['kind', 'of'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [kind, sums] of colony.reservations.sums())
          for (const what of ['limit', 'reserved', 'spent'] as const) this.set({ kind, of: what }, sums[what]);
      },
    });
    new Counter({
      name: 'formicary_budget_refusals_total',
      help: 'What budgets had not enough for: awards that another had taken the rest before, and tasks that were stopped because they cost more than was reserved',
      labelNames: ['what'],
      registers: [registry],
      collect() {
        this.reset();
        const { refusals, pauses } = colony.reservations.counts();
        this.inc({ what: 'award' }, refusals);
        this.inc({ what: 'task' }, pauses);
      },
    });
    new Counter({
      name: 'formicary_tenant_refusals_total',
      help: 'What tenants were refused for their limits',
      labelNames: ['limit'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [limit, count] of colony.tenantBook.counts()) this.inc({ limit }, count);
      },
    });
    new Gauge({
      name: 'formicary_feed_silence_seconds',
      help: 'For how long this process has heard nothing of the others, where processes share a store; beyond the limit it refuses to act',
      registers: [registry],
      collect() {
        this.set(colony.standstill.silentSeconds);
      },
    });
    new Gauge({
      name: 'formicary_late_seconds',
      help: 'How late this process is: its event loop (tolerated: 0.1), the beginning of requests (0.1), its appends (0.25), its feed (1)',
      labelNames: ['of'],
      registers: [registry],
      collect() {
        for (const of of DELAYS) this.set({ of }, colony.lateness.seconds[of]);
      },
    });
    new Gauge({
      name: 'formicary_admitted_per_second',
      help: 'What this process lets in while it is late; not there while it refuses nothing',
      labelNames: ['work'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { work, perSecond } of colony.admission.figures())
          if (perSecond < Infinity) this.set({ work }, perSecond);
      },
    });
    new Counter({
      name: 'formicary_requests_admitted_total',
      help: 'Requests of a class that may be refused, and were not',
      labelNames: ['work'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { work, admitted } of colony.admission.figures()) this.inc({ work }, admitted);
      },
    });
    new Counter({
      name: 'formicary_requests_refused_total',
      help: 'Requests that were refused because this process was late, or too much of their tenant waited for its turn',
      labelNames: ['work', 'tenant'],
      registers: [registry],
      collect() {
        this.reset();
        for (const { work, refused } of colony.admission.figures())
          for (const [tenant, count] of refused) this.inc({ work, tenant }, count);
      },
    });
    const pools = (name: 'gini' | 'utilisation' | 'idle' | 'waiting', help: string) =>
      new Gauge({
        name: `formicary_pool_${name}`,
        help,
        labelNames: ['tenant', 'pool'],
        registers: [registry],
        collect() {
          this.reset();
          for (const pool of colony.balance.metrics()) this.set({ tenant: pool.tenant, pool: pool.pool }, pool[name]);
        },
      });
    pools('gini', 'Gini coefficient of load over capacity in a pool (goal: below 0.3)');
    pools('utilisation', 'Slots in use over capacity in a pool (goal: 0.6 to 0.8)');
    pools('idle', 'Share of agents without a task in a pool (goal: below 0.2)');
    pools('waiting', 'Tasks that wait for an agent of a pool');
    const decisions = (name: string, help: string, figure: (figures: DecisionFigures) => number | null) =>
      new Gauge({
        name: `formicary_${name}`,
        help,
        labelNames: ['tenant'],
        registers: [registry],
        async collect() {
          this.reset();
          for (const tenant of await colony.decisionMetrics.tenants(MAX_TENANTS)) {
            const value = figure(await colony.decisionMetrics.of(tenant));
            if (value !== null) this.set({ tenant }, value);
          }
        },
      });
    const costs = (
      name: string,
      help: string,
      figures: (cost: StoreCost) => readonly (readonly [value: number, labels?: { readonly direction: string }])[],
    ) =>
      new Counter({
        name: `formicary_store_${name}_total`,
        help,
        labelNames: ['operation', 'direction'],
        registers: [registry],
        collect() {
          this.reset();
          for (const [operation, cost] of colony.ports.costs?.() ?? [])
            for (const [value, labels] of figures(cost)) this.inc({ operation, ...labels }, value);
        },
      });
    costs('requests', 'Requests to the service of the stores', ({ requests }) => [[requests]]);
    costs('request_units', 'Request units that the service has charged', ({ requestUnits }) => [[requestUnits]]);
    costs('throttled', 'Answers of the service that said to wait (429)', ({ throttled }) => [[throttled]]);
    costs('bytes', 'Bodies to and from the service of the stores', ({ bytesSent, bytesReceived }) => [
      [bytesSent, { direction: 'sent' }],
      [bytesReceived, { direction: 'received' }],
    ]);
    decisions('approvals_waiting', 'Approvals that wait for a person', ({ approvals }) => approvals.waiting);
    decisions('rounds_open', 'Rounds that take votes', ({ rounds }) => rounds.open);
    decisions(
      'human_share',
      'Share of the actions that needed a person (goal: below 0.15)',
      ({ actions }) => actions.share,
    );
    decisions(
      'human_agreement',
      'Share of the decided approvals in which people approved what was proposed, as it was',
      ({ approvals }) => approvals.agreement,
    );
    this.unread = new Counter({
      name: 'formicary_metrics_unread_total',
      help: 'Metrics that could not be read when somebody asked for them: what they are read from was away',
      labelNames: ['metric'],
      registers: [registry],
    });
    colony.transactor.onCommitted(({ here, category, commits, state }) => {
      if (!here) return; // each process counts its own
      this.commits.inc({ category }, commits.length);
      if (category === approvalDecider.category) this.approval(commits, state as ApprovalState);
      if (category === roundDecider.category) this.round(commits, state as RoundState);
      if (category !== taskDecider.category) return;
      for (const { events, at } of commits)
        for (const event of events as readonly TaskEvent[]) this.task(event, state as TaskState, at);
    });
  }

  /** Takes note of an answered request. */
  request(info: { readonly route: string; readonly status: number; readonly milliseconds: number }): void {
    this.requests.observe({ route: info.route, status: String(info.status) }, info.milliseconds / 1000);
  }

  /** Takes note of an attempt to authenticate that failed. */
  authenticationFailed(answer: FailureAnswer): void {
    this.failures.inc({ answer });
  }

  /**
   * The text format of Prometheus. What can't be read now, since a store is away, is left out and counted.
   * @param reader the tenant of whoever reads: of other tenants only those of the platform are told
   */
  async text(reader = PLATFORM): Promise<{ body: string; contentType: string }> {
    const texts = await this.readable(({ name }) => this.registry.getSingleMetricAsString(name));
    const body = `${texts.join('\n\n')}\n`;
    return { body: reader === PLATFORM ? body : withoutOthers(body, reader), contentType: this.registry.contentType };
  }

  /** All of it that can be read now, as prom-client keeps it. */
  async families(): ReturnType<Registry['getMetricsAsJSON']> {
    return await this.readable((metric) =>
      (metric as unknown as { get(): Promise<MetricObjectWithValues<MetricValue<string>>> }).get(),
    );
  }

  /** `read` of each metric, in their order, without those that can't be read. */
  private async readable<T>(read: (metric: MetricObject) => Promise<T>): Promise<T[]> {
    const metrics = this.registry.getMetricsAsArray();
    const answers = await Promise.allSettled(metrics.slice(0, -1).map(read));
    answers.forEach(({ status }, i) => {
      if (status === 'rejected') this.unread.inc({ metric: (metrics[i] as MetricObject).name });
    });
    return [
      ...answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : [])),
      await read(metrics.at(-1) as MetricObject),
    ];
  }

  private approval(commits: readonly Commit[], { requested_at }: ApprovalState): void {
    for (const { events, at } of commits) {
      for (const event of events as readonly ApprovalEvent[])
        if (event.type === 'ApprovalClosed') this.decided('approval', event.data.outcome, requested_at, at);
    }
  }

  private round(commits: readonly Commit[], { opened_at }: RoundState): void {
    for (const { events, at } of commits) {
      for (const event of events as readonly RoundEvent[]) {
        if (event.type === 'RoundClosed') this.decided('round', event.data.outcome, opened_at, at);
        if (event.type === 'RoundCancelled') this.decided('round', 'cancelled', opened_at, at);
      }
    }
  }

  private decided(of: 'approval' | 'round', outcome: string, from: Time | undefined, to: Time): void {
    this.decisions.inc({ of, outcome });
    this.decisionSeconds.observe({ of }, (toMillis(to) - toMillis(from as Time)) / 1000);
  }

  private task(event: TaskEvent, state: TaskState, at: string): void {
    this.taskEvents.inc({ event: event.type });
    const waited = event.type === 'TaskAwarded' ? secondsToAward(state, at) : undefined;
    if (waited !== undefined) this.awardSeconds.observe(waited);
    if (event.type === 'DeadlinePassed') this.sla.inc({ met: 'false' });
    if (event.type === 'TaskCompleted' && state.spec?.deadline !== undefined)
      this.sla.inc({ met: String(at <= state.spec.deadline) });
  }
}

const OF_TENANT = /[{,]tenant="([^"]*)"/;

/** The text without the series of other tenants than this one. */
function withoutOthers(text: string, tenant: string): string {
  return text
    .split('\n')
    .filter((line) => (OF_TENANT.exec(line)?.[1] ?? tenant) === tenant)
    .join('\n');
}
