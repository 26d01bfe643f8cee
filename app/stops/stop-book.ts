/** What is stopped, kept in memory: asked at every command, deadline and commit of the feed. */
import { askDecider } from '../../domain/asks/ask';
import { denialDecider } from '../../domain/audit/denial';
import { logDecider } from '../../domain/audit/log';
import { accessDecider } from '../../domain/identity/access';
import { credentialDecider } from '../../domain/identity/credential';
import { Rejection } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import type { PrincipalKind } from '../../domain/kernel/principal';
import { toMillis } from '../../domain/kernel/time';
import { agentDecider, agentStream } from '../../domain/market/agent';
import { taskDecider } from '../../domain/market/task';
import { rolloutDecider } from '../../domain/policy/rollout';
import { toolDecider } from '../../domain/repository/tool';
import {
  agentStop,
  anyStop,
  EVERYTHING,
  PLATFORM,
  saidOf,
  type Stop,
  stopDecider,
  type StopEvent,
  stopOf,
  STOPPABLE,
  type Stoppable,
  type StopState,
} from '../../domain/stops/stop';
import type { CommandContext } from '../engine/command';
import { STOPPED, type Stopping } from '../engine/standstill';
import type { Streams } from '../engine/streams';
import type { TenantStates } from '../engine/tenant-states';
import type { Absence } from '../engine/watchdog';

/** What only records passes whoever is stopped: receipts of what was refused, and the log that proves what happened. */
const RECORDING: ReadonlySet<string> = new Set([denialDecider.category, logDecider.category]);

/**
 * Commands that pass whatever is stopped, and whatever policy says: what stops and lifts, what takes tokens back, what
 * rolls policy out and back, and what only records. Whoever is stopped by themselves gives none of them.
 */
const PASSING: ReadonlySet<string> = new Set([
  stopDecider.category,
  accessDecider.category,
  rolloutDecider.category,
  ...RECORDING,
]);

/**
 * Commands that whoever lifts a stop of all needs, and that policy judges: a token to say who they are, and the receipt
 * of what they say in words. Somebody who is stopped by themselves gets none.
 */
const LIFTING: ReadonlySet<string> = new Set([credentialDecider.category, askDecider.category]);

/**
 * What is stopped for a tenant: by the platform, and by itself, which is the last. Agents and tasks are a tenant's own:
 * what the platform stops of those is of its own.
 */
type States = readonly StopState[];

export class StopBook implements Stopping {
  constructor(
    private readonly states: Pick<TenantStates<StopState, StopEvent>, 'of' | 'known'>,
    private readonly streams: Pick<Streams, 'load' | 'peek'>,
  ) {}

  passes(stream: string): boolean {
    return PASSING.has(parseStream(stream).category);
  }

  refusal(context: CommandContext, stream: string): Rejection | undefined | Promise<Rejection | undefined> {
    const { tenant } = parseStream(stream);
    const states = this.statesOf(tenant);
    return states instanceof Promise
      ? states.then((read) => this.judged(read, context, stream))
      : this.judged(states, context, stream);
  }

  waits(stream: string): boolean | Promise<boolean> {
    const states = this.statesOf(parseStream(stream).tenant);
    return states instanceof Promise
      ? states.then((read) => stillOf(read, stream) !== undefined)
      : stillOf(states, stream) !== undefined;
  }

  stood(stream: string): readonly Absence[] {
    const { tenant, category, id } = parseStream(stream);
    const states = this.known(tenant);
    const isTask = category === taskDecider.category;
    const times = states.flatMap((state) =>
      state.stood.filter(
        ({ kind, name }) =>
          kind === 'global' ||
          (kind === 'tenant' && name === tenant) ||
          (kind === 'task' && isTask && name === id && state === states.at(-1)),
      ),
    );
    return times.map(({ from, until }) => ({ from: toMillis(from), until: toMillis(until) }));
  }

  /** What stops an agent of this type, as far as is known here; undefined when nothing does. */
  ofAgent(tenant: string, agent: string, type: string | undefined): Stop | undefined {
    const states = this.known(tenant);
    if (!states.some((state) => anyStop(state))) return undefined;
    const ofItself = found(states.slice(-1), (state) => agentStop(state, agent));
    return ofItself ?? (type === undefined ? undefined : found(states, (state) => stopOf(state, 'agent_type', type)));
  }

  /** What stops all that the stream is about, itself, its tenant or everything, as far as is known here. */
  ofStream(stream: string): Stop | undefined {
    return stillOf(this.known(parseStream(stream).tenant), stream);
  }

