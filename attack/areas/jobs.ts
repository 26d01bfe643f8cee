/** Work that depends on work: references that reach out, graphs without end, and ends that are forged. */
import { asks, type Attempt, family, tries } from '../attempt';
import type { Sent } from '../http';
import { STAYS, type World } from '../world';

const INVALID = '400 invalid-request';
const REFERENCE = '422 reference-invalid';
const NOBODY = 'attack.nobody';
const LEAVES = ['job', 'task'];

const step = (key: string, after: readonly string[] = [], payload: unknown = {}) => ({
  ...{ key, after, payload, task_type: NOBODY },
});
/** The post of a job. */
const job = (tasks: readonly object[], more: object = {}): readonly [string, Sent] => [
  '/v1/jobs',
  { as: 'crm', json: { tasks, ...more } },
];

// ---------------------------------------------------------------------------------------------------- references

interface Posted {
  /** Tasks that nobody can do: one of this tenant, and one of another. */
  readonly ours: string;
  readonly theirs: string;
}

async function posted(world: World): Promise<Posted> {
  const [ours, theirs] = [world.fresh('ours'), world.fresh('theirs')] as const;
  await world.done('/v1/tasks', { as: 'crm', json: { id: ours, task_type: NOBODY } });
  await world.done('/v1/tasks', { as: 'spy', json: { id: theirs, task_type: NOBODY, payload: { secret: 'theirs' } } });
  return { ours, theirs };
}

/** A job whose second task comes after the first, with this in its payload. */
const refers = (id: string, what: string, of: (it: Posted) => unknown): Attempt<Posted> =>
  asks<Posted>(`reference-${id}`, `post a job with a reference ${what}`, REFERENCE, (it) =>
    job([step('first'), step('second', ['first'], { of: of(it) })]),
  );
const result = (key: unknown, more: object = {}) => ({ $result: key, ...more });

/** A task that comes after another one of this tenant. */
const follows = (id: string, what: string, expected: string, json: (it: Posted, world: World) => object) =>
  asks<Posted>(id, what, expected, (it, world) => [
    '/v1/tasks',
    { as: 'crm', json: { task_type: NOBODY, ...json(it, world) } },
  ]);

const references = family<Posted>('jobs', 'references', {
  prepare: posted,
  attempts: [
    refers('task', 'to a task that is none of its own', ({ ours }) => result(ours)),
    refers('stranger', "to another tenant's task", ({ theirs }) => result(theirs)),
    refers('stream', "to another tenant's stream", ({ theirs }) => result(`beta/task/${theirs}`)),
    refers('itself', 'to itself', () => result('second')),
    refers('url', 'to an address', () => result('http://169.254.169.254/latest/meta-data')),
    refers('file', 'to a file', () => result('file:///etc/passwd')),
    refers('climb', 'that climbs', () => result('../../beta/task/x')),
    refers('expression', 'that computes', () => result('first || process.env')),
    refers('proto', 'to what every object has', () => result('__proto__')),
    refers('list', 'to several at once', () => result(['first', 'second'])),
    refers('nested', 'in a reference', () => result(result('first'))),
    refers('beside', 'with an expression beside it', () => result('first', { $eval: '1 + 1' })),
    refers('pointer', 'by a pointer that is none', () => result('first', { pointer: 'a.b' })),
    refers('pointer-type', 'by a pointer that is a list', () => result('first', { pointer: ['a'] })),
    refers('pointer-long', 'by a pointer of 100,000 characters', () =>
      result('first', { pointer: '/a'.repeat(50_000) }),
    ),
    refers('mark', 'into what is sealed', () => result('first', { pointer: '/$personal/sealed' })),
    refers('many', 'a thousand and one times', () => Array(1_001).fill(result('first'))),
    follows('after-stranger', "come after another tenant's task", '422 after-unknown', ({ theirs }) => ({
      after: [theirs],
    })),
    follows('after-itself', 'come after itself', '422 after-itself', (_, world) => {
      const id = world.fresh('self');
      return { id, after: [id] };
    }),
    follows('after-many', 'come after more tasks than may be', INVALID, ({ ours }) => ({
      after: Array(33).fill(ours),
    })),
    follows('after-reference', 'use a result of what it does not come after', REFERENCE, ({ ours, theirs }) => ({
      after: [ours],
      payload: result(theirs),
    })),
    tries<Posted>(
      'unasked',
      "have another tenant's result put into a task that comes after none",
      'data',
      async (world, { theirs }) => {
        const json = { task_type: NOBODY, payload: result(theirs) };
        const { task } = await world.done('/v1/tasks', { as: 'crm', json });
        const { payload } = await world.done(`/v1/tasks/${task.id as string}`, { as: 'crm' });
        return JSON.stringify(payload) === JSON.stringify(json.payload) ? 'data' : JSON.stringify(payload);
      },
      LEAVES,
    ),
    tries<Posted>(
      'crowd',
      'have one task waited for by more than may wait for it',
      '409 too-many-after',
      async (world) => {
        const ours = world.fresh('crowd');
        await world.done('/v1/tasks', { as: 'crm', json: { id: ours, task_type: NOBODY } });
        const tasks = Array.from({ length: 257 }, () => ({ task_type: NOBODY, after: [ours] }));
        await world.done('/v1/tasks/batch', { as: 'crm', json: { tasks } });
        await world.settled();
        return await world.says('/v1/tasks', { as: 'crm', json: { task_type: NOBODY, after: [ours] } });
      },
      LEAVES,
    ),
  ],
  control: {
    does: 'a job is posted whose second task uses the result of the first',
    expected: '201',
    run: (world) => world.says(...job([step('first'), step('second', ['first'], { of: result('first') })])),
  },
});

