/**
 * Calls functions with what changes in a container of Cosmos DB, as the trigger on Azure does: each physical partition
 * is read by one host at a time, under a lease, in order; a batch that the function has not taken is given again, and
 * holds up its own partition alone. At least once: what a host was at when it ended comes again on the next one.
 */
import type * as Cosmos from '@azure/cosmos';
import { systemClock } from '../app/engine/clock';
import { giveBatch, logFailure } from './batches';
import type { Binding, Registration } from './core';
import {
  type HeldLease,
  LEASE_TIMES,
  LeaseLost,
  Leases,
  leasesToTake,
  type LeaseTimes,
  type Range,
  uncovered,
} from './leases';
import { pause } from './pause';
import { resolveSettings } from './settings';
import { stringData } from './typed-data';

/** What a function is registered with, as far as it is used here. */
interface TriggerOptions {
  readonly databaseName: string;
  readonly containerName: string;
  readonly leaseContainerName?: string;
  readonly leaseContainerPrefix?: string;
  readonly startFromBeginning?: boolean;
  readonly maxItemsPerInvocation?: number;
  /** Milliseconds between two looks at a range that has nothing new. */
  readonly feedPollDelay?: number;
  /** Milliseconds, as in `LeaseTimes`. */
  readonly leaseAcquireInterval?: number;
  readonly leaseRenewInterval?: number;
  readonly leaseExpirationInterval?: number;
}

/** The places in a container that a token of the SDK holds; an empty `continuationToken` is the beginning. */
interface Place {
  readonly rid: string;
  readonly Continuation: readonly (Range & { readonly continuationToken: string })[];
}

/** The part of a container that is read, and by whom. */
interface Opened {
  readonly rid: string;
  readonly leases: Leases;
}

/** Azure's own default. */
const FEED_POLL_DELAY_MS = 5_000;

export class CosmosTrigger {
  private readonly options: TriggerOptions;
  private readonly times: LeaseTimes;
  private readonly container: Cosmos.Container;
  private readonly leaseContainer: Cosmos.Container;
  private readonly stopping = new AbortController();
  /** By lease. */
  private readonly reading = new Map<string, Promise<void>>();
  private readonly running: Promise<void>;
  private opened: Opened | undefined;

  /**
   * Starts to read. Throws when the registration asks for what this host does not do, or names a setting that is not
   * there.
   */
  constructor(
    private readonly registration: Registration,
    binding: Binding,
    client: Cosmos.CosmosClient,
    private readonly host: string,
  ) {
    this.options = binding as unknown as TriggerOptions;
    const {
      leaseAcquireInterval: acquireMs,
      leaseRenewInterval: renewMs,
      leaseExpirationInterval: expireMs,
    } = this.options;
    this.times = {
      acquireMs: acquireMs ?? LEASE_TIMES.acquireMs,
      renewMs: renewMs ?? LEASE_TIMES.renewMs,
      expireMs: expireMs ?? LEASE_TIMES.expireMs,
    };
    if (this.options.startFromBeginning !== true)
      throw new Error(
        `function ${registration.name}: this host reads a container from its beginning, set startFromBeginning`,
      );
    const database = client.database(resolveSettings(this.options.databaseName));
    this.container = database.container(resolveSettings(this.options.containerName));
    this.leaseContainer = database.container(resolveSettings(this.options.leaseContainerName ?? 'leases'));
    this.running = this.run();
  }

  /** Takes no new batches; resolves when those under way have been taken and the leases are free for others. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    await Promise.all(this.reading.values());
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      await this.balance().catch((error: unknown) =>
        logFailure(this.registration.name, 'the leases can’t be read or taken', error),
      );
      await pause(this.times.acquireMs, this.stopping.signal);
    }
  }

  /** Makes the leases that are missing, and takes this host's share. */
  private async balance(): Promise<void> {
    const { rid, leases } = (this.opened ??= await this.open());
    const [ranges, known] = await Promise.all([this.container.getFeedRanges(), leases.list()]);
    const missing = uncovered(ranges, known);
    for (const range of missing)
      await leases.create(range, tokenOf({ rid, Continuation: [{ ...range, continuationToken: '' }] }));
    const all = missing.length > 0 ? await leases.list() : known;
    for (const lease of leasesToTake(
      all,
      this.host,
      new Set(this.reading.keys()),
      systemClock.now(),
      this.times.expireMs,
    )) {
      // One that was stolen, and whose reader has not heard of it yet, is taken back later.
      const held = this.reading.has(lease.id) || this.stopping.signal.aborted ? undefined : await leases.acquire(lease);
      if (held !== undefined)
        this.reading.set(
          lease.id,
          this.hold(held).finally(() => this.reading.delete(lease.id)),
        );
    }
  }

