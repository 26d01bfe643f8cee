/**
 * Volumes on Azure NetApp Files: what agents keep as files, with snapshots that cost nothing until something changes.
 * Each command says what there shall be, waits until the service has done it, and may be given again after a crash or
 * a lost answer: what is there already is left as it is.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { CapacityPool, NetAppManagementClient, ReplicationStatus, Snapshot, Volume } from '@azure/arm-netapp';

const GIBIBYTE = 2 ** 30;
const TEBIBYTE = 2 ** 40;

/** How often to look whether what somebody else began is done: an hour at the usual pace. */
const MAX_QUESTIONS = 720;

/** The account that volumes are made in. */
export interface NetAppAccount {
  readonly subscription: string;
  readonly resourceGroup: string;
  readonly account: string;
  readonly location: string;
  /** Delegated to Microsoft.NetApp/volumes. */
  readonly subnet: string;
}

/** 16, 64 or 128 MiB/s a TiB. */
export type Tier = 'Standard' | 'Premium' | 'Ultra';

export interface VolumeName {
  readonly pool: string;
  readonly volume: string;
}

/** A volume, and the account that it is in: a copy is usually kept in another region. */
export interface ReplicaSource {
  readonly netapp: NetAppFiles;
  readonly name: VolumeName;
}

export class NetAppFiles {
  constructor(
    private readonly client: () => NetAppManagementClient,
    private readonly at: NetAppAccount,
    /** How often an operation is asked about, unless the service says otherwise. */
    private readonly everyMs = 5_000,
  ) {}

  /** @param tebibytes a whole number, at least 1 */
  async pool(name: string, tier: Tier, tebibytes: number): Promise<CapacityPool> {
    const { location } = this.at;
    const { pools } = this.client();
    return await this.ensure(
      () => pools.get(...this.account, name),
      () =>
        pools.beginCreateOrUpdateAndWait(
          ...this.account,
          name,
          { location, serviceLevel: tier, size: tebibytes * TEBIBYTE },
          this.patience,
        ),
    );
  }

  /** @param gibibytes at least 50 */
  async volume(name: VolumeName, gibibytes: number): Promise<Volume> {
    return await this.create(name, gibibytes * GIBIBYTE, {});
  }

  async snapshot({ pool, volume }: VolumeName, name: string): Promise<Snapshot> {
    const { location } = this.at;
    const { snapshots } = this.client();
    return await this.ensure(
      () => snapshots.get(...this.account, pool, volume, name),
      () => snapshots.beginCreateAndWait(...this.account, pool, volume, name, { location }, this.patience),
    );
  }

  /** A new volume in the same pool with what the snapshot holds; the old one stays as it is. */
  async restore({ pool, volume }: VolumeName, snapshot: string, into: string): Promise<Volume> {
    const { snapshots, volumes } = this.client();
    const [{ snapshotId }, { usageThreshold }] = await Promise.all([
      snapshots.get(...this.account, pool, volume, snapshot),
      volumes.get(...this.account, pool, volume),
    ]);
    return await this.create({ pool, volume: into }, usageThreshold, { snapshotId });
  }

  /** Keeps `name` as a copy of the source, every 10 minutes. */
  async replicate(source: ReplicaSource, name: VolumeName): Promise<Volume> {
    const { usageThreshold } = await source.netapp.read(source.name);
    const copy = await this.create(name, usageThreshold, {
      volumeType: 'DataProtection',
      dataProtection: {
        replication: {
          endpointType: 'dst',
          replicationSchedule: '_10minutely',
          remoteVolumeResourceId: source.netapp.id(source.name),
          remoteVolumeRegion: source.netapp.at.location,
        },
      },
    });
    await source.netapp.authorize(source.name, this.id(name));
    return copy;
  }

  /** How the replication of a copy fares. */
  async replication({ pool, volume }: VolumeName): Promise<ReplicationStatus> {
    return await this.client().volumes.replicationStatus(...this.account, pool, volume);
  }

  /** Moves the volume to a pool of another tier, with everything in it; who reads and writes it notices nothing. */
  async move({ pool, volume }: VolumeName, to: string): Promise<Volume> {
    const there = await found(() => this.read({ pool: to, volume }));
    if (there !== undefined) return there;
    const newPoolResourceId = this.poolId(to);
    await this.client().volumes.beginPoolChangeAndWait(
      ...this.account,
      pool,
      volume,
      { newPoolResourceId },
      this.patience,
    );
    return await this.read({ pool: to, volume });
  }

  private async read({ pool, volume }: VolumeName): Promise<Volume> {
    return await this.client().volumes.get(...this.account, pool, volume);
  }

  private async authorize({ pool, volume }: VolumeName, remoteVolumeResourceId: string): Promise<void> {
    await this.client().volumes.beginAuthorizeReplicationAndWait(
      ...this.account,
      pool,
      volume,
      { remoteVolumeResourceId },
      this.patience,
    );
  }

  private async create({ pool, volume }: VolumeName, usageThreshold: number, more: Partial<Volume>): Promise<Volume> {
    const { location, subnet: subnetId } = this.at;
    const { volumes } = this.client();
    return await this.ensure(
      () => volumes.get(...this.account, pool, volume),
      () =>
        volumes.beginCreateOrUpdateAndWait(
          ...this.account,
          pool,
          volume,
          { location, subnetId, creationToken: volume, usageThreshold, protocolTypes: ['NFSv4.1'], ...more },
          this.patience,
        ),
    );
  }

  /** What is there, when it is done being made by whoever began it; else makes it. */
  private async ensure<T extends { readonly provisioningState?: string }>(
    get: () => Promise<T>,
    create: () => Promise<T>,
  ): Promise<T> {
    for (let question = 0; question < MAX_QUESTIONS; question += 1) {
      const there = await found(get);
      if (there === undefined || there.provisioningState === 'Failed') return await create();
      if (there.provisioningState === 'Succeeded') return there;
      await pause(this.everyMs);
    }
    throw new Error(
      'what somebody else began on NetApp Files is not done: look at it in the portal, and give the command again',
    );
  }

  private get account(): [resourceGroup: string, account: string] {
    return [this.at.resourceGroup, this.at.account];
  }

  private get patience() {
    return { updateIntervalInMs: this.everyMs };
  }

  private poolId(pool: string): string {
    const { subscription, resourceGroup, account } = this.at;
    return `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.NetApp/netAppAccounts/${account}/capacityPools/${pool}`;
  }

  private id({ pool, volume }: VolumeName): string {
    return `${this.poolId(pool)}/volumes/${volume}`;
  }
}

async function found<T>(get: () => Promise<T>): Promise<T | undefined> {
  try {
    return await get();
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw error;
  }
}
