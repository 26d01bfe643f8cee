/**
 * Orchestrations in SQLite: their histories, and what is due. What belongs together is written together; a write
 * resolves when it is durable.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, fdatasync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { acquireLock, DatabaseUnavailable, privateFile, reasonOf } from '../../adapters/embedded/folder';
import {
  type DatabaseSync,
  openDatabase,
  type SQLInputValue,
  type StatementSync,
} from '../../adapters/embedded/sqlite';
import type { Episode } from './episode';
import { common, EventType, type HistoryEvent } from './history';

export type RuntimeStatus = 'Pending' | 'Running' | 'Suspended' | 'Completed' | 'Failed' | 'Terminated';

export const ENDED: readonly RuntimeStatus[] = ['Completed', 'Failed', 'Terminated'];

export interface Instance {
  readonly id: string;
  /** Of the orchestrator function. */
  readonly name: string;
  /** Changes when the instance continues as new or is started over. */
  readonly execution: string;
  readonly status: RuntimeStatus;
  /** JSON text, as are `output` and `custom_status`. */
  readonly input: string | null;
  readonly output: string | null;
  readonly custom_status: string | null;
  /** Milliseconds since 1970. */
  readonly created: number;
  readonly updated: number;
}

/** An instance with events that have not been through an episode. */
export interface Turn {
  readonly instance: Instance;
  readonly history: readonly HistoryEvent[];
  readonly arrived: readonly HistoryEvent[];
}

export interface DueActivity {
  /** Given once, ever: who ends an activity names it by this. */
  readonly seq: number;
  readonly instance: string;
  readonly id: number;
  readonly name: string;
  /** JSON text; null for nothing. */
  readonly input: string | null;
}

export interface Filter {
  readonly statuses: readonly string[];
  /** Milliseconds since 1970, inclusive. */
  readonly createdFrom: number;
  readonly createdTo: number;
}

