/** A round is counted again from its receipts, whatever came in whatever order; a forgery is found. */
import fc from 'fast-check';
import { type Commit, seal } from '../../domain/kernel/commit';
import { type Decision, Rejection } from '../../domain/kernel/decider';
import { plusSeconds } from '../../domain/kernel/time';
import { electorateHash } from '../../domain/oversight/consensus';
import {
  cancel,
  castVote,
  open,
  override,
  recomputeRound,
  roundDecider,
  roundDue,
  type RoundEvent,
  type RoundState,
  timePassed,
} from '../../domain/oversight/round';
import { META } from '../support/commits';
import {
  ballot,
  cast,
  counted,
  DEADLINE,
  electorate,
  HISTORY,
  LATER,
  NOW,
  opened,
  opening,
  overridden,
  PERSON,
  spec,
  vote,
} from './round-life';

/** A stream of one round: decides, seals, folds, as `transact` does. */
class Stream {
  state = roundDecider.initial;
  readonly commits: Commit[] = [];

  ask(
    decision: Decision<RoundState, RoundEvent>,
    now: string,
    actor: Commit['meta']['actor'] = META.actor,
  ): readonly RoundEvent[] | Rejection {
    const events = decision(this.state);
    if (!(events instanceof Rejection) && events.length > 0) this.append(events, now, actor);
    return events;
  }

  /** Without any decision: what a server would write that breaks the rules. */
  append(events: readonly RoundEvent[], now: string, actor: Commit['meta']['actor'] = META.actor): void {
    const last = this.commits.at(-1);
    const at = last !== undefined && last.at > now ? last.at : now;
    const index = this.commits.length;
    const { commit } = seal({
      stream: 'acme/round/r',
      index,
      events,
      meta: { ...META, actor },
      at,
      previousHash: last?.hash ?? null,
    });
    this.commits.push(commit);
    for (const event of events)
      this.state = roundDecider.evolve(this.state, event, { stream: commit.stream, index, at, correlationId: 'c' });
  }
}

/** The receipts with a change, sealed anew as a careful forger would. */
function forged(
  commits: readonly Commit[],
  change: (events: readonly RoundEvent[], index: number) => readonly RoundEvent[],
): Commit[] {
  let previousHash: string | null = null;
  return commits.map(({ hash: _, ...commit }) => {
    const { commit: next } = seal({
      ...commit,
      events: change(JSON.parse(JSON.stringify(commit.events)) as RoundEvent[], commit.index),
      previousHash,
    });
    previousHash = next.hash;
    return next;
  });
}

