/**
 * A channel: how a group of people is reached. It holds no secret: what signs a webhook, and the URL of an incoming
 * webhook of Teams or Slack, which lets in whoever knows it, are named by a reference and looked up when they are used.
 */
import { type Decider, type Decision, type Event, Rejection } from '../kernel/decider';
import { isEndpoint } from '../kernel/endpoint';
import { isId } from '../kernel/ids';
import type { Time } from '../kernel/time';
import { END_EVENTS, type EndedWork, type Notice, NOTICE_EVENTS, type NoticeEvent } from './notice';

export const CHANNEL_KINDS = ['standard', 'cloudevents', 'teams', 'slack', 'mail'] as const;
export type ChannelKind = (typeof CHANNEL_KINDS)[number];

/** Most groups of a channel. */
export const MAX_CHANNEL_GROUPS = 100;
/** Most ids of a kind whose ends it is told of. */
export const MAX_CHANNEL_ENDS = 100;
/** Instead of a group: all of them. */
export const ALL_GROUPS = '*';

// --------------------------------------------------------------------------------------------------------- events

/** Field names are the wire's. */
export interface Channel {
  readonly kind: ChannelKind;
  /**
   * `mail`: a mailbox. Otherwise the URL that is posted to, or a reference to it; `teams` and `slack` take a reference
   * alone.
   */
  readonly address: string;
  /** `standard`, `cloudevents`: reference to the secret (`whsec_…`) that signs, such as `env:OPS`. */
  readonly secret?: string;
  /** Ids of the groups that it reaches, or `*`. */
  readonly groups: readonly string[];
  /** What it is told about. */
  readonly events: readonly NoticeEvent[];
  /** Of the ends of what it is told; of all of them where this is left out. */
  readonly ends_of?: EndsOf;
}

/** Ids: of tasks, of jobs with their tasks, and of types of tasks. */
export interface EndsOf {
  readonly tasks?: readonly string[];
  readonly jobs?: readonly string[];
  readonly task_types?: readonly string[];
}

export type ChannelEvent =
  Event<'ChannelSet', { channel_id: string } & Channel> | Event<'ChannelRemoved', { channel_id: string; by: string }>;

// ---------------------------------------------------------------------------------------------------------- state

export interface ChannelState {
  readonly status: 'unknown' | 'active' | 'removed';
  readonly channel_id: string;
  /** While it is active. */
  readonly channel: Channel | undefined;
  /** Since when it is told of ends, without a break: it is told of none before, however late somebody comes to that. */
  readonly ends_since?: Time;
}

export const channelDecider: Decider<ChannelState, ChannelEvent> = {
  category: 'channel',
  version: 2,
  initial: { status: 'unknown', channel_id: '', channel: undefined },
  evolve(before, { type, data }, { at }) {
    if (type === 'ChannelRemoved') return { status: 'removed', channel_id: data.channel_id, channel: undefined };
    const { channel_id, ...channel } = data;
    const hearsEnds = END_EVENTS.some((event) => channel.events.includes(event));
    return { status: 'active', channel_id, channel, ...(hearsEnds && { ends_since: before.ends_since ?? at }) };
  },
};

/** True when whoever is in `group` is to be told of this through the channel. */
export function carries(
  channel: Channel | undefined,
  { event, ended }: Pick<Notice, 'event' | 'ended'>,
  group: string,
): boolean {
  return (
    channel !== undefined &&
    channel.events.includes(event) &&
    (channel.groups.includes(ALL_GROUPS) || channel.groups.includes(group)) &&
    (ended === undefined || channel.ends_of === undefined || isOf(ended, channel.ends_of))
  );
}

function isOf({ task, job, task_type }: EndedWork, { tasks, jobs, task_types }: EndsOf): boolean {
  const names = (ids: readonly string[] | undefined, id: string | undefined) =>
    id !== undefined && ids?.includes(id) === true;
  return names(tasks, task) || names(jobs, job) || names(task_types, task_type);
}

/** True for `scheme:name`, the name of a secret that is kept elsewhere. */
export function isReference(text: string): boolean {
  return REFERENCE.test(text);
}

