/**
 * Payloads with the results in them that they refer to. Made one at a time in a process, since each may read a lot;
 * what was read for one is there for those after it in the same turn.
 */
import { MAX_JSON_DEPTH } from '../../domain/kernel/json';
import { readReference, type Reference, referencesIn, replaced, valueAt } from '../../domain/market/references';
import { taskDecider, taskStream } from '../../domain/market/task';
import { mapMarks, MAX_MARKS, MAX_SUBJECTS, readSealed } from '../../domain/personal/mark';
import type { Transactor } from '../engine/transact';
import type { Tasks } from '../market/module';

/** Most bytes of a payload with the results in it. */
export const MAX_PAYLOAD_BYTES = 1_000_000;
/** Most bytes of results that are read for a payload, and kept for others: a part of each may be all that is wanted. */
const MAX_READ_BYTES = 16_000_000;
/** Levels that a request has around a payload, or a result that is the same. */
const LEVELS_AROUND = 4;

const WITH_RESULTS = 'with the results that it refers to its payload';
const TOO_LARGE = `${WITH_RESULTS} is larger than ${MAX_PAYLOAD_BYTES} bytes: refer to less of them`;
const TOO_DEEP = `${WITH_RESULTS} is nested more than ${MAX_JSON_DEPTH - LEVELS_AROUND} deep: refer to less of them`;
const TOO_PERSONAL = `${WITH_RESULTS} holds more than ${MAX_MARKS} values that are personal, or those of more than ${MAX_SUBJECTS} people: refer to less of them`;

/** A payload with results in it, or why there can be none; or `later`: enough has been read for others. */
export type Filled = { readonly value: unknown } | { readonly wrong: string } | { readonly later: true };

/** The id of the task that a reference of a payload names; undefined where that was not completed. */
export type Completed = (key: string) => string | undefined;

/** Makes a payload, which stands there or is read when its turn has come. */
export type Fill = (payload: unknown, completed: Completed) => Promise<Filled>;

/** What was read, and how large it was. */
export interface Read {
  readonly value: unknown;
  readonly bytes: number;
}

/** What turns have read, also what was dropped since: those that share it read no more together than one may. */
export class Reading {
  bytes = 0;

  /** @param most bytes from which on nothing more is read */
  constructor(private readonly most = MAX_READ_BYTES) {}

  get isOver(): boolean {
    return this.bytes > this.most;
  }
}

export interface FillingDeps {
  readonly tasks: Pick<Tasks, 'blob'>;
  readonly transactor: Pick<Transactor, 'load' | 'current'>;
  /** Gives others their turn before each result is made out, where nobody waits for what is made. */
  readonly pause?: (tenant: string) => Promise<void>;
}

export class Filling {
  /** The payload that is being made. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly deps: FillingDeps) {}

  /**
   * Makes the payloads of one turn: at least one, and no more once as many bytes were read as one may. All tenants
   * wait for a turn.
   */
  turn(tenant: string, reading = new Reading()): Fill {
    const results = new Results(tenant, reading, this.deps);
    return async (payload, completed) => {
      const isRead = typeof payload !== 'function';
      if (isRead && keysIn(payload).size === 0) return { value: payload };
      const make = async (): Promise<Filled> => {
        if (reading.isOver) return { later: true };
        const { value, bytes } = isRead ? { value: payload, bytes: 0 } : await (payload as () => Promise<Read>)();
        reading.bytes += bytes;
        return await filled(value, completed, results);
      };
      const made = this.last.then(make);
      this.last = made.catch(() => undefined);
      return await made;
    };
  }
}

function keysIn(payload: unknown): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const [holder] of referencesIn(payload)) keys.add((readReference(holder) as Reference).key);
  return keys;
}

/** Results that were read lately, as far as they have no more bytes together than one payload may read. */
class Results {
  private readonly read = new Map<string, Read>();
  private bytes = 0;

  constructor(
    private readonly tenant: string,
    private readonly reading: Reading,
    private readonly deps: FillingDeps,
  ) {}

  /** Of a task that was completed, by its id. */
  async of(task: string): Promise<Read> {
    const known = this.read.get(task);
    if (known !== undefined) return known;
    const result = await this.fetch(task);
    this.reading.bytes += result.bytes;
    if (this.bytes + result.bytes > MAX_READ_BYTES) this.read.clear();
    this.bytes = this.read.size === 0 ? result.bytes : this.bytes + result.bytes;
    this.read.set(task, result);
    return result;
  }

  /** From the task's receipt, or from the archive. */
  private async fetch(task: string): Promise<Read> {
    const { tenant } = this;
    const stream = taskStream(tenant, task);
    let { state } = await this.deps.transactor.load(taskDecider, stream);
    if (state.completion === undefined) ({ state } = await this.deps.transactor.current(taskDecider, stream));
    const { result, result_ref } = state.completion ?? {};
    if (result_ref === undefined) return { value: result, bytes: bytesOf(result) };
    const bytes = await this.deps.tasks.blob(tenant, task, result_ref);
    if (bytes === undefined) throw new Error(`the result ${result_ref} of ${stream} is not there`);
    await this.deps.pause?.(tenant);
    return { value: JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown, bytes: bytes.length };
  }
}

/** The payload with each reference replaced by what it refers to; null where that task was not completed. */
async function filled(payload: unknown, completed: Completed, read: Results): Promise<Filled> {
  const keys = keysIn(payload);
  if (keys.size === 0) return { value: payload };
  const results = new Map<string, unknown>();
  let bytes = 0;
  for (const key of keys) {
    const task = completed(key);
    if (task === undefined) continue;
    const result = await read.of(task);
    bytes += result.bytes;
    if (bytes > MAX_READ_BYTES) return { wrong: TOO_LARGE };
    results.set(key, result.value);
  }
  let missing: string | undefined;
  let left = MAX_PAYLOAD_BYTES;
  const value = replaced(payload, ({ key, path }) => {
    // What is repeated is not made before it is known that it may be.
    if (!results.has(key) || left < 0) return null;
    const found = valueAt(results.get(key), path);
    if (found === undefined) missing ??= notThere(key, path);
    left -= bytesOf(found);
    return found;
  });
  if (missing !== undefined) return { wrong: missing };
  if (left < 0 || bytesOf(value) > MAX_PAYLOAD_BYTES) return { wrong: TOO_LARGE };
  if (isDeeper(value, MAX_JSON_DEPTH - LEVELS_AROUND)) return { wrong: TOO_DEEP };
  // Whoever gets it has to be able to open it: a request that brought as much at once would have been refused.
  return isTooPersonal(value) ? { wrong: TOO_PERSONAL } : { value };
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value ?? null));
}

function notThere(key: string, path: readonly string[]): string {
  return `${key} was completed without ${path.length === 0 ? 'a result' : `a value at /${path.join('/')} of its result`}`;
}

/** Whether arrays and objects stand within each other more than so many levels. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1));
}

function isTooPersonal(value: unknown): boolean {
  const subjects = new Set<string>();
  let marks = 0;
  mapMarks(value, (holder) => {
    const sealed = readSealed(holder);
    if (sealed !== undefined) {
      marks += 1;
      subjects.add(sealed.subject);
    }
    return holder;
  });
  return marks > MAX_MARKS || subjects.size > MAX_SUBJECTS;
}
