/**
 * What a hostile agent or person may try where decisions are made, one row an attack. Each is refused with a problem
 * that says why, and leaves nothing in the log but, where the rules refused it, the receipt of the refusal. What needs
 * many callers at once, or another time, stands below the table.
 */
import { derivedSystemId } from '../../app/engine/new-id';
import type { RequestContext } from '../../app/engine/transact';
import type { Commit } from '../../domain/kernel/commit';
import { DEFAULT_RULES } from '../../domain/oversight/oversight';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';
import { Stage } from '../support/stage';
import { call, items, type Reply, type Sent, settled } from './support';

// ---------------------------------------------------------------------------------------------------------- the scene

/** What the attacks are on: ids of approvals, hashes of actions, the snapshot of the open round. */
const scene: Record<string, string> = {};
const hash = (action: string) => scene[`${action} hash`] as string;
const approval = (action: string, step: string) => `/v1/approvals/${scene[`${action} approval`]}/${step}`;

const many = <T>(count: number, item: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => item(i));
const voter = (id: string) => ({ id, why: 'asked by name' });
const CYRILLIC = 'р';

const ORDER = {
  kind: 'erp.order',
  action: { item: 'bolts', amount: 40 },
  why: 'stock is low',
  confidence: 0.9,
  impact: 'low',
};
const QUESTION = { question: 'Ship today?', kind: 'release', impact: 'medium' };
const ELECTORATE = { algorithm: 'simple_majority', voters: ['v1', 'v2', 'v3'].map(voter), quorum: 0.6 };
const RULES = {
  mode: 'full_automation',
  thresholds: { confidence: 0.7, consensus: 0.75, novelty: 1, impact: 'high' },
  approvers: [{ group: 'approvers', seconds: 3_600 }],
  safe_default: 'refuse',
};
const CHANNEL = {
  kind: 'standard',
  address: 'https://hooks.example.org/x',
  secret: 'env:OPS',
  groups: ['approvers'],
  events: ['approval-requested'],
};
const CORRECTION = { target: 'a/action/low@0', what: 'x', instead_of: 'y', why: 'z' };

// -------------------------------------------------------------------------------------------------------- the attacks

