/**
 * Out of one tenant into another, by tokens that hold. Each attempt is made twice: with the name of what the other
 * tenant has, and with one of the same form that nobody has. The answers must be the same but for the names.
 */
import { type Attempt, family, tries } from '../attempt';
import type { Reply, Sent } from '../http';
import { ALPHA, STAYS, type World } from '../world';

/** What the victim has, by what it is; and names of the same form that nobody has. */
const NAMES = {
  task: 'alphas-secret-task',
  running: 'alphas-secret-work',
  agent: 'alphas-secret-agent',
  kind: 'alphas.secret.kind',
  pool: 'alphas-secret-pool',
  place: 'alphas/secret/place',
  action: 'alphas-secret-action',
  round: 'alphas-secret-round',
  channel: 'alphas-secret-channel',
  tool: 'alphas-secret-tool',
  job: 'alphas-secret-job',
  schedule: 'alphas-secret-schedule',
  key: 'alphas-secret-key',
  receipt: 'alpha/task/alphas-secret-task@0',
} as const;
type Name = keyof typeof NAMES;
const nobodys = (name: Name) => NAMES[name].replaceAll(/alphas([-./])secret/g, 'nobody$1hasitX');

interface Victim {
  readonly approval: string;
  readonly hash: string;
  readonly correlation: string;
  readonly session: string;
  readonly blob: string;
  readonly pages: readonly string[];
}
type Of = (name: Name | 'approval' | 'correlation' | 'session' | 'blob') => string;

const WORK = { task_type: NAMES.kind, accept_seconds: 3_600, lease_seconds: 3_600 };
const OVERSIGHT = { why: 'it is secret', confidence: 0.9, impact: 'high', risk: 0.1 };

async function fill(world: World): Promise<Victim> {
  const own = (path: string, json: unknown, more: Sent = {}) => world.done(path, { as: 'crm', json, ...more });
  const posted = await own(
    '/v1/tasks',
    { ...WORK, id: NAMES.task, bid_seconds: 3_600, payload: 'x'.repeat(50_000) },
    {
      headers: { 'idempotency-key': NAMES.key },
    },
  );
  // Another one that waits: a page of one has a next.
  await own('/v1/tasks', { ...WORK, id: `${NAMES.task}-2`, bid_seconds: 3_600 });
  const token = await world.introduce(NAMES.agent, { tenant: ALPHA, subject: NAMES.agent });
  await world.done(`/v1/agents/${NAMES.agent}`, {
    ...{ as: NAMES.agent, method: 'PUT' },
    json: { agent_type: NAMES.kind, pool: NAMES.pool, capacity: 5, ...STAYS },
  });
  await own('/v1/tasks', { ...WORK, id: NAMES.running });
  await world.eventually(
    async () => (await world.done(`/v1/tasks/${NAMES.running}`, { as: 'crm' })).holder?.award === 1,
  );
  await world.done(`/v1/tasks/${NAMES.running}/accept`, { as: NAMES.agent, json: { award: 1 } });
  const helper = { id: `${NAMES.agent}-2`, agent_type: NAMES.kind, ...STAYS };
  await world.done('/v1/gateway/agents', { as: 'desk', json: { agents: [helper] } });
  await own('/v1/signals', { type: 'threat_detected', strength: 1, location: NAMES.place });
  const action = { id: NAMES.action, kind: NAMES.kind, action: { secret: NAMES.key }, ...OVERSIGHT };
  const proposed = await world.done('/v1/actions', { as: NAMES.agent, json: action });
  const voters = ['ant', 'bee'].map((id) => ({ id, why: 'asked' }));
  await own('/v1/rounds', {
    id: NAMES.round,
    question: 'Secret?',
    kind: NAMES.kind,
    impact: 'low',
    electorate: { algorithm: 'simple_majority', voters },
    round_seconds: 3_600,
  });
  await own(
    `/v1/channels/${NAMES.channel}`,
    { kind: 'mail', address: 'secret@alpha.example', groups: ['nobody'], events: ['round-escalated'] },
    { method: 'PUT' },
  );
  await own(
    `/v1/tools/${NAMES.tool}`,
    { tool_name: NAMES.tool, description: 'secret', schema: {}, version: '1.0.0' },
    { method: 'PUT' },
  );
  const part = { task_type: NAMES.kind, bid_seconds: 3_600 };
  await own('/v1/jobs', { id: NAMES.job, name: 'secret', tasks: [{ ...part, key: 'one' }] });
  // On a day of which there is none for years.
  await own('/v1/schedules', { id: NAMES.schedule, name: 'secret', cron: '0 0 29 2 *', task: part });
  await own('/v1/checkpoints', {});
  await world.settled();
  const task = await world.done(`/v1/tasks/${NAMES.task}`, { as: 'crm' });
  const pages = ['/v1/tasks?limit=1', '/v1/receipts?limit=1', '/v1/agents?limit=1', '/v1/tasks?sort=waiting&limit=1'];
  return {
    approval: /\/approval\/(.+)@/.exec(proposed.action.held.ref as string)?.[1] as string,
    hash: proposed.action.hash as string,
    correlation: posted.receipt.correlation_id as string,
    session: (await world.done('/v1/me', { token })).token.session as string,
    blob: task.payload_ref as string,
    pages: await Promise.all(pages.map(async (path) => (await world.done(path, { as: 'crm' })).nextLink as string)),
  };
}

