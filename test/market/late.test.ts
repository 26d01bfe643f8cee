/**
 * What has an end, asked just before it and at it, though no timer has fired yet: every decision of the aggregates that
 * hold a time is here, or is said to have nothing to do with it. A new one that is in neither list fails.
 */
import { type Decider, type Decision, type Event, Rejection } from '../../domain/kernel/decider';
import { plusSeconds, type Time } from '../../domain/kernel/time';
import { DEFAULT_WEIGHTS, rank } from '../../domain/market/market';
import * as tasks from '../../domain/market/task';
import * as actions from '../../domain/oversight/action';
import * as approvals from '../../domain/oversight/approval';
import { type Electorate, electorateHash } from '../../domain/oversight/consensus';
import * as rounds from '../../domain/oversight/round';
import { given, GIVEN_TIME } from '../support/given';

const END = '2026-11-21T11:00:00.000Z';
const BEFORE = plusSeconds(END, -0.001);
const LATER = plusSeconds(END, 3_600);

/** `code`: how it is refused from the end on. */
interface Bound<S, E extends Event> {
  readonly history: readonly E[];
  readonly ask: (now: Time) => Decision<S, E>;
  readonly code: string;
}
/** Why time is nothing to it: no decision, or one that is right at any time. */
type Free = string;

function lines<S, E extends Event>(
  name: string,
  decider: Decider<S, E>,
  module: object,
  bound: Readonly<Record<string, Bound<S, NoInfer<E>> | readonly Bound<S, NoInfer<E>>[]>>,
  free: Readonly<Record<string, Free>>,
): void {
  describe(name, () => {
    test('knows every function that there is', () => {
      // Names of streams are no rules.
      const functions = Object.entries(module).flatMap(([key, value]) =>
        typeof value === 'function' && !key.endsWith('Stream') ? [key] : [],
      );
      expect([...Object.keys(bound), ...Object.keys(free)].sort()).toEqual(functions.sort());
    });

    const asked = Object.entries(bound).flatMap(([key, one]) =>
      [one].flat().map((of, i) => [`${key} ${i + 1}`, of as Bound<S, E>] as const),
    );
    if (asked.length === 0) return;
    test.each(asked)('%s is taken until the end, and not at it', (_, { history, ask, code }) => {
      given(decider, history).thenState((state) => {
        const early = ask(BEFORE)(state);
        expect(early).not.toBeInstanceOf(Rejection);
        expect(early).not.toEqual([]);
      });
      for (const now of [END, LATER]) given(decider, history).when(ask(now)).thenRejected(code);
    });
  });
}

// ---------------------------------------------------------------------------------------------------------- tasks

const spec: tasks.TaskSpec = {
  task_type: 'screen',
  priority: 0.5,
  urgency: 0.5,
  requires: [],
  requester: 'poster',
  bid_seconds: 0,
  accept_seconds: 30,
  lease_seconds: 60,
  max_attempts: 3,
  retry_seconds: 10,
  deadline: END,
};
const CLAIM = { agent: 'ann', award: 1 };
const oversight = { kind: 'k', why: 'w', confidence: 1, impact: 'low', risk: 0, features: {} } as const;
const posted = (changes: Partial<tasks.TaskSpec> = {}): tasks.TaskEvent => ({
  type: 'TaskPosted',
  v: 1,
  data: { spec: { ...spec, ...changes } },
});
const awarded = (accept_by: Time): tasks.TaskEvent => ({
  type: 'TaskAwarded',
  v: 1,
  data: { award: 1, attempt: 1, agent: 'ann', score: 1, accept_by, reservation: 'r' },
});
const declined: tasks.TaskEvent = { type: 'AwardDeclined', v: 1, data: { agent: 'bob', award: 1, reason: 'busy' } };
const accepted: tasks.TaskEvent = { type: 'TaskAccepted', v: 1, data: { ...CLAIM, lease_seconds: 60 } };
const bid: tasks.TaskEvent = { type: 'BidPlaced', v: 1, data: { agent: 'ann' } };
const doubt = { award: 1, by: 'eve', round: 'r', reason: 'x', until: LATER };
const bidder = { agent: 'ann', source: 'offer', match: 1, load: 0, wins: 0, tries: 0 } as const;
const request = (now: Time): tasks.AwardRequest => ({
  candidates: rank('t', [bidder], 0.5, DEFAULT_WEIGHTS),
  weights: DEFAULT_WEIGHTS,
  refused: [],
  reserved: { agent: 'ann', award: 1, receipt: 'r' },
  strength: 0.5,
  now,
});
const peer: tasks.Peer = {
  agent: 'bob',
  profile: { agent_type: 'screen', pool: 'p', capabilities: {}, capacity: 1, presence_seconds: 60, offer: null },
  award: 2,
  receipt: 'r',
};

