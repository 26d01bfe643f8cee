/** What a command is, where it comes from, and what it is answered with. */
import { AlteredReceipt, type Commit } from '../../domain/kernel/commit';
import { type Event, Rejection } from '../../domain/kernel/decider';
import { commitRef } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import type { Time } from '../../domain/kernel/time';
import { StoreBusy } from './ports';
import { StoreUnavailable } from './reachable';
import type { Loaded } from './streams';

/** The commit that led to a command. */
export interface Cause {
  /** `stream@index` */
  readonly ref: string;
  readonly at: Time;
  readonly correlationId: string;
  readonly depth: number;
  readonly traceparent?: string;
}

/** An Idempotency-Key with the SHA-256 of what is asked under it. */
export interface Keyed {
  readonly key: string;
  readonly hash: string;
}

export interface CommandContext {
  readonly principal: Principal;
  /** For whom the colony does it by itself, and who speaks for them: what stops one of them keeps it undone. */
  readonly onBehalfOf?: readonly string[];
  /** What is asked for, for example `task.complete`; the policy sees it and the receipt keeps it. */
  readonly action: string;
  /**
   * The caller's Idempotency-Key with the hash of what came with it. What a principal asked of a stream with a key is
   * remembered with the commit that answers it: the same again gets that answer, something else is refused for
   * `KEY_WINDOW_MS`. A refusal is not remembered.
   */
  readonly command?: Keyed;
  /** From If-Match: the version (index of the last commit) that the caller has seen. */
  readonly expectedVersion?: number;
  /** Defaults to the cause's, else to the stream's own first, else to a new one. */
  readonly correlationId?: string;
  readonly cause?: Cause;
  /**
   * True when the stream is most likely new: it is decided upon as empty, without a load. The expected version of the
   * append proves it, or has the command decided again on what is there.
   */
  readonly creates?: boolean;
  /** True when a reaction or a deadline gives the command, not a caller: the depth of causation grows. */
  readonly reaction?: boolean;
  readonly traceparent?: string;
  /** True where a refusal by the rules leaves a receipt as well, as one by the policy always does. */
  readonly receiptOfRefusal?: boolean;
  /** The stream of the action by which people have approved the command. Callers can't name one. */
  readonly approval?: string;
  /** Facts for the policy. */
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** What every use case gets from its edge: who asks, and how the request is to be remembered and traced. */
export type RequestContext = Omit<CommandContext, 'action' | 'attributes'>;

export interface Accepted<S, E extends Event> extends Loaded<S> {
  readonly ok: true;
  /** Empty when the command changed nothing. */
  readonly events: readonly E[];
  /** The receipt; undefined when the command changed nothing. */
  readonly commit: Commit | undefined;
  /** True when this answers a command that was already done. */
  readonly repeated: boolean;
}

export interface Refused {
  readonly ok: false;
  readonly rejection: Rejection;
}

export type Outcome<S, E extends Event> = Accepted<S, E> | Refused;

/** A commit as the cause of what follows from it. */
export function causeOf(commit: Pick<Commit, 'stream' | 'index' | 'at' | 'meta'>): Cause {
  return {
    ref: commitRef(commit.stream, commit.index),
    at: commit.at,
    correlationId: commit.meta.correlationId,
    depth: commit.meta.depth,
    traceparent: commit.meta.traceparent,
  };
}

/** How many reactions led to a command. */
export function depthOf(context: CommandContext): number {
  return context.reaction === true && context.cause !== undefined ? context.cause.depth + 1 : 0;
}

/**
 * The outcome of one command of several that come together, also where the store could not do it: others may be
 * written, and whoever gave them has to know of each. What can't be answered with that rejects still.
 */
export async function settled<T extends { readonly ok: boolean }>(outcome: Promise<T>): Promise<T | Refused> {
  try {
    return await outcome;
  } catch (error) {
    const rejection = rejectionOf(error);
    if (rejection === undefined) throw error;
    return { ok: false, rejection };
  }
}

function rejectionOf(error: unknown): Rejection | undefined {
  if (error instanceof StoreBusy)
    return new Rejection('unavailable', 'store-busy', `${error.message}: give it again later, with the same key`, {
      retryAfterSeconds: error.retryAfterSeconds,
    });
  if (error instanceof StoreUnavailable)
    return new Rejection(
      'unavailable',
      'store-unavailable',
      `it is not known whether this was done: give it again, with the same key (${error.message})`,
      { retryAfterSeconds: 1 },
    );
  if (error instanceof AlteredReceipt)
    return new Rejection('broken', 'receipt-altered', error.message, { receipt: error.ref });
  return undefined;
}

/** The refusal of a change that was meant for another version, if it was. */
export function staleness(expected: number | undefined, version: number): Rejection | undefined {
  if (expected === undefined || expected === version) return undefined;
  return new Rejection(
    'precondition',
    'version-mismatch',
    `If-Match names version ${expected}, the version is ${version}: read it again`,
    { version },
  );
}
