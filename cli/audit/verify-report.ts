/** `formicary verify --report`: the entries of a report, held against a key. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Pinned } from '../../adapters/embedded/log-verification';
import { type EntriesHead, REPORT_FORMAT, type ReportFault, ReportVerifier } from '../../domain/audit/report-verifier';
import { JsonError, readJson } from '../../domain/kernel/json';
import { textLines } from '../log-file';
import { bad, bold, call, type Context, count, dim, good, print, printJson, UsageError } from '../terminal';
import { ENTRIES_FILE } from './report-files';

const MOST_PRINTED = 50;
const NOT_SHOWN =
  'A report does not show that no receipt of the period was left out of it: verify an export for that. Nor what the log held later.';

/** Verifies a report: its folder, or the file with its entries. */
export async function verifyReport(context: Context, given: string, pinned: Pinned | undefined): Promise<void> {
  if (pinned === undefined || pinned.kept.length > 0)
    throw new UsageError('--report needs --key, and goes without --checkpoint', 'An export is held against those.');
  if (!existsSync(given)) throw new UsageError(`there is no file ${given}`, `Make one with \`${call()} report\`.`);
  const file = statSync(given).isDirectory() ? join(given, ENTRIES_FILE) : given;
  let verifier: ReportVerifier | undefined;
  let lines = 0;
  const named: ReportFault[] = [];
  let faults = 0;
  const add = (found: readonly ReportFault[]) => {
    faults += found.length;
    named.push(...found.slice(0, MOST_PRINTED - named.length));
  };
  for await (const text of textLines(file)) {
    if (text === '') continue;
    const value = parsed(text, file);
    if (verifier === undefined) verifier = new ReportVerifier(headOf(value, file), pinned.keys);
    else {
      lines += 1;
      add(verifier.next(value));
    }
  }
  if (verifier === undefined) throw noReport(file);
  add(verifier.finish(lines));
  if (faults > 0) context.foundWrong();
  const { proven, unproven, bare } = verifier;
  if (context.json) return printJson({ source: file, entries: lines, proven, unproven, bare, faults, named });
  for (const { kind, message } of named) print(`${bad(kind.padEnd(10))}  ${message}`);
  if (faults > named.length) print(dim(`and ${faults - named.length} more`));
  print(
    `${bold(file)}: ${count(lines, 'entry', 'entries')}, ${proven.toLocaleString('en')} in the log that the key has signed${unproven === 0 ? '' : `, ${unproven.toLocaleString('en')} without a proof`}, ${verdict(faults, bare)}`,
  );
  if (bare > 0) printBare(bare);
  print(dim(NOT_SHOWN));
}

function verdict(faults: number, bare: number): string {
  if (faults > 0) return bad(count(faults, 'fault'));
  return bare > 0 ? 'no faults in their hashes' : good('no faults');
}

function printBare(bare: number): void {
  print(
    bad(
      `NOT proven: what ${count(bare, 'entry says', 'entries say')} of who, what and when. They come without their receipts, so only their hashes are held against the log.`,
    ),
  );
  print(dim(`Ask for a report that was made with \`${call()} report --with-payloads\`, or for the export.`));
}

function headOf(value: unknown, file: string): EntriesHead {
  const { format, tenant, from, to, checkpoint } = (value ?? {}) as Partial<EntriesHead>;
  const texts = [tenant, from, to, ...(checkpoint === null ? [] : [checkpoint?.note])];
  if (format !== REPORT_FORMAT || texts.some((text) => typeof text !== 'string')) throw noReport(file);
  return value as EntriesHead;
}

function parsed(text: string, file: string): unknown {
  try {
    return readJson(text);
  } catch (error) {
    throw error instanceof JsonError ? noReport(file) : error;
  }
}

function noReport(file: string): UsageError {
  return new UsageError(
    `${file} holds no entries of a report`,
    `\`${call()} report\` makes a folder with ${ENTRIES_FILE}.`,
  );
}
