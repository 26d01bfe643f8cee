/** The whole under a run of decisions, with what must hold of it at every moment. */
import type { Outcome, RequestContext } from '../../app/engine/command';
import type { Append } from '../../app/engine/ports';
import type { Event } from '../../domain/kernel/decider';
import { commitRef, parseStream } from '../../domain/kernel/ids';
import { toTime } from '../../domain/kernel/time';
import { actionDecider, type ActionState } from '../../domain/oversight/action';
import { approvalDecider, type ApprovalState } from '../../domain/oversight/approval';
import { CHALLENGE_KIND, type Impact } from '../../domain/oversight/oversight';
import { roundDecider, type RoundState } from '../../domain/oversight/round';
import type { PolicyAnswer } from '../../domain/policy/asking';
import { shuffleFeed } from '../support/shuffle';
import { newKey, type Process, profile, spec, TENANT } from '../support/stage';
import { CheckedRun } from './decisions-checks';
import {
  type Burst,
  type Command,
  type How,
  KINDS,
  PEOPLE,
  type PersonId,
  rulesOf,
  type Seen,
  type Step,
  VOTERS,
  type Which,
} from './decisions-steps';

const agent = (id: string, key?: string): RequestContext => ({
  principal: { tenant: TENANT, id, kind: 'agent', level: 'execute' },
  ...withKey(key),
});
const human = (id: string, key?: string): RequestContext => ({
  principal: { tenant: TENANT, id, kind: 'human', level: 'critical', groups: PEOPLE[id as PersonId] },
  ...withKey(key),
});
const anyone = (id: string, key?: string): RequestContext =>
  id.startsWith('human:') ? human(id, key) : agent(id, key);
const withKey = (key?: string) => (key === undefined ? {} : { command: { key, hash: key } });

const hashOf = (seen: Seen, now: string, first = ''): string => ({ now, first, other: 'f'.repeat(64) })[seen];

type Answer = Outcome<unknown, Event> | undefined;

/**
 * The append with this number, counted from 1, goes wrong, and each further one to the same stream until the step is
 * over.
 */
interface Cut {
  readonly at: number;
  readonly what: 'fails' | 'loses';
}

export class Run extends CheckedRun {
  private strict = false;
  /** Appends during the steps. */
  appends = 0;
  private counting = false;
  /** The stream that can't be written until the step is over. */
  private cutOff: string | undefined;

  constructor(
    processes: number,
    private readonly cut?: Cut,
    shared = false,
  ) {
    super(processes, shared);
    this.stage.mishaps = (port, method, [append]) => {
      const stream = port === 'store' && method === 'append' ? (append as Append).stream : undefined;
      if (stream !== undefined && this.counting && (this.appends += 1) === this.cut?.at) this.cutOff = stream;
      if (stream !== undefined && stream === this.cutOff) return this.cut?.what;
      const own = stream === undefined ? undefined : this.befalls(`${parseStream(stream).category}.append`);
      return own ?? this.befalls(`${port}.${method}`);
    };
    this.stage.policy = {
      evaluate: ({ action }): PolicyAnswer => this.said(action === 'action.gate' && this.strict),
    };
  }

  async play(steps: readonly Step[]): Promise<string[]> {
    try {
      await this.revive();
      await this.prepare();
      this.counting = true;
      for (const step of steps) {
        await this.step(step);
        this.disturbed ||= this.cutOff !== undefined;
        this.cutOff = undefined;
      }
      this.counting = false;
      await this.finish();
      await this.verify();
      return this.wrong;
    } finally {
      await this.stage.end();
    }
  }

  /** Whoever starts knows nothing of what was before, or not in time. */
  protected override async revive(count?: number): Promise<void> {
    if (this.stage.living.length < (count ?? this.processes))
      for (const absence of this.absences) absence.end = Math.min(absence.end, this.stage.log().length);
    await super.revive(count);
  }

  private said(strict: boolean): PolicyAnswer {
    return {
      bundle: strict ? 'strict' : 'plain',
      input: 'of the test',
      decision: strict ? 'needs_approval' : 'allow',
      reasons: strict ? ['the test wants it'] : [],
    };
  }

