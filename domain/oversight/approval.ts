/**
 * An approval: people are asked about one action, as it is bound by its hash, group after group, until they decide or
 * the time is up; then the safe default holds, never the action. What is critical takes two people.
 *
 * Times are fixed when the approval is opened: a decision that comes late is refused though no timer fired, and a timer
 * that fires late, twice or under a clock that jumped changes nothing about who may still decide.
 */
import { type Decider, type Decision, type Event, refuse, Rejection } from '../kernel/decider';
import { isId, streamsOf } from '../kernel/ids';
import { type Difference, differences } from '../kernel/json-diff';
import { isSameActor, type Principal } from '../kernel/principal';
import { isText, textRule } from '../kernel/text';
import { earliest, type Excuse, latest, plusSeconds, secondsBetween, type Time } from '../kernel/time';
import { actionHash, actionProblem, type Instead, type PolicyAtGate } from './action';
import {
  type ApproverGroup,
  type Impact,
  ladderProblems,
  MAX_REASON,
  missingReason,
  peopleNeeded,
  type Person,
  SAFE_DEFAULTS,
  type SafeDefault,
  type Severity,
  severityOf,
} from './oversight';
import { barred, eachOnce, type Party } from './parties';
import { IMPACTS } from './statuses';

/** Longest summary: it has to fit on one screen. */
export const MAX_SUMMARY = 2_000;
export const MAX_INPUTS = 50;
export const MAX_QUESTIONS = 50;
export const MAX_EDITS = 20;
export const MAX_REOPENINGS = 20;
export const MAX_CLAIM_SECONDS = 3_600;
/** Largest number of approvals that are decided in one go. */
export const MAX_BULK = 100;
/** Longest text of what an agent says, in characters. */
export const MAX_SAYS = 500;
/** Largest request, in bytes of JSON. */
export const MAX_REQUEST_BYTES = 128 * 1024;

// --------------------------------------------------------------------------------------------------------- events

/** What an agent, or a round of agents, says of the action. */
export interface AgentInput {
  readonly by: string;
  /** 1 to `MAX_SAYS` characters. */
  readonly says: string;
  /** 0 to 1. */
  readonly confidence?: number;
}

export interface ApprovalRequest {
  /** Stream of the action. */
  readonly action: string;
  readonly kind: string;
  /** `actionHash` of the action: the decision is for nothing else. */
  readonly hash: string;
  readonly summary: string;
  readonly requester: string;
  /** Who else has a part in what is decided: they don't decide either. Older receipts don't say. */
  readonly parties?: readonly Party[];
  readonly why: string;
  readonly impact: Impact;
  /** 0 to 1. */
  readonly risk: number;
  readonly policy: PolicyAtGate;
  readonly inputs: readonly AgentInput[];
  readonly safe_default: SafeDefault;
  /** What approving may decide, where it is one of several things. */
  readonly choices?: readonly string[];
  /** What it decides when nobody says which; where none leads, whoever approves has to say it. */
  readonly leader?: string;
  /** Who is asked, in this order. */
  readonly ladder: readonly ApproverGroup[];
  /** Not later than this; the ladder may end before. */
  readonly deadline?: Time;
}

/** What follows from the request. */
export interface Opened extends Severity {
  readonly approvals_needed: 1 | 2;
  /** When each group's time ends; the last is the deadline. */
  readonly ends: readonly Time[];
}

export const APPROVAL_OUTCOMES = ['approved', 'rejected', 'defaulted', 'withdrawn', 'superseded'] as const;
export type ApprovalOutcome = (typeof APPROVAL_OUTCOMES)[number];

/** What an approval can be once it was requested. */
export const APPROVAL_STATUSES = ['waiting', 'closed'] as const;
export type ApprovalStatus = (typeof APPROVAL_STATUSES)[number];

/** What a person says of several at once. */
export const BULK_DECISIONS = ['approve', 'reject'] as const;

/** A correction: the action as it should be. */
export interface Edit {
  readonly action: unknown;
  readonly hash: string;
  readonly changes: readonly Difference[];
}

