/** What the demo finds in receipts: tasks that were lost, who decided, how the load was spread. */
import type { RequestContext } from '../../app/engine/command';
import type { Commit } from '../../domain/kernel/commit';
import type { Event } from '../../domain/kernel/decider';
import { gini, rounded } from '../../domain/market/market';
import { DEFAULT_RULES, type OversightRules } from '../../domain/oversight/oversight';
import { GovernanceWatch, VISITOR } from '../../samples/demo/governance';
import {
  type DecisionFindings,
  DecisionWatch,
  giniOf,
  type LoadFindings,
  LoadWatch,
  type Receipt,
  type TaskFindings,
  TaskWatch,
} from '../../samples/demo/metrics';
import { as, spec, Stage, taskOf, TENANT } from '../support/stage';
import { at, START } from './receipts';

const event = (type: string, data: unknown = {}): Event => ({ type, v: 1, data });

describe('tasks', () => {
  const task = (id: string, seconds: number, ...events: Event[]): Receipt => ({
    stream: `default/task/${id}`,
    at: at(seconds),
    events,
  });
  const posted = event('TaskPosted', { spec: {} });
  const awarded = (award: number): Event => event('TaskAwarded', { award, agent: `agent-${award}` });
  const completed = (award: number): Event => event('TaskCompleted', { award, agent: `agent-${award}` });
  const ended = (award: number, end: string): Event => event('AttemptEnded', { award, end });
  const reopened = event('TaskReopened', { attempt: 2 });

  const gated = event('TaskPosted', { spec: { oversight: { kind: 'k' } } });
  const cleared = event('TaskCleared', { action: 'default/action/x' });
  const cancelled = event('TaskCancelled');

  function findings(
    receipts: readonly Receipt[],
    expected?: readonly string[],
    stopped?: readonly string[],
  ): TaskFindings {
    const watch = new TaskWatch();
    for (const receipt of receipts) watch.see(receipt);
    return watch.findings(expected, new Set(stopped));
  }

  test('a good life, and one with a retry', () => {
    const found = findings([
      task('a', 0, posted),
      task('b', 1, posted),
      task('a', 2.5, event('BidsClosed'), awarded(1)),
      task('b', 3, awarded(1)),
      task('a', 4, completed(1)),
      task('b', 5, ended(1, 'failed'), reopened),
      task('b', 6, awarded(2)),
      task('b', 7, completed(2)),
      { stream: 'default/agent/x', at: at(8), events: [event('AgentLost')] },
    ]);
    expect(found).toEqual({
      posted: 2,
      completed: 2,
      refused: [],
      lost: [],
      unfinished: [],
      undecided: [],
      awardedTwice: [],
      retries: 1,
      ends: { failed: 1 },
      begun: 0,
      thrownAway: [],
      awardMs: [2_500, 2_000],
      firstPost: START,
      lastPost: START + 1_000,
    });
  });

  test('an attempt that was begun and came to nothing was thrown away, unless it failed', () => {
    const accepted = (award: number): Event => event('TaskAccepted', { award, agent: `agent-${award}` });
    const over = (award: number, end: string): Event => event('AttemptEnded', { award, end, agent: `agent-${award}` });
    const found = findings([
      task('a', 0, posted),
      task('a', 1, awarded(1)),
      task('a', 2, over(1, 'lapsed'), reopened),
      task('a', 3, awarded(2)),
      task('a', 4, accepted(2)),
      task('a', 5, over(2, 'failed'), reopened),
      task('a', 6, awarded(3)),
      task('a', 7, accepted(3)),
      task('a', 8, over(3, 'expired'), reopened),
      task('a', 9, awarded(4)),
      task('a', 10, accepted(4)),
      task('a', 11, completed(4)),
    ]);
    expect(found).toMatchObject({ begun: 3, thrownAway: ['agent-3'] });
  });

  test.each<[string, Receipt[]]>([
    [
      'became a dead letter',
      [task('a', 0, posted), task('a', 1, awarded(1)), task('a', 2, ended(1, 'failed'), event('TaskDeadLettered'))],
    ],
    ['was cancelled', [task('a', 0, posted), task('a', 1, event('TaskCancelled'))]],
    ['expired', [task('a', 0, posted), task('a', 1, event('DeadlinePassed'))]],
    ['was acknowledged and is nowhere', []],
  ])('a task that %s is lost', (_, receipts) => {
    expect(findings(receipts, ['a']).lost).toEqual(['a']);
  });

  test.each<[string, Receipt[]]>([
    ['was never awarded', [task('a', 0, posted)]],
    ['is still held', [task('a', 0, posted), task('a', 1, awarded(1))]],
    [
      'was brought back',
      [task('a', 0, posted), task('a', 1, event('DeadlinePassed')), task('a', 2, event('TaskRedriven'))],
    ],
  ])('a task that %s has not ended, and is not lost', (_, receipts) => {
    expect(findings(receipts, ['a'])).toMatchObject({ lost: [], unfinished: ['a'] });
  });

  test.each<[string, Receipt[]]>([
    [
      'has two holders at once',
      [task('a', 0, posted), task('a', 1, awarded(1)), task('a', 2, awarded(2)), task('a', 3, completed(2))],
    ],
    [
      'has two awards of one number',
      [
        task('a', 0, posted),
        task('a', 1, awarded(1)),
        task('a', 2, ended(1, 'failed'), reopened),
        task('a', 3, awarded(1)),
        task('a', 4, completed(1)),
      ],
    ],
    [
      'is completed twice',
      [task('a', 0, posted), task('a', 1, awarded(1)), task('a', 2, completed(1)), task('a', 3, completed(1))],
    ],
    [
      'is awarded after it was completed',
      [task('a', 0, posted), task('a', 1, awarded(1)), task('a', 2, completed(1)), task('a', 3, awarded(2))],
    ],
    [
      'is completed under an award that was over',
      [
        task('a', 0, posted),
        task('a', 1, awarded(1)),
        task('a', 2, ended(1, 'lost'), reopened),
        task('a', 3, awarded(2)),
        task('a', 4, completed(1)),
      ],
    ],
  ])('a task that %s is awarded twice', (_, receipts) => {
    expect(findings(receipts).awardedTwice).toEqual(['a']);
  });

  test('what was decided against is refused, and not lost; a cancellation that nobody decided is', () => {
    const receipts = [
      task('a', 0, gated),
      task('a', 1, cancelled),
      task('b', 0, gated),
      task('b', 1, cancelled),
      task('c', 0, gated),
    ];
    expect(findings(receipts, ['a', 'b', 'c'], ['a', 'c'])).toMatchObject({
      posted: 3,
      completed: 0,
      refused: ['a'],
      lost: ['b'],
      unfinished: ['c'],
      undecided: [],
    });
  });

  test.each<[string, Receipt[], string[]]>([
    ['before it was decided', [task('a', 0, gated), task('a', 1, awarded(1)), task('a', 2, completed(1))], []],
    [
      'although it was decided against',
      [task('a', 0, gated), task('a', 1, cleared), task('a', 2, awarded(1)), task('a', 3, completed(1))],
      ['a'],
    ],
  ])('a task that is awarded %s is found', (_, receipts, stopped) => {
    expect(findings(receipts, [], stopped).undecided).toEqual(['a']);
  });

  test('the time to the award begins when it is decided that the task may be done', () => {
    expect(
      findings([task('a', 0, gated), task('a', 7, cleared), task('a', 7.5, awarded(1)), task('a', 8, completed(1))]),
    ).toMatchObject({ awardMs: [500], undecided: [], lost: [] });
  });

  test('handing off, declining and redriving are none of that', () => {
    const found = findings([
      task('a', 0, posted),
      task('a', 1, awarded(1)),
      task('a', 2, event('AwardDeclined', { award: 1 })),
      task('a', 3, awarded(2)),
      task('a', 4, event('TaskHandedOff', { from_award: 2, award: 3 })),
      task('a', 5, ended(3, 'failed'), event('TaskDeadLettered')),
      task('a', 6, event('TaskRedriven')),
      task('a', 7, awarded(4)),
      task('a', 8, completed(4)),
    ]);
    expect(found).toMatchObject({ lost: [], awardedTwice: [], completed: 1, awardMs: [1_000] });
  });
});