describe('recomputeRound', () => {
  /** Two passes; the vote that decides is still to come. */
  const undecided = () => {
    const stream = new Stream();
    stream.ask(open(opening({ improvement_rounds: 1 }), NOW), NOW);
    stream.ask(castVote(vote('a', 'reject'), NOW), NOW);
    stream.ask(timePassed(DEADLINE), DEADLINE);
    for (const voter of ['a', 'b']) stream.ask(castVote(vote(voter, 'approve', { pass: 2 }), LATER), LATER);
    return stream;
  };
  const round = (person: Commit['meta']['actor'] = PERSON) => {
    const stream = undecided();
    stream.ask(castVote(vote('c', 'approve', { pass: 2 }), LATER), LATER);
    stream.append([overridden()], LATER, person);
    return stream.commits;
  };
  const faultsOf = (commits: readonly Commit[]) => {
    const answer = recomputeRound(commits);
    if (answer instanceof Rejection) throw new Error(answer.code);
    expect(answer.agrees).toBe(answer.faults.length === 0);
    return answer.faults;
  };

  test('agrees', () => {
    expect(recomputeRound(round())).toMatchObject({
      agrees: true,
      faults: [],
      recomputed: { leader: 'approve', turnout: 0.6 },
      receipt: { leader: 'approve', turnout: 0.6 },
    });
    expect(recomputeRound(JSON.parse(JSON.stringify(round())))).toMatchObject({ agrees: true });
  });

  test('an override of before it asked about parties, and of what is critical, still agrees; a later one does not', () => {
    const { with: _, ...older } = overridden().data as { with: readonly string[] };
    const ofAda = (data: object) => ({ type: 'OutcomeOverridden', v: 1, data: { ...data, by: 'ada' } }) as RoundEvent;
    const counted = (event: RoundEvent) => {
      const stream = new Stream();
      stream.append([opened({ impact: 'critical' })], NOW);
      for (const one of [cast('a'), cast('b'), cast('c')])
        stream.append(
          one.type === 'VoteCast' && one.data.voter === 'c' ? [one, ...HISTORY.agreed.slice(-1)] : [one],
          NOW,
        );
      stream.append([event], LATER, { id: 'ada', kind: 'human' });
      return faultsOf(stream.commits);
    };
    expect(counted(ofAda(older))).toEqual([]);
    expect(counted(ofAda(overridden().data as object))).toEqual([
      expect.stringContaining('the outcome was not to be overridden: you opened this round'),
    ]);
  });

  test('needs a closed round', () => {
    expect(recomputeRound(round().slice(0, 5))).toMatchObject({ code: 'round-not-closed' });
    expect(recomputeRound([])).toMatchObject({ code: 'round-not-closed' });
  });

  test.each(round().map(({ index }) => index))(
    'a receipt that was altered is found by its hash: commit %d',
    (altered) => {
      const commits = round().map((commit) =>
        commit.index === altered ? { ...commit, meta: { ...commit.meta, action: 'other' } } : commit,
      );
      expect(faultsOf(commits)).toEqual([expect.stringContaining(`acme/round/r@${altered}: its bytes hash to`)]);
    },
  );

  test('a receipt that was dropped is found', () =>
    expect(faultsOf(round().filter(({ index }) => index !== 3))).toContainEqual(
      expect.stringContaining('was dropped'),
    ));

  type Forgery = (event: RoundEvent) => RoundEvent;
  const edit =
    <T extends RoundEvent['type']>(type: T, more: object): Forgery =>
    (event) =>
      event.type === type ? ({ ...event, data: { ...event.data, ...more } } as RoundEvent) : event;
  test.each<[string, number, Forgery]>([
    ['another choice', 3, edit('VoteCast', { choice: 'reject' })],
    ['a voter who was not asked', 3, edit('VoteCast', { voter: 'x' })],
    ['one who voted twice', 4, edit('VoteCast', { voter: 'a' })],
    ['another pass', 3, edit('VoteCast', { pass: 1 })],
    ['what is no choice', 3, edit('VoteCast', { choice: 'maybe' })],
    ['a vote that could be changed', 3, edit('VoteCast', { final: false })],
    ['the number of a ballot', 3, edit('VoteCast', { ballot: 2 })],
    ['when a vote was cast', 1, edit('VoteCast', { cast_at: DEADLINE })],
    ['when a vote was cast, in no time', 1, edit('VoteCast', { cast_at: '0' })],
    ['when a vote of the last pass was cast', 3, edit('VoteCast', { cast_at: plusSeconds(DEADLINE, 600) })],
    ['when a pass was counted', 2, edit('ImprovementOpened', { counted_at: plusSeconds(DEADLINE, -1) })],
    ['when a pass was counted, after all', 2, edit('ImprovementOpened', { counted_at: LATER })],
    ['when the next pass ends', 2, edit('ImprovementOpened', { deadline: plusSeconds(DEADLINE, 601) })],
    ['when the votes were counted', 5, edit('RoundClosed', { counted_at: plusSeconds(DEADLINE, 600) })],
    ['when the votes were counted, in no time', 5, edit('RoundClosed', { counted_at: '0' })],
    [
      'the electorate',
      0,
      edit('RoundOpened', { electorate: { ...electorate, voters: electorate.voters.slice(0, 4) } }),
    ],
    ['the quorum', 0, edit('RoundOpened', { electorate: { ...electorate, quorum: 0.9 } })],
    ['a faulty question', 0, edit('RoundOpened', { spec: { ...spec, improvement_rounds: 1, question: '' } })],
    ['the number of passes', 0, edit('RoundOpened', { spec: { ...spec, improvement_rounds: 0 } })],
    ['the first deadline', 0, edit('RoundOpened', { spec: { ...spec, improvement_rounds: 1, deadline: LATER } })],
    [
      'the dissent',
      2,
      edit('ImprovementOpened', {
        tally: {
          ...counted(ballot('a', 'reject')),
          dissent: [{ voter: 'b', choice: 'approve', confidence: 1, reasoning: 'mine' }],
        },
      }),
    ],
    ['the outcome', 5, edit('RoundClosed', { outcome: 'no_agreement' })],
    ['what was chosen', 5, edit('RoundClosed', { choice: 'reject' })],
    ['the tally', 5, edit('RoundClosed', { tally: counted(ballot('a'), ballot('b')) })],
    ['that it was early', 5, edit('RoundClosed', { early: false })],
    ['the electorate’s hash', 5, edit('RoundClosed', { electorate_hash: 'x' })],
    ['who overrode it', 6, edit('OutcomeOverridden', { by: 'ada' })],
    ['what was overridden', 6, edit('OutcomeOverridden', { instead_of: { outcome: 'no_quorum' } })],
  ])('a careful forger changes %s', (_, at, change) =>
    expect(faultsOf(forged(round(), (events, index) => (index === at ? events.map(change) : events)))).not.toEqual([]),
  );

  test('a vote that met the deadline counts although its receipt was written after it; one that did not is found', () => {
    const stream = new Stream();
    stream.ask(open(opening(), NOW), NOW);
    const last = plusSeconds(DEADLINE, -0.001);
    stream.ask(castVote(vote('a'), last), LATER);
    stream.ask(timePassed(LATER), LATER);
    expect(stream.commits.map(({ at }) => at)).toEqual([NOW, LATER, LATER]);
    expect(faultsOf(stream.commits)).toEqual([]);
    const late = new Stream();
    late.ask(open(opening(), NOW), NOW);
    late.append([cast('a', 'approve', { cast_at: DEADLINE })], LATER);
    late.ask(timePassed(LATER), LATER);
    expect(faultsOf(late.commits)).toEqual([
      `acme/round/r@1: the vote of a was cast at ${DEADLINE}, and votes were taken until ${DEADLINE}`,
    ]);
  });

  test('receipts from before they held these times are counted again as well', () => {
    const undated = (event: RoundEvent): RoundEvent =>
      Object.assign(event, { data: { ...event.data, cast_at: undefined, counted_at: undefined } });
    const older = forged(round(), (events) => events.map(undated));
    expect(JSON.stringify(older)).not.toMatch(/cast_at|counted_at/);
    expect(faultsOf(older)).toEqual([]);
    const early = forged(older, (events, index) =>
      index === 2 ? events.map(edit('ImprovementOpened', { tally: counted(ballot('a')) })) : events,
    );
    expect(faultsOf(early)).not.toEqual([]);
  });

  test.each([{ id: 'eve', kind: 'agent' } as const, { id: 'bob', kind: 'human' } as const])(
    'an override that %j wrote is found',
    (actor) => expect(faultsOf(round(actor))).toHaveLength(1),
  );

  test('a round that went on although the votes had decided is found', () => {
    const stream = undecided();
    const [last, close] = castVote(vote('c', 'approve', { pass: 2 }), LATER)(stream.state) as RoundEvent[];
    stream.append([last as RoundEvent], LATER);
    stream.append([close as RoundEvent], LATER);
    expect(faultsOf(stream.commits)).toEqual(['acme/round/r@5: the votes had decided, yet the round went on']);
  });

  test('a person who was not asked is missed', () => {
    const stream = new Stream();
    stream.ask(open(opening(), NOW), NOW);
    stream.ask(timePassed(DEADLINE), DEADLINE);
    expect(faultsOf(stream.commits)).toEqual([]);
    expect(
      faultsOf(forged(stream.commits, (events) => events.filter(({ type }) => type !== 'RoundEscalated'))),
    ).toHaveLength(1);
  });
});

