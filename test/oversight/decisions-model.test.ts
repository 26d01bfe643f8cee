/**
 * Decisions as a whole, against their promises: random proposals, votes, approvals, edits, vetoes, overrides and
 * challenges, crashes, failing stores, a clock that jumps, processes that stand still, two processes on one store. A
 * run is data (a list of steps), so that a failing one shrinks to the few steps that matter.
 *
 * FORMICARY_RUNS multiplies the number of runs; FORMICARY_SEED and FORMICARY_PATH repeat one (both stand in the
 * failure).
 */
import fc from 'fast-check';
import type { Append, PolicyAnswer } from '../../app/engine/ports';
import type { RequestContext } from '../../app/engine/transact';
import type { Outcome } from '../../app/engine/transact';
import type { Commit } from '../../domain/kernel/commit';
import { type Event, Rejection } from '../../domain/kernel/decider';
import { commitRef, parseCommitRef, parseStream } from '../../domain/kernel/ids';
import { plusSeconds, secondsBetween, toTime } from '../../domain/kernel/time';
import { taskDecider, type TaskState } from '../../domain/market/task';
import { actionDecider, type ActionEvent, type ActionState } from '../../domain/oversight/action';
import { approvalDecider, type ApprovalEvent, type ApprovalState } from '../../domain/oversight/approval';
import { CHALLENGE_KIND } from '../../domain/oversight/oversight';
import { DEFAULT_RULES, type Impact, type OversightRules, severityOf } from '../../domain/oversight/oversight';
import { recomputeRound, roundDecider, type RoundEvent, type RoundState } from '../../domain/oversight/round';
import { actions as actionsView } from '../../projections/oversight/actions';
import { approvals as approvalsView } from '../../projections/oversight/approvals';
import { rounds as roundsView } from '../../projections/oversight/rounds';
import { ModelRun } from '../support/model-run';
import { shuffleFeed } from '../support/shuffle';
import { type Mishap, newKey, type Process, profile, spec, TENANT } from '../support/stage';

const PROPOSERS = ['p0', 'p1', 'human:ann'] as const;
/** Ann and bea are asked first, bea and cal then; ann proposes as well. */
const PEOPLE = {
  'human:ann': ['first'],
  'human:bea': ['first', 'second'],
  'human:cal': ['second'],
  'human:out': [],
} as const;
const VOTERS = ['v0', 'v1', 'v2'] as const;
/** How each begins: without people, with a veto window, with a vote. */
const KINDS = {
  k0: ['full_automation', 'none'],
  k1: ['human_on_the_loop', 'none'],
  k2: ['full_automation', 'always'],
} as const;
const ACTIONS = ['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7'] as const;
const GROUP_SECONDS = 8;
const VETO_SECONDS = 10;
const ROUND_SECONDS = 15;

// ---------------------------------------------------------------------------------------------------------- steps

/** Place in the list of those for which the command makes sense now; if there are none, of all. */
type Which = number;
/** The hash of what stands there now, of what was proposed first, or of something else. */
type Seen = 'now' | 'first' | 'other';
type PersonId = keyof typeof PEOPLE;

/** When the next step begins: at once, after the answer, or after all that follows from it. */
type Pace = 'go' | 'wait' | 'settle';

interface How {
  /** Which of the living processes is asked. */
  readonly on: number;
  readonly pace: Pace;
  /** The command comes twice, under one key: once more on another process, at the same time. */
  readonly twice: boolean;
}

type Command =
  | {
      readonly do: 'configure';
      readonly kind: string;
      readonly mode: OversightRules['mode'];
      readonly round: 'none' | 'always' | 'escalated';
      readonly postpone: boolean;
      readonly passes: number;
    }
  | {
      readonly do: 'propose';
      readonly id: string;
      readonly kind: string;
      readonly by: string;
      readonly impact: Impact;
      readonly confidence: number;
    }
  | { readonly do: 'post'; readonly id: string; readonly kind: string; readonly impact: Impact }
  | {
      readonly do: 'vote';
      readonly round: Which;
      readonly by: string;
      readonly as: string;
      readonly choice: number;
      readonly late: boolean;
    }
  | {
      readonly do: 'cancel-round' | 'override-round';
      readonly round: Which;
      readonly by: PersonId;
      readonly choice: number;
    }
  | { readonly do: 'approve' | 'reject'; readonly approval: Which; readonly by: string; readonly seen: Seen }
  | { readonly do: 'edit'; readonly approval: Which; readonly by: PersonId; readonly amount: number }
  | { readonly do: 'claim' | 'unclaim' | 'ask'; readonly approval: Which; readonly by: PersonId }
  | { readonly do: 'withdraw' | 'answer'; readonly approval: Which }
  | {
      readonly do: 'execute';
      readonly action: Which;
      readonly by: 'proposer' | 'thief';
      readonly seen: Seen;
      readonly result: number;
    }
  | { readonly do: 'veto' | 'allow' | 'refuse'; readonly action: Which; readonly by: PersonId }
  | { readonly do: 'challenge'; readonly action: Which; readonly by: string }
  | { readonly do: 'compensated'; readonly action: Which };

