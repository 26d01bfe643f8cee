/**
 * The gate of one risky action: proposed, cleared or refused by rules, agents or people, and let go exactly once.
 *
 * A clearance is for the hash of the action. When the action is taken, hash and policy are looked at again: one that
 * was changed, or that policy has become stricter about, goes back to people. A challenge stands beside all that: as
 * long as it is open, nothing is taken.
 */
import { canonicalize, type PolicyReceipt, sha256 } from '../kernel/commit';
import { type Decider, type Decision, type Event, refuse, Rejection } from '../kernel/decider';
import { isId, isTenant, streamsOf } from '../kernel/ids';
import type { Difference } from '../kernel/json-diff';
import { actorOf, isSameActor, type Principal } from '../kernel/principal';
import { isText, textRule } from '../kernel/text';
import { earliest, type Excuse, plusSeconds, type Time } from '../kernel/time';
import type { ChallengeTime } from '../market/award-challenge';
import {
  type Features,
  featuresProblem,
  type Impact,
  MAX_REASON,
  missingReason,
  type OversightAnswer,
  peopleNeeded,
  type Person,
} from './oversight';
import { barred, eachOnce, partOf, type Party } from './parties';
import { type ACTION_STATUSES, IMPACTS } from './statuses';

/** Largest action, and largest result, in bytes of JSON. */
export const MAX_ACTION_BYTES = 32 * 1024;
/** Deepest nesting of an action or a result. */
export const MAX_ACTION_DEPTH = 32;
/** How often an action may be held: each time people or agents are asked anew. */
export const MAX_HOLDS = 20;
/** How often an action may be challenged, and how often by the same challenger. */
export const MAX_CHALLENGES = 10;
export const MAX_CHALLENGES_EACH = 2;
/** Longest word on what undid an action, in characters. */
export const MAX_COMPENSATION_REF = 256;
/** How often an action may be overridden. */
export const MAX_OVERRIDES = 50;
/** Why the task of an action that was stopped is not cleared, and not brought back. */
export const TASK_OVER = new Rejection(
  'conflict',
  'task-over',
  'the action was stopped, and its task is cancelled with it: have the task posted anew',
);
/** How long a challenge stands whose receipt doesn't say. */
const OLDER_CHALLENGE_SECONDS = 3 * 3_600;

// --------------------------------------------------------------------------------------------------------- events

export interface Proposal {
  /** For example `erp.purchase_order`. */
  readonly kind: string;
  /** What is to be done, any JSON value. */
  readonly action: unknown;
  readonly proposed_by: string;
  /** Who spoke for the proposer, where it did not call itself. */
  readonly proposed_via?: string;
  readonly why: string;
  /** Of the agent, 0 to 1. */
  readonly confidence: number;
  readonly impact: Impact;
  /** 0 to 1. */
  readonly risk: number;
  readonly features: Features;
  /** With the inputs that it was made from. */
  readonly oversight: OversightAnswer;
  readonly policy: PolicyAtGate;
  /** The stream that waits for the action, for example `acme/task/42`. */
  readonly target?: string;
  /** The action is a command of the API: the gate gives it once it is cleared. */
  readonly command?: HeldCommand;
}

/** A command that policy wants approved first. What is asked of it is the action, which people may correct. */
export interface HeldCommand {
  /** Of the contract, for example `registerTool`. */
  readonly operation: string;
  /** Who has asked, beside the name: it is given with the rights that they had. */
  readonly as: Pick<Principal, 'kind' | 'level' | 'groups' | 'via'>;
}

/** What came of a command: the status of its answer, and its receipt (stream@index), or why it was refused. */
export interface Came {
  readonly status: number;
  readonly receipt?: string;
  readonly refused?: string;
}

/** What policy said, and which rules said it. */
export type PolicyAtGate = Pick<PolicyReceipt, 'bundle' | 'decision'>;

export const CLEARED_BY = ['rules', 'round', 'approval', 'veto-window-passed', 'override'] as const;
export type ClearedBy = (typeof CLEARED_BY)[number];

