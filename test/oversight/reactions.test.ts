/** What follows from a decision is found from the state that the store has, not from what one process remembers. */
import { parseStream } from '../../domain/kernel/ids';
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
