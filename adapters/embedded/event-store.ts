/** The event store on SQLite: one row per commit, its canonical bytes and their hash, in one global order. */
import type { Append, AppendResult, EventStore } from '../../app/engine/ports';
import { checkAppend, commandOf, type Commit } from '../../domain/kernel/commit';
import { Recent } from '../../domain/kernel/recent';
import { ARCHIVE_SCHEMA } from './archive';
import type { Database } from './database';
import { MarkWriter, newestOf } from './mark';
import { SqliteLog } from './sqlite-log';
import type { Statement } from './writer';

/**
 * How many commits of its own a process remembers, and their bytes: twice as much at most. A large one it does not.
 */
const RECENT = 20_000;
const RECENT_BYTES = 16 * 1024 * 1024;
const LARGE_BYTES = 8 * 1024;
/** Of a stream with more commands than this the database is asked. */
const MAX_COMMANDS = 64;

/**
 * The commands that a stream's commits up to `version` answer: by the command's name, the index of the commit. Most
 * streams have none. Of what others have appended after that it says nothing.
 */
interface Commands {
  readonly version: number;
  readonly answers: ReadonlyMap<string, number>;
}
const NO_COMMANDS: Commands = { version: -1, answers: new Map() };
/** What is remembered of all streams; an entry of a map, and a map, take about so much. */
const COMMANDS_BYTES = 8 * 1024 * 1024;
const commandsBytes = ({ answers }: Commands): number => 100 * (1 + answers.size);

export const EVENT_SCHEMA: readonly Statement[] = [
  [
    `CREATE TABLE IF NOT EXISTS commits (
       position INTEGER PRIMARY KEY, stream TEXT NOT NULL, idx INTEGER NOT NULL, hash TEXT NOT NULL, body TEXT NOT NULL)`,
    [],
  ],
  ['CREATE UNIQUE INDEX IF NOT EXISTS commits_by_stream ON commits (stream, idx)', []],
  // Which commit answers a command that came with a key: written with that commit.
  [
    'CREATE TABLE IF NOT EXISTS answers (stream TEXT NOT NULL, command TEXT NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (stream, command)) WITHOUT ROWID',
    [],
  ],
  [
    'CREATE TABLE IF NOT EXISTS snapshots (stream TEXT PRIMARY KEY, version INTEGER NOT NULL, idx INTEGER NOT NULL, state TEXT NOT NULL) WITHOUT ROWID',
    [],
  ],
  // The snapshots before the last one: from them a state of long ago is folded.
  [
    'CREATE TABLE IF NOT EXISTS past_snapshots (stream TEXT NOT NULL, idx INTEGER NOT NULL, version INTEGER NOT NULL, state TEXT NOT NULL, PRIMARY KEY (stream, idx)) WITHOUT ROWID',
    [],
  ],
  ...ARCHIVE_SCHEMA,
];

export class SqliteEventStore extends SqliteLog implements EventStore {
  private readonly listeners = new Set<() => void>();
  /**
   * What this process has appended lately, by hash: the feed need not parse it again. Known before it is written, since
   * a reader may see it before the writer's answer comes; what was not written is never asked for.
   */
  private readonly recent = new Recent<string, { readonly commit: Commit; readonly bytes: number }>(RECENT, {
    most: RECENT_BYTES,
    of: ({ bytes }) => bytes,
  });

  /**
   * Which commands the streams answer that this process has begun, and which commit each: the database need not be
   * asked for a command that is new.
   */
  private readonly commands = new Recent<string, Commands>(RECENT, { most: COMMANDS_BYTES, of: commandsBytes });

  /** Appends whose answer has not come. */
  private underWay = 0;

  private constructor(
    private readonly database: Database,
    private readonly mark: MarkWriter,
  ) {
    super(database, database.folder);
    database.onDurable = () => {
      if (this.underWay === 0) return;
      try {
        this.writeMark();
      } catch {
        // An older mark is true as well, and what was written is durable.
      }
    };
    database.onClose = () => mark.close();
  }

  static async open(database: Database): Promise<SqliteEventStore> {
    await database.write({ statements: EVENT_SCHEMA });
    const store = new SqliteEventStore(database, new MarkWriter(database.folder));
    store.writeMark();
    return store;
  }

  protected override known(hash: string): Commit | undefined {
    return this.recent.peek(hash)?.commit;
  }

  private writeMark(): void {
    const newest = newestOf((sql) => this.database.get(sql));
    if (newest !== undefined) this.mark.write(newest);
  }

  async append({ stream, expected, commits, snapshot }: Append): Promise<AppendResult> {
    checkAppend(stream, expected, commits);
    const statements: Statement[] = commits.map(({ commit, body }) => [
      'INSERT INTO commits (stream, idx, hash, body) VALUES (?, ?, ?, ?)',
      [stream, commit.index, commit.hash, body],
    ]);
    const answers: [command: string, index: number][] = [];
    for (const { commit } of commits) {
      const command = commandOf(commit);
      if (command === undefined) continue;
      answers.push([command, commit.index]);
      statements.push([
        'INSERT OR REPLACE INTO answers (stream, command, idx) VALUES (?, ?, ?)',
        [stream, command, commit.index],
      ]);
    }
    if (snapshot !== undefined) {
      statements.push([
        'INSERT OR REPLACE INTO past_snapshots (stream, idx, version, state) SELECT stream, idx, version, state FROM snapshots WHERE stream = ?',
        [stream],
      ]);
      statements.push([
        'INSERT OR REPLACE INTO snapshots (stream, version, idx, state) VALUES (?, ?, ?, ?)',
        [stream, snapshot.version, snapshot.index, JSON.stringify(snapshot.state)],
      ]);
    }
    for (const { commit, body } of commits)
      if (body.length <= LARGE_BYTES) this.recent.set(commit.hash, { commit, bytes: body.length });
    this.underWay += 1;
    // Until it is known what became of this, the database says what the stream answers.
    const known = expected < 0 ? NO_COMMANDS : this.commands.get(stream);
    this.commands.delete(stream);
    const version = expected + commits.length;
    const result = await this.database
      .write({
        // A stream whose receipts are all archived is none that is new: its last one is missing.
        guard: {
          query: [
            'SELECT coalesce((SELECT max(idx) FROM commits WHERE stream = ?1), (SELECT max(last) FROM archived WHERE stream = ?1), -1)',
            [stream],
          ],
          expected,
        },
        statements,
      })
      .finally(() => (this.underWay -= 1));
    if (result.kind === 'guarded') return { kind: 'conflict', head: Number(result.value) };
    if (known?.version === expected && known.answers.size + answers.length <= MAX_COMMANDS)
      this.commands.set(stream, {
        version,
        answers: answers.length === 0 ? known.answers : new Map([...known.answers, ...answers]),
      });
    // An append before this one, that nobody waited for any more, may have put its own there meanwhile.
    else this.commands.delete(stream);
    for (const listener of this.listeners) listener();
    return { kind: 'written' };
  }

  override async answered(stream: string, command: string, version: number): Promise<number | undefined> {
    const known = this.commands.get(stream);
    return known === undefined || known.version < version
      ? await super.answered(stream, command, version)
      : known.answers.get(command);
  }

  onAppend(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