export type ActionEvent =
  | Event<'ActionProposed', Proposal & { hash: string }>
  /** `oversight`: the second answer, after a round. */
  | Event<'ActionCleared', { by: ClearedBy; ref?: string; hash: string; oversight?: OversightAnswer }>
  | Event<'VetoWindowOpened', { until: Time; oversight?: OversightAnswer }>
  /** Whoever holds the time was away: what was left of the window is left again. */
  | Event<'VetoWindowExtended', { until: Time; extended_at: Time }>
  | Event<'ActionVetoed', { by: string; reason: string }>
  | Event<'ActionHeld', { for: HeldFor; ref: string; oversight?: OversightAnswer }>
  | Event<'ActionRefused', { by: string; ref?: string; reason: string }>
  | Event<
      'ActionEdited',
      { from_hash: string; to_hash: string; action: unknown; changes: readonly Difference[]; by: string; ref: string }
    >
  | Event<'ActionChallenged', ChallengeMade>
  | Event<'ChallengeExtended', ChallengeTime>
  /** `lapsed`: there was no verdict by the challenge's time. */
  | Event<'ChallengeDismissed', { round: string; lapsed?: boolean }>
  | Event<'ActionExecuted', { by: string; hash: string; result?: unknown; policy: PolicyAtGate }>
  /** Back to people instead of being taken. `hash`: what the caller wanted to take. */
  | Event<'ActionReturned', { by: string; reason: string; hash: string; policy: PolicyAtGate }>
  /** `ref`: the override of its round that is carried out here. `with`: who wanted it as well. */
  | Event<'ActionOverridden', Overridden>
  | Event<'CommandGiven', Came>
  | Event<'CompensationDue', { reason: string }>
  | Event<'CompensationDone', { by: string; ref: string }>;

/** `said_at`: when its round was overridden, which is carried out here. */
export interface Overridden {
  readonly by: string;
  readonly instead: Instead;
  readonly reason: string;
  readonly ref?: string;
  readonly with?: readonly string[];
  readonly said_at?: Time;
}

/** What an action waits for. */
export const HELD_FOR = ['round', 'approval'] as const;
export type HeldFor = (typeof HELD_FOR)[number];
/** What a person decides in place of what came of an action. */
export const INSTEAD = ['refuse', 'allow'] as const;
export type Instead = (typeof INSTEAD)[number];

// ---------------------------------------------------------------------------------------------------------- state

/** Those in which it was neither taken nor stopped yet. */
export const PENDING_ACTIONS = ['proposed', 'held', 'returned', 'veto_window', 'cleared'] as const;
export type ActionStatus = 'unknown' | (typeof ACTION_STATUSES)[number];

/** Whether what was wrong is to be undone, or was. */
export const COMPENSATIONS = ['due', 'done'] as const;

export interface ActionState {
  readonly status: ActionStatus;
  readonly proposal: Proposal | undefined;
  /** Of the action as it was proposed. */
  readonly proposed_hash: string;
  /** Of the action as it is now, after edits. */
  readonly hash: string;
  /** What policy said when it was last asked. */
  readonly policy: PolicyAtGate | undefined;
  readonly held: { readonly for: HeldFor; readonly ref: string } | undefined;
  /** Every `ref` that it was held for. */
  readonly refs: readonly string[];
  readonly veto_until: Time | undefined;
  /** When that was set. */
  readonly veto_from?: Time;
  readonly cleared: { readonly by: ClearedBy; readonly ref?: string; readonly hash: string } | undefined;
  /** Who stopped it. */
  readonly stopped: { readonly by: string; readonly ref?: string; readonly reason: string } | undefined;
  /** The open challenge: nothing is taken until its round is over. */
  readonly challenge: OpenChallenge | undefined;
  /** Every challenge, the latest last; `lapsed`: nobody had decided on it by its time. */
  readonly challenges: readonly (Challenge & { readonly lapsed?: true })[];
  readonly executed:
    { readonly by: string; readonly hash: string; readonly result?: unknown; readonly at: Time } | undefined;
  /** What came of the command that it is, once it was given. */
  readonly given?: Came;
  /** The one that stands. */
  readonly override: Overridden | undefined;
  /** All of them, in order; `at`: when it was said. */
  readonly overrides: readonly {
    readonly by: string;
    readonly instead: Instead;
    readonly reason: string;
    readonly at: Time;
    readonly ref?: string;
  }[];
  /** True once it was held for an approval. */
  readonly asked_people: boolean;
  readonly proposed_at: Time | undefined;
  /** When it was cleared or stopped last. */
  readonly decided_at: Time | undefined;
  readonly compensation:
    { readonly due: boolean; readonly reason: string; readonly by?: string; readonly ref?: string } | undefined;
}

export interface Challenge {
  readonly by: string;
  /** Who speaks in that name. */
  readonly via?: string;
  readonly round: string;
  readonly reason: string;
  /** The receipt that is doubted, `stream@index`; older receipts don't say. */
  readonly target?: string;
}

/** `since`: when its time was set. */
export type OpenChallenge = Challenge & { readonly until: Time; readonly since: Time };

/** `until`: without a verdict by then the safe default holds; older receipts don't say. */
export type ChallengeMade = Challenge & { readonly until?: Time };

