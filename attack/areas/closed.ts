/** A tenant that ends: by one person alone, gone on with after it was closed, and read after it was erased. */
import { MARK } from '../../domain/personal/mark';
import { asks, type Attempt, family, tries } from '../attempt';
import { type Reply, saidByEndpoint, type Sent } from '../http';
import { DELTA, GAMMA, STAYS, type World } from '../world';

const NAME = 'Leopoldine Vraszy';
const HELD = 'delta-held';
const TYPE = 'attack.closed';
const CLOSED = '403 tenant-closed';
/** An agent's token ends within moments; until then the tenant is closed to it. */
const OUT = [CLOSED, '401 unauthenticated'];
const HIDDEN = '403 platform-only';
const DENIED = '403 forbidden';

const ends = (ending: string, name: string, as: string): readonly [string, Sent] => [
  `/v1/tenants/${name}/${ending}`,
  { as, json: { reason: 'it is over' } },
];

/** By two people, as it has to be. */
async function endedBy(world: World, ending: 'close' | 'erase', name: string): Promise<Reply['body']> {
  await world.done(...ends(ending, name, 'pia'));
  return (await world.done(...ends(ending, name, 'pat'))).tenant;
}

const created = (world: World, name: string) =>
  world.done(`/v1/tenants/${name}`, { as: 'pia', method: 'PUT', json: { reason: 'a customer' } });

/** Closed, with a task about a person that an agent holds; once for all families. */
async function closedDelta(world: World): Promise<void> {
  const known = await world.ask(`/v1/tenants/${DELTA}`, { as: 'pia' });
  if (known.body.closed !== undefined) return;
  await created(world, DELTA);
  await world.done('/v1/agents/drone', { as: 'drone', method: 'PUT', json: { agent_type: TYPE, ...STAYS } });
  await world.done('/v1/tasks', {
    as: 'shop',
    json: {
      ...{ id: HELD, task_type: TYPE, accept_seconds: 3_600 },
      payload: { customer: { [MARK]: { subject: 'customer-9', value: NAME } }, amount: 17 },
    },
  });
  await world.eventually(async () => (await world.done(`/v1/tasks/${HELD}`, { as: 'shop' })).status === 'awarded');
  await endedBy(world, 'close', DELTA);
  // Tokens end; people sign in anew, in a later second than that in which they did.
  await world.eventually(async () => (await world.says('/v1/me', { as: 'shop' })) === '401 unauthenticated');
  await world.eventually(async () => {
    world.signIn('dora');
    const { status, body } = await world.ask(`/v1/tasks/${HELD}`, { as: 'dora' });
    return status === 200 && body.status === 'cancelled';
  });
}

const alone = family<void>('closed', 'alone', {
  prepare: async (world) => {
    await created(world, 'epsilon');
    await world.done(...ends('close', 'epsilon', 'pia'));
  },
  attempts: [
    asks<void>('again', 'agree a second time oneself', '409 second-person-needed', () =>
      ends('close', 'epsilon', 'pia'),
    ),
    asks<void>('service', 'be the second as a service', '403 person-ends', () => ends('close', 'epsilon', 'ops')),
    ...['writer', 'reader'].map((as) =>
      asks<void>(`as-${as}`, `be the second as ${as}`, DENIED, () => ends('close', 'epsilon', as)),
    ),
    ...['admin', 'chief', 'boss'].map((as) =>
      asks<void>(`other-${as}`, 'be the second as who administers a tenant', HIDDEN, () =>
        ends('close', 'epsilon', as),
      ),
    ),
    asks<void>('own', 'close one’s own tenant', HIDDEN, () => ends('close', GAMMA, 'chief')),
    asks<void>('open', 'erase a tenant that was not closed', '409 tenant-not-closed', () =>
      ends('erase', 'epsilon', 'pia'),
    ),
    ...['default', 'platform'].map((name) =>
      asks<void>(name, `close ${name}`, '409 tenant-given', () => ends('close', name, 'pia')),
    ),
  ],
  control: {
    does: 'a second person closes it',
    expected: 'closed',
    run: async (world) =>
      (await world.done(...ends('close', 'epsilon', 'pat'))).tenant.closed === undefined ? 'open' : 'closed',
  },
});

/** What somebody of the closed tenant asks for. */
const goesOn = (
  id: string,
  what: string,
  request: readonly [string, Sent?],
  expected: string | readonly string[] = CLOSED,
): Attempt<void> => asks<void>(id, what, expected, () => request);
const dora = (json: unknown, method?: string): Sent => ({ as: 'dora', json, method });

