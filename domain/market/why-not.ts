/**
 * Why a task has no agent at work on it: one sentence with numbers, from its state and the agents that the market sees.
 */
import { own } from '../kernel/own';
import { cut } from '../kernel/text';
import type { Time } from '../kernel/time';
import { type AgentProfile, levelOf, slotsInUse } from './agent';
import { openChallenge } from './award-challenge';
import { type Bidder, type Unfit, unfit } from './fit';
import { agentPause, type Pause, pauseOf, type PauseState } from './pause';
import {
  type Decline,
  declineEnds,
  delayedUntil,
  hasBid,
  hasDeclined,
  type Holder,
  isKeptOut,
  strengthOf,
  type TaskSpec,
  type TaskState,
} from './task';

/** Why one agent does not get a task, the nearest to getting it first. */
export const OBSTACLES = [
  'busy',
  'declined',
  'over-budget',
  'stopped',
  'paused',
  'too-much-effort',
  'task-too-weak',
  'no-standing-offer',
  'lost',
  'level-too-low',
  'lacks-capability',
  'kept-out',
  'not-registered',
] as const satisfies readonly (Unfit | 'declined' | 'kept-out' | 'over-budget' | 'stopped')[];
/** As much of what somebody wrote as stands in the sentence. */
const LONGEST_REASON = 200;
export type Obstacle = Unfit | 'declined' | 'kept-out' | 'over-budget' | 'stopped';

/**
 * Why a task does not move. Stable: programs may tell them apart. Where agents differ, the one that stands nearest to
 * getting the task.
 */
export const WHY_CODES = [
  'awaits-decision',
  'awaits-others',
  'awaits-acceptance',
  'award-challenged',
  'delayed',
  'type-paused',
  'bids-open',
  'retry-delay',
  'no-agent',
  'award-under-way',
  ...OBSTACLES,
] as const;
export type WhyCode = (typeof WHY_CODES)[number];

export interface WhyNot {
  readonly code: WhyCode;
  /** One sentence, with numbers. */
  readonly text: string;
  /** When time alone will change something; absent when it won't. */
  readonly until?: Time;
}

/** The agents that are looked at for a task. */
export interface Look {
  /** Of each capability that is required, in their order: how many registered agents have it. */
  readonly able: readonly { readonly capability: string; readonly agents: number }[];
  /** How many agents lend the first one to other pools while they are idle. */
  readonly lending: number;
  /** Agents that have the capability which fewest have, or have bid: all of them, or as many as one look takes in. */
  readonly examined: readonly Bidder[];
  readonly terms: Terms;
}

/** What people have set, as far as it concerns who gets a task. */
export interface Terms {
  readonly pauses: PauseState;
  /** What stops the task itself, its tenant or everything, as a refusal says it; undefined when nothing does. */
  readonly still?: string;
  /** What stops this agent, or its type; undefined when nothing does. */
  readonly stopOf: (bidder: Bidder) => string | undefined;
  /** Why no budget has enough for this agent to do the task; undefined when all have. */
  readonly shortage: (bidder: Bidder) => string | undefined;
}

/** What a held task waits for, and until when that takes at most, as far as it is known. */
export interface Awaited {
  readonly text: string;
  readonly until?: Time;
}

/**
 * Why this agent does not get the task; undefined when nothing stands in the way. What lasts comes before what passes.
 */
export function obstacleOf(state: TaskState, bidder: Bidder, terms: Terms, now: Time): Obstacle | undefined {
  if (terms.still !== undefined) return 'stopped';
  if (isKeptOut(state, bidder.id)) return 'kept-out';
  const found = unfit(
    bidder,
    state.spec as TaskSpec,
    strengthOf(state, now),
    hasBid(state, bidder.id) ? 'bid' : 'offer',
  );
  // A stop keeps an agent from all that is new, as a pause does.
  if (found === 'paused' && terms.stopOf(bidder) !== undefined) return 'stopped';
  if (found !== undefined && found !== 'busy') return found;
  if (terms.shortage(bidder) !== undefined) return 'over-budget';
  return hasDeclined(state, bidder.id, now) ? 'declined' : found;
}

