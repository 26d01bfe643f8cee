/** Use cases of what is asked in words. */
import type { Ask as AskSchema } from '../../contract/asks/asks';
import type { Shown } from '../../contract/route';
import { type Ask, type AskEvent, type AskState, note } from '../../domain/asks/ask';
import type { Aggregate } from '../engine/aggregate';
import type { Outcome, RequestContext } from '../engine/command';

/** An exchange as the API shows it. */
export function askAnswer(id: string, { ask }: AskState): Shown<typeof AskSchema> {
  return { id, ...(ask as Ask), steps: [...(ask as Ask).steps] };
}

export class Asks {
  constructor(private readonly asks: Aggregate<AskState, AskEvent>) {}

  /** Leaves a receipt of an exchange, in the caller's name. */
  async note(context: RequestContext, id: string, said: Omit<Ask, 'by' | 'via'>): Promise<Outcome<AskState, AskEvent>> {
    const { id: by, via } = context.principal;
    return await this.asks.decide(
      context,
      id,
      'ask.note',
      note({ ...said, by, ...(via === undefined ? {} : { via }) }),
    );
  }
}
