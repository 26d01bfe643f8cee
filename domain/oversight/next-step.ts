/**
 * The process of an action at the gate: which step follows from its state and from the states it depends on.
 *
 * One turn takes steps until the action has changed, or nothing is left to do. A step that needs a state it does not
 * have is preceded by a `look` at it, so only what counts is loaded. What came of the steps of a turn is an input of
 * the next one, refusals included; no step but a look is taken twice in a turn.
 */
import { Rejection } from '../kernel/decider';
import { type Difference, differences } from '../kernel/json-diff';
import { cut } from '../kernel/text';
import type { Time } from '../kernel/time';
import { isAlive, type TaskState } from '../market/task';
import type { ActionState, HeldFor, OpenChallenge, Proposal } from './action';
import { type AgentInput, type ApprovalState, MAX_SAYS } from './approval';
import { decideOversight, type OversightAnswer, type OversightRules, type RoundRules } from './oversight';
import { choiceOf, DEFAULT_CHOICES, type RoundState } from './round';
import { type Ended, NOBODY, reasonOf, UPHOLD } from './verdict';

const [APPROVE, REJECT] = DEFAULT_CHOICES;
/** For a veto when the rules that opened its window have lost their `veto_seconds` meanwhile. */
const VETO_SECONDS = 3_600;

/**
 * What can be looked at: the verdict on the challenge; how a challenge ends that is late; the rules of the action's
 * kind; the round or the approval that it is held for; the task that waits for it.
 */
export type Sight = 'verdict' | 'late' | 'rules' | 'round' | 'approval' | 'task';

export type Step =
  /** Nothing is to be done now. */
  | { readonly do: 'wait' }
  | { readonly do: 'look'; readonly at: Sight }
  /** Those who decide on the challenge have until then. */
  | { readonly do: 'extendChallenge'; readonly round: string; readonly until: Time }
  | {
      readonly do: 'settleChallenge';
      readonly round: string;
      readonly upheld: boolean;
      readonly reason: string;
      readonly lapsed?: true;
    }
  | {
      readonly do: 'clear';
      readonly by: 'rules' | 'round' | 'approval';
      readonly ref?: string;
      readonly hash: string;
      readonly oversight?: OversightAnswer;
    }
  | { readonly do: 'openVeto'; readonly seconds: number; readonly oversight?: OversightAnswer }
  /** The veto window is over, if its time is by `now`. */
  | { readonly do: 'closeVeto'; readonly now: Time }
  | { readonly do: 'askAgents'; readonly rules: RoundRules }
  /** `inputs`: what the agents said. */
  | { readonly do: 'askPeople'; readonly rules: OversightRules; readonly inputs: readonly AgentInput[] }
  /** Opens the approval `of` again; `ref` names this opening. */
  | { readonly do: 'askAgain'; readonly of: string; readonly ref: string; readonly reason: string }
  | { readonly do: 'hold'; readonly for: HeldFor; readonly ref: string; readonly oversight?: OversightAnswer }
  /** People overrode the round: what they said is carried out. */
  | { readonly do: 'overrideRound'; readonly round: RoundState }
  | {
      readonly do: 'edit';
      readonly from_hash: string;
      readonly action: unknown;
      readonly changes: readonly Difference[];
      readonly by: string;
      readonly ref: string;
    }
  | { readonly do: 'refuse'; readonly by: string; readonly ref?: string; readonly reason: string }
  /** What it was for is over. */
  | { readonly do: 'abandon'; readonly reason: string }
  /** Nothing more is asked about the action. */
  | { readonly do: 'endQuestions'; readonly reason: string }
  /** Takes the cleared action: it is for a task, or a command. */
  | { readonly do: 'carryOut'; readonly hash: string }
  /** Gives the command that the action is. */
  | { readonly do: 'giveCommand' }
  /** The task may be done, as it stands or as people `edited` it. */
  | { readonly do: 'clearTask'; readonly target: string; readonly edited: boolean }
  | { readonly do: 'stopTask'; readonly target: string; readonly reason: string }
  /** Stopping the task has undone the action; `ref` says so. */
  | { readonly do: 'compensated'; readonly ref: string }
  /** The task had ended before anybody worked at it. */
  | { readonly do: 'notCarriedOut'; readonly ref: string; readonly reason: string };

/** What is known in this turn. */
export interface Known {
  /** Up to which lost time was given back: what is late is judged by it. */
  readonly now: Time;
  /** The receipt that led here, if one did. */
  readonly because?: string;
  /** The steps that were taken and have left the action as it was: a rejection where one was refused. */
  readonly tried: Readonly<Partial<Record<Step['do'], Rejection | 'done'>>>;

