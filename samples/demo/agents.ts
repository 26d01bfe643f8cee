/**
 * A process full of agents, each a client of its own: it registers, long-polls its inbox, accepts what it is awarded,
 * holds it as long as the work takes, and completes it. Some attempts fail, and some agents vanish for good, by the
 * seed. When a round asks for its vote, it votes. The parent says by messages what to do; when the parent is gone, so
 * is this process.
 */
import {
  type AgentInput,
  type Assignment,
  Formicary,
  FormicaryError,
  NodeTransport,
  type VoteAsked,
} from '../../client/client';
import { chance } from './chance';
import { opinionOf } from './decisions';

export interface AgentPlan {
  readonly id: string;
  readonly input: AgentInput;
  /** Seconds after the start; undefined: it stays. */
  readonly vanishesAfter?: number;
}

export interface Behaviour {
  readonly url: string;
  readonly seed: number;
  /** Seconds of effort that pass in one second; 0: work takes no time at all. */
  readonly speed: number;
  /** Share of the attempts that fail. */
  readonly failures: number;
  /** Seconds between two heartbeats of an agent that holds something. */
  readonly heartbeatSeconds: number;
  /** Seconds that a long poll waits; shorter than the presence limit, since asking is the sign of life. */
  readonly pollSeconds: number;
}

export type ToAgents =
  | { readonly kind: 'register'; readonly plans: readonly AgentPlan[]; readonly behaviour: Behaviour }
  | { readonly kind: 'work' }
  | { readonly kind: 'stop' };

/** What the agents believe; good for a progress bar, the receipts tell what was. */
export interface AgentCounts {
  readonly accepted: number;
  readonly completed: number;
  readonly failed: number;
  readonly vanished: number;
  /** Claims that turned out to be over. */
  readonly dropped: number;
  readonly voted: number;
}

export type FromAgents =
  | { readonly kind: 'registered' }
  | { readonly kind: 'counts'; readonly counts: AgentCounts }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly message: string };

/** Tries again for as long as a host may take to come back, and not so often that it has no time to. */
const PATIENT = { attempts: 60, baseMs: 200, maxMs: 2_000 };

interface Held {
  readonly award: number;
  readonly timer: NodeJS.Timeout | undefined;
}

class SimulatedAgent {
  private readonly client: Formicary;
  private readonly abort = new AbortController();
  private readonly holding = new Map<string, Held>();
  private readonly timers: NodeJS.Timeout[] = [];

  constructor(
    readonly plan: AgentPlan,
    root: Formicary,
    private readonly behaviour: Behaviour,
    private readonly counts: { -readonly [K in keyof AgentCounts]: number },
  ) {
    this.client = root.as(plan.id);
  }

  async register(): Promise<void> {
    await this.client.agents.put(this.plan.id, this.plan.input, { idempotencyKey: `register-${this.plan.id}` });
  }

