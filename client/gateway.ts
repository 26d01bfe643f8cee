/** Many agents in one process: one long poll tells what waits for all of them, what they do goes in batches. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentInput as AgentInputSchema } from '../contract/market/agents';
import type {
  AgentCommandInput,
  gateway,
  GatewayInbox as GatewayInboxSchema,
  InboxItem as InboxItemSchema,
  MOST as ITEMS,
} from '../contract/market/gateway';
import type { QueryOf, Sent, Shown } from '../contract/route';
import { AwardMemory } from './award-memory';
import { reasonOf } from './reason';
import { type CommandOptions, FormicaryError, type ItemOf, type ReadOptions, type Session } from './session';

export type GatewayAgent = Sent<typeof AgentInputSchema> & { readonly id: string };
export type GatewayInbox = Shown<typeof GatewayInboxSchema>;
export type GatewayItem = Shown<typeof InboxItemSchema>;
/** An award, an offer or a vote, and the agent that it is for. */
export type AgentAssignment = Extract<GatewayItem, { kind: 'assignment' }>;
export type AgentHolding = Extract<GatewayItem, { kind: 'holding' }>;
export type AgentOffer = Extract<GatewayItem, { kind: 'offer' }>;
export type AgentVoteAsked = Extract<GatewayItem, { kind: 'vote' }>;
export type AgentCommand = Sent<typeof AgentCommandInput>;
export type AgentCommandAnswer = ItemOf<typeof gateway.command>;
export type GatewayRegistered = ItemOf<typeof gateway.register>;

/** Agents, or commands, in one request; and bytes of its commands, of which the host takes twice as many. */
const MOST: typeof ITEMS = 500;
const MOST_BYTES = 2_000_000;
/** Batches under way at once: what comes meanwhile goes together. */
const AT_ONCE = 4;
const POLL_SECONDS = 20;
/** Leases are looked at so often; each is extended when a third of it is over. Milliseconds. */
const LOOK_MS = 500;
const GRACE_MS = 5_000;

/** `/v1/gateway` */
export class GatewayApi {
  constructor(private readonly session: Session) {}

  /** Registers up to 500 agents; answers for each, in their order. */
  register(agents: readonly GatewayAgent[], options?: CommandOptions): Promise<readonly GatewayRegistered[]> {
    return this.session.batch<typeof gateway.register>('POST /v1/gateway/agents', { body: { agents } }, options);
  }

  /** What waits for the caller's agents; waits up to `waitSeconds` (at most 30) for something to come. */
  inbox({ signal, traceparent, ...query }: QueryOf<typeof gateway.inbox> & ReadOptions = {}): Promise<GatewayInbox> {
    const options = { signal, traceparent, signOfLife: true };
    return this.session.call<typeof gateway.inbox>('GET /v1/gateway/inbox', { query }, options);
  }

  /** Does up to 500 things that agents do; answers for each, in their order. */
  command(commands: readonly AgentCommand[], options?: CommandOptions): Promise<readonly AgentCommandAnswer[]> {
    const signOfLife = commands.some((command) => command.do === 'heartbeat');
    const request = { body: { commands } };
    return this.session.batch<typeof gateway.command>('POST /v1/gateway/commands', request, { ...options, signOfLife });
  }

  /** Speaks for the agents that are registered with it, from `start` to `stop`. */
  open(options?: GatewayOptions): Gateway {
    return new Gateway(this, (...failed) => this.session.pauseAfter(...failed), options);
  }
}

/** A task that was accepted. */
export interface Work extends AgentAssignment {
  /** Aborts when somebody else has the task, or the gateway stops: what comes of the work is not wanted then. */
  readonly signal: AbortSignal;
  /** Says how far the work is: a fraction from 0 to 1. */
  progress(fraction: number, note?: string): Promise<void>;
}

/** What an agent says to a question. */
export interface Ballot {
  readonly choice: string;
  readonly confidence: number;
  readonly reasoning: string;
}

/** What agents do. What is left out they don't: an award is declined then. */
export interface AgentHandler {
  /** Does the task: what it resolves with is the result, and when it rejects the attempt has failed. */
  work?(work: Work): Promise<unknown>;
  /**
   * The work is done at once: awards are accepted with their results, which saves a request and a receipt each. No
   * lease runs until then, unless the work says how far it is; what takes longer than the time to accept is done for
   * nothing. No award's work is done twice: a result that is refused while the award stands is sent again whenever the
   * award is shown again.
   */
  readonly atOnce?: boolean;
  /**
   * Hears what became of an award that was accepted; `dropped`: it does not stand any more, or what came of its work
   * was refused. When the host takes that later, because the award stands, it is heard then.
   */
  settled?(award: AgentAssignment, outcome: 'completed' | 'failed' | 'dropped'): void;
  /** Whether to bid for the task. */
  bid?(offer: AgentOffer): boolean | Promise<boolean>;
  /** Undefined: it doesn't vote. */
  vote?(asked: AgentVoteAsked): Ballot | undefined | Promise<Ballot | undefined>;
}

