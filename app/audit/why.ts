/**
 * The causal query: from any receipt, request or task to everything that led to it and everything that followed, as a
 * tree. It reads the index of correlations and the streams themselves; the answer holds the hashes, so that each step
 * can be checked.
 */
import { type CausalChain, causalChain } from '../../domain/audit/causality';
import type { Commit } from '../../domain/kernel/commit';
import { Rejection } from '../../domain/kernel/decider';
import { commitRef, placeIn } from '../../domain/kernel/ids';
import type { CorrelationDoc } from '../../projections/audit/correlations';
import type { EventStore, ViewStore } from '../engine/ports';
import { Slices } from '../engine/turns';
import type { Views } from '../engine/views';

const PAGE = 200;
/**
 * Streams that many correlations share (an agent's, a trail's) are long, and nothing says where in them a correlation
 * ends. One is left after so many receipts in a row that don't belong to it; and after so many in all of an answer,
 * each is left after its first page without any.
 */
export const MAX_UNRELATED_IN_A_ROW = 2_000;
const MAX_UNRELATED = 20_000;
const MAX_UNSEARCHED_SHOWN = 100;

export class Why {
  constructor(
    private readonly store: EventStore,
    private readonly viewStore: ViewStore,
    private readonly views: Views,
    private readonly categories: () => readonly string[],
  ) {}

  /**
   * Rejects with the reason of `signal` when that has aborted.
   *
   * @param id a receipt (`stream@index`), a stream, the id of a task, or a correlation id
   */
  async chain(tenant: string, id: string, signal?: AbortSignal): Promise<CausalChain | Rejection> {
    const slices = new Slices(tenant, signal);
    const unsearched: string[] = [];
    const chain = await causalChain(
      {
        categories: this.categories(),
        receipt: (ref) => this.receipt(tenant, ref),
        members: (correlation) => this.members(tenant, correlation, unsearched, slices),
      },
      tenant,
      id,
    );
    if (chain === undefined)
      return new Rejection(
        'missing',
        'nothing-known',
        `nothing is known of ${id}: give a task's id, a receipt (stream@index) or a correlation id`,
      );
    return unsearched.length === 0
      ? chain
      : { ...chain, complete: false, unsearched: unsearched.slice(0, MAX_UNSEARCHED_SHOWN) };
  }

  /** The receipts of a correlation; where a stream was left before its end goes to `unsearched`. */
  private async *members(
    tenant: string,
    correlation: string,
    unsearched: string[],
    slices: Slices,
  ): AsyncGenerator<Commit> {
    let continuation: string | undefined;
    let unrelated = 0;
    do {
      const page = await this.viewStore.query<CorrelationDoc>(this.views.serving('correlations'), {
        tenant,
        key: correlation,
        limit: 1_000,
        continuation,
      });
      for (const { source, doc } of page.rows) {
        for (let next = doc.first, inARow = 0; ;) {
          const read = await this.store.read(source, next, PAGE);
          const own = read.filter(({ meta }) => meta.correlationId === correlation);
          yield* own;
          await slices.pause();
          unrelated += read.length - own.length;
          if (read.length < PAGE) break;
          next = (read.at(-1) as Commit).index + 1;
          inARow = own.length > 0 ? 0 : inARow + read.length;
          if (inARow < MAX_UNRELATED_IN_A_ROW && (inARow === 0 || unrelated < MAX_UNRELATED)) continue;
          unsearched.push(commitRef(source, next));
          break;
        }
      }
      continuation = page.continuation;
    } while (continuation !== undefined);
  }

  private async receipt(tenant: string, reference: string): Promise<Commit | undefined> {
    const place = placeIn(tenant, reference);
    if (place === undefined) return undefined;
    const [commit] = await this.store.read(place.stream, place.index, 1);
    return commit?.index === place.index ? commit : undefined;
  }
}
