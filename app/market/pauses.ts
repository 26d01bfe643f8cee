/** Use cases of pauses: what gets no new work, until somebody says so. */
import {
  pause,
  type PausedThing,
  type PauseEvent,
  PAUSES_ID,
  type PauseState,
  resume,
} from '../../domain/market/pause';
import type { Aggregate } from '../engine/aggregate';
import type { Outcome, RequestContext } from '../engine/command';
import type { Loaded } from '../engine/streams';

export class Pauses {
  constructor(
    private readonly pauses: Aggregate<PauseState, PauseEvent>,
    /** Waits until nothing of the tenant is being awarded that was begun before. */
    private readonly underway: (tenant: string) => Promise<void>,
  ) {}

  /** Answers when it holds: what was being awarded meanwhile is awarded by then, and nothing after. */
  async pause(context: RequestContext, thing: PausedThing, reason: string): Promise<Outcome<PauseState, PauseEvent>> {
    const decision = pause(thing, context.principal.id, reason);
    const paused = await this.pauses.decide(asked(context, thing), PAUSES_ID, 'pause.set', decision);
    if (paused.ok) await this.underway(context.principal.tenant);
    return paused;
  }

  async resume(context: RequestContext, thing: PausedThing): Promise<Outcome<PauseState, PauseEvent>> {
    const decision = resume(thing, context.principal.id);
    return await this.pauses.decide(asked(context, thing), PAUSES_ID, 'pause.lift', decision);
  }

  load(tenant: string): Promise<Loaded<PauseState>> {
    return this.pauses.load(tenant, PAUSES_ID);
  }
}

function asked(context: RequestContext, thing: PausedThing) {
  return { ...context, receiptOfRefusal: true, attributes: { ...thing } };
}
