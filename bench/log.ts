/**
 * Whether what is done costs more where much has been done: life cycles of tasks in this process and over HTTP, and
 * signals, on a fresh store and on one with a long past, in turn. Processor time is compared: on a busy machine the
 * clock tells more of its neighbours.
 */
import { rmSync } from 'node:fs';
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
  readonly rounds: number;
  /** Of each kind, at a time. */
  readonly tasks: number;
  readonly httpTasks: number;
  readonly emissions: number;
}

/** Processor time of one thing, in milliseconds: medians, and how many times as dear it is with a past. */
export interface Dearer {
  readonly fresh: number;
  readonly past: number;
  readonly ratio: number;
}

export interface LogReport {
  readonly events: number;
  readonly signals: number;
  /** Life cycles in process: of the thread that decides, and of all others (the writer's, the collector's). */
  readonly deciding: Dearer;
  readonly writing: Dearer;
  /** Of the whole process. */
  readonly lifecycle: Dearer;
  /** Of the host's process, for a life cycle over HTTP. */
  readonly http: Dearer;
  /** Of the whole process, for one signal. */
  readonly signal: Dearer;
}

interface Round {
  readonly deciding: number;
  readonly writing: number;
  readonly lifecycle: number;
  readonly http: number;
  readonly signal: number;
}

const TRAILS = 1_000;
const EMITTERS = 256;
const BATCH = 1_000;

/** @param past a store with a past of so many events, with its agents */
export async function benchLog(folder: string, past: string, settings: LogSettings): Promise<LogReport> {
  const { events, signals, agents, rounds } = settings;
  await withColony(past, async (colony) => emit(colony, signals, BATCH));
  const fresh: Round[] = [];
  const later: Round[] = [];
  const onFresh = async (): Promise<Round> => {
    const data = path.join(folder, 'log');
    await withColony(data, (colony) => registerAgents(colony, agents));
    const round = await roundOn(data, settings);
    rmSync(data, { recursive: true, force: true });
    return round;
  };
  await onFresh(); // the code gets hot once, for both
  for (let round = 0; round < rounds; round += 1) {
    fresh.push(await onFresh());
    later.push(await roundOn(past, settings));
  }
  const dearer = (of: keyof Round): Dearer => {
    const [a, b] = [median(fresh.map((round) => round[of])), median(later.map((round) => round[of]))];
    return { fresh: a, past: b, ratio: b / a };
  };
  return {
    events,
    signals,
    deciding: dearer('deciding'),
    writing: dearer('writing'),
    lifecycle: dearer('lifecycle'),
    http: dearer('http'),
    signal: dearer('signal'),
  };
}

async function roundOn(data: string, { agents, tasks, httpTasks, emissions }: LogSettings): Promise<Round> {
  const inProcess = await withColony(data, async (colony) => {
    await runLifecycle(colony, Math.ceil(tasks / 5));
    const cycle = await cpuOf(tasks, () => runLifecycle(colony, tasks));
    await emit(colony, Math.ceil(emissions / 5), 1);
    return { cycle, signal: await cpuOf(emissions, () => emit(colony, emissions, 1)) };
  });
  const colony = await HttpColony.open(data, agents);
  try {
    const name = `log-${process.pid}-${Math.round(performance.now())}`;
    await colony.run(`${name}-warm`, Math.ceil(httpTasks / 5));
    const { hostCpuMsPerTask } = await colony.run(name, httpTasks);
    const { cycle, signal } = inProcess;
    return {
      deciding: cycle.thread,
      writing: cycle.all - cycle.thread,
      lifecycle: cycle.all,
      http: hostCpuMsPerTask,
      signal: signal.all,
    };
  } finally {
    await colony.close();
  }
}

async function withColony<T>(data: string, work: (colony: Colony) => Promise<T>): Promise<T> {
  const colony = await openBenchColony(data);
  try {
    return await work(colony);
  } finally {
    await colony.stop();
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
