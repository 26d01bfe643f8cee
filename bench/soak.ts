/**
 * Whether memory grows with what has been done: life cycles of tasks in one process, while agents come and go, some
 * with tasks that they hold. Eight times in each tenth nothing is under way, and the heap is measured after a
 * collection: the median counts, since caches forget by halves. What is bounded in number or in bytes has filled
 * before the first tenth begins: what grows from there on is never forgotten.
 */
import path from 'node:path';
import type { Colony } from '../app/colony';
import type { TaskEvent } from '../domain/market/task';
import { within } from '../local/within';
import { agentId, agentOf, openBenchColony, POSTER, profileOf, specOf } from './colony';
import { median, type Memory, memory } from './measure';

export interface SoakSettings {
  /** Tasks that are done before anything is measured: as many as fill what is bounded. */
  readonly warmUp: number;
  readonly tasks: number;
  /** Registered at a time. */
  readonly agents: number;
}

export interface SoakTenth {
  /** Completed so far, after the warm-up. */
  readonly tasks: number;
  /** After a collection, the median of eight. */
  readonly heapMb: number;
  readonly rssMb: number;
  /** Processor time of the main thread for a task of this tenth. */
  readonly cpuMsPerTask: number;
}

export interface SoakReport {
  readonly tasks: number;
  /** Agents that have come, and left again. */
  readonly agents: number;
  /** Awards that were void because their agent had left. */
  readonly void: number;
  readonly tenths: readonly SoakTenth[];
  /** Of the heap, from the first three tenths to the last three: medians. */
  readonly growthMb: number;
  /** The same as a share of the first three. */
  readonly growth: number;
}

const LOOKS = 8;
const POSTERS = 32;
/** Tasks that are posted and not completed at once, at most: less than there are slots. */
const IN_FLIGHT = 400;
/** Tasks that are completed between two changes of an agent. */
const TASKS_PER_CHANGE = 25;
/** Of every hundredth task the payload is as large as one in a receipt may be, about. */
const LARGE_EVERY = 100;
const LARGE_CHARACTERS = 20_000;
const PATIENCE_SECONDS = 120;

/** @param show told of each tenth as it ends */
export async function benchSoak(
  folder: string,
  { warmUp, tasks, agents }: SoakSettings,
  show: (tenth: SoakTenth) => void,
): Promise<SoakReport> {
  const colony = await openBenchColony(path.join(folder, 'soak'));
  try {
    const soak = new Soak(colony, agents);
    await soak.begin();
    await soak.workUntil(warmUp);
    const tenths: SoakTenth[] = [];
    for (let tenth = 1; tenth <= 10; tenth += 1) {
      const before = process.threadCpuUsage();
      const done = soak.completed;
      const measured: Memory[] = [];
      for (let look = 1; look <= LOOKS; look += 1) {
        await soak.workUntil(warmUp + Math.round((tasks * (tenth - 1 + look / LOOKS)) / 10));
        measured.push(memory());
      }
      const { user, system } = process.threadCpuUsage(before);
      const cpuMsPerTask = (user + system) / 1_000 / (soak.completed - done);
      const heapMb = median(measured.map((each) => each.heapMb));
      tenths.push({ tasks: soak.completed - warmUp, heapMb, rssMb: (measured.at(-1) as Memory).rssMb, cpuMsPerTask });
      show(tenths.at(-1) as SoakTenth);
    }
    soak.end();
    const heapOf = (some: readonly SoakTenth[]): number => median(some.map(({ heapMb }) => heapMb));
    const [first, last] = [heapOf(tenths.slice(0, 3)), heapOf(tenths.slice(-3))];
    return {
      tasks,
      agents: soak.came,
      void: soak.void,
      tenths,
      growthMb: last - first,
      growth: (last - first) / first,
    };
  } finally {
    await colony.stop();
  }
}

class Soak {
  completed = 0;
  came = 0;
  void = 0;
  private posted = 0;
  private failure: unknown;
  private readonly present: string[] = [];
  private stop: () => void = () => undefined;
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly colony: Colony,
    private readonly agents: number,
  ) {}

  async begin(): Promise<void> {
    this.stop = this.colony.transactor.onCommitted(({ category, stream, commits }) => {
      if (category !== 'task') return;
      const task = stream.slice(stream.lastIndexOf('/') + 1);
      for (const { type, data } of commits.flatMap(({ events }) => events as readonly TaskEvent[])) {
        if (type === 'TaskAwarded') void this.work(task, data).catch(this.fail);
        if (type === 'TaskCompleted') this.completes();
      }
    });
    for (let n = 0; n < this.agents; n += 1) await this.comes();
  }

  end(): void {
    this.stop();
  }

  /** Posts until so many tasks are completed in all, and until nothing is left to do. */
  async workUntil(tasks: number): Promise<void> {
    const post = async (): Promise<void> => {
      while (this.posted < tasks && this.failure === undefined) {
        const n = this.posted++;
        const spec = specOf(n % this.agents);
        const large = n % LARGE_EVERY === 0 ? { filler: 'x'.repeat(LARGE_CHARACTERS) } : {};
        const payload = { ...(spec.payload as object), ...large };
        const outcome = await this.colony.tasks.post(POSTER, `soak-${n}`, { ...spec, payload, max_attempts: 100 });
        if (!outcome.ok) throw new Error(outcome.rejection.message);
        while (this.posted - this.completed > IN_FLIGHT && this.failure === undefined) await this.progress();
      }
    };
    await Promise.all(Array.from({ length: POSTERS }, post));
    for (let patience = PATIENCE_SECONDS; this.completed < tasks; patience -= 1) {
      if (this.failure !== undefined) throw this.failure as Error;
      if (patience === 0) throw new Error(`${tasks - this.completed} tasks are not completed after two minutes`);
      await within(1, this.progress());
    }
    await this.colony.feed.settled();
  }

  private readonly fail = (error: unknown): void => {
    this.failure ??= error;
    this.progressed();
  };

  /** Whoever is awarded a task does it at once; one that has left gets its award taken back by the market. */
  private async work(task: string, { agent, award }: { agent: string; award: number }): Promise<void> {
    const claim = { agent, award };
    const accepted = await this.colony.tasks.accept(agentOf(agent), task, claim);
    const done = accepted.ok && (await this.colony.tasks.complete(agentOf(agent), task, claim, { ok: true })).ok;
    if (!done) this.void += 1;
  }

  private completes(): void {
    this.completed += 1;
    this.progressed();
    if (this.completed % TASKS_PER_CHANGE !== 0) return;
    void Promise.all([this.comes(), this.leaves()]).catch(this.fail);
  }

  private async comes(): Promise<void> {
    const n = this.came++;
    const id = `${agentId(n)}-of-many`;
    const outcome = await this.colony.agents.register(agentOf(id), id, profileOf(n % this.agents));
    if (!outcome.ok) throw new Error(outcome.rejection.message);
    this.present.push(id);
  }

  private async leaves(): Promise<void> {
    const id = this.present.shift();
    if (id === undefined) return;
    const outcome = await this.colony.agents.deregister(agentOf(id), id, 'its work is done');
    if (!outcome.ok) throw new Error(outcome.rejection.message);
  }

  private progress(): Promise<void> {
    return new Promise((resolve) => void this.waiting.add(resolve));
  }

  private progressed(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}
