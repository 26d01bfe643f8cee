/**
 * Long polls for the end of something: whoever reads it is answered once it is over, or after as long as they wait. The
 * commit that ends it wakes them, whichever process has written it: the aggregate has to be followed.
 */
import type { Event } from '../../domain/kernel/decider';
import type { Aggregate } from './aggregate';
import { Doorbells } from './doorbells';
import type { Loaded } from './streams';
import type { Transactor } from './transact';

/** How long somebody waits. */
export interface Patience {
  /** At most; 0 for who wants to know how it is now. */
  readonly seconds: number;
  /** Aborts when nobody waits any more. */
  readonly signal?: AbortSignal | undefined;
}

export class EndWaits<S, E extends Event> {
  private readonly bells = new Doorbells();

  constructor(
    transactor: Pick<Transactor, 'onCommitted'>,
    private readonly aggregate: Pick<Aggregate<S, E>, 'decider' | 'load' | 'name'>,
    private readonly isOver: (state: S) => boolean,
  ) {
    transactor.onCommitted(({ category, stream, state }) => {
      if (category === aggregate.decider.category && isOver(state as S)) this.bells.ring(stream);
    });
  }

  /** As it is once it is over, or after that time; at once where there is none. */
  until(tenant: string, id: string, { seconds, signal }: Patience): Promise<Loaded<S>> {
    return this.bells.until(this.aggregate.name(tenant, id), {
      milliseconds: seconds * 1_000,
      signal,
      look: () => this.aggregate.load(tenant, id),
      enough: ({ version, state }) => version < 0 || this.isOver(state),
    });
  }

  /** Ends all waiting, for good: the process is about to stop. */
  stop(): void {
    this.bells.stop();
  }
}
