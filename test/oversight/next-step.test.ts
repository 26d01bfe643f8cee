/** The process of an action at the gate, as a table: a state, what is known, and the step that follows. */
import { refuse } from '../../domain/kernel/decider';
import { taskDecider, type TaskState } from '../../domain/market/task';
import { actionDecider, type ActionState } from '../../domain/oversight/action';
import { approvalDecider, type ApprovalState } from '../../domain/oversight/approval';
import { inputsOf, type Known, learnt, nextStep, type Step } from '../../domain/oversight/next-step';
import { DEFAULT_RULES, type OversightRules } from '../../domain/oversight/oversight';
import { DISMISS, type Ended, NOBODY, TAKEN_BACK, UPHOLD } from '../../domain/oversight/verdict';
import {
  action,
  approval,
  CHANGES,
  commanding,
  DOUBT,
  FOR,
  FREE,
  HELD_TOO_OFTEN,
  holds,
  LATER,
  look,
  NOW,
  OVERRIDDEN,
  refusal,
  round,
  second,
  settle,
  TALLY,
  TARGET,
  targeted,
  UNDO,
  verdict,
  VOTE,
} from './next-step-world';

const AGAIN = 'acme/approval/a@5';
const ROUND = 'acme/round/r@0';
const BECAUSE = 'acme/action/x@7';

const NO = refuse('no', 'it was refused');

const WATCHED: OversightRules = { ...DEFAULT_RULES, mode: 'human_on_the_loop', veto_seconds: 90 };
const { veto_seconds: _, ...NO_SECONDS } = WATCHED;
const RULES: OversightRules = { ...DEFAULT_RULES, round: VOTE };

const task = (changes: Partial<TaskState>) => ({
  task: { state: { ...taskDecider.initial, ...changes }, ref: `${TARGET}@4` },
});

const AGREED = round({ outcome: { outcome: 'agreed', choice: 'approve', early: false }, tally: TALLY });

const SAID = { by: 'eve', says: 'overrode the round with approve: I know it' };

const LATE = { ...DOUBT, until: NOW };
const PROPOSED_FOR_ROUND = action({}, 'round');
const HELD_ROUND = action({ status: 'held', held: { for: 'round', ref: ROUND }, refs: [ROUND] });
const HELD = action({ status: 'held', held: { for: 'approval', ref: FOR }, refs: [FOR] });
const RETURNED = action({ status: 'returned', refs: [FOR] });
const CLEARED = { status: 'cleared', cleared: { by: 'rules', hash: 'h' } } as const;
const OVERRIDE = { status: 'cleared', cleared: { by: 'override', hash: 'h' } } as const;
const EXECUTED = { status: 'executed', executed: { by: 'oversight', hash: 'h', at: NOW } } as const;
const STOPPED = { status: 'vetoed', stopped: { by: 'eve', reason: 'no' } } as const;

const POSTPONES = approval({
  outcome: 'defaulted',
  request: { ...approval({}).request, safe_default: 'postpone' } as ApprovalState['request'],
});
const NOBODY_DECIDED = `nobody of approvers, administrators decided by ${LATER}`;
const CAME_BACK = 'the action came back: it was changed, or policy has become stricter';
const EDIT = { action: { count: 4 }, hash: 'k', changes: [], by: 'eve', reason: 'one more' };

const WAIT: Step = { do: 'wait' };

type Row = readonly [what: string, state: ActionState, known: Partial<Known>, step: Step];

