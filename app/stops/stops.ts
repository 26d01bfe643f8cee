/** Use cases of stops: what halts at once, until somebody lifts it. */
import type { Shown } from '../../contract/route';
import type { Stop as StopSchema } from '../../contract/stops/stops';
import { actorOf } from '../../domain/kernel/principal';
import { toTime } from '../../domain/kernel/time';
import { agentDecider, agentStream } from '../../domain/market/agent';
import {
  lift,
  type LifterFacts,
  PLATFORM,
  type Stop,
  stop,
  type StopEffect,
  type StopEvent,
  stopOf,
  type StoppedThing,
  STOPS_ID,
  type StopState,
} from '../../domain/stops/stop';
import type { Aggregate } from '../engine/aggregate';
import type { Outcome, RequestContext } from '../engine/command';
import type { Clock } from '../engine/ports';
import type { Loaded, Streams } from '../engine/streams';
import type { StopBook } from './stop-book';

export type StopOutcome = Outcome<StopState, StopEvent>;

/** A stop as the API shows it. */
function stopAnswer(
  { kind, name, effect, by, via, reason, since, agreed }: Stop,
  ofPlatform: boolean,
): Shown<typeof StopSchema> {
  return { kind, name, effect, by, via, reason, since, agreed, of: ofPlatform ? 'platform' : 'tenant' };
}

/** The stop of one thing as the API shows it; undefined when it is not stopped. */
export function stopIn(state: StopState, { kind, name }: StoppedThing): Shown<typeof StopSchema> | undefined {
  const stop = stopOf(state, kind, name);
  return stop && stopAnswer(stop, false);
}

export class Stops {
  constructor(
    private readonly stops: Aggregate<StopState, StopEvent>,
    private readonly book: StopBook,
    private readonly streams: Pick<Streams, 'load' | 'current'>,
    private readonly clock: Clock,
  ) {}

  /** Answers when it holds in this process; in the others within a second. What is refused leaves a receipt. */
  async stop(context: RequestContext, thing: StoppedThing, effect: StopEffect, reason: string): Promise<StopOutcome> {
    const decision = stop(thing, effect, context.principal, reason);
    return await this.stops.decide(asked(context, thing), STOPS_ID, `stop.${effect}`, decision);
  }

  /** Lifts a stop, or agrees to it where it takes two people. What is refused leaves a receipt. */
  async lift(context: RequestContext, thing: StoppedThing, reason: string): Promise<StopOutcome> {
    const facts = await this.factsOf(context, thing);
    const decision = lift(thing, context.principal, reason, toTime(this.clock.now()), facts);
    return await this.stops.decide(asked(context, thing), STOPS_ID, 'stop.lift', decision);
  }

  load(tenant: string): Promise<Loaded<StopState>> {
    return this.stops.load(tenant, STOPS_ID);
  }

  /** What is stopped for the tenant, by itself and by the platform; what lasts longest first. */
  async concerning(tenant: string): Promise<readonly Shown<typeof StopSchema>[]> {
    const own = Object.values((await this.load(tenant)).state.stops);
    const others = tenant === PLATFORM ? [] : Object.values((await this.load(PLATFORM)).state.stops);
    const ofPlatform = others.filter(
      ({ kind, name }) => kind !== 'agent' && kind !== 'task' && (kind !== 'tenant' || name === tenant),
    );
    return [...own.map((stop) => stopAnswer(stop, false)), ...ofPlatform.map((stop) => stopAnswer(stop, true))].sort(
      (a, b) => (a.since < b.since ? -1 : 1),
    );
  }

  private async factsOf({ principal }: RequestContext, { kind, name }: StoppedThing): Promise<LifterFacts> {
    const { tenant, id, via } = principal;
    if (kind === 'agent')
      return { gateway: (await this.streams.current(agentDecider, agentStream(tenant, name))).state.profile?.gateway };
    if (kind !== 'agent_type') return {};
    const names = [id, ...(via === undefined ? [] : [via])];
    const types = await Promise.all(names.map((one) => this.book.typeOf(tenant, actorOf(one))));
    return { types: types.filter((type) => type !== undefined) };
  }
}

/** No attributes of a command: what stops a tool is not refused because the tool is stopped. */
function asked(context: RequestContext, { kind, name }: StoppedThing) {
  return { ...context, receiptOfRefusal: true, attributes: { stop: kind, name } };
}
