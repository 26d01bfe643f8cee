/**
 * What crashes are tested on first: tasks that are posted, awarded, accepted and completed, and signals and agents
 * beside them.
 */
import { Formicary, type Receipt } from '../client/client';
import type { Commit } from '../domain/kernel/commit';
import { AGENT, live, PATIENT, TYPES } from './crash-agents';
import { CrashLoad, type Examined } from './crash-load';
import { examineCrash } from './crash-report';
import { pause } from './measure';

const AGENTS = 24;

export class TaskLoad extends CrashLoad {
  private readonly root = new Formicary({
    transport: this.transport,
    credentials: this.credentials,
    principal: 'service:crash',
    retry: PATIENT,
  });

  start(): void {
    const life = {
      draw: this.draw,
      key: () => this.key(),
      heard: (receipt: Receipt) => this.heard(receipt),
      signal: this.abort.signal,
    };
    for (let n = 0; n < AGENTS; n += 1) this.run(() => live(this.root, AGENT, n, life));
    for (let n = 0; n < 3; n += 1) this.post(() => this.poster());
    this.post(() => this.batches());
    this.post(() => this.signals());
    this.post(() => this.registrations());
  }

  /** True when the host knows of no task that is still alive. */
  async drained(): Promise<boolean> {
    const { feed } = await this.root.status();
    if (feed.some(({ lag }) => (lag ?? 0) > 0)) return false;
    for (const status of ['open', 'awarded', 'running'] as const)
      if ((await this.root.tasks.list({ status, limit: 1 })).value.length > 0) return false;
    return true;
  }

  examine(log: Iterable<Commit>): Examined {
    const { acknowledged, tasks, ...found } = examineCrash(log, this.acknowledged);
    const { lost, doneTwice, doubleAwards, unfinished } = found;
    return {
      figures: {
        acknowledged,
        tasks,
        lost: lost.length,
        doneTwice: doneTwice.length,
        doubleAwards: doubleAwards.length,
        unfinished: unfinished.length,
      },
      problems: [
        ...lost,
        ...doneTwice.map((command) => `done twice: ${command}`),
        ...doubleAwards.map((id) => `awarded twice: ${id}`),
        ...unfinished.map((id) => `did not end: ${id}`),
      ],
    };
  }

  private async poster(): Promise<void> {
    while (this.isPosting) {
      const { receipt } = await this.root.tasks.post(this.task(), { idempotencyKey: this.key() });
      this.heard(receipt);
      await pause(this.draw() * 20);
    }
  }

  private async batches(): Promise<void> {
    while (this.isPosting) {
      const tasks = Array.from({ length: 1 + Math.floor(this.draw() * 20) }, () => this.task());
      for (const answer of await this.root.tasks.postMany(tasks, { idempotencyKey: this.key() })) {
        if (answer.receipt === undefined) throw new Error(answer.problem?.detail ?? JSON.stringify(answer));
        this.heard(answer.receipt);
      }
      await pause(this.draw() * 200);
    }
  }

  private task(): {
    task_type: string;
    priority: number;
    lease_seconds: number;
    accept_seconds: number;
    retry_seconds: number;
  } {
    const task_type = TYPES[Math.floor(this.draw() * TYPES.length)] as string;
    return {
      task_type,
      priority: Math.round(this.draw() * 100) / 100,
      lease_seconds: 30,
      accept_seconds: 30,
      retry_seconds: 0,
    };
  }

  private async signals(): Promise<void> {
    while (this.isPosting) {
      const signal = { type: 'crash', location: `place/${Math.floor(this.draw() * 20)}`, strength: 0.5 };
      this.heard(await this.root.signals.emit(signal, { idempotencyKey: this.key() }));
      await pause(this.draw() * 20);
    }
  }

  /** New agents, which stay idle: nobody asks for what they can. */
  private async registrations(): Promise<void> {
    for (let n = 0; this.isPosting; n += 1) {
      const id = `idle-${n}`;
      this.heard(
        (
          await this.root.agents.put(
            id,
            { agent_type: 'crash.idle', limits: { presence_seconds: 3_600 } },
            { idempotencyKey: this.key() },
          )
        ).receipt,
      );
      await pause(this.draw() * 100);
    }
  }
}