const proposed: Row[] = [
  ['unknown: nothing', actionDecider.initial, {}, WAIT],
  ['without a status that asks for more', action({ status: 'unknown' }), {}, WAIT],
  ['to act: is cleared by the rules', action(), {}, { do: 'clear', by: 'rules', hash: 'h' }],
  ['… and if that is refused, nothing', action(), { tried: { clear: NO } }, WAIT],
  ['to be watched: the rules first', action({}, 'veto_window'), {}, look('rules')],
  ['… then the window', action({}, 'veto_window'), { rules: WATCHED }, { do: 'openVeto', seconds: 90 }],
  ['… an hour without seconds', action({}, 'veto_window'), { rules: NO_SECONDS }, { do: 'openVeto', seconds: 3600 }],
  ['to a round: the rules first', PROPOSED_FOR_ROUND, {}, look('rules')],
  ['… then agents', PROPOSED_FOR_ROUND, { rules: RULES }, { do: 'askAgents', rules: VOTE }],
  [
    '… it is held for their round',
    PROPOSED_FOR_ROUND,
    { rules: RULES, opened: ROUND, tried: { askAgents: 'done' } },
    { do: 'hold', for: 'round', ref: ROUND },
  ],
  [
    '… and waits if it can not be held for it',
    PROPOSED_FOR_ROUND,
    { rules: RULES, opened: ROUND, tried: { askAgents: 'done', hold: HELD_TOO_OFTEN } },
    WAIT,
  ],
  [
    '… people where no round could be opened',
    PROPOSED_FOR_ROUND,
    { rules: RULES, tried: { askAgents: NO } },
    { do: 'askPeople', rules: RULES, inputs: [] },
  ],
  [
    '… people where the rules want no round any more',
    PROPOSED_FOR_ROUND,
    { rules: DEFAULT_RULES },
    { do: 'askPeople', rules: DEFAULT_RULES, inputs: [] },
  ],
  [
    'to people: they, though the rules have a round',
    action({}, 'approval'),
    { rules: RULES },
    { do: 'askPeople', rules: RULES, inputs: [] },
  ],
];

const asking: Row[] = [
  ['returned: the rules first', RETURNED, {}, look('rules')],
  ['… then people', RETURNED, { rules: RULES }, { do: 'askPeople', rules: RULES, inputs: [] }],
  [
    'asked for the first time: held',
    action({ status: 'returned' }),
    { rules: RULES, asked: { approval: approval({}) }, because: BECAUSE },
    holds(FOR),
  ],
  [
    'asked before by somebody else who died: held all the same',
    action({ status: 'returned' }),
    { rules: RULES, asked: { approval: approval({}), refused: NO } },
    holds(FOR),
  ],
  [
    'asked before, and nothing led here: held for the same',
    RETURNED,
    { rules: RULES, asked: { approval: approval({}) } },
    holds(FOR),
  ],
  [
    'asked before: asked again',
    RETURNED,
    { rules: RULES, asked: { approval: approval({}), refused: NO }, because: BECAUSE },
    { do: 'askAgain', of: FOR, ref: BECAUSE, reason: CAME_BACK },
  ],
  [
    '… held for the new asking',
    RETURNED,
    { rules: RULES, asked: { approval: approval({}) }, because: BECAUSE, asked_again: AGAIN },
    holds(AGAIN),
  ],
  [
    '… refused where nobody can be asked again',
    HELD_ROUND,
    {
      round: AGREED,
      rules: RULES,
      asked: { approval: approval({ opened_ref: ROUND }) },
      because: BECAUSE,
      tried: { askAgain: NO },
    },
    refusal('oversight', NO.message, ROUND),
  ],
  [
    'refused where nobody could be asked',
    RETURNED,
    { rules: RULES, asked: { approval: approvalDecider.initial, refused: NO } },
    refusal('oversight', `nobody could be asked: ${NO.message}`),
  ],
  [
    'refused when it was held too often',
    RETURNED,
    { rules: RULES, asked: { approval: approval({}) }, tried: { hold: HELD_TOO_OFTEN } },
    refusal('oversight', HELD_TOO_OFTEN.message),
  ],
  [
    '… and waits when it was not held for another reason',
    RETURNED,
    { rules: RULES, asked: { approval: approval({}) }, tried: { hold: NO } },
    WAIT,
  ],
];