  /** Works until it is stopped or vanishes. */
  async work(): Promise<void> {
    const { heartbeatSeconds, seed, pollSeconds } = this.behaviour;
    const { id, vanishesAfter } = this.plan;
    if (vanishesAfter !== undefined) {
      this.timers.push(
        setTimeout(() => {
          this.counts.vanished += 1;
          this.stop();
        }, vanishesAfter * 1000),
      );
    }
    // Not all at once: each agent's heart beats at its own phase.
    const phase = setTimeout(
      () => this.timers.push(setInterval(() => void this.beat(), heartbeatSeconds * 1000)),
      chance(seed, `beat ${id}`) * heartbeatSeconds * 1000,
    );
    this.timers.push(phase);
    while (!this.abort.signal.aborted) {
      try {
        const { items } = await this.client.agents.inbox(id, { waitSeconds: pollSeconds, signal: this.abort.signal });
        await Promise.all(
          items.map((item) =>
            item.kind === 'assignment' ? this.take(item) : item.kind === 'vote' ? this.vote(item) : Promise.resolve(),
          ),
        );
      } catch (error) {
        if (this.abort.signal.aborted) return;
        if (!(error instanceof FormicaryError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    }
  }

  stop(): void {
    this.abort.abort();
    for (const timer of this.timers) clearInterval(timer);
    for (const { timer } of this.holding.values()) clearTimeout(timer);
    this.holding.clear();
  }

  private async take({ task, award, spec }: Assignment): Promise<void> {
    if (this.holding.get(task)?.award === award) return;
    const { signal } = this.abort;
    try {
      await this.client.tasks.accept(task, { award }, { idempotencyKey: `accept-${task}-${award}`, signal });
    } catch (error) {
      this.over(error);
      return;
    }
    this.counts.accepted += 1;
    const { seed, failures, speed } = this.behaviour;
    const fails = chance(seed, `fail ${task} ${award}`) < failures;
    const share = fails ? chance(seed, `share ${task} ${award}`) : 1;
    const milliseconds = speed === 0 ? 0 : (share * (spec.effort ?? 0) * 1000) / speed;
    const finish = () => void this.finish(task, award, fails);
    if (milliseconds === 0) return await this.finish(task, award, fails);
    if (!signal.aborted) this.holding.set(task, { award, timer: setTimeout(finish, milliseconds) });
  }

  private async finish(task: string, award: number, fails: boolean): Promise<void> {
    const { signal } = this.abort;
    try {
      if (fails)
        await this.client.tasks.fail(
          task,
          { award, reason: 'the demo made this attempt fail' },
          { idempotencyKey: `fail-${task}-${award}`, signal },
        );
      else
        await this.client.tasks.complete(
          task,
          { award, result: { by: this.plan.id } },
          { idempotencyKey: `complete-${task}-${award}`, signal },
        );
      this.counts[fails ? 'failed' : 'completed'] += 1;
    } catch (error) {
      this.over(error);
    } finally {
      if (this.holding.get(task)?.award === award) this.holding.delete(task);
    }
  }

  private async vote({ round, pass, snapshot, question, choices }: VoteAsked): Promise<void> {
    const { signal } = this.abort;
    const ballot = opinionOf(this.plan.id, question, choices, this.behaviour.seed);
    try {
      await this.client.rounds.vote(
        round,
        { ...ballot, snapshot, pass },
        { idempotencyKey: `vote-${round}-${pass}`, signal },
      );
      this.counts.voted += 1;
    } catch (error) {
      // The round was decided meanwhile.
      if (!(error instanceof FormicaryError) && !signal.aborted) throw error;
    }
  }

  private async beat(): Promise<void> {
    if (this.holding.size === 0) return;
    const holding = [...this.holding].map(([task, { award }]) => ({ task, award }));
    try {
      const { held } = await this.client.agents.heartbeat(this.plan.id, holding, {
        idempotencyKey: false,
        signal: this.abort.signal,
      });
      for (const { task, award, stands } of held) {
        const known = this.holding.get(task);
        // A claim that is over: its work is dropped, somebody else has the task.
        if (stands || known?.award !== award) continue;
        clearTimeout(known.timer);
        this.holding.delete(task);
        this.counts.dropped += 1;
      }
    } catch (error) {
      if (!(error instanceof FormicaryError) && !this.abort.signal.aborted) throw error;
      // The next beat comes soon enough.
    }
  }

  /** A claim that does not stand any more, or an agent that is gone: nothing to do. Anything else is a defect. */
  private over(error: unknown): void {
    if (this.abort.signal.aborted) return;
    if (!(error instanceof FormicaryError)) throw error;
    this.counts.dropped += 1;
  }
}

function main(): void {
  const send = (message: FromAgents): void => void (process.connected && process.send?.(message));
  const counts = { accepted: 0, completed: 0, failed: 0, vanished: 0, dropped: 0, voted: 0 };
  let agents: SimulatedAgent[] = [];
  let root: Formicary | undefined;
  let reporting: NodeJS.Timeout | undefined;
  const fail = (error: unknown) => {
    send({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.exitCode = 1;
    setTimeout(() => process.exit(), 100);
  };
  process.on('disconnect', () => process.exit());
  process.on('SIGINT', () => undefined); // a terminal sends it to all; the parent decides
  process.on('unhandledRejection', fail);

  const register = async (plans: readonly AgentPlan[], behaviour: Behaviour): Promise<void> => {
    const client = new Formicary({ transport: new NodeTransport(behaviour.url), retry: PATIENT });
    root = client;
    agents = plans.map((plan) => new SimulatedAgent(plan, client, behaviour, counts));
    const left = [...agents];
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (let agent = left.pop(); agent !== undefined; agent = left.pop()) await agent.register();
      }),
    );
    send({ kind: 'registered' });
  };

  process.on('message', (message: ToAgents) => {
    if (message.kind === 'register') register(message.plans, message.behaviour).catch(fail);
    else if (message.kind === 'work') {
      for (const agent of agents) agent.work().catch(fail);
      reporting = setInterval(() => send({ kind: 'counts', counts: { ...counts } }), 100);
    } else {
      clearInterval(reporting);
      for (const agent of agents) agent.stop();
      root?.close();
      send({ kind: 'counts', counts: { ...counts } });
      send({ kind: 'stopped' });
      process.disconnect();
    }
  });
}

if (require.main === module) main();
