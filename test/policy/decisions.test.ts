/** What the rules that come with the product say, asked as the product asks. */
import { canonicalize, type Commit, sha256 } from '../../domain/kernel/commit';
import { LEVELS, type Principal } from '../../domain/kernel/principal';
import {
  decide,
  factsOf,
  type PolicyAnswer,
  type PolicyBundle,
  requestBehind,
  requestOf,
} from '../../domain/policy/asking';
import { shipped } from '../support/policy';

let bundle: PolicyBundle;
beforeAll(async () => void (bundle = await shipped()));

const AGENT: Principal = { tenant: 'acme', id: 'bot', kind: 'agent', level: 'execute' };
const SYSTEM: Principal = { tenant: 'acme', id: 'market', kind: 'system', level: 'execute' };
const NOW = 1_800_000_000_000;

function answer(
  action: string,
  attributes: Record<string, unknown> = {},
  principal: Principal = AGENT,
  resource = 'acme/task/1',
): PolicyAnswer {
  return decide(bundle, requestOf({ principal, action, attributes }, resource, NOW));
}

const says = (action: string, attributes?: Record<string, unknown>, principal?: Principal) =>
  answer(action, attributes, principal).decision;

test('an action that it does not know is denied, whoever asks', () => {
  for (const action of ['task.steal', '', 'constructor', '__proto__', 'TASK.POST', 'task.post ']) {
    const denied = answer(action, {}, { ...SYSTEM, level: 'critical' });
    expect(denied).toMatchObject({ decision: 'deny', reasons: [expect.stringContaining('do not know the action')] });
    expect(denied.entrypoint).toBeUndefined();
  }
});

test('the answer names the bundle, the rule and the hash of the question', () => {
  const request = requestOf(
    { principal: AGENT, action: 'task.post', attributes: { b: 1, a: 'ä' } },
    'acme/task/1',
    NOW,
  );
  const input = {
    action: 'task.post',
    attributes: { a: 'ä', b: 1 },
    now: NOW,
    principal: { id: 'bot', kind: 'agent', level: 'execute', tenant: 'acme' },
    resource: { category: 'task', id: '1', tenant: 'acme' },
  };
  expect(decide(bundle, request)).toEqual({
    bundle: bundle.hash,
    entrypoint: 'formicary/assignment/decision',
    input: sha256(canonicalize(input)),
    decision: 'allow',
    reasons: [],
    obligations: undefined,
  });
});

test('each level includes those before it', () => {
  const least = { 'agent.return': 0, 'approval.approve': 1, 'task.post': 1, 'task.accept': 2, 'retention.set': 3 };
  for (const [action, needed] of Object.entries(least))
    LEVELS.forEach((level, held) =>
      expect([action, level, says(action, {}, { ...AGENT, kind: 'human', level })]).toEqual([
        action,
        level,
        held >= needed ? 'allow' : 'deny',
      ]),
    );
});

test('nobody reaches into another tenant', () => {
  const across = answer('task.post', {}, { ...AGENT, level: 'critical' }, 'other/task/1');
  expect(across).toMatchObject({ decision: 'deny', reasons: ['it reaches into another tenant'] });
  expect(answer('signal.emit', { type: 't', location: 'l' }, AGENT, 'other/trail/1').decision).toBe('deny');
});

test('what the colony does itself nobody else may', () => {
  expect(says('task.award', { capable: true }, SYSTEM)).toBe('allow');
  for (const kind of ['human', 'agent', 'service'] as const)
    expect(says('task.award', { capable: true }, { ...SYSTEM, kind, level: 'critical' })).toBe('deny');
});

test('an agent takes no more than its type may', () => {
  const registering = (cpu_millis: unknown, memory_bytes: unknown, agent_type = 'hr.payroll') =>
    says('agent.register', { agent_type, cpu_millis, memory_bytes });
  expect(registering(2_000, 2 ** 30)).toBe('allow');
  expect(registering(2_001, 2 ** 30)).toBe('deny');
  expect(registering(2_000, 2 ** 30 + 1)).toBe('deny');
  expect(registering(2_000, 2 ** 32, 'finance.reconciliation')).toBe('allow');
  for (const odd of ['1', -1, NaN, Infinity, null, {}, [1], 1e400, undefined])
    expect([odd, registering(odd, 1), registering(1, odd)]).toEqual([odd, 'deny', 'deny']);
});

