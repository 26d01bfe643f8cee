/** The whole under a run of commands, with what must hold of it at every moment. */
import type { Append } from '../../app/engine/ports';
import {
  budgetDecider,
  type BudgetState,
  budgetStream,
  type OwnThing,
  reserveBudget,
} from '../../domain/budgets/budget';
import { Rejection } from '../../domain/kernel/decider';
import { commitRef, parseStream } from '../../domain/kernel/ids';
import { secondsBetween } from '../../domain/kernel/time';
import { agentDecider, type AgentProfile, type AgentState, slotsInUse } from '../../domain/market/agent';
import { bidOf } from '../../domain/market/fit';
import {
  type Claim,
  hasDeclined,
  isAlive,
  strengthOf,
  taskDecider,
  type TaskEvent,
  type TaskSpec,
  type TaskState,
} from '../../domain/market/task';
import { agents as agentsView } from '../../projections/market/agents';
import { tasks as tasksView } from '../../projections/market/tasks';
import { ALL } from '../../projections/projection';
import { brokenBudgets } from '../support/budget-rules';
import { brokenRules } from '../support/log-rules';
import { ModelRun } from '../support/model-run';
import { shuffleFeed } from '../support/shuffle';
import { agentOf, as, later, newKey, type Process, profile, spec, taskOf, TENANT, turns } from '../support/stage';
import { AGENTS, type Command, type How, type Step, TASKS, WANTS, type Which, type Who } from './market-steps';

const PERSON = { principal: { tenant: TENANT, id: 'human:ada', kind: 'human', level: 'critical' } } as const;

export class Run extends ModelRun {
  private readonly mute = new Set<string>();
  /** When an agent, or whoever holds `task#award`, gave signs of life. */
  private readonly alive = new Map<string, string[]>();
  /** A call took so long that what was decided before it may be written after a later sign of life. */
  private wasLate = false;

  constructor(processes: number, shared: boolean) {
    super(processes, shared);
    this.stage.mishaps = (port, method, [append]) => {
      const own =
        port === 'store' && method === 'append'
          ? this.befalls(`${parseStream((append as Append).stream).category}.append`)
          : undefined;
      const what = own ?? this.befalls(`${port}.${method}`);
      return what === 'late' ? this.late() : what;
    };
  }

  /**
   * More than a minute passes in the middle of a call: agents beat and deadlines fire, as far as they don't wait for
   * this very call.
   */
  private async late(): Promise<void> {
    this.wasLate = true;
    const passed = async () => {
      for (const seconds of [35, 35]) {
        this.stage.clock.time += seconds * 1000;
        await this.beat();
      }
      for (const { colony } of this.stage.living) await colony.deadlines.fire();
    };
    // Where the last process is killed meanwhile, nobody is left to beat.
    await Promise.race([
      passed().catch((error: unknown) => this.stage.living.length > 0 && this.thrown({ do: 'late' }, error)),
      turns(100),
    ]);
  }

  async play(steps: readonly Step[]): Promise<string[]> {
    try {
      await this.revive();
      for (const step of steps) await this.step(step);
      await this.quiet();
      this.equilibrium();
      await this.finish();
      await this.verify();
      return this.wrong;
    } finally {
      await this.stage.end();
    }
  }

  private async step(step: Step): Promise<void> {
    switch (step.do) {
      case 'pass':
        await this.pass(step.seconds);
        return;
      case 'mute':
        this.mute.add(step.agent);
        return;
      case 'unmute':
        this.mute.delete(step.agent);
        return;
      case 'work':
        await this.work();
        return;
      case 'settle':
        await this.settle();
        return;
      case 'redeliver':
        await this.stage.redeliver();
        return;
      case 'crash':
        this.disturbed = true;
        this.on(step.on).kill();
        await this.revive(1);
        return;
      case 'restart':
        await this.revive();
        return;
      case 'again': {
        const { colony } = this.on(step.on);
        const page = shuffleFeed(this.stage.log().slice(step.from, step.from + step.count), step.seed);
        // As a trigger has it: what comes after a pause is not acted upon before the others have been heard.
        await colony.peers.look().catch((error: unknown) => this.thrown(step, error));
        await colony.reactions.handle(page).catch((error: unknown) => this.thrown(step, error));
        await colony.views.handle(page).catch((error: unknown) => this.thrown(step, error));
        return;
      }
      case 'mishap':
        this.disturbed = true;
        this.mishaps.set(step.call, { what: step.what, left: step.times });
        return;
      default:
        await this.command(step);
    }
  }

