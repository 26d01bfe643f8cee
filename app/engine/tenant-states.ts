/** States of an aggregate that has one stream a tenant, kept in memory for those who ask at every turn. */
import type { Event } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import type { Aggregate } from './aggregate';
import type { Transactor } from './transact';

/** Read when a tenant is first asked for, kept up to date by what is committed, here and elsewhere. */
export class TenantStates<S, E extends Event> {
  private readonly states = new Map<string, { readonly state: S; readonly version: number }>();
  private readonly reading = new Map<string, Promise<S>>();

  /**
   * @param id of the one stream that each tenant has
   * @param most tenants that are remembered: nobody fills the memory by asking for tenants that there are none of
   */
  constructor(
    private readonly aggregate: Aggregate<S, E>,
    private readonly id: string,
    transactor: Pick<Transactor, 'onCommitted'>,
    private readonly most = 10_000,
  ) {
    const { category } = aggregate.decider;
    transactor.onCommitted((committed) => {
      if (committed.category !== category) return;
      this.update(parseStream(committed.stream).tenant, committed.state as S, committed.version);
    });
  }

  /** The state, when it is in memory; else a promise of it, which rejects when the store can't be read. */
  of(tenant: string): S | Promise<S> {
    const known = this.states.get(tenant);
    return known === undefined ? this.read(tenant) : known.state;
  }

  /** The states that are in memory. */
  *known(): Generator<S> {
    for (const { state } of this.states.values()) yield state;
  }

  private read(tenant: string): Promise<S> {
    let reading = this.reading.get(tenant);
    if (reading === undefined) {
      reading = this.aggregate
        .current(tenant, this.id)
        .then(({ state, version }) => {
          this.update(tenant, state, version);
          return this.states.get(tenant)?.state ?? state;
        })
        .finally(() => this.reading.delete(tenant));
      this.reading.set(tenant, reading);
    }
    return reading;
  }

  /** Takes in what was read of a tenant elsewhere: a refusal tells more than this process had heard. */
  update(tenant: string, state: S, version: number): void {
    const before = this.states.get(tenant);
    if (before !== undefined && before.version >= version) return;
    this.states.delete(tenant);
    this.states.set(tenant, { state, version });
    const [oldest] = this.states.keys();
    if (this.states.size > this.most && oldest !== undefined) this.states.delete(oldest);
  }
}
