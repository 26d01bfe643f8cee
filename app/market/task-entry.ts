/** A task as the market's books have it. */
import type { Time } from '../../domain/kernel/time';
import type { TaskState } from '../../domain/market/task';

/** A task that waits, open or held: without its payload, of which millions of bytes may wait. */
export interface TaskEntry {
  readonly tenant: string;
  readonly id: string;
  readonly stream: string;
  version: number;
  state: TaskState;
  /** Where it came to be offered, last. */
  place: number;
  /** When one that has declined may be told of it again; undefined when nobody has. */
  returns: Time | undefined;
}
