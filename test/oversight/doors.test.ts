/**
 * Parties as they stand when somebody decides, not as they stood when people or judges were asked: whoever has come to
 * hold, change, clear or doubt what is decided since then is one as well, at every door.
 */
import { taskDecider } from '../../domain/market/task';
import { actionDecider } from '../../domain/oversight/action';
import { approvalDecider } from '../../domain/oversight/approval';
import { DEFAULT_RULES, type OversightRules } from '../../domain/oversight/oversight';
import { recomputeRound, roundDecider } from '../../domain/oversight/round';
import { as, profile, spec, Stage, taskOf, TENANT } from '../support/stage';

let stage: Stage;

beforeEach(async () => {
  stage = new Stage();
  await stage.start();
});
afterEach(() => stage.end());

const DAY = 86_400;
const PARTY = { ok: false, rejection: { kind: 'forbidden', code: 'party-may-not-decide' } };
const person = (id: string) => ({
  principal: {
    tenant: TENANT,
    id: `human:${id}`,
    kind: 'human' as const,
    level: 'critical' as const,
    groups: ['approvers', 'administrators'],
  },
});
const task = () => stage.fold(taskDecider, taskOf('t')).state;
const action = () => stage.fold(actionDecider, `${TENANT}/action/a`).state;
const round = (id: string) => stage.fold(roundDecider, `${TENANT}/round/${id}`).state;
const claim = () => ({ agent: task().holder?.agent as string, award: task().holder?.award as number });
const register = (id: string, changes: Parameters<typeof profile>[0] = {}) =>
  stage.colony.agents.register(
    as(id),
    id,
    profile({ agent_type: `type.${id}`, presence_seconds: 10 * DAY, ...changes }),
  );
const voting = (...ids: string[]): OversightRules['round'] => ({
  when: 'always',
  algorithm: 'simple_majority',
  voters: ids.map((id) => ({ id, why: 'asked by name' })),
  min_agreement: 0.75,
  quorum: 0.6,
  round_seconds: 30,
  improvement_rounds: 0,
});
const rules = async (kind: string, changes: Partial<OversightRules> = {}) => {
  const outcome = await stage.colony.oversight.configure(person('root'), kind, {
    ...DEFAULT_RULES,
    approvers: [{ group: 'approvers', members: [], seconds: 600 }],
    ...changes,
  });
  if (!outcome.ok) throw new Error(outcome.rejection.message);
};
const vote = async (id: string, of: string, choice: string) => {
  const { electorate_hash: snapshot, pass } = round(of);
  return await stage.colony.rounds.vote(as(id), of, {
    voter: id,
    choice,
    confidence: 1,
    reasoning: 'because',
    snapshot,
    pass,
  });
};

describe('an award that is handed on while it is challenged', () => {
  let doubted = '';

  beforeEach(async () => {
    for (const id of ['j0', 'j1', 'rival']) await register(id, { offer: null, capabilities: {} });
    await register('ann');
    await rules('challenge', { round: voting('j0', 'j1', 'bob', 'cy') });
    await stage.colony.tasks.post(as('poster'), 't', spec({ accept_seconds: 600, lease_seconds: 3_600 }));
    await stage.settled();
    await stage.colony.tasks.accept(as('ann'), 't', claim());
    doubted = (await stage.colony.challenges.challenge(as('rival'), task().holder?.receipt as string, 'x')).round;
    await stage.settled();
    for (const to of ['bob', 'cy']) {
      await register(to);
      expect(await stage.colony.tasks.handOff(as(claim().agent), 't', claim(), to)).toMatchObject({ ok: true });
      await stage.colony.tasks.accept(as(to), 't', claim());
    }
  });

  test('nobody who has held it since judges it, also not who has handed it on again', async () => {
    expect(await vote('cy', doubted, 'dismiss')).toMatchObject(PARTY);
    expect(await vote('bob', doubted, 'dismiss')).toMatchObject(PARTY);
    expect(await vote('j0', doubted, 'dismiss')).toMatchObject({ ok: true });
  });

  test.each(['bob', 'cy'])(
    'nor does %s call the round off, override it, or decide on it among the people',
    async (holder) => {
      expect(await stage.colony.rounds.cancel(person(holder), doubted, 'no need')).toMatchObject(PARTY);
      await vote('j0', doubted, 'dismiss');
      await vote('j1', doubted, 'uphold');
      await stage.pass(40);
      const [asked] = (await stage.colony.approvals.list(TENANT, { status: 'waiting' }, 10)).docs;
      const { id, hash } = asked as { id: string; hash: string };
      expect(await stage.colony.rounds.override(person(holder), doubted, 'dismiss', 'so')).toMatchObject(PARTY);
      expect(await stage.colony.approvals.claim(person(holder), id, 60)).toMatchObject(PARTY);
      expect(await stage.colony.approvals.ask(person(holder), id, 'why?')).toMatchObject(PARTY);
      expect(await stage.colony.approvals.reject(person(holder), id, { hash, reason: 'so' })).toMatchObject(PARTY);
      expect(
        await stage.colony.approvals.approve(person(holder), id, { hash, reason: 'so', choice: 'dismiss' }),
      ).toMatchObject(PARTY);
      expect(
        await stage.colony.approvals.approve(person('dan'), id, { hash, reason: 'so', choice: 'uphold' }),
      ).toMatchObject({ ok: true });
      await stage.settled();
      expect(task().challenges).toMatchObject([{ status: 'upheld', holders: ['ann', 'bob', 'cy'] }]);
    },
  );
});

