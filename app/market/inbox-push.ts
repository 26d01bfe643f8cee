/**
 * Agents that hold no long poll open: a service of its own holds a connection for each, over which they are told that
 * it is time to look into their inbox. What is told is a hint. It may be lost, so whoever is connected looks now and
 * then all the same; and nobody acts on it, as the inbox alone says what there is.
 */
import type { AgentConnection } from '../../contract/market/agents';
import type { Shown } from '../../contract/route';
import type { Rejection } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import { Recent } from '../../domain/kernel/recent';
import { agentDecider, type AgentProfile, agentStream } from '../../domain/market/agent';
import { taskDecider, type TaskState } from '../../domain/market/task';
import type { RequestContext } from '../engine/command';
import type { Duty } from '../engine/duty';
import type { Clock } from '../engine/ports';
import type { Push } from '../engine/ports-push';
import type { Committed } from '../engine/streams';
import type { Transactor } from '../engine/transact';
import type { AgentBook } from './agent-book';
import type { Agents } from './agents';

/** Whoever is connected looks so often at least, in seconds; and twice in the time after which it counts as lost. */
const MAX_LOOK_SECONDS = 60;
/** An agent is given so many ways to connect in a minute, by each process; after that it waits in long polls. */
const MAX_A_MINUTE = 6;
const MINUTE_MS = 60_000;
/** Of so many agents it is known how many they were given. */
const REMEMBERED = 50_000;
/** How often it is looked whether anybody has more connections than they may. */
const TRIM_EVERY_MS = 30_000;

export interface InboxPushDeps {
  /** Undefined: there is no such service, and everybody waits in long polls. */
  readonly push: Push | undefined;
  readonly transactor: Transactor;
  readonly agents: Agents;
  readonly book: AgentBook;
  readonly duty: Pick<Duty, 'mine'>;
  readonly clock: Clock;
}

export class InboxPush {
  private readonly given = new Recent<string, { readonly since: number; count: number }>(REMEMBERED);
  private timer: NodeJS.Timeout | undefined;
  private trimming: Promise<void> | undefined;

  constructor(private readonly deps: InboxPushDeps) {
    const { push, transactor, agents } = deps;
    if (push === undefined) return;
    // What has a place is an offer or a vote.
    agents.onRing((tenant, id, place) => {
      if (place !== undefined) this.tell(push, tenant, id);
    });
    transactor.onCommitted((committed) => this.awarded(push, committed));
  }

  /** Where the agent hears that it is time to look, and how often it looks by itself. Asking is a sign of life. */
  async connection(context: RequestContext, id: string): Promise<Rejection | Shown<typeof AgentConnection>> {
    const { tenant } = context.principal;
    const { push, agents, transactor } = this.deps;
    const refused = await agents.signOfLife(context, id);
    if (refused !== undefined) return refused;
    const stream = agentStream(tenant, id);
    const { state } = await transactor.load(agentDecider, stream);
    const { presence_seconds, gateway } = state.profile as AgentProfile;
    return {
      // Nobody is told of what a gateway waits for.
      push: (gateway === undefined && this.mayConnect(stream) ? await push?.connect(stream) : undefined) ?? null,
      look_seconds: Math.min(MAX_LOOK_SECONDS, presence_seconds / 2),
    };
  }

  /** Begins to look, now and then, that nobody has more connections than they may: one process does for all. */
  start(): void {
    const { push, duty } = this.deps;
    if (push === undefined) return;
    const trim = () => {
      if (duty.mine) this.trimming ??= push.trim().finally(() => (this.trimming = undefined));
    };
    this.timer = setInterval(trim, TRIM_EVERY_MS).unref();
  }

  /** Looks no more. */
  stop(): void {
    clearInterval(this.timer);
  }

  private mayConnect(stream: string): boolean {
    const now = this.deps.clock.now();
    const before = this.given.get(stream);
    const given = before === undefined || now - before.since >= MINUTE_MS ? { since: now, count: 0 } : before;
    given.count += 1;
    this.given.set(stream, given);
    return given.count <= MAX_A_MINUTE;
  }

  private awarded(push: Push, { category, stream, commits, state }: Committed): void {
    if (category !== taskDecider.category) return;
    const { holder } = state as TaskState;
    if (holder === undefined || !commits.some(({ events }) => events.some(({ type }) => type === 'TaskAwarded')))
      return;
    this.tell(push, parseStream(stream).tenant, holder.agent);
  }

  /** Each process hears of all that happens; one of them tells. A gateway has one long poll for all of its agents. */
  private tell(push: Push, tenant: string, id: string): void {
    if (!this.deps.duty.mine || this.deps.book.get(tenant, id)?.state.profile?.gateway !== undefined) return;
    push.tell(agentStream(tenant, id));
  }
}
