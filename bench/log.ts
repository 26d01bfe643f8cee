/**
 * Whether what is done costs more where much has been done: life cycles of tasks in this process and over HTTP, and
 * signals, on a fresh store and on one with a long past. Both are open at once and have the same piece of work in turn:
 * what else the machine does falls on both. Processor time is compared, and the median of the pairs' ratios counts: on
 * a busy machine the clock tells more of its neighbours.
 */
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Colony } from '../app/colony';
import { agentId, agentOf, openBenchColony, registerAgents } from './colony';
import { runLifecycle } from './lifecycle';
import { HttpColony } from './lifecycle-http';
import { forEachOf, median } from './measure';

export interface LogSettings {
  /** Events of the store with a long past. */
  readonly events: number;
  /** Signals that are in it as well. */
  readonly signals: number;
  readonly agents: number;
  /** Pieces of work of each kind, on each store. */
  readonly pairs: number;
  /** Of a piece. */
  readonly tasks: number;
  readonly httpTasks: number;
  readonly emissions: number;
}

/** Of one thing: medians of both stores, and how many times as dear it is with a past: the median of the pairs. */
export interface Dearer {
  readonly fresh: number;
  readonly past: number;
  readonly ratio: number;
}

/** Processor time in milliseconds, but for `written`. */
export interface LogReport {
  readonly events: number;
  readonly signals: number;
  /** Life cycles in process: of the thread that decides, and of all others (the writer's, the collector's). */
  readonly deciding: Dearer;
  readonly writing: Dearer;
  /** Of the whole process. */
  readonly lifecycle: Dearer;
  /** Kilobytes that the process gave to the disk for a life cycle; 0 where the system does not tell. */
  readonly written: Dearer;
  /** Of the host's process, for a life cycle over HTTP. */
  readonly http: Dearer;
  /** Of the whole process, for one signal. */
  readonly signal: Dearer;
}

interface InProcess {
  readonly deciding: number;
  readonly writing: number;
  readonly lifecycle: number;
  readonly written: number;
  readonly signal: number;
}

const TRAILS = 1_000;
const EMITTERS = 256;
const BATCH = 100;
/** Pairs that are not counted: the code gets hot, and the caches of both fill. */
const WARM_UP = 2;

/** @param past a store with a past of so many events, with its agents */
export async function benchLog(folder: string, past: string, settings: LogSettings): Promise<LogReport> {
  const { events, signals, agents, pairs } = settings;
  const fresh = path.join(folder, 'log');
  const inProcess = await withColonies(fresh, past, async (onFresh, onPast) => {
    await registerAgents(onFresh, agents);
    await emit(onPast, signals, BATCH);
    return await inTurn(
      pairs,
      () => pieceOf(onFresh, settings),
      () => pieceOf(onPast, settings),
    );
  });
  const http = await withHosts(fresh, past, agents, (onFresh, onPast) =>
    inTurn(
      pairs,
      () => httpPieceOf(onFresh, settings),
      () => httpPieceOf(onPast, settings),
    ),
  );
  rmSync(fresh, { recursive: true, force: true });
  const dearer = (of: keyof InProcess): Dearer => dearerOf(inProcess.map((pair) => pair.map((piece) => piece[of])));
  return {
    events,
    signals,
    deciding: dearer('deciding'),
    writing: dearer('writing'),
    lifecycle: dearer('lifecycle'),
    written: dearer('written'),
    http: dearerOf(http),
    signal: dearer('signal'),
  };
}

/** What pieces of work measure, on a fresh store and on one with a past: now one comes first, now the other. */
async function inTurn<T>(pairs: number, fresh: () => Promise<T>, past: () => Promise<T>): Promise<[T, T][]> {
  const measured: [T, T][] = [];
  for (let pair = 0; pair < WARM_UP + pairs; pair += 1) {
    if (pair % 2 === 0) measured.push([await fresh(), await past()]);
    else {
      const later = await past();
      measured.push([await fresh(), later]);
    }
  }
  return measured.slice(WARM_UP);
}

function dearerOf(pairs: readonly (readonly number[])[]): Dearer {
  const fresh = pairs.map(([value = 0]) => value);
  const past = pairs.map(([, value = 0]) => value);
  const ratios = pairs.map(([a = 0, b = 0]) => (a === 0 ? 1 : b / a));
  return { fresh: median(fresh), past: median(past), ratio: median(ratios) };
}

async function pieceOf(colony: Colony, { tasks, emissions }: LogSettings): Promise<InProcess> {
  const written = writtenKb();
  const cycle = await cpuOf(tasks, () => runLifecycle(colony, tasks));
  return {
    deciding: cycle.thread,
    writing: cycle.all - cycle.thread,
    lifecycle: cycle.all,
    written: (writtenKb() - written) / tasks,
    signal: (await cpuOf(emissions, () => emit(colony, emissions, 1))).all,
  };
}

let httpRuns = 0;

async function httpPieceOf(colony: HttpColony, { httpTasks }: LogSettings): Promise<number> {
  return (await colony.run(`log-${process.pid}-${httpRuns++}`, httpTasks)).hostCpuMsPerTask;
}

async function withColonies<T>(
  fresh: string,
  past: string,
  work: (fresh: Colony, past: Colony) => Promise<T>,
): Promise<T> {
  return await withOpened(openBenchColony, (colony) => colony.stop(), [fresh, past], work);
}

async function withHosts<T>(
  fresh: string,
  past: string,
  agents: number,
  work: (fresh: HttpColony, past: HttpColony) => Promise<T>,
): Promise<T> {
  return await withOpened(
    (data) => HttpColony.open(data, agents),
    (colony) => colony.close(),
    [fresh, past],
    work,
  );
}

async function withOpened<C, T>(
  open: (data: string) => Promise<C>,
  close: (colony: C) => Promise<void>,
  [first, second]: readonly [string, string],
  work: (first: C, second: C) => Promise<T>,
): Promise<T> {
  const one = await open(first);
  try {
    const other = await open(second);
    try {
      return await work(one, other);
    } finally {
      await close(other);
    }
  } finally {
    await close(one);
  }
}

/** What this process has given to its disk so far. */
function writtenKb(): number {
  try {
    return Number(/^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** Emits signals on many trails, in batches, until the views have followed. */
async function emit(colony: Colony, signals: number, batch: number): Promise<void> {
  await forEachOf(Math.ceil(signals / batch), batch === 1 ? EMITTERS : 1, async (n) => {
    const outcomes = await colony.signals.emit(
      agentOf(agentId(n % EMITTERS)),
      Array.from({ length: batch }, (_, i) => ({
        type: 'resource_needed',
        location: `warehouse/dock-${((n * batch + i) * 7) % TRAILS}`,
        strength: 0.5,
        decay_rate: 0.1,
      })),
    );
    for (const outcome of outcomes) if (!outcome.ok) throw new Error(outcome.rejection.message);
  });
  await colony.feed.settled();
}

/** Milliseconds of the processor for one of `count` things: of this thread, and of the whole process. */
async function cpuOf(count: number, work: () => Promise<unknown>): Promise<{ thread: number; all: number }> {
  const thread = process.threadCpuUsage();
  const all = process.cpuUsage();
  await work();
  const sum = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1_000 / count;
  return { thread: sum(process.threadCpuUsage(thread)), all: sum(process.cpuUsage(all)) };
}
