/**
 * Volumes on Azure NetApp Files, by its management API. A write begins there and is not waited for: it is looked first
 * whether what shall be is there already, so whatever was begun by somebody else, or before a crash, is gone on with.
 */
import type { CapacityPool, NetAppManagementClient, Snapshot, Volume } from '@azure/arm-netapp';
import {
  type Progress,
  type Replication,
  type SnapshotFacts,
  type VolumeFacts,
  VolumeRefusal,
  type VolumeService,
  type WantedVolume,
} from '../../app/engine/ports-volumes';
import type { ServiceLevel, VolumeName } from '../../domain/volumes/volume';

const GIBIBYTE = 2 ** 30;
const TEBIBYTE = 2 ** 40;

/** An account that volumes are in. */
export interface NetAppAccount {
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly account: string;
  readonly location: string;
  /** Delegated to Microsoft.NetApp/volumes. */
  readonly subnet: string;
}

/** Refused for now alone: the same is asked again later. */
const PASSING: ReadonlySet<number> = new Set([408, 429]);

export class NetAppVolumes implements VolumeService {
  private readonly home: Account;
  private readonly elsewhere: Account | undefined;

  /** @param elsewhere where copies are kept; undefined: nowhere */
  constructor(client: () => NetAppManagementClient, at: NetAppAccount, elsewhere?: NetAppAccount) {
    this.home = new Account(client, at);
    this.elsewhere = elsewhere === undefined ? undefined : new Account(client, elsewhere);
  }

  async list(where?: 'home'): Promise<readonly VolumeFacts[]> {
    const lists = await Promise.all([this.home.list(), where === 'home' ? [] : (this.elsewhere?.list() ?? [])]);
    return lists.flat();
  }

  async find(of: VolumeName): Promise<VolumeFacts | undefined> {
    return await this.home.find(of);
  }

  async findCopy({ volume }: VolumeName, to: string): Promise<VolumeFacts | undefined> {
    return await this.elsewhere?.find({ pool: to, volume });
  }

  async levelOf(pool: string): Promise<ServiceLevel | undefined> {
    return levelIn(await this.home.pool(pool));
  }

  async snapshots(of: VolumeName): Promise<readonly SnapshotFacts[]> {
    return await this.home.snapshots(of);
  }

  snapshotId(of: VolumeName, name: string): string {
    return this.home.snapshotId(of, name);
  }

  async make({ pool, volume, level, gibibytes }: WantedVolume): Promise<VolumeFacts | VolumeRefusal> {
    const of = { pool, volume };
    const size = Math.ceil((gibibytes * GIBIBYTE) / TEBIBYTE) * TEBIBYTE;
    const made = await this.home.makePool(pool, level, size);
    if (made instanceof VolumeRefusal) return made;
    const waiting = { ...of, region: this.home.region, state: 'underway', level, gibibytes } as const;
    return progressOf(made) === 'ready' ? await this.home.make(of, gibibytes * GIBIBYTE, {}) : waiting;
  }

  async snapshot(of: VolumeName, name: string): Promise<SnapshotFacts | VolumeRefusal> {
    return await this.home.snapshot(of, name);
  }

  async drop(of: VolumeName, name: string): Promise<VolumeRefusal | undefined> {
    return await this.home.drop(of, name);
  }

  async restore(of: VolumeName, snapshot: string, into: string): Promise<VolumeFacts | VolumeRefusal> {
    const [there, from] = await Promise.all([this.home.snapshotOf(of, snapshot), this.home.volume(of)]);
    if (there === undefined || from === undefined) return new VolumeRefusal(`There is no snapshot ${snapshot}.`);
    const { snapshotId } = there;
    return await this.home.make({ pool: of.pool, volume: into }, from.usageThreshold, { snapshotId });
  }

