/**
 * What belongs to one tenant never shows in another: not its data, not its ids, not that there is any. First every
 * example of the contract is asked where no other tenant has anything; then one tenant is filled with all that there
 * can be, and everything is asked again: the answers are the same. Then by hand through every door that takes
 * something from outside: each attempt says what it tried, and is answered as the same with a name that nobody has.
 */
import { createHash } from 'node:crypto';
import type { Example, RouteSpec } from '../../contract/route';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';
import { BEFORE, merged, pathOf, renamed, routes } from './example-steps';
import { call, items, type Reply, type Sent, settled } from './support';

/** Whose data must not show; everything of it that can be named is named with `MARK`. */
const VICTIM = 'alpha';
const MARK = 'alphasecret';

let host: TestHost;
/** What every example was answered before the victim had anything, by route. */
const alone = new Map<string, string>();
/** Ids that were made in the victim, and what only it has. */
const secret: Record<string, string> = {};

/** A stream has no end; what is parked is the host's, and so are the names of its views. */
const LEFT_OUT: ReadonlySet<string> = new Set(['streamReceipts', 'listParked', 'redriveParked', 'rebuildView']);
/** Nothing more comes to whom these have halted. */
const HALTS: ReadonlySet<string> = new Set(['listStops', 'stop', 'listPauses', 'pause']);
/** What these take away would show no more. */
const TAKES = /^(remove|withdraw|deregister|resume|lift|cancel|revoke)/;
const ASKED = [...routes.values()].filter(({ name }) => !LEFT_OUT.has(name));

beforeAll(async () => {
  host = await startTestHost();
  for (const spec of ASKED) alone.set(spec.name, said(await ask(`c-${slugOf(spec)}`, spec), `c-${slugOf(spec)}`));
  await fill();
}, 240_000);
afterAll(() => host.stop());

const slugOf = ({ name }: RouteSpec) => name.toLowerCase();

function ask(tenant: string, spec: RouteSpec, example: Example = spec.example): Promise<Reply> {
  const { as, body } = example;
  const { path, json } = renamed(tenant, { path: pathOf(spec, example), json: body });
  return call(host, path, { method: spec.method, tenant, as, json });
}

/** An answer without what is different each time: names of the tenant, times, hashes, ids that were made. */
function said({ status, headers, text }: Reply, tenant: string): string {
  const plain = text
    .replaceAll(tenant, 'TENANT')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/[0-9a-f]{64}/g, 'HASH')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UUID')
    .replaceAll(/"access_token":"[^"]*"/g, '"access_token":"TOKEN"')
    .replaceAll(/"strength":0\.[\d.]+/g, '"strength":0')
    .replaceAll(/"(cursor|offersAfter|after)":"[^"]*"/g, '"$1":"CURSOR"')
    .replaceAll(/"(waited_seconds|lag|delay_seconds|drift_ms|log_ahead_ms)":-?[\d.]+/g, '"$1":0')
    // Null until this process has handled anything.
    .replaceAll('"delay_seconds":null', '"delay_seconds":0')
    .replaceAll(/"serving":"[^"]*"/g, '"serving":"VIEW"');
  return `${status} ${headers['etag'] ?? ''} ${plain}`;
}