describe('decisions', () => {
  const person = (id: string): RequestContext => ({
    principal: { tenant: TENANT, id, kind: 'human', level: 'critical', groups: ['approvers', 'administrators'] },
  });
  let stage: Stage;

  beforeEach(async () => {
    stage = new Stage();
    await stage.start();
  });
  afterEach(() => stage.end());

  async function propose(id: string, kind: string, impact: 'low' | 'high' = 'low'): Promise<void> {
    // What an action is for has to be there: the gate lets none go whose task is over.
    await stage.colony.tasks.post(as('buyer'), `for-${id}`, spec());
    await stage.colony.actions.propose(
      as('buyer'),
      id,
      { kind, action: { id }, why: 'needed', confidence: 0.9, impact, risk: 0.1, features: {} },
      { target: taskOf(`for-${id}`) },
    );
    await stage.settled();
  }
  async function approve(): Promise<void> {
    for (const { id, hash } of (await stage.colony.approvals.list(TENANT, { status: 'waiting' }, 10)).docs)
      await stage.colony.approvals.approve(person('human:ada'), id, { hash, reason: 'yes' });
    await stage.settled();
  }
  async function vote(choices: readonly string[]): Promise<void> {
    const [round] = (await stage.colony.rounds.list(TENANT, { status: 'open' }, 10)).docs;
    const { electorate_hash: snapshot } = (await stage.colony.rounds.load(TENANT, round?.id as string)).state;
    for (const [i, choice] of choices.entries())
      await stage.colony.rounds.vote(as(`voter-${i}`), round?.id as string, {
        voter: `voter-${i}`,
        choice,
        confidence: 1,
        reasoning: 'so',
        snapshot,
        pass: 1,
      });
    await stage.settled();
  }
  function findings(log = stage.log()): DecisionFindings {
    const watch = new DecisionWatch();
    for (const commit of log) watch.see(commit);
    return watch.findings();
  }

  test('who decided, and what came of it', async () => {
    const rules: OversightRules = {
      ...DEFAULT_RULES,
      mode: 'full_automation',
      thresholds: { ...DEFAULT_RULES.thresholds, novelty: 1 },
    };
    const voters = ['voter-0', 'voter-1'].map((id) => ({ id, why: 'asked by name' }));
    const round: OversightRules['round'] = {
      when: 'always',
      algorithm: 'simple_majority',
      voters,
      min_agreement: 0.75,
      quorum: 1,
      round_seconds: 60,
      improvement_rounds: 0,
    };
    await stage.colony.oversight.configure(person('human:root'), 'alone', rules);
    await stage.colony.oversight.configure(person('human:root'), 'voted', { ...rules, round });

    await propose('new', 'alone'); // nothing like it was done before
    await approve();
    await propose('familiar', 'alone');
    await propose('voted-new', 'voted');
    await vote(['approve', 'approve']);
    await approve();
    await propose('agreed', 'voted');
    await vote(['approve', 'approve']);
    await propose('against', 'voted');
    await vote(['reject', 'reject']);
    await propose('divided', 'voted');
    await vote(['approve', 'reject']);
    await approve();
    await propose('forgotten', 'alone', 'high');
    await stage.pass(7_300, undefined, 600);

    const { stopped, approved, ...found } = findings();
    expect(found).toEqual({
      decided: 7,
      byRules: 1,
      byAgents: 2,
      byPeople: 4,
      humanShare: rounded(4 / 7),
      rounds: 4,
      outcomes: { approve: 2, reject: 1, no_agreement: 1 },
      roundsEscalated: 1,
      approvals: 4,
      answers: { approved: 3, defaulted: 1 },
      approvalsEscalated: 1,
      defaults: 1,
      miscounted: [],
    });
    expect([...stopped].sort()).toEqual(['for-against', 'for-forgotten']);
    expect(approved).toMatch(/^for-/);
  });

  test('a round whose votes were touched is found', async () => {
    await stage.colony.rounds.open(as('asker'), 'r', {
      ...{
        question: 'Well?',
        kind: 'question',
        impact: 'low',
        choices: ['yes', 'no'],
        round_seconds: 60,
        improvement_rounds: 0,
        allow_change: false,
      },
      electorate: {
        algorithm: 'simple_majority',
        voters: [{ id: 'voter-0', why: 'asked by name' }],
        min_agreement: 0.75,
        quorum: 1,
      },
    });
    await stage.settled();
    expect(findings()).toMatchObject({ rounds: 1, outcomes: { open: 1 }, miscounted: [] });
    await vote(['yes']);
    const forged = stage
      .log()
      .map(
        (commit) =>
          JSON.parse(
            JSON.stringify(commit).replace('"choice":"yes","confidence"', '"choice":"no","confidence"'),
          ) as Commit,
      );
    expect(findings(forged).miscounted).toEqual([`${TENANT}/round/r`]);
  });
});