describe('any round', () => {
  const voters = electorate.voters.map(({ id }, i) => ({
    id,
    why: 'asked',
    weight: i,
    expertise: { relevance: 1, experience: i / 2, track_record: 0.5 },
  }));
  const openings = fc
    .record({
      algorithm: fc.constantFrom('simple_majority' as const, 'weighted_voting' as const, 'expertise_based' as const),
      allow_change: fc.boolean(),
      improvement_rounds: fc.constantFrom(0, 0, 1, 2),
    })
    .map(({ algorithm, ...changes }) => opening(changes, { algorithm, voters }));
  // Times around the deadline, in any order: the clock jumps to and fro.
  const seconds = fc.integer({ min: 0, max: 5_000 });
  const command = fc.oneof(
    {
      weight: 30,
      arbitrary: fc.record({
        kind: fc.constant('vote' as const),
        voter: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'x'),
        choice: fc.constantFrom('approve', 'approve', 'approve', 'reject', 'reject', 'maybe'),
        final: fc.boolean(),
        stale: fc.integer({ min: 0, max: 9 }),
        seconds: fc.integer({ min: 0, max: 3_700 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), seconds }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom('cancel' as const, 'override' as const),
        choice: fc.constantFrom('approve', 'reject'),
        seconds,
      }),
    },
  );

  test('has one outcome, whatever comes in whatever order and how often, and can be counted again', () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(openings, fc.array(command, { minLength: 1, maxLength: 40, size: 'max' }), (start, commands) => {
        const stream = new Stream();
        const shown = electorateHash(start.electorate);
        stream.ask(open(start, NOW), NOW);
        for (const asked of commands) {
          const before = stream.state;
          const now = plusSeconds(NOW, asked.seconds);
          const decision =
            asked.kind === 'vote'
              ? castVote(
                  vote(asked.voter, asked.choice, {
                    final: asked.final,
                    snapshot: shown,
                    pass: asked.stale === 0 ? before.pass + 1 : before.pass,
                  }),
                  now,
                )
              : asked.kind === 'time'
                ? timePassed(now)
                : asked.kind === 'cancel'
                  ? cancel({ id: 'ada' }, 'no need', NOW)
                  : override(PERSON, asked.choice, 'too risky');
          stream.ask(decision, now, asked.kind === 'override' ? PERSON : META.actor);
          const commits = stream.commits.length;
          const again = stream.ask(decision, now, PERSON);
          // Once more changes nothing; but a vote that opened a pass belongs to the one before.
          expect(stream.commits).toHaveLength(commits);
          if (again instanceof Rejection && stream.state !== before) expect(again.code).toBe('pass-differs');

          if (before.status !== 'open') {
            const { override: standing, overrides } = stream.state;
            expect(stream.state).toEqual({ ...before, override: standing, overrides });
            expect(overrides.at(-1)).toEqual(standing);
            expect(roundDue(stream.state)).toBeUndefined();
          }
          expect(stream.state.pass).toBeLessThanOrEqual(start.spec.improvement_rounds + 1);
        }
        const count = (type: RoundEvent['type']) =>
          stream.commits.flatMap(({ events }) => events).filter((event) => event.type === type).length;
        expect(count('RoundClosed') + count('RoundCancelled')).toBe(stream.state.status === 'open' ? 0 : 1);
        expect(count('RoundEscalated')).toBe(
          stream.state.outcome !== undefined && stream.state.outcome.outcome !== 'agreed' ? 1 : 0,
        );

        const label =
          stream.state.outcome === undefined
            ? stream.state.status
            : `${stream.state.outcome.outcome} ${stream.state.outcome.early ? 'early' : 'in time'}`;
        seen.set(label, (seen.get(label) ?? 0) + 1);
        const recomputed = recomputeRound(stream.commits);
        if (stream.state.outcome === undefined) expect(recomputed).toMatchObject({ code: 'round-not-closed' });
        else expect(recomputed).toMatchObject({ agrees: true, faults: [], recomputed: stream.state.tally });
      }),
      { numRuns: 300 },
    );
    for (const label of [
      'open',
      'cancelled',
      'agreed early',
      'agreed in time',
      'no_agreement early',
      'no_quorum in time',
    ])
      expect([label, seen.get(label) ?? 0]).not.toEqual([label, 0]);
  });
});
