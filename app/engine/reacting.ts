/**
 * What every consumer that reacts to streams does alike: the commits of a stream are taken together and in order,
 * streams side by side, and what is to be looked at later has its deadline before anybody hears of a failure.
 */
import type { Commit } from '../../domain/kernel/commit';
import type { Event } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import type { Time } from '../../domain/kernel/time';
import { type Cause, causeOf } from './command';
import type { DeadlineEngine, Due, Reason } from './deadlines';
import type { Transactor } from './transact';
import { Slices, soon } from './turns';

/** What has happened to one stream. */
export interface Change {
  readonly stream: string;
  readonly tenant: string;
  readonly id: string;
  /** In order; at least one. The stream's state holds them all, and perhaps later ones. */
  readonly commits: readonly Commit[];
  /** The last of them, as the cause of what follows. */
  readonly cause: Cause;
  /** Has the stream looked at for this reason at that time; of several wishes the earliest counts. */
  readonly wish: (reason: Reason, at: Time | undefined) => void;
}

export interface Reaction {
  /** Whether a commit leads to anything, told without loading a state; all do where this is left out. */
  readonly concerns?: (commit: Commit) => boolean;
  /** Does what follows, found from the state, so that the same commits again find nothing left to do. */
  readonly react: (change: Change) => Promise<void>;
}

/** By category of stream; commits of other categories lead to nothing. */
export type ReactionsByCategory = Readonly<Partial<Record<string, Reaction>>>;

export interface ReactingDeps {
  readonly transactor: Pick<Transactor, 'catchUp'>;
  readonly deadlines: Pick<DeadlineEngine, 'schedule'>;
}

/**
 * Reacts to commits, in order per stream. Every stream has its turn and every deadline wished for is written; then the
 * first failure is thrown.
 */
export async function react(
  commits: readonly Commit[],
  reactions: ReactionsByCategory,
  { transactor, deadlines }: ReactingDeps,
): Promise<void> {
  const due: Due[] = [];
  const reactTo = async (stream: string, { tenant, id, reaction, commits: own }: Happened): Promise<void> => {
    const last = own.at(-1) as Commit;
    const behind = transactor.catchUp(stream, last.index);
    if (behind !== undefined) await behind;
    const wish = (reason: Reason, at: Time | undefined) => {
      if (at !== undefined) due.push({ stream, reason, due: at });
    };
    await reaction.react({ stream, tenant, id, commits: own, cause: causeOf(last), wish });
  };
  const slices = new Slices(soon);
  const reacting: Promise<PromiseSettledResult<void>[]>[] = [];
  for (const [stream, happened] of byStream(commits, reactions)) {
    reacting.push(Promise.allSettled([reactTo(stream, happened)]));
    if (slices.over) await slices.pause();
  }
  const results = (await Promise.all(reacting)).flat();
  await deadlines.schedule(due);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** The events of a change, each with its commit. */
export function* eventsOf<E extends Event>({
  commits,
}: Pick<Change, 'commits'>): Generator<{ readonly commit: Commit; readonly event: E }> {
  for (const commit of commits) for (const event of commit.events as readonly E[]) yield { commit, event };
}

/** The types of the events of a change. */
export function typesOf<E extends Event>({ commits }: Pick<Change, 'commits'>): ReadonlySet<E['type']> {
  return new Set(commits.flatMap(({ events }) => events.map(({ type }) => type)));
}

/** A commit of a change as the cause of what follows from it, in the trace of that change. */
export function causeOfPart({ cause }: Pick<Change, 'cause'>, commit: Commit): Cause {
  return { ...causeOf(commit), traceparent: cause.traceparent };
}

/**
 * The last commit of a change in which one of these happened, as the cause of what follows from that; undefined where
 * none did. Whoever looks at a state finds more in it than the commits brought that it was woken by.
 */
export function causeIn<E extends Event>(change: Change, types: ReadonlySet<E['type']>): Cause | undefined {
  const commit = change.commits.findLast(({ events }) => events.some(({ type }) => types.has(type)));
  return commit && causeOfPart(change, commit);
}

/** What has happened to a stream, and who reacts to it. */
interface Happened {
  readonly tenant: string;
  readonly id: string;
  readonly reaction: Reaction;
  readonly commits: Commit[];
}

function byStream(commits: readonly Commit[], reactions: ReactionsByCategory): Map<string, Happened> {
  const streams = new Map<string, Happened>();
  for (const commit of commits) {
    const { tenant, category, id } = parseStream(commit.stream);
    // A category may be called as something that every object has.
    const reaction = Object.hasOwn(reactions, category) ? reactions[category] : undefined;
    if (reaction === undefined || reaction.concerns?.(commit) === false) continue;
    const known = streams.get(commit.stream);
    if (known === undefined) streams.set(commit.stream, { tenant, id, reaction, commits: [commit] });
    else known.commits.push(commit);
  }
  return streams;
}
