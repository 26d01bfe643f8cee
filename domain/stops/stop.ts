/**
 * What is stopped: a tenant, a type of agent, an agent, a tool, a task or a model that does nothing until somebody
 * lifts it; or everything. It stands above every policy. One stream a tenant; what stops tenants, or everything, stands
 * in that of the platform.
 *
 * An agent is stopped by the whole of its name, and so is a service, which is one here: `service:crm` is not `crm`.
 * People are not stopped: their tokens are taken back.
 *
 * A freeze halts, and whoever may stop may lift it. A quarantine is for what is suspected: a person lifts it, and
 * nobody their own. The global stop takes two people to lift.
 */
import { type Decider, type Decision, type Event, refuse, Rejection } from '../kernel/decider';
import { isId, isTenant, streamName } from '../kernel/ids';
import { own } from '../kernel/own';
import { isPersonId, isSameActor, isSamePerson, oneKeyFor, type Principal } from '../kernel/principal';
import { isText, textRule } from '../kernel/text';
import { plusSeconds, type Time } from '../kernel/time';

/** The tenant whose people look after all tenants: they alone stop and lift what concerns more than one. */
export const PLATFORM = 'platform';

export const STOPPABLE = ['global', 'tenant', 'agent_type', 'agent', 'tool', 'task', 'model'] as const;
export type Stoppable = (typeof STOPPABLE)[number];
export const STOP_EFFECTS = ['freeze', 'quarantine'] as const;
export type StopEffect = (typeof STOP_EFFECTS)[number];

/** The name of what the global stop stops. */
export const EVERYTHING = 'all';
/** Who stops tasks that have cost more than was reserved for them: the product, under a name that is nobody's. */
export const OVERSPENDING = 'budgets';
/** How many things of a kind may be stopped at once in a tenant, by others. */
export const MAX_STOPS = 1_000;
/** How many times of standing still are remembered: the last ones. */
export const MAX_STOOD = 1_000;
/** Longest reason, in characters. */
export const MAX_STOP_REASON = 2_000;
/** For how long the first of two people who lift the global stop has agreed, in seconds. */
export const AGREED_SECONDS = 3_600;

// --------------------------------------------------------------------------------------------------------- events

/** `global` is called `all`; the others by their names or ids. A service is an `agent`, called `service:NAME`. */
export interface StoppedThing {
  readonly kind: Stoppable;
  readonly name: string;
}

/** Who did it, and through whom. */
interface ByWhom {
  readonly by: string;
  readonly via?: string;
  readonly reason: string;
}

export type StopEvent =
  | Event<'Stopped', StoppedThing & ByWhom & { effect: StopEffect }>
  /** The first of two who have to. */
  | Event<'StopLiftAgreed', StoppedThing & ByWhom>
  /** `with`: who had agreed before, where it takes two. */
  | Event<'StopLifted', StoppedThing & ByWhom & { with?: string }>;

// ---------------------------------------------------------------------------------------------------------- state

export interface Stop extends StoppedThing, ByWhom {
  readonly effect: StopEffect;
  readonly since: Time;
  /** Who has agreed to lift it, where it takes two. */
  readonly agreed?: { readonly by: string; readonly via?: string; readonly at: Time; readonly reason: string };
}

/** A time in which a tenant, a task or everything stood still. */
export interface Stood extends StoppedThing {
  readonly from: Time;
  readonly until: Time;
}

export interface StopState {
  /** By kind and name; of agents in whatever case. */
  readonly stops: Readonly<Record<string, Stop>>;
  /** The last times in which something with deadlines stood still, the latest last. */
  readonly stood: readonly Stood[];
}

/** What has deadlines that wait while it is stopped. */
const WITH_DEADLINES: readonly Stoppable[] = ['global', 'tenant', 'task'];

