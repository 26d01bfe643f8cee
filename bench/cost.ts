/**
 * What a task, an approval and a second at rest ask of the services of the profile azure, counted: requests and request
 * units of Cosmos DB by purpose, operations of Service Bus, with one process and with several. The services are our
 * protocol servers, so nothing here is a time; they charge as the service does, as far as that is known
 * (`test/servers/cosmos/charges.ts`).
 */
import { join } from 'node:path';
import type { Colony } from '../app/colony';
import type { AgentProfile } from '../domain/market/agent';
import { agentStream } from '../domain/market/agent';
import type { TaskEvent } from '../domain/market/task';
import { agentId, agentOf, POSTER, profileOf, specOf, TENANT } from './colony';
import { CountedColony, type Spent } from './cost-colony';
import { approver } from './decisions';
import { forEachOf, pause } from './measure';

export interface CostSettings {
  /** Tasks that come at `FAST` a second, as far as the machine can. */
  readonly tasks: number;
  readonly approvals: number;
  /** For which one task a second comes, and for which nobody asks. */
  readonly slowSeconds: number;
  readonly restSeconds: number;
  /** For which nobody asks before that is counted: what follows from what was before has ended by then. */
  readonly calmSeconds: number;
  /** That give signs of life while nobody asks. */
  readonly agentsAtRest: number;
  readonly processes: readonly number[];
}

/** With so many processes. */
export interface ProcessesCost {
  readonly processes: number;
  /** Posted, awarded by a standing offer, accepted, completed, the slot given back; the views follow. */
  readonly task: {
    /** One a second; what a second at rest costs is in it. */
    readonly slow: Spent;
    readonly fast: Spent;
    readonly fastPerSecond: number;
  };
  /** An action proposed, held, approved by a person, cleared and executed, one after the other. */
  readonly approval: Spent;
  /** A second while nobody asks. */
  readonly rest: Spent;
}

export interface CostReport {
  readonly tasks: number;
  readonly approvals: number;
  readonly agentsAtRest: number;
  readonly by: readonly ProcessesCost[];
}

/** What the last line of `--json` says of it: a task and an approval with one process, rest with the most. */
export interface CostHeadline {
  readonly task: { readonly ru: number; readonly requests: number };
  readonly approval: { readonly ru: number; readonly requests: number };
  readonly rest: { readonly ruPerSecond: number; readonly operationsPerSecond: number };
}

/** Agents that do the tasks. */
const AGENTS = 68;
const FAST = 100;
/** Under way at once. */
const MOST = 64;
/** Registered at once: more, with the followers of many processes in this one, would exceed a store's patience. */
const REGISTERED = 16;
/** An agent that polls gives a sign of life so often: a third of the usual limit. */
const BEAT_SECONDS = 20;
const PRESENCE_SECONDS = 60;

export async function benchCost(folder: string, settings: CostSettings): Promise<CostReport> {
  const { tasks, approvals, agentsAtRest } = settings;
  const by: ProcessesCost[] = [];
  for (const processes of settings.processes)
    by.push(await costOf(join(folder, `cost-${processes}`), processes, settings));
  return { tasks, approvals, agentsAtRest, by };
}

export function headlineOf({ by }: CostReport): CostHeadline {
  const [one, most] = [by[0], by.at(-1)] as [ProcessesCost, ProcessesCost];
  const of = ({ requestUnits, requests }: Spent) => ({ ru: requestUnits, requests });
  return {
    task: of(one.task.fast),
    approval: of(one.approval),
    rest: { ruPerSecond: most.rest.requestUnits, operationsPerSecond: most.rest.busOperations },
  };
}