  /** `is`: undefined while there is none. */
  readonly verdict?: { readonly is: string | undefined };
  readonly late?: Ended;
  readonly rules?: OversightRules;
  readonly round?: RoundState;
  readonly approval?: ApprovalState;
  /** `ref`: its latest receipt. */
  readonly task?: { readonly state: TaskState; readonly ref: string };

  /** The receipt that opened the agents' round. */
  readonly opened?: string;
  /** The approval after people were asked; `refused`: why they were not asked by this. */
  readonly asked?: { readonly approval: ApprovalState; readonly refused?: Rejection };
  /** The receipt that opened the approval again. */
  readonly asked_again?: string;
  /** The receipt by which the task was stopped. */
  readonly stopped?: string;
}

/** An action that was proposed. */
type Proposed = ActionState & { readonly proposal: Proposal };

const WAIT: Step = { do: 'wait' };

/** The step that follows. It ends: each answer to a step adds to what is known. */
export function nextStep(state: ActionState, known: Known): Step {
  const { proposal } = state;
  if (proposal === undefined) return WAIT;
  const step = doubtStep(state, known) ?? statusStep({ ...state, proposal }, known);
  return known.tried[step.do] === undefined ? step : WAIT;
}

/**
 * What is known after a step that has left the action as it was.
 * @param came what the step has found, or why it was refused
 */
export function learnt(known: Known, step: Step, came: Partial<Known> | Rejection): Known {
  const tried = { ...known.tried, [step.do]: came instanceof Rejection ? came : ('done' as const) };
  return came instanceof Rejection ? { ...known, tried } : { ...known, ...came, tried };
}

/** A challenge is settled first; undefined where it has no say on what comes next. */
function doubtStep(state: ActionState, known: Known): Step | undefined {
  const { challenge } = state;
  const { tried } = known;
  if (challenge === undefined || tried.settleChallenge !== undefined || tried.extendChallenge !== undefined)
    return undefined;
  const { verdict, late, now } = known;
  if (verdict === undefined) return { do: 'look', at: 'verdict' };
  if (verdict.is !== undefined) return settlement(state, challenge, verdict.is);
  if (challenge.until > now) return undefined;
  if (late === undefined) return { do: 'look', at: 'late' };
  if ('until' in late) return { do: 'extendChallenge', round: challenge.round, until: late.until };
  return settlement(state, challenge, late.verdict, late.verdict === NOBODY ? true : undefined);
}

/** Silence neither takes an action nor undoes one. */
function settlement(state: ActionState, { round }: OpenChallenge, verdict: string, lapsed?: true): Step {
  const upheld = verdict === NOBODY ? state.status !== 'executed' : verdict === UPHOLD;
  return { do: 'settleChallenge', round, upheld, reason: reasonOf(verdict, round), lapsed };
}

function statusStep(state: Proposed, known: Known): Step {
  switch (state.status) {
    case 'proposed':
      return onItsPath(state, known);
    case 'returned':
      return askPeople(state, known);
    case 'held':
      return state.held?.for === 'round' ? afterRound(state, known) : afterApproval(state, known);
    case 'veto_window':
      return { do: 'closeVeto', now: known.now };
    case 'cleared':
      return afterClearance(state, known);
    case 'executed':
      return afterExecution(state, known);
    case 'refused':
    case 'vetoed':
      return callOff(state, known);
    case 'unknown':
      return WAIT;
  }
}

/** On the path that the rules answered. */
function onItsPath(state: Proposed, known: Known): Step {
  const { path } = state.proposal.oversight;
  if (path === 'act') return { do: 'clear', by: 'rules', hash: state.hash };
  const { rules, opened, tried } = known;
  if (rules === undefined) return { do: 'look', at: 'rules' };
  if (path === 'veto_window') return openVeto(rules);
  if (path === 'approval' || rules.round === undefined || tried.askAgents instanceof Rejection)
    return askPeople(state, known);
  return opened === undefined ? { do: 'askAgents', rules: rules.round } : { do: 'hold', for: 'round', ref: opened };
}