  async move(of: VolumeName, to: string): Promise<VolumeFacts | VolumeRefusal> {
    const moved = { pool: to, volume: of.volume };
    const there = await this.home.find(moved);
    if (there === undefined) return await this.home.move(of, to);
    const isAnother = of.pool.toLowerCase() !== to.toLowerCase() && (await this.home.find(of))?.state === 'ready';
    return isAnother ? new VolumeRefusal(`There is another volume ${to}/${of.volume}.`) : there;
  }

  async tier(of: VolumeName, days: number): Promise<VolumeFacts | VolumeRefusal> {
    return await this.home.tier(of, days);
  }

  async replicate(of: VolumeName, to: string): Promise<VolumeFacts | VolumeRefusal> {
    const { home, elsewhere } = this;
    if (elsewhere === undefined)
      return new VolumeRefusal(
        'No other region is configured: set FORMICARY_NETAPP_REPLICA__account and what belongs to it.',
      );
    const source = await home.volume(of);
    if (source === undefined) return new VolumeRefusal(`There is no volume ${of.pool}/${of.volume}.`);
    const name = { pool: to, volume: of.volume };
    const copy = await elsewhere.make(name, source.usageThreshold, {
      volumeType: 'DataProtection',
      dataProtection: {
        replication: {
          endpointType: 'dst',
          replicationSchedule: '_10minutely',
          remoteVolumeResourceId: home.id(of),
          remoteVolumeRegion: home.region,
        },
      },
    });
    if (copy instanceof VolumeRefusal || copy.state !== 'ready' || copy.replication?.mirror_state !== NOT_LET_IN)
      return copy;
    // Let in already: the first time takes long.
    if (copy.replication.relationship === 'Transferring') return copy;
    // The copy stands, and nothing has come yet: the source lets it in.
    return (await home.authorize(of, elsewhere.id(name))) ?? copy;
  }
}

/** Of a copy that its source has not let in, or that has got nothing yet. */
const NOT_LET_IN = 'Uninitialized';

/** What one account of the service is asked. */
class Account {
  constructor(
    private readonly client: () => NetAppManagementClient,
    private readonly at: NetAppAccount,
  ) {}

  get region(): string {
    return this.at.location;
  }

  id({ pool, volume }: VolumeName): string {
    return `${this.poolId(pool)}/volumes/${volume}`;
  }

  snapshotId(of: VolumeName, name: string): string {
    return `${this.id(of)}/snapshots/${name}`;
  }

  async list(): Promise<readonly VolumeFacts[]> {
    const { pools, volumes } = this.client();
    const all: VolumeFacts[] = [];
    for await (const { name } of pools.list(...this.account)) {
      const pool = lastOf(name);
      for await (const volume of volumes.list(...this.account, pool))
        all.push(await this.facts({ pool, volume: lastOf(volume.name) }, volume));
    }
    return all;
  }

  async find(of: VolumeName): Promise<VolumeFacts | undefined> {
    const volume = await this.volume(of);
    return volume === undefined ? undefined : await this.facts(of, volume);
  }

  async pool(name: string): Promise<CapacityPool | undefined> {
    return await found(() => this.client().pools.get(...this.account, name));
  }

  async volume({ pool, volume }: VolumeName): Promise<Volume | undefined> {
    return await found(() => this.client().volumes.get(...this.account, pool, volume));
  }

  async snapshotOf({ pool, volume }: VolumeName, name: string): Promise<Snapshot | undefined> {
    return await found(() => this.client().snapshots.get(...this.account, pool, volume, name));
  }

  async snapshots(of: VolumeName): Promise<readonly SnapshotFacts[]> {
    const all: SnapshotFacts[] = [];
    for await (const snapshot of this.client().snapshots.list(...this.account, of.pool, of.volume))
      all.push(this.snapshotFacts(of, lastOf(snapshot.name), snapshot));
    return all.sort((a, b) => ((a.made_at ?? '') < (b.made_at ?? '') ? -1 : 1));
  }