export type ApprovalEvent =
  | Event<'ApprovalRequested', ApprovalRequest & Opened>
  | Event<'ApprovalClaimed', { by: string; until: Time }>
  | Event<'ApprovalReleased', { by: string }>
  | Event<'QuestionAsked', { number: number; by: string; question: string }>
  | Event<'QuestionAnswered', { number: number; by: string; answer: string }>
  /** `hash`: what was approved, after the edit. */
  | Event<'ApprovalGiven', { by: string; reason: string; hash: string; edit?: Edit; choice?: string }>
  | Event<'ApprovalRejected', { by: string; reason: string }>
  | Event<'ApprovalEscalated', { level: number; group: string; reason: string }>
  | Event<'ApprovalClosed', { outcome: ApprovalOutcome; hash?: string; safe_default?: SafeDefault; reason?: string }>
  /** Whoever holds the time was away: what was left of it is left again. */
  | Event<'ApprovalExtended', { ends: readonly Time[]; extended_at: Time }>
  /** `parties`: as of the request; those who have become one since are among them. */
  | Event<
      'ApprovalReopened',
      {
        ref: string;
        reason: string;
        hash: string;
        policy: PolicyAtGate;
        ends: readonly Time[];
        parties?: readonly Party[];
      }
    >
  | Event<'ApprovalOverridden', { by: string; instead: Instead; reason: string }>;

// ---------------------------------------------------------------------------------------------------------- state

export interface Given {
  readonly by: string;
  readonly reason: string;
  readonly hash: string;
  readonly at: Time;
  /** What was chosen, where there are choices. */
  readonly choice?: string;
}

export interface Question {
  readonly by: string;
  readonly question: string;
  readonly answer?: string;
}

export interface ApprovalState {
  readonly status: 'unknown' | ApprovalStatus;
  readonly request: (ApprovalRequest & Opened) | undefined;
  /** `stream@index` of the commit that opened it, or opened it again: what the action is held for. */
  readonly opened_ref: string;
  /** When it was opened, or opened again: the first group's time begins. */
  readonly opened_at: Time | undefined;
  /** What is decided about: the request's hash, until an edit or a reopening. */
  readonly hash: string;
  readonly policy: PolicyAtGate | undefined;
  readonly ends: readonly Time[];
  /** When they were moved last. */
  readonly extended_at?: Time;
  /** Place in the ladder of the last group that was asked. */
  readonly level: number;
  readonly claim: { readonly by: string; readonly until: Time } | undefined;
  readonly questions: readonly Question[];
  /** Approvals of `hash`. */
  readonly given: readonly Given[];
  /** The latest correction; it holds as long as `hash` is its hash. */
  readonly edit: (Edit & { readonly by: string; readonly reason: string }) | undefined;
  /** How many corrections there were, and by whom: each once. */
  readonly edits: number;
  readonly editors: readonly string[];
  readonly rejected: { readonly by: string; readonly reason: string } | undefined;
  readonly outcome: ApprovalOutcome | undefined;
  readonly requested_at: Time | undefined;
  readonly closed_at: Time | undefined;
  /** `ref` of each reopening. */
  readonly reopenings: readonly string[];
  readonly override: { readonly by: string; readonly instead: Instead; readonly reason: string } | undefined;
}

