/**
 * Checkpoints outside: each anchor is shown the newest one of each tenant, which holds all before it. What one could
 * not be shown it is shown in the next round, also by another process and after a start, however silent the tenant is
 * by then.
 */
import type { SignedCheckpoint } from '../../domain/audit/log';
import { Recent } from '../../domain/kernel/recent';
import type { Engine } from '../engine/engine';
import { type Anchor, OtherCheckpoint } from '../engine/ports';

type Needs = Pick<Engine, 'report' | 'ports'>;
/** Of so many tenants an anchor's last checkpoint is known. */
const REMEMBERED = 10_000;

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
  private missed = new Set<string>();
  /** Whom it misses no more since the round began, whatever was kept of that before. */
  private readonly done = new Set<string>();
  /** Whether it could not be asked: then it is not asked again in this round, since each time may take long. */
  private isAway = false;
  /** For whom it could not be asked: that may be the tenant's fault, so the others come before it next time. */
  private failed: string | undefined;
  /** How many leaves of a tenant it has seen for certain: it is not shown them again while a log can't be extended. */
  private readonly seen = new Recent<string, number>(REMEMBERED);

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
    this.done.clear();
    for (const tenant of await this.kept()) this.missed.add(tenant);
  }

  /** What is kept of `missed`, by any process. */
  private async kept(): Promise<readonly string[]> {
    const text = (await this.needs.ports.checkpoints.load(this.place)) ?? '';
    return text === '' ? [] : text.split(',');
  }

  async show(tenant: string, checkpoint: SignedCheckpoint): Promise<void> {
    // What was missed before has its turn at the end.
    if (this.isAway || this.missed.has(tenant)) this.missed.add(tenant);
    else await this.keep(tenant, checkpoint);
  }

  private async keep(tenant: string, { size, note }: SignedCheckpoint): Promise<void> {
    const { anchor, needs } = this;
    try {
      if (this.seen.get(tenant) !== size) await anchor.keep(tenant, size, note);
      this.isDone(tenant, size);
    } catch (error) {
      needs.report('a checkpoint could not be anchored', { anchor: anchor.name, tenant, size, error: String(error) });
      // It has another one of that size for good.
      if (error instanceof OtherCheckpoint) return this.isDone(tenant, size);
      this.isAway = true;
      this.failed = tenant;
      this.missed.add(tenant);
    }
  }

  /** It misses nothing of the tenant, up to so many leaves. */
  private isDone(tenant: string, size: number): void {
    this.seen.set(tenant, size);
    this.missed.delete(tenant);
    this.done.add(tenant);
  }

  async end(newest: Newest, isStopped: () => boolean): Promise<void> {
    for (const tenant of [...this.missed]) {
      if (this.isAway || isStopped()) break;
      try {
        const checkpoint = await newest(tenant);
        if (checkpoint === undefined) this.isDone(tenant, 0);
        else await this.keep(tenant, checkpoint);
      } catch (error) {
        // Its log can't be read: that keeps nobody else's from being shown.
        const { anchor, needs } = this;
        needs.report('a checkpoint could not be anchored', { anchor: anchor.name, tenant, error: String(error) });
      }
    }
    await this.keepMissed();
  }

  /** Beside it stands what other processes have missed meanwhile: several may be in a round at once. */
  async keepMissed(): Promise<void> {
    const kept = await this.kept();
    const missed = new Set([...this.missed, ...kept.filter((tenant) => !this.done.has(tenant))]);
    if (this.failed !== undefined && missed.delete(this.failed)) missed.add(this.failed);
    this.missed = missed;
    const text = [...missed].join(',');
    if (text !== kept.join(',')) await this.needs.ports.checkpoints.save(this.place, text);
  }
}