  async facts(of: VolumeName, volume: Volume): Promise<VolumeFacts> {
    const { usageThreshold, creationToken, mountTargets, coolAccess, coolnessPeriod, dataProtection } = volume;
    const address = mountTargets?.[0]?.ipAddress;
    const isCopy = dataProtection?.replication?.endpointType === 'dst' && progressOf(volume) === 'ready';
    return {
      ...of,
      region: this.region,
      state: progressOf(volume),
      level: levelIn(volume) ?? 'Premium',
      gibibytes: usageThreshold / GIBIBYTE,
      mount: address === undefined ? undefined : `${address}:/${creationToken}`,
      tiered_after_days: coolAccess === true ? coolnessPeriod : undefined,
      replication: isCopy ? await this.replication(of) : undefined,
    };
  }

  async makePool(name: string, serviceLevel: ServiceLevel, size: number): Promise<CapacityPool | VolumeRefusal> {
    const { location } = this.at;
    const { pools } = this.client();
    const body = { location, serviceLevel, size };
    return await this.ensure(
      () => this.pool(name),
      () => pools.beginCreateOrUpdate(...this.account, name, body),
      body,
    );
  }

  async make(of: VolumeName, usageThreshold: number, more: Partial<Volume>): Promise<VolumeFacts | VolumeRefusal> {
    const { pool, volume } = of;
    const { location, subnet: subnetId } = this.at;
    const shared = { location, subnetId, creationToken: volume, usageThreshold, protocolTypes: ['NFSv4.1'] };
    // Rules of the network hold for no others.
    const networkFeatures = 'Standard';
    const serviceLevel = levelIn(await this.pool(pool));
    const body: Volume = { ...shared, networkFeatures, serviceLevel, ...more };
    const made = await this.ensure(
      () => this.volume(of),
      () => this.client().volumes.beginCreateOrUpdate(...this.account, pool, volume, body),
      body,
    );
    return made instanceof VolumeRefusal ? made : await this.facts(of, made);
  }

  async snapshot(of: VolumeName, name: string): Promise<SnapshotFacts | VolumeRefusal> {
    const { location } = this.at;
    const made = await this.ensure(
      () => this.snapshotOf(of, name),
      () => this.client().snapshots.beginCreate(...this.account, of.pool, of.volume, name, { location }),
      { location },
    );
    return made instanceof VolumeRefusal ? made : this.snapshotFacts(of, name, made);
  }

  async drop(of: VolumeName, name: string): Promise<VolumeRefusal | undefined> {
    if ((await this.snapshotOf(of, name)) === undefined) return undefined;
    return await begin(() => this.client().snapshots.beginDelete(...this.account, of.pool, of.volume, name));
  }

  async move(of: VolumeName, to: string): Promise<VolumeFacts | VolumeRefusal> {
    const { pool, volume } = of;
    const newPoolResourceId = this.poolId(to);
    return await this.change(of, () =>
      this.client().volumes.beginPoolChange(...this.account, pool, volume, { newPoolResourceId }),
    );
  }

  async tier(of: VolumeName, days: number): Promise<VolumeFacts | VolumeRefusal> {
    const { pool, volume } = of;
    const { pools, volumes } = this.client();
    const isSo = ({ coolAccess, coolnessPeriod }: Volume) => coolAccess === true && coolnessPeriod === days;
    const its = await this.pool(pool);
    const before = await this.volume(of);
    if (before !== undefined && its?.coolAccess !== true) {
      // The pool comes first; the volume follows when this is asked again.
      const isUnderway = its !== undefined && progressOf(its) === 'underway';
      const refused = isUnderway
        ? undefined
        : await begin(() => pools.beginUpdate(...this.account, pool, { coolAccess: true }));
      return refused ?? { ...(await this.facts(of, before)), state: 'underway' };
    }
    const body = { coolAccess: true, coolnessPeriod: days };
    return await this.change(of, () => volumes.beginUpdate(...this.account, pool, volume, body), isSo);
  }

  async authorize({ pool, volume }: VolumeName, remoteVolumeResourceId: string): Promise<VolumeRefusal | undefined> {
    const { volumes } = this.client();
    return await begin(() =>
      volumes.beginAuthorizeReplication(...this.account, pool, volume, { remoteVolumeResourceId }),
    );
  }

