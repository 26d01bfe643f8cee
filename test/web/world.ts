/** The host that the tests of the window share, with a small colony on it. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { call } from '../http/support';
import { eventually } from '../support/eventually';
import { compiledApp, startTestHost, type TestHost, type TestHostOptions } from '../support/host';

const ROOT = join(__dirname, '../..');

/** What somebody could send who means harm, or writes from right to left. */
export const HOSTILE = `<img src=x onerror=alert(1)><script>alert(2)</script> \u202Eesrever \u2066x ${'w'.repeat(1_500)}`;

export async function windowHost(options: TestHostOptions = {}): Promise<TestHost> {
  execFileSync(process.execPath, [join(ROOT, 'web/build.mjs'), join(compiledApp(), 'dist/web')]);
  return await startTestHost(options);
}

/** The body of an answer, which must be one of success. */
export async function done(host: TestHost, path: string, json?: unknown, as = 'human:ada', method?: string) {
  const reply = await call(host, path, { json, as, method });
  if (reply.status >= 300) throw new Error(`${path}: ${reply.status} ${reply.text}`);
  return reply.body;
}

/** An action that waits for a person; gives its approval. */
export async function held(host: TestHost, id: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  await done(
    host,
    '/v1/actions',
    {
      ...{ id, kind: 'erp.order', action: { item: 'bolts', amount: 40 }, why: 'stock is low' },
      ...{ confidence: 0.9, impact: 'high', ...more },
    },
    'buyer',
  );
  const { held: of } = await done(host, `/v1/actions/${id}`);
  return /\/approval\/(.+)@\d+$/.exec(of.ref as string)?.[1] as string;
}

/** A question on which agents have voted, the first of them with the most weight, each with a choice and a reason. */
export async function voted(
  host: TestHost,
  id: string,
  votes: readonly (readonly [voter: string, choice: string, confidence: number, reasoning: string])[],
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const electorate = {
    // It closes with the last vote, whatever that is.
    ...{ algorithm: 'weighted_voting', quorum: 1, min_agreement: 0.6 },
    voters: votes.map(([voter], i) => ({ id: voter, why: 'it knows the supplier', weight: votes.length - i })),
  };
  const { round } = await done(host, '/v1/rounds', {
    ...{ id, question: 'Is invoice 4711 a duplicate of 4698?', kind: 'finance.duplicate', impact: 'medium' },
    ...{ round_seconds: 3_600, electorate, ...more },
  });
  for (const [voter, choice, confidence, reasoning] of votes)
    await done(
      host,
      `/v1/rounds/${id}/votes`,
      { choice, confidence, reasoning, snapshot: round.snapshot, pass: 1 },
      voter,
    );
}

/** Agents at work, a task that nobody can do, one that is done, and decisions for people. */
export async function populate(host: TestHost): Promise<void> {
  for (let i = 0; i < 40; i += 1)
    await done(
      host,
      `/v1/agents/recon-${i}`,
      {
        agent_type: 'finance.reconciliation',
        capacity: 2,
        location: `eu/dock-${i % 3}`,
        limits: { presence_seconds: 3_600 },
      },
      `recon-${i}`,
      'PUT',
    );
  await done(host, '/v1/tasks', { id: 'nobody-can', task_type: 'audit.review' });
  await done(host, '/v1/tasks', { id: 'done-1', task_type: 'finance.reconciliation', accept_seconds: 3_600 });
  const { holder } = await eventually(async () => {
    const task = await done(host, '/v1/tasks/done-1');
    return task.status === 'awarded' && task;
  });
  await done(host, '/v1/tasks/done-1/accept', { award: 1 }, holder.agent as string);
  await done(host, '/v1/tasks/done-1/complete', { award: 1, result: { matched: 12 } }, holder.agent as string);
}

/** What others have written, in every place that is shown. */
export async function writeHostile(host: TestHost): Promise<void> {
  await held(host, 'hostile', { why: HOSTILE, action: { item: HOSTILE } });
  await done(host, '/v1/tasks', { id: 'hostile', task_type: 'audit.review', payload: { note: HOSTILE } });
  await done(host, '/v1/tasks/hostile/cancel', { reason: HOSTILE });
}

const REASONS = [
  ['approve', 0.9, 'both carry the same order number'],
  ['reject', 0.8, 'the second one names a delivery of its own, on 3 March'],
  ['approve', 0.85, 'the amounts are the same to the cent'],
  ['approve', 0.7, 'the supplier has sent duplicates before'],
  ['reject', 0.6, 'the dates are a month apart'],
  ['approve', 0.75, 'it was scanned twice: the stamps are the same'],
  ['approve', 0.55, 'nothing speaks for two deliveries in the stock'],
  ['reject', 0.5, 'two goods receipts were booked'],
] as const;

/** Signals at some places, of which a few were emitted within the last half an hour. */
export async function emit(host: TestHost): Promise<void> {
  const signals = PLACES.flatMap(([location, type, rate], i) =>
    [28, 17, 6, 0].slice(i % 3).map((minutes, n) => ({
      ...{ type, location, strength: 0.35 + ((i + n) % 3) * 0.2, decay_rate: rate },
      timestamp: new Date(Date.now() - minutes * 60_000).toISOString(),
    })),
  );
  for (const one of signals) await done(host, '/v1/signals', one, 'bot-1');
}

const PLACES = [
  ['finance/ledger', 'resource_needed', 0.02],
  ['warehouse/eu', 'load_high', 0.05],
  ['warehouse/eu/dock-3', 'resource_needed', 0.1],
  ['plant/line-2', 'threat_detected', 0.03],
  ['plant/line-4', 'task_complete', 0.2],
] as const;

const KINDS = ['finance.reconciliation', 'legal.review', 'crm.lead_scoring', 'support.triage'] as const;

/** A colony with something of everything; a second time, with other ids, more of the same. */
export async function liven(host: TestHost, prefix = ''): Promise<void> {
  const post = (id: string, more: Readonly<Record<string, unknown>> = {}) =>
    done(host, '/v1/tasks', { id: prefix + id, task_type: KINDS[0], accept_seconds: 3_600, ...more }, 'service:crm');
  if (prefix === '') {
    await populate(host);
    for (let i = 0; i < 260; i += 1)
      await done(
        host,
        `/v1/agents/bot-${i}`,
        {
          agent_type: KINDS[1 + (i % 3)],
          capacity: 1 + (i % 3),
          location: `us/dock-${i % 5}`,
          capabilities: { contract: 0.3 },
        },
        `bot-${i}`,
        'PUT',
      );
  }
  for (const [i, impact] of (['low', 'medium', 'high'] as const).entries())
    await held(host, `${prefix}order-${i}`, { impact, action: { item: 'bolts', amount: 40 * (i + 1) } });
  await voted(
    host,
    `${prefix}duplicate`,
    REASONS.map(([choice, confidence, reasoning], i) => [`bot-${i}`, choice, confidence, reasoning]),
  );
  for (let i = 0; i < 60; i += 1) await post(`invoice-${i}`, { task_type: KINDS[i % 4] });
  for (let i = 10; i < 16; i += 1)
    await post(`contract-${i}`, { requires: [{ capability: 'contract', level: 0.8 }], priority: 0.9 });
  await post(`translation-1`, { task_type: 'text.translation' });
}
