/** Approvals and actions: decided by who may not, for something else than was seen, or twice. */
import { asks, type Attempt, family, tries } from '../attempt';
import { itemsSay, saidBy } from '../http';
import type { World } from '../world';

interface Held {
  readonly id: string;
  readonly approval: string;
  readonly hash: string;
}
type Which = 'plain' | 'other' | 'own' | 'critical' | 'edited' | 'claimed' | 'cleared' | 'done';
type Scene = Readonly<Record<Which, Held>> & { readonly before: string };

const ORDER = {
  action: { item: 'bolts', amount: 40 },
  why: 'stock is low',
  confidence: 0.9,
  impact: 'high',
  risk: 0.1,
};
const REASON = { reason: 'fine' };

async function propose(world: World, as: string, more: object = {}): Promise<Held> {
  const id = world.fresh('order');
  const { action } = await world.done('/v1/actions', { as, json: { ...ORDER, id, kind: 'attack.order', ...more } });
  return {
    id,
    approval: /\/approval\/(.+)@/.exec(action.held.ref as string)?.[1] as string,
    hash: action.hash as string,
  };
}
const approve = (world: World, { approval, hash }: Held, as: string, more: object = {}) =>
  world.done(`/v1/approvals/${approval}/approve`, { as, json: { hash, ...REASON, ...more } });
const cleared = (world: World, { id }: Held) =>
  world.eventually(async () => (await world.done(`/v1/actions/${id}`, { as: 'ant' })).status === 'cleared');

async function scene(world: World): Promise<Scene> {
  const [plain, other, critical, edited, claimed, clear, done] = await Promise.all(
    ['plain', 'other', 'critical', 'edited', 'claimed', 'cleared', 'done'].map((of) =>
      propose(
        world,
        'ant',
        of === 'critical' || of === 'edited' ? { impact: 'critical' } : { action: { item: of, amount: 40 } },
      ),
    ),
  );
  const own = await propose(world, 'admin');
  await approve(world, critical!, 'approver');
  await approve(world, edited!, 'approver', { edit: { item: 'bolts', amount: 10 } });
  await world.done(`/v1/approvals/${claimed!.approval}/claim`, { as: 'second', json: { seconds: 3_600 } });
  for (const one of [clear!, done!]) {
    await approve(world, one, 'approver');
    await cleared(world, one);
  }
  await world.done(`/v1/actions/${done!.id}/execute`, { as: 'ant', json: { hash: done!.hash } });
  const { hash } = await world.done(`/v1/approvals/${edited!.approval}`, { as: 'approver' });
  return {
    ...{ plain: plain!, other: other!, own, critical: critical!, claimed: claimed!, cleared: clear!, done: done! },
    ...{ edited: { ...edited!, hash: hash as string }, before: edited!.hash },
  };
}

const decides = (
  id: string,
  what: string,
  as: string,
  which: Which,
  expected: string | readonly string[],
  more: object | ((it: Scene) => object) = {},
  step = 'approve',
): Attempt<Scene> =>
  asks<Scene>(id, what, expected, (it) => [
    `/v1/approvals/${it[which].approval}/${step}`,
    { as, json: { hash: it[which].hash, ...REASON, ...(typeof more === 'function' ? more(it) : more) } },
  ]);
const gate = (
  id: string,
  what: string,
  as: string,
  which: Which,
  expected: string | readonly string[],
  step: string,
  json: (it: Held) => object,
): Attempt<Scene> =>
  asks<Scene>(id, what, expected, (it) => [`/v1/actions/${it[which].id}/${step}`, { as, json: json(it[which]) }]);
const proposes = (id: string, what: string, expected: string | readonly string[], more: object): Attempt<Scene> =>
  asks<Scene>(id, `propose an action ${what}`, expected, (_, world) => [
    '/v1/actions',
    { as: 'bee', json: { ...ORDER, id: world.fresh('odd'), kind: 'attack.order', ...more } },
  ]);