  /** Gives a command, perhaps twice under one key; both have to get the same receipt. */
  private async command(step: Command & How): Promise<void> {
    const key = step.twice ? newKey() : undefined;
    const task = 'task' in step ? this.which(step.do, step.task) : '';
    const claim = 'who' in step ? this.claim(task, step.who) : { agent: '', award: 0 };
    const processes = step.twice ? [this.on(step.on), this.on(step.on + 1)] : [this.on(step.on)];
    const answers = processes.map((process) =>
      this.ask(process, step, task, claim, key).catch((error: unknown) => this.thrown(step, error)),
    );
    // Whoever crashes meanwhile never answers.
    void Promise.all(answers).then(([one, other]) => {
      if (one === undefined || other === undefined || one instanceof Rejection || other instanceof Rejection) return;
      const [first, second] = [one, other].map((answer) =>
        answer.ok && answer.commit !== undefined ? commitRef(answer.commit.stream, answer.commit.index) : undefined,
      );
      if (first !== undefined && second !== undefined && first !== second)
        this.wrong.push(`${JSON.stringify(step)} was done twice: ${first} and ${second}`);
    });
    this.under.push(...processes.map((process, i) => ({ process, promise: answers[i] as Promise<unknown> })));
    if (step.pace !== 'go') await this.answered();
    if (step.pace === 'settle') await this.settle();
  }

  private async ask(
    { colony: { agents, tasks, budgets } }: Process,
    step: Command,
    task: string,
    claim: Claim,
    key: string | undefined,
  ) {
    const of = (id: string) => as(id, key);
    const spending = { ...claim, ...('cost' in step && step.cost !== undefined ? { cost: step.cost } : {}) };
    switch (step.do) {
      case 'register': {
        const now = this.stage.now;
        const answer = await agents.register(
          of(step.agent),
          step.agent,
          profile({
            agent_type: `type.${step.agent}`,
            capabilities: Object.fromEntries(step.caps.map((name) => [name, 1])),
            capacity: step.capacity,
            offer: step.offer ? { helps: step.helps, min_strength: 0 } : null,
          }),
        );
        if (answer.ok) this.seen(step.agent, now);
        return answer;
      }
      case 'deregister':
        return await agents.deregister(of(step.agent), step.agent, 'done');
      case 'post': {
        const requires = step.requires.map((capability) => ({ capability, level: 0 }));
        const deadline = step.deadline === undefined ? undefined : later(this.stage.now, step.deadline);
        return await tasks.post(of('poster'), task, spec({ ...step.changes, requires, deadline }));
      }
      case 'bid':
        return await tasks.bid(of(step.agent), task, { agent: step.agent });
      case 'withdraw':
        return await tasks.withdrawBid(of(step.agent), task, step.agent);
      case 'accept':
        return await tasks.accept(of(claim.agent), task, claim);
      case 'decline':
        return await tasks.decline(of(claim.agent), task, claim, 'busy');
      case 'progress':
        return await tasks.progress(of(claim.agent), task, spending, 0.5);
      case 'complete':
        return await tasks.complete(of(claim.agent), task, spending, { by: claim.agent });
      case 'complete-at-once':
        return await tasks.completeAtOnce(of(claim.agent), task, spending, { by: claim.agent });
      case 'fail':
        return await tasks.fail(of(claim.agent), task, spending, 'broken', true);
      case 'give-up':
        return await tasks.fail(of(claim.agent), task, spending, 'hopeless', false);
      case 'release':
        return await tasks.release(of(claim.agent), task, spending, 'no time');
      case 'hand-off':
        return await tasks.handOff(of(claim.agent), task, claim, step.agent);
      case 'cancel':
        return await tasks.cancel(of('poster'), task, 'no need');
      case 'redrive':
        return await tasks.redrive(of('poster'), task);
      case 'budget': {
        const limit = { limit: step.limit, period: 'total' } as const;
        return await budgets.set({ ...of('human:ada'), ...PERSON }, step.whose, limit, 'the pilot');
      }
    }
  }