/**
 * Commands that are given while the first of them is still being written: what waits behind it goes out in one append,
 * and no reaction sees what is between. All that a round's outcome hangs on: every vote, overrides, what its action's
 * people do.
 */
interface Burst {
  readonly do: 'burst';
  readonly round: Which;
  /** What all voters say. */
  readonly choice: number;
  readonly overrides: readonly { readonly by: PersonId; readonly choice: number }[];
  /** The proposer takes the action at once as well. */
  readonly take: boolean;
}

type Step =
  | (Command & How)
  | Burst
  | { readonly do: 'pass'; readonly seconds: number }
  /** The clock jumps, forth or back, and nothing fires by itself. */
  | { readonly do: 'jump'; readonly seconds: number }
  /**
   * All processes stand still: the clock goes on, nothing is heard and nothing fires; they notice it when they wake up.
   */
  | { readonly do: 'pause'; readonly seconds: number }
  /** From now on policy wants approval for actions that are taken, or lets them go. */
  | { readonly do: 'policy'; readonly strict: boolean }
  | { readonly do: 'settle' | 'restart' | 'redeliver' }
  | { readonly do: 'crash'; readonly on: number }
  /** Old pages of the feed come again, streams shuffled. */
  | { readonly do: 'again'; readonly from: number; readonly count: number; readonly seed: number; readonly on: number }
  /** The next calls of a port go wrong. */
  | { readonly do: 'mishap'; readonly call: string; readonly what: Exclude<Mishap, undefined>; readonly times: number };

const kind = fc.constantFrom(...Object.keys(KINDS));
const which = fc.nat(7);
const person = fc.constantFrom(...(Object.keys(PEOPLE) as PersonId[]));
const voter = fc.constantFrom(...VOTERS);
const impact = fc.constantFrom<Impact>('low', 'low', 'low', 'medium', 'high', 'critical', 'critical');
const seen = fc.constantFrom<Seen>('now', 'now', 'now', 'now', 'now', 'first', 'other');
const is = <T extends string>(...names: T[]) => fc.constantFrom(...names);

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: is('configure'),
      kind,
      mode: fc.constantFrom(
        ...([
          'full_automation',
          'full_automation',
          'human_on_the_loop',
          'human_approval',
          'human_in_the_loop',
        ] as const),
      ),
      round: is('none', 'always', 'escalated'),
      postpone: fc.constantFrom(true, true, false),
      passes: fc.nat(1),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: is('propose'),
      id: fc.constantFrom(...ACTIONS),
      kind,
      by: fc.constantFrom(...PROPOSERS),
      impact,
      confidence: fc.constantFrom(0.9, 0.9, 0.2),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: is('post'), id: fc.constantFrom('t0', 't1', 't2'), kind, impact }) },
  {
    weight: 16,
    arbitrary: voter.chain((by) =>
      fc.record({
        do: is('vote'),
        round: which,
        by: fc.constant<string>(by),
        as: fc.oneof({ weight: 9, arbitrary: fc.constant<string>(by) }, { weight: 1, arbitrary: voter }),
        choice: fc.constantFrom(0, 0, 1),
        late: fc.constantFrom(false, false, false, true),
      }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: is('cancel-round', 'override-round', 'override-round'),
      round: which,
      by: person,
      choice: fc.nat(1),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      do: is('approve', 'approve', 'approve', 'reject'),
      approval: which,
      by: fc.oneof({ weight: 8, arbitrary: person }, { weight: 1, arbitrary: fc.constantFrom('p0', 'v0') }),
      seen,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: is('edit'), approval: which, by: person, amount: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: is('claim', 'unclaim', 'ask'), approval: which, by: person }) },
  { weight: 1, arbitrary: fc.record({ do: is('withdraw', 'answer'), approval: which }) },
  {
    weight: 9,
    arbitrary: fc.record({
      do: is('execute'),
      action: which,
      by: is('proposer', 'proposer', 'proposer', 'thief'),
      seen,
      result: fc.nat(1),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: is('veto', 'veto', 'allow', 'refuse'), action: which, by: person }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: is('challenge'), action: which, by: fc.constantFrom('v0', 'p0', 'rival', 'human:cal') }),
  },
  { weight: 1, arbitrary: fc.record({ do: is('compensated'), action: which }) },
);

const how: fc.Arbitrary<How> = fc.record({
  on: fc.nat(1),
  pace: is<Pace>('go', 'go', 'wait', 'settle', 'settle'),
  twice: fc.constantFrom(false, false, true),
});

