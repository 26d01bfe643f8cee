/** The lines of an export: the entries of the signed logs, then the receipts; from a host, or from a data folder. */
import type { EntriesLine, LogLine } from '../../adapters/embedded/read-only-log';
import { canonicalize } from '../../domain/kernel/commit';
import { openFolder } from '../log-file';
import { type Context, UsageError } from '../terminal';

/** Lines that are handed on, and receipts that are asked for, together. */
export const LINES_AT_ONCE = 500;

/** The receipts of the tenant as the host gives them; their canonical form is made again. */
export async function* hostLines({ client }: Pick<Context, 'client'>): AsyncGenerator<LogLine | EntriesLine> {
  // Before the receipts: what is logged meanwhile would be missing among those that were read before.
  yield* client.checkpoints.entries();
  for await (const { hash, ...unsealed } of client.receipts.all({ limit: LINES_AT_ONCE }))
    yield { stream: unsealed.stream, index: unsealed.index, hash, body: canonicalize(unsealed) };
}

/**
 * The bytes as they are stored: of one tenant, or of all; and the entries of their signed logs. Throws `UsageError`.
 * @param begin hears how many places the log has
 */
export async function* folderLines(
  folder: string,
  tenant: string | undefined,
  begin: (total: number) => void,
): AsyncGenerator<LogLine | EntriesLine> {
  const log = openFolder(folder);
  try {
    begin(log.places);
    // Before the receipts, for the same reason.
    yield* log.entries(tenant);
    yield* log.lines(tenant);
    if (log.wasDisturbed())
      throw new UsageError(
        `a host began to write ${folder} while it was read: the export is not to be trusted`,
        'Export again: now that it runs, its writing does no harm.',
      );
  } finally {
    log.close();
  }
}
