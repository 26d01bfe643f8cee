/** The figures of decisions, against what was decided: over real stores, by a clock that only the test moves. */
import type { Colony } from '../../app/colony';
import type { RequestContext } from '../../app/engine/command';
import { RegistryProducer } from '../../app/operation/metric-export';
import { Metrics } from '../../app/operation/metrics';
import { DEFAULT_RULES, type OversightRules } from '../../domain/oversight/oversight';
import { QUESTION, Stage, TENANT } from '../support/stage';

const agent = (id: string): RequestContext => ({ principal: { tenant: TENANT, id, kind: 'agent', level: 'execute' } });
const ADA: RequestContext = {
  principal: {
    tenant: TENANT,
    id: 'human:ada',
    kind: 'human',
    level: 'critical',
    groups: ['approvers', 'administrators'],
  },
};
const LADDER = [
  { group: 'approvers', members: [], seconds: 60 },
  { group: 'administrators', members: [], seconds: 60 },
];
const voters = ['v1', 'v2', 'v3'].map((id) => ({ id, why: 'asked by name', weight: 1 }));

let stage: Stage;
let colony: Colony;

beforeEach(async () => {
  stage = new Stage();
  ({ colony } = await stage.start());
});

afterEach(() => stage.end());

const configure = async (kind: string, changes: Partial<OversightRules> = {}) => {
  expect(
    await colony.oversight.configure(ADA, kind, {
      ...DEFAULT_RULES,
      mode: 'full_automation',
      approvers: LADDER,
      ...changes,
    }),
  ).toMatchObject({ ok: true });
};
const propose = async (id: string, kind = 'order') => {
  expect(
    await colony.actions.propose(agent('buyer'), id, {
      kind,
      action: { id },
      why: 'stock is low',
      confidence: 0.9,
      impact: 'low',
      risk: 0,
      features: { of: kind },
    }),
  ).toMatchObject({ ok: true });
  await stage.settled();
};
const approvalOf = async (id: string) => {
  const { held, hash } = (await colony.actions.load(TENANT, id)).state;
  return { id: held?.ref.split(/[/@]/)[2] as string, hash };
};
const decide = async (id: string, decision: 'approve' | 'reject', edit?: unknown) => {
  const asked = await approvalOf(id);
  expect(
    await colony.approvals[decision](ADA, asked.id, {
      hash: asked.hash,
      reason: 'so',
      ...(edit === undefined ? {} : { edit }),
    }),
  ).toMatchObject({ ok: true });
  await stage.settled();
};
const executed = async (id: string) => {
  const { hash } = (await colony.actions.load(TENANT, id)).state;
  expect(await colony.actions.execute(agent('buyer'), id, { hash })).toMatchObject({ ok: true });
  await stage.settled();
};
const openRound = async (id: string) => {
  const electorate = { algorithm: 'simple_majority', voters, min_agreement: 0.75, quorum: 0.6 } as const;
  expect(await colony.rounds.open(ADA, id, { ...QUESTION, electorate })).toMatchObject({ ok: true });
};
const vote = async (round: string, voter: string, choice: string) => {
  const { state } = await colony.rounds.load(TENANT, round);
  expect(
    await colony.rounds.vote(agent(voter), round, {
      voter,
      choice,
      confidence: 0.9,
      reasoning: 'so',
      snapshot: state.electorate_hash,
      pass: state.pass,
    }),
  ).toMatchObject({ ok: true });
};
/** Once what was kept has become too old. */
const figures = async () => {
  await stage.settled();
  stage.clock.time += 5_000;
  return await colony.decisionMetrics.of(TENANT);
};

test('of nothing there are no shares and no times', async () => {
  expect(await figures()).toMatchObject({
    complete: true,
    actions: { actions: 0, human: 0, share: null, by_kind: [], by_path: { act: { share: null } } },
    approvals: { waiting: 0, agreement: null, seconds: { count: 0, p50: null, p95: null, p99: null } },
    rounds: { open: 0, seconds: { count: 0, p50: null } },
  });
});

test('which actions needed a person, by path and by kind', async () => {
  await configure('order');
  await configure('mail', { mode: 'human_on_the_loop', veto_seconds: 30 });
  await propose('first'); // nothing like it is known
  await propose('letter', 'mail');
  await decide('first', 'approve');
  await executed('first');
  await propose('second');
  await propose('third');
  await decide('letter', 'approve');
  await executed('letter');
  await propose('vetoed', 'mail');
  await propose('unhindered', 'mail');
  expect(await colony.actions.veto(ADA, 'vetoed', 'not now')).toMatchObject({ ok: true });
  expect(await colony.actions.override(ADA, 'third', 'refuse', 'enough')).toMatchObject({ ok: true });
  const { actions } = await figures();
  expect(actions).toMatchObject({ actions: 6, human: 4, share: 4 / 6, overridden: 1, challenged: 0 });
  expect(actions.by_path).toEqual({
    act: { actions: 2, human: 1, share: 0.5 },
    veto_window: { actions: 2, human: 1, share: 0.5 },
    round: { actions: 0, human: 0, share: null },
    approval: { actions: 2, human: 2, share: 1 },
  });
  expect(actions.by_kind).toEqual([
    { kind: 'mail', actions: 3, human: 2, share: 2 / 3 },
    { kind: 'order', actions: 3, human: 2, share: 2 / 3 },
  ]);
});

