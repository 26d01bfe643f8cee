/**
 * What was asked of volumes of files: snapshots as checkpoints, volumes that are made of them, copies elsewhere, and
 * cheaper service levels. One stream a volume, among those of the platform, whose people alone ask: a volume holds what
 * all tenants have stored. The service does it, in its own time, and says how far it is; here stands who wanted what,
 * and why.
 */
import { type Decider, type Decision, type Event, Rejection } from '../kernel/decider';
import type { Principal } from '../kernel/principal';
import { PLATFORM } from '../stops/stop';

/** Cheapest first: 16, 64 and 128 MiB a second for each TiB. */
export const SERVICE_LEVELS = ['Standard', 'Premium', 'Ultra'] as const;
export type ServiceLevel = (typeof SERVICE_LEVELS)[number];

/** Gibibytes of a volume: what the service allows. */
export const MIN_GIBIBYTES = 50;
export const MAX_GIBIBYTES = 102_400;
/** After how many days without access what is in a volume is moved to where it costs less. */
export const TIERING_DAYS = 30;
/** The bounds of that: what the service allows. */
export const MIN_TIERING_DAYS = 2;
export const MAX_TIERING_DAYS = 183;
/** Snapshots that a volume can have. */
export const MAX_SNAPSHOTS = 255;
/** Longest reason, in characters. */
export const MAX_VOLUME_REASON = 2_000;

/** In US dollars for a GB and hour: the list prices that the savings of tiering are told by. */
const PRICES: Readonly<Record<ServiceLevel, number>> = { Standard: 0.000133, Premium: 0.000297, Ultra: 0.000448 };

/** What is saved where the same is kept at another level, in per cent; below 0 where that costs more. */
export function savingsPct(from: ServiceLevel, to: ServiceLevel): number {
  return Math.round((1 - PRICES[to] / PRICES[from]) * 100);
}

// --------------------------------------------------------------------------------------------------------- events

export interface VolumeName {
  readonly pool: string;
  readonly volume: string;
}

/** Which volume it is about, who asked, through whom, and why. */
interface Asked extends VolumeName {
  readonly by: string;
  readonly via?: string;
  readonly reason: string;
}

export type VolumeEvent =
  | Event<'VolumeRequested', Asked & { level: ServiceLevel; gibibytes: number }>
  /** A checkpoint; `agent` where it is one of an agent. */
  | Event<'SnapshotRequested', Asked & { snapshot: string; snapshot_id: string; agent?: string }>
  /** One that was made by the clock, and is older than those that are kept. */
  | Event<'SnapshotRemovalRequested', Asked & { snapshot: string }>
  /** Another volume with what the snapshot holds. */
  | Event<'RestoreRequested', Asked & { snapshot: string; into: string }>
  /** To a pool of another level, with everything in it. */
  | Event<'MoveRequested', Asked & { to: string; level: ServiceLevel; cost_savings_pct: number }>
  /** What nobody has asked for in so many days costs what Standard does. */
  | Event<'TieringRequested', Asked & { after_days: number; cost_savings_pct: number }>
  /** A copy in a pool elsewhere, every ten minutes. */
  | Event<'ReplicationRequested', Asked & { to: string }>;

// ---------------------------------------------------------------------------------------------------------- state

export interface VolumeState {
  readonly made?: { readonly level: ServiceLevel; readonly gibibytes: number };
  /** Names of the last that were asked for, and not to be removed. */
  readonly snapshots: readonly string[];
  /** Names of the last that were to be taken away; the service may still be at it. */
  readonly removing: readonly string[];
  /** What volumes were made of, by their names. */
  readonly restored: Readonly<Record<string, string>>;
  /** Where it was to be moved to last. */
  readonly moved?: string;
  readonly tiered?: number;
  readonly replicated: readonly string[];
}

export const volumeDecider: Decider<VolumeState, VolumeEvent> = {
  category: 'volume',
  version: 2,
  initial: { snapshots: [], removing: [], restored: {}, replicated: [] },
  evolve(state, { type, data }) {
    switch (type) {
      case 'VolumeRequested':
        return { ...state, made: { level: data.level, gibibytes: data.gibibytes } };
      case 'SnapshotRequested':
        return {
          ...state,
          snapshots: [...without(state.snapshots, data.snapshot), data.snapshot].slice(-MAX_SNAPSHOTS),
          removing: without(state.removing, data.snapshot),
        };
      case 'SnapshotRemovalRequested':
        return {
          ...state,
          snapshots: without(state.snapshots, data.snapshot),
          removing: [...state.removing, data.snapshot].slice(-MAX_SNAPSHOTS),
        };
      case 'RestoreRequested':
        return { ...state, restored: { ...state.restored, [data.into]: data.snapshot } };
      case 'MoveRequested':
        return { ...state, moved: data.to };
      case 'TieringRequested':
        return { ...state, tiered: data.after_days };
      case 'ReplicationRequested':
        return { ...state, replicated: [...without(state.replicated, data.to), data.to] };
    }
  },
};

function without(names: readonly string[], one: string): readonly string[] {
  return names.filter((name) => name !== one);
}

/** The id of a volume's stream: the service tells no case apart. */
export function volumeId({ pool, volume }: VolumeName): string {
  return `${pool}:${volume}`.toLowerCase();
}

