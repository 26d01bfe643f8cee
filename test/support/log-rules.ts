/**
 * What must hold of every log of tasks and agents, whatever was asked, failed or crashed: read from the events alone,
 * in the order of writing, by rules of its own and not by the deciders that made them.
 */
import type { Commit } from '../../domain/kernel/commit';
import { Rejection } from '../../domain/kernel/decider';
import { commitRef, parseStream } from '../../domain/kernel/ids';
import type { AgentEvent } from '../../domain/market/agent';
import { recomputeReceipt, type TaskEvent } from '../../domain/market/task';

interface TaskSeen {
  /** Posted as it is said now; undefined before. */
  over: string | undefined;
  live: { agent: string; award: number; accepted: boolean } | undefined;
  lastAward: number;
  /** Numbers that no award may have. */
  voided: Set<number>;
  completions: number;
  correlation: string;
  /** Until when the market leaves out whoever declined. */
  declined: Map<string, string>;
  /** Waits for a decision. */
  held: boolean;
  /** Waits for the tasks that it comes after. */
  blocked: boolean;
  /** By round: whose award is doubted, and which award that is now. */
  doubts: Map<string, { agent: string; heir: number; holds: boolean }>;
  /** Whose award was revoked by judges. */
  keptOut: Set<string>;
}

interface AgentSeen {
  capacity: number;
  status: string;
  slots: Map<string, number>;
}

