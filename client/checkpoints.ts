/** The signed log of the tenant: checkpoints, what stands in it, and proofs. */
import type {
  checkpoints,
  LogCheckpoint as LogCheckpointSchema,
  LogEntries as LogEntriesSchema,
} from '../contract/audit/checkpoints';
import type { AnswerOf, QueryOf, Shown } from '../contract/route';
import type { CommandOptions, ReadOptions, Session } from './session';

export type LogCheckpoint = Shown<typeof LogCheckpointSchema>;
export type LogEntries = Shown<typeof LogEntriesSchema>;

/** `/v1/checkpoints`, `/v1/log` */
export class CheckpointsApi {
  constructor(private readonly session: Session) {}

  /** Signs what is in the log now. */
  make(options?: CommandOptions): Promise<AnswerOf<typeof checkpoints.make>> {
    return this.session.call<typeof checkpoints.make>('POST /v1/checkpoints', {}, options);
  }

  /** Newest first, with the keys that verify them. */
  list(
    query: QueryOf<typeof checkpoints.list> = {},
    options?: ReadOptions,
  ): Promise<AnswerOf<typeof checkpoints.list>> {
    return this.session.call<typeof checkpoints.list>('GET /v1/checkpoints', { query }, options);
  }

  /** What stands in the log, 256 leaves a page; none before the first checkpoint. */
  entries(options?: ReadOptions): AsyncGenerator<LogEntries, void, undefined> {
    return this.session.items<typeof checkpoints.entries>('GET /v1/log', {}, options);
  }

  /** The `.tlog-proof` of a receipt, for example `prove('task', 'invoice-4711', 2)`. */
  prove(category: string, id: string, index: number, options?: ReadOptions): Promise<string> {
    return this.session.text(`/v1/streams/${category}/${encodeURIComponent(id)}/${index}/proof`, undefined, options);
  }
}
