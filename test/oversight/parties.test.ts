/** Parties at every door, by one table: each is refused, and who has no part in it is not refused for that. */
import fc from 'fast-check';
import { type Decider, type Event, Rejection } from '../../domain/kernel/decider';
import { type Principal, spokenFor } from '../../domain/kernel/principal';
import {
  actionDecider,
  type ActionEvent,
  actionHash,
  challenge,
  override as overrideAction,
  veto,
} from '../../domain/oversight/action';
import {
  approvalDecider,
  type ApprovalEvent,
  type ApprovalRequest,
  approve,
  ask,
  claim,
  reject,
  request,
} from '../../domain/oversight/approval';
import { type Electorate, electorateProblems } from '../../domain/oversight/consensus';
import { electorateHash } from '../../domain/oversight/consensus';
import { decideOversight, DEFAULT_RULES } from '../../domain/oversight/oversight';
import {
  barred,
  challengeParties,
  type Door,
  DOORS,
  eachOnce,
  MAX_PARTIES,
  type Party,
  type Role,
  ROLES,
  withoutParties,
} from '../../domain/oversight/parties';
import {
  cancel,
  castVote,
  open,
  override as overrideRound,
  roundDecider,
  type RoundEvent,
  type RoundState,
} from '../../domain/oversight/round';

const NOW = '2026-11-21T10:00:00.000Z';
const LATER = '2026-11-21T10:00:01.000Z';
const ACTION = { amount: 40 };
const HASH = actionHash('erp.order', ACTION);
const human = (by: string) => ({ by, kind: 'human' as const, groups: ['approvers'] });

function fold<S, E extends Event>(decider: Decider<S, E>, events: readonly E[]): S {
  return events.reduce(
    (state, event, index) =>
      decider.evolve(state, event, { stream: `acme/${decider.category}/x`, index, at: NOW, correlationId: 'c' }),
    decider.initial,
  );
}
function events<E>(answer: readonly E[] | Rejection): readonly E[] {
  if (answer instanceof Rejection) throw new Error(answer.message);
  return answer;
}

// A round with two judges; every party named so is also asked, as an opening of an older version may say.
const roundOf = (parties: readonly Party[], closed: boolean) => {
  const ids = [...new Set(['judge', ...parties.map(({ id }) => id)])];
  const electorate: Electorate = {
    algorithm: 'simple_majority',
    voters: ids.map((id) => ({ id, why: 'asked' })),
    min_agreement: 0.75,
    quorum: 0.6,
  };
  const spec = {
    question: 'Right?',
    kind: 'challenge',
    impact: 'low',
    choices: ['uphold', 'dismiss'],
    deadline: '2026-11-21T11:00:00.000Z',
    round_seconds: 600,
    improvement_rounds: 0,
    allow_change: false,
  } as const;
  const opened = events(open({ spec, electorate, opened_by: 'oversight', parties }, NOW)(roundDecider.initial));
  const end: RoundEvent[] = closed
    ? [
        {
          type: 'RoundClosed',
          v: 1,
          data: {
            outcome: 'no_agreement',
            tally: { choices: [], dissent: [] } as never,
            early: true,
            electorate_hash: electorateHash(electorate),
          },
        },
      ]
    : [];
  return {
    state: fold(roundDecider, [...opened, ...end]),
    vote: (voter: string, via?: string) =>
      castVote(
        { voter, via, choice: 'uphold', confidence: 1, reasoning: 'so', snapshot: electorateHash(electorate), pass: 1 },
        LATER,
      ),
  };
};

const asked: ApprovalRequest = {
  action: 'acme/action/a1',
  kind: 'erp.order',
  hash: HASH,
  summary: 'buy',
  requester: 'asker',
  why: 'low',
  impact: 'low',
  risk: 0,
  policy: { bundle: 'b', decision: 'allow' },
  inputs: [],
  safe_default: 'refuse',
  // Everybody is a deputy: that makes nobody less of a party.
  ladder: [{ group: 'approvers', members: [], deputies: ['p', 'asker'], seconds: 600 }],
};
const approvalOf = (parties: readonly Party[]) =>
  fold(approvalDecider, events<ApprovalEvent>(request({ ...asked, parties }, NOW)(approvalDecider.initial)));