export interface GatewayOptions {
  /** How long a poll waits, at most 30. */
  readonly pollSeconds?: number;
  /**
   * Hears of what the host refused or did not answer, and of what a handler of a bid or a vote threw. The gateway goes
   * on, also when this throws: `stop` throws it in the end.
   */
  readonly onError?: (error: unknown) => void;
}

interface Held {
  readonly agent: string;
  readonly award: number;
  readonly leaseMs: number;
  readonly abort: AbortController;
  /** Resolves when the host has said whether the agent may begin. */
  accepted: Promise<unknown>;
  isAccepted: boolean;
  /** Whether its work was begun. */
  isBegun: boolean;
  /** What came of its work: its command, once that has ended. */
  outcome: Written | undefined;
  /** Its work, once it is accepted. */
  work: Promise<void> | undefined;
  /** When its lease was extended last. */
  beatAt: number;
}

interface Waiting extends Written {
  readonly resolve: (answer: AgentCommandAnswer) => void;
  readonly reject: (error: unknown) => void;
}

interface Written {
  readonly command: AgentCommand;
  /** Of its JSON. */
  readonly bytes: number;
}

/** Agents of one process: registers them, waits for all of them, and does what their handlers say. */
export class Gateway {
  private readonly handlers = new Map<string, AgentHandler>();
  /** By task. */
  private readonly held = new Map<string, Held>();
  /** The awards whose work has ended, and beside them what came of it where the host has not taken that. */
  private readonly ended = new AwardMemory<true>();
  private readonly refused = new AwardMemory<Written>();
  private readonly asked = new Set<string>();
  private readonly polling = new AbortController();
  private queue: Waiting[] = [];
  private flushing = false;
  private underway = 0;
  private beating: NodeJS.Timeout | undefined;
  private loop: Promise<void> = Promise.resolve();
  private readonly pollSeconds: number;
  private readonly onError: (error: unknown) => void;
  /** What `onError` threw first. */
  private thrown: { readonly error: unknown } | undefined;

  constructor(
    private readonly api: GatewayApi,
    private readonly pauseAfter: (error: unknown, attempt: number, signal: AbortSignal) => Promise<void>,
    { pollSeconds = POLL_SECONDS, onError = () => undefined }: GatewayOptions = {},
  ) {
    this.pollSeconds = pollSeconds;
    this.onError = (error) => {
      try {
        onError(error);
      } catch (thrown) {
        this.thrown ??= { error: thrown };
      }
    };
  }

  /** Registers agents that do what `handler` says. Throws what the host answers to the first that it refuses. */
  async register(agents: readonly GatewayAgent[], handler: AgentHandler): Promise<void> {
    for (const { id } of agents) this.handlers.set(id, handler);
    for (let i = 0; i < agents.length; i += MOST) {
      const part = agents.slice(i, i + MOST);
      for (const { problem } of await this.api.register(part))
        if (problem !== undefined) throw new FormicaryError(problem.status, problem);
    }
  }

  /** Takes agents out; they give back what they hold. */
  async deregister(ids: readonly string[], reason = 'deregistered'): Promise<void> {
    await Promise.all(ids.map((agent) => this.do({ agent, do: 'deregister', reason })));
    for (const [task, { agent }] of this.held) if (ids.includes(agent)) this.drop(task);
    for (const id of ids) this.handlers.delete(id);
  }

  /** Begins to wait, and so to say that all agents live. */
  start(): void {
    this.loop = this.poll();
    this.beating = setInterval(() => this.beat(), LOOK_MS);
  }

  /**
   * Takes and begins nothing new, waits `graceMs` for the work that is under way, and gives back what is not done then;
   * at once what is about to be accepted. The agents stay registered: by and by they count as lost. Throws what
   * `onError` threw, when all that is done.
   */
  async stop({ graceMs = GRACE_MS }: { readonly graceMs?: number } = {}): Promise<void> {
    this.polling.abort();
    // No acceptance that comes from now on begins work, however long there is to wait for what has begun.
    const unbegun = this.giveBack([...this.held].filter(([, { isBegun }]) => !isBegun));
    await this.loop;
    const works = [...this.held.values()].flatMap(({ work }) => (work === undefined ? [] : [work]));
    const over = new AbortController();
    await Promise.race([
      Promise.allSettled(works),
      sleep(graceMs, undefined, { signal: over.signal }).catch(() => undefined),
    ]);
    over.abort();
    clearInterval(this.beating);
    await Promise.all([unbegun, this.giveBack([...this.held])]);
    if (this.thrown !== undefined) throw this.thrown.error;
  }

