/**
 * A denied command leaves a receipt too, in the denial stream of its principal; and so does one that the rules refused,
 * where that matters: a vote, a decision on an approval, an action at its gate, a challenge, a correction, the rules of
 * oversight, a channel. At most a few a second are kept per principal, and each says how many before it were left out:
 * a caller in a loop can't fill the store. What an edge refuses before it is a command (its form, the caller's level,
 * too many requests) leaves none.
 */
import { type DenialEvent, denialStream } from '../../domain/audit/denial';
import type { PolicyReceipt } from '../../domain/kernel/commit';
import { Recent } from '../../domain/kernel/recent';
import type { CommandContext } from './command';
import type { Clock } from './ports';

const KEPT_PER_SECOND = 5;
const MAX_PRINCIPALS = 10_000;

/** Writes a receipt of what was denied. */
export type Write = (
  stream: string,
  denied: {
    readonly decide: () => readonly DenialEvent[];
    readonly context: CommandContext;
    readonly policy: PolicyReceipt;
  },
) => Promise<unknown>;

export class Denials {
  private readonly recent = new Recent<string, { second: number; kept: number; leftOut: number }>(MAX_PRINCIPALS);

  constructor(
    private readonly write: Write,
    private readonly clock: Clock,
  ) {}

  async record(
    context: CommandContext,
    resource: string,
    policy: PolicyReceipt,
    reasons: readonly string[],
  ): Promise<void> {
    const { principal, action } = context;
    const stream = denialStream(principal.tenant, principal.id);
    const second = Math.floor(this.clock.now() / 1000);
    const recent = this.recent.get(stream);
    const counter = recent?.second === second ? recent : { second, kept: 0, leftOut: recent?.leftOut ?? 0 };
    this.recent.set(stream, counter);
    if (counter.kept >= KEPT_PER_SECOND) {
      counter.leftOut += 1;
      return;
    }
    counter.kept += 1;
    const { leftOut } = counter;
    counter.leftOut = 0;
    const event: DenialEvent = {
      type: 'CommandDenied',
      v: 1,
      data: { action, resource, principal: principal.id, reasons, leftOut },
    };
    const { cause, correlationId, traceparent } = context;
    await this.write(stream, {
      decide: () => [event],
      context: { principal, action, cause, correlationId, traceparent },
      policy,
    });
  }
}