const actionOf = (proposer: string, challengers: readonly string[]) => {
  const input = {
    kind: 'erp.order',
    confidence: 0.9,
    impact: 'low',
    risk: 0,
    policy: { decision: 'allow', reasons: [] },
    novelty: { distance: 0, known: true },
  } as const;
  const proposal = {
    kind: 'erp.order',
    action: ACTION,
    proposed_by: proposer,
    why: 'low',
    confidence: 0.9,
    impact: 'low',
    risk: 0,
    features: {},
    oversight: decideOversight(input, DEFAULT_RULES),
    policy: { bundle: 'b', decision: 'allow' },
  } as const;
  const doubts = challengers.flatMap((by, i): ActionEvent[] => [
    { type: 'ActionChallenged', v: 1, data: { by, round: `r${i}`, reason: 'no' } },
    { type: 'ChallengeDismissed', v: 1, data: { round: `r${i}` } },
  ]);
  return fold(actionDecider, [
    { type: 'ActionProposed', v: 1, data: { ...proposal, hash: HASH } },
    { type: 'VetoWindowOpened', v: 1, data: { until: LATER } },
    ...doubts,
  ]);
};

/** Every decision that a door leads to, asked by `who`, where `who` has this role. */
const AT: Record<Exclude<Door, 'challenge'>, (role: Role, who: string) => readonly unknown[]> = {
  vote: (role, who) => {
    const { state, vote } = roundOf([{ id: 'p', role }], false);
    return who === 'p' ? [vote('p')(state)] : [vote('judge')(state)];
  },
  cancel: (role, who) => [cancel({ id: who }, 'no need', NOW)(roundOf([{ id: 'p', role }], false).state)],
  override: (role, who) =>
    ['uphold', 'dismiss'].map((choice) =>
      overrideRound({ id: who, kind: 'human' }, choice, 'so')(roundOf([{ id: 'p', role }], true).state),
    ),
  decide: (role, who) => {
    const state = approvalOf([{ id: 'p', role }]);
    const edit = { before: ACTION, action: { amount: 1 } };
    return [
      approve(human(who), { hash: HASH, reason: 'so' }, LATER)(state),
      approve(human(who), { hash: HASH, reason: 'so', edit }, LATER)(state),
      approve(human(who), { hash: HASH, reason: 'so', bulk: true }, LATER)(state),
      reject(human(who), { hash: HASH, reason: 'so' }, LATER)(state),
      claim(human(who), LATER, 60)(state),
      ask(human(who), 'why?', LATER)(state),
    ];
  },
  allow: (role, who) => [
    overrideAction(human(who), 'allow', 'so')(role === 'proposer' ? actionOf('p', []) : actionOf('bot', ['p'])),
  ],
  stop: (role, who) => {
    const state = role === 'proposer' ? actionOf('p', []) : actionOf('bot', ['p']);
    return [veto(human(who), 'so')(state), overrideAction(human(who), 'refuse', 'so')(state)];
  },
};

/** What each role is kept out of, said once more in words: a change of the table is a change of this test. */
const KEPT_OUT: Record<Door, readonly Role[]> = {
  vote: ['proposer', 'challenger', 'holder', 'editor', 'decider'],
  cancel: ['proposer', 'challenger', 'holder', 'editor', 'decider'],
  override: ['proposer', 'opener', 'challenger', 'holder', 'editor', 'decider'],
  decide: ['proposer', 'opener', 'requester', 'challenger', 'holder', 'editor', 'decider'],
  allow: ['proposer', 'challenger'],
  stop: ['challenger'],
  challenge: ['proposer', 'holder'],
};
const all = DOORS.flatMap((door) => ROLES.map((role) => ({ door, role, out: KEPT_OUT[door].includes(role) })));

test.each(all)('$door, as $role', ({ door, role, out }) => {
  const answer = barred(
    [
      { id: 'other', role: 'proposer' },
      { id: 'p', role },
    ],
    'p',
    door,
  );
  expect(answer?.kind).toBe(out ? 'forbidden' : undefined);
  expect(barred([{ id: 'p', role }], 'stranger', door)).toBeUndefined();
});

const doors = Object.keys(AT) as (keyof typeof AT)[];
const standing = (door: keyof typeof AT): readonly Role[] =>
  door === 'allow' || door === 'stop' ? ['proposer', 'challenger'] : ROLES;
test.each(doors.flatMap((door) => standing(door).map((role) => ({ door, role }))))(
  'the door $door asks for the $role',
  ({ door, role }) => {
    for (const answer of AT[door](role, 'p'))
      expect(answer instanceof Rejection && /-may-not-decide$/.test(answer.code)).toBe(KEPT_OUT[door].includes(role));
    for (const answer of AT[door](role, 'stranger')) expect(answer).not.toBeInstanceOf(Rejection);
  },
);

