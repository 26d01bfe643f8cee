/** What an event says, in a few words. */
import type { ActionEvent } from '../domain/action';
import type { AgentEvent } from '../domain/agent';
import type { AgentTypeEvent } from '../domain/agent-template';
import type { ApprovalEvent } from '../domain/approval';
import type { Event } from '../domain/kernel/decider';
import { shorten } from '../domain/kernel/text';
import type { RoundEvent } from '../domain/round';
import type { TaskEvent } from '../domain/task';
import type { ToolEvent } from '../domain/tool';
import type { TrailEvent } from '../domain/trail';
import { percent, said } from './terminal';

type Known = TaskEvent | AgentEvent | TrailEvent | ToolEvent | AgentTypeEvent | RoundEvent | ActionEvent | ApprovalEvent;
type DataOf<T extends Known['type']> = Extract<Known, { type: T }>['data'];

const signal = ({ type, location, resulting_strength, emitter_agent }: DataOf<'SignalEmitted'>) => `${type} at ${location}, strength ${Number(resulting_strength.toFixed(3))}, from ${emitter_agent}`;
const profile = ({ profile: { agent_type, pool, capacity } }: DataOf<'AgentRegistered'>) => `${agent_type}, pool ${pool}, capacity ${capacity}`;
const ballot = ({ voter, choice, confidence, reasoning }: DataOf<'VoteCast'>) => `${voter} for ${choice}, confidence ${Number(confidence.toFixed(3))}: ${reasoning}`;
const reasons = (oversight: DataOf<'ActionProposed'>['oversight']) => (oversight.reasons.length === 0 ? '' : ` because ${oversight.reasons.map(({ code }) => code).join(', ')}`);
const tool = ({ tool_name, version, owner }: DataOf<'ToolRegistered'>) => `${tool_name} ${version}, of ${owner}`;

/** Every other event tells its plain values. */
const FACTS: { readonly [T in Known['type']]?: (data: DataOf<T>) => string } = {
  TaskPosted: ({ spec }) => `${spec.task_type}, priority ${spec.priority}${spec.deadline === undefined ? '' : `, due ${spec.deadline}`}`,
  BidsClosed: ({ candidates, refused, strength }) => `${candidates.length} candidates, strength ${strength}${refused.length > 0 ? `, ${refused.length} refused` : ''}`,
  TaskAwarded: ({ agent, award, score }) => `to ${agent}, award ${award}, score ${score}`,
  TaskHandedOff: ({ from, agent, award }) => `from ${from} to ${agent}, award ${award}`,
  TaskAccepted: ({ agent, award, lease_seconds }) => `by ${agent}, award ${award}, lease ${lease_seconds} s`,
  TaskProgressed: ({ agent, fraction, note }) => `${Math.round(fraction * 100)} % by ${agent}${note === undefined ? '' : `: ${note}`}`,
  TaskCompleted: ({ agent, award }) => `by ${agent}, award ${award}`,
  AttemptEnded: ({ agent, attempt, end, reason }) => `attempt ${attempt} of ${agent} ${end}: ${reason}`,
  AwardVoided: ({ agent, award }) => `award ${award} for ${agent} will not come`,
  AwardDeclined: ({ agent, award, reason }) => `by ${agent}, award ${award}: ${reason}`,
  AgentRegistered: profile,
  AgentRevised: profile,
  SlotReserved: ({ task, award }) => `for ${task}, award ${award}`,
  SlotConfirmed: ({ task, award }) => `for ${task}, award ${award}`,
  SlotReleased: ({ task, award, outcome }) => `of ${task}, award ${award}: ${outcome}`,
  SignalEmitted: signal,
  SignalReinforced: signal,
  TaskCleared: ({ correction }) => `it may be done${correction === undefined ? '' : ', as corrected'}`,
  ActionProposed: ({ kind, impact, oversight }) => `${kind}, impact ${impact}: to ${oversight.path}${reasons(oversight)}`,
  ActionHeld: (held) => `for ${held.for}`,
  ActionCleared: ({ by }) => `by ${by}`,
  ActionRefused: ({ by, reason }) => `by ${by}: ${reason}`,
  ActionEdited: ({ by, changes }) => `by ${by}: ${changes.map(({ path, before, after }) => `${path} ${JSON.stringify(before)} → ${JSON.stringify(after)}`).join(', ')}`,
  ActionExecuted: ({ by }) => `by ${by}`,
  RoundOpened: ({ spec, electorate }) => `${spec.kind}, ${electorate.voters.length} voters, ${electorate.algorithm}, until ${spec.deadline}`,
  VoteCast: ballot,
  VoteChanged: ballot,
  RoundClosed: ({ outcome, choice, tally }) => `${outcome}${choice === undefined ? '' : `: ${choice}`}, score ${percent(tally.score)}, turnout ${percent(tally.turnout)}`,
  ApprovalRequested: ({ kind, severity, ladder, requester }) => `${kind}, ${severity}, for ${requester}, first from ${ladder[0]?.group}`,
  OverrideAsked: ({ by, choice, reason }) => `${choice} by ${by}, to be confirmed by a second person: ${reason}`,
  OutcomeOverridden: ({ by, choice, reason, with: others = [] }) => `${choice} by ${[...others, by].join(' and ')}: ${reason}`,
  ActionOverridden: ({ by, instead, reason, with: others = [] }) => `${instead} by ${[...others, by].join(' and ')}: ${reason}`,
  ApprovalOverridden: ({ by, reason }) => `by ${by}: ${reason}`,
  ApprovalGiven: ({ by, reason, edit, choice }) => `${choice === undefined ? '' : `${choice} `}by ${by}${edit === undefined ? '' : ', edited'}: ${reason}`,
  ApprovalRejected: ({ by, reason }) => `by ${by}: ${reason}`,
  ApprovalEscalated: ({ group, reason }) => `to ${group}: ${reason}`,
  ApprovalClosed: ({ outcome, safe_default }) => `${outcome}${safe_default === undefined ? '' : `: ${safe_default}`}`,
  ToolRegistered: tool,
  ToolVersionRegistered: tool,
};

const MOST_VALUES = 4;
const LONGEST = 60;

export function factsOf(event: Pick<Event, 'type' | 'data'>): string {
  return said(told(event)).replaceAll('\n', ' ');
}

function told({ type, data }: Pick<Event, 'type' | 'data'>): string {
  const known = FACTS[type as Known['type']] as ((data: unknown) => string) | undefined;
  try {
    return known === undefined ? plain(data) : known(data);
  } catch {
    // An older version of the event, or one that was tampered with.
    return plain(data);
  }
}

function plain(data: unknown): string {
  if (typeof data !== 'object' || data === null) return JSON.stringify(data) ?? '';
  return Object.entries(data)
    .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
    .slice(0, MOST_VALUES)
    .map(([name, value]) => `${name} ${shorten(String(value), LONGEST)}`)
    .join(', ');
}