/** The agents' answer is one more input of the rules; a clear no stands. */
function afterRound(state: Proposed, known: Known): Step {
  const ref = state.held?.ref as string;
  const { round, rules, tried } = known;
  if (round === undefined) return { do: 'look', at: 'round' };
  if (round.status === 'open' || round.status === 'unknown') return WAIT;
  // A person's word is no vote of agents: it is bound to the rules of an override, and where these refuse it, people
  // are asked.
  if (round.override !== undefined) {
    if (tried.overrideRound === undefined) return { do: 'overrideRound', round };
    const { by, choice, reason } = round.override;
    const said: AgentInput = { by, says: cut(`overrode the round with ${choice}: ${reason}`, MAX_SAYS) };
    return askPeople(state, known, { inputs: [...inputsOf(round), said] });
  }
  const choice = choiceOf(round);
  if (choice === REJECT) return { do: 'refuse', by: 'round', ref, reason: 'the agents decided against it' };
  if (rules === undefined) return { do: 'look', at: 'rules' };
  const consensus_score = choice === APPROVE ? (round.tally?.score ?? 0) : 0;
  const oversight = decideOversight({ ...state.proposal.oversight.input, consensus_score }, rules);
  if (oversight.path === 'act') return { do: 'clear', by: 'round', ref, hash: state.hash, oversight };
  if (oversight.path === 'veto_window') return openVeto(rules, oversight);
  return askPeople(state, known, { oversight, inputs: inputsOf(round) });
}

function openVeto({ veto_seconds: seconds = VETO_SECONDS }: OversightRules, oversight?: OversightAnswer): Step {
  return { do: 'openVeto', seconds, oversight };
}

function askPeople(
  state: Proposed,
  known: Known,
  after: { readonly oversight?: OversightAnswer; readonly inputs: readonly AgentInput[] } = { inputs: [] },
): Step {
  const { rules, asked, because } = known;
  if (rules === undefined) return { do: 'look', at: 'rules' };
  if (asked === undefined) return { do: 'askPeople', rules, inputs: after.inputs };
  const { approval, refused } = asked;
  // It was asked before, about what the action was then.
  if (state.refs.includes(approval.opened_ref) && because !== undefined) {
    const reason = 'the action came back: it was changed, or policy has become stricter';
    const again = { of: approval.opened_ref, ref: because, reason, otherwise: 'oversight' };
    return askAgain(state, known, again, after.oversight);
  }
  if (refused !== undefined && approval.request === undefined)
    return { do: 'refuse', by: 'oversight', ref: state.held?.ref, reason: `nobody could be asked: ${refused.message}` };
  return holdForApproval(state, known, approval.opened_ref, after.oversight);
}

/** @param again `otherwise`: in whose name the action is refused where nobody can be asked again */
function askAgain(
  state: Proposed,
  known: Known,
  again: { readonly of: string; readonly ref: string; readonly reason: string; readonly otherwise: string },
  oversight?: OversightAnswer,
): Step {
  const { of, ref, reason, otherwise } = again;
  const { tried, asked_again } = known;
  if (tried.askAgain instanceof Rejection)
    return { do: 'refuse', by: otherwise, ref: state.held?.ref, reason: tried.askAgain.message };
  return asked_again === undefined
    ? { do: 'askAgain', of, ref, reason }
    : holdForApproval(state, known, asked_again, oversight);
}

/** Nothing waits for ever: what was held too often is refused. */
function holdForApproval(state: Proposed, { tried }: Known, ref: string, oversight?: OversightAnswer): Step {
  const { hold } = tried;
  return hold instanceof Rejection && hold.code === 'held-too-often'
    ? { do: 'refuse', by: 'oversight', ref: state.held?.ref, reason: hold.message }
    : { do: 'hold', for: 'approval', ref, oversight };
}

function afterApproval(state: Proposed, known: Known): Step {
  const ref = state.held?.ref as string;
  const { approval } = known;
  if (approval === undefined) return { do: 'look', at: 'approval' };
  // It was opened again, and whoever did so could not say it here any more.
  if (approval.opened_ref !== ref) return holdForApproval(state, known, approval.opened_ref);
  if (approval.status !== 'closed') return WAIT;
  const { outcome, request, rejected } = approval;
  switch (outcome) {
    case 'approved':
      return afterApproved(state, approval, ref);
    case 'defaulted': {
      const reason = nobodyDecided(approval);
      if (request?.safe_default !== 'postpone') return { do: 'refuse', by: 'safe-default', ref, reason };
      // Anew with the whole time again, as often as an approval can be opened.
      return askAgain(state, known, { of: ref, ref, reason: `${reason}: postponed`, otherwise: 'safe-default' });
    }
    case 'rejected':
      return { do: 'refuse', by: rejected?.by as string, ref, reason: rejected?.reason as string };
    case 'withdrawn':
      return { do: 'refuse', by: request?.requester as string, ref, reason: 'it was withdrawn' };
    default:
      return WAIT;
  }
}

