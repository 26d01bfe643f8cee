/**
 * Oversight: what agents may do alone, and whom they have to ask: the gate, rounds, approvals, challenges, corrections.
 * Owns the rules, actions, rounds, approvals and corrections.
 * Calls the market (whom to ask, what a task waits for), notices (people are told) and tenants (how much may wait).
 */
import type { Event } from '../../domain/kernel/decider';
import { actionDecider } from '../../domain/oversight/action';
import { approvalDecider } from '../../domain/oversight/approval';
import { correctionDecider } from '../../domain/oversight/correction';
import { oversightDecider } from '../../domain/oversight/oversight';
import { roundDecider } from '../../domain/oversight/round';
import { actions as actionsView } from '../../projections/oversight/actions';
import { approvals as approvalsView } from '../../projections/oversight/approvals';
import { corrections as correctionsView } from '../../projections/oversight/corrections';
import { rounds as roundsView } from '../../projections/oversight/rounds';
import { ALL } from '../../projections/projection';
import type { Aggregate } from '../engine/aggregate';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { eachRow } from '../engine/rows';
import type { AgentBook, RoundBook, Tasks, WindingUp } from '../market/module';
import { type Deliveries, PUBLIC_URL } from '../notices/module';
import type { TenantBook } from '../tenants/module';
import { Actions } from './actions';
import { Approvals } from './approvals';
import { Asking } from './asking';
import { Challenges } from './challenges';
import { Corrections } from './corrections';
import { type DecisionFigures, DecisionMetrics } from './decision-metrics';
import { endsWithTenant } from './ends-with-tenant';
import { type Approved, HeldCommands } from './held-commands';
import { Judgement } from './judgement';
import { Notifier } from './notifier';
import { Orchestrated } from './orchestrated';
import { Oversight } from './oversight';
import { PendingDecisions } from './pending-decisions';
import { OversightReactions } from './reactions';
import { Rounds } from './rounds';

export type { Approved, DecisionFigures, DecisionMetrics };

export interface OversightNeeds {
  readonly agents: AgentBook;
  readonly roundBook: RoundBook;
  readonly tasks: Tasks;
  readonly deliveries: Deliveries;
  readonly windingUp: WindingUp;
  readonly tenantBook: TenantBook;
  /** Where people find the colony: links in notices lead there. */
  readonly publicUrl?: string;
}

export function oversightModule(
  engine: Engine,
  { agents, roundBook, tasks, deliveries, windingUp, tenantBook, publicUrl }: OversightNeeds,
) {
  const { transactor, clock, watchdog, report } = engine;
  const roundsOf = engine.aggregate(roundDecider, { view: roundsView, followed: true });
  const approvalsOf = engine.aggregate(approvalDecider, { view: approvalsView, followed: true });
  const actionsOf = engine.aggregate(actionDecider, { view: actionsView, followed: true });

  const oversight = new Oversight(engine.aggregate(oversightDecider, { followed: true }), transactor);
  const rounds = new Rounds({ rounds: roundsOf, transactor, agents, clock, watchdog });
  const pending = new PendingDecisions(tenantBook, engine);
  transactor.onCommitted((committed) => pending.update(committed));
  const approvals = new Approvals({ approvals: approvalsOf, transactor, clock, watchdog, pending });
  const deciding = { transactor, oversight, rounds, approvals, tasks, clock };
  const asking = new Asking(deciding);
  const judgement = new Judgement(deciding);
  const heldCommands = new HeldCommands(transactor);
  const actions = new Actions({
    ...deciding,
    ...{ actions: actionsOf, asking, judgement, commands: heldCommands, watchdog, pending },
  });
  const count = <S, E extends Event, D>(aggregate: Aggregate<S, E, D>, status: string) =>
    eachRow(
      aggregate,
      { where: { status } },
      async ({ tenant, id }) => {
        const { stream, state } = await aggregate.load(tenant, id);
        pending.update({ category: aggregate.decider.category, stream, state });
      },
      { report },
    );
  const challenges = new Challenges({ ...deciding, actions, judgement });
  const corrections = new Corrections(transactor, engine.aggregate(correctionDecider, { view: correctionsView }));
  const decisionMetrics = new DecisionMetrics({ actions: actionsOf, approvals: approvalsOf, rounds: roundsOf }, clock);
  const orchestrated = new Orchestrated(report);
  const notifier = new Notifier(deliveries, oversight, publicUrl ?? PUBLIC_URL);
  const decisions = new OversightReactions(
    { ...deciding, actions, judgement, challenges, pending, book: roundBook, notifier, orchestrated, report },
    deliveries,
    engine,
  );
  tasks.onOverdue((stream, state) => challenges.overdue(stream, state));
  for (const ending of endsWithTenant({ actionsOf, approvalsOf, roundsOf })) windingUp.also(ending);

  return {
    services: {
      oversight,
      rounds,
      approvals,
      actions,
      heldCommands,
      challenges,
      corrections,
      decisionMetrics,
      orchestrated,
      decisions,
    },
    consumers: { reactions: [decisions] },
    open: () => actions.open(),
    fill: async () => {
      await eachRow(
        roundsOf,
        { key: ALL, where: { status: 'open' } },
        async ({ tenant, id }) => {
          const { stream, state, version } = await roundsOf.load(tenant, id);
          roundBook.update(tenant, id, stream, state, version);
        },
        { report },
      );
      await count(actionsOf, 'held');
      await count(approvalsOf, 'waiting');
    },
    finish: () => orchestrated.stop(),
  } satisfies Module;
}
