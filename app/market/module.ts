/**
 * Market: who does which task. Agents register and lend themselves out, tasks are posted, awarded, held and completed.
 * Owns agents, tasks, pools and pauses; in memory the books, and the bells of long polls.
 * Calls stops, tenants, identity, budgets (what an award costs), and signals (a pool has too much to do).
 */
import { agentDecider, isRegistered } from '../../domain/market/agent';
import { pauseDecider } from '../../domain/market/pause';
import { poolDecider } from '../../domain/market/pool';
import { isAlive, taskDecider } from '../../domain/market/task';
import { agents as agentsView } from '../../projections/market/agents';
import { tasks as tasksView } from '../../projections/market/tasks';
import { ALL } from '../../projections/projection';
import type { Reservations } from '../budgets/module';
import { EndWaits } from '../engine/end-waits';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { randomHex } from '../engine/new-id';
import { eachRow, type RowPlace } from '../engine/rows';
import type { Identity } from '../identity/module';
import type { Signals } from '../signals/module';
import type { StopBook } from '../stops/module';
import type { TenantBook } from '../tenants/module';
import type { AgentBook } from './agent-book';
import { Agents } from './agents';
import { Balance } from './balance';
import { Census } from './census';
import { Gateways } from './gateways';
import { Inboxes } from './inbox';
import { InboxPush } from './inbox-push';
import type { Silence } from './loss-doubt';
import { Market, type MarketOptions } from './market';
import { Pauses } from './pauses';
import { Payloads, placed, referenceOf } from './payloads';
import { Places } from './places';
import { Predecessors } from './predecessors';
import { PresenceSweep } from './presence-sweep';
import { Reactions } from './reactions';
import { RoundBook } from './round-book';
import { StoppedWork } from './stopped-work';
import { specOf, wantedOf } from './task-answer';
import { type TaskOutcome, Tasks } from './tasks';
import { gateOf, WhyNots } from './why-not';
import { type Ending, WindingUp } from './winding-up';

export {
  type AgentBook,
  type Agents,
  type Balance,
  Census,
  type Ending,
  gateOf,
  type Market,
  type MarketOptions,
  Payloads,
  placed,
  type Predecessors,
  referenceOf,
  type RoundBook,
  specOf,
  type TaskOutcome,
  type Tasks,
  wantedOf,
  type WindingUp,
};

export interface MarketNeeds {
  readonly signals: Signals;
  readonly identity: Identity;
  readonly stopBook: StopBook;
  readonly tenantBook: TenantBook;
  readonly reservations: Reservations;
  readonly options?: MarketOptions;
}