  /** Drops these claims, and gives them back. */
  private async giveBack(claims: readonly (readonly [task: string, held: Held])[]): Promise<void> {
    for (const [task] of claims) this.drop(task);
    await Promise.allSettled(
      claims.map(async ([task, { agent, award, accepted }]) => {
        // An acceptance that is under way comes first.
        await accepted;
        await this.do({ agent, do: 'release', task, award, reason: 'the gateway stops' });
      }),
    );
  }

  /**
   * One of the things that agents do, together with others that come at the same time. Rejects with the
   * `FormicaryError` that it would get by itself, or with what is thrown when it can't be written as JSON.
   */
  async do(command: AgentCommand): Promise<AgentCommandAnswer> {
    return await this.enqueue(written(command));
  }

  private enqueue(command: Written): Promise<AgentCommandAnswer> {
    return new Promise((resolve, reject) => {
      this.queue.push({ ...command, resolve, reject });
      if (this.flushing) return;
      this.flushing = true;
      setImmediate(() => {
        this.flushing = false;
        this.flush();
      });
    });
  }

  private flush(): void {
    while (this.queue.length > 0 && this.underway < AT_ONCE) {
      const batch = this.queue.splice(0, roomFor(this.queue));
      this.underway += 1;
      void this.send(batch).finally(() => {
        this.underway -= 1;
        this.flush();
      });
    }
  }

  private async send(batch: readonly Waiting[]): Promise<void> {
    try {
      const answers = await this.api.command(batch.map(({ command }) => command));
      batch.forEach(({ resolve, reject }, i) => {
        const answer = answers[i] as AgentCommandAnswer;
        if (answer.problem === undefined) resolve(answer);
        else reject(new FormicaryError(answer.problem.status, answer.problem));
      });
    } catch (error) {
      if (batch.length === 1 || !isForm(error)) {
        for (const { reject } of batch) reject(error);
        return;
      }
      // Nothing of it is done, and one may be to blame for all: half by half, in their order, it is found.
      const half = Math.ceil(batch.length / 2);
      await this.send(batch.slice(0, half));
      await this.send(batch.slice(half));
    }
  }

  /** Waits for what comes until it is stopped. A host that does not answer is asked again, ever later. */
  private async poll(): Promise<void> {
    const { signal } = this.polling;
    let after: string | undefined;
    let holding = true;
    for (let failures = 0; !signal.aborted;) {
      try {
        const page = await this.api.inbox({ waitSeconds: this.pollSeconds, after, holding, signal });
        if (isAborted(signal)) return;
        failures = 0;
        ({ after } = page);
        holding &&= page.more;
        for (const item of page.items) void this.take(item).catch((error: unknown) => this.onError(error));
      } catch (error) {
        if (isAborted(signal)) return;
        this.onError(error);
        await this.pauseAfter(error, failures, signal).catch(() => undefined);
        failures += 1;
      }
    }
  }

  private async take(item: GatewayItem): Promise<void> {
    const handler = this.handlers.get(item.agent);
    switch (item.kind) {
      case 'assignment':
        return await this.assigned(item, handler);
      case 'holding':
        // From before this process was started: nobody works on it.
        if (this.held.get(item.task)?.award === item.award) return;
        await this.do({
          agent: item.agent,
          do: 'release',
          task: item.task,
          award: item.award,
          reason: 'the gateway was started again',
        });
        return;
      case 'offer':
        if ((await handler?.bid?.(item)) === true) await this.do({ agent: item.agent, do: 'bid', task: item.task });
        return;
      case 'vote':
        return await this.vote(item, handler);
    }
  }

  private async assigned(award: AgentAssignment, handler: AgentHandler | undefined): Promise<void> {
    const { agent, task, award: number, lease_seconds } = award;
    if (this.held.get(task)?.award === number) return;
    // Work is not done again: what came of it is sent again where that was refused.
    const refused = this.refused.get(task, number);
    if (refused === undefined && this.ended.get(task, number) === true) return;
    const claim = { agent, task, award: number };
    const work = handler?.work?.bind(handler);
    if (work === undefined) {
      await this.do({ do: 'decline', ...claim, reason: 'nobody here does the work of this agent' });
      return;
    }
    const abort = new AbortController();
    const held: Held = {
      agent,
      award: number,
      leaseMs: 1_000 * lease_seconds,
      abort,
      accepted: Promise.resolve(),
      isAccepted: false,
      isBegun: refused !== undefined,
      outcome: refused,
      work: undefined,
      beatAt: performance.now(),
    };
    // An earlier award, of whichever agent, does not stand any more.
    this.drop(task);
    if (refused === undefined) this.refused.forget(task);
    this.held.set(task, held);
    const settled = (outcome: 'completed' | 'failed' | 'dropped') => {
      // That it was dropped is known of what was refused.
      if (refused === undefined || outcome !== 'dropped') handler?.settled?.(award, outcome);
    };
    held.work = this.worked(award, held, work, handler?.atOnce === true)
      .then(settled, (error: unknown) => {
        settled('dropped');
        throw error;
      })
      .finally(() => {
        if (this.held.get(task) === held) this.held.delete(task);
      });
    await held.work;
  }