/** Fills the victim: with the examples and all that comes before them, and with what bears the mark. */
async function fill(): Promise<void> {
  for (const spec of ASKED.filter(({ name }) => !HALTS.has(name) && !TAKES.test(name))) {
    for (const step of BEFORE[spec.name] ?? []) {
      const [route, changes] = typeof step === 'string' ? [step, {}] : step;
      const before = routes.get(route)!;
      await ask(VICTIM, before, merged(before.example, changes));
      await settled(host);
    }
    await ask(VICTIM, spec);
    await settled(host);
  }
  await own('/v1/agents/alphasecret-agent', {
    method: 'PUT',
    as: 'alphasecret-agent',
    json: { agent_type: 'alphasecret.kind', pool: 'alphasecret-pool', capacity: 5 },
  });
  const payload = { text: MARK.repeat(4_000) };
  const task = { task_type: 'alphasecret.kind', accept_seconds: 3_600, lease_seconds: 3_600 };
  const key = { 'idempotency-key': 'alphasecret-key' };
  const posted = await own('/v1/tasks', { json: { id: 'alphasecret-task', ...task, payload }, headers: key });
  secret['receipt'] = `${posted.body.receipt.stream}@${posted.body.receipt.version}`;
  secret['correlation'] = posted.body.receipt.correlation_id as string;
  secret['hash'] = posted.body.receipt.hash as string;
  secret['blob'] = `sha256:${createHash('sha256').update(JSON.stringify(payload)).digest('hex')}`;
  await own('/v1/tasks', { json: { id: 'alphasecret-bids', ...task, bid_seconds: 3_600 } });
  await eventually(async () => (await own('/v1/tasks/alphasecret-task')).body.holder?.award === 1);
  await own('/v1/tasks/alphasecret-task/accept', { as: 'alphasecret-agent', json: { award: 1 } });
  await own('/v1/signals', {
    json: { type: 'threat_detected', strength: 1, location: 'alphasecret/place', decay_rate: 0.1 },
  });
  const oversight = { why: MARK, confidence: 0.9, impact: 'low', risk: 0.1 };
  const action = { id: 'alphasecret-action', kind: 'alphasecret.act', action: { secret: MARK }, ...oversight };
  await own('/v1/actions', { as: 'alphasecret-agent', json: action });
  const given = await own('/v1/tokens', { as: 'human:ada', json: { subject: 'alphasecret-bot' } });
  secret['token'] = given.body.access_token as string;
  secret['session'] = given.body.session as string;
  await own('/v1/checkpoints', { json: {} });
  secret['page'] = await eventually(async () => (await own('/v1/tasks?limit=1')).body.nextLink as string | undefined);
  secret['receipts'] = (await own('/v1/receipts?limit=1')).body.nextLink as string;
  secret['waiting'] = ((await own('/v1/tasks?sort=waiting&limit=1')).body.nextLink as string | undefined) ?? '';
  for (const name of ['stop', 'pause']) await ask(VICTIM, routes.get(name)!);
  await settled(host);
}

/** The victim's own request, which must succeed. */
async function own(path: string, sent: Sent = {}): Promise<Reply> {
  const reply = await call(host, path, { tenant: VICTIM, ...sent });
  if (reply.status >= 300) throw new Error(`${path}: ${reply.status} ${reply.text}`);
  return reply;
}

test('the victim has something that could show', async () => {
  for (const path of [
    ...['/v1/tasks', '/v1/agents', '/v1/actions', '/v1/rounds', '/v1/receipts', '/v1/channels'],
    ...['/v1/corrections', '/v1/checkpoints', '/v1/budgets', '/v1/stops', '/v1/pauses', '/v1/oversight', '/v1/log'],
  ])
    expect([path, items(await own(path)).length > 0]).toEqual([path, true]);
});

test.each(ASKED.map((spec) => [spec.name, spec] as const))(
  'the example of %s is answered as if nobody else were there',
  async (name, spec) => {
    const tenant = `t-${slugOf(spec)}`;
    const reply = await ask(tenant, spec);
    expect(said(reply, tenant)).toBe(alone.get(name));
    expect(reply.text).not.toContain(MARK);
    expect(reply.text).not.toContain(`"${VICTIM}`);
  },
);

// --------------------------------------------------------------------------------------------------------- by hand

interface Attempt {
  readonly door: string;
  readonly tried: string;
  /** With the victim's name for something, or with one that nobody has. */
  readonly make: (of: (name: keyof typeof NOBODY) => string) => { readonly path: string } & Sent;
}

/** What the victim has, and what nobody has; alike in form. */
const NOBODY = {
  task: 'nobodyknown-task',
  bids: 'nobodyknown-bids',
  agent: 'nobodyknown-agent',
  kind: 'nobodyknown.kind',
  pool: 'nobodyknown-pool',
  bot: 'nobodyknown-bot',
  place: 'nobodyknown/place',
  receipt: 'alpha/task/nobodyknown-task@0',
  correlation: '019ac000-0000-7000-8000-000000000000',
  blob: `sha256:${'0'.repeat(64)}`,
  session: '019ac000-0000-7000-8000-000000000001',
  key: 'nobodyknown-key',
  action: 'nobodyknown-action',
} as const;
const VICTIMS = (): Record<keyof typeof NOBODY, string> => ({
  task: 'alphasecret-task',
  bids: 'alphasecret-bids',
  agent: 'alphasecret-agent',
  kind: 'alphasecret.kind',
  pool: 'alphasecret-pool',
  bot: 'alphasecret-bot',
  place: 'alphasecret/place',
  receipt: secret['receipt'] as string,
  correlation: secret['correlation'] as string,
  blob: secret['blob'] as string,
  session: secret['session'] as string,
  key: 'alphasecret-key',
  action: 'alphasecret-action',
});

