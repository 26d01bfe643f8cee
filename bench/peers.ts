/**
 * The same work as the life cycle in process, as far as a peer does it, in the same run and on the same disk: a queue
 * of jobs (BullMQ on Redis) and an engine of durable workflows (DBOS on PostgreSQL), each durable before it answers.
 * None of them is a dependency: whoever wants the comparison installs them, else they are left out with a word on what
 * is missing.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { openBenchColony, registerAgents } from './colony';
import { runLifecycle } from './lifecycle';
import { median } from './measure';
import type { PeerJobs, Skipped } from './peer';
import { findBullmq, ofBullmq } from './peer-bullmq';
import { findDbos, ofDbos } from './peer-dbos';

export interface PeerSettings extends PeerJobs {
  readonly agents: number;
  /** Runs of each, in turn; the median counts. */
  readonly rounds: number;
}

export interface PeerRuns {
  /** Median. */
  readonly tasksPerSecond: number;
  readonly runs: readonly number[];
}

export interface PeerReport {
  readonly tasks: number;
  readonly formicary: PeerRuns;
  readonly bullmq: PeerRuns | Skipped;
  readonly dbos: PeerRuns | Skipped;
  /** Tasks of Formicary for each of the peer; null where the peer was left out. */
  readonly ofBullmq: number | null;
  readonly ofDbos: number | null;
}

/** @param packages the folder into which the peers were installed */
export async function benchPeers(folder: string, packages: string, settings: PeerSettings): Promise<PeerReport> {
  const bullmq = findBullmq(packages);
  const dbos = findDbos(packages);
  const formicary: number[] = [];
  const jobs: number[] = [];
  const workflows: number[] = [];
  for (let round = 0; round < settings.rounds; round += 1) {
    formicary.push(await ofFormicary(path.join(folder, 'peer-formicary'), settings));
    if (!('skipped' in bullmq)) jobs.push(await ofBullmq(bullmq, path.join(folder, 'peer-redis'), settings));
    if (!('skipped' in dbos)) workflows.push(await ofDbos(dbos, path.join(folder, 'peer-postgres'), settings));
  }
  const own = runsOf(formicary);
  const of = (runs: readonly number[]) => (runs.length === 0 ? null : own.tasksPerSecond / median(runs));
  return {
    tasks: settings.tasks,
    formicary: own,
    bullmq: 'skipped' in bullmq ? bullmq : runsOf(jobs),
    dbos: 'skipped' in dbos ? dbos : runsOf(workflows),
    ofBullmq: of(jobs),
    ofDbos: of(workflows),
  };
}

function runsOf(runs: readonly number[]): PeerRuns {
  return { tasksPerSecond: median(runs), runs };
}

async function ofFormicary(data: string, { agents, warmUp, tasks }: PeerSettings): Promise<number> {
  const colony = await openBenchColony(data);
  try {
    await registerAgents(colony, agents);
    await runLifecycle(colony, warmUp);
    return (await runLifecycle(colony, tasks)).tasksPerSecond;
  } finally {
    await colony.stop();
    rmSync(data, { recursive: true, force: true });
  }
}
