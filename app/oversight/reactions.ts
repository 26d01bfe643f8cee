/**
 * What follows from rounds, approvals and actions, one handler per aggregate: whoever waits is told, people are
 * notified, deadlines are set, and the next step is taken. As every reaction it looks at the states of the streams, so
 * a redelivery finds nothing left to do.
 */
import type { Commit } from '../../domain/kernel/commit';
import type { Decider, Event } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import { latest, plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import { taskDecider } from '../../domain/market/task';
import { deliveryDecider } from '../../domain/notices/delivery';
import { actionDecider, actionDue } from '../../domain/oversight/action';
import { approvalDecider, approvalDue } from '../../domain/oversight/approval';
import { roundDecider, roundDue, type RoundState } from '../../domain/oversight/round';
import type { Engine } from '../engine/engine';
import type { Consumer } from '../engine/feed';
import { type Change, react, type Reaction, type ReactionsByCategory } from '../engine/reacting';
import type { Deliveries } from '../notices/module';
import { ActionReactions } from './action-reactions';
import { ApprovalReactions } from './approval-reactions';
import type { Approvals } from './approvals';
import { asGate } from './gatekeeper';
import { RoundReactions } from './round-reactions';
import type { Rounds } from './rounds';
import type { OversightServices } from './services';
import { TaskReactions } from './task-reactions';

/** The categories of which a stream may wait; each is the reason of its deadlines as well. */
export type DecisionDue = 'round' | 'approval' | 'action';

/** How often the process that waits for a stream looks whether it is still stopped, in seconds. */
const STOPPED_SECONDS = 60;

/** A kind of stream that waits for somebody until a time. */
interface Waiter extends Reaction {
  /** When a stream is to be looked at next, as the store has it now; undefined when nothing waits. */
  readonly due: (stream: string) => Promise<Time | undefined>;
  /** Applies the passing of time to a stream. */
  readonly timePassed: (stream: string) => Promise<unknown>;
  /** Every stream that waits, as far as the view has come. */
  readonly waiting: () => AsyncGenerator<string>;
}

export class OversightReactions implements Consumer {
  /**
   * Stored checkpoints and queues have this name. It sees to the deadlines of notices too: a consumer of their own
   * would have a new name, and read the whole log first.
   */
  readonly name = 'decisions';
  /** By category. */
  private readonly waiters: ReadonlyMap<string, Waiter>;
  private readonly reactions: ReactionsByCategory;

  constructor(
    private readonly services: OversightServices,
    deliveries: Deliveries,
    private readonly engine: Pick<Engine, 'deadlines' | 'standstill' | 'clock'>,
  ) {
    const { transactor, book, rounds, approvals, actions } = services;
    const afterRound = new RoundReactions(services, engine);
    const afterApproval = new ApprovalReactions(services, afterRound);
    const afterAction = new ActionReactions(services);
    this.waiters = new Map([
      this.waiter(roundDecider, roundDue, {
        react: (change) => afterRound.react(change),
        timePassed: inNameOfGate(rounds),
        waiting: () => rounds.waiting(),
      }),
      this.waiter(approvalDecider, approvalDue, {
        react: (change) => afterApproval.react(change),
        timePassed: inNameOfGate(approvals),
        waiting: () => approvals.waiting(),
      }),
      this.waiter(actionDecider, actionDue, {
        react: (change) => afterAction.react(change),
        timePassed: (stream) => actions.advance(stream, undefined),
        waiting: () => actions.waiting(),
      }),
    ]);
    this.reactions = {
      ...Object.fromEntries(this.waiters),
      [taskDecider.category]: new TaskReactions(services, engine),
      [deliveryDecider.category]: deliveries,
    };
    // Nobody has to wait for the feed, which finds nothing left to do then.
    approvals.onClosed(async (stream, state, cause) => {
      try {
        if ((await engine.standstill.fateOf({}, stream)) === 'goes') await afterApproval.answered(stream, state, cause);
      } catch (error) {
        services.report('what follows from an approval waits for the feed', { stream, error: String(error) });
      }
    });
    transactor.onCommitted(({ category, stream, state, version }) => {
      const { tenant, id } = parseStream(stream);
      if (category === roundDecider.category) book.update(tenant, id, stream, state as RoundState, version);
    });
  }

  async handle(commits: readonly Commit[]): Promise<void> {
    await react(commits, this.reactions, { transactor: this.services.transactor, deadlines: this.engine.deadlines });
  }

  /** Every stream that waits, and so should have an orchestration; as far as the views have come. */
  async *waiting(): AsyncGenerator<string> {
    for (const { waiting } of this.waiters.values()) yield* waiting();
  }

  /** Applies the passing of time to a stream; answers when to look next, undefined when nothing waits any more. */
  async timePassed(stream: string): Promise<Time | undefined> {
    if (await this.engine.standstill.isOver(stream)) return undefined;
    if (!(await this.engine.standstill.waits(stream))) await this.waiterOf(stream).timePassed(stream);
    return await this.dueOf(stream);
  }

  /**
   * When the stream is to be looked at next, as it stands now; undefined when nothing waits. What is stopped is not
   * looked at all the time.
   */
  async dueOf(stream: string): Promise<Time | undefined> {
    if (await this.engine.standstill.isOver(stream)) return undefined;
    const due = await this.waiterOf(stream).due(stream);
    if (due === undefined || !(await this.engine.standstill.waits(stream))) return due;
    return latest(due, plusSeconds(toTime(this.engine.clock.now()), STOPPED_SECONDS));
  }

  /** The time of a round, an approval or a veto window has passed, or may have; answers when to look again. */
  private async onDeadline(stream: string): Promise<Time | undefined> {
    const { orchestrated } = this.services;
    const due = await this.timePassed(stream);
    // Whoever should have waited for it may be lost.
    if (due !== undefined) orchestrated.start(stream);
    return orchestrated.deadlineFor(due);
  }

  private waiterOf(stream: string): Waiter {
    return this.waiters.get(parseStream(stream).category) as Waiter;
  }

  /**
   * Whatever becomes of the reaction, nothing waits without a deadline; its reason is the category. What waits is asked
   * for as the store has it, since another process may have closed it meanwhile; what does not wait after these commits
   * can do so after later ones alone, which lead here again.
   */
  private waiter<S, E extends Event>(
    decider: Decider<S, E>,
    dueOf: (state: S) => Time | undefined,
    { react: follow, ...rest }: Omit<Waiter, 'due'>,
  ): [category: string, Waiter] {
    const { transactor, orchestrated } = this.services;
    const reason = this.engine.deadlines.on(decider.category, (stream) => this.onDeadline(stream));
    const due = async (stream: string) => dueOf((await transactor.current(decider, stream)).state);
    const wishAndReact = async (change: Change) => {
      const { stream, wish } = change;
      const known = dueOf((await transactor.load(decider, stream)).state);
      wish(reason, known && orchestrated.deadlineFor(await due(stream)));
      await follow(change);
    };
    return [decider.category, { ...rest, due, react: wishAndReact }];
  }
}

/** Applies the passing of time to a stream, in the name of the gate. */
function inNameOfGate(kept: Pick<Rounds, 'timePassed'> | Pick<Approvals, 'timePassed'>) {
  return (stream: string): Promise<unknown> => {
    const { tenant, id } = parseStream(stream);
    return kept.timePassed(asGate(tenant), id);
  };
}