/** What came of something that was sent to an instance. */
export type Delivery = 'accepted' | 'unknown' | 'ended' | 'full';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS instances (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, execution TEXT NOT NULL, status TEXT NOT NULL,
    input TEXT, output TEXT, custom_status TEXT, created INTEGER NOT NULL, updated INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS instances_by_creation ON instances (created, id);
  CREATE INDEX IF NOT EXISTS instances_by_status ON instances (status, updated);
  CREATE TABLE IF NOT EXISTS history (instance TEXT NOT NULL, seq INTEGER NOT NULL, event TEXT NOT NULL, PRIMARY KEY (instance, seq)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS arrived (seq INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, event TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS arrived_by_instance ON arrived (instance, seq);
  CREATE TABLE IF NOT EXISTS timers (instance TEXT NOT NULL, id INTEGER NOT NULL, due INTEGER NOT NULL, PRIMARY KEY (instance, id)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS timers_by_time ON timers (due);
  CREATE TABLE IF NOT EXISTS activities (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, instance TEXT NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, input TEXT);
  CREATE INDEX IF NOT EXISTS activities_by_instance ON activities (instance);
`;

const LOCK_FILE = 'durable.lock';
/** Events of one instance that wait for an episode; more are refused. */
const ARRIVED_LIMIT = 1_000;
/** Timers that fire in one transaction. */
const FIRED_AT_ONCE = 100;

export class DurableStore {
  readonly #database: DatabaseSync;
  /** Not on the database itself: a backup reads that while the host runs. */
  readonly #lock: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  /** The write-ahead log, for its syncs; opened with the first write. */
  #log: number | undefined;
  #syncing = 0;
  #closed = false;
  readonly #waiting: { readonly run: () => () => void; readonly reject: (error: unknown) => void }[] = [];

  /** Opens or creates the file. Throws when another process has it open. */
  constructor(private readonly file: string) {
    this.#lock = acquireLock(dirname(file), LOCK_FILE);
    let database: DatabaseSync | undefined;
    try {
      privateFile(file);
      database = openDatabase(file);
      // A commit syncs nothing: `#sync` does.
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
      database.exec(SCHEMA);
    } catch (error) {
      database?.close();
      this.#lock.close();
      throw new DatabaseUnavailable(
        `${file} can't be used: ${reasonOf(error)}. It holds what waits for rounds and approvals, and no receipts. Copy the folder, then rename this file, with ` +
          'its -wal and -shm: what waits is begun anew from the receipts',
        { cause: error },
      );
    }
    this.#database = database;
  }

  close(): void {
    this.#flush();
    this.#database.close();
    this.#lock.close();
    this.#closed = true;
    this.#closeLog();
  }

  #closeLog(): void {
    if (this.#syncing > 0 || this.#log === undefined) return;
    closeSync(this.#log);
    this.#log = undefined;
  }

  // ------------------------------------------------------------------------------------------------------ from outside

  /** False when an instance of that id is under way; one that has ended is replaced. `input` is JSON text. */
  start(id: string, name: string, input: string | null, now: number): Promise<boolean> {
    return this.#write(() => {
      const existing = this.get(id);
      if (existing !== undefined && !ENDED.includes(existing.status)) return false;
      this.#forget(id);
      this.#run(
        "INSERT INTO instances (id, name, execution, status, input, created, updated) VALUES (?, ?, ?, 'Pending', ?, ?, ?)",
        ...[id, name, randomUUID(), input, now, now],
      );
      return true;
    });
  }

  /** An event waits until the orchestrator asks for it. `input` is JSON text. */
  raise(id: string, name: string, input: string | null, now: number): Promise<Delivery> {
    return this.#deliver(id, () => {
      const { waiting } = this.#get<{ waiting: number }>(
        'SELECT count(*) AS waiting FROM arrived WHERE instance = ?',
        id,
      )!;
      if (waiting >= ARRIVED_LIMIT) return 'full';
      this.#arrive(id, { EventType: EventType.EventRaised, Name: name, Input: input, ...common(now) });
      return 'accepted';
    });
  }

  terminate(id: string, reason: string, now: number): Promise<Delivery> {
    return this.#deliver(id, () => {
      this.#end(id, 'Terminated', JSON.stringify(reason), now);
      return 'accepted';
    });
  }

  /** What arrives for a suspended instance waits; its timers and activities go on. */
  suspend(id: string, now: number): Promise<Delivery> {
    return this.#deliver(id, () => {
      this.#run("UPDATE instances SET status = 'Suspended', updated = ? WHERE id = ?", now, id);
      return 'accepted';
    });
  }

  resume(id: string, now: number): Promise<Delivery> {
    return this.#deliver(id, () => {
      const status = this.#get('SELECT 1 FROM history WHERE instance = ?', id) === undefined ? 'Pending' : 'Running';
      this.#run("UPDATE instances SET status = ?, updated = ? WHERE id = ? AND status = 'Suspended'", status, now, id);
      return 'accepted';
    });
  }

  get(id: string): Instance | undefined {
    return this.#get<Instance>('SELECT * FROM instances WHERE id = ?', id);
  }

  /** In the order of their creation, from after the one that is named on. */
  list(filter: Filter, after: { readonly created: number; readonly id: string }, limit: number): readonly Instance[] {
    return this.#all<Instance>(
      `SELECT * FROM instances WHERE (created, id) > (?, ?) AND created BETWEEN ? AND ? AND status IN (SELECT value FROM json_each(?))
       ORDER BY created, id LIMIT ?`,
      ...[after.created, after.id, filter.createdFrom, filter.createdTo, JSON.stringify(filter.statuses), limit],
    );
  }

  /** Removes the instance when it has ended; returns how many were removed. */
  purge(id: string): Promise<number> {
    return this.#purge('id = ?', id);
  }

  purgeBy({ statuses, createdFrom, createdTo }: Filter): Promise<number> {
    return this.#purge(
      'created BETWEEN ? AND ? AND status IN (SELECT value FROM json_each(?))',
      createdFrom,
      createdTo,
      JSON.stringify(statuses),
    );
  }

  /** Removes what ended before `time` (milliseconds since 1970). */
  purgeEndedBefore(time: number): Promise<number> {
    return this.#purge('updated < ?', time);
  }

  // ------------------------------------------------------------------------------------------------------- what is due

  /** Ids of instances that have something to do now. */
  ready(): readonly string[] {
    return this.#all<{ id: string }>(
      `SELECT id FROM instances WHERE status = 'Pending'
       UNION SELECT instance FROM arrived JOIN instances ON id = instance WHERE status = 'Running'`,
    ).map(({ id }) => id);
  }

  /** Undefined when the instance has nothing to do. */
  turn(id: string): Turn | undefined {
    const instance = this.get(id);
    if (instance === undefined || (instance.status !== 'Pending' && instance.status !== 'Running')) return undefined;
    const arrived = this.#events('SELECT event FROM arrived WHERE instance = ? ORDER BY seq', id);
    if (arrived.length === 0 && instance.status === 'Running') return undefined;
    const history = this.#events('SELECT event FROM history WHERE instance = ? ORDER BY seq', id);
    if (history.length === 0) {
      const { name, input, updated } = instance;
      arrived.unshift({
        EventType: EventType.ExecutionStarted,
        Name: name,
        Version: '',
        Input: input,
        ...common(updated),
      });
    }
    return { instance, history, arrived };
  }

  /** The activities that have waited longest, those that are running included. */
  activities(limit: number): readonly DueActivity[] {
    return this.#all<DueActivity>('SELECT * FROM activities ORDER BY seq LIMIT ?', limit);
  }

  /** When the next timer fires, in milliseconds since 1970. */
  nextTimer(): number | undefined {
    return this.#get<{ due: number | null }>('SELECT min(due) AS due FROM timers')?.due ?? undefined;
  }

  // ----------------------------------------------------------------------------------------------------- what happened

  /**
   * Writes one episode: `events` join the history, the first `taken` of what had arrived is used up, and what the
   * episode asked for is due. Does nothing when the instance was ended, replaced or suspended meanwhile.
   */
  commit(
    { id, execution }: Instance,
    events: readonly HistoryEvent[],
    { created, cancelled, customStatus, outcome }: Episode,
    now: number,
  ): Promise<void> {
    return this.#write(() => {
      const current = this.get(id);
      if (current?.execution !== execution || (current.status !== 'Pending' && current.status !== 'Running')) return;

      const taken = events.filter(
        ({ EventType: type }) => type !== EventType.ExecutionStarted && type !== EventType.OrchestratorStarted,
      ).length;
      this.#run(
        'DELETE FROM arrived WHERE seq IN (SELECT seq FROM arrived WHERE instance = ? ORDER BY seq LIMIT ?)',
        id,
        taken,
      );
      const { next } = this.#get<{ next: number }>(
        'SELECT coalesce(max(seq), -1) + 1 AS next FROM history WHERE instance = ?',
        id,
      )!;
      const ended: HistoryEvent = { EventType: EventType.OrchestratorCompleted, ...common(now) };
      [...events, ...created, ended].forEach((event, index) =>
        this.#run('INSERT INTO history VALUES (?, ?, ?)', id, next + index, JSON.stringify(event)),
      );

      for (const event of created) {
        if (event.EventType === EventType.TaskScheduled)
          this.#run(
            'INSERT INTO activities (instance, id, name, input) VALUES (?, ?, ?, ?)',
            id,
            event.EventId,
            event.Name,
            event.Input,
          );
        else this.#run('INSERT INTO timers VALUES (?, ?, ?)', id, event.EventId, Date.parse(event.FireAt));
      }
      for (const timer of cancelled) this.#run('DELETE FROM timers WHERE instance = ? AND id = ?', id, timer);
      // A function that threw has no say any more.
      const custom = outcome.kind === 'failed' ? current.custom_status : text(customStatus);
      this.#run(
        "UPDATE instances SET status = 'Running', custom_status = ?, updated = ? WHERE id = ?",
        custom,
        now,
        id,
      );

      switch (outcome.kind) {
        case 'waiting':
          break;
        case 'completed':
          this.#end(id, 'Completed', text(outcome.output), now);
          break;
        case 'failed':
          this.#end(id, 'Failed', text(outcome.reason), now);
          break;
        case 'continued':
          this.#run('DELETE FROM history WHERE instance = ?', id);
          this.#run(
            "UPDATE instances SET status = 'Pending', execution = ?, input = ? WHERE id = ?",
            randomUUID(),
            text(outcome.input),
            id,
          );
      }
    });
  }

  /** Writes how an activity ended. Does nothing when nobody waits for it any more. */
  endActivity({ seq, instance }: DueActivity, event: HistoryEvent): Promise<void> {
    return this.#write(() => {
      if (this.#run('DELETE FROM activities WHERE seq = ?', seq) > 0) this.#arrive(instance, event);
    });
  }

  /** Fires the timers that are due, so many at a time. */
  fire(now: number): Promise<void> {
    return this.#write(() => {
      const due = this.#all<{ instance: string; id: number; due: number }>(
        'SELECT * FROM timers WHERE due <= ? ORDER BY due LIMIT ?',
        now,
        FIRED_AT_ONCE,
      );
      for (const { instance, id, due: time } of due) {
        this.#run('DELETE FROM timers WHERE instance = ? AND id = ?', instance, id);
        this.#arrive(instance, {
          EventType: EventType.TimerFired,
          TimerId: id,
          FireAt: new Date(time).toISOString(),
          ...common(now),
        });
      }
    });
  }

  // ------------------------------------------------------------------------------------------------------------ inside

  #deliver(id: string, work: () => Delivery): Promise<Delivery> {
    return this.#write(() => {
      const instance = this.get(id);
      if (instance === undefined) return 'unknown';
      return ENDED.includes(instance.status) ? 'ended' : work();
    });
  }

  #arrive(instance: string, event: HistoryEvent): void {
    this.#run('INSERT INTO arrived (instance, event) VALUES (?, ?)', instance, JSON.stringify(event));
  }

  #end(id: string, status: RuntimeStatus, output: string | null, now: number): void {
    this.#run('UPDATE instances SET status = ?, output = ?, updated = ? WHERE id = ?', status, output, now, id);
    for (const table of ['arrived', 'timers', 'activities']) this.#run(`DELETE FROM ${table} WHERE instance = ?`, id);
  }

  /** An instance that has ended has nothing but its history. */
  #forget(id: string): void {
    this.#run('DELETE FROM history WHERE instance = ?', id);
    this.#run('DELETE FROM instances WHERE id = ?', id);
  }

  #purge(condition: string, ...values: SQLInputValue[]): Promise<number> {
    return this.#write(() => {
      const statuses = ENDED.map((status) => `'${status}'`).join(', ');
      const ids = this.#all<{ id: string }>(
        `SELECT id FROM instances WHERE status IN (${statuses}) AND ${condition}`,
        ...values,
      );
      for (const { id } of ids) this.#forget(id);
      return ids.length;
    });
  }

  #events(sql: string, id: string): HistoryEvent[] {
    return this.#all<{ event: string }>(sql, id).map(({ event }) => JSON.parse(event) as HistoryEvent);
  }

  /** Runs `work` with what else comes in this turn of the event loop: they share a transaction and its sync. */
  #write<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#flush());
      this.#waiting.push({
        run: () => {
          const result = work();
          return () => resolve(result);
        },
        reject,
      });
    });
  }

  /** What throws is undone alone; when the transaction itself fails, all of it is. */
  #flush(): void {
    const works = this.#waiting.splice(0);
    if (works.length === 0) return;
    const fail = (error: unknown): void => {
      for (const { reject } of works) reject(error);
    };
    const answers: (() => void)[] = [];
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      for (const { run, reject } of works) {
        this.#database.exec('SAVEPOINT one');
        try {
          answers.push(run());
        } catch (error) {
          this.#database.exec('ROLLBACK TO one');
          answers.push(() => reject(error));
        }
        this.#database.exec('RELEASE one');
      }
      this.#database.exec('COMMIT');
      this.#sync((error) => {
        if (error !== null) return fail(error);
        for (const answer of answers) answer();
      });
    } catch (error) {
      if (this.#database.isOpen && this.#database.isTransaction) this.#database.exec('ROLLBACK');
      fail(error);
    }
  }

  /** Waits for the disk beside the event loop: on a busy disk a sync takes as long as hundreds of requests. */
  #sync(done: (error: Error | null) => void): void {
    this.#log ??= openSync(`${this.file}-wal`, 'r+');
    this.#syncing += 1;
    fdatasync(this.#log, (error) => {
      this.#syncing -= 1;
      if (this.#closed) this.#closeLog();
      done(error);
    });
  }

  #get<T>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.#prepare(sql).get(...values) as T | undefined;
  }

  #all<T>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.#prepare(sql).all(...values) as T[];
  }

  #run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) this.#statements.set(sql, (statement = this.#database.prepare(sql)));
    return statement;
  }
}

/** JSON text of a value that may be missing. */
function text(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
