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
const LEAST_SHARE = 0.2;
/** Who has not asked for so long, and owes nothing, asks no more. */
const ASKS_FOR_MS = 2_000;
/** Tenants with an account of their own; further ones share one, under the name of no tenant. */
const MOST_TENANTS = 10_000;
const OTHERS = '';

interface Account {
  /** Virtual time up to which it has had its share. */
  had: number;
  askedAt: number;
}

export class Shares {
  private readonly accounts = new Map<string, Account>();
  /** Virtual time: what each of those that ask was due so far. */
  private due = 0;
  private lookedAt: number;
  private forgotAt: number;

  /** @param now milliseconds that never go back */
  constructor(private readonly now: () => number) {
    this.lookedAt = this.forgotAt = now();
  }

  /** Tenants that ask. */
  get asking(): number {
    return this.accounts.size;
  }

  /** Whether the tenant, which asks now, has had more than its share. */
  isOver(tenant: string): boolean {
    return this.account(tenant).had > this.due + BURST_MS;
  }

  /** What a request of the tenant, which asks now, has taken. */
  take(tenant: string, milliseconds: number): void {
    const account = this.account(tenant);
    this.due += milliseconds / this.accounts.size;
    account.had = Math.min(account.had + milliseconds, this.due + BURST_MS + MOST_OWED_MS);
  }

  private account(tenant: string): Account {
    const now = this.now();
    this.goOn(now);
    let account = this.accounts.get(tenant);
    if (account === undefined) {
      if (this.accounts.size >= MOST_TENANTS && tenant !== OTHERS) return this.account(OTHERS);
      this.accounts.set(tenant, (account = { had: this.due, askedAt: now }));
    }
    account.askedAt = now;
    account.had = Math.max(account.had, this.due);
    return account;
  }

  private goOn(now: number): void {
    this.due += ((now - this.lookedAt) * LEAST_SHARE) / Math.max(1, this.accounts.size);
    this.lookedAt = now;
    if (now - this.forgotAt < ASKS_FOR_MS) return;
    this.forgotAt = now;
    for (const [tenant, { had, askedAt }] of this.accounts)
      if (now - askedAt >= ASKS_FOR_MS && had <= this.due) this.accounts.delete(tenant);
  }
}