/** What people corrected is taken over first, then it is cleared. */
function afterApproved(state: Proposed, { hash, edit }: ApprovalState, ref: string): Step {
  if (edit?.hash !== hash || hash === state.hash) return { do: 'clear', by: 'approval', ref, hash };
  const { action, by } = edit;
  // Of several corrections the last says only what it changed of the one before.
  return { do: 'edit', from_hash: state.hash, action, changes: differences(state.proposal.action, action), by, ref };
}

/** What has a target, or is a command, the gate carries out; anything else waits for whoever proposed it to do it. */
function afterClearance(state: Proposed, known: Known): Step {
  const { task, tried } = known;
  const { cleared, override, challenge } = state;
  if (cleared?.by === 'override' && tried.endQuestions === undefined) {
    const reason = override === undefined ? 'a person cleared it' : `${override.by} cleared it: ${override.reason}`;
    return { do: 'endQuestions', reason };
  }
  if (challenge !== undefined) return WAIT;
  if (state.proposal.command !== undefined) return { do: 'carryOut', hash: cleared?.hash as string };
  if (state.proposal.target === undefined) return WAIT;
  if (task === undefined) return { do: 'look', at: 'task' };
  // The task may have ended since, and what it was to do is not done then.
  if (!isAlive(task.state)) return { do: 'abandon', reason: `the task is ${task.state.status}` };
  return { do: 'carryOut', hash: cleared?.hash as string };
}

/** A task that is not done yet is undone by stopping it; what was done already is for people to undo. */
function afterExecution(state: Proposed, known: Known): Step {
  const { tried, stopped } = known;
  const { compensation, proposal, given } = state;
  const { target, command } = proposal;
  if (command !== undefined && given === undefined && compensation === undefined) return { do: 'giveCommand' };
  if (target === undefined || compensation?.due === false) return WAIT;
  if (compensation === undefined && tried.clearTask === undefined)
    return { do: 'clearTask', target, edited: state.hash !== state.proposed_hash };
  if (compensation !== undefined && tried.stopTask === undefined)
    return { do: 'stopTask', target, reason: compensation.reason };
  return stopped === undefined ? neverBegun(known) : { do: 'compensated', ref: stopped };
}

/**
 * The task may have ended after the last look at it and before the action was let go, or before anybody held it: then
 * nothing was carried out.
 */
function neverBegun({ task }: Known): Step {
  if (task === undefined) return { do: 'look', at: 'task' };
  const { status, awards, ended } = task.state;
  if (isAlive(task.state) || awards > 0) return WAIT;
  const why = ended === undefined ? '' : `: ${ended.reason}`;
  const reason = cut(`nothing was carried out, and nothing is to be undone: the task is ${status}${why}`, 1_000);
  return { do: 'notCarriedOut', ref: task.ref, reason };
}

/** Nothing more is asked about an action that was stopped, and nothing waits for it. */
function callOff({ proposal, stopped }: Proposed, { tried }: Known): Step {
  const reason = stopped?.reason ?? 'it was stopped';
  if (tried.endQuestions === undefined) return { do: 'endQuestions', reason };
  return proposal.target === undefined ? WAIT : { do: 'stopTask', target: proposal.target, reason };
}

/** Why the safe default holds: who was asked, and until when. */
function nobodyDecided({ request, ends }: ApprovalState): string {
  return `nobody of ${request?.ladder.map(({ group }) => group).join(', ')} decided by ${ends.at(-1)}`;
}

/** What the agents said, in few lines: the count, then those who dissented. */
export function inputsOf({ tally }: RoundState): AgentInput[] {
  if (tally === undefined) return [];
  const counted = tally.choices.map(({ choice, share }) => `${choice} ${Math.round(share * 1000) / 10} %`).join(', ');
  const says = tally.quorum_met
    ? `the agents voted: ${counted}`
    : `no quorum; those who voted: ${counted === '' ? 'none' : counted}`;
  return [
    { by: 'round', says, confidence: tally.mean_confidence },
    ...tally.dissent.slice(0, 8).map(({ voter, choice, confidence, reasoning }) => ({
      by: voter,
      says: cut(`${choice}: ${reasoning}`, MAX_SAYS),
      confidence,
    })),
  ];
}
