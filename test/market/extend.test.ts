/**
 * People's time: what was left of it when whoever holds it went away is left when it is back, once, and is on the
 * receipt.
 */
import { Watchdog } from '../../app/engine/watchdog';
import { type Commit, seal } from '../../domain/kernel/commit';
import type { Decider, Decision, Event } from '../../domain/kernel/decider';
import { type Excuse, plusSeconds, type Time, toMillis } from '../../domain/kernel/time';
import {
  actionDecider,
  extend as extendWindow,
  openVetoWindow,
  propose,
  timePassed as windowPassed,
} from '../../domain/oversight/action';
import {
  approvalDecider,
  approve,
  extend as extendApproval,
  request,
  timePassed as approvalPassed,
} from '../../domain/oversight/approval';
import { castVote, extend as extendRound, open, recomputeRound, roundDecider } from '../../domain/oversight/round';
import { META } from '../support/commits';
import { given } from '../support/given';

const NOW = '2026-11-21T10:00:00.000Z';
const later = (seconds: number): Time => plusSeconds(NOW, seconds);

/** Away from the 20th to the 80th second. */
const watchdog = new Watchdog({ now: () => toMillis(NOW) }, () => undefined);
watchdog.wasAway(toMillis(later(20)), toMillis(later(80)));
const AWAY: Excuse = watchdog.excused;
const HERE: Excuse = (_, end) => end;

function events<S, E extends Event>(
  decider: Decider<S, E>,
  history: readonly E[],
  decision: Decision<S, E>,
): readonly E[] {
  let made: readonly E[] = [];
  given(decider, history).thenState((state) => void (made = decision(state) as readonly E[]));
  return made;
}

function commitsOf(stream: string, parts: readonly (readonly Event[])[]): Commit[] {
  let previousHash: string | null = null;
  return parts.map((part, index) => {
    const { commit } = seal({ at: later(index), events: part, index, meta: META, previousHash, stream });
    previousHash = commit.hash;
    return commit;
  });
}

const voters = ['ann', 'bob', 'cid'].map((id) => ({ id, why: 'asked' }));
const electorate = { algorithm: 'simple_majority', voters, min_agreement: 0.5, quorum: 0.1 } as const;
const spec = {
  question: 'Which?',
  kind: 'policy',
  impact: 'low',
  choices: ['approve', 'reject'],
  deadline: later(30),
  round_seconds: 30,
  improvement_rounds: 0,
  allow_change: false,
} as const;
const opening = { spec, electorate, opened_by: 'eve' } as never;

describe('a round', () => {
  const opened = events(roundDecider, [], open(opening, NOW));
  const extended = { type: 'RoundExtended', v: 1, data: { deadline: later(90), extended_at: later(81) } } as const;

  test('whose deadline passed meanwhile is open for what was left, and not once more', () => {
    given(roundDecider, opened)
      .when(extendRound(AWAY, later(81)))
      .then([extended]);
    given(roundDecider, opened)
      .when(extendRound(HERE, later(81)))
      .thenNothing();
    given(roundDecider, opened)
      .when(extendRound(AWAY, later(29)))
      .thenNothing();
    given(roundDecider, [...opened, extended])
      .when(extendRound(AWAY, later(90)))
      .thenNothing();
  });

  test('that was given time takes votes, and counts again offline', () => {
    const snapshot = roundDecider.evolve(roundDecider.initial, opened[0] as never, {
      stream: 'acme/round/r',
      index: 0,
      at: NOW,
      correlationId: 'c',
    }).electorate_hash;
    const vote = (voter: string) =>
      castVote({ voter, choice: 'approve', confidence: 1, reasoning: 'yes', snapshot, pass: 1 }, later(85));
    const first = events(roundDecider, [...opened, extended], vote('ann'));
    const second = events(roundDecider, [...opened, extended, ...first], vote('bob'));
    const commits = commitsOf('acme/round/r', [opened, [extended], first, second]);
    expect(recomputeRound(commits)).toMatchObject({ agrees: true, faults: [] });
    // Less time than there was is no extension.
    const less = { ...extended, data: { ...extended.data, deadline: later(10) } };
    expect(recomputeRound(commitsOf('acme/round/r', [opened, [less], first, second]))).toMatchObject({ agrees: false });
    given(roundDecider, opened).when(vote('ann')).thenRejected('vote-late');
  });
});