test('what came of approvals, how long they took, and how often people agree with what was proposed', async () => {
  await configure('order');
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) await propose(id);
  stage.clock.time += 10_000;
  await decide('a', 'approve');
  await decide('b', 'approve');
  stage.clock.time += 10_000;
  await decide('c', 'approve', { id: 'c', fewer: true });
  await decide('d', 'reject');
  expect(await colony.approvals.withdraw(agent('buyer'), (await approvalOf('e')).id, 'not needed')).toMatchObject({
    ok: true,
  });
  expect(await colony.actions.override(ADA, 'f', 'refuse', 'no')).toMatchObject({ ok: true });
  await stage.pass(50); // the second group is asked
  await decide('g', 'approve');
  await stage.pass(60); // nobody decides on h
  await propose('i');
  const { approvals } = await figures();
  expect(approvals).toEqual({
    waiting: 1,
    approved: 4,
    rejected: 1,
    defaulted: 1,
    withdrawn: 1,
    superseded: 1,
    escalated: 2,
    edited: 1,
    seconds: { count: 8, p50: 20, p95: 120, p99: 120 },
    agreement: 3 / 5,
  });
});

test('what came of rounds, and how long they took', async () => {
  for (const id of ['agreed', 'nobody', 'divided', 'cancelled', 'quiet']) await openRound(id);
  stage.clock.time += 30_000;
  for (const voter of ['v1', 'v2']) await vote('agreed', voter, 'yes');
  expect(await colony.rounds.cancel(ADA, 'cancelled', 'no need')).toMatchObject({ ok: true });
  await vote('divided', 'v1', 'yes');
  await vote('divided', 'v2', 'no');
  await stage.pass(30);
  await openRound('open');
  expect(
    await colony.rounds.override({ principal: { ...ADA.principal, id: 'human:bea' } }, 'divided', 'no', 'careful'),
  ).toMatchObject({ ok: true });
  const { rounds } = await figures();
  expect(rounds).toEqual({
    open: 1,
    agreed: 1,
    no_agreement: 1,
    no_quorum: 2,
    cancelled: 1,
    escalated: 3,
    overridden: 1,
    challenges: 0,
    seconds: { count: 5, p50: 60, p95: 60, p99: 60 },
  });
});

test('a challenge counts on both sides', async () => {
  for (const id of [...voters.map((voter) => voter.id), 'rival'])
    await colony.agents.register(agent(id), id, {
      agent_type: 'judge',
      pool: 'judges',
      capabilities: { law: 1 },
      capacity: 1,
      presence_seconds: 60,
      offer: null,
    });
  await configure('order');
  await propose('a');
  await stage.settled();
  expect(await colony.challenges.challenge(agent('rival'), `${TENANT}/action/a@0`, 'too many')).toMatchObject({
    ok: true,
  });
  expect(await figures()).toMatchObject({ actions: { challenged: 1 }, rounds: { open: 1, challenges: 1 } });
});

test('kept for five seconds, for each tenant by itself', async () => {
  await configure('order');
  const before = await figures();
  await propose('a');
  expect(await colony.decisionMetrics.of(TENANT)).toBe(before);
  expect((await colony.decisionMetrics.of('other')).actions.actions).toBe(0);
  stage.clock.time += 5_000;
  expect((await colony.decisionMetrics.of(TENANT)).actions.actions).toBe(1);
});

test('what takes long to read is read more seldom; what waits is not', async () => {
  const read: string[] = [];
  stage.mishaps = (port, method, [view, query]) => {
    if (port !== 'views' || method !== 'query') return undefined;
    const { where } = query as { where?: { status?: string } };
    read.push(`${String(view).split('.')[0]} ${where?.status ?? 'all'}`);
    // Two seconds for all three lists.
    if (where?.status === undefined) stage.clock.time += 667;
    return undefined;
  };
  const WAITING = ['approvals waiting', 'rounds open'];
  const ALL = ['actions all', 'approvals all', 'rounds all'];
  const asked = async () => {
    read.length = 0;
    const { rounds, at } = await colony.decisionMetrics.of(TENANT);
    return { read: [...read], open: rounds.open, agreed: rounds.agreed, at };
  };
  const begun = stage.now;
  expect(await asked()).toEqual({ read: [...ALL, ...WAITING], open: 0, agreed: 0, at: begun });
  await openRound('r');
  for (const voter of ['v1', 'v2']) await vote('r', voter, 'yes');
  await openRound('s');
  await stage.settled();
  stage.clock.time += 5_000;
  expect(await asked()).toEqual({ read: WAITING, open: 1, agreed: 0, at: begun });
  stage.clock.time += 190_000;
  expect(await asked()).toEqual({ read: WAITING, open: 1, agreed: 0, at: begun });
  stage.clock.time += 5_000;
  const later = stage.now;
  expect(await asked()).toEqual({ read: [...ALL, ...WAITING], open: 1, agreed: 1, at: later });
});

