/**
 * The transparency log of a tenant, as a stream: a commit for each checkpoint that was signed. The expected version of
 * an append makes sure that there is one writer: of two that have read the same state, one has to begin anew. What is
 * in the log lies in pages by content (`app/audit/log-pages.ts`), which the newest checkpoint leads to.
 */
import { type Decider, type Decision, type Event, refuse } from '../kernel/decider';
import { isTenant, streamName } from '../kernel/ids';

/** What is known at a checkpoint. Hashes are in lower-case hexadecimal. */
export interface SignedCheckpoint {
  /** The name of the log: that of its first checkpoint, for good. */
  readonly origin: string;
  /** How many leaves there are. */
  readonly size: number;
  readonly root: string;
  /** The streams, and the hash over the last receipt of each. */
  readonly heads: { readonly count: number; readonly hash: string };
  /**
   * By level of tiles, the reference of the last page, which is not full; null where the level has none.
   */
  readonly pages: readonly (string | null)[];
  /** The checkpoint as a signed note. */
  readonly note: string;
}

export type LogEvent = Event<'CheckpointSigned', SignedCheckpoint>;

export interface LogState {
  /** Undefined before the first. */
  readonly newest?: SignedCheckpoint;
}

export const logDecider: Decider<LogState, LogEvent> = {
  category: 'log',
  version: 1,
  initial: {},
  evolve: (_, { data }) => ({ newest: data }),
};

/** The one log of a tenant. */
export const LOG_ID = 'checkpoints';

export function logStream(tenant: string): string {
  return streamName(tenant, logDecider.category, LOG_ID);
}

const SIZE_DIGITS = 12;
/** How the file of a checkpoint ends that was kept outside. */
export const CHECKPOINT_FILE = '.checkpoint';

/** What a checkpoint is called where it is kept outside: after the leaves of the log, so that names stand in order. */
export function checkpointName(tenant: string, size: number): string {
  if (!isTenant(tenant)) throw new RangeError(`not a tenant: ${tenant}`);
  return `${tenant}/${String(size).padStart(SIZE_DIGITS, '0')}${CHECKPOINT_FILE}`;
}

/** Adds a checkpoint that was made on a log of `from` leaves; on another one it would hold something else. */
export function signCheckpoint(from: number, next: SignedCheckpoint): Decision<LogState, LogEvent> {
  return ({ newest }) => {
    if ((newest?.size ?? 0) !== from)
      return refuse('log-moved', `another checkpoint was signed meanwhile: the log has ${newest?.size} leaves`);
    return [{ type: 'CheckpointSigned', v: 1, data: next }];
  };
}