  /** One action of each kind was taken before: else everything would be new, and nothing would go without a person. */
  private async prepare(): Promise<void> {
    const { colony } = this.on(0);
    const bea = human('human:bea');
    for (const [id, [mode, round]] of Object.entries(KINDS)) {
      await colony.oversight.configure(bea, id, rulesOf(mode, round, id === 'k0', 0));
      await colony.actions.propose(agent('p0'), `known-${id}`, this.proposal(id, 'low', 0.9));
      await colony.actions.override(bea, `known-${id}`, 'allow', 'to have one');
      await colony.actions.execute(agent('p0'), `known-${id}`, { hash: this.action(`known-${id}`).hash });
    }
    for (const id of ['v0', 'p0', 'rival'])
      await colony.agents.register(
        agent(id),
        id,
        profile({ agent_type: 'watcher', capabilities: {}, offer: null, presence_seconds: 10 * 86_400 }),
      );
    await colony.oversight.configure(bea, CHALLENGE_KIND, rulesOf('full_automation', 'always', false, 0));
    await this.settle();
  }

  private proposal(of: string, impact: Impact, confidence: number) {
    return {
      kind: of,
      action: { amount: 40 },
      why: 'the test proposes it',
      confidence,
      impact,
      risk: 0,
      features: { amount: 40 },
    };
  }

  private async step(step: Step): Promise<void> {
    switch (step.do) {
      case 'pass':
        await this.pass(step.seconds);
        return;
      case 'jump':
        // The clock of one process never goes back: whatever was decided by a later time is written with that time.
        if (step.seconds < 0) await this.settle();
        this.stage.clock.time += step.seconds * 1000;
        return;
      case 'pause': {
        const from = this.stage.clock.time;
        this.stage.clock.time += step.seconds * 1000;
        for (const { colony } of this.stage.living) colony.watchdog.wasAway(from, this.stage.clock.time);
        this.absences.push({
          from: toTime(from),
          until: this.stage.now,
          begin: this.stage.log().length,
          end: Infinity,
        });
        return;
      }
      case 'policy':
        this.strict = step.strict;
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
        const page = shuffleFeed(this.stage.log().slice(step.from, step.from + step.count), step.seed);
        const { colony } = this.on(step.on);
        // As a trigger has it: what comes after a pause is not acted upon before the others have been heard.
        await colony.peers.look().catch((error: unknown) => this.thrown(step, error));
        await colony.decisions.handle(page).catch((error: unknown) => this.thrown(step, error));
        await colony.views.handle(page).catch((error: unknown) => this.thrown(step, error));
        return;
      }
      case 'burst':
        await this.burst(step);
        return;
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
    const give = this.prepared(step, key);
    const processes = step.twice ? [this.on(step.on), this.on(step.on + 1)] : [this.on(step.on)];
    const answers = processes.map((process) => give(process).catch((error: unknown) => this.thrown(step, error)));
    // Whoever crashes meanwhile never answers.
    void Promise.all(answers).then((given) => {
      const receipts = given.flatMap((answer) =>
        answer?.ok === true && answer.commit !== undefined ? [answer.commit] : [],
      );
      for (const { stream, index, hash } of receipts) this.acknowledged.set(commitRef(stream, index), hash);
      const refs = new Set(receipts.map(({ stream, index }) => commitRef(stream, index)));
      if (refs.size > 1) this.wrong.push(`${JSON.stringify(step)} was done twice: ${[...refs].join(' and ')}`);
    });
    this.under.push(...processes.map((process, i) => ({ process, promise: answers[i] as Promise<unknown> })));
    if (step.pace !== 'go') await this.answered();
    if (step.pace === 'settle') await this.settle();
  }