const decisions = family<Scene>('approvals', 'decided', {
  prepare: scene,
  attempts: [
    decides('agent', "approve an agent's action as that agent", 'ant', 'plain', '403 not-an-approver'),
    decides('other-agent', 'approve it as another agent', 'bee', 'plain', '403 not-an-approver'),
    decides('service', 'approve it as a service of the level critical', 'crm', 'plain', '403 not-an-approver'),
    decides('viewer', 'approve it as a viewer', 'viewer', 'plain', '403 forbidden'),
    decides(
      'operator',
      'approve it as a person of no group that was asked',
      'operator',
      'plain',
      '403 not-an-approver',
    ),
    decides('author', 'approve it as an author of policy', 'author', 'plain', ['403 forbidden', '403 not-an-approver']),
    decides('stranger', 'approve it as an administrator of another tenant', 'boss', 'plain', '404 approval-not-found'),
    decides('platform', 'approve it as an administrator of the platform', 'pia', 'plain', '404 approval-not-found'),
    decides('self', "approve one's own action", 'admin', 'own', '403 requester-may-not-decide'),
    decides('self-reject', "reject one's own action", 'admin', 'own', '403 requester-may-not-decide', {}, 'reject'),
    decides(
      'twice',
      'approve a critical action twice, as one person',
      'approver',
      'critical',
      '409 same-person-twice',
      { reason: 'again' },
    ),
    decides('editor', 'approve alone what one has edited', 'approver', 'edited', '409 same-person-twice', {
      reason: 'again',
    }),
    decides(
      'before-edit',
      'approve an edited action as it was before',
      'second',
      'edited',
      '409 action-differs',
      ({ before }) => ({ hash: before }),
    ),
    decides(
      'other-hash',
      "approve an action by another's hash",
      'approver',
      'plain',
      '409 action-differs',
      ({ other }) => ({ hash: other.hash }),
    ),
    decides('any-hash', 'approve an action by a hash that nothing has', 'approver', 'plain', '409 action-differs', {
      hash: 'f'.repeat(64),
    }),
    decides('no-hash', 'approve whatever there is', 'approver', 'plain', '400 invalid-request', { hash: undefined }),
    decides('by', "approve in another's name", 'approver', 'critical', '400 invalid-request', { by: 'human:second' }),
    decides('groups', 'approve with groups of its own', 'operator', 'plain', '400 invalid-request', {
      groups: ['approvers'],
    }),
    decides('claimed', 'approve what another has claimed', 'approver', 'claimed', '409 claimed-by-another'),
    decides('decided', 'approve what was approved', 'second', 'cleared', '409 already-decided'),
    decides(
      'reject-decided',
      'reject what was approved and done',
      'second',
      'done',
      '409 already-decided',
      {},
      'reject',
    ),
    decides(
      'answer',
      'answer for the requester',
      'bee',
      'claimed',
      ['400 invalid-request', '403 not-the-requester', '404 question-not-found'],
      { number: 1, text: 'x', hash: undefined, reason: undefined },
      'answer',
    ),
    decides(
      'withdraw',
      'withdraw it for the requester',
      'bee',
      'plain',
      '403 not-the-requester',
      { hash: undefined },
      'withdraw',
    ),
    asks<Scene>('version', 'approve it by a version of before', '412 version-mismatch', ({ critical }) => [
      `/v1/approvals/${critical.approval}/approve`,
      { as: 'second', json: { hash: critical.hash, ...REASON }, headers: { 'if-match': '"0"' } },
    ]),
    tries<Scene>(
      'bulk',
      'approve what weighs much in one go with others',
      '409 bulk-only-for-low-impact',
      async (world, { plain, other }) => {
        const items = [plain, other].map(({ approval, hash }) => ({ id: approval, hash }));
        const json = { decision: 'approve', items, ...REASON };
        return itemsSay(await world.ask('/v1/approvals/bulk', { as: 'approver', json }));
      },
    ),
    tries<Scene>('bulk-agent', 'approve in one go, as an agent', '403 not-an-approver', async (world, { plain }) => {
      const items = [{ id: plain.approval, hash: plain.hash }];
      const json = { decision: 'approve', items, ...REASON };
      return itemsSay(await world.ask('/v1/approvals/bulk', { as: 'ant', json }));
    }),
    gate(
      'uncleared',
      'take an action that nobody cleared',
      'ant',
      'plain',
      '409 action-not-cleared',
      'execute',
      ({ hash }) => ({ hash }),
    ),
    gate(
      'half-cleared',
      'take a critical action after one of two people',
      'ant',
      'critical',
      '409 action-not-cleared',
      'execute',
      ({ hash }) => ({ hash }),
    ),
    gate(
      'taken-by-other',
      'take the cleared action of another agent',
      'bee',
      'cleared',
      '403 not-the-proposer',
      'execute',
      ({ hash }) => ({ hash }),
    ),
    gate('again', 'take an action twice', 'ant', 'done', '409 action-already-executed', 'execute', ({ hash }) => ({
      hash,
      result: 'again',
    })),
    gate(
      'override-agent',
      'clear an action by overriding, as an agent',
      'bee',
      'plain',
      '403 forbidden',
      'override',
      () => ({ instead: 'allow', ...REASON }),
    ),
    gate(
      'override-service',
      'clear an action by overriding, as a service',
      'crm',
      'plain',
      '403 not-a-person',
      'override',
      () => ({ instead: 'allow', ...REASON }),
    ),
    gate(
      'override-own',
      "clear one's own action by overriding",
      'admin',
      'own',
      '403 requester-may-not-decide',
      'override',
      () => ({ instead: 'allow', ...REASON }),
    ),
    gate(
      'override-critical',
      'clear a critical action alone, by overriding',
      'admin',
      'critical',
      '403 four-eyes-needed',
      'override',
      () => ({ instead: 'allow', ...REASON }),
    ),
    gate(
      'override-outsider',
      'clear an action by overriding, as a person of no group that was asked',
      'operator',
      'plain',
      '403 forbidden',
      'override',
      () => ({ instead: 'allow', ...REASON }),
    ),
    gate(
      'override-asked',
      'clear a critical action alone, by overriding, as one who was asked',
      'approver',
      'critical',
      '403 forbidden',
      'override',
      () => ({ instead: 'allow', ...REASON }),
    ),
    gate('veto-agent', 'stop an action as another agent', 'bee', 'cleared', '403 not-a-person', 'veto', () => REASON),
    gate(
      'undone',
      'say that it was undone, as another agent',
      'bee',
      'done',
      ['403 not-the-proposer', '409 no-compensation-due'],
      'compensated',
      () => ({ ref: 'x' }),
    ),
    asks<Scene>('rules-agent', 'set the rules of oversight, as an operator', '403 forbidden', () => [
      '/v1/oversight/attack.order',
      { as: 'operator', method: 'PUT', json: { rules: { mode: 'full_automation' } } },
    ]),
    asks<Scene>('rules-silence', 'set rules by which silence acts', '400 invalid-request', () => [
      '/v1/oversight/attack.order',
      {
        ...{ as: 'admin', method: 'PUT' },
        json: {
          rules: {
            ...{ mode: 'human_approval', safe_default: 'approve', approvers: [{ group: 'approvers', seconds: 1 }] },
            thresholds: { confidence: 0.7, consensus: 0.75, novelty: 1, impact: 'high' },
          },
        },
      },
    ]),
    tries<Scene>(
      'altered',
      'take a cleared action with another hash',
      '409 action-returned',
      async (world) => {
        const action = await propose(world, 'ant');
        await approve(world, action, 'approver');
        await cleared(world, action);
        const said = await world.says(`/v1/actions/${action.id}/execute`, {
          as: 'ant',
          json: { hash: 'f'.repeat(64) },
        });
        const { status } = await world.done(`/v1/actions/${action.id}`, { as: 'ant' });
        return status === 'held' ? said : `${said}, and it is ${status}`;
      },
      ['action', 'approval'],
    ),
    tries<Scene>(
      'race',
      'take a cleared action eight times at once',
      '1 of 8',
      async (world) => {
        const action = await propose(world, 'ant');
        await approve(world, action, 'approver');
        await cleared(world, action);
        return await succeeded(8, (n) =>
          world.says(`/v1/actions/${action.id}/execute`, { as: 'ant', json: { hash: action.hash, result: n } }),
        );
      },
      ['action', 'approval'],
    ),
    tries<Scene>(
      'decided-race',
      'approve and reject an action at once',
      '1 of 8',
      async (world) => {
        const action = await propose(world, 'ant');
        return await succeeded(8, (n) =>
          world.says(`/v1/approvals/${action.approval}/${n % 2 === 0 ? 'approve' : 'reject'}`, {
            as: n < 4 ? 'approver' : 'second',
            json: { hash: action.hash, reason: `${n}` },
          }),
        );
      },
      ['action', 'approval'],
    ),
    proposes('nothing', 'that is none', '400 invalid-request', { action: undefined }),
    proposes('own-policy', 'with an answer of policy of its own', '400 invalid-request', {
      policy: { decision: 'allow' },
    }),
    proposes('own-path', 'with an answer of the rules of its own', '400 invalid-request', {
      oversight: { path: 'act' },
    }),
    proposes('as-other', "in another's name", '400 invalid-request', { proposed_by: 'ant' }),
    proposes('confidence', 'with more than all confidence', '400 invalid-request', { confidence: 1e308 }),
    proposes('risk', 'with a negative risk', '400 invalid-request', { risk: -0.1 }),
    proposes('impact', 'with an impact of its own', '400 invalid-request', { impact: 'none' }),
    asks<Scene>('same-id', 'propose another action under the id of one', '409 action-exists', ({ plain }) => [
      '/v1/actions',
      { as: 'bee', json: { ...ORDER, id: plain.id, kind: 'attack.order', action: { item: 'gold' } } },
    ]),
  ],
  control: {
    does: 'the second person approves, and the agent takes the action',
    expected: '200',
    async run(world, { critical, plain }) {
      await approve(world, critical, 'second');
      await approve(world, plain, 'approver');
      await cleared(world, critical);
      return await world.says(`/v1/actions/${critical.id}/execute`, { as: 'ant', json: { hash: critical.hash } });
    },
  },
});