export const actionDecider: Decider<ActionState, ActionEvent> = {
  category: 'action',
  causal: 3,
  version: 5,
  initial: {
    status: 'unknown',
    proposal: undefined,
    proposed_hash: '',
    hash: '',
    policy: undefined,
    held: undefined,
    refs: [],
    veto_until: undefined,
    cleared: undefined,
    stopped: undefined,
    challenge: undefined,
    challenges: [],
    executed: undefined,
    override: undefined,
    overrides: [],
    asked_people: false,
    proposed_at: undefined,
    decided_at: undefined,
    compensation: undefined,
  },
  evolve(state, event, place) {
    switch (event.type) {
      case 'ActionProposed': {
        const { hash, ...proposal } = event.data;
        return {
          ...state,
          status: 'proposed',
          proposal,
          proposed_hash: hash,
          hash,
          policy: proposal.policy,
          proposed_at: place.at,
        };
      }
      case 'ActionCleared': {
        const { by, ref, hash } = event.data;
        return {
          ...state,
          status: 'cleared',
          cleared: { by, ref, hash },
          held: undefined,
          stopped: undefined,
          decided_at: place.at,
        };
      }
      case 'VetoWindowOpened':
        return { ...state, status: 'veto_window', veto_until: event.data.until, veto_from: place.at, held: undefined };
      case 'VetoWindowExtended':
        return { ...state, veto_until: event.data.until, veto_from: event.data.extended_at };
      case 'ActionVetoed':
        return {
          ...state,
          status: 'vetoed',
          stopped: event.data,
          cleared: undefined,
          challenge: undefined,
          decided_at: place.at,
        };
      case 'ActionHeld': {
        const { for: held, ref } = event.data;
        return {
          ...state,
          status: 'held',
          held: { for: held, ref },
          refs: [...state.refs, ref],
          asked_people: state.asked_people || held === 'approval',
        };
      }
      case 'ActionRefused':
        return {
          ...state,
          status: 'refused',
          stopped: event.data,
          held: undefined,
          cleared: undefined,
          challenge: undefined,
          decided_at: place.at,
        };
      case 'ActionEdited':
        return {
          ...state,
          proposal: { ...(state.proposal as Proposal), action: event.data.action },
          hash: event.data.to_hash,
        };
      case 'ActionChallenged': {
        const { until = plusSeconds(place.at, OLDER_CHALLENGE_SECONDS), ...made } = event.data;
        return { ...state, challenge: { ...made, until, since: place.at }, challenges: [...state.challenges, made] };
      }
      case 'ChallengeExtended': {
        const { until, extended_at } = event.data;
        return { ...state, challenge: { ...(state.challenge as OpenChallenge), until, since: extended_at } };
      }
      case 'ChallengeDismissed': {
        const { round, lapsed } = event.data;
        const challenges =
          lapsed === true
            ? state.challenges.map((one) => (one.round === round ? { ...one, lapsed } : one))
            : state.challenges;
        return { ...state, challenge: undefined, challenges };
      }
      case 'ActionExecuted': {
        const { by, hash, result } = event.data;
        return { ...state, status: 'executed', executed: { by, hash, result, at: place.at } };
      }
      case 'ActionReturned':
        return { ...state, status: 'returned', policy: event.data.policy, cleared: undefined, override: undefined };
      case 'ActionOverridden': {
        const { by, instead, reason, ref, said_at = place.at } = event.data;
        const overrides = [...state.overrides, { by, instead, reason, at: said_at, ref }];
        const overridden = { ...state, override: event.data, overrides, challenge: undefined };
        if (event.data.instead === 'allow' || state.status === 'executed') return overridden;
        return {
          ...overridden,
          status: 'refused',
          stopped: event.data,
          held: undefined,
          cleared: undefined,
          decided_at: place.at,
        };
      }
      case 'CommandGiven':
        return { ...state, given: event.data };
      case 'CompensationDue':
        return { ...state, compensation: { due: true, reason: event.data.reason }, challenge: undefined };
      case 'CompensationDone':
        return { ...state, compensation: { ...(state.compensation as { reason: string }), due: false, ...event.data } };
    }
  },
};

export const actionStream = streamsOf(actionDecider);

/** Who has a part in whether the action may be taken: who proposed it, and who challenged it. */
export function actionParties({ proposal, challenges }: ActionState): Party[] {
  if (proposal === undefined) return [];
  return eachOnce([
    ...partOf('proposer', { id: proposal.proposed_by, via: proposal.proposed_via }),
    ...challenges.flatMap(({ by, via }) => partOf('challenger', { id: by, via })),
  ]);
}