  /**
   * Accepts the award, unless its result does that, has the work done, unless it was, and says what came of it; nothing
   * of a claim that is over.
   */
  private async worked(
    award: AgentAssignment,
    held: Held,
    work: (work: Work) => Promise<unknown>,
    atOnce: boolean,
  ): Promise<'completed' | 'failed' | 'dropped'> {
    const { agent, task, award: number } = award;
    const claim = { agent, task, award: number };
    const { signal } = held.abort;
    let accepted: Promise<void> | undefined;
    const accept = () => (accepted ??= this.accept(claim, held));
    if (!atOnce) await accept();
    if (signal.aborted) return 'dropped';
    held.isBegun = true;
    held.beatAt = performance.now();
    const outcome = (held.outcome ??= await this.outcomeOf(award, held, work, accept));
    if (signal.aborted) return 'dropped';
    const isDone = outcome.command.do === 'complete';
    try {
      if (!isDone) await accept();
      await this.enqueue(outcome);
    } catch (error) {
      this.refused.set(task, number, outcome, outcome.bytes);
      throw error;
    }
    this.refused.forget(task);
    return isDone ? 'completed' : 'failed';
  }

  /** Has the work done; what is to be said of it, which accepts the award where nothing has. */
  private async outcomeOf(
    award: AgentAssignment,
    held: Held,
    work: (work: Work) => Promise<unknown>,
    accept: () => Promise<void>,
  ): Promise<Written> {
    const { agent, task, award: number } = award;
    const claim = { agent, task, award: number };
    try {
      const progress = async (fraction: number, note?: string) => {
        await accept();
        await this.do({ do: 'progress', ...claim, fraction, note });
      };
      const result = await work({ ...award, signal: held.abort.signal, progress });
      return written({ do: 'complete', ...claim, result, ...(!held.isAccepted && { accept: true }) });
    } catch (error) {
      return written({ do: 'fail', ...claim, reason: reasonOf(error) });
    } finally {
      this.ended.set(task, number, true);
    }
  }

  private async accept(claim: { agent: string; task: string; award: number }, held: Held): Promise<void> {
    const accepted = this.do({ do: 'accept', ...claim });
    held.accepted = accepted.catch(() => undefined);
    await accepted;
    held.isAccepted = true;
  }

  private async vote(asked: AgentVoteAsked, handler: AgentHandler | undefined): Promise<void> {
    const { agent, round, pass, snapshot } = asked;
    const name = `${agent} ${round} ${pass}`;
    if (this.asked.has(name)) return;
    this.asked.add(name);
    try {
      const ballot = await handler?.vote?.(asked);
      if (ballot !== undefined) await this.do({ agent, do: 'vote', round, pass, snapshot, ...ballot });
    } finally {
      this.asked.delete(name);
    }
  }

  /** Extends the leases of which a third is over; drops the work of claims that don't stand. */
  private beat(): void {
    const now = performance.now();
    const holding = new Map<string, { task: string; award: number }[]>();
    for (const [task, held] of this.held) {
      if (held.work === undefined || now - held.beatAt < held.leaseMs / 3) continue;
      held.beatAt = now;
      const { agent, award } = held;
      holding.set(agent, [...(holding.get(agent) ?? []), { task, award }]);
    }
    for (const [agent, claims] of holding)
      void this.do({ agent, do: 'heartbeat', holding: claims }).then(
        ({ held = [] }) => {
          for (const { task, award, stands } of held)
            if (!stands && this.held.get(task)?.award === award) this.drop(task);
        },
        (error: unknown) => this.onError(error),
      );
  }

  private drop(task: string): void {
    this.held.get(task)?.abort.abort();
    this.held.delete(task);
  }
}

/** How many of the commands fit in one request, at least one. */
function roomFor(queue: readonly Waiting[]): number {
  let bytes = 0;
  const most = Math.min(MOST, queue.length);
  for (let i = 0; i < most; i += 1) {
    bytes += (queue[i] as Waiting).bytes;
    if (bytes > MOST_BYTES) return Math.max(1, i);
  }
  return most;
}

/** The command with its size; throws when it can't be written as JSON. */
function written(command: AgentCommand): Written {
  return { command, bytes: Buffer.byteLength(JSON.stringify(command)) };
}

/** Whether a request could not be written, or was refused as a whole before anything of it was done. */
function isForm(error: unknown): boolean {
  return !(error instanceof FormicaryError) || error.status === 400 || error.status === 413;
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