/** What is wrong with a channel, a sentence for each fault. */
export function channelProblems(
  channel_id: string,
  { kind, address, secret, groups, events, ends_of }: Channel,
): string[] {
  const problems: string[] = [];
  const need = (holds: boolean, rule: string) => {
    if (!holds) problems.push(rule);
  };
  need(isId(channel_id), 'channel_id must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -');
  switch (kind) {
    case 'standard':
    case 'cloudevents':
      need(
        isReference(address) || isEndpoint(address),
        'address must be an https URL without credentials, query and fragment, or a reference to a URL',
      );
      need(
        secret !== undefined && isReference(secret),
        'secret must be a reference such as env:OPS, never the secret itself',
      );
      break;
    case 'teams':
    case 'slack':
      need(
        isReference(address),
        `address must be a reference such as env:HOOK: the URL of an incoming webhook of ${kind} is a secret itself`,
      );
      need(secret === undefined, `${kind} checks no signature: leave secret out`);
      break;
    case 'mail':
      need(MAILBOX.test(address), 'address must be one mailbox, name@domain');
      need(secret === undefined, 'mail is not signed: leave secret out');
      break;
    default:
      need(false, `kind must be one of ${CHANNEL_KINDS.join(', ')}`);
  }
  need(
    isSet(groups) && groups.every((group) => group === ALL_GROUPS || isId(group)),
    `groups must be 1 to ${MAX_CHANNEL_GROUPS} ids of groups, or *, each once`,
  );
  need(
    isSet(events) && events.every((event) => NOTICE_EVENTS.includes(event)),
    `events must be some of ${NOTICE_EVENTS.join(', ')}, each once`,
  );
  const isEnd = (event: NoticeEvent) => (END_EVENTS as readonly string[]).includes(event);
  const lists = Object.values(ends_of ?? {}) as readonly (readonly string[])[];
  need(
    ends_of === undefined || (events.some(isEnd) && lists.length > 0 && lists.every(isIds)),
    `ends_of must have tasks, jobs or task_types with 1 to ${MAX_CHANNEL_ENDS} ids, each once, beside ${END_EVENTS.join(' or ')} in events`,
  );
  return problems;
}

// ------------------------------------------------------------------------------------------------------ decisions

/** Sets the whole channel. As it is already: nothing changes. A removed one comes back. */
export function setChannel(channel_id: string, channel: Channel): Decision<ChannelState, ChannelEvent> {
  return (state) => {
    const problems = channelProblems(channel_id, channel);
    if (problems.length > 0) return new Rejection('invalid', 'channel-invalid', problems.join('; '), { problems });
    if (state.channel !== undefined && same(state.channel, channel)) return [];
    const { kind, address, secret, groups, events, ends_of } = channel;
    const about = {
      ...(secret !== undefined && { secret }),
      groups,
      events,
      ...(ends_of !== undefined && { ends_of }),
    };
    return [{ type: 'ChannelSet', v: 1, data: { channel_id, kind, address, ...about } }];
  };
}

/** Nothing goes there any more, not even what is under way. */
export function removeChannel(by: string): Decision<ChannelState, ChannelEvent> {
  return ({ status, channel_id }) => {
    if (status === 'unknown') return new Rejection('missing', 'channel-not-found', 'there is no channel with this id');
    return status === 'removed' ? [] : [{ type: 'ChannelRemoved', v: 1, data: { channel_id, by } }];
  };
}

// The letter after the colon keeps `https://…` out.
const REFERENCE = /^[a-z][a-z0-9-]{0,31}:[A-Za-z_][A-Za-z0-9_./-]{0,199}$/;
/** One address, ASCII, without quotes, comments, display name and source route. */
const MAILBOX =
  /^(?=.{3,254}$)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
function isIds(values: readonly string[]): boolean {
  return isSet(values, MAX_CHANNEL_ENDS) && values.every(isId);
}

function isSet(values: readonly string[], most = MAX_CHANNEL_GROUPS): boolean {
  return values.length > 0 && values.length <= most && new Set(values).size === values.length;
}

function same(a: Channel, b: Channel): boolean {
  const list = (values: readonly string[]) => values.join(' ');
  const ends = ({ tasks, jobs, task_types }: EndsOf = {}) => JSON.stringify([tasks, jobs, task_types]);
  return (
    a.kind === b.kind &&
    a.address === b.address &&
    a.secret === b.secret &&
    list(a.groups) === list(b.groups) &&
    list(a.events) === list(b.events) &&
    ends(a.ends_of) === ends(b.ends_of)
  );
}