export const stopDecider: Decider<StopState, StopEvent> = {
  category: 'stop',
  version: 3,
  initial: { stops: {}, stood: [] },
  evolve({ stops, stood }, event, { at }) {
    const key = keyOf(event.data);
    const { [key]: before, ...others } = stops;
    switch (event.type) {
      case 'Stopped': {
        const { kind, name, effect, by, via, reason } = event.data;
        const stop = { kind, name: before?.name ?? name, effect, by, via, reason, since: before?.since ?? at };
        return { stops: { ...others, [key]: stop }, stood };
      }
      case 'StopLiftAgreed': {
        const { by, via, reason } = event.data;
        return before === undefined
          ? { stops, stood }
          : { stops: { ...others, [key]: { ...before, agreed: { by, via, at, reason } } }, stood };
      }
      case 'StopLifted': {
        if (before === undefined || !WITH_DEADLINES.includes(before.kind)) return { stops: others, stood };
        const { kind, name, since } = before;
        return { stops: others, stood: [...stood, { kind, name, from: since, until: at }].slice(-MAX_STOOD) };
      }
    }
  },
};

/** The one stream of a tenant. */
export const STOPS_ID = 'all';

export function stopStream(tenant: string): string {
  return streamName(tenant, stopDecider.category, STOPS_ID);
}

/** The stop of one thing, under whatever spelling, if it is stopped. */
export function stopOf({ stops }: StopState, kind: Stoppable, name: string): Stop | undefined {
  return own(stops, keyOf({ kind, name }));
}

/** Whether anything of this kind is stopped, or anything at all: for those who ask at every turn. */
export function anyStop({ stops }: StopState, kind?: Stoppable): boolean {
  for (const key in stops) if (kind === undefined || key.startsWith(`${kind} `)) return true;
  return false;
}

/** What stops whoever acts under this id, or is to, by themselves. A person is no agent, whatever it is called. */
export function agentStop(state: StopState, id: string): Stop | undefined {
  return isPersonId(id) ? undefined : stopOf(state, 'agent', id);
}

/** Whether the stop of an agent called so means this one. */
export function isCalled(name: string, id: string): boolean {
  return !isPersonId(id) && agentName(name) === agentName(id);
}

function keyOf({ kind, name }: StoppedThing): string {
  return `${kind} ${kind === 'agent' ? agentName(name) : name}`;
}

/** In whatever case. Stops of before may say `human:`, when that was one spelling of an agent's name. */
function agentName(name: string): string {
  return name.replace(/^(?:human:)+/, '').toLowerCase();
}

/** What a stop says to whoever comes up against it. */
export function saidOf({ kind, name, effect, by, since, reason }: Stop): string {
  const what = kind === 'global' ? 'everything' : `${kind.replaceAll('_', ' ')} ${name}`;
  return `${what} is ${effect === 'freeze' ? 'frozen' : 'in quarantine'}, by ${by} since ${since}: ${reason}`;
}

// ------------------------------------------------------------------------------------------------------ decisions

/** Who stops or lifts. */
export type StopActor = Pick<Principal, 'tenant' | 'id' | 'kind' | 'via'>;

/**
 * Stops one thing, whether it is known yet or not. Again with another reason: the newer one stands, the time does not
 * move, and nobody has agreed to lift it any more.
 */
export function stop(
  thing: StoppedThing,
  effect: StopEffect,
  who: StopActor,
  reason: string,
): Decision<StopState, StopEvent> {
  return (state) => {
    const wrong =
      nameProblem(thing) ?? personProblem(thing) ?? reasonProblem(reason) ?? scopeProblem(thing, effect, who);
    if (wrong !== undefined) return wrong;
    const before = stopOf(state, thing.kind, thing.name);
    if (before?.effect === 'quarantine' && effect === 'freeze')
      return refuse('quarantined-already', `${saidOf(before)}: a freeze would be less, so it has to be lifted first`);
    if (before?.effect === effect && before.by === who.id && before.reason === reason && before.agreed === undefined)
      return [];
    // By kind, so that there is room for what is wider; and without tasks over their budgets, with which an agent could
    // fill it. Those are bounded by the reservations that a tenant may have.
    const alike = () =>
      Object.values(state.stops).filter(({ kind, by }) => kind === thing.kind && by !== OVERSPENDING).length;
    if (before === undefined && who.kind !== 'system' && alike() >= MAX_STOPS)
      return refuse(
        'stops-full',
        `${MAX_STOPS} of that kind are stopped already: lift one of them, or stop what is wider: an agent, its type, or the tenant`,
      );
    const { id: by, via } = who;
    return [{ type: 'Stopped', v: 1, data: { ...thing, effect, by, via, reason } }];
  };
}