const ALONE = second(0.875, FREE);
const WITH_VETO = second(0.875, WATCHED);
const TO_PEOPLE = second(0.875, RULES);
const SPLIT = second(0, FREE);

const afterRound: Row[] = [
  ['held for a round: it first', HELD_ROUND, {}, look('round')],
  ['the round is open', HELD_ROUND, { round: round({ status: 'open' }) }, WAIT],
  ['the round is not known', HELD_ROUND, { round: round({ status: 'unknown' }) }, WAIT],
  ['people overrode it', HELD_ROUND, { round: OVERRIDDEN }, { do: 'overrideRound', round: OVERRIDDEN }],
  ['… refused: the rules', HELD_ROUND, { round: OVERRIDDEN, tried: { overrideRound: NO } }, look('rules')],
  [
    '… then people, who see what was said',
    HELD_ROUND,
    { round: OVERRIDDEN, rules: RULES, tried: { overrideRound: 'done' } },
    { do: 'askPeople', rules: RULES, inputs: [...inputsOf(OVERRIDDEN), SAID] },
  ],
  [
    'a clear no stands',
    HELD_ROUND,
    { round: round({ outcome: { outcome: 'agreed', choice: 'reject', early: false } }) },
    refusal('round', 'the agents decided against it', ROUND),
  ],
  ['a yes: the rules', HELD_ROUND, { round: AGREED }, look('rules')],
  [
    '… act',
    HELD_ROUND,
    { round: AGREED, rules: FREE },
    { do: 'clear', by: 'round', ref: ROUND, hash: 'h', oversight: ALONE },
  ],
  ['… watched', HELD_ROUND, { round: AGREED, rules: WATCHED }, { do: 'openVeto', seconds: 90, oversight: WITH_VETO }],
  [
    '… people',
    HELD_ROUND,
    { round: AGREED, rules: RULES },
    { do: 'askPeople', rules: RULES, inputs: inputsOf(AGREED) },
  ],
  [
    '… held with the second answer',
    HELD_ROUND,
    { round: AGREED, rules: RULES, asked: { approval: approval({}) } },
    holds(FOR, TO_PEOPLE),
  ],
  [
    '… asked again, and held with the second answer',
    { ...HELD_ROUND, refs: [FOR, ROUND] },
    { round: AGREED, rules: RULES, asked: { approval: approval({}) }, because: BECAUSE, asked_again: AGAIN },
    holds(AGAIN, TO_PEOPLE),
  ],
  [
    'a yes that nobody counted is no agreement',
    HELD_ROUND,
    { round: { ...AGREED, tally: undefined }, rules: FREE },
    { do: 'askPeople', rules: FREE, inputs: [] },
  ],
  [
    'no agreement: people, whatever the score',
    HELD_ROUND,
    {
      round: round({ tally: TALLY, outcome: { outcome: 'no_agreement' as never, early: false } }),
      rules: FREE,
      asked: { approval: approval({}) },
    },
    holds(FOR, SPLIT),
  ],
];

