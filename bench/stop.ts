/**
 * How soon a freeze holds: callers of each process of a colony post without a pause, the tenant is frozen at one of
 * them, and the last post that was still taken anywhere tells. In both profiles; the processes of the profile azure
 * share the stores, which are our protocol servers on this machine, and each is asked by callers of its own.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { Formicary, FormicaryError } from '../client/client';
import { openEngine, type Profile } from '../samples/demo/engine';
import { freePort, HostProcess } from '../samples/demo/host-process';
import { pause, type Quantiles, quantiles } from './measure';

export interface StopSettings {
  /** Freezes in each profile. */
  readonly freezes: number;
  /** Of each process. */
  readonly callers: number;
  /** That share the stores of the profile azure. */
  readonly processes: number;
}

/** Milliseconds, over all freezes of a profile. */
export interface FreezeMs {
  readonly processes: number;
  /** From the sending of the request that freezes to its answer. */
  readonly answer: Quantiles;
  /** From that sending to the sending of the last post that was taken, by the process that was asked; by the others. */
  readonly here: Quantiles;
  readonly elsewhere: Quantiles | null;
  readonly worst: number;
}

export type StopReport = Readonly<Record<Profile, FreezeMs>>;

const TENANT = 'default';
/** How long a freeze is left to stand before it is judged: several times what it may take. */
const STANDS_MS = 3_000;
const TAKEN_AGAIN_WITHIN_MS = 60_000;
/** Posts of a caller follow each other after this, in milliseconds. */
const BETWEEN_POSTS_MS = 5;

export async function benchStop(folder: string, settings: StopSettings): Promise<StopReport> {
  return {
    embedded: await inProfile('embedded', path.join(folder, 'stop'), 1, settings),
    'azure-local': await inProfile('azure-local', path.join(folder, 'stop-azure'), settings.processes, settings),
  };
}

async function inProfile(
  profile: Profile,
  folder: string,
  processes: number,
  { freezes, callers }: StopSettings,
): Promise<FreezeMs> {
  mkdirSync(folder, { recursive: true });
  const engine = await openEngine(profile, folder);
  const hosts: HostProcess[] = [];
  const loads: Posts[] = [];
  try {
    for (let i = 0; i < processes; i += 1) {
      const data = path.join(folder, `host-${i}`);
      const host = new HostProcess({ data, port: await freePort(), environment: engine.environment });
      hosts.push(host);
      await host.start();
      loads.push(new Posts(host.url, callers));
    }
    const person = new Formicary({ url: (hosts[0] as HostProcess).url, principal: 'human:bench' });
    const answers: number[] = [];
    const here: number[] = [];
    const elsewhere: number[] = [];
    for (let freeze = 0; freeze < freezes; freeze += 1) {
      await Promise.all(loads.map((load) => load.taken()));
      // Anywhere between two looks of the others.
      await pause(Math.random() * 1_000);
      const asked = performance.now();
      await person.stops.stop('tenant', TENANT, { reason: 'how soon it holds' });
      const answered = performance.now();
      await pause(STANDS_MS);
      answers.push(answered - asked);
      for (const [i, { lastTaken }] of loads.entries())
        (i === 0 ? here : elsewhere).push(Math.max(0, lastTaken - asked));
      await person.stops.lift('tenant', TENANT, 'it holds');
    }
    person.close();
    return {
      processes,
      answer: quantiles(answers),
      here: quantiles(here),
      elsewhere: processes === 1 ? null : quantiles(elsewhere),
      worst: Math.max(...here, ...elsewhere),
    };
  } finally {
    for (const load of loads) await load.stop();
    for (const host of hosts) await host.stop();
    engine.stop();
  }
}

/** Callers that post to one process until they are stopped, whatever is answered. */
class Posts {
  /** When the last post that was taken was sent. */
  lastTaken = -Infinity;
  private readonly client: Formicary;
  private readonly running: Promise<unknown>;
  private stopped = false;

  constructor(url: string, callers: number) {
    this.client = new Formicary({ url, principal: 'service:bench', retry: { attempts: 1 } });
    this.running = Promise.all(Array.from({ length: callers }, () => this.post()));
  }

  /** Resolves when a post that is sent from now on is taken. */
  async taken(): Promise<void> {
    const from = performance.now();
    while (this.lastTaken < from) {
      if (performance.now() - from > TAKEN_AGAIN_WITHIN_MS) throw new Error('nothing is taken any more');
      await pause(BETWEEN_POSTS_MS);
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
    this.client.close();
  }

  private async post(): Promise<void> {
    while (!this.stopped) {
      const sent = performance.now();
      try {
        await this.client.tasks.post({
          task_type: 'bench.nobody',
          deadline: new Date(Date.now() + 60_000).toISOString(),
        });
        this.lastTaken = Math.max(this.lastTaken, sent);
      } catch (error) {
        if (!(error instanceof FormicaryError)) throw error;
      }
      await pause(BETWEEN_POSTS_MS);
    }
  }
}