  private which(what: Command['do'], asked: Which): string {
    if (typeof asked === 'string') return asked;
    const fitting = this.tasks().filter(({ state }) => (WANTS[what] ?? []).includes(state.status));
    return fitting.length === 0 ? (TASKS[asked] as string) : (fitting[asked % fitting.length] as { id: string }).id;
  }

  private claim(id: string, asked: Who): Claim {
    if (typeof asked !== 'string') return asked;
    const awards = this.stage
      .stream(taskOf(id))
      .flatMap(({ events }) =>
        (events as readonly TaskEvent[]).filter(
          (event) => event.type === 'TaskAwarded' || event.type === 'TaskHandedOff',
        ),
      );
    const found = awards.at(asked === 'holder' ? -1 : -2)?.data;
    return found === undefined ? { agent: AGENTS[0], award: 1 } : { agent: found.agent, award: found.award };
  }

  tasks(): { id: string; state: TaskState }[] {
    return this.stage
      .streams('task')
      .map((stream) => ({ id: stream.split('/')[2] as string, state: this.stage.fold(taskDecider, stream).state }));
  }

  agents(): { id: string; state: AgentState; version: number }[] {
    return this.stage
      .streams('agent')
      .map((stream) => ({ id: stream.split('/')[2] as string, ...this.stage.fold(agentDecider, stream) }));
  }

  private async pass(seconds: number): Promise<void> {
    await this.stage
      .pass(seconds, () => this.beat())
      .catch((error: unknown) => this.thrown({ do: 'pass', seconds }, error));
  }

  /** Every agent that is not mute says that it lives, and what it is working on. */
  private async beat(): Promise<void> {
    const running = this.tasks().filter(({ state }) => state.status === 'running');
    for (const { id, state } of this.agents()) {
      if (this.mute.has(id) || state.status === 'gone') continue;
      const holding = running
        .filter((other) => other.state.holder?.agent === id)
        .map((other) => ({ task: other.id, award: other.state.holder?.award ?? 0 }));
      const now = this.stage.now;
      const answer = await this.on(0)
        .colony.agents.heartbeat(as(id), id, holding)
        .catch((error: unknown) => this.thrown({ do: 'pass', seconds: 0 }, error));
      if (answer === undefined || answer instanceof Rejection) continue;
      this.seen(id, now);
      for (const { task: held, award, stands } of answer.held) {
        const { holder, spec: asked } = this.stage.fold(taskDecider, taskOf(held)).state;
        // From its deadline on nobody holds it, though nobody has noted that yet; an answer may be held up until then.
        const late = asked?.deadline !== undefined && asked.deadline <= this.stage.now;
        if (stands) this.seen(`${held}#${award}`, now);
        else if (holder?.award === award && !late)
          this.wrong.push(`${id} was told to drop ${held}, which it holds under award ${award}`);
      }
    }
  }

  private async work(): Promise<void> {
    for (const { id, state } of this.tasks()) {
      const { holder } = state;
      if (holder === undefined) continue;
      const { tasks } = this.on(0).colony;
      const claim = { agent: holder.agent, award: holder.award };
      await tasks.accept(as(claim.agent), id, claim).catch((error: unknown) => this.thrown({ do: 'work' }, error));
      await tasks
        .complete(as(claim.agent), id, claim, { by: claim.agent })
        .catch((error: unknown) => this.thrown({ do: 'work' }, error));
    }
    await this.settle();
  }

  /** Nothing goes wrong any more, and what was put aside is taken up again. */
  private async quiet(): Promise<void> {
    this.mishaps.clear();
    await this.revive();
    await this.settle();
    for (let round = 0; round < 4; round += 1) {
      await this.pass(10);
      await this.redrive();
    }
    await this.pass(10);
    // After failures wake-ups may be missing; then the sweep, which a running colony does every few seconds, finds the
    // rest.
    // And whoever waited for a budget is looked at then, where its slot serves somebody else.
    if (this.disturbed || this.hasBudgets()) {
      for (const { colony } of this.stage.living) {
        if (this.shared) await colony.fillBooks();
        await colony.market.sweep();
      }
    }
    await this.stage.settled();
  }