export const approvalDecider: Decider<ApprovalState, ApprovalEvent> = {
  category: 'approval',
  causal: 5,
  version: 4,
  upcasters: { 'ApprovalUnclaimed@1': (event) => ({ ...event, type: 'ApprovalReleased' }) },
  initial: {
    status: 'unknown',
    request: undefined,
    opened_ref: '',
    opened_at: undefined,
    hash: '',
    policy: undefined,
    ends: [],
    level: 0,
    claim: undefined,
    questions: [],
    given: [],
    edit: undefined,
    edits: 0,
    editors: [],
    rejected: undefined,
    outcome: undefined,
    requested_at: undefined,
    closed_at: undefined,
    reopenings: [],
    override: undefined,
  },
  evolve(state, event, place) {
    switch (event.type) {
      case 'ApprovalRequested': {
        const { hash, policy, ends } = event.data;
        return {
          ...state,
          status: 'waiting',
          request: event.data,
          opened_ref: `${place.stream}@${place.index}`,
          hash,
          policy,
          ends,
          opened_at: place.at,
          requested_at: place.at,
        };
      }
      case 'ApprovalClaimed':
        return { ...state, claim: event.data };
      case 'ApprovalReleased':
        return { ...state, claim: undefined };
      case 'QuestionAsked': {
        const { by, question } = event.data;
        return { ...state, questions: [...state.questions, { by, question }] };
      }
      case 'QuestionAnswered': {
        const { number, answer } = event.data;
        return {
          ...state,
          questions: state.questions.map((asked, i) => (i === number - 1 ? { ...asked, answer } : asked)),
        };
      }
      case 'ApprovalGiven': {
        const { by, reason, hash, edit, choice } = event.data;
        // Who approved it as it was before the edit has not approved what it is now.
        const standing = edit === undefined ? state.given : [];
        const given = [...standing, { by, reason, hash, at: place.at, choice }];
        const approved = { ...state, hash, given, claim: undefined };
        return edit === undefined
          ? approved
          : {
              ...approved,
              edit: { ...edit, by, reason },
              edits: state.edits + 1,
              editors: [...new Set([...state.editors, by])],
            };
      }
      case 'ApprovalRejected':
        return { ...state, rejected: event.data };
      case 'ApprovalEscalated':
        return { ...state, level: event.data.level };
      case 'ApprovalClosed':
        return { ...state, status: 'closed', outcome: event.data.outcome, claim: undefined, closed_at: place.at };
      case 'ApprovalExtended':
        return { ...state, ...event.data };
      case 'ApprovalReopened': {
        const { ref, hash, policy, ends, parties } = event.data;
        const request =
          parties === undefined ? state.request : { ...(state.request as ApprovalRequest & Opened), parties };
        const fresh = {
          level: 0,
          extended_at: undefined,
          claim: undefined,
          given: [],
          rejected: undefined,
          outcome: undefined,
          closed_at: undefined,
          override: undefined,
          request,
        };
        return {
          ...state,
          ...fresh,
          status: 'waiting',
          opened_ref: `${place.stream}@${place.index}`,
          opened_at: place.at,
          hash,
          policy,
          ends,
          reopenings: [...state.reopenings, ref],
        };
      }
      case 'ApprovalOverridden':
        return { ...state, override: event.data };
    }
  },
};

export const approvalStream = streamsOf(approvalDecider);

/** When the approval is to be looked at next: the next group's turn, or the deadline. */
export function approvalDue(state: ApprovalState): Time | undefined {
  return state.status === 'waiting' ? state.ends[state.level] : undefined;
}

/** The end of all waiting. */
export function deadlineOf(state: ApprovalState): Time | undefined {
  return state.ends.at(-1);
}

/** The groups that may decide at `now`: those that were asked, and those whose turn has come though no timer fired. */
export function groupsAsked(state: ApprovalState, now: Time): readonly ApproverGroup[] {
  return state.request?.ladder.slice(0, levelAt(state, now) + 1) ?? [];
}

/** Who may not decide: who asks, and those whom the request names. */
export function approvalParties({ request: asked }: ApprovalState): Party[] {
  return asked === undefined ? [] : eachOnce([{ id: asked.requester, role: 'requester' }, ...(asked.parties ?? [])]);
}

/**
 * Until when claims may stand: half of the time of the group whose turn it is. So each group has the other half in
 * which nobody keeps anybody out, whoever claims however often.
 */
export function claimsEnd(state: ApprovalState, now: Time): Time {
  const level = levelAt(state, now);
  const begins = level === 0 ? (state.opened_at as Time) : (state.ends[level - 1] as Time);
  return plusSeconds(begins, Math.max(0, secondsBetween(begins, state.ends[level] as Time)) / 2);
}

export const TOO_MANY_APPROVALS = 'too-many-approvals';

/** Why nothing more is asked for `who` now, for itself or for those it speaks for. */
export function tooManyApprovals(who: string, most: number, has: number): Rejection {
  return refuse(
    TOO_MANY_APPROVALS,
    `${who} has ${has} decisions that wait, or come next, and may have ${most}: wait until some are decided, or withdraw some`,
    { limit: 'approvals_per_requester', most, has },
  );
}