describe('an action', () => {
  const order = {
    kind: 'erp.order',
    action: { amount: 1, item: 'bolt' },
    why: 'x',
    confidence: 1,
    impact: 'low' as const,
    risk: 0,
    features: {},
  };
  const challenge = async (by: ReturnType<typeof as>) => {
    const outcome = await stage.colony.challenges.challenge(by, `${TENANT}/action/a@0`, 'x');
    expect(outcome).toMatchObject({ ok: true });
    await stage.settled();
    return outcome.round;
  };
  const propose = async (changes: object = {}) => {
    expect(await stage.colony.actions.propose(as('buyer'), 'a', { ...order, ...changes })).toMatchObject({ ok: true });
    await stage.settled();
    return stage.streams('approval').map((stream) => stream.split('/')[2] as string)[0] as string;
  };
  const hashOf = (id: string) => stage.fold(approvalDecider, `${TENANT}/approval/${id}`).state.hash;

  beforeEach(async () => {
    for (const id of ['j0', 'j1', 'v0', 'v1', 'v2']) await register(id, { offer: null, capabilities: {} });
    await rules('challenge', { round: voting('j0', 'j1') });
  });

  test('whoever challenges it decides no more on the approval that was asked for before', async () => {
    await rules('erp.order', { mode: 'human_approval' });
    const id = await propose();
    await challenge(person('ada'));
    const yes = { hash: hashOf(id), reason: 'so' };
    expect(await stage.colony.approvals.claim(person('ada'), id, 60)).toMatchObject(PARTY);
    expect(await stage.colony.approvals.approve(person('ada'), id, yes)).toMatchObject(PARTY);
    expect(await stage.colony.approvals.approve(person('ada'), id, { ...yes, edit: { amount: 2 } })).toMatchObject(
      PARTY,
    );
    expect(await stage.colony.approvals.reject(person('ada'), id, yes)).toMatchObject(PARTY);
    expect(await stage.colony.approvals.bulk(person('ada'), 'reject', [{ id, hash: yes.hash }], 'so')).toMatchObject([
      PARTY,
    ]);
    expect(await stage.colony.approvals.approve(person('bea'), id, yes)).toMatchObject({ ok: true });
  });

  test('whoever challenges it votes no more in its round, and does not override that', async () => {
    await rules('erp.order', { mode: 'full_automation', round: voting('v0', 'v1', 'v2') });
    await propose();
    const own = action().held?.ref.split('/')[2]?.split('@')[0] as string;
    await challenge(as('v0'));
    expect(await vote('v0', own, 'reject')).toMatchObject(PARTY);
    expect(await vote('v1', own, 'reject')).toMatchObject({ ok: true });
    expect(await vote('v2', own, 'reject')).toMatchObject({ ok: true });
    expect(await stage.colony.rounds.override(person('v0'), own, 'approve', 'so')).toMatchObject(PARTY);
  });

  test('whoever has let it on, or changed it, since it was challenged does not settle the challenge', async () => {
    await rules('erp.order', { mode: 'human_approval' });
    const id = await propose({ impact: 'critical' });
    const of = await challenge(as('v0'));
    expect(
      await stage.colony.approvals.approve(person('ada'), id, {
        hash: hashOf(id),
        reason: 'so',
        edit: { amount: 2, item: 'bolt' },
      }),
    ).toMatchObject({ ok: true });
    expect(
      await stage.colony.approvals.approve(person('bea'), id, {
        hash: hashOf(id),
        reason: 'so',
        edit: { amount: 2, item: 'nut' },
      }),
    ).toMatchObject({ ok: true });
    await vote('j0', of, 'uphold');
    await vote('j1', of, 'dismiss');
    await stage.settled();
    for (const who of ['ada', 'bea'])
      expect(await stage.colony.rounds.override(person(who), of, 'dismiss', 'so')).toMatchObject(PARTY);
    expect(await stage.colony.rounds.override(person('cal'), of, 'dismiss', 'so')).toMatchObject({ ok: true });
  });

  test('what was changed twice says all that was changed', async () => {
    await rules('erp.order', { mode: 'human_approval' });
    const id = await propose({ impact: 'critical' });
    for (const [who, edit] of [
      ['ada', { amount: 2, item: 'bolt' }],
      ['bea', { amount: 2, item: 'nut' }],
      ['cal', undefined],
    ] as const) {
      expect(
        await stage.colony.approvals.approve(person(who), id, {
          hash: hashOf(id),
          reason: 'so',
          ...(edit === undefined ? {} : { edit }),
        }),
      ).toMatchObject({ ok: true });
    }
    await stage.settled();
    const edited = stage
      .stream(`${TENANT}/action/a`)
      .flatMap(({ events }) => events)
      .filter(({ type }) => type === 'ActionEdited');
    expect(edited).toMatchObject([
      {
        data: {
          changes: [
            { path: '/amount', before: 1, after: 2 },
            { path: '/item', before: 'bolt', after: 'nut' },
          ],
        },
      },
    ]);
    expect(action()).toMatchObject({ status: 'cleared', hash: hashOf(id) });
  });

  test('who overrides the round of its challenge may do so again', async () => {
    await rules('erp.order', { mode: 'human_approval' });
    await propose();
    const of = await challenge(as('v0'));
    await vote('j0', of, 'uphold');
    await vote('j1', of, 'dismiss');
    await stage.settled();
    expect(await stage.colony.rounds.override(person('cal'), of, 'uphold', 'so')).toMatchObject({ ok: true });
    await stage.settled();
    expect(action()).toMatchObject({ status: 'refused' });
    expect(await stage.colony.rounds.override(person('cal'), of, 'dismiss', 'I was wrong')).toMatchObject({ ok: true });
    expect(round(of).overrides).toHaveLength(2);
    expect(recomputeRound(stage.stream(`${TENANT}/round/${of}`))).toMatchObject({ agrees: true, faults: [] });
  });
});