/** SHA-256 over the RFC 8785 form of `{kind, action}`: what a clearance is for. */
export function actionHash(kind: string, action: unknown): string {
  return sha256(canonicalize({ kind, action }));
}

/** When the action is to be looked at next. */
export function actionDue(state: ActionState): Time | undefined {
  return earliest(state.status === 'veto_window' ? state.veto_until : undefined, state.challenge?.until);
}

/** Whether the action waits for a decision of people or agents, or is on its way there. */
export function awaitsDecision({ status, proposal }: ActionState): boolean {
  return status === 'held' || status === 'returned' || (status === 'proposed' && isAsked(proposal));
}

/** Whether agents or people are asked before it is let go. */
export function isAsked(proposal: Pick<Proposal, 'oversight'> | undefined): boolean {
  const path = proposal?.oversight.path;
  return path === 'round' || path === 'approval';
}

/** True until the action was taken or stopped. */
export function isPending(state: ActionState): boolean {
  return (PENDING_ACTIONS as readonly string[]).includes(state.status);
}

/** What is wrong with an action, in a sentence; undefined when nothing is. */
export function actionProblem(action: unknown): string | undefined {
  return isSmall(action)
    ? undefined
    : `action must be a JSON value of at most ${MAX_ACTION_BYTES} bytes, nested at most ${MAX_ACTION_DEPTH} deep`;
}

// ------------------------------------------------------------------------------------------------------ decisions

/** Brings an action to the gate. Policy may allow it or want approval; what it denies is not proposed. */
export function propose(proposal: Proposal): Decision<ActionState, ActionEvent> {
  return (state) => {
    const problems = proposalProblems(proposal);
    if (problems.length > 0) return new Rejection('invalid', 'action-invalid', problems.join('; '), { problems });
    const hash = actionHash(proposal.kind, proposal.action);
    if (state.proposal !== undefined) {
      return state.proposal.proposed_by === proposal.proposed_by && state.proposed_hash === hash
        ? []
        : refuse('action-exists', 'an action with this id was proposed before: use another id');
    }
    if (proposal.policy.decision === 'deny')
      return new Rejection('forbidden', 'policy-denies', 'policy denies this action: nobody can clear it');
    return [{ type: 'ActionProposed', v: 1, data: { ...proposal, hash } }];
  };
}

/**
 * Opens the gate for exactly `hash`: by the rules right after the proposal, by the round or the approval that it is
 * held for (`ref`). After a round the second answer of the rules must be to act.
 */
export function clear(clearance: {
  by: 'rules' | 'round' | 'approval';
  ref?: string;
  hash: string;
  oversight?: OversightAnswer;
}): Decision<ActionState, ActionEvent> {
  return (state) => {
    const { by, ref, hash, oversight } = clearance;
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (state.cleared?.by === by && state.cleared.ref === ref && state.cleared.hash === hash) return [];
    const wrong = over(state) ?? (by === 'rules' ? notOnPath(state, 'act') : notHeldFor(state, by, ref));
    if (wrong !== undefined) return wrong;
    if (by === 'round' && oversight?.path !== 'act')
      return refuse(
        'path-differs',
        'after this round the rules do not let agents act alone: go the way that they answered',
      );
    if (hash !== state.hash) return differs(state);
    return [{ type: 'ActionCleared', v: 1, data: clearance }];
  };
}

/**
 * The action does not happen: the round or the approval that it is held for (`ref`) said no, or nobody said anything.
 */
export function refuseAction(refusal: {
  by: string;
  ref?: string;
  reason: string;
}): Decision<ActionState, ActionEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (state.status === 'refused' && state.stopped?.by === refusal.by && state.stopped.ref === refusal.ref) return [];
    const wrong = over(state) ?? missingReason(refusal.reason);
    if (wrong !== undefined) return wrong;
    if (state.held !== undefined && state.held.ref !== refusal.ref) return waitsForAnother(state);
    if (state.status === 'cleared' || state.status === 'veto_window')
      return refuse('action-already-cleared', 'the action was cleared already: challenge, veto or override it instead');
    return [{ type: 'ActionRefused', v: 1, data: refusal }];
  };
}

/**
 * What the action was for is over, so it does not happen, however far it was cleared. What was taken or stopped stays
 * so.
 */
export function abandon(by: string, reason: string): Decision<ActionState, ActionEvent> {
  return (state) =>
    exists(state) ??
    (isPending(state)
      ? (missingReason(reason) ?? [{ type: 'ActionRefused', v: 1, data: { by, ref: state.held?.ref, reason } }])
      : []);
}