  private async burst(step: Burst): Promise<void> {
    const process = this.on(0);
    const { rounds, actions } = process.colony;
    const { id, state } = this.which('round', step.round, ({ status }: RoundState) => status === 'open');
    const { spec: asked, electorate_hash: snapshot, pass } = state;
    const choiceAt = (choice: number) => asked?.choices[choice] ?? 'approve';
    const given: Promise<unknown>[] = VOTERS.map((voter) =>
      rounds.vote(agent(voter), id, {
        voter,
        choice: choiceAt(step.choice),
        confidence: 0.8,
        reasoning: 'the test thinks so',
        snapshot,
        pass,
      }),
    );
    // A vote looks at its round first; what comes some turns later waits behind it, and nothing is written yet.
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    given.push(
      ...step.overrides.map(({ by, choice }) => rounds.override(human(by), id, choiceAt(choice), 'I know better')),
    );
    const waits = asked?.waits === undefined ? undefined : parseStream(asked.waits);
    if (step.take && waits?.category === 'action') {
      const action = this.action(waits.id);
      given.push(actions.execute(anyone(action.proposal?.proposed_by ?? 'p0'), waits.id, { hash: action.hash }));
    }
    this.under.push(
      ...given.map((promise) => ({ process, promise: promise.catch((error: unknown) => this.thrown(step, error)) })),
    );
    await this.settle();
  }

  /** The command with everything that it is about, looked up once: what comes twice is the same both times. */
  private prepared(step: Command, key: string | undefined): (process: Process) => Promise<Answer> {
    switch (step.do) {
      case 'configure':
        return ({ colony }) =>
          colony.oversight.configure(
            human('human:bea', key),
            step.kind,
            rulesOf(step.mode, step.round, step.postpone, step.passes),
          );
      case 'propose':
        return ({ colony }) =>
          colony.actions.propose(anyone(step.by, key), step.id, this.proposal(step.kind, step.impact, step.confidence));
      case 'post': {
        const { kind: of, action: _, ...oversight } = this.proposal(step.kind, step.impact, 0.9);
        return ({ colony }) =>
          colony.tasks.post(
            agent('poster', key),
            step.id,
            spec({ payload: { amount: 40 }, oversight: { kind: of, ...oversight } }),
          );
      }
      case 'vote': {
        const round = this.which('round', step.round, ({ status }: RoundState) => status === 'open');
        const { spec: asked, electorate_hash: snapshot, pass } = round.state;
        const vote = {
          voter: step.as,
          choice: asked?.choices[step.choice] ?? 'approve',
          confidence: 0.8,
          reasoning: 'the test thinks so',
          snapshot,
          pass: step.late ? pass - 1 : pass,
        };
        return ({ colony }) => colony.rounds.vote(agent(step.by, key), round.id, vote);
      }
      case 'cancel-round': {
        const { id } = this.which('round', step.round, ({ status }: RoundState) => status === 'open');
        return ({ colony }) => colony.rounds.cancel(human(step.by, key), id, 'no need');
      }
      case 'override-round': {
        const { id, state } = this.which('round', step.round, ({ status }: RoundState) => status === 'closed');
        return ({ colony }) =>
          colony.rounds.override(
            human(step.by, key),
            id,
            state.spec?.choices[step.choice] ?? 'approve',
            'I know better',
          );
      }
      case 'approve':
      case 'reject': {
        const { id, state } = this.approval(step.approval);
        const hash = hashOf(step.seen, state.hash, state.request?.hash);
        // Where nothing leads, the last one is chosen: a challenge is dismissed.
        const choice =
          step.do === 'approve' && state.request?.leader === undefined ? state.request?.choices?.at(-1) : undefined;
        return ({ colony }) =>
          colony.approvals[step.do](anyone(step.by, key), id, {
            hash,
            reason: `says ${step.by}`,
            ...(choice === undefined ? {} : { choice }),
          });
      }
      case 'edit': {
        const { id, state } = this.approval(step.approval);
        return ({ colony }) =>
          colony.approvals.approve(human(step.by, key), id, {
            hash: state.hash,
            reason: 'fewer',
            edit: { amount: step.amount },
          });
      }
      case 'claim': {
        const { id } = this.approval(step.approval);
        return ({ colony }) => colony.approvals.claim(human(step.by, key), id, 10);
      }
      case 'release': {
        const { id } = this.approval(step.approval);
        return ({ colony }) => colony.approvals.release(human(step.by, key), id);
      }
      case 'ask': {
        const { id } = this.approval(step.approval);
        return ({ colony }) => colony.approvals.ask(human(step.by, key), id, 'why so many?');
      }
      case 'withdraw': {
        const { id, state } = this.approval(step.approval);
        return ({ colony }) =>
          colony.approvals.withdraw(anyone(state.request?.requester ?? 'p0', key), id, 'not needed');
      }
      case 'answer': {
        const { id, state } = this.approval(step.approval);
        return ({ colony }) =>
          colony.approvals.answer(anyone(state.request?.requester ?? 'p0', key), id, 1, 'they wear out');
      }
      case 'execute': {
        const { id, state } = this.which('action', step.action, ({ status }: ActionState) => status === 'cleared');
        const by = step.by === 'thief' ? 'thief' : (state.proposal?.proposed_by ?? 'p0');
        return ({ colony }) =>
          colony.actions.execute(anyone(by, key), id, {
            hash: hashOf(step.seen, state.hash, state.proposed_hash),
            result: step.result,
          });
      }
      case 'veto': {
        const { id } = this.which('action', step.action, ({ status }: ActionState) => status === 'veto_window');
        return ({ colony }) => colony.actions.veto(human(step.by, key), id, 'not now');
      }
      case 'allow':
      case 'refuse': {
        const { do: instead, by } = step;
        const { id } = this.which(
          'action',
          step.action,
          ({ status }: ActionState) => status === 'held' || status === 'cleared',
        );
        return ({ colony }) => colony.actions.override(human(by, key), id, instead, 'I know better');
      }
      case 'challenge': {
        const { id } = this.which(
          'action',
          step.action,
          ({ status }: ActionState) => status === 'cleared' || status === 'executed' || status === 'held',
        );
        return ({ colony }) =>
          colony.challenges.challenge(anyone(step.by, key), `${TENANT}/action/${id}@0`, 'it is too much');
      }
      case 'compensated': {
        const { id } = this.which('action', step.action, ({ compensation }: ActionState) => compensation?.due === true);
        return ({ colony }) => colony.actions.compensated(agent('p0', key), id, 'sent back');
      }
    }
  }

