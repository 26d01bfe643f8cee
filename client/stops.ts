/** Stops: `formicary.stops`. */
import type { AnswerOf, Shown } from '../contract/route';
import type { Stop as StopSchema, stops } from '../contract/stops/stops';
import type { CommandOptions, ReadOptions, Session } from './session';

export type Stop = Shown<typeof StopSchema>;
export type Stoppable = Stop['kind'];

/** `/v1/stops`: what halts at once, until somebody lifts it. */
export class StopsApi {
  constructor(private readonly session: Session) {}

  async list(options?: ReadOptions): Promise<readonly Stop[]> {
    return (await this.session.call<typeof stops.list>('GET /v1/stops', {}, options)).value;
  }

  /** Stops something at once; answers what it was working on. */
  stop(
    kind: Stoppable,
    name: string,
    body: { readonly effect?: Stop['effect']; readonly reason: string },
    options?: CommandOptions,
  ): Promise<AnswerOf<typeof stops.stop>> {
    return this.session.call<typeof stops.stop>(
      'PUT /v1/stops/{kind}/{name}',
      { params: { kind, name }, body },
      options,
    );
  }

  /** Lifts a stop, or is the first of two people to agree to that. */
  lift(kind: Stoppable, name: string, reason: string, options?: CommandOptions): Promise<AnswerOf<typeof stops.lift>> {
    const request = { params: { kind, name }, body: { reason } };
    return this.session.call<typeof stops.lift>('POST /v1/stops/{kind}/{name}/lift', request, options);
  }
}
