/** `formicary report`: how a colony worked; or what a tenant's receipts of a period say, for auditors. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { BackupRefused, whole } from '../../adapters/embedded/backup';
import { type EntriesLine, type LogLine, ReadOnlyLog } from '../../adapters/embedded/read-only-log';
import { audit } from '../../adapters/embedded/verification';
import { isTenant } from '../../domain/kernel/ids';
import { interruptible } from '../interrupt';
import { dataFolder, exportLines, sizeOf } from '../log-file';
import { putFile } from '../put-file';
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
import { performance, type PerformanceInput } from './performance';
import type { ReportKind } from './performance-period';
import {
  PAGE_FILE,
  type Place,
  type Report,
  TABLE_FILE,
  type Verified,
  type Wanted,
  writeReport,
} from './report-files';
import { pinnedOf } from './verify';

export interface ReportInput extends PerformanceInput {
  readonly kind: ReportKind;
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

/** What an auditor's report alone has a use for, by its option. */
const OF_COMPLIANCE = {
  out: '--out',
  data: '--data',
  export: '--export',
  key: '--key',
  checkpoint: '--checkpoint',
  withPayloads: '--with-payloads',
} as const;

/** Writes the report of a kind. */
export async function report(context: Context, { kind, ...input }: ReportInput): Promise<void> {
  if (kind === 'compliance') return await compliance(context, input);
  for (const [name, option] of Object.entries(OF_COMPLIANCE))
    if (input[name as keyof typeof OF_COMPLIANCE] !== undefined)
      throw new UsageError(
        `${option} is for reports of compliance: ${kind} is read from a host`,
        'Give --html FILE, --csv FILE or --json.',
      );
  return await performance(context, kind, input);
}

/** Writes the report of a period into a folder, which appears whole or not at all; or its page and its table alone. */
async function compliance(context: Context, input: Omit<ReportInput, 'kind'>): Promise<void> {
  const { tenant = 'default' } = context.globals;
  if (input.from === undefined)
    throw new UsageError('a report of compliance is of a period', 'Give its first time with --from.');
  if (input.zone !== undefined)
    throw new UsageError('--zone is for daily and weekly', 'Give the period with --from and --to.');
  const files = { html: input.html, csv: input.csv };
  if (input.out !== undefined && (files.html ?? files.csv) !== undefined)
    throw new UsageError('--out makes a folder with the page and the table: leave out --html and --csv');
  if (!isTenant(tenant)) throw new UsageError(`${tenant} is no name of a tenant`);
  const now = new Date().toISOString();
  const period = { from: timeOf(input.from, -1), to: input.to === undefined ? now : timeOf(input.to, -1) };
  if (period.from >= period.to) throw new UsageError(`${period.from} is not before ${period.to}`);
  const out = resolve(input.out ?? `report-${tenant}-${period.from.slice(0, 10)}-${period.to.slice(0, 10)}`);
  const pinned = pinnedOf(input);

  const log = await ReadOnlyLog.load(ofTenant(tenant, linesOf(context, tenant, input)));
  try {
    if (log.isEmpty) throw new UsageError(`there is no receipt of the tenant ${tenant}`);
    const { faults, named: found } = withBar('Verifying', (progress) => audit(log, progress, CALL, pinned));
    const verified: Verified = {
      faults,
      named: found.slice(0, MOST_NAMED),
      key: pinned?.keys.keys.map(({ name, id }) => `${name}+${id}`).join(', '),
      kept: pinned?.kept.length ?? 0,
    };
    const wanted: Wanted = { tenant, ...period, verified, withPayloads: input.withPayloads === true };
    const make = (place: Place) => writeReport(log, wanted, place);
    if ((files.html ?? files.csv) === undefined) tell(context, out, await written(out, make), period.to > now);
    else tell(context, named(files), await copied(files, make), period.to > now);
  } finally {
    log.close();
  }
}

function linesOf(
  context: Context,
  tenant: string,
  { data, export: file }: Pick<ReportInput, 'data' | 'export'>,
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

const INTERRUPTED = 'interrupted: no report was written';

/** Makes the folder, unless the one who waits has had enough meanwhile. */
async function written<T>(out: string, make: (place: Place) => Promise<T>): Promise<T> {
  try {
    return await interruptible(INTERRUPTED, (signal) => whole(out, (folder) => make({ folder, signal })));
  } catch (error) {
    throw error instanceof BackupRefused ? new UsageError(error.message) : error;
  }
}

/** The page and the table, wherever they are to be. */
interface Files {
  readonly html?: string;
  readonly csv?: string;
}

/** Makes the report in a passing folder, and takes out of it what is asked for. */
async function copied<T>({ html, csv }: Files, make: (place: Place) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'formicary-report-'));
  try {
    const made = await interruptible(INTERRUPTED, (signal) => make({ folder, signal }));
    if (html !== undefined) putFile(resolve(html), readFileSync(join(folder, PAGE_FILE)));
    if (csv !== undefined) putFile(resolve(csv), readFileSync(join(folder, TABLE_FILE)));
    return made;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function named({ html, csv }: Files): string {
  return [html, csv].filter((file) => file !== undefined).join(' and ');
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