/** People get `seconds` to step in; then the action is cleared. After a round the second answer must be this one. */
export function openVetoWindow(
  seconds: number,
  now: Time,
  oversight?: OversightAnswer,
): Decision<ActionState, ActionEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (state.veto_until !== undefined) return [];
    const wrong =
      over(state) ??
      (state.held?.for === 'round' && oversight?.path === 'veto_window' ? undefined : notOnPath(state, 'veto_window'));
    if (wrong !== undefined) return wrong;
    return [{ type: 'VetoWindowOpened', v: 1, data: { until: plusSeconds(now, seconds), oversight } }];
  };
}

/** A person stops what would have happened by itself; also late, as long as it has not happened. */
export function veto(person: Person, reason: string): Decision<ActionState, ActionEvent> {
  return (state) => {
    const gone = exists(state) ?? notAPerson(person) ?? barred(actionParties(state), person.by, 'stop');
    if (gone !== undefined) return gone;
    if (state.status === 'vetoed' && state.stopped?.by === person.by) return [];
    const wrong = over(state) ?? missingReason(reason);
    if (wrong !== undefined) return wrong;
    if (state.status !== 'veto_window' && state.cleared?.by !== 'veto-window-passed')
      return refuse('no-veto-window', 'this action does not wait for a veto: decide its approval, or override it');
    return [{ type: 'ActionVetoed', v: 1, data: { by: person.by, reason } }];
  };
}

/** A person corrected the action in the approval `ref`; it stays held until it is cleared with its new hash. */
export function edit(change: {
  from_hash: string;
  action: unknown;
  changes: readonly Difference[];
  by: string;
  ref: string;
}): Decision<ActionState, ActionEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    const problem = actionProblem(change.action);
    if (problem !== undefined) return new Rejection('invalid', 'action-invalid', problem);
    const { kind } = state.proposal as Proposal;
    const to_hash = actionHash(kind, change.action);
    if (to_hash === state.hash) return [];
    const wrong = over(state) ?? notHeldFor(state, 'approval', change.ref);
    if (wrong !== undefined) return wrong;
    return change.from_hash === state.hash
      ? [{ type: 'ActionEdited', v: 1, data: { ...change, to_hash } }]
      : differs(state);
  };
}

/**
 * Waits for a round or an approval. `ref` names this one asking (the commit that opened it, say), so that what came
 * of an earlier one can't be taken for the answer.
 */
export function hold(what: {
  for: HeldFor;
  ref: string;
  oversight?: OversightAnswer;
}): Decision<ActionState, ActionEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (state.held?.for === what.for && state.held.ref === what.ref) return [];
    const wrong = over(state);
    if (wrong !== undefined) return wrong;
    if (state.refs.includes(what.ref))
      return refuse('hold-over', 'the action was held for this before: what comes of it does not count any more');
    const waits =
      state.status === 'proposed' ||
      state.status === 'returned' ||
      (state.held !== undefined && what.for === 'approval');
    if (!waits)
      return refuse('action-not-waiting', `the action is ${state.status}: it can't be held`, { held: state.held });
    if (state.refs.length >= MAX_HOLDS)
      return refuse('held-too-often', `the action was held ${MAX_HOLDS} times: propose it anew`);
    return [{ type: 'ActionHeld', v: 1, data: what }];
  };
}

/** Doubts the action before the round that is to decide on that; until then it is not taken. */
export function challenge(challenged: Challenge & { readonly until: Time }): Decision<ActionState, ActionEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    const { by, via, round } = challenged;
    if (state.challenge?.round === round) return [];
    if (state.challenges.some((known) => known.round === round))
      return refuse(
        'challenged-before',
        `you have challenged this before, and the round ${round} was about it: ask a person to override the action`,
        { round },
      );
    const wrong =
      barred(actionParties(state), by, 'challenge', via) ??
      (isStopped(state) ? over(state) : undefined) ??
      missingReason(challenged.reason);
    if (wrong !== undefined) return wrong;
    if (state.challenge !== undefined)
      return refuse('already-challenged', 'a challenge is open: add to its round', { round: state.challenge.round });
    if (state.compensation !== undefined) return refuse('compensation-due', 'the action is to be undone already');
    if (state.challenges.filter((known) => isSameActor(known.by, by)).length >= MAX_CHALLENGES_EACH)
      return refuse(
        'challenged-before',
        `you have challenged this action ${MAX_CHALLENGES_EACH} times: ask a person to override it`,
      );
    if (state.challenges.length >= MAX_CHALLENGES)
      return refuse(
        'challenges-full',
        `the action was challenged ${MAX_CHALLENGES} times: ask a person to override it`,
      );
    return [{ type: 'ActionChallenged', v: 1, data: challenged }];
  };
}

