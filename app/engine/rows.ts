/** Filling something in memory from a view. */
import { AlteredReceipt } from '../../domain/kernel/commit';
import type { Event } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import type { Aggregate, Filter } from './aggregate';
import type { Report } from './ports';
import { isStoreTrouble } from './reachable';
import { Slices, soon } from './turns';

/** Streams that are read at once. */
const AT_ONCE = 32;

/** A stream that has a row in a view. */
export interface RowPlace {
  readonly stream: string;
  readonly tenant: string;
  readonly id: string;
  /** Index of the commit that the row reflects. */
  readonly index: number;
}

/**
 * Visits the streams of all tenants that have such a row, several at once. What was altered is reported, and left. What
 * else goes wrong with one keeps none of the others from being visited: in the end the first such failure is thrown; at
 * once when the store can't be read, and the reason of `signal` when that has aborted.
 */
export async function eachRow<S, E extends Event, D>(
  aggregate: Aggregate<S, E, D>,
  filter: Filter,
  visit: (place: RowPlace) => Promise<void>,
  { report, signal }: { readonly report: Report; readonly signal?: AbortSignal },
): Promise<void> {
  const slices = new Slices(soon);
  const failures: unknown[] = [];
  for await (const rows of aggregate.pages(filter)) {
    for (let i = 0; i < rows.length; i += AT_ONCE) {
      await Promise.all(
        rows.slice(i, i + AT_ONCE).map(({ source, index }) => {
          const { tenant, id } = parseStream(source);
          return visit({ stream: source, tenant, id, index }).catch((error: unknown) => {
            if (isStoreTrouble(error)) throw error;
            if (error instanceof AlteredReceipt)
              report('a stream is neither read nor written', { error: error.message });
            else failures.push(error);
          });
        }),
      );
      signal?.throwIfAborted();
      await slices.pause();
    }
  }
  if (failures.length > 0) throw failures[0];
}