test('whoever asks while it is being read gets the same', async () => {
  let queries = 0;
  stage.mishaps = (port, method) => {
    if (port === 'views' && method === 'query') queries += 1;
    stage.clock.time += 3_000;
    return undefined;
  };
  const both = [colony.decisionMetrics.of(TENANT), colony.decisionMetrics.of(TENANT)];
  stage.clock.time += 10_000;
  both.push(colony.decisionMetrics.of(TENANT));
  expect(new Set(await Promise.all(both)).size).toBe(1);
  expect(queries).toBe(5);
});

test('a failure is not kept', async () => {
  stage.mishaps = (port, method) => (port === 'views' && method === 'query' ? 'fails' : undefined);
  await expect(colony.decisionMetrics.of(TENANT)).rejects.toThrow('failed');
  stage.mishaps = () => undefined;
  expect((await colony.decisionMetrics.of(TENANT)).complete).toBe(true);
});

test('Prometheus sees the same figures, and each end once', async () => {
  const metrics = new Metrics(colony);
  await configure('order');
  await propose('a');
  await propose('b');
  await openRound('r');
  for (const voter of ['v1', 'v2']) await vote('r', voter, 'yes');
  await openRound('s');
  stage.clock.time += 10_000;
  await decide('a', 'approve');
  const { body } = await metrics.text();
  const value = (series: string) =>
    body
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.split(' ')
      .at(-1);
  expect(
    ['formicary_approvals_waiting', 'formicary_rounds_open', 'formicary_human_share', 'formicary_human_agreement'].map(
      (name) => value(`${name}{tenant="${TENANT}"}`),
    ),
  ).toEqual(['1', '1', '1', '1']);
  expect(value('formicary_decisions_total{of="approval",outcome="approved"}')).toBe('1');
  expect(value('formicary_decisions_total{of="round",outcome="agreed"}')).toBe('1');
  expect([
    value('formicary_decision_seconds_sum{of="approval"}'),
    value('formicary_decision_seconds_count{of="approval"}'),
  ]).toEqual(['10', '1']);
});

test('OpenTelemetry is given the same, and of counters and histograms what came since', async () => {
  const producer = new RegistryProducer(new Metrics(colony), stage.clock);
  const collected = async () => {
    const { resourceMetrics, errors } = await producer.collect();
    expect(errors).toEqual([]);
    return (name: string, attributes: Record<string, string> = {}) =>
      resourceMetrics.scopeMetrics
        .flatMap(({ metrics }) => metrics)
        .filter(({ descriptor }) => descriptor.name === name)
        .flatMap(({ dataPoints }) => [...dataPoints])
        .filter((point) => Object.entries(attributes).every(([key, value]) => point.attributes[key] === value))
        .map(({ value }) => value);
  };
  const approved = { of: 'approval', outcome: 'approved' };
  await configure('order');
  for (const id of ['a', 'b', 'c']) await propose(id);
  stage.clock.time += 10_000;
  await decide('a', 'approve');
  await decide('b', 'approve');
  const first = await collected();
  expect(first('formicary_decisions_total', approved)).toEqual([2]);
  expect(first('formicary_decision_seconds', { of: 'approval' })).toEqual([
    expect.objectContaining({ count: 2, sum: 20 }),
  ]);
  expect(first('formicary_approvals_waiting', { tenant: TENANT })).toEqual([1]);
  expect(first('formicary_human_share', { tenant: TENANT })).toEqual([expect.any(Number)]);
  expect(first('process_cpu_seconds_total')).toEqual([]);

  const second = await collected();
  expect(second('formicary_decisions_total')).toEqual([]);
  expect(second('formicary_decision_seconds')).toEqual([]);
  expect(second('formicary_approvals_waiting', { tenant: TENANT })).toEqual([1]);

  stage.clock.time += 5_000;
  await decide('c', 'approve');
  const third = await collected();
  expect(third('formicary_decisions_total', approved)).toEqual([1]);
  expect(third('formicary_decision_seconds', { of: 'approval' })).toEqual([
    expect.objectContaining({ count: 1, sum: 15 }),
  ]);
});
