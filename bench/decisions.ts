/**
 * Decisions: rounds of fifty voters from their opening to their outcome, in process and over HTTP with voters in
 * processes of their own; what an approval adds to an action; and a thousand approvals that wait.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Colony } from '../app/colony';
import type { RoundInput } from '../app/oversight/rounds';
import { Formicary } from '../client/client';
import type { Decider, Event } from '../domain/kernel/decider';
import { streamName } from '../domain/kernel/ids';
import type { Principal } from '../domain/kernel/principal';
import { type ActionState, actionStream } from '../domain/oversight/action';
import type { Voter } from '../domain/oversight/consensus';
import { type RoundState, roundStream } from '../domain/oversight/round';
import { APPROVALS_PER_REQUESTER } from '../domain/tenants/tenant';
import { freePort, HostProcess } from '../samples/demo/host-process';
import { readLog, Verification } from '../samples/demo/log';
import { agentId, agentOf, openBenchColony, POSTER, TENANT } from './colony';
import { ballotOf } from './decisions-ballot';
import { Electors } from './decisions-electors';
import { cpuMsOf, forEachOf, type Memory, memory, type Quantiles, quantiles } from './measure';

export interface DecisionSettings {
  readonly voters: number;
  /** One after the other, in process; as many again at once. */
  readonly rounds: number;
  readonly httpRounds: number;
  readonly atOnce: number;
  /** Actions that are proposed, approved and taken one after the other. */
  readonly approvals: number;
  /** Approvals that wait at the same time. */
  readonly waiting: number;
}

export interface RoundRuns {
  /** From the request that opens a round to the answer to the vote that closes it. */
  readonly ms: Quantiles;
  readonly rounds: number;
  /**
   * Processor time of a round with all that follows from it, of the main thread (in process) or the host (over HTTP).
   */
  readonly cpuMsPerRound: number;
}

export interface DecisionReport {
  readonly voters: number;
  readonly atOnce: number;
  readonly inProcess: { readonly single: RoundRuns; readonly many: RoundRuns };
  readonly http: { readonly single: RoundRuns; readonly many: RoundRuns };
  /** Of the receipts that a round leaves, those of late votes too. */
  readonly commitsPerRound: number;
  readonly bytesPerRound: number;
  readonly approval: {
    /** Proposed, held, approved, cleared, taken: five commands and what follows from them, nobody thinking. */
    readonly ms: Quantiles;
    /** One command that appends one event. */
    readonly plainMs: Quantiles;
    readonly cpuMs: number;
    readonly plainCpuMs: number;
    readonly commits: number;
  };
  readonly waiting: {
    readonly approvals: number;
    readonly memory: { readonly before: Memory; readonly after: Memory };
    /** Until the colony on this store serves again. */
    readonly restartMs: number;
    /** The first hundred of the queue. */
    readonly pageMs: Quantiles;
  };
}

const PERSON: { principal: Principal } = {
  principal: { tenant: TENANT, id: 'human:bench', kind: 'human', level: 'critical', groups: ['approvers'] },
};
const KIND = 'bench.order';
const PAGES = 50;
const WARM_UP = 20;

type Noted = Event<'Noted', { number: number }>;

/** The least that a command can append. */
const notes: Decider<{ readonly last: number }, Noted> = {
  category: 'note',
  version: 1,
  initial: { last: 0 },
  evolve: (_, { data }) => ({ last: data.number }),
};