/** An obstacle of one agent, in words. */
export function obstacleText(state: TaskState, bidder: Bidder, obstacle: Obstacle, terms: Terms, now: Time): string {
  const { id, state: agent, pending } = bidder;
  const spec = state.spec as TaskSpec;
  const profile = agent.profile as AgentProfile;
  switch (obstacle) {
    case 'not-registered':
      return `${id} is not registered`;
    case 'kept-out':
      return `${id} is kept out: a challenge of its award was upheld`;
    case 'lost':
      return `${id} gives no sign of life, lost since ${agent.since}`;
    case 'lacks-capability':
      return `${id} lacks ${some(spec.requires.flatMap(({ capability }) => (levelOf(profile, capability) === undefined ? [capability] : [])))}`;
    case 'level-too-low':
      return `${id} has ${some(
        spec.requires.flatMap(({ capability, level }) => {
          const held = levelOf(profile, capability) ?? 0;
          return held < level ? [`${capability} ${held}, needs ${level}`] : [];
        }),
      )}`;
    case 'no-standing-offer':
      return `${id} makes no standing offer and has not bid`;
    case 'task-too-weak':
      return `${id} takes strength ${profile.offer?.min_strength} or more, this one has ${strengthOf(state, now)}`;
    case 'too-much-effort':
      return `${id} takes at most ${profile.offer?.max_effort} s of effort, this one is ${spec.effort} s`;
    case 'declined':
      return `${id} has declined, and is asked again after ${(own(state.declined, id) as Decline).until}`;
    case 'over-budget':
      return `${id} would cost too much: ${terms.shortage(bidder)}`;
    case 'stopped':
      return `${id} may do nothing: ${terms.still ?? terms.stopOf(bidder)}`;
    case 'paused': {
      const pause = agentPause(terms.pauses, id, profile.pool);
      return `${pause?.kind === 'pool' ? `${id} is of pool ${pause.name}, which is` : `${id} is`} ${pausedBy(pause)}`;
    }
    case 'busy':
      return `${id} has ${slotsInUse(agent)} of ${profile.capacity} slots in use${pending > 0 ? `, ${pending} being reserved` : ''}`;
  }
}

function pausedBy(pause: Pause | undefined): string {
  return pause === undefined
    ? 'paused'
    : `paused by ${pause.by} since ${pause.since}: ${cut(pause.reason.replaceAll(/\s+/g, ' '), LONGEST_REASON)}`;
}

/** What holds for several agents. */
const PLURAL: Readonly<Record<Obstacle, string>> = {
  busy: 'busy',
  declined: 'declined',
  'over-budget': 'too expensive for a budget',
  stopped: 'stopped',
  paused: 'paused',
  'too-much-effort': 'for less effort only',
  'task-too-weak': 'for stronger tasks only',
  'no-standing-offer': 'without a standing offer or a bid',
  lost: 'lost',
  'level-too-low': 'below the required level',
  'lacks-capability': 'without another required capability',
  'kept-out': 'kept out',
  'not-registered': 'not registered',
};

/** Why the task has no agent at work on it; undefined when it has one, or is over. */
export function whyNot(state: TaskState, look: Look, now: Time, awaited?: Awaited): WhyNot | undefined {
  const { spec, status, holder, ready_at } = state;
  if (spec === undefined) return undefined;
  const { still } = look.terms;
  // Nothing that is said below happens meanwhile, and no time that it names counts.
  if (still !== undefined && (status === 'held' || status === 'awarded' || status === 'open'))
    return { code: 'stopped', text: `it waits: ${still}` };
  if (status === 'held' && state.blocked)
    return { code: 'awaits-others', text: `not offered: it waits for ${awaited?.text ?? 'what it comes after'}` };
  if (status === 'held') {
    return {
      code: 'awaits-decision',
      text: `not offered: it is not decided yet that it may be done${awaited === undefined ? '' : `; ${awaited.text}`}`,
      until: awaited?.until,
    };
  }
  if (status === 'awarded') return unaccepted(state, holder as Holder);
  if (status !== 'open') return undefined;
  const until = delayedUntil(state, now);
  if (until !== undefined) return { code: 'delayed', text: `offered from ${until} on`, until };
  const pause = pauseOf(look.terms.pauses, 'task_type', spec.task_type);
  if (pause !== undefined)
    return { code: 'type-paused', text: `not awarded: tasks of ${spec.task_type} are ${pausedBy(pause)}` };
  if (ready_at > now) {
    if (state.attempts > 1)
      return {
        code: 'retry-delay',
        text: `attempt ${state.attempts} of ${spec.max_attempts} begins at ${ready_at}${lastEnd(state)}`,
        until: ready_at,
      };
    return {
      code: 'bids-open',
      text: `bids are collected until ${ready_at}; ${Object.keys(state.bids).length} so far`,
      until: ready_at,
    };
  }
  return unawarded(state, spec, look, now);
}