const filled = new WeakMap<World, Promise<Victim>>();

/** Filled once. */
async function victimOf(world: World): Promise<Victim> {
  const filling = filled.get(world) ?? fill(world);
  filled.set(world, filling);
  return await filling;
}

const UNKNOWN = {
  approval: '00000000-0000-5000-8000-000000000000',
  correlation: '019ac000-0000-7000-8000-000000000000',
  session: '019ac000-0000-7000-8000-000000000001',
  blob: `sha256:${'0'.repeat(64)}`,
};
const isMade = (name: string): name is keyof typeof UNKNOWN => Object.hasOwn(UNKNOWN, name);

/** An answer without what is different each time. */
function plain({ status, text }: Reply, names: Of): string {
  let left = text;
  for (const name of [...Object.keys(NAMES), ...Object.keys(UNKNOWN)] as (Name | keyof typeof UNKNOWN)[])
    for (const form of [names(name), encodeURIComponent(names(name))]) left = left.replaceAll(form, name.toUpperCase());
  left = left
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/[0-9a-f]{64}/g, 'HASH')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID')
    .replaceAll(/"(after|lag|waited_seconds|version|etag)":("[^"]*"|[\d.]+)/g, '"$1":0');
  return `${status} ${left}`;
}

const AS_NOBODY = 'as if nobody had it';

function across(
  id: string,
  what: string,
  request: (of: Of) => readonly [path: string, sent?: Sent],
  leaves?: readonly string[],
): Attempt<Victim> {
  return tries<Victim>(
    id,
    what,
    AS_NOBODY,
    async (world, victim) => {
      const alphas: Of = (name) => (isMade(name) ? victim[name] : NAMES[name]);
      const unknown: Of = (name) => (isMade(name) ? UNKNOWN[name] : nobodys(name));
      const answers: string[] = [];
      for (const names of [alphas, unknown]) {
        const [path, sent] = request(names);
        const reply = await world.ask(path, { as: 'spy', ...sent });
        // What was said is said back; nothing else of the victim is.
        answers.push(plain(reply, names));
        const echoed = [path, sent?.json === undefined ? '' : JSON.stringify(sent.json)].join();
        if (names === alphas && /secret/.test(answers[0] as string) && !/secret/.test(echoed))
          return `tells ${reply.text.slice(0, 200)}`;
        if (reply.status >= 500) return `${reply.status} ${reply.text.slice(0, 200)}`;
      }
      return answers[0] === answers[1]
        ? AS_NOBODY
        : `tells it apart: ${answers.map((answer) => answer.slice(0, 200)).join(' | ')}`;
    },
    leaves,
  );
}
const reads = (id: string, what: string, path: (of: Of) => string) => across(id, what, (of) => [path(of)]);
const does = (
  id: string,
  what: string,
  path: (of: Of) => string,
  json: (of: Of) => object = () => ({}),
  more: Sent = {},
  leaves?: readonly string[],
) => across(id, what, (of) => [path(of), { json: json(of), ...more }], leaves);
const asHolder = (does: string, more: object = {}) =>
  across(`task-${does}`, `${does} another tenant's task as its holder`, (of) => [
    `/v1/tasks/${of('running')}/${does}`,
    { as: 'thief', json: { award: 1, ...more } },
  ]);

