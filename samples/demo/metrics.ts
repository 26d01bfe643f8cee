/**
 * What happened, by the receipts alone: how each task fared, how the load was spread, and who decided what. Nothing
 * here asks a client what it believes.
 */
import type { Commit } from '../../domain/kernel/commit';
import { type Decider, type Event, Rejection } from '../../domain/kernel/decider';
import { stateOf } from '../../domain/kernel/fold';
import { parseCommitRef, parseStream } from '../../domain/kernel/ids';
import { toMillis } from '../../domain/kernel/time';
import type { AgentEvent } from '../../domain/market/agent';
import { rounded } from '../../domain/market/market';
import type { TaskEvent } from '../../domain/market/task';
import { actionDecider, type ActionState } from '../../domain/oversight/action';
import { approvalDecider } from '../../domain/oversight/approval';
import { recomputeRound, roundDecider } from '../../domain/oversight/round';

/** What is looked at of a commit. */
export type Receipt = Pick<Commit, 'stream' | 'at' | 'events'>;

export interface TaskFindings {
  readonly posted: number;
  readonly completed: number;
  /** Ids of the tasks that were cancelled because it was decided that they may not be done. */
  readonly refused: readonly string[];
  /**
   * Ids of the tasks that ended neither completed nor refused; those that were to be posted and never were among them.
   */
  readonly lost: readonly string[];
  /** Ids of the tasks that have not ended: they wait, or somebody holds them. */
  readonly unfinished: readonly string[];
  /**
   * Ids of the tasks that were awarded though it was not decided that they may be done, or decided that they may not.
   */
  readonly undecided: readonly string[];
  /** Ids of the tasks that had two holders at once, two awards of one number, or two completions. */
  readonly awardedTwice: readonly string[];
  /** Attempts beyond the first. */
  readonly retries: number;
  /** How attempts ended that did not complete. */
  readonly ends: Readonly<Record<string, number>>;
  /** Attempts that were begun: an agent has accepted. */
  readonly begun: number;
  /**
   * Of each attempt that was begun and came to nothing, though it did not fail: the agent. Its lease ran out, the agent
   * was lost, or gave the task back.
   */
  readonly thrownAway: readonly string[];
  /** From post, or from the decision that it may be done, to first award, of each task in milliseconds. */
  readonly awardMs: readonly number[];
  /** Time of the first post and of the last one, in milliseconds since the epoch. */
  readonly firstPost: number;
  readonly lastPost: number;
}

/** Means over time; each between 0 and 1. */
export interface LoadFindings {
  /** Of the Gini coefficient of slots in use over capacity, across the active agents. */
  readonly gini: number;
  /** The Gini coefficient of each agent's own mean load. */
  readonly giniOfMeans: number;
  /** Slots in use over the capacity of the active agents. */
  readonly utilisation: number;
  /** Share of the active agents without a task. */
  readonly idle: number;
  /** Agents that ever had more slots in use than capacity. */
  readonly overbooked: readonly string[];
  readonly agents: number;
  /** Agents that were declared lost, in the whole log. */
  readonly agentsLost: number;
}

interface TaskRecord {
  postedAt: number | undefined;
  /** When it could be awarded first: when posted, or when it was decided that it may be done. */
  readyAt: number | undefined;
  awardedAt: number | undefined;
  holder: number | undefined;
  /** Whether the holder has begun. */
  running: boolean;
  readonly awards: Set<number>;
  completions: number;
  twice: boolean;
  undecided: boolean;
  over: boolean;
}

/** Follows every task through the receipts, which come in the order of the log. */
export class TaskWatch {
  private readonly tasks = new Map<string, TaskRecord>();
  private retries = 0;
  private readonly ends: Record<string, number> = {};
  private begun = 0;
  private readonly thrownAway: string[] = [];
  private readonly awardMs: number[] = [];

  see({ stream, at, events }: Receipt): void {
    const { category, id } = parseStream(stream);
    if (category !== 'task') return;
    let task = this.tasks.get(id);
    if (task === undefined) {
      task = {
        postedAt: undefined,
        readyAt: undefined,
        awardedAt: undefined,
        holder: undefined,
        running: false,
        awards: new Set(),
        completions: 0,
        twice: false,
        undecided: false,
        over: false,
      };
      this.tasks.set(id, task);
    }
    for (const event of events as readonly TaskEvent[]) this.apply(task, event, toMillis(at));
  }