const open = [posted(), bid];
const held = [posted(), awarded(LATER)];
const running = [...held, accepted];
/** No deadline, but a time to accept. */
const offered = [posted({ deadline: undefined }), awarded(END)];
const task = (
  history: readonly tasks.TaskEvent[],
  ask: (now: Time) => Decision<tasks.TaskState, tasks.TaskEvent>,
  code = 'task-expired',
): Bound<tasks.TaskState, tasks.TaskEvent> => ({ history, ask, code });

lines(
  'a task',
  tasks.taskDecider,
  tasks,
  {
    placeBid: task([posted()], (now) => tasks.placeBid({ agent: 'ann' }, now)),
    withdrawBid: task(open, (now) => tasks.withdrawBid('ann', now)),
    award: task([posted()], (now) => tasks.award(request(now))),
    accept: [
      task(held, (now) => tasks.accept(CLAIM, now)),
      task(offered, (now) => tasks.accept(CLAIM, now), 'award-superseded'),
    ],
    decline: [
      task(held, (now) => tasks.decline(CLAIM, 'busy', now)),
      task(offered, (now) => tasks.decline(CLAIM, 'busy', now), 'award-superseded'),
    ],
    release: [
      task(running, (now) => tasks.release(CLAIM, 'busy', now)),
      task(offered, (now) => tasks.release(CLAIM, 'busy', now), 'award-superseded'),
    ],
    progress: task(running, (now) => tasks.progress(CLAIM, 0.5, undefined, now)),
    complete: task(running, (now) => tasks.complete(CLAIM, {}, now)),
    completeAtOnce: [
      task(held, (now) => tasks.completeAtOnce(CLAIM, {}, now)),
      task(offered, (now) => tasks.completeAtOnce(CLAIM, {}, now), 'award-superseded'),
      task(running, (now) => tasks.completeAtOnce(CLAIM, {}, now)),
    ],
    fail: task(running, (now) => tasks.fail(CLAIM, 'broken', true, now)),
    handOff: task(running, (now) => tasks.handOff(CLAIM, peer, undefined, now)),
    unblock: task([posted({ after: ['a'] })], (now) => tasks.unblock(undefined, now)),
    clear: task([posted({ oversight })], (now) => tasks.clear('acme/action/a', undefined, now)),
    challengeAward: [
      task(running, (now) => tasks.challengeAward(doubt, now)),
      task(offered, (now) => tasks.challengeAward(doubt, now), 'award-superseded'),
    ],
    cancel: [
      task([posted()], (now) => tasks.cancel('eve', 'no need', now)),
      task(running, (now) => tasks.cancel('eve', 'no need', now)),
      task([posted({ oversight })], (now) => tasks.cancel('eve', 'no need', now)),
    ],
    redrive: task([posted(), declined], (now) => tasks.redrive('eve', now, plusSeconds(LATER, 60))),
  },
  {
    post: 'before there is an end',
    giveBack: 'asked below: nothing is refused, nothing is done',
    takeBack: 'asked below: nothing is refused, nothing is done',
    withdraw: 'keeps what is not there from being posted, which is right at any time',
    voidAward: 'keeps a number from being awarded, which is right at any time',
    notPartOf: 'asked of the task that it is a part of, whatever has become of that',
    settleChallenge: 'a verdict that comes too late counts as well',
    extendChallenge: 'moves an end',
    timePassed: 'what the end itself means',
    taskDue: 'no decision',
    pullTerms: 'no decision',
    changedAt: 'no decision',
    costSoFar: 'no decision',
    strengthOf: 'no decision',
    secondsToAward: 'no decision',
    isAlive: 'no decision',
    namesBehind: 'no decision',
    requestedBy: 'no decision',
    nextAward: 'no decision',
    awaitEnd: 'of whatever has not ended, or has',
    withdrawWait: 'of whatever waits no more',
    notToAwait: 'no decision',
    outlookOf: 'no decision',
    hasBid: 'no decision',
    hasDeclined: 'no decision',
    isKeptOut: 'no decision',
    decliners: 'no decision',
    declineEnds: 'no decision',
    delayedUntil: 'no decision',
    freedSlot: 'no decision',
    editProblem: 'no decision',
    stands: 'no decision',
    recomputeAward: 'no decision',
    recomputeReceipt: 'no decision',
  },
);