/** Whoever decides on the challenge has been given time back: it stands until then. It never ends sooner by this. */
export function extendChallenge(
  { round, until }: { round: string; until: Time },
  now: Time,
): Decision<ActionState, ActionEvent> {
  return ({ challenge: open }) =>
    open?.round === round && open.until < until
      ? [{ type: 'ChallengeExtended', v: 1, data: { round, until, extended_at: now } }]
      : [];
}

/**
 * The round of the challenge is over. Upheld: the action does not happen, or is to be undone; else it goes on as it
 * stood. An action that was taken, and is upheld against after the challenge's time, is to be undone still.
 * @param lapsed true when there is no verdict, and its time is over
 */
export function settleChallenge(
  round: string,
  upheld: boolean,
  reason: string,
  lapsed?: true,
): Decision<ActionState, ActionEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (state.challenge?.round !== round) {
      const known = state.challenges.find((one) => one.round === round);
      if (known === undefined)
        return refuse('challenge-unknown', 'no challenge of this action is decided in this round');
      const late = upheld && known.lapsed === true && state.status === 'executed' && state.compensation === undefined;
      return late ? [{ type: 'CompensationDue', v: 1, data: { reason } }] : [];
    }
    if (!upheld) return [{ type: 'ChallengeDismissed', v: 1, data: { round, lapsed } }];
    return [
      state.status === 'executed'
        ? { type: 'CompensationDue', v: 1, data: { reason } }
        : { type: 'ActionRefused', v: 1, data: { by: 'challenge', ref: round, reason } },
    ];
  };
}

/**
 * Lets the action go, once. The hash must be the cleared one, and policy, asked again, not stricter than when it was
 * last asked: else the action goes back to people (`ActionReturned`), and the caller must not take it. Asked again it
 * is refused, though the same caller asks: who could not tell an answer that was lost from one that never came would
 * act twice.
 */
export function execute(
  taken: { by: string; hash: string; result?: unknown; policy: PolicyAtGate },
  now: Time,
): Decision<ActionState, ActionEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    const { by, hash, result, policy } = taken;
    if (state.executed !== undefined) {
      const { executed } = state;
      const what =
        'the action was taken already: do not take it again; the Idempotency-Key of the first request gets its answer';
      return refuse('action-already-executed', what, { by: executed.by, hash: executed.hash, at: executed.at });
    }
    const wrong = over(state);
    if (wrong !== undefined) return wrong;
    if (result !== undefined && !isSmall(result))
      return new Rejection(
        'invalid',
        'result-invalid',
        `result must be a JSON value of at most ${MAX_ACTION_BYTES} bytes, nested at most ${MAX_ACTION_DEPTH} deep`,
      );
    const passed = windowPassed(state, now);
    const cleared = passed[0]?.data.hash ?? state.cleared?.hash;
    if (cleared === undefined)
      return refuse('action-not-cleared', `the action is ${state.status}: wait until it is cleared`, {
        status: state.status,
        held: state.held,
      });
    if (state.challenge !== undefined)
      return refuse('action-challenged', 'the action is challenged: wait for the round', {
        round: state.challenge.round,
      });
    const reason =
      hash !== cleared ? 'it is not the action that was cleared' : stricter(policy, state.policy as PolicyAtGate);
    if (reason !== undefined) return [...passed, { type: 'ActionReturned', v: 1, data: { by, reason, hash, policy } }];
    return [...passed, { type: 'ActionExecuted', v: 1, data: { by, hash, result, policy } }];
  };
}

/** The command that the action is was given. */
export function commandGiven(came: Came): Decision<ActionState, ActionEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (state.given !== undefined) return [];
    return state.executed === undefined || state.proposal?.command === undefined
      ? refuse('action-not-cleared', 'no command of the action was let go', { status: state.status })
      : [{ type: 'CommandGiven', v: 1, data: came }];
  };
}

/**
 * Gives back the time in which nobody could step in, or judge, when the window has closed or the challenge has ended
 * meanwhile.
 */
export function extend(excused: Excuse, now: Time): Decision<ActionState, ActionEvent> {
  return ({ status, veto_from, veto_until, challenge }) => {
    const events: ActionEvent[] = [];
    if (status === 'veto_window' && veto_from !== undefined && veto_until !== undefined && veto_until <= now) {
      const until = excused(veto_from, veto_until);
      if (until > now) events.push({ type: 'VetoWindowExtended', v: 1, data: { until, extended_at: now } });
    }
    if (challenge !== undefined && challenge.until <= now) {
      const until = excused(challenge.since, challenge.until);
      if (until > now)
        events.push({ type: 'ChallengeExtended', v: 1, data: { round: challenge.round, until, extended_at: now } });
    }
    return events;
  };
}

