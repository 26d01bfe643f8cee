/**
 * How much of the thread each tenant has had, in milliseconds of what its requests took, against an even share of what
 * all had: virtual time goes on by what each of those that ask is due, and who has had more than that is over its share
 * (A. Demers, S. Keshav and S. Shenker, "Analysis and simulation of a fair queueing algorithm", SIGCOMM 1989). A tenant
 * that asks alone is due all of it, and nobody saves up what it was due and did not ask for.
 */

/** What a tenant may have had beyond its share before it counts as over it: requests come in bursts. Milliseconds. */
const BURST_MS = 50;
/** Nobody owes more than this beyond that, however dear a request of it was. */
const MOST_OWED_MS = 250;
/** The share of the thread that is given out evenly even when what is measured takes less: the rest is others' work. */
const EVEN_PART = 0.2;
/** Who has not asked for so long, and owes nothing, asks no more. */
const ASKS_FOR_MS = 2_000;
/** Tenants with an account of their own; further ones share one, under the name of no tenant. */
const MOST_TENANTS = 10_000;
const OTHERS = '';

/** How much the last request counts in what one takes; over how long it is smoothed what each is due. */
const LAST_COST = 1 / 8;
const PACE_MS = 1_000;

interface Account {
  /** Virtual time up to which it has had its share. */
  had: number;
  /** What a request of it takes, in milliseconds. */
  cost: number;
  askedAt: number;
}

export class Shares {
  private readonly accounts = new Map<string, Account>();
  /** Virtual time: what each of those that ask was due so far. */
  private due = 0;
  private lookedAt: number;
  private forgotAt: number;
  /** By how much virtual time goes on in a millisecond, of late; and how far it was when that was looked at. */
  private pace = 0;
  private pacedDue = 0;
  private pacedAt: number;
  /** What a request takes, whoever's it is. Milliseconds. */
  private cost = 0;

  /** @param now milliseconds that never go back */
  constructor(private readonly now: () => number) {
    this.lookedAt = this.forgotAt = this.pacedAt = now();
  }

  /** Tenants that ask. */
  get asking(): number {
    return this.accounts.size;
  }

  /** Whether the tenant, which asks now, has had more than its share. */
  isOver(tenant: string): boolean {
    return this.account(tenant).had > this.due + BURST_MS;
  }

  /** What a request of the tenant, which asks now, takes, in milliseconds. */
  costOf(tenant: string): number {
    return this.account(tenant).cost;
  }

  /**
   * For how long a request of the tenant, which asks now, waits for its share after so many others of it, in
   * milliseconds, by what each is due of late. What they take themselves is shared out as well.
   */
  waitOf(tenant: string, others: number): number {
    const { had, cost } = this.account(tenant);
    const tenants = this.accounts.size;
    const owed = had - this.due - BURST_MS + others * Math.min(cost, BURST_MS + MOST_OWED_MS) * (1 - 1 / tenants);
    return Math.max(0, owed) / Math.max(this.pace, EVEN_PART / tenants);
  }

  /** What a request of the tenant, which asks now, has taken. */
  take(tenant: string, milliseconds: number): void {
    const account = this.account(tenant);
    this.cost += (milliseconds - this.cost) * LAST_COST;
    account.cost += (milliseconds - account.cost) * LAST_COST;
    this.due += milliseconds / this.accounts.size;
    account.had = Math.min(account.had + milliseconds, this.due + BURST_MS + MOST_OWED_MS);
  }

  private account(tenant: string): Account {
    const now = this.now();
    this.goOn(now);
    let account = this.accounts.get(tenant);
    if (account === undefined) {
      if (this.accounts.size >= MOST_TENANTS && tenant !== OTHERS) return this.account(OTHERS);
      this.accounts.set(tenant, (account = { had: this.due, cost: this.cost, askedAt: now }));
    }
    account.askedAt = now;
    account.had = Math.max(account.had, this.due);
    return account;
  }

  private goOn(now: number): void {
    this.due += ((now - this.lookedAt) * EVEN_PART) / Math.max(1, this.accounts.size);
    this.lookedAt = now;
    const paced = now - this.pacedAt;
    if (paced > 0) {
      this.pace += ((this.due - this.pacedDue) / paced - this.pace) * (1 - Math.exp(-paced / PACE_MS));
      this.pacedDue = this.due;
      this.pacedAt = now;
    }
    if (now - this.forgotAt < ASKS_FOR_MS) return;
    this.forgotAt = now;
    for (const [tenant, { had, askedAt }] of this.accounts)
      if (now - askedAt >= ASKS_FOR_MS && had <= this.due) this.accounts.delete(tenant);
  }
}