/** How many of so many at once succeed. */
async function succeeded(count: number, one: (n: number) => Promise<string>): Promise<string> {
  const said = await Promise.all(Array.from({ length: count }, (_, n) => one(n)));
  return `${said.filter((text) => text.startsWith('2')).length} of ${count}`;
}

// ------------------------------------------------------------------------------------------------- what policy forbids

const gated = (id: string, what: string, expected: string | readonly string[], action: object): Attempt<void> =>
  tries<void>(
    id,
    what,
    expected,
    async (world) => {
      const reply = await world.ask('/v1/actions', {
        as: 'bee',
        json: { ...ORDER, ...GATED, id: world.fresh('gated'), action },
      });
      if (reply.status >= 300) return saidBy(reply);
      const { id: of, status, hash } = reply.body.action;
      return `${status}, taken ${await world.says(`/v1/actions/${of}/execute`, { as: 'bee', json: { hash } })}`;
    },
    ['action', 'approval'],
  );
const GATED = { kind: 'attack.gated', impact: 'low', confidence: 1, features: { amount: 40 } };
const PEOPLE = ['held, taken 409 action-not-cleared'];
const REFUSED = [
  'refused, taken 403 policy-denied',
  'refused, taken 409 action-refused',
  '403 policy-denies',
  '403 policy-denied',
  'held, taken 403 policy-denied',
];

