/** An agent that works: it registers, waits for tasks, has a function do each, and says what came of it. */
import type { PRESENCE_SECONDS as DEFAULT_PRESENCE } from '../../domain/market/agent';
import type { AgentInput, Assignment, Inbox, Offer, VoteAsked } from '../agents';
import { Formicary } from '../client';
import type { Ballot } from '../gateway';
import { FormicaryError, type Session, waited } from '../session';
import { isAway } from '../waiting';
import { type Log, say } from './claim';
import { Cancelled } from './errors';
import { Leases } from './leases';
import { type Door, WorkerTask } from './task';
import { done, type TaskFunction } from './work';

/** Whether to bid for a task that is offered. */
export type Bid = (offer: Offer) => boolean | Promise<boolean>;
/** What the agent says to a question; undefined: it doesn't vote. */
export type Vote = (asked: VoteAsked) => Ballot | undefined | Promise<Ballot | undefined>;

/**
 * What the agent says of itself: `agent_type` is by default the first type of task that it has a function for, and the
 * other ones are capabilities of it; `capacity` is how many tasks it does at once. And how this process works for it.
 */
export interface WorkerOptions extends Partial<AgentInput> {
  /** A client that was made before, which stays open; by default one of `Formicary.fromEnv()`. */
  readonly formicary?: Formicary;
  /** The agent's id; by default whom the token names. */
  readonly agent?: string;
  /** How long work may go on when the worker is told to stop (25); what is not done then is given back. */
  readonly graceSeconds?: number;
  /** How long a poll waits (20), at most 30. */
  readonly pollSeconds?: number;
  /** Hears of what the worker gets over by itself; by default it goes to standard error. */
  readonly log?: Log;
}

const GRACE_SECONDS = 25;
const POLL_SECONDS = 20;
/** For how long an agent counts as there after a sign of life, unless it says otherwise. */
const PRESENCE_SECONDS: typeof DEFAULT_PRESENCE = 60;
/** Longest pause between two looks at an inbox that shows nothing new. */
const MOST_PAUSE_MS = 1_000;
const FIRST_PAUSE_MS = 20;
/** After this an award that could not be accepted is looked at again. */
const AFTER_REFUSAL_MS = 5_000;
/** Why what is not done, or not begun, is given back. */
const STOPS = 'the worker stops';
const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Gives the session of a client. */
class Inner {
  constructor(readonly session: Session) {}
}

/** An agent with the functions that do its tasks. One process speaks for an agent at a time. */
export class Worker {
  /** The agent's id, once the worker is started. */
  agent: string | undefined;
  private readonly door: Door;
  private readonly isOwn: boolean;
  private readonly profile: Partial<AgentInput>;
  private readonly graceSeconds: number;
  private readonly pollSeconds: number;
  private readonly work = new Map<string, TaskFunction>();
  private anyWork: TaskFunction | undefined;
  private willBid: Bid | undefined;
  private willVote: Vote | undefined;
  private readonly asked = new Set<string>();
  /** Aborts when nothing new is taken any more. */
  private readonly stopping = new AbortController();
  /** Aborts when nothing that is under way is waited for. */
  private readonly hurry = new AbortController();
  private failure: { readonly error: unknown } | undefined;
  private leases: Leases | undefined;
  private polling: Promise<void> = Promise.resolve();
  private stopped: Promise<void> | undefined;

  /** Nothing is sent yet. */
  constructor({ formicary, agent, graceSeconds, pollSeconds, log, ...profile }: WorkerOptions = {}) {
    this.isOwn = formicary === undefined;
    const client = formicary ?? Formicary.fromEnv();
    this.door = { formicary: client, session: client.api(Inner).session, log: log ?? toStandardError };
    this.agent = agent;
    this.profile = profile;
    this.graceSeconds = graceSeconds ?? GRACE_SECONDS;
    this.pollSeconds = pollSeconds ?? POLL_SECONDS;
  }

  /** Its client. */
  get formicary(): Formicary {
    return this.door.formicary;
  }

  // ------------------------------------------------------------------------------------------------ what it does

  /** Tasks of this type are done by this function. */
  task(type: string, work: TaskFunction): this {
    this.work.set(type, work);
    return this;
  }

  /** This function says whether to bid for a task that is offered. */
  bid(bid: Bid): this {
    this.willBid = bid;
    return this;
  }

  /** This function answers questions that are put to the vote of agents. */
  vote(vote: Vote): this {
    this.willVote = vote;
    return this;
  }

  // ------------------------------------------------------------------------------------------------ its life