  /**
   * @param expected ids that must be there
   * @param stopped ids whose receipts of decision say that they may not be done
   */
  findings(expected: Iterable<string> = [], stopped: ReadonlySet<string> = new Set()): TaskFindings {
    const posted = [...this.tasks].filter(([, { postedAt }]) => postedAt !== undefined);
    const completed = posted.filter(([, { completions, over }]) => completions > 0 && !over);
    const refused = posted.filter(([id, { over }]) => over && stopped.has(id)).map(([id]) => id);
    const unfinished = posted.filter(([, { completions, over }]) => completions === 0 && !over).map(([id]) => id);
    const known = new Set([...completed.map(([id]) => id), ...refused, ...unfinished]);
    const wanted = new Set([...expected, ...posted.map(([id]) => id)]);
    const times = posted.map(([, { postedAt }]) => postedAt as number);
    return {
      posted: posted.length,
      completed: completed.length,
      refused,
      lost: [...wanted].filter((id) => !known.has(id)),
      unfinished,
      undecided: posted
        .filter(([id, { undecided, awards }]) => undecided || (awards.size > 0 && stopped.has(id)))
        .map(([id]) => id),
      awardedTwice: [...this.tasks].filter(([, { twice }]) => twice).map(([id]) => id),
      retries: this.retries,
      ends: { ...this.ends },
      begun: this.begun,
      thrownAway: [...this.thrownAway],
      awardMs: [...this.awardMs],
      firstPost: times.reduce((a, b) => Math.min(a, b), Infinity),
      lastPost: times.reduce((a, b) => Math.max(a, b), -Infinity),
    };
  }

  private apply(task: TaskRecord, event: TaskEvent, at: number): void {
    switch (event.type) {
      case 'TaskPosted':
        task.postedAt = at;
        task.readyAt = event.data.spec.oversight === undefined ? at : undefined;
        break;
      case 'TaskCleared':
        task.readyAt = at;
        break;
      case 'TaskHandedOff':
      case 'TaskAwarded': {
        const { award } = event.data;
        const handedOver = event.type === 'TaskHandedOff' && event.data.from_award === task.holder;
        if ((task.holder !== undefined && !handedOver) || task.awards.has(award) || task.completions > 0)
          task.twice = true;
        task.awards.add(award);
        task.holder = award;
        task.running = event.type === 'TaskHandedOff' && task.running;
        if (task.readyAt === undefined) task.undecided = true;
        else if (task.awardedAt === undefined) this.awardMs.push(at - task.readyAt);
        task.awardedAt ??= at;
        break;
      }
      case 'TaskAccepted':
        this.begun += 1;
        task.running = true;
        break;
      case 'TaskCompleted':
        if (task.completions > 0 || task.holder !== event.data.award) task.twice = true;
        task.completions += 1;
        task.holder = undefined;
        break;
      case 'AttemptEnded':
        this.ends[event.data.end] = (this.ends[event.data.end] ?? 0) + 1;
        if (task.running && event.data.end !== 'failed') this.thrownAway.push(event.data.agent);
        task.holder = undefined;
        break;
      case 'AwardDeclined':
        task.holder = undefined;
        break;
      case 'TaskReopened':
        this.retries += 1;
        break;
      case 'TaskDeadLettered':
      case 'TaskCancelled':
      case 'DeadlinePassed':
        task.holder = undefined;
        task.over = true;
        break;
      case 'TaskRedriven':
        task.over = false;
        break;
      default:
    }
  }
}

/** Who decided on the actions at the gate, and what came of rounds and approvals. */
export interface DecisionFindings {
  /** Actions that were let go or stopped. */
  readonly decided: number;
  /** Of these: by the rules alone, by agents in a round, and those that needed a person. */
  readonly byRules: number;
  readonly byAgents: number;
  readonly byPeople: number;
  /** `byPeople` over `decided`; 0 when nothing was decided. */
  readonly humanShare: number;
  readonly rounds: number;
  /** How many rounds came to each choice, or to no agreement or quorum. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Rounds that agents left to people. */
  readonly roundsEscalated: number;
  readonly approvals: number;
  /** How many approvals were approved, rejected, defaulted, … */
  readonly answers: Readonly<Record<string, number>>;
  /** Approvals that the next group was asked about. */
  readonly approvalsEscalated: number;
  /** Approvals that nobody decided in time. */
  readonly defaults: number;
  /** Streams of rounds whose receipts don't give what was recorded of their count. */
  readonly miscounted: readonly string[];
  /** Ids of the tasks that may not be done. */
  readonly stopped: ReadonlySet<string>;
  /** Id of a task that a person let go, if there is one. */
  readonly approved: string | undefined;
}

