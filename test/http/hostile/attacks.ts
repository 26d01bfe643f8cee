/** Attacks on decisions, and what they are made of. */

/** What the attacks are on: ids of approvals, hashes of actions, the snapshot of the open round. */
export const scene: Record<string, string> = {};
export const hash = (action: string) => scene[`${action} hash`] as string;
export const approval = (action: string, step: string) => `/v1/approvals/${scene[`${action} approval`]}/${step}`;

export const many = <T>(count: number, item: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => item(i));
export const voter = (id: string) => ({ id, why: 'asked by name' });
export const CYRILLIC = 'р';

export const ORDER = {
  kind: 'erp.order',
  action: { item: 'bolts', amount: 40 },
  why: 'stock is low',
  confidence: 0.9,
  impact: 'low',
};
export const QUESTION = { question: 'Ship today?', kind: 'release', impact: 'medium' };
export const ELECTORATE = { algorithm: 'simple_majority', voters: ['v1', 'v2', 'v3'].map(voter), quorum: 0.6 };
export const RULES = {
  mode: 'full_automation',
  thresholds: { confidence: 0.7, consensus: 0.75, novelty: 1, impact: 'high' },
  approvers: [{ group: 'approvers', seconds: 3_600 }],
  safe_default: 'refuse',
};
export const CHANNEL = {
  kind: 'standard',
  address: 'https://hooks.example.org/x',
  secret: 'env:OPS',
  groups: ['approvers'],
  events: ['approval-requested'],
};
export const CORRECTION = { target: 'a/action/low@0', what: 'x', instead_of: 'y', why: 'z' };

export interface Attack {
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
export type Row = readonly [name: string, attack: () => Attack, status: number, type: string, receipt?: 'receipt'];

export const INVALID = 'invalid-request';
export const RECEIPT = 'receipt';
export const MALLORY = 'mallory-*';
export const SOMEBODY = 'human:somebody-*';

export const ballot = (more: Record<string, unknown> = {}) => ({
  choice: 'approve',
  confidence: 0.9,
  reasoning: 'because',
  snapshot: scene['open snapshot'],
  pass: 1,
  ...more,
});
export const vote =
  (as: string, more: Record<string, unknown> = {}, round = 'open', tenant = 'a') =>
  (): Attack => ({ to: `/v1/rounds/${round}/votes`, as, tenant, json: ballot(more) });
export const round = (more: Record<string, unknown>) => (): Attack => ({
  to: '/v1/rounds',
  as: MALLORY,
  json: { ...QUESTION, electorate: ELECTORATE, ...more },
});
export const electorate = (more: Record<string, unknown>) => round({ electorate: { ...ELECTORATE, ...more } });
export const decide =
  (as: string, action: string, step: string, more: Record<string, unknown> = {}) =>
  (): Attack => ({ to: approval(action, step), as, json: { hash: hash(action), reason: 'because I say so', ...more } });
export const ask = (as: string, action: string, step: string, json: unknown) => (): Attack => ({
  to: approval(action, step),
  as,
  json,
});
export const propose = (more: Record<string, unknown>) => (): Attack => ({
  to: '/v1/actions',
  as: MALLORY,
  json: { ...ORDER, ...more },
});
export const gate = (as: string, action: string, step: string, json: () => unknown) => (): Attack => ({
  to: `/v1/actions/${action}/${step}`,
  as,
  json: json(),
});
export const text = (to: string, body: string) => (): Attack => ({ to, as: MALLORY, text: body });
export const challenge =
  (target: string, reason = 'I doubt it') =>
  (): Attack => ({ to: '/v1/challenges', as: MALLORY, json: { target, reason } });
export const rules =
  (more: Record<string, unknown>, as = SOMEBODY, kind = 'any.kind') =>
  (): Attack => ({ method: 'PUT', to: `/v1/oversight/${kind}`, as, json: { rules: { ...RULES, ...more } } });
export const channel =
  (more: Record<string, unknown>, as = SOMEBODY) =>
  (): Attack => ({ method: 'PUT', to: '/v1/channels/new', as, json: { ...CHANNEL, ...more } });
export const nested = (levels: number): unknown => many(levels, () => 0).reduce<unknown>((inner) => [inner], 1);