/** What a snapshot may be called: the service's rule, without what would be in the way in a path. */
export const SNAPSHOT_PATTERN = /^[A-Za-z0-9](?:\.?[A-Za-z0-9_-]){0,199}$/;
/** Longest name of one, in characters. */
export const MAX_SNAPSHOT_NAME = 200;

/** What the clock calls those that it makes and takes away: by the hour that they are of, in UTC. */
export const SCHEDULED_PATTERN = /^scheduled-\d{4}-\d\d-\d\dT\d\d$/;

/** The name of an agent's checkpoint: `agent-ID-TIME`, with a hyphen for what no snapshot can be called. */
export function checkpointName(agent: string | undefined, at: string): string {
  return `${agent === undefined ? 'checkpoint' : `agent-${agent}`}-${at}`.replaceAll(/[^A-Za-z0-9_-]/g, '-');
}

// ------------------------------------------------------------------------------------------------------ decisions

type VolumeActor = Pick<Principal, 'id' | 'via'>;

/** What a command says besides what it wants. */
export interface Asking extends VolumeName {
  readonly who: VolumeActor;
  readonly reason: string;
}

const asked = ({ pool, volume, who: { id: by, via }, reason }: Asking): Asked => ({ pool, volume, by, via, reason });

/** Why somebody of this tenant may ask nothing of volumes; undefined when they may. */
export function volumesHidden(tenant: string): Rejection | undefined {
  return tenant === PLATFORM
    ? undefined
    : new Rejection(
        'forbidden',
        'platform-only',
        `a volume holds what all tenants have stored: people of the tenant ${PLATFORM} alone look after it`,
      );
}

/**
 * A volume, and the pool that it is in. The same again changes nothing.
 * @param isThere whether it is there: what somebody has taken away since is asked for anew
 */
export function makeVolume(
  asking: Asking,
  level: ServiceLevel,
  gibibytes: number,
  isThere: boolean,
): Decision<VolumeState, VolumeEvent> {
  return ({ made }) =>
    isThere && made?.level === level && made.gibibytes === gibibytes
      ? []
      : [{ type: 'VolumeRequested', v: 1, data: { ...asked(asking), level, gibibytes } }];
}

/**
 * A checkpoint of all that is in the volume. A name is used once: the same again changes nothing.
 * @param snapshot with whether it is there: one that somebody has taken away since is asked for anew
 */
export function takeSnapshot(
  asking: Asking,
  snapshot: { readonly name: string; readonly id: string; readonly isThere: boolean },
  agent?: string,
): Decision<VolumeState, VolumeEvent> {
  return ({ snapshots }) =>
    snapshot.isThere && snapshots.includes(snapshot.name)
      ? []
      : [
          {
            type: 'SnapshotRequested',
            v: 1,
            data: { ...asked(asking), snapshot: snapshot.name, snapshot_id: snapshot.id, agent },
          },
        ];
}

/** Takes away a snapshot that is there. The same again changes nothing. */
export function removeSnapshot(asking: Asking, snapshot: string): Decision<VolumeState, VolumeEvent> {
  return ({ removing }) =>
    removing.includes(snapshot)
      ? []
      : [{ type: 'SnapshotRemovalRequested', v: 1, data: { ...asked(asking), snapshot } }];
}

/**
 * A volume with what a snapshot holds; the other one stays as it is.
 * @param isThere whether there is a volume of that name already
 */
export function restoreSnapshot(
  asking: Asking,
  snapshot: string,
  into: string,
  isThere: boolean,
): Decision<VolumeState, VolumeEvent> {
  return ({ restored }) => {
    if (isThere && Object.hasOwn(restored, into) && restored[into] === snapshot) return [];
    if (isThere)
      return new Rejection('conflict', 'volume-exists', `there is a volume ${into} already: give another name`);
    return [{ type: 'RestoreRequested', v: 1, data: { ...asked(asking), snapshot, into } }];
  };
}

/**
 * Another pool, and with it another level.
 * @param isUnderway whether the service is still at something with this volume
 */
export function moveVolume(
  asking: Asking,
  to: string,
  levels: { readonly from: ServiceLevel; readonly to: ServiceLevel },
  isUnderway: boolean,
): Decision<VolumeState, VolumeEvent> {
  return ({ moved }) => {
    if (isUnderway && moved === to) return [];
    const cost_savings_pct = savingsPct(levels.from, levels.to);
    return [{ type: 'MoveRequested', v: 1, data: { ...asked(asking), to, level: levels.to, cost_savings_pct } }];
  };
}

/** After how many days without access what is in it costs less. The same again changes nothing. */
export function tierVolume(
  asking: Asking,
  after_days: number,
  level: ServiceLevel,
): Decision<VolumeState, VolumeEvent> {
  return ({ tiered }) =>
    tiered === after_days
      ? []
      : [
          {
            type: 'TieringRequested',
            v: 1,
            data: { ...asked(asking), after_days, cost_savings_pct: savingsPct(level, 'Standard') },
          },
        ];
}

/**
 * A copy in a pool elsewhere. The same again changes nothing.
 * @param isThere whether the copy is there: one that somebody has taken away since is asked for anew
 */
export function replicateVolume(asking: Asking, to: string, isThere: boolean): Decision<VolumeState, VolumeEvent> {
  return ({ replicated }) =>
    isThere && replicated.includes(to) ? [] : [{ type: 'ReplicationRequested', v: 1, data: { ...asked(asking), to } }];
}