// -------------------------------------------------------------------------------------------------------- graphs

const ring = (length: number) => Array.from({ length }, (_, n) => step(`t${n}`, [`t${(n + length - 1) % length}`]));
/** Each after all before it. */
const web = (length: number) =>
  Array.from({ length }, (_, n) =>
    step(
      `t${n}`,
      Array.from({ length: n }, (_, before) => `t${before}`),
    ),
  );
const posts = (
  id: string,
  what: string,
  expected: string | readonly string[],
  tasks: () => readonly object[],
  more: object = {},
): Attempt<void> => asks<void>(id, `post a job ${what}`, expected, () => job(tasks(), more));
const PAIR = () => [step('a'), step('b', ['a'])];

const graphs = family<void>('jobs', 'graphs', {
  prepare: () => undefined,
  attempts: [
    posts('self', 'whose task comes after itself', '422 job-cycle', () => [step('a', ['a'])]),
    posts('pair', 'of two that wait for each other', '422 job-cycle', () => ring(2)),
    posts('ring', 'of two thousand that wait for each other', '422 job-cycle', () => ring(2_000)),
    posts('many', 'of more tasks than may be', INVALID, () => Array.from({ length: 10_001 }, (_, n) => step(`t${n}`))),
    posts('web', 'in which all come after all', '422 job-too-large', () => web(449)),
    posts('huge', 'of five megabytes', '413 payload-too-large', () => [step('a', [], 'x'.repeat(5_000_000))]),
    posts('twice', 'with one key twice', '422 key-twice', () => [step('a'), step('a')]),
    posts('unknown', 'whose task comes after none of it', '422 after-unknown', () => [step('a', ['b'])]),
    posts('proto', 'whose task comes after what every object has', '422 after-unknown', () => [
      step('a', ['constructor']),
    ]),
    posts('key', 'with a key that is a path', INVALID, () => [step('../../beta')]),
    posts('id', 'with ids for its tasks', INVALID, () => [{ ...step('a'), id: 'mine' }]),
    posts('requester', 'in the name of another', INVALID, () => [{ ...step('a'), requester: 'human:ada' }]),
    posts('compensation', 'whose compensation others come after', '422 compensation-invalid', PAIR, {
      on_failure: 'compensate',
      compensation: 'a',
    }),
    posts('compensation-none', 'whose compensation is not there', '422 compensation-invalid', PAIR, {
      on_failure: 'compensate',
      compensation: 'c',
    }),
    posts('failure', 'that goes on by a rule of its own', INVALID, PAIR, { on_failure: 'eval' }),
    posts('cause', 'that names a receipt of another tenant as its cause', '422 cause-not-found', PAIR, {
      cause: 'beta/log/log@0',
    }),
    posts('parent', 'as a part of what is not there', '422 parent-not-found', PAIR, { parent: 'nobodys' }),
    posts('secret', 'with a key in a payload', '422 secret-refused', () => [
      step('a', [], { key: `ghp_${'a1B2'.repeat(9)}` }),
    ]),
    asks<void>('deep', 'post a job with a payload of 20,000 levels', INVALID, () => [
      '/v1/jobs',
      {
        as: 'crm',
        text: `{"tasks":[{"key":"a","task_type":"x","payload":${'['.repeat(20_000)}${']'.repeat(20_000)}}]}`,
      },
    ]),
    asks<void>('watcher', 'post a job as an agent that may only read', '403 forbidden', () => [
      '/v1/jobs',
      { as: 'watcher', json: { tasks: PAIR() } },
    ]),
  ],
  control: {
    does: 'a job of 400 tasks is posted in which each comes after the one before',
    expected: '201',
    run: (world) =>
      world.says(...job(Array.from({ length: 400 }, (_, n) => step(`t${n}`, n === 0 ? [] : [`t${n - 1}`])))),
  },
});

