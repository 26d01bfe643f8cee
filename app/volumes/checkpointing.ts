/**
 * Snapshots by the clock: of each volume, every so many hours, and the oldest of them are taken away again. The process
 * with the duty makes them. They are called by the hour that they are of, so two that look at once make one, and one
 * that was away makes the one that is due, and none of those that were missed.
 */
import { PLATFORM } from '../../domain/stops/stop';
import {
  type Asking,
  removeSnapshot,
  SCHEDULED_PATTERN,
  takeSnapshot,
  type VolumeEvent,
  volumeId,
  type VolumeName,
  type VolumeState,
} from '../../domain/volumes/volume';
import type { Aggregate } from '../engine/aggregate';
import type { Duty } from '../engine/duty';
import type { Clock, Report } from '../engine/ports';
import { VolumeRefusal, type VolumeService } from '../engine/ports-volumes';

/** Kept of each volume; the newest. */
export const KEPT_SNAPSHOTS = 30;
/** How often it is looked whether one is due. */
const LOOK_EVERY_MS = 300_000;
const HOUR_MS = 3_600_000;
const PREFIX = 'scheduled-';
const CHECKPOINTER = { tenant: PLATFORM, id: 'checkpoints', kind: 'system', level: 'critical' } as const;

interface CheckpointingDeps {
  readonly volumes: Aggregate<VolumeState, VolumeEvent>;
  readonly service: VolumeService;
  readonly clock: Clock;
  readonly report: Report;
  readonly duty: Pick<Duty, 'mine'>;
}

export class Checkpointing {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;

  /** @param hours from one snapshot to the next */
  constructor(
    private readonly hours: number,
    private readonly deps: CheckpointingDeps,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.look(), LOOK_EVERY_MS).unref();
    void this.look();
  }

  /** Begins nothing any more. */
  stop(): void {
    clearInterval(this.timer);
  }

  /** Waits for what is under way. */
  async finish(): Promise<void> {
    await this.looking;
  }

  /** Makes what is due, and takes away what is too old. Never rejects. */
  async look(): Promise<void> {
    await (this.looking ??= this.round().finally(() => (this.looking = undefined)));
  }

  private async round(): Promise<void> {
    const { service, duty, report } = this.deps;
    if (!duty.mine) return;
    try {
      for (const { pool, volume, state, replication } of await service.list('home')) {
        if (state !== 'ready' || replication !== undefined) continue;
        await this.ofVolume({ pool, volume }).catch((error: unknown) =>
          report('a volume could not be looked at: its snapshot is made later', {
            ...{ pool, volume, error: String(error) },
          }),
        );
      }
    } catch (error) {
      report('volumes could not be looked at: their snapshots are made later', { error: String(error) });
    }
  }

  private async ofVolume(of: VolumeName): Promise<void> {
    const { service, report, clock } = this.deps;
    const every = this.hours * HOUR_MS;
    const due = new Date(Math.floor(clock.now() / every) * every).toISOString().slice(0, 13);
    const name = `${PREFIX}${due}`;
    const there = (await service.snapshots(of)).map((snapshot) => snapshot.name);
    if (!there.includes(name)) {
      // Asked for once by its name, there or not: one that is refused would leave a receipt at each look.
      const snapshot = { name, id: service.snapshotId(of, name), isThere: true };
      const decision = takeSnapshot(said(of, `every ${this.hours} h`), snapshot);
      if (await this.wrote(of, 'volume.snapshot', decision)) {
        const made = await service.snapshot(of, name);
        if (made instanceof VolumeRefusal) report('a snapshot was refused', { ...of, snapshot: name, said: made.said });
      }
    }
    const scheduled = [...there.filter((one) => SCHEDULED_PATTERN.test(one) && one !== name), name].sort();
    for (const old of scheduled.slice(0, -KEPT_SNAPSHOTS)) {
      if (
        !(await this.wrote(of, 'volume.snapshot-remove', removeSnapshot(said(of, `${KEPT_SNAPSHOTS} are kept`), old)))
      )
        return;
      const refused = await service.drop(of, old);
      if (refused !== undefined)
        report('a snapshot could not be taken away', { ...of, snapshot: old, said: refused.said });
    }
  }

  private async wrote(of: VolumeName, action: string, decision: ReturnType<typeof takeSnapshot>): Promise<boolean> {
    const { volumes, report } = this.deps;
    const outcome = await volumes.decide({ principal: CHECKPOINTER }, volumeId(of), action, decision);
    if (!outcome.ok) report('a snapshot was refused', { ...of, said: outcome.rejection.message });
    return outcome.ok;
  }
}

function said(of: VolumeName, reason: string): Asking {
  return { ...of, who: CHECKPOINTER, reason };
}