const goingOn = family<void>('closed', 'going-on', {
  prepare: closedDelta,
  attempts: [
    goesOn('me', 'act on as an agent with its token', ['/v1/me', { as: 'drone' }], OUT),
    goesOn(
      'complete',
      'complete what it held',
      [`/v1/tasks/${HELD}/complete`, { as: 'drone', json: { award: 1 } }],
      OUT,
    ),
    goesOn('heartbeat', 'stay there', ['/v1/agents/drone/heartbeat', { as: 'drone', json: {} }], OUT),
    tries<void>('renew', 'have its token renewed', ['400 invalid_grant'], async (world) =>
      saidByEndpoint(
        await world.ask('/oauth/token', {
          text: new URLSearchParams({
            grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
            subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
            subject_token: world.tokenOf('drone'),
          }).toString(),
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        }),
      ),
    ),
    goesOn('token', 'have a token for an agent', ['/v1/tokens', dora({ subject: 'drone' })]),
    goesOn('post', 'post a task', ['/v1/tasks', dora({ task_type: TYPE })]),
    goesOn('batch', 'post tasks in a batch', ['/v1/tasks/batch', dora({ tasks: [{ task_type: TYPE }] })]),
    goesOn('job', 'post a job', ['/v1/jobs', dora({ tasks: [{ key: 'one', task_type: TYPE }] })]),
    goesOn('schedule', 'have tasks posted each minute', [
      '/v1/schedules',
      dora({ cron: '* * * * *', task: { task_type: TYPE } }),
    ]),
    goesOn('ask', 'leave a receipt of what was asked in words', [
      '/v1/asks',
      dora({ words: 'stop', outcome: 'refused' }),
    ]),
    goesOn('register', 'register an agent', ['/v1/agents/late', dora({ agent_type: TYPE }, 'PUT')]),
    goesOn('deploy', 'have one deployed', ['/v1/agents/deploy', dora({ agent_type: 'finance.reconciliation' })]),
    goesOn('redrive', 'have a task done again that was cancelled', [
      `/v1/tasks/${HELD}/redrive`,
      dora({ reason: 'x' }),
    ]),
    goesOn('signal', 'lay a trail', [
      '/v1/signals',
      dora({ type: 'threat_detected', strength: 1, location: 'a', decay_rate: 0.1 }),
    ]),
    goesOn('budget', 'set a budget', [
      `/v1/budgets/tenant/${DELTA}`,
      dora({ limit_micro_usd: 1, period: 'total', reason: 'x' }, 'PUT'),
    ]),
    goesOn('stop', 'stop it', [`/v1/stops/tenant/${DELTA}`, dora({ reason: 'x' }, 'PUT')]),
    goesOn(
      'revived',
      'create it again',
      [`/v1/tenants/${DELTA}`, { as: 'pia', method: 'PUT', json: { reason: 'they are back' } }],
      CLOSED,
    ),
  ],
  control: {
    does: 'a person of it who signs in anew reads what is there',
    expected: '200 cancelled',
    run: async (world) => {
      const { status, body } = await world.ask(`/v1/tasks/${HELD}`, { as: 'dora' });
      return `${status} ${body.status}`;
    },
  },
});

/** Whether the name comes back, in the clear or in a form that is. */
const reads = (id: string, what: string, path: string): Attempt<void> =>
  tries<void>(
    id,
    `see the name in ${what}`,
    'nothing is seen',
    async (world) => {
      const { text } = await world.ask(path, { as: 'dora' });
      const forms = [NAME, ...(['base64', 'hex'] as const).map((of) => Buffer.from(NAME).toString(of))];
      return forms.some((form) => text.includes(form)) ? `shows it: ${text}` : 'nothing is seen';
    },
    ['subject'],
  );
const OPEN = 'personal=open&purpose=curiosity';

const erased = family<void>('closed', 'erased', {
  async prepare(world) {
    await closedDelta(world);
    const { text } = await world.ask(`/v1/tasks/${HELD}?${OPEN}`, { as: 'dora' });
    if (!text.includes(NAME)) throw new Error(`it is not there to be seen: ${text}`);
    await endedBy(world, 'erase', DELTA);
  },
  attempts: [
    reads('open', 'the task, opened', `/v1/tasks/${HELD}?${OPEN}`),
    reads('plain', 'the task', `/v1/tasks/${HELD}`),
    reads('as-of', 'the task as it was', `/v1/tasks/${HELD}?${OPEN}&asOf=2999-01-01T00:00:00.000Z`),
    reads('list', 'the list of tasks', '/v1/tasks?status=cancelled'),
    reads('stream', 'its receipts', `/v1/streams/task/${HELD}`),
    reads('receipts', 'the log', '/v1/receipts?limit=500'),
    reads('subject', 'what is kept of the person', '/v1/subjects/customer-9'),
    asks<void>('again', 'have the key made anew', CLOSED, () => [
      '/v1/tasks',
      dora({ task_type: TYPE, payload: { customer: { [MARK]: { subject: 'customer-9', value: 'x' } } } }),
    ]),
  ],
  control: {
    does: 'what was not marked is read',
    expected: '17',
    run: async (world) => String((await world.done(`/v1/tasks/${HELD}`, { as: 'dora' })).payload.amount),
  },
});

export const closed = [alone, goingOn, erased];