// ---------------------------------------------------------------------------------------------------------- ends

interface Running {
  readonly job: string;
  /** The first task of the job, which `hand` holds, and the second, which waits for it. */
  readonly first: string;
  readonly second: string;
  readonly hand: string;
  readonly award: number;
}

/** @param pointer of the reference that the second task has to the result of the first */
async function running(world: World, pointer = ''): Promise<Running> {
  const [id, hand, type] = [world.fresh('job'), world.fresh('hand'), world.fresh('kind')] as const;
  await world.introduce(hand, { tenant: 'alpha', subject: hand });
  await world.done(`/v1/agents/${hand}`, {
    as: hand,
    method: 'PUT',
    json: { agent_type: type, capacity: 5, ...STAYS },
  });
  const times = { task_type: type, accept_seconds: 3_600, lease_seconds: 3_600 };
  const tasks = [
    { ...step('first'), ...times },
    { ...step('second', ['first'], { of: result('first', { pointer }) }), ...times },
  ];
  await world.done('/v1/jobs', { as: 'crm', json: { id, tasks } });
  const rows = (await world.done(`/v1/jobs/${id}/tasks`, { as: 'crm' })).value as { key: string; id: string }[];
  const [first, second] = rows.map((row) => row.id) as [string, string];
  const award = await world.eventually(
    async () => (await world.ask(`/v1/tasks/${first}`, { as: 'crm' })).body.holder?.award as number | undefined,
  );
  await world.done(`/v1/tasks/${first}/accept`, { as: hand, json: { award } });
  return { job: id, first, second, hand, award };
}

const ends = (
  id: string,
  what: string,
  expected: string | readonly string[],
  request: (it: Running) => readonly [path: string, sent: Sent],
): Attempt<Running> => asks<Running>(id, what, expected, request);
const completes = (id: string, what: string, expected: string | readonly string[], as: string, json: object) =>
  ends(id, what, expected, ({ first, award }) => [`/v1/tasks/${first}/complete`, { as, json: { award, ...json } }]);

/** What a task that somebody may begin has of the one before it. */
async function payloadOf(world: World, task: string): Promise<string | undefined> {
  const { body } = await world.ask(`/v1/tasks/${task}`, { as: 'crm' });
  return ['open', 'awarded'].includes(body.status as string) ? JSON.stringify(body.payload.of) : undefined;
}

/** What the second task of a job is given of such a result of the first, or how it has ended. */
const given = (id: string, what: string, expected: string, pointer: string, value: unknown): Attempt<Running> =>
  tries<Running>(
    `given-${id}`,
    what,
    expected,
    async (world) => {
      const { job: of, first, second, hand, award } = await running(world, pointer);
      await world.done(`/v1/tasks/${first}/complete`, { as: hand, json: { award, result: value } });
      return await world.eventually(async () => {
        const { status } = await world.done(`/v1/jobs/${of}`, { as: 'crm' });
        if (status !== 'running') return String(status);
        return await payloadOf(world, second);
      });
    },
    [...LEAVES, 'agent', 'credential'],
  );

