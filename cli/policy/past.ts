/** `formicary policy diff` and `explain`: decisions made again, against a host or from a data folder. */
import type { ReadOnlyLog } from '../../adapters/embedded/read-only-log';
import type { PolicyDiff, PolicyExplanation } from '../../client/policy';
import type { Commit } from '../../domain/kernel/commit';
import { stateOf } from '../../domain/kernel/fold';
import { noSuchReceipt, parseStream } from '../../domain/kernel/ids';
import type { PolicyBundle } from '../../domain/policy/asking';
import { explain as explanationOf, lastOf, PolicyReplay } from '../../domain/policy/replay';
import { ROLLOUT_STREAM, rolloutDecider } from '../../domain/policy/rollout';
import { dataFolder, openFolder } from '../log-file';
import {
  bad,
  bold,
  type Context,
  count,
  dim,
  fullRef,
  good,
  note,
  print,
  printJson,
  printTable,
  said,
  UsageError,
} from '../terminal';
import { bundleIn, keptIn } from './bundles';
import { nameOf, short } from './names';
import { printCompared } from './tables';

export interface DiffInput {
  readonly new: string;
  readonly last: number;
  readonly data?: string | boolean;
}

/** Shows what a bundle would have said otherwise of the last commands. */
export async function diff(context: Context, { new: typed, last, data }: DiffInput): Promise<void> {
  const { client, globals, json } = context;
  const answer =
    data === undefined
      ? await client.policy.diff(await nameOf(client, typed), last)
      : await diffIn(dataFolder(data), typed, last, globals.tenant);
  if (json) return printJson(answer);
  print(
    `${bold(short(answer.bundle))} against ${bold(short(answer.in_force))}, over ${count(answer.receipts, 'receipt')}:`,
  );
  printCompared(answer);
  const unknown = answer.receipts - answer.asked;
  if (unknown > 0)
    note(dim(`Of ${count(unknown, 'receipt')} nothing is kept of what was asked, so that could not be asked again.`));
  if (answer.left_out > 0)
    note(dim(`${count(answer.left_out, 'refusal')} left no receipt, since there were too many in a second.`));
}

async function diffIn(folder: string, typed: string, last: number, tenant: string | undefined): Promise<PolicyDiff> {
  const log = openFolder(folder);
  try {
    const commits = await lastOf(log.latest(last), last);
    const inForce = await inForceIn(log, folder, commits);
    const bundle = await bundleIn(typed, folder);
    const replay = new PolicyReplay(inForce, bundle);
    for (const commit of commits)
      if (tenant === undefined || parseStream(commit.stream).tenant === tenant) replay.next(commit);
    return { in_force: inForce.hash, bundle: bundle.hash, ...replay.result() };
  } finally {
    log.close();
  }
}

/** The bundle in force: the one that was activated last; while none was, the one that the last decision was made by. */
async function inForceIn(log: ReadOnlyLog, folder: string, commits: readonly Commit[]): Promise<PolicyBundle> {
  const { inForce } = stateOf(rolloutDecider, log.receipts(ROLLOUT_STREAM));
  const hash =
    inForce.at(-1)?.bundle ??
    commits.findLast(({ meta: { policy } }) => policy.entrypoint !== undefined)?.meta.policy.bundle;
  if (hash === undefined)
    throw new UsageError(
      `no receipt in ${folder} names a bundle`,
      'Nothing was decided by one: there is nothing to compare.',
    );
  return await bundleIn(hash, folder);
}

export interface ExplainInput {
  readonly receipt: string;
  readonly data?: string | boolean;
}

/** Makes the decision behind a receipt again; ends with 1 unless it agrees. */
export async function explain(context: Context, { receipt, data }: ExplainInput): Promise<void> {
  const { client, globals, json } = context;
  const ref = fullRef(globals.tenant, receipt);
  const found =
    data === undefined
      ? await client.policy.explain(ref)
      : await explanationIn(dataFolder(data), globals.tenant ?? 'default', ref);
  if (found.outcome !== 'agrees') context.foundWrong();
  if (json) return printJson(found);
  printExplanation(found);
}

async function explanationIn(folder: string, tenant: string, ref: string): Promise<PolicyExplanation> {
  const log = openFolder(folder);
  try {
    const commit = log.receipt(tenant, ref);
    if (commit === undefined)
      throw new UsageError(noSuchReceipt(ref), 'And name its tenant with --tenant, unless it is default.');
    return explanationOf(commit, await keptIn(folder, commit.meta.policy.bundle));
  } finally {
    log.close();
  }
}

function printExplanation({
  receipt,
  action,
  principal,
  at,
  stands,
  reasons,
  outcome,
  text,
  ...more
}: PolicyExplanation): void {
  const { request, again, revision } = more;
  print(`${bold(receipt)}: ${bold(said(action))} by ${said(principal)} at ${at}`);
  print(`${outcome === 'agrees' ? good('AGREES') : bad(outcome.toUpperCase())}  ${said(text)}`);
  print('');
  const rows: [string, string, string][] = [
    ['decision', stands.decision, again?.decision ?? '–'],
    ['rule', said(stands.entrypoint ?? '–'), said(again?.entrypoint ?? '–')],
    ['input', short(stands.input), again === undefined ? '–' : short(again.input)],
    ['reasons', said(reasons?.join('; ') ?? '–'), said(again?.reasons.join('; ') || '–')],
    ['obligations', '–', again?.obligations === undefined ? '–' : said(JSON.stringify(again.obligations))],
  ];
  printTable(['', 'ON THE RECEIPT', 'SAID AGAIN'], rows);
  print(dim(`\nBundle ${stands.bundle}${revision === undefined ? '' : `, ${said(revision)}`}`));
  if (request !== undefined) print(dim(`Asked: ${said(JSON.stringify(request))}`));
}
