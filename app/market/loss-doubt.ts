/**
 * Doubts that many agents are lost at once: mostly it is the network between them and us, or we ourselves. As cluster
 * managers do, nobody is declared lost then before a further limit of presence has passed; after that silence counts.
 */
import { type Time, toTime } from '../../domain/kernel/time';
import type { Clock, Report } from '../engine/ports';
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

/** How many agents are active, and how many of them nearly silent for too long. */
export interface Silence {
  readonly living: number;
  readonly silent: number;
}

/** Whether an active agent that gave its last sign of life then, by the clock, counts as silent. */
export function isNearlySilent(sign: number, presenceSeconds: number, now: number): boolean {
  return now - sign >= presenceSeconds * 1_000 * NEARLY;
}

export class LossDoubt {
  /** By `tenant id`, until it is forgotten: when an agent, or a gateway, last gave this process a sign of life. */
  private readonly signs = new Map<string, number>();
  private since: number | undefined;
  private counted = -Infinity;

  constructor(
    private readonly agents: AgentBook,
    private readonly clock: Clock,
    private readonly report: Report,
    /** Other processes hear of agents as well: whoever looks for silent ones, by the signs of all, says how many. */
    private readonly shared: boolean,
  ) {}

  heard(tenant: string, id: string, at: number): void {
    if (!this.shared) this.signs.set(`${tenant} ${id}`, at);
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
   * From when on the silence of an agent that is about to be lost counts because it is doubted; undefined when it is
   * not.
   */
  from(): Time | undefined {
    const now = this.clock.now();
    if (!this.shared && Math.abs(now - this.counted) >= COUNT_EVERY_MS) {
      this.counted = now;
      this.judge(this.count(now));
    }
    return this.since === undefined ? undefined : toTime(this.since);
  }

  /** What is seen of all agents, when somebody is about to be lost. */
  judge({ living, silent }: Silence): void {
    const doubted = silent > MANY && silent > living * SHARE;
    if (doubted && this.since === undefined)
      this.report('many agents fell silent at once: nobody is declared lost before a further limit of presence', {
        silent,
        living,
      });
    this.since = doubted ? (this.since ?? this.clock.now()) : undefined;
  }

  private count(now: number): Silence {
    let living = 0;
    let silent = 0;
    for (const { tenant, id, state } of this.agents.all()) {
      if (state.status !== 'active') continue;
      living += 1;
      const sign = this.signOf(tenant, id, state.profile.gateway);
      if (sign !== undefined && isNearlySilent(sign, state.profile.presence_seconds, now)) silent += 1;
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
