/** Personal data: read by who may not, shown where nobody asked, brought back after its erasure; and secrets. */
import { MARK } from '../../domain/personal/mark';
import { type Attempt, family, tries } from '../attempt';
import { itemsSay, saidBy, type Sent } from '../http';
import { ALPHA, STAYS, type World } from '../world';

/** What must be seen by nobody who may not open it. */
const NAME = 'Mathilde Quxenberg';
const HIDINGS = [NAME, ...['base64', 'base64url', 'hex'].map((of) => Buffer.from(NAME).toString(of as BufferEncoding))];
/** The same person under the same pseudonym, as another tenant has them. */
const BETAS = 'of another tenant';

const mark = (subject: string, value: unknown) => ({ [MARK]: { subject, value } });

interface Scene {
  readonly subject: string;
  /** Holds `held`, has completed `done`. */
  readonly agent: string;
  readonly type: string;
  readonly held: string;
  readonly award: number;
  readonly done: string;
  readonly large: string;
  readonly blob: string;
  readonly key: string;
  readonly action: string;
  readonly approval: string;
  /** As it lies in a receipt. */
  readonly sealed: object;
}

const times = { accept_seconds: 3_600, lease_seconds: 3_600 };

async function scene(world: World): Promise<Scene> {
  const [subject, agent, type, held, done, large, key, action] = [
    ...['customer', 'clerk', 'clerks', 'held', 'done', 'large', 'key', 'refund'],
  ].map((of) => world.fresh(of)) as [string, string, string, string, string, string, string, string];
  const payload = { customer: mark(subject, { name: NAME }), amount: 17 };
  await world.introduce(agent, { tenant: ALPHA, subject: agent });
  await world.done(`/v1/agents/${agent}`, {
    ...{ as: agent, method: 'PUT' },
    json: { agent_type: type, capacity: 5, ...STAYS },
  });
  const taken = async (id: string, headers: Record<string, string> = {}) => {
    await world.done('/v1/tasks', { as: 'crm', json: { id, task_type: type, payload, ...times }, headers });
    const award = await world.eventually(
      async () => (await world.done(`/v1/tasks/${id}`, { as: 'crm' })).holder?.award as number | undefined,
    );
    await world.done(`/v1/tasks/${id}/accept`, { as: agent, json: { award } });
    return award;
  };
  const award = await taken(held, { 'idempotency-key': key });
  const result = { letter: mark(subject, `Dear ${NAME}`) };
  await world.done(`/v1/tasks/${done}/complete`, { as: agent, json: { award: await taken(done), result } });
  await world.done('/v1/tasks', {
    as: 'crm',
    json: { id: large, task_type: 'attack.nobody', payload: { filler: 'x'.repeat(50_000), ...payload } },
  });
  const proposed = await world.done('/v1/actions', {
    as: agent,
    json: {
      ...{ id: action, kind: 'attack.refund', why: 'x', confidence: 1, impact: 'high', risk: 0 },
      action: payload,
    },
  });
  await world.done('/v1/tasks', {
    as: 'spy',
    json: { id: held, task_type: 'attack.nobody', payload: { customer: mark(subject, BETAS) } },
  });
  await world.settled();
  const { value } = await world.done(`/v1/streams/task/${held}`, { as: 'auditor' });
  return {
    ...{ subject, agent, type, held, award, done, large, key, action },
    blob: (await world.done(`/v1/tasks/${large}`, { as: 'crm' })).payload_ref as string,
    approval: /\/approval\/(.+)@/.exec(proposed.action.held.ref as string)?.[1] as string,
    sealed: value[0].events[0].data.spec.payload.customer as object,
  };
}

/** The work is done: nothing more comes of it by itself. */
const end = (world: World, { held, agent, award }: Scene) =>
  world.done(`/v1/tasks/${held}/complete`, { as: agent, json: { award, result: 1 } });

const CLOSED = 'nothing is seen';
const DENIED = '403 policy-denied';
const INVALID = '400 invalid-request';
const OPEN = 'personal=open&purpose=curiosity';

/** Whether anything of the value stands in what came back. */
const seenIn = (text: string) => HIDINGS.find((form) => text.includes(form));

/** What a request is answered, unless the answer shows something: then that is what came of it. */
async function looked(world: World, path: string, sent: Sent): Promise<string> {
  const reply = await world.ask(path, sent);
  const seen = seenIn(reply.text) ?? seenIn(JSON.stringify(reply.headers));
  if (seen !== undefined) return `shows ${seen}`;
  return reply.status < 300 ? CLOSED : saidBy(reply);
}