/** Every decision that somebody comes to who is no person, asked by `judge`, for whom `via` speaks. */
const SPOKEN_FOR: Record<'vote' | 'cancel' | 'challenge', (role: Role, via: string) => unknown> = {
  vote: (role, via) => {
    const { state, vote } = roundOf([{ id: 'human:p', role }], false);
    return vote('judge', via)(state);
  },
  cancel: (role, via) =>
    cancel({ id: 'service:judge', via }, 'no need', NOW)(roundOf([{ id: 'human:p', role }], false).state),
  challenge: (role, via) =>
    challenge({ by: 'judge', via, round: 'r9', reason: 'so', until: LATER })(
      role === 'proposer' ? actionOf('human:p', []) : actionOf('bot', ['human:p']),
    ),
};

test.each(
  (['vote', 'cancel', 'challenge'] as const).flatMap((door) =>
    (door === 'challenge' ? (['proposer', 'challenger'] as const) : ROLES).map((role) => ({ door, role })),
  ),
)('the door $door asks for the $role who speaks for whoever comes', ({ door, role }) => {
  const answer = SPOKEN_FOR[door](role, 'human:p');
  if (KEPT_OUT[door].includes(role))
    expect(answer).toMatchObject({ message: expect.stringMatching(/^human:p, who speaks for you, /) });
  else expect(answer).not.toBeInstanceOf(Rejection);
  for (const other of ['human:q', 'human:owner', 'service:p'])
    expect(SPOKEN_FOR[door](role, other)).not.toBeInstanceOf(Rejection);
});

test('a gateway that is a party hands on what its agents vote, and a person who is one votes by no gateway', () => {
  const gateway: Principal = { tenant: 'acme', id: 'service:gw', kind: 'service', level: 'execute' };
  const votes = (party: string, as: Principal) => {
    const { state, vote } = roundOf([{ id: party, role: 'proposer' }], false);
    return vote('judge', as.behind ?? as.via)(state);
  };
  expect(votes('service:gw', spokenFor(gateway, 'judge'))).not.toBeInstanceOf(Rejection);
  const hers = spokenFor({ ...gateway, via: 'human:p' }, 'judge');
  expect(hers.via).toBe('service:gw');
  expect(votes('human:p', hers)).toMatchObject({ code: 'requester-may-not-decide' });
});

const NAMES = ['human:p', 'service:p', 'P', 'Human:P', 'human:service:p'];
test.each(doors.flatMap((door) => standing(door).map((role) => ({ door, role }))))(
  'the door $door knows the $role under every name',
  ({ door, role }) => {
    for (const name of NAMES) {
      // A voter is found by its exact id first: whom nobody asked has no vote under any name.
      for (const answer of door === 'vote' ? [] : AT[door](role, name))
        expect(answer instanceof Rejection && /-may-not-decide$/.test(answer.code)).toBe(KEPT_OUT[door].includes(role));
      expect(withoutParties({ voters: [{ id: name, why: 'asked' }] }, [{ id: 'p', role }]).voters).toHaveLength(
        KEPT_OUT.vote.includes(role) ? 0 : 1,
      );
    }
  },
);