/** Follows actions, rounds and approvals through the receipts. */
export class DecisionWatch {
  private readonly streams = new Map<string, Commit[]>();

  see(commit: Commit): void {
    if (!['action', 'round', 'approval'].includes(parseStream(commit.stream).category)) return;
    const before = this.streams.get(commit.stream);
    if (before === undefined) this.streams.set(commit.stream, [commit]);
    else before.push(commit);
  }

  findings(): DecisionFindings {
    const actions = this.states(actionDecider).filter(({ decided_at }) => decided_at !== undefined);
    const rounds = this.states(roundDecider);
    const approvals = this.states(approvalDecider);
    const asked = actions.filter(
      ({ asked_people, override, status }) => asked_people || override !== undefined || status === 'vetoed',
    );
    const voted = actions.filter(
      (action) => !asked.includes(action) && action.refs.some((ref) => isOf(parseCommitRef(ref)?.stream, roundDecider)),
    );
    const stopped = actions.filter(({ status }) => status === 'refused' || status === 'vetoed').flatMap(taskOf);
    const approved = actions
      .filter(({ status, cleared }) => status === 'executed' && cleared?.by === 'approval')
      .flatMap(taskOf);
    const answers = counted(approvals.map(({ outcome }) => outcome));
    return {
      decided: actions.length,
      byRules: actions.length - voted.length - asked.length,
      byAgents: voted.length,
      byPeople: asked.length,
      humanShare: actions.length === 0 ? 0 : rounded(asked.length / actions.length),
      rounds: rounds.length,
      outcomes: counted(rounds.map(({ status, outcome }) => outcome?.choice ?? outcome?.outcome ?? status)),
      roundsEscalated: rounds.filter(({ escalation }) => escalation !== undefined).length,
      approvals: approvals.length,
      answers,
      approvalsEscalated: approvals.filter(({ level }) => level > 0).length,
      defaults: answers['defaulted'] ?? 0,
      miscounted: this.of(roundDecider)
        .filter(([, commits]) => !counts(commits))
        .map(([stream]) => stream),
      stopped: new Set(stopped),
      approved: approved[0],
    };
  }

  private of({ category }: { readonly category: string }): [string, Commit[]][] {
    return [...this.streams].filter(([stream]) => isOf(stream, { category }));
  }

  private states<S, E extends Event>(decider: Decider<S, E>): S[] {
    return this.of(decider).map(([, commits]) => stateOf(decider, commits));
  }
}

/** The task that waits for the action, if one does. */
function taskOf({ proposal }: ActionState): string[] {
  return proposal?.target === undefined ? [] : [parseStream(proposal.target).id];
}

function isOf(stream: string | undefined, { category }: { readonly category: string }): boolean {
  return stream !== undefined && parseStream(stream).category === category;
}

/** True when the round's receipts give what it came to; a round that is not closed has nothing to count. */
function counts(commits: readonly Commit[]): boolean {
  const recomputed = recomputeRound(commits);
  return recomputed instanceof Rejection ? recomputed.code === 'round-not-closed' : recomputed.agrees;
}

function counted(names: readonly (string | undefined)[]): Record<string, number> {
  const times: Record<string, number> = {};
  for (const name of names) times[name ?? 'waiting'] = (times[name ?? 'waiting'] ?? 0) + 1;
  return times;
}

interface AgentRecord {
  capacity: number;
  active: boolean;
  /** The tasks that it has slots for. */
  readonly holds: Set<string>;
  slots: number;
  /** ∫ load dt and ∫ dt while it was active, within the window. */
  load: number;
  seconds: number;
  since: number;
}

interface Change {
  readonly at: number;
  readonly agent: string;
  readonly events: readonly AgentEvent[];
}

/** Follows every agent's slots through the receipts. */
export class LoadWatch {
  private readonly changes: Change[] = [];

  see({ stream, at, events }: Receipt): void {
    const { category, id } = parseStream(stream);
    if (category === 'agent')
      this.changes.push({ at: toMillis(at), agent: id, events: events as readonly AgentEvent[] });
  }