const afterApproval: Row[] = [
  ['held for an approval: it first', HELD, {}, look('approval')],
  ['people are asked still', HELD, { approval: approval({ status: 'waiting' }) }, WAIT],
  ['it was opened again', HELD, { approval: approval({ status: 'waiting', opened_ref: AGAIN }) }, holds(AGAIN)],
  [
    '… too often',
    HELD,
    { approval: approval({ opened_ref: AGAIN }), tried: { hold: HELD_TOO_OFTEN } },
    refusal('oversight', HELD_TOO_OFTEN.message, FOR),
  ],
  [
    'approved',
    HELD,
    { approval: approval({ outcome: 'approved' }) },
    { do: 'clear', by: 'approval', ref: FOR, hash: 'h' },
  ],
  [
    'approved as it was edited: the edit first',
    HELD,
    { approval: approval({ outcome: 'approved', hash: 'k', edit: EDIT }) },
    { do: 'edit', from_hash: 'h', action: { count: 4 }, changes: CHANGES, by: 'eve', ref: FOR },
  ],
  [
    '… then it is cleared',
    { ...HELD, hash: 'k' },
    { approval: approval({ outcome: 'approved', hash: 'k', edit: EDIT }) },
    { do: 'clear', by: 'approval', ref: FOR, hash: 'k' },
  ],
  [
    'approved after an edit that holds no more',
    HELD,
    { approval: approval({ outcome: 'approved', hash: 'm', edit: EDIT }) },
    { do: 'clear', by: 'approval', ref: FOR, hash: 'm' },
  ],
  [
    'nobody decided',
    HELD,
    { approval: approval({ outcome: 'defaulted' }) },
    refusal('safe-default', NOBODY_DECIDED, FOR),
  ],
  [
    'nobody decided: postponed',
    HELD,
    { approval: POSTPONES },
    { do: 'askAgain', of: FOR, ref: FOR, reason: `${NOBODY_DECIDED}: postponed` },
  ],
  ['… held for the new asking', HELD, { approval: POSTPONES, asked_again: AGAIN }, holds(AGAIN)],
  [
    '… refused where it can not be opened again',
    HELD,
    { approval: POSTPONES, tried: { askAgain: NO } },
    refusal('safe-default', NO.message, FOR),
  ],
  [
    '… refused when it was held too often',
    HELD,
    { approval: POSTPONES, asked_again: AGAIN, tried: { askAgain: 'done', hold: HELD_TOO_OFTEN } },
    refusal('oversight', HELD_TOO_OFTEN.message, FOR),
  ],
  [
    'rejected',
    HELD,
    { approval: approval({ outcome: 'rejected', rejected: { by: 'eve', reason: 'too dear' } }) },
    refusal('eve', 'too dear', FOR),
  ],
  ['withdrawn', HELD, { approval: approval({ outcome: 'withdrawn' }) }, refusal('ann', 'it was withdrawn', FOR)],
  ['superseded', HELD, { approval: approval({ outcome: 'superseded' }) }, WAIT],
];

const letOn: Row[] = [
  ['veto window', action({ status: 'veto_window', veto_until: LATER }), {}, { do: 'closeVeto', now: NOW }],
  ['cleared: whoever proposed it takes it', action(CLEARED), {}, WAIT],
  ['cleared, challenged: nobody', targeted({ ...CLEARED, challenge: DOUBT }), { verdict: { is: undefined } }, WAIT],
  ['cleared, a command: let go', commanding(CLEARED), {}, { do: 'carryOut', hash: 'h' }],
  ['… not while it is challenged', commanding({ ...CLEARED, challenge: DOUBT }), verdict(undefined), WAIT],
  ['cleared, for a task: the task first', targeted(CLEARED), {}, look('task')],
  ['… alive: carried out', targeted(CLEARED), task({ status: 'held' }), { do: 'carryOut', hash: 'h' }],
  ['… once', targeted(CLEARED), { ...task({ status: 'held' }), tried: { carryOut: NO } }, WAIT],
  [
    '… over: abandoned',
    targeted(CLEARED),
    task({ status: 'cancelled' }),
    { do: 'abandon', reason: 'the task is cancelled' },
  ],
  ['by override: questions end', action(OVERRIDE), {}, { do: 'endQuestions', reason: 'a person cleared it' }],
  [
    '… in whose name, and why',
    action({ ...OVERRIDE, override: { by: 'eve', instead: 'allow', reason: 'now' } }),
    {},
    { do: 'endQuestions', reason: 'eve cleared it: now' },
  ],
  [
    '… though it is challenged',
    action({ ...OVERRIDE, challenge: DOUBT }),
    { verdict: { is: undefined } },
    { do: 'endQuestions', reason: 'a person cleared it' },
  ],
  ['… then it goes on', targeted(OVERRIDE), { tried: { endQuestions: 'done' } }, look('task')],
];

