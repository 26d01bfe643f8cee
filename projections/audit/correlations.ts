/**
 * Which streams took part in what one cause set in motion: the index behind the causal query. A row per correlation
 * and stream, written once: where in that stream the correlation shows first.
 */
import type { Commit } from '../../domain/kernel/commit';
import { parseStream } from '../../domain/kernel/ids';
import type { ViewRowLike } from '../projection';

export interface CorrelationDoc {
  /** Index of the stream's first commit of this correlation. */
  readonly first: number;
}

export const correlations = {
  name: 'correlations',
  version: 1,
  fields: [] as readonly string[],
  written: 'once' as const,
  /** The row of a commit. The index is 0 always: the first one that is written stands. */
  row(commit: Commit): ViewRowLike<CorrelationDoc> {
    return {
      tenant: parseStream(commit.stream).tenant,
      key: commit.meta.correlationId,
      source: commit.stream,
      index: 0,
      doc: { first: commit.index },
    };
  },
};
