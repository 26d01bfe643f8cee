/** What follows for oversight from a task: one that is held comes to the gate, and doubt of an award is judged. */
import type { Commit } from '../../domain/kernel/commit';
import { commitRef, parseStream } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import type { Time } from '../../domain/kernel/time';
import {
  isAlive,
  taskDecider,
  type TaskEvent,
  type TaskOversight,
  type TaskSpec,
  type TaskState,
} from '../../domain/market/task';
import { actionDecider, actionStream } from '../../domain/oversight/action';
import { TOO_MANY_APPROVALS } from '../../domain/oversight/approval';
import type { Cause } from '../engine/command';
import type { Reason } from '../engine/deadlines';
import type { Engine } from '../engine/engine';
import { type Change, eventsOf, type Reaction, typesOf } from '../engine/reacting';
import { gateOf } from '../market/module';
import { asGate } from './gatekeeper';
import type { OversightServices } from './services';

/** What may settle a challenge. */
const SETTLES = ['ChallengeDismissed', 'ChallengeUpheld'] as const;
const CONCERNING: ReadonlySet<string> = new Set([
  'TaskUnblocked',
  'TaskCancelled',
  'DeadlinePassed',
  'TaskRedriven',
  'AwardChallenged',
  ...SETTLES,
]);

export class TaskReactions implements Reaction {
  private readonly again: Reason;

  constructor(
    private readonly services: OversightServices,
    engine: Pick<Engine, 'deadlines'>,
  ) {
    this.again = engine.deadlines.on('task-decision', async (stream) => {
      const { state, version } = await services.transactor.load(taskDecider, stream);
      if (state.status !== 'held' || state.blocked) return undefined;
      const { tenant } = parseStream(stream);
      const gate = actionStream(tenant, await gateOf(services.transactor, stream));
      const isThere = (await services.transactor.load(actionDecider, gate)).state.proposal !== undefined;
      if (isThere) {
        services.pending.pass(stream);
        return undefined;
      }
      const cause = await services.transactor.cause(tenant, commitRef(stream, version));
      return await this.bring(stream, state, cause, []);
    });
  }

  /** Most tasks never need a decision. */
  concerns({ events }: Commit): boolean {
    return (events as readonly TaskEvent[]).some((event) =>
      event.type === 'TaskPosted' ? event.data.spec.oversight !== undefined : CONCERNING.has(event.type),
    );
  }

  async react(change: Change): Promise<void> {
    const { stream, tenant, cause } = change;
    const { transactor, actions, challenges } = this.services;
    const { state } = await transactor.load(taskDecider, stream);
    const gate = await gateOf(transactor, stream);
    const overseen = state.spec?.oversight !== undefined;
    if (state.status === 'held') {
      // Whoever decides on it sees the results in it.
      if (state.blocked) return;
      change.wish(this.again, await this.bring(stream, state, cause, change.commits));
    } else if (!isAlive(state) && overseen)
      await actions.abandon(actionStream(tenant, gate), endOf(change) ?? `the task is ${state.status}`, cause);
    const types = typesOf<TaskEvent>(change);
    // It came back while it was stopped.
    if (types.has('TaskRedriven') && overseen) await actions.advance(actionStream(tenant, gate), cause);
    for (const { commit, event } of eventsOf<TaskEvent>(change)) {
      if (event.type !== 'AwardChallenged') continue;
      const open = state.challenges.find(({ round, status }) => round === event.data.round && status === 'open');
      if (open !== undefined) await challenges.resume(stream, open, commit.meta.actor.kind, cause);
    }
    if (SETTLES.some((type) => types.has(type))) {
      const settled = state.challenges.filter(({ status }) => status !== 'open');
      await challenges.settled(tenant, settled, cause);
    }
  }

  /**
   * Brings a held task to the gate, or cancels it where it can't come there. It was acknowledged, so it waits while its
   * poster has too much waiting there: answers when to bring it again.
   */
  private async bring(
    stream: string,
    state: TaskState,
    cause: Cause | undefined,
    commits: readonly Commit[],
  ): Promise<Time | undefined> {
    const { tenant, id } = parseStream(stream);
    const { transactor, actions, tasks, pending } = this.services;
    const gate = await gateOf(transactor, stream);
    const { oversight, requester, requester_via, ...spec } = state.spec as TaskSpec & { oversight: TaskOversight };
    const { kind, why, confidence, impact, risk, features } = oversight;
    // Of a task that is older than this field its first receipt says it, which is here where it was posted just now.
    const posted = async () => commits.find(({ index }) => index === 0) ?? (await transactor.commit(stream, 0));
    const via = requester_via ?? (await posted())?.meta.actor.via;
    const poster: Principal = { tenant, id: requester, kind: 'service', level: 'execute', via };
    const outcome = await actions.propose(
      { principal: poster, cause, reaction: true },
      gate,
      { kind, action: spec, why, confidence, impact, risk, features },
      { target: stream },
    );
    if (!outcome.ok) {
      const { code, message } = outcome.rejection;
      if (code === TOO_MANY_APPROVALS) return pending.wait(stream, poster, this.again);
      await tasks.cancel(asGate(tenant, cause), id, `it can't be decided on: ${message}`);
    }
    pending.pass(stream);
    return undefined;
  }
}

/** How a task ended, in words, where these commits say it. */
function endOf(change: Change): string | undefined {
  for (const { event } of eventsOf<TaskEvent>(change)) {
    if (event.type === 'TaskCancelled') return `the task was cancelled by ${event.data.by}: ${event.data.reason}`;
    if (event.type === 'DeadlinePassed') return `the deadline of the task, ${event.data.deadline}, has passed`;
  }
  return undefined;
}
