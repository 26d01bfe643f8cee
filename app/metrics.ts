/** Numbers for Prometheus. Labels come from closed lists, so that no caller can make them many. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { toMillis } from '../domain/kernel/time';
import type { TaskEvent, TaskState } from '../domain/task';
import type { Colony } from './colony';

export class Metrics {
  private readonly registry = new Registry();
  private readonly requests = new Histogram({ name: 'formicary_http_request_seconds', help: 'HTTP requests by route and status', labelNames: ['route', 'status'], buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 40], registers: [this.registry] });
  private readonly commits = new Counter({ name: 'formicary_commits_total', help: 'Commits by category of stream', labelNames: ['category'], registers: [this.registry] });
  private readonly taskEvents = new Counter({ name: 'formicary_task_events_total', help: 'What happened to tasks', labelNames: ['event'], registers: [this.registry] });
  private readonly awardSeconds = new Histogram({ name: 'formicary_award_seconds', help: 'From ready (posted, bids closed, retry due) to awarded', buckets: [0.002, 0.005, 0.01, 0.05, 0.2, 1, 5, 30, 120], registers: [this.registry] });
  private readonly sla = new Counter({ name: 'formicary_task_sla_total', help: 'Tasks with a deadline, by whether it was met', labelNames: ['met'], registers: [this.registry] });

  constructor(private readonly colony: Colony) {
    collectDefaultMetrics({ register: this.registry });
    const { registry } = this;
    new Gauge({
      name: 'formicary_feed_lag_commits',
      help: 'Commits that a consumer has yet to handle',
      labelNames: ['consumer'],
      registers: [registry],
      async collect() {
        for (const { consumer, lag } of await colony.feed.status()) this.set({ consumer }, lag);
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
        this.set(colony.market.tasks.size());
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
    colony.transactor.onCommitted(({ category, commits, state }) => {
      this.commits.inc({ category }, commits.length);
      if (category !== 'task') return;
      for (const { events, at } of commits) for (const event of events as readonly TaskEvent[]) this.task(event, state as TaskState, at);
    });
  }

  /** Takes note of an answered request. */
  request(info: { readonly route: string; readonly status: number; readonly milliseconds: number }): void {
    this.requests.observe({ route: info.route, status: String(info.status) }, info.milliseconds / 1000);
  }

  /** The text format of Prometheus. */
  async text(): Promise<{ body: string; contentType: string }> {
    return { body: await this.registry.metrics(), contentType: this.registry.contentType };
  }

  private task(event: TaskEvent, state: TaskState, at: string): void {
    this.taskEvents.inc({ event: event.type });
    if (event.type === 'TaskAwarded') this.awardSeconds.observe(Math.max(0, toMillis(at) - toMillis(state.ready_at)) / 1000);
    if (event.type === 'DeadlinePassed') this.sla.inc({ met: 'false' });
    if (event.type === 'TaskCompleted' && state.spec?.deadline !== undefined) this.sla.inc({ met: String(at <= state.spec.deadline) });
  }
}