export async function benchDecisions(folder: string, settings: DecisionSettings): Promise<DecisionReport> {
  const data = join(folder, 'decisions');
  const { voters, atOnce } = settings;
  try {
    const rounds = await roundsInProcess(join(data, 'rounds'), settings);
    const approvals = await approvalsInProcess(join(data, 'approvals'), settings);
    const http = await roundsOverHttp(join(data, 'http'), settings);
    return { voters, atOnce, ...rounds, ...approvals, http };
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

// ----------------------------------------------------------------------------------------------- rounds in process

async function roundsInProcess(
  data: string,
  { voters, rounds, atOnce }: DecisionSettings,
): Promise<Pick<DecisionReport, 'inProcess' | 'commitsPerRound' | 'bytesPerRound'>> {
  const colony = await openBenchColony(data);
  let count = 0;
  const closed = new Map<string, () => void>();
  colony.transactor.onCommitted(({ stream, category, state }) => {
    if (category === 'round' && (state as RoundState).status === 'closed') closed.get(stream)?.();
  });
  const round = async (): Promise<number> => {
    const id = `round-${count++}`;
    const over = new Promise<number>((resolve) =>
      closed.set(roundStream(TENANT, id), () => resolve(performance.now())),
    );
    const began = performance.now();
    const opened = await colony.rounds.open(POSTER, id, roundOf(voters));
    if (!opened.ok) throw new Error(opened.rejection.message);
    const { electorate_hash: snapshot, pass } = opened.state;
    const votes = Array.from({ length: voters }, (_, n) =>
      colony.rounds.vote(agentOf(agentId(n)), id, { voter: agentId(n), ...ballotOf(n), snapshot, pass }),
    );
    const ended = await over;
    // What comes after the decision is refused, and is part of what a round costs.
    for (const vote of await Promise.all(votes))
      if (!vote.ok && vote.rejection.code !== 'round-closed') throw new Error(vote.rejection.message);
    return ended - began;
  };
  const measured = async (batches: number, size: number): Promise<RoundRuns> => {
    const cpu = process.threadCpuUsage();
    const taken: number[] = [];
    for (let batch = 0; batch < batches; batch += 1) {
      taken.push(...(await Promise.all(Array.from({ length: size }, round))));
      await colony.feed.settled();
    }
    return { ms: quantiles(taken), rounds: taken.length, cpuMsPerRound: sinceMs(cpu) / taken.length };
  };
  try {
    await measured(WARM_UP, 1);
    const single = await measured(rounds, 1);
    const many = await measured(Math.ceil(rounds / atOnce), atOnce);
    await colony.stop();
    const log = new Verification();
    for (const _ of log.over(readLog(data)));
    if (!log.verified) throw new Error(log.faults[0]?.message);
    return { inProcess: { single, many }, commitsPerRound: log.commits / count, bytesPerRound: log.bytes / count };
  } catch (error) {
    await colony.stop();
    throw error;
  }
}

function votersOf(count: number): Voter[] {
  return Array.from({ length: count }, (_, n) => ({
    id: agentId(n),
    why: 'the bench asks it',
    expertise: { relevance: 1, experience: 0.5 + (0.5 * n) / count, track_record: 0.9 },
  }));
}

function roundOf(voters: number): RoundInput {
  return {
    question: 'Shall the line be stopped for an hour?',
    kind: 'bench.question',
    impact: 'medium',
    choices: ['approve', 'reject'],
    round_seconds: 60,
    improvement_rounds: 0,
    allow_change: false,
    electorate: { algorithm: 'expertise_based', voters: votersOf(voters), min_agreement: 0.75, quorum: 0.67 },
  };
}

// ------------------------------------------------------------------------------------------------------- approvals

async function approvalsInProcess(
  data: string,
  { approvals, waiting }: DecisionSettings,
): Promise<Pick<DecisionReport, 'approval' | 'waiting'>> {
  let colony = await openBenchColony(data);
  try {
    const approval = await approvalCost(colony, approvals);
    await colony.feed.settled();
    const before = memory();
    // Each asks about as many as it may have waiting.
    const by = (n: number) => agentId(Math.floor(n / APPROVALS_PER_REQUESTER));
    await forEachOf(waiting, 50, async (n) => void (await propose(colony, `waiting-${n}`, by(n))));
    await colony.feed.settled();
    const after = memory();
    await colony.stop();
    const began = performance.now();
    colony = await openBenchColony(data);
    const restartMs = performance.now() - began;
    const pages: number[] = [];
    for (let page = 0; page < PAGES; page += 1) {
      const asked = performance.now();
      const found = await colony.approvals.list(TENANT, { status: 'waiting' }, 100);
      pages.push(performance.now() - asked);
      if (found.docs.length !== Math.min(100, waiting))
        throw new Error(`the queue shows ${found.docs.length} of ${waiting}`);
    }
    return {
      approval,
      waiting: { approvals: waiting, memory: { before, after }, restartMs, pageMs: quantiles(pages) },
    };
  } finally {
    await colony.stop();
  }
}

/**
 * Takes one action after the other from its proposal through a person's approval to its execution; each has an id of
 * its own.
 */
export function approver(colony: Colony): (id: string) => Promise<void> {
  const cleared = new Map<string, () => void>();
  colony.transactor.onCommitted(({ stream, category, state }) => {
    if (category === 'action' && (state as ActionState).status === 'cleared') cleared.get(stream)?.();
  });
  return async (id) => {
    const letOn = new Promise<void>((resolve) => cleared.set(actionStream(TENANT, id), resolve));
    const { hash, held } = await propose(colony, id);
    const approval = held?.ref.split(/[/@]/)[2] as string;
    const given = await colony.approvals.approve(PERSON, approval, { hash, reason: 'as the bench wants it' });
    if (!given.ok) throw new Error(given.rejection.message);
    await letOn;
    const taken = await colony.actions.execute(agentOf(agentId(0)), id, { hash });
    if (!taken.ok) throw new Error(taken.rejection.message);
  };
}

async function approvalCost(colony: Colony, count: number): Promise<DecisionReport['approval']> {
  const approved = approver(colony);
  const plain = async (number: number): Promise<void> => {
    const noted = await colony.transactor.transact(
      notes,
      streamName(TENANT, 'note', `note-${number}`),
      (): Noted[] => [{ type: 'Noted', v: 1, data: { number } }],
      // An action that policy knows, so that it is asked here too.
      { ...POSTER, action: 'task.post', creates: true },
    );
    if (!noted.ok) throw new Error(noted.rejection.message);
  };
  const measured = async (
    work: (n: number) => Promise<void>,
    from: number,
    to: number,
  ): Promise<{ ms: Quantiles; cpuMs: number; commits: number }> => {
    const before = Number(await colony.ports.store.end());
    const cpu = process.threadCpuUsage();
    const taken: number[] = [];
    for (let n = from; n < to; n += 1) {
      const began = performance.now();
      await work(n);
      taken.push(performance.now() - began);
    }
    await colony.feed.settled();
    return {
      ms: quantiles(taken),
      cpuMs: sinceMs(cpu) / taken.length,
      commits: (Number(await colony.ports.store.end()) - before) / taken.length,
    };
  };
  const through = (n: number) => approved(`approved-${n}`);
  await measured(plain, 0, WARM_UP);
  await measured(through, 0, WARM_UP);
  const one = await measured(plain, WARM_UP, WARM_UP + count);
  const { ms, cpuMs, commits } = await measured(through, WARM_UP, WARM_UP + count);
  return { ms, plainMs: one.ms, cpuMs, plainCpuMs: one.cpuMs, commits };
}

/** Proposes an action of a kind without rules, which a person decides on. */
async function propose(colony: Colony, id: string, by = agentId(0)): Promise<ActionState> {
  const proposed = await colony.actions.propose(agentOf(by), id, {
    kind: KIND,
    action: { order: id, item: 'bolts', amount: 40 },
    why: 'stock is low',
    confidence: 0.9,
    impact: 'low',
    risk: 0.1,
    features: { amount: 40 },
  });
  if (!proposed.ok) throw new Error(proposed.rejection.message);
  if (proposed.state.status !== 'held') throw new Error(`the action is ${proposed.state.status}`);
  return proposed.state;
}

// ------------------------------------------------------------------------------------------------ rounds over HTTP

async function roundsOverHttp(
  data: string,
  { voters, httpRounds, atOnce }: DecisionSettings,
): Promise<DecisionReport['http']> {
  // Every voter is a principal of its own; the limit of the rate is not what is measured.
  const host = new HostProcess({
    data,
    port: await freePort(),
    environment: { FORMICARY_RATE: '1000000', FORMICARY_BURST: '1000000' },
  });
  const client = new Formicary({ url: host.url, principal: POSTER.principal.id });
  const electors = new Electors();
  let count = 0;
  const round = async (): Promise<number> => {
    const id = `round-${count++}`;
    const over = electors.closed(id);
    const began = performance.now();
    await client.rounds.open({ id, ...roundOf(voters) });
    return (await over) - began;
  };
  const measured = async (batches: number, size: number): Promise<RoundRuns> => {
    const cpu = cpuMsOf(host.pid);
    const taken: number[] = [];
    for (let batch = 0; batch < batches; batch += 1)
      taken.push(...(await Promise.all(Array.from({ length: size }, round))));
    return { ms: quantiles(taken), rounds: taken.length, cpuMsPerRound: (cpuMsOf(host.pid) - cpu) / taken.length };
  };
  try {
    await host.start();
    await electors.start(host.url, voters);
    await measured(WARM_UP, 1);
    return { single: await measured(httpRounds, 1), many: await measured(Math.ceil(httpRounds / atOnce), atOnce) };
  } finally {
    electors.kill();
    client.close();
    await host.stop();
  }
}

function sinceMs(cpu: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(cpu);
  return (user + system) / 1000;
}