/** Who asks, and who speaks for them. */
export function askerOf(id: string, parties: readonly Party[] = []): Pick<Principal, 'id' | 'via'> {
  return { id, via: parties.find(({ speaks_for }) => speaks_for === id)?.id };
}

/** Whether it may be decided in one go with others: only what changes little. */
export function mayBulk(state: ApprovalState): boolean {
  return state.request?.impact === 'low';
}

// ------------------------------------------------------------------------------------------------------ decisions

/** Asks people. The same request again changes nothing. */
export function request(asked: ApprovalRequest, now: Time): Decision<ApprovalState, ApprovalEvent> {
  return (state) => {
    if (state.request !== undefined) {
      const { action, hash, requester } = state.request;
      return action === asked.action && hash === asked.hash && requester === asked.requester
        ? []
        : refuse('approval-exists', 'an approval with this id was requested before: use another id');
    }
    const problems = requestProblems(asked);
    if (problems.length > 0) return new Rejection('invalid', 'approval-invalid', problems.join('; '), { problems });
    if (asked.deadline !== undefined && asked.deadline <= now)
      return new Rejection(
        'invalid',
        'deadline-passed',
        `the deadline ${asked.deadline} is over at ${now}: give a later one`,
      );
    const severity = severityOf(asked.impact, asked.risk);
    const opened: Opened = {
      ...severity,
      approvals_needed: peopleNeeded(asked.impact, asked.risk),
      ends: endsOf(asked.ladder, now, asked.deadline),
    };
    return [{ type: 'ApprovalRequested', v: 1, data: { ...asked, ...opened } }];
  };
}

/**
 * Takes it up for `seconds`, so that nobody else works on it meanwhile; asked again, for longer. Never beyond half of
 * the time of the group whose turn it is: see `claimsEnd`.
 * @param since here and below: who has come to have a part in it since people were asked
 */
export function claim(
  person: Person,
  now: Time,
  seconds: number,
  since: readonly Party[] = [],
): Decision<ApprovalState, ApprovalEvent> {
  return (state) => {
    const wrong = mayNotDecide(state, person, now, since);
    if (wrong !== undefined) return wrong;
    if (!(seconds >= 1 && seconds <= MAX_CLAIM_SECONDS))
      return new Rejection('invalid', 'seconds-invalid', `seconds must be 1 to ${MAX_CLAIM_SECONDS}`);
    const end = claimsEnd(state, now);
    if (end <= now)
      return refuse(
        'claims-over',
        `since ${end} nobody can claim it any more, so that everybody who was asked gets a turn: decide`,
        { since: end },
      );
    const until = earliest(plusSeconds(now, seconds), end) as Time;
    if (state.claim?.by === person.by && state.claim.until >= until) return [];
    return [{ type: 'ApprovalClaimed', v: 1, data: { by: person.by, until } }];
  };
}

/** Lets go of it before the claim ends. */
export function release(by: string, now: Time): Decision<ApprovalState, ApprovalEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (state.claim === undefined) return [];
    const wrong = over(state, now);
    if (wrong !== undefined) return wrong;
    return state.claim.by === by ? [{ type: 'ApprovalReleased', v: 1, data: { by } }] : claimedByAnother(state);
  };
}

export interface Consent {
  /** Of the action that the person saw. */
  readonly hash: string;
  readonly reason: string;
  /** The action as the person saw it and as it should be. */
  readonly edit?: { readonly before: unknown; readonly action: unknown };
  /** Decided in one go with others. */
  readonly bulk?: boolean;
  /** Where there are choices: which. */
  readonly choice?: string;
}

/**
 * Approves exactly `hash`, or the edited action instead of it. With four eyes the second approval of the same hash
 * closes it.
 */
