/**
 * Doubts that many agents are lost at once: mostly it is the network between them and us, or we ourselves. As cluster
 * managers do, nobody is declared lost then before a further limit of presence has passed; after that silence counts.
 */
import { type Time, toMillis, toTime } from '../../domain/kernel/time';
import { agentStream } from '../../domain/market/agent';
import type { Clock, Report } from '../engine/ports';
import type { Standstill } from '../engine/standstill';
import type { AgentBook } from './agent-book';

/** So many silent agents, and so large a share of those that are there, are doubted. */
const MANY = 5;
const SHARE = 0.3;
/**
 * Who has been silent for this share of its limit counts as silent: those who fell silent together are seen together.
 */
const NEARLY = 0.8;
/** Counting goes through all agents: not more often than this. Milliseconds. */
const COUNT_EVERY_MS = 500;

export interface Silence {
  /** How many agents are active and not stopped. */
  readonly living: number;
  /** The last sign of life of each of them that is nearly silent for too long; milliseconds since the epoch. */
  readonly silent: readonly number[];
}

/** Nobody is silent, or it is not this process's to see. */
export const NOBODY: Silence = { living: 0, silent: [] };

/** Whether an active agent that gave its last sign of life then, by the clock, counts as silent. */
export function isNearlySilent(sign: number, presenceSeconds: number, now: number): boolean {
  return now - sign >= presenceSeconds * 1_000 * NEARLY;
}

export interface LossDoubtDeps {
  readonly agents: Pick<AgentBook, 'all'>;
  readonly clock: Clock;
  readonly report: Report;
  /** Who is stopped is silent for a reason. */
  readonly standstill: Pick<Standstill, 'waits'>;
  /** Other processes hear of agents as well: whoever looks for silent ones, by the signs of all, says how many. */
  readonly shared: boolean;
}

export class LossDoubt {
  /** By `tenant id`, until it is forgotten: when an agent, or a gateway, last gave this process a sign of life. */
  private readonly signs = new Map<string, number>();
  /** When those of whom somebody is still silent began to be doubted; in order. */
  private doubts: number[] = [];
  private counted = -Infinity;
  private counting: Promise<void> | undefined;

  constructor(private readonly deps: LossDoubtDeps) {}

  heard(tenant: string, id: string, at: number): void {
    if (!this.deps.shared) this.signs.set(`${tenant} ${id}`, at);
  }

  /** A gateway gave a sign of life for all its agents. */
  gatewayHeard(tenant: string, gateway: string, at: number): void {
    this.heard(tenant, gatewayName(gateway), at);
  }

  forget(tenant: string, id: string): void {
    this.signs.delete(`${tenant} ${id}`);
  }

  forgetGateway(tenant: string, gateway: string): void {
    this.forget(tenant, gatewayName(gateway));
  }

  /**
   * From when on the silence of an agent that is about to be lost counts because it is doubted, where it has lasted
   * since `silentSince`; undefined when it is not.
   */
  async from(silentSince: Time): Promise<Time | undefined> {
    const now = this.deps.clock.now();
    if (!this.deps.shared && Math.abs(now - this.counted) >= COUNT_EVERY_MS) {
      this.counted = now;
      this.counting = this.count(now).then((silence) => this.judge(silence));
    }
    await this.counting;
    const doubt = this.doubts.find((at) => at >= toMillis(silentSince));
    return doubt === undefined ? undefined : toTime(doubt);
  }

  /**
   * What is seen of all agents, when somebody is about to be lost. A doubt is about those who have been silent since
   * before it began: when many have fallen silent after it, it is another one.
   */
  judge({ living, silent }: Silence): void {
    const isDoubted = (count: number) => count > MANY && count > living * SHARE;
    const first = silent.reduce((least, sign) => Math.min(least, sign), Infinity);
    this.doubts = isDoubted(silent.length) ? this.doubts.filter((at) => at >= first) : [];
    const last = this.doubts.at(-1) ?? -Infinity;
    const fresh = silent.filter((sign) => sign > last).length;
    if (!isDoubted(fresh)) return;
    this.doubts.push(this.deps.clock.now());
    this.deps.report('many agents fell silent at once: nobody is declared lost before a further limit of presence', {
      silent: fresh,
      living,
    });
  }

  private async count(now: number): Promise<Silence> {
    let living = 0;
    const silent: number[] = [];
    for (const { tenant, id, state } of this.deps.agents.all()) {
      if (state.status !== 'active') continue;
      const waits = this.deps.standstill.waits(agentStream(tenant, id));
      // Of whom it can't be read whether it is stopped counts too.
      if (waits instanceof Promise ? await waits.catch(() => false) : waits) continue;
      living += 1;
      const sign = this.signOf(tenant, id, state.profile.gateway);
      if (sign !== undefined && isNearlySilent(sign, state.profile.presence_seconds, now)) silent.push(sign);
    }
    return { living, silent };
  }

  private signOf(tenant: string, id: string, gateway: string | undefined): number | undefined {
    const own = this.signs.get(`${tenant} ${id}`);
    const carried = gateway === undefined ? undefined : this.signs.get(`${tenant} ${gatewayName(gateway)}`);
    return own === undefined || carried === undefined ? (own ?? carried) : Math.max(own, carried);
  }
}

/** Among the ids of agents, of which none has a space. */
function gatewayName(gateway: string): string {
  return `gateway ${gateway}`;
}