  /** The means from `from` to `to`, in milliseconds since the epoch. */
  findings(from: number, to: number): LoadFindings {
    const agents = new Map<string, AgentRecord>();
    const overbooked = new Set<string>();
    let agentsLost = 0;
    // How many active agents have each load: few values, so a coefficient costs little at every change.
    const histogram = new Map<number, number>();
    let slots = 0;
    let capacity = 0;
    let idle = 0;
    let active = 0;
    const sums = { gini: 0, utilisation: 0, idle: 0, seconds: 0 };
    let clock = from;
    let lastGini: number | undefined;

    const pass = (until: number): void => {
      const end = Math.min(until, to);
      if (end <= clock) return;
      const seconds = (end - clock) / 1000;
      clock = end;
      if (active === 0) return;
      lastGini ??= giniOf(histogram);
      sums.gini += lastGini * seconds;
      sums.utilisation += (capacity === 0 ? 0 : slots / capacity) * seconds;
      sums.idle += (idle / active) * seconds;
      sums.seconds += seconds;
    };
    const count = (agent: AgentRecord, by: 1 | -1): void => {
      if (!agent.active) return;
      const load = agent.slots / agent.capacity;
      const left = (histogram.get(load) ?? 0) + by;
      if (left === 0) histogram.delete(load);
      else histogram.set(load, left);
      slots += by * agent.slots;
      capacity += by * agent.capacity;
      active += by;
      if (agent.slots === 0) idle += by;
    };
    const settle = (agent: AgentRecord, at: number): void => {
      const seconds = (Math.min(at, to) - Math.max(agent.since, from)) / 1000;
      if (agent.active && seconds > 0) {
        agent.load += (agent.slots / agent.capacity) * seconds;
        agent.seconds += seconds;
      }
      agent.since = at;
    };

    // Streams have their own order; across streams the time decides. The sort is stable.
    for (const { at, agent: id, events } of [...this.changes].sort((a, b) => a.at - b.at)) {
      pass(at);
      let agent = agents.get(id);
      if (agent === undefined)
        agents.set(
          id,
          (agent = { capacity: 0, active: false, holds: new Set(), slots: 0, load: 0, seconds: 0, since: at }),
        );
      settle(agent, at);
      count(agent, -1);
      for (const event of events) {
        if (event.type === 'AgentRegistered' || event.type === 'AgentRevised')
          agent.capacity = event.data.profile.capacity;
        if (event.type === 'AgentRegistered' || event.type === 'AgentReturned') agent.active = true;
        if (event.type === 'AgentLost') agentsLost += 1;
        if (event.type === 'AgentLost' || event.type === 'AgentDeregistered') agent.active = false;
        // A later try of the same award reserves its slot once more.
        if (event.type === 'SlotReserved') agent.holds.add(event.data.task);
        if (event.type === 'SlotReleased') agent.holds.delete(event.data.task);
      }
      agent.slots = agent.holds.size;
      if (agent.slots > agent.capacity) overbooked.add(id);
      count(agent, 1);
      lastGini = undefined;
    }
    pass(to);
    for (const agent of agents.values()) settle(agent, to);
    const means = new Map<number, number>();
    for (const { load, seconds } of agents.values())
      if (seconds > 0) means.set(load / seconds, (means.get(load / seconds) ?? 0) + 1);
    const mean = (sum: number) => (sums.seconds === 0 ? 0 : rounded(sum / sums.seconds));
    return {
      gini: mean(sums.gini),
      giniOfMeans: rounded(giniOf(means)),
      utilisation: mean(sums.utilisation),
      idle: mean(sums.idle),
      overbooked: [...overbooked],
      agents: agents.size,
      agentsLost,
    };
  }
}

/** The Gini coefficient of values that come so many times each: Σᵢ Σⱼ |xᵢ − xⱼ| / (2 n² · mean x), 0 when all are 0. */
export function giniOf(histogram: ReadonlyMap<number, number>): number {
  const sorted = [...histogram].sort(([a], [b]) => a - b);
  let n = 0;
  let total = 0;
  for (const [value, times] of sorted) {
    n += times;
    total += value * times;
  }
  if (total === 0) return 0;
  // Σᵢ (2i − n − 1)·xᵢ, where equal values take the ranks before + 1 to before + times.
  let weighted = 0;
  let before = 0;
  for (const [value, times] of sorted) {
    weighted += value * times * (2 * before + times - n);
    before += times;
  }
  return weighted / (n * total);
}
