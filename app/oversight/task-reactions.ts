/** What follows for oversight from a task: one that is held comes to the gate, and doubt of an award is judged. */
import type { Commit } from '../../domain/kernel/commit';
import type { Principal } from '../../domain/kernel/principal';
import {
  isAlive,
  taskDecider,
  type TaskEvent,
  type TaskOversight,
  type TaskSpec,
  type TaskState,
} from '../../domain/market/task';
import { actionStream } from '../../domain/oversight/action';
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
  constructor(private readonly services: OversightServices) {}

  /** Most tasks never need a decision. */
  concerns({ events }: Commit): boolean {
    return (events as readonly TaskEvent[]).some((event) =>
      event.type === 'TaskPosted' ? event.data.spec.oversight !== undefined : CONCERNING.has(event.type),
    );
  }

  async react(change: Change): Promise<void> {
    const { stream, tenant, id, cause } = change;
    const { transactor, tasks, actions, challenges } = this.services;
    const { state } = await transactor.load(taskDecider, stream);
    const gate = await gateOf(transactor, stream);
    const overseen = state.spec?.oversight !== undefined;
    if (state.status === 'held') {
      // Whoever decides on it sees the results in it.
      if (state.blocked) return;
      const impossible = await this.propose(change, gate, state);
      if (impossible !== undefined) await tasks.cancel(asGate(tenant, cause), id, impossible);
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

  /** Brings a held task to the gate; answers why it can't come there, if it can't. */
  private async propose(
    { stream, tenant, cause, commits }: Change,
    id: string,
    state: TaskState,
  ): Promise<string | undefined> {
    const { oversight, requester, requester_via, ...spec } = state.spec as TaskSpec & { oversight: TaskOversight };
    const { kind, why, confidence, impact, risk, features } = oversight;
    // Of a task that is older than this field its first receipt says it, which is here where it was posted just now.
    const posted = async () =>
      commits.find(({ index }) => index === 0) ?? (await this.services.transactor.commit(stream, 0));
    const via = requester_via ?? (await posted())?.meta.actor.via;
    const poster: Principal = { tenant, id: requester, kind: 'service', level: 'execute', via };
    const outcome = await this.services.actions.propose(
      { principal: poster, cause, reaction: true },
      id,
      { kind, action: spec, why, confidence, impact, risk, features },
      { target: stream },
    );
    return outcome.ok ? undefined : `it can't be decided on: ${outcome.rejection.message}`;
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
