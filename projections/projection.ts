/**
 * What every read model is: a pure function from one stream's state to that stream's contribution, so that a view can
 * be healed from the stream and rebuilt beside the one that serves. Lists and searches combine contributions by query.
 */

/** Everything of a kind stands under one key: lists run in order of the stream's name. */
export const ALL = 'all';

/** One contribution to a view: what `source` (a stream) says under `key`; a null document says nothing any more. */
export interface ViewRowLike<D = unknown> {
  readonly tenant: string;
  readonly key: string;
  readonly source: string;
  /** Index of the commit of `source` that the document reflects. */
  readonly index: number;
  readonly doc: D | null;
}

export interface Projection<S = unknown, D = unknown> {
  /** For example `trails`. */
  readonly name: string;
  /** Version of the reducer; the view is called `${name}.v${version}`. */
  readonly version: number;
  /** Category of the streams that it reads. */
  readonly category: string;
  /** Fields that queries filter on; `x[]` for arrays. */
  readonly fields: readonly string[];
  /** Hardly any row is written again, and each is asked for by its key: see `ViewStore.declare`. */
  readonly written?: 'once';
  /**
   * Types of events that leave the contribution as it was: a commit of these alone writes no row. None when it is left
   * out.
   */
  readonly unchangedBy?: readonly string[];
  /**
   * The contribution of one stream: a pure function of its aggregate's state (so a view heals itself); undefined =
   * none.
   */
  row(
    place: { tenant: string; id: string; stream: string; version: number; at: string },
    state: S,
  ): ViewRowLike<D> | undefined;
}

/** Name of the view that a projection fills. */
export function viewName(projection: Pick<Projection, 'name' | 'version'>): string {
  return `${projection.name}.v${projection.version}`;
}

/** The part of a view store that a query needs. */
export interface ViewReader {
  query<D>(
    view: string,
    query: ViewFilter & { readonly limit: number; readonly continuation?: string },
  ): Promise<{
    readonly rows: readonly {
      readonly key: string;
      readonly source: string;
      readonly index: number;
      readonly doc: D;
    }[];
    readonly continuation?: string;
  }>;
}

export interface ViewFilter {
  readonly tenant: string;
  readonly key?: string;
  readonly keyPrefix?: string;
  readonly where?: Readonly<Record<string, string | number | boolean>>;
  readonly atLeast?: Readonly<Record<string, string | number>>;
}

/** Largest number of rows that one question reads. */
export const MAX_ROWS_READ = 10_000;
const PAGE = 1_000;

/**
 * The documents that a filter finds, in order of (key, source); `complete` is false when there are more than
 * `MAX_ROWS_READ`.
 */
export async function readAll<D>(
  views: ViewReader,
  view: string,
  filter: ViewFilter,
): Promise<{ docs: D[]; complete: boolean }> {
  const docs: D[] = [];
  let continuation: string | undefined;
  do {
    const page = await views.query<D>(view, {
      ...filter,
      limit: Math.min(PAGE, MAX_ROWS_READ - docs.length),
      continuation,
    });
    docs.push(...page.rows.map(({ doc }) => doc));
    continuation = page.continuation;
  } while (continuation !== undefined && docs.length < MAX_ROWS_READ);
  return { docs, complete: continuation === undefined };
}

/** The rows that a filter finds, of all tenants, page by page. */
export async function* pagesOf<D>(
  views: ViewReader & { tenants(view: string): Promise<readonly string[]> },
  view: string,
  filter: Omit<ViewFilter, 'tenant'>,
) {
  for (const tenant of await views.tenants(view)) {
    let continuation: string | undefined;
    do {
      const page = await views.query<D>(view, { ...filter, tenant, limit: PAGE, continuation });
      yield page.rows;
      continuation = page.continuation;
    } while (continuation !== undefined);
  }
}

/** The streams whose rows a filter finds, of all tenants, page by page. */
export async function* sourcesOf(...asked: Parameters<typeof pagesOf>): AsyncGenerator<string> {
  for await (const rows of pagesOf(...asked)) for (const { source } of rows) yield source;
}
