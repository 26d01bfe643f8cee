/** What the rules are asked: questions in which something is missing, is of another kind, or reads like a rule. */
import { OpaLoader } from '../../adapters/opa/loader';
import type { Principal } from '../../domain/kernel/principal';
import { decide, type PolicyBundle, type PolicyRequest, requestOf } from '../../domain/policy/asking';
import { shippedBundle } from '../../host/policy';
import { type Attempt, family, tries } from '../attempt';

interface Scene {
  readonly bundle: PolicyBundle;
}

const AGENT: Principal = { tenant: 'alpha', id: 'ant', kind: 'agent', level: 'execute' };
const SYSTEM: Principal = { tenant: 'alpha', id: 'market', kind: 'system', level: 'execute' };
const NOW = 1_800_000_000_000;

interface Question {
  readonly as?: object;
  readonly action?: string;
  readonly resource?: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

function answer(
  { bundle }: Scene,
  { as = AGENT, action = 'task.accept', resource = 'alpha/task/1', attributes = {} }: Question,
): string {
  const request = requestOf({ principal: as as Principal, action, attributes }, resource, NOW);
  return decide(bundle, request).decision;
}
const question = (
  id: string,
  what: string,
  asked: Question,
  expected: string | readonly string[] = 'deny',
): Attempt<Scene> => tries<Scene>(id, `have the rules allow ${what}`, expected, (_, scene) => answer(scene, asked));
/** As the product never asks: past what it makes of attributes. */
const raw = (id: string, what: string, request: Partial<PolicyRequest>): Attempt<Scene> =>
  tries<Scene>(
    id,
    `have the rules allow ${what}`,
    'deny',
    (_, { bundle }) =>
      decide(bundle, { principal: AGENT, action: 'task.accept', resource: 'alpha/task/1', now: NOW, ...request })
        .decision,
  );

const without = (name: keyof Principal) => ({ ...AGENT, [name]: undefined });
const nested = (levels: number) => {
  let value: unknown = 1;
  for (let n = 0; n < levels; n += 1) value = [value];
  return value;
};
const register = (cpu_millis: unknown, memory_bytes: unknown = 1): Question => ({
  action: 'agent.register',
  attributes: { agent_type: 'attack.clerk', cpu_millis, memory_bytes },
});

const questions = family<Scene>('rego', 'questions', {
  prepare: async () => ({ bundle: await new OpaLoader().load(await shippedBundle()) }),
  attempts: [
    ...[
      'task.steal',
      '',
      'constructor',
      '__proto__',
      'TASK.ACCEPT',
      'task.accept ',
      'task.accept\u0000',
      'data.config.actions',
      '*',
    ].map((action, n) =>
      question(`action-${n}`, `the action ${JSON.stringify(action)}`, { as: { ...SYSTEM, level: 'critical' }, action }),
    ),
    question('no-tenant', 'a caller without a tenant', { as: without('tenant') }),
    question('no-level', 'a caller without a level', { as: without('level') }),
    question('no-kind', 'what only the colony may, to a caller without a kind', {
      as: without('kind'),
      action: 'task.award',
      attributes: { capable: true },
    }),
    question('odd-level', 'a level that is none', { as: { ...AGENT, level: 'root' } }),
    question('proto-level', 'a level that every object has', { as: { ...AGENT, level: 'constructor' } }),
    question('list-level', 'two levels', { as: { ...AGENT, level: ['read_only', 'critical'] } }),
    question('number-level', 'a level that is a number', { as: { ...AGENT, level: 99 } }),
    question('case-level', 'a level in capitals', { as: { ...AGENT, level: 'EXECUTE' } }),
    question('other-tenant', 'what is in another tenant', {
      as: { ...AGENT, level: 'critical' },
      resource: 'beta/task/1',
    }),
    question('tenant-case', 'what is in its tenant in capitals', { as: { ...AGENT, tenant: 'ALPHA' } }),
    question('tenant-normal', 'what is in a tenant that is written otherwise', {
      as: { ...AGENT, tenant: 'alpha\u0301' },
    }),
    question('system', 'what only the colony may', {
      action: 'task.award',
      as: { ...AGENT, level: 'critical' },
      attributes: { capable: true },
    }),
    question('system-name', 'what only the colony may, to its namesake', {
      action: 'task.award',
      as: { ...AGENT, id: 'market', level: 'critical' },
      attributes: { capable: true },
    }),
    ...[undefined, null, 'true', 1, {}, [true], 'data.config.levels', '"}],"level":"critical"', '\u2028', '{{}}'].map(
      (capable, n) =>
        question(`capable-${n}`, `an award whose agent is capable: ${JSON.stringify(capable) ?? 'nothing'}`, {
          as: SYSTEM,
          action: 'task.award',
          attributes: { capable },
        }),
    ),
    ...[undefined, null, '1', -1, Number.NaN, Number.POSITIVE_INFINITY, 2_001, {}, [1], '2000'].map((cores, n) =>
      question(
        `cores-${n}`,
        `an agent that takes ${String(JSON.stringify(cores))} thousandths of a core`,
        register(cores),
      ),
    ),
    question('memory', 'an agent that takes a byte too much', register(1, 2 ** 30 + 1)),
    question('type', 'an agent of a type that is written otherwise as much as the type may', {
      action: 'agent.register',
      attributes: { agent_type: 'finance.reconciliation ', cpu_millis: 1, memory_bytes: 2 ** 32 },
    }),
    ...['watcher', 'finance.watcher'].map((agent_type, n) =>
      question(`token-${n}`, `a token above ${agent_type}`, {
        as: { ...AGENT, kind: 'human', level: 'critical' },
        action: 'token.issue',
        attributes: { agent_type, level: 'execute', subject: 'x' },
      }),
    ),
    question('token-no-level', 'a token whose level nobody says', {
      as: { ...AGENT, kind: 'human', level: 'critical' },
      action: 'token.issue',
      attributes: { agent_type: 'watcher', subject: 'x' },
    }),
    question('signal', 'a signal without a place', {
      action: 'signal.emit',
      resource: 'alpha/trail/1',
      attributes: { type: 't' },
    }),
    raw('deep', 'a question of twenty thousand levels', { attributes: { deep: nested(20_000) } }),
    raw('large', 'a question of a million characters', { attributes: { large: 'x'.repeat(1_000_000) } }),
    raw('many', 'a question of fifty thousand attributes', {
      attributes: Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [`a${n}`, n])),
    }),
    raw('lone', 'a question with half a character', { attributes: { half: '\ud800' } }),
    raw('not-a-number', 'a question with what is no number', { attributes: { n: Number.NaN } }),
    raw('cyclic', 'a question that contains itself', { attributes: cyclic() }),
  ],
  control: {
    does: 'the same question, well put, is allowed',
    expected: 'allow',
    run: async (_, scene) =>
      [
        answer(scene, {}),
        answer(scene, register(2_000)),
        answer(scene, { as: SYSTEM, action: 'task.award', attributes: { capable: true } }),
      ].every((said) => said === 'allow')
        ? 'allow'
        : 'deny',
  },
});

function cyclic(): Record<string, unknown> {
  const it: Record<string, unknown> = {};
  it['self'] = it;
  return it;
}

export const rego = [questions];