  private async redrive(): Promise<void> {
    await this.stage.redeliver();
    for (const { colony } of this.stage.living) {
      for (const consumer of ['views', 'reactions'])
        for (const { id } of await colony.feed.parked(consumer, 100)) await colony.feed.redrive(consumer, id);
    }
    await this.stage.settled();
  }

  /** No task waits for somebody who is there, and the books say what the log says. */
  private equilibrium(): void {
    const now = this.stage.now;
    const all = this.agents();
    const open = this.tasks().filter(({ state }) => state.status === 'open');
    for (const { id, state } of open) {
      if (state.ready_at > now) continue;
      const strength = strengthOf(state, now);
      for (const { id: name, state: who, version } of all) {
        if (hasDeclined(state, name, now)) continue;
        const entry = { tenant: TENANT, id: name, version, state: who, pending: 0, paused: false };
        const own = Object.hasOwn(state.bids, name) ? 'bid' : 'offer';
        const fits =
          bidOf(entry, state.spec as TaskSpec, strength, own) ??
          (slotsInUse(who) === 0 && who.profile?.offer != null
            ? bidOf(entry, state.spec as TaskSpec, strength, 'help')
            : undefined);
        if (fits !== undefined && this.affords(id, state.spec as TaskSpec, name, who))
          this.wrong.push(`${id} is open and ${name} could take it (${fits.source})`);
      }
    }
    // A parked commit is taken up by one process, so that after failures the books of the others may lack it.
    if (this.processes > 1 && this.disturbed) return;
    for (const { colony } of this.stage.living) {
      const booked = [...colony.market.tasks.inTurn(Infinity)].map(({ id }) => id).sort();
      if (
        booked.join() !==
        open
          .map(({ id }) => id)
          .sort()
          .join()
      )
        this.wrong.push(`the book holds ${booked.join()}; open are ${open.map(({ id }) => id).join()}`);
      for (const { id, version, state } of all) {
        const entry = colony.market.agents.get(TENANT, id);
        if (state.status === 'gone') {
          if (entry !== undefined) this.wrong.push(`the book has ${id}, which is gone`);
        } else if (entry?.version !== version || entry.pending !== 0)
          this.wrong.push(
            `the book has ${id} at version ${entry?.version} with ${entry?.pending} pending; it is at ${version}`,
          );
      }
    }
  }

  private hasBudgets(): boolean {
    return Object.keys(this.ledger().budgets).length > 0;
  }

  private ledger(): BudgetState {
    return this.stage.fold(budgetDecider, budgetStream(TENANT)).state;
  }

  /** Whether the budgets have enough for this agent to do the task. */
  private affords(task: string, { estimated_cost_micro_usd: estimate }: TaskSpec, agent: string, who: AgentState) {
    const { pool, agent_type } = who.profile as AgentProfile;
    const amount = estimate === undefined ? undefined : Math.ceil(estimate * 1.2);
    const now = this.stage.now;
    const request = { tenant: TENANT, task, award: 0, agent, pool, agent_type, estimate, amount, expires: now };
    return !(reserveBudget(request, now)(this.ledger()) instanceof Rejection);
  }

  /** Enough agents come, there is money for all, and time passes: every task ends. */
  private async finish(): Promise<void> {
    this.mute.clear();
    for (const { kind, name } of Object.values(this.ledger().budgets))
      await this.on(0).colony.budgets.remove(PERSON, { kind, name } as OwnThing, 'no more');
    await this.on(0).colony.agents.register(as('zed'), 'zed', profile({ capabilities: { x: 1, y: 1 }, capacity: 50 }));
    for (let round = 0; round < 60 && this.tasks().some(({ state }) => isAlive(state)); round += 1) {
      await this.settle();
      await this.work();
      await this.pass(5);
      await this.redrive();
    }
    for (const { id, state } of this.tasks()) if (isAlive(state)) this.wrong.push(`${id} is still ${state.status}`);
    await this.pass(150);
  }

