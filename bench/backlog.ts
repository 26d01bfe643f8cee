/**
 * What a backlog costs those whose tasks are done: the processor time of a task's life cycle in a colony where nothing
 * waits, and again while tasks wait that no agent can do; and of a backlog that is worked off, beside one that is a
 * tenth of it.
 */
import path from 'node:path';
import type { Colony } from '../app/colony';
import type { TaskEvent } from '../domain/market/task';
import { agentOf, openBenchColony, POSTER, registerAgents, specOf } from './colony';
import { runLifecycle } from './lifecycle';
import { forEachOf, median } from './measure';

export interface BacklogSettings {
  /** Tasks that wait. */
  readonly waiting: number;
  /** Tasks whose life cycle is measured, at a time. */
  readonly tasks: number;
  readonly rounds: number;
}

export interface BacklogReport {
  readonly waiting: number;
  /** Processor time of a life cycle, in milliseconds: with nothing waiting, and beside tasks that nobody can do. */
  readonly emptyCpuMs: number;
  readonly hopelessCpuMs: number;
  /** How many times as dear a life cycle is beside them. */
  readonly hopelessRatio: number;
  /** Processor time of a task from its acceptance on, of a backlog that is worked off; and of a tenth of it. */
  readonly deepCpuMs: number;
  readonly shallowCpuMs: number;
  readonly deepRatio: number;
}

/** @param agents registered agents, whose slots all serve the backlog */
export async function benchBacklog(folder: string, agents: number, settings: BacklogSettings): Promise<BacklogReport> {
  const { waiting, tasks, rounds } = settings;
  const colony = await openBenchColony(path.join(folder, 'backlog'));
  try {
    await registerAgents(colony, agents);
    await runLifecycle(colony, tasks);
    const cpu = async () => (await runLifecycle(colony, tasks)).cpuMsPerTask;
    const empty: number[] = [];
    for (let round = 0; round < rounds; round += 1) empty.push(await cpu());
    const shallowCpuMs = await drain(colony, 'shallow', Math.round(waiting / 10));
    const deepCpuMs = await drain(colony, 'deep', waiting);
    await forEachOf(waiting, 256, async (n) => {
      const spec = specOf(n);
      const requires = [...spec.requires, { capability: 'nobody.can', level: 1 }];
      await post(colony, `hopeless-${n}`, { ...spec, requires });
    });
    await colony.feed.settled();
    const hopeless: number[] = [];
    for (let round = 0; round < rounds; round += 1) hopeless.push(await cpu());
    return {
      waiting,
      emptyCpuMs: median(empty),
      hopelessCpuMs: median(hopeless),
      hopelessRatio: median(hopeless) / median(empty),
      deepCpuMs,
      shallowCpuMs,
      deepRatio: deepCpuMs / shallowCpuMs,
    };
  } finally {
    await colony.stop();
  }
}

/** Posts tasks while nobody takes one up, then works all of them off: milliseconds of the processor for each. */
async function drain(colony: Colony, name: string, waiting: number): Promise<number> {
  const awards: { task: string; claim: { agent: string; award: number } }[] = [];
  let work: ((task: string, claim: { agent: string; award: number }) => void) | undefined;
  const stop = colony.transactor.onCommitted(({ category, stream, commits }) => {
    if (category !== 'task') return;
    for (const event of commits.flatMap(({ events }) => events as readonly TaskEvent[])) {
      if (event.type !== 'TaskAwarded') continue;
      const task = stream.slice(stream.lastIndexOf('/') + 1);
      const claim = { agent: event.data.agent, award: event.data.award };
      if (work === undefined) awards.push({ task, claim });
      else work(task, claim);
    }
  });
  const lease = { accept_seconds: 3_600, lease_seconds: 3_600 };
  await forEachOf(waiting, 256, (n) => post(colony, `${name}-${n}`, { ...specOf(n), ...lease }));
  await colony.feed.settled();
  const before = process.threadCpuUsage();
  await new Promise<void>((resolve, reject) => {
    let done = 0;
    const life = async (task: string, claim: { agent: string; award: number }): Promise<void> => {
      await colony.tasks.accept(agentOf(claim.agent), task, claim);
      const completed = await colony.tasks.complete(agentOf(claim.agent), task, claim, { ok: true });
      if (!completed.ok) throw new Error(completed.rejection.message);
      done += 1;
      if (done === waiting) resolve();
    };
    work = (task, claim) => void life(task, claim).catch(reject);
    for (const { task, claim } of awards) work(task, claim);
  });
  stop();
  await colony.feed.settled();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000 / waiting;
}

async function post(colony: Colony, task: string, spec: ReturnType<typeof specOf>): Promise<void> {
  const outcome = await colony.tasks.post(POSTER, task, spec);
  if (!outcome.ok) throw new Error(outcome.rejection.message);
}
