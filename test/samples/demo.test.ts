/** The demo: its metrics on receipts made by hand, its scenario, and a short run with a kill -9 of the host. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { isHeld } from '../../adapters/embedded/folder';
import type { LogLine } from '../../adapters/embedded/read-only-log';
import type { RequestContext } from '../../app/engine/transact';
import type { Commit } from '../../domain/kernel/commit';
import type { Event } from '../../domain/kernel/decider';
import { gini, rounded } from '../../domain/market/market';
import { DEFAULT_RULES, type OversightRules } from '../../domain/oversight/oversight';
import { CATALOGUE } from '../../domain/repository/catalogue-data';
import { drawRequests, PROFILE } from '../../samples/demand/profile';
import { readTrace } from '../../samples/demand/trace';
import { opinionOf, REVIEW, SPENDING } from '../../samples/demo/decisions';
import { readLog, Verification } from '../../samples/demo/log';
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
import { capabilitiesOf, cutEfforts, planScenario } from '../../samples/demo/scenario';
import { compiledAll, run } from '../bench/compiled';
import { chain } from '../support/commits';
import { eventually } from '../support/eventually';
import { as, spec, Stage, taskOf, TENANT } from '../support/stage';

const START = Date.parse('2026-11-21T10:00:00.000Z');
const at = (seconds: number): string => new Date(START + seconds * 1000).toISOString();
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
      awardMs: [2_500, 2_000],
      firstPost: START,
      lastPost: START + 1_000,
    });
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
      taskOf(`for-${id}`),
    );
    await stage.settled();
  }
  async function approve(): Promise<void> {
    for (const { id, hash } of (await stage.colony.approvals.list(TENANT, { status: 'waiting' }, 10)).approvals)
      await stage.colony.approvals.approve(person('human:ada'), id, { hash, reason: 'yes' });
    await stage.settled();
  }
  async function vote(choices: readonly string[]): Promise<void> {
    const [round] = (await stage.colony.rounds.list(TENANT, { status: 'open' }, 10)).rounds;
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
  const reserved = event('SlotReserved');
  const released = event('SlotReleased');

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
      agent('a', 0, reserved),
      agent('a', 10, reserved),
      agent('b', 15, reserved),
      agent('a', 20, released, released),
      agent('b', 20, released),
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
      [agent('a', 0, registered(1), reserved), agent('b', 0, registered(1)), agent('b', 5, event('AgentLost'))],
      0,
      10,
    );
    expect(found).toMatchObject({ utilisation: 0.75, idle: 0.25, gini: 0.25, agentsLost: 1 });
    const back = findings(
      [
        agent('b', 0, registered(1)),
        agent('b', 2, event('AgentLost')),
        agent('b', 8, event('AgentReturned')),
        agent('a', 0, registered(1), reserved),
      ],
      0,
      10,
    );
    expect(back.idle).toBeCloseTo(0.2, 6);
  });

  test('more slots than capacity are found', () => {
    expect(
      findings([agent('a', 0, registered(1)), agent('a', 1, reserved), agent('a', 2, reserved)], 0, 3).overbooked,
    ).toEqual(['a']);
  });

  test('receipts of several streams need not be in order of time', () => {
    const receipts = [
      agent('a', 0, registered(1)),
      agent('a', 4, reserved),
      agent('b', 0, registered(1)),
      agent('b', 2, reserved),
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

describe('the log', () => {
  test('what was tampered with shows', () => {
    const stored = chain('default/task/a', 3).map(({ commit, body }) => ({
      stream: commit.stream,
      index: commit.index,
      hash: commit.hash,
      body,
    }));
    const good = new Verification();
    expect([...good.over(stored)].map(({ hash }) => hash)).toEqual(stored.map(({ hash }) => hash));
    expect(good).toMatchObject({ verified: true, streams: 1, commits: 3 });
    const bad = new Verification();
    expect([...bad.over(stored.map((entry) => (entry.index === 1 ? { ...entry, body: 'x' } : entry)))]).toHaveLength(2);
    expect(bad.verified).toBe(false);
    expect(bad.faults.map(({ kind }) => kind)).toContain('altered');
  });

  test('a folder without a store', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'formicary-demo-'));
    expect(() => [...readLog(folder)]).toThrow('there is no store');
    expect(isHeld(folder)).toBe(false);
    rmSync(folder, { recursive: true });
  });
});

describe('the scenario', () => {
  const options = { agents: 1_000, load: 0.7, speed: 64, seed: 1 };
  const requests = drawRequests(PROFILE, 1);
  const scenario = planScenario(requests, options);

  test('offers the load that was asked for, and no task is much longer than the others', () => {
    const work = scenario.tasks.reduce((sum, { effort }) => sum + effort, 0);
    const seconds = ((requests.at(-1)?.at ?? 0) - (requests[0]?.at ?? 0)) / 1000;
    expect(work / (scenario.slots * seconds)).toBeCloseTo(0.7, 6);
    expect(scenario.longestHold / scenario.meanHold).toBeLessThanOrEqual(1.5001);
    expect(scenario.arrivals).toBeCloseTo(seconds / 64, 6);
    expect(scenario.tasks.map(({ due }) => due)).toEqual(
      [...scenario.tasks.map(({ due }) => due)].sort((a, b) => a - b),
    );
    expect(new Set(scenario.tasks.map(({ id }) => id)).size).toBe(requests.length);
  });

  test('all types are there; one agent in 200 vanishes, while there is time to notice', () => {
    expect(new Set(scenario.agents.map(({ id }) => id)).size).toBe(1_000);
    expect(new Set(scenario.agents.map(({ input }) => input.agent_type)).size).toBe(CATALOGUE.length);
    const times = scenario.agents.flatMap(({ vanishesAfter }) => vanishesAfter ?? []);
    expect(times).toHaveLength(5);
    expect(Math.max(...times)).toBeLessThan(scenario.arrivals * 0.7);
    expect(scenario.slots).toBe(2 * 995);
    expect(planScenario(requests, { ...options, agents: 1 }).slots).toBe(2);
  });

  test.each([1, 7, 60, 100])('with %d agents there is somebody for every task', (agents) => {
    const small = planScenario(requests, { ...options, agents });
    const able = new Set(
      small.agents.flatMap(({ input, vanishesAfter }) =>
        vanishesAfter === undefined ? Object.keys(input.capabilities ?? {}) : [],
      ),
    );
    expect(small.tasks.filter(({ agentType }) => !able.has(agentType))).toEqual([]);
  });

  test('the seed decides it all', () => {
    expect(planScenario(requests, options)).toEqual(scenario);
    const other = planScenario(requests, { ...options, seed: 2 });
    expect(other.agents.map(({ vanishesAfter }) => vanishesAfter)).not.toEqual(
      scenario.agents.map(({ vanishesAfter }) => vanishesAfter),
    );
  });

  test('an agent of a type can do what sisters of its department do, less well', () => {
    for (const entry of CATALOGUE) {
      const { [entry.agent_type]: own, ...others } = capabilitiesOf(entry);
      expect(own).toBe(1);
      expect(Object.values(others).every((level) => level === 0.8)).toBe(true);
      for (const type of Object.keys(others))
        expect(CATALOGUE.find(({ agent_type }) => agent_type === type)?.department).toBe(entry.department);
    }
  });

  test('one task in fifty needs a decision; few of these a person, and all voters stay', () => {
    const overseen = scenario.tasks.flatMap(({ oversight }) => oversight ?? []);
    expect(overseen.length / scenario.tasks.length).toBeCloseTo(0.02, 2);
    const large = overseen.filter(({ impact }) => impact === 'high');
    const reviews = overseen.filter(({ kind }) => kind === REVIEW);
    expect(large.every(({ kind }) => kind === SPENDING)).toBe(true);
    expect(reviews.length).toBeGreaterThan(overseen.length / 2);
    expect(large.length).toBeGreaterThan(0);
    const moods = reviews.map(
      ({ why }) => new Set(scenario.voters.map((voter) => opinionOf(voter, why, ['approve', 'reject'], 1).choice)),
    );
    expect(
      [['approve'], ['reject']].map(([choice]) => moods.some((mood) => mood.size === 1 && mood.has(choice as string))),
    ).toEqual([true, true]);
    expect(moods.filter(({ size }) => size > 1).length + large.length).toBeLessThan(0.15 * overseen.length);
    const staying = new Set(
      scenario.agents.flatMap(({ id, vanishesAfter }) => (vanishesAfter === undefined ? [id] : [])),
    );
    expect(scenario.voters).toHaveLength(7);
    expect(scenario.voters.every((id) => staying.has(id))).toBe(true);
  });

  test('cutting keeps the sum', () => {
    const cut = cutEfforts([1, 1, 1, 1, 96], 2);
    expect(cut.reduce((sum, effort) => sum + effort, 0)).toBeCloseTo(100, 6);
    expect(Math.max(...cut)).toBeLessThanOrEqual(40 + 1e-9);
    expect(cutEfforts([5, 5], 1.5)).toEqual([5, 5]);
    expect(cutEfforts([0, 8], 1)[1]).toBe(4); // what nobody can take is left out
  });
});

describe('npm run demo', () => {
  let folder: string;
  let trace: string;
  const data = (): string => path.join(folder, 'store');

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'formicary-demo-'));
    trace = path.join(folder, 'trace.csv');
    const rows = Array.from(
      { length: 150 },
      (_, i) =>
        `${at(i * 1.6)
          .replace('T', ' ')
          .slice(0, -1)}0000,${100 + ((i * 37) % 3_000)},${5 + ((i * 13) % 60)}`,
    );
    writeFileSync(trace, `TIMESTAMP,ContextTokens,GeneratedTokens\n${rows.join('\n')}\n`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('nothing is lost or awarded twice, though agents vanish and the host is killed', async () => {
    const { code, output, errors, json } = await run('samples/demo/main.js', [
      '--trace',
      trace,
      '--agents',
      '60',
      '--speed',
      '60',
      '--kill',
      '--json',
      '--data',
      data(),
    ]);
    expect({ code, errors: code === 0 ? '' : errors }).toEqual({ code: 0, errors: '' });
    expect(json).toMatchObject({
      tasks: 150,
      lost: 0,
      unfinished: 0,
      doubleAwards: 0,
      undecided: 0,
      verified: true,
      decisions: { miscounted: 0 },
    });
    expect(Number(json.completed) + Number(json.refused)).toBe(150);
    const { decided, byRules, byAgents, byPeople, rounds } = json.decisions as Record<string, number>;
    const overseen = planScenario(await readTrace(trace), { agents: 60, load: 0.7, speed: 60, seed: 1 }).tasks.filter(
      ({ oversight }) => oversight !== undefined,
    );
    expect({ decided, sum: (byRules ?? 0) + (byAgents ?? 0) + (byPeople ?? 0), rounds }).toEqual({
      decided: overseen.length,
      sum: overseen.length,
      rounds: overseen.filter(({ oversight }) => oversight?.kind === REVIEW).length,
    });
    expect(json.commits).toBeGreaterThan(150 * 6);
    expect(json.chains).toBeGreaterThanOrEqual(150 + 60);
    expect(json.utilisation).toBeGreaterThan(0);
    expect(Object.keys(json)).toEqual([
      'tasks',
      'completed',
      'refused',
      'lost',
      'unfinished',
      'doubleAwards',
      'undecided',
      'retries',
      'gini',
      'utilisation',
      'idle',
      'awardMs',
      'decisions',
      'commits',
      'chains',
      'verified',
      'seconds',
    ]);
    expect(errors).toContain('the host was killed in the middle');
    const [, task] = /formicary why (\S+)/.exec(output) ?? [];
    // What the last lines say is there: the store, with that task in it.
    expect([...readLog(data())].some(({ stream }) => stream === `default/task/${task}`)).toBe(true);
  }, 180_000);

  test('the same on the profile azure; the receipts stay as an export that holds', async () => {
    const { code, errors, json } = await run('samples/demo/main.js', [
      '--profile',
      'azure-local',
      '--trace',
      trace,
      '--agents',
      '30',
      '--speed',
      '20',
      '--json',
      '--data',
      data(),
    ]);
    expect({ code, errors: code === 0 ? '' : errors }).toEqual({ code: 0, errors: '' });
    expect(json).toMatchObject({
      tasks: 150,
      lost: 0,
      unfinished: 0,
      doubleAwards: 0,
      undecided: 0,
      verified: true,
      decisions: { miscounted: 0 },
    });
    expect(Number(json.completed) + Number(json.refused)).toBe(150);
    const lines = gunzipSync(readFileSync(path.join(data(), 'log.jsonl.gz')))
      .toString('utf8')
      .trimEnd()
      .split('\n');
    const log = new Verification();
    expect([...log.over(lines.map((line) => JSON.parse(line) as LogLine))]).toHaveLength(Number(json.commits));
    expect(log.verified).toBe(true);
    expect(readdirSync(data())).not.toContain('formicary.db');
    await eventually(() => childrenOf(data()).length === 0);
  }, 180_000);

  test('nothing of it survives its own death', async () => {
    let url = '';
    const { code, errors } = await run(
      'samples/demo/main.js',
      ['--trace', trace, '--agents', '20', '--speed', '10', '--data', data()],
      ({ pid, errors: heard }) => {
        const found = /host at (\S+),/.exec(heard)?.[1];
        if (found === undefined || url !== '') return;
        url = found;
        process.kill(pid, 'SIGKILL');
      },
    );
    expect({ code, url: url !== '', errors }).toEqual({ code: null, url: true, errors: expect.any(String) as string });
    await eventually(() => gone(url));
    expect(isHeld(data())).toBe(false);
    await eventually(() => childrenOf(data()).length === 0);
  }, 120_000);

  test('a folder that holds something else is left alone', async () => {
    const precious = path.join(folder, 'precious');
    mkdirSync(precious);
    writeFileSync(path.join(precious, 'thesis.txt'), 'ten years');
    const { code, errors } = await run('samples/demo/main.js', ['--trace', trace, '--agents', '2', '--data', precious]);
    expect(code).toBe(1);
    expect(errors).toContain('thesis.txt');
    expect(existsSync(path.join(precious, 'thesis.txt'))).toBe(true);
  }, 60_000);

  test.each([
    [['--agents', '0'], 'give a whole number from 1 to 12000'],
    [['--load', 'much'], 'give a number from 0.01 to 10'],
    [['--trace', '/nowhere/trace.csv'], '/nowhere/trace.csv'],
    [['--trace', __filename], 'expected the header'],
  ])(
    '%j is refused',
    async (args, message) => {
      const { code, errors } = await run('samples/demo/main.js', [...args, '--data', data()]);
      expect(code).toBe(1);
      expect(errors).toContain(message);
    },
    60_000,
  );
});

/** True when nobody answers any more. */
const gone = (url: string): Promise<boolean> =>
  fetch(`${url}/health/live`).then(
    () => false,
    () => true,
  );

/**
 * The host over this folder, and agents and servers of this test's own programs; none where the system does not tell.
 */
function childrenOf(folder: string): string[] {
  if (!existsSync('/proc/self/environ')) return [];
  const programs = ['samples/demo/agents.js', 'test/servers/main.js'].map((program) =>
    path.join(compiledAll(), 'dist', program),
  );
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return (
        readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`FORMICARY_DATA=${folder}\0`) ||
        programs.some((program) => command.includes(program))
      );
    } catch {
      return false;
    }
  });
}