describe('one person under several names is one person', () => {
  test.each(NAMES)('who asked for an override as p does not confirm it as %s', (name) => {
    const { state } = roundOf([], true);
    const critical = {
      ...state,
      spec: { ...(state.spec as NonNullable<typeof state.spec>), impact: 'critical' as const },
    };
    const first = events(overrideRound({ id: 'p', kind: 'human' }, 'uphold', 'so')(critical));
    const asked = first.reduce<RoundState>(
      (before, event) =>
        roundDecider.evolve(before, event, { stream: 'acme/round/x', index: 2, at: NOW, correlationId: 'c' }),
      critical,
    );
    expect(
      events(overrideRound({ id: name, kind: 'human' }, 'uphold', 'so')(asked)).map(({ type }) => type),
    ).not.toContain('OutcomeOverridden');
    expect(events(overrideRound({ id: 'q', kind: 'human' }, 'uphold', 'so')(asked))).toMatchObject([
      { type: 'OutcomeOverridden', data: { with: ['p'] } },
    ]);
  });

  test.each(NAMES)('who approved as p does not give the second approval as %s', (name) => {
    const critical = {
      ...asked,
      impact: 'critical' as const,
      ladder: [{ group: 'approvers', members: [], seconds: 600 }],
    };
    const opened = events<ApprovalEvent>(request(critical, NOW)(approvalDecider.initial));
    const state = fold(approvalDecider, [
      ...opened,
      ...events(approve(human('p'), { hash: HASH, reason: 'so' }, LATER)(fold(approvalDecider, opened))),
    ]);
    expect(approve(human(name), { hash: HASH, reason: 'so' }, LATER)(state)).toMatchObject({
      code: 'same-person-twice',
    });
    expect(events(approve(human('q'), { hash: HASH, reason: 'so' }, LATER)(state)).map(({ type }) => type)).toContain(
      'ApprovalClosed',
    );
  });

  test.each(NAMES)('who let a critical action on with itself, as %s, is told that it takes two', (name) => {
    const state = actionOf('bot', []);
    const critical = {
      ...state,
      proposal: { ...(state.proposal as NonNullable<typeof state.proposal>), impact: 'critical' as const },
    };
    const of = { ref: 'acme/round/x@3', at: NOW, hash: HASH };
    expect(overrideAction(human('p'), 'allow', 'so', { ...of, with: [name] })(critical)).toMatchObject({
      code: 'four-eyes-needed',
    });
    expect(overrideAction(human('p'), 'allow', 'so', { ...of, with: ['q'] })(critical)).not.toBeInstanceOf(Rejection);
  });

  test.each(NAMES)('who voted as p does not vote as %s', (name) => {
    const electorate: Electorate = {
      algorithm: 'simple_majority',
      voters: ['p', name, 'q'].map((id) => ({ id, why: 'asked' })),
      min_agreement: 0.75,
      quorum: 1,
    };
    const spec = {
      question: 'Right?',
      kind: 'x',
      impact: 'low',
      choices: ['yes', 'no'],
      deadline: '2026-11-21T11:00:00.000Z',
      round_seconds: 600,
      improvement_rounds: 0,
      allow_change: false,
    } as const;
    const opened = events(open({ spec, electorate, opened_by: 'o' }, NOW)(roundDecider.initial));
    const vote = (voter: string) =>
      castVote(
        { voter, choice: 'yes', confidence: 1, reasoning: 'so', snapshot: electorateHash(electorate), pass: 1 },
        LATER,
      );
    const state = fold(roundDecider, [...opened, ...events(vote('p')(fold(roundDecider, opened)))]);
    expect(vote(name)(state)).toMatchObject({ code: 'already-voted' });
    expect(vote('q')(state)).not.toBeInstanceOf(Rejection);
  });
});

test('whoever opens a round is a party to it, though nobody says so', () => {
  const { state } = roundOf([], true);
  expect(state.parties).toEqual([{ id: 'oversight', role: 'opener' }]);
  expect(overrideRound({ id: 'oversight', kind: 'human' }, 'uphold', 'so')(state)).toMatchObject({
    code: 'party-may-not-decide',
  });
});

test('a challenge: who makes it, and who has a part in what it doubts', () => {
  const approved = fold(approvalDecider, [
    ...events<ApprovalEvent>(request(asked, NOW)(approvalDecider.initial)),
    {
      type: 'ApprovalGiven',
      v: 1,
      data: { by: 'ada', reason: 'so', hash: HASH, edit: { action: ACTION, hash: HASH, changes: [] } },
    },
  ]);
  const parties = challengeParties(
    { id: 'rival' },
    {
      action: actionOf('bot', ['earlier']),
      approval: approved,
      round: roundOf([{ id: 'x', role: 'proposer' }], true).state,
      holder: 'worker',
    },
  );
  expect(parties).toEqual([
    { id: 'rival', role: 'challenger' },
    { id: 'worker', role: 'holder' },
    { id: 'bot', role: 'proposer' },
    { id: 'earlier', role: 'challenger' },
    { id: 'ada', role: 'editor' },
    { id: 'ada', role: 'decider' },
    { id: 'oversight', role: 'decider' },
    { id: 'x', role: 'proposer' },
  ]);
});

test('as many as are kept, each once', () => {
  const many = Array.from({ length: MAX_PARTIES + 5 }, (_, i): Party => ({ id: `p${i}`, role: 'decider' }));
  expect(eachOnce([...many, ...many])).toEqual(many.slice(0, MAX_PARTIES));
});

