import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LogAudit, Pinned } from '../../adapters/embedded/log-verification';
import { audit, NOT_SHOWN, NOT_SHOWN_SIGNED } from '../../adapters/embedded/verification';
import { CHECKPOINT_FILE } from '../../domain/audit/log';
import type { ShownNote } from '../../domain/audit/log-verifier';
import { parseVerifierKeys } from '../../domain/kernel/note';
import { dataFolder, loadExport, openFolder, sizeOf } from '../log-file';
import {
  bad,
  type Bar,
  bar,
  bold,
  CALL,
  call,
  type Context,
  count,
  dim,
  good,
  print,
  printJson,
  UsageError,
} from '../terminal';
import { verifyReport } from './verify-report';

export interface VerifyInput {
  readonly data?: string;
  readonly export?: string;
  /** The same, as an argument. */
  readonly file?: string;
  /** A report instead: its folder, or its entries. */
  readonly report?: string;
  /** A verifier key, or a file that holds one, or several of one log, a line each. */
  readonly key?: string;
  /** Files with checkpoints that were kept. */
  readonly checkpoint?: readonly string[];
  /** A folder with a folder of checkpoints for each tenant. */
  readonly anchor?: string;
}

/** Faults that are printed; --json has more. */
const MOST_PRINTED = 50;

/** Walks every chain of a data folder or an export, and with a key its signed log, without a host. */
export async function verify(context: Context, input: VerifyInput): Promise<void> {
  const file = input.export ?? input.file;
  if ([input.data, input.export, input.file, input.report].filter((given) => given !== undefined).length > 1)
    throw new UsageError('give an export, --data or --report, and one of it');
  const pinned = pinnedOf(input);
  if (input.report !== undefined) return await verifyReport(context, input.report, pinned);
  const source = file ?? dataFolder(input.data);
  const started = performance.now();
  let progress: Bar | undefined;
  const log = file === undefined ? openFolder(source) : await load(file);
  try {
    const onProgress = (done: number, total: number) => {
      progress ??= bar('Verifying', total);
      progress.update(done);
    };
    if (pinned !== undefined) await log.takeEntries();
    const { streams, commits, faults, blobs, named, log: signed } = audit(log, onProgress, CALL, pinned);
    const notShown = pinned === undefined ? NOT_SHOWN : NOT_SHOWN_SIGNED;
    progress?.stop();
    if (log.wasDisturbed())
      throw new UsageError(
        `a host began to write ${source} while it was read, so nothing can be said of it`,
        'Verify again: now that it runs, its writing does no harm.',
      );
    if (faults > 0) context.foundWrong();
    if (context.json)
      return printJson({
        source,
        streams,
        commits,
        faults,
        blobs: blobs ?? null,
        log: signed,
        named,
        not_shown: notShown,
      });
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
    if (signed !== undefined) printSigned(signed, faults === 0);
    if (blobs === undefined)
      print(dim('An export has no blobs beside it: payloads that receipts name were not looked for.'));
    const lines = notShown.map((line) => `  – ${line}`).join('\n');
    print(
      dim(
        pinned === undefined
          ? `Hashes alone do not show:\n${lines}\nThe signed log does: give its key with --key.`
          : `The signed log does not show:\n${lines}`,
      ),
    );
  } finally {
    progress?.stop();
    log.close();
  }
}

/** The key and the checkpoints that the verifier brings along. Throws `UsageError`. */
export function pinnedOf({
  key,
  checkpoint = [],
  anchor,
}: Pick<VerifyInput, 'key' | 'checkpoint' | 'anchor'>): Pinned | undefined {
  if (key === undefined) {
    if (checkpoint.length > 0 || anchor !== undefined)
      throw new UsageError('--checkpoint and --anchor need --key: nothing is believed without it');
    return undefined;
  }
  const parsed = parseVerifierKeys(key.includes('+') ? key : readGiven(key));
  if ('fault' in parsed)
    throw new UsageError(`the key ${parsed.fault}`, `\`${call()} checkpoint --keys\` shows the keys of a host.`);
  const kept = checkpoint.map((file) => ({ from: file, note: readGiven(file) }));
  return { keys: parsed, kept: anchor === undefined ? kept : [...kept, ...anchored(anchor, parsed.name)] };
}

/** All checkpoints of a log that an anchor has kept; the log's name ends with its tenant. */
function anchored(folder: string, log: string): ShownNote[] {
  const place = join(folder, log.slice(log.lastIndexOf('/') + 1));
  let names: string[];
  try {
    names = readdirSync(place).filter((name) => name.endsWith(CHECKPOINT_FILE));
  } catch (error) {
    throw new UsageError(`${place} can't be read: ${(error as Error).message}`);
  }
  if (names.length === 0) throw new UsageError(`${place} holds no checkpoint`, 'Is it the anchor of this log?');
  return names.sort().map((name) => ({ from: join(place, name), note: readGiven(join(place, name)) }));
}

function readGiven(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} can't be read: ${(error as Error).message}`);
  }
}

/** Other tenants whose names are printed; --json has all. */
const MOST_TENANTS = 5;

function printSigned({ origin, entries, checkpoints, covered, newer, others }: LogAudit, holds: boolean): void {
  print(
    `${bold(origin)}: ${count(checkpoints, 'checkpoint')}, ${count(entries, 'leaf', 'leaves')}, ${count(covered, 'receipt')} as logged${newer === 0 ? '' : `, ${newer} newer than the log`}`,
  );
  const which = others.length === 0 ? 'these receipts' : `the ${count(covered, 'receipt')} of its tenant`;
  print(holds ? good(`The log is signed by the key, and holds ${which}.`) : bad('The log does not vouch for it.'));
  if (others.length === 0) return;
  const names = others.slice(0, MOST_TENANTS).map(({ tenant }) => tenant);
  const more = others.length > names.length ? ` and ${others.length - names.length} more` : '';
  const receipts = others.reduce((sum, other) => sum + other.receipts, 0);
  print(
    bad(
      `NOT covered by this key: ${count(receipts, 'receipt')} of other tenants (${names.join(', ')}${more}). Verify each with the key of its own log.`,
    ),
  );
}

async function load(file: string): ReturnType<typeof loadExport> {
  const progress = bar('Reading', sizeOf(file));
  try {
    return await loadExport(file, (bytes) => progress.update(bytes));
  } finally {
    progress.stop();
  }
}
