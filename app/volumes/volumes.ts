/** Use cases of volumes: what people of the platform ask of the service that keeps files. */
import { type Decision, Rejection } from '../../domain/kernel/decider';
import { toTime } from '../../domain/kernel/time';
import {
  type Asking,
  checkpointName,
  makeVolume,
  moveVolume,
  replicateVolume,
  restoreSnapshot,
  SCHEDULED_PATTERN,
  takeSnapshot,
  tierVolume,
  type VolumeEvent,
  volumeId,
  type VolumeName,
  volumesHidden,
  type VolumeState,
} from '../../domain/volumes/volume';
import type { Aggregate } from '../engine/aggregate';
import type { Accepted, Refused, RequestContext } from '../engine/command';
import type { Clock } from '../engine/ports';
import {
  type Progress,
  type SnapshotFacts,
  type VolumeFacts,
  VolumeRefusal,
  type VolumeService,
  type WantedVolume,
} from '../engine/ports-volumes';

/** What was written down, and how far the service is with it. */
interface Begun<F> extends Accepted<VolumeState, VolumeEvent> {
  readonly facts: F;
}
type VolumeOutcome<F = VolumeFacts> = Begun<F> | Refused;

type VolumeDecision = Decision<VolumeState, VolumeEvent>;
/** What may be asked of a volume that is there. */
type Step<F> = (
  there: VolumeFacts,
  service: VolumeService,
) => VolumeStep<F> | Rejection | Promise<VolumeStep<F> | Rejection>;
interface VolumeStep<F> {
  readonly action: string;
  readonly decision: VolumeDecision;
  readonly ask: () => Promise<F | VolumeRefusal>;
}

export class Volumes {
  constructor(
    private readonly volumes: Aggregate<VolumeState, VolumeEvent>,
    /** Undefined: nobody keeps files. */
    private readonly service: VolumeService | undefined,
    private readonly clock: Clock,
  ) {}

  /** All volumes that there are. */
  async list(tenant: string): Promise<readonly VolumeFacts[] | Rejection> {
    return volumesHidden(tenant) ?? (await this.service?.list()) ?? [];
  }

  /** The snapshots of one, newest last. */
  async snapshots(tenant: string, of: VolumeName): Promise<readonly SnapshotFacts[] | Rejection> {
    const service = volumesHidden(tenant) ?? this.service ?? NONE;
    if (service instanceof Rejection) return service;
    return (await service.find(of)) === undefined ? notFound(of) : await service.snapshots(of);
  }

  /** A volume, in a pool of its level. */
  async make(context: RequestContext, wanted: WantedVolume, reason: string): Promise<VolumeOutcome> {
    const { pool, volume, level, gibibytes } = wanted;
    return await this.begin(context, wanted, async (service) => {
      const isThere = isMade(await service.find({ pool, volume }));
      return {
        action: 'volume.make',
        decision: makeVolume(asking(context, { pool, volume }, reason), level, gibibytes, isThere),
        ask: () => service.make(wanted),
      };
    });
  }

  /** A checkpoint. Without a name it is called after the agent, if it is one of an agent, and the time. */
  async snapshot(
    context: RequestContext,
    of: VolumeName,
    { name, agent }: { readonly name?: string | undefined; readonly agent?: string | undefined },
    reason: string,
  ): Promise<VolumeOutcome<SnapshotFacts>> {
    const called = name ?? checkpointName(agent, toTime(this.clock.now()));
    return await this.ofVolume(context, of, async (_, service) => {
      if (SCHEDULED_PATTERN.test(called))
        return new Rejection('conflict', 'volume-refused', `${called} is a name of the clock's: give another one`);
      const isThere = isMade((await service.snapshots(of)).find((one) => one.name === called));
      const snapshot = { name: called, id: service.snapshotId(of, called), isThere };
      return {
        action: 'volume.snapshot',
        decision: takeSnapshot(asking(context, of, reason), snapshot, agent),
        ask: () => service.snapshot(of, called),
      };
    });
  }

  /** A volume of another name with what a snapshot holds. */
  async restore(
    context: RequestContext,
    of: VolumeName,
    { snapshot, into }: { readonly snapshot: string; readonly into: string },
    reason: string,
  ): Promise<VolumeOutcome> {
    return await this.ofVolume(context, of, async (_, service) => {
      const isThere = (await service.find({ pool: of.pool, volume: into })) !== undefined;
      return {
        action: 'volume.restore',
        decision: restoreSnapshot(asking(context, of, reason), snapshot, into, isThere),
        ask: () => service.restore(of, snapshot, into),
      };
    });
  }