describe('an electorate without its parties', () => {
  const voter = (id: string, more = {}) => ({ id, why: 'asked', ...more });
  const base = { min_agreement: 0.75, quorum: 0.6 };

  test('no party is left, nobody else is lost, and what was sound and has a voter is sound', () => {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const electorate = fc
      .tuple(
        fc.constantFrom('simple_majority', 'delegated_authority', 'stakeholder_consensus'),
        fc.array(fc.nat(4), { minLength: 5, maxLength: 5 }),
      )
      .map(([algorithm, to]): Electorate => {
        const more = (i: number) =>
          algorithm === 'delegated_authority' && (to[i] as number) > i
            ? { delegate_to: ids[to[i] as number] }
            : algorithm === 'stakeholder_consensus'
              ? { group: `g${(to[i] as number) % 2}` }
              : {};
        const voters = ids.map((id, i) => voter(id, more(i)));
        const groups = ['g0', 'g1']
          .filter((id) => voters.some((one) => 'group' in one && one.group === id))
          .map((id) => ({ id, share: 1, veto: false }));
        return { ...base, algorithm: algorithm, voters, ...(algorithm === 'stakeholder_consensus' ? { groups } : {}) };
      });
    fc.assert(
      fc.property(electorate, fc.subarray(ids), (whole, out) => {
        expect(electorateProblems(whole)).toEqual([]);
        const left = withoutParties(
          whole,
          out.map((id): Party => ({ id, role: 'proposer' })),
        );
        expect(left.voters.map(({ id }) => id)).toEqual(ids.filter((id) => !out.includes(id)));
        expect(electorateProblems(left)).toEqual(
          out.length === ids.length ? [expect.stringContaining('voters must be a list')] : [],
        );
      }),
    );
  });

  test('who opened a question keeps the vote that its electorate gives', () => {
    const electorate: Electorate = { ...base, algorithm: 'simple_majority', voters: [voter('a')] };
    expect(withoutParties(electorate, [{ id: 'a', role: 'opener' }])).toBe(electorate);
  });
});

describe('who has become a party since', () => {
  const closed = () => {
    const { state } = roundOf([], true);
    return { ...state, spec: { ...(state.spec as NonNullable<typeof state.spec>), impact: 'critical' as const } };
  };
  const since: Party[] = [{ id: 'p', role: 'holder' }];
  const place = { stream: 'acme/round/x', index: 2, at: NOW, correlationId: 'c' };

  test('counts no more, though it asked for the override before', () => {
    const before = closed();
    const asked = events(overrideRound({ id: 'p', kind: 'human' }, 'uphold', 'so')(before)).reduce<RoundState>(
      (state, event) => roundDecider.evolve(state, event, place),
      before,
    );
    const second = events(overrideRound({ id: 'q', kind: 'human' }, 'uphold', 'so', since)(asked));
    expect(second).toMatchObject([{ type: 'OverrideAsked', data: { by: 'q', parties: since } }]);
    const after = second.reduce<RoundState>((state, event) => roundDecider.evolve(state, event, place), asked);
    expect(after.parties).toContainEqual({ id: 'p', role: 'holder' });
    expect(overrideRound({ id: 'p', kind: 'human' }, 'uphold', 'so')(after)).toMatchObject({
      code: 'party-may-not-decide',
    });
    expect(events(overrideRound({ id: 'r', kind: 'human' }, 'uphold', 'so', since)(after))).toMatchObject([
      { type: 'OutcomeOverridden', data: { with: ['q'], parties: undefined } },
    ]);
  });
});

test.each(['delegated_authority', 'delegated_proof_of_stake'] as const)(
  'whose vote is handed on does not vote under another name: %s',
  (algorithm) => {
    const stands = algorithm === 'delegated_proof_of_stake' ? { delegates: 2 } : {};
    const candidate = algorithm === 'delegated_proof_of_stake' ? { stands_for: true } : {};
    const electorate = (other: string): Electorate => ({
      algorithm,
      voters: [
        { id: 'ada', why: 'asked', delegate_to: 'bob' },
        { id: 'bob', why: 'asked', ...candidate },
        { id: other, why: 'asked', ...candidate },
      ],
      min_agreement: 0.75,
      quorum: 0.6,
      ...stands,
    });
    const spec = {
      question: 'Right?',
      kind: 'x',
      impact: 'low',
      choices: ['yes', 'no'],
      deadline: '2026-11-21T11:00:00.000Z',
      round_seconds: 600,
      improvement_rounds: 0,
      allow_change: false,
    } as const;
    expect(
      open({ spec, electorate: electorate('human:Ada'), opened_by: 'o' }, NOW)(roundDecider.initial),
    ).toMatchObject({
      code: 'round-invalid',
      message: 'voters must be different: ada and human:Ada are one principal, which has one vote',
    });
    expect(open({ spec, electorate: electorate('cal'), opened_by: 'o' }, NOW)(roundDecider.initial)).not.toBeInstanceOf(
      Rejection,
    );
  },
);