const looks = (
  id: string,
  what: string,
  expected: string | readonly string[],
  request: (it: Scene, world: World) => readonly [path: string, sent: Sent],
  leaves?: readonly string[],
): Attempt<Scene> => tries<Scene>(id, what, expected, (world, it) => looked(world, ...request(it, world)), leaves);

/** Opens the task, as somebody who neither works on it nor holds `critical`. */
const opensAs = (as: string) =>
  looks(`open-${as}`, `open what is in a task, as ${as}`, DENIED, ({ held }) => [`/v1/tasks/${held}?${OPEN}`, { as }]);
/** Reads as a service of the tenant that may do everything, and does not ask for what is sealed. */
const reads = (id: string, what: string, path: (it: Scene) => string, as = 'crm', headers: Sent['headers'] = {}) =>
  looks(`read-${id}`, `see it in ${what}`, CLOSED, (it) => [path(it), { as, headers }]);
const repeats = (expected: string | readonly string[]) =>
  looks('replay', 'have the request repeated that has brought it', expected, (it) => [
    '/v1/tasks',
    {
      as: 'crm',
      json: {
        ...{ id: it.held, task_type: it.type, ...times },
        payload: { customer: mark(it.subject, { name: NAME }), amount: 17 },
      },
      headers: { 'idempotency-key': it.key },
    },
  ]);
const posts = (
  id: string,
  what: string,
  expected: string | readonly string[],
  payload: (it: Scene) => unknown,
): Attempt<Scene> =>
  looks(id, `post a task with ${what}`, expected, (it, world) => [
    '/v1/tasks',
    { as: 'crm', json: { id: world.fresh('odd'), task_type: 'attack.nobody', payload: payload(it) } },
  ]);

