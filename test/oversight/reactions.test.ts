/** What follows from a decision is found from the state that the store has, not from what one process remembers. */
import { parseStream } from '../../domain/kernel/ids';
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
