/**
 * Who reads which range of a change feed, and how far it came: a document a range in a container of leases. Hosts share
 * the ranges without knowing of each other, as the change feed processor of Azure does: each takes its part of what is
 * free, and one from who has most when nothing is. Only the ETag decides who has got a lease.
 */
import type { Container } from '@azure/cosmos';
import { systemClock } from '../app/engine/clock';

export interface LeaseTimes {
  /** How often a host looks for leases to take. */
  readonly acquireMs: number;
  /** How often it says that it still holds one. */
  readonly renewMs: number;
  /** A lease that was not renewed for so long is free. */
  readonly expireMs: number;
}

/** Those of the change feed processor. */
export const LEASE_TIMES: LeaseTimes = { acquireMs: 13_000, renewMs: 17_000, expireMs: 60_000 };

/** A part of the hash space: texts of hexadecimal digits, compared as texts. */
export interface Range {
  readonly minInclusive: string;
  readonly maxExclusive: string;
}

/** As it is stored. */
export interface Lease extends Range {
  readonly id: string;
  /** The host that holds it; null: nobody. */
  readonly owner: string | null;
  /** When the owner has last written it. */
  readonly timestamp: string;
  /** The change feed's own: what comes after it is not done. */
  readonly continuation: string;
}

type Stored = Lease & { readonly _etag: string };

/** The lease is another host's by now, or was deleted. */
export class LeaseLost extends Error {}

// ------------------------------------------------------------------------------------------------------ pure rules

/**
 * The leases that a host tries to take now, so that in the end each has its share; `reading` are the ids of those that
 * it reads under.
 */
export function leasesToTake<L extends Lease>(
  leases: readonly L[],
  host: string,
  reading: ReadonlySet<string>,
  now: number,
  expireMs: number,
): L[] {
  // One that is this host's, and not read, is one that it took without hearing of it.
  const isFree = ({ id, owner, timestamp }: L) =>
    owner === null || (owner === host ? !reading.has(id) : Date.parse(timestamp) + expireMs < now);
  const free = leases.filter(isFree);
  const held = Map.groupBy(
    leases.filter((lease) => !isFree(lease)),
    ({ owner }) => owner as string,
  );
  const mine = held.get(host)?.length ?? 0;
  const share = Math.ceil(leases.length / (held.has(host) ? held.size : held.size + 1));
  const needed = share - mine;
  if (needed <= 0) return [];
  if (free.length > 0) return free.slice(0, needed);
  const most = [...held.values()].reduce<L[]>((a, b) => (b.length > a.length ? b : a), []);
  // One at a time: its owner learns of it at its next write, and others take from it too.
  return most.length > share - (needed > 1 ? 1 : 0) ? most.slice(0, 1) : [];
}

/** The parts of `ranges` that no lease covers. */
export function uncovered(ranges: readonly Range[], leases: readonly Range[]): Range[] {
  const sorted = [...leases].sort((a, b) => (a.minInclusive < b.minInclusive ? -1 : 1));
  return ranges.flatMap(({ minInclusive, maxExclusive }) => {
    const gaps: Range[] = [];
    let at = minInclusive;
    for (const lease of sorted) {
      if (lease.maxExclusive <= at || lease.minInclusive >= maxExclusive) continue;
      if (lease.minInclusive > at) gaps.push({ minInclusive: at, maxExclusive: lease.minInclusive });
      at = lease.maxExclusive;
    }
    if (at < maxExclusive) gaps.push({ minInclusive: at, maxExclusive });
    return gaps;
  });
}

// --------------------------------------------------------------------------------------------------------- storage

/** The leases of one reader of one container, those whose ids begin with `prefix`. */
export class Leases {
  constructor(
    private readonly container: Container,
    private readonly prefix: string,
    private readonly host: string,
  ) {}

  async list(): Promise<Stored[]> {
    const query = {
      query: 'SELECT * FROM c WHERE STARTSWITH(c.id, @prefix)',
      parameters: [{ name: '@prefix', value: this.prefix }],
    };
    return (await this.container.items.query<Stored>(query).fetchAll()).resources;
  }

  /** Makes the lease of a range, held by nobody; one that is there already stays as it is. */
  async create({ minInclusive, maxExclusive }: Range, continuation: string): Promise<void> {
    const lease: Lease = {
      id: `${this.prefix}${minInclusive}-${maxExclusive}`,
      minInclusive,
      maxExclusive,
      owner: null,
      timestamp: new Date(systemClock.now()).toISOString(),
      continuation,
    };
    await this.container.items.create(lease).catch((error: unknown) => {
      if (codeOf(error) !== 409) throw error;
    });
  }

  /** Undefined when another host was faster. */
  async acquire(lease: Stored): Promise<HeldLease | undefined> {
    const held = new HeldLease(this.container, lease, this.host);
    try {
      await held.renew();
      return held;
    } catch (error) {
      if (error instanceof LeaseLost) return undefined;
      throw error;
    }
  }
}

/**
 * A lease that this host holds. Each method writes it, one after the other, and rejects with `LeaseLost` when it is no
 * longer this host's.
 */
export class HeldLease {
  private writing: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly container: Container,
    private lease: Stored,
    private readonly host: string,
  ) {}

  get id(): string {
    return this.lease.id;
  }

  get continuation(): string {
    return this.lease.continuation;
  }

  async renew(): Promise<void> {
    await this.write({ owner: this.host });
  }

  /** Everything before the continuation is done. */
  async advance(continuation: string): Promise<void> {
    await this.write({ owner: this.host, continuation });
  }

  async release(): Promise<void> {
    await this.write({ owner: null });
  }

  async delete(): Promise<void> {
    await this.inTurn(() => this.item.delete(this.ifUnchanged));
  }

  private async write(change: Partial<Lease>): Promise<void> {
    await this.inTurn(async () => {
      const { id, minInclusive, maxExclusive, owner, continuation } = this.lease;
      const next: Lease = {
        id,
        minInclusive,
        maxExclusive,
        owner,
        continuation,
        ...change,
        timestamp: new Date(systemClock.now()).toISOString(),
      };
      const { resource } = await this.item.replace<Lease>(next, this.ifUnchanged);
      this.lease = resource as Stored;
    });
  }

  private async inTurn(work: () => Promise<unknown>): Promise<void> {
    const done = this.writing.then(async () => {
      try {
        await work();
      } catch (error) {
        if (codeOf(error) === 404) throw new LeaseLost(`lease ${this.id} was deleted`);
        if (codeOf(error) !== 412) throw error;
        // A write of this host's own, whose answer was lost, has changed it too.
        const { resource } = await this.item.read<Stored>();
        if (resource?.owner !== this.host)
          throw new LeaseLost(`lease ${this.id} is held by ${resource?.owner ?? 'nobody'}`);
        this.lease = { ...resource, continuation: this.lease.continuation };
        await work();
      }
    });
    this.writing = done.catch(() => {});
    await done;
  }

  private get item() {
    return this.container.item(this.lease.id, this.lease.id);
  }

  private get ifUnchanged() {
    return { accessCondition: { type: 'IfMatch', condition: this.lease._etag } };
  }
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}
