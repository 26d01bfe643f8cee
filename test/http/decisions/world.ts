/** The host that the tests of decisions share, and what they do most. */
import { eventually } from '../../support/eventually';
import { startTestHost, type TestHost } from '../../support/host';
import { call, type Reply, type Sent } from '../support';

export let host: TestHost;
/** Every answer, to be held against its documentation at the end. */
export const seen: { method: string; path: string; reply: Reply }[] = [];

beforeAll(async () => {
  host = await startTestHost();
});
afterAll(() => host.stop());

export type Api = (path: string, sent?: Sent) => Promise<Reply>;
export type Row = Readonly<Record<string, unknown>>;

export function tenant(name: string): Api {
  return async (path, sent = {}) => {
    const reply = await call(host, path, { tenant: name, ...sent });
    seen.push({ method: sent.method ?? (sent.json === undefined ? 'GET' : 'POST'), path, reply });
    return reply;
  };
}

/** The body of an answer, which must be one of success. */
export async function ok(answer: Promise<Reply>): Promise<Reply['body']> {
  const reply = await answer;
  if (reply.status >= 300) throw new Error(`${reply.status}: ${reply.text}`);
  return reply.body;
}

export const slug = ({ status, body }: Reply) =>
  `${status} ${String(body.type).replace('https://formicary.dev/problems/', '')}`;
export const key = (name: string) => ({ 'idempotency-key': name });

export const ADA = 'human:ada';
export const BOB = 'human:bob';
export const THRESHOLDS = { confidence: 0.7, consensus: 0.75, novelty: 1, impact: 'high' };
export const RULES = {
  mode: 'full_automation',
  thresholds: THRESHOLDS,
  approvers: [{ group: 'approvers', seconds: 3_600 }],
  safe_default: 'refuse',
};
export const ORDER = {
  kind: 'erp.order',
  action: { item: 'bolts', amount: 40 },
  why: 'stock is low',
  confidence: 0.9,
  impact: 'low',
  features: { amount: 40 },
};

export const configure = (api: Api, rules: Row = {}, kind = 'erp.order') =>
  ok(api(`/v1/oversight/${kind}`, { method: 'PUT', json: { rules: { ...RULES, ...rules } } }));
export const propose = async (api: Api, id: string, changes: Row = {}) =>
  (await ok(api('/v1/actions', { as: 'buyer', json: { ...ORDER, id, ...changes } }))).action;
export const action = (api: Api, id: string) => ok(api(`/v1/actions/${id}`));
/** The approval that an action is held for. */
export const approvalOf = async (api: Api, id: string): Promise<string> => {
  const { held } = await action(api, id);
  return /\/approval\/(.+)@\d+$/.exec(held.ref as string)?.[1] as string;
};
export const approve = async (api: Api, id: string, more: Row = {}, as = ADA) => {
  const approval = await approvalOf(api, id);
  const { hash } = await ok(api(`/v1/approvals/${approval}`));
  return await ok(api(`/v1/approvals/${approval}/approve`, { as, json: { hash, reason: 'fine', ...more } }));
};
export const statusIs = (api: Api, id: string, status: string) =>
  eventually(async () => (await action(api, id)).status === status);
export const take = async (api: Api, id: string) =>
  (await ok(api(`/v1/actions/${id}/execute`, { as: 'buyer', json: { hash: (await action(api, id)).hash } }))).action;
/** One action of the kind is taken: what is like it is not new any more. */
export async function known(api: Api): Promise<void> {
  await propose(api, 'first');
  await approve(api, 'first');
  await statusIs(api, 'first', 'cleared');
  await take(api, 'first');
}

export const voter = (id: string) => ({ id, why: 'asked by name' });
export const QUESTION = {
  question: 'Ship today?',
  kind: 'release',
  impact: 'medium',
  electorate: { algorithm: 'simple_majority', voters: ['v1', 'v2', 'v3'].map(voter), quorum: 0.6 },
};
export const open = async (api: Api, id: string, changes: Row = {}) =>
  (await ok(api('/v1/rounds', { as: 'asker', json: { ...QUESTION, id, ...changes } }))).round;
export const ballot = ({ snapshot, pass }: { snapshot: string; pass: number }, choice: string) => ({
  choice,
  confidence: 0.9,
  reasoning: 'because',
  snapshot,
  pass,
});
export const vote = async (api: Api, round: string, as: string, choice: string) =>
  await ok(api(`/v1/rounds/${round}/votes`, { as, json: ballot(await ok(api(`/v1/rounds/${round}`)), choice) }));
