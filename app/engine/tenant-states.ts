/** States of an aggregate that are kept in memory for those who ask at every turn. */
import type { Event } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import type { Aggregate } from './aggregate';
import type { Transactor } from './transact';

/** Where the stream is that is asked for under a name, and under which name a stream is asked for. */
export interface Naming {
  readonly placeOf: (name: string) => { readonly tenant: string; readonly id: string };
  readonly nameOf: (place: { readonly tenant: string; readonly id: string }) => string;
}

/** Read when one is first asked for, kept up to date by what is committed, here and elsewhere. */
export class KeptStates<S, E extends Event> {
  private readonly states = new Map<string, { readonly state: S; readonly version: number }>();
  private readonly reading = new Map<string, Promise<S>>();

  /** @param most that are remembered: nobody fills the memory by asking for what there is not */
  constructor(
    private readonly aggregate: Aggregate<S, E>,
    private readonly naming: Naming,
    transactor: Pick<Transactor, 'onCommitted'>,
    private readonly most = 10_000,
  ) {
    const { category } = aggregate.decider;
    transactor.onCommitted((committed) => {
      if (committed.category !== category) return;
      this.update(naming.nameOf(parseStream(committed.stream)), committed.state as S, committed.version);
    });
  }

  /** The state, when it is in memory; else a promise of it, which rejects when the store can't be read. */
  of(name: string): S | Promise<S> {
    const known = this.states.get(name);
    return known === undefined ? this.read(name) : known.state;
  }

  /** The state, when it is in memory. */
  peek(name: string): S | undefined {
    return this.states.get(name)?.state;
  }

  /** The states that are in memory. */
  *known(): Generator<S> {
    for (const { state } of this.states.values()) yield state;
  }

  private read(name: string): Promise<S> {
    let reading = this.reading.get(name);
    if (reading === undefined) {
      const { tenant, id } = this.naming.placeOf(name);
      reading = this.aggregate
        .current(tenant, id)
        .then(({ state, version }) => {
          this.update(name, state, version);
          return this.states.get(name)?.state ?? state;
        })
        .finally(() => this.reading.delete(name));
      this.reading.set(name, reading);
    }
    return reading;
  }

  /** Takes in what was read elsewhere: a refusal tells more than this process had heard. */
  update(name: string, state: S, version: number): void {
    const before = this.states.get(name);
    if (before !== undefined && before.version >= version) return;
    this.states.delete(name);
    this.states.set(name, { state, version });
    const [oldest] = this.states.keys();
    if (this.states.size > this.most && oldest !== undefined) this.states.delete(oldest);
  }
}

/** Of an aggregate that has one stream a tenant, called `id`: asked for by the tenant. */
export class TenantStates<S, E extends Event> extends KeptStates<S, E> {
  constructor(aggregate: Aggregate<S, E>, id: string, transactor: Pick<Transactor, 'onCommitted'>, most?: number) {
    super(aggregate, { placeOf: (tenant) => ({ tenant, id }), nameOf: ({ tenant }) => tenant }, transactor, most);
  }
}