export function approve(
  person: Person,
  consent: Consent,
  now: Time,
  since: readonly Party[] = [],
): Decision<ApprovalState, ApprovalEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    const { reason, bulk } = consent;
    const { kind, approvals_needed } = state.request as ApprovalRequest & Opened;
    const problem =
      consent.edit === undefined
        ? undefined
        : (actionProblem(consent.edit.before) ?? actionProblem(consent.edit.action));
    if (problem !== undefined) return new Rejection('invalid', 'action-invalid', `edit: ${problem}`);
    const edit = consent.edit === undefined ? undefined : editOf(kind, consent.edit);
    const hash = edit?.hash ?? consent.hash;
    const choice = consent.choice ?? state.request?.leader;
    const mine = state.given.find(({ by }) => isSameActor(by, person.by));
    if (mine?.by === person.by && mine.hash === hash && mine.reason === reason && mine.choice === choice) return [];
    const wrong = mayNotDecide(state, person, now, since) ?? missingReason(reason) ?? wrongChoice(state, choice);
    if (wrong !== undefined) return wrong;
    if (bulk === true && (!mayBulk(state) || edit !== undefined))
      return refuse(
        'bulk-only-for-low-impact',
        'decide this one by itself: together go only unchanged actions of low impact',
      );
    if (consent.hash !== state.hash) return differs(state);
    if (edit !== undefined && actionHash(kind, consent.edit?.before) !== state.hash) return differs(state);
    if (edit !== undefined && edit.hash === state.hash)
      return new Rejection(
        'invalid',
        'edit-changes-nothing',
        'the edited action is the same: approve it without an edit',
      );
    if (edit !== undefined && state.edits >= MAX_EDITS)
      return refuse('edits-full', `the action was edited ${MAX_EDITS} times: reject it, and say what it should be`);
    if (mine !== undefined && edit === undefined)
      return refuse('same-person-twice', 'you approved this already: a second person has to');
    const given: ApprovalEvent = { type: 'ApprovalGiven', v: 1, data: { by: person.by, reason, hash, edit, choice } };
    const standing = edit === undefined ? state.given.length : 0;
    return standing + 1 < approvals_needed
      ? [given]
      : [given, { type: 'ApprovalClosed', v: 1, data: { outcome: 'approved', hash } }];
  };
}

/** Why this can't be what is approved, or undefined. Two people who approve have to choose the same. */
function wrongChoice({ request: asked, given }: ApprovalState, choice: string | undefined): Rejection | undefined {
  const { choices } = asked ?? {};
  if (choices === undefined)
    return choice === undefined
      ? undefined
      : new Rejection('invalid', 'choice-unknown', 'there is nothing to choose here: leave choice out');
  if (choice === undefined)
    return new Rejection(
      'invalid',
      'choice-needed',
      `none of them leads: say which, choice must be one of ${choices.join(', ')}`,
      { choices },
    );
  if (!choices.includes(choice))
    return new Rejection('invalid', 'choice-unknown', `choice must be one of ${choices.join(', ')}`, { choices });
  const other = given.find((one) => one.choice !== choice);
  return other === undefined
    ? undefined
    : refuse('choice-differs', `${other.by} approved ${other.choice}: approve the same, or reject it`, {
        choice: other.choice,
      });
}

/** One rejection is enough. */
export function reject(
  person: Person,
  rejection: { hash: string; reason: string; bulk?: boolean },
  now: Time,
  since: readonly Party[] = [],
): Decision<ApprovalState, ApprovalEvent> {
  return (state) => {
    const { hash, reason, bulk } = rejection;
    if (state.rejected?.by === person.by && state.rejected.reason === reason) return [];
    const wrong = mayNotDecide(state, person, now, since) ?? missingReason(reason);
    if (wrong !== undefined) return wrong;
    if (bulk === true && !mayBulk(state))
      return refuse('bulk-only-for-low-impact', 'decide this one by itself: together go only actions of low impact');
    if (hash !== state.hash) return differs(state);
    return [
      { type: 'ApprovalRejected', v: 1, data: { by: person.by, reason } },
      { type: 'ApprovalClosed', v: 1, data: { outcome: 'rejected', hash } },
    ];
  };
}