const get = (door: string, tried: string, path: (of: (name: keyof typeof NOBODY) => string) => string): Attempt => ({
  door,
  tried,
  make: (of) => ({ path: path(of) }),
});
const send = (
  door: string,
  tried: string,
  path: (of: (name: keyof typeof NOBODY) => string) => string,
  json: (of: (name: keyof typeof NOBODY) => string) => object = () => ({}),
  more: (of: (name: keyof typeof NOBODY) => string) => Sent = () => ({}),
): Attempt => ({ door, tried, make: (of) => ({ path: path(of), json: json(of), ...more(of) }) });
const asAgent = (of: (name: keyof typeof NOBODY) => string): Sent => ({ as: of('agent') });
const holder = (action: string, more: object = {}): Attempt =>
  send(
    'ids',
    `${action} of a task as its holder`,
    (of) => `/v1/tasks/${of('task')}/${action}`,
    () => ({ award: 1, ...more }),
    asAgent,
  );

const ATTEMPTS: readonly Attempt[] = [
  get('ids', 'read a task', (of) => `/v1/tasks/${of('task')}`),
  get('ids', 'read an agent', (of) => `/v1/agents/${of('agent')}`),
  get('ids', 'read the candidates of a task', (of) => `/v1/tasks/${of('task')}/candidates`),
  get('ids', 'compute an award again', (of) => `/v1/tasks/${of('task')}/recompute`),
  get('ids', 'read the history of a pool', (of) => `/v1/pools/${of('pool')}/history`),
  get('ids', 'read a type of agent', (of) => `/v1/agents/repository/${of('kind')}`),
  get('ids', 'read a trail', (of) => `/v1/signals/threat_detected/${of('place')}`),
  holder('accept'),
  holder('decline'),
  holder('heartbeat'),
  holder('progress', { fraction: 0.5 }),
  holder('complete', { result: 1 }),
  holder('fail', { reason: 'x' }),
  holder('release'),
  holder('handoff', { to: 'thief' }),
  send('ids', 'cancel a task', (of) => `/v1/tasks/${of('task')}/cancel`),
  send('ids', 'redrive a task', (of) => `/v1/tasks/${of('task')}/redrive`),
  send(
    'ids',
    'bid for a task',
    (of) => `/v1/tasks/${of('bids')}/bids`,
    undefined,
    () => ({ as: 'thief' }),
  ),
  send('ids', 'withdraw the bid of an agent', (of) => `/v1/tasks/${of('bids')}/withdraw-bid`, undefined, asAgent),
  send(
    'ids',
    'deregister an agent',
    (of) => `/v1/agents/${of('agent')}`,
    undefined,
    () => ({ method: 'DELETE' }),
  ),
  send('ids', 'speak for an agent', (of) => `/v1/agents/${of('agent')}/heartbeat`, undefined, asAgent),
  send(
    'ids',
    'move an agent to another pool',
    (of) => `/v1/pools/${of('pool')}/reorganisations`,
    (of) => ({ moves: [{ agent: of('agent'), to: 'thieves' }], reason: 'x' }),
  ),
  send(
    'ids',
    'change what a pool is for',
    (of) => `/v1/pools/${of('pool')}/objective`,
    () => ({ description: 'x' }),
    () => ({ method: 'PUT' }),
  ),
  send(
    'ids',
    'deploy a type of agent',
    () => '/v1/agents/deploy',
    (of) => ({ agent_type: of('kind') }),
  ),
  send(
    'ids',
    'name a tenant to deploy into',
    () => '/v1/agents/deploy',
    (of) => ({
      agent_type: 'finance.reconciliation',
      tenant_id: 'alpha',
      id: of('agent'),
    }),
  ),
  get('blobs', 'read a payload by its hash, under its task', (of) => `/v1/tasks/${of('task')}/blobs/${of('blob')}`),
  get('blobs', 'read a payload by its hash, under an own task', (of) => `/v1/tasks/own-task/blobs/${of('blob')}`),
  get('filters', 'tasks by their agent', (of) => `/v1/tasks?agent=${of('agent')}`),
  get('filters', 'tasks by their type', (of) => `/v1/tasks?task_type=${of('kind')}`),
  get('filters', 'agents by their pool', (of) => `/v1/agents?pool=${of('pool')}`),
  get('filters', 'receipts by correlation', (of) => `/v1/receipts?correlation=${of('correlation')}`),
  get('filters', 'reservations by their task', (of) => `/v1/budgets/reservations?task=${of('task')}`),
  get('filters', 'signals by their place', (of) => `/v1/signals?location=${of('place')}`),
  get('filters', 'the repository by a name', (of) => `/v1/agents/repository/search?q=${of('kind')}`),
  get('filters', 'tools by a name', (of) => `/v1/tools?q=${of('kind')}`),
  get('orders', 'what waits longest, by type', (of) => `/v1/tasks?sort=waiting&task_type=${of('kind')}`),
  get('orders', 'what has waited for a second', (of) => `/v1/tasks?stuck=0&task_type=${of('kind')}`),
  get('streams', 'a stream of receipts', (of) => `/v1/streams/task/${of('task')}`),
  get('streams', 'a stream by a path that climbs', (of) => `/v1/streams/task/..%2F..%2Falpha%2Ftask%2F${of('task')}`),
  get('streams', 'a stream whose category is another tenant', (of) => `/v1/streams/alpha%2Ftask/${of('task')}`),
  get('streams', 'the stops of everybody', () => '/v1/streams/stop/all'),
  get('proofs', 'the proof of a receipt', (of) => `/v1/streams/task/${of('task')}/0/proof`),
  get('why', 'why of a task', (of) => `/v1/why?of=${of('task')}`),
  get('why', 'why of a receipt', (of) => `/v1/why?of=${encodeURIComponent(of('receipt'))}`),
  get('why', 'why of a correlation', (of) => `/v1/why?of=${of('correlation')}`),
  get('asOf', 'a task as it was', (of) => `/v1/tasks/${of('task')}?asOf=2099-01-01T00:00:00Z`),
  get('asOf', 'an agent as it was', (of) => `/v1/agents/${of('agent')}?asOf=2099-01-01T00:00:00Z`),
  get('inbox', 'the inbox of an agent', (of) => `/v1/agents/${of('agent')}/inbox?holding=true`),
  {
    door: 'inbox',
    tried: 'the inbox of an agent, as that agent',
    make: (of) => ({ path: `/v1/agents/${of('agent')}/inbox?holding=true`, as: of('agent') }),
  },
  {
    door: 'gateway',
    tried: 'the inbox of a gateway, under the name of one that speaks for others',
    make: () => ({ path: '/v1/gateway/inbox?waitSeconds=0&holding=true', as: 'service:desk' }),
  },
  send(
    'gateway',
    'speak for an agent through a gateway',
    () => '/v1/gateway/commands',
    (of) => ({ commands: [{ agent: of('agent'), do: 'complete', task: of('task'), award: 1, result: 1 }] }),
    () => ({ as: 'service:thief' }),
  ),
  send(
    'causes',
    'post a task that a receipt has led to',
    () => '/v1/tasks',
    (of) => ({ id: 'caused', task_type: 'x', cause: of('receipt') }),
  ),
  send(
    'causes',
    'post a part of a task',
    () => '/v1/tasks',
    (of) => ({ id: 'part', task_type: 'x', parent: of('task') }),
  ),
  get('decisions', 'read an action', (of) => `/v1/actions/${of('action')}`),
  get('decisions', 'approvals by their kind', () => '/v1/approvals?kind=alphasecret.act'),
  send('decisions', 'execute an action', (of) => `/v1/actions/${of('action')}/execute`, undefined, asAgent),
  send(
    'decisions',
    'veto an action',
    (of) => `/v1/actions/${of('action')}/veto`,
    () => ({ reason: 'x' }),
  ),
  send(
    'decisions',
    'challenge a receipt',
    () => '/v1/challenges',
    (of) => ({ target: of('receipt'), reason: 'x' }),
  ),
  send(
    'decisions',
    'correct a receipt',
    () => '/v1/corrections',
    (of) => ({ target: of('receipt'), instead_of: 'a', what: 'b', why: 'x' }),
  ),
  send(
    'stops',
    'stop an agent',
    (of) => `/v1/stops/agent/${of('agent')}`,
    () => ({ reason: 'x' }),
    () => ({ method: 'PUT' }),
  ),
  send(
    'stops',
    'lift the stop of a task',
    (of) => `/v1/stops/task/${of('task')}/lift`,
    () => ({ reason: 'x' }),
  ),
  send(
    'stops',
    'stop the tenant itself',
    () => '/v1/stops/tenant/alpha',
    () => ({ reason: 'x' }),
    () => ({ method: 'PUT' }),
  ),
  send(
    'budgets',
    'set the budget of an agent',
    (of) => `/v1/budgets/agent/${of('agent')}`,
    () => ({ limit_micro_usd: 0, reason: 'x' }),
    () => ({ method: 'PUT' }),
  ),
  send(
    'budgets',
    'set the budget of the tenant',
    () => '/v1/budgets/tenant/alpha',
    () => ({ limit_micro_usd: 0, reason: 'x' }),
    () => ({ method: 'PUT' }),
  ),
  send(
    'budgets',
    'let a task cost more',
    (of) => `/v1/budgets/reservations/${of('task')}/raise`,
    () => ({ more_micro_usd: 1, reason: 'x' }),
  ),
  send(
    'tokens',
    'revoke a token',
    () => '/v1/revocations',
    (of) => ({ kind: 'token', id: of('session'), reason: 'x' }),
  ),
  send(
    'tokens',
    'revoke all of somebody',
    () => '/v1/revocations',
    (of) => ({ kind: 'principal', id: of('bot'), reason: 'x' }),
  ),
  send(
    'keys',
    'the same request under the same key',
    () => '/v1/tasks',
    () => ({ id: 'keyed', task_type: 'x' }),
    (of) => ({ headers: { 'idempotency-key': of('key') } }),
  ),
  send(
    'versions',
    'a command with the version of a stream',
    (of) => `/v1/tasks/${of('task')}/cancel`,
    undefined,
    () => ({ headers: { 'if-match': '"1"' } }),
  ),
  send(
    'batches',
    'post under the id of another, among others',
    () => '/v1/tasks/batch',
    (of) => ({ tasks: [{ id: of('task'), task_type: 'x' }] }),
  ),
];