/** The veto window is over, and nobody stepped in. */
export function timePassed(now: Time): Decision<ActionState, ActionEvent> {
  return (state) => windowPassed(state, now);
}

/** The override of a round that is carried out on its action. */
export interface OfRound {
  /**
   * The commit of that override, and its time: what it wanted is done once, and not after a later word on the action
   * itself.
   */
  readonly ref: string;
  readonly at: Time;
  /** Who wanted it as well. */
  readonly with: readonly string[];
  /**
   * What the round was about: nothing else is allowed by it. None where it was about a challenge, which allows nothing.
   */
  readonly hash: string | undefined;
}

/**
 * A person decides otherwise. `refuse`: it does not happen, or is to be undone. `allow`: it may happen, unless it is
 * critical: that takes two people, so an approval, or a round that two have overridden (`of`).
 */
export function override(
  person: Person,
  instead: Instead,
  reason: string,
  of?: OfRound,
): Decision<ActionState, ActionEvent> {
  return (state) => {
    const wrong = exists(state) ?? notAPerson(person) ?? missingReason(reason);
    if (wrong !== undefined) return wrong;
    const { proposal, override: last, overrides } = state;
    if (of !== undefined && (overrides.some(({ ref }) => ref === of.ref) || saidSince(state, instead, of.at)))
      return [];
    if (of === undefined && last?.by === person.by && last.instead === instead && last.reason === reason) return [];
    const people = [person.by, ...(of?.with ?? [])];
    const party = people
      .map((id) => barred(actionParties(state), id, instead === 'allow' ? 'allow' : 'stop'))
      .find((one) => one !== undefined);
    if (party !== undefined) return party;
    if (overrides.length >= MAX_OVERRIDES)
      return refuse('overrides-full', `the action was overridden ${MAX_OVERRIDES} times: propose it anew`);
    const overridden: ActionEvent = {
      type: 'ActionOverridden',
      v: 1,
      data: { by: person.by, instead, reason, ref: of?.ref, with: of?.with, said_at: of?.at },
    };
    if (instead === 'refuse') {
      if (isStopped(state) || state.compensation !== undefined)
        return refuse('nothing-to-override', 'the action is stopped, or to be undone, already');
      return state.status === 'executed'
        ? [overridden, { type: 'CompensationDue', v: 1, data: { reason } }]
        : [overridden];
    }
    if (of !== undefined && of.hash !== state.hash) return differs(state);
    const { impact, risk } = proposal as Proposal;
    if (new Set(people.map(actorOf)).size < peopleNeeded(impact, risk))
      return new Rejection('forbidden', 'four-eyes-needed', 'a critical action takes two people: let it be approved');
    if (state.status === 'executed' || (state.status === 'cleared' && state.challenge === undefined))
      return refuse('nothing-to-override', `the action is ${state.status} already`);
    return [overridden, { type: 'ActionCleared', v: 1, data: { by: 'override', hash: state.hash } }];
  };
}

/** What stops an action without anybody's word: nobody, or no agreement, has cleared it. */
const NO_WORD = ['round', 'safe-default', 'oversight'];

/**
 * Whether there was a later word on the action: people overrode it, or its rounds, or somebody has stopped what would
 * be cleared.
 */
function saidSince(
  { override: last, overrides, stopped, decided_at }: ActionState,
  instead: Instead,
  at: Time,
): boolean {
  if (overrides.some((one) => one.at > at)) return true;
  if (instead === 'refuse' || stopped === undefined || decided_at === undefined || NO_WORD.includes(stopped.by))
    return false;
  // When people said it counts, not when it was carried out: that may be after the next one was made.
  const overridden = last?.instead === 'refuse' && last.by === stopped.by && last.ref === stopped.ref;
  return !overridden && decided_at > at;
}

/** What was done wrongly is undone; `ref` says by what. */
export function compensated(done: { by: string; ref: string }): Decision<ActionState, ActionEvent> {
  return ({ compensation }) => {
    if (compensation === undefined) return refuse('no-compensation-due', 'nothing of this action is to be undone');
    if (!isText(done.ref, MAX_COMPENSATION_REF))
      return new Rejection('invalid', 'ref-invalid', textRule('ref', MAX_COMPENSATION_REF));
    if (compensation.due) return [{ type: 'CompensationDone', v: 1, data: done }];
    return compensation.by === done.by && compensation.ref === done.ref
      ? []
      : refuse('already-compensated', 'the action was undone already', { by: compensation.by, ref: compensation.ref });
  };
}

/**
 * It was let go, and what it was for turned out to be over: nothing was carried out, so nothing is to be undone. `ref`:
 * the receipt that says so.
 */