const reading = family<Scene>('personal', 'reading', {
  prepare: scene,
  attempts: [
    ...['bee', 'scribe', 'watcher', 'viewer', 'auditor', 'approver', 'author', 'operator'].map(opensAs),
    looks('open-after', 'open it after the work is done', DENIED, ({ done, agent }) => [
      `/v1/tasks/${done}?${OPEN}`,
      { as: agent },
    ]),
    ...['bee', undefined].map((as) =>
      looks(`open-blob-${as ?? 'working'}`, `open a large payload, as ${as ?? 'an agent at work'}`, DENIED, (it) => [
        `/v1/tasks/${it.large}/blobs/${encodeURIComponent(it.blob)}?${OPEN}`,
        { as: as ?? it.agent },
      ]),
    ),
    looks('open-blob-elsewhere', 'open it by the task that one works on', '404 not-found', (it) => [
      `/v1/tasks/${it.held}/blobs/${encodeURIComponent(it.blob)}?${OPEN}`,
      { as: it.agent },
    ]),
    looks('open-action', 'open an action that one has proposed', DENIED, ({ action, agent }) => [
      `/v1/actions/${action}?${OPEN}`,
      { as: agent },
    ]),
    looks('open-approval', 'open what one is to approve', CLOSED, ({ approval }) => [
      `/v1/approvals/${approval}?${OPEN}`,
      { as: 'approver' },
    ]),
    looks('open-page', 'open it as a page', CLOSED, ({ approval }) => [
      `/v1/approvals/${approval}?${OPEN}`,
      { as: 'approver', headers: { accept: 'text/html' } },
    ]),
    looks('open-head', 'open it without a body', '403', ({ held }) => [
      `/v1/tasks/${held}?${OPEN}`,
      { as: 'bee', method: 'HEAD' },
    ]),
    looks('open-past', 'open it as it was', DENIED, ({ held }) => [
      `/v1/tasks/${held}?${OPEN}&asOf=2099-01-01T00:00:00Z`,
      { as: 'bee' },
    ]),
    looks('open-known', 'open it by saying that one has it', DENIED, ({ held }) => [
      `/v1/tasks/${held}?${OPEN}`,
      { as: 'bee', headers: { 'if-none-match': '*' } },
    ]),
    looks('no-purpose', 'open it without a purpose', '422 purpose-missing', ({ held }) => [
      `/v1/tasks/${held}?personal=open`,
      { as: 'admin' },
    ]),
    looks('blank-purpose', 'open it for nothing', ['422 purpose-missing', INVALID], ({ held }) => [
      `/v1/tasks/${held}?personal=open&purpose=%20%20`,
      { as: 'admin' },
    ]),
    looks('long-purpose', 'open it for a hundred thousand characters', ['422 purpose-missing', INVALID], ({ held }) => [
      `/v1/tasks/${held}?personal=open&purpose=${'x'.repeat(3_000)}`,
      { as: 'admin' },
    ]),
    looks('twice', 'ask for it twice', INVALID, ({ held }) => [
      `/v1/tasks/${held}?personal=open&personal=open&purpose=x`,
      { as: 'bee' },
    ]),
    looks('other-word', 'ask for it in another word', INVALID, ({ held }) => [
      `/v1/tasks/${held}?personal=OPEN&purpose=x`,
      { as: 'bee' },
    ]),
    looks('of-a-list', 'open a whole list', INVALID, () => [`/v1/tasks?${OPEN}`, { as: 'admin' }]),
    looks('of-receipts', 'open the receipts', INVALID, () => [`/v1/receipts?${OPEN}`, { as: 'admin' }]),
    looks('header', 'name its holder in a header of tests', DENIED, ({ held, agent }) => [
      `/v1/tasks/${held}?${OPEN}`,
      { as: 'bee', headers: { 'x-formicary-principal': agent } },
    ]),
    looks('other-tenant', 'open it from another tenant', '404 not-found', ({ done }) => [
      `/v1/tasks/${done}?${OPEN}`,
      { as: 'boss' },
    ]),
    looks(
      'namesake',
      'open it by the same task and the same person in another tenant',
      CLOSED,
      ({ held }) => [`/v1/tasks/${held}?${OPEN}`, { as: 'boss' }],
      ['subject'],
    ),
    reads('task', 'a task', ({ held }) => `/v1/tasks/${held}`),
    reads('result', 'a result', ({ done }) => `/v1/tasks/${done}`),
    reads('past', 'a task as it was', ({ held }) => `/v1/tasks/${held}?asOf=2099-01-01T00:00:00Z`),
    reads('tasks', 'the tasks', ({ type }) => `/v1/tasks?task_type=${type}`),
    reads('waiting', 'what waits', ({ type }) => `/v1/tasks?sort=waiting&task_type=${type}`),
    reads('blob', 'a large payload', ({ large, blob }) => `/v1/tasks/${large}/blobs/${encodeURIComponent(blob)}`),
    reads('inbox', 'an inbox', ({ agent }) => `/v1/agents/${agent}/inbox?holding=true`),
    reads('candidates', 'who could do it', ({ held }) => `/v1/tasks/${held}/candidates`),
    reads('recompute', 'an award computed again', ({ held }) => `/v1/tasks/${held}/recompute`),
    reads('action', 'an action', ({ action }) => `/v1/actions/${action}`),
    reads('actions', 'the actions', () => '/v1/actions'),
    reads('approval', 'an approval', ({ approval }) => `/v1/approvals/${approval}`),
    reads('page', 'the page of an approval', ({ approval }) => `/v1/approvals/${approval}`, 'approver', {
      accept: 'text/html',
    }),
    reads('approvals', 'the approvals', () => '/v1/approvals'),
    reads('stream', 'the receipts of a task', ({ held }) => `/v1/streams/task/${held}`),
    reads('why', 'why something was done', ({ done }) => `/v1/why?id=${done}`),
    reads('explained', 'a decision of policy', ({ held }) => `/v1/policy/explain?receipt=alpha/task/${held}@0`),
    reads('subject', 'what is known of the person', ({ subject }) => `/v1/subjects/${subject}`),
    reads('search', 'a search', () => `/v1/tools?q=${encodeURIComponent(NAME.split(' ')[0] as string)}`),
    reads('deliveries', 'what was told to people', () => '/v1/deliveries?status=dead'),
    tries<Scene>(
      'everywhere',
      'find it in any receipt of anybody, or in the log of the host',
      CLOSED,
      async (world) => {
        for (const as of ['auditor', 'boss', 'reader'])
          for (let path: string | undefined = '/v1/receipts?limit=500'; path !== undefined;) {
            const { text, body } = await world.ask(path, { as });
            if (seenIn(text) !== undefined) return `in ${path} of ${as}`;
            path = body.nextLink as string | undefined;
          }
        return seenIn(world.host.output()) ?? CLOSED;
      },
    ),
    repeats(CLOSED),
    looks('key', 'guess at it by the key of the request', '422 idempotency-key-reused', (it) => [
      '/v1/tasks',
      {
        as: 'crm',
        json: { ...{ id: it.held, task_type: it.type, ...times }, payload: { customer: mark(it.subject, 'Ada') } },
        headers: { 'idempotency-key': it.key },
      },
    ]),
    posts('sealed', 'what is sealed elsewhere', INVALID, ({ sealed }) => ({ customer: sealed })),
    posts('sealed-deep', 'what is sealed elsewhere, in lists', INVALID, ({ sealed }) => [[[[sealed]]]]),
    posts('mask', 'what is shown instead', INVALID, ({ subject }) => ({ [MARK]: { subject, sealed: true } })),
    posts('beside', 'a mark with a field beside it', INVALID, ({ subject }) => ({
      ...mark(subject, NAME),
      name: NAME,
    })),
    posts('within', 'a mark with a field in it', INVALID, ({ subject }) => ({
      [MARK]: { subject, value: NAME, name: NAME },
    })),
    posts('no-value', 'a mark without a value', INVALID, ({ subject }) => ({ [MARK]: { subject } })),
    posts('name', 'a name as the pseudonym', INVALID, () => mark(NAME, 1)),
    posts('path', 'a pseudonym that climbs', INVALID, () => mark('../beta/customer', 1)),
    posts('list', 'several people as one', INVALID, ({ subject }) => ({ [MARK]: { subject: [subject], value: NAME } })),
    posts('many', 'two thousand marks', INVALID, ({ subject }) =>
      Array.from({ length: 2_000 }, () => mark(subject, 1)),
    ),
    posts('people', 'marks of two hundred people', INVALID, () =>
      Array.from({ length: 200 }, (_, n) => mark(`p-${n}`, NAME)),
    ),
    looks('result', 'have what is sealed opened as one’s own result', INVALID, (it) => [
      `/v1/tasks/${it.held}/complete`,
      { as: it.agent, json: { award: it.award, result: { mine: it.sealed } } },
    ]),
    looks('proposed', 'have it opened as one’s own action', INVALID, (it, world) => [
      '/v1/actions',
      {
        as: it.agent,
        json: {
          ...{ id: world.fresh('odd'), kind: 'attack.refund', why: 'x', confidence: 1, impact: 'high', risk: 0 },
          action: it.sealed,
        },
      },
    ]),
    looks('edited', 'have it opened as the edit of an approval', INVALID, ({ approval, sealed }) => [
      `/v1/approvals/${approval}/approve`,
      { as: 'approver', json: { hash: 'f'.repeat(64), edit: sealed, reason: 'x' } },
    ]),
    tries<Scene>('batch', 'have it opened in a batch', [INVALID, 'nothing is seen'], async (world, { sealed }) => {
      const task = { id: world.fresh('odd'), task_type: 'attack.nobody', payload: sealed };
      return itemsSay(await world.ask('/v1/tasks/batch', { as: 'crm', json: { tasks: [task] } }));
    }),
    tries<Scene>(
      'nested',
      'have it opened within something of one’s own',
      CLOSED,
      async (world, it) => {
        const id = world.fresh('odd');
        const payload = mark(world.fresh('own'), { mine: it.sealed });
        await world.done('/v1/tasks', { as: 'crm', json: { id, task_type: 'attack.nobody', payload } });
        return await looked(world, `/v1/tasks/${id}?${OPEN}`, { as: 'admin' });
      },
      ['task', 'subject'],
    ),
    looks('text', 'have an error repeat it', INVALID, ({ subject }) => [
      '/v1/tasks',
      { as: 'crm', json: { task_type: mark(subject, NAME) } },
    ]),
    looks('field', 'have an error repeat it, as a field too much', INVALID, ({ subject }) => [
      '/v1/tasks',
      { as: 'crm', json: { task_type: 'attack.nobody', unknown: mark(subject, NAME) } },
    ]),
    looks('broken', 'have an error repeat it, as broken JSON', '400 invalid-json', ({ subject }) => [
      '/v1/tasks',
      { as: 'crm', text: JSON.stringify({ task_type: 'x', payload: mark(subject, NAME) }).slice(0, -1) },
    ]),
    ...['ant', 'operator', 'approver', 'auditor', 'scribe'].map((as) =>
      looks(`erase-${as}`, `erase somebody, as ${as}`, '403 forbidden', ({ subject }) => [
        `/v1/subjects/${subject}/erase`,
        { as, json: { reason: 'x' } },
      ]),
    ),
    looks('erase-climbs', 'erase somebody of another tenant by a path', [INVALID, '404 not-found'], ({ subject }) => [
      `/v1/subjects/..%2f..%2falpha%2fsubject%2f${subject}/erase`,
      { as: 'boss', json: { reason: 'x' } },
    ]),
    looks('erase-no-reason', 'erase somebody without a reason', INVALID, ({ subject }) => [
      `/v1/subjects/${subject}/erase`,
      { as: 'admin', json: {} },
    ]),
    tries<Scene>(
      'erase-namesake',
      'erase somebody by their pseudonym in another tenant',
      'it is opened still',
      async (world, { subject, held, agent }) => {
        await world.done(`/v1/subjects/${subject}/erase`, { as: 'boss', json: { reason: 'x' } });
        const { text } = await world.ask(`/v1/tasks/${held}?personal=open`, { as: agent });
        return text.includes(NAME) ? 'it is opened still' : text;
      },
      ['subject'],
    ),
  ],
  control: {
    does: 'the agent that works on it opens it',
    expected: `200 ${NAME}`,
    run: async (world, it) => {
      const { status, text } = await world.ask(`/v1/tasks/${it.held}?personal=open`, { as: it.agent });
      await end(world, it);
      return `${status} ${seenIn(text)}`;
    },
  },
});

