/** `formicary report`: what a tenant's receipts of a period say, for auditors. */
import { resolve } from 'node:path';
import { BackupRefused, whole } from '../../adapters/embedded/backup';
import { type EntriesLine, type LogLine, ReadOnlyLog } from '../../adapters/embedded/read-only-log';
import { audit } from '../../adapters/embedded/verification';
import { isTenant } from '../../domain/kernel/ids';
import { dataFolder, exportLines, sizeOf } from '../log-file';
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
  note,
  print,
  printJson,
  timeOf,
  UsageError,
} from '../terminal';
import { folderLines, hostLines } from './export-lines';
import { type Place, type Report, type Verified, writeReport } from './report-files';
import { pinnedOf } from './verify';

export interface ReportInput {
  readonly from: string;
  readonly to?: string;
  /** The folder that is made. */
  readonly out?: string;
  readonly data?: string | boolean;
  readonly export?: string;
  readonly key?: string;
  readonly checkpoint?: readonly string[];
  /** Each entry with the bytes of its receipt. */
  readonly withPayloads?: boolean;
}

const MOST_NAMED = 50;

/** Writes the report of a period into a folder, which appears whole or not at all. */
export async function report(context: Context, input: ReportInput): Promise<void> {
  const { tenant = 'default' } = context.globals;
  if (!isTenant(tenant)) throw new UsageError(`${tenant} is no name of a tenant`);
  const now = new Date().toISOString();
  const period = { from: timeOf(input.from, -1), to: input.to === undefined ? now : timeOf(input.to, -1) };
  if (period.from >= period.to) throw new UsageError(`${period.from} is not before ${period.to}`);
  const out = resolve(input.out ?? `report-${tenant}-${period.from.slice(0, 10)}-${period.to.slice(0, 10)}`);
  const pinned = pinnedOf(input);

  const log = await ReadOnlyLog.load(ofTenant(tenant, linesOf(context, tenant, input)));
  try {
    if (log.isEmpty) throw new UsageError(`there is no receipt of the tenant ${tenant}`);
    const { faults, named } = withBar('Verifying', (progress) => audit(log, progress, CALL, pinned));
    const verified: Verified = {
      faults,
      named: named.slice(0, MOST_NAMED),
      key: pinned?.keys.keys.map(({ name, id }) => `${name}+${id}`).join(', '),
      kept: pinned?.kept.length ?? 0,
    };
    const made = await written(out, (place) =>
      writeReport(log, { tenant, ...period, verified, withPayloads: input.withPayloads === true }, place),
    );
    tell(context, out, made, period.to > now);
  } finally {
    log.close();
  }
}

function linesOf(
  context: Context,
  tenant: string,
  { data, export: file }: ReportInput,
): AsyncGenerator<LogLine | EntriesLine> {
  if (file !== undefined) {
    const progress = bar('Reading', sizeOf(file));
    return ending(
      exportLines(file, (bytes) => progress.update(bytes)),
      progress,
    );
  }
  return data === undefined ? hostLines(context) : folderLines(dataFolder(data), tenant, () => undefined);
}

async function* ending<T>(lines: AsyncIterable<T>, progress: Bar): AsyncGenerator<T> {
  try {
    yield* lines;
  } finally {
    progress.stop();
  }
}

/** An export may hold several tenants: what is told of one says nothing of the others. */
async function* ofTenant(
  tenant: string,
  lines: AsyncIterable<LogLine | EntriesLine>,
): AsyncGenerator<LogLine | EntriesLine> {
  for await (const line of lines) if ('log' in line || line.stream.startsWith(`${tenant}/`)) yield line;
}

function withBar<T>(label: string, work: (progress: (done: number, total: number) => void) => T): T {
  let progress: Bar | undefined;
  try {
    return work((done, total) => (progress ??= bar(label, total)).update(done));
  } finally {
    progress?.stop();
  }
}

// --------------------------------------------------------------------------------------------------------- writing

/** Makes the folder, unless the one who waits has had enough meanwhile. */
async function written<T>(out: string, make: (place: Place) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onSignal = () => stop.abort(new UsageError('interrupted: no report was written'));
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const name of signals) process.once(name, onSignal);
  try {
    return await whole(out, (folder) => make({ folder, signal: stop.signal }));
  } catch (error) {
    throw error instanceof BackupRefused ? new UsageError(error.message) : error;
  } finally {
    for (const name of signals) process.off(name, onSignal);
  }
}

// --------------------------------------------------------------------------------------------------------- telling

function tell(context: Context, out: string, made: Report, goesOn: boolean): void {
  const { tenant, from, to, figures, proven, unreadable, verified, checkpoint } = made;
  const { faults, named, key } = verified;
  if (faults > 0) context.foundWrong();
  if (goesOn) note(dim(`The period is not over: until ${to} more may come.`));
  const { receipts } = figures;
  if (context.json)
    return printJson({
      ...{ folder: out, tenant, from, to, receipts, proven, unreadable, faults, named },
      checkpoint: checkpoint === undefined ? null : { origin: checkpoint.origin, size: checkpoint.size },
    });
  print(
    `${bold(out)}: ${count(receipts, 'receipt')} of ${tenant} from ${from} until before ${to}, ${proven.toLocaleString('en')} with a proof`,
  );
  for (const { kind, message } of named) print(`${bad(kind.padEnd(10))}  ${message}`);
  print(
    faults > 0
      ? bad('The log does NOT hold; the report says so.')
      : good(key === undefined ? 'Every chain holds.' : 'Every chain holds, and the log is signed by the key.'),
  );
  if (proven < receipts) note(dim(`What has no proof is in no checkpoint yet: \`${call()} checkpoint\` makes one.`));
}
