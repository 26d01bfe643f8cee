/**
 * The handle of one kind of aggregate: how its streams are named, loaded, decided upon and listed. A use case holds the
 * handle and says only what is its own: the decision.
 */
import type { Decider, Decision, Event } from '../../domain/kernel/decider';
import { streamsOf } from '../../domain/kernel/ids';
import type { Time } from '../../domain/kernel/time';
import { pagesOf, type Projection, readAll, sourcesOf, type ViewFilter } from '../../projections/projection';
import type { CommandContext, Outcome } from './command';
import type { ViewStore } from './ports';
import type { Loaded } from './streams';
import type { Transactor } from './transact';
import type { Views } from './views';

/** Values that fields of a row must have; a field without one may have any. */
export type Where = Readonly<Record<string, string | number | boolean | undefined>>;

/** What is asked of a view: all of its rows, or those under a key, or those whose fields have these values. */
export interface Filter extends Pick<ViewFilter, 'key'> {
  readonly where?: Where;
}

/** Documents of a view, in its order, and where to go on. */
export interface Page<D> {
  readonly docs: readonly D[];
  readonly continuation?: string;
}

/** Where an aggregate's rows stand. */
export interface Listing {
  readonly projection: Pick<Projection, 'name'>;
  readonly store: ViewStore;
  readonly views: Pick<Views, 'serving'>;
}

/** The filter without the fields that have no value. */
function given({ key, where = {} }: Filter): Pick<ViewFilter, 'key' | 'where'> {
  const values = Object.entries(where).filter(
    (field): field is [string, string | number | boolean] => field[1] !== undefined,
  );
  return { key, where: Object.fromEntries(values) };
}

export class Aggregate<S, E extends Event, D = unknown> {
  /** The name of the stream of one of them. */
  readonly name: (tenant: string, id: string) => string;

  constructor(
    readonly decider: Decider<S, E>,
    private readonly transactor: Pick<Transactor, 'transact' | 'load' | 'loadAt' | 'current'>,
    private readonly listing?: Listing,
  ) {
    this.name = streamsOf(decider);
  }

  /** As it is now, as far as this process knows; with `asOf`, as it was then. */
  load(tenant: string, id: string, asOf?: Time): Promise<Loaded<S>> {
    const stream = this.name(tenant, id);
    return asOf === undefined
      ? this.transactor.load(this.decider, stream)
      : this.transactor.loadAt(this.decider, stream, { asOf });
  }

  /** As it was after its commit `index`. */
  loadUpTo(tenant: string, id: string, index: number): Promise<Loaded<S>> {
    return this.transactor.loadAt(this.decider, this.name(tenant, id), { upTo: index });
  }

  /** As the store has it now: see `Streams.current`. */
  current(tenant: string, id: string): Promise<Loaded<S>> {
    return this.transactor.current(this.decider, this.name(tenant, id));
  }

  /** Decides on one of the caller's tenant, and appends what was decided: see `Transactor.transact`. */
  decide(
    context: Omit<CommandContext, 'action'>,
    id: string,
    action: string,
    decision: Decision<S, E>,
  ): Promise<Outcome<S, E>> {
    const stream = this.name(context.principal.tenant, id);
    return this.transactor.transact(this.decider, stream, decision, { ...context, action });
  }

  /** A page of the tenant's, as far as the view has come. */
  async list(tenant: string, filter: Filter, limit: number, continuation?: string): Promise<Page<D>> {
    const { store, view } = this.listedAt();
    const page = await store.query<D>(view, { ...given(filter), tenant, limit, continuation });
    return { docs: page.rows.map(({ doc }) => doc), continuation: page.continuation };
  }

  /** Every document of the tenant's; `complete` is false when there are more than are read for one question. */
  all(tenant: string, filter: Filter): Promise<{ readonly docs: readonly D[]; readonly complete: boolean }> {
    const { store, view } = this.listedAt();
    return readAll<D>(store, view, { ...given(filter), tenant });
  }

  /** The tenants that have any. */
  tenants(): Promise<readonly string[]> {
    const { store, view } = this.listedAt();
    return store.tenants(view);
  }

  /** The rows of all tenants, page by page, as far as the view has come. */
  pages(filter: Filter): ReturnType<typeof pagesOf<D>> {
    const { store, view } = this.listedAt();
    return pagesOf<D>(store, view, given(filter));
  }

  /** The streams of all tenants that have such a row, as far as the view has come. */
  sources(filter: Filter): AsyncGenerator<string> {
    const { store, view } = this.listedAt();
    return sourcesOf(store, view, given(filter));
  }

  /** Where the rows are read now: a rebuild changes the name. */
  listedAt(): { readonly store: ViewStore; readonly view: string } {
    if (this.listing === undefined) throw new Error(`no view lists streams of ${this.decider.category}`);
    const { store, views, projection } = this.listing;
    return { store, view: views.serving(projection.name) };
  }
}
