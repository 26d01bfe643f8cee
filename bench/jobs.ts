/**
 * What tasks that come after each other cost beside as many that are posted one by one, and what a large job takes from
 * others: one task, then many that use its result, then one after all of them; and a chain, link by link.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import type { Colony } from '../app/colony';
import type { AskedTask } from '../domain/jobs/plan';
import { taskDecider, type TaskEvent, type TaskState } from '../domain/market/task';
import { agentOf, openBenchColony, POSTER, registerAgents, specOf, TENANT } from './colony';
import { runLifecycle } from './lifecycle';
import { pause, type Quantiles, quantiles } from './measure';

export interface JobsSettings {
  /** Of the large job, and of those that are posted one by one. */
  readonly tasks: number;
  /** Of the chain. */
  readonly links: number;
}

export interface JobsReport {
  readonly tasks: number;
  /** Processor time of the main thread for a task, in milliseconds. */
  readonly aloneCpuMs: number;
  readonly jobCpuMs: number;
  /** How many times as dear a task is in the job. */
  readonly ratio: number;
  /** From the post of the large job to its end. */
  readonly seconds: number;
  /** Milliseconds that a task of others waits for its award: where no job is, and beside the large one. */
  readonly aloneMs: Quantiles;
  readonly othersMs: Quantiles;
  readonly links: number;
  /** Milliseconds for a link of the chain: posted, awarded, completed. */
  readonly linkMs: number;
}

/** Between two tasks of others. */
const OTHERS_EVERY_MS = 20;
const LEASE = { accept_seconds: 3_600, lease_seconds: 3_600 };

export async function benchJobs(folder: string, agents: number, settings: JobsSettings): Promise<JobsReport> {
  const { tasks, links } = settings;
  const data = path.join(folder, 'jobs');
  const colony = await openBenchColony(data);
  try {
    await registerAgents(colony, agents);
    await runLifecycle(colony, tasks, true);
    const alone = await runLifecycle(colony, tasks, true);
    const fan = await runJob(colony, 'fan', fanOf(tasks), true);
    const chain = await runJob(colony, 'chain', chainOf(links), false);
    return {
      tasks,
      aloneCpuMs: alone.cpuMsPerTask,
      jobCpuMs: fan.cpuMs / (tasks + fan.waited.length),
      ratio: fan.cpuMs / (tasks + fan.waited.length) / alone.cpuMsPerTask,
      seconds: fan.seconds,
      aloneMs: alone.awardMs,
      othersMs: quantiles(fan.waited),
      links,
      linkMs: (chain.seconds * 1_000) / links,
    };
  } finally {
    await colony.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

function step(n: number, key: string, after: readonly string[], payload: unknown): AskedTask {
  const { requester: _, ...spec } = { ...specOf(n), ...LEASE, payload };
  return { key, after, when: 'all', spec };
}

function fanOf(tasks: number): AskedTask[] {
  const many = Array.from({ length: tasks - 2 }, (_, n) =>
    step(n, `t${n}`, ['first'], { of: { $result: 'first', pointer: '/ok' } }),
  );
  const last = step(
    0,
    'last',
    many.map(({ key }) => key),
    {},
  );
  return [step(0, 'first', [], {}), ...many, last];
}

function chainOf(links: number): AskedTask[] {
  return Array.from({ length: links }, (_, n) =>
    step(n, `t${n}`, n === 0 ? [] : [`t${n - 1}`], n === 0 ? {} : { of: { $result: `t${n - 1}` } }),
  );
}

interface JobRun {
  readonly seconds: number;
  readonly cpuMs: number;
  /** Milliseconds for which each task of others has waited for its award. */
  readonly waited: readonly number[];
}

/** Posts a job, completes each task that is awarded, and waits for the end; beside it others post theirs, if wished. */
async function runJob(colony: Colony, id: string, tasks: readonly AskedTask[], beside: boolean): Promise<JobRun> {
  const posted = new Map<string, number>();
  const waited: number[] = [];
  const failures: Error[] = [];
  const complete = async (task: string, agent: string, award: number) => {
    const done = await colony.tasks.completeAtOnce(agentOf(agent), task, { agent, award }, { ok: true });
    if (!done.ok) throw new Error(done.rejection.message);
  };
  const stop = colony.transactor.onCommitted(({ category, stream, commits, state }) => {
    if (category !== taskDecider.category) return;
    const { spec } = state as TaskState;
    const task = stream.slice(stream.lastIndexOf('/') + 1);
    for (const event of commits.flatMap(({ events }) => events as readonly TaskEvent[])) {
      if (event.type !== 'TaskAwarded') continue;
      if (spec?.job === undefined) waited.push(performance.now() - (posted.get(task) ?? 0));
      complete(task, event.data.agent, event.data.award).catch((error: Error) => failures.push(error));
    }
  });
  const began = performance.now();
  const cpu = process.threadCpuUsage();
  const job = await colony.jobs.post(POSTER, id, { tasks, on_failure: 'cancel' });
  if (!job.ok) throw new Error(job.rejection.message);
  let isOver = false;
  const ended = untilEnded(colony, id).finally(() => (isOver = true));
  for (let n = 0; beside && !isOver && failures.length === 0; n += 1) {
    const task = `beside-${id}-${n}`;
    posted.set(task, performance.now());
    const outcome = await colony.tasks.post(POSTER, task, { ...specOf(n), ...LEASE });
    if (!outcome.ok) throw new Error(outcome.rejection.message);
    await pause(OTHERS_EVERY_MS);
  }
  for (const failure of failures) throw failure;
  const status = await ended;
  if (status !== 'completed') throw new Error(`the job ${id} is ${status}`);
  const seconds = (performance.now() - began) / 1_000;
  await colony.feed.settled();
  stop();
  const { user, system } = process.threadCpuUsage(cpu);
  return { seconds, cpuMs: (user + system) / 1_000, waited };
}

async function untilEnded(colony: Colony, id: string): Promise<string> {
  for (;;) {
    const { state } = await colony.jobEnds.until(TENANT, id, { seconds: 30 });
    if (state.finished_at !== undefined) return state.status;
  }
}
