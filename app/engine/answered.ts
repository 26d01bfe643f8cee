/**
 * Commands that come again. What a principal asked of a stream under an Idempotency-Key is remembered with the commit
 * that answers it: the same again gets that answer, another request under the key is refused for `KEY_WINDOW_MS`.
 */
import { canonicalize, commandName, type Commit, type SealedCommit, sha256 } from '../../domain/kernel/commit';
import { type Event, Rejection } from '../../domain/kernel/decider';
import { commitRef } from '../../domain/kernel/ids';
import { toMillis } from '../../domain/kernel/time';
import type { Accepted, CommandContext, Keyed, Outcome } from './command';
import { type Clock, KEY_WINDOW_MS } from './ports';
import { StoreUnavailable } from './reachable';
import type { AnyDecider, Streams } from './streams';

/** The refusal of a key that came before with another request. */
export const KEY_REUSED = new Rejection(
  'invalid',
  'idempotency-key-reused',
  'this Idempotency-Key came before with another request: use a new key for a new request',
);

/** A command that waits for its turn. */
interface Asked {
  readonly context: CommandContext;
}

/** The commits that answer commands of a batch that came before. */
export type Answers<P extends Asked> = ReadonlyMap<P, Commit>;

/** The hash under which a command's body is remembered. */
export function commandHash(body: unknown): string {
  return sha256(canonicalize(body ?? null));
}

export class Answered {
  constructor(
    private readonly streams: Pick<Streams, 'answered' | 'commit' | 'loadAt'>,
    private readonly clock: Clock,
  ) {}

  /**
   * The commits of the stream that answer commands of the batch that came before; `'stale'` when one lies beyond
   * `version`.
   */
  async find<P extends Asked>(stream: string, batch: readonly P[], version: number): Promise<Answers<P> | 'stale'> {
    const keyed = version < 0 ? [] : batch.filter(({ context }) => context.command !== undefined);
    const answers = new Map<P, Commit>();
    if (keyed.length === 0) return answers;
    const found = keyed.map(async (asked) => {
      const { principal, command } = asked.context as CommandContext & { command: Keyed };
      const index = await this.streams.answered(stream, commandName(principal.id, command.key), version);
      if (index === undefined || index > version) return index !== undefined;
      const commit = await this.streams.commit(stream, index);
      if (commit === undefined)
        throw new StoreUnavailable(`${commitRef(stream, index)} can't be read: try again later`);
      // What came with another request is forgotten after the window.
      if (commit.meta.commandHash === command.hash || toMillis(commit.at) + KEY_WINDOW_MS > this.clock.now())
        answers.set(asked, commit);
      return false;
    });
    return (await Promise.all(found)).includes(true) ? 'stale' : answers;
  }

  /**
   * What a command gets that `commit` has answered before: its receipt and the state as it was then, or `KEY_REUSED`.
   * `outcomes` are those of the batch so far, of which one may be of that very commit.
   */
  async again(
    { stream, decider }: { readonly stream: string; readonly decider: AnyDecider },
    commit: Commit,
    command: Keyed | undefined,
    outcomes: readonly (Outcome<unknown, Event> | Error)[],
  ): Promise<Outcome<unknown, Event>> {
    if (commit.meta.commandHash !== command?.hash) return { ok: false, rejection: KEY_REUSED };
    const first = outcomes.find((other) => !(other instanceof Error) && other.ok && other.commit === commit) as
      Accepted<unknown, Event> | undefined;
    if (first !== undefined) return { ...first, repeated: true };
    const then = await this.streams.loadAt(decider, stream, { upTo: commit.index });
    return { ok: true, ...then, events: commit.events, commit, repeated: true };
  }
}

/** The commit of the batch that answers the command, when an earlier one of the batch was the same. */
export function inBatch(sealed: readonly SealedCommit[], { principal, command }: CommandContext): Commit | undefined {
  if (command === undefined) return undefined;
  return sealed.find(({ commit: { meta } }) => meta.commandId === command.key && meta.actor.id === principal.id)
    ?.commit;
}