const peaceful: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: fc.tuple(command, how).map(([what, asked]): Step => ({ ...what, ...asked })) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: is('burst'),
      round: which,
      choice: fc.nat(1),
      overrides: fc.array(fc.record({ by: person, choice: fc.nat(1) }), { maxLength: 3 }),
      take: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: is('pass'), seconds: fc.constantFrom(1, 5, 5, 16, 45) }) },
  { weight: 1, arbitrary: fc.record({ do: is('jump'), seconds: fc.constantFrom(-30, -5, 8, 25, 60) }) },
  { weight: 2, arbitrary: fc.record({ do: is('pause'), seconds: fc.constantFrom(3, 6, 12, 40, 400) }) },
  { weight: 2, arbitrary: fc.record({ do: is('policy'), strict: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: is('settle') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: is('again'),
      from: fc.nat(60),
      count: fc.integer({ min: 1, max: 60 }),
      seed: fc.nat(),
      on: fc.nat(1),
    }),
  },
);

const CALLS: readonly (readonly [string, readonly Exclude<Mishap, undefined>[]])[] = [
  ['store.append', ['fails', 'loses', 'slow']],
  // To the streams of one category: so a step between two streams is cut in the middle.
  ['action.append', ['fails', 'loses']],
  ['approval.append', ['fails', 'loses']],
  ['round.append', ['fails', 'loses']],
  ['store.read', ['fails']],
  ['store.head', ['fails']],
  ['views.put', ['fails', 'loses', 'slow']],
  ['deadlines.schedule', ['fails', 'loses', 'slow']],
  ['deadlines.settle', ['fails', 'loses', 'slow']],
  ['checkpoints.save', ['fails', 'loses']],
];

const stormy: fc.Arbitrary<Step> = fc.oneof(
  { weight: 36, arbitrary: peaceful },
  { weight: 2, arbitrary: fc.record({ do: is('crash'), on: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: is('restart', 'redeliver') }) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(...CALLS).chain(([call, mishaps]) =>
      fc.record({
        do: is('mishap'),
        call: fc.constant(call),
        what: fc.constantFrom(...mishaps),
        times: fc.integer({ min: 1, max: 6 }),
      }),
    ),
  },
);

// ---------------------------------------------------------------------------------------------------------- a run

const ladder = [
  { group: 'first', members: [], seconds: GROUP_SECONDS },
  { group: 'second', members: [], seconds: GROUP_SECONDS },
];
const electorate = {
  algorithm: 'simple_majority' as const,
  voters: VOTERS.map((id) => ({ id, why: 'asked by name' })),
  min_agreement: 0.75,
  quorum: 0.6,
};

function rulesOf(
  mode: OversightRules['mode'],
  round: 'none' | 'always' | 'escalated',
  postpone: boolean,
  improvement_rounds: number,
): OversightRules {
  return {
    mode,
    ...(mode === 'human_on_the_loop' ? { veto_seconds: VETO_SECONDS } : {}),
    thresholds: { ...DEFAULT_RULES.thresholds, novelty: 1 },
    approvers: ladder,
    safe_default: postpone ? 'postpone' : 'refuse',
    ...(round === 'none'
      ? {}
      : { round: { ...electorate, when: round, round_seconds: ROUND_SECONDS, improvement_rounds } }),
  };
}

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

