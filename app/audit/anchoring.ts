/**
 * Checkpoints outside: each anchor is shown the newest one of each tenant, which holds all before it. What one could
 * not be shown it is shown in the next round, also by another process and after a start, however silent the tenant is
 * by then.
 */
import type { SignedCheckpoint } from '../../domain/audit/log';
import type { Engine } from '../engine/engine';
import { type Anchor, OtherCheckpoint } from '../engine/ports';

type Needs = Pick<Engine, 'report' | 'ports'>;
type Newest = (tenant: string) => Promise<SignedCheckpoint | undefined>;

export class Anchoring {
  private readonly rounds: readonly AnchorRounds[];

  constructor(needs: Needs) {
    this.rounds = (needs.ports.anchors ?? []).map((anchor) => new AnchorRounds(anchor, needs));
  }

  /** A round begins. */
  async begin(): Promise<void> {
    await Promise.all(this.rounds.map((each) => each.begin()));
  }

  /** Shows a tenant's newest checkpoint to all. */
  async show(tenant: string, checkpoint: SignedCheckpoint): Promise<void> {
    await Promise.all(this.rounds.map((each) => each.show(tenant, checkpoint)));
  }

  /** Keeps what each has missed so far. */
  async keepMissed(): Promise<void> {
    await Promise.all(this.rounds.map((each) => each.keepMissed()));
  }

  /**
   * Ends a round: each is shown what it has missed so far, as far as it can be asked.
   * @param newest of a tenant; undefined where there is none
   * @param isStopped whether the process ends: then the rest is kept for the next round
   */
  async end(newest: Newest, isStopped: () => boolean): Promise<void> {
    await Promise.all(this.rounds.map((each) => each.end(newest, isStopped)));
  }
}

/** One anchor, over the rounds. */
class AnchorRounds {
  /** Tenants whose newest checkpoint it was not shown; those with which it has failed last stand last. */
  private readonly missed = new Set<string>();
  /** Whether it could not be asked: then it is not asked again in this round, since each time may take long. */
  private isAway = false;
  /** For whom it could not be asked: that may be the tenant's fault, so the others come before it next time. */
  private failed: string | undefined;
  /** What is kept of `missed`, parted by commas. */
  private kept = '';

  constructor(
    private readonly anchor: Anchor,
    private readonly needs: Needs,
  ) {}

  private get place(): string {
    return `log-missed-${this.anchor.name}`;
  }

  async begin(): Promise<void> {
    this.isAway = false;
    this.failed = undefined;
    this.kept = (await this.needs.ports.checkpoints.load(this.place)) ?? '';
    for (const tenant of this.kept.split(',')) if (tenant !== '') this.missed.add(tenant);
  }

  async show(tenant: string, checkpoint: SignedCheckpoint): Promise<void> {
    // What was missed before has its turn at the end.
    if (this.isAway || this.missed.has(tenant)) this.missed.add(tenant);
    else await this.keep(tenant, checkpoint);
  }

  private async keep(tenant: string, { size, note }: SignedCheckpoint): Promise<void> {
    const { anchor, needs } = this;
    this.missed.delete(tenant);
    try {
      await anchor.keep(tenant, size, note);
    } catch (error) {
      needs.report('a checkpoint could not be anchored', { anchor: anchor.name, tenant, size, error: String(error) });
      // It has another one of that size for good.
      if (error instanceof OtherCheckpoint) return;
      this.isAway = true;
      this.failed = tenant;
      this.missed.add(tenant);
    }
  }

  async end(newest: Newest, isStopped: () => boolean): Promise<void> {
    for (const tenant of [...this.missed]) {
      if (this.isAway || isStopped()) break;
      try {
        const checkpoint = await newest(tenant);
        if (checkpoint === undefined) this.missed.delete(tenant);
        else await this.keep(tenant, checkpoint);
      } catch (error) {
        // Its log can't be read: that keeps nobody else's from being shown.
        const { anchor, needs } = this;
        needs.report('a checkpoint could not be anchored', { anchor: anchor.name, tenant, error: String(error) });
      }
    }
    await this.keepMissed();
  }

  async keepMissed(): Promise<void> {
    if (this.failed !== undefined && this.missed.delete(this.failed)) this.missed.add(this.failed);
    const missed = [...this.missed].join(',');
    if (missed !== this.kept) await this.needs.ports.checkpoints.save(this.place, missed);
    this.kept = missed;
  }
}