  private which<S>(
    category: 'action' | 'approval' | 'round',
    asked: Which,
    fits: (state: S) => boolean,
  ): { id: string; state: S } {
    const all = this.all<S>(category).filter(({ id }) => !id.startsWith('known-'));
    const fitting = all.filter(({ state }) => fits(state));
    const from = fitting.length > 0 ? fitting : all;
    return (
      from[asked % from.length] ?? {
        id: 'nothing',
        state: { action: actionDecider, approval: approvalDecider, round: roundDecider }[category].initial as S,
      }
    );
  }

  private approval(asked: Which): { id: string; state: ApprovalState } {
    return this.which('approval', asked, ({ status }: ApprovalState) => status === 'waiting');
  }

  private action(id: string): ActionState {
    return this.stage.fold(actionDecider, `${TENANT}/action/${id}`).state;
  }

  private async pass(seconds: number, step = 5): Promise<void> {
    await this.stage
      .pass(seconds, undefined, step)
      .catch((error: unknown) => this.thrown({ do: 'pass', seconds }, error));
  }

  /** Nothing goes wrong any more, and nobody decides anything: so much time passes that everything has ended. */
  private async finish(): Promise<void> {
    this.mishaps.clear();
    await this.revive();
    await this.settle();
    // What was parked is taken up again, a while later; one that waits for another needs its turn after it.
    for (let turn = 0; turn < 3; turn += 1) {
      await this.pass(10, 10);
      await this.redrive();
    }
    // More than an hour: so long a veto window is open when the rules that opened it don't say.
    for (let turn = 0; turn < 70 && this.pending().length > 0; turn += 1) {
      await this.pass(60, 30);
      await this.redrive();
    }
    this.wrong.push(...this.pending());
  }

  private async redrive(): Promise<void> {
    await this.stage.redeliver();
    for (const { colony } of this.stage.living) {
      for (const { consumer } of await colony.feed.status())
        for (const { id } of await colony.feed.parked(consumer, 100)) await colony.feed.redrive(consumer, id);
    }
    await this.stage.settled();
  }
}