/** What is known of whoever lifts a stop besides its name. */
export interface LifterFacts {
  /** The gateway of the agent that is stopped. */
  readonly gateway?: string;
  /** The type of the agent that the lifter, or whoever speaks for it, is. */
  readonly types?: readonly string[];
}

/**
 * Lifts a stop; nothing happens where there is none. The first of two people who lift the global stop only agrees.
 */
export function lift(
  thing: StoppedThing,
  who: StopActor,
  reason: string,
  now: Time,
  facts: LifterFacts = {},
): Decision<StopState, StopEvent> {
  return (state) => {
    const wrong = nameProblem(thing) ?? reasonProblem(reason);
    if (wrong !== undefined) return wrong;
    const before = stopOf(state, thing.kind, thing.name);
    if (before === undefined) return [];
    const { kind, effect, agreed } = before;
    if (isOfItself(before, who, facts))
      return new Rejection('forbidden', 'own-stop', 'nobody lifts what stops themselves: somebody else has to');
    const takesPeople = kind === 'global' || effect === 'quarantine';
    if (takesPeople && who.kind !== 'human')
      return new Rejection(
        'forbidden',
        'person-lifts',
        `${kind === 'global' ? 'the global stop' : 'a quarantine'} is lifted by people: sign in as one`,
      );
    const { id: by, via } = who;
    const data = { kind, name: before.name, by, via, reason };
    if (kind !== 'global') return [{ type: 'StopLifted', v: 1, data }];
    const stands = agreed !== undefined && now < plusSeconds(agreed.at, AGREED_SECONDS) ? agreed : undefined;
    if (stands === undefined) return [{ type: 'StopLiftAgreed', v: 1, data }];
    const first = { id: stands.by, via: stands.via };
    if (isSamePerson(who, first))
      return refuse(
        'second-person-needed',
        `${first.id} has agreed already${oneKeyFor(who, first)}: it takes a second person to lift it`,
        { agreed: first.id },
      );
    return [{ type: 'StopLifted', v: 1, data: { ...data, with: first.id } }];
  };
}

function nameProblem({ kind, name }: StoppedThing): Rejection | undefined {
  if (kind === 'global')
    return name === EVERYTHING
      ? undefined
      : new Rejection('invalid', 'name-invalid', `the global stop has one name: ${EVERYTHING}`);
  if (kind === 'tenant' ? isTenant(name) : isId(name)) return undefined;
  return new Rejection('invalid', 'name-invalid', 'name must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -');
}

/** Not asked where something is lifted: stops of before may be called so. */
function personProblem({ kind, name }: StoppedThing): Rejection | undefined {
  return kind === 'agent' && isPersonId(name)
    ? new Rejection(
        'invalid',
        'person-not-stopped',
        'people are not stopped: revoke their tokens, and stop the agents and services that act for them',
      )
    : undefined;
}

function reasonProblem(reason: string): Rejection | undefined {
  return isText(reason, MAX_STOP_REASON)
    ? undefined
    : new Rejection('invalid', 'reason-invalid', textRule('reason', MAX_STOP_REASON));
}

/** Who may stop what: people of a tenant what is theirs, those of the platform tenants, and everything. */
function scopeProblem({ kind, name }: StoppedThing, effect: StopEffect, { tenant }: StopActor): Rejection | undefined {
  const foreign = kind === 'global' || (kind === 'tenant' && name !== tenant);
  if (foreign && tenant !== PLATFORM)
    return new Rejection(
      'forbidden',
      'platform-only',
      `that concerns others than ${tenant}: people of the tenant ${PLATFORM} alone stop it`,
    );
  if (effect === 'quarantine' && (kind === 'global' || (kind === 'tenant' && name === tenant)))
    return refuse('stop-not-liftable', 'nobody would be left to lift that quarantine: freeze it instead');
  return undefined;
}

/** Whether somebody is what is stopped, or speaks for it, under whatever spelling. */
function isOfItself({ kind, name }: Stop, { id, via }: StopActor, { gateway, types = [] }: LifterFacts): boolean {
  const names = via === undefined ? [id] : [id, via];
  if (kind === 'agent')
    return names.some((one) => isSameActor(one, name) || (gateway !== undefined && isSameActor(one, gateway)));
  return kind === 'agent_type' && types.includes(name);
}
