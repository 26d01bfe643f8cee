/** What a crash test has found: what was acknowledged against what is in the log. */
import type { Commit } from '../domain/kernel/commit';
import { commitRef } from '../domain/kernel/ids';
import { TaskWatch } from '../samples/demo/metrics';

/** The receipt of a command that was answered. */
export interface Acknowledged {
  readonly stream: string;
  readonly version: number;
  readonly hash: string;
}

export interface CrashFindings {
  readonly acknowledged: number;
  /** Acknowledged receipts that are not in the log, or are there with another hash: `stream@index: what`. */
  readonly lost: readonly string[];
  /** Commands that are in the log twice: `stream: who key`. */
  readonly doneTwice: readonly string[];
  readonly doubleAwards: readonly string[];
  /** Tasks that were acknowledged or are in the log, and did not end as completed. */
  readonly unfinished: readonly string[];
  readonly tasks: number;
}

/** @param log every commit, in the order of the log; read to its end */
export function examineCrash(log: Iterable<Commit>, acknowledged: readonly Acknowledged[]): CrashFindings {
  const hashes = new Map<string, string>();
  const commands = new Set<string>();
  const doneTwice: string[] = [];
  const tasks = new TaskWatch();
  for (const commit of log) {
    const { stream, index, hash, meta } = commit;
    hashes.set(commitRef(stream, index), hash);
    tasks.see(commit);
    if (meta.commandId === undefined) continue;
    const command = `${stream}: ${meta.actor.id} ${meta.commandId}`;
    if (commands.has(command)) doneTwice.push(command);
    commands.add(command);
  }
  const lost = acknowledged.flatMap(({ stream, version, hash }) => {
    const ref = commitRef(stream, version);
    const stored = hashes.get(ref);
    if (stored === hash) return [];
    return [`${ref}: ${stored === undefined ? 'acknowledged, and not in the log' : 'in the log with another hash than was acknowledged'}`];
  });
  const expected = acknowledged.filter(({ stream }) => stream.includes('/task/')).map(({ stream }) => stream.slice(stream.lastIndexOf('/') + 1));
  const { posted, lost: unfinished, awardedTwice } = tasks.findings(expected);
  return { acknowledged: acknowledged.length, lost, doneTwice, doubleAwards: awardedTwice, unfinished, tasks: posted };
}