  /** How a copy fares; that the service doesn't say so hides no volume. */
  private async replication({ pool, volume }: VolumeName): Promise<Replication> {
    let status;
    try {
      status = await this.client().volumes.replicationStatus(...this.account, pool, volume);
    } catch (error) {
      return { healthy: false, mirror_state: 'unknown', relationship: 'unknown', error: String(error) };
    }
    return {
      healthy: status.healthy === true,
      mirror_state: status.mirrorState ?? NOT_LET_IN,
      relationship: status.relationshipStatus ?? 'Idle',
      error: status.errorMessage === '' ? undefined : status.errorMessage,
    };
  }

  /** Begins a change of a volume that is at rest, and is not so yet; and says how it is after that. */
  private async change(
    of: VolumeName,
    write: () => Promise<unknown>,
    isSo: (volume: Volume) => boolean = () => false,
  ): Promise<VolumeFacts | VolumeRefusal> {
    const before = await this.volume(of);
    if (before === undefined) return new VolumeRefusal(`There is no volume ${of.pool}/${of.volume}.`);
    if (progressOf(before) === 'underway' || isSo(before)) return await this.facts(of, before);
    const refused = await begin(write);
    const now = (await this.volume(of)) ?? { ...before, ...BEGUN };
    return refused !== undefined && progressOf(now) !== 'underway' ? refused : await this.facts(of, now);
  }

  /** What is there; else begins to make it, and says how it is after that. What has failed is begun anew. */
  private async ensure<T extends { readonly provisioningState?: string }>(
    get: () => Promise<T | undefined>,
    create: () => Promise<unknown>,
    body: T,
  ): Promise<T | VolumeRefusal> {
    const there = await get();
    if (there !== undefined && progressOf(there) !== 'failed') return there;
    const refused = await begin(create);
    const now = await get();
    // Refused since somebody was faster, perhaps an attempt of our own whose answer was lost: it is begun.
    if (now !== undefined && (refused === undefined || progressOf(now) !== 'failed')) return now;
    return refused ?? { ...body, ...BEGUN };
  }

  private snapshotFacts(of: VolumeName, name: string, snapshot: Snapshot): SnapshotFacts {
    const { created } = snapshot;
    return {
      name,
      id: this.snapshotId(of, name),
      state: progressOf(snapshot),
      made_at: created === undefined ? undefined : new Date(created).toISOString(),
    };
  }

  private get account(): [resourceGroup: string, account: string] {
    return [this.at.resourceGroup, this.at.account];
  }

  private poolId(pool: string): string {
    const { subscription, resourceGroup, account } = this.at;
    return `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.NetApp/netAppAccounts/${account}/capacityPools/${pool}`;
  }
}

/** Of what was begun, and is not shown yet. */
const BEGUN = { provisioningState: 'Creating' } as const;

function progressOf({ provisioningState }: { readonly provisioningState?: string }): Progress {
  if (provisioningState === 'Succeeded') return 'ready';
  return provisioningState === 'Failed' ? 'failed' : 'underway';
}

/** The service names a resource with all above it: `account/pool/volume`. */
function lastOf(name: string | undefined): string {
  return name?.split('/').at(-1) ?? '';
}

function levelIn(of: { readonly serviceLevel?: string } | undefined): ServiceLevel | undefined {
  return of?.serviceLevel as ServiceLevel | undefined;
}

async function found<T>(get: () => Promise<T>): Promise<T | undefined> {
  try {
    return await get();
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** Begins something: undefined, or what the service said to it. */
async function begin(write: () => Promise<unknown>): Promise<VolumeRefusal | undefined> {
  try {
    await write();
    return undefined;
  } catch (error) {
    const status = statusOf(error);
    if (status === undefined || status < 400 || status >= 500 || PASSING.has(status)) throw error;
    return new VolumeRefusal((error as Error).message);
  }
}

function statusOf(error: unknown): number | undefined {
  return (error as { readonly statusCode?: number }).statusCode;
}
