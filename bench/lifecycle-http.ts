/**
 * The life cycle of tasks over HTTP: the host in a process of its own, a thousand agents in two client processes that
 * long-poll, accept and complete each for itself or through gateways, and a poster in this one that posts in batches.
 */
import { Formicary, type TaskInput } from '../client/client';
import { Crew } from '../samples/demo/crew';
import { freePort, HostProcess } from '../samples/demo/host-process';
import { agentId, CAPACITY, specOf, typeOf } from './colony';
import { cpuMsOf, pause, rssOf } from './measure';

export interface HttpLifecycleResult {
  /** Of the host, in MB; null where the system does not tell. */
  readonly hostRssMb: number | null;
  readonly tasksPerSecond: number;
  /** Processor time of the host for one task, in milliseconds. */
  readonly hostCpuMsPerTask: number;
  readonly tasks: number;
  readonly seconds: number;
}

/** Tasks that are posted and not completed at once, at most. */
const IN_FLIGHT = 800;
const BATCH = 50;
const PROCESSES = 2;

export interface HttpOptions {
  /** Agents that one gateway speaks for; 0: each speaks for itself. */
  readonly perGateway?: number;
  /** Whether those behind gateways accept with the result. */
  readonly atOnce?: boolean;
  readonly execArgv?: readonly string[];
}

/** A host over `data` with its agents at work. */
export class HttpColony {
  private constructor(
    readonly host: HostProcess,
    private readonly crew: Crew,
    private readonly client: Formicary,
  ) {}

  static async open(
    data: string,
    agents: number,
    { perGateway = 0, atOnce = false, execArgv = [] }: HttpOptions = {},
  ): Promise<HttpColony> {
    const environment = { FORMICARY_RATE: '1000000', FORMICARY_BURST: '1000000' };
    const host = new HostProcess({ data, port: await freePort(), environment, execArgv });
    const crew = new Crew();
    await host.start();
    try {
      const plans = Array.from({ length: agents }, (_, n) => ({
        id: agentId(n),
        input: { agent_type: typeOf(n), capacity: CAPACITY, limits: { presence_seconds: 3_600 } },
      }));
      await crew.register(plans, PROCESSES, {
        url: host.url,
        key: host.key,
        seed: 1,
        speed: 0,
        failures: 0,
        heartbeatSeconds: 60,
        pollSeconds: 30,
        perGateway,
        atOnce,
      });
      crew.work();
      return new HttpColony(host, crew, new Formicary({ url: host.url, principal: 'service:bench' }));
    } catch (error) {
      crew.kill();
      await host.kill();
      throw error;
    }
  }

  async run(name: string, tasks: number): Promise<HttpLifecycleResult> {
    const { crew, client } = this;
    const before = crew.counts.completed;
    const cpu = cpuMsOf(this.host.pid);
    const started = performance.now();
    let posted = 0;
    const poster = async (): Promise<void> => {
      while (posted < tasks) {
        crew.check();
        if (posted - (crew.counts.completed - before) > IN_FLIGHT) {
          await pause(5);
          continue;
        }
        const first = posted;
        posted = Math.min(tasks, posted + BATCH);
        const answers = await client.tasks.postMany(
          Array.from({ length: posted - first }, (_, i) => inputOf(name, first + i)),
        );
        const refused = answers.find(({ problem }) => problem !== undefined);
        if (refused !== undefined) throw new Error(refused.problem?.detail);
      }
    };
    await Promise.all([poster(), poster()]);
    const patience = performance.now() + 120_000;
    while (crew.counts.completed - before < tasks) {
      crew.check();
      if (performance.now() > patience)
        throw new Error(
          `${tasks - crew.counts.completed + before} tasks are not completed after two minutes\n${this.host.logTail()}`,
        );
      await pause(5);
    }
    const seconds = (performance.now() - started) / 1000;
    await this.settled();
    const hostCpuMsPerTask = (cpuMsOf(this.host.pid) - cpu) / tasks;
    return { tasksPerSecond: tasks / seconds, tasks, seconds, hostCpuMsPerTask, hostRssMb: rssOf(this.host.pid) };
  }

  async close(): Promise<void> {
    await this.crew.stop();
    this.client.close();
    await this.host.stop();
  }

  private async settled(): Promise<void> {
    for (let i = 0; i < 500; i += 1) {
      const { feed } = await this.client.status();
      if (feed.every(({ lag }) => lag === 0)) return;
      await pause(20);
    }
  }
}

function inputOf(name: string, n: number): TaskInput {
  const { requester: _, ...input } = specOf(n);
  return { id: `${name}-${n}`, ...input };
}