describe('load', () => {
  const agent = (id: string, seconds: number, ...events: Event[]): Receipt => ({
    stream: `default/agent/${id}`,
    at: at(seconds),
    events,
  });
  const registered = (capacity: number): Event => event('AgentRegistered', { profile: { capacity } });
  const reserved = (task: string) => event('SlotReserved', { task });
  const released = (task: string) => event('SlotReleased', { task });

  function findings(receipts: readonly Receipt[], from: number, to: number): LoadFindings {
    const watch = new LoadWatch();
    for (const receipt of receipts) watch.see(receipt);
    return watch.findings(START + from * 1000, START + to * 1000);
  }

  test('means over time, between the bounds', () => {
    // Agent a (2 slots): 1 slot from 0 to 10, 2 from 10 to 20. Agent b (2 slots): idle to 15, then 1.
    const receipts = [
      agent('a', -5, registered(2)),
      agent('b', -5, registered(2)),
      agent('a', 0, reserved('one')),
      agent('a', 10, reserved('two')),
      agent('b', 15, reserved('three')),
      agent('a', 20, released('one'), released('two')),
      agent('b', 20, released('three')),
    ];
    const found = findings(receipts, 0, 20);
    expect(found.utilisation).toBeCloseTo((10 * 1 + 5 * 2 + 5 * 3) / (20 * 4), 6);
    expect(found.idle).toBeCloseTo((15 * 0.5) / 20, 6);
    // Loads (0.5, 0): 1/2; (1, 0): 1/2; (1, 0.5): 1/6.
    expect(found.gini).toBeCloseTo((10 / 2 + 5 / 2 + 5 / 6) / 20, 6);
    // Means: a 0.75, b 0.125.
    expect(found.giniOfMeans).toBeCloseTo(gini([0.75, 0.125]), 6);
    expect(found).toMatchObject({ overbooked: [], agents: 2, agentsLost: 0 });
    expect(findings(receipts, 15, 20)).toMatchObject({ utilisation: 0.75, idle: 0 });
  });

  test('nothing happens: no load, all idle', () => {
    expect(findings([agent('a', 0, registered(4))], 1, 2)).toMatchObject({ gini: 0, utilisation: 0, idle: 1 });
    expect(findings([], 0, 10)).toMatchObject({ gini: 0, utilisation: 0, idle: 0, agents: 0 });
  });

  test('an agent counts while it is active', () => {
    const found = findings(
      [agent('a', 0, registered(1), reserved('one')), agent('b', 0, registered(1)), agent('b', 5, event('AgentLost'))],
      0,
      10,
    );
    expect(found).toMatchObject({ utilisation: 0.75, idle: 0.25, gini: 0.25, agentsLost: 1 });
    const back = findings(
      [
        agent('b', 0, registered(1)),
        agent('b', 2, event('AgentLost')),
        agent('b', 8, event('AgentReturned')),
        agent('a', 0, registered(1), reserved('one')),
      ],
      0,
      10,
    );
    expect(back.idle).toBeCloseTo(0.2, 6);
  });

  test('a slot that is reserved once more for the same task is one', () => {
    const again = [agent('a', 0, registered(1)), agent('a', 1, reserved('one')), agent('a', 2, reserved('one'))];
    expect(findings(again, 0, 3)).toMatchObject({ overbooked: [], utilisation: expect.closeTo(2 / 3, 6) as number });
  });

  test('more slots than capacity are found', () => {
    expect(
      findings([agent('a', 0, registered(1)), agent('a', 1, reserved('one')), agent('a', 2, reserved('two'))], 0, 3)
        .overbooked,
    ).toEqual(['a']);
  });

  test('receipts of several streams need not be in order of time', () => {
    const receipts = [
      agent('a', 0, registered(1)),
      agent('a', 4, reserved('one')),
      agent('b', 0, registered(1)),
      agent('b', 2, reserved('two')),
    ];
    expect(findings(receipts, 0, 6).utilisation).toBeCloseTo((4 + 2) / 12, 6);
  });

  test('the coefficient of a histogram is that of its values', () => {
    const values = [0, 0, 0.5, 0.5, 0.5, 1, 1, 1, 1, 2];
    const histogram = new Map<number, number>();
    for (const value of values) histogram.set(value, (histogram.get(value) ?? 0) + 1);
    expect(giniOf(histogram)).toBeCloseTo(gini(values), 12);
    expect([giniOf(new Map()), giniOf(new Map([[0, 5]])), giniOf(new Map([[3, 7]]))]).toEqual([0, 0, 0]);
  });
});