/** What runs `id` where somebody opens it, in base64. */
const PICKLE = Buffer.from('cposix\nsystem\n(S"id"\ntR.').toString('base64');
const EXPRESSION = '${process.env.FORMICARY_LOG_KEY}';

const completions = family<Running>('jobs', 'completions', {
  prepare: (world) => running(world),
  attempts: [
    completes('stranger', 'complete a task of a job that another holds', '409 not-the-holder', 'bee', { result: 1 }),
    completes('requester', 'complete it as who has posted it', ['403 forbidden', '409 not-the-holder'], 'crm', {
      result: 1,
    }),
    completes('tenant', 'complete it from another tenant', '404 task-not-found', 'thief', { result: 1 }),
    ends('waiting', 'complete a task that waits for others', ['404 task-not-found', '409 not-the-holder'], (it) => [
      `/v1/tasks/${it.second}/complete`,
      { as: it.hand, json: { award: 1, result: 'early' } },
    ]),
    ends(
      'waiting-accept',
      'accept a task that waits for others',
      ['404 task-not-found', '409 not-the-holder'],
      (it) => [`/v1/tasks/${it.second}/accept`, { as: it.hand, json: { award: 1 } }],
    ),
    ends('job-field', 'post a task as one of a job', INVALID, ({ job: of }) => [
      '/v1/tasks',
      { as: 'crm', json: { task_type: NOBODY, job: { id: of, key: 'first' } } },
    ]),
    ends('job-again', 'post another plan under the id of a job', '409 job-exists', ({ job: id }) => [
      '/v1/jobs',
      { as: 'desk', json: { id, tasks: [step('other')] } },
    ]),
    ends('job-stranger', "read another tenant's job", '404 not-found', ({ job: of }) => [
      `/v1/jobs/${of}`,
      { as: 'spy' },
    ]),
    ends('job-tasks', "read the tasks of another tenant's job", '404 not-found', ({ job: of }) => [
      `/v1/jobs/${of}/tasks`,
      { as: 'spy' },
    ]),
    ends('job-cancel', "cancel another tenant's job", '404 job-not-found', ({ job: of }) => [
      `/v1/jobs/${of}/cancel`,
      { as: 'spy', json: {} },
    ]),
    ends('job-watcher', 'cancel a job as an agent that may only read', '403 forbidden', ({ job: of }) => [
      `/v1/jobs/${of}/cancel`,
      { as: 'watcher', json: {} },
    ]),
    ends('huge', 'complete it with two megabytes', '413 payload-too-large', ({ first, hand, award }) => [
      `/v1/tasks/${first}/complete`,
      { as: hand, json: { award, result: 'x'.repeat(2_000_000) } },
    ]),
    ends('secret', 'complete it with a key', '422 secret-refused', ({ first, hand, award }) => [
      `/v1/tasks/${first}/complete`,
      { as: hand, json: { award, result: `ghp_${'a1B2'.repeat(9)}` } },
    ]),
    ends('pickle', 'complete it with a pickle of Python', '415 unsupported-media-type', ({ first, hand }) => [
      `/v1/tasks/${first}/complete`,
      { as: hand, headers: { 'content-type': 'application/python-pickle' }, text: 'cos\nsystem\n(S"id"\ntR.' },
    ]),
    given('pickle', 'have a pickle of Python opened', JSON.stringify(PICKLE), '', PICKLE),
    given('reference', 'have a reference in a result followed', '{"$result":"second"}', '', { $result: 'second' }),
    given('expression', 'have an expression in a result computed', JSON.stringify(EXPRESSION), '', EXPRESSION),
    given('proto', 'have what every object has passed on', 'failed', '/__proto__/toString', {}),
    given('constructor', 'have the constructor of a result passed on', 'failed', '/constructor/name', {}),
    given('length', 'have the length of a list passed on', 'failed', '/length', [1, 2]),
    given('missing', 'have a task begin without what it needs', 'failed', '/amount', { amounts: 1 }),
  ],
  control: {
    does: 'its holder completes it, and the next task has its result',
    expected: '{"total":118}',
    async run(world, { first, second, hand, award }) {
      await world.done(`/v1/tasks/${first}/complete`, { as: hand, json: { award, result: { total: 118 } } });
      return await world.eventually(() => payloadOf(world, second));
    },
  },
});

export const jobs = [references, graphs, completions];
