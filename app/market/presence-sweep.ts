/**
 * Who has fallen silent, where processes share the stores: the process that has the duty looks now and then at all
 * agents of its book, in memory, at the signs of life that it and the others have heard. Only who is silent for longer
 * than it may is looked at in the store. So an agent that lives costs no message, however many there are.
 */
import { AlteredReceipt } from '../../domain/kernel/commit';
import { plusSeconds, type Time, toMillis, toTime } from '../../domain/kernel/time';
import { agentStream } from '../../domain/market/agent';
import type { Duty } from '../engine/duty';
import type { Clock, Presence, Report } from '../engine/ports';
import type { Standstill } from '../engine/standstill';
import { Slices, soon } from '../engine/turns';
import type { AgentBook } from './agent-book';
import { gatewayKey } from './agents';
import { isNearlySilent, NOBODY, type Silence } from './loss-doubt';

/** Milliseconds; an agent is lost so much later than it could be. */
const SWEEP_EVERY_MS = 5_000;
/** Agents that are looked at in the store beside each other: many fall silent together. */
const AT_ONCE = 16;
/** When an agent whose stream was altered is looked at again, in seconds: by then somebody may have repaired it. */
const ALTERED_AGAIN_SECONDS = 60;

export interface PresenceSweepDeps {
  readonly agents: AgentBook;
  readonly presence: Presence;
  readonly duty: Pick<Duty, 'mine'>;
  /** Nobody is lost while it is stopped. */
  readonly standstill: Pick<Standstill, 'waits'>;
  readonly clock: Clock;
  readonly report: Report;
  /** Is told how many are silent before one of them is looked at. */
  readonly judge: (silence: Silence) => void;
}

export class PresenceSweep {
  /** When to look again at who is silent and not lost yet: it may be doubted, or given time. By stream. */
  private again = new Map<string, Time>();
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> | undefined;
  private readonly stopping = new AbortController();

  constructor(private readonly deps: PresenceSweepDeps) {}

  /** `look` looks at the agent of a stream in the store, and loses it if it has to be. */
  start(look: (stream: string) => Promise<void>): void {
    this.timer = setInterval(() => {
      // A sweep that takes longer goes on; the next begins when it has ended.
      this.sweeping ??= this.sweep(look, this.stopping.signal)
        .catch((error: unknown) =>
          this.deps.report('who has fallen silent could not be seen', { error: String(error) }),
        )
        .finally(() => (this.sweeping = undefined));
    }, SWEEP_EVERY_MS).unref();
  }

  /** Waits for the looks that are under way; the others are left to the next process. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.stopping.abort();
    await this.sweeping;
  }

  /** The agent of a stream is looked at no sooner than then, whatever is heard of it. */
  notBefore(stream: string, due: Time): void {
    this.again.set(stream, due);
  }

  /**
   * One look at all agents, where that is this process's to do. Rejects when signs of life can't be read; and, when all
   * others have been looked at, with what failed first of those that could not be.
   */
  async sweep(look: (stream: string) => Promise<void>, signal?: AbortSignal): Promise<void> {
    if (!this.deps.duty.mine) {
      // What was doubted here may be over when the duty comes back.
      this.deps.judge(NOBODY);
      return;
    }
    const silent = await this.silent();
    const failures: unknown[] = [];
    const lookAt = async (stream: string) => {
      try {
        await look(stream);
      } catch (error) {
        failures.push(error);
        if (error instanceof AlteredReceipt) this.notBefore(stream, plusSeconds(this.now(), ALTERED_AGAIN_SECONDS));
      }
    };
    for (let i = 0; i < silent.length && signal?.aborted !== true; i += AT_ONCE)
      await Promise.all(silent.slice(i, i + AT_ONCE).map(lookAt));
    if (failures.length > 0) throw failures[0];
  }

  /** Streams of those who have been silent for too long, and whose time to be looked at has come. */
  private async silent(): Promise<string[]> {
    const slices = new Slices(soon);
    const { agents, presence, standstill } = this.deps;
    const silent: string[] = [];
    let living = 0;
    const nearly: number[] = [];
    let isOver = false;
    const before = this.again;
    this.again = new Map();
    for (const { tenant, id, state } of agents.all()) {
      if (slices.over) await slices.pause();
      if (state.status !== 'active') continue;
      const stream = agentStream(tenant, id);
      const waits = standstill.waits(stream);
      // Of whom it can't be read whether it is stopped is looked at, which says so.
      if (waits instanceof Promise ? await waits.catch(() => false) : waits) continue;
      living += 1;
      const { gateway } = state.profile;
      const seconds = state.profile.presence_seconds + (presence.lateSeconds ?? 0);
      const now = this.now();
      // Whoever heard that it registered, or came back, may not have written it yet.
      if (state.since !== undefined && plusSeconds(state.since, seconds) > now) continue;
      const own = await presence.last(stream);
      const carried = gateway === undefined ? undefined : await presence.last(gatewayKey(tenant, gateway));
      const last = Math.max(own ?? -Infinity, carried ?? -Infinity);
      if (last !== -Infinity && isNearlySilent(last, seconds, toMillis(now))) nearly.push(last);
      if (last !== -Infinity && plusSeconds(toTime(last), seconds) > now) continue;
      isOver = true;
      const due = before.get(stream) ?? now;
      if (due > now) this.again.set(stream, due);
      else silent.push(stream);
    }
    // As long as nobody could be lost there is nothing to doubt.
    this.deps.judge({ living, silent: isOver ? nearly : [] });
    return silent;
  }

  private now(): Time {
    return toTime(this.deps.clock.now());
  }
}