class Run extends ModelRun {
  private strict = false;
  private readonly absences: Absence[] = [];
  /** Receipts that callers were given. */
  private readonly acknowledged = new Map<string, string>();
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
      evaluate: ({ action, attributes }): PolicyAnswer =>
        this.said(action === 'action.execute' && attributes !== undefined && this.strict),
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
      case 'unclaim': {
        const { id } = this.approval(step.approval);
        return ({ colony }) => colony.approvals.unclaim(human(step.by, key), id);
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

  private all<S>(category: 'action' | 'approval' | 'round' | 'task'): { id: string; state: S }[] {
    const decider = { action: actionDecider, approval: approvalDecider, round: roundDecider, task: taskDecider }[
      category
    ] as unknown as typeof actionDecider;
    return this.stage
      .streams(category)
      .map((stream) => ({ id: parseStream(stream).id, state: this.stage.fold(decider, stream).state as S }));
  }

  private action(id: string): ActionState {
    return this.stage.fold(actionDecider, `${TENANT}/action/${id}`).state;
  }

  private async pass(seconds: number, step = 5): Promise<void> {
    await this.stage
      .pass(seconds, undefined, step)
      .catch((error: unknown) => this.thrown({ do: 'pass', seconds }, error));
  }

  // ------------------------------------------------------------------------------------------------------- the end

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

  /** Who still waits for somebody. What is cleared waits for its proposer alone, if nobody doubts it. */
  private pending(): string[] {
    const ended = new Set(['cleared', 'executed', 'refused', 'vetoed']);
    const waits = (what: string, states: { id: string; state: { status: string } }[]) =>
      states.map(({ id, state }) => `${what} ${id} is still ${state.status}`);
    const actions = this.all<ActionState>('action');
    return [
      ...waits(
        'the round',
        this.all<RoundState>('round').filter(({ state }) => state.status === 'open'),
      ),
      ...waits(
        'the approval',
        this.all<ApprovalState>('approval').filter(({ state }) => state.status === 'waiting'),
      ),
      ...waits(
        'the action',
        actions.filter(
          ({ state }) =>
            !ended.has(state.status) || (state.status === 'cleared' && state.proposal?.target !== undefined),
        ),
      ),
      ...actions
        .filter(({ state }) => state.challenge !== undefined)
        .map(({ id }) => `the action ${id} is challenged for ever`),
      ...waits(
        'the task',
        this.all<TaskState>('task').filter(({ state }) => state.status === 'held'),
      ),
    ];
  }

  private async verify(): Promise<void> {
    const log = this.stage.log();
    this.wrong.push(...brokenRules(log, this.absences), ...this.stage.chainFaults().map(({ message }) => message));
    const hashes = new Map(log.map(({ stream, index, hash }) => [commitRef(stream, index), hash]));
    for (const [ref, hash] of this.acknowledged)
      if (hashes.get(ref) !== hash) this.wrong.push(`${ref} was acknowledged and is not there`);
    for (const { id, state } of this.all<RoundState>('round')) {
      if (state.status !== 'closed') continue;
      const recomputed = recomputeRound(this.stage.stream(`${TENANT}/round/${id}`));
      if (recomputed instanceof Rejection || !recomputed.agrees)
        this.wrong.push(`the round ${id} does not replay: ${JSON.stringify(recomputed)}`);
    }
    this.tasksFollow();
    this.upheldIsStopped();
    await this.viewsAreFolds();
    // A clock that was set back is said, and that a process stood still; these are no faults.
    const faults = this.stage.reports.filter(
      ({ message }) => !/^(a receipt lies ahead of the clock|this process was away)/.test(message),
    );
    if (!this.disturbed) this.wrong.push(...faults.map((report) => JSON.stringify(report)));
    for (const { colony } of this.stage.living) {
      for (const { consumer, lag, parked } of await colony.feed.status())
        if ((lag ?? 0) !== 0 || parked !== 0) this.wrong.push(`${consumer} is ${lag} behind and has ${parked} parked`);
    }
  }

  /** A task is let on exactly when its action is. */
  private tasksFollow(): void {
    const byTarget = new Map(this.all<ActionState>('action').map(({ state }) => [state.proposal?.target, state]));
    for (const { id, state } of this.all<TaskState>('task')) {
      const gate = byTarget.get(`${TENANT}/task/${id}`);
      const stopped = gate === undefined || gate.status !== 'executed' || gate.compensation !== undefined;
      if ((state.status === 'cancelled') !== stopped)
        this.wrong.push(`the task ${id} is ${state.status}, its action ${gate?.status}`);
    }
  }

  /**
   * What a challenge upheld in the end does not happen, or is to be undone, unless a person overrode the action itself.
   */
  private upheldIsStopped(): void {
    for (const { id, state } of this.all<ActionState>('action')) {
      for (const { round } of state.challenges) {
        const { override, outcome } = this.stage.fold(roundDecider, `${TENANT}/round/${round}`).state;
        const upheld = (override?.choice ?? outcome?.choice) === 'uphold';
        const stopped = state.status === 'refused' || state.status === 'vetoed' || state.compensation !== undefined;
        if (upheld && !stopped && state.override === undefined)
          this.wrong.push(`the action ${id} is ${state.status}, and the challenge in the round ${round} was upheld`);
      }
    }
  }

  private async viewsAreFolds(): Promise<void> {
    const { colony } = this.stage;
    for (const [projection, decider] of [
      [actionsView, actionDecider],
      [approvalsView, approvalDecider],
      [roundsView, roundDecider],
    ] as const) {
      const { rows } = await colony.ports.views.query(colony.views.serving(projection.name), {
        tenant: TENANT,
        limit: 1_000,
      });
      const expected = this.stage.streams(projection.category).map((stream) => {
        const { state, version, at } = this.stage.fold(decider as typeof actionDecider, stream);
        return {
          source: stream,
          index: version,
          doc: (projection as typeof actionsView).row(
            { tenant: TENANT, id: parseStream(stream).id, stream, version, at },
            state,
          )?.doc,
        };
      });
      const found = rows
        .map(({ source, index, doc }) => ({ source, index, doc }))
        .sort((a, b) => (a.source < b.source ? -1 : 1));
      if (JSON.stringify(found) !== JSON.stringify(expected))
        this.wrong.push(
          `the view ${projection.name} holds ${JSON.stringify(found)}, the log says ${JSON.stringify(expected)}`,
        );
    }
  }
}

// ---------------------------------------------------------------------------------------------------------- rules

interface ActionSeen {
  proposed_by: string;
  critical: boolean;
  path: string;
  /** What policy said when it was asked last. */
  policy: string;
  /** The hash that it may be taken with; undefined when it may not. */
  cleared: string | undefined;
  heldFor: string | undefined;
  vetoUntil: string | undefined;
  vetoSince: string;
  challenges: Set<string>;
  readonly challengers: Set<string>;
  /** Who lets it on by the override that stands. */
  allowedBy: Set<string>;
  /** When people last overrode the action, or a round about it. */
  lastWord: string;
  executions: number;
  stopped: boolean;
}

interface ApprovalSeen {
  /** The stream that waits for it. */
  about: string;
  open: boolean;
  openedRef: string;
  critical: boolean;
  requester: string;
  hash: string;
  given: Set<string>;
  /** When each group's time ends, and since when. */
  ends: readonly string[];
  since: string;
  /** Of each opening: what came of it, and the hash that was approved. */
  readonly outcomes: Map<string, { outcome: string; hash: string | undefined; people: number }>;
}

interface RoundSeen {
  /** Who has a part in it, as the events before it say. */
  parties: Set<string>;
  critical: boolean;
  voters: Set<string>;
  pass: number;
  voted: Set<string>;
  /** When the pass ends, and since when. */
  deadline: string;
  since: string;
  seconds: number;
  ends: number;
  choice: string | undefined;
  /** Every choice that was its outcome once: what follows it may be written after the next one. */
  choices: Set<string>;
  /** What the votes alone came to. */
  agreed: string | undefined;
  /** When it was overridden, by the receipt of that. */
  readonly overridden: Map<string, string>;
}

/** All processes stood still; known to those that wrote the commits from `begin` on, and before `end`. */
interface Absence {
  readonly from: string;
  readonly until: string;
  readonly begin: number;
  end: number;
}

/**
 * What of a time that was set at `since`, and would end at `end`, is left at `at` to those who could do nothing in
 * between.
 */
type Fair = (since: string, end: string, at: string) => boolean;

/** As much was left after each absence as before it, or as long as it took. */
function fairTo(absences: readonly Absence[], position: number): Fair {
  return (since, end, at) =>
    absences
      .filter((one) => one.begin <= position && position < one.end && since <= one.from && one.from < end)
      .every(
        (one) =>
          secondsBetween(one.until, at) >= Math.min(secondsBetween(one.from, end), secondsBetween(one.from, one.until)),
      );
}

/**
 * Every rule that is broken, read from the events alone, in the order of writing, and not by the deciders that made
 * them.
 */
function brokenRules(log: readonly Commit[], absences: readonly Absence[]): string[] {
  const broken: string[] = [];
  const actions = new Map<string, ActionSeen>();
  const approvals = new Map<string, ApprovalSeen>();
  const rounds = new Map<string, RoundSeen>();
  for (const [position, commit] of log.entries()) {
    const { stream, index, at, events, meta } = commit;
    const reference = commitRef(stream, index);
    const fair = fairTo(absences, position);
    const rule = (holds: boolean, words: string) => {
      if (!holds) broken.push(`${reference} ${events.map(({ type }) => type).join('+')}: ${words}`);
    };
    switch (parseStream(stream).category) {
      case 'round':
        for (const event of events as readonly RoundEvent[])
          roundRule(rounds, actions, { stream, reference, at }, event, { actor: meta.actor.id, fair }, rule);
        break;
      case 'approval':
        for (const event of events as readonly ApprovalEvent[])
          approvalRule(approvals, stream, reference, event, { at, actor: meta.actor, fair }, rule);
        break;
      case 'action':
        for (const event of events as readonly ActionEvent[])
          actionRule(actions, { approvals, rounds }, stream, event, { at, actor: meta.actor, fair }, rule);
        break;
      default:
    }
  }
  return broken;
}

type Rule = (holds: boolean, words: string) => void;
type Actor = Commit['meta']['actor'];

function roundRule(
  rounds: Map<string, RoundSeen>,
  actions: Map<string, ActionSeen>,
  { stream, reference, at }: { stream: string; reference: string; at: string },
  event: RoundEvent,
  { actor, fair }: { actor: string; fair: Fair },
  rule: Rule,
): void {
  if (event.type === 'RoundOpened') {
    rule(!rounds.has(stream), 'it was opened twice');
    const { spec: asked, opened_by } = event.data;
    const waiting = actions.get(asked.waits ?? '');
    const parties = new Set([opened_by, ...(waiting === undefined ? [] : [waiting.proposed_by])]);
    const critical = severityOf(asked.impact, asked.risk ?? 0).severity === 'critical';
    rounds.set(stream, {
      parties,
      critical,
      voters: new Set(event.data.electorate.voters.map(({ id }) => id)),
      pass: 1,
      voted: new Set(),
      deadline: asked.deadline,
      since: plusSeconds(asked.deadline, -asked.round_seconds),
      seconds: asked.round_seconds,
      ends: 0,
      choice: undefined,
      choices: new Set(),
      agreed: undefined,
      overridden: new Map(),
    });
    return;
  }
  const round = rounds.get(stream) as RoundSeen;
  switch (event.type) {
    case 'VoteCast':
    case 'VoteChanged': {
      const { voter: by, pass } = event.data;
      rule(by === actor, 'the vote is forged');
      rule(!round.parties.has(by), 'a party votes');
      rule(
        round.voters.has(by) && pass === round.pass && !round.voted.has(by) && round.ends === 0,
        'the vote does not count',
      );
      round.voted.add(by);
      return;
    }
    case 'RoundExtended':
      rule(
        event.data.deadline > round.deadline && fair(round.since, round.deadline, event.data.deadline),
        'too little time was given back',
      );
      Object.assign(round, { deadline: event.data.deadline, since: event.data.extended_at });
      return;
    case 'ImprovementOpened': {
      const { pass, deadline, counted_at = at } = event.data;
      rule(pass === round.pass + 1, 'a pass is missing');
      if (counted_at >= round.deadline)
        rule(fair(round.since, round.deadline, at), 'voters who could not vote were not waited for');
      Object.assign(round, { pass, voted: new Set(), deadline, since: plusSeconds(deadline, -round.seconds) });
      return;
    }
    case 'RoundClosed':
    case 'RoundCancelled':
      if (event.type === 'RoundClosed' && !event.data.early)
        rule(fair(round.since, round.deadline, at), 'voters who could not vote were not waited for');
      round.ends += 1;
      rule(round.ends === 1, 'it ended twice');
      if (event.type === 'RoundClosed' && event.data.outcome === 'agreed') {
        Object.assign(round, { choice: event.data.choice, agreed: event.data.choice });
        round.choices.add(event.data.choice as string);
      }
      return;
    case 'OutcomeOverridden':
      rule(actor.startsWith('human:'), 'only people override');
      rule(![actor, ...(event.data.with ?? [])].some((id) => round.parties.has(id)), 'a party overrides it');
      rule(new Set([actor, ...(event.data.with ?? [])]).size >= (round.critical ? 2 : 1), 'too few people override it');
      round.choice = event.data.choice;
      round.choices.add(event.data.choice);
      round.overridden.set(reference, at);
      return;
    default:
  }
}

function approvalRule(
  approvals: Map<string, ApprovalSeen>,
  stream: string,
  reference: string,
  event: ApprovalEvent,
  { at, actor, fair }: { at: string; actor: Actor; fair: Fair },
  rule: Rule,
): void {
  if (event.type === 'ApprovalRequested') {
    const { severity, requester, hash, ends, ladder: groups } = event.data;
    rule(!approvals.has(stream), 'it was requested twice');
    approvals.set(stream, {
      about: event.data.action,
      open: true,
      openedRef: reference,
      critical: severity === 'critical',
      requester,
      hash,
      ends,
      since: plusSeconds(ends[0] as string, -(groups[0]?.seconds ?? 0)),
      given: new Set(),
      outcomes: new Map(),
    });
    return;
  }
  const approval = approvals.get(stream) as ApprovalSeen;
  const decides = () =>
    rule(
      approval.open && actor.kind === 'human' && actor.id !== approval.requester && actor.id !== 'human:out',
      'who decides may not, or it is over',
    );
  switch (event.type) {
    case 'ApprovalGiven': {
      decides();
      const { by, hash, edit } = event.data;
      rule(by === actor.id, 'it is forged');
      rule(edit !== undefined || hash === approval.hash, 'something else was approved');
      if (edit !== undefined) approval.given.clear();
      rule(!approval.given.has(by), 'one person approved twice');
      approval.given.add(by);
      approval.hash = hash;
      return;
    }
    case 'ApprovalRejected':
      decides();
      return;
    case 'ApprovalClosed': {
      const { outcome } = event.data;
      rule(approval.open && !approval.outcomes.has(approval.openedRef), 'it ended twice');
      const end = approval.ends.at(-1) as string;
      if (outcome === 'defaulted') rule(at >= end && fair(approval.since, end, at), 'its time was not over');
      if (outcome === 'approved')
        rule(
          approval.given.size >= (approval.critical ? 2 : 1) && event.data.hash === approval.hash,
          'too few people approved it',
        );
      approval.outcomes.set(approval.openedRef, { outcome, hash: event.data.hash, people: approval.given.size });
      approval.open = false;
      return;
    }
    case 'ApprovalEscalated': {
      const end = approval.ends[event.data.level - 1] as string;
      rule(at >= end && fair(approval.since, end, at), 'it was not their turn yet');
      return;
    }
    case 'ApprovalExtended':
      rule(
        approval.ends.every(
          (end, i) =>
            end <= (event.data.ends[i] as string) &&
            (end > event.data.extended_at ||
              fair(approval.since, end, event.data.ends[i] as string) ||
              end < approval.since),
        ),
        'too little time was given back',
      );
      Object.assign(approval, { ends: event.data.ends, since: event.data.extended_at });
      return;
    case 'ApprovalReopened':
      Object.assign(approval, {
        open: true,
        openedRef: reference,
        hash: event.data.hash,
        ends: event.data.ends,
        since: plusSeconds(event.data.ends[0] as string, -GROUP_SECONDS),
      });
      approval.given.clear();
      return;
    default:
  }
}

function actionRule(
  actions: Map<string, ActionSeen>,
  { approvals, rounds }: { approvals: Map<string, ApprovalSeen>; rounds: Map<string, RoundSeen> },
  stream: string,
  event: ActionEvent,
  { at, actor, fair }: { at: string; actor: Actor; fair: Fair },
  rule: Rule,
): void {
  if (event.type === 'ActionProposed') {
    const { proposed_by, impact, risk, oversight, policy } = event.data;
    rule(!actions.has(stream), 'it was proposed twice');
    const critical = severityOf(impact, risk).severity === 'critical';
    actions.set(stream, {
      proposed_by,
      critical,
      path: oversight.path,
      policy: policy.decision,
      cleared: undefined,
      heldFor: undefined,
      vetoUntil: undefined,
      vetoSince: at,
      challenges: new Set(),
      challengers: new Set(),
      allowedBy: new Set(),
      lastWord: '',
      executions: 0,
      stopped: false,
    });
    return;
  }
  const action = actions.get(stream) as ActionSeen;
  switch (event.type) {
    case 'ActionHeld':
      Object.assign(action, { heldFor: event.data.ref, cleared: undefined });
      return;
    case 'VetoWindowOpened':
      Object.assign(action, { vetoUntil: event.data.until, vetoSince: at });
      return;
    case 'VetoWindowExtended':
      rule(fair(action.vetoSince, action.vetoUntil as string, event.data.until), 'too little time was given back');
      Object.assign(action, { vetoUntil: event.data.until, vetoSince: event.data.extended_at });
      return;
    case 'ActionCleared': {
      const { by, ref = '', hash } = event.data;
      const decided = approvals.get(parseCommitRef(ref)?.stream ?? '')?.outcomes.get(ref);
      const says = {
        rules: () => action.path === 'act' && !action.critical,
        // A person's override that comes between is carried out by the step after it.
        round: () =>
          ref === action.heldFor &&
          rounds.get(parseCommitRef(ref)?.stream ?? '')?.agreed === 'approve' &&
          !action.critical,
        approval: () =>
          ref === action.heldFor &&
          decided?.outcome === 'approved' &&
          decided.hash === hash &&
          decided.people >= (action.critical ? 2 : 1),
        'veto-window-passed': () =>
          action.vetoUntil !== undefined &&
          action.vetoUntil <= at &&
          fair(action.vetoSince, action.vetoUntil, at) &&
          !action.critical,
        override: () =>
          actor.kind === 'human' &&
          actor.id !== action.proposed_by &&
          action.allowedBy.size >= (action.critical ? 2 : 1),
      }[by];
      rule(says(), `it was cleared by ${by}, which had not said so`);
      Object.assign(action, { cleared: hash, heldFor: undefined, stopped: false });
      return;
    }
    case 'ActionVetoed':
    case 'ActionRefused':
      rule(action.executions === 0, 'what was done can not be stopped');
      if (event.type === 'ActionRefused' && event.data.by === 'challenge')
        rule(
          (rounds.get(`${TENANT}/round/${event.data.ref}`)?.ends ?? 1) > 0,
          'the challenge lapsed while its judges could vote',
        );
      Object.assign(action, { cleared: undefined, stopped: true });
      action.challenges.clear();
      return;
    case 'ActionReturned':
      Object.assign(action, { cleared: undefined, policy: event.data.policy.decision });
      return;
    case 'ActionChallenged':
      action.challenges.add(event.data.round);
      action.challengers.add(event.data.by);
      return;
    case 'ChallengeDismissed': {
      // Where nobody decides, what was done stays done.
      const { choice, choices } = rounds.get(`${TENANT}/round/${event.data.round}`) as RoundSeen;
      const takenBack = [...approvals.values()].some(
        (one) =>
          one.about === `${TENANT}/round/${event.data.round}` &&
          [...one.outcomes.values()].some(({ outcome }) => outcome === 'withdrawn'),
      );
      rule(
        choices.has('dismiss') || takenBack || (choice === undefined && action.executions === 1),
        'nobody dismissed the challenge',
      );
      action.challenges.delete(event.data.round);
      return;
    }
    case 'CompensationDue':
      rule(action.executions === 1, 'nothing is to be undone');
      action.challenges.clear();
      return;
    case 'ActionExecuted':
      action.executions += 1;
      rule(action.executions === 1, 'it was taken twice');
      rule(action.cleared === event.data.hash && !action.stopped, 'it was not cleared so');
      rule(action.challenges.size === 0, 'it was challenged');
      rule(event.data.policy.decision === 'allow' || action.policy !== 'allow', 'policy has become stricter');
      rule(
        event.data.by === actor.id && (actor.id === action.proposed_by || actor.kind === 'system'),
        'somebody else took it',
      );
      return;
    case 'ActionOverridden': {
      rule(actor.kind === 'human' && event.data.by === actor.id, 'only people override');
      const { ref } = event.data;
      const said = ref === undefined ? at : (rounds.get(parseCommitRef(ref)?.stream ?? '')?.overridden.get(ref) ?? '');
      rule(said >= action.lastWord, 'it undoes a later word on the action');
      action.lastWord = said;
      action.allowedBy = new Set(event.data.instead === 'allow' ? [actor.id, ...(event.data.with ?? [])] : []);
      rule(!action.challengers.has(actor.id) && !action.allowedBy.has(action.proposed_by), 'a party overrides it');
      action.challenges.clear();
      if (event.data.instead === 'refuse' && action.executions === 0)
        Object.assign(action, { cleared: undefined, stopped: true });
      return;
    }
    default:
  }
}

// ---------------------------------------------------------------------------------------------------------- tests

const RUNS = Number(process.env.FORMICARY_RUNS ?? 1);
const REPEAT =
  process.env.FORMICARY_SEED === undefined
    ? {}
    : { seed: Number(process.env.FORMICARY_SEED), path: process.env.FORMICARY_PATH, endOnFailure: true };

function model(name: string, step: fc.Arbitrary<Step>, processes: number, runs: number, shared = false): void {
  test(
    name,
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.noBias(fc.array(step, { maxLength: 80, size: 'max' })), async (steps) => {
          expect(await new Run(processes, undefined, shared).play(steps)).toEqual([]);
        }),
        {
          numRuns: Math.ceil(runs * RUNS),
          interruptAfterTimeLimit: 300_000 * RUNS,
          markInterruptAsFailure: true,
          timeout: 30_000,
          ...REPEAT,
        },
      );
    },
    600_000 * Math.max(1, RUNS),
  );
}

