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

export interface CommandFindings {
  /** Acknowledged receipts that are not in the log, or are there with another hash: `stream@index: what`. */
  readonly lost: readonly string[];
  /** Commands that are in the log twice: `stream: who key`. */
  readonly doneTwice: readonly string[];
}

/** Follows every command through the receipts. */
export class CommandWatch {
  private readonly hashes = new Map<string, string>();
  private readonly commands = new Set<string>();
  private readonly doneTwice: string[] = [];

  see({ stream, index, hash, meta }: Commit): void {
    this.hashes.set(commitRef(stream, index), hash);
    if (meta.commandId === undefined) return;
    const command = `${stream}: ${meta.actor.id} ${meta.commandId}`;
    if (this.commands.has(command)) this.doneTwice.push(command);
    this.commands.add(command);
  }

  findings(acknowledged: readonly Acknowledged[]): CommandFindings {
    const lost = acknowledged.flatMap(({ stream, version, hash }) => {
      const ref = commitRef(stream, version);
      const stored = this.hashes.get(ref);
      if (stored === hash) return [];
      return [
        `${ref}: ${stored === undefined ? 'acknowledged, and not in the log' : 'in the log with another hash than was acknowledged'}`,
      ];
    });
    return { lost, doneTwice: this.doneTwice };
  }
}

/** Looks for agents that were declared lost, though none of those called so ever dies. */
export class LossWatch {
  /** Their receipts: `stream@index`. */
  readonly livingLost: string[] = [];

  constructor(private readonly names: readonly string[]) {}

  /** The same commits, looked at on their way. */
  *over(log: Iterable<Commit>): Generator<Commit> {
    for (const commit of log) {
      const { stream, index, events } = commit;
      const [, category, id = ''] = stream.split('/');
      const isOurs = category === 'agent' && this.names.some((name) => id.startsWith(name));
      if (isOurs && events.some(({ type }) => type === 'AgentLost')) this.livingLost.push(commitRef(stream, index));
      yield commit;
    }
  }
}

export interface CrashFindings extends CommandFindings {
  readonly acknowledged: number;
  readonly doubleAwards: readonly string[];
  /** Tasks that were acknowledged or are in the log, and did not end as completed. */
  readonly unfinished: readonly string[];
  readonly tasks: number;
}

/** @param log every commit, in the order of the log; read to its end */
export function examineCrash(log: Iterable<Commit>, acknowledged: readonly Acknowledged[]): CrashFindings {
  const commands = new CommandWatch();
  const tasks = new TaskWatch();
  for (const commit of log) {
    commands.see(commit);
    tasks.see(commit);
  }
  const expected = acknowledged
    .filter(({ stream }) => stream.includes('/task/'))
    .map(({ stream }) => stream.slice(stream.lastIndexOf('/') + 1));
  const { posted, lost, unfinished, awardedTwice } = tasks.findings(expected);
  return {
    acknowledged: acknowledged.length,
    ...commands.findings(acknowledged),
    doubleAwards: awardedTwice,
    unfinished: [...lost, ...unfinished],
    tasks: posted,
  };
}
