/** The port `Orchestrations` on Durable Functions: one instance for each stream that waits, named after it. */
import { type DurableClient, OrchestrationRuntimeStatus } from 'durable-functions';
import type { Colony } from '../../app/colony';
import type { Orchestrations } from '../../app/engine/ports';
import type { DecisionDue } from '../../app/oversight/reactions';
import { sha256 } from '../../domain/kernel/commit';
import { parseStream } from '../../domain/kernel/ids';
import type { Time } from '../../domain/kernel/time';
import { CHANGED } from './steps';

/** What is under way goes on as it began: other steps get a new version, beside the old one. */
const ORCHESTRATORS: Readonly<Record<DecisionDue, string>> = {
  round: 'round_v1',
  approval: 'approval_v1',
  action: 'veto_window_v1',
};

const { Pending, Running, Suspended } = OrchestrationRuntimeStatus;
const UNDER_WAY = [Pending, Running, Suspended];
const START_ATTEMPTS = 3;

/**
 * `round-` and 26 hexadecimal digits of the stream's SHA-256: an id may be no longer than 100 characters, and hold no
 * slash.
 */
export function instanceOf(stream: string): string {
  return `${parseStream(stream).category}-${sha256(stream).slice(0, 26)}`;
}

/**
 * Hands the durable client of an invocation to the colony of this process: a binding gives it to functions that are
 * invoked, and to nobody else.
 */
export function connectOrchestrations(
  { decisions, orchestrated }: Pick<Colony, 'decisions' | 'orchestrated'>,
  client: DurableClient,
): DurableOrchestrations {
  const orchestrations = new DurableOrchestrations(client, (stream) => decisions.dueOf(stream));
  orchestrated.connect(orchestrations);
  return orchestrations;
}

export class DurableOrchestrations implements Orchestrations {
  constructor(
    private readonly client: DurableClient,
    /** When the stream is to be looked at next, as it stands now. */
    private readonly dueOf: (stream: string) => Promise<Time | undefined>,
  ) {}

  async start(stream: string): Promise<void> {
    const instanceId = instanceOf(stream);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.client.startNew(ORCHESTRATORS[parseStream(stream).category as DecisionDue], {
          instanceId,
          input: stream,
        });
        return;
      } catch (error) {
        // An id that is under way is refused, which is as well: somebody waits. One that has ended just now gives way.
        if (await this.isUnderWay(instanceId)) return;
        if (attempt === START_ATTEMPTS) throw error;
      }
    }
  }

  async wake(stream: string): Promise<void> {
    try {
      await this.client.raiseEvent(instanceOf(stream), CHANGED, null);
    } catch {
      // Nobody is there to be woken; mostly because nothing waits any more.
      if ((await this.dueOf(stream)) !== undefined) await this.start(stream);
    }
  }

  /** Starts what is missing: each of these streams waits, and some may have lost their instance. */
  async heal(waiting: AsyncIterable<string>): Promise<void> {
    const underWay = new Set(
      (await this.client.getStatusBy({ runtimeStatus: UNDER_WAY })).map(({ instanceId }) => instanceId),
    );
    for await (const stream of waiting) if (!underWay.has(instanceOf(stream))) await this.start(stream);
  }

  private isUnderWay(instanceId: string): Promise<boolean> {
    return this.client.getStatus(instanceId).then(
      ({ runtimeStatus }) => UNDER_WAY.includes(runtimeStatus),
      () => false,
    );
  }
}