/** Asks the requester back. The time goes on meanwhile. */
export function ask(
  person: Person,
  question: string,
  now: Time,
  since: readonly Party[] = [],
): Decision<ApprovalState, ApprovalEvent> {
  return (state) => {
    const last = state.questions.at(-1);
    if (last?.by === person.by && last.question === question && last.answer === undefined) return [];
    const wrong = mayNotDecide(state, person, now, since);
    if (wrong !== undefined) return wrong;
    if (!isText(question, MAX_REASON))
      return new Rejection('invalid', 'question-invalid', textRule('question', MAX_REASON));
    if (state.questions.length >= MAX_QUESTIONS)
      return refuse('questions-full', `${MAX_QUESTIONS} questions were asked already: decide on what you know`);
    return [{ type: 'QuestionAsked', v: 1, data: { number: state.questions.length + 1, by: person.by, question } }];
  };
}

/** The requester answers question `number`, counted from 1, once. */
export function answer(by: string, number: number, text: string, now: Time): Decision<ApprovalState, ApprovalEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (state.request?.requester !== by)
      return new Rejection('forbidden', 'not-the-requester', 'only who requested the approval answers its questions');
    const asked = state.questions[number - 1];
    if (asked === undefined) return new Rejection('missing', 'question-not-found', `there is no question ${number}`);
    if (asked.answer === text) return [];
    const wrong = over(state, now);
    if (wrong !== undefined) return wrong;
    if (asked.answer !== undefined)
      return refuse('question-answered', 'you answered this question: the first answer stands');
    if (!isText(text, MAX_REASON)) return new Rejection('invalid', 'answer-invalid', textRule('answer', MAX_REASON));
    return [{ type: 'QuestionAnswered', v: 1, data: { number, by, answer: text } }];
  };
}

/**
 * Gives back the time in which nobody could decide, when a group's turn has ended meanwhile; not beyond what was asked
 * for.
 */
export function extend(excused: Excuse, now: Time): Decision<ApprovalState, ApprovalEvent> {
  return (state) => {
    const { status, request: asked, level, extended_at } = state;
    const end = state.ends[level];
    if (status !== 'waiting' || asked === undefined || end === undefined || now < end) return [];
    const set = extended_at ?? plusSeconds(state.ends[0] as Time, -(asked.ladder[0] as ApproverGroup).seconds);
    const ends = state.ends.map((one) => latest(one, earliest(excused(set, one), asked.deadline)));
    // The group whose turn it was may be over all the same: then the next one has its time.
    const moved = ends.some((one, i) => one > (state.ends[i] as Time));
    return moved && (ends.at(-1) as Time) > now
      ? [{ type: 'ApprovalExtended', v: 1, data: { ends, extended_at: now } }]
      : [];
  };
}

/** The next group's turn; after the last the safe default. Silence never takes an action. */
export function timePassed(now: Time): Decision<ApprovalState, ApprovalEvent> {
  return (state) => (state.status === 'waiting' ? closings(state, now) : []);
}

function closings(state: ApprovalState, now: Time): ApprovalEvent[] {
  const { ladder, safe_default } = state.request as ApprovalRequest;
  const events: ApprovalEvent[] = [];
  for (let level = state.level + 1; level <= levelAt(state, now); level += 1) {
    const [before, next] = [ladder[level - 1] as ApproverGroup, ladder[level] as ApproverGroup];
    events.push({
      type: 'ApprovalEscalated',
      v: 1,
      data: { level, group: next.group, reason: `${before.group} did not decide by ${state.ends[level - 1]}` },
    });
  }
  if (isLate(state, now))
    events.push({ type: 'ApprovalClosed', v: 1, data: { outcome: 'defaulted', hash: state.hash, safe_default } });
  return events;
}

/** The requester needs it no more. */
export function withdraw(by: string, reason: string, now: Time): Decision<ApprovalState, ApprovalEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (state.request?.requester !== by)
      return new Rejection('forbidden', 'not-the-requester', 'only who requested the approval withdraws it');
    return closeUndecided(state, 'withdrawn', reason, now);
  };
}

/**
 * What is asked here was decided elsewhere: the action was stopped, or took another way.
 * @param asked the askings (`opened_ref`) that this is about; one that was opened since goes on. All of them when left
 *   out
 */