/** Ways through the gate in which one step follows from another, stream by stream. */
const SETTLE = { on: 0, pace: 'settle', twice: false } as const;
const propose = (of: keyof typeof KINDS, asked: Impact): Step => ({
  do: 'propose',
  id: 'a0',
  kind: of,
  by: 'p0',
  impact: asked,
  confidence: 0.9,
  ...SETTLE,
});
const votes = (choice: number): Step[] =>
  (['v0', 'v1'] as const).map((by): Step => ({ do: 'vote', round: 0, by, as: by, choice, late: false, ...SETTLE }));
const approve: Step = { do: 'approve', approval: 0, by: 'human:bea', seen: 'now', ...SETTLE };
const edit: Step = { do: 'edit', approval: 0, by: 'human:bea', amount: 1, ...SETTLE };
const take: Step = { do: 'execute', action: 0, by: 'proposer', seen: 'now', result: 0, ...SETTLE };
const takeOther: Step = { do: 'execute', action: 0, by: 'proposer', seen: 'other', result: 0, ...SETTLE };
const doubt: Step = { do: 'challenge', action: 0, by: 'v2', ...SETTLE };
const refuse: Step = { do: 'refuse', action: 0, by: 'human:bea', ...SETTLE };
const WAYS: readonly (readonly [string, readonly Step[]])[] = [
  ['postponed, approved, taken', [propose('k0', 'high'), { do: 'pass', seconds: 20 }, approve, take]],
  [
    'agents, then people, corrected, sent back, approved, taken',
    [propose('k2', 'high'), ...votes(0), edit, takeOther, approve, take],
  ],
  [
    'cleared by agents, sent back by a stricter policy, approved',
    [propose('k2', 'low'), ...votes(0), { do: 'policy', strict: true }, take, approve, take],
  ],
  ['challenged, upheld', [propose('k0', 'low'), doubt, ...votes(0)]],
  [
    'challenged, nobody votes, people decide, taken',
    [propose('k0', 'low'), doubt, { do: 'pass', seconds: 310 }, approve, take],
  ],
  [
    'a veto window, taken, overridden',
    [propose('k1', 'low'), { do: 'pass', seconds: 15 }, take, refuse, { do: 'compensated', action: 0, ...SETTLE }],
  ],
  ['a task, cleared by agents', [{ do: 'post', id: 't0', kind: 'k2', impact: 'low', ...SETTLE }, ...votes(0)]],
  [
    'a task, approved by a person, then called back',
    [{ do: 'post', id: 't0', kind: 'k0', impact: 'high', ...SETTLE }, approve, refuse],
  ],
  ['a task, refused by agents', [{ do: 'post', id: 't0', kind: 'k2', impact: 'low', ...SETTLE }, ...votes(1)]],
  [
    'agents refuse, a person overrides the round',
    [
      propose('k2', 'low'),
      ...votes(1),
      { do: 'override-round', round: 0, by: 'human:bea', choice: 0, ...SETTLE },
      take,
    ],
  ],
];

test.each(WAYS)(
  'cut at every append: %s',
  async (_, steps) => {
    const whole = new Run(1);
    expect(await whole.play(steps)).toEqual([]);
    const { appends } = whole;
    for (const what of ['fails', 'loses'] as const) {
      for (let at = 1; at <= appends; at += 1)
        expect({ what, at, wrong: await new Run(1, { at, what }).play(steps) }).toEqual({ what, at, wrong: [] });
    }
  },
  120_000,
);

model('one process, nothing fails', peaceful, 1, 40);
model('one process, with crashes and failing stores', stormy, 1, 40);
model('two processes on one store, nothing fails', peaceful, 2, 30);
model('two processes on one store, with crashes and failing stores', stormy, 2, 30);
model('two processes that triggers hand the feed to, nothing fails', peaceful, 2, 30, true);
model('two processes that triggers hand the feed to, with crashes and failing stores', stormy, 2, 30, true);