test('there are at least sixty', () => {
  expect(ATTEMPTS.length + CARRIED.length).toBeGreaterThanOrEqual(60);
});

test.each(ATTEMPTS.map((attempt) => [attempt.door, attempt.tried, attempt] as const))(
  '%s: %s',
  async (door, tried, { make }) => {
    const [thief, nobody] = ['thief', 'nobody'].map((name) => `${name}-${hashOf(`${door}${tried}`)}`) as [
      string,
      string,
    ];
    const victims = VICTIMS();
    const answers: string[] = [];
    for (const [tenant, names] of [
      [thief, victims],
      [nobody, NOBODY],
    ] as const) {
      await call(host, '/v1/tasks', { tenant, json: { id: 'own-task', task_type: 'x' } });
      const { path, ...sent } = make((name) => names[name]);
      const reply = await call(host, path, { tenant, ...sent });
      // What was said is said back; nothing else of the victim is.
      let text = reply.text;
      for (const [name, value] of Object.entries(names).sort(([, a], [, b]) => b.length - a.length))
        text = text.replaceAll(JSON.stringify(value).slice(1, -1), name.toUpperCase());
      expect(text).not.toContain(MARK);
      answers.push(said({ ...reply, text }, tenant));
    }
    expect(answers[0]).toBe(answers[1]);
  },
);