export function supersede(
  reason: string,
  asked: readonly string[] | undefined,
  now: Time,
): Decision<ApprovalState, ApprovalEvent> {
  return (state) =>
    exists(state) ??
    (asked === undefined || asked.includes(state.opened_ref) ? closeUndecided(state, 'superseded', reason, now) : []);
}

/** Its tenant is no more, so nobody is asked any more, whatever time is left; what was decided stays so. */
export function abandon(reason: string): Decision<ApprovalState, ApprovalEvent> {
  return (state) =>
    exists(state) ??
    (state.status === 'waiting' ? [{ type: 'ApprovalClosed', v: 1, data: { outcome: 'superseded', reason } }] : []);
}

/**
 * Back to the queue, with its whole time again: the action was changed, or policy has become stricter, or it was
 * postponed. What was given before does not count.
 * @param again `ref`: the commit that makes it necessary; the same one reopens once
 */
export function reopen(
  again: { ref: string; reason: string; hash: string; policy: PolicyAtGate; parties?: readonly Party[] },
  now: Time,
): Decision<ApprovalState, ApprovalEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (state.reopenings.includes(again.ref)) return [];
    if (state.outcome === 'withdrawn') return closed(state) as Rejection;
    const wrong = missingReason(again.reason);
    if (wrong !== undefined) return wrong;
    if (state.reopenings.length >= MAX_REOPENINGS)
      return refuse(
        'reopened-too-often',
        `the approval was opened again ${MAX_REOPENINGS} times: propose the action anew`,
      );
    return [
      {
        type: 'ApprovalReopened',
        v: 1,
        data: { ...again, ends: endsOf((state.request as ApprovalRequest).ladder, now) },
      },
    ];
  };
}

/**
 * A person decided otherwise about the action: that is noted here, and nobody is asked any more; of what was late
 * before that it is noted first.
 */
export function override(
  person: Person,
  instead: Instead,
  reason: string,
  now: Time,
): Decision<ApprovalState, ApprovalEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (person.kind !== 'human') return new Rejection('forbidden', 'not-a-person', 'only a person may do this');
    const { override: last } = state;
    if (last?.by === person.by && last.instead === instead && last.reason === reason) return [];
    const wrong = missingReason(reason);
    if (wrong !== undefined) return wrong;
    const overridden: ApprovalEvent = { type: 'ApprovalOverridden', v: 1, data: { by: person.by, instead, reason } };
    if (state.status === 'closed') return [overridden];
    if (isLate(state, now)) return [...closings(state, now), overridden];
    return [overridden, { type: 'ApprovalClosed', v: 1, data: { outcome: 'superseded', reason } }];
  };
}

/** What is wrong with a request, a sentence for each fault. */
export function requestProblems(asked: ApprovalRequest): string[] {
  const problems = ladderProblems(asked.ladder);
  const need = (holds: boolean, rule: string) => {
    if (!holds) problems.push(rule);
  };
  need(isText(asked.summary, MAX_SUMMARY), textRule('summary', MAX_SUMMARY));
  need(isText(asked.why, MAX_REASON), textRule('why', MAX_REASON));
  need(isId(asked.kind) && isId(asked.requester), 'kind and requester must be ids');
  need(HASH.test(asked.hash), 'hash must be the SHA-256 of the action, 64 hexadecimal digits');
  need(IMPACTS.includes(asked.impact), `impact must be one of ${IMPACTS.join(', ')}`);
  need(asked.risk >= 0 && asked.risk <= 1, 'risk must be 0 to 1');
  need(SAFE_DEFAULTS.includes(asked.safe_default), `safe_default must be one of ${SAFE_DEFAULTS.join(', ')}`);
  const sound = ({ by, says, confidence = 1 }: AgentInput) =>
    isText(by, 128) && isText(says, MAX_SAYS) && confidence >= 0 && confidence <= 1;
  need(
    asked.inputs.length <= MAX_INPUTS && asked.inputs.every(sound),
    `inputs must be at most ${MAX_INPUTS}, each of 1 to ${MAX_SAYS} characters, with a confidence of 0 to 1`,
  );
  const { choices, leader } = asked;
  need(
    choices === undefined || (choices.length >= 2 && new Set(choices).size === choices.length && choices.every(isId)),
    'choices must be at least two ids, each once',
  );
  need(leader === undefined || choices?.includes(leader) === true, 'leader must be one of the choices');
  need(
    Buffer.byteLength(JSON.stringify(asked)) <= MAX_REQUEST_BYTES,
    `the request must be at most ${MAX_REQUEST_BYTES} bytes`,
  );
  return problems;
}