function unaccepted(state: TaskState, { agent, award, accept_by }: Holder): WhyNot {
  const challenge = openChallenge(state.challenges, award);
  if (challenge?.holds === true) {
    const { by, round, until } = challenge;
    return {
      code: 'award-challenged',
      text: `award ${award} to ${agent} is challenged by ${by}: round ${round} decides, at most until ${until}`,
      until,
    };
  }
  return {
    code: 'awaits-acceptance',
    text: `awarded to ${agent} (award ${award}), which has until ${accept_by} to accept it`,
    until: accept_by,
  };
}

function lastEnd({ history }: TaskState): string {
  const last = history.at(-1);
  return last === undefined
    ? ''
    : `: ${last.agent} ${last.end === 'failed' ? 'failed' : `ended the last one as ${last.end}`}`;
}

function unawarded(state: TaskState, spec: TaskSpec, look: Look, now: Time): WhyNot {
  const lending = look.lending === 0 ? '' : `; ${agents(look.lending)} of other pools would help while idle`;
  if (look.examined.length === 0) {
    const missing = look.able.filter(({ agents: n }) => n === 0).map(({ capability }) => asNeeded(spec, capability));
    const others = look.able
      .filter(({ agents: n }) => n > 0)
      .map(({ capability, agents: n }) => `${agents(n)} ${withOf(spec, capability)}`);
    return {
      code: 'no-agent',
      text: `not awarded: no agent ${some(missing, ' and none ')} is registered${others.length === 0 ? '' : ` (${some(others)})`}${lending}`,
    };
  }
  const groups = new Map<Obstacle, Bidder[]>();
  for (const bidder of look.examined) {
    const obstacle = obstacleOf(state, bidder, look.terms, now);
    if (obstacle === undefined)
      return { code: 'award-under-way', text: `it is being awarded: ${bidder.id} could take it` };
    groups.set(obstacle, [...(groups.get(obstacle) ?? []), bidder]);
  }
  const scarcest = look.able.reduce((least, one) => (one.agents < least.agents ? one : least));
  const total = Math.max(scarcest.agents, look.examined.length);
  const cut = total > look.examined.length ? ` (${look.examined.length} of them looked at)` : '';
  const found = OBSTACLES.flatMap((code) =>
    groups.has(code) ? [{ code, bidders: groups.get(code) as Bidder[] }] : [],
  );
  const texts = found.map(({ code, bidders }) =>
    groupText(state, code, bidders, bidders.length === total, look.terms, now),
  );
  return {
    code: (found[0] as { code: Obstacle }).code,
    text: `not awarded: ${agents(total)} ${withOf(spec, scarcest.capability)}${cut}; ${texts.join('; ')}${lending}`,
    until: groups.has('declined') ? declineEnds(state, now) : undefined,
  };
}

/** What one group of agents has in its way: of one alone its own words, of several with an example. */
function groupText(
  state: TaskState,
  code: Obstacle,
  bidders: readonly Bidder[],
  all: boolean,
  terms: Terms,
  now: Time,
): string {
  const [first] = bidders as [Bidder];
  const example = obstacleText(state, first, code, terms, now);
  if (bidders.length === 1) return example;
  const n = all ? `all ${bidders.length}` : `${bidders.length}`;
  if (code !== 'busy') return `${n} ${PLURAL[code]} (${example}, …)`;
  const inUse = bidders.reduce((sum, { state: agent, pending }) => sum + slotsInUse(agent) + pending, 0);
  const capacity = bidders.reduce((sum, { state: { profile } }) => sum + (profile?.capacity ?? 0), 0);
  return `${n} busy, ${inUse} of ${capacity} slots in use (${example}, …)`;
}

function agents(n: number): string {
  return `${n} ${n === 1 ? 'agent' : 'agents'}`;
}

/** An agent is `of` the type that a task is named after, and `with` anything else that it can do. */
function withOf(spec: TaskSpec, capability: string): string {
  return `${capability === spec.task_type ? 'of' : 'with'} ${capability}`;
}

function asNeeded(spec: TaskSpec, capability: string): string {
  const level = spec.requires.find((needed) => needed.capability === capability)?.level ?? 0;
  return `${withOf(spec, capability)}${level === 0 ? '' : ` (needs ${level})`}`;
}

/** So many of them as a sentence holds. */
function some(texts: readonly string[], between = '; '): string {
  return texts.length <= 3 ? texts.join(between) : `${texts.slice(0, 3).join(between)} and ${texts.length - 3} more`;
}