describe('governance', () => {
  const policy = { bundle: 'b', input: 'i', decision: 'allow', entrypoint: 'e' };
  function findings(receipts: readonly (readonly [string, string, number, Event, object?])[]) {
    const watch = new GovernanceWatch();
    const indexes = new Map<string, number>();
    for (const [stream, actor, seconds, what, by = policy] of receipts) {
      const index = indexes.get(stream) ?? 0;
      indexes.set(stream, index + 1);
      const meta = { actor: { id: actor, kind: 'agent' }, correlationId: 'c', policy: by };
      watch.see({ stream, index, at: at(seconds), events: [what], meta } as unknown as Commit);
    }
    return watch.findings();
  }

  test('denials count with those that no receipt was kept of; what nobody was asked about counts as nothing', () => {
    const denied = { ...policy, decision: 'deny' };
    const [signal, task] = ['default/trail/x', 'default/task/a'];
    expect(
      findings([
        [signal, 'a', 0, event('SignalEmitted')],
        [task, 'a', 1, event('TaskPosted'), { ...policy, entrypoint: undefined }],
        ['default/denial/a', 'a', 2, event('CommandDenied', { leftOut: 0 }), denied],
        ['default/denial/a', 'a', 3, event('CommandDenied', { leftOut: 4 }), denied],
        // Refused by a rule of the domain, with a receipt though the policy allowed it.
        ['default/denial/a', 'a', 4, event('CommandDenied', { leftOut: 0 })],
      ]),
    ).toMatchObject({ allowed: 1, denied: 7, freezeMs: undefined });
  });

  test('a freeze took as long as what was frozen went on, until the lift', () => {
    const stop = (type: string): Event => event(type, { kind: 'agent', name: VISITOR });
    const stream = 'default/stop/x';
    const emitted = (seconds: number) => ['default/trail/x', VISITOR, seconds, event('SignalEmitted')] as const;
    const refused = ['default/denial/v', VISITOR, 3, event('CommandDenied', { leftOut: 0 })] as const;
    const frozen = [stream, 'human:ada', 1, stop('Stopped')] as const;
    const lifted = [stream, 'human:ada', 4, stop('StopLifted')] as const;
    expect(findings([emitted(0), frozen, refused, lifted, emitted(5)]).freezeMs).toBe(0);
    expect(findings([emitted(0), frozen, emitted(1.25), refused, lifted, emitted(5)]).freezeMs).toBe(250);
  });

  test('what was spent of the budgets, and what is reserved', () => {
    const stream = 'default/budget/all';
    const name = { kind: 'agent_type', name: 't' };
    const award = { task: 'a', award: 1, agent: 'x' };
    const reserved = {
      ...award,
      estimate: 100,
      amount: 120,
      charges: ['agent_type t'],
      expires: at(9),
      reserved_at: at(1),
    };
    const settled = { ...award, reservation: `${stream}@1`, cost: 80, outcome: 'completed', settled_at: at(2) };
    const set = { ...name, limit: 1_000, period: 'total', by: 'human:ada', reason: 'r' };
    const before = [
      [stream, 'human:ada', 0, event('BudgetSet', set)],
      [stream, 'market', 1, event('BudgetReserved', reserved)],
    ] as const;
    expect(findings(before)).toMatchObject({ limit: 1_000, reserved: 120, spent: 0 });
    expect(findings([...before, [stream, 'market', 2, event('BudgetSettled', settled)]])).toMatchObject({
      reserved: 0,
      spent: 80,
    });
  });
});