test('whoever overrides what a round came to, while that is challenged, does not settle the challenge', async () => {
  for (const id of ['j0', 'j1', 'v0', 'v1', 'rival']) await register(id, { offer: null, capabilities: {} });
  await rules('challenge', { round: voting('j0', 'j1') });
  const {
    when: _,
    round_seconds,
    improvement_rounds,
    ...electorate
  } = voting('v0', 'v1') as NonNullable<OversightRules['round']>;
  await stage.colony.rounds.open(as('asker'), 'q', {
    question: 'Which?',
    kind: 'supplier',
    impact: 'low',
    choices: ['north', 'south'],
    round_seconds,
    improvement_rounds,
    allow_change: false,
    electorate,
  });
  await vote('v0', 'q', 'north');
  await vote('v1', 'q', 'north');
  const { round: of } = await stage.colony.challenges.challenge(as('rival'), `${TENANT}/round/q@0`, 'x');
  await vote('j0', of, 'uphold');
  await vote('j1', of, 'dismiss');
  await stage.settled();
  expect(await stage.colony.rounds.override(person('ada'), 'q', 'south', 'so')).toMatchObject({ ok: true });
  expect(await stage.colony.rounds.override(person('ada'), of, 'dismiss', 'so')).toMatchObject(PARTY);
  expect(await stage.colony.rounds.override(person('bea'), of, 'dismiss', 'so')).toMatchObject({ ok: true });
});