const walls = family<Victim>('tenants', 'walls', {
  prepare: victimOf,
  attempts: [
    reads('task', 'read a task', (of) => `/v1/tasks/${of('task')}`),
    reads('candidates', 'read who could do a task', (of) => `/v1/tasks/${of('task')}/candidates`),
    reads('recompute', 'compute an award again', (of) => `/v1/tasks/${of('running')}/recompute`),
    reads('blob', 'read a payload', (of) => `/v1/tasks/${of('task')}/blobs/${encodeURIComponent(of('blob'))}`),
    reads('agent', 'read an agent', (of) => `/v1/agents/${of('agent')}`),
    reads('inbox', "read an agent's inbox", (of) => `/v1/agents/${of('agent')}/inbox?holding=true`),
    reads('pool', 'read what a pool did', (of) => `/v1/pools/${of('pool')}/history`),
    reads('trail', 'read a trail', (of) => `/v1/signals/threat_detected/${of('place')}`),
    reads('field', 'read the field below a place', (of) => `/v1/signals?location=${encodeURIComponent(of('place'))}`),
    reads('action', 'read an action', (of) => `/v1/actions/${of('action')}`),
    reads('approval', 'read an approval', (of) => `/v1/approvals/${of('approval')}`),
    reads('round', 'read a round', (of) => `/v1/rounds/${of('round')}`),
    reads('tally', 'count a round again', (of) => `/v1/rounds/${of('round')}/tally`),
    reads('channel', 'read a channel', (of) => `/v1/channels/${of('channel')}`),
    reads('tool', 'read a tool', (of) => `/v1/tools/${of('tool')}`),
    reads('job', 'read a job', (of) => `/v1/jobs/${of('job')}`),
    reads('job-tasks', 'read the tasks of a job', (of) => `/v1/jobs/${of('job')}/tasks`),
    reads('job-awaited', 'wait for a job', (of) => `/v1/jobs/${of('job')}?waitSeconds=1`),
    reads('schedule', 'read a schedule', (of) => `/v1/schedules/${of('schedule')}`),
    reads('stream', 'read the receipts of a task', (of) => `/v1/streams/task/${of('task')}`),
    reads('proof', 'have a receipt proven', (of) => `/v1/streams/task/${of('task')}/0/proof`),
    reads('why', 'ask why of a task', (of) => `/v1/why?of=${of('task')}`),
    reads('why-receipt', 'ask why of a receipt', (of) => `/v1/why?of=${encodeURIComponent(of('receipt'))}`),
    reads('why-correlation', 'ask why of a correlation', (of) => `/v1/why?of=${of('correlation')}`),
    reads(
      'explain',
      'have a decision of policy explained',
      (of) => `/v1/policy/explain?receipt=${encodeURIComponent(of('receipt'))}`,
    ),
    reads('as-of', 'read a task as it was', (of) => `/v1/tasks/${of('task')}?asOf=2099-01-01T00:00:00Z`),
    reads(
      'climb',
      'read a stream by a path that climbs',
      (of) => `/v1/streams/task/..%2F..%2Falpha%2Ftask%2F${of('task')}`,
    ),
    reads('whole-name', 'read a stream by its whole name', (of) => `/v1/streams/alpha%2Ftask/${of('task')}`),
    reads('filter-agent', 'filter tasks by an agent', (of) => `/v1/tasks?agent=${of('agent')}`),
    reads('filter-type', 'filter tasks by a type', (of) => `/v1/tasks?task_type=${of('kind')}`),
    reads('filter-pool', 'filter agents by a pool', (of) => `/v1/agents?pool=${of('pool')}`),
    reads(
      'filter-correlation',
      'filter receipts by a correlation',
      (of) => `/v1/receipts?correlation=${of('correlation')}`,
    ),
    reads('filter-tools', 'search tools by a name', (of) => `/v1/tools?q=${of('tool')}`),
    reads('sorted', 'have what waits sorted', (of) => `/v1/tasks?sort=waiting&task_type=${of('kind')}`),
    ...['accept', 'heartbeat', 'release', 'decline'].map((what) => asHolder(what)),
    asHolder('complete', { result: 'stolen' }),
    asHolder('handoff', { to: 'thief' }),
    does('cancel', 'cancel a task', (of) => `/v1/tasks/${of('task')}/cancel`),
    does('cancel-job', 'cancel a job', (of) => `/v1/jobs/${of('job')}/cancel`),
    does('pause', 'pause a schedule', (of) => `/v1/schedules/${of('schedule')}/pause`),
    does('resume', 'resume a schedule', (of) => `/v1/schedules/${of('schedule')}/resume`),
    does('delete', 'delete a schedule', (of) => `/v1/schedules/${of('schedule')}`, undefined, { method: 'DELETE' }),
    does(
      'call',
      'call a tool',
      (of) => `/v1/tools/${of('tool')}/calls`,
      () => ({ arguments: {} }),
    ),
    does(
      'after',
      'post a task that comes after a task, and has its result',
      () => '/v1/tasks',
      (of) => ({ id: 'follower', task_type: 'x', after: [of('running')], payload: { $result: of('running') } }),
    ),
    does(
      'job-after',
      'post a job as a part of a task',
      () => '/v1/jobs',
      (of) => ({ id: 'part', parent: of('running'), tasks: [{ key: 'one', task_type: 'x' }] }),
    ),
    does(
      'job-cause',
      'post a job to which a receipt has led',
      () => '/v1/jobs',
      (of) => ({ id: 'caused', cause: of('receipt'), tasks: [{ key: 'one', task_type: 'x' }] }),
    ),
    does('bid', 'bid for a task', (of) => `/v1/tasks/${of('task')}/bids`, undefined, { as: 'thief' }),
    does('deregister', 'deregister an agent', (of) => `/v1/agents/${of('agent')}`, undefined, { method: 'DELETE' }),
    does(
      'move',
      'move an agent to another pool',
      (of) => `/v1/pools/${of('pool')}/reorganisations`,
      (of) => ({ moves: [{ agent: of('agent'), to: 'thieves' }], reason: 'x' }),
    ),
    does(
      'approve',
      'approve an action',
      (of) => `/v1/approvals/${of('approval')}/approve`,
      () => ({ hash: 'f'.repeat(64), reason: 'x' }),
      { as: 'boss' },
    ),
    does(
      'veto',
      'veto an action',
      (of) => `/v1/actions/${of('action')}/veto`,
      () => ({ reason: 'x' }),
      { as: 'boss' },
    ),
    does(
      'vote',
      'vote in a round',
      (of) => `/v1/rounds/${of('round')}/votes`,
      () => ({ choice: 'approve', confidence: 1, reasoning: 'x', snapshot: 'f'.repeat(64), pass: 1 }),
    ),
    does(
      'cancel-round',
      'cancel a round',
      (of) => `/v1/rounds/${of('round')}/cancel`,
      () => ({ reason: 'x' }),
    ),
    does(
      'challenge',
      'challenge a receipt',
      () => '/v1/challenges',
      (of) => ({ target: of('receipt'), reason: 'x' }),
      { as: 'boss' },
    ),
    does(
      'correct',
      'correct a receipt',
      () => '/v1/corrections',
      (of) => ({ target: of('receipt'), instead_of: 'a', what: 'b', why: 'x' }),
      { as: 'boss' },
    ),
    does('channel-removed', 'remove a channel', (of) => `/v1/channels/${of('channel')}`, undefined, {
      method: 'DELETE',
    }),
    does(
      'deprecate',
      'deprecate a tool',
      (of) => `/v1/tools/${of('tool')}/deprecate`,
      () => ({ reason: 'x' }),
    ),
    does(
      'raise',
      'let a task cost more',
      (of) => `/v1/budgets/reservations/${of('running')}/raise`,
      () => ({ more_micro_usd: 1, reason: 'x' }),
      { as: 'boss' },
    ),
    does(
      'parent',
      'post a part of a task',
      () => '/v1/tasks',
      (of) => ({ id: 'part', task_type: 'x', parent: of('running') }),
    ),
    does(
      'cause',
      'post what a receipt has led to',
      () => '/v1/tasks',
      (of) => ({ id: 'caused', task_type: 'x', cause: of('receipt') }),
    ),
    does(
      'gateway',
      'speak for an agent through a gateway',
      () => '/v1/gateway/commands',
      (of) => ({ commands: [{ agent: of('agent'), do: 'complete', task: of('running'), award: 1, result: 1 }] }),
    ),
    tries<Victim>(
      'revoke',
      'take a token back',
      'the token holds',
      async (world, { session }) => {
        await world.ask('/v1/revocations', { as: 'spy', json: { kind: 'token', id: session, reason: 'x' } });
        await world.ask('/v1/revocations', { as: 'spy', json: { kind: 'principal', id: NAMES.agent, reason: 'x' } });
        return (await world.ask('/v1/me', { as: NAMES.agent })).status === 200
          ? 'the token holds'
          : 'the token is gone';
      },
      ['access'],
    ),
  ],
  control: {
    does: 'the agent whose task it is completes it',
    expected: '200',
    run: (world) =>
      world.says(`/v1/tasks/${NAMES.running}/complete`, { as: NAMES.agent, json: { award: 1, result: 1 } }),
  },
});

