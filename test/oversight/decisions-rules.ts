/** What must hold of a log of decisions, whatever was asked of them. */
import type { Commit } from '../../domain/kernel/commit';
import { commitRef, parseCommitRef, parseStream } from '../../domain/kernel/ids';
import { plusSeconds, secondsBetween } from '../../domain/kernel/time';
import type { ActionEvent } from '../../domain/oversight/action';
import type { ApprovalEvent } from '../../domain/oversight/approval';
import { severityOf } from '../../domain/oversight/oversight';
import type { RoundEvent } from '../../domain/oversight/round';
import { TENANT } from '../support/stage';
import { GROUP_SECONDS } from './decisions-steps';

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
export interface Absence {
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
export function brokenRules(log: readonly Commit[], absences: readonly Absence[]): string[] {
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