const ERASED = '409 subject-erased';

const erasure = family<Scene>('personal', 'erasure', {
  async prepare(world) {
    const made = await scene(world);
    await world.done(`/v1/subjects/${made.subject}/erase`, { as: 'admin', json: { reason: 'asked for' } });
    await world.settled();
    return made;
  },
  attempts: [
    looks('task', 'open it as who may open everything', CLOSED, ({ held }) => [
      `/v1/tasks/${held}?${OPEN}`,
      { as: 'admin' },
    ]),
    looks('work', 'open it as who works on it', CLOSED, ({ held, agent }) => [
      `/v1/tasks/${held}?personal=open`,
      { as: agent },
    ]),
    looks('past', 'open it as it was before', CLOSED, ({ held }) => [
      `/v1/tasks/${held}?${OPEN}&asOf=2099-01-01T00:00:00Z`,
      { as: 'admin' },
    ]),
    looks('blob', 'open a large payload', CLOSED, ({ large, blob }) => [
      `/v1/tasks/${large}/blobs/${encodeURIComponent(blob)}?${OPEN}`,
      { as: 'admin' },
    ]),
    looks('action', 'open an action', CLOSED, ({ action }) => [`/v1/actions/${action}?${OPEN}`, { as: 'admin' }]),
    looks('approval', 'open an approval', CLOSED, ({ approval }) => [
      `/v1/approvals/${approval}?${OPEN}`,
      { as: 'admin' },
    ]),
    repeats(ERASED),
    posts('again', 'more about them', ERASED, ({ subject }) => mark(subject, NAME)),
    posts('beside', 'more about them, beside others', ERASED, ({ subject }) => [
      mark('others-1', 1),
      mark(subject, NAME),
    ]),
    looks('result', 'complete a task with more about them', ERASED, (it) => [
      `/v1/tasks/${it.held}/complete`,
      { as: it.agent, json: { award: it.award, result: mark(it.subject, NAME) } },
    ]),
    posts('sealed', 'what was sealed about them', INVALID, ({ sealed }) => sealed),
    looks('undone', 'take the erasure back', ['404 not-found', '405 method-not-allowed'], ({ subject }) => [
      `/v1/subjects/${subject}/erase`,
      { as: 'admin', method: 'DELETE' },
    ]),
    looks('reset', 'begin anew under their name', ['404 not-found', '405 method-not-allowed'], ({ subject }) => [
      `/v1/subjects/${subject}`,
      { as: 'admin', method: 'PUT', json: {} },
    ]),
    looks('reason', 'have another reason on the receipt', CLOSED, ({ subject }) => [
      `/v1/subjects/${subject}/erase`,
      { as: 'admin', json: { reason: 'never asked for' } },
    ]),
    looks('key', 'have it erased for one and not for all, by a key', CLOSED, ({ subject }, world) => [
      `/v1/subjects/${subject}/erase`,
      { as: 'admin', json: { reason: 'x' }, headers: { 'idempotency-key': world.fresh('key') } },
    ]),
  ],
  control: {
    does: 'what is about somebody else is opened',
    expected: `200 ${NAME}`,
    async run(world, it) {
      const other = await scene(world);
      const { status, text } = await world.ask(`/v1/tasks/${other.held}?${OPEN}`, { as: 'admin' });
      for (const one of [it, other]) await end(world, one);
      return `${status} ${seenIn(text)}`;
    },
  },
});

