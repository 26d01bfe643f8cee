/** What an event says, in a few words. */
import type { AgentEvent } from '../domain/agent';
import type { AgentTypeEvent } from '../domain/agent-template';
import type { Event } from '../domain/kernel/decider';
import type { TaskEvent } from '../domain/task';
import type { ToolEvent } from '../domain/tool';
import type { TrailEvent } from '../domain/trail';

type Known = TaskEvent | AgentEvent | TrailEvent | ToolEvent | AgentTypeEvent;
type DataOf<T extends Known['type']> = Extract<Known, { type: T }>['data'];

const signal = ({ type, location, resulting_strength, emitter_agent }: DataOf<'SignalEmitted'>) => `${type} at ${location}, strength ${Number(resulting_strength.toFixed(3))}, from ${emitter_agent}`;
const profile = ({ profile: { agent_type, pool, capacity } }: DataOf<'AgentRegistered'>) => `${agent_type}, pool ${pool}, capacity ${capacity}`;
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
  AwardDeclined: ({ agent, award, reason }) => `by ${agent}, award ${award}: ${reason}`,
  AgentRegistered: profile,
  AgentRevised: profile,
  SlotReserved: ({ task, award }) => `for ${task}, award ${award}`,
  SlotConfirmed: ({ task, award }) => `for ${task}, award ${award}`,
  SlotReleased: ({ task, award, outcome }) => `of ${task}, award ${award}: ${outcome}`,
  SignalEmitted: signal,
  SignalReinforced: signal,
  ToolRegistered: tool,
  ToolVersionRegistered: tool,
};

const MOST_VALUES = 4;
const LONGEST = 60;

export function factsOf({ type, data }: Pick<Event, 'type' | 'data'>): string {
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
    .map(([name, value]) => `${name} ${String(value).length > LONGEST ? `${String(value).slice(0, LONGEST - 1)}…` : String(value)}`)
    .join(', ');
}