/** Every rule that is broken, in words that name the commit. */
export function brokenRules(log: readonly Commit[]): string[] {
  const broken: string[] = [];
  const tasks = new Map<string, TaskSeen>();
  const agents = new Map<string, AgentSeen>();
  const times = new Map<string, string>();
  /** Receipt → the reservations that it holds, as `task#award`. */
  const reservations = new Map<string, Set<string>>();
  const agentOf = (tenant: string, id: string): AgentSeen => {
    const name = `${tenant}/agent/${id}`;
    let seen = agents.get(name);
    if (seen === undefined) agents.set(name, (seen = { capacity: 0, status: 'unknown', slots: new Map() }));
    return seen;
  };

  for (const commit of log) {
    const reference = commitRef(commit.stream, commit.index);
    const { tenant, category, id } = parseStream(commit.stream);
    const rule = (holds: boolean, words: string) => {
      if (!holds) broken.push(`${reference} ${commit.events.map(({ type }) => type).join('+')}: ${words}`);
    };
    const { causationId, depth, correlationId } = commit.meta;
    if (causationId !== undefined) {
      const caused = times.get(causationId);
      rule(caused !== undefined, `its cause ${causationId} was not there before it`);
      rule(caused === undefined || commit.at >= caused, `it lies before its cause ${causationId}`);
    }
    rule(depth <= 32, `${depth} reactions deep`);
    times.set(reference, commit.at);

    if (category === 'task') {
      let task = tasks.get(commit.stream);
      if (task === undefined)
        tasks.set(
          commit.stream,
          (task = {
            over: undefined,
            live: undefined,
            lastAward: 0,
            voided: new Set(),
            completions: 0,
            correlation: correlationId,
            declined: new Map(),
            held: false,
            blocked: false,
            doubts: new Map(),
            keptOut: new Set(),
          }),
        );
      rule(correlationId === task.correlation, `it belongs to ${correlationId}, the task to ${task.correlation}`);
      const live = () => JSON.stringify(task.live);
      const holds = ({ agent, award }: { agent: string; award: number }) =>
        task.live?.agent === agent && task.live.award === award;
      for (const event of commit.events as readonly TaskEvent[]) {
        const back = task.over === 'TaskDeadLettered' || task.over === 'DeadlinePassed';
        const verdict =
          event.type === 'ChallengeDismissed' || event.type === 'ChallengeUpheld' || event.type === 'ChallengeExtended';
        rule(
          task.over === undefined ||
            verdict ||
            (back && (event.type === 'TaskRedriven' || event.type === 'AwardVoided')),
          `${event.type} after ${task.over}`,
        );
        switch (event.type) {
          case 'TaskAwarded':
          case 'TaskHandedOff': {
            const { agent, award } = event.data;
            rule(!task.held, 'awarded before it was cleared');
            rule(!task.blocked, 'awarded before what it comes after');
            if (event.type === 'TaskAwarded') rule(task.live === undefined, `awarded while ${live()} holds it`);
            else
              rule(
                holds({ agent: event.data.from, award: event.data.from_award }) && task.live?.accepted === true,
                `handed off by another than ${live()}`,
              );
            rule(award > task.lastAward, `award ${award} after award ${task.lastAward}`);
            rule(!task.voided.has(award), `award ${award} was voided`);
            rule((task.declined.get(agent) ?? '') <= commit.at, `${agent} has declined, and is asked again too early`);
            rule(agentOf(tenant, agent).slots.get(id) === award, `${agent} has no slot for award ${award}`);
            const { reservation } = event.data;
            rule(
              reservation.startsWith(`${tenant}/agent/${agent}@`) &&
                reservations.get(reservation)?.has(`${id}#${award}`) === true,
              `${reservation} does not reserve it`,
            );
            rule(!task.keptOut.has(agent), `${agent} was kept out of it by the judges`);
            if (event.type === 'TaskHandedOff')
              for (const doubt of task.doubts.values()) if (doubt.heir === event.data.from_award) doubt.heir = award;
            task.live = { agent, award, accepted: false };
            task.lastAward = award;
            break;
          }
          case 'AwardVoided':
            rule(event.data.award > task.lastAward, `award ${event.data.award} was made, and voided`);
            task.voided.add(event.data.award);
            break;
          case 'TaskAccepted':
            rule(holds(event.data) && task.live?.accepted === false, `accepted by another than ${live()}`);
            rule(
              ![...task.doubts.values()].some(({ holds, heir }) => holds && heir === event.data.award),
              'accepted while it was challenged',
            );
            if (task.live !== undefined) task.live.accepted = true;
            break;
          case 'TaskProgressed':
            rule(holds(event.data) && task.live?.accepted === true, `progress of another than ${live()}`);
            break;
          case 'TaskCompleted':
            rule(holds(event.data) && task.live?.accepted === true, `completed by another than ${live()}`);
            rule(
              event.data.award === task.lastAward,
              `completed under award ${event.data.award}, the last is ${task.lastAward}`,
            );
            task.completions += 1;
            rule(task.completions === 1, 'completed twice');
            task.live = undefined;
            break;
          case 'AwardDeclined':
            rule(holds(event.data) && task.live?.accepted === false, `declined by another than ${live()}`);
            task.live = undefined;
            task.declined.set(event.data.agent, event.data.until ?? '9999');
            break;
          case 'AwardChallenged':
            rule(
              task.live?.award === event.data.award,
              `a challenge of award ${event.data.award}, while ${live()} holds it`,
            );
            rule(![...task.doubts.values()].some(({ heir }) => heir === event.data.award), 'challenged twice');
            task.doubts.set(event.data.round, {
              agent: task.live?.agent ?? '',
              heir: event.data.award,
              holds: event.data.holds === true,
            });
            break;
          case 'ChallengeDismissed':
            rule(task.doubts.delete(event.data.round), 'no challenge was open');
            break;
          case 'ChallengeExtended':
            rule(task.doubts.has(event.data.round), 'no challenge was open that could be given time');
            break;
          case 'ChallengeUpheld':
            task.doubts.delete(event.data.round);
            task.keptOut.add(event.data.agent);
            break;
          case 'AwardRevoked':
            rule(
              holds(event.data) && commit.events[0]?.type === 'ChallengeUpheld',
              `the award of another than ${live()} was revoked`,
            );
            task.live = undefined;
            break;
          case 'TaskCleared':
            rule(task.held && !task.blocked, 'cleared, though it was not held, or waits for others');
            task.held = false;
            break;
          case 'AttemptEnded':
            rule(holds(event.data), `the attempt of another than ${live()} ended`);
            task.live = undefined;
            break;
          case 'TaskCancelled':
          case 'DeadlinePassed':
            rule(
              task.live?.agent === event.data.agent && task.live?.award === event.data.award,
              `it frees another than ${live()}`,
            );
            task.live = undefined;
            break;
          case 'TaskReopened':
          case 'TaskRedriven':
            rule(task.live === undefined, `opened again while ${live()} holds it`);
            task.declined.clear();
            break;
          case 'BidsClosed': {
            const found = recomputeReceipt(commit);
            rule(
              !(found instanceof Rejection) && found.agrees,
              `the award does not agree with its receipt: ${JSON.stringify(found instanceof Rejection ? found : found.faults)}`,
            );
            break;
          }
          case 'TaskDeadLettered':
            rule(task.live === undefined, `given up while ${live()} holds it`);
            break;
          case 'TaskPosted':
            task.held = event.data.spec.oversight !== undefined;
            task.blocked = event.data.spec.after !== undefined;
            break;
          case 'TaskUnblocked':
            rule(task.blocked, 'unblocked, though it came after nothing');
            task.blocked = false;
            break;
          case 'BidPlaced':
          case 'BidWithdrawn':
          case 'TaskAwaited':
          case 'WaitWithdrawn':
            break;
        }
        const ends =
          event.type === 'TaskCompleted' ||
          event.type === 'TaskCancelled' ||
          event.type === 'DeadlinePassed' ||
          event.type === 'TaskDeadLettered';
        if (event.type !== 'AwardVoided' && !verdict) task.over = ends ? event.type : undefined;
      }
    }

    if (category === 'agent') {
      const agent = agentOf(tenant, id);
      for (const event of commit.events as readonly AgentEvent[]) {
        switch (event.type) {
          case 'AgentRegistered':
          case 'AgentRevised':
            agent.capacity = event.data.profile.capacity;
            if (event.type === 'AgentRegistered') agent.status = 'active';
            break;
          case 'AgentReturned':
            rule(agent.status === 'lost', `it comes back, and was ${agent.status}`);
            agent.status = 'active';
            break;
          case 'AgentLost':
            rule(agent.status === 'active', `it is lost, and was ${agent.status}`);
            agent.status = 'lost';
            break;
          case 'ChallengeReserved':
          case 'ChallengeReleased':
            break;
          case 'AgentDeregistered':
            agent.status = 'gone';
            break;
          case 'SlotReserved':
            agent.slots.set(event.data.task, event.data.award);
            reservations.set(
              reference,
              (reservations.get(reference) ?? new Set()).add(`${event.data.task}#${event.data.award}`),
            );
            rule(agent.status === 'active', `reserved of an agent that is ${agent.status}`);
            rule(agent.slots.size <= agent.capacity, `${agent.slots.size} slots of ${agent.capacity}`);
            break;
          case 'SlotConfirmed':
            rule(agent.slots.get(event.data.task) === event.data.award, 'confirmed and not reserved');
            break;
          case 'SlotReleased': {
            rule(agent.slots.get(event.data.task) === event.data.award, 'released and not reserved');
            agent.slots.delete(event.data.task);
            const live = tasks.get(`${tenant}/task/${event.data.task}`)?.live;
            rule(
              live?.agent !== id || live.award !== event.data.award,
              `${event.data.task} is still held under award ${event.data.award}`,
            );
            break;
          }
          case 'RoleAssigned':
            break;
        }
      }
    }
  }
  return broken;
}