export function marketModule(
  engine: Engine,
  { signals, identity, stopBook, tenantBook, reservations: budgets, options }: MarketNeeds,
) {
  const { transactor, viewStore, blobs, ports, clock, watchdog, deadlines, duty, standstill, report, shared } = engine;
  const agentsOf = engine.aggregate(agentDecider, { view: agentsView, followed: true });
  const tasksOf = engine.aggregate(taskDecider, { view: tasksView, followed: true });
  const pausesOf = engine.aggregate(pauseDecider, { followed: true });
  engine.aggregate(poolDecider, { followed: true });

  const places = new Places(randomHex(6));
  const roundBook = new RoundBook(places);
  const market = new Market(transactor, clock, places, { stops: stopBook, budgets }, options);
  const inboxes = new Inboxes({ transactor, market, rounds: roundBook, places, clock });
  const { presence } = ports;
  const agents = new Agents({
    agents: agentsOf,
    transactor,
    market,
    tenants: tenantBook,
    inboxes,
    presence,
    clock,
    watchdog,
    report,
    standstill,
    shared,
  });
  const gateways = new Gateways({ transactor, market, agents, inboxes, places, clock, shared });
  const inboxPush = new InboxPush({ push: ports.push, transactor, agents, book: market.agents, duty, clock });
  const whyNots = new WhyNots(transactor, market, stopBook, clock);
  const payloads = new Payloads(blobs, tenantBook);
  const predecessors = new Predecessors({ tasks: tasksOf, payloads, clock });
  const tasks = new Tasks({
    tasks: tasksOf,
    transactor,
    market,
    tenants: tenantBook,
    agents,
    budgets,
    whyNots,
    payloads,
    predecessors,
    blobs,
    clock,
    watchdog,
  });
  const taskEnds = new EndWaits(transactor, tasksOf, (state) => !isAlive(state));
  const stoppedWork = new StoppedWork(market, transactor, stopBook);
  const pauses = new Pauses(pausesOf, (tenant) => market.underway(tenant));
  const judge = (silence: Silence) => agents.doubt.judge(silence);
  const sweep = shared
    ? new PresenceSweep({ agents: market.agents, presence, duty, standstill, clock, report, judge })
    : undefined;
  const windingUp = new WindingUp({
    transactor,
    tasksOf,
    tasks,
    agentsOf,
    agents,
    identity,
    deadlines,
    clock,
    report,
  });
  const reactions = new Reactions({
    transactor,
    market,
    agents,
    tasks,
    stoppedWork,
    windingUp,
    budgets,
    sweep,
    deadlines,
    duty,
    clock,
    report,
  });
  const balance = new Balance(transactor, market, signals, viewStore, clock, report);
  roundBook.onAsked((tenant, voter) => agents.ring(tenant, voter, places.last));
  // Whatever an agent does in its own name is a sign of life.
  transactor.onCommand((context) => {
    if (context.principal.kind === 'agent') void agents.heard(context, context.principal.id).catch(() => undefined);
  });

  let isFilled = false;
  let found = 0;

  async function fill(): Promise<void> {
    const fillAgent = async ({ tenant, id, stream, index }: RowPlace) => {
      await market.pauses.of(tenant);
      if ((market.agents.get(tenant, id)?.version ?? -1) >= index) return;
      const { state, version } = await agentsOf.load(tenant, id);
      market.agents.update(tenant, id, state, version);
      market.agentCensus.update(stream, version, isRegistered(state));
    };
    await eachRow(agentsOf, { key: ALL }, fillAgent, { report });
  }

  /** A task that is not there yet is awarded later: agents are there before it, and its own commits bring it in. */
  async function fillMore(signal: AbortSignal): Promise<void> {
    const fillTask = async ({ tenant, id, stream: name, index }: RowPlace) => {
      found += 1;
      if ((market.tasks.waits(name)?.version ?? -1) >= index) return;
      const { stream, state, version } = await tasksOf.load(tenant, id);
      market.tasks.update(tenant, id, stream, state, version);
      market.taskCensus.update(stream, version, isAlive(state));
    };
    // What is in somebody's hands waits for nobody: it is only counted.
    const countTask = async ({ tenant, id, stream }: RowPlace) => {
      const { state, version } = await tasksOf.load(tenant, id);
      market.taskCensus.update(stream, version, isAlive(state));
    };
    for (const status of ['open', 'held'])
      await eachRow(tasksOf, { key: ALL, where: { status } }, fillTask, { report, signal });
    for (const status of ['awarded', 'running'])
      await eachRow(tasksOf, { key: ALL, where: { status } }, countTask, { report, signal });
    isFilled = true;
  }

  /** What is not known yet of the tasks that waited at the start; undefined when all of it is. */
  async function filling(): Promise<string | undefined> {
    return isFilled
      ? undefined
      : `tasks that wait are still read since the start, ${found} so far: each is awarded when its turn to be read has come, and pools are balanced when all are known`;
  }

  return {
    services: {
      market,
      agents,
      gateways,
      inboxPush,
      tasks,
      predecessors,
      taskEnds,
      stoppedWork,
      pauses,
      whyNots,
      balance,
      reactions,
      roundBook,
      windingUp,
      filling,
    },
    consumers: { reactions: [reactions, balance] },
    open: () => balance.open(),
    fill,
    fillMore,
    start() {
      reactions.start();
      inboxPush.start();
      balance.start(
        () => isFilled,
        () => duty.mine,
      );
    },
    async stop() {
      agents.stop();
      inboxPush.stop();
      gateways.stop();
      taskEnds.stop();
      await balance.stop();
      await reactions.stop();
    },
  } satisfies Module;
}