test('an agent that is lost gives back what it holds until the deadline; then the deadline has the last word', () => {
  const back = (now: Time) => tasks.giveBack(CLAIM, 'lost', 'silent', now);
  given(tasks.taskDecider, running).when(back(END)).thenNothing();
  given(tasks.taskDecider, running).thenState((state) => (back(BEFORE)(state) as readonly Event[]).length === 2);
});

test('what an agent holds that is stopped is taken back until the deadline, and the attempt does not count', () => {
  const back = (now: Time) => tasks.takeBack(CLAIM, 'it errs', now);
  given(tasks.taskDecider, running).when(back(END)).thenNothing();
  given(tasks.taskDecider, running)
    .when(back(BEFORE))
    .thenState(({ status, attempts, ready_at }) => {
      expect([status, attempts, ready_at]).toEqual(['open', 1, BEFORE]);
    });
});

test('a claim stands until its award lapses, or the deadline has passed', () => {
  for (const history of [running, offered])
    given(tasks.taskDecider, history).thenState((state) =>
      expect([BEFORE, END].map((now) => tasks.stands(state, CLAIM, now))).toEqual([true, false]),
    );
  // Whoever decides was away: the time to accept ends later.
  given(tasks.taskDecider, offered).thenState((state) => tasks.stands(state, CLAIM, END, LATER));
});

// --------------------------------------------------------------------------------------------------------- rounds

const electorate: Electorate = {
  algorithm: 'simple_majority',
  voters: ['a', 'b', 'c'].map((id) => ({ id, why: 'asked' })),
  min_agreement: 0.75,
  quorum: 0.6,
};
const opening: rounds.Opening = {
  spec: {
    question: 'Ship it?',
    kind: 'release',
    impact: 'low',
    choices: rounds.DEFAULT_CHOICES,
    deadline: END,
    round_seconds: 600,
    improvement_rounds: 0,
    allow_change: false,
  },
  electorate,
  opened_by: 'ada',
};
const opened: rounds.RoundEvent = { type: 'RoundOpened', v: 1, data: opening };
const vote = {
  voter: 'a',
  choice: 'approve',
  confidence: 1,
  reasoning: 'sound',
  snapshot: electorateHash(electorate),
  pass: 1,
};

lines(
  'a round',
  rounds.roundDecider,
  rounds,
  {
    castVote: { history: [opened], ask: (now) => rounds.castVote(vote, now), code: 'vote-late' },
    cancel: { history: [opened], ask: (now) => rounds.cancel({ id: 'ada' }, 'no need', now), code: 'round-closed' },
  },
  {
    open: 'before there is an end',
    timePassed: 'what the end itself means',
    extend: 'moves the end',
    abandon: 'whatever time is left: its tenant is no more',
    override: 'of what has ended, and that has no end',
    decidedByPeople: 'of what has ended; the people have an end of their own',
    choiceOf: 'no decision',
    countAgain: 'no decision',
    roundDue: 'no decision',
    roundProblems: 'no decision',
    recomputeRound: 'no decision',
  },
);

// ------------------------------------------------------------------------------------------------------ approvals

const ACTION = { amount: 1 };
const hash = actions.actionHash('k', ACTION);
const policy = { bundle: 'b', decision: 'allow' } as const;
const eve = { by: 'eve', kind: 'human' as const, groups: ['g'] };
const asked: approvals.ApprovalRequest = {
  action: 'acme/action/1',
  kind: 'k',
  hash,
  summary: 's',
  requester: 'ann',
  why: 'w',
  impact: 'low',
  risk: 0,
  policy,
  inputs: [],
  safe_default: 'refuse',
  ladder: [{ group: 'g', members: [], seconds: 3_600 }],
};
const requested: approvals.ApprovalEvent = {
  type: 'ApprovalRequested',
  v: 1,
  data: { ...asked, severity: 'low', score: 1, approvals_needed: 1, ends: [END] },
};
const claimed: approvals.ApprovalEvent = { type: 'ApprovalClaimed', v: 1, data: { by: 'eve', until: LATER } };
const questioned: approvals.ApprovalEvent = {
  type: 'QuestionAsked',
  v: 1,
  data: { number: 1, by: 'eve', question: 'why?' },
};
const approval = (
  ask: (now: Time) => Decision<approvals.ApprovalState, approvals.ApprovalEvent>,
  ...more: approvals.ApprovalEvent[]
): Bound<approvals.ApprovalState, approvals.ApprovalEvent> => ({
  history: [requested, ...more],
  ask,
  code: 'decided-after-deadline',
});