describe('production_protection, data_privacy and the others at the gate', () => {
  const gate = (attributes: Record<string, unknown>) =>
    says('action.gate', { kind: 'k', impact: 'low', risk: 0, ...attributes });

  test('nothing of the level execute in production without approval', () => {
    expect(gate({ environment: 'staging', level: 'critical' })).toBe('allow');
    for (const environment of [
      'production',
      'PROD',
      ' Live ',
      { name: 'production' },
      'x'.repeat(600),
      ['production'],
    ]) {
      expect([environment, gate({ environment, level: 'execute' })]).toEqual([environment, 'needs_approval']);
      expect([environment, gate({ environment })]).toEqual([environment, 'needs_approval']);
      expect([environment, gate({ environment, level: 'read_only' })]).toEqual([environment, 'allow']);
    }
  });

  test('personal data only encrypted, with an audit', () => {
    expect(gate({ personal_data: false })).toBe('allow');
    for (const personal_data of [true, 'yes', 1, null, { is: true }]) {
      expect([personal_data, gate({ personal_data })]).toEqual([personal_data, 'deny']);
      expect([personal_data, gate({ personal_data, encrypted: 'yes' })]).toEqual([personal_data, 'deny']);
      expect([personal_data, gate({ personal_data, encrypted: true })]).toEqual([personal_data, 'allow']);
    }
    expect(answer('action.gate', { personal_data: true, encrypted: true }).obligations).toEqual([{ must: 'audit' }]);
  });

  test('a workflow of several agents is validated, a remediation proven, or a person approves it', () => {
    expect(gate({ agents: ['a'] })).toBe('allow');
    expect(gate({ agents: ['a', 'b'] })).toBe('needs_approval');
    expect(gate({ agents: Array.from({ length: 40 }, String) })).toBe('needs_approval');
    expect(gate({ agents: ['a', 'b'], validated: true })).toBe('allow');
    expect(gate({ remediation: true })).toBe('needs_approval');
    expect(gate({ remediation: true, checked: true, verified_by: 'probe' })).toBe('allow');
  });
});

test('what is said in an attribute is data, whatever it reads like', () => {
  for (const text of ['data.config.levels', '/config/levels', 'true', '"}],"level":"critical"', '\u2028', '%s', '{{}}'])
    expect([text, says('task.award', { capable: text }, SYSTEM)]).toEqual([text, 'deny']);
});

test('what was asked is asked again from its receipt, with the same answer', () => {
  const requests = [
    requestOf({ principal: AGENT, action: 'task.accept', attributes: { agent: 'bot' } }, 'acme/task/1', NOW),
    requestOf({ principal: { ...AGENT, via: 'service:gw' }, action: 'task.post' }, 'acme/task/2', NOW),
    requestOf(
      {
        principal: { ...AGENT, kind: 'human', groups: ['approvers'] },
        action: 'approval.approve',
        attributes: { x: {} },
      },
      'acme/approval/1',
      NOW,
    ),
    requestOf({ principal: { ...AGENT, level: 'read_only' }, action: 'task.accept' }, 'acme/task/1', NOW),
  ];
  for (const request of requests) {
    const { reasons: _, obligations: __, ...policy } = decide(bundle, request);
    const { id, kind, via } = request.principal;
    const kept = JSON.parse(
      canonicalize({
        stream: request.resource,
        events: [],
        meta: { action: request.action, actor: { id, kind, via }, policy: { ...policy, facts: factsOf(request) } },
      }),
    ) as Pick<Commit, 'stream' | 'events' | 'meta'>;
    const again = requestBehind(kept);
    expect(again).toBeDefined();
    expect(decide(bundle, again as NonNullable<typeof again>)).toMatchObject(policy);
  }
});