test('an approval that is looked at after the time given back to its first group has what was left of the others', () => {
  const ladder = [
    { group: 'a', seconds: 30, members: [] },
    { group: 'b', seconds: 5, members: [] },
  ];
  const asked = {
    action: 'acme/action/a',
    kind: 'k',
    hash: 'a'.repeat(64),
    summary: 's',
    requester: 'eve',
    why: 'w',
    impact: 'low',
    risk: 0,
    policy: { bundle: 'b', decision: 'allow' },
    inputs: [],
    safe_default: 'refuse',
    ladder,
  } as never;
  const opened = events(approvalDecider, [], request(asked, NOW));
  const extended = {
    type: 'ApprovalExtended',
    v: 1,
    data: { ends: [later(90), later(95)], extended_at: later(92) },
  } as const;
  given(approvalDecider, opened)
    .when(extendApproval(AWAY, later(92)))
    .then([extended])
    .thenRepeatedNothing();
  given(approvalDecider, [...opened, extended])
    .when(approvalPassed(later(92)))
    .thenState(({ status, level }) => status === 'waiting' && level === 1);
});

describe('an approval', () => {
  const ladder = [
    { group: 'a', seconds: 30, members: ['human:ada'] },
    { group: 'b', seconds: 600, members: ['human:bea'] },
  ];
  const hash = 'a'.repeat(64);
  const asked = (deadline?: Time) =>
    ({
      action: 'acme/action/a',
      kind: 'k',
      hash,
      summary: 's',
      requester: 'eve',
      why: 'w',
      impact: 'low',
      risk: 0,
      policy: { bundle: 'b', decision: 'allow' },
      inputs: [],
      safe_default: 'refuse',
      ladder,
      deadline,
    }) as never;
  const open30 = events(approvalDecider, [], request(asked(later(30)), NOW));
  const extended = {
    type: 'ApprovalExtended',
    v: 1,
    data: { ends: [later(90), later(630)], extended_at: later(81) },
  } as const;
  const opened = events(approvalDecider, [], request(asked(), NOW));

  test('whose turn ended meanwhile waits for the same group for what was left, and not once more', () => {
    given(approvalDecider, opened)
      .when(extendApproval(AWAY, later(81)))
      .then([extended]);
    given(approvalDecider, [...opened, extended])
      .when(extendApproval(AWAY, later(90)))
      .thenNothing();
    given(approvalDecider, [...opened, extended])
      .when(approvalPassed(later(81)))
      .thenNothing();
    given(approvalDecider, opened)
      .when(extendApproval(HERE, later(81)))
      .thenNothing();
  });

  test('is decided in the time that was given, and does not outlast what was asked for', () => {
    const ada = { by: 'human:ada', kind: 'human' } as const;
    given(approvalDecider, [...opened, extended])
      .when(approve(ada, { hash, reason: 'fine' }, later(85)))
      .thenState(({ outcome }) => outcome === 'approved');
    given(approvalDecider, open30)
      .when(extendApproval(AWAY, later(81)))
      .thenNothing();
    given(approvalDecider, open30)
      .when(approvalPassed(later(81)))
      .thenState(({ outcome }) => outcome === 'defaulted');
  });
});

test('a veto window that closed meanwhile is open for what was left, and not once more', () => {
  const features = {};
  const oversight = { path: 'veto_window', reasons: [], input: {} } as never;
  const proposal = {
    kind: 'k',
    action: 1,
    proposed_by: 'eve',
    why: 'w',
    confidence: 1,
    impact: 'low',
    risk: 0,
    features,
    oversight,
    policy: { bundle: 'b', decision: 'allow' },
  } as never;
  const proposed = events(actionDecider, [], propose(proposal));
  const opened = [...proposed, ...events(actionDecider, proposed, openVetoWindow(30, NOW))];
  const extended = { type: 'VetoWindowExtended', v: 1, data: { until: later(90), extended_at: later(81) } } as const;
  given(actionDecider, opened)
    .when(extendWindow(AWAY, later(81)))
    .then([extended]);
  given(actionDecider, opened)
    .when(extendWindow(HERE, later(81)))
    .thenNothing();
  given(actionDecider, [...opened, extended])
    .when(windowPassed(later(89)))
    .thenNothing();
});
