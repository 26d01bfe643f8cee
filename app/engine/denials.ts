/**
 * A denied command leaves a receipt too, in the denial stream of its principal; and so does one that the rules refused,
 * where that matters: a vote, a decision on an approval, an action at its gate, a challenge, a correction, the rules of
 * oversight, a channel. At most a few a second are kept per principal, and each says how many before it were left out:
 * a caller in a loop can't fill the store. What an edge refuses before it is a command (its form, the caller's level,
 * too many requests) leaves none.
 */
import { denialDecider, type DenialEvent } from '../../domain/audit/denial';
import { type PolicyReceipt, sha256 } from '../../domain/kernel/commit';
import { streamName } from '../../domain/kernel/ids';
import { Recent } from '../../domain/kernel/recent';
import type { Clock } from './ports';
import type { CommandContext, Transactor } from './transact';

const KEPT_PER_SECOND = 5;
const MAX_PRINCIPALS = 10_000;

export function denialStream(tenant: string, principal: string): string {
  return streamName(tenant, 'denial', sha256(principal).slice(0, 32));
}

export class Denials {
  private readonly recent = new Recent<string, { second: number; kept: number; leftOut: number }>(MAX_PRINCIPALS);

  constructor(
    private readonly transactor: Transactor,
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
    await this.transactor.enqueue(
      denialDecider,
      stream,
      () => [event],
      {
        principal,
        action,
        cause: context.cause,
        correlationId: context.correlationId,
        traceparent: context.traceparent,
      },
      policy,
    );
  }
}
