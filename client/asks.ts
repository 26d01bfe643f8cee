/** Asks: what somebody wants in words, as a receipt. */
import type { asks } from '../contract/asks/asks';
import type { AnswerOf, BodyOf } from '../contract/route';
import type { CommandOptions, Session } from './session';

export type AskInput = BodyOf<typeof asks.note>;

/** `/v1/asks` */
export class AsksApi {
  constructor(private readonly session: Session) {}

  note(body: AskInput, options?: CommandOptions): Promise<AnswerOf<typeof asks.note>> {
    return this.session.call<typeof asks.note>('POST /v1/asks', { body }, options);
  }
}