  /**
   * Works until the process is told to stop (SIGTERM, SIGINT), or `stop` is called; then stops in good order. `work`
   * does every task that has no function of its own. A second signal does not wait for what is under way. Rejects with
   * what keeps the agent from working.
   */
  async run(work?: TaskFunction): Promise<void> {
    const hear = () => (this.stopping.signal.aborted ? this.hurry.abort() : this.stopping.abort());
    for (const name of SIGNALS) process.on(name, hear);
    try {
      await this.start(work);
      await aborted(this.stopping.signal);
      await this.stop();
    } finally {
      for (const name of SIGNALS) process.off(name, hear);
    }
    if (this.failure !== undefined) throw this.failure.error;
  }

  /** Registers the agent and begins to wait for tasks. */
  async start(work?: TaskFunction): Promise<void> {
    if (this.leases !== undefined) throw new Error('a worker is started once: make another one');
    this.anyWork = work;
    const { formicary, log } = this.door;
    try {
      const profile = this.registered();
      const agent = (this.agent ??= await this.whoAmI());
      this.leases = new Leases(formicary.agents, agent, log);
      await formicary.agents.put(agent, profile, { signal: this.stopping.signal });
      this.polling = this.poll(agent, this.leases);
    } catch (error) {
      this.leases?.close();
      this.leases = undefined;
      if (this.isOwn) formicary.close();
      // Told to stop before it had begun.
      if (!this.stopping.signal.aborted) throw error;
    }
  }

  /**
   * Says at once that the agent lives, and extends its leases, which happens by itself as time passes: for tests that
   * move time. Resolves with the seconds after which that is due again, at most.
   */
  async beat(): Promise<number> {
    const { leases } = this;
    if (leases === undefined) throw new Error('the worker is not started');
    await leases.beat();
    const presenceSeconds = this.profile.limits?.presence_seconds ?? PRESENCE_SECONDS;
    return Math.min(presenceSeconds / 3, leases.everyMs / 1_000);
  }

  /**
   * Takes and begins nothing new, waits for the work that is under way, gives back what is not done, and deregisters
   * the agent.
   */
  async stop({ graceSeconds = this.graceSeconds }: { readonly graceSeconds?: number } = {}): Promise<void> {
    this.stopping.abort();
    await (this.stopped ??= this.end(graceSeconds));
  }

  private async end(graceSeconds: number): Promise<void> {
    const { leases, agent } = this;
    const { formicary } = this.door;
    await this.polling;
    if (leases === undefined || agent === undefined) return;
    try {
      if (this.profile.standing_offer !== false)
        await this.quietly('that nothing new is taken', () =>
          formicary.agents.put(agent, { ...this.registered(), standing_offer: false }),
        );
      for (const claim of await leases.left(1_000 * graceSeconds, this.hurry.signal)) {
        claim.cancel();
        await this.quietly('that a task is given back', () =>
          formicary.tasks.release(claim.task, { ...claim.body, reason: STOPS }),
        );
      }
      await this.quietly('that the worker stops', () => formicary.agents.deregister(agent, STOPS));
    } finally {
      leases.close();
      if (this.isOwn) formicary.close();
    }
  }

  /** Says something that the host would find out by its limits of time. */
  private async quietly(what: string, said: () => Promise<unknown>): Promise<void> {
    await said().catch((error: unknown) => this.door.log(`${what} could not be said to the host`, error));
  }

  private async whoAmI(): Promise<string> {
    const { id, kind } = await this.formicary.identity.me({ signal: this.stopping.signal });
    if (kind === 'agent') return id;
    throw new TypeError(`the token is that of ${id}, which is no agent: say which agent works ({ agent: … })`);
  }

  /** What the agent says of itself. */
  private registered(): AgentInput {
    if (this.work.size === 0 && this.anyWork === undefined)
      throw new TypeError('a worker needs a function: worker.task(TYPE, …), or run(…)');
    const types = [...this.work.keys()];
    const agent_type = this.profile.agent_type ?? types[0];
    if (agent_type === undefined)
      throw new TypeError('say of which type the worker is ({ agent_type: … }), or use worker.task(TYPE, …)');
    const others = Object.fromEntries(types.filter((type) => type !== agent_type).map((type) => [type, 1]));
    return { ...this.profile, agent_type, capabilities: { ...others, ...this.profile.capabilities } };
  }

  // ------------------------------------------------------------------------------------------------ what waits

