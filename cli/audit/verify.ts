import { audit, NOT_SHOWN } from '../../adapters/embedded/verification';
import { dataFolder, loadExport, openFolder, sizeOf } from '../log-file';
import {
  bad,
  type Bar,
  bar,
  bold,
  CALL,
  type Context,
  count,
  dim,
  good,
  print,
  printJson,
  UsageError,
} from '../terminal';

export interface VerifyInput {
  readonly data?: string;
  readonly export?: string;
}

/** Faults that are printed; --json has more. */
const MOST_PRINTED = 50;

/** Walks every chain of a data folder or an export, without a host. */
export async function verify(context: Context, input: VerifyInput): Promise<void> {
  if (input.data !== undefined && input.export !== undefined) throw new UsageError('give --data or --export, not both');
  const source = input.export ?? dataFolder(input.data);
  const started = performance.now();
  let progress: Bar | undefined;
  const log = input.export === undefined ? openFolder(source) : await load(input.export);
  try {
    const onProgress = (done: number, total: number) => {
      progress ??= bar('Verifying', total);
      progress.update(done);
    };
    const { streams, commits, faults, blobs, named } = audit(log, onProgress, CALL);
    progress?.stop();
    if (log.wasDisturbed())
      throw new UsageError(
        `a host began to write ${source} while it was read, so nothing can be said of it`,
        'Verify again: now that it runs, its writing does no harm.',
      );
    if (faults > 0) context.foundWrong();
    if (context.json)
      return printJson({ source, streams, commits, faults, blobs: blobs ?? null, named, not_shown: NOT_SHOWN });
    for (const { kind, message } of named.slice(0, MOST_PRINTED)) print(`${bad(kind.padEnd(10))}  ${message}`);
    if (faults > MOST_PRINTED) print(dim(`and ${faults - MOST_PRINTED} more`));
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    print(
      `${bold(source)}: ${count(streams, 'stream')}, ${count(commits, 'commit')}, ${blobs === undefined ? '' : `${count(blobs, 'blob')}, `}${faults === 0 ? good('no faults') : bad(count(faults, 'fault'))} ${dim(`(${seconds} s)`)}`,
    );
    print(
      faults === 0
        ? good('Every commit hashes to its receipt and names the one before it.')
        : bad('The log does NOT hold.'),
    );
    if (blobs === undefined)
      print(dim('An export has no blobs beside it: payloads that receipts name were not looked for.'));
    print(
      dim(
        `Hashes alone do not show:\n${NOT_SHOWN.map((line) => `  – ${line}`).join('\n')}\nA signed root over the heads of all streams would.`,
      ),
    );
  } finally {
    progress?.stop();
    log.close();
  }
}

async function load(file: string): ReturnType<typeof loadExport> {
  const progress = bar('Reading', sizeOf(file));
  try {
    return await loadExport(file, (bytes) => progress.update(bytes));
  } finally {
    progress.stop();
  }
}