interface Attack {
  readonly method?: string;
  readonly to: string;
  /** `a` when left out. */
  readonly tenant?: string;
  /** `*` at its end stands for a number of its own, so that each attack has receipts of its own. */
  readonly as: string;
  readonly json?: unknown;
  /** Instead of `json`, as it is. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * What it is; what is sent, once the scene stands; the status and the type of the problem; whether the refusal has a
 * receipt.
 */
type Row = readonly [name: string, attack: () => Attack, status: number, type: string, receipt?: 'receipt'];

const INVALID = 'invalid-request';
const RECEIPT = 'receipt';
const MALLORY = 'mallory-*';
const SOMEBODY = 'human:somebody-*';

const ballot = (more: Record<string, unknown> = {}) => ({
  choice: 'approve',
  confidence: 0.9,
  reasoning: 'because',
  snapshot: scene['open snapshot'],
  pass: 1,
  ...more,
});
const vote =
  (as: string, more: Record<string, unknown> = {}, round = 'open', tenant = 'a') =>
  (): Attack => ({ to: `/v1/rounds/${round}/votes`, as, tenant, json: ballot(more) });
const round = (more: Record<string, unknown>) => (): Attack => ({
  to: '/v1/rounds',
  as: MALLORY,
  json: { ...QUESTION, electorate: ELECTORATE, ...more },
});
const electorate = (more: Record<string, unknown>) => round({ electorate: { ...ELECTORATE, ...more } });
const decide =
  (as: string, action: string, step: string, more: Record<string, unknown> = {}) =>
  (): Attack => ({ to: approval(action, step), as, json: { hash: hash(action), reason: 'because I say so', ...more } });
const ask = (as: string, action: string, step: string, json: unknown) => (): Attack => ({
  to: approval(action, step),
  as,
  json,
});
const propose = (more: Record<string, unknown>) => (): Attack => ({
  to: '/v1/actions',
  as: MALLORY,
  json: { ...ORDER, ...more },
});
const gate = (as: string, action: string, step: string, json: () => unknown) => (): Attack => ({
  to: `/v1/actions/${action}/${step}`,
  as,
  json: json(),
});
const text = (to: string, body: string) => (): Attack => ({ to, as: MALLORY, text: body });
const challenge =
  (target: string, reason = 'I doubt it') =>
  (): Attack => ({ to: '/v1/challenges', as: MALLORY, json: { target, reason } });
const rules =
  (more: Record<string, unknown>, as = SOMEBODY, kind = 'any.kind') =>
  (): Attack => ({ method: 'PUT', to: `/v1/oversight/${kind}`, as, json: { rules: { ...RULES, ...more } } });
const channel =
  (more: Record<string, unknown>, as = SOMEBODY) =>
  (): Attack => ({ method: 'PUT', to: '/v1/channels/new', as, json: { ...CHANNEL, ...more } });
const nested = (levels: number): unknown => many(levels, () => 0).reduce<unknown>((inner) => [inner], 1);

const TABLE: Readonly<Record<string, readonly Row[]>> = {
  votes: [
    ['of a stranger in a voter’s name', vote(MALLORY, { voter: 'v2' }), 403, 'vote-for-another', RECEIPT],
    ['of a voter for another', vote('v1', { voter: 'v2' }), 403, 'vote-for-another', RECEIPT],
    ['of a person for a voter', vote(SOMEBODY, { voter: 'v2' }), 403, 'vote-for-another', RECEIPT],
    ['of a stranger', vote(MALLORY), 403, 'voter-not-eligible', RECEIPT],
    ['of somebody called like what every object has', vote('constructor'), 403, 'voter-not-eligible', RECEIPT],
    ['of the voter’s namesake in another tenant', vote('v2', {}, 'open', 'b'), 404, 'round-unknown', RECEIPT],
    ['a second one, for the other choice', vote('v1', { choice: 'reject' }), 409, 'already-voted', RECEIPT],
    ['for another electorate', vote('v2', { snapshot: 'f'.repeat(64) }), 412, 'snapshot-differs', RECEIPT],
    ['for a pass to come', vote('v2', { pass: 2 }), 412, 'pass-differs', RECEIPT],
    ['for a choice of one’s own', vote('v2', { choice: 'abolish' }), 422, 'choice-unknown', RECEIPT],
    ['without a word of reasoning', vote('v3', { reasoning: '   ' }), 422, 'reasoning-invalid', RECEIPT],
    ['in a round that is closed', vote('v3', {}, 'closed'), 409, 'round-closed', RECEIPT],
    ['that was handed on', vote('w1', {}, 'delegated'), 403, 'vote-handed-on', RECEIPT],
    [
      'under an old version',
      () => ({ ...vote('v3')(), headers: { 'if-match': '"0"' } }),
      412,
      'version-mismatch',
      RECEIPT,
    ],
    ['for pass 0', vote('v2', { pass: 0 }), 400, INVALID],
    ['with more than all confidence', vote('v2', { confidence: 1.1 }), 400, INVALID],
    ['with negative confidence', vote('v2', { confidence: -0.1 }), 400, INVALID],
    [
      'with a confidence that is no number',
      text('/v1/rounds/open/votes', '{"choice":"approve","confidence":NaN}'),
      400,
      'invalid-json',
    ],
    ['with a weight of one’s own', vote('v2', { weight: 1_000 }), 400, INVALID],
    ['with a book for a reason', vote('v2', { reasoning: 'x'.repeat(1_001) }), 400, INVALID],
    [
      'with a prototype',
      text('/v1/rounds/open/votes', '{"choice":"approve","__proto__":{"voter":"v2"}}'),
      400,
      INVALID,
    ],
    ['for a voter with a look-alike letter', vote(MALLORY, { voter: `${CYRILLIC}2` }), 400, INVALID],
    ['in a round with a look-alike letter', vote('v2', {}, encodeURIComponent(`o${CYRILLIC}en`)), 400, INVALID],
  ],
  rounds: [
    ['501 voters', electorate({ voters: many(501, (i) => voter(`v${i}`)) }), 400, INVALID],
    ['no voters', electorate({ voters: [] }), 400, INVALID],
    ['one voter twice', electorate({ voters: [voter('v1'), voter('v2'), voter('v1')] }), 422, 'round-invalid'],
    [
      'voters that fill the store',
      electorate({ voters: many(500, (i) => ({ id: `${'v'.repeat(120)}${i}`, why: 'x'.repeat(200) })) }),
      422,
      'round-invalid',
    ],
    [
      'a circle of delegates',
      electorate({
        algorithm: 'delegated_authority',
        voters: [
          { ...voter('v1'), delegate_to: 'v2' },
          { ...voter('v2'), delegate_to: 'v1' },
        ],
      }),
      422,
      'round-invalid',
    ],
    [
      'a delegate who is not asked',
      electorate({ algorithm: 'delegated_authority', voters: [{ ...voter('v1'), delegate_to: 'mallory' }] }),
      422,
      'round-invalid',
    ],
    [
      'a weight that is no number',
      text('/v1/rounds', '{"electorate":{"voters":[{"id":"v1","why":"x","weight":NaN}]}}'),
      400,
      'invalid-json',
    ],
    [
      'an endless weight',
      text('/v1/rounds', '{"electorate":{"voters":[{"id":"v1","why":"x","weight":1e999}]}}'),
      400,
      INVALID,
    ],
    [
      'a negative weight',
      electorate({ algorithm: 'weighted_voting', voters: [{ ...voter('v1'), weight: -1 }] }),
      400,
      INVALID,
    ],
    [
      'a huge weight',
      electorate({ algorithm: 'weighted_voting', voters: [{ ...voter('v1'), weight: 1e7 }] }),
      400,
      INVALID,
    ],
    [
      'a weight as text',
      electorate({ algorithm: 'weighted_voting', voters: [{ ...voter('v1'), weight: '1' }] }),
      400,
      INVALID,
    ],
    ['weights that are missing', electorate({ algorithm: 'weighted_voting' }), 422, 'round-invalid'],
    ['an algorithm of one’s own', electorate({ algorithm: 'dictatorship' }), 400, INVALID],
    ['a quorum of nobody', electorate({ quorum: 0 }), 400, INVALID],
    ['a quorum of more than all', electorate({ quorum: 1.01 }), 400, INVALID],
    ['an agreement of nobody', electorate({ min_agreement: 0 }), 400, INVALID],
    [
      'a group with a veto, and no member',
      electorate({
        algorithm: 'stakeholder_consensus',
        voters: [{ ...voter('v1'), group: 'g' }],
        groups: [
          { id: 'g', share: 1 },
          { id: 'mine', share: 1, veto: true },
        ],
      }),
      422,
      'round-invalid',
    ],
    ['a deadline beyond all time', round({ round_seconds: 1e300 }), 400, INVALID],
    ['a deadline in 31 days', round({ round_seconds: 31 * 86_400 }), 400, INVALID],
    ['no time at all', round({ round_seconds: 0 }), 400, INVALID],
    ['six passes more', round({ improvement_rounds: 6 }), 400, INVALID],
    ['one choice', round({ choices: ['approve'] }), 400, INVALID],
    ['one choice twice', round({ choices: ['approve', 'approve'] }), 422, 'round-invalid'],
    ['21 choices', round({ choices: many(21, (i) => `c${i}`) }), 400, INVALID],
    ['neither a question nor an action', round({ question: undefined }), 422, 'round-invalid'],
    ['a stream that is to wait for it', round({ waits: 'a/action/low' }), 400, INVALID],
    ['a challenge that nobody made', round({ challenges: { target: 'a/action/low@0', reason: 'x' } }), 400, INVALID],
    ['the id of another round', round({ id: 'open' }), 409, 'round-exists'],
    [
      'cancelled by an agent',
      () => ({ to: '/v1/rounds/open/cancel', as: MALLORY, json: { reason: 'x' } }),
      403,
      'forbidden',
    ],
    [
      'overridden by an agent',
      () => ({ to: '/v1/rounds/closed/override', as: MALLORY, json: { choice: 'reject', reason: 'x' } }),
      403,
      'person-needed',
      RECEIPT,
    ],
    [
      'overridden before its end',
      () => ({ to: '/v1/rounds/open/override', as: SOMEBODY, json: { choice: 'reject', reason: 'x' } }),
      409,
      'round-not-closed',
      RECEIPT,
    ],
    [
      'counted in another tenant',
      () => ({ method: 'GET', to: '/v1/rounds/closed/tally', as: MALLORY, tenant: 'b' }),
      404,
      'round-unknown',
    ],
  ],
  approvals: [
    ['approved by who requested it', decide('human:root', 'own', 'approve'), 403, 'requester-may-not-decide', RECEIPT],
    ['approved by an agent', decide(MALLORY, 'low', 'approve'), 403, 'not-an-approver', RECEIPT],
    ['approved by a program', decide('service:crm-*', 'low', 'approve'), 403, 'not-an-approver', RECEIPT],
    ['rejected by an agent', decide(MALLORY, 'low', 'reject'), 403, 'not-an-approver', RECEIPT],
    ['claimed by an agent', ask(MALLORY, 'low', 'claim', {}), 403, 'not-an-approver', RECEIPT],
    ['a question of an agent', ask(MALLORY, 'low', 'ask', { question: 'x?' }), 403, 'not-an-approver', RECEIPT],
    ['of another action', decide(SOMEBODY, 'low', 'approve', { hash: 'f'.repeat(64) }), 409, 'action-differs', RECEIPT],
    [
      'of the action before it was edited',
      () => ({
        to: approval('edited', 'approve'),
        as: SOMEBODY,
        json: { hash: scene['edited old hash'], reason: 'an old link' },
      }),
      409,
      'action-differs',
      RECEIPT,
    ],
    ['once more, when it was given', decide(SOMEBODY, 'done', 'approve'), 409, 'already-decided', RECEIPT],
    ['a no, when it was given', decide(SOMEBODY, 'done', 'reject'), 409, 'already-decided', RECEIPT],
    [
      'the second of four eyes by the first',
      decide('human:one', 'critical', 'approve'),
      409,
      'same-person-twice',
      RECEIPT,
    ],
    ['of what another works on', decide(SOMEBODY, 'claimed', 'approve'), 409, 'claimed-by-another', RECEIPT],
    ['another’s claim let go', ask(SOMEBODY, 'claimed', 'release', {}), 409, 'claimed-by-another', RECEIPT],
    [
      'under an old version',
      () => ({ ...decide(SOMEBODY, 'critical', 'approve')(), headers: { 'if-match': '"0"' } }),
      412,
      'version-mismatch',
      RECEIPT,
    ],
    [
      'a question that a stranger answers',
      ask(MALLORY, 'claimed', 'answer', { number: 1, text: 'x' }),
      403,
      'not-the-requester',
      RECEIPT,
    ],
    [
      'a question that a person answers',
      ask(SOMEBODY, 'claimed', 'answer', { number: 1, text: 'x' }),
      403,
      'not-the-requester',
      RECEIPT,
    ],
    [
      'a question that nobody asked',
      ask('buyer', 'claimed', 'answer', { number: 2, text: 'x' }),
      404,
      'question-not-found',
      RECEIPT,
    ],
    ['withdrawn by a stranger', ask(MALLORY, 'low', 'withdraw', { reason: 'x' }), 403, 'not-the-requester', RECEIPT],
    [
      'of another tenant',
      () => ({ ...decide(SOMEBODY, 'low', 'approve')(), tenant: 'b' }),
      404,
      'approval-not-found',
      RECEIPT,
    ],
    [
      'an edit that changes nothing',
      decide(SOMEBODY, 'low', 'approve', { edit: { item: 'bolts', amount: 40 } }),
      422,
      'edit-changes-nothing',
      RECEIPT,
    ],
    [
      'an edit above 32 KB',
      decide(SOMEBODY, 'low', 'approve', { edit: 'x'.repeat(33_000) }),
      422,
      'action-invalid',
      RECEIPT,
    ],
    [
      'an edit that nests deep',
      decide(SOMEBODY, 'low', 'approve', { edit: nested(40) }),
      422,
      'action-invalid',
      RECEIPT,
    ],
    [
      'an edit that makes another task of it',
      decide(SOMEBODY, 'gate', 'approve', { edit: { task_type: 'erp.payment' } }),
      422,
      'edit-impossible',
      RECEIPT,
    ],
    [
      'an edit that makes no task of it',
      decide(SOMEBODY, 'gate', 'approve', { edit: null }),
      422,
      'edit-impossible',
      RECEIPT,
    ],
    ['no reason', decide(SOMEBODY, 'low', 'approve', { reason: ' ' }), 422, 'reason-needed', RECEIPT],
    ['a hash in capitals', decide(SOMEBODY, 'low', 'approve', { hash: 'F'.repeat(64) }), 400, INVALID],
    ['no hash', decide(SOMEBODY, 'low', 'approve', { hash: undefined }), 400, INVALID],
    ['two people in one', decide(SOMEBODY, 'critical', 'approve', { by: 'human:two' }), 400, INVALID],
    ['claimed for a day', ask(SOMEBODY, 'low', 'claim', { seconds: 86_400 }), 400, INVALID],
    [
      '101 at once',
      () => ({
        to: '/v1/approvals/bulk',
        as: SOMEBODY,
        json: { decision: 'approve', items: many(101, (i) => ({ id: `a${i}`, hash: hash('low') })), reason: 'x' },
      }),
      400,
      INVALID,
    ],
    [
      'none at once',
      () => ({ to: '/v1/approvals/bulk', as: SOMEBODY, json: { decision: 'approve', items: [], reason: 'x' } }),
      400,
      INVALID,
    ],
    [
      'a look-alike id',
      () => ({
        to: `/v1/approvals/${encodeURIComponent(`a${CYRILLIC}`)}/approve`,
        as: SOMEBODY,
        json: { hash: hash('low'), reason: 'x' },
      }),
      400,
      INVALID,
    ],
  ],
  actions: [
    [
      'taken by another',
      gate(MALLORY, 'cleared', 'execute', () => ({ hash: hash('cleared') })),
      403,
      'not-the-proposer',
      RECEIPT,
    ],
    [
      'taken by somebody called like the gate',
      gate('oversight', 'gate', 'execute', () => ({ hash: hash('gate') })),
      403,
      'not-the-proposer',
      RECEIPT,
    ],
    [
      'of a task, taken by its poster',
      gate('poster', 'gate', 'execute', () => ({ hash: hash('gate') })),
      403,
      'not-the-proposer',
      RECEIPT,
    ],
    [
      'taken before it is cleared',
      gate('buyer', 'low', 'execute', () => ({ hash: hash('low') })),
      409,
      'action-not-cleared',
      RECEIPT,
    ],
    [
      'taken twice',
      gate('buyer', 'done', 'execute', () => ({ hash: hash('done'), result: 'again' })),
      409,
      'action-already-executed',
      RECEIPT,
    ],
    [
      'of another tenant taken',
      () => ({ to: '/v1/actions/cleared/execute', as: 'buyer', tenant: 'b', json: { hash: hash('cleared') } }),
      404,
      'action-not-found',
      RECEIPT,
    ],
    ['stopped by an agent', gate(MALLORY, 'watched', 'veto', () => ({ reason: 'x' })), 403, 'not-a-person', RECEIPT],
    [
      'stopped by a program',
      gate('service:crm-*', 'watched', 'veto', () => ({ reason: 'x' })),
      403,
      'not-a-person',
      RECEIPT,
    ],
    [
      'stopped without a window',
      gate(SOMEBODY, 'low', 'veto', () => ({ reason: 'x' })),
      409,
      'no-veto-window',
      RECEIPT,
    ],
    [
      'allowed by an agent',
      gate(MALLORY, 'low', 'override', () => ({ instead: 'allow', reason: 'x' })),
      403,
      'not-a-person',
      RECEIPT,
    ],
    [
      'allowed by who proposed it',
      gate('human:root', 'own', 'override', () => ({ instead: 'allow', reason: 'x' })),
      403,
      'requester-may-not-decide',
      RECEIPT,
    ],
    [
      'critical, allowed by one person',
      gate(SOMEBODY, 'critical', 'override', () => ({ instead: 'allow', reason: 'x' })),
      403,
      'four-eyes-needed',
      RECEIPT,
    ],
    [
      'undone, says a stranger',
      gate(MALLORY, 'done', 'compensated', () => ({ ref: 'x' })),
      403,
      'not-the-proposer',
      RECEIPT,
    ],
    ['above 32 KB', propose({ action: 'x'.repeat(33_000) }), 422, 'action-invalid', RECEIPT],
    ['nested deep', propose({ action: nested(33) }), 422, 'action-invalid', RECEIPT],
    ['nested deeper than any JSON', propose({ action: nested(100) }), 400, INVALID],
    ['under another’s id', propose({ id: 'low' }), 409, 'action-exists', RECEIPT],
    ['with a prototype', text('/v1/actions', '{"kind":"x","action":{"__proto__":{"admin":true}}}'), 400, INVALID],
    ['missing', propose({ action: undefined }), 400, INVALID],
    ['with an answer of the rules', propose({ oversight: { path: 'act' } }), 400, INVALID],
    ['with an answer of the policy', propose({ policy: { decision: 'allow' } }), 400, INVALID],
    ['for another’s task', propose({ target: 'a/task/held' }), 400, INVALID],
    ['in another’s name', propose({ proposed_by: 'buyer' }), 400, INVALID],
    ['with more than all confidence', propose({ confidence: 2 }), 400, INVALID],
    ['with negative risk', propose({ risk: -1 }), 400, INVALID],
    ['with an impact of one’s own', propose({ impact: 'none' }), 400, INVALID],
    ['with 51 features', propose({ features: Object.fromEntries(many(51, (i) => [`f${i}`, i])) }), 400, INVALID],
    ['with a feature as long as a book', propose({ features: { name: 'x'.repeat(257) } }), 400, INVALID],
    ['with a feature beyond all numbers', propose({ features: { amount: 1e16 } }), 400, INVALID],
    ['with a look-alike id', propose({ id: `a${CYRILLIC}` }), 400, INVALID],
  ],
  challenges: [
    ['of another tenant’s action', challenge('b/action/theirs@0'), 404, 'target-not-found', RECEIPT],
    ['of a receipt that is none', challenge('a/action/low@99'), 404, 'target-not-found', RECEIPT],
    ['of what is no receipt', challenge('../../etc/passwd'), 404, 'target-not-found', RECEIPT],
    ['of a place beyond all numbers', challenge('a/action/low@999999999999'), 404, 'target-not-found', RECEIPT],
    ['of what cannot be challenged', challenge('a/task/held@0'), 422, 'target-not-challengeable', RECEIPT],
    ['with nobody to judge', challenge('a/action/low@0'), 409, 'no-voters', RECEIPT],
    ['with a book for a reason', challenge('a/action/low@0', 'x'.repeat(1_001)), 400, INVALID],
  ],
  configuration: [
    ['rules set by an agent', rules({}, MALLORY), 403, 'forbidden'],
    ['rules without anybody to ask', rules({ approvers: [] }), 400, INVALID],
    [
      'rules with one group twice',
      rules({
        approvers: [
          { group: 'g', seconds: 1 },
          { group: 'g', seconds: 1 },
        ],
      }),
      422,
      'rules-invalid',
      RECEIPT,
    ],
    ['rules by which silence acts', rules({ safe_default: 'approve' }), 400, INVALID],
    ['rules in a mode of one’s own', rules({ mode: 'anarchy' }), 400, INVALID],
    ['rules with a veto that nobody watches for', rules({ veto_seconds: 5 }), 422, 'rules-invalid', RECEIPT],
    ['rules with a veto of a moment', rules({ mode: 'human_on_the_loop', veto_seconds: 0 }), 400, INVALID],
    [
      'rules with a threshold of more than all',
      rules({ thresholds: { ...RULES.thresholds, confidence: 1.5 } }),
      400,
      INVALID,
    ],
    [
      'rules with a round of 501',
      rules({ round: { ...ELECTORATE, when: 'always', round_seconds: 60, voters: many(501, (i) => voter(`v${i}`)) } }),
      400,
      INVALID,
    ],
    [
      'rules with one voter twice',
      rules({ round: { ...ELECTORATE, when: 'always', round_seconds: 60, voters: [voter('v1'), voter('v1')] } }),
      422,
      'rules-invalid',
      RECEIPT,
    ],
    ['rules for a look-alike kind', rules({}, SOMEBODY, encodeURIComponent(`er${CYRILLIC}.order`)), 400, INVALID],
    ['a channel set by an agent', channel({}, MALLORY), 403, 'forbidden'],
    [
      'a channel removed by an agent',
      () => ({ method: 'DELETE', to: '/v1/channels/ops', as: MALLORY }),
      403,
      'forbidden',
    ],
    ['a channel over plain http', channel({ address: 'http://hooks.example.org/x' }), 422, 'channel-invalid', RECEIPT],
    ['a channel to a private address', channel({ address: 'http://10.0.0.1/x' }), 422, 'channel-invalid', RECEIPT],
    [
      'a channel to the metadata of the machine',
      channel({ address: 'http://169.254.169.254/latest/meta-data' }),
      422,
      'channel-invalid',
      RECEIPT,
    ],
    [
      'a channel with a password',
      channel({ address: 'https://ada:secret@hooks.example.org/x' }),
      422,
      'channel-invalid',
      RECEIPT,
    ],
    [
      'a channel with a token in its query',
      channel({ address: 'https://hooks.example.org/x?token=1' }),
      422,
      'channel-invalid',
      RECEIPT,
    ],
    ['a channel to a file', channel({ address: 'file:///etc/passwd' }), 422, 'channel-invalid', RECEIPT],
    [
      'a channel with the secret itself',
      channel({ secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' }),
      422,
      'channel-invalid',
      RECEIPT,
    ],
    [
      'a channel with a chat’s own URL',
      channel({ kind: 'slack', address: 'https://hooks.slack.com/services/T0/B0/x', secret: undefined }),
      422,
      'channel-invalid',
      RECEIPT,
    ],
    [
      'a mailbox with another header',
      channel({ kind: 'mail', address: 'ada@example.org\r\nBcc: all@example.org', secret: undefined }),
      422,
      'channel-invalid',
      RECEIPT,
    ],
    ['a channel about everything', channel({ events: ['*'] }), 400, INVALID],
    ['a channel for nobody', channel({ groups: [] }), 400, INVALID],
    [
      'a delivery redriven by an agent',
      () => ({ to: '/v1/deliveries/x/redrive', as: MALLORY, json: {} }),
      403,
      'forbidden',
    ],
    [
      'a delivery that there is not',
      () => ({ to: '/v1/deliveries/x/redrive', as: SOMEBODY, json: {} }),
      404,
      'delivery-not-found',
    ],
    [
      'a correction by an agent',
      () => ({ to: '/v1/corrections', as: MALLORY, json: CORRECTION }),
      403,
      'person-needed',
      RECEIPT,
    ],
    [
      'a correction by a program',
      () => ({ to: '/v1/corrections', as: 'service:crm-*', json: CORRECTION }),
      403,
      'person-needed',
      RECEIPT,
    ],
    [
      'a correction of another tenant’s action',
      () => ({ to: '/v1/corrections', as: SOMEBODY, json: { ...CORRECTION, target: 'b/action/theirs@0' } }),
      404,
      'target-not-found',
      RECEIPT,
    ],
    [
      'a correction in another’s name',
      () => ({ to: '/v1/corrections', as: SOMEBODY, json: { ...CORRECTION, by: 'human:ada' } }),
      400,
      INVALID,
    ],
  ],
};

// --------------------------------------------------------------------------------------------------------- carried out

let host: TestHost;
/** How far the log of each tenant was read. */
const places: Record<string, string> = { a: '0', b: '0' };

async function done(path: string, sent: Sent = {}): Promise<Reply['body']> {
  const reply = await call(host, path, { tenant: 'a', ...sent });
  if (reply.status >= 300) throw new Error(`${path}: ${reply.text}`);
  return reply.body;
}

/** What was written since the last time this was asked. */
async function written(): Promise<Commit[]> {
  const found: Commit[] = [];
  for (const tenant of Object.keys(places)) {
    for (let more = true; more;) {
      const { value, nextLink, after } = (
        await call(host, `/v1/receipts?limit=500&continuation=${places[tenant]}`, { tenant })
      ).body;
      found.push(...(value as Commit[]));
      places[tenant] = after as string;
      more = nextLink !== undefined;
    }
  }
  return found;
}

/** Proposes, and notes hash and approval. */
async function held(id: string, more: Record<string, unknown> = {}, as = 'buyer'): Promise<void> {
  note(id, (await done('/v1/actions', { as, json: { ...ORDER, id, ...more } })).action);
}

function note(id: string, action: { hash: string; held: { ref: string } }): void {
  scene[`${id} hash`] = action.hash;
  scene[`${id} approval`] = /\/approval\/(.+)@/.exec(action.held.ref)?.[1] as string;
}

const approve = (id: string, as: string, more: Record<string, unknown> = {}) =>
  done(approval(id, 'approve'), { as, json: { hash: hash(id), reason: 'fine', ...more } });
const status = async (id: string) => (await done(`/v1/actions/${id}`)).status as string;
const cleared = (id: string) => eventually(async () => (await status(id)) === 'cleared');
const open = (id: string, voters: unknown, more: Record<string, unknown> = {}) =>
  done('/v1/rounds', {
    as: 'asker',
    json: { ...QUESTION, id, electorate: { ...ELECTORATE, voters, ...more }, round_seconds: 3_600 },
  });
const cast = async (id: string, as: string, choice = 'approve') => {
  const { snapshot, pass } = await done(`/v1/rounds/${id}`);
  return await call(host, `/v1/rounds/${id}/votes`, { tenant: 'a', as, json: ballot({ choice, snapshot, pass }) });
};
const configure = (kind: string, more: Record<string, unknown>) =>
  done(`/v1/oversight/${kind}`, { method: 'PUT', json: { rules: { ...RULES, ...more } } });

beforeAll(async () => {
  host = await startTestHost();
  for (const id of ['low', 'claimed', 'edited', 'critical', 'done', 'cleared', 'raced', 'altered'])
    await held(id, ['edited', 'critical'].includes(id) ? { impact: 'critical' } : {});
  await held('high', { impact: 'high' });
  await held('own', {}, 'human:root');
  await done(approval('claimed', 'claim'), { as: 'human:carl', json: { seconds: 3_600 } });
  await done(approval('claimed', 'ask'), { as: 'human:carl', json: { question: 'Why?' } });
  await approve('critical', 'human:one');
  scene['edited old hash'] = hash('edited');
  await approve('edited', 'human:eve', { edit: { item: 'bolts', amount: 10 } });
  for (const id of ['done', 'cleared', 'altered']) {
    await approve(id, 'human:eve');
    await cleared(id);
  }
  await done('/v1/actions/done/execute', { as: 'buyer', json: { hash: hash('done') } });

  await configure('watched.order', {});
  await held('watched-first', { kind: 'watched.order' });
  await approve('watched-first', 'human:eve');
  await cleared('watched-first');
  await done('/v1/actions/watched-first/execute', { as: 'buyer', json: { hash: hash('watched-first') } });
  await configure('watched.order', { mode: 'human_on_the_loop', veto_seconds: 3_600 });
  await done('/v1/actions', { as: 'buyer', json: { ...ORDER, id: 'watched', kind: 'watched.order' } });

  await done('/v1/tasks', {
    as: 'poster',
    json: { id: 'held', task_type: 'nobody_does', oversight: { why: 'x', confidence: 1, impact: 'low' } },
  });
  await settled(host);
  const [proposed] = items<{ id: string }>(await call(host, '/v1/actions?kind=nobody_does', { tenant: 'a' })) as [
    { id: string },
  ];
  const gated = await done(`/v1/actions/${proposed.id}`);
  note('gate', gated);
  scene['gate id'] = proposed.id;

  scene['open snapshot'] = (await open('open', ELECTORATE.voters)).round.snapshot;
  await cast('open', 'v1');
  await open('closed', ELECTORATE.voters);
  for (const id of ['v1', 'v2']) await cast('closed', id);
  await open('delegated', [{ ...voter('w1'), delegate_to: 'w2' }, voter('w2')], { algorithm: 'delegated_authority' });
  await done('/v1/channels/ops', { method: 'PUT', json: { ...CHANNEL, groups: ['nobody'] } });
  await done('/v1/actions', { tenant: 'b', as: 'buyer', json: { ...ORDER, id: 'theirs' } });
  await settled(host);
  await written();
}, 60_000);

afterAll(() => host.stop());

let number = 0;

describe.each(Object.entries(TABLE))('%s', (_, rows) => {
  // Five of each: where one is missing, Jest waits for a callback.
  test.each(
    rows.map(([name, attack, status, type, receipt]) => [name, attack, status, type, receipt === RECEIPT] as const),
  )('%s', async (__, attack, expected, type, leavesReceipt) => {
    const { as, to, text: body, tenant = 'a', ...sent } = attack();
    const principal = as.replace('*', String((number += 1)));
    const path = to.replace('/actions/gate/', `/actions/${scene['gate id']}/`);
    const method = sent.method ?? 'POST';
    const headers = { ...sent.headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    const reply =
      body === undefined
        ? await call(host, path, { ...sent, method, tenant, as: principal, headers })
        : await raw(path, principal, body);
    expect({ status: reply.status, type: reply.body?.type, text: reply.text }).toEqual({
      status: expected,
      type: `https://formicary.dev/problems/${type}`,
      text: expect.anything(),
    });
    expect(reply.headers['content-type']).toBe('application/problem+json');
    expect(reply.text).not.toMatch(/\n\s+at |node_modules|\.[jt]s:\d|sqlite/i);
    const receipts = (await written()).flatMap(({ stream, events }) =>
      events.map(({ type: event, data }) => ({ category: stream.split('/')[1], event, data })),
    );
    const denied = {
      category: 'denial',
      event: 'CommandDenied',
      data: expect.objectContaining({ principal, reasons: [expect.stringMatching(`^${type}: `)] }),
    };
    expect(receipts).toEqual(leavesReceipt ? [denied] : []);
    expect(JSON.stringify(receipts)).not.toMatch(/whsec_|:secret@|token=|hooks\.slack/);
  });
});

/** A body that is no JSON, or that JSON.stringify would not write. */
async function raw(path: string, as: string, body: string): Promise<Reply> {
  const response = await fetch(host.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-formicary-tenant': 'a', 'x-formicary-principal': as },
    body,
  });
  const said = await response.text();
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    text: said,
    body: JSON.parse(said) as unknown,
  };
}

const code = ({ body }: Reply): string => String(body.type).replace('https://formicary.dev/problems/', '');

test('an action with another hash is not taken: it goes back to people', async () => {
  const reply = await call(host, '/v1/actions/altered/execute', {
    tenant: 'a',
    as: 'buyer',
    json: { hash: 'f'.repeat(64), result: 'done' },
  });
  expect([reply.status, code(reply)]).toEqual([409, 'action-returned']);
  expect(await done('/v1/actions/altered')).toMatchObject({ status: 'held', held: { for: 'approval' } });
  expect(await done(`/v1/approvals/${scene['altered approval']}`)).toMatchObject({ status: 'waiting', given: [] });
  const again = await call(host, '/v1/actions/altered/execute', {
    tenant: 'a',
    as: 'buyer',
    json: { hash: hash('altered') },
  });
  expect(code(again)).toBe('action-not-cleared');
});

test('in one go goes only what changes little', async () => {
  const all = ['low', 'high', 'critical'].map((id) => ({ id: scene[`${id} approval`], hash: hash(id) }));
  const bulk = async (as: string, json: Record<string, unknown>) => {
    const answers = items<{ problem: { type: string } }>(
      await call(host, '/v1/approvals/bulk', { tenant: 'a', as, json: { ...json, reason: 'x' } }),
    );
    return answers.map(({ problem }) => problem.type.split('/').at(-1));
  };
  expect(await bulk('mallory-bulk', { decision: 'approve', items: all })).toEqual([
    'not-an-approver',
    'not-an-approver',
    'not-an-approver',
  ]);
  expect(
    await bulk('human:bulk', { decision: 'reject', items: [...all.slice(1), { id: 'none', hash: hash('low') }] }),
  ).toEqual(['bulk-only-for-low-impact', 'bulk-only-for-low-impact', 'approval-not-found']);
});

describe('all at once', () => {
  test('twenty people claim: one has it', async () => {
    const replies = await Promise.all(
      many(20, (i) => call(host, approval('raced', 'claim'), { tenant: 'a', as: `human:claims-${i}`, json: {} })),
    );
    expect(replies.filter((reply) => reply.status === 200)).toHaveLength(1);
    for (const reply of replies) if (reply.status !== 200) expect(code(reply)).toBe('claimed-by-another');
    const { claim } = await done(`/v1/approvals/${scene['raced approval']}`);
    await done(approval('raced', 'release'), { as: claim.by, json: {} });
  });

  test('yes and no: one of them holds, and the action follows it', async () => {
    const replies = await Promise.all(
      many(20, (i) =>
        call(host, approval('raced', i % 2 === 0 ? 'approve' : 'reject'), {
          tenant: 'a',
          as: `human:decides-${i}`,
          json: { hash: hash('raced'), reason: 'x' },
        }),
      ),
    );
    expect(replies.filter((reply) => reply.status === 200)).toHaveLength(1);
    for (const reply of replies) if (reply.status !== 200) expect(code(reply)).toBe('already-decided');
    const { outcome } = await done(`/v1/approvals/${scene['raced approval']}`);
    await eventually(async () => (await status('raced')) === (outcome === 'approved' ? 'cleared' : 'refused'));
  });

  test('one action is taken once', async () => {
    const replies = await Promise.all(
      many(20, (i) =>
        call(host, '/v1/actions/cleared/execute', {
          tenant: 'a',
          as: 'buyer',
          json: { hash: hash('cleared'), result: i },
        }),
      ),
    );
    expect(replies.filter((reply) => reply.status === 200)).toHaveLength(1);
    for (const reply of replies) if (reply.status !== 200) expect(code(reply)).toBe('action-already-executed');
  });

  test('one voter has one vote', async () => {
    const replies = await Promise.all(many(20, (i) => cast('open', 'v2', i % 2 === 0 ? 'approve' : 'reject')));
    const ballots = (await done('/v1/rounds/open')).ballots as { voter: string; choice: string; ballot: number }[];
    const mine = ballots.filter(({ voter: id }) => id === 'v2');
    expect(mine).toMatchObject([{ ballot: 1 }]);
    // The same vote again is the same vote; any other comes too late.
    for (const [i, reply] of replies.entries()) {
      const same = (i % 2 === 0 ? 'approve' : 'reject') === mine[0]?.choice;
      expect(same ? [reply.status] : [reply.status, code(reply)]).toEqual(
        same ? [200] : [409, expect.stringMatching(/^(already-voted|round-closed)$/)],
      );
    }
  });
});

describe('a round of one’s own', () => {
  const rigged = async (as: string, headers: Record<string, string>, choices: readonly string[]) => {
    const opened = await done('/v1/rounds', {
      as,
      headers,
      json: { ...QUESTION, choices, electorate: { ...ELECTORATE, voters: [voter(as)] } },
    });
    const { id } = opened.round as { id: string };
    await cast(id, as, choices[0]);
    expect((await done(`/v1/rounds/${id}`)).outcome).toMatchObject({ outcome: 'agreed', choice: choices[0] });
  };

  test('in the place where the gate will ask agents clears nothing', async () => {
    await configure('watched.order', { round: { ...ELECTORATE, when: 'always', round_seconds: 3_600 } });
    const squatted = await call(host, '/v1/rounds', {
      tenant: 'a',
      as: 'rigger',
      json: { ...QUESTION, id: derivedSystemId('a', 'round', 'a/action/rigged'), electorate: ELECTORATE },
    });
    expect([squatted.status, code(squatted)]).toEqual([422, 'id-reserved']);
    // What the id was made from, as a key: another name space.
    await rigged('round', { 'idempotency-key': 'a/action/rigged' }, ['approve', 'reject']);
    const proposed = await call(host, '/v1/actions', {
      tenant: 'a',
      as: 'rigger',
      json: { ...ORDER, kind: 'watched.order', id: 'rigged' },
    });
    expect(proposed.status).toBe(201);
    await settled(host);
    expect(await done('/v1/actions/rigged')).toMatchObject({
      status: 'held',
      held: { for: 'round', ref: `a/round/${derivedSystemId('a', 'round', 'a/action/rigged')}@0` },
    });
  });

  test('in the place where a challenge will be decided upholds nothing', async () => {
    await rigged('doubter', { 'idempotency-key': 'a/action/done@0' }, ['uphold', 'dismiss']);
    for (const id of ['judge-1', 'judge-2', 'doubter'])
      await done('/v1/agents', { as: id, json: { agent_type: 'judge', limits: { presence_seconds: 3_600 } } });
    await settled(host);
    const challenged = await call(host, '/v1/challenges', {
      tenant: 'a',
      as: 'doubter',
      json: { target: 'a/action/done@0', reason: 'x' },
    });
    expect(challenged.status).toBe(201);
    await settled(host);
    const action = await done('/v1/actions/done');
    expect(action).toMatchObject({ status: 'executed', challenge: { by: 'doubter' } });
    expect(action).not.toHaveProperty('compensation');
  });
});

describe('another time', () => {
  const agent = (id: string): RequestContext => ({
    principal: { tenant: 'acme', id, kind: 'agent', level: 'execute' },
  });
  const person = (id: string): RequestContext => ({
    principal: { tenant: 'acme', id, kind: 'human', level: 'critical', groups: ['approvers', 'administrators'] },
  });
  const round = {
    question: 'x?',
    kind: 'x',
    impact: 'low',
    choices: ['approve', 'reject'],
    round_seconds: 60,
    improvement_rounds: 0,
    allow_change: false,
    electorate: { algorithm: 'simple_majority', voters: ['v1', 'v2'].map(voter), min_agreement: 0.75, quorum: 0.67 },
  } as const;
  const order = {
    kind: 'erp.order',
    action: { amount: 1 },
    why: 'x',
    confidence: 1,
    impact: 'low',
    risk: 0,
    features: {},
  } as const;
  const ladder = DEFAULT_RULES.approvers.reduce((sum, { seconds }) => sum + seconds, 0) * 1_000;
  let stage: Stage;

  beforeEach(async () => {
    stage = new Stage();
    await stage.start();
  });
  afterEach(() => stage.end());

  const vote = async (id: string) => {
    const { state } = await stage.colony.rounds.load('acme', 'r');
    return await stage.colony.rounds.vote(agent(id), 'r', {
      voter: id,
      choice: 'approve',
      confidence: 1,
      reasoning: 'x',
      snapshot: state.electorate_hash,
      pass: 1,
    });
  };
  const denials = () =>
    stage
      .log()
      .flatMap(({ events }) => events)
      .filter(({ type }) => type === 'CommandDenied');

  test('a vote after the deadline is late, though no timer has fired', async () => {
    await stage.colony.rounds.open(agent('asker'), 'r', round);
    stage.clock.time += 60_000;
    expect(await vote('v1')).toMatchObject({ ok: false, rejection: { code: 'vote-late' } });
    expect(denials()).toHaveLength(1);
  });

  test('a clock that goes back opens nothing again', async () => {
    await stage.colony.rounds.open(agent('asker'), 'r', round);
    await vote('v1');
    await stage.pass(70);
    expect((await stage.colony.rounds.load('acme', 'r')).state.status).toBe('closed');
    stage.clock.time -= 3_600_000;
    expect(await vote('v2')).toMatchObject({ ok: false, rejection: { code: 'round-closed' } });
    await stage.fire();
    expect((await stage.colony.rounds.load('acme', 'r')).state).toMatchObject({
      status: 'closed',
      outcome: { outcome: 'no_quorum' },
    });
  });

  test('nobody approves after the time is up, whatever the clock does then', async () => {
    await stage.colony.actions.propose(agent('buyer'), 'a1', order);
    await stage.settled();
    const {
      approvals: [waiting],
    } = await stage.colony.approvals.list('acme', { status: 'waiting' }, 1);
    const { id, hash: seen } = waiting as { id: string; hash: string };
    stage.clock.time += ladder;
    expect(await stage.colony.approvals.approve(person('human:late'), id, { hash: seen, reason: 'x' })).toMatchObject({
      ok: false,
      rejection: { code: 'decided-after-deadline' },
    });
    await stage.fire();
    stage.clock.time -= ladder;
    expect(await stage.colony.approvals.approve(person('human:late'), id, { hash: seen, reason: 'x' })).toMatchObject({
      ok: false,
      rejection: { code: 'already-decided' },
    });
    await stage.fire();
    expect((await stage.colony.actions.load('acme', 'a1')).state).toMatchObject({
      status: 'refused',
      stopped: { by: 'safe-default' },
    });
    expect(denials()).toHaveLength(2);
  });

  test('a claim ends by the clock; a jump back does not give it to two', async () => {
    await stage.colony.actions.propose(agent('buyer'), 'a1', order);
    await stage.settled();
    const {
      approvals: [waiting],
    } = await stage.colony.approvals.list('acme', { status: 'waiting' }, 1);
    const { id } = waiting as { id: string };
    expect(await stage.colony.approvals.claim(person('human:one'), id, 60)).toMatchObject({ ok: true });
    stage.clock.time += 61_000;
    expect(await stage.colony.approvals.claim(person('human:two'), id, 60)).toMatchObject({ ok: true });
    stage.clock.time -= 61_000;
    expect(await stage.colony.approvals.claim(person('human:one'), id, 60)).toMatchObject({
      ok: false,
      rejection: { code: 'claimed-by-another' },
    });
  });
});

test('after all of it everything still stands, and nothing failed inside', async () => {
  for (const id of ['low', 'high', 'own', 'claimed', 'edited', 'critical']) expect(await status(id)).toBe('held');
  expect(await done('/v1/tasks/held')).toMatchObject({ status: 'held' });
  expect(await status('watched')).toBe('veto_window');
  expect(await done('/v1/channels/ops')).toMatchObject({ address: CHANNEL.address });
  expect(host.output()).not.toMatch(/"level":("error"|50|60)/);
  const { body } = await call(host, '/v1/status');
  for (const consumer of body.feed) expect(consumer).toMatchObject({ parked: 0 });
});
