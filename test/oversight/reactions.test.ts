/** What follows from a decision is found from the state that the store has, not from what one process remembers. */
import type { Append } from '../../app/engine/ports';
import { commitRef, idOf, parseStream } from '../../domain/kernel/ids';
import { actionStream } from '../../domain/oversight/action';
import { DEFAULT_RULES, oversightStream } from '../../domain/oversight/oversight';
import { as, Stage, TENANT, types } from '../support/stage';

const ORDER = {
  kind: 'erp.order',
  action: { item: 'bolts', amount: 40 },
  why: 'stock is low',
  confidence: 0.1,
  impact: 'high',
  risk: 0.1,
  features: { amount: 40 },
} as const;

let stage: Stage;

beforeEach(() => {
  stage = new Stage({ shared: true });
});
afterEach(() => stage.end());

test('an approval that another process has closed is not asked for again when its commits come once more', async () => {
  const { colony: here } = await stage.start();
  const { colony: elsewhere } = await stage.start();
  await here.actions.propose(as('buyer'), 'a1', ORDER);
  await stage.settled();
  const [approval] = stage.streams('approval') as [string];
  const { id } = parseStream(approval);
  const { state } = await here.approvals.load(TENANT, id);
  expect(state.status).toBe('waiting');
  const commits = stage.stream(approval);
  expect(types(commits)).toContain('ApprovalRequested');
  const ada = as('human:ada', undefined, 'human');
  const person = { principal: { ...ada.principal, level: 'critical', groups: ['approvers'] } } as const;
  const seen = { hash: state.hash, reason: 'fine' };
  expect(await elsewhere.approvals.approve(person, id, seen)).toMatchObject({ state: { status: 'closed' } });

  const calls: string[] = [];
  here.orchestrated.connect({
    start: async (stream) => void calls.push(`start ${stream}`),
    wake: async (stream) => void calls.push(`wake ${stream}`),
  });
  await here.decisions.handle(commits);
  expect(calls).toEqual([]);
  expect((await here.approvals.load(TENANT, id)).state.status).toBe('closed');
});

describe('what people have approved', () => {
  const stream = actionStream(TENANT, 'a1');
  const approve = async () => {
    const { colony } = await stage.start();
    await colony.actions.propose(as('buyer'), 'a1', ORDER);
    await stage.settled();
    const { hash, held } = (await colony.actions.load(TENANT, 'a1')).state;
    const { principal } = as('human:ada', undefined, 'human');
    const ada = { principal: { ...principal, level: 'critical', groups: ['approvers'] } } as const;
    return { colony, given: () => colony.approvals.approve(ada, idOf(held?.ref as string), { hash, reason: 'fine' }) };
  };

  test('goes on before they are answered, by what they said, and the feed finds nothing left to do', async () => {
    const { colony, given } = await approve();
    const outcome = await given();
    expect((await colony.actions.load(TENANT, 'a1')).state).toMatchObject({ status: 'cleared' });
    const commits = stage.stream(stream);
    expect(commits.at(-1)?.meta.causationId).toBe(outcome.ok ? commitRef(outcome.stream, outcome.version) : undefined);
    await stage.settled();
    expect(stage.stream(stream)).toEqual(commits);
    expect(stage.reports).toEqual([]);
  });

  test('is over: what follows from its commits asks the store for nothing', async () => {
    const { colony, given } = await approve();
    await given();
    const [approval] = stage.streams('approval') as [string];
    const asked: unknown[] = [];
    stage.mishaps = (port, method, args) => {
      if (port === 'store' && method !== 'append' && args.includes(approval)) asked.push(method);
      return undefined;
    };
    await colony.decisions.handle(stage.stream(approval));
    expect(asked).toEqual([]);
  });

  test('goes on by the feed where it could not at once', async () => {
    const { colony, given } = await approve();
    stage.mishaps = (port, method, [append]) =>
      port === 'store' && method === 'append' && (append as Append).stream === stream ? 'fails' : undefined;
    expect(await given()).toMatchObject({ ok: true, state: { status: 'closed', outcome: 'approved' } });
    expect((await colony.actions.load(TENANT, 'a1')).state.status).toBe('held');
    expect(stage.reports).toMatchObject([{ message: 'what follows from an approval waits for the feed' }]);
    stage.mishaps = () => undefined;
    await stage.settled();
    expect((await colony.actions.load(TENANT, 'a1')).state.status).toBe('cleared');
  });
});

test('rules that a tenant has not set are asked for once, and hold in every process when they are set', async () => {
  const { colony: here } = await stage.start();
  const { colony: elsewhere } = await stage.start();
  const asked: unknown[] = [];
  stage.mishaps = (port, method, args) => {
    if (port === 'store' && method !== 'append' && args.includes(oversightStream(TENANT))) asked.push(method);
    return undefined;
  };
  for (const id of ['a1', 'a2', 'a3']) {
    await here.actions.propose(as('buyer'), id, ORDER);
    await stage.settled();
  }
  // By each of the two at most.
  expect(new Set(asked)).toEqual(new Set(['head']));
  expect(asked.length).toBeLessThanOrEqual(2);
  const root = { principal: { ...as('human:root', undefined, 'human').principal, level: 'critical' } } as const;
  const free = { ...DEFAULT_RULES, mode: 'full_automation' } as const;
  expect((await elsewhere.oversight.configure(root, ORDER.kind, free)).ok).toBe(true);
  await stage.settled();
  for (const { oversight } of [here, elsewhere])
    expect(await oversight.rules(TENANT, ORDER.kind)).toMatchObject({ mode: 'full_automation' });
});