  /** How many things are stopped, by kind, as far as is known here. */
  counts(): ReadonlyMap<Stoppable, number> {
    const counts = new Map<Stoppable, number>(STOPPABLE.map((kind) => [kind, 0]));
    for (const { stops } of this.states.known())
      for (const { kind } of Object.values(stops)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return counts;
  }

  /** Reads what stops the tenant, where it is not known yet. */
  async read(tenant: string): Promise<void> {
    await this.statesOf(tenant);
  }

  private judged(
    states: States,
    context: CommandContext,
    stream: string,
  ): Rejection | undefined | Promise<Rejection | undefined> {
    if (!states.some((state) => anyStop(state))) return undefined;
    const { tenant, category, id } = parseStream(stream);
    if (RECORDING.has(category)) return undefined;
    const { principal, onBehalfOf = [], attributes = {} } = context;
    const isToken = category === credentialDecider.category;
    const whole = LIFTING.has(category) || PASSING.has(category) ? undefined : stillOf(states, stream);
    if (whole !== undefined) return refusalOf(whole);
    const named = (attribute: string) => {
      const value = attributes[attribute];
      return typeof value === 'string' ? value : undefined;
    };
    const itself = (kind: PrincipalKind) => (principal.kind === kind ? principal.id : undefined);
    // The subject of a token gets one; any other is somebody of whom there is data.
    const subject = isToken ? named('subject') : undefined;
    const agents = [itself('agent'), named('agent'), subject, ...onBehalfOf].filter(isNamed);
    // A gateway, or whoever else speaks for another, may be stopped itself.
    const speakers = [...agents, itself('service'), principal.via].filter(isNamed);
    const of = (within: States, kind: Stoppable, name: string | undefined) =>
      name === undefined ? undefined : found(within, (state) => stopOf(state, kind, name));
    const own = states.slice(-1);
    const stop =
      found(own, (state) => speakers.map((one) => agentStop(state, one)).find((one) => one !== undefined)) ??
      of(states, 'agent_type', named('agent_type')) ??
      of(own, 'task', named('task')) ??
      of(states, 'tool', named('tool') ?? (category === toolDecider.category ? id : undefined)) ??
      of(states, 'model', named('model'));
    if (stop !== undefined) return refusalOf(stop);
    if (agents.length === 0 || !states.some((state) => anyStop(state, 'agent_type'))) return undefined;
    return this.ofTypes(states, tenant, agents);
  }

  private ofTypes(
    states: States,
    tenant: string,
    agents: readonly string[],
  ): Rejection | undefined | Promise<Rejection | undefined> {
    const refused = (types: readonly (string | undefined)[]) => {
      const stop = found(states, (state) =>
        types
          .map((type) => (type === undefined ? undefined : stopOf(state, 'agent_type', type)))
          .find((one) => one !== undefined),
      );
      return stop === undefined ? undefined : refusalOf(stop);
    };
    const known = agents.map((agent) => this.streams.peek<TypedAgent>(agentStream(tenant, agent)));
    if (known.every((one) => one !== undefined)) return refused(known.map((one) => one?.state.profile?.agent_type));
    return Promise.all(agents.map((agent) => this.typeOf(tenant, agent))).then(refused);
  }

  /** The type of an agent; undefined when there is none of that name. */
  async typeOf(tenant: string, agent: string): Promise<string | undefined> {
    return (await this.streams.load(agentDecider, agentStream(tenant, agent))).state.profile?.agent_type;
  }

  private statesOf(tenant: string): States | Promise<States> {
    const platform = this.states.of(PLATFORM);
    const own = tenant === PLATFORM ? platform : this.states.of(tenant);
    if (platform instanceof Promise || own instanceof Promise)
      return Promise.all([platform, own]).then((read) => (tenant === PLATFORM ? read.slice(1) : read));
    return own === platform ? [own] : [platform, own];
  }

  private known(tenant: string): States {
    const states = this.statesOf(tenant);
    if (!(states instanceof Promise)) return states;
    // Whoever needs to know has it read first.
    states.catch(() => undefined);
    return [];
  }
}

function isNamed(name: string | undefined): name is string {
  return name !== undefined;
}

type TypedAgent = { readonly profile?: { readonly agent_type: string } };

/** What stops all that the stream is about: everything, its tenant, or the task itself. */
function stillOf(states: States, stream: string): Stop | undefined {
  if (!states.some((state) => anyStop(state))) return undefined;
  const { tenant, category, id } = parseStream(stream);
  const whole = found(states, (state) => stopOf(state, 'global', EVERYTHING) ?? stopOf(state, 'tenant', tenant));
  const isTask = category === taskDecider.category;
  return whole ?? (isTask ? found(states.slice(-1), (state) => stopOf(state, 'task', id)) : undefined);
}

function found(states: States, look: (state: StopState) => Stop | undefined): Stop | undefined {
  for (const state of states) {
    const stop = look(state);
    if (stop !== undefined) return stop;
  }
  return undefined;
}

function refusalOf(stop: Stop): Rejection {
  const { kind, name, effect, by, since, reason } = stop;
  return new Rejection('forbidden', STOPPED, `${saidOf(stop)}. Nothing was done; it can be done once that is lifted`, {
    stopped: { kind, name, effect, by, since, reason },
  });
}
