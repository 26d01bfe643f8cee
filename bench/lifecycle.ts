/**
 * The life cycle of tasks in one process: a poster posts, the market awards, the agent that it is awarded to accepts
 * and completes at once; slots are given back and read models follow through the feed. The clock stops when the feed
 * has caught up, so that nothing is left undone.
 */
import type { Colony } from '../app/colony';
import type { TaskEvent } from '../domain/market/task';
import { agentOf, POSTER, specOf } from './colony';
import { type Memory, memory, type Quantiles, quantiles } from './measure';

export interface LifecycleResult {
  /** Post to completion, with everything that follows from it. */
  readonly tasksPerSecond: number;
  readonly tasks: number;
  readonly seconds: number;
  readonly awardMs: Quantiles;
  readonly commitsPerTask: number;
  /** Processor time of the main thread for one task, in milliseconds: tells more than the clock on a busy machine. */
  readonly cpuMsPerTask: number;
  readonly memory: Memory;
}

/** Tasks that are posted and not completed at once, at most: a third of the slots, so that nobody waits for one. */
const IN_FLIGHT = 1_200;
const POSTERS = 64;

let runs = 0;

/** @param atOnce whether agents accept with the result, in one commit */
export async function runLifecycle(colony: Colony, tasks: number, atOnce = false): Promise<LifecycleResult> {
  const run = `run-${process.pid}-${runs++}`;
  const postedAt = new Map<string, number>();
  const waited: number[] = [];
  const slotsOpen = new Set<() => void>();
  let completed = 0;
  let failure: unknown;
  const before = Number(await colony.ports.store.end());
  const cpu = process.threadCpuUsage();

  const stop = await new Promise<() => void>((resolve, reject) => {
    const work = async (task: string, claim: { agent: string; award: number }): Promise<void> => {
      const agent = agentOf(claim.agent);
      if (!atOnce) {
        const accepted = await colony.tasks.accept(agent, task, claim);
        if (!accepted.ok) throw new Error(accepted.rejection.message);
      }
      const done = await colony.tasks[atOnce ? 'completeAtOnce' : 'complete'](agent, task, claim, { ok: true });
      if (!done.ok) throw new Error(done.rejection.message);
      completed += 1;
      for (const open of slotsOpen) open();
      slotsOpen.clear();
      if (completed === tasks) resolve(stopListening);
    };
    const stopListening = colony.transactor.onCommitted(({ category, stream, commits }) => {
      if (category !== 'task') return;
      for (const { events } of commits) {
        for (const event of events as readonly TaskEvent[]) {
          if (event.type !== 'TaskAwarded') continue;
          const task = stream.slice(stream.lastIndexOf('/') + 1);
          waited.push(performance.now() - (postedAt.get(task) ?? 0));
          void work(task, { agent: event.data.agent, award: event.data.award }).catch(reject);
        }
      }
    });
    let next = 0;
    started = performance.now();
    for (let poster = 0; poster < POSTERS; poster += 1) {
      void (async () => {
        while (next < tasks && failure === undefined) {
          const n = next++;
          const task = `${run}-${n}`;
          postedAt.set(task, performance.now());
          const outcome = await colony.tasks.post(POSTER, task, specOf(n));
          if (!outcome.ok) throw new Error(outcome.rejection.message);
          while (next - completed > IN_FLIGHT) await new Promise<void>((open) => slotsOpen.add(open));
        }
      })().catch((error: unknown) => {
        failure = error;
        reject(error instanceof Error ? error : new Error(String(error)));
      });
    }
  });
  stop();
  await colony.feed.settled();
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.threadCpuUsage(cpu);
  const commits = Number(await colony.ports.store.end()) - before;
  return {
    tasksPerSecond: tasks / seconds,
    tasks,
    seconds,
    awardMs: quantiles(waited),
    commitsPerTask: commits / tasks,
    cpuMsPerTask: (user + system) / 1000 / tasks,
    memory: memory(),
  };
}

let started = 0;
