/**
 * Volumes: files that a service keeps, their checkpoints, copies elsewhere, and what they cost.
 * Owns what was asked of each volume; how it is the service says.
 * Calls nobody: only the engine.
 */
import { volumeDecider } from '../../domain/volumes/volume';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { reachable } from '../engine/reachable';
import { Checkpointing } from './checkpointing';
import { Volumes } from './volumes';

export type { Volumes };

export interface VolumesOptions {
  /** From one snapshot of each volume to the next; undefined: only those that somebody asks for are made. */
  readonly snapshotHours?: number;
}

export function volumesModule(engine: Engine, { snapshotHours }: VolumesOptions = {}) {
  const { clock, report, duty, ports } = engine;
  const service = ports.volumes && reachable('the volumes', ports.volumes);
  const volumes = engine.aggregate(volumeDecider);
  const services = { volumes: new Volumes(volumes, service, clock) };
  if (service === undefined || snapshotHours === undefined) return { services } satisfies Module;
  const checkpointing = new Checkpointing(snapshotHours, { volumes, service, clock, report, duty });
  return {
    services,
    start: () => checkpointing.start(),
    stop: () => checkpointing.stop(),
    finish: () => checkpointing.finish(),
  } satisfies Module;
}
