/**
 * A process full of agents: each registers, waits for what it is awarded, accepts it, holds it as long as the work
 * takes, and completes it. Some attempts fail, and some agents vanish for good, by the seed. When a round asks for its
 * vote, it votes. Each is a client of its own, or gateways speak for many; those that vanish speak for themselves. The
 * parent says by messages what to do; when the parent is gone, so is this process.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AgentHandler,
  type AgentInput,
  type Assignment,
  Formicary,
  FormicaryError,
  type Gateway,
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
  /** The key of the host's owner, who acts in the agents' names. */
  readonly key: string;
  readonly seed: number;
  /** Seconds of effort that pass in one second; 0: work takes no time at all. */
  readonly speed: number;
  /** Share of the attempts that fail. */
  readonly failures: number;
  /** Seconds between two heartbeats of an agent that holds something. */
  readonly heartbeatSeconds: number;
  /** Seconds that a long poll waits; shorter than the presence limit, since asking is the sign of life. */
  readonly pollSeconds: number;
  /** Agents that one gateway speaks for; 0: each speaks for itself. */
  readonly perGateway: number;
  /** Whether those behind gateways accept with the result. */
  readonly atOnce?: boolean;
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
  /** Votes that were given, also where the round was decided before they came. */
  readonly voted: number;
}

export type FromAgents =
  | { readonly kind: 'registered' }
  | { readonly kind: 'counts'; readonly counts: AgentCounts }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly message: string };

/**
 * Tries again for as long as a host may take to come back, not so often that it has no time to, and not before a host
 * that is late says so.
 */
const PATIENT = { attempts: 60, baseMs: 200, maxMs: 2_000, maxWaitMs: 30_000 };
/** Registrations at once in this process: of agents, and of gateways with all of theirs. */
const AGENTS_AT_ONCE = 16;
const GATEWAYS_AT_ONCE = 1;

interface Held {
  readonly award: number;
  readonly timer: NodeJS.Timeout | undefined;
}

type Counting = { -readonly [K in keyof AgentCounts]: number };

/** How an attempt goes, by the seed: how long it takes, and whether it fails then. */
function attemptOf(task: string, award: number, effort: number, { seed, failures, speed }: Behaviour) {
  const fails = chance(seed, `fail ${task} ${award}`) < failures;
  const share = fails ? chance(seed, `share ${task} ${award}`) : 1;
  return { fails, milliseconds: speed === 0 ? 0 : (share * effort * 1000) / speed };
}

const FAILURE = 'the demo made this attempt fail';

class SimulatedAgent {
  private readonly client: Formicary;
  private readonly abort = new AbortController();
  private readonly holding = new Map<string, Held>();
  private readonly timers: NodeJS.Timeout[] = [];

  constructor(
    readonly plan: AgentPlan,
    root: Formicary,
    private readonly behaviour: Behaviour,
    private readonly counts: Counting,
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
    const { fails, milliseconds } = attemptOf(task, award, spec.effort ?? 0, this.behaviour);
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
          { award, reason: FAILURE },
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
    this.counts.voted += 1;
    try {
      await this.client.rounds.vote(
        round,
        { ...ballot, snapshot, pass },
        { idempotencyKey: `vote-${round}-${pass}`, signal },
      );
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

/** Agents for which one gateway speaks. */
class SimulatedGateway {
  private readonly gateway: Gateway;

  constructor(
    private readonly plans: readonly AgentPlan[],
    root: Formicary,
    private readonly behaviour: Behaviour,
    private readonly counts: Counting,
    fail: (error: unknown) => void,
  ) {
    const { pollSeconds } = behaviour;
    this.gateway = root.as(`service:${plans[0]?.id}`).gateway.open({
      pollSeconds,
      onError(error) {
        // A claim that does not stand any more, a round that was decided meanwhile, a host that is away.
        if (!(error instanceof FormicaryError)) fail(error);
      },
    });
  }

  async register(): Promise<void> {
    const { counts, behaviour } = this;
    const handler: AgentHandler = {
      atOnce: behaviour.atOnce === true,
      async work({ agent, task, award, spec, signal }) {
        counts.accepted += 1;
        const { fails, milliseconds } = attemptOf(task, award, spec.effort ?? 0, behaviour);
        if (milliseconds > 0) await sleep(milliseconds, undefined, { signal });
        if (fails) throw new Error(FAILURE);
        return { by: agent };
      },
      settled: (_, outcome) => void (counts[outcome] += 1),
      vote({ agent, question, choices }) {
        counts.voted += 1;
        return opinionOf(agent, question, choices, behaviour.seed);
      },
    };
    await this.gateway.register(
      this.plans.map(({ id, input }) => ({ id, ...input })),
      handler,
    );
  }

  async work(): Promise<void> {
    this.gateway.start();
  }

  async stop(): Promise<void> {
    await this.gateway.stop({ graceMs: 0 });
  }
}

/** Those that stay in groups, for each of which a gateway speaks; those that vanish alone. */
function crowd(
  plans: readonly AgentPlan[],
  client: Formicary,
  behaviour: Behaviour,
  counts: Counting,
  fail: (error: unknown) => void,
) {
  const { perGateway } = behaviour;
  const through = perGateway === 0 ? [] : plans.filter(({ vanishesAfter }) => vanishesAfter === undefined);
  const alone = perGateway === 0 ? plans : plans.filter(({ vanishesAfter }) => vanishesAfter !== undefined);
  const gateways: SimulatedGateway[] = [];
  for (let i = 0; i < through.length; i += perGateway)
    gateways.push(new SimulatedGateway(through.slice(i, i + perGateway), client, behaviour, counts, fail));
  return [...gateways, ...alone.map((plan) => new SimulatedAgent(plan, client, behaviour, counts))];
}

function main(): void {
  const send = (message: FromAgents): void => void (process.connected && process.send?.(message));
  const counts = { accepted: 0, completed: 0, failed: 0, vanished: 0, dropped: 0, voted: 0 };
  let agents: (SimulatedAgent | SimulatedGateway)[] = [];
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
    const client = new Formicary({
      transport: new NodeTransport(behaviour.url),
      credentials: { key: behaviour.key },
      retry: PATIENT,
    });
    root = client;
    agents = crowd(plans, client, behaviour, counts, fail);
    const left = [...agents];
    await Promise.all(
      Array.from({ length: behaviour.perGateway === 0 ? AGENTS_AT_ONCE : GATEWAYS_AT_ONCE }, async () => {
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
      void Promise.allSettled(agents.map(async (agent) => await agent.stop())).then(() => {
        root?.close();
        send({ kind: 'counts', counts: { ...counts } });
        send({ kind: 'stopped' });
        process.disconnect();
      });
    }
  });
}

if (require.main === module) main();
