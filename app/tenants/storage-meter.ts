/**
 * Counts what this process writes for tenants that are limited in that. What it may write it has taken before, in the
 * tenant's ledger; what it has at hand is no more than a small part of the limit.
 */
import type { Rejection } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { PLATFORM } from '../../domain/stops/stop';
import {
  blockOf,
  returnStorage,
  SMALLEST_BLOCK,
  storageDecider,
  type StorageEvent,
  type StorageState,
  takeStorage,
} from '../../domain/tenants/storage';
import type { Aggregate } from '../engine/aggregate';
import type { Report } from '../engine/ports';
import { messageOf } from '../engine/reachable';
import type { KeptStates } from '../engine/tenant-states';
import type { Transactor } from '../engine/transact';

const COUNTER: Principal = { tenant: PLATFORM, id: 'storage', kind: 'system', level: 'execute' };

/** What this process has of a tenant. */
interface Account {
  /** Bytes that it has taken, and not written yet; less than none where it has written more. */
  atHand: number;
  taking: Promise<void> | undefined;
  /** Why the ledger refused the last try, if it did: told once. */
  refused: string | undefined;
}

export class StorageMeter {
  private readonly accounts = new Map<string, Account>();

  constructor(
    private readonly ledgers: Aggregate<StorageState, StorageEvent>,
    private readonly states: Pick<KeptStates<StorageState, StorageEvent>, 'of' | 'peek'>,
    private readonly report: Report,
    transactor: Pick<Transactor, 'onCommitted'>,
  ) {
    // With the ledger, in one step: no moment counts them twice.
    transactor.onCommitted(({ here, category, stream, commits }) => {
      if (!here || category !== storageDecider.category) return;
      const account = this.accountOf(parseStream(stream).id);
      for (const { type, data } of commits.flatMap(({ events }) => events as readonly StorageEvent[]))
        account.atHand += type === 'StorageTaken' ? data.bytes : -data.bytes;
    });
  }

  /** Has the tenant's ledger read, so that `used` knows it. */
  read(tenant: string): StorageState | Promise<StorageState> {
    return this.states.of(tenant);
  }

  /** How many bytes the tenant has had written, as far as is known here: others may have taken some ahead. */
  used(tenant: string): number {
    const atHand = this.accounts.get(tenant)?.atHand ?? 0;
    return Math.max(0, (this.states.peek(tenant)?.bytes ?? 0) - atHand);
  }

  /** Counts what is about to be written, for a tenant that may have `most`. */
  take(tenant: string, bytes: number, most: number): void {
    const account = this.accountOf(tenant);
    account.atHand -= bytes;
    this.provide(tenant, account, most);
  }

  /** It was not written. */
  giveBack(tenant: string, bytes: number): void {
    const account = this.accounts.get(tenant);
    if (account !== undefined) account.atHand += bytes;
  }

  /** Gives back what is at hand, when nothing is written any more. */
  async finish(): Promise<void> {
    const returning = [...this.accounts].map(async ([tenant, account]) => {
      while (account.taking !== undefined) await account.taking;
      const { atHand } = account;
      const context = { principal: COUNTER };
      if (atHand === 0) return;
      const outcome =
        atHand > 0
          ? await this.ledgers.decide(context, tenant, 'storage.return', returnStorage(tenant, atHand))
          : await this.ledgers.decide(context, tenant, 'storage.take', takeStorage(tenant, -atHand));
      if (!outcome.ok) throw new Error(outcome.rejection.message);
    });
    for (const result of await Promise.allSettled(returning))
      if (result.status === 'rejected')
        this.report('what was stored could not be settled with the ledger', { error: messageOf(result.reason) });
  }

  private accountOf(tenant: string): Account {
    let account = this.accounts.get(tenant);
    if (account === undefined)
      this.accounts.set(tenant, (account = { atHand: 0, taking: undefined, refused: undefined }));
    return account;
  }

  /** Takes more where less than half of a block is left. What fails is tried again with the next write. */
  private provide(tenant: string, account: Account, most: number): void {
    if (account.taking !== undefined) return;
    const left = most - this.used(tenant);
    // Beyond the limit what is under way goes on: taken one by one, each of its writes would be two.
    const block = left <= 0 ? blockOf(most) : Math.max(SMALLEST_BLOCK, Math.min(blockOf(most), left));
    if (account.atHand >= block / 2) return;
    account.taking = this.ledgers
      .decide({ principal: COUNTER }, tenant, 'storage.take', takeStorage(tenant, block - account.atHand))
      .catch((error: unknown) => this.report('bytes could not be taken ahead', { tenant, error: messageOf(error) }))
      .then((outcome) => {
        account.taking = undefined;
        if (outcome === undefined) return;
        if (!outcome.ok) return this.told(tenant, account, outcome.rejection);
        account.refused = undefined;
        // More may have been written meanwhile.
        this.provide(tenant, account, most);
      });
  }

  private told(tenant: string, account: Account, { code, message }: Rejection): void {
    if (account.refused !== code) this.report('bytes could not be taken ahead', { tenant, error: message });
    account.refused = code;
  }
}
