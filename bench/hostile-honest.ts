/** Those that do their work while somebody means no good: agents in each of many tenants, and who posts to them. */
import { Formicary, FormicaryError, NodeTransport } from '../client/client';
import { forEachOf, pause } from './measure';

export const AGENT_TYPE = 'finance.reconciliation';
const POLL_SECONDS = 2;
/** Agents in each tenant: of an award that is doubted the other ones are asked. */
const WORKERS = 3;
/** Short: an agent that is kept from asking shows as lost. */
const PRESENCE_SECONDS = 6;
const AT_ONCE = 16;
const PATIENT = { attempts: 30, baseMs: 20, maxMs: 500, maxWaitMs: 30_000 };

export const tenantOf = (n: number): string => `honest-${n + 1}`;

export class Honest {
  private readonly transport: NodeTransport;
  private readonly abort = new AbortController();
  private readonly done = new Map<string, () => void>();
  private running: Promise<unknown> = Promise.resolve();
  private posted = 0;

  constructor(
    url: string,
    readonly tenants: number,
  ) {
    this.transport = new NodeTransport(url);
  }

  async start(): Promise<void> {
    const workers = Array.from({ length: this.tenants * WORKERS }, (_, n) => ({
      tenant: n % this.tenants,
      id: `worker-${1 + Math.floor(n / this.tenants)}`,
    }));
    await forEachOf(workers.length, AT_ONCE, async (n) => {
      const { tenant, id } = workers[n] as (typeof workers)[number];
      const profile = { agent_type: AGENT_TYPE, capacity: 20, limits: { presence_seconds: PRESENCE_SECONDS } };
      await this.client(tenant, id).agents.put(id, profile);
    });
    this.running = Promise.all(workers.map(({ tenant, id }) => this.work(tenant, id)));
  }

  /** Has so many tasks done, a few at once, in all tenants in turn. Resolves with the seconds that it took. */
  async batch(tasks: number): Promise<number> {
    const began = performance.now();
    await forEachOf(tasks, AT_ONCE, async () => {
      const n = this.posted % this.tenants;
      const id = `task-${(this.posted += 1)}`;
      const completed = new Promise<void>((resolve) => this.done.set(id, resolve));
      await this.client(n, 'service:desk').tasks.post({ id, task_type: AGENT_TYPE });
      await completed;
    });
    return (performance.now() - began) / 1_000;
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.running;
    this.transport.close();
  }

  /** Asks, accepts and completes until it is stopped. What is refused is shown again. */
  private async work(tenant: number, id: string): Promise<void> {
    const client = this.client(tenant, id);
    const { signal } = this.abort;
    while (!signal.aborted) {
      try {
        const { items } = await client.agents.inbox(id, { waitSeconds: POLL_SECONDS, holding: true, signal });
        await Promise.all(
          items.map(async (item) => {
            if (item.kind !== 'assignment' && item.kind !== 'holding') return;
            const { task, award } = item;
            if (item.kind === 'assignment') await client.tasks.accept(task, { award }, { signal });
            await client.tasks.complete(task, { award }, { signal });
            this.done.get(task)?.();
            this.done.delete(task);
          }),
        );
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof FormicaryError)) throw error;
        await pause(20);
      }
    }
  }

  private client(n: number, principal: string): Formicary {
    return new Formicary({ transport: this.transport, tenant: tenantOf(n), principal, retry: PATIENT });
  }
}