  private async verify(): Promise<void> {
    const log = this.stage.log();
    this.wrong.push(
      ...brokenRules(log),
      ...brokenBudgets(log),
      ...this.stage.chainFaults().map(({ message }) => message),
    );
    for (const { id, state } of this.agents()) {
      for (const [held, slot] of Object.entries(state.slots))
        this.wrong.push(`${id} still has a slot for ${held} under award ${slot.award}`);
    }
    for (const open of Object.values(this.ledger().reservations))
      this.wrong.push(`still reserved: ${JSON.stringify(open)}`);
    if (!this.wasLate) this.tooEarly();
    await this.viewsAreFolds();
    await this.treesAreWhole();
    if (!this.disturbed) this.wrong.push(...this.stage.reports.map((report) => JSON.stringify(report)));
    for (const { colony } of this.stage.living) {
      for (const { consumer, lag, parked } of await colony.feed.status())
        if ((lag ?? 0) !== 0 || parked !== 0) this.wrong.push(`${consumer} is ${lag} behind and has ${parked} parked`);
    }
  }

  /** Nobody who gave signs of life was lost, or lost a lease. */
  private tooEarly(): void {
    for (const { stream, events, at } of this.stage.log()) {
      const id = stream.split('/')[2] as string;
      for (const event of events) {
        const data = event.data as { end?: string; agent?: string; award?: number };
        const lease = () => this.stage.fold(taskDecider, stream).state.spec?.lease_seconds ?? 0;
        const [key, limit] =
          event.type === 'AgentLost'
            ? [id, 60]
            : event.type === 'AttemptEnded' && data.end === 'expired'
              ? [`${id}#${data.award}`, lease()]
              : ['', 0];
        const seen = this.alive
          .get(key)
          ?.filter((time) => time < at)
          .at(-1);
        if (seen !== undefined && secondsBetween(seen, at) < limit)
          this.wrong.push(`${stream}: ${event.type} at ${at}, though ${key} lived at ${seen}`);
      }
    }
  }

  private seen(key: string, time: string): void {
    this.alive.set(key, [...(this.alive.get(key) ?? []), time]);
  }

  private async viewsAreFolds(): Promise<void> {
    const { colony } = this.stage;
    for (const [projection, decider, streamOf] of [
      [agentsView, agentDecider, agentOf],
      [tasksView, taskDecider, taskOf],
    ] as const) {
      const page = await colony.ports.views.query(colony.views.serving(projection.name), {
        tenant: TENANT,
        key: ALL,
        limit: 1_000,
      });
      const expected = this.stage.streams(projection.category).map((stream) => {
        const id = stream.split('/')[2] as string;
        const { state, version, at } = this.stage.fold(decider as typeof agentDecider, streamOf(id));
        return {
          source: stream,
          // As it was then, and so it is still: what came since has left it as it was.
          isKnown: true,
          doc: (projection as typeof agentsView).row({ tenant: TENANT, id, stream, version, at }, state)?.doc,
        };
      });
      const { unchangedBy = [] } = projection;
      const log = Map.groupBy(this.stage.log(), ({ stream }) => stream);
      const found = page.rows.map(({ source, index, doc }) => {
        const later = (log.get(source) ?? []).slice(index + 1).flatMap(({ events }) => events);
        return { source, isKnown: later.every(({ type }) => unchangedBy.includes(type)), doc };
      });
      if (JSON.stringify(found) !== JSON.stringify(expected))
        this.wrong.push(
          `the view ${projection.name} holds ${JSON.stringify(found)}, the log says ${JSON.stringify(expected)}`,
        );
    }
  }

  /** Asking why of a task finds every commit of its correlation. */
  private async treesAreWhole(): Promise<void> {
    const log = this.stage.log();
    for (const id of this.tasks().map((one) => one.id)) {
      const correlation = this.stage.stream(taskOf(id))[0]?.meta.correlationId;
      const chain = await this.stage.colony.why.chain(TENANT, id);
      const found = new Set<string>();
      const walk = (nodes: readonly { receipt: string; effects: readonly unknown[] }[]): void =>
        nodes.forEach((node) => (found.add(node.receipt), walk(node.effects as typeof nodes)));
      if (!(chain instanceof Rejection)) walk(chain.roots);
      for (const { stream, index, meta } of log)
        if (meta.correlationId === correlation && !found.has(commitRef(stream, index)))
          this.wrong.push(`why ${id} does not know ${commitRef(stream, index)}`);
    }
  }
}