const taken: Row[] = [
  ['executed elsewhere', action(EXECUTED), {}, WAIT],
  ['executed elsewhere, to be undone: by people', action({ ...EXECUTED, compensation: UNDO }), {}, WAIT],
  ['a command: it is given', commanding(EXECUTED), {}, { do: 'giveCommand' }],
  ['… where somebody can', commanding(EXECUTED), { tried: { giveCommand: 'done' } }, WAIT],
  ['… once', commanding({ ...EXECUTED, given: { status: 200 } }), {}, WAIT],
  [
    '… and not when it is to be undone',
    commanding({ ...EXECUTED, compensation: { due: true, reason: 'no' } }),
    {},
    WAIT,
  ],
  ['for a task: it may be done', targeted(EXECUTED), {}, { do: 'clearTask', target: TARGET, edited: false }],
  ['… as it was edited', targeted({ ...EXECUTED, hash: 'k' }), {}, { do: 'clearTask', target: TARGET, edited: true }],
  ['… then a last look at it', targeted(EXECUTED), { tried: { clearTask: 'done' } }, look('task')],
  ['… alive', targeted(EXECUTED), { ...task({ status: 'open' }), tried: { clearTask: 'done' } }, WAIT],
  [
    '… over, and somebody had it',
    targeted(EXECUTED),
    { ...task({ status: 'cancelled', awards: 1 }), tried: { clearTask: 'done' } },
    WAIT,
  ],
  [
    '… over before',
    targeted(EXECUTED),
    {
      ...task({ status: 'cancelled', awards: 0, ended: { reason: 'r' } as TaskState['ended'] }),
      tried: { clearTask: 'done' },
    },
    {
      do: 'notCarriedOut',
      ref: `${TARGET}@4`,
      reason: 'nothing was carried out, and nothing is to be undone: the task is cancelled: r',
    },
  ],
  [
    '… over before, without a reason',
    targeted(EXECUTED),
    { ...task({ status: 'expired', awards: 0 }), tried: { clearTask: 'done' } },
    {
      do: 'notCarriedOut',
      ref: `${TARGET}@4`,
      reason: 'nothing was carried out, and nothing is to be undone: the task is expired',
    },
  ],
  [
    'to be undone: the task is stopped',
    targeted({ ...EXECUTED, compensation: UNDO }),
    {},
    { do: 'stopTask', target: TARGET, reason: UNDO.reason },
  ],
  [
    '… which undoes it',
    targeted({ ...EXECUTED, compensation: UNDO }),
    { stopped: `${TARGET}@5`, tried: { stopTask: 'done' } },
    { do: 'compensated', ref: `${TARGET}@5` },
  ],
  [
    '… which can not be done: was it ever begun?',
    targeted({ ...EXECUTED, compensation: UNDO }),
    { tried: { stopTask: NO } },
    look('task'),
  ],
  [
    '… it was: for people to undo',
    targeted({ ...EXECUTED, compensation: UNDO }),
    { ...task({ status: 'completed', awards: 1 }), tried: { stopTask: NO } },
    WAIT,
  ],
  ['undone', targeted({ ...EXECUTED, compensation: { ...UNDO, due: false } }), {}, WAIT],
];

const stopped: Row[] = [
  ['vetoed: questions end', action(STOPPED), {}, { do: 'endQuestions', reason: 'no' }],
  ['refused: questions end', action({ ...STOPPED, status: 'refused' }), {}, { do: 'endQuestions', reason: 'no' }],
  ['… without a reason', action({ status: 'refused' }), {}, { do: 'endQuestions', reason: 'it was stopped' }],
  ['… and nothing more', action(STOPPED), { tried: { endQuestions: 'done' } }, WAIT],
  [
    '… but its task stops',
    targeted(STOPPED),
    { tried: { endQuestions: 'done' } },
    { do: 'stopTask', target: TARGET, reason: 'no' },
  ],
  ['… once', targeted(STOPPED), { tried: { endQuestions: 'done', stopTask: 'done' } }, WAIT],
];