lines(
  'an approval',
  approvals.approvalDecider,
  approvals,
  {
    release: approval((now) => approvals.release('eve', now), claimed),
    approve: approval((now) => approvals.approve(eve, { hash, reason: 'fine' }, now)),
    reject: approval((now) => approvals.reject(eve, { hash, reason: 'no' }, now)),
    ask: approval((now) => approvals.ask(eve, 'why?', now)),
    answer: approval((now) => approvals.answer('ann', 1, 'because', now), questioned),
    withdraw: approval((now) => approvals.withdraw('ann', 'no need', now)),
    supersede: approval((now) => approvals.supersede('stopped', undefined, now)),
  },
  {
    request: 'before there is an end',
    claim: 'ends with half of the time of the group; asked there',
    timePassed: 'what the end itself means',
    extend: 'moves the end',
    reopen: 'begins a time anew',
    abandon: 'whatever time is left: its tenant is no more',
    override: 'asked below: what was late is noted first',
    approvalDue: 'no decision',
    deadlineOf: 'no decision',
    groupsAsked: 'no decision',
    approvalParties: 'no decision',
    askerOf: 'no decision',
    claimsEnd: 'no decision',
    tooManyApprovals: 'no decision',
    mayBulk: 'no decision',
    requestProblems: 'no decision',
  },
);

test('what a person overrides after the time is over has come to its safe default first', () => {
  const override = (now: Time) => approvals.override(eve, 'allow', 'no', now);
  const overridden: approvals.ApprovalEvent = {
    type: 'ApprovalOverridden',
    v: 1,
    data: { by: 'eve', instead: 'allow', reason: 'no' },
  };
  given(approvals.approvalDecider, [requested])
    .when(override(BEFORE))
    .then([overridden, { type: 'ApprovalClosed', v: 1, data: { outcome: 'superseded', reason: 'no' } }]);
  given(approvals.approvalDecider, [requested])
    .when(override(END))
    .then([{ type: 'ApprovalClosed', v: 1, data: { outcome: 'defaulted', hash, safe_default: 'refuse' } }, overridden])
    .thenRepeatedNothing();
});

// -------------------------------------------------------------------------------------------------------- actions

lines(
  'an action',
  actions.actionDecider,
  actions,
  {},
  {
    propose: 'has no end',
    clear: 'by what decided it, which has an end of its own',
    refuseAction: 'by what decided it, which has an end of its own',
    abandon: 'of what can still be stopped',
    openVetoWindow: 'before there is an end',
    veto: 'may come late, as long as nothing has happened',
    edit: 'by what decided it, which has an end of its own',
    hold: 'has no end',
    challenge: 'of what has not happened, or has: at any time',
    settleChallenge: 'by the verdict, or by its end',
    extendChallenge: 'moves an end',
    execute: 'asked below: a window that is over is noted with it',
    extend: 'moves the end',
    timePassed: 'what the end itself means',
    override: 'at any time',
    commandGiven: 'says what came of what was let go',
    compensated: 'at any time',
    notCarriedOut: 'at any time',
    actionParties: 'no decision',
    actionHash: 'no decision',
    actionDue: 'no decision',
    awaitsDecision: 'no decision',
    isAsked: 'no decision',
    isPending: 'no decision',
    isStopped: 'no decision',
    actionProblem: 'no decision',
  },
);

test('what waits for a veto is taken from the end of its window on, though no timer has fired', () => {
  const answer = { input: {}, path: 'veto_window' } as never;
  const proposal: actions.Proposal = {
    kind: 'k',
    action: ACTION,
    proposed_by: 'ann',
    why: 'w',
    confidence: 1,
    impact: 'low',
    risk: 0,
    features: {},
    oversight: answer,
    policy,
  };
  const history: actions.ActionEvent[] = [
    { type: 'ActionProposed', v: 1, data: { ...proposal, hash } },
    { type: 'VetoWindowOpened', v: 1, data: { until: END } },
  ];
  const take = (now: Time) => actions.execute({ by: 'ann', hash, policy }, now);
  given(actions.actionDecider, history).when(take(BEFORE)).thenRejected('action-not-cleared');
  given(actions.actionDecider, history)
    .when(take(END))
    .then([
      { type: 'ActionCleared', v: 1, data: { by: 'veto-window-passed', hash } },
      { type: 'ActionExecuted', v: 1, data: { by: 'ann', hash, policy } },
    ]);
  expect(GIVEN_TIME < BEFORE).toBe(true);
});