const policies = family<void>('approvals', 'gated', {
  async prepare(world) {
    const thresholds = { confidence: 0, consensus: 0, novelty: 1, impact: 'critical' };
    const rules = {
      mode: 'full_automation',
      thresholds,
      approvers: [{ group: 'approvers', seconds: 3_600 }],
      safe_default: 'refuse',
    };
    await world.done('/v1/oversight/attack.gated', { as: 'admin', method: 'PUT', json: { rules } });
    // What is like nothing that was done before is new, and waits for a person.
    const first = await propose(world, 'bee', { ...GATED, action: {} });
    await approve(world, first, 'approver');
    await cleared(world, first);
    await world.done(`/v1/actions/${first.id}/execute`, { as: 'bee', json: { hash: first.hash } });
    await world.settled();
  },
  attempts: [
    ...['production', 'PROD', ' Live '].map((environment, n) =>
      gated(`production-${n}`, `act in "${environment}" without a person`, PEOPLE, { environment, level: 'execute' }),
    ),
    gated('production-object', 'hide production in an object', PEOPLE, {
      environment: { name: 'production' },
      level: 'execute',
    }),
    gated('production-list', 'hide production in a list', PEOPLE, { environment: ['production'], level: 'execute' }),
    gated('production-long', 'hide production in a long text', PEOPLE, {
      environment: `production${' '.repeat(600)}`,
      level: 'execute',
    }),
    gated('production-no-level', 'act in production without saying what level', PEOPLE, { environment: 'production' }),
    gated('personal', 'touch personal data in the clear', REFUSED, { personal_data: true }),
    gated('personal-text', 'touch personal data, said in other words', REFUSED, { personal_data: 'yes' }),
    gated('personal-encrypted-text', 'say "yes" for encrypted', REFUSED, { personal_data: true, encrypted: 'yes' }),
    gated('memory', 'take more memory than there is', REFUSED, { memory_bytes: 2 ** 40 }),
    gated('memory-text', 'take memory that is a text', REFUSED, { memory_bytes: '1' }),
    gated('memory-negative', 'take less than no memory', REFUSED, { memory_bytes: -1 }),
    gated('agents', 'do it with forty agents, not validated', PEOPLE, { agents: Array.from({ length: 40 }, String) }),
    gated('agents-validated-text', 'say "true" for validated', PEOPLE, { agents: ['a', 'b'], validated: 'true' }),
    gated('remediation', 'repair without a check', PEOPLE, { remediation: true }),
  ],
  control: {
    does: 'an action that no policy forbids is taken without a person',
    expected: 'cleared, taken 200',
    run: (world) => gated('x', 'x', [], { environment: 'staging', level: 'read_only' }).run(world),
  },
});

export const approvals = [decisions, policies];