const late = (ended: Ended) => ({ ...verdict(undefined), late: ended });
const challenged = action({ status: 'veto_window', challenge: DOUBT });
const overdue = action({ status: 'veto_window', challenge: LATE });
const done = targeted({ ...EXECUTED, challenge: LATE });
const GOES_ON: Step = { do: 'closeVeto', now: NOW };

const doubted: Row[] = [
  ['the verdict first', challenged, {}, look('verdict')],
  ['none, and there is time: it goes on', challenged, verdict(undefined), GOES_ON],
  ['upheld', challenged, verdict(UPHOLD), settle(true, UPHOLD)],
  ['dismissed', challenged, verdict(DISMISS), settle(false, DISMISS)],
  ['taken back', challenged, verdict(TAKEN_BACK), settle(false, TAKEN_BACK)],
  ['nobody decided: it does not happen', challenged, verdict(NOBODY), settle(true, NOBODY)],
  ['nobody decided, and it happened: it stands', done, verdict(NOBODY), settle(false, NOBODY)],
  ['upheld, and it happened', done, verdict(UPHOLD), settle(true, UPHOLD)],
  ['none, and no time: how does it end?', overdue, verdict(undefined), look('late')],
  ['… later', overdue, late({ until: LATER }), { do: 'extendChallenge', round: 'c', until: LATER }],
  ['… by a verdict after all', overdue, late({ verdict: UPHOLD }), settle(true, UPHOLD)],
  ['… by nobody', overdue, late({ verdict: NOBODY }), settle(true, NOBODY, true)],
  ['… by nobody, and it happened', done, late({ verdict: NOBODY }), settle(false, NOBODY, true)],
  ['settling was refused: it goes on', challenged, { ...verdict(UPHOLD), tried: { settleChallenge: NO } }, GOES_ON],
  [
    'more time was refused: it goes on',
    overdue,
    { ...late({ until: LATER }), tried: { extendChallenge: NO } },
    GOES_ON,
  ],
  ['a proposal that was never made has none', { ...actionDecider.initial, challenge: DOUBT }, {}, WAIT],
];

describe.each([
  ['proposed', proposed],
  ['asking people', asking],
  ['after a round', afterRound],
  ['after an approval', afterApproval],
  ['let on', letOn],
  ['taken', taken],
  ['stopped', stopped],
  ['challenged', doubted],
])('%s', (_name, rows) => {
  it.each(rows)('%s', (_what, state, known, step) => {
    expect(nextStep(state, { now: NOW, tried: {}, ...known })).toEqual(step);
  });
});

describe('a turn', () => {
  const known: Known = { now: NOW, tried: { askAgents: 'done' } };

  it('remembers what a step found', () => {
    expect(learnt(known, { do: 'askAgain', of: FOR, ref: FOR, reason: 'r' }, { asked_again: AGAIN })).toEqual({
      now: NOW,
      asked_again: AGAIN,
      tried: { askAgents: 'done', askAgain: 'done' },
    });
  });

  it('remembers why a step was refused', () => {
    expect(learnt(known, { do: 'hold', for: 'round', ref: ROUND }, NO)).toEqual({
      now: NOW,
      tried: { askAgents: 'done', hold: NO },
    });
  });

  const all = [...proposed, ...asking, ...afterRound, ...afterApproval, ...letOn, ...taken, ...stopped, ...doubted];

  it.each(all.filter(([, , , step]) => step.do !== 'wait' && step.do !== 'look'))(
    'takes no step but a look twice: %s',
    (_what, state, more, step) => {
      const before: Known = { now: NOW, tried: {}, ...more };
      for (const came of [NO, {}]) expect(nextStep(state, learnt(before, step, came)).do).not.toBe(step.do);
    },
  );
});
