/**
 * How many bytes a tenant has had written since it was limited in that. One stream a tenant, among those of the
 * platform. A process takes bytes ahead, and writes for as long as it has some: so nothing that was written is
 * forgotten when it dies, and a commit is told here only now and then.
 */
import type { Decider, Decision, Event } from '../kernel/decider';
import { streamName } from '../kernel/ids';
import { PLATFORM } from '../stops/stop';

/** Most that is taken at once, in bytes. */
export const STORAGE_BLOCK = 1_048_576;
/** Of a limit, a process takes no more than this part at once: others have to be left some. */
const PART = 64;
/** And so much at least, in bytes. */
export const SMALLEST_BLOCK = 4_096;

// --------------------------------------------------------------------------------------------------------- events

interface Bytes {
  readonly tenant: string;
  readonly bytes: number;
}

export type StorageEvent =
  | Event<'StorageTaken', Bytes>
  /** What a process that ended had taken and not written. */
  | Event<'StorageReturned', Bytes>;

// ---------------------------------------------------------------------------------------------------------- state

export interface StorageState {
  readonly bytes: number;
}

export const storageDecider: Decider<StorageState, StorageEvent> = {
  category: 'storage',
  version: 1,
  initial: { bytes: 0 },
  evolve: ({ bytes }, { type, data }) => ({ bytes: type === 'StorageTaken' ? bytes + data.bytes : bytes - data.bytes }),
};

export function storageStream(tenant: string): string {
  return streamName(PLATFORM, storageDecider.category, tenant);
}

// ------------------------------------------------------------------------------------------------------ decisions

/** How many bytes a process has at hand of a tenant that may store `most`. */
export function blockOf(most: number): number {
  return Math.min(STORAGE_BLOCK, Math.max(SMALLEST_BLOCK, Math.floor(most / PART)));
}

/** What adds to what there is; all else carries on or ends what was begun, steers it, or proves it. */
const ADDING: ReadonlySet<string> = new Set([
  'action.gate',
  'action.propose',
  'agent-type.define',
  'agent-type.revise',
  'ask.note',
  'channel.set',
  'correction.give',
  'job.post',
  'pool.change-objective',
  'round.open',
  'schedule.create',
  'signal.emit',
  'signal.take-in',
  'task.await',
  'task.post',
  'task.redrive',
  'task.unblock',
  'tool.call',
  'tool.register',
]);
/** What adds only where it begins something: an agent says of itself again what it is, so as to go on. */
const BEGINNING = 'agent.register';

/**
 * Whether a tenant that has stored as much as it may is refused this.
 * @param isNew whether its stream has no commit yet
 */
export function addsToStorage(action: string, isNew: boolean): boolean {
  return ADDING.has(action) || (action === BEGINNING && isNew);
}

/** Takes bytes: also beyond a limit, since what was under way is written. */
export function takeStorage(tenant: string, bytes: number): Decision<StorageState, StorageEvent> {
  return () => (bytes > 0 ? [{ type: 'StorageTaken', v: 1, data: { tenant, bytes } }] : []);
}

/** Gives back what was taken and not written: never more than was taken. */
export function returnStorage(tenant: string, most: number): Decision<StorageState, StorageEvent> {
  return (state) => {
    const bytes = Math.min(most, state.bytes);
    return bytes > 0 ? [{ type: 'StorageReturned', v: 1, data: { tenant, bytes } }] : [];
  };
}