  /** The leases are of this very container: one that was made anew under its name is read from its beginning. */
  private async open(): Promise<Opened> {
    const rid = String((await this.container.read()).resource?._rid);
    return {
      rid,
      leases: new Leases(this.leaseContainer, `${this.options.leaseContainerPrefix ?? ''}${rid}..`, this.host),
    };
  }

  /** Reads under the lease until it is lost or the host stops. */
  private async hold(lease: HeldLease): Promise<void> {
    const over = new AbortController();
    const renewing = this.renew(lease, over);
    await this.read(lease, AbortSignal.any([this.stopping.signal, over.signal]));
    over.abort();
    await renewing;
    if (!this.stopping.signal.aborted) return;
    await lease.release().catch((error: unknown) => {
      if (!(error instanceof LeaseLost))
        logFailure(this.registration.name, `lease ${lease.id} can’t be released`, error);
    });
  }

  private async renew(lease: HeldLease, over: AbortController): Promise<void> {
    for (;;) {
      await pause(this.times.renewMs, over.signal);
      if (over.signal.aborted) return;
      try {
        await lease.renew();
      } catch (error) {
        if (error instanceof LeaseLost) over.abort();
        else logFailure(this.registration.name, `lease ${lease.id} can’t be renewed`, error);
      }
    }
  }

  private async read(lease: HeldLease, signal: AbortSignal): Promise<void> {
    const { feedPollDelay = FEED_POLL_DELAY_MS } = this.options;
    let reader: Cosmos.ChangeFeedPullModelIterator<unknown> | undefined;
    while (!signal.aborted) {
      try {
        reader ??= this.readerFrom(lease.continuation);
        const { result, statusCode, continuationToken } = await reader.readNext();
        const place = placeOf(continuationToken);
        // The SDK answers what it can't read with a status, and forgets where it was.
        if ((statusCode !== 200 && statusCode !== 304) || place === undefined)
          throw new Error(`the change feed answered ${statusCode}`);
        if (statusCode === 200) {
          if (!(await giveBatch(this.registration, { data: stringData(JSON.stringify(result)) }, signal))) return;
          await lease.advance(continuationToken);
        }
        if (place.Continuation.length > 1) return await this.split(lease, place);
        if (statusCode === 304) await pause(feedPollDelay, signal);
      } catch (error) {
        if (error instanceof LeaseLost) return;
        logFailure(this.registration.name, `lease ${lease.id} can’t be read, or not moved on`, error);
        reader = undefined;
        await pause(feedPollDelay, signal);
      }
    }
  }

  /** The partition was split: each part gets a lease of its own, where the old one stands, before that goes. */
  private async split(lease: HeldLease, { rid, Continuation }: Place): Promise<void> {
    for (const part of Continuation) await this.opened?.leases.create(part, tokenOf({ rid, Continuation: [part] }));
    await lease.delete();
  }

  private readerFrom(continuation: string): Cosmos.ChangeFeedPullModelIterator<unknown> {
    const { ChangeFeedStartFrom } = require('@azure/cosmos') as typeof Cosmos;
    return this.container.items.getChangeFeedIterator({
      maxItemCount: this.options.maxItemsPerInvocation,
      changeFeedStartFrom: ChangeFeedStartFrom.Continuation(continuation),
    });
  }
}

function tokenOf(place: Place): string {
  return JSON.stringify(place);
}

/** Undefined when the token lacks the place in one of its ranges. */
function placeOf(token: string): Place | undefined {
  const place = JSON.parse(token) as Place;
  return place.Continuation.every(({ continuationToken }) => typeof continuationToken === 'string') ? place : undefined;
}