const HASH = /^[0-9a-f]{64}$/;

/** The groups' times follow each other, and none goes beyond the deadline. */
function endsOf(ladder: readonly ApproverGroup[], now: Time, deadline?: Time): Time[] {
  let seconds = 0;
  return ladder.map((group) => {
    seconds += group.seconds;
    return earliest(plusSeconds(now, seconds), deadline) as Time;
  });
}

/** Place in the ladder of the last group whose turn has come. It never goes back, whatever the clock does. */
function levelAt({ ends, level }: ApprovalState, now: Time): number {
  const deadline = ends.at(-1) as Time;
  return Math.max(level, ends.filter((end) => end <= now && end < deadline).length);
}

function isLate(state: ApprovalState, now: Time): boolean {
  return (deadlineOf(state) as Time) <= now;
}

function editOf(kind: string, { before, action }: { before: unknown; action: unknown }): Edit {
  return { action, hash: actionHash(kind, action), changes: differences(before, action) };
}

function closeUndecided(
  state: ApprovalState,
  outcome: 'withdrawn' | 'superseded',
  reason: string,
  now: Time,
): readonly ApprovalEvent[] | Rejection {
  if (state.outcome === outcome) return [];
  return over(state, now) ?? missingReason(reason) ?? [{ type: 'ApprovalClosed', v: 1, data: { outcome, reason } }];
}

function mayNotDecide(state: ApprovalState, person: Person, now: Time, since: readonly Party[]): Rejection | undefined {
  const wrong = exists(state) ?? closed(state);
  if (wrong !== undefined) return wrong;
  const { by, kind, groups = [] } = person;
  if (kind !== 'human') return new Rejection('forbidden', 'not-an-approver', 'only people decide on approvals');
  const party = barred([...approvalParties(state), ...since], by, 'decide');
  if (party !== undefined) return party;
  const asked = groupsAsked(state, now);
  const belongs = ({ group, members, deputies = [] }: ApproverGroup) =>
    members.includes(by) || deputies.includes(by) || groups.includes(group);
  if (!asked.some(belongs)) {
    return new Rejection('forbidden', 'not-an-approver', 'you belong to none of the groups that were asked', {
      groups: asked.map(({ group }) => group),
    });
  }
  const late = over(state, now);
  if (late !== undefined) return late;
  const { claim: other } = state;
  return other !== undefined && other.by !== by && other.until > now && claimsEnd(state, now) > now
    ? claimedByAnother(state)
    : undefined;
}

function exists(state: ApprovalState): Rejection | undefined {
  return state.status === 'unknown'
    ? new Rejection('missing', 'approval-not-found', 'there is no such approval')
    : undefined;
}

/**
 * Every command on what waits asks this: whether it was decided, or its time is over, though no timer has fired yet.
 */
function over(state: ApprovalState, now: Time): Rejection | undefined {
  if (state.status === 'waiting' && isLate(state, now))
    return refuse(
      'decided-after-deadline',
      `the time for this decision ended at ${deadlineOf(state)}: the safe default holds`,
    );
  return closed(state);
}

function closed(state: ApprovalState): Rejection | undefined {
  return state.status === 'closed'
    ? refuse('already-decided', `this approval is ${state.outcome} already`, { outcome: state.outcome })
    : undefined;
}

function claimedByAnother(state: ApprovalState): Rejection {
  return refuse('claimed-by-another', `${state.claim?.by} works on it until ${state.claim?.until}`, state.claim);
}

function differs(state: ApprovalState): Rejection {
  return refuse('action-differs', 'this is not the action that is asked about: look at it again', { hash: state.hash });
}