async function costOf(
  folder: string,
  processes: number,
  { tasks, approvals, slowSeconds, calmSeconds, restSeconds, agentsAtRest }: CostSettings,
): Promise<ProcessesCost> {
  const counted = await CountedColony.open(folder, processes);
  try {
    const work = new Work(counted);
    await work.register(0, AGENTS, profileOf);
    await work.tasks(FAST, MOST); // what is asked for only once
    const slow = await counted.spent(slowSeconds, () => work.tasks(slowSeconds, 1, 1));
    const began = performance.now();
    const fast = await counted.spent(tasks, () => work.tasks(tasks, MOST, FAST));
    const fastPerSecond = (1_000 * tasks) / (performance.now() - began);
    const approval = await counted.spent(approvals, () => work.approvals(approvals));
    await work.register(AGENTS, agentsAtRest, (n) => ({ ...profileOf(n), presence_seconds: PRESENCE_SECONDS }));
    await work.rest(agentsAtRest, calmSeconds);
    const rest = await counted.spent(restSeconds, () => work.rest(agentsAtRest, restSeconds));
    return { processes, task: { slow, fast, fastPerSecond }, approval, rest };
  } finally {
    await counted.close();
  }
}

/** What agents, callers and people do; each request goes to the next process. */
export class Work {
  private count = 0;
  private readonly awarded = new Map<string, (claim: { agent: string; award: number }) => void>();

  constructor(private readonly counted: CountedColony) {
    for (const { colony } of counted.instances) this.listen(colony);
  }

  async register(from: number, to: number, profile: (n: number) => AgentProfile): Promise<void> {
    let registered = from;
    // Those that are there already live on while the others come.
    const beating = setInterval(() => this.beat(0, registered, 1), (BEAT_SECONDS * 1_000) / 2);
    await forEachOf(Math.max(0, to - from), REGISTERED, async (i) => {
      const id = agentId(from + i);
      taken(await this.counted.next().agents.register(agentOf(id), id, profile(from + i)));
      registered = Math.max(registered, from + i + 1);
    }).finally(() => clearInterval(beating));
  }

  /**
   * Life cycles of tasks, each from its post to its completion: `perSecond` of them are begun, as long as no more than
   * `atOnce` are under way.
   */
  async tasks(count: number, atOnce: number, perSecond = Infinity): Promise<void> {
    const began = performance.now();
    await forEachOf(count, atOnce, async (i) => {
      await pause(Math.max(0, began + (1_000 * i) / perSecond - performance.now()));
      const n = this.count++;
      const id = `task-${n}`;
      const award = new Promise<{ agent: string; award: number }>((resolve) => this.awarded.set(id, resolve));
      taken(await this.counted.next().tasks.post(POSTER, id, specOf(n)));
      const claim = await award;
      taken(await this.counted.next().tasks.accept(agentOf(claim.agent), id, claim));
      taken(await this.counted.next().tasks.complete(agentOf(claim.agent), id, claim, { ok: true }));
    });
    await pause(Math.max(0, began + (1_000 * count) / perSecond - performance.now()));
  }

  async approvals(count: number): Promise<void> {
    const approved = approver(this.counted.next());
    await forEachOf(count, 1, () => approved(`action-${this.count++}`));
  }

  /** Agents give signs of life, and nothing else happens. */
  async rest(agents: number, seconds: number): Promise<void> {
    const began = performance.now();
    for (let second = 0; second < seconds; second += 1) {
      this.beat(second % BEAT_SECONDS, agents, BEAT_SECONDS);
      await pause(Math.max(0, began + 1_000 * (second + 1) - performance.now()));
    }
  }

  private beat(from: number, to: number, step: number): void {
    for (let n = from; n < to; n += step)
      this.counted.next().ports.presence.beat([agentStream(TENANT, agentId(n))], Date.now());
  }

  private listen({ transactor }: Colony): void {
    transactor.onCommitted(({ here, category, stream, commits }) => {
      if (category !== 'task' || !here) return;
      for (const { type, data } of commits.flatMap(({ events }) => events as readonly TaskEvent[]))
        if (type === 'TaskAwarded')
          this.awarded.get(stream.slice(stream.lastIndexOf('/') + 1))?.({ agent: data.agent, award: data.award });
    });
  }
}

function taken(
  outcome: { readonly ok: true } | { readonly ok: false; readonly rejection: { readonly message: string } },
): void {
  if (!outcome.ok) throw new Error(outcome.rejection.message);
}