// --------------------------------------------------------------------------------------------------------- secrets

const TOKEN = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`;
const PEM = '-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----';
const SECRET = '422 secret-refused';

/** A request with a secret in it: it is refused, and what is said of it does not repeat it. */
const hides = (id: string, what: string, request: (world: World, secret: string) => readonly [string, Sent]) =>
  tries<void>(id, what, SECRET, async (world) => {
    const reply = await world.ask(...request(world, TOKEN));
    return reply.text.includes(TOKEN) || reply.text.includes('PRIVATE KEY') ? 'it is repeated' : saidBy(reply);
  });
const holds = (id: string, what: string, payload: unknown) =>
  hides(id, `post ${what}`, (world) => [
    '/v1/tasks',
    { as: 'crm', json: { id: world.fresh('odd'), task_type: 'attack.nobody', payload } },
  ]);

const secrets = family<void>('personal', 'secrets', {
  prepare: () => undefined,
  attempts: [
    holds('value', 'a token', { env: TOKEN }),
    holds('name', 'a token as the name of a field', { [TOKEN]: 1 }),
    holds('names', 'a token as the name of a field, deep down', { a: [{ b: { [TOKEN]: { c: 1 } } }] }),
    holds('text', 'a token within a text', `use ${TOKEN}, please`),
    holds('marked', 'a token that is marked as personal', mark('own-1', TOKEN)),
    holds('pem', 'a private key', { pem: PEM }),
    holds('pem-base64', 'a private key in base64', { pem: Buffer.from(PEM).toString('base64') }),
    holds('json', 'a token in JSON in a text', { file: JSON.stringify({ env: { TOKEN } }) }),
    holds('address', 'a password in an address', 'postgres://app:hunter2hunter2@db.example.org/x'),
    holds('jwt', 'a signed token', `eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0x.${'a'.repeat(43)}`),
    hides('escaped', 'post a token that is written in escapes', (world, secret) => [
      '/v1/tasks',
      {
        as: 'crm',
        text: `{"id":"${world.fresh('odd')}","task_type":"attack.nobody","payload":"${secret.replace(/./g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)}"}`,
      },
    ]),
    hides('id', 'call a task by a token', (_, secret) => [
      '/v1/tasks',
      { as: 'crm', json: { id: secret, task_type: 'attack.nobody' } },
    ]),
    hides('agent', 'call an agent by a token', (_, secret) => [
      `/v1/agents/${secret}`,
      { as: 'crm', method: 'PUT', json: { agent_type: 'attack.nobody' } },
    ]),
    hides('tool', 'call a tool by a token', (_, secret) => [
      `/v1/tools/${secret}`,
      { as: 'crm', method: 'PUT', json: { tool_name: 'x', description: 'x', schema: {}, version: '1.0.0' } },
    ]),
    hides('key', 'repeat a request under a token', (world, secret) => [
      '/v1/tasks',
      {
        as: 'crm',
        json: { id: world.fresh('odd'), task_type: 'attack.nobody' },
        headers: { 'idempotency-key': secret },
      },
    ]),
    hides('reason', 'stop something for a token', (_, secret) => [
      '/v1/stops/agent/nobody',
      { as: 'admin', method: 'PUT', json: { reason: secret } },
    ]),
    hides('purpose', 'read something for a token', (_, secret) => [
      `/v1/tasks/alphas-secret-task?personal=open&purpose=${secret}`,
      { as: 'admin' },
    ]),
    hides('result', 'complete a task with a token', (_, secret) => [
      '/v1/tasks/alphas-secret-task/complete',
      { as: 'ant', json: { award: 1, result: { env: secret } } },
    ]),
    hides('gateway', 'complete a task with a token through a gateway', (_, secret) => [
      '/v1/gateway/commands',
      { as: 'desk', json: { commands: [{ agent: 'x', do: 'complete', task: 'x', award: 1, result: secret }] } },
    ]),
    tries<void>(
      'log',
      'find any of it in the log of the host',
      'none',
      (world) => [TOKEN, 'PRIVATE KEY', 'hunter2'].find((secret) => world.host.output().includes(secret)) ?? 'none',
    ),
  ],
  control: {
    does: 'a placeholder is posted',
    expected: '201',
    run: (world) =>
      world.says('/v1/tasks', {
        as: 'crm',
        json: { id: world.fresh('plain'), task_type: 'attack.nobody', payload: 'postgres://app:${PASSWORD}@db/x' },
      }),
  },
});

export const personal = [reading, erasure, secrets];