// ------------------------------------------------------------------------------------ what was given to the victim

/** What the victim was given, shown in another tenant's name: it is refused, or counts for what the thief has. */
const CARRIED: readonly (readonly [door: string, tried: string, make: () => { readonly path: string } & Sent])[] = [
  ['continuations', 'a page of tasks', () => ({ path: secret['page'] as string })],
  ['continuations', 'a page of receipts', () => ({ path: secret['receipts'] as string })],
  [
    'continuations',
    'a page that was edited to name the stream',
    () => ({
      path: `/v1/tasks?continuation=${Buffer.from(JSON.stringify(['alphasecret-task', 'alpha/task/alphasecret-task'])).toString('base64url')}`,
    }),
  ],
  [
    'continuations',
    'what has waited since before',
    () => ({ path: '/v1/tasks?sort=waiting&continuation=2000-01-01T00:00:00.000Z%20alpha/task/alphasecret-bids' }),
  ],
  [
    'tokens',
    'a token, with a header that names another tenant',
    () => ({ path: '/v1/tasks/own-task', headers: { authorization: `Bearer ${secret['token']}` } }),
  ],
  [
    'tokens',
    'a token whose tenant was exchanged',
    () => {
      const [head, body = '', signature] = (secret['token'] as string).split('.');
      const claims = Buffer.from(body, 'base64url').toString().replaceAll('alpha', 'thief');
      const forged = [head, Buffer.from(claims).toString('base64url'), signature].join('.');
      return { path: '/v1/tasks', headers: { authorization: `Bearer ${forged}` } };
    },
  ],
  ['tenants', 'a tenant that climbs', () => ({ path: '/v1/tasks', headers: { 'x-formicary-tenant': '../alpha' } })],
  ['tenants', 'a tenant in other letters', () => ({ path: '/v1/tasks', headers: { 'x-formicary-tenant': 'ALPHA' } })],
  ['tenants', 'a tenant with a slash', () => ({ path: '/v1/tasks', headers: { 'x-formicary-tenant': 'alpha/task' } })],
  ['tenants', 'two tenants', () => ({ path: '/v1/tasks', headers: { 'x-formicary-tenant': 'thief, alpha' } })],
  ['queries', 'a tenant as a parameter', () => ({ path: '/v1/tasks?tenant=alpha' })],
  ['queries', 'a field that is none', () => ({ path: '/v1/tasks?tenant_id=alpha&agent=alphasecret-agent' })],
];

