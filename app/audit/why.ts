/**
 * The causal query: from any receipt, request or task to everything that led to it and everything that followed, as a
 * tree. It reads the index of correlations and the streams themselves; the answer holds the hashes, so that each step
 * can be checked.
 */
import { CAUSAL_CATEGORIES, type CausalChain, causalTree, MAX_CHAIN } from '../../domain/audit/causality';
import type { Commit } from '../../domain/kernel/commit';
import { Rejection } from '../../domain/kernel/decider';
import { commitRef, parseCommitRef, streamName } from '../../domain/kernel/ids';
import type { CorrelationDoc } from '../../projections/audit/correlations';
import type { EventStore, ViewStore } from '../engine/ports';
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
  ) {}

  /** @param id a receipt (`stream@index`), a stream, the id of a task, or a correlation id */
  async chain(tenant: string, id: string): Promise<CausalChain | Rejection> {
    const correlations = await this.correlationsOf(tenant, id);
    if (correlations.length === 0)
      return new Rejection(
        'missing',
        'nothing-known',
        `nothing is known of ${id}: give a task's id, a receipt (stream@index) or a correlation id`,
      );
    const commits = new Map<string, Commit>();
    let complete = true;
    const take = (commit: Commit) => {
      if (commits.size >= MAX_CHAIN) complete = false;
      else commits.set(commitRef(commit.stream, commit.index), commit);
    };
    const unsearched: string[] = [];
    for (const correlation of correlations) {
      for await (const commit of this.members(tenant, correlation, unsearched)) {
        take(commit);
        if (!complete) break;
      }
    }
    // What led here may belong to another correlation, for example the signal that a task answers: follow it up.
    for (const commit of [...commits.values()]) {
      for (let cause = commit.meta.causationId; cause !== undefined && !commits.has(cause) && complete;) {
        const found = await this.receipt(tenant, cause);
        if (found === undefined) break;
        take(found);
        cause = found.meta.causationId;
      }
    }
    const left = unsearched.length === 0 ? {} : { unsearched: unsearched.slice(0, MAX_UNSEARCHED_SHOWN) };
    return {
      id,
      correlations,
      commits: commits.size,
      complete: complete && unsearched.length === 0,
      ...left,
      roots: causalTree(commits.values()),
    };
  }

  private async correlationsOf(tenant: string, id: string): Promise<string[]> {
    const place = parseCommitRef(id);
    if (place !== undefined) {
      const commit = await this.receipt(tenant, id);
      return commit === undefined ? [] : [commit.meta.correlationId];
    }
    const streams = id.startsWith(`${tenant}/`)
      ? [id]
      : CAUSAL_CATEGORIES.map((category) => streamName(tenant, category, id));
    for (const stream of streams) {
      const [first] = await this.store.read(stream, 0, 1);
      if (first !== undefined) return [first.meta.correlationId];
    }
    const page = await this.viewStore.query(this.views.serving('correlations'), { tenant, key: id, limit: 1 });
    return page.rows.length > 0 ? [id] : [];
  }

  /** The receipts of a correlation; where a stream was left before its end goes to `unsearched`. */
  private async *members(tenant: string, correlation: string, unsearched: string[]): AsyncGenerator<Commit> {
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
    const place = parseCommitRef(reference);
    if (place === undefined || !place.stream.startsWith(`${tenant}/`)) return undefined;
    const [commit] = await this.store.read(place.stream, place.index, 1);
    return commit?.index === place.index ? commit : undefined;
  }
}