  /** To a pool of another level. */
  async move(context: RequestContext, of: VolumeName, to: string, reason: string): Promise<VolumeOutcome> {
    const target = { pool: to, volume: of.volume };
    return await this.begin(context, of, async (service) => {
      const [there, arrived] = await Promise.all([service.find(of), service.find(target)]);
      const { moved } = (await this.volumes.load(context.principal.tenant, volumeId(of))).state;
      if (there === undefined)
        return arrived !== undefined && isSame(moved, to)
          ? { action: 'volume.move', decision: () => [], ask: () => Promise.resolve(arrived) }
          : notFound(of);
      if (arrived !== undefined && !isSame(of.pool, to) && !(there.state === 'underway' && isSame(moved, to)))
        return new Rejection(
          'conflict',
          'volume-exists',
          `there is a volume ${of.volume} in ${to} already: move it to another pool`,
        );
      const level = await service.levelOf(to);
      if (level === undefined) return new Rejection('missing', 'volume-not-found', `there is no pool ${to}`);
      const levels = { from: there.level, to: level };
      return {
        action: 'volume.move',
        decision: moveVolume(asking(context, of, reason), to, levels, there.state === 'underway'),
        ask: () => service.move(of, to),
      };
    });
  }

  /** What nobody has asked for in so many days costs less from then on. */
  async tier(context: RequestContext, of: VolumeName, days: number, reason: string): Promise<VolumeOutcome> {
    return await this.ofVolume(context, of, ({ level }, service) => ({
      action: 'volume.tier',
      decision: tierVolume(asking(context, of, reason), days, level),
      ask: () => service.tier(of, days),
    }));
  }

  /** A copy in a pool elsewhere. */
  async replicate(context: RequestContext, of: VolumeName, to: string, reason: string): Promise<VolumeOutcome> {
    return await this.ofVolume(context, of, async (_, service) => {
      const isThere = isMade(await service.findCopy(of, to));
      return {
        action: 'volume.replicate',
        decision: replicateVolume(asking(context, of, reason), to, isThere),
        ask: () => service.replicate(of, to),
      };
    });
  }

  private async ofVolume<F>(context: RequestContext, of: VolumeName, step: Step<F>): Promise<VolumeOutcome<F>> {
    return await this.begin(context, of, async (service) => {
      const there = await service.find(of);
      return there === undefined ? notFound(of) : await step(there, service);
    });
  }

  /**
   * Writes down what is asked for, and then has the service begin it: what policy refuses never reaches the service,
   * and whoever asks again after a crash has it begun.
   */
  private async begin<F>(
    context: RequestContext,
    { pool, volume }: VolumeName,
    step: (service: VolumeService) => VolumeStep<F> | Rejection | Promise<VolumeStep<F> | Rejection>,
  ): Promise<VolumeOutcome<F>> {
    const service = volumesHidden(context.principal.tenant) ?? this.service ?? NONE;
    const next = service instanceof Rejection ? service : await step(service);
    if (next instanceof Rejection) return { ok: false, rejection: next };
    const { action, decision, ask } = next;
    const asked = { ...context, receiptOfRefusal: true, attributes: { pool, volume } };
    const outcome = await this.volumes.decide(asked, volumeId({ pool, volume }), action, decision);
    if (!outcome.ok) return outcome;
    const facts = await ask();
    if (!(facts instanceof VolumeRefusal)) return { ...outcome, facts };
    return { ok: false, rejection: new Rejection('conflict', 'volume-refused', `the service refuses: ${facts.said}`) };
  }
}

/** What is answered where no service is configured. */
const NONE = new Rejection(
  'conflict',
  'volumes-off',
  'this host keeps no volumes: FORMICARY_NETAPP__account and what belongs to it gives it some',
);

function notFound({ pool, volume }: VolumeName): Rejection {
  return new Rejection('missing', 'volume-not-found', `there is no volume ${volume} in the pool ${pool}`);
}

/** There, or on its way: what has failed is begun anew, and asked for anew. */
function isMade(found: { readonly state: Progress } | undefined): boolean {
  return found !== undefined && found.state !== 'failed';
}

/** Whether both name one pool: the service tells no case apart. */
function isSame(one: string | undefined, other: string): boolean {
  return one?.toLowerCase() === other.toLowerCase();
}

function asking({ principal }: RequestContext, of: VolumeName, reason: string): Asking {
  return { ...of, who: principal, reason };
}