test.each(CARRIED)('%s: %s', async (_, __, make) => {
  const { path, ...sent } = make();
  await call(host, '/v1/tasks', { tenant: 'carrier', json: { id: 'own-task', task_type: 'x' } });
  const { text } = await call(host, path, { tenant: 'carrier', ...sent });
  const echoed = text.replaceAll(decodeURIComponent(path), '').replaceAll(path, '');
  expect(echoed.replaceAll('alphasecret-agent', (found) => (path.includes(found) ? '' : found))).not.toContain(MARK);
});

test('the stream of receipts shows what is its own alone, from wherever it is asked to begin', async () => {
  const leave = new AbortController();
  const response = await fetch(`${host.url}/v1/receipts/stream`, {
    headers: { 'x-formicary-tenant': 'listener', 'last-event-id': '0' },
    signal: leave.signal,
  });
  let text = '';
  const reading = (async () => {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.includes('listener/task/mine')) break;
    }
  })();
  await own('/v1/tasks', { json: { id: 'alphasecret-late', task_type: 'alphasecret.late' } });
  await call(host, '/v1/tasks', { tenant: 'listener', json: { id: 'mine', task_type: 'x' } });
  await reading.finally(() => leave.abort());
  expect(text).toContain('listener/task/mine');
  expect(text).not.toContain(MARK);
});

test('what the victim has is as it was', async () => {
  const { body } = await own('/v1/tasks/alphasecret-task');
  expect(body).toMatchObject({ status: 'running', holder: { agent: 'alphasecret-agent', award: 1 } });
  expect((await own('/v1/agents/alphasecret-agent')).body).toMatchObject({
    status: 'active',
    pool: 'alphasecret-pool',
  });
  expect((await own('/v1/me', { headers: { authorization: `Bearer ${secret['token']}` } })).body.id).toBe(
    'alphasecret-bot',
  );
});

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