export function notCarriedOut(found: { by: string; ref: string; reason: string }): Decision<ActionState, ActionEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    const { by, ref, reason } = found;
    if (state.executed === undefined || state.proposal?.target === undefined)
      return refuse(
        'action-not-carried-out',
        'only what the gate itself carries out can turn out not to be carried out',
      );
    const { compensation } = state;
    if (compensation?.due === false) return [];
    const done: ActionEvent = { type: 'CompensationDone', v: 1, data: { by, ref } };
    return compensation === undefined ? [{ type: 'CompensationDue', v: 1, data: { reason } }, done] : [done];
  };
}

function proposalProblems(proposal: Proposal): string[] {
  const problems = [actionProblem(proposal.action), featuresProblem(proposal.features)].filter(
    (problem) => problem !== undefined,
  );
  const need = (holds: boolean, rule: string) => {
    if (!holds) problems.push(rule);
  };
  need(isId(proposal.kind), 'kind must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -');
  need(isId(proposal.proposed_by), 'proposed_by must be an id');
  need(isText(proposal.why, MAX_REASON), textRule('why', MAX_REASON));
  need(proposal.confidence >= 0 && proposal.confidence <= 1, 'confidence must be 0 to 1');
  need(IMPACTS.includes(proposal.impact), `impact must be one of ${IMPACTS.join(', ')}`);
  need(proposal.risk >= 0 && proposal.risk <= 1, 'risk must be 0 to 1');
  need(proposal.target === undefined || isStream(proposal.target), 'target must be a stream: tenant/category/id');
  return problems;
}

function isStream(value: string): boolean {
  const [tenant = '', category = '', id = '', ...more] = value.split('/');
  return isTenant(tenant) && isId(category) && isId(id) && more.length === 0;
}

/** Depth first: what nests too deep can't be written out to be measured. */
function isSmall(value: unknown): boolean {
  return isShallow(value, MAX_ACTION_DEPTH) && Buffer.byteLength(JSON.stringify(value ?? null)) <= MAX_ACTION_BYTES;
}

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1));
}

function windowPassed(state: ActionState, now: Time): Extract<ActionEvent, { type: 'ActionCleared' }>[] {
  const passed = state.status === 'veto_window' && (state.veto_until as Time) <= now;
  return passed ? [{ type: 'ActionCleared', v: 1, data: { by: 'veto-window-passed', hash: state.hash } }] : [];
}

const STRICTNESS = ['allow', 'needs_approval', 'deny'] as const;

function stricter(now: PolicyAtGate, before: PolicyAtGate): string | undefined {
  if (now.decision === 'deny') return 'policy denies it now';
  return STRICTNESS.indexOf(now.decision) > STRICTNESS.indexOf(before.decision)
    ? 'policy wants approval now, which it did not when the action was cleared'
    : undefined;
}

function exists(state: ActionState): Rejection | undefined {
  return state.status === 'unknown'
    ? new Rejection('missing', 'action-not-found', 'there is no such action')
    : undefined;
}

export function isStopped(state: ActionState): boolean {
  return state.status === 'refused' || state.status === 'vetoed';
}

function over(state: ActionState): Rejection | undefined {
  if (state.status === 'executed')
    return refuse('action-already-executed', 'the action was taken already: challenge or override it', {
      by: state.executed?.by,
      hash: state.executed?.hash,
    });
  return isStopped(state)
    ? refuse(`action-${state.status}`, `the action was stopped by ${state.stopped?.by}: it will not be taken`, {
        reason: state.stopped?.reason,
      })
    : undefined;
}

function notOnPath(state: ActionState, path: OversightAnswer['path']): Rejection | undefined {
  const answer = (state.proposal as Proposal).oversight.path;
  if (state.status === 'proposed' && answer === path) return undefined;
  return refuse(
    'path-differs',
    `the rules answered ${answer}, and the action is ${state.status}: that is the way it goes`,
    { path: answer, status: state.status },
  );
}

function notHeldFor(state: ActionState, held: HeldFor, ref: string | undefined): Rejection | undefined {
  return state.held?.for === held && state.held.ref === ref ? undefined : waitsForAnother(state);
}

function waitsForAnother(state: ActionState): Rejection {
  return refuse('not-held-for', 'the action does not wait for this: look at what it is held for', {
    status: state.status,
    held: state.held,
  });
}

function differs(state: ActionState): Rejection {
  return refuse('action-differs', 'this is not the action that stands at the gate: look at it again', {
    hash: state.hash,
  });
}

function notAPerson(person: Person): Rejection | undefined {
  return person.kind === 'human' ? undefined : new Rejection('forbidden', 'not-a-person', 'only a person may do this');
}