// ------------------------------------------------------------------------------------------ the tenant named elsewhere

const MINE = 'what it has itself';

/** Which tenant's data an answer shows. */
const shows = (
  id: string,
  what: string,
  expected: string | readonly string[],
  request: (victim: Victim) => readonly [path: string, sent?: Sent],
) =>
  tries<Victim>(id, what, expected, async (world, victim) => {
    const [path, sent] = request(victim);
    const reply = await world.ask(path, { as: 'spy', ...sent });
    if (reply.status >= 400) return await world.says(path, { as: 'spy', ...sent });
    return reply.text.replaceAll(path, '').includes('alphas-secret') ? reply.text.slice(0, 300) : MINE;
  });

const named = family<Victim>('tenants', 'named', {
  prepare: victimOf,
  attempts: [
    ...['tasks', 'receipts', 'agents', 'waiting'].map((what, n) =>
      shows(
        `page-${what}`,
        `go on with another tenant's page of ${what}`,
        [MINE, '400 invalid-request'],
        ({ pages }) => [pages[n] as string],
      ),
    ),
    shows(
      'page-edited',
      'go on with a page that names a stream of another tenant',
      [MINE, '400 invalid-request'],
      () => [
        `/v1/tasks?continuation=${Buffer.from(JSON.stringify(['alphas-secret-task', 'alpha/task/alphas-secret-task'])).toString('base64url')}`,
      ],
    ),
    shows('header', 'name another tenant in the header of tests', MINE, () => [
      '/v1/tasks',
      { headers: { 'x-formicary-tenant': ALPHA } },
    ]),
    shows('header-principal', 'name another caller in the header of tests', '403 forbidden', () => [
      '/v1/budgets/tenant/beta',
      {
        as: 'stranger',
        method: 'PUT',
        json: { limit_micro_usd: 1, reason: 'x' },
        headers: { 'x-formicary-principal': 'human:owner' },
      },
    ]),
    shows('query', 'name another tenant in the query', '400 invalid-request', () => ['/v1/tasks?tenant=alpha']),
    shows('query-id', 'name another tenant in the query, otherwise', '400 invalid-request', () => [
      '/v1/tasks?tenant_id=alpha',
    ]),
    shows('body', 'name another tenant in the body', '400 invalid-request', () => [
      '/v1/tasks',
      { json: { task_type: 'x', tenant: ALPHA } },
    ]),
    shows('deploy', 'deploy into another tenant', '403 forbidden', () => [
      '/v1/agents/deploy',
      { json: { agent_type: 'finance.reconciliation', tenant_id: ALPHA } },
    ]),
    shows('metrics', 'read of another tenant in the metrics', [MINE, '403 forbidden'], () => [
      '/metrics',
      { as: 'thief' },
    ]),
    shows('status', 'read of another tenant in the status', MINE, () => ['/v1/status', { as: 'thief' }]),
    shows('parked', 'read what is parked of another tenant', [MINE, '403 forbidden'], () => [
      '/v1/feed/views/parked',
      { as: 'boss' },
    ]),
    shows('budget-name', 'set the budget of another tenant', '422 name-invalid', () => [
      '/v1/budgets/tenant/alpha',
      { as: 'boss', method: 'PUT', json: { limit_micro_usd: 1, reason: 'x' } },
    ]),
    shows('stop-name', 'stop another tenant', '403 platform-only', () => [
      '/v1/stops/tenant/alpha',
      { as: 'boss', method: 'PUT', json: { reason: 'x' } },
    ]),
  ],
  control: {
    does: 'the page is gone on with by whose it is',
    expected: '200',
    run: (world, { pages }) => world.says(pages[0] as string, { as: 'crm' }),
  },
});

export const tenants = [walls, named];
