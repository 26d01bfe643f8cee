/** Goes through the list of erasures again: an older copy of the keys may have been put back. */
import type { SubjectEvent, SubjectState } from '../../domain/personal/subject';
import type { Erasure } from '../../projections/personal/erasures';
import type { Aggregate } from '../engine/aggregate';
import type { Report } from '../engine/ports';
import { messageOf } from '../engine/reachable';
import type { Tenants } from '../tenants/module';
import { type KeyRing, subjectOf } from './key-ring';

export class Replay {
  private stopping = false;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly subjects: Pick<Aggregate<SubjectState, SubjectEvent, Erasure>, 'sources'>,
    private readonly tenants: Pick<Tenants, 'erased'>,
    private readonly ring: KeyRing | undefined,
    private readonly report: Report,
  ) {}

  /** Beside everything else: nothing of who was erased is opened meanwhile, the log knows them. */
  start(): void {
    this.running = this.run().catch((error: unknown) =>
      this.report('the list of erasures could not be gone through: the next start tries again', {
        error: messageOf(error),
      }),
    );
  }

  /** Ends it, and waits until it has. */
  async finish(): Promise<void> {
    this.stopping = true;
    await this.running;
  }

  private async run(): Promise<void> {
    if (this.ring === undefined) return;
    for await (const stream of this.subjects.sources({})) {
      if (this.stopping) return;
      const { tenant, subject } = subjectOf(stream);
      await this.ring.destroy(tenant, subject);
    }
    for await (const tenant of this.tenants.erased()) {
      if (this.stopping) return;
      await this.ring.destroyAll(tenant);
    }
  }
}
