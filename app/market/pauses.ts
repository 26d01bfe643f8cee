/** Use cases of pauses: what gets no new work, until somebody says so. */
import {
  pause,
  pauseDecider,
  type PausedThing,
  type PauseEvent,
  type PauseState,
  pauseStream,
  resume,
} from '../../domain/market/pause';
import type { Outcome, RequestContext } from '../engine/command';
import type { Loaded } from '../engine/streams';
import type { Transactor } from '../engine/transact';

export { MAX_PAUSE_REASON, PAUSABLE } from '../../domain/market/pause';

export class Pauses {
  constructor(
    private readonly transactor: Transactor,
    /** Waits until nothing of the tenant is being awarded that was begun before. */
    private readonly underway: (tenant: string) => Promise<void>,
  ) {}

  /** Answers when it holds: what was being awarded meanwhile is awarded by then, and nothing after. */
  async pause(context: RequestContext, thing: PausedThing, reason: string): Promise<Outcome<PauseState, PauseEvent>> {
    const paused = await this.command(context, 'pause.set', thing, pause(thing, context.principal.id, reason));
    if (paused.ok) await this.underway(context.principal.tenant);
    return paused;
  }

  async resume(context: RequestContext, thing: PausedThing): Promise<Outcome<PauseState, PauseEvent>> {
    return await this.command(context, 'pause.lift', thing, resume(thing, context.principal.id));
  }

  load(tenant: string): Promise<Loaded<PauseState>> {
    return this.transactor.load(pauseDecider, pauseStream(tenant));
  }

  private command(
    context: RequestContext,
    action: string,
    thing: PausedThing,
    decision: ReturnType<typeof resume>,
  ): Promise<Outcome<PauseState, PauseEvent>> {
    return this.transactor.transact(pauseDecider, pauseStream(context.principal.tenant), decision, {
      ...context,
      action,
      receiptOfRefusal: true,
      attributes: { ...thing },
    });
  }
}