  /** Waits for what comes until it is told to stop. A host that does not answer is asked again, ever later. */
  private async poll(agent: string, leases: Leases): Promise<void> {
    const { signal } = this.stopping;
    const { session, formicary, log } = this.door;
    let offersAfter: string | undefined;
    let holding = true;
    try {
      for (let failures = 0, quiet = 0; !signal.aborted;) {
        try {
          const options = { waitSeconds: this.pollSeconds, offersAfter, holding, signal };
          const { items, offers_after } = await formicary.agents.inbox(agent, options);
          signal.throwIfAborted();
          failures = 0;
          offersAfter = offers_after;
          holding = false;
          // What waits is shown until it is taken up: that is no reason to ask all the time.
          const news = items.map((item) => this.takes(item, agent, leases));
          quiet = news.length === 0 || news.includes(true) ? 0 : quiet + 1;
          if (quiet > 0) await waited(Math.min(MOST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** quiet), signal);
        } catch (error) {
          signal.throwIfAborted();
          if (keepsOut(error)) throw error;
          log("the inbox can't be read", error);
          await session.pauseAfter(error, failures, signal);
          failures += 1;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      log('the worker ends', error);
      this.failure = { error };
      this.stopping.abort();
    }
  }

  /** Takes up what waits; false when that is known already. */
  private takes(item: Inbox['items'][number], agent: string, leases: Leases): boolean {
    switch (item.kind) {
      case 'assignment':
        return this.assigned(item, leases);
      case 'holding':
        // From before this process was started: nobody works on it.
        if (!leases.has(item.task, item.award)) void this.givenBack(item.task, item.award, agent);
        return true;
      case 'offer':
        if (this.willBid !== undefined) void this.offered(item, this.willBid, agent);
        return true;
      case 'vote':
        if (this.willVote !== undefined) void this.voted(item, this.willVote);
        return true;
    }
  }

  private async givenBack(task: string, award: number, agent: string): Promise<void> {
    const body = { agent, award, reason: 'the worker was started again' };
    await this.quietly('that a task is given back', () => this.formicary.tasks.release(task, body));
  }

  private async offered(offer: Offer, bid: Bid, agent: string): Promise<void> {
    try {
      if (await bid(offer)) await this.formicary.tasks.bid(offer.task, { agent });
    } catch (error) {
      this.door.log(`no bid for ${offer.task}`, error);
    }
  }

  private async voted(asked: VoteAsked, vote: Vote): Promise<void> {
    const { round, pass, snapshot } = asked;
    const name = `${round} ${pass}`;
    if (this.asked.has(name)) return;
    this.asked.add(name);
    try {
      const ballot = await vote(asked);
      if (ballot !== undefined) await this.formicary.rounds.vote(round, { ...ballot, pass, snapshot });
    } catch (error) {
      this.door.log(`no vote in ${round}`, error);
    } finally {
      this.asked.delete(name);
    }
  }

  // ------------------------------------------------------------------------------------------------ tasks

  /** False when the award is known already. */
  private assigned(item: Assignment, leases: Leases): boolean {
    const claim = leases.claim(item);
    if (claim === undefined) return false;
    const { door } = this;
    const work = this.work.get(item.spec.task_type) ?? this.anyWork;
    const hold = async (): Promise<void> => {
      if (work === undefined) {
        const body = { ...claim.body, reason: `no function here does ${item.spec.task_type}` };
        await say(door, claim, (options) => door.formicary.tasks.decline(claim.task, body, options));
        return;
      }
      await say(door, claim, (options) => door.formicary.tasks.accept(claim.task, claim.body, options));
      if (this.stopping.signal.aborted) {
        // Told to stop while the host had the acceptance.
        const body = { ...claim.body, reason: STOPS };
        await say(door, claim, (options) => door.formicary.tasks.release(claim.task, body, options));
        return;
      }
      leases.begin(claim);
      await done(door, claim, new WorkerTask(door, claim, item), work);
    };
    void hold()
      .catch(async (error: unknown) => {
        if (error instanceof Cancelled) return;
        door.log(claim.task, error);
        // A refusal is not answered with more requests: until then the award is not looked at again.
        const over = AbortSignal.any([claim.signal, this.stopping.signal]);
        await waited(AFTER_REFUSAL_MS, over).catch(() => undefined);
      })
      .finally(() => leases.end(claim));
    return true;
  }
}

/** Whether the host will not let the agent in, however often it asks. */
function keepsOut(error: unknown): boolean {
  if (!(error instanceof FormicaryError)) return true;
  return error.status === 401 || error.code === 'forbidden' || (error.status === 404 && !isAway(error));
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
}

function toStandardError(message: string, error?: unknown): void {
  const detail = error instanceof FormicaryError ? error.message : error instanceof Error ? error.stack : error;
  console.error(`formicary: ${message}`, detail ?? '');
}
