/**
 * Volumes of files that a service keeps, with snapshots that cost nothing until something changes. What is asked for
 * takes the service seconds or an hour: nobody waits for it here. To ask again begins nothing twice, goes on where
 * something was left, and says how far it is.
 */
import type { ServiceLevel, VolumeName } from '../../domain/volumes/volume';

/** What the service has not done, in its words: to ask again as it is would be refused again. */
export class VolumeRefusal {
  constructor(readonly said: string) {}
}

/** How far the service is with something. */
export const PROGRESS = ['underway', 'ready', 'failed'] as const;
export type Progress = (typeof PROGRESS)[number];

/** How a copy fares. */
export interface Replication {
  readonly healthy: boolean;
  /** Of the mirror: `Uninitialized`, `Mirrored` or `Broken`; `unknown` where the service doesn't say. */
  readonly mirror_state: string;
  /** What is done now: `Idle` or `Transferring`; `unknown` where the service doesn't say. */
  readonly relationship: string;
  readonly error?: string;
}

export interface VolumeFacts extends VolumeName {
  /** Where it is, such as `westeurope`. */
  readonly region: string;
  readonly state: Progress;
  readonly level: ServiceLevel;
  readonly gibibytes: number;
  /** Where it is mounted from, such as `10.0.2.4:/payloads`. */
  readonly mount?: string;
  /** After how many days without access what is in it costs less; undefined: never. */
  readonly tiered_after_days?: number;
  /** Of a copy of another volume. */
  readonly replication?: Replication;
}

export interface SnapshotFacts {
  readonly name: string;
  readonly id: string;
  readonly state: Progress;
  /** Undefined until the service says. */
  readonly made_at?: string;
}

/** A volume as it shall be. */
export interface WantedVolume extends VolumeName {
  readonly level: ServiceLevel;
  readonly gibibytes: number;
}

export interface VolumeService {
  /** All, copies elsewhere among them unless `where` is home. */
  list(where?: 'home'): Promise<readonly VolumeFacts[]>;
  /** One that is no copy elsewhere; undefined: there is none. */
  find(of: VolumeName): Promise<VolumeFacts | undefined>;
  /** The copy of a volume in a pool elsewhere; undefined: there is none. */
  findCopy(of: VolumeName, to: string): Promise<VolumeFacts | undefined>;
  /** The level of a pool; undefined: there is none. */
  levelOf(pool: string): Promise<ServiceLevel | undefined>;
  /** Newest last. */
  snapshots(of: VolumeName): Promise<readonly SnapshotFacts[]>;
  /** What a snapshot is called there, whether it is made yet or not. */
  snapshotId(of: VolumeName, name: string): string;
  /** A volume, in a pool that is made with room for it where there is none. What is there is left as it is. */
  make(wanted: WantedVolume): Promise<VolumeFacts | VolumeRefusal>;
  snapshot(of: VolumeName, name: string): Promise<SnapshotFacts | VolumeRefusal>;
  /** Takes a snapshot away; nothing happens where there is none. */
  drop(of: VolumeName, name: string): Promise<VolumeRefusal | undefined>;
  /** A volume in the same pool with what the snapshot holds. */
  restore(of: VolumeName, snapshot: string, into: string): Promise<VolumeFacts | VolumeRefusal>;
  /** Moves it to another pool: who reads and writes it notices nothing. */
  move(of: VolumeName, to: string): Promise<VolumeFacts | VolumeRefusal>;
  /** What nobody has asked for in so many days costs less from then on. */
  tier(of: VolumeName, days: number): Promise<VolumeFacts | VolumeRefusal>;
  /**
   * Keeps a copy in a pool elsewhere, which follows every 10 minutes; where that is the service knows.
   * @returns the copy
   */
  replicate(of: VolumeName, to: string): Promise<VolumeFacts | VolumeRefusal>;
}
